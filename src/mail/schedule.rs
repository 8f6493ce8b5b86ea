//! When a mail that could not be delivered is tried again. Pure: time and chance are arguments.
//!
//! The first mails are about a request that lapses within 15 minutes, so the first attempts come soon; the gaps double
//! up to ten minutes, so that a mail server that comes back is noticed while somebody still waits for the mail.

use chrono::{DateTime, TimeDelta, Utc};

/// Gap after the first attempt.
const FIRST_GAP: TimeDelta = TimeDelta::seconds(15);
/// Longest gap.
const LONGEST_GAP: TimeDelta = TimeDelta::minutes(10);
/// A gap is up to this part longer or shorter, so that many mails do not all come back in the same second.
const JITTER: f64 = 0.25;

/// What follows an attempt that did not succeed but may yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// Try again, not before this instant.
    At(DateTime<Utc>),
    /// The time is over: it has failed for good.
    GiveUp,
}

/// After `attempts` attempts (at least one), the last of which ended at `now`; `until` ends all trying; `chance` is any
/// number from 0 to 1.
pub(super) fn next(attempts: u32, now: DateTime<Utc>, until: DateTime<Utc>, chance: f64) -> Next {
    if now >= until {
        return Next::GiveUp;
    }
    // 2^6 first gaps exceed the longest one; more would only overflow.
    let doublings = attempts.saturating_sub(1).min(6);
    let gap = (FIRST_GAP * (1 << doublings)).min(LONGEST_GAP);
    let factor = 1.0 + JITTER * (2.0 * chance.clamp(0.0, 1.0) - 1.0);
    let gap = TimeDelta::milliseconds((gap.num_milliseconds() as f64 * factor) as i64);
    // The last attempt is made when the time is up, whatever the gap.
    Next::At((now + gap).min(until))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::GIVE_UP_AFTER;
    use proptest::prelude::*;

    fn start() -> DateTime<Utc> {
        "2026-10-25T00:30:00Z".parse().unwrap()
    }

    #[test]
    fn gaps_double_from_fifteen_seconds_to_ten_minutes() {
        let until = start() + GIVE_UP_AFTER;
        let gaps: Vec<i64> = (1..9)
            .map(|attempts| match next(attempts, start(), until, 0.5) {
                Next::At(at) => (at - start()).num_seconds(),
                Next::GiveUp => panic!("too early"),
            })
            .collect();
        assert_eq!(gaps, [15, 30, 60, 120, 240, 480, 600, 600]);
    }

    #[test]
    fn fault_5_a_mail_is_tried_for_48_hours_to_the_end_and_then_given_up() {
        let until = start() + GIVE_UP_AFTER;
        let (mut now, mut attempts) = (start(), 1);
        loop {
            match next(attempts, now, until, 0.0) {
                Next::At(at) => {
                    assert!(at > now && at <= until);
                    (now, attempts) = (at, attempts + 1);
                }
                Next::GiveUp => break,
            }
        }
        assert_eq!(now, until, "the last attempt is made when the time is up");
        assert!(attempts < 500, "{attempts} attempts");
    }

    proptest! {
        #[test]
        fn the_next_attempt_is_always_later_never_after_the_end_and_never_far(
            attempts in any::<u32>(), chance in 0.0..=1.0_f64, gone_s in 0..172_799_i64
        ) {
            let until = start() + GIVE_UP_AFTER;
            let now = start() + TimeDelta::seconds(gone_s);
            let Next::At(at) = next(attempts, now, until, chance) else { panic!("given up before the time") };
            prop_assert!(at > now && at <= until);
            prop_assert!(at - now <= TimeDelta::seconds(750));
        }
    }
}
