//! What has been destroyed of a day that is not over yet: counts and a running hash by camera, from which the day's one
//! entry in the register is made (A5-4). A segment is counted before it goes, and once, also after a crash in between.

use super::engine::{Engine, Table};
use super::{SegmentRow, SegmentState, StoreError};
use crate::domain::footage::PurgedCamera;
use crate::domain::{CameraId, SiteId};
use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The one row of the table of signs of life.
const SEEN: &str = "seen";

/// What was destroyed so far of one camera's day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Whose site it was when it was destroyed.
    pub site: SiteId,
    /// The day it was taken, UTC.
    pub day: NaiveDate,
    /// What.
    pub purged: PurgedCamera,
    /// Segments counted last: a crash before they were marked as going must not count them again.
    last: Vec<String>,
}

/// The table.
#[derive(Clone)]
pub struct PurgeTally {
    rows: Table,
    seen: Table,
}

impl PurgeTally {
    pub(super) fn new(engine: &Arc<Engine>) -> Result<Self, StoreError> {
        Ok(Self { rows: Table::open(engine, "purge-tally")?, seen: Table::open(engine, "purge-seen")? })
    }

    /// What time it was, UTC, when the sweep looked last: by the time that had passed where the calendar was in doubt.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be read.
    pub fn seen_utc(&self) -> Result<Option<DateTime<Utc>>, StoreError> {
        self.seen.get(SEEN)
    }

    /// Notes what time it is for the sweep; on disk when this returns. A sign of life also where no camera sends pictures.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be written.
    pub fn sees(&self, now_utc: DateTime<Utc>) -> Result<(), StoreError> {
        self.seen.put(SEEN, &now_utc)?;
        self.seen.commit()
    }

    /// Counts segments of one camera's day that are about to go; on disk when this returns. `before` is the hash by which
    /// that day was attested last: the chain goes on from there, so that no two entries of a day look alike.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be written: then nothing may go.
    pub fn count(
        &self,
        site: &SiteId,
        camera: &CameraId,
        day: NaiveDate,
        before: Option<&str>,
        gone: &[SegmentRow],
    ) -> Result<(), StoreError> {
        let key = key(site, day, camera);
        let mut tally = self.rows.get::<Tally>(&key)?.unwrap_or_else(|| Tally {
            site: site.clone(),
            day,
            purged: PurgedCamera {
                camera: camera.clone(),
                segments: 0,
                frames: 0,
                bytes: 0,
                missing: 0,
                key_destroyed: false,
                sha256: before.map_or_else(|| "0".repeat(64), str::to_owned),
            },
            last: Vec::new(),
        });
        let names = |rows: &[SegmentRow]| rows.iter().map(|row| row.file.clone()).collect::<Vec<_>>();
        let counted = std::mem::take(&mut tally.last);
        for row in gone.iter().filter(|row| !counted.contains(&row.file)) {
            let purged = &mut tally.purged;
            purged.segments += 1;
            purged.frames += row.frames;
            purged.bytes += row.bytes;
            purged.missing += u64::from(row.state == SegmentState::Missing);
            purged.sha256 = chained(&purged.sha256, &row.file, row.bytes);
        }
        tally.last = names(gone);
        if gone.iter().any(|row| counted.contains(&row.file)) {
            tally.last.extend(counted);
        }
        self.rows.put(&key, &tally)?;
        self.rows.commit()
    }

    /// What is counted of one camera's day.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be read.
    pub fn get(&self, site: &SiteId, camera: &CameraId, day: NaiveDate) -> Result<Option<Tally>, StoreError> {
        self.rows.get(&key(site, day, camera))
    }

    /// Counts as before: what was counted since has not gone. Without waiting for the disk.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be written.
    pub fn put_back(
        &self,
        site: &SiteId,
        camera: &CameraId,
        day: NaiveDate,
        before: Option<&Tally>,
    ) -> Result<(), StoreError> {
        let key = key(site, day, camera);
        match before {
            Some(tally) => self.rows.put(&key, tally),
            None => self.rows.remove(&key).map(drop),
        }
    }

    /// Every day of which something was destroyed and that has not been attested, by site and day.
    ///
    /// # Errors
    /// [`StoreError`] when they cannot be read.
    pub fn all(&self) -> Result<Vec<Tally>, StoreError> {
        self.rows.rows().map(|row| row.map(|(_, tally)| tally)).collect()
    }

    /// Forgets what has been attested.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be written.
    pub fn forget(&self, attested: &[Tally]) -> Result<(), StoreError> {
        for tally in attested {
            self.rows.remove(&key(&tally.site, tally.day, &tally.purged.camera))?;
        }
        self.rows.commit()
    }
}

fn key(site: &SiteId, day: NaiveDate, camera: &CameraId) -> String {
    format!("{site}/{day}/{camera}")
}

/// `SHA-256(h || name || size)`, all as text.
fn chained(before: &str, name: &str, bytes: u64) -> String {
    let text = format!("{before}{name}{bytes}");
    openssl::sha::sha256(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}
