//! How tickets and sessions end: the events, in the order in which the register shows them.

use crate::domain::event::Event;
use crate::domain::ids::{PersonId, SessionId};
use crate::domain::session::{EndCause, Traffic};
use crate::domain::state::State;
use crate::domain::ticket::{CloseCause, Ticket};
use chrono::{DateTime, Utc};

/// One session is over. What went out is filled in by [`super::measure()`], at the gate.
pub(super) fn session(session: SessionId, cause: EndCause, ended_at_utc: DateTime<Utc>) -> Event {
    Event::SessionEnded { session, cause, ended_at_utc, traffic: Traffic::default(), cut_us: None }
}

/// All live sessions of a ticket are over.
pub(super) fn sessions_of(state: &State, ticket: &Ticket, cause: &EndCause, at_utc: DateTime<Utc>) -> Vec<Event> {
    state.live_sessions_of(ticket.id).map(|live| session(live.id, cause.clone(), at_utc)).collect()
}

/// Condition of a viewing whose person has to log in anew.
const LOG_IN_VOID: &str = "log-in-void";

/// Whatever proved this person before is void: so is what they watch.
pub(super) fn log_ins_void(state: &State, person: &PersonId, at_utc: DateTime<Utc>) -> Vec<Event> {
    let theirs = state.live_sessions().filter(|live| live.person == *person);
    let cause = EndCause::GateCondition { condition: LOG_IN_VOID.to_owned() };
    theirs.map(|live| session(live.id, cause.clone(), at_utc)).collect()
}

/// An open ticket is over: its sessions first, then the ticket.
pub(super) fn close(state: &State, ticket: &Ticket, cause: CloseCause, closed_at_utc: DateTime<Utc>) -> Vec<Event> {
    let for_sessions = match &cause {
        CloseCause::RegisterFailure => EndCause::RegisterFailure,
        CloseCause::ServerStopped => EndCause::ServerStopped,
        CloseCause::Expired => EndCause::Expired,
        _ => EndCause::TicketClosed,
    };
    let mut events = sessions_of(state, ticket, &for_sessions, closed_at_utc);
    events.push(Event::Closed { ticket: ticket.id, cause, closed_at_utc, flowed_ms: 0, cut_us: None });
    events
}

/// A pending request has its answer: the landlord's viewings end with it (A4-2).
pub(super) fn answer(state: &State, ticket: &Ticket, answer: Event, at_utc: DateTime<Utc>) -> Vec<Event> {
    let mut events = sessions_of(state, ticket, &EndCause::TicketClosed, at_utc);
    events.push(answer);
    events
}
