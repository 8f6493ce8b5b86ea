//! A small file of fixed size that is overwritten in place and survives a crash at any moment: two slots, written in
//! turn, each with its generation and a SHA-256. Its space is taken when it is made, so that a full disk does not stop
//! it (fault 13).

use super::hex;
use openssl::sha::Sha256;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

const MAGIC: &str = "ecluse-slot-1";
/// `MAGIC generation length sha256 newline`, all of fixed width.
const HEADER_BYTES: usize = MAGIC.len() + 1 + 20 + 1 + 10 + 1 + 64 + 1;

/// The file, open for writing.
pub(crate) struct SlotFile {
    file: File,
    slot_bytes: usize,
    next: usize,
    generation: u64,
}

/// What was found in such a file.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    /// The newest whole payload.
    pub(crate) payload: Option<Vec<u8>>,
    /// Its generation.
    generation: u64,
    /// Which slot it is in.
    slot: usize,
    /// Whether the other slot holds something that is not whole: a write was under way when the machine stopped.
    pub(crate) other_torn: bool,
}

impl SlotFile {
    /// Opens the file, or makes it with two empty slots of `slot_bytes`, synced.
    pub(crate) fn open(path: &Path, slot_bytes: usize) -> io::Result<(Self, Found)> {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
        if file.metadata()?.len() < 2 * slot_bytes as u64 {
            file.write_all_at(&vec![b' '; 2 * slot_bytes], 0)?;
            file.sync_all()?;
        }
        let found = read(&file, slot_bytes)?;
        let next = if found.payload.is_some() { 1 - found.slot } else { 0 };
        Ok((Self { file, slot_bytes, next, generation: found.generation }, found))
    }

    /// Longest payload, bytes.
    pub(crate) fn capacity(&self) -> usize {
        self.slot_bytes - HEADER_BYTES
    }

    /// Writes the payload into the older slot and syncs: afterwards either payload, old or new, survives a crash.
    pub(crate) fn write(&mut self, payload: &[u8]) -> io::Result<()> {
        if payload.len() > self.capacity() {
            return Err(io::Error::other(format!("{} bytes do not fit a slot of {}", payload.len(), self.capacity())));
        }
        let generation = self.generation + 1;
        let sum = checksum(generation, payload);
        let mut bytes = format!("{MAGIC} {generation:020} {:010} {sum}\n", payload.len()).into_bytes();
        bytes.extend_from_slice(payload);
        self.file.write_all_at(&bytes, (self.next * self.slot_bytes) as u64)?;
        self.file.sync_data()?;
        self.generation = generation;
        self.next = 1 - self.next;
        Ok(())
    }
}

/// Reads such a file without opening it for writing.
pub(crate) fn read_at(path: &Path, slot_bytes: usize) -> io::Result<Found> {
    read(&File::open(path)?, slot_bytes)
}

fn read(file: &File, slot_bytes: usize) -> io::Result<Found> {
    let mut newest = Found::default();
    let mut torn = 0;
    for slot in 0..2 {
        let mut bytes = vec![0; slot_bytes];
        let mut filled = 0;
        while filled < slot_bytes {
            match file.read_at(&mut bytes[filled..], (slot * slot_bytes + filled) as u64)? {
                0 => break,
                n => filled += n,
            }
        }
        bytes.truncate(filled);
        match parse(&bytes) {
            Some((generation, payload)) if newest.payload.is_none() || generation > newest.generation => {
                newest.payload = Some(payload.to_vec());
                newest.generation = generation;
                newest.slot = slot;
            }
            Some(_) => {}
            None if bytes.iter().all(|byte| *byte == b' ') => {}
            None => torn += 1,
        }
    }
    newest.other_torn = torn > 0;
    Ok(newest)
}

fn parse(slot: &[u8]) -> Option<(u64, &[u8])> {
    let header = std::str::from_utf8(slot.get(..HEADER_BYTES)?).ok()?.strip_suffix('\n')?;
    let mut words = header.split(' ');
    if words.next()? != MAGIC {
        return None;
    }
    let generation = words.next()?.parse().ok()?;
    let length: usize = words.next()?.parse().ok()?;
    let sum = words.next()?;
    let payload = slot.get(HEADER_BYTES..HEADER_BYTES.checked_add(length)?)?;
    (checksum(generation, payload) == sum).then_some((generation, payload))
}

fn checksum(generation: u64, payload: &[u8]) -> String {
    let mut sha = Sha256::new();
    sha.update(&generation.to_be_bytes());
    sha.update(payload);
    hex(&sha.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn survives_a_torn_write_of_either_slot() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("slots");
        let (mut file, found) = SlotFile::open(&path, 512).unwrap();
        assert_eq!(found, Found::default());
        for n in 1..=5u8 {
            file.write(&[n; 40]).unwrap();
            let found = read_at(&path, 512).unwrap();
            assert_eq!(found.payload, Some(vec![n; 40]));
            assert!(!found.other_torn);
        }
        // The next write goes to the older slot; half of it must not hide the newest whole one.
        let next = file.next;
        file.file.write_all_at(&[6; 20], (next * 512 + HEADER_BYTES) as u64).unwrap();
        let found = read_at(&path, 512).unwrap();
        assert_eq!(found.payload, Some(vec![5; 40]));
        assert!(found.other_torn);
        let (mut file, _) = SlotFile::open(&path, 512).unwrap();
        file.write(b"six").unwrap();
        let found = read_at(&path, 512).unwrap();
        assert_eq!(found.payload.as_deref(), Some(&b"six"[..]));
        assert!(!found.other_torn, "the torn slot is the one that is written next");
    }

    #[test]
    fn refuses_what_does_not_fit() {
        let dir = tempfile::tempdir().unwrap();
        let (mut file, _) = SlotFile::open(&dir.path().join("slots"), 512).unwrap();
        assert!(file.write(&vec![0; file.capacity() + 1]).is_err());
        file.write(&vec![0; file.capacity()]).unwrap();
    }
}
