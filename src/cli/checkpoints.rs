//! When the running server vouches for its register: each midnight in Paris, with mails to the witnesses, and when it
//! stops. What was not recorded soundly is not vouched for.

use crate::clock::Clock;
use crate::control::{Control, RegisterHealth};
use crate::mail::Witnesses;
use crate::register::{CheckpointError, Checkpointer, MadeCheckpoint};
use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Europe::Paris;
use std::sync::Arc;
use std::time::Duration;

/// How often the day is looked at: short against a day, and no timer that a clock step or a suspension could lose.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// Makes a checkpoint whenever a new day has begun in Paris, and queues its mails, until the server stops.
pub(super) async fn daily(checkpointer: Checkpointer, control: Control, clock: Arc<dyn Clock>, witnesses: Witnesses) {
    let mut days = Days::new(clock.utc());
    while !control.health().stopping {
        tokio::time::sleep(LOOK_EVERY).await;
        let now = clock.utc();
        if !days.is_new(now) || !is_sound(&control) {
            continue;
        }
        let (checkpointer, witnesses) = (checkpointer.clone(), witnesses.clone());
        let told = tokio::task::spawn_blocking(move || {
            let made = told(checkpointer.make())?;
            if let Err(error) = witnesses.queue(&made, checkpointer.key(), now) {
                tracing::error!(%error, "the witnesses' mails could not be queued");
                return None;
            }
            Some(made)
        });
        if !matches!(told.await, Ok(Some(_))) {
            days.again();
        }
    }
}

/// The last word of an orderly stop.
pub(super) async fn at_shutdown(checkpointer: &Checkpointer, control: &Control) {
    if is_sound(control) {
        let checkpointer = checkpointer.clone();
        let _ = tokio::task::spawn_blocking(move || told(checkpointer.make())).await;
    }
}

fn is_sound(control: &Control) -> bool {
    !matches!(control.health().register, RegisterHealth::Unavailable { .. })
}

fn told(made: Result<MadeCheckpoint, CheckpointError>) -> Option<MadeCheckpoint> {
    match made {
        Ok(made) => {
            tracing::info!(entries = made.checkpoint.size, root = made.checkpoint.root.base64(), "checkpoint");
            Some(made)
        }
        Err(CheckpointError::Empty) => None,
        Err(error) => {
            tracing::error!(%error, "no checkpoint was made");
            None
        }
    }
}

/// Notices new days in Paris. A clock that goes back makes none.
struct Days {
    last: Option<NaiveDate>,
    before: Option<NaiveDate>,
}

impl Days {
    fn new(now: DateTime<Utc>) -> Self {
        Self { last: Some(day(now)), before: None }
    }

    /// Whether a day has begun since it was last asked.
    fn is_new(&mut self, now: DateTime<Utc>) -> bool {
        let today = day(now);
        let is_new = self.last.is_none_or(|last| today > last);
        if is_new {
            self.before = self.last.replace(today);
        }
        is_new
    }

    /// What was to be done on this day failed: it counts as new once more.
    fn again(&mut self) {
        self.last = self.before.take();
    }
}

fn day(at: DateTime<Utc>) -> NaiveDate {
    at.with_timezone(&Paris).date_naive()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_begins_at_midnight_in_paris_summer_and_winter_once() {
        let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        let mut days = Days::new(at("2026-03-28T12:00:00Z"));
        assert!(!days.is_new(at("2026-03-28T22:59:59Z")));
        assert!(days.is_new(at("2026-03-28T23:00:00Z")), "winter time still");
        assert!(!days.is_new(at("2026-03-29T21:59:59Z")));
        assert!(days.is_new(at("2026-03-29T22:00:00Z")), "summer time since the morning");
        assert!(!days.is_new(at("2026-03-29T12:00:00Z")), "a clock that goes back makes no day");
        assert!(!days.is_new(at("2026-03-29T22:00:10Z")));
        days.again();
        assert!(days.is_new(at("2026-03-29T22:00:20Z")), "what failed is tried again");
        assert!(days.is_new(at("2026-04-02T00:00:00Z")), "days the machine slept through count once");
        assert!(!days.is_new(at("2026-04-02T00:00:01Z")));
    }
}
