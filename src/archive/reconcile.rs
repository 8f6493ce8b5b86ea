//! What the archive does at start: files and index are made to agree again, and it says how.
//!
//! The order of writes (bytes, fsync, directory, row) leaves few ways in which they can differ: a row that is open (its
//! writer died), or torn (it could not be closed at an earlier start), a row that is to be deleted (the deletion was cut short), a file without a row (the writer died between
//! the two), and, by somebody else's hand alone, a row without a file.

use super::error::{ArchiveError, io};
use super::keys::Keys;
use super::layout;
use super::reader::SegmentReader;
use super::vault::{close, finish_delete};
use super::walk;
use super::writer::SegmentWriter;
use crate::store::{Boundary, LONGEST_SEGMENT, SegmentId, SegmentRow, SegmentState, Segments};
use std::collections::BTreeSet;
use std::path::Path;

/// Rows written at once.
const BATCH: usize = if cfg!(test) { 2 } else { 1_024 };
/// Missing segments named in the log; of the others their number is told.
const NAMED: usize = 20;

/// What a reconciliation did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reconciled {
    /// Segments a crash had left open, now closed after their last whole fragment.
    pub closed: usize,
    /// Segments that had not even one whole fragment, removed.
    pub empty: usize,
    /// Deletions that had been cut short, finished.
    pub deleted: usize,
    /// Whole files without a row, or whose row said that they were missing, now in the index.
    pub indexed: usize,
    /// Rows whose file is not there: marked as missing. Somebody took it away, or their disk is not there.
    pub missing: usize,
    /// All rows whose file is not there now, those found at an earlier start included.
    pub away: u64,
    /// What could not be read, closed or deleted (damaged, its day's key not there, the disk does not answer), left as it is.
    pub unreadable: Vec<String>,
}

impl Reconciled {
    /// Whether everything agreed.
    pub fn is_quiet(&self) -> bool {
        *self == Self { away: self.away, ..Self::default() }
    }
}

/// Makes files and index agree. Nobody else may be writing.
pub(super) fn reconcile(dir: &Path, keys: &Keys, index: &Segments) -> Result<Reconciled, ArchiveError> {
    let mut done = Reconciled::default();
    for row in index.under_way()? {
        match row.state {
            SegmentState::Open | SegmentState::Torn => done.count(salvage(dir, keys, index, row), None)?,
            SegmentState::Deleting => {
                let file = row.file.clone();
                done.count(finish_delete(dir, index, &row).map(|()| Salvaged::Deleted), Some(&file))?;
            }
            SegmentState::Closed | SegmentState::Missing => index.put(&row)?,
        }
    }
    let (mut files, mut unlisted) = (BTreeSet::new(), BTreeSet::new());
    for (camera, day) in walk::days(dir)? {
        match walk::segments(dir, &camera, day) {
            Ok(found) => files.extend(found),
            Err(error) => {
                tracing::error!(%error, "what lies there is not known; it is left as it is");
                done.unreadable.push(layout::day_dir(&camera, day));
                unlisted.insert((camera, day));
            }
        }
    }
    // A disk that is away, or back, changes a million rows: they are written many at a time.
    let mut changed = Vec::new();
    for row in index.all() {
        let row = row?;
        match (files.remove(&row.file), row.state) {
            (false, SegmentState::Closed)
                if !unlisted.contains(&(row.camera.clone(), row.started_at_utc.date_naive())) =>
            {
                done.missing += 1;
                done.away += 1;
                if done.missing <= NAMED {
                    tracing::error!(segment = %row.id(), "a recorded segment is gone from the disk");
                }
                changed.push(SegmentRow { state: SegmentState::Missing, ..row });
            }
            (false, SegmentState::Missing) => done.away += 1,
            // Its disk was not there at an earlier start, or somebody has put it back. Of one that had been closed the row
            // knows what it was: whatever happened to it meanwhile is found when it is read, and not made sound.
            (true, SegmentState::Missing) if row.ended.is_some() => {
                done.indexed += 1;
                changed.push(SegmentRow { state: SegmentState::Closed, ..row });
            }
            (true, SegmentState::Missing) => {
                let outcome = adopt_known(dir, keys, index, &row.file);
                done.away += u64::from(outcome.is_err());
                done.count(outcome, Some(&row.file))?;
            }
            _ => {}
        }
        if changed.len() == BATCH {
            index.put_all(&changed)?;
            changed.clear();
        }
    }
    index.put_all(&changed)?;
    for file in files {
        let outcome = adopt(dir, keys, index, &file);
        done.count(outcome, Some(&file))?;
    }
    Ok(done)
}

/// What became of one segment.
pub(super) enum Salvaged {
    Closed,
    Empty,
    Indexed,
    Gone,
    Deleted,
}

impl Reconciled {
    fn count(&mut self, outcome: Result<Salvaged, ArchiveError>, file: Option<&str>) -> Result<(), ArchiveError> {
        match outcome {
            Ok(Salvaged::Closed) => self.closed += 1,
            Ok(Salvaged::Empty) => self.empty += 1,
            Ok(Salvaged::Indexed) => self.indexed += 1,
            Ok(Salvaged::Gone) => self.missing += 1,
            Ok(Salvaged::Deleted) => self.deleted += 1,
            Err(error) if !matches!(error, ArchiveError::Index(_)) => {
                tracing::error!(%error, "a segment cannot be dealt with; it is left as it is");
                self.unreadable.extend(file.map(str::to_owned).or_else(|| Some(error.to_string())));
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

/// Closes an open segment after its last whole fragment, or removes it when it has none. One that cannot be closed (damaged,
/// its key or the disk not there) is torn: nobody writes it any more, and its time runs.
pub(super) fn salvage(dir: &Path, keys: &Keys, index: &Segments, row: SegmentRow) -> Result<Salvaged, ArchiveError> {
    let known = row.clone();
    let done = close_or_remove(dir, keys, index, row);
    if done.as_ref().is_err_and(|error| !matches!(error, ArchiveError::Index(_))) {
        index.put(&given_up(known, SegmentState::Torn))?;
    }
    done
}

/// A row nobody will close now: where it ends nobody knows, so it counts up to the latest it can have ended.
pub(super) fn given_up(row: SegmentRow, state: SegmentState) -> SegmentRow {
    let latest = row.started_at_utc + LONGEST_SEGMENT;
    SegmentRow { state, ended_at_utc: if row.ended.is_some() { row.ended_at_utc } else { latest }, ..row }
}

fn close_or_remove(dir: &Path, keys: &Keys, index: &Segments, row: SegmentRow) -> Result<Salvaged, ArchiveError> {
    let reader = match SegmentReader::open(dir, &row.file, keys) {
        Ok(reader) => reader,
        // The row is written after the file is durable: somebody took it away.
        Err(ArchiveError::NotFound(_)) => {
            index.put(&given_up(row, SegmentState::Missing))?;
            return Ok(Salvaged::Gone);
        }
        Err(error) => return Err(error),
    };
    if reader.is_whole() {
        index.put(&closed_row(dir, &reader, &row.file)?)?;
        return Ok(Salvaged::Closed);
    }
    let path = dir.join(&row.file);
    match reader.salvage()? {
        Some(found) => {
            close(index, SegmentWriter::resume(found, &path)?, row, Boundary::Crash)?;
            Ok(Salvaged::Closed)
        }
        None => {
            index.put(&SegmentRow { state: SegmentState::Deleting, ..row.clone() })?;
            finish_delete(dir, index, &row)?;
            Ok(Salvaged::Empty)
        }
    }
}

/// Takes a file without a row into the index: the writer died between the two, or the index was lost.
fn adopt(dir: &Path, keys: &Keys, index: &Segments, file: &str) -> Result<Salvaged, ArchiveError> {
    let reader = SegmentReader::open(dir, file, keys)?;
    let row = closed_row(dir, &reader, file)?;
    if index.get(&SegmentId { camera: row.camera.clone(), started_at_utc: row.started_at_utc })?.is_some() {
        return Err(ArchiveError::Damaged {
            camera: row.camera.to_string(),
            file: file.to_owned(),
            part: super::Part::Header,
            why: "it is a copy of another segment under another name",
        });
    }
    take_in(dir, keys, index, reader, row)
}

/// A file that was open when the index gave it up is there again.
fn adopt_known(dir: &Path, keys: &Keys, index: &Segments, file: &str) -> Result<Salvaged, ArchiveError> {
    let reader = SegmentReader::open(dir, file, keys)?;
    let row = closed_row(dir, &reader, file)?;
    take_in(dir, keys, index, reader, row)
}

fn take_in(
    dir: &Path,
    keys: &Keys,
    index: &Segments,
    reader: SegmentReader,
    row: SegmentRow,
) -> Result<Salvaged, ArchiveError> {
    if reader.is_whole() {
        index.put(&row)?;
        return Ok(Salvaged::Indexed);
    }
    let open = SegmentRow { state: SegmentState::Open, ended: None, ..row };
    index.put(&open)?;
    drop(reader);
    salvage(dir, keys, index, open)
}

/// The row of a segment, from the segment alone.
fn closed_row(dir: &Path, reader: &SegmentReader, file: &str) -> Result<SegmentRow, ArchiveError> {
    let path = dir.join(file);
    let about = reader.about();
    let fragments = reader.fragments();
    debug_assert!(file.ends_with(layout::SEGMENT));
    Ok(SegmentRow {
        camera: about.camera.clone(),
        started_at_utc: about.started_at_utc,
        ended_at_utc: fragments.iter().map(|fragment| fragment.end_utc()).max().unwrap_or(about.started_at_utc),
        trusted_utc: about.trusted_utc,
        file: file.to_owned(),
        state: SegmentState::Closed,
        began: about.began,
        ended: reader.ended(),
        missed_frames: about.missed_frames,
        frames: fragments.iter().map(|fragment| u64::from(fragment.frames)).sum(),
        fragments: u32::try_from(fragments.len()).unwrap_or(u32::MAX),
        bytes: std::fs::metadata(&path).map_err(io(&path, "cannot read"))?.len(),
    })
}
