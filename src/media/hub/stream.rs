//! One camera's live stream: the publisher's side and the figures.

use super::frame::Frame;
use super::health::{Meter, StreamHealth};
use super::reader::Reader;
use super::timeline::Timeline;
use super::window::Window;
use super::{HubLimits, lock};
use crate::domain::CameraId;
use chrono::{DateTime, Utc};
use gstreamer as gst;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Instant;
use tokio::sync::Notify;

/// Who feeds a stream, for the connection log and the pages (A6-7).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublisherInfo {
    /// Where it connects from.
    pub address: SocketAddr,
    /// When it began to publish, UTC.
    pub since_utc: DateTime<Utc>,
    /// What it calls itself (`User-Agent`), shortened to 100 characters.
    pub agent: Option<String>,
    /// TLS suite of its connection, IANA's name (A6-5); `None` on plain RTSP.
    pub tls: Option<String>,
    /// It offered sound, which was dropped.
    pub audio_dropped: bool,
}

/// The stream has a publisher already; one per camera.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("camera {camera} is already being published from {holder}")]
pub struct Busy {
    /// The camera.
    pub camera: CameraId,
    /// Who holds it.
    pub holder: SocketAddr,
}

/// One camera's live stream.
pub struct Stream {
    camera: CameraId,
    pub(super) state: Mutex<State>,
    pub(super) news: Notify,
}

pub(super) struct State {
    pub window: Window,
    /// Which publication holds the stream now.
    pub publication: Option<(u64, PublisherInfo)>,
    pub readers: usize,
    publications: u64,
    timeline: Timeline,
    meter: Meter,
    caps: Option<gst::Caps>,
    size: (u32, u32),
    codec: &'static str,
    wait_for_keyframe: bool,
    last_frame: Option<Instant>,
    frames: u64,
    bytes: u64,
    discarded: u64,
    clock_jumps: u64,
    audio_dropped: bool,
}

impl Stream {
    pub(super) fn new(camera: CameraId, limits: HubLimits) -> Self {
        let state = State {
            window: Window::new(limits),
            publication: None,
            readers: 0,
            publications: 0,
            timeline: Timeline::default(),
            meter: Meter::default(),
            caps: None,
            size: (0, 0),
            codec: "",
            wait_for_keyframe: true,
            last_frame: None,
            frames: 0,
            bytes: 0,
            discarded: 0,
            clock_jumps: 0,
            audio_dropped: false,
        };
        Self { camera, state: Mutex::new(state), news: Notify::new() }
    }

    /// Whose stream it is.
    pub fn camera(&self) -> &CameraId {
        &self.camera
    }

    /// Takes the stream for one publisher; it is online until the [`Publication`] is dropped.
    ///
    /// # Errors
    /// When another publication holds it: whether the newcomer may take over is the ingest's decision.
    pub fn publish(self: &Arc<Self>, publisher: PublisherInfo) -> Result<Publication, Busy> {
        let mut state = lock(&self.state);
        if let Some((_, holder)) = &state.publication {
            return Err(Busy { camera: self.camera.clone(), holder: holder.address });
        }
        state.publications += 1;
        let number = state.publications;
        state.audio_dropped = publisher.audio_dropped;
        state.publication = Some((number, publisher));
        state.timeline.new_publisher();
        state.wait_for_keyframe = true;
        state.window.forget_keyframe();
        drop(state);
        self.news.notify_waiters();
        Ok(Publication { stream: self.clone(), number, removed: Vec::new() })
    }

    /// Joins as a reader. It is told first whether the stream is online; then it gets the current group of pictures at
    /// once, if that is still kept, else starts with the next keyframe.
    pub fn subscribe(self: &Arc<Self>) -> Reader {
        let mut state = lock(&self.state);
        state.readers += 1;
        let cursor = state.window.keyframe().unwrap_or_else(|| state.window.next());
        drop(state);
        Reader::new(self.clone(), cursor)
    }

    /// The figures of this moment.
    pub fn health(&self) -> StreamHealth {
        self.health_at(Instant::now())
    }

    /// The figures at `now`.
    pub fn health_at(&self, now: Instant) -> StreamHealth {
        let state = lock(&self.state);
        let (fps, bitrate_bps) = state.meter.rates(now);
        StreamHealth {
            online: state.publication.is_some(),
            publisher: state.publication.as_ref().map(|(_, info)| info.clone()),
            last_frame_age: state.last_frame.map(|at| now.saturating_duration_since(at)),
            width: state.size.0,
            height: state.size.1,
            fps,
            bitrate_bps,
            codec: state.codec.to_owned(),
            frames: state.frames,
            bytes: state.bytes,
            discarded: state.discarded,
            clock_jumps: state.clock_jumps,
            publications: state.publications,
            readers: state.readers,
            window_bytes: state.window.bytes(),
            audio_dropped: state.audio_dropped,
        }
    }

    /// Called when a reader leaves. Images of a camera that is gone are not kept for nobody.
    pub(super) fn reader_left(&self) {
        let mut state = lock(&self.state);
        state.readers = state.readers.saturating_sub(1);
        if state.readers == 0 && state.publication.is_none() {
            let freed = state.window.clear();
            drop(state);
            drop(freed);
        }
    }
}

impl std::fmt::Debug for Stream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stream").field("camera", &self.camera).finish_non_exhaustive()
    }
}

/// The right to feed a stream. Dropping it takes the stream offline.
pub struct Publication {
    stream: Arc<Stream>,
    number: u64,
    /// Frames that left the window, freed after the lock; kept to reuse its memory.
    removed: Vec<Frame>,
}

impl Publication {
    /// Whose stream it feeds.
    pub fn camera(&self) -> &CameraId {
        &self.stream.camera
    }

    /// Gives a frame to all readers. [`Frame::time`] is taken as its arrival on the process's time line and the
    /// buffer's PTS as the camera's stamp; both are placed on the hub's line. Frames before the first keyframe, and
    /// after a change of caps before the next one, are discarded and counted. Never waits for a reader.
    pub fn push(&mut self, mut frame: Frame) {
        let now = frame.received;
        let mut state = lock(&self.stream.state);
        let state_ref = &mut *state;
        state_ref.adopt_caps(&mut frame);
        if state_ref.wait_for_keyframe && !frame.keyframe {
            state_ref.discarded += 1;
            return;
        }
        state_ref.wait_for_keyframe = false;
        let placed = state_ref.timeline.place(frame.buffer.pts(), frame.time);
        state_ref.clock_jumps += u64::from(placed.jumped);
        frame.time = placed.time;
        let buffer = frame.buffer.make_mut();
        buffer.set_pts(placed.pts);
        buffer.set_dts(gst::ClockTime::NONE);
        buffer.unset_flags(gst::BufferFlags::RESYNC);
        if placed.jumped {
            buffer.set_flags(gst::BufferFlags::RESYNC);
        }
        state_ref.frames += 1;
        state_ref.bytes += frame.buffer.size() as u64;
        state_ref.meter.count(frame.buffer.size(), now);
        state_ref.last_frame = Some(now);
        state_ref.window.push(frame, self.number, now, &mut self.removed);
        drop(state);
        self.stream.news.notify_waiters();
        self.removed.clear();
    }
}

impl State {
    /// Makes the frame carry the very caps object of its predecessor when nothing changed; a change needs a keyframe.
    fn adopt_caps(&mut self, frame: &mut Frame) {
        match &self.caps {
            Some(caps) if caps.as_ptr() == frame.caps.as_ptr() => {}
            Some(caps) if *caps == frame.caps => frame.caps = caps.clone(),
            _ => {
                let structure = frame.caps.structure(0);
                let field = |name| structure.and_then(|s| s.get::<i32>(name).ok()).map_or(0, i32::unsigned_abs);
                self.size = (field("width"), field("height"));
                self.codec = match structure.map(|s| s.name().as_str()) {
                    Some("video/x-h264") => "H264",
                    Some("video/x-h265") => "H265",
                    _ => "unknown",
                };
                self.caps = Some(frame.caps.clone());
                self.wait_for_keyframe = true;
            }
        }
    }
}

impl Drop for Publication {
    fn drop(&mut self) {
        let mut state = lock(&self.stream.state);
        state.publication = None;
        // A picture of the past is not a start for who joins now; who reads already may read to the end.
        state.window.forget_keyframe();
        let freed = (state.readers == 0).then(|| state.window.clear());
        drop(state);
        drop(freed);
        self.stream.news.notify_waiters();
    }
}

impl std::fmt::Debug for Publication {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Publication").field("camera", &self.stream.camera).field("number", &self.number).finish()
    }
}
