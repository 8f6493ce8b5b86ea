//! The hub: one live stream per camera, between the publisher that feeds it and the readers that come and go.
//!
//! Guarantees:
//! - **A reader never delays another reader or the publisher.** Readers are cursors into one bounded window of frames
//!   per camera; pushing a frame costs one short lock and one wake-up, whatever the number of readers.
//! - A new reader starts at once with the current group of pictures, when it is still in the window.
//! - A reader that falls out of the window skips to a keyframe and is told how many frames it missed.
//! - The first frame after [`Item::Online`], [`Item::Skipped`] or a change of [`Frame::caps`] is a keyframe.
//! - [`Frame::time`] never goes backwards within a stream, also across publishers and whatever a camera's clock does.
//! - Memory per camera is bounded in frames and bytes ([`HubLimits`]), and does not grow with readers. Payload is never
//!   copied or decoded: frames share the ingest's `gst::Buffer`.
//!
//! Not its job: deciding who may publish or read (the ingest and the `Grant` do), threads (it has none), sound (no audio
//! ever gets here).
//!
//! Serves A4-4 (live figures of what flows), A6-7 (one reader's end never disturbs the recording), fault 16 (the age of
//! a picture is known). The design note is `docs/design/hub.md`.

mod frame;
mod health;
mod reader;
mod stream;
#[cfg(test)]
mod tests;
mod timeline;
mod window;

pub use frame::Frame;
pub use health::StreamHealth;
pub use reader::{Item, Reader};
pub use stream::{Busy, Publication, PublisherInfo, Stream};

use crate::domain::CameraId;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How much of each camera's recent past is kept in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HubLimits {
    /// Most frames kept per camera. A group of pictures longer than this cannot be joined before its next keyframe.
    pub frames: usize,
    /// Most bytes kept per camera, payload alone. The newest frame is kept whatever its size.
    pub bytes: usize,
    /// How far back, before the current group of pictures, frames are kept for a reader that is late.
    pub behind: Duration,
}

impl Default for HubLimits {
    /// 1,500 frames (one minute at 25/s), 16 MiB, 3 s behind the current group of pictures.
    fn default() -> Self {
        Self { frames: 1_500, bytes: 16 << 20, behind: Duration::from_secs(3) }
    }
}

/// All cameras' live streams.
#[derive(Debug)]
pub struct Hub {
    limits: HubLimits,
    streams: Mutex<HashMap<CameraId, Arc<Stream>>>,
}

impl Hub {
    /// An empty hub.
    pub fn new(limits: HubLimits) -> Arc<Hub> {
        Arc::new(Self { limits, streams: Mutex::default() })
    }

    /// The camera's stream, made on first use. Callers name configured cameras only, so the map is bounded.
    pub fn stream(&self, camera: &CameraId) -> Arc<Stream> {
        let mut streams = lock(&self.streams);
        match streams.get(camera) {
            Some(stream) => stream.clone(),
            None => {
                let stream = Arc::new(Stream::new(camera.clone(), self.limits));
                streams.insert(camera.clone(), stream.clone());
                stream
            }
        }
    }

    /// Health of every stream made so far, ordered by camera.
    pub fn health(&self) -> Vec<(CameraId, StreamHealth)> {
        let streams: Vec<_> = lock(&self.streams).values().cloned().collect();
        let mut all: Vec<_> = streams.iter().map(|s| (s.camera().clone(), s.health())).collect();
        all.sort_by(|(a, _), (b, _)| a.cmp(b));
        all
    }
}

/// Takes a lock even when a holder panicked: every critical section here leaves its data whole at each step.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
