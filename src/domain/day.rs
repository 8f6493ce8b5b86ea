//! Days. The convention's day begins at midnight in Paris; instants are UTC (A8-1, fault 18).

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use chrono_tz::Europe::Paris;

/// 00:00 in Paris on that day, as UTC. Paris has never skipped midnight at a DST change, so `None` is for days beyond the
/// calendar alone.
pub fn paris_midnight(day: NaiveDate) -> Option<DateTime<Utc>> {
    day.and_time(NaiveTime::MIN).and_local_timezone(Paris).earliest().map(|local| local.with_timezone(&Utc))
}

/// The first instant after a day that is included, such as a convention's last (fault 23).
pub fn end_of(day: NaiveDate) -> Option<DateTime<Utc>> {
    paris_midnight(day.succ_opt()?)
}

/// The day it is in Paris.
pub fn day_of(at: DateTime<Utc>) -> NaiveDate {
    at.with_timezone(&Paris).date_naive()
}
