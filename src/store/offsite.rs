//! What the off-site copy of the recordings has, and what must still go from it.
//!
//! Copying needs one instant per camera: segments are copied in order, so everything up to there has been, but for those
//! on the list of what came late ([`super::to_copy`]). Deleting needs
//! a list that survives everything: a name is put on it in the same commit that begins the deletion here, and comes off
//! when the other side has said that it is gone (A5-4).

use super::StoreError;
use super::engine::{Engine, Table};
use crate::domain::CameraId;
use chrono::{DateTime, Utc};
use std::sync::Arc;

/// In the place of a small file's hash while it is being sent.
const SENDING: &str = "sending";
/// The one row of the table of places.
const PLACE: &str = "place";

/// The book of the off-site copy.
#[derive(Clone)]
pub struct OffsiteBook {
    pub(super) copied: Table,
    pub(super) late: Table,
    keys: Table,
    doomed: Table,
    place: Table,
}

impl OffsiteBook {
    pub(super) fn new(engine: &Arc<Engine>) -> Result<Self, StoreError> {
        Ok(Self {
            copied: Table::open(engine, "offsite-copied")?,
            late: Table::open(engine, "offsite-late")?,
            keys: Table::open(engine, "offsite-keys")?,
            doomed: Table::open(engine, "offsite-doomed")?,
            place: Table::open(engine, "offsite-place")?,
        })
    }

    /// When the newest copied segment of a camera began, UTC; all older ones have been copied, too, or are late.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be read.
    pub fn copied_until(&self, camera: &CameraId) -> Result<Option<DateTime<Utc>>, StoreError> {
        self.copied.get(camera.as_str())
    }

    /// Where the copy is; `None`: there is none yet.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be read.
    pub fn place(&self) -> Result<Option<String>, StoreError> {
        self.place.get(PLACE)
    }

    /// Notes where the copy is; on disk when this returns.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be written.
    pub fn is_at(&self, place: &str) -> Result<(), StoreError> {
        self.place.put(PLACE, &place)?;
        self.place.commit()
    }

    /// Forgets a copy that somebody has deleted: what was copied, what had to go from it, and where it was. On disk when this
    /// returns.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be written.
    pub fn forget(&self) -> Result<(), StoreError> {
        for table in [&self.copied, &self.late, &self.keys, &self.doomed, &self.place] {
            table.clear()?;
        }
        self.place.commit()
    }

    /// Whether anything was ever copied: then deletions must reach the copy, whatever the configuration says today.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be read.
    pub fn is_used(&self) -> Result<bool, StoreError> {
        // A key is copied before the first segment it opens.
        Ok(self.keys.rows::<String>().next().transpose()?.is_some())
    }

    /// Whether the other side has ever said that it has something: a bucket that never answered holds nothing.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be read.
    pub fn has_copy(&self) -> Result<bool, StoreError> {
        let mut acknowledged = self.keys.rows::<String>().map(|row| row.map(|(_, hash)| has_arrived(&hash)));
        acknowledged.find(|has| !matches!(has, Ok(false))).unwrap_or(Ok(false))
    }

    /// The small files that have been copied.
    ///
    /// # Errors
    /// [`StoreError`] when they cannot be read.
    pub fn key_names(&self) -> Result<Vec<String>, StoreError> {
        self.keys.rows::<String>().map(|row| row.map(|(name, _)| name)).collect()
    }

    /// Those of them whose names begin so.
    pub(super) fn key_names_under(&self, start: &str) -> Result<Vec<String>, StoreError> {
        let rows = self.keys.rows_between::<String>(start, &format!("{start}~"));
        rows.map(|row| row.map(|(name, _)| name)).collect()
    }

    /// The hash of a small file as it was copied last; `None`: never.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be read.
    pub fn key_hash(&self, name: &str) -> Result<Option<String>, StoreError> {
        self.keys.get(name)
    }

    /// Notes that a small file is about to be copied; on disk when this returns. Before and not after: what
    /// may have arrived must be deleted one day.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be written.
    pub fn key_goes_out(&self, name: &str) -> Result<(), StoreError> {
        self.keys.put(name, &SENDING)?;
        self.keys.commit()
    }

    /// Notes that the other side has a small file with this hash, unless since it began to be sent it is to go from there, or
    /// is another one. On disk when this returns.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be written.
    pub fn key_arrived(&self, name: &str, hash: &str) -> Result<(), StoreError> {
        if self.key_hash(name)?.as_deref() == Some(SENDING) {
            self.keys.put(name, &hash)?;
        }
        self.keys.commit()
    }

    /// Notes that a camera has a new key file which must be copied where anything of it was; without waiting for the disk.
    pub(super) fn key_comes(&self, camera: &CameraId, name: &str) -> Result<(), StoreError> {
        if self.copied_until(camera)?.is_some() {
            self.doomed.remove(name)?;
            self.keys.put(name, &"")?;
        }
        Ok(())
    }

    /// The small files that must be copied, because they are new or a crash cut their copying short.
    ///
    /// # Errors
    /// [`StoreError`] when they cannot be read.
    pub fn unsent_keys(&self) -> Result<Vec<String>, StoreError> {
        let rows = self.keys.rows::<String>();
        rows.filter(|row| row.as_ref().map_or(true, |(_, hash)| !has_arrived(hash)))
            .map(|row| row.map(|(name, _)| name))
            .collect()
    }

    /// Puts a file of a camera on the list of what must go, unless nothing of that camera was ever copied; without waiting
    /// for the disk: whoever commits next does. What is not there can be deleted as well, so too many names do no harm.
    pub(super) fn doom(&self, camera: &CameraId, name: &str) -> Result<(), StoreError> {
        let day_keys = self.keys.rows_between::<String>(&format!("{camera}/"), &format!("{camera}0")).next();
        if self.copied_until(camera)?.is_none() && day_keys.transpose()?.is_none() {
            return Ok(());
        }
        if self.doomed.get::<DateTime<Utc>>(name)?.is_none() {
            // The machine's own clock: it tells an alarm how long the other side has been waited for, and nothing else.
            self.doomed.put(name, &Utc::now())?;
        }
        self.keys.remove(name)?;
        Ok(())
    }

    /// The first names on the list of what must go, each with the time since when, UTC.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be read.
    pub fn doomed(&self, limit: usize) -> Result<Vec<(String, DateTime<Utc>)>, StoreError> {
        self.doomed.rows().take(limit).collect()
    }

    /// How many names are on the list of what must go, and since when the oldest, UTC.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be read.
    pub fn overdue(&self) -> Result<(usize, Option<DateTime<Utc>>), StoreError> {
        let (mut count, mut oldest) = (0, None);
        for row in self.doomed.rows::<DateTime<Utc>>() {
            let (_, since) = row?;
            count += 1;
            oldest = Some(oldest.map_or(since, |oldest: DateTime<Utc>| oldest.min(since)));
        }
        Ok((count, oldest))
    }

    /// Takes names off the list: the other side has said that they are gone. On disk when this returns.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be written.
    pub fn gone<'a>(&self, names: impl Iterator<Item = &'a str>) -> Result<(), StoreError> {
        for name in names {
            self.doomed.remove(name)?;
        }
        self.doomed.commit()
    }
}

/// Whether that is the hash of a file the other side has.
fn has_arrived(hash: &str) -> bool {
    !hash.is_empty() && hash != SENDING
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{SegmentId, Store};

    #[test]
    fn a5_4_what_must_go_stays_on_the_list_across_restarts_until_it_is_gone() {
        let dir = tempfile::tempdir().unwrap();
        let (hall, at): (CameraId, _) = ("hall".parse().unwrap(), DateTime::from_timestamp(1_780_000_000, 0).unwrap());
        {
            let store = Store::open(dir.path()).unwrap();
            let book = store.offsite();
            assert!(!book.is_used().unwrap());
            book.key_goes_out("hall/2026-11-25/day.key").unwrap();
            assert!(!book.has_copy().unwrap());
            book.key_arrived("hall/2026-11-25/day.key", "abc").unwrap();
            assert!(book.has_copy().unwrap());
            // It was to be sent anew, or to go, while it was being sent: what arrived is not what counts.
            book.key_goes_out("hall/2026-11-25/held.keys").unwrap();
            book.key_comes(&hall, "hall/2026-11-25/held.keys").unwrap();
            book.keys.put("hall/2026-11-25/held.keys", &"").unwrap();
            book.key_arrived("hall/2026-11-25/held.keys", "old").unwrap();
            assert_eq!(book.unsent_keys().unwrap(), ["hall/2026-11-25/held.keys"]);
            book.keys.remove("hall/2026-11-25/held.keys").unwrap();
            store.segments().has_copied(&SegmentId { camera: hall.clone(), started_at_utc: at }).unwrap();
            for name in ["hall/b.seg", "hall/2026-11-25/day.key", "hall/b.seg"] {
                book.doom(&hall, name).unwrap();
            }
            // Nothing of it was copied.
            book.doom(&"court".parse().unwrap(), "court/2026-11-25/x.seg").unwrap();
            book.gone(std::iter::empty()).unwrap();
        }
        let book = Store::open(dir.path()).unwrap().offsite();
        assert_eq!(book.copied_until(&hall).unwrap(), Some(at));
        assert_eq!(book.key_hash("hall/2026-11-25/day.key").unwrap(), None);
        let (count, since) = book.overdue().unwrap();
        assert!(count == 2 && since.is_some(), "{count} {since:?}");
        assert_eq!(book.doomed(1).unwrap().len(), 1);
        book.gone(["hall/b.seg", "hall/2026-11-25/day.key"].into_iter()).unwrap();
        assert_eq!(book.overdue().unwrap(), (0, None));
    }
}
