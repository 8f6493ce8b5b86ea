//! By which clock footage is destroyed. The calendar alone would destroy everything when somebody sets it forward, and
//! nothing when somebody sets it back; the monotonic clock knows no calendar. So: the calendar as it was at the start, and
//! the time that has really passed since; where the two part, somebody has to say which is right (A5-4, fault 6).

use crate::domain::footage::Doubt;
use chrono::{DateTime, TimeDelta, Utc};
use std::time::Instant;

/// So far calendar and passed time may part without anybody being asked. Less than footage goes ahead of its time.
pub(super) const TOLERANCE: TimeDelta = TimeDelta::minutes(5);
/// After so long without a picture nobody knows whether the machine was off or its calendar was set.
pub(super) const LONGEST_PAUSE: TimeDelta = TimeDelta::hours(24);

/// What time it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Time {
    /// By both clocks.
    Sure(DateTime<Utc>),
    /// By the passed time alone: the calendar says otherwise.
    Doubtful(DateTime<Utc>),
}

/// Calendar and passed time together.
#[derive(Debug, Clone, Copy)]
pub(super) struct PurgeClock {
    base_utc: DateTime<Utc>,
    base: Instant,
}

impl PurgeClock {
    /// At the start: `doubt` is what an earlier run was told nothing about, `last_utc` the last sign of life, in a doubt by
    /// the time that had passed.
    pub fn new(last_utc: Option<DateTime<Utc>>, doubt: Option<Doubt>, utc: DateTime<Utc>, monotonic: Instant) -> Self {
        let base_utc = match (doubt, last_utc) {
            // What has passed since the doubt began counts, however often the server was started again.
            (Some(doubt), last) => last.map_or(doubt.trusted_utc, |last| last.max(doubt.trusted_utc)),
            (None, Some(last)) if utc < last - TOLERANCE || utc - last > LONGEST_PAUSE => last,
            (None, _) => utc,
        };
        Self { base_utc, base: monotonic }
    }

    /// What time it is now.
    pub fn look(&self, utc: DateTime<Utc>, monotonic: Instant) -> Time {
        let passed = TimeDelta::from_std(monotonic.saturating_duration_since(self.base)).unwrap_or(TimeDelta::zero());
        let trusted = self.base_utc.checked_add_signed(passed).unwrap_or(self.base_utc);
        if (utc - trusted).abs() <= TOLERANCE { Time::Sure(utc) } else { Time::Doubtful(trusted) }
    }

    /// Somebody said that the calendar is right.
    pub fn adopt(&mut self, utc: DateTime<Utc>, monotonic: Instant) {
        (self.base_utc, self.base) = (utc, monotonic);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn fault_6_a_calendar_that_steps_is_not_followed_either_way() {
        let (start, base) = (at("2026-11-25T12:00:00Z"), Instant::now());
        let mut clock = PurgeClock::new(Some(start), None, start, base);
        let hour = Duration::from_secs(3_600);
        let later = start + TimeDelta::hours(1);
        assert_eq!(clock.look(later, base + hour), Time::Sure(later));
        for step in [-90, -1, 1, 90] {
            assert_eq!(clock.look(later + TimeDelta::days(step), base + hour), Time::Doubtful(later), "{step}");
        }
        let stepped = later + TimeDelta::days(3);
        clock.adopt(stepped, base + hour);
        assert_eq!(clock.look(stepped, base + hour), Time::Sure(stepped));
    }

    #[test]
    fn fault_6_a_calendar_that_was_set_while_the_machine_was_off_is_doubted() {
        let (last, base) = (at("2026-11-25T12:00:00Z"), Instant::now());
        let starts = |utc| PurgeClock::new(Some(last), None, utc, base).look(utc, base);
        let soon = last + TimeDelta::hours(20);
        assert_eq!(starts(soon), Time::Sure(soon));
        assert_eq!(starts(last + TimeDelta::days(400)), Time::Doubtful(last));
        assert_eq!(starts(at("1970-01-01T00:00:00Z")), Time::Doubtful(last));
        let doubt = Doubt { since_utc: at("2030-01-01T00:00:00Z"), trusted_utc: last };
        let again = |recorded_until| PurgeClock::new(recorded_until, Some(doubt), at("2030-01-01T00:01:00Z"), base);
        let looks = |clock: PurgeClock| clock.look(at("2030-01-01T00:01:00Z"), base);
        assert_eq!(looks(again(None)), Time::Doubtful(last), "a restart clears no doubt");
        let ten_days = last + TimeDelta::days(10);
        assert_eq!(looks(again(Some(ten_days))), Time::Doubtful(ten_days), "and turns no time back");
        assert_eq!(looks(again(Some(last - TimeDelta::days(1)))), Time::Doubtful(last));
    }
}
