//! How long a site's images stood open to a service, and when there is room for more (A4-7).
//!
//! The reading that fails closed: a ticket counts from its opening to its end, whether or not anybody watched; an open one
//! counts to its ceiling; and what a stepped clock makes overlap counts twice, one after the other (fault 6). Requests
//! that were never opened count nothing. Across agents, since the cap is the service's (fault 1).

use super::ids::{ServiceId, SiteId};
use super::policy::Policy;
use super::state::State;
use super::ticket::{CloseCause, TicketState};
use chrono::{DateTime, TimeDelta, Utc};

/// A rule that keeps watching from becoming permanent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// The cap of any 24 h.
    DayCap,
    /// The cap of any 7 times 24 h.
    WeekCap,
    /// The time between two tickets.
    CoolingOff,
}

impl Limit {
    /// The stable word used in faults.
    pub fn as_str(self) -> &'static str {
        match self {
            Limit::DayCap => "day-cap",
            Limit::WeekCap => "week-cap",
            Limit::CoolingOff => "cooling-off",
        }
    }
}

/// From when a request would keep to a limit it does not keep to now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// From this instant, if nothing else is opened meanwhile.
    From(DateTime<Utc>),
    /// Never: it asks for more than the cap itself, minutes.
    Never(u32),
}

/// What stood open for one site and service, oldest first, laid end to end where clocks made it overlap.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Usage {
    spans: Vec<(DateTime<Utc>, TimeDelta)>,
    last_end_utc: Option<DateTime<Utc>>,
}

impl Usage {
    /// Looks through the tickets of this site and service, whoever asked for them.
    pub fn of(state: &State, site: &SiteId, service: &ServiceId) -> Self {
        let mut usage = Self::default();
        let theirs = state.tickets.values().filter(|ticket| ticket.site == *site && ticket.service == *service);
        let mut spans: Vec<(DateTime<Utc>, TimeDelta)> = Vec::new();
        for ticket in theirs {
            match &ticket.state {
                TicketState::Open { opened_at_utc, expires_at_utc, .. } => {
                    spans.push((*opened_at_utc, *expires_at_utc - *opened_at_utc));
                }
                TicketState::Closed { opened_at_utc, closed_at_utc, flowed_ms, cause, .. } => {
                    let told = *closed_at_utc - *opened_at_utc + state.set_back(&ticket.id);
                    let flowed = TimeDelta::milliseconds(i64::try_from(*flowed_ms).unwrap_or(i64::MAX / 2));
                    spans.push((*opened_at_utc, told.max(flowed)));
                    // When the machine failed, nobody ended a ticket: it may be asked for again at once.
                    if !matches!(cause, CloseCause::ServerStopped | CloseCause::RegisterFailure) {
                        usage.last_end_utc = usage.last_end_utc.max(Some(*closed_at_utc));
                    }
                }
                TicketState::Requested { .. }
                | TicketState::Refused { .. }
                | TicketState::Lapsed { .. }
                | TicketState::Withdrawn { .. }
                | TicketState::Voided { .. } => {}
            }
        }
        spans.sort();
        let mut end: Option<DateTime<Utc>> = None;
        for (begin, length) in spans {
            let begin = end.map_or(begin, |end| begin.max(end));
            end = Some(begin + length);
            usage.spans.push((begin, length));
        }
        usage
    }

    /// How much of it lies after `instant`.
    pub fn after(&self, instant: DateTime<Utc>) -> TimeDelta {
        let part = |(begin, length): &(DateTime<Utc>, TimeDelta)| {
            (*begin + *length - instant).clamp(TimeDelta::zero(), *length)
        };
        self.spans.iter().map(part).sum()
    }

    /// The limits that a ticket of this length, opened at `now`, would break.
    pub fn broken_limits(&self, policy: &Policy, length: TimeDelta, now: DateTime<Utc>) -> Vec<(Limit, Until)> {
        let caps = [
            (Limit::DayCap, policy.day_cap_minutes, TimeDelta::hours(24)),
            (Limit::WeekCap, policy.week_cap_minutes, TimeDelta::days(7)),
        ];
        let mut broken: Vec<_> = caps
            .into_iter()
            .filter_map(|(limit, cap, window)| Some((limit, self.cap(cap, window, length, now)?)))
            .collect();
        if let Some(end) = self.last_end_utc {
            let cool_utc = end + TimeDelta::minutes(policy.cooling_off_minutes.into());
            if now < cool_utc {
                broken.push((Limit::CoolingOff, Until::From(cool_utc)));
            }
        }
        broken
    }

    /// While a ticket is open, what it adds to the window is at least what leaves it at the other end: the window is
    /// fullest at the ticket's end, so it is enough to look there.
    fn cap(&self, cap_minutes: u32, window: TimeDelta, length: TimeDelta, now: DateTime<Utc>) -> Option<Until> {
        let room = TimeDelta::minutes(cap_minutes.into()) - length;
        if room < TimeDelta::zero() {
            return Some(Until::Never(cap_minutes));
        }
        if self.after(now + length - window) <= room {
            return None;
        }
        // Newest first, until there is no room for the rest: the window has to begin there.
        let mut left = room;
        for (begin, span) in self.spans.iter().rev() {
            if *span > left {
                let window_begins = *begin + *span - left;
                return Some(Until::From(window_begins + window - length));
            }
            left -= *span;
        }
        None
    }
}
