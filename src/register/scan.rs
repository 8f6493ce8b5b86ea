//! Reads a register from its first byte and says where it stops being sound: one reading for the server's start, the
//! offline verifier and the tests.

use super::head::Acknowledged;
use super::line::{self, LeafHash, LineFault, MAX_LINE_BYTES, Read as ReadLine};
use super::ranges::Ranges;
use crate::domain::{Entry, Event};
use serde::Serialize;
use std::fmt;
use std::io::{self, BufRead, BufReader, Read};

/// The first thing that does not fit, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Damage {
    /// Sequence number of the first bad entry: everything before it is sound.
    pub first_bad_seq: u64,
    /// Its line in the file, from 1.
    pub line: u64,
    /// Where that line begins, bytes.
    pub offset: u64,
    /// What is wrong.
    pub kind: DamageKind,
    /// The same for people: what is wrong and what follows.
    pub why: String,
}

/// Kinds of damage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum DamageKind {
    /// The line is not what a register line is.
    Malformed,
    /// A sequence number is missing, repeated or out of order.
    Sequence,
    /// The next entry was chained to something else: this entry was changed after it was written.
    Chain,
    /// Acknowledged entries are missing at the end: truncated or rolled back.
    Shortened,
    /// The last acknowledged entry is not the one that was acknowledged.
    Replaced,
    /// The note of what was acknowledged is missing or unreadable.
    NoAcknowledgement,
    /// A line that was acknowledged is torn.
    Torn,
    /// Entries are missing or changed that a signed checkpoint vouches for.
    Checkpoint,
    /// An entry is withheld that no recorded purge names.
    Withheld,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "entry {} (line {}, byte {}): {}", self.first_bad_seq, self.line, self.offset, self.why)
    }
}

/// Bytes at the end that are no whole entry and were never acknowledged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TornTail {
    /// Where they begin.
    pub offset: u64,
    /// How many.
    pub bytes: u64,
}

/// What was read.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Scan {
    /// Sound entries from the beginning.
    pub(super) entries: u64,
    /// Their bytes, line feeds included.
    pub(super) bytes: u64,
    /// Leaf hash of the last of them.
    pub(super) last: LeafHash,
    /// Entries whose hash alone is there.
    pub(super) withheld: Ranges,
    /// Entries that recorded purges name.
    pub(super) purged: Ranges,
    pub(super) damage: Option<Damage>,
    pub(super) torn: Option<TornTail>,
}

/// One sound line of a register.
#[derive(Debug, Clone, PartialEq)]
pub struct Sound {
    /// Its sequence number.
    pub seq: u64,
    /// What it says; `None` where it is withheld (an extract) or purged (the log), and its hash alone is told.
    pub entry: Option<Entry>,
    /// Leaf hash of the register's line.
    pub leaf: LeafHash,
    /// Where the line begins, bytes.
    pub offset: u64,
    /// The line as it stands, without its line feed.
    pub line: Vec<u8>,
}

/// The entry read last: sound once the next one is chained to it, or the end or the note vouches for it.
struct Held {
    sound: Sound,
    prev: LeafHash,
}

/// What vouches for the end of what is read: the note beside the log (`Err`: why it cannot be used), or, for a copy,
/// nothing.
pub(super) type Note<'a> = Option<&'a Result<Acknowledged, String>>;

/// Reads all of `from`. `sound` is called for each sound entry, in order.
pub(super) fn scan(from: impl Read, note: Note<'_>, mut sound: impl FnMut(Sound)) -> io::Result<Scan> {
    let mut from = BufReader::with_capacity(256 * 1024, from);
    let mut read = Scan {
        entries: 0,
        bytes: 0,
        last: LeafHash::START,
        withheld: Ranges::default(),
        purged: Ranges::default(),
        damage: None,
        torn: None,
    };
    let mut held: Option<Held> = None;
    let mut bytes = Vec::new();
    loop {
        bytes.clear();
        let length = (&mut from).take(MAX_LINE_BYTES as u64).read_until(b'\n', &mut bytes)?;
        if length == 0 {
            read.damage = shortened(&read, note);
            break;
        }
        match judge(&bytes, &read) {
            Ok((entry, leaf)) => {
                if let Some(held) = held.take() {
                    sound(held.sound);
                }
                match &entry {
                    None => read.withheld.push(read.entries),
                    Some(Entry { event: Event::RegisterPurged { runs, .. }, .. }) => read.purged.add(runs),
                    Some(_) => {}
                }
                let line = bytes[..length - 1].to_vec();
                let this = Sound { seq: read.entries, entry, leaf, offset: read.bytes, line };
                held = Some(Held { sound: this, prev: read.last });
                read.last = leaf;
                read.entries += 1;
                read.bytes += length as u64;
                if let Some(why) = replaced(&read, note) {
                    blame(&mut read, held.take(), DamageKind::Replaced, why);
                    break;
                }
            }
            Err(fault) => {
                let rest = io::copy(&mut from, &mut io::sink())?;
                refuse(&mut read, fault, length as u64 + rest, note, &mut held);
                break;
            }
        }
    }
    if let Some(held) = held {
        sound(held.sound);
    }
    Ok(read)
}

/// The entry read last is the bad one: it no longer counts as sound.
fn blame(read: &mut Scan, held: Option<Held>, kind: DamageKind, why: String) {
    if let Some(held) = held {
        read.entries -= 1;
        read.bytes = held.sound.offset;
        read.last = held.prev;
    }
    read.damage = Some(damage(read.entries, read.bytes, kind, why));
}

enum Fault {
    Torn,
    Line(LineFault),
    Sequence { found: u64 },
    Chain { found: String },
}

/// An extract may withhold lines; in the log it takes a recorded purge, which [`not_purged`] looks for at the end.
fn judge(bytes: &[u8], read: &Scan) -> Result<(Option<Entry>, LeafHash), Fault> {
    let Some(text) = bytes.strip_suffix(b"\n") else { return Err(Fault::Torn) };
    let line = match line::read(text).map_err(Fault::Line)? {
        ReadLine::Whole(line) => line,
        ReadLine::Withheld { seq, leaf } if seq == read.entries => return Ok((None, leaf)),
        ReadLine::Withheld { seq, .. } => return Err(Fault::Sequence { found: seq }),
    };
    if line.entry.seq != read.entries {
        return Err(Fault::Sequence { found: line.entry.seq });
    }
    if line.prev != read.last.to_string() {
        return Err(Fault::Chain { found: line.prev });
    }
    Ok((Some(line.entry), LeafHash::of(text)))
}

/// A bad line: torn and forgettable when it lies behind all that was acknowledged, damage otherwise.
fn refuse(read: &mut Scan, fault: Fault, rest_bytes: u64, note: Note<'_>, held: &mut Option<Held>) {
    let known = match note {
        Some(Ok(known)) => Some(known),
        None => None,
        Some(Err(why)) => {
            read.damage = Some(damage(read.entries, read.bytes, DamageKind::NoAcknowledgement, no_note(why)));
            return;
        }
    };
    // What was acknowledged was fsynced first, whole. So bytes behind it that are no entry were being written when the
    // machine stopped; nobody has been told about them. A note that was itself being rewritten proves the opposite:
    // by then the log had been fsynced to its end.
    if known.is_some_and(|known| read.entries >= known.entries && !known.was_being_written) {
        read.torn = Some(TornTail { offset: read.bytes, bytes: rest_bytes });
        return;
    }
    let (kind, why) = match fault {
        Fault::Torn => {
            let why = match known {
                Some(known) => format!(
                    "the line is torn, but {} bytes had been acknowledged: damaged after it was written",
                    known.bytes
                ),
                None => "the line is torn: the copy is cut short".to_owned(),
            };
            (DamageKind::Torn, why)
        }
        Fault::Line(fault) => (DamageKind::Malformed, fault.to_string()),
        Fault::Sequence { found } => (
            DamageKind::Sequence,
            format!("sequence number {found} where {} was due: entries were removed, repeated or moved", read.entries),
        ),
        Fault::Chain { found } => {
            let why = match held {
                Some(_) => format!(
                    "its hash is {}, but the next entry was chained to {found}: it was changed after it was written",
                    read.last
                ),
                None => format!("the first entry is chained to {found}: entries before it were removed"),
            };
            return blame(read, held.take(), DamageKind::Chain, why);
        }
    };
    read.damage = Some(damage(read.entries, read.bytes, kind, why));
}

/// The first entry of a log that is withheld without a purge that names it.
pub(super) fn not_purged(read: &Scan, offset: impl Fn(u64) -> u64) -> Option<Damage> {
    let seq = read.withheld.first_outside(&read.purged)?;
    let why = "its content is gone, and no recorded purge names it: taken out after it was written".to_owned();
    Some(damage(seq, offset(seq), DamageKind::Withheld, why))
}

/// The entry that was acknowledged last must be the one that stands there.
fn replaced(read: &Scan, note: Note<'_>) -> Option<String> {
    let known = note?.as_ref().ok()?;
    // Not the bytes: a purge shortens the file, and the last hash binds every line before it.
    if read.entries != known.entries || read.last == known.last {
        return None;
    }
    Some(format!("its hash is {}, but the entry that was acknowledged has {}", read.last, known.last))
}

fn shortened(read: &Scan, note: Note<'_>) -> Option<Damage> {
    match note? {
        Err(_) if read.entries == 0 && read.bytes == 0 => None,
        Err(why) => Some(damage(read.entries, read.bytes, DamageKind::NoAcknowledgement, no_note(why))),
        Ok(known) if read.entries < known.entries => Some(damage(
            read.entries,
            read.bytes,
            DamageKind::Shortened,
            format!(
                "the file ends here, but {} entries were acknowledged: {} are missing at the end",
                known.entries,
                known.entries - read.entries
            ),
        )),
        Ok(_) => None,
    }
}

fn no_note(why: &str) -> String {
    format!(
        "the note of what was acknowledged (file \"head\") cannot be used: {why}; the end of the log proves nothing"
    )
}

pub(super) fn damage(seq: u64, offset: u64, kind: DamageKind, why: String) -> Damage {
    Damage { first_bad_seq: seq, line: seq + 1, offset, kind, why }
}
