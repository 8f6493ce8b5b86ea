//! `ecluse recordings check`: is every segment what was written? Reads files and keys alone, takes no lock and writes
//! nothing, so it works beside a running server.

use super::error::ArchiveError;
use super::keys::Keys;
use super::master::MasterKey;
use super::reader::SegmentReader;
use super::walk;
use crate::domain::CameraId;
use crate::store::{SegmentRow, SegmentState, Segments};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::Path;

/// What to look at.
#[derive(Debug, Clone, Default)]
pub struct CheckScope {
    /// This camera alone.
    pub camera: Option<CameraId>,
    /// One segment in so many (1: all), evenly spread; a sample is different segments each time the archive grows.
    pub one_in: usize,
}

/// What was found.
#[derive(Debug, Clone, Default, Serialize)]
pub struct CheckReport {
    /// Segments there are.
    pub segments: u64,
    /// Segments that were decrypted whole.
    pub verified: u64,
    /// Fragments in those.
    pub fragments: u64,
    /// Pictures in those.
    pub frames: u64,
    /// Bytes of those on disk.
    pub bytes: u64,
    /// Segments without an end: being written now, or left by a crash that the next start will deal with.
    pub unfinished: Vec<String>,
    /// Everything that is wrong, in words: camera, segment, fragment.
    pub faults: Vec<String>,
    /// Whether the index was compared: not while a server has it.
    pub index_compared: bool,
}

impl CheckReport {
    /// Whether nothing is wrong.
    pub fn is_sound(&self) -> bool {
        self.faults.is_empty()
    }
}

/// Looks at the archive in `dir`; compares with `index` where that is given.
///
/// # Errors
/// When the key is another one, or the directory cannot be read. What is wrong with a segment is in the report.
pub fn check(
    dir: &Path,
    master: MasterKey,
    index: Option<&Segments>,
    scope: &CheckScope,
) -> Result<CheckReport, ArchiveError> {
    let keys = Keys::open(dir, master, false)?;
    let mut report = CheckReport { index_compared: index.is_some(), ..CheckReport::default() };
    let mut rows: BTreeMap<String, SegmentRow> = BTreeMap::new();
    if let Some(index) = index {
        for row in index.all() {
            let row = row?;
            rows.insert(row.file.clone(), row);
        }
    }
    let step = scope.one_in.max(1) as u64;
    let mut files: BTreeMap<CameraId, Vec<String>> = BTreeMap::new();
    for (camera, day) in walk::days(dir)? {
        if scope.camera.as_ref().is_none_or(|wanted| *wanted == camera) {
            let found = walk::segments(dir, &camera, day)?;
            files.entry(camera).or_default().extend(found);
        }
    }
    for (camera, files) in files {
        for (number, file) in files.iter().enumerate() {
            let row = rows.remove(file);
            if index.is_some() && row.is_none() {
                report.faults.push(format!("camera {camera}, segment {file}: it is not in the index"));
            }
            report.segments += 1;
            if (report.segments - 1).is_multiple_of(step) {
                // A camera's newest may be under way; before the next one is begun it has got its end.
                let newest = number + 1 == files.len();
                let may_be_open = newest && row.is_none_or(|row| row.state == SegmentState::Open);
                verify(dir, &keys, file, may_be_open, &mut report);
            }
        }
    }
    let of_scope = |row: &&SegmentRow| scope.camera.as_ref().is_none_or(|wanted| *wanted == row.camera);
    for row in rows.values().filter(of_scope).filter(|row| row.state != SegmentState::Deleting) {
        report.faults.push(format!("camera {}, segment {}: the file is gone", row.camera, row.file));
    }
    Ok(report)
}

fn verify(dir: &Path, keys: &Keys, file: &str, may_be_open: bool, report: &mut CheckReport) {
    let outcome = SegmentReader::open(dir, file, keys).and_then(|mut reader| {
        // One that is under way may have nothing but its header yet.
        if reader.init_length() > 0 || reader.ended().is_some() {
            reader.verify()?;
        }
        match reader.cut_short() {
            Some(fault) if !may_be_open => Err(fault),
            Some(_) => {
                report.unfinished.push(file.to_owned());
                Ok(reader)
            }
            None => Ok(reader),
        }
    });
    match outcome {
        Ok(reader) => {
            report.verified += 1;
            report.fragments += reader.fragments().len() as u64;
            report.frames += reader.fragments().iter().map(|fragment| u64::from(fragment.frames)).sum::<u64>();
            report.bytes += std::fs::metadata(dir.join(file)).map_or(0, |metadata| metadata.len());
        }
        // Not even its header is there yet.
        Err(fault) if may_be_open && fault.is_without_header() => report.unfinished.push(file.to_owned()),
        // Retention went by in the meantime: not a fault.
        Err(ArchiveError::NotFound(_)) => report.segments -= 1,
        Err(fault) => report.faults.push(fault.to_string()),
    }
}
