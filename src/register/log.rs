//! The log, open for writing: append, fsync, note, and only then say so.

use super::head::Head;
use super::line::{self, LeafHash, MAX_LINE_BYTES};
use super::tree::{Tree, TreeHash};
use crate::domain::Entry;
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::sync::{Arc, PoisonError, RwLock};

/// Space kept for the log beyond its end, bytes: some thousands of entries.
pub const RESERVE_BYTES: u64 = 1024 * 1024;

/// Why entries were not recorded. After any of these the log takes nothing more until it is opened again: after a
/// failed fsync nobody knows what the disk holds, so it must be read and verified anew.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}: {why}")]
pub struct AppendError {
    /// What was being done.
    pub what: &'static str,
    /// What went wrong, and what to do.
    pub why: String,
}

fn failed(what: &'static str) -> impl FnOnce(io::Error) -> AppendError {
    move |source| {
        let hint = match source.raw_os_error() {
            Some(libc::ENOSPC | libc::EDQUOT) => "; free disk space, then restart",
            _ => "; check the disk, then restart",
        };
        AppendError { what, why: format!("{source}{hint}") }
    }
}

/// How much room the log has for certain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Room {
    /// The whole reserve stands.
    Reserved,
    /// The disk is full: this many reserved bytes are left (fault 13).
    OnReserve(u64),
    /// This file system reserves nothing.
    Unsupported,
}

/// The writing end.
pub struct Log {
    pub(super) file: File,
    pub(super) head: Head,
    pub(super) reader: Reader,
    pub(super) entries: u64,
    pub(super) bytes: u64,
    pub(super) last: LeafHash,
    pub(super) reserved_until: u64,
    pub(super) room: Room,
    pub(super) failed: Option<AppendError>,
}

impl Log {
    /// Records entries: when it returns `Ok`, they are on disk and noted as acknowledged. All or nothing: a failure
    /// leaves at most a tail that the next opening drops or, where it is whole, keeps.
    ///
    /// # Errors
    /// [`AppendError`]; every later call fails the same way.
    pub fn append(&mut self, entries: &[Arc<Entry>]) -> Result<(), AppendError> {
        if let Some(why) = &self.failed {
            return Err(why.clone());
        }
        let result = self.try_append(entries);
        if let Err(why) = &result {
            self.failed = Some(why.clone());
            // Tidy, not needed: what was never acknowledged is dropped at the next opening anyway.
            let _ = self.file.set_len(self.bytes);
        }
        result
    }

    fn try_append(&mut self, entries: &[Arc<Entry>]) -> Result<(), AppendError> {
        let mut text = Vec::new();
        let mut offsets = Vec::with_capacity(entries.len());
        let mut leaves = Vec::with_capacity(entries.len());
        let mut last = self.last;
        for (n, entry) in entries.iter().enumerate() {
            let due = self.entries + n as u64;
            if entry.seq != due {
                return Err(AppendError { what: "order", why: format!("entry {} where {due} was due", entry.seq) });
            }
            let line = line::encode(entry, &last)
                .map_err(|why| AppendError { what: "cannot write the entry down", why: why.to_string() })?;
            if line.len() >= MAX_LINE_BYTES {
                let why = format!("entry {due} has {} bytes, at most {MAX_LINE_BYTES} fit", line.len());
                return Err(AppendError { what: "cannot write the entry down", why });
            }
            last = LeafHash::of(&line);
            leaves.push(last);
            offsets.push(self.bytes + text.len() as u64);
            text.extend_from_slice(&line);
            text.push(b'\n');
        }
        self.reserve(text.len() as u64);
        self.file.write_all_at(&text, self.bytes).map_err(failed("cannot write the register"))?;
        self.file.sync_data().map_err(failed("cannot fsync the register"))?;
        let (entries, bytes) = (self.entries + entries.len() as u64, self.bytes + text.len() as u64);
        self.head.write(entries, bytes, &last).map_err(failed("cannot note what was recorded"))?;
        (self.entries, self.bytes, self.last) = (entries, bytes, last);
        self.reader.extend(&offsets, &leaves, bytes);
        Ok(())
    }

    /// Takes space beyond the end while there is some, without changing the file's size: nobody else can take it, and
    /// nothing has to be released in a hurry when the disk is full.
    pub(super) fn reserve(&mut self, about_to_write: u64) {
        if self.room == Room::Unsupported {
            return;
        }
        let end = self.bytes + about_to_write;
        if self.room == Room::Reserved && end + RESERVE_BYTES / 2 <= self.reserved_until {
            return;
        }
        let wanted = about_to_write + RESERVE_BYTES;
        let Ok(from) = libc::off_t::try_from(self.bytes) else { return };
        let Ok(length) = libc::off_t::try_from(wanted) else { return };
        // SAFETY: the descriptor is our own open file; fallocate touches no memory of ours.
        let done = unsafe { libc::fallocate(self.file.as_raw_fd(), libc::FALLOC_FL_KEEP_SIZE, from, length) };
        if done == 0 {
            self.reserved_until = self.bytes + wanted;
            self.room = Room::Reserved;
            return;
        }
        let why = io::Error::last_os_error();
        self.room = match why.raw_os_error() {
            Some(libc::EOPNOTSUPP | libc::ENOSYS) => {
                tracing::warn!("this file system cannot reserve space for the register (fault 13)");
                Room::Unsupported
            }
            _ => Room::OnReserve(self.reserved_until.saturating_sub(end)),
        };
    }

    /// How much room there is.
    pub fn room(&self) -> Room {
        self.room
    }
}

/// The reading end: recorded entries by number. Cheap to clone.
#[derive(Clone)]
pub struct Reader {
    file: Arc<File>,
    index: Arc<RwLock<Index>>,
}

struct Index {
    offsets: Vec<u64>,
    tree: Tree,
    end: u64,
}

impl Reader {
    pub(super) fn new(file: File, offsets: Vec<u64>, tree: Tree, end: u64) -> Self {
        Self { file: Arc::new(file), index: Arc::new(RwLock::new(Index { offsets, tree, end })) }
    }

    fn extend(&self, offsets: &[u64], leaves: &[LeafHash], end: u64) {
        let mut index = self.index.write().unwrap_or_else(PoisonError::into_inner);
        index.offsets.extend_from_slice(offsets);
        leaves.iter().for_each(|leaf| index.tree.push(*leaf));
        index.end = end;
    }

    /// Looks at the Merkle tree over the recorded entries. Keep it short: the next entries wait for it.
    pub fn tree<T>(&self, look: impl FnOnce(&Tree) -> T) -> T {
        look(&self.index.read().unwrap_or_else(PoisonError::into_inner).tree)
    }

    /// How many entries there are.
    pub fn entries(&self) -> u64 {
        self.index.read().unwrap_or_else(PoisonError::into_inner).offsets.len() as u64
    }

    /// The entries among the `limit` numbers from `from` on: those that were purged are left out.
    ///
    /// # Errors
    /// When the file cannot be read, or no longer holds what was recorded.
    pub fn read(&self, from: u64, limit: usize) -> io::Result<Vec<Entry>> {
        let lines = self.lines(from, limit)?;
        let whole = lines.iter().filter(|line| !line::is_withheld(line));
        whole.map(|line| line::decode(line).map(|line| line.entry).map_err(io::Error::other)).collect()
    }

    /// The same as they stand in the file, without their line feeds; of those purged, what stands for them.
    ///
    /// # Errors
    /// When the file cannot be read, or a line is not the one that was recorded.
    pub fn lines(&self, from: u64, limit: usize) -> io::Result<Vec<Vec<u8>>> {
        let (bounds, leaves): (Vec<u64>, Vec<Option<TreeHash>>) = {
            let index = self.index.read().unwrap_or_else(PoisonError::into_inner);
            let first = usize::try_from(from).unwrap_or(usize::MAX).min(index.offsets.len());
            let until = first.saturating_add(limit).min(index.offsets.len());
            let end = index.offsets.get(until).copied().unwrap_or(index.end);
            let bounds = index.offsets[first..until].iter().copied().chain([end]).collect();
            (bounds, (first..until).map(|seq| index.tree.leaf(seq as u64)).collect())
        };
        let (Some(start), Some(end)) = (bounds.first(), bounds.last()) else { return Ok(Vec::new()) };
        let mut bytes = vec![0; usize::try_from(end - start).map_err(io::Error::other)?];
        self.file.read_exact_at(&mut bytes, *start)?;
        let lines = bounds.windows(2).zip(leaves).map(|(bound, leaf)| {
            let (from, to) = ((bound[0] - start) as usize, (bound[1] - start) as usize);
            let line = bytes[from..to].strip_suffix(b"\n").unwrap_or(&bytes[from..to]);
            if leaf != Some(line::leaf_of(line).into()) {
                let why =
                    format!("the line at byte {} is not the one that was recorded: verify the register", bound[0]);
                return Err(io::Error::other(why));
            }
            Ok(line.to_vec())
        });
        lines.collect()
    }
}
