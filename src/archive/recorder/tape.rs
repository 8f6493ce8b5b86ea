//! Where one camera's fragments go: into the open segment, and at the right fragment into the next one. Runs on the
//! muxer's thread; a slow disk holds up this camera's recording and nothing else.

use super::figures::Figures;
use super::muxer::{Chunk, Taker};
use super::wall::Mapping;
use crate::archive::{Archive, ArchiveError, Beginning, Boundary, OpenSegment, Shot};
use crate::domain::CameraId;
use gstreamer as gst;
use metrics::{counter, histogram};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// What the camera's task wants of the tape.
#[derive(Debug)]
pub(super) struct Wishes {
    /// How to get from the hub's line to the calendar, as of the newest keyframe.
    pub mapping: Mapping,
    /// Begin a new segment with the first keyframe at or after this, for this reason.
    pub cut: Option<(gst::ClockTime, Boundary)>,
}

/// One camera's tape.
pub(super) struct Tape {
    archive: Archive,
    camera: CameraId,
    length: gst::ClockTime,
    figures: Arc<Figures>,
    wishes: Wishes,
    /// The muxer's header of this run, for each of its segments.
    init: Vec<u8>,
    open: Option<Open>,
    next: Boundary,
    missed: u64,
    written_frames: u64,
    failed: bool,
}

struct Open {
    segment: OpenSegment,
    since: gst::ClockTime,
    mapping: Mapping,
}

impl Tape {
    pub fn new(archive: Archive, camera: CameraId, length: Duration, figures: Arc<Figures>, mapping: Mapping) -> Self {
        // A segment's length comes from the configuration, which allows an hour.
        let length = gst::ClockTime::try_from(length).unwrap_or(gst::ClockTime::MAX);
        let wishes = Wishes { mapping, cut: None };
        let (init, next) = (Vec::new(), Boundary::Recorder);
        Self {
            archive,
            camera,
            length,
            figures,
            wishes,
            init,
            open: None,
            next,
            missed: 0,
            written_frames: 0,
            failed: false,
        }
    }

    /// The first segment of this run begins for this reason, after so many pictures that are missing.
    pub fn begins(&mut self, why: Boundary, missed: u64) {
        (self.next, self.missed) = (why, missed);
    }

    /// What is wanted of it.
    pub fn wishes(&mut self) -> &mut Wishes {
        &mut self.wishes
    }

    /// The mapping the open segment was begun with.
    pub fn mapping(&self) -> Option<Mapping> {
        self.open.as_ref().map(|open| open.mapping)
    }

    /// Pictures that are durable.
    pub fn written_frames(&self) -> u64 {
        self.written_frames
    }

    /// Ends the open segment. What a failed write left open is ended by the next segment or the next start.
    pub fn end(&mut self, why: Boundary) {
        if let Some(open) = self.open.take()
            && !self.failed
            && let Err(error) = self.close(open, why)
        {
            self.fail(&error);
        }
    }

    fn close(&mut self, open: Open, why: Boundary) -> Result<(), ArchiveError> {
        let row = open.segment.finish(why)?;
        counter!("ecluse_recorder_segments_total", "camera" => self.camera.to_string()).increment(1);
        tracing::debug!(segment = %row.id(), frames = row.frames, ended = why.as_str(), "segment closed");
        self.figures.closed();
        Ok(())
    }

    fn fail(&mut self, error: &ArchiveError) {
        self.failed = true;
        self.figures.stopped(error);
    }

    fn write(&mut self, chunk: &Chunk<'_>) -> Result<(), ArchiveError> {
        if let Some(header) = chunk.header {
            self.init = bytes_of(header)?;
        }
        if chunk.keyframe
            && let Some(why) = self.is_due(chunk.time)
            && let Some(open) = self.open.take()
        {
            self.close(open, why)?;
            self.next = why;
        }
        if self.open.is_none() {
            self.open = Some(self.begin(chunk.time)?);
        }
        let Some(open) = &mut self.open else { return Ok(()) };
        let shot = Shot {
            start_us: open.mapping.us(chunk.time),
            duration_us: u32::try_from(chunk.duration.useconds()).unwrap_or(u32::MAX),
            frames: u16::try_from(chunk.frames()).unwrap_or(u16::MAX),
            keyframe: chunk.keyframe,
        };
        let maps = maps(&chunk.parts)?;
        let length = maps.iter().map(|map| map.len()).sum();
        let began = Instant::now();
        open.segment.fragment(shot, length, maps.iter().map(|map| map.as_slice()))?;
        histogram!("ecluse_recorder_write_seconds").record(began.elapsed().as_secs_f64());
        counter!("ecluse_recorder_bytes_total", "camera" => self.camera.to_string()).increment(length as u64);
        counter!("ecluse_recorder_frames_total", "camera" => self.camera.to_string()).increment(u64::from(shot.frames));
        self.written_frames += u64::from(shot.frames);
        self.figures.wrote(shot, length as u64, open.segment.started_at_utc());
        Ok(())
    }

    /// Why a new segment is due at this keyframe; `None`: it is not.
    fn is_due(&mut self, time: gst::ClockTime) -> Option<Boundary> {
        let open = self.open.as_ref()?;
        if let Some((from, why)) = self.wishes.cut
            && time >= from
        {
            self.wishes.cut = None;
            return Some(why);
        }
        (time >= open.since.saturating_add(self.length)).then_some(Boundary::Length)
    }

    fn begin(&mut self, time: gst::ClockTime) -> Result<Open, ArchiveError> {
        if self.next == Boundary::Storage {
            self.archive.salvage(&self.camera)?;
        }
        let mapping = self.wishes.mapping;
        let started_us = mapping.us(time);
        let beginning = Beginning {
            camera: self.camera.clone(),
            started_at_utc: chrono::DateTime::from_timestamp_micros(started_us).unwrap_or_default(),
            began: self.next,
            missed_frames: std::mem::take(&mut self.missed),
            clock: mapping.source,
            clock_offset_ms: mapping.camera_ns.map(|ns| ns / 1_000_000),
        };
        if self.next.is_gap() {
            counter!("ecluse_recorder_gaps_total", "camera" => self.camera.to_string(), "reason" => self.next.as_str())
                .increment(1);
            tracing::info!(
                camera = %self.camera,
                reason = self.next.as_str(),
                missed_frames = beginning.missed_frames,
                clock = mapping.source.as_str(),
                "recording begins"
            );
            self.figures.gap(self.next);
        }
        let mut segment = self.archive.begin(beginning)?;
        segment.init(self.init.len(), std::iter::once(&self.init[..]))?;
        self.next = Boundary::Length;
        Ok(Open { segment, since: time, mapping })
    }
}

/// The end of the muxer that writes on a tape.
pub(super) struct Head(pub Arc<Mutex<Tape>>);

impl Taker for Head {
    fn take(&mut self, chunk: &Chunk<'_>) -> Result<(), ()> {
        let mut tape = lock(&self.0);
        if tape.failed {
            return Err(());
        }
        tape.write(chunk).map_err(|error| tape.fail(&error))
    }
}

/// Takes the tape even when a holder panicked: it then ends its segment where it stood.
pub(super) fn lock(tape: &Mutex<Tape>) -> MutexGuard<'_, Tape> {
    tape.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Every memory of every buffer, mapped where it lies: mapping a whole buffer would first copy its memories together.
fn maps<'a>(parts: &[&'a gst::BufferRef]) -> Result<Vec<gst::MemoryMap<'a, gst::memory::Readable>>, ArchiveError> {
    let memories = parts.iter().flat_map(|buffer| buffer.iter_memories());
    memories
        .map(|memory| memory.map_readable().map_err(|_| ArchiveError::Gstreamer("a picture cannot be read".to_owned())))
        .collect()
}

fn bytes_of(buffer: &gst::BufferRef) -> Result<Vec<u8>, ArchiveError> {
    let map = buffer.map_readable().map_err(|_| ArchiveError::Gstreamer("a header cannot be read".to_owned()))?;
    Ok(map.as_slice().to_vec())
}
