//! What there is of a camera, as runs of segments that follow each other.
//!
//! That a segment goes on where another ended is said by its boundary; that the other one is still there is not. So runs are
//! put together from all rows, and parted again where one is gone: destroyed, or its file away.

use super::error::ArchiveError;
use super::vault::Archive;
use crate::domain::CameraId;
use crate::store::{Boundary, SegmentRow, SegmentState};
use chrono::{DateTime, TimeDelta, Utc};

/// So far two segments of one run may part or overlap: clocks are followed between them, and a step of half a second has a
/// boundary of its own. The shortest segment that ends by its length is longer.
const SEAM: TimeDelta = TimeDelta::seconds(2);
/// A clock that is being put right without a step (`adjtime`) runs this part of its time too fast or too slow at most.
const SLEW: i32 = 10;

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
    /// Segments that should be there and are not, oldest first.
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
    let lost = rows.iter().filter(|row| row.state == SegmentState::Missing).cloned().collect();
    let mut chains: Vec<Vec<SegmentRow>> = Vec::new();
    for row in rows {
        let parted = |chain: &Vec<SegmentRow>| chain.last().and_then(|last| seam(&row, last));
        let nearest = chains.iter().enumerate().filter_map(|(number, chain)| Some((parted(chain)?, number))).min();
        match nearest.and_then(|(_, number)| chains.get_mut(number)) {
            Some(chain) => chain.push(row),
            None => chains.push(vec![row]),
        }
    }
    let mut ranges: Vec<Range> = chains.into_iter().flat_map(|chain| parts(chain, from_utc)).collect();
    ranges.sort_by_key(|range| range.from_utc);
    // What ended because it was long enough went on; where nothing goes on from it, that is gone.
    for number in 1..ranges.len() {
        let (before, after) = ranges.split_at_mut(number);
        let (Some(before), Some(after)) = (before.last_mut(), after.first_mut()) else { continue };
        // A crash, or a disk that fails, in the moment between two segments leaves no more than this, either.
        let is_told = matches!(after.began, Boundary::Recorder | Boundary::Storage);
        let is_gone = before.ended == Some(Boundary::Length) && !is_told;
        if is_gone && after.from_utc - before.until_utc > SEAM {
            (before.ended, after.began) = (Some(Boundary::Gone), Boundary::Gone);
        }
    }
    Told { ranges, lost }
}

/// By how much a segment parts from one it may follow, with the very next picture; `None`: it does not.
fn seam(row: &SegmentRow, last: &SegmentRow) -> Option<TimeDelta> {
    let may_follow = row.began == Boundary::Length && matches!(last.ended, None | Some(Boundary::Length));
    let parted = (row.started_at_utc - last.ended_at_utc).abs();
    (may_follow && parted <= SEAM.max((last.ended_at_utc - last.started_at_utc) / SLEW)).then_some(parted)
}

/// What of a chain is there, as runs.
fn parts(chain: Vec<SegmentRow>, from_utc: DateTime<Utc>) -> Vec<Range> {
    let (mut found, mut is_broken): (Vec<Range>, bool) = (Vec::new(), false);
    for row in chain {
        if matches!(row.state, SegmentState::Missing | SegmentState::Deleting) {
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
        let ended = ended(&row);
        Self {
            from_utc: row.started_at_utc,
            until_utc: row.last_known_utc(),
            began: row.began,
            missed_frames: row.missed_frames,
            ended,
            segments: vec![row],
        }
    }

    fn add(&mut self, row: SegmentRow) {
        self.until_utc = self.until_utc.max(row.last_known_utc());
        self.ended = ended(&row);
        self.segments.push(row);
    }
}

/// Why a run ends with this segment; `None`: it does not yet.
fn ended(row: &SegmentRow) -> Option<Boundary> {
    row.ended.or_else(|| (row.state == SegmentState::Torn).then_some(Boundary::Crash))
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
            ended: (!matches!(state, Open | Torn)).then_some(Boundary::Length),
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
        let parted = [(0, 60, Camera, Some(Gone), 1), (120, 180, Gone, Some(Length), 1)];
        assert_eq!(told(held.to_vec(), -9), parted);
        // What follows has a reason of its own, and yet the first one went on.
        let other = [whole[0].clone(), row(120, 180, Camera, Closed)];
        assert_eq!(told(other.to_vec(), -9), parted);
        let started = [whole[0].clone(), row(120, 180, Boundary::Recorder, Closed)];
        assert_eq!(told(started.to_vec(), -9)[1].2, Boundary::Recorder);
        assert_eq!(told(vec![whole[2].clone()], 0), [(120, 180, Gone, Some(Length), 1)]);
        // Its file is away, or it is being destroyed.
        for state in [Missing, Deleting] {
            let mut rows = whole.to_vec();
            rows[1].state = state;
            let parted = [(0, 60, Camera, Some(Gone), 1), (120, 180, Gone, None, 2)];
            assert_eq!(told(rows.clone(), -9), parted, "{state:?}");
            assert_eq!(tell(rows, at(-9)).lost.len(), usize::from(state != Deleting));
        }
        // A torn one may still be read in part: the archive's files say how far.
        let crashed = [row(0, 60, Camera, Closed), row(60, 80, Length, Torn), row(80, 140, Boundary::Recorder, Closed)];
        let told_of = [(0, 60, Camera, Some(Boundary::Crash), 2), (80, 140, Boundary::Recorder, Some(Length), 1)];
        assert_eq!(told(crashed.to_vec(), -9), told_of);
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
        // By a second: each goes on from the one that ends nearest.
        let rows = vec![
            row(0, 60, Camera, Closed),
            row(1, 61, WallClock, Closed),
            row(60, 120, Length, Closed),
            row(61, 121, Length, Closed),
        ];
        assert_eq!(told(rows, -9), [(0, 120, Camera, Some(Length), 2), (1, 121, WallClock, Some(Length), 2)]);
        // A clock that is put right by running faster parts nothing.
        assert_eq!(told(vec![row(0, 60, Camera, Closed), row(65, 125, Length, Closed)], -9).len(), 1);
    }
}
