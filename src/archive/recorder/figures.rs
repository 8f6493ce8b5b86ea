//! How each camera's recording is, for pages, health checks and metrics.

use super::wall::CameraClock;
use crate::archive::{ArchiveError, Boundary, Shot};
use crate::domain::CameraId;
use chrono::{DateTime, Utc};
use metrics::gauge;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Whether a camera is being recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecordingState {
    /// Its pictures go into the archive.
    Recording,
    /// No pictures come; recording begins with the first one.
    Waiting,
    /// Pictures come and are not recorded.
    Stopped {
        /// Why, in words for the log and the administrator.
        why: String,
        /// The disk is full: it resumes by itself once there is space (fault 13).
        disk_full: bool,
    },
}

impl RecordingState {
    /// The word used in interfaces and metrics.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Recording => "recording",
            Self::Waiting => "waiting",
            Self::Stopped { disk_full: true, .. } => "disk-full",
            Self::Stopped { disk_full: false, .. } => "stopped",
        }
    }
}

/// One camera's recording.
#[derive(Debug, Clone, PartialEq)]
pub struct CameraRecording {
    /// The camera.
    pub camera: CameraId,
    /// Whether it is being recorded.
    pub state: RecordingState,
    /// Segments closed since the server started.
    pub segments: u64,
    /// Pictures recorded since then.
    pub frames: u64,
    /// Bytes of footage since then.
    pub bytes: u64,
    /// Gaps since then, the start of recording included.
    pub gaps: u64,
    /// Why the newest run of recording began.
    pub last_gap: Option<Boundary>,
    /// When the open segment began, UTC.
    pub segment_since_utc: Option<DateTime<Utc>>,
    /// Up to when pictures are durable, UTC.
    pub durable_until_utc: Option<DateTime<Utc>>,
    /// The camera's clock against this machine's.
    pub clock: Option<CameraClock>,
}

/// The figures of one camera, written by its task and its tape.
#[derive(Debug)]
pub(super) struct Figures(Mutex<CameraRecording>);

impl Figures {
    pub fn new(camera: CameraId, state: RecordingState) -> Self {
        Self(Mutex::new(CameraRecording {
            camera,
            state,
            segments: 0,
            frames: 0,
            bytes: 0,
            gaps: 0,
            last_gap: None,
            segment_since_utc: None,
            durable_until_utc: None,
            clock: None,
        }))
    }

    pub fn read(&self) -> CameraRecording {
        self.lock().clone()
    }

    pub fn waiting(&self) {
        let mut now = self.lock();
        (now.state, now.clock, now.segment_since_utc) = (RecordingState::Waiting, None, None);
    }

    /// Recording has stopped; said once, not at each attempt.
    pub fn stopped(&self, error: &ArchiveError) {
        let mut now = self.lock();
        let state = RecordingState::Stopped { why: error.to_string(), disk_full: error.is_disk_full() };
        if now.state.as_str() != state.as_str() {
            tracing::error!(camera = %now.camera, %error, "recording has stopped; it is tried again every 5 s");
        }
        (now.state, now.segment_since_utc) = (state, None);
    }

    pub fn wrote(&self, shot: Shot, bytes: u64, since_utc: DateTime<Utc>) {
        let mut now = self.lock();
        if matches!(now.state, RecordingState::Stopped { .. }) {
            tracing::info!(camera = %now.camera, "recording has resumed");
        }
        now.state = RecordingState::Recording;
        now.frames += u64::from(shot.frames);
        now.bytes += bytes;
        now.segment_since_utc = Some(since_utc);
        let end_us = shot.start_us.saturating_add(i64::from(shot.duration_us));
        now.durable_until_utc = DateTime::from_timestamp_micros(end_us);
    }

    pub fn closed(&self) {
        let mut now = self.lock();
        now.segments += 1;
        now.segment_since_utc = None;
    }

    pub fn gap(&self, why: Boundary) {
        let mut now = self.lock();
        now.gaps += 1;
        now.last_gap = Some(why);
    }

    pub fn clock(&self, clock: CameraClock) {
        let mut now = self.lock();
        let camera = now.camera.to_string();
        if let Some(offset_ms) = clock.offset_ms {
            gauge!("ecluse_camera_clock_offset_seconds", "camera" => camera.clone()).set(offset_ms as f64 / 1_000.0);
        }
        if let Some(drift_ppm) = clock.drift_ppm {
            gauge!("ecluse_camera_clock_drift_ppm", "camera" => camera).set(drift_ppm);
        }
        now.clock = Some(clock);
    }

    fn lock(&self) -> MutexGuard<'_, CameraRecording> {
        // Plain figures: whole at every step.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
