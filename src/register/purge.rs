//! Dropping what has served its time from the log without breaking it: an entry's line is replaced by its stand-in, the
//! leaf hash alone, which is no personal data. Chain, tree, checkpoints and every proof of the rest stay as they were.
//!
//! Decide, record, then act: a `register-purged` entry names the runs of numbers first; then the log is written anew
//! beside itself, synced, and renamed into its own place. Killed before the entry, nothing has happened; killed after it,
//! the next opening carries out what is recorded. A stand-in that no such entry names is damage.

use super::line::{LeafHash, withheld};
use super::ranges::Ranges;
use super::{LOG_FILE, line};
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// The log while it is written anew; left behind by a crash, it is written over.
const MAKING: &str = "log.jsonl.making";

/// Writes the log anew with stand-ins for these entries. The reader of the old file is not disturbed.
pub(super) fn carry_out(dir: &Path, due: &Ranges) -> io::Result<()> {
    let (log, making) = (dir.join(LOG_FILE), dir.join(MAKING));
    let mut from = BufReader::with_capacity(256 * 1024, File::open(&log)?);
    let to = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&making)?;
    let mut to = BufWriter::with_capacity(256 * 1024, to);
    let mut bytes = Vec::new();
    for seq in 0.. {
        bytes.clear();
        if from.read_until(b'\n', &mut bytes)? == 0 {
            break;
        }
        match bytes.strip_suffix(b"\n") {
            Some(text) if due.contains(seq) && !line::is_withheld(text) => {
                to.write_all(&withheld(seq, &LeafHash::of(text)))?;
                to.write_all(b"\n")?;
            }
            _ => to.write_all(&bytes)?,
        }
    }
    let to = to.into_inner().map_err(io::IntoInnerError::into_error)?;
    to.sync_all()?;
    fs::rename(&making, &log)?;
    File::open(dir)?.sync_all()
}
