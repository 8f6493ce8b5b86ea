//! The note of what was acknowledged: entries, bytes and the last hash, fsynced after the log and before anybody is
//! told. It is how a torn last line is known to have been nobody's, and how a log cut short is known to be cut short.

use super::line::LeafHash;
use super::slots::{Found, SlotFile, read_at};
use super::{hex, unhex};
use std::io;
use std::path::Path;

/// One slot per disk page, so that tearing one cannot touch the other.
const SLOT_BYTES: usize = 4096;

/// What has been acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Acknowledged {
    pub(super) entries: u64,
    pub(super) bytes: u64,
    pub(super) last: LeafHash,
    /// The newer slot was torn: the log had been fsynced beyond this note.
    pub(super) was_being_written: bool,
}

/// The note, open for writing.
pub(super) struct Head(SlotFile);

impl Head {
    /// Opens the note or makes an empty one. `Err` inside: there is no usable note, and why.
    pub(super) fn open(path: &Path) -> io::Result<(Self, Result<Acknowledged, String>)> {
        let (file, found) = SlotFile::open(path, SLOT_BYTES)?;
        Ok((Self(file), read(&found)))
    }

    /// Notes what is on disk now, durably.
    pub(super) fn write(&mut self, entries: u64, bytes: u64, last: &LeafHash) -> io::Result<()> {
        self.0.write(format!("{entries} {bytes} {}", hex(&last.0)).as_bytes())
    }
}

/// Reads the note without opening it for writing.
pub(super) fn peek(path: &Path) -> io::Result<Result<Acknowledged, String>> {
    match read_at(path, SLOT_BYTES) {
        Ok(found) => Ok(read(&found)),
        Err(why) if why.kind() == io::ErrorKind::NotFound => Ok(Err("there is none".to_owned())),
        Err(why) => Err(why),
    }
}

fn read(found: &Found) -> Result<Acknowledged, String> {
    let Some(payload) = &found.payload else {
        return Err(if found.other_torn { "it is damaged" } else { "it is empty" }.to_owned());
    };
    let parse = || {
        let mut words = std::str::from_utf8(payload).ok()?.split(' ');
        let entries = words.next()?.parse().ok()?;
        let bytes = words.next()?.parse().ok()?;
        let last = LeafHash(unhex(words.next()?)?);
        Some(Acknowledged { entries, bytes, last, was_being_written: found.other_torn })
    };
    parse().ok_or_else(|| "it is in no form this version knows".to_owned())
}
