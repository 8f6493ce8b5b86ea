//! The list of transmissions (A4-5): day, hour, duration that images really flowed, receiving service, site, reasons,
//! who asked, who decided, how it ended. Drawn from the register's entries themselves, one row for every ticket that was
//! opened; what is neither opened nor pending any more is forgotten on the way.

use crate::domain::{
    Actor, CloseCause, Entry, Event, OpenedBy, PersonId, Purpose, Reason, RegisterFilter, ServiceId, SessionId, SiteId,
    TicketId,
};
use chrono::{DateTime, Utc};
use std::collections::{BTreeMap, BTreeSet};

/// One transmission.
#[derive(Debug, Clone, PartialEq)]
pub struct Transmission {
    /// The ticket.
    pub ticket: TicketId,
    /// Whose images.
    pub site: SiteId,
    /// The receiving service.
    pub service: ServiceId,
    /// What for (A3-1).
    pub reasons: BTreeSet<Reason>,
    /// Who asked.
    pub requester: PersonId,
    /// Who approved (A4-3), or the rule that opened it.
    pub opened_by: OpenedBy,
    /// When the link began to work, UTC.
    pub opened_at_utc: DateTime<Utc>,
    /// When images began to flow, UTC; `None`: none did, or none has ended yet.
    pub first_image_utc: Option<DateTime<Utc>>,
    /// `None`: still open.
    pub end: Option<End>,
}

/// How one ended.
#[derive(Debug, Clone, PartialEq)]
pub struct End {
    /// When, UTC.
    pub at_utc: DateTime<Utc>,
    /// Milliseconds images really flowed, overlapping viewers counted once.
    pub flowed_ms: u64,
    /// Why.
    pub cause: CloseCause,
}

/// A ticket on its way to being a transmission.
struct Draft {
    site: SiteId,
    service: ServiceId,
    reasons: BTreeSet<Reason>,
    requester: PersonId,
    opened_by: Option<OpenedBy>,
    opened_at_utc: Option<DateTime<Utc>>,
    first_image_utc: Option<DateTime<Utc>>,
    end: Option<End>,
}

/// Collects them while the register is read from its first entry.
#[derive(Default)]
pub struct Transmissions {
    drafts: BTreeMap<TicketId, Draft>,
    sessions: BTreeMap<SessionId, TicketId>,
}

impl Transmissions {
    /// Takes the next entry.
    pub fn add(&mut self, entry: &Entry) {
        match &entry.event {
            Event::Requested { ticket, site, service, reasons, .. } => {
                let Actor::Person(requester) = &entry.actor else { return };
                let draft = Draft {
                    site: site.clone(),
                    service: service.clone(),
                    reasons: reasons.clone(),
                    requester: requester.clone(),
                    opened_by: None,
                    opened_at_utc: None,
                    first_image_utc: None,
                    end: None,
                };
                self.drafts.insert(*ticket, draft);
            }
            Event::Approved { ticket } => {
                if let (Some(draft), Actor::Person(decider)) = (self.drafts.get_mut(ticket), &entry.actor) {
                    draft.opened_by = Some(OpenedBy::Decider(decider.clone()));
                }
            }
            Event::Opened { ticket, .. } => {
                if let Some(draft) = self.drafts.get_mut(ticket) {
                    draft.opened_at_utc = Some(entry.at_utc);
                }
            }
            Event::OpenedUrgently { ticket, alert, avenant, .. } => {
                if let Some(draft) = self.drafts.get_mut(ticket) {
                    draft.opened_by = Some(OpenedBy::Rule { alert: *alert, avenant: avenant.clone() });
                    draft.opened_at_utc = Some(entry.at_utc);
                }
            }
            Event::Withdrawn { ticket }
            | Event::Lapsed { ticket }
            | Event::Voided { ticket, .. }
            | Event::Refused { ticket, .. } => {
                self.drafts.remove(ticket);
            }
            Event::SessionGranted { session, purpose: Purpose::Transfer { ticket }, .. } => {
                self.sessions.insert(*session, *ticket);
            }
            Event::SessionEnded { session, traffic, .. } => {
                let Some(ticket) = self.sessions.remove(session) else { return };
                if let (Some(draft), Some(first)) = (self.drafts.get_mut(&ticket), traffic.first_packet_at_utc) {
                    draft.first_image_utc = Some(draft.first_image_utc.map_or(first, |known| known.min(first)));
                }
            }
            Event::Closed { ticket, cause, closed_at_utc, flowed_ms, .. } => {
                if let Some(draft) = self.drafts.get_mut(ticket) {
                    draft.end = Some(End { at_utc: *closed_at_utc, flowed_ms: *flowed_ms, cause: cause.clone() });
                }
            }
            _ => {}
        }
    }

    /// Those the filter wants and `shows` lets through, oldest first. The period is that of their opening; the kind of
    /// event means nothing here.
    pub fn finish(self, filter: &RegisterFilter, shows: impl Fn(&SiteId) -> bool) -> Vec<Transmission> {
        let mut rows: Vec<Transmission> = self
            .drafts
            .into_iter()
            .filter_map(|(ticket, draft)| {
                Some(Transmission {
                    ticket,
                    site: draft.site,
                    service: draft.service,
                    reasons: draft.reasons,
                    requester: draft.requester,
                    opened_by: draft.opened_by?,
                    opened_at_utc: draft.opened_at_utc?,
                    first_image_utc: draft.first_image_utc,
                    end: draft.end,
                })
            })
            .filter(|row| filter.covers(row.opened_at_utc) && shows(&row.site))
            .filter(|row| filter.site.as_ref().is_none_or(|site| *site == row.site))
            .filter(|row| filter.ticket.is_none_or(|ticket| ticket == row.ticket))
            .collect();
        rows.sort_by_key(|row| (row.opened_at_utc, row.ticket));
        rows
    }
}
