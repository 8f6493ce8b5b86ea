//! Time at the edge. `domain` gets time as an argument; everything else that needs "now" takes a [`Clock`], so that
//! tests never sleep to let a ticket expire and a clock that jumps can be played (fault 6).

use crate::domain::day::paris_midnight;
use crate::domain::instant::is_writable;
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Source of both times the product uses: UTC for what people and the register read, monotonic for how long things last.
pub trait Clock: Send + Sync + 'static {
    /// Wall clock, UTC.
    fn utc(&self) -> DateTime<Utc>;
    /// Monotonic clock: never steps, unrelated to the calendar.
    fn monotonic(&self) -> Instant;
}

/// Reads the beginning of a period as people give it: a day, from its midnight in Paris, or an instant.
///
/// # Errors
/// What was expected.
pub fn parse_since(text: &str) -> Result<DateTime<Utc>, String> {
    parse_when(text, TimeDelta::zero())
}

/// Reads the end of a period: a day, which counts whole, or an instant, which no longer belongs to it.
///
/// # Errors
/// What was expected.
pub fn parse_until(text: &str) -> Result<DateTime<Utc>, String> {
    parse_when(text, TimeDelta::days(1))
}

fn parse_when(text: &str, later: TimeDelta) -> Result<DateTime<Utc>, String> {
    let expected = || "expected a day such as 2026-11-25, or an instant such as 2026-11-25T14:00:00Z".to_owned();
    if let Ok(at) = DateTime::parse_from_rfc3339(text) {
        return Some(at.to_utc()).filter(|at| is_writable(*at)).ok_or_else(expected);
    }
    let day: NaiveDate = text.parse().map_err(|_| expected())?;
    day.checked_add_signed(later).and_then(paris_midnight).filter(|at| is_writable(*at)).ok_or_else(expected)
}

/// The machine's own clocks.
#[derive(Debug, Default, Clone, Copy)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn utc(&self) -> DateTime<Utc> {
        Utc::now()
    }
    fn monotonic(&self) -> Instant {
        Instant::now()
    }
}

/// A clock that stands still until it is told to move; for tests and simulations.
#[derive(Debug, Clone)]
pub struct ManualClock(Arc<Mutex<(DateTime<Utc>, Instant)>>);

impl ManualClock {
    /// Starts at `utc`; the monotonic side starts at the process's own now.
    pub fn at(utc: DateTime<Utc>) -> Self {
        Self(Arc::new(Mutex::new((utc, Instant::now()))))
    }
    /// Lets both clocks run on by `by`.
    pub fn advance(&self, by: Duration) {
        let mut now = self.lock();
        now.0 += TimeDelta::from_std(by).unwrap_or(TimeDelta::MAX);
        now.1 += by;
    }
    /// Steps the wall clock alone, as an operator or NTP would (fault 6); negative steps go back.
    pub fn step_wall(&self, by: TimeDelta) {
        self.lock().0 += by;
    }
    fn lock(&self) -> std::sync::MutexGuard<'_, (DateTime<Utc>, Instant)> {
        // A panic while holding this lock cannot leave the pair half-written in a way that matters to a test clock.
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Clock for ManualClock {
    fn utc(&self) -> DateTime<Utc> {
        self.lock().0
    }
    fn monotonic(&self) -> Instant {
        self.lock().1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_those_of_paris_and_the_last_one_counts_whole() {
        assert_eq!(parse_since("2026-07-01").unwrap().to_rfc3339(), "2026-06-30T22:00:00+00:00");
        assert_eq!(parse_until("2026-12-31").unwrap().to_rfc3339(), "2026-12-31T23:00:00+00:00");
        assert_eq!(parse_until("2026-12-31T10:00:00+01:00").unwrap().to_rfc3339(), "2026-12-31T09:00:00+00:00");
        assert!(parse_since("yesterday").unwrap_err().contains("2026-11-25"));
        for nonsense in ["+262142-12-31", "-0001-01-01", "+12000-01-01", "0000-01-01T00:00:00+01:00"] {
            assert!(parse_since(nonsense).is_err() && parse_until(nonsense).is_err(), "{nonsense}");
        }
        // Midnight in Paris was in the year before.
        assert!(parse_since("0000-01-01").is_err());
    }
}
