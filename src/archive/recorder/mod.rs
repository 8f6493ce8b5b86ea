//! The recorder: one task per camera, from the hub into the [`Archive`](super::Archive), 24 hours a day.
//!
//! It is a reader of the hub like any viewer and disturbs nobody: what the disk cannot take in time is lost to the
//! recording alone, counted, and the gap has its reason. It needs no decision and leaves no entry in the register: that
//! is for transfers, and recording would drown them (`docs/design/archive.md`).

mod camera;
mod figures;
mod muxer;
mod tape;
#[cfg(test)]
mod tests;
mod wall;

pub use figures::{CameraRecording, RecordingState};
pub use wall::CameraClock;

use super::offsite::{Mirror, MirrorState};
use super::{Archive, ArchiveError, StorageReading};
use crate::clock::Clock;
use crate::domain::CameraId;
use crate::media::hub::Hub;
use camera::CameraTask;
use figures::Figures;
use gstreamer as gst;
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How footage is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecorderSettings {
    /// A segment is cut at the first keyframe after so long.
    pub segment: Duration,
    /// What a power cut may cost.
    pub fragment: Duration,
}

impl Default for RecorderSettings {
    /// Segments of 60 s, fragments of 1 s.
    fn default() -> Self {
        Self { segment: Duration::from_secs(60), fragment: Duration::from_secs(1) }
    }
}

/// Where the watch over the storage shows its last measurement; `None` before the first.
pub type Shown = tokio::sync::watch::Sender<Option<StorageReading>>;

/// The recorder. Cheap to clone.
#[derive(Clone)]
pub struct Recorder(Arc<Inner>);

/// What a recorder does.
enum Work {
    /// It records.
    Records,
    /// It should record, and cannot.
    Refused(String),
    /// Nobody asks it to; only what was recorded before runs out.
    RunsOut(String),
}

struct Inner {
    archive: Option<Archive>,
    work: Work,
    cameras: BTreeMap<CameraId, Arc<Figures>>,
    copy: OnceLock<Result<Mirror, String>>,
    storage: Shown,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Recorder {
    /// Records these cameras. Must be called inside a tokio runtime, after `gst::init()` and
    /// [`Archive::reconcile`](super::Archive::reconcile).
    ///
    /// # Errors
    /// [`ArchiveError::Gstreamer`] when an element is missing.
    pub fn start(
        archive: Archive,
        hub: &Arc<Hub>,
        clock: &Arc<dyn Clock>,
        cameras: Vec<CameraId>,
        settings: RecorderSettings,
    ) -> Result<Self, ArchiveError> {
        register_muxer()?;
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        let mut known = BTreeMap::new();
        for camera in cameras {
            let figures = Arc::new(Figures::new(camera.clone(), RecordingState::Waiting));
            known.insert(camera.clone(), figures.clone());
            let task = CameraTask {
                camera,
                archive: archive.clone(),
                hub: hub.clone(),
                clock: clock.clone(),
                figures,
                segment: settings.segment,
                fragment: settings.fragment,
                stop: stop.clone(),
            };
            tasks.spawn(task.run());
        }
        Ok(Self(Arc::new(Inner {
            archive: Some(archive),
            work: Work::Records,
            cameras: known,
            copy: OnceLock::new(),
            storage: Shown::new(None),
            stop,
            tasks,
        })))
    }

    /// Records nothing, and says why: the live part goes on without it.
    pub fn refused(why: &ArchiveError, cameras: Vec<CameraId>) -> Self {
        let state = || RecordingState::Stopped { why: why.to_string(), disk_full: why.is_disk_full() };
        let cameras = cameras.into_iter().map(|camera| (camera.clone(), Arc::new(Figures::new(camera, state()))));
        Self::idle(Work::Refused(why.to_string()), cameras.collect())
    }

    /// Records nothing because nobody asks for it; the sweep of what was recorded before can be kept with it (A5-4).
    pub fn running_out() -> Self {
        Self::idle(Work::RunsOut(ArchiveError::NotConfigured.to_string()), BTreeMap::new())
    }

    fn idle(work: Work, cameras: BTreeMap<CameraId, Arc<Figures>>) -> Self {
        Self(Arc::new(Inner {
            archive: None,
            work,
            cameras,
            copy: OnceLock::new(),
            storage: Shown::new(None),
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
        }))
    }

    /// Runs the sweep beside the recording until the recorder stops (A5-4).
    pub fn keep_retention(&self, sweep: super::retention::Retention) {
        self.0.tasks.spawn(sweep.run(self.0.stop.clone()));
    }

    /// Runs the watch over the storage until the recorder stops.
    pub fn keep_watch(&self, watch: super::watch::Watch) {
        self.0.tasks.spawn(watch.run(self.0.stop.clone(), self.0.storage.clone()));
    }

    /// How the recordings' disk is, as the watch measured it last; `None`: not yet.
    pub fn storage(&self) -> Option<StorageReading> {
        *self.0.storage.borrow()
    }

    /// Keeps this copy until the recorder stops, or remembers why the one that is configured cannot be kept. The first stays.
    pub fn keep_copy(&self, copy: Result<Mirror, String>) {
        let _ = self.0.copy.set(copy);
    }

    /// How the off-site copy is; `None`: none is configured.
    ///
    /// # Errors
    /// Why the one that is configured is not kept.
    pub fn copy(&self) -> Option<Result<MirrorState, &str>> {
        self.0.copy.get().map(|copy| copy.as_ref().map(Mirror::state).map_err(String::as_str))
    }

    /// The archive, for reading; `None` when it could not be opened.
    pub fn archive(&self) -> Option<&Archive> {
        self.0.archive.as_ref()
    }

    /// Why nothing at all is recorded.
    pub fn fault(&self) -> Option<&str> {
        match &self.0.work {
            Work::Records => None,
            Work::Refused(why) | Work::RunsOut(why) => Some(why),
        }
    }

    /// Whether the configuration asks for recording at all.
    pub fn is_configured(&self) -> bool {
        !matches!(self.0.work, Work::RunsOut(_))
    }

    /// How each camera's recording is.
    pub fn cameras(&self) -> Vec<CameraRecording> {
        self.0.cameras.values().map(|figures| figures.read()).collect()
    }

    /// How one camera's recording is.
    pub fn camera(&self, camera: &CameraId) -> Option<CameraRecording> {
        self.0.cameras.get(camera).map(|figures| figures.read())
    }

    /// Whether nothing that should be recorded is not.
    pub fn is_well(&self) -> bool {
        self.fault().is_none()
            && self.cameras().iter().all(|camera| !matches!(camera.state, RecordingState::Stopped { .. }))
    }

    /// Ends every segment and waits until it is durable.
    pub async fn shutdown(&self) {
        self.0.stop.cancel();
        self.0.tasks.close();
        if let Some(Ok(copy)) = self.0.copy.get() {
            copy.shutdown().await;
        }
        self.0.tasks.wait().await;
    }
}

impl std::fmt::Debug for Recorder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recorder").field("cameras", &self.0.cameras.len()).finish_non_exhaustive()
    }
}

/// Makes `cmafmux`, which is linked into the program, known to GStreamer; names elements that are missing.
fn register_muxer() -> Result<(), ArchiveError> {
    gstfmp4::plugin_register_static().map_err(|error| ArchiveError::Gstreamer(error.to_string()))?;
    for name in ["appsrc", "h264timestamper", "cmafmux", "appsink"] {
        if gst::ElementFactory::find(name).is_none() {
            let what = format!("element {name} is missing: install GStreamer's base and bad plugins");
            return Err(ArchiveError::Gstreamer(what));
        }
    }
    Ok(())
}
