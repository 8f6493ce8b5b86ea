//! How the recordings' disk is and how long it lasts, as the watch has measured it, for pages and programs: whoever asks
//! reads the last measurement and never the disk.

use super::layout;
use super::{Archive, ArchiveError};
use crate::domain::CameraId;
use crate::store::SegmentState;
use chrono::{DateTime, TimeDelta, Utc};

/// Over so long the rate is measured: day and night differ, one day and the next hardly.
pub(super) const RATE_OVER: TimeDelta = TimeDelta::hours(24);
/// Of that time something must have been recorded for so long: an hour's footage says nothing about a day's.
const RECORDED_AT_LEAST: TimeDelta = TimeDelta::hours(20);

/// Room on the recordings' disk, MiB.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Space {
    /// What a process without privileges may still write.
    pub free_mib: u64,
    /// All of it.
    pub total_mib: u64,
}

/// What of the disk is kept for something else than footage, MiB.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Reserves {
    /// For everything else on that disk, the register above all.
    pub keep_free_mib: u64,
    /// For footage that a hold keeps beyond its time.
    pub hold_reserve_mib: u64,
    /// What of that is taken up.
    pub hold_used_mib: u64,
    /// Below this recording stops.
    pub floor_mib: u64,
    /// Below this it is time to look after the disk.
    pub warn_mib: u64,
}

/// What was written in the last 24 hours, if that says what a day takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rate {
    /// So many bytes a day.
    PerDay(u64),
    /// It cannot be told.
    Unknown(WhyUnknown),
}

/// Why nobody can say how long the disk lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhyUnknown {
    /// It has not been recorded long enough.
    LessThanADay,
    /// The calendar was in doubt meanwhile: nobody knows what is a day old.
    ClockInDoubt,
    /// The index cannot be read.
    Unreadable,
    /// The system does not say how much is free.
    NoFigure,
}

impl WhyUnknown {
    /// The word used in interfaces and texts.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::LessThanADay => "less-than-a-day",
            Self::ClockInDoubt => "clock-in-doubt",
            Self::Unreadable => "unreadable",
            Self::NoFigure => "no-figure",
        }
    }
}

/// One measurement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StorageReading {
    /// When, UTC.
    pub at_utc: DateTime<Utc>,
    /// Room; `None`: the system does not say.
    pub space: Option<Space>,
    /// What is kept for something else.
    pub reserves: Reserves,
    /// How fast it fills.
    pub rate: Rate,
    /// Files that are destroyed here and not yet in the off-site copy.
    pub undeleted: usize,
    /// Since when the oldest of them should be gone there, UTC.
    pub undeleted_since_utc: Option<DateTime<Utc>>,
}

impl StorageReading {
    /// After how many days recording would stop, at the present rate and with nothing destroyed meanwhile.
    ///
    /// # Errors
    /// Why that cannot be said.
    pub fn days_left(&self) -> Result<f64, WhyUnknown> {
        let Some(space) = self.space else { return Err(WhyUnknown::NoFigure) };
        match self.rate {
            Rate::Unknown(why) => Err(why),
            Rate::PerDay(bytes) => {
                let room = space.free_mib.saturating_sub(self.reserves.floor_mib) as f64 * 1_048_576.0;
                Ok(room / bytes.max(1) as f64)
            }
        }
    }
}

impl Archive {
    /// Room on its disk; `None`: the system does not say.
    pub(super) fn space(&self) -> Option<Space> {
        layout::space(self.dir())
    }

    /// How fast these cameras fill the disk, by what the index says of the last 24 hours. Reads a day's rows.
    pub(super) fn rate(&self, cameras: &[CameraId], now: DateTime<Utc>) -> Rate {
        self.measured(cameras, now).unwrap_or_else(|error| {
            tracing::error!(%error, "how fast the recordings' disk fills cannot be measured");
            Rate::Unknown(WhyUnknown::Unreadable)
        })
    }

    fn measured(&self, cameras: &[CameraId], now: DateTime<Utc>) -> Result<Rate, ArchiveError> {
        let since = now - RATE_OVER;
        let (mut bytes, mut longest) = (0_u64, TimeDelta::zero());
        for camera in cameras {
            let mut recorded = TimeDelta::zero();
            for row in self.index().of_camera(camera, since, now)? {
                if row.trusted_utc.is_some() {
                    return Ok(Rate::Unknown(WhyUnknown::ClockInDoubt));
                }
                if row.state == SegmentState::Closed {
                    bytes = bytes.saturating_add(row.bytes);
                    recorded += row.ended_at_utc.min(now) - row.started_at_utc.max(since);
                }
            }
            longest = longest.max(recorded);
        }
        let is_a_day = longest >= RECORDED_AT_LEAST && bytes > 0;
        Ok(if is_a_day { Rate::PerDay(bytes) } else { Rate::Unknown(WhyUnknown::LessThanADay) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::MasterKey;
    use crate::store::{Boundary, SegmentRow, Store};

    fn reading(free_mib: u64, floor_mib: u64, rate: Rate) -> StorageReading {
        StorageReading {
            at_utc: DateTime::UNIX_EPOCH,
            space: Some(Space { free_mib, total_mib: 10_000 }),
            reserves: Reserves { floor_mib, ..Reserves::default() },
            rate,
            undeleted: 0,
            undeleted_since_utc: None,
        }
    }

    #[test]
    fn fault_13_days_left_count_down_to_where_recording_stops_and_not_to_an_empty_disk() {
        let day = Rate::PerDay(100 * 1_048_576);
        assert_eq!(reading(1_000, 500, day).days_left(), Ok(5.0));
        assert_eq!(reading(500, 500, day).days_left(), Ok(0.0));
        assert_eq!(reading(400, 500, day).days_left(), Ok(0.0));
        let silent = StorageReading { space: None, ..reading(0, 0, day) };
        assert_eq!(silent.days_left(), Err(WhyUnknown::NoFigure));
        let young = Rate::Unknown(WhyUnknown::LessThanADay);
        assert_eq!(reading(1_000, 500, young).days_left(), Err(WhyUnknown::LessThanADay));
    }

    #[test]
    fn fault_13_the_rate_is_told_from_a_day_of_footage_and_otherwise_not_at_all() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("store")).unwrap();
        let key = MasterKey::generate().unwrap();
        let archive = Archive::open(&dir.path().join("recordings"), key, store.segments(), 0).unwrap();
        let now: DateTime<Utc> = "2026-11-25T12:00:00Z".parse().unwrap();
        let row = |camera: &str, hours_ago: i64, hours: i64| {
            let started_at_utc = now - TimeDelta::hours(hours_ago);
            SegmentRow {
                camera: camera.parse().unwrap(),
                started_at_utc,
                ended_at_utc: started_at_utc + TimeDelta::hours(hours),
                trusted_utc: None,
                file: format!("{camera}/{hours_ago}"),
                state: SegmentState::Closed,
                began: Boundary::Length,
                ended: Some(Boundary::Length),
                missed_frames: 0,
                frames: 1,
                fragments: 1,
                bytes: 1_000,
            }
        };
        let cameras = ["hall", "stairs"].map(|camera| camera.parse().unwrap());
        let rate = || archive.rate(&cameras, now);
        assert_eq!(rate(), Rate::Unknown(WhyUnknown::LessThanADay));
        // Long ago and for an hour each: no day.
        archive.index().put_all(&[row("hall", 40, 10), row("hall", 19, 19), row("stairs", 19, 19)]).unwrap();
        assert_eq!(rate(), Rate::Unknown(WhyUnknown::LessThanADay));
        // One camera makes it a day; the one that was away takes less of the disk.
        archive.index().put(&row("hall", 23, 4)).unwrap();
        assert_eq!(rate(), Rate::PerDay(3_000));
        let adrift = SegmentRow { trusted_utc: Some(now), ..row("stairs", 22, 1) };
        archive.index().put(&adrift).unwrap();
        assert_eq!(rate(), Rate::Unknown(WhyUnknown::ClockInDoubt));
    }
}
