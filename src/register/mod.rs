//! The register: an append-only file of canonical JSON lines, hash-chained and fsynced. It is the source of truth; the
//! state of the keeper is folded from it at every start.
//!
//! Guarantees: an entry that was acknowledged is on disk, noted as such, and found again by the next start or missed
//! loudly; a torn end that nobody was told about is dropped; any other damage is named (first bad entry, line, why)
//! and the register opens read-only (fault 12). A full disk leaves it room (fault 13). That log *and* note were put back
//! together, or rewritten by somebody who recomputed the chain, is found by the signed checkpoints: those kept beside
//! the log at once, and, when these were put back as well, those in the witnesses' mail boxes by anybody who compares.
//!
//! Serves A4-5, A4-6 and faults 12, 13, 14, 19.

mod checkpoint;
mod head;
mod key;
mod line;
mod log;
mod note;
mod purge;
mod ranges;
mod scan;
pub(crate) mod slots;
mod stored;
pub mod tree;
mod verify;

pub use checkpoint::{Checkpoint, SignedCheckpoint};
pub use key::{KEY_FILE, KeyError, PUBLIC_KEY_FILE, open_key, read_key, read_public_key};
pub(crate) use line::can_be_recorded;
pub use line::{LeafHash, LineFault, MAX_LINE_BYTES, withheld};
pub use log::{AppendError, Log, RESERVE_BYTES, Reader, Room};
pub use note::{Note, NoteFault, Signer, VerifyKey, is_name};
pub use scan::{Damage, DamageKind, Sound, TornTail};
pub use stored::{CHECKPOINT_DIR, CheckpointError, Checkpointer, MadeCheckpoint, make_checkpoint, newest_checkpoint};
pub use verify::{Examined, Source, VerifyReport, each, examine, verify};

use crate::domain::{Actor, Entry, Event, Retention, State, instant};
use chrono::{DateTime, TimeDelta, Utc};
use head::Head;
use openssl::sha::Sha256;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tree::Tree;

/// The log's file name inside its directory.
pub const LOG_FILE: &str = "log.jsonl";
/// The acknowledgement note's file name.
pub const HEAD_FILE: &str = "head";
const LOCK_FILE: &str = "lock";

/// Why the register could not be opened at all.
#[derive(Debug, thiserror::Error)]
pub enum RegisterError {
    /// The operating system said no.
    #[error("register {path}: {what}: {source}")]
    Io {
        /// File or directory.
        path: PathBuf,
        /// What was tried.
        what: &'static str,
        /// Its answer.
        source: io::Error,
    },
    /// Another process has it open.
    #[error("register {path} is in use by another process: stop that one first")]
    InUse {
        /// Its directory.
        path: PathBuf,
    },
}

fn io_error(path: &Path, what: &'static str) -> impl FnOnce(io::Error) -> RegisterError {
    let path = path.to_owned();
    move |source| RegisterError::Io { path, what, source }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    for (n, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * n..2 * n + 2], 16).ok()?;
    }
    Some(bytes)
}

/// A torn end that was dropped when the register was opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repair {
    /// How many bytes.
    pub dropped_bytes: u64,
    /// Their SHA-256, hexadecimal.
    pub sha256: String,
}

/// The register, opened: its state is read, its end is ready to be written unless it is damaged.
pub struct Register {
    dir: PathBuf,
    state: State,
    reader: Reader,
    log: Result<Log, Damage>,
    repair: Option<Repair>,
    /// Time of the oldest entry that retention concerns, UTC.
    oldest_utc: Option<DateTime<Utc>>,
    // Held for as long as the register is.
    lock: File,
}

/// What a register is made of; the keeper takes it apart.
pub(crate) struct Parts {
    pub(crate) state: State,
    pub(crate) reader: Reader,
    pub(crate) log: Result<Log, Damage>,
    pub(crate) repair: Option<Repair>,
    pub(crate) lock: File,
}

impl Register {
    /// Opens the register in `dir`, or makes it; reads and verifies all of it (about a second per 100,000 entries).
    ///
    /// # Errors
    /// [`RegisterError`]. Damage is no error here: see [`Register::damage`].
    pub fn open(dir: &Path) -> Result<Register, RegisterError> {
        Self::open_with(dir, None)
    }

    /// The same; with the register's own key, the signatures of the checkpoints kept beside it are checked as well.
    ///
    /// # Errors
    /// [`RegisterError`].
    pub fn open_with(dir: &Path, key: Option<&VerifyKey>) -> Result<Register, RegisterError> {
        let is_new = !dir.exists();
        fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(io_error(dir, "cannot make"))?;
        if is_new && let Some(parent) = dir.parent() {
            sync_dir(if parent.as_os_str().is_empty() { Path::new(".") } else { parent })?;
        }
        Self::open_locked(dir, key, lock(dir)?, true)
    }

    /// `may_purge`: whether a purge that was recorded and not carried out (a crash between) is carried out now.
    fn open_locked(
        dir: &Path,
        key: Option<&VerifyKey>,
        lock: File,
        may_purge: bool,
    ) -> Result<Register, RegisterError> {
        let log_path = dir.join(LOG_FILE);
        let head_path = dir.join(HEAD_FILE);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&log_path)
            .map_err(io_error(&log_path, "cannot open"))?;
        let (head, acknowledged) = Head::open(&head_path).map_err(io_error(&head_path, "cannot open"))?;
        sync_dir(dir)?;

        let kept = stored::read(dir, key).map_err(io_error(&dir.join(CHECKPOINT_DIR), "cannot read"))?;
        let cannot_read = || io_error(&log_path, "cannot read");
        let mut folded = Folded::default();
        let mut read = scan::scan(&file, Some(&acknowledged), |sound| folded.add(&sound)).map_err(cannot_read())?;
        if let Some(damage) = verify::by_checkpoints(&read, &kept, &folded.tree, &folded.offsets, true) {
            // What was told before a checkpoint contradicted it is not told: only what is proven counts.
            folded = Folded::default();
            file.seek(SeekFrom::Start(0)).map_err(cannot_read())?;
            let until = damage.first_bad_seq;
            scan::scan(&file, Some(&acknowledged), |sound| {
                if sound.seq < until {
                    folded.add(&sound);
                }
            })
            .map_err(cannot_read())?;
            read = verify::cut_back(read, damage, &folded.tree);
        }
        if may_purge && read.damage.is_none() && read.purged.first_outside(&read.withheld).is_some() {
            match purge::carry_out(dir, &read.purged) {
                Ok(()) => return Self::open_locked(dir, key, lock, false),
                // Nothing is lost by it: it is tried again at the next start.
                Err(error) => tracing::error!(%error, "a recorded purge of the register cannot be carried out"),
            }
        }
        let Folded { state, offsets, tree, oldest_utc } = folded;

        let repair = match (&read.damage, &read.torn) {
            (None, Some(torn)) => {
                let cannot = io_error(&log_path, "cannot drop the torn end");
                Some(drop_torn_end(&mut file, torn).map_err(cannot)?)
            }
            _ => None,
        };
        let reading = File::open(&log_path).map_err(io_error(&log_path, "cannot open"))?;
        let reader = Reader::new(reading, offsets, tree, read.bytes);
        let log = match read.damage {
            Some(damage) => Err(damage),
            None => {
                let mut log = Log {
                    file,
                    head,
                    reader: reader.clone(),
                    entries: read.entries,
                    bytes: read.bytes,
                    last: read.last,
                    reserved_until: read.bytes,
                    room: Room::Reserved,
                    failed: None,
                };
                // Whole entries behind the note were recorded, only nobody was told: from now on they count.
                // So does a note whose other half was torn: it must be whole before the next entry is written.
                let noted = |known: &head::Acknowledged| known.entries == read.entries && !known.was_being_written;
                if !acknowledged.as_ref().is_ok_and(noted) {
                    log.file.sync_data().map_err(io_error(&log_path, "cannot fsync"))?;
                    log.head
                        .write(read.entries, read.bytes, &read.last)
                        .map_err(io_error(&head_path, "cannot write"))?;
                }
                log.reserve(0);
                Ok(log)
            }
        };
        Ok(Register { dir: dir.to_owned(), state, reader, log, repair, oldest_utc, lock })
    }

    /// Purges what has served its time: matters that are over and whose last entry is older than `before_utc`. Once a
    /// day is enough: a register that was purged within the day before `now_utc` is left as it is. Gives the register as
    /// it is then, and how many entries it dropped. A damaged one is left alone. `key` as for [`Register::open_with`].
    ///
    /// # Errors
    /// [`RegisterError`] when it can no longer be read.
    pub fn purge(
        mut self,
        before_utc: DateTime<Utc>,
        now_utc: DateTime<Utc>,
        key: Option<&VerifyKey>,
    ) -> Result<(Register, u64), RegisterError> {
        if self.oldest_utc.is_none_or(|oldest| oldest >= before_utc) {
            return Ok((self, 0));
        }
        let Ok(log) = &mut self.log else { return Ok((self, 0)) };
        let mut retention = Retention::new(before_utc);
        let seq = self.reader.entries();
        verify::each(&Source::Directory(self.dir.clone()), seq, |sound| {
            if let Some(entry) = &sound.entry {
                retention.add(entry);
            }
        })?;
        if retention.last_purge_utc().is_some_and(|last| now_utc - last < TimeDelta::days(1)) {
            return Ok((self, 0));
        }
        let runs = retention.finish(&self.state);
        if runs.is_empty() {
            return Ok((self, 0));
        }
        let count = runs.iter().map(|(first, last)| last - first + 1).sum();
        let event = Event::RegisterPurged { before_utc: instant::to_micros(before_utc), runs };
        let entry = Entry { seq, at_utc: instant::to_micros(now_utc), actor: Actor::System, event };
        let recorded = log.append(&[Arc::new(entry)]);
        if let Err(error) = &recorded {
            tracing::error!(%error, "the purge of the register cannot be recorded: nothing is purged");
        }
        let Register { dir, lock, .. } = self;
        let register = Self::open_locked(&dir, key, lock, true)?;
        Ok((register, if recorded.is_ok() { count } else { 0 }))
    }

    /// Its directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The state its sound entries tell.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// The first bad entry; the register is then read-only.
    pub fn damage(&self) -> Option<&Damage> {
        self.log.as_ref().err()
    }

    /// What was dropped from its end, if anything was.
    pub fn repair(&self) -> Option<&Repair> {
        self.repair.as_ref()
    }

    /// The reading end.
    pub fn reader(&self) -> Reader {
        self.reader.clone()
    }

    /// The writing end, for programs other than the server (imports, tests); `None` when damaged.
    pub fn log(&mut self) -> Option<&mut Log> {
        self.log.as_mut().ok()
    }

    pub(crate) fn into_parts(self) -> Parts {
        let Register { state, reader, log, repair, lock, .. } = self;
        Parts { state, reader, log, repair, lock }
    }
}

/// What a register's entries add up to.
#[derive(Default)]
struct Folded {
    state: State,
    offsets: Vec<u64>,
    tree: Tree,
    oldest_utc: Option<DateTime<Utc>>,
}

impl Folded {
    fn add(&mut self, sound: &Sound) {
        if let Some(entry) = &sound.entry {
            self.state.apply(entry);
            if Retention::concerns(&entry.event) {
                self.oldest_utc = Some(self.oldest_utc.map_or(entry.at_utc, |oldest| oldest.min(entry.at_utc)));
            }
        }
        self.offsets.push(sound.offset);
        self.tree.push(sound.leaf);
    }
}

fn lock(dir: &Path) -> Result<File, RegisterError> {
    let path = dir.join(LOCK_FILE);
    let lock = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .map_err(io_error(&path, "cannot open"))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(RegisterError::InUse { path: dir.to_owned() }),
        Err(TryLockError::Error(source)) => Err(RegisterError::Io { path, what: "cannot lock", source }),
    }
}

fn sync_dir(dir: &Path) -> Result<(), RegisterError> {
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(io_error(dir, "cannot fsync the directory"))
}

fn drop_torn_end(file: &mut File, torn: &TornTail) -> io::Result<Repair> {
    let mut sha = Sha256::new();
    let mut dropped_bytes = 0;
    let mut buffer = [0; 8192];
    file.seek(SeekFrom::Start(torn.offset))?;
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            n => {
                sha.update(&buffer[..n]);
                dropped_bytes += n as u64;
            }
        }
    }
    file.set_len(torn.offset)?;
    file.sync_all()?;
    Ok(Repair { dropped_bytes, sha256: hex(&sha.finish()) })
}
