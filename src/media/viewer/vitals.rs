//! Signs of life of a branch, written by media threads without a lock and read by its task and the administrator's page.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// What a branch's threads leave for others to read.
#[derive(Debug)]
pub(super) struct Vitals {
    origin: Instant,
    /// Microseconds since `origin`.
    heard_us: AtomicI64,
    /// One per leg.
    pub cameras: Vec<CameraVitals>,
}

/// The same for one camera.
#[derive(Debug)]
pub(super) struct CameraVitals {
    /// The viewer asks for a keyframe.
    pub keyframe_wanted: Notify,
    /// When the newest frame that was handed on had arrived at the server, microseconds since `origin`, negative when
    /// before.
    newest_us: AtomicI64,
}

impl Vitals {
    /// Nothing heard, nothing sent.
    pub fn new(cameras: usize) -> Self {
        Self {
            origin: Instant::now(),
            heard_us: AtomicI64::new(0),
            cameras: (0..cameras)
                .map(|_| CameraVitals { keyframe_wanted: Notify::new(), newest_us: AtomicI64::new(NEVER) })
                .collect(),
        }
    }

    /// The peer has sent something. Called for every packet: one clock read, one store.
    pub fn heard(&self) {
        self.heard_us.store(self.at(Instant::now()), Ordering::Relaxed);
    }

    /// How long ago the peer was last heard, or since the branch was made.
    pub fn silent_for(&self) -> Duration {
        self.since(self.heard_us.load(Ordering::Relaxed))
    }

    /// A frame that arrived at `received` was handed on for leg `leg`.
    pub fn sent(&self, leg: usize, received: Instant) {
        if let Some(camera) = self.cameras.get(leg) {
            camera.newest_us.store(self.at(received), Ordering::Relaxed);
        }
    }

    /// Age of the newest picture of leg `leg`; `None` before the first.
    pub fn picture_age(&self, leg: usize) -> Option<Duration> {
        let newest_us = self.cameras.get(leg)?.newest_us.load(Ordering::Relaxed);
        (newest_us != NEVER).then(|| self.since(newest_us))
    }

    fn at(&self, instant: Instant) -> i64 {
        let us = |duration: Duration| i64::try_from(duration.as_micros()).unwrap_or(i64::MAX);
        match instant.checked_duration_since(self.origin) {
            Some(after) => us(after),
            None => -us(self.origin.duration_since(instant)),
        }
    }

    fn since(&self, us: i64) -> Duration {
        let ago_us = self.at(Instant::now()).saturating_sub(us);
        Duration::from_micros(u64::try_from(ago_us).unwrap_or(0))
    }
}

const NEVER: i64 = i64::MIN;
