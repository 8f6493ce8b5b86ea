//! What there is of a camera, as runs of segments that follow each other.
//!
//! That a segment goes on where another ended is said by its boundary; that the other one is still there is not. So runs are
//! put together from all rows, and parted again where one is gone: destroyed, its file away, or torn.

use super::error::ArchiveError;
use super::vault::Archive;
use crate::domain::CameraId;
use crate::store::{Boundary, SegmentRow, SegmentState};
use chrono::{DateTime, TimeDelta, Utc};

/// So far two segments of one run may part or overlap: clocks are followed between them, and a step of half a second has a
/// boundary of its own. The shortest segment that ends by its length is longer.
const SEAM: TimeDelta = TimeDelta::seconds(2);

/// A run of recording without a gap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Range {
    /// When its first picture was taken, UTC.
    pub from_utc: DateTime<Utc>,
    /// Where its last picture ends, UTC; of a run that is being recorded, where its last closed segment does.
    pub until_utc: DateTime<Utc>,
    /// Why it begins: what lies between it and the one before. [`Boundary::Length`]: the question began in the middle of it.
    pub began: Boundary,
    /// Pictures known to be missing before it.
    pub missed_frames: u64,
    /// Why it ends; `None`: it is being recorded.
    pub ended: Option<Boundary>,
    /// Its segments, oldest first.
    pub segments: Vec<SegmentRow>,
}

/// What the index says of a camera between two instants.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Told {
    /// Runs, by their first picture; where the calendar was set back, two may overlap.
    pub ranges: Vec<Range>,
    /// Segments that should be there and cannot be had, oldest first.
    pub lost: Vec<SegmentRow>,
}

impl Archive {
    /// What is recorded of a camera between two instants, by first picture.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn ranges(
        &self,
        camera: &CameraId,
        from_utc: DateTime<Utc>,
        until_utc: DateTime<Utc>,
    ) -> Result<Vec<Range>, ArchiveError> {
        Ok(self.told(camera, from_utc, until_utc)?.ranges)
    }

    /// The same, with what is lost.
    pub(super) fn told(
        &self,
        camera: &CameraId,
        from_utc: DateTime<Utc>,
        until_utc: DateTime<Utc>,
    ) -> Result<Told, ArchiveError> {
        Ok(tell(self.index().of_camera(camera, from_utc, until_utc)?, from_utc))
    }
}

/// Of rows by start; the question begins at `from_utc`.
fn tell(rows: Vec<SegmentRow>, from_utc: DateTime<Utc>) -> Told {
    let is_lost = |row: &&SegmentRow| matches!(row.state, SegmentState::Missing | SegmentState::Torn);
    let lost = rows.iter().filter(is_lost).cloned().collect();
    let mut chains: Vec<Vec<SegmentRow>> = Vec::new();
    for row in rows {
        let goes_on = |chain: &&mut Vec<SegmentRow>| chain.last().is_some_and(|last| follows(&row, last));
        match chains.iter_mut().rev().find(goes_on) {
            Some(chain) => chain.push(row),
            None => chains.push(vec![row]),
        }
    }
    let mut ranges: Vec<Range> = chains.into_iter().flat_map(|chain| parts(chain, from_utc)).collect();
    ranges.sort_by_key(|range| range.from_utc);
    Told { ranges, lost }
}

/// Whether a segment begins with the very next picture after another one.
fn follows(row: &SegmentRow, last: &SegmentRow) -> bool {
    row.began == Boundary::Length && (row.started_at_utc - last.ended_at_utc).abs() <= SEAM
}

/// What of a chain is there, as runs.
fn parts(chain: Vec<SegmentRow>, from_utc: DateTime<Utc>) -> Vec<Range> {
    let (mut found, mut is_broken): (Vec<Range>, bool) = (Vec::new(), false);
    for row in chain {
        if !matches!(row.state, SegmentState::Open | SegmentState::Closed) {
            if let Some(range) = found.last_mut() {
                range.ended = Some(Boundary::Gone);
            }
            is_broken = true;
            continue;
        }
        match found.last_mut() {
            Some(range) if !is_broken => range.add(row),
            _ => {
                // It went on from something that is not there any more, unless that lies before what was asked for.
                let is_cut = row.began == Boundary::Length && row.started_at_utc - from_utc > SEAM;
                let began = if is_broken || is_cut { Boundary::Gone } else { row.began };
                found.push(Range { began, ..Range::of(row) });
            }
        }
        is_broken = false;
    }
    found
}

impl Range {
    fn of(row: SegmentRow) -> Self {
        Self {
            from_utc: row.started_at_utc,
            until_utc: row.ended_at_utc,
            began: row.began,
            missed_frames: row.missed_frames,
            ended: row.ended,
            segments: vec![row],
        }
    }

    fn add(&mut self, row: SegmentRow) {
        self.until_utc = self.until_utc.max(row.ended_at_utc);
        self.ended = row.ended;
        self.segments.push(row);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use SegmentState::{Closed, Deleting, Missing, Open, Torn};

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_790_000_000 + second, 0).unwrap()
    }

    fn row(from: i64, until: i64, began: Boundary, state: SegmentState) -> SegmentRow {
        SegmentRow {
            camera: "hall".parse().unwrap(),
            started_at_utc: at(from),
            ended_at_utc: at(until),
            trusted_utc: None,
            file: format!("hall/{from}"),
            state,
            began,
            ended: (state != Open).then_some(Boundary::Length),
            missed_frames: 0,
            frames: 0,
            fragments: 0,
            bytes: 0,
        }
    }

    /// Begin, end, reasons, segments.
    fn told(rows: Vec<SegmentRow>, from: i64) -> Vec<(i64, i64, Boundary, Option<Boundary>, usize)> {
        let second = |at: DateTime<Utc>| at.timestamp() - 1_790_000_000;
        let ranges = tell(rows, at(from)).ranges.into_iter();
        ranges.map(|r| (second(r.from_utc), second(r.until_utc), r.began, r.ended, r.segments.len())).collect()
    }

    #[test]
    fn a5_5_what_is_gone_between_two_segments_of_a_run_parts_it() {
        use Boundary::{Camera, Gone, Length};
        let whole = [
            row(0, 60, Camera, Closed),
            row(60, 120, Length, Closed),
            row(120, 180, Length, Closed),
            row(180, 180, Length, Open),
        ];
        assert_eq!(told(whole.to_vec(), -9), [(0, 180, Camera, None, 4)]);
        // Asked from its middle on, it is one that goes on; clocks that part by a second make no gap.
        assert_eq!(told(whole[1..].to_vec(), 60), [(60, 180, Length, None, 3)]);
        assert_eq!(told(vec![whole[0].clone(), row(61, 121, Length, Closed)], -9).len(), 1);
        // Destroyed between two holds: no row is left of it.
        let held = [whole[0].clone(), whole[2].clone()];
        let parted = [(0, 60, Camera, Some(Length), 1), (120, 180, Gone, Some(Length), 1)];
        assert_eq!(told(held.to_vec(), -9), parted);
        assert_eq!(told(vec![whole[2].clone()], 0), [(120, 180, Gone, Some(Length), 1)]);
        // Its file is away, it is being destroyed, or nothing can be read of it.
        for state in [Missing, Deleting, Torn] {
            let mut rows = whole.to_vec();
            rows[1].state = state;
            let parted = [(0, 60, Camera, Some(Gone), 1), (120, 180, Gone, None, 2)];
            assert_eq!(told(rows.clone(), -9), parted, "{state:?}");
            assert_eq!(tell(rows, at(-9)).lost.len(), usize::from(state != Deleting));
        }
        // The last one alone.
        assert_eq!(told(vec![whole[0].clone(), row(60, 120, Length, Missing)], -9), [(0, 60, Camera, Some(Gone), 1)]);
    }

    #[test]
    fn where_the_calendar_was_set_back_each_run_is_told_by_itself() {
        use Boundary::{Camera, Length, WallClock};
        let rows = vec![
            row(0, 60, Camera, Closed),
            row(30, 90, WallClock, Closed),
            row(60, 120, Length, Closed),
            row(90, 150, Length, Closed),
        ];
        let two = [(0, 120, Camera, Some(Length), 2), (30, 150, WallClock, Some(Length), 2)];
        assert_eq!(told(rows, -9), two);
    }
}
