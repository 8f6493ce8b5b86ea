//! Footage of one camera between two instants, laid out for a player or an export: runs without a break, each of slices
//! of segments, each an init section and some fragments. Nothing outside the instants asked for is reachable through a
//! slice, but for the pictures back to the last keyframe, without which the first would not decode.

use super::error::ArchiveError;
use super::format::{About, Fragment};
use super::reader::SegmentReader;
use super::vault::Archive;
use crate::domain::CameraId;
use crate::store::{Boundary, SegmentId, SegmentRow, SegmentState};
use chrono::{DateTime, Utc};
use std::ops::Range as Bytes;

/// Pictures without a break, as far as they were asked for.
#[derive(Debug, Clone)]
pub struct SliceRun {
    /// Why it begins; [`Boundary::Length`] where the request begins in the middle of a run.
    pub began: Boundary,
    /// Pictures known to be missing before it.
    pub missed_frames: u64,
    /// Why it ends; `None`: the request ends before it does, or it is being recorded.
    pub ended: Option<Boundary>,
    /// Its slices, oldest first; at least one.
    pub slices: Vec<Slice>,
}

/// The wanted part of one segment.
#[derive(Debug, Clone)]
pub struct Slice {
    /// Which segment.
    pub id: SegmentId,
    /// What the segment says about itself.
    pub about: About,
    /// Bytes of its init section.
    pub init_length: u32,
    /// The wanted fragments with their numbers; at least one, the first decodes by itself.
    pub fragments: Vec<(u32, Fragment)>,
}

/// What a camera has between two instants.
#[derive(Debug, Clone, Default)]
pub struct Slices {
    /// Runs, oldest first.
    pub runs: Vec<SliceRun>,
    /// Segments that should be there and cannot be read, or not to their end, with the reason; oldest first.
    pub unreadable: Vec<(SegmentId, String)>,
}

/// What of one segment was asked for.
struct Part {
    slice: Option<Slice>,
    /// It ends before it should.
    fault: Option<ArchiveError>,
}

impl Slice {
    fn of(id: SegmentId, segment: &SegmentReader, from: DateTime<Utc>, until: DateTime<Utc>) -> Option<Self> {
        let all = segment.fragments();
        let first = all.iter().position(|fragment| fragment.end_utc() > from)?;
        let first = all[..=first].iter().rposition(|fragment| fragment.keyframe)?;
        let fragments: Vec<(u32, Fragment)> = (0_u32..)
            .zip(all)
            .skip(first)
            .take_while(|(_, fragment)| fragment.start_utc() < until)
            .map(|(number, fragment)| (number, *fragment))
            .collect();
        let (about, init_length) = (segment.about().clone(), segment.init_length());
        (!fragments.is_empty()).then_some(Self { id, about, init_length, fragments })
    }

    /// When its first picture was taken, UTC.
    pub fn from_utc(&self) -> DateTime<Utc> {
        self.fragments.first().map_or(self.about.started_at_utc, |(_, fragment)| fragment.start_utc())
    }

    /// Where its last picture ends, UTC.
    pub fn until_utc(&self) -> DateTime<Utc> {
        self.fragments.iter().map(|(_, fragment)| fragment.end_utc()).max().unwrap_or(self.about.started_at_utc)
    }

    /// Bytes of init section and fragments, put end to end.
    pub fn bytes(&self) -> u64 {
        u64::from(self.init_length) + self.fragments.iter().map(|(_, fragment)| u64::from(fragment.length)).sum::<u64>()
    }

    /// Which parts lie in `wanted`, a stretch of the bytes put end to end: for each its number (`None`: the init section)
    /// and the stretch of its own bytes.
    pub fn parts(&self, wanted: &Bytes<u64>) -> Vec<(Option<u32>, Bytes<usize>)> {
        let init = (None, self.init_length);
        let all = [init].into_iter().chain(self.fragments.iter().map(|(number, f)| (Some(*number), f.length)));
        let (mut at, mut found) = (0_u64, Vec::new());
        for (number, length) in all {
            let end = at + u64::from(length);
            let (from, until) = (wanted.start.max(at), wanted.end.min(end));
            if from < until {
                // Both within one part, whose length has 32 bits.
                found.push((number, (from - at) as usize..(until - at) as usize));
            }
            at = end;
        }
        found
    }
}

impl Archive {
    /// What there is of a camera between two instants. Reads the table of every segment in between; blocks.
    ///
    /// # Errors
    /// When the index cannot be read. A segment that cannot is none: it is among [`Slices::unreadable`].
    pub fn slices(
        &self,
        camera: &CameraId,
        from_utc: DateTime<Utc>,
        until_utc: DateTime<Utc>,
    ) -> Result<Slices, ArchiveError> {
        let told = self.told(camera, from_utc, until_utc)?;
        let mut found = Slices::default();
        let lost = |row: &SegmentRow| format!("camera {}, segment {}: the file is gone", row.camera, row.file);
        for row in &told.lost {
            if self.may_reach(row, from_utc)? {
                found.unreadable.push((row.id(), lost(row)));
            }
        }
        for range in told.ranges {
            let empty =
                |began, missed_frames| SliceRun { began, missed_frames, ended: range.ended, slices: Vec::new() };
            let mut run = empty(range.began, range.missed_frames);
            for row in &range.segments {
                let fault = match self.part(row, from_utc, until_utc) {
                    Ok(part) => {
                        run.slices.extend(part.slice);
                        part.fault
                    }
                    Err(error) => Some(error),
                };
                if let Some(error) = fault {
                    found.unreadable.push((row.id(), error.to_string()));
                    let broken = std::mem::replace(&mut run, empty(Boundary::Storage, 0));
                    found.runs.push(SliceRun { ended: Some(Boundary::Storage), ..broken });
                }
            }
            found.runs.push(run);
        }
        found.unreadable.sort_by_key(|(id, _)| id.started_at_utc);
        found.runs.retain(|run| !run.slices.is_empty());
        for run in &mut found.runs {
            if run.slices.last().is_some_and(|slice| slice.until_utc() >= until_utc) {
                run.ended = None;
            }
        }
        Ok(found)
    }

    /// The part of one segment that lies between two instants; `None`: nothing does.
    ///
    /// # Errors
    /// When the segment cannot be read.
    pub fn slice(
        &self,
        id: &SegmentId,
        from_utc: DateTime<Utc>,
        until_utc: DateTime<Utc>,
    ) -> Result<Option<Slice>, ArchiveError> {
        Ok(Slice::of(id.clone(), &self.open_segment(id)?, from_utc, until_utc))
    }

    /// Whether a segment may have gone on after `from_utc`: of one that was never closed nobody knows, but that the next
    /// one had begun.
    fn may_reach(&self, row: &SegmentRow, from_utc: DateTime<Utc>) -> Result<bool, ArchiveError> {
        Ok(row.ended.is_some() || self.index().next_start(&row.id())?.is_none_or(|next| next > from_utc))
    }

    /// What of a segment lies between two instants, and what is wrong where it ends before its time.
    fn part(&self, row: &SegmentRow, from_utc: DateTime<Utc>, until_utc: DateTime<Utc>) -> Result<Part, ArchiveError> {
        let id = row.id();
        let segment = match self.open_segment(&id) {
            Err(_) if !self.may_reach(row, from_utc)? => return Ok(Part { slice: None, fault: None }),
            opened => opened?,
        };
        let slice = Slice::of(id, &segment, from_utc, until_utc);
        let reaches = segment.fragments().iter().map(|fragment| fragment.end_utc()).max();
        let is_short = row.state != SegmentState::Open
            && reaches.is_none_or(|reaches| reaches < row.ended_at_utc.min(until_utc))
            && self.may_reach(row, from_utc)?;
        Ok(Part { slice, fault: if is_short { segment.cut_short() } else { None } })
    }
}
