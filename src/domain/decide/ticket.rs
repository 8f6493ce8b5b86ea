//! The life of a ticket after it was filed: decided once (A4-3), ended by whoever may end it (A4-4).

use super::conditions::broken_for_ticket;
use super::{designated, ending, expired, given_reason, is_decider_of, limits, not_now, visible_ticket};
use crate::domain::command::Actor;
use crate::domain::event::Event;
use crate::domain::ids::{PersonId, TicketId};
use crate::domain::person::{Designation, Role};
use crate::domain::refusal::{Refusal, RefusalKind};
use crate::domain::state::State;
use crate::domain::ticket::{CloseCause, Ticket, TicketState};
use chrono::{DateTime, TimeDelta, Utc};

pub(super) fn withdraw(state: &State, actor: &Actor, id: TicketId, now: DateTime<Utc>) -> Result<Vec<Event>, Refusal> {
    let (person, _) = designated(state, actor)?;
    let ticket = visible_ticket(state, person, id)?;
    if ticket.requester != *person {
        return Err(Refusal::new(RefusalKind::Forbidden, "requester-only", "only the agent who asked may do this"));
    }
    match &ticket.state {
        TicketState::Requested { .. } => Ok(ending::answer(state, ticket, Event::Withdrawn { ticket: id }, now)),
        _ => Err(not_now(ticket)),
    }
}

/// Approval opens the ticket. Never by the requester, never by silence, never outside the convention (A4-3, A8-1).
pub(super) fn approve(state: &State, actor: &Actor, id: TicketId, now: DateTime<Utc>) -> Result<Vec<Event>, Refusal> {
    let (person, place) = designated(state, actor)?;
    let ticket = visible_ticket(state, person, id)?;
    decider(person, place, ticket)?;
    let TicketState::Requested { lapses_at_utc, .. } = ticket.state else { return Err(not_now(ticket)) };
    if now >= lapses_at_utc {
        return Err(Refusal::new(
            RefusalKind::Gone,
            "ticket-lapsed",
            "nobody answered in time: the agent must ask again",
        ));
    }
    if let Some(condition) = broken_for_ticket(state, ticket, now) {
        return Err(Refusal::new(RefusalKind::Conflict, condition, "a condition of this request no longer holds"));
    }
    let over = limits::faults(state, &ticket.site, &ticket.service, ticket.duration_minutes, now);
    if !over.is_empty() {
        // Possible only when the limits were tightened since it was filed.
        let message = "this request no longer keeps to the site's limits: refuse it, or let it lapse (A4-7)".to_owned();
        return Err(Refusal { kind: RefusalKind::Conflict, code: "over-limits", message, faults: over });
    }
    let Some(site) = state.sites.get(&ticket.site) else { return Err(not_now(ticket)) };
    let ceiling = now + TimeDelta::minutes(ticket.duration_minutes.into());
    let expires_at_utc = ceiling.min(state.convention(site).valid_until_utc);
    Ok(vec![Event::Approved { ticket: id }, Event::Opened { ticket: id, expires_at_utc }])
}

/// A refusal wins, even after an approval: then it cuts (fault 4).
pub(super) fn refuse(
    state: &State,
    actor: &Actor,
    id: TicketId,
    why: &str,
    now: DateTime<Utc>,
) -> Result<Vec<Event>, Refusal> {
    let (person, place) = designated(state, actor)?;
    let ticket = visible_ticket(state, person, id)?;
    decider(person, place, ticket)?;
    match &ticket.state {
        TicketState::Requested { lapses_at_utc, .. } if now >= *lapses_at_utc => {
            Err(Refusal::new(RefusalKind::Gone, "ticket-lapsed", "nobody answered in time: there is nothing to refuse"))
        }
        TicketState::Requested { .. } => {
            let refused = Event::Refused { ticket: id, why: given_reason(why)? };
            Ok(ending::answer(state, ticket, refused, now))
        }
        TicketState::Open { .. } => {
            let open = still_open(ticket, now)?;
            let why = given_reason(why)?;
            Ok(ending::close(state, open, CloseCause::RefusedAfterOpening { why }, now))
        }
        _ => Err(not_now(ticket)),
    }
}

/// "Fin d'intervention", by the agent who asked. Chiefs watch, and end nothing.
pub(super) fn end_intervention(
    state: &State,
    actor: &Actor,
    id: TicketId,
    now: DateTime<Utc>,
) -> Result<Vec<Event>, Refusal> {
    let (person, _) = designated(state, actor)?;
    let ticket = visible_ticket(state, person, id)?;
    if ticket.requester != *person {
        return Err(Refusal::new(RefusalKind::Forbidden, "requester-only", "only the agent who asked may do this"));
    }
    let ticket = still_open(ticket, now)?;
    Ok(ending::close(state, ticket, CloseCause::EndOfIntervention, now))
}

/// By decider or guard of the site, or by the administrator, with a reason.
pub(super) fn interrupt(
    state: &State,
    actor: &Actor,
    id: TicketId,
    why: &str,
    now: DateTime<Utc>,
) -> Result<Vec<Event>, Refusal> {
    let (person, place) = designated(state, actor)?;
    let ticket = visible_ticket(state, person, id)?;
    let by_landlord = matches!(place.role, Role::Decider | Role::Guard) && place.sites.contains(&ticket.site);
    let by_administrator = place.role == Role::Administrator;
    if !by_landlord && !by_administrator {
        return Err(Refusal::new(
            RefusalKind::Forbidden,
            "landlord-or-administrator-only",
            "only the landlord's people for this site or the administrator may interrupt (A4-4)",
        ));
    }
    let ticket = still_open(ticket, now)?;
    let why = given_reason(why)?;
    let cause = match place.role {
        Role::Administrator => CloseCause::CutByAdministrator { why },
        _ => CloseCause::InterruptedByLandlord { why },
    };
    Ok(ending::close(state, ticket, cause, now))
}

fn still_open(ticket: &Ticket, now: DateTime<Utc>) -> Result<&Ticket, Refusal> {
    match ticket.state {
        TicketState::Open { .. } if ticket.is_open_at(now) => Ok(ticket),
        TicketState::Open { .. } => Err(expired()),
        _ => Err(not_now(ticket)),
    }
}

fn decider(person: &PersonId, place: &Designation, ticket: &Ticket) -> Result<(), Refusal> {
    if ticket.requester == *person {
        return Err(Refusal::new(RefusalKind::Forbidden, "own-ticket", "nobody decides on their own request (A4-3)"));
    }
    if !is_decider_of(place, ticket) {
        return Err(Refusal::new(
            RefusalKind::Forbidden,
            "deciders-only",
            "only titulaire and suppléant of this site decide (A4-1)",
        ));
    }
    Ok(())
}
