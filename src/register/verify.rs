//! The offline verifier: reads a register that may be in use, changes nothing, names the first bad entry (fault 12).

use super::checkpoint::{self, SignedCheckpoint};
use super::head::{self, Acknowledged};
use super::line::LeafHash;
use super::note::VerifyKey;
use super::scan::{self, Damage, DamageKind, Scan, Sound, TornTail, scan};
use super::stored::{self, Kept};
use super::tree::Tree;
use super::{CHECKPOINT_DIR, HEAD_FILE, LOG_FILE, RegisterError, io_error};
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
    /// How many of them recorded purges have dropped, hash alone left; everything else is verified as ever.
    pub purged: u64,
    /// The last of these.
    pub purged_up_to: Option<u64>,
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
    /// Checkpoints kept beside it; all of them were held against it.
    pub checkpoints: u64,
    /// How many of them are signed by the key given; 0 when none was.
    pub checkpoints_signed: u64,
    /// Entries the newest of them vouches for.
    pub newest_checkpoint: Option<u64>,
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
            writeln!(f, "  of these hash alone, withheld or purged: {}", self.withheld)?;
        }
        if let Some(last) = self.purged_up_to {
            let from = last + 1;
            writeln!(f, "  purged for age: {}, up to entry {last}; from {from} on every entry is there", self.purged)?;
        }
        if let (Some(first), Some(last)) = (self.first_at_utc, self.last_at_utc) {
            writeln!(f, "  from {first} to {last}")?;
        }
        writeln!(f, "  last hash: {}", self.last_hash)?;
        writeln!(f, "  tree root: {}", self.root)?;
        if let Some(newest) = self.newest_checkpoint {
            let (kept, signed) = (self.checkpoints, self.checkpoints_signed);
            writeln!(f, "  checkpoints kept: {kept} ({signed} signed by the key given), up to entry {newest}")?;
        }
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
    examine(&Source::Directory(dir.to_owned()), None).map(|examined| examined.report)
}

/// A source, read and verified.
#[derive(Debug)]
pub struct Examined {
    /// What was found.
    pub report: VerifyReport,
    /// The tree over its sound entries.
    pub tree: Tree,
    offsets: Vec<u64>,
}

impl Examined {
    /// Holds the register against checkpoints from elsewhere, such as a witness's mail box.
    pub fn hold_against(&mut self, checkpoints: &[SignedCheckpoint]) {
        let (end, offsets) = (self.report.bytes, &self.offsets);
        let found = checkpoint::against(checkpoints, &self.tree, |seq| offset_of(offsets, seq, end));
        let earlier = |damage: &Damage| {
            self.report.damage.as_ref().is_none_or(|known| damage.first_bad_seq < known.first_bad_seq)
        };
        let Some(damage) = found.filter(earlier) else { return };
        self.report.cut_back(damage, &self.tree);
    }
}

/// Verifies any source, and the checkpoints kept beside it: their signatures too when the key is given.
///
/// # Errors
/// [`RegisterError::Io`] when a file is missing or cannot be read.
pub fn examine(source: &Source, key: Option<&VerifyKey>) -> Result<Examined, RegisterError> {
    // Checkpoints and note first: what they vouch for is in the log by then.
    let (path, kept) = match source {
        Source::Directory(dir) => {
            let kept = stored::read(dir, key).map_err(io_error(&dir.join(CHECKPOINT_DIR), "cannot read"))?;
            (dir, kept)
        }
        Source::Copy(file) => (file, Kept::default()),
    };
    let (mut first_at_utc, mut last_at_utc, mut backward_steps, mut withheld) = (None, None, 0, 0);
    let (mut tree, mut offsets) = (Tree::default(), Vec::new());
    let read = read(source, |sound| {
        tree.push(sound.leaf);
        offsets.push(sound.offset);
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
    })?;
    let is_log = matches!(source, Source::Directory(_));
    let by_checkpoints = by_checkpoints(&read, &kept, &tree, &offsets, is_log);
    let mut report = VerifyReport {
        path: path.clone(),
        entries: read.entries,
        withheld,
        purged: read.purged.len(),
        purged_up_to: read.purged.last(),
        bytes: read.bytes,
        last_hash: read.last.to_string(),
        root: tree.root().base64(),
        first_at_utc,
        last_at_utc,
        backward_steps,
        checkpoints: kept.checkpoints.len() as u64,
        checkpoints_signed: kept.signed,
        newest_checkpoint: kept.checkpoints.iter().map(|known| known.checkpoint.size).max(),
        damage: read.damage,
        torn: read.torn,
    };
    if let Some(damage) = by_checkpoints {
        report.cut_back(damage, &tree);
    }
    Ok(Examined { report, tree, offsets })
}

/// Gives every sound line before number `until` to `each`, in order; `until` is what [`examine`] found sound.
///
/// # Errors
/// [`RegisterError::Io`] when a file is missing or cannot be read.
pub fn each(source: &Source, until: u64, mut each: impl FnMut(&Sound)) -> Result<(), RegisterError> {
    read(source, |sound| {
        if sound.seq < until {
            each(&sound);
        }
    })
    .map(drop)
}

fn read(source: &Source, sound: impl FnMut(Sound)) -> Result<Scan, RegisterError> {
    let (log_path, note) = match source {
        Source::Directory(dir) => (dir.join(LOG_FILE), Some(settled_note(&dir.join(HEAD_FILE))?)),
        Source::Copy(file) => (file.clone(), None),
    };
    let log = File::open(&log_path).map_err(io_error(&log_path, "cannot open"))?;
    scan(log, note.as_ref(), sound).map_err(io_error(&log_path, "cannot read"))
}

/// What the checkpoints beside a log, and its recorded purges, say against it, when that comes before what the log itself
/// shows. An extract (`!is_log`) may withhold what it likes.
pub(super) fn by_checkpoints(read: &Scan, kept: &Kept, tree: &Tree, offsets: &[u64], is_log: bool) -> Option<Damage> {
    let unreadable = kept.bad.as_ref().map(|(name, why)| {
        let why = format!(
            "checkpoint {name} cannot be used: {why}; the entries themselves are in order: keep the file as \
             evidence, move it away, restart"
        );
        scan::damage(read.entries, read.bytes, DamageKind::Checkpoint, why)
    });
    let found = checkpoint::against(&kept.checkpoints, tree, |seq| offset_of(offsets, seq, read.bytes));
    let found = found.or(unreadable);
    let not_purged = is_log.then(|| scan::not_purged(read, |seq| offset_of(offsets, seq, read.bytes))).flatten();
    let found = [found, not_purged].into_iter().flatten().min_by_key(|damage| damage.first_bad_seq)?;
    read.damage.as_ref().is_none_or(|known| found.first_bad_seq < known.first_bad_seq).then_some(found)
}

/// A reading that ends before the first entry a checkpoint does not vouch for. `tree` is over the entries before it.
pub(super) fn cut_back(read: Scan, damage: Damage, tree: &Tree) -> Scan {
    Scan {
        entries: damage.first_bad_seq,
        bytes: damage.offset,
        last: last_before(tree, damage.first_bad_seq),
        withheld: read.withheld,
        purged: read.purged,
        damage: Some(damage),
        torn: read.torn,
    }
}

impl VerifyReport {
    fn cut_back(&mut self, damage: Damage, tree: &Tree) {
        self.entries = damage.first_bad_seq;
        self.bytes = damage.offset;
        self.last_hash = last_before(tree, self.entries).to_string();
        self.root = tree.root_at(self.entries).unwrap_or_else(|| tree.root()).base64();
        self.damage = Some(damage);
    }
}

fn last_before(tree: &Tree, seq: u64) -> LeafHash {
    let last = seq.checked_sub(1).and_then(|last| tree.leaf(last));
    last.map_or(LeafHash::START, |leaf| LeafHash(leaf.0))
}

fn offset_of(offsets: &[u64], seq: u64, end: u64) -> u64 {
    usize::try_from(seq).ok().and_then(|seq| offsets.get(seq)).copied().unwrap_or(end)
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
