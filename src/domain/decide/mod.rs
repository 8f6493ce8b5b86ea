//! The one place where the rules of the convention are decided. [`decide`] reads as a table of contents; each rule
//! stands in the module of its subject.

mod alarm;
mod alert;
mod annex;
mod attach;
mod conditions;
mod dossier;
mod ending;
mod excerpt;
mod export;
mod footage;
mod invitation;
mod lifecycle;
mod limits;
mod mail;
mod measure;
mod need;
mod request;
mod rights;
mod ticket;
mod urgent;
mod workstation;

pub use measure::{Measured, measure};

use super::command::{Action, Actor, Command};
use super::event::Event;
use super::ids::{PersonId, TicketId};
use super::instant;
use super::person::{Designation, Role};
use super::refusal::{Fault, Refusal, RefusalKind};
use super::state::State;
use super::ticket::{Ticket, TicketState};
use chrono::{DateTime, Utc};

/// Longest text accepted where a person gives a reason, characters.
pub const MAX_WHY_CHARS: usize = 500;
/// Longest workstation name or address accepted, characters.
pub const MAX_WORKSTATION_CHARS: usize = 200;

/// Decides a command against the state at `now` (UTC): the events to record, or a named refusal. No events: what was
/// wanted is so already.
///
/// # Errors
/// A [`Refusal`] that names every fault found; nothing changes.
pub fn decide(state: &State, command: &Command, now: DateTime<Utc>) -> Result<Vec<Event>, Refusal> {
    let now = instant::to_micros(now);
    let actor = &command.actor;
    let mut events = match &command.action {
        Action::DeclareSite(site) => annex::declare_site(state, actor, site, now),
        Action::SetPolicy { site, policy } => limits::set_policy(state, actor, site, *policy),
        Action::File { site, record } => dossier::file(state, actor, site, record, now),
        Action::SettleChange { change, confirm } => rights::settle(state, actor, *change, *confirm, now),
        Action::Designate(designation) => annex::designate(state, actor, designation, now),
        Action::Strike(person) => annex::strike(state, actor, person, now),
        Action::IssueWorkstation(workstation) => workstation::issue(state, actor, workstation, now),
        Action::RevokeWorkstation { workstation, why } => workstation::revoke(state, actor, workstation, why, now),
        Action::ResetSecondFactor { person, why } => annex::reset_second_factor(state, actor, person, why, now),
        Action::Invite { person, way } => invitation::invite(state, actor, person, *way, now),
        Action::RevokeInvitation { person } => invitation::revoke(state, actor, person),
        Action::AcceptInvitation { person, number } => invitation::accept(state, actor, person, *number, now),

        Action::Footage(command) => footage::command(state, actor, command, now),
        Action::StorageAlarm { alarm, raised, figure } => alarm::sound(state, actor, *alarm, *raised, *figure),

        Action::RaiseAlert { alert, site, reasons, what } => {
            alert::raise(state, actor, *alert, (site, reasons, what), now)
        }
        Action::CloseAlert { alert } => alert::close(state, actor, *alert, now),
        Action::Request { ticket, email_matches, site, reasons, duration_minutes } => {
            let form =
                request::Form { email_matches: *email_matches, site, reasons, duration_minutes: *duration_minutes };
            request::request(state, actor, *ticket, &form, now)
        }
        Action::Withdraw { ticket } => ticket::withdraw(state, actor, *ticket, now),
        Action::Approve { ticket } => ticket::approve(state, actor, *ticket, now),
        Action::Refuse { ticket, why } => ticket::refuse(state, actor, *ticket, why, now),
        Action::ConfirmNeed { ticket } => need::confirm(state, actor, *ticket, now),
        Action::EndIntervention { ticket } => ticket::end_intervention(state, actor, *ticket, now),
        Action::Interrupt { ticket, why } => ticket::interrupt(state, actor, *ticket, why, now),

        Action::Attach { session, purpose, cameras, workstation, at_most, replace } => {
            let wish = attach::Wish { purpose, cameras, workstation, at_most: *at_most, replace: *replace };
            attach::attach(state, actor, *session, &wish, now)
        }
        Action::CutSession(cut) => attach::cut_session(state, actor, cut, now),
        Action::SessionConnected { session, srtp, dtls } => attach::connected(state, actor, *session, srtp, dtls),
        Action::SessionEnded { session, cause, traffic } => attach::ended(state, actor, *session, cause, *traffic, now),

        Action::CloseByRule { ticket, cause } => lifecycle::close_by_rule(state, actor, *ticket, cause, now),
        Action::Tick { overdue, overdue_sessions } => lifecycle::tick(state, actor, overdue, overdue_sessions, now),
        Action::ViewFootage { viewing, footage } => excerpt::view(state, actor, *viewing, footage, now),
        Action::ExportFootage { export, footage, reference } => {
            excerpt::export(state, actor, *export, footage, reference, now)
        }
        Action::ExportRegister { format, filter } => export::export(state, actor, *format, filter),
        Action::ClockStepped { by_us } => lifecycle::note(actor, Event::ClockStepped { by_us: *by_us }),
        Action::RegisterRepaired { dropped_bytes, sha256 } => {
            lifecycle::note(actor, Event::RegisterRepaired { dropped_bytes: *dropped_bytes, sha256: sha256.clone() })
        }
        Action::ServerStarted { version, last_heartbeat } => {
            lifecycle::server_started(state, actor, version, last_heartbeat.as_ref(), now)
        }
        Action::ServerStopping => lifecycle::server_stopping(state, actor, now),
        Action::NoteMail(note) => mail::note(state, actor, note),
    }?;
    measure::tally(state, &mut events);
    Ok(events)
}

/// The person who acts, with their place in the annex in force (A3-3).
fn designated<'a>(state: &'a State, actor: &'a Actor) -> Result<(&'a PersonId, &'a Designation), Refusal> {
    match actor {
        Actor::System => Err(Refusal::new(RefusalKind::Forbidden, "people-only", "only a person may do this")),
        Actor::Person(person) => match state.people.get(person) {
            Some(designation) => Ok((person, designation)),
            None => Err(Refusal::new(
                RefusalKind::Forbidden,
                "not-designated",
                "this person is not in the annex in force: ask the administrator",
            )),
        },
    }
}

/// Only timers, start-up and the media plane do this.
fn system_only(actor: &Actor) -> Result<(), Refusal> {
    match actor {
        Actor::System => Ok(()),
        Actor::Person(_) => Err(Refusal::new(RefusalKind::Forbidden, "system-only", "no person may do this")),
    }
}

/// The ticket, if there is one that this person may know of; the same answer otherwise (fault 25).
fn visible_ticket<'a>(state: &'a State, person: &PersonId, id: TicketId) -> Result<&'a Ticket, Refusal> {
    match state.tickets.get(&id) {
        Some(ticket) if state.may_see(person, ticket) => Ok(ticket),
        _ => Err(Refusal::new(RefusalKind::NotFound, "unknown-ticket", "no such ticket, or not for you to see")),
    }
}

fn is_decider_of(designation: &Designation, ticket: &Ticket) -> bool {
    designation.role == Role::Decider && designation.sites.contains(&ticket.site)
}

/// A reason given by a person: something visible, not too long.
fn given_reason(why: &str) -> Result<String, Refusal> {
    let why = why.trim();
    let visible = why.chars().any(|c| !c.is_whitespace() && !c.is_control());
    let (code, expected) = match why.chars().count() {
        _ if !visible => ("no-reason-given", "a reason, at least one visible character".to_owned()),
        n if n > MAX_WHY_CHARS => ("reason-too-long", format!("at most {MAX_WHY_CHARS} characters")),
        _ => return Ok(why.to_owned()),
    };
    Err(faulty(code, "say why", vec![fault("why", code, why, expected)]))
}

fn fault(field: &'static str, code: &'static str, value: impl ToString, expected: impl Into<String>) -> Fault {
    Fault {
        field,
        code,
        value: value.to_string().chars().take(80).collect(),
        expected: expected.into(),
        from_utc: None,
    }
}

fn faulty(code: &'static str, message: &str, faults: Vec<Fault>) -> Refusal {
    Refusal { kind: RefusalKind::Invalid, code, message: message.to_owned(), faults }
}

/// Why a ticket that is not (or no longer) as needed cannot be acted upon.
fn not_now(ticket: &Ticket) -> Refusal {
    let (kind, code, message) = match &ticket.state {
        TicketState::Requested { .. } => {
            (RefusalKind::Conflict, "ticket-not-open", "nobody has approved this request yet")
        }
        TicketState::Open { .. } => {
            (RefusalKind::Conflict, "already-approved", "this request has been approved already")
        }
        TicketState::Refused { .. } => (RefusalKind::Conflict, "already-refused", "this request has been refused"),
        TicketState::Lapsed { .. } => (RefusalKind::Gone, "ticket-lapsed", "nobody answered in time: ask again"),
        TicketState::Withdrawn { .. } => (RefusalKind::Gone, "ticket-withdrawn", "the agent took this request back"),
        TicketState::Voided { .. } => {
            (RefusalKind::Gone, "ticket-voided", "a condition of this request fell away before the decision")
        }
        TicketState::Closed { .. } => (RefusalKind::Gone, "ticket-over", "this ticket is over: ask again if needed"),
    };
    Refusal::new(kind, code, message)
}

fn expired() -> Refusal {
    Refusal::new(RefusalKind::Gone, "ticket-expired", "the time granted is over: ask again if needed")
}
