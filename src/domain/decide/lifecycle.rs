//! What no person decides: time, start-up, stopping.

use super::conditions::consequences;
use super::{ending, footage, need, not_now, system_only, workstation};
use crate::domain::command::{Actor, Heartbeat, Timer};
use crate::domain::event::Event;
use crate::domain::ids::{SessionId, TicketId};
use crate::domain::refusal::{Refusal, RefusalKind};
use crate::domain::session::EndCause;
use crate::domain::state::State;
use crate::domain::ticket::{CloseCause, TicketState};
use chrono::{DateTime, Utc};
use std::collections::BTreeSet;

/// Records a fact about the product itself.
pub(super) fn note(actor: &Actor, event: Event) -> Result<Vec<Event>, Refusal> {
    system_only(actor)?;
    Ok(vec![event])
}

pub(super) fn close_by_rule(
    state: &State,
    actor: &Actor,
    id: TicketId,
    cause: &CloseCause,
    now: DateTime<Utc>,
) -> Result<Vec<Event>, Refusal> {
    system_only(actor)?;
    let Some(ticket) = state.tickets.get(&id) else {
        return Err(Refusal::new(RefusalKind::NotFound, "unknown-ticket", "no such ticket"));
    };
    match ticket.state {
        TicketState::Open { .. } => Ok(ending::close(state, ticket, cause.clone(), now)),
        TicketState::Closed { .. } => Ok(Vec::new()),
        _ => Err(not_now(ticket)),
    }
}

/// Time has passed. What the wall clock or the monotonic clock says is over is over (fault 6), and so is what a
/// condition no longer carries (faults 8, 23).
pub(super) fn tick(
    state: &State,
    actor: &Actor,
    overdue: &BTreeSet<Timer>,
    overdue_sessions: &BTreeSet<SessionId>,
    now: DateTime<Utc>,
) -> Result<Vec<Event>, Refusal> {
    system_only(actor)?;
    let mut events = consequences(state, now);
    let mut done = over_in(&events);
    for ticket in state.live_tickets().filter(|ticket| !done.contains(&Over::Ticket(ticket.id))) {
        let is_overdue = overdue.contains(&Timer::End(ticket.id));
        match ticket.state {
            TicketState::Requested { lapses_at_utc, .. } if is_overdue || now >= lapses_at_utc => {
                events.extend(ending::answer(state, ticket, Event::Lapsed { ticket: ticket.id }, now));
            }
            TicketState::Open { expires_at_utc, .. } if is_overdue || now >= expires_at_utc => {
                // The gates shut by themselves at that instant, however late the tick.
                events.extend(ending::close(state, ticket, CloseCause::Expired, now.min(expires_at_utc)));
            }
            TicketState::Requested { reminders, .. } => events.extend(need::reminder(ticket, reminders, overdue, now)),
            TicketState::Open { need, .. } => events.extend(need::question(state, ticket, need, overdue, now)),
            _ => {}
        }
    }
    done.extend(over_in(&events));
    for session in state.live_sessions().filter(|session| !done.contains(&Over::Session(session.id))) {
        if now >= session.deadline_utc || overdue_sessions.contains(&session.id) {
            events.push(ending::session(session.id, EndCause::Expired, now.min(session.deadline_utc)));
        }
    }
    dedup_sessions(&mut events);
    events.extend(need::renewal_reminders(state, now));
    events.extend(workstation::expiry_reminders(state, now));
    events.extend(footage::warnings(state, now));
    Ok(events)
}

/// Whatever was open or attached when the last run ended is closed with the time it was last known alive; it is never
/// resumed (fault 19). Pending requests go on waiting.
pub(super) fn server_started(
    state: &State,
    actor: &Actor,
    version: &str,
    last_heartbeat: Option<&Heartbeat>,
    now: DateTime<Utc>,
) -> Result<Vec<Event>, Refusal> {
    system_only(actor)?;
    let mut events = vec![Event::ServerStarted { version: version.to_owned() }];
    // The last entry is a sign of life as good as a heartbeat: the later of the two counts.
    let last_alive = last_heartbeat.map(|heartbeat| heartbeat.at_utc).max(state.last_at_utc).unwrap_or(now).min(now);
    close_all(state, last_alive, &mut events);
    for event in &mut events {
        if let Event::SessionEnded { session, traffic, .. } = event
            && let Some(known) = last_heartbeat.and_then(|heartbeat| heartbeat.sessions.get(session))
        {
            *traffic = *known;
        }
    }
    Ok(events)
}

pub(super) fn server_stopping(state: &State, actor: &Actor, now: DateTime<Utc>) -> Result<Vec<Event>, Refusal> {
    system_only(actor)?;
    let mut events = Vec::new();
    close_all(state, now, &mut events);
    events.push(Event::ServerStopping);
    Ok(events)
}

fn close_all(state: &State, at_utc: DateTime<Utc>, events: &mut Vec<Event>) {
    for ticket in state.live_tickets() {
        match ticket.state {
            TicketState::Open { opened_at_utc, expires_at_utc, .. } => {
                let closed_at_utc = at_utc.max(opened_at_utc).min(expires_at_utc);
                events.extend(ending::close(state, ticket, CloseCause::ServerStopped, closed_at_utc));
            }
            _ => events.extend(ending::sessions_of(state, ticket, &EndCause::ServerStopped, at_utc)),
        }
    }
    // A session whose ticket's ending is on disk while its own is not: a crash between two lines of one decision.
    let done = over_in(events);
    for session in state.live_sessions().filter(|session| !done.contains(&Over::Session(session.id))) {
        events.push(ending::session(session.id, EndCause::ServerStopped, at_utc));
    }
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Over {
    Ticket(TicketId),
    Session(SessionId),
}

fn over_in(events: &[Event]) -> BTreeSet<Over> {
    events
        .iter()
        .filter_map(|event| match event {
            Event::SessionEnded { session, .. } => Some(Over::Session(*session)),
            Event::Closed { ticket, .. } | Event::Voided { ticket, .. } | Event::Lapsed { ticket } => {
                Some(Over::Ticket(*ticket))
            }
            _ => None,
        })
        .collect()
}

/// A session ends once, for the first reason found.
fn dedup_sessions(events: &mut Vec<Event>) {
    let mut seen = BTreeSet::new();
    events.retain(|event| match event {
        Event::SessionEnded { session, .. } => seen.insert(*session),
        _ => true,
    });
}
