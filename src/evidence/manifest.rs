//! What an export says about itself. A file format: add, never change.

use crate::archive::{Boundary, ClockSource, SliceRun};
use crate::domain::{CameraId, Excerpt, ExportId, PersonId};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// The manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Version of the form; 1.
    pub version: u32,
    /// The export, as the register names it.
    pub export: ExportId,
    /// What was asked for.
    pub footage: Excerpt,
    /// The site's name.
    pub site_name: String,
    /// What it is for, e.g. a requisition's reference, as typed.
    pub reference: String,
    /// When it was recorded in the register, UTC.
    pub exported_at_utc: DateTime<Utc>,
    /// By whom; a pseudonym, as in the register.
    pub exported_by: PersonId,
    /// Position of its entry in the register.
    pub register_seq: u64,
    /// Version of the program that made it.
    pub program: String,
    /// SHA-256 of the text for people, hexadecimal.
    pub readme_sha256: String,
    /// The time stamping service that was going to be asked; absent: none was configured.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub timestamp_service: Option<String>,
    /// What there is of each camera asked for.
    pub cameras: Vec<CameraEntry>,
}

/// One camera.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CameraEntry {
    /// The camera.
    pub camera: CameraId,
    /// Its name.
    pub name: String,
    /// Its files, oldest first.
    pub files: Vec<FileEntry>,
    /// Where nothing was recorded.
    pub gaps: Vec<Gap>,
    /// What was recorded and cannot be read.
    pub unreadable: Vec<Unreadable>,
}

/// One file: pictures without a break.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    /// Its name in the ZIP.
    pub name: String,
    /// Its length.
    pub bytes: u64,
    /// SHA-256, hexadecimal.
    pub sha256: String,
    /// When its first picture was taken, UTC.
    pub from_utc: DateTime<Utc>,
    /// Where its last picture ends, UTC.
    pub until_utc: DateTime<Utc>,
    /// Pictures in it.
    pub frames: u64,
    /// The stretches it is put together from, in order, byte after byte: so damage is narrowed down.
    pub stretches: Vec<StretchEntry>,
}

/// What one recorded segment gave to a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StretchEntry {
    /// When the segment's first picture was taken, UTC: its name in the archive.
    pub segment_started_at_utc: DateTime<Utc>,
    /// When the stretch's first picture was taken, UTC.
    pub from_utc: DateTime<Utc>,
    /// Where its last picture ends, UTC.
    pub until_utc: DateTime<Utc>,
    /// Whose clock says so.
    pub clock: ClockSource,
    /// The camera's clock minus the recorder's, milliseconds, where the camera tells it.
    pub clock_offset_ms: Option<i64>,
    /// Version of the program that recorded it.
    pub recorded_by: String,
    /// Its length in the file.
    pub bytes: u64,
    /// SHA-256, hexadecimal.
    pub sha256: String,
}

/// A time without pictures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// From this instant on, UTC.
    pub from_utc: DateTime<Utc>,
    /// Until this one, UTC.
    pub until_utc: DateTime<Utc>,
    /// Why; absent where nothing is known of that time.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub why: Option<Boundary>,
    /// Pictures known to be missing.
    pub missed_frames: u64,
}

/// Recorded, and not to be read now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unreadable {
    /// The segment.
    pub segment_started_at_utc: DateTime<Utc>,
    /// What is wrong.
    pub why: String,
}

/// Where a camera has no pictures within the footage asked for.
pub(super) fn gaps(footage: &Excerpt, runs: &[SliceRun]) -> Vec<Gap> {
    let (mut at, mut found) = (footage.from_utc, Vec::new());
    let mut before: Option<&SliceRun> = None;
    for run in runs {
        let Some((first, last)) = run.slices.first().zip(run.slices.last()) else { continue };
        let (from_utc, until_utc) = (first.from_utc(), last.until_utc());
        // A cut without missing pictures is no gap, even where two neighbours' clocks part by some milliseconds.
        let is_clock = matches!(run.began, Boundary::CameraClock | Boundary::WallClock);
        let goes_on = is_clock && before.is_some_and(|before| before.ended == Some(run.began));
        if from_utc > at && (run.missed_frames > 0 || !goes_on) {
            // The run that went on with another clock is not there.
            let why = if is_clock && !goes_on && before.is_some() { Boundary::Gone } else { run.began };
            let why = Some(why).filter(|why| why.is_gap());
            found.push(Gap { from_utc: at, until_utc: from_utc, why, missed_frames: run.missed_frames });
        }
        at = at.max(until_utc);
        before = Some(run);
    }
    if at < footage.until_utc {
        let why = runs.last().and_then(|run| run.ended).filter(|why| why.is_gap());
        found.push(Gap { from_utc: at, until_utc: footage.until_utc, why, missed_frames: 0 });
    }
    found
}
