//! The list of transmissions (A4-5): day, hour, duration that images really flowed, receiving service, site, reasons,
//! who asked and who decided. Drawn from the recorded state; one row for every ticket that was opened.

use crate::domain::{
    CloseCause, OpenedBy, PersonId, Purpose, Reason, RegisterFilter, SessionState, State, Ticket, TicketId, TicketState,
};
use crate::web::access::{self, Names as People};
use crate::web::auth::Person;
use chrono::{DateTime, Utc};

/// A person: the pseudonym of the register, and the name while it is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Who {
    pub(super) id: PersonId,
    pub(super) name: Option<String>,
}

/// One transmission.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Transmission {
    pub(super) ticket: TicketId,
    pub(super) site: String,
    pub(super) service: String,
    pub(super) reasons: Vec<Reason>,
    pub(super) requester: Who,
    pub(super) decider: Decider,
    pub(super) opened_at_utc: DateTime<Utc>,
    /// When images began to flow; `None`: none did, or none has ended yet.
    pub(super) first_image_utc: Option<DateTime<Utc>>,
    /// `None`: still open.
    pub(super) end: Option<End>,
}

/// Who opened it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Decider {
    /// A decider's approval.
    Person(Who),
    /// The rule of the `urgent` mode, by virtue of this avenant.
    Rule(String),
}

/// How it ended.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct End {
    pub(super) at_utc: DateTime<Utc>,
    /// Milliseconds images really flowed, overlapping viewers counted once.
    pub(super) flowed_ms: u64,
    pub(super) cause: CloseCause,
}

/// The transmissions this person may read about, as far as the filter wants them, oldest first. The period is that of
/// their opening; the kind of event means nothing here.
pub(super) fn list(state: &State, person: &Person, people: &People, filter: &RegisterFilter) -> Vec<Transmission> {
    let mut rows: Vec<Transmission> = state
        .tickets
        .values()
        .filter(|ticket| access::sees_site(person, &ticket.site))
        .filter(|ticket| filter.site.as_ref().is_none_or(|site| *site == ticket.site))
        .filter(|ticket| filter.ticket.is_none_or(|id| id == ticket.id))
        .filter_map(|ticket| row(state, people, ticket))
        .filter(|row| filter.covers(row.opened_at_utc))
        .collect();
    rows.sort_by_key(|row| (row.opened_at_utc, row.ticket));
    rows
}

fn row(state: &State, people: &People, ticket: &Ticket) -> Option<Transmission> {
    let (opened_by, opened_at_utc, end) = match &ticket.state {
        TicketState::Open { opened_by, opened_at_utc, .. } => (opened_by, *opened_at_utc, None),
        TicketState::Closed { opened_by, opened_at_utc, closed_at_utc, cause, flowed_ms, .. } => {
            let end = End { at_utc: *closed_at_utc, flowed_ms: *flowed_ms, cause: cause.clone() };
            (opened_by, *opened_at_utc, Some(end))
        }
        TicketState::Requested { .. }
        | TicketState::Refused { .. }
        | TicketState::Lapsed { .. }
        | TicketState::Withdrawn { .. }
        | TicketState::Voided { .. } => return None,
    };
    let who = |id: &PersonId| Who { id: id.clone(), name: people.get(id).cloned() };
    let site = state.sites.get(&ticket.site);
    let first_image_utc = state
        .sessions_of(ticket.id)
        .filter(|session| matches!(session.purpose, Purpose::Transfer { .. }))
        .filter_map(|session| match &session.state {
            SessionState::Ended { traffic, .. } => traffic.first_packet_at_utc,
            _ => None,
        })
        .min();
    Some(Transmission {
        ticket: ticket.id,
        site: site.map_or_else(|| ticket.site.to_string(), |site| site.name.clone()),
        service: site
            .filter(|site| site.service.id == ticket.service)
            .map_or_else(|| ticket.service.to_string(), |site| site.service.name.clone()),
        reasons: ticket.reasons.iter().copied().collect(),
        requester: who(&ticket.requester),
        decider: match opened_by {
            OpenedBy::Decider(person) => Decider::Person(who(person)),
            OpenedBy::Rule { avenant, .. } => Decider::Rule(avenant.clone()),
        },
        opened_at_utc,
        first_image_utc,
        end,
    })
}
