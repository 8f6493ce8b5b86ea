//! Where one camera's fragments go: into the open segment, and at the right fragment into the next one. Runs on the
//! muxer's thread; a slow disk holds up this camera's recording and nothing else.

use super::figures::Figures;
use super::muxer::{Chunk, Taker};
use super::wall::Mapping;
use crate::archive::{Archive, ArchiveError, Beginning, Boundary, OpenSegment, Shot};
use crate::domain::CameraId;
use gstreamer as gst;
use metrics::{counter, histogram};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// What the camera's task wants of the tape, and what it must know of it. Has a lock of its own, held for moments: the
/// tape's is held while the disk works, and a task that waited for it would hold up everybody's runtime.
#[derive(Debug)]
pub(super) struct Wishes {
    /// How to get from the hub's line to the calendar, as of the newest keyframe.
    pub mapping: Mapping,
    /// Begin a new segment with the first keyframe at or after each of these, for this reason; in order of time.
    pub cuts: VecDeque<(gst::ClockTime, Boundary)>,
}

impl Wishes {
    /// Nothing yet but how to get to the calendar.
    pub fn new(mapping: Mapping) -> Arc<Mutex<Self>> {
        Arc::new(Mutex::new(Self { mapping, cuts: VecDeque::new() }))
    }
}

/// One camera's tape.
pub(super) struct Tape {
    archive: Archive,
    camera: CameraId,
    length: gst::ClockTime,
    figures: Arc<Figures>,
    wishes: Arc<Mutex<Wishes>>,
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
    pub fn new(
        archive: Archive,
        camera: CameraId,
        length: Duration,
        figures: Arc<Figures>,
        wishes: Arc<Mutex<Wishes>>,
    ) -> Self {
        // A segment's length comes from the configuration, which allows an hour.
        let length = gst::ClockTime::try_from(length).unwrap_or(gst::ClockTime::MAX);
        Self {
            archive,
            camera,
            length,
            figures,
            wishes,
            init: Vec::new(),
            open: None,
            next: Boundary::Recorder,
            missed: 0,
            written_frames: 0,
            failed: false,
        }
    }

    /// The first segment of this run begins for this reason, after so many pictures that are missing.
    pub fn begins(&mut self, why: Boundary, missed: u64) {
        (self.next, self.missed) = (why, missed);
    }

    /// Pictures that are missing and that no segment tells of yet.
    pub fn untold(&self) -> u64 {
        self.missed
    }

    /// Pictures that are durable.
    pub fn written_frames(&self) -> u64 {
        self.written_frames
    }

    /// Ends the open segment. What a failed write left open is ended by the next segment or the next start.
    /// Whether nothing failed: if something did, the row may still be open, and the next segment must salvage it.
    #[must_use]
    pub fn end(&mut self, why: Boundary) -> bool {
        if let Some(open) = self.open.take()
            && !self.failed
            && let Err(error) = self.close(open, why)
        {
            self.fail(&error);
        }
        !self.failed
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
        // Asked at each fragment: a segment may be an hour long, and what is kept free is not this one's to use up (fault 13).
        if let Err(full) = self.archive.check_room() {
            if let Some(open) = self.open.take() {
                self.close(open, Boundary::Storage)?;
            }
            return Err(full);
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
    fn is_due(&self, time: gst::ClockTime) -> Option<Boundary> {
        let open = self.open.as_ref()?;
        let wished = lock(&self.wishes).cuts.pop_front_if(|(from, _)| time >= *from);
        if let Some((_, why)) = wished {
            return Some(why);
        }
        (time >= open.since.saturating_add(self.length)).then_some(Boundary::Length)
    }

    fn begin(&mut self, time: gst::ClockTime) -> Result<Open, ArchiveError> {
        if self.next == Boundary::Storage {
            self.archive.salvage(&self.camera)?;
        }
        let mapping = lock(&self.wishes).mapping;
        let started_us = mapping.us(time);
        let beginning = Beginning {
            camera: self.camera.clone(),
            started_at_utc: chrono::DateTime::from_timestamp_micros(started_us).unwrap_or_default(),
            began: self.next,
            missed_frames: self.missed,
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
        self.missed = 0;
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

/// Takes the lock even when a holder panicked: wishes are whole at every step, and a tape ends its segment where it stood.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
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
