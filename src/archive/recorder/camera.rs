//! One camera's task: reads the hub like any viewer, starts a muxer for each run, says when and why a segment must be
//! cut, and starts again by itself after whatever went wrong. Works per keyframe, not per packet, wherever it can.

use super::figures::Figures;
use super::muxer::Muxer;
use super::tape::{Head, Tape, Wishes, lock};
use super::wall::{Mapping, Wall, is_step};
use crate::archive::{Archive, ArchiveError, Boundary};
use crate::clock::Clock;
use crate::domain::CameraId;
use crate::media::hub::{Frame, Hub, Item};
use gst::prelude::*;
use gstreamer as gst;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// After the disk has refused, nothing is tried for so long.
const RETRY_AFTER: Duration = Duration::from_secs(5);
/// While the muxer is full, it is looked at so often.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// A camera that was silent for so long and then went on has a gap there.
const SILENCE: gst::ClockTime = gst::ClockTime::from_seconds(2);

/// What a camera's task needs.
pub(super) struct CameraTask {
    pub camera: CameraId,
    pub archive: Archive,
    pub hub: Arc<Hub>,
    pub clock: Arc<dyn Clock>,
    pub figures: Arc<Figures>,
    pub segment: Duration,
    pub fragment: Duration,
    pub stop: CancellationToken,
}

/// A run of pictures without a break.
struct Run {
    muxer: Muxer,
    tape: Arc<Mutex<Tape>>,
    wishes: Arc<Mutex<Wishes>>,
    caps: gst::Caps,
    pushed: u64,
    last: gst::ClockTime,
    /// Since the last keyframe the camera was silent for a while, or its clock jumped.
    silent: bool,
    jumped: bool,
}

struct State {
    task: CameraTask,
    run: Option<Run>,
    wall: Wall,
    /// Why the next run begins.
    next: Boundary,
    missed: u64,
    not_before: Option<Instant>,
}

impl CameraTask {
    /// Records until told to stop; what was recorded is durable when this returns.
    pub async fn run(self) {
        let mut reader = self.hub.stream(&self.camera).subscribe();
        let stop = self.stop.clone();
        let mut state = State {
            task: self,
            run: None,
            wall: Wall::default(),
            next: Boundary::Recorder,
            missed: 0,
            not_before: None,
        };
        loop {
            let item = tokio::select! {
                biased;
                item = reader.next() => item,
                () = stop.cancelled() => break,
            };
            match item {
                Item::Frame(frame) => state.frame(frame).await,
                Item::Online => {}
                Item::Offline => {
                    state.end(Boundary::Camera).await;
                    state.wall.forget();
                    state.task.figures.waiting();
                    if stop.is_cancelled() {
                        break;
                    }
                }
                Item::Skipped { frames } => {
                    tracing::warn!(camera = %state.task.camera, frames, "the recorder fell behind; pictures are missing");
                    state.end(Boundary::Behind).await;
                    state.missed += frames;
                }
            }
        }
        state.end(Boundary::Recorder).await;
    }
}

impl State {
    async fn frame(&mut self, frame: Frame) {
        if self.run.as_ref().is_some_and(|run| run.caps.as_ptr() != frame.caps.as_ptr()) {
            self.end(Boundary::Format).await;
        }
        if self.run.is_none() && !self.begin(&frame) {
            self.missed += 1;
            return;
        }
        let mapping = frame.keyframe.then(|| self.look(&frame));
        let Some(run) = &mut self.run else { return };
        run.silent |= frame.time.saturating_sub(run.last) >= SILENCE;
        run.jumped |= frame.buffer.flags().contains(gst::BufferFlags::RESYNC);
        run.last = frame.time;
        if let Some(mapping) = mapping {
            run.keyframe(&frame, mapping);
        }
        while !run.muxer.has_room() && !run.muxer.has_failed() {
            tokio::time::sleep(LOOK_EVERY).await;
            if self.task.stop.is_cancelled() {
                break;
            }
        }
        run.pushed += 1;
        if run.muxer.has_failed() || !run.muxer.push(frame) {
            self.give_up().await;
        }
    }

    /// Starts a run with this picture, if it can be one's first and it is time. Whether it did.
    fn begin(&mut self, frame: &Frame) -> bool {
        if !frame.keyframe || self.not_before.is_some_and(|at| Instant::now() < at) {
            return false;
        }
        let mapping = self.look(frame);
        let wishes = Wishes::new(mapping);
        let task = &self.task;
        let mut tape =
            Tape::new(task.archive.clone(), task.camera.clone(), task.segment, task.figures.clone(), wishes.clone());
        tape.begins(self.next, self.missed);
        let tape = Arc::new(Mutex::new(tape));
        match Muxer::start(frame, task.fragment, Head(tape.clone())) {
            Ok(muxer) => {
                self.missed = 0;
                let (caps, last) = (frame.caps.clone(), frame.time);
                self.run = Some(Run { muxer, tape, wishes, caps, pushed: 0, last, silent: false, jumped: false });
                true
            }
            Err(error) => {
                self.refused(&error);
                false
            }
        }
    }

    /// Ends the run, if there is one; what was pushed is durable when this returns.
    async fn end(&mut self, why: Boundary) {
        let Some(run) = self.run.take() else { return };
        let pushed = run.pushed;
        let ended = tokio::task::spawn_blocking(move || {
            let well = run.muxer.finish();
            let mut tape = lock(&run.tape);
            let closed = tape.end(why);
            (well && closed, tape.written_frames(), tape.untold())
        });
        match ended.await {
            Ok((well, written, untold)) => {
                self.missed += untold + pushed.saturating_sub(written);
                self.next = if well { why } else { Boundary::Storage };
            }
            Err(error) => {
                tracing::error!(camera = %self.task.camera, %error, "a run of recording did not end in order");
                self.next = Boundary::Storage;
            }
        }
    }

    /// The disk or the muxer refused: another attempt in a while.
    async fn give_up(&mut self) {
        self.end(Boundary::Storage).await;
        self.next = Boundary::Storage;
        self.not_before = Some(Instant::now() + RETRY_AFTER);
    }

    fn refused(&mut self, error: &ArchiveError) {
        self.task.figures.stopped(error);
        self.not_before = Some(Instant::now() + RETRY_AFTER);
    }

    fn look(&mut self, frame: &Frame) -> Mapping {
        let mapping = self.wall.look(frame, self.task.clock.utc(), gst::SystemClock::obtain().time());
        self.task.figures.clock(self.wall.camera_clock());
        mapping
    }
}

impl Run {
    /// What a keyframe tells the tape: the clocks, and whether a new segment must begin here.
    fn keyframe(&mut self, frame: &Frame, mapping: Mapping) {
        let mut wishes = lock(&self.wishes);
        let stepped = is_step(wishes.mapping, mapping);
        let (silent, jumped) = (std::mem::take(&mut self.silent), std::mem::take(&mut self.jumped));
        let why = match (silent, jumped, stepped) {
            (true, _, _) => Some(Boundary::Camera),
            (_, true, _) => Some(Boundary::CameraClock),
            (_, _, true) => Some(Boundary::WallClock),
            _ => None,
        };
        wishes.mapping = mapping;
        if let (Some(why), true) = (why, self.pushed > 0) {
            wishes.cuts.push_back((frame.buffer.pts().unwrap_or(frame.time), why));
        }
    }
}
