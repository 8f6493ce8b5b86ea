//! Destroying: segments in batches, days with their keys. Whether something may go is the keeper's word
//! ([`super::retention`]); here is how it goes, so that a crash at any point is finished by the next start.

use super::error::{ArchiveError, io};
use super::layout;
use super::purge_clock::TOLERANCE;
use super::vault::{Archive, finish_delete};
use super::walk;
use crate::domain::CameraId;
use crate::store::{SegmentRow, SegmentState};
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use std::collections::BTreeSet;

impl Archive {
    /// Cameras of which there is footage. One look into the index for each, none into a directory.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn cameras(&self) -> Result<Vec<CameraId>, ArchiveError> {
        Ok(self.index().cameras()?)
    }

    /// Where the newest picture of all ends, UTC, by a calendar nobody doubted: the last sign of life a recorder leaves.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn newest_utc(&self) -> Result<Option<DateTime<Utc>>, ArchiveError> {
        Ok(self.index().newest_utc()?)
    }

    /// Where the newest picture ends that was recorded while the calendar was off by `drift` (time that passed minus
    /// calendar), by the time that had passed.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub(super) fn newest_in_doubt(&self, drift: TimeDelta) -> Result<Option<DateTime<Utc>>, ArchiveError> {
        Ok(self.index().newest_adrift(drift, TOLERANCE)?)
    }

    /// Up to `limit` segments of a camera that have ended and began after `after` and before `before`, oldest first.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn ended_before(
        &self,
        camera: &CameraId,
        after: Option<DateTime<Utc>>,
        before: DateTime<Utc>,
        limit: usize,
    ) -> Result<Vec<SegmentRow>, ArchiveError> {
        Ok(self.index().between(camera, after, before, limit)?)
    }

    /// The same for segments that were recorded while the calendar was in doubt, by the time that had passed; each with the
    /// word by which to go on.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn adrift_before(
        &self,
        camera: &CameraId,
        after: Option<&str>,
        before: DateTime<Utc>,
        limit: usize,
    ) -> Result<Vec<(String, SegmentRow)>, ArchiveError> {
        Ok(self.index().adrift(camera, after, before, limit)?)
    }

    /// Destroys these segments of one day: rows say so, durably; the day loses its keys if nothing else is left of it and it is
    /// not `today` (UTC), which may still be written; files go; rows go. One fsync for all of them at each step.
    ///
    /// # Errors
    /// The first step that failed; all others were done. What is still there, file and key, is then as it was before: nothing
    /// of it is on its way out, and whoever may hold it back still can. From the off-site copy it goes all the same.
    pub fn purge(&self, rows: &[SegmentRow], today: NaiveDate) -> Result<(), ArchiveError> {
        let destroyed = self.destroy(rows, today);
        if destroyed.is_err()
            && let Err(error) = self.take_back(rows)
        {
            tracing::error!(%error, "segments that could not be destroyed are left marked as going");
        }
        destroyed
    }

    fn destroy(&self, rows: &[SegmentRow], today: NaiveDate) -> Result<(), ArchiveError> {
        let going: Vec<SegmentRow> =
            rows.iter().map(|row| SegmentRow { state: SegmentState::Deleting, ..row.clone() }).collect();
        self.index().put_all(&going)?;
        let days: BTreeSet<_> = going.iter().map(|row| (row.camera.clone(), row.started_at_utc.date_naive())).collect();
        let (mut parents, mut gone, mut failed) = (BTreeSet::new(), Vec::new(), None);
        for (camera, day) in days {
            if day != today
                && self.index().of_day(&camera, day)?.iter().all(|row| row.state == SegmentState::Deleting)
                && let Err(error) = self.destroy_key(&camera, day)
            {
                // The day's end tries it again.
                failed = failed.or(Some(error));
            }
        }
        for row in &going {
            let path = self.dir().join(&row.file);
            match std::fs::remove_file(&path) {
                Ok(()) => drop(parents.insert(layout::parent(&path).to_owned())),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => {
                    failed = failed.or(Some(io(&path, "cannot delete")(error)));
                    continue;
                }
            }
            gone.push(row.id());
        }
        for parent in parents {
            layout::sync_dir(&parent)?;
        }
        self.index().remove_all(&gone)?;
        self.no_longer_away(&rows.iter().filter(|row| gone.contains(&row.id())).cloned().collect::<Vec<_>>());
        failed.map_or(Ok(()), Err)
    }

    /// Of rows that were to go and have not, those that can still be read stay, and those whose file was away.
    fn take_back(&self, rows: &[SegmentRow]) -> Result<(), ArchiveError> {
        let mut staying = Vec::new();
        for row in self.going(rows)? {
            let stays = match row.state {
                SegmentState::Deleting => false,
                SegmentState::Missing => true,
                SegmentState::Open | SegmentState::Torn | SegmentState::Closed => self.can_be_opened(&row),
            };
            if stays && self.index().get(&row.id())?.is_some() {
                staying.push(row);
            }
        }
        Ok(self.index().put_all(&staying)?)
    }

    /// Has these rows say again that they are to go, as far as they are there: nobody is served what they are of.
    pub(super) fn mark_going(&self, rows: &[SegmentRow]) -> Result<(), ArchiveError> {
        let mut going = Vec::new();
        for row in rows {
            if self.index().get(&row.id())?.is_some() {
                going.push(SegmentRow { state: SegmentState::Deleting, ..row.clone() });
            }
        }
        Ok(self.index().put_all(&going)?)
    }

    /// Of these rows, those that have gone, or are on their way out.
    pub(super) fn going(&self, rows: &[SegmentRow]) -> Result<Vec<SegmentRow>, ArchiveError> {
        let mut found = Vec::new();
        for row in rows {
            if self.index().get(&row.id())?.is_none_or(|now| now.state == SegmentState::Deleting) {
                found.push(row.clone());
            }
        }
        Ok(found)
    }

    /// Whether the directory of a camera's day is there.
    pub(super) fn has_day(&self, camera: &CameraId, day: NaiveDate) -> bool {
        self.dir().join(layout::day_dir(camera, day)).is_dir()
    }

    /// Ends a camera's day: its key goes, then whatever lies in its directory under the name of a segment and is in no
    /// row, then the directory. What is held stays, under keys of its own. Whether the day's key is gone.
    ///
    /// # Errors
    /// When something cannot be destroyed.
    pub fn end_day(&self, camera: &CameraId, day: NaiveDate) -> Result<bool, ArchiveError> {
        let mut held = Vec::new();
        for row in self.index().of_day(camera, day)? {
            match row.state {
                SegmentState::Deleting => finish_delete(self.dir(), self.index(), &row)?,
                // A clock that was set back: this day is being written.
                SegmentState::Open => return Ok(false),
                SegmentState::Closed | SegmentState::Torn | SegmentState::Missing => held.push(row),
            }
        }
        if !held.is_empty() {
            return self.keep_held(camera, day, &held);
        }
        let dir = self.dir().join(layout::day_dir(camera, day));
        if !dir.is_dir() {
            return Ok(true);
        }
        self.destroy_key(camera, day)?;
        for file in walk::segments(self.dir(), camera, day)? {
            let path = self.dir().join(&file);
            self.index().file_goes(camera, &file)?;
            std::fs::remove_file(&path).map_err(io(&path, "cannot delete"))?;
        }
        layout::sync_dir(&dir)?;
        match std::fs::remove_dir(&dir) {
            Ok(()) => layout::sync_dir(layout::parent(&dir))?,
            // Somebody else's file is in it: not ours to touch, and nothing of ours is readable there any more.
            Err(error) => tracing::warn!(%error, dir = %dir.display(), "a day's directory stays"),
        }
        Ok(true)
    }

    /// Days of which anything lies on the disk, by camera. Looks at directories: for the start alone.
    ///
    /// # Errors
    /// When a directory cannot be read.
    pub fn days_on_disk(&self) -> Result<Vec<(CameraId, NaiveDate)>, ArchiveError> {
        walk::days(self.dir())
    }

    /// The segments of a camera's day.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn of_day(&self, camera: &CameraId, day: NaiveDate) -> Result<Vec<SegmentRow>, ArchiveError> {
        Ok(self.index().of_day(camera, day)?)
    }
}
