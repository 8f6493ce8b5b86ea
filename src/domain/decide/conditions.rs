//! The conditions that must hold for as long as images flow, not only when they begin to (A1-2, A2-1, A3-3, A4-1,
//! A5-1, A5-7, A8-1, faults 8, 22 and 23). Checked on every tick and after every change of a
//! site, its dossier or its people.

use super::ending;
use crate::domain::command::Actor;
use crate::domain::dossier::Missing;
use crate::domain::event::{Entry, Event};
use crate::domain::person::{Designation, Role};
use crate::domain::session::{EndCause, Purpose, Session};
use crate::domain::site::Site;
use crate::domain::state::State;
use crate::domain::ticket::{CloseCause, Ticket, TicketState};
use chrono::{DateTime, Utc};

/// The conditions' stable words.
pub(super) const SITE_UNKNOWN: &str = "site-unknown";
pub(super) const SERVICE_CHANGED: &str = "service-changed";
pub(super) const CONVENTION_NOT_VALID: &str = "convention-not-valid";
pub(super) const REQUESTER_NOT_DESIGNATED: &str = "requester-not-designated";
const VIEWER_NOT_DESIGNATED: &str = "viewer-not-designated";
const CAMERA_DETACHED: &str = "camera-detached";
const CAMERA_NOT_ATTESTED: &str = "camera-not-attested";

/// Decides what follows from events that change sites, dossiers or people, and appends it. Looks at the state as it will be:
/// the copy is made for changes of that kind alone, which are rare.
pub(super) fn with_consequences(
    state: &State,
    actor: &Actor,
    mut events: Vec<Event>,
    now: DateTime<Utc>,
) -> Vec<Event> {
    let mut after = state.clone();
    for event in &events {
        let entry = Entry { seq: after.next_seq, at_utc: now, actor: event.actor(actor), event: event.clone() };
        after.apply(&entry);
    }
    events.extend(consequences(&after, now));
    events
}

/// The first condition of this ticket that does not hold at `now`.
pub(super) fn broken_for_ticket(state: &State, ticket: &Ticket, now: DateTime<Utc>) -> Option<&'static str> {
    let Some(site) = state.sites.get(&ticket.site) else { return Some(SITE_UNKNOWN) };
    if site.service.id != ticket.service {
        return Some(SERVICE_CHANGED);
    }
    if !state.convention(site).is_valid_at(now) {
        return Some(CONVENTION_NOT_VALID);
    }
    let asks = |place: &Designation| {
        place.role == Role::Operator
            && place.sites.contains(&ticket.site)
            && place.service.as_ref() == Some(&ticket.service)
    };
    let named = state.dossier(&site.id).names_operator(&ticket.requester);
    if !named || !state.people.get(&ticket.requester).is_some_and(asks) {
        return Some(REQUESTER_NOT_DESIGNATED);
    }
    state.missing(site).into_iter().find(Missing::blocks).map(|missing| missing.as_str())
}

fn broken_for_session(state: &State, session: &Session, ticket: &Ticket) -> Option<&'static str> {
    let may_watch = state.people.get(&session.person).is_some_and(|place| match session.purpose {
        Purpose::Transfer { .. } => may_watch_transfer(place, ticket),
        Purpose::LandlordViewing { .. } => may_view_as_landlord(place, ticket),
    });
    if !may_watch {
        return Some(VIEWER_NOT_DESIGNATED);
    }
    let attached = |site: &Site| session.cameras.iter().all(|camera| site.camera(camera).is_some());
    if !state.sites.get(&session.site).is_some_and(attached) {
        return Some(CAMERA_DETACHED);
    }
    let attested = |camera| state.dossier(&session.site).attestations.contains_key(camera);
    match session.purpose {
        // Fault 22: what the camera shows now is not what was attested.
        Purpose::Transfer { .. } if !session.cameras.iter().all(attested) => Some(CAMERA_NOT_ATTESTED),
        _ => None,
    }
}

/// What must end because a condition does not hold.
pub(super) fn consequences(state: &State, now: DateTime<Utc>) -> Vec<Event> {
    let mut events = Vec::new();
    for ticket in state.live_tickets() {
        match (broken_for_ticket(state, ticket, now), &ticket.state) {
            (Some(condition), TicketState::Open { expires_at_utc, .. }) => {
                let cause = CloseCause::GateCondition { condition: condition.to_owned() };
                events.extend(ending::close(state, ticket, cause, now.min(*expires_at_utc)));
            }
            (Some(condition), _) => {
                let voided = Event::Voided { ticket: ticket.id, condition: condition.to_owned() };
                events.extend(ending::answer(state, ticket, voided, now));
            }
            (None, _) => {
                for session in state.live_sessions_of(ticket.id) {
                    if let Some(condition) = broken_for_session(state, session, ticket) {
                        let cause = EndCause::GateCondition { condition: condition.to_owned() };
                        events.push(ending::session(session.id, cause, now));
                    }
                }
            }
        }
    }
    events
}

/// The requester, or a chief of the same service for the same site (A5-7).
pub(super) fn may_watch_transfer(place: &Designation, ticket: &Ticket) -> bool {
    let on_duty = place.sites.contains(&ticket.site) && place.service.as_ref() == Some(&ticket.service);
    match place.role {
        Role::Operator => on_duty && place.person == ticket.requester,
        Role::Chief => on_duty,
        _ => false,
    }
}

/// Titulaire and suppléant of the site (A4-2, A5-6).
pub(super) fn may_view_as_landlord(place: &Designation, ticket: &Ticket) -> bool {
    super::is_decider_of(place, ticket)
}
