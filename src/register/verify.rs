//! The offline verifier: reads a register that may be in use, changes nothing, names the first bad entry (fault 12).

use super::head::{self, Acknowledged};
use super::scan::{Damage, Sound, TornTail, scan};
use super::tree::Tree;
use super::{HEAD_FILE, LOG_FILE, RegisterError, io_error};
use chrono::{DateTime, Utc};
use serde::Serialize;
use std::fmt;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How often a torn note is looked at again before it is believed.
const LOOKS: u32 = 10;
const BETWEEN_LOOKS: Duration = Duration::from_millis(10);

/// What the verifier found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VerifyReport {
    /// The register's directory, or the copy.
    pub path: PathBuf,
    /// Sound entries, from the first.
    pub entries: u64,
    /// How many of them an extract withholds: their hashes are there, their words are not.
    pub withheld: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Leaf hash of the last sound entry, hexadecimal: note it down somewhere else to recognise a rolled-back register.
    pub last_hash: String,
    /// Root of the Merkle tree over the sound entries, base64, as checkpoints write it.
    pub root: String,
    /// Time of the first entry.
    pub first_at_utc: Option<DateTime<Utc>>,
    /// Time of the last sound entry.
    pub last_at_utc: Option<DateTime<Utc>>,
    /// How often an entry is older than the one before it: clock steps, each explained by a `clock-stepped` entry.
    pub backward_steps: u64,
    /// The first bad entry; `None`: sound.
    pub damage: Option<Damage>,
    /// Bytes at the end that were being written when the machine stopped; the next start drops them.
    pub torn: Option<TornTail>,
}

impl VerifyReport {
    /// Whether everything that was acknowledged is there, unchanged and in order.
    pub fn is_sound(&self) -> bool {
        self.damage.is_none()
    }
}

impl fmt::Display for VerifyReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "register {}", self.path.display())?;
        writeln!(f, "  sound entries: {} ({} bytes)", self.entries, self.bytes)?;
        if self.withheld > 0 {
            writeln!(f, "  of these withheld, hash alone: {}", self.withheld)?;
        }
        if let (Some(first), Some(last)) = (self.first_at_utc, self.last_at_utc) {
            writeln!(f, "  from {first} to {last}")?;
        }
        writeln!(f, "  last hash: {}", self.last_hash)?;
        writeln!(f, "  tree root: {}", self.root)?;
        if self.backward_steps > 0 {
            writeln!(f, "  the clock went back {} times", self.backward_steps)?;
        }
        if let Some(torn) = &self.torn {
            writeln!(f, "  {} unacknowledged bytes at the end, from byte {}", torn.bytes, torn.offset)?;
        }
        match &self.damage {
            None => write!(f, "sound"),
            Some(damage) => write!(f, "DAMAGED: first bad {damage}"),
        }
    }
}

/// Where a register is read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// The register's own directory, in use or not.
    Directory(PathBuf),
    /// A copy or an extract of its lines, with nothing beside it that vouches for its end.
    Copy(PathBuf),
}

/// Verifies the register in `dir` without changing it. While a server writes to it, the last entries of the moment may
/// be left out; they are never reported as damage.
///
/// # Errors
/// [`RegisterError::Io`] when a file is missing or cannot be read.
pub fn verify(dir: &Path) -> Result<VerifyReport, RegisterError> {
    walk(&Source::Directory(dir.to_owned()), |_| {}).map(|(report, _)| report)
}

/// The same for any source: `each` gets every sound line in order. Also returns the tree over them.
///
/// # Errors
/// [`RegisterError::Io`] when a file is missing or cannot be read.
pub fn walk(source: &Source, mut each: impl FnMut(&Sound)) -> Result<(VerifyReport, Tree), RegisterError> {
    let (path, log_path, note) = match source {
        Source::Directory(dir) => (dir, dir.join(LOG_FILE), Some(settled_note(&dir.join(HEAD_FILE))?)),
        Source::Copy(file) => (file, file.clone(), None),
    };
    let log = File::open(&log_path).map_err(io_error(&log_path, "cannot open"))?;
    let (mut first_at_utc, mut last_at_utc, mut backward_steps, mut withheld) = (None, None, 0, 0);
    let mut tree = Tree::default();
    let read = scan(log, note.as_ref(), |sound| {
        tree.push(sound.leaf);
        match &sound.entry {
            None => withheld += 1,
            Some(entry) => {
                first_at_utc.get_or_insert(entry.at_utc);
                if last_at_utc.is_some_and(|last| entry.at_utc < last) {
                    backward_steps += 1;
                }
                last_at_utc = Some(entry.at_utc);
            }
        }
        each(&sound);
    })
    .map_err(io_error(&log_path, "cannot read"))?;
    let report = VerifyReport {
        path: path.clone(),
        entries: read.entries,
        withheld,
        bytes: read.bytes,
        last_hash: read.last.to_string(),
        root: tree.root().base64(),
        first_at_utc,
        last_at_utc,
        backward_steps,
        damage: read.damage,
        torn: read.torn,
    };
    Ok((report, tree))
}

/// The note, read before the log: what it vouches for is in the log by then.
fn settled_note(head_path: &Path) -> Result<Result<Acknowledged, String>, RegisterError> {
    let mut acknowledged = head::peek(head_path).map_err(io_error(head_path, "cannot read"))?;
    for _ in 0..LOOKS {
        // Caught in the middle of a write by a running server: it takes microseconds.
        if acknowledged.as_ref().is_ok_and(|known| !known.was_being_written) {
            break;
        }
        std::thread::sleep(BETWEEN_LOOKS);
        acknowledged = head::peek(head_path).map_err(io_error(head_path, "cannot read"))?;
    }
    Ok(acknowledged)
}
