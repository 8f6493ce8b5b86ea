//! The index of recorded segments: which there are, from when to when, and why each begins and ends.
//!
//! Rows by camera and start answer "what is there of this camera"; a second table by start alone lets a sweep find the
//! oldest of all cameras without looking at a directory; a third names the few that are being written; a fourth finds by
//! the time that had passed what was recorded while the calendar was in doubt. The archive
//! writes a row after the file is durable and removes it after the file is gone (`docs/design/archive.md`).

use super::OffsiteBook;
use super::StoreError;
use super::engine::{Engine, Table};
use super::segment::{LONGEST_SEGMENT, SegmentId, SegmentRow, SegmentState, key, time};
use crate::domain::CameraId;
use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta, Utc};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

/// The one row of the table of places.
const PLACE: &str = "place";

/// The index.
#[derive(Clone)]
pub struct Segments {
    pub(super) rows: Table,
    by_time: Table,
    open: Table,
    pub(super) offsite: OffsiteBook,
    adrift: Table,
    place: Table,
    /// Held while a row changes and while the copy's progress does: each looks at the other's.
    pub(super) order: Arc<Mutex<()>>,
}

impl Segments {
    pub(super) fn new(engine: &Arc<Engine>) -> Result<Self, StoreError> {
        Ok(Self {
            offsite: OffsiteBook::new(engine)?,
            rows: Table::open(engine, "segments")?,
            by_time: Table::open(engine, "segments-by-time")?,
            open: Table::open(engine, "segments-open")?,
            adrift: Table::open(engine, "segments-adrift")?,
            place: Table::open(engine, "segments-place")?,
            order: Arc::new(Mutex::new(())),
        })
    }

    /// The directory the segments lie in, as it was last opened; `None`: no version that notes it has opened it.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be read.
    pub fn place(&self) -> Result<Option<PathBuf>, StoreError> {
        self.place.get(PLACE)
    }

    /// Notes the directory the segments lie in, so that their time ends there even when the configuration no longer names it
    /// (A5-4). On disk when this returns.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be written.
    pub fn are_in(&self, dir: &Path) -> Result<(), StoreError> {
        if self.place()?.as_deref() == Some(dir) {
            return Ok(());
        }
        self.place.put(PLACE, &dir)?;
        self.place.commit()
    }

    /// Writes a row as it now is, on disk when this returns.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be written.
    pub fn put(&self, row: &SegmentRow) -> Result<(), StoreError> {
        self.write(row)?;
        self.rows.commit()
    }

    fn write(&self, row: &SegmentRow) -> Result<(), StoreError> {
        let id = row.id();
        let _order = self.in_order();
        self.note_late(row)?;
        self.rows.put(&id.key(), row)?;
        self.by_time.put(&id.time_key(), &())?;
        if row.state == SegmentState::Deleting {
            self.offsite.doom(&row.camera, &row.file)?;
        }
        if let Some(key) = row.adrift_key() {
            self.adrift.put(&key, &row.started_at_utc)?;
        }
        match row.state {
            SegmentState::Open | SegmentState::Torn | SegmentState::Deleting => self.open.put(&id.key(), &())?,
            SegmentState::Closed | SegmentState::Missing => {
                self.open.remove(&id.key())?;
            }
        }
        Ok(())
    }

    /// Removes a row, on disk when this returns. The file must be gone by then.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be written.
    pub fn remove(&self, id: &SegmentId) -> Result<(), StoreError> {
        self.erase(id)?;
        self.rows.commit()
    }

    fn erase(&self, id: &SegmentId) -> Result<(), StoreError> {
        if let Some(key) = self.get(id)?.and_then(|row| row.adrift_key()) {
            self.adrift.remove(&key)?;
        }
        self.open.remove(&id.key())?;
        self.by_time.remove(&id.time_key())?;
        self.rows.remove(&id.key())?;
        Ok(())
    }

    /// Writes rows as they now are, all on disk when this returns.
    ///
    /// # Errors
    /// [`StoreError`] when one cannot be written.
    pub fn put_all(&self, rows: &[SegmentRow]) -> Result<(), StoreError> {
        rows.iter().try_for_each(|row| self.write(row))?;
        self.rows.commit()
    }

    /// Removes rows, on disk when this returns. The files must be gone by then.
    ///
    /// # Errors
    /// [`StoreError`] when one cannot be written.
    pub fn remove_all(&self, ids: &[SegmentId]) -> Result<(), StoreError> {
        ids.iter().try_for_each(|id| self.erase(id))?;
        self.rows.commit()
    }

    /// Notes that a file is about to be destroyed: where a copy of it exists, that must go, too. On disk when this
    /// returns.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be written.
    pub fn file_goes(&self, camera: &CameraId, name: &str) -> Result<(), StoreError> {
        self.offsite.doom(camera, name)?;
        self.rows.commit()
    }

    /// Notes that a key file of a camera is new: where a copy of its footage exists, it goes there, too. On disk when this
    /// returns.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be written.
    pub fn key_comes(&self, camera: &CameraId, name: &str) -> Result<(), StoreError> {
        self.offsite.key_comes(camera, name)?;
        self.rows.commit()
    }

    /// The key files under this path that have been copied off-site.
    ///
    /// # Errors
    /// [`StoreError`] when they cannot be read.
    pub fn copied_keys(&self, under: &str) -> Result<Vec<String>, StoreError> {
        self.offsite.key_names_under(under)
    }

    /// Cameras that have rows: one look for each, however many rows there are.
    ///
    /// # Errors
    /// [`StoreError`] when they cannot be read.
    pub fn cameras(&self) -> Result<Vec<CameraId>, StoreError> {
        let (mut found, mut from) = (Vec::new(), String::new());
        // No key of ours begins with "~".
        while let Some(row) = self.rows.rows_between::<SegmentRow>(&from, "~").next() {
            let camera = row?.1.camera;
            // "0" follows "/": behind all of this camera's.
            from = format!("{camera}0");
            found.push(camera);
        }
        Ok(found)
    }

    /// Where the newest pictures end, UTC; of those recorded while the calendar was in doubt, by the time that had passed.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be read.
    pub fn newest_utc(&self) -> Result<Option<DateTime<Utc>>, StoreError> {
        let mut newest = None;
        for last in self.by_time.rows::<()>().rev() {
            let (key, ()) = last?;
            let Some((at, camera)) = key.split_once('/') else { continue };
            let Some(row) = self.rows.get::<SegmentRow>(&format!("{camera}/{at}"))? else { continue };
            let drift = row.trusted_utc.map(|trusted| trusted - row.started_at_utc);
            newest = newest.max(Some(row.last_known_utc() + drift.unwrap_or_default()));
            if drift.is_none() {
                break;
            }
        }
        Ok(newest)
    }

    /// Where the newest pictures end that were recorded while the calendar was off by `drift`, give or take `tolerance`, by
    /// the time that had passed. Other doubts, whose rows may still be there, were off by something else.
    ///
    /// # Errors
    /// [`StoreError`] when they cannot be read.
    pub fn newest_adrift(&self, drift: TimeDelta, tolerance: TimeDelta) -> Result<Option<DateTime<Utc>>, StoreError> {
        let mut newest = None;
        for camera in self.cameras()? {
            let (from, until) = (format!("{camera}/"), format!("{camera}/~"));
            for row in self.adrift.rows_between::<DateTime<Utc>>(&from, &until).rev() {
                let (_, started_at_utc) = row?;
                let row = self.get(&SegmentId { camera: camera.clone(), started_at_utc })?;
                let trusted = row.and_then(|row| {
                    let own = row.trusted_utc? - row.started_at_utc;
                    ((own - drift).abs() <= tolerance).then(|| row.last_known_utc() + own)
                });
                if trusted.is_some() {
                    newest = newest.max(trusted);
                    break;
                }
            }
        }
        Ok(newest)
    }

    /// Up to `limit` rows of a camera that are not being written and began, by the time that had passed, before `before`
    /// while the calendar was in doubt; oldest first, after the one whose key is `after`, each with its key.
    ///
    /// # Errors
    /// [`StoreError`] when they cannot be read.
    pub fn adrift(
        &self,
        camera: &CameraId,
        after: Option<&str>,
        before: DateTime<Utc>,
        limit: usize,
    ) -> Result<Vec<(String, SegmentRow)>, StoreError> {
        // "~" sorts behind whatever begins alike.
        let from = after.map_or_else(|| format!("{camera}/"), |after| format!("{after}~"));
        let mut found = Vec::new();
        for row in self.adrift.rows_between::<DateTime<Utc>>(&from, &key(camera, before)) {
            let (at, started_at_utc) = row?;
            let row = self.get(&SegmentId { camera: camera.clone(), started_at_utc })?;
            found.extend(row.filter(|row| row.state != SegmentState::Open).map(|row| (at, row)));
            if found.len() == limit {
                break;
            }
        }
        Ok(found)
    }

    /// Up to `limit` rows of a camera that are not being written and began after `after` and before `before`, oldest
    /// first: what a sweep works through, beginning where it left off.
    ///
    /// # Errors
    /// [`StoreError`] when they cannot be read.
    pub fn between(
        &self,
        camera: &CameraId,
        after: Option<DateTime<Utc>>,
        before: DateTime<Utc>,
        limit: usize,
    ) -> Result<Vec<SegmentRow>, StoreError> {
        let from = after.map_or_else(|| format!("{camera}/"), |after| key(camera, after + TimeDelta::milliseconds(1)));
        let rows = self.rows.rows_between::<SegmentRow>(&from, &key(camera, before)).map(|row| row.map(|(_, row)| row));
        rows.filter(|row| row.as_ref().map_or(true, |row| row.state != SegmentState::Open)).take(limit).collect()
    }

    /// All rows of a camera's day, UTC.
    ///
    /// # Errors
    /// [`StoreError`] when they cannot be read.
    pub fn of_day(&self, camera: &CameraId, day: NaiveDate) -> Result<Vec<SegmentRow>, StoreError> {
        let start = day.and_time(NaiveTime::MIN).and_utc();
        let rows = self.rows.rows_between(&key(camera, start), &key(camera, start + TimeDelta::days(1)));
        rows.map(|row| row.map(|(_, row)| row)).collect()
    }

    /// One row.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be read.
    pub fn get(&self, id: &SegmentId) -> Result<Option<SegmentRow>, StoreError> {
        self.rows.get(&id.key())
    }

    /// The rows of a camera that overlap `from..until`, oldest first.
    ///
    /// # Errors
    /// [`StoreError`] when they cannot be read.
    pub fn of_camera(
        &self,
        camera: &CameraId,
        from: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Result<Vec<SegmentRow>, StoreError> {
        // Not the one before alone: where the calendar was set back, several reach in.
        let earliest = key(camera, from - LONGEST_SEGMENT);
        let rows =
            self.rows.rows_between::<SegmentRow>(&earliest, &key(camera, until)).map(|row| row.map(|(_, row)| row));
        let reaches_in =
            |row: &SegmentRow| row.started_at_utc >= from || row.ended_at_utc > from || row.state == SegmentState::Open;
        rows.filter(|row| row.as_ref().map_or(true, reaches_in)).collect()
    }

    /// When the segment after this one of its camera began, UTC, by the calendar's order.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be read.
    pub fn next_start(&self, id: &SegmentId) -> Result<Option<DateTime<Utc>>, StoreError> {
        let from = key(&id.camera, id.started_at_utc + TimeDelta::milliseconds(1));
        let next = self.rows.rows_between::<SegmentRow>(&from, &format!("{}0", id.camera)).next().transpose()?;
        Ok(next.map(|(_, row)| row.started_at_utc))
    }

    /// The oldest segments of all cameras that began before `before`, oldest first: what a sweep works through.
    ///
    /// # Errors
    /// [`StoreError`] when they cannot be read.
    pub fn oldest(&self, before: DateTime<Utc>, limit: usize) -> Result<Vec<SegmentRow>, StoreError> {
        let mut found = Vec::new();
        for row in self.by_time.rows_before::<()>(&time(before)).take(limit) {
            let (key, ()) = row?;
            // Our own keys; one of another form would be of another version, and not ours to touch.
            let Some((at, camera)) = key.split_once('/') else { continue };
            if let Some(row) = self.rows.get(&format!("{camera}/{at}"))? {
                found.push(row);
            }
        }
        Ok(found)
    }

    /// Those whose life is under way: being written, left open, or being deleted.
    ///
    /// # Errors
    /// [`StoreError`] when they cannot be read.
    pub fn under_way(&self) -> Result<Vec<SegmentRow>, StoreError> {
        let mut found = Vec::new();
        for row in self.open.rows::<()>() {
            if let Some(row) = self.rows.get(&row?.0)? {
                found.push(row);
            }
        }
        Ok(found)
    }

    /// How many rows say that their file is gone. Reads all of them: for the start alone.
    ///
    /// # Errors
    /// [`StoreError`] when they cannot be read.
    pub fn count_missing(&self) -> Result<u64, StoreError> {
        self.all().try_fold(0, |count, row| row.map(|row| count + u64::from(row.state == SegmentState::Missing)))
    }

    /// Every row, by camera and start; stops at the first error.
    pub fn all(&self) -> impl Iterator<Item = Result<SegmentRow, StoreError>> + '_ {
        self.rows.rows().map(|row| row.map(|(_, row)| row))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Boundary, Store};

    fn row(camera: &str, at: i64, state: SegmentState) -> SegmentRow {
        let started_at_utc = DateTime::from_timestamp(1_780_000_000 + at, 0).unwrap();
        SegmentRow {
            camera: camera.parse().unwrap(),
            started_at_utc,
            ended_at_utc: started_at_utc + TimeDelta::seconds(60),
            trusted_utc: None,
            file: format!("{camera}/{at}"),
            state,
            began: Boundary::Length,
            ended: (state == SegmentState::Closed).then_some(Boundary::Length),
            missed_frames: 0,
            frames: 1_500,
            fragments: 60,
            bytes: 1,
        }
    }

    #[test]
    fn rows_are_found_by_camera_and_time_and_by_time_alone() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        let index = store.segments();
        for (camera, at) in [("hall", 0), ("hall", 60), ("hall", 120), ("hall-b", 30), ("hal", 90)] {
            index.put(&row(camera, at, SegmentState::Closed)).unwrap();
        }
        let at = |at: i64| row("hall", at, SegmentState::Closed).started_at_utc;
        let starts =
            |rows: Vec<SegmentRow>| rows.iter().map(|r| (r.started_at_utc - at(0)).num_seconds()).collect::<Vec<_>>();
        let hall = "hall".parse().unwrap();
        assert_eq!(starts(index.of_camera(&hall, at(70), at(120)).unwrap()), [60]);
        assert_eq!(starts(index.of_camera(&hall, at(60), at(121)).unwrap()), [60, 120]);
        assert_eq!(starts(index.of_camera(&hall, at(-100), at(900)).unwrap()), [0, 60, 120]);
        assert_eq!(starts(index.of_camera(&hall, at(900), at(100)).unwrap()), Vec::<i64>::new());
        assert_eq!(starts(index.oldest(at(90), 10).unwrap()), [0, 30, 60]);
        assert_eq!(starts(index.oldest(at(90), 2).unwrap()), [0, 30]);
    }

    #[test]
    fn fault_6_what_was_recorded_under_a_calendar_in_doubt_is_found_by_the_time_that_had_passed() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        let index = store.segments();
        let at = |at: i64| row("hall", at, SegmentState::Closed).started_at_utc;
        let adrift = |stamp: i64, trusted: i64| SegmentRow {
            trusted_utc: Some(at(trusted)),
            ..row("hall", stamp, SegmentState::Closed)
        };
        index.put(&row("hall", 0, SegmentState::Closed)).unwrap();
        index.put_all(&[adrift(9_060, 60), adrift(9_120, 120), adrift(-500, 180)]).unwrap();
        assert_eq!(index.newest_utc().unwrap(), Some(at(180)), "not what a calendar set forward says");
        let hall = "hall".parse().unwrap();
        let first = index.adrift(&hall, None, at(180), 1).unwrap();
        assert_eq!(first[0].1.id(), adrift(9_060, 60).id());
        let rest = index.adrift(&hall, Some(&first[0].0), at(180), 10).unwrap();
        assert_eq!(rest.iter().map(|(_, row)| row.id()).collect::<Vec<_>>(), [adrift(9_120, 120).id()]);
        index.remove_all(&[adrift(9_060, 60).id(), adrift(-500, 180).id()]).unwrap();
        assert_eq!(index.adrift(&hall, None, at(900), 10).unwrap(), rest);
    }

    #[test]
    fn what_is_under_way_is_known_across_restarts() {
        let dir = tempfile::tempdir().unwrap();
        {
            let index = Store::open(dir.path()).unwrap().segments();
            index.put(&row("hall", 0, SegmentState::Open)).unwrap();
            index.put(&row("hall", 60, SegmentState::Deleting)).unwrap();
            index.put(&row("hall", 120, SegmentState::Closed)).unwrap();
        }
        let store = Store::open(dir.path()).unwrap();
        let index = store.segments();
        assert_eq!(index.under_way().unwrap().len(), 2);
        index.put(&row("hall", 0, SegmentState::Closed)).unwrap();
        index.remove(&row("hall", 60, SegmentState::Closed).id()).unwrap();
        assert!(index.under_way().unwrap().is_empty());
        assert_eq!(index.all().count(), 2);
        assert!(index.get(&row("hall", 60, SegmentState::Closed).id()).unwrap().is_none());
    }
}
