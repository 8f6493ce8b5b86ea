//! A guard's alert to the CSU ("les circonstances font redouter..."): it opens nothing by itself, it prefills a request
//! (A3-2); where an avenant puts the site into `urgent` mode it is what lets one request be opened at once (conflict table).

use super::ids::{AlertId, PersonId, SiteId, TicketId};
use super::policy::ALERT_LASTS;
use super::ticket::Reason;
use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;
use std::collections::BTreeSet;

/// What a guard fears.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Alert {
    /// Identifier.
    pub id: AlertId,
    /// Where.
    pub site: SiteId,
    /// Which guard.
    pub by: PersonId,
    /// Reasons of the convention's list that it is about (A3-1).
    pub reasons: BTreeSet<Reason>,
    /// In their words.
    pub what: String,
    /// When.
    #[serde(with = "super::instant")]
    pub raised_at_utc: DateTime<Utc>,
    /// When somebody of the landlord's closed it.
    #[serde(with = "super::instant::option", skip_serializing_if = "Option::is_none")]
    pub closed_at_utc: Option<DateTime<Utc>>,
    /// The one ticket that was opened at once under it (`urgent` mode).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub opened: Option<TicketId>,
    /// How far the wall clock was set back since it was raised: an alert does not live longer for it (fault 6).
    #[serde(skip)]
    pub set_back: TimeDelta,
}

impl Alert {
    /// When it is over by itself.
    pub fn ends_at_utc(&self) -> DateTime<Utc> {
        self.raised_at_utc + ALERT_LASTS - self.set_back
    }

    /// Whether it still stands.
    pub fn is_open_at(&self, now: DateTime<Utc>) -> bool {
        self.closed_at_utc.is_none() && self.raised_at_utc <= now && now < self.ends_at_utc()
    }
}
