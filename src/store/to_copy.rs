//! What of the index still has to be copied off-site.
//!
//! Segments are copied in order, so one instant per camera says what has been. A calendar that was set back, a file that
//! was away and a segment that could be closed only later put footage before that instant: such a row is *late*, and
//! stands on a list until it is copied or destroyed. A row is late exactly when it began at or before that instant and has
//! not been copied; rows and that instant change one at a time, so none falls between the two.

use super::StoreError;
use super::segment::{SegmentId, SegmentRow, SegmentState, key};
use super::segments::Segments;
use crate::domain::CameraId;
use chrono::{DateTime, TimeDelta, Utc};
use std::sync::{MutexGuard, PoisonError};

/// How much is late and could be copied now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Late {
    /// Segments.
    pub segments: u64,
    /// When the oldest of them ended, UTC.
    pub oldest_utc: Option<DateTime<Utc>>,
}

impl Segments {
    /// Up to `limit` closed rows of a camera that began after the newest copied one, oldest first, up to the first that is
    /// being written: what was closed after a crash may still lie before that one.
    ///
    /// # Errors
    /// [`StoreError`] when they cannot be read.
    pub fn to_copy(&self, camera: &CameraId, limit: usize) -> Result<Vec<SegmentRow>, StoreError> {
        self.closed(camera, self.uncopied_from(camera)?).take(limit).collect()
    }

    /// How many rows [`Segments::to_copy`] would give without a limit.
    ///
    /// # Errors
    /// [`StoreError`] when they cannot be read.
    pub fn count_to_copy(&self, camera: &CameraId) -> Result<u64, StoreError> {
        self.closed(camera, self.uncopied_from(camera)?).try_fold(0, |count, row| row.map(|_| count + 1))
    }

    /// Up to `limit` late rows that are closed, by camera and start, behind the one named `after`.
    ///
    /// # Errors
    /// [`StoreError`] when they cannot be read.
    pub fn late(&self, after: Option<&SegmentId>, limit: usize) -> Result<Vec<SegmentRow>, StoreError> {
        // "~" sorts behind whatever begins alike.
        let from = after.map_or_else(String::new, |after| format!("{}~", after.key()));
        self.late_from(&from).take(limit).collect()
    }

    /// How many of those there are.
    ///
    /// # Errors
    /// [`StoreError`] when they cannot be read.
    pub fn count_late(&self) -> Result<Late, StoreError> {
        self.late_from("").try_fold(Late::default(), |so_far, row| {
            let at = row?.ended_at_utc;
            let oldest_utc = Some(so_far.oldest_utc.map_or(at, |oldest| oldest.min(at)));
            Ok(Late { segments: so_far.segments + 1, oldest_utc })
        })
    }

    /// Notes that a segment has been copied, and of those before it that one was not: they are late. On disk when this
    /// returns.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be written.
    pub fn has_copied(&self, id: &SegmentId) -> Result<(), StoreError> {
        self.passes(id)?;
        self.offsite.late.remove(&id.key())?;
        self.rows.commit()
    }

    /// Notes that a segment's turn to be copied has come and that its file is not there: it is late until it is back. On
    /// disk when this returns.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be written.
    pub fn could_not_copy(&self, id: &SegmentId) -> Result<(), StoreError> {
        // Listed before it is passed over: nothing falls between the two.
        if self.get(id)?.is_some_and(|row| row.state != SegmentState::Deleting) {
            self.offsite.late.put(&id.key(), &())?;
        }
        self.passes(id)?;
        self.rows.commit()
    }

    /// Moves on to this segment, without waiting for the disk.
    fn passes(&self, id: &SegmentId) -> Result<(), StoreError> {
        let _order = self.in_order();
        if self.offsite.copied_until(&id.camera)?.is_some_and(|until| until >= id.started_at_utc) {
            return Ok(());
        }
        let from = self.uncopied_from(&id.camera)?;
        for row in self.rows.rows_between::<SegmentRow>(&key(&id.camera, from), &id.key()) {
            let (key, row) = row?;
            match row.state {
                SegmentState::Closed | SegmentState::Missing | SegmentState::Torn => {
                    self.offsite.late.put(&key, &())?;
                }
                // When it is closed, its place is known; what is being deleted stays here no longer.
                SegmentState::Open | SegmentState::Deleting => {}
            }
        }
        self.offsite.copied.put(id.camera.as_str(), &id.started_at_utc)
    }

    /// A row that is about to be written: whether it is late. The caller keeps the order.
    pub(super) fn note_late(&self, row: &SegmentRow) -> Result<(), StoreError> {
        let id = row.id();
        match row.state {
            SegmentState::Deleting => drop(self.offsite.late.remove(&id.key())?),
            SegmentState::Closed => {
                let was_closed = self.get(&id)?.is_some_and(|before| before.ended.is_some());
                let is_passed = self.offsite.copied_until(&id.camera)?.is_some_and(|until| until >= id.started_at_utc);
                if is_passed && !was_closed {
                    self.offsite.late.put(&id.key(), &())?;
                }
            }
            SegmentState::Open | SegmentState::Torn | SegmentState::Missing => {}
        }
        Ok(())
    }

    pub(super) fn in_order(&self) -> MutexGuard<'_, ()> {
        // It guards no data of its own.
        self.order.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn uncopied_from(&self, camera: &CameraId) -> Result<DateTime<Utc>, StoreError> {
        let until = self.offsite.copied_until(camera)?;
        Ok(until.map_or(DateTime::UNIX_EPOCH, |until| until + TimeDelta::milliseconds(1)))
    }

    fn closed(
        &self,
        camera: &CameraId,
        from: DateTime<Utc>,
    ) -> impl Iterator<Item = Result<SegmentRow, StoreError>> + use<'_> {
        // "0" follows "/": behind all of this camera's.
        let (from, until) = (key(camera, from), format!("{camera}0"));
        let rows = self.rows.rows_between::<SegmentRow>(&from, &until);
        let rows = rows.map(|row| row.map(|(_, row)| row));
        let ended = rows.take_while(|row| row.as_ref().map_or(true, |row| row.state != SegmentState::Open));
        ended.filter(|row| row.as_ref().map_or(true, |row| row.state == SegmentState::Closed))
    }

    fn late_from(&self, from: &str) -> impl Iterator<Item = Result<SegmentRow, StoreError>> + use<'_> {
        // No key of ours begins with "~".
        let keys = self.offsite.late.rows_between::<()>(from, "~");
        let rows = keys.filter_map(|key| key.and_then(|(key, ())| self.rows.get::<SegmentRow>(&key)).transpose());
        rows.filter(|row| row.as_ref().map_or(true, |row| row.state == SegmentState::Closed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Boundary, Store};

    fn hall() -> CameraId {
        "hall".parse().unwrap()
    }

    fn row(second: i64, state: SegmentState) -> SegmentRow {
        let at = DateTime::from_timestamp(1_790_000_000 + second, 0).unwrap();
        SegmentRow {
            camera: hall(),
            started_at_utc: at,
            ended_at_utc: at,
            trusted_utc: None,
            file: format!("hall/{second}"),
            state,
            began: Boundary::Length,
            ended: matches!(state, SegmentState::Closed).then_some(Boundary::Length),
            missed_frames: 0,
            frames: 0,
            fragments: 0,
            bytes: 0,
        }
    }

    fn seconds(rows: Vec<SegmentRow>) -> Vec<i64> {
        rows.into_iter().map(|row| row.started_at_utc.timestamp() - 1_790_000_000).collect()
    }

    #[test]
    fn what_is_closed_before_the_newest_copied_one_is_late_until_it_is_copied_or_destroyed() {
        let dir = tempfile::tempdir().unwrap();
        let index = Store::open(dir.path()).unwrap().segments();
        let late = || seconds(index.late(None, 9).unwrap());
        index.put(&row(100, SegmentState::Closed)).unwrap();
        index.has_copied(&row(100, SegmentState::Closed).id()).unwrap();
        assert!(late().is_empty());
        // The calendar goes back by a minute.
        for second in [40, 50, 60] {
            index.put(&row(second, SegmentState::Open)).unwrap();
            assert!(!late().contains(&second), "it is being written");
            index.put(&row(second, SegmentState::Closed)).unwrap();
        }
        assert_eq!((late(), index.to_copy(&hall(), 9).unwrap().len()), (vec![40, 50, 60], 0));
        assert_eq!(seconds(index.late(Some(&row(40, SegmentState::Closed).id()), 1).unwrap()), [50]);
        let counted = index.count_late().unwrap();
        assert_eq!((counted.segments, counted.oldest_utc), (3, Some(row(40, SegmentState::Closed).started_at_utc)));
        index.has_copied(&row(40, SegmentState::Closed).id()).unwrap();
        index.put(&row(50, SegmentState::Deleting)).unwrap();
        assert_eq!(late(), [60]);
        // What was copied and comes back from a disk that was away is no news.
        index.put(&SegmentRow { state: SegmentState::Missing, ..row(40, SegmentState::Closed) }).unwrap();
        index.put(&row(40, SegmentState::Closed)).unwrap();
        assert_eq!(late(), [60]);
        assert_eq!(index.to_copy(&hall(), 9).unwrap(), [], "nothing goes back to the beginning");
    }

    #[test]
    fn what_the_copy_passes_over_is_late_when_it_can_be_had() {
        let dir = tempfile::tempdir().unwrap();
        let index = Store::open(dir.path()).unwrap().segments();
        let closed = |second| row(second, SegmentState::Closed);
        for one in [closed(0), closed(10), row(20, SegmentState::Torn), closed(30)] {
            index.put(&one).unwrap();
        }
        index.put(&SegmentRow { state: SegmentState::Missing, ..closed(10) }).unwrap();
        assert_eq!(seconds(index.to_copy(&hall(), 9).unwrap()), [0, 30]);
        index.has_copied(&closed(0).id()).unwrap();
        // It was seen as the next one; meanwhile another came before it.
        index.put(&closed(25)).unwrap();
        index.could_not_copy(&closed(30).id()).unwrap();
        assert_eq!(seconds(index.late(None, 9).unwrap()), [25, 30]);
        index.put(&closed(10)).unwrap();
        index.put(&closed(20)).unwrap();
        assert_eq!(seconds(index.late(None, 9).unwrap()), [10, 20, 25, 30]);
        assert_eq!(index.count_to_copy(&hall()).unwrap(), 0);
        index.put(&row(40, SegmentState::Open)).unwrap();
        index.put(&closed(50)).unwrap();
        assert_eq!(index.to_copy(&hall(), 9).unwrap(), [], "behind one that is being written");
    }
}
