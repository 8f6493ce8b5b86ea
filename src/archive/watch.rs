//! The watch over the recordings' storage: what threatens it becomes an alarm in the register, and with that a mail, a banner
//! and a metric; once each, with a margin before it ends, so that a disk at the edge does not ring all day (fault 13).
//!
//! It only tells. Recording stops by itself before the register is at risk ([`Archive::check_room`]), and nothing is ever
//! destroyed before its time to make room.

use super::offsite::Mirror;
use super::storage::{Rate, StorageReading, WhyUnknown};
use super::{Archive, recorder};
use crate::clock::Clock;
use crate::control::{Control, ControlError};
use crate::domain::{Action, Actor, CameraId, Command, StorageAlarm};
use crate::store::OffsiteBook;
use chrono::{DateTime, TimeDelta, Utc};
use metrics::gauge;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How often it looks.
const EVERY: Duration = Duration::from_secs(5);
/// The copy may be so far behind: a segment of a minute, a line that was away for a moment.
const COPY_BEHIND_S: u64 = 15 * 60;
/// So long the other side may keep what is destroyed here. Footage is destroyed ten minutes ahead of its time; an hour is a
/// storage that does not answer.
const COPY_UNDELETED_S: u64 = 60 * 60;

/// How often the rate at which the disk fills is measured anew: it takes a day's rows of the index.
const RATE_EVERY: TimeDelta = TimeDelta::minutes(10);

/// What is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Reading {
    /// MiB free on the recordings' disk; `None`: the system does not say.
    free_mib: Option<u64>,
    /// MiB below which recording stops.
    floor_mib: u64,
    /// MiB below which it is time to look after the disk.
    warn_mib: u64,
    /// Seconds since the oldest segment that is not copied ended; 0: all are. `None`: nobody has looked yet.
    behind_s: Option<u64>,
    /// Seconds since the oldest name that is gone here should be gone there; 0: all are.
    undeleted_s: u64,
    /// Segments whose file was not there at the start.
    away: u64,
}

impl Reading {
    /// Whether an alarm should stand, given whether it does, and its figure; `None`: it stays as it is.
    fn judge(&self, alarm: StorageAlarm, stands: bool) -> Option<(bool, u64)> {
        let space = |limit: u64| {
            let free = self.free_mib?;
            // A tenth more before it is over.
            let limit = if stands { limit.saturating_add(limit / 10) } else { limit };
            Some((free < limit, free))
        };
        match alarm {
            StorageAlarm::SpaceLow => space(self.warn_mib),
            StorageAlarm::SpaceOut => space(self.floor_mib),
            StorageAlarm::CopyBehind => {
                let limit = if stands { COPY_BEHIND_S / 3 } else { COPY_BEHIND_S };
                self.behind_s.map(|behind_s| (behind_s > limit, behind_s))
            }
            StorageAlarm::CopyUndeleted => {
                let limit = if stands { 0 } else { COPY_UNDELETED_S };
                Some((self.undeleted_s > limit, self.undeleted_s))
            }
            StorageAlarm::FilesMissing => Some((self.away > 0, self.away)),
        }
    }
}

/// The watch.
pub struct Watch {
    /// What is watched.
    pub archive: Archive,
    /// Where alarms are recorded.
    pub control: Control,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// What must go from a copy, also where none is kept any more.
    pub book: OffsiteBook,
    /// The copy, if one is kept.
    pub copy: Option<Mirror>,
    /// Since when one that is configured is not kept, UTC.
    pub copy_refused_utc: Option<DateTime<Utc>>,
    /// MiB free below which it is time to look after the disk.
    pub warn_free_mib: u64,
    /// The cameras whose footage fills it.
    pub cameras: Vec<CameraId>,
}

/// How fast the disk fills, and when that was measured.
type Measured = Option<(DateTime<Utc>, Rate)>;

impl Watch {
    /// Looks until stopped, and shows each measurement.
    pub async fn run(self, stop: CancellationToken, shown: recorder::Shown) {
        let mut ticks = tokio::time::interval(EVERY);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut measured = None;
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = ticks.tick() => {}
            }
            let reading = self.read(&mut measured).await;
            // Before anybody is told of an alarm: who follows its mail finds the figure it is about.
            shown.send_replace(Some(reading));
            match self.record(reading).await {
                Ok(()) => {}
                Err(ControlError::Stopping) => return,
                Err(error) => {
                    tracing::error!(%error, "an alarm about the recordings could not be recorded; tried again")
                }
            }
        }
    }

    /// Records what has begun or ended since.
    async fn record(&self, measured: StorageReading) -> Result<(), ControlError> {
        let reading = self.reading(measured);
        if let Some(free_mib) = reading.free_mib {
            gauge!("ecluse_recordings_free_bytes").set(free_mib as f64 * 1_048_576.0);
        }
        gauge!("ecluse_recordings_floor_bytes").set(reading.floor_mib as f64 * 1_048_576.0);
        for alarm in StorageAlarm::ALL {
            let stands = self.control.read(|state| state.storage_alarms.contains_key(&alarm));
            let Some((raised, figure)) = reading.judge(alarm, stands) else { continue };
            gauge!("ecluse_storage_alarm", "alarm" => alarm.as_str()).set(f64::from(u8::from(raised)));
            if raised == stands {
                continue;
            }
            if raised {
                tracing::error!(alarm = alarm.as_str(), figure, "the recordings are in danger");
            } else {
                tracing::info!(alarm = alarm.as_str(), figure, "the recordings are out of danger");
            }
            let action = Action::StorageAlarm { alarm, raised, figure };
            self.control.execute(Command { actor: Actor::System, action }).await?;
        }
        Ok(())
    }

    /// Measures; the rate only as often as that is worth its price.
    async fn read(&self, measured: &mut Measured) -> StorageReading {
        let now = self.clock.utc();
        let (doubt, warn_mib) = (self.control.read(|state| state.custody.doubt.is_some()), self.warn_free_mib);
        let known = measured.filter(|(at, _)| (now - *at).abs() < RATE_EVERY).map(|(_, rate)| rate);
        let (archive, book, cameras) = (self.archive.clone(), self.book.clone(), self.cameras.clone());
        let looked = tokio::task::spawn_blocking(move || {
            let overdue = book.overdue().unwrap_or_else(|error| {
                tracing::error!(%error, "what must go from the off-site copy cannot be read");
                (0, None)
            });
            let rate = known.unwrap_or_else(|| archive.rate(&cameras, now));
            (archive.space(), rate, overdue)
        });
        let failed = |_| (None, Rate::Unknown(WhyUnknown::Unreadable), (0, None));
        let (space, rate, (undeleted, undeleted_since_utc)) = looked.await.unwrap_or_else(failed);
        if known.is_none() {
            *measured = Some((now, rate));
        }
        StorageReading {
            at_utc: now,
            space,
            reserves: self.archive.reserves(warn_mib),
            rate: if doubt { Rate::Unknown(WhyUnknown::ClockInDoubt) } else { rate },
            undeleted,
            undeleted_since_utc,
        }
    }

    /// What of a measurement is judged, and how far the copy is behind.
    fn reading(&self, measured: StorageReading) -> Reading {
        let now = self.clock.utc();
        let age = |since: Option<DateTime<Utc>>| {
            since.and_then(|since| u64::try_from((now - since).num_seconds()).ok()).unwrap_or_default()
        };
        Reading {
            free_mib: measured.space.map(|space| space.free_mib),
            floor_mib: measured.reserves.floor_mib,
            warn_mib: measured.reserves.warn_mib,
            behind_s: match &self.copy {
                Some(copy) => {
                    let state = copy.state();
                    state.waiting.map(|_| age(state.behind_since_utc))
                }
                // One that is refused falls behind from the start on; a start ends no alarm.
                None if self.copy_refused_utc.is_some() => {
                    Some(age(self.copy_refused_utc)).filter(|behind_s| *behind_s > COPY_BEHIND_S)
                }
                // One that was kept and is not configured now is not up to date for that.
                None => (!self.book.is_used().unwrap_or(true)).then_some(0),
            },
            undeleted_s: age(measured.undeleted_since_utc),
            away: self.archive.away(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use StorageAlarm::{CopyBehind, CopyUndeleted, FilesMissing, SpaceLow, SpaceOut};

    #[test]
    fn fault_13_alarms_begin_at_their_limit_and_end_with_a_margin() {
        let at = |free_mib| Reading { free_mib: Some(free_mib), floor_mib: 100, warn_mib: 400, ..Reading::default() };
        assert_eq!(at(400).judge(SpaceLow, false), Some((false, 400)));
        assert_eq!(at(399).judge(SpaceLow, false), Some((true, 399)));
        assert_eq!(at(439).judge(SpaceLow, true), Some((true, 439)));
        assert_eq!(at(440).judge(SpaceLow, true), Some((false, 440)));
        assert_eq!(at(99).judge(SpaceOut, false), Some((true, 99)));
        assert_eq!(at(109).judge(SpaceOut, true), Some((true, 109)));
        assert_eq!(at(110).judge(SpaceOut, true), Some((false, 110)));
        let silent = Reading { free_mib: None, ..at(0) };
        assert_eq!((silent.judge(SpaceOut, true), silent.judge(SpaceLow, false)), (None, None));
    }

    #[test]
    fn a5_4_a_copy_that_keeps_what_is_gone_here_raises_an_alarm_until_the_last_name_is_gone() {
        let after = |undeleted_s| Reading { undeleted_s, ..Reading::default() };
        assert_eq!(after(3_600).judge(CopyUndeleted, false), Some((false, 3_600)));
        assert_eq!(after(3_601).judge(CopyUndeleted, false), Some((true, 3_601)));
        assert_eq!(after(1).judge(CopyUndeleted, true), Some((true, 1)));
        assert_eq!(after(0).judge(CopyUndeleted, true), Some((false, 0)));
        let behind = |behind_s| Reading { behind_s: Some(behind_s), ..Reading::default() };
        assert_eq!(Reading::default().judge(CopyBehind, true), None, "a start ends no alarm");
        assert_eq!(behind(901).judge(CopyBehind, false), Some((true, 901)));
        assert_eq!(behind(301).judge(CopyBehind, true), Some((true, 301)));
        assert_eq!(behind(300).judge(CopyBehind, true), Some((false, 300)));
        let without = |away| Reading { away, ..Reading::default() };
        assert_eq!(without(1).judge(FilesMissing, false), Some((true, 1)));
        assert_eq!(without(0).judge(FilesMissing, true), Some((false, 0)));
    }
}
