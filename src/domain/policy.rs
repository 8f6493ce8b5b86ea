//! The convention's numbers in one place.

use chrono::TimeDelta;

/// Shortest duration that can be asked for, minutes (A3-5).
pub const MIN_DURATION_MINUTES: u32 = 2 * 60;
/// Longest duration that can be asked for, minutes (A3-5).
pub const MAX_DURATION_MINUTES: u32 = 12 * 60;
/// Unanswered requests lapse after this (conflict table).
pub const LAPSE_AFTER: TimeDelta = TimeDelta::minutes(15);
/// A landlord's viewing ends after this at the latest, and with its ticket (A4-2).
pub const VIEWING_CEILING: TimeDelta = TimeDelta::minutes(15);
