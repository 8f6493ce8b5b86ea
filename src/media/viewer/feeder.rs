//! One task per viewer and camera: takes frames from the hub and hands them to the branch's source, paced.
//!
//! It has no thread and holds nobody up: a viewer whose line is slow makes its own feeder wait, whose reader then skips to
//! a keyframe; the camera, the recording and the other viewers do not notice.

use super::pacer::{Pace, Pacer, Picture, ns};
use super::vitals::Vitals;
use crate::media::hub::{Frame, Item, Stream};
use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app as gst_app;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Catching up runs at ten times real speed: a group of pictures of 4 s in 0.4 s.
const CATCH_UP_SPEED: f64 = 10.0;
/// Bits per second of one viewer while it catches up, over all its cameras.
const CATCH_UP_BITS_PER_S: f64 = 80e6;
/// Between two replays that a viewer asks for: it is no way to make us send more.
const REPLAY_PAUSE: Duration = Duration::from_secs(2);
/// What may wait in a branch's source before its feeder does: about a second of a large camera.
const QUEUE_BYTES: u64 = 1 << 20;
/// How often a waiting feeder looks again.
const QUEUE_POLL: Duration = Duration::from_millis(10);

/// One camera on its way to one viewer.
pub(super) struct Feeder {
    /// Which leg of the branch it is.
    pub leg: usize,
    /// How many legs share the line.
    pub legs: usize,
    pub stream: Arc<Stream>,
    pub source: gst_app::AppSrc,
    pub clock: gst::Clock,
    pub base_time: gst::ClockTime,
    pub vitals: Arc<Vitals>,
}

impl Feeder {
    /// Feeds until the source is taken apart, or the task is aborted.
    pub async fn run(self) {
        let camera = self.stream.camera().clone();
        let mut reader = self.stream.subscribe();
        let mut pacer =
            Pacer::new(Pace { speed: CATCH_UP_SPEED, bits_per_s: CATCH_UP_BITS_PER_S / self.legs.max(1) as f64 });
        let mut caps: Option<gst::Caps> = None;
        let mut replayed_at = Instant::now();
        loop {
            let item = tokio::select! {
                item = reader.next() => item,
                () = self.keyframe_wanted() => {
                    if replayed_at.elapsed() >= REPLAY_PAUSE {
                        tracing::debug!(%camera, "keyframe asked for: the current group of pictures is replayed");
                        replayed_at = Instant::now();
                        reader = self.stream.subscribe();
                        pacer.restart();
                    }
                    continue;
                }
            };
            match item {
                Item::Frame(frame) => {
                    if self.hand_on(frame, &mut pacer, &mut caps).await.is_err() {
                        return;
                    }
                }
                Item::Skipped { frames } => {
                    tracing::debug!(%camera, frames, "the viewer's line is slow: skipped to a keyframe");
                    pacer.restart();
                }
                Item::Online | Item::Offline => pacer.restart(),
            }
        }
    }

    async fn keyframe_wanted(&self) {
        match self.vitals.cameras.get(self.leg) {
            Some(camera) => camera.keyframe_wanted.notified().await,
            None => std::future::pending().await,
        }
    }

    /// Sends one frame when its time has come. An error: the source takes no more.
    async fn hand_on(
        &self,
        frame: Frame,
        pacer: &mut Pacer,
        caps: &mut Option<gst::Caps>,
    ) -> Result<(), gst::FlowError> {
        while self.source.current_level_bytes() > QUEUE_BYTES {
            tokio::time::sleep(QUEUE_POLL).await;
        }
        let now_ns = self.running_ns(self.clock.time());
        let picture = Picture {
            time_ns: self.running_ns(frame.time),
            received_ns: now_ns - ns(frame.received.elapsed()),
            bytes: frame.buffer.size(),
        };
        let step = pacer.plan(picture, now_ns);
        // The runtime's timer counts in milliseconds; what is due earlier goes out now.
        if step.at_ns - now_ns >= 1_000_000 {
            tokio::time::sleep(Duration::from_nanos((step.at_ns - now_ns).unsigned_abs())).await;
        }
        if caps.as_ref() != Some(&frame.caps) {
            self.source.set_caps(Some(&frame.caps));
            *caps = Some(frame.caps);
        }
        // A copy of the header: the payload stays shared with the hub.
        let mut buffer = frame.buffer.copy();
        let header = buffer.make_mut();
        header.set_pts(gst::ClockTime::from_nseconds(step.pts_ns.unsigned_abs()));
        header.set_dts(gst::ClockTime::NONE);
        self.source.push_buffer(buffer)?;
        self.vitals.sent(self.leg, frame.received);
        Ok(())
    }

    /// A time of the process's clock on the branch's own line; negative before the branch was made.
    fn running_ns(&self, time: gst::ClockTime) -> i64 {
        let signed = |t: gst::ClockTime| i64::try_from(t.nseconds()).unwrap_or(i64::MAX);
        signed(time) - signed(self.base_time)
    }
}
