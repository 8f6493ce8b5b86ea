//! One recorded segment, as the index knows it.

use crate::domain::CameraId;
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Why a segment begins or ends where it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Boundary {
    /// It was long enough: the next segment goes on with the very next picture.
    Length,
    /// The camera went away, or came back.
    Camera,
    /// The camera's clock jumped. No picture is missing.
    CameraClock,
    /// This machine's clock, or the difference to the camera's, was stepped. No picture is missing.
    WallClock,
    /// Resolution or parameter sets changed.
    Format,
    /// The recorder fell behind (a slow disk) and pictures are missing.
    Behind,
    /// The disk refused: full, or broken.
    Storage,
    /// The recorder started, or stopped in order.
    Recorder,
    /// The recorder ended without a last word; closed at the next start.
    Crash,
    /// What was recorded here is not there any more: destroyed, or its file is away. Never written by the recorder: it is
    /// what the index finds between two segments that once followed each other.
    Gone,
}

impl Boundary {
    /// The word used in interfaces, metrics and texts.
    pub fn as_str(self) -> &'static str {
        match self {
            Boundary::Length => "length",
            Boundary::Camera => "camera",
            Boundary::CameraClock => "camera-clock",
            Boundary::WallClock => "wall-clock",
            Boundary::Format => "format",
            Boundary::Behind => "behind",
            Boundary::Storage => "storage",
            Boundary::Recorder => "recorder",
            Boundary::Crash => "crash",
            Boundary::Gone => "gone",
        }
    }

    /// Whether something else than an ordinary cut lies here.
    pub fn is_gap(self) -> bool {
        self != Boundary::Length
    }
}

/// Names one segment: its camera and when its first picture was taken, to the millisecond.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SegmentId {
    /// The camera.
    pub camera: CameraId,
    /// UTC, milliseconds.
    pub started_at_utc: DateTime<Utc>,
}

impl SegmentId {
    pub(super) fn key(&self) -> String {
        key(&self.camera, self.started_at_utc)
    }

    pub(super) fn time_key(&self) -> String {
        format!("{}/{}", time(self.started_at_utc), self.camera)
    }
}

impl fmt::Display for SegmentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.camera, self.started_at_utc.format("%Y-%m-%dT%H:%M:%S%.3fZ"))
    }
}

pub(super) fn time(at: DateTime<Utc>) -> String {
    // Thirteen digits reach the year 2286; fifteen keep the order beyond. Before 1970 there was no footage.
    format!("{:015}", at.timestamp_millis().max(0))
}

pub(super) fn key(camera: &CameraId, at: DateTime<Utc>) -> String {
    format!("{camera}/{}", time(at))
}

/// No segment is longer: an hour is the longest that can be configured, and a group of pictures goes beyond it.
pub const LONGEST_SEGMENT: TimeDelta = TimeDelta::minutes(62);

/// How far a segment's life has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SegmentState {
    /// Being written; its figures are not known yet.
    Open,
    /// Whole and closed.
    Closed,
    /// Nobody writes it any more, and it cannot be closed: it is damaged, or its day's key is not there. Each start tries
    /// again; its time runs like any other's.
    Torn,
    /// Its file is gone or about to go.
    Deleting,
    /// The file that should be there is not.
    Missing,
}

/// One segment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentRow {
    /// The camera.
    pub camera: CameraId,
    /// When its first picture was taken, UTC.
    pub started_at_utc: DateTime<Utc>,
    /// Where its last picture ends, UTC; its start while it is open, and the latest it can have ended where nobody knows.
    pub ended_at_utc: DateTime<Utc>,
    /// When its first picture was taken by the time that had passed, UTC, where the calendar was in doubt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trusted_utc: Option<DateTime<Utc>>,
    /// Its file, relative to the archive's directory.
    pub file: String,
    /// How far it is.
    pub state: SegmentState,
    /// Why it begins here.
    pub began: Boundary,
    /// Why it ends there; `None` where it never was closed.
    pub ended: Option<Boundary>,
    /// Pictures known to be missing before it.
    pub missed_frames: u64,
    /// Pictures in it.
    pub frames: u64,
    /// Fragments in it.
    pub fragments: u32,
    /// Bytes on disk.
    pub bytes: u64,
}

impl SegmentRow {
    /// Its name.
    pub fn id(&self) -> SegmentId {
        SegmentId { camera: self.camera.clone(), started_at_utc: self.started_at_utc }
    }

    /// The last instant at which it is known to have been recorded, UTC.
    pub fn last_known_utc(&self) -> DateTime<Utc> {
        if self.ended.is_some() { self.ended_at_utc } else { self.started_at_utc }
    }

    pub(super) fn adrift_key(&self) -> Option<String> {
        self.trusted_utc.map(|trusted| format!("{}/{}", key(&self.camera, trusted), time(self.started_at_utc)))
    }
}
