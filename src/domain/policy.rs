//! The convention's numbers in one place: those it fixes, and those a site may set within bounds (A4-7).

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};
use std::ops::RangeInclusive;

/// Shortest duration that can be asked for, minutes (A3-5).
pub const MIN_DURATION_MINUTES: u32 = 2 * 60;
/// Longest duration that can be asked for, minutes (A3-5).
pub const MAX_DURATION_MINUTES: u32 = 12 * 60;
/// Unanswered requests lapse after this (conflict table).
pub const LAPSE_AFTER: TimeDelta = TimeDelta::minutes(15);
/// How often an open ticket asks "toujours nécessaire ?": the duration is a ceiling (A3-5, conflict table).
pub const ASK_EVERY: TimeDelta = TimeDelta::minutes(30);
/// An unanswered question cuts after this.
pub const ANSWER_WITHIN: TimeDelta = TimeDelta::minutes(5);
/// When the deciders are reminded of a request, counted from its filing (conflict table).
pub const REMIND_AFTER: [TimeDelta; 2] = [TimeDelta::minutes(2), TimeDelta::minutes(5)];
/// A guard's alert is over after this unless it is closed before (A3-2).
pub const ALERT_LASTS: TimeDelta = TimeDelta::minutes(60);
/// A landlord's viewing ends after this at the latest, and with its ticket (A4-2).
pub const VIEWING_CEILING: TimeDelta = TimeDelta::minutes(15);

/// How much a site allows its service, so that watching never becomes permanent (A4-7). Counted per site *and service*,
/// across agents. What counts is the time a ticket stood open, not the time somebody looked: it is what was granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// Most minutes open in any 24 h.
    pub day_cap_minutes: u32,
    /// Most minutes open in any 7 times 24 h.
    pub week_cap_minutes: u32,
    /// Minutes between the end of a ticket and the next request.
    pub cooling_off_minutes: u32,
}

impl Default for Policy {
    /// 12 h in 24 h, 36 h in 7 days, half an hour between two tickets.
    fn default() -> Self {
        Self { day_cap_minutes: 12 * 60, week_cap_minutes: 36 * 60, cooling_off_minutes: 30 }
    }
}

impl Policy {
    /// What [`Policy::day_cap_minutes`] may be: from the shortest ticket to the whole day.
    pub const DAY_CAP_MINUTES: RangeInclusive<u32> = MIN_DURATION_MINUTES..=24 * 60;
    /// What [`Policy::week_cap_minutes`] may be.
    pub const WEEK_CAP_MINUTES: RangeInclusive<u32> = MIN_DURATION_MINUTES..=7 * 24 * 60;
    /// What [`Policy::cooling_off_minutes`] may be.
    pub const COOLING_OFF_MINUTES: RangeInclusive<u32> = 0..=24 * 60;

    /// Whether no number of this policy allows more than `other` does.
    pub fn is_no_looser_than(&self, other: &Policy) -> bool {
        self.day_cap_minutes <= other.day_cap_minutes
            && self.week_cap_minutes <= other.week_cap_minutes
            && self.cooling_off_minutes >= other.cooling_off_minutes
    }
}
