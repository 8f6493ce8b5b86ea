//! The conditions that must hold for as long as images flow, not only when they begin to (A2-1, A3-3, A5-7, A8-1,
//! faults 8 and 23). Checked on every tick and after every change of a site or of the annex.

use super::ending;
use crate::domain::event::Event;
use crate::domain::ids::{PersonId, SiteId};
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

/// Sites and annex as they stand, or as they will stand after the change being decided.
pub(super) struct Outlook<'a> {
    state: &'a State,
    site: Option<&'a Site>,
    person: Option<(&'a PersonId, Option<&'a Designation>)>,
}

impl<'a> Outlook<'a> {
    pub(super) fn unchanged(state: &'a State) -> Self {
        Self { state, site: None, person: None }
    }
    pub(super) fn with_site(state: &'a State, site: &'a Site) -> Self {
        Self { state, site: Some(site), person: None }
    }
    pub(super) fn with_person(state: &'a State, person: &'a PersonId, place: Option<&'a Designation>) -> Self {
        Self { state, site: None, person: Some((person, place)) }
    }
    fn site(&self, id: &SiteId) -> Option<&'a Site> {
        self.site.filter(|site| site.id == *id).or_else(|| self.state.sites.get(id))
    }
    fn place(&self, id: &PersonId) -> Option<&'a Designation> {
        match self.person {
            Some((person, place)) if person == id => place,
            _ => self.state.people.get(id),
        }
    }

    /// The first condition of this ticket that does not hold at `now`.
    pub(super) fn broken_for_ticket(&self, ticket: &Ticket, now: DateTime<Utc>) -> Option<&'static str> {
        let Some(site) = self.site(&ticket.site) else { return Some(SITE_UNKNOWN) };
        if site.service.id != ticket.service {
            return Some(SERVICE_CHANGED);
        }
        if !site.convention.is_valid_at(now) {
            return Some(CONVENTION_NOT_VALID);
        }
        let asks = |place: &Designation| {
            place.role == Role::Operator
                && place.sites.contains(&ticket.site)
                && place.service.as_ref() == Some(&ticket.service)
        };
        if !self.place(&ticket.requester).is_some_and(asks) {
            return Some(REQUESTER_NOT_DESIGNATED);
        }
        None
    }

    fn broken_for_session(&self, session: &Session, ticket: &Ticket) -> Option<&'static str> {
        let place = self.place(&session.person);
        let may_watch = place.is_some_and(|place| match session.purpose {
            Purpose::Transfer { .. } => may_watch_transfer(place, ticket),
            Purpose::LandlordViewing { .. } => may_view_as_landlord(place, ticket),
        });
        if !may_watch {
            return Some(VIEWER_NOT_DESIGNATED);
        }
        let attached = |site: &Site| session.cameras.iter().all(|camera| site.camera(camera).is_some());
        if !self.site(&session.site).is_some_and(attached) {
            return Some(CAMERA_DETACHED);
        }
        None
    }

    /// What must end because a condition does not hold.
    pub(super) fn consequences(&self, now: DateTime<Utc>) -> Vec<Event> {
        let mut events = Vec::new();
        for ticket in self.state.live_tickets() {
            match (self.broken_for_ticket(ticket, now), &ticket.state) {
                (Some(condition), TicketState::Open { expires_at_utc, .. }) => {
                    let cause = CloseCause::GateCondition { condition: condition.to_owned() };
                    events.extend(ending::close(self.state, ticket, cause, now.min(*expires_at_utc)));
                }
                (Some(condition), _) => {
                    let voided = Event::Voided { ticket: ticket.id, condition: condition.to_owned() };
                    events.extend(ending::answer(self.state, ticket, voided, now));
                }
                (None, _) => {
                    for session in self.state.live_sessions_of(ticket.id) {
                        if let Some(condition) = self.broken_for_session(session, ticket) {
                            let cause = EndCause::GateCondition { condition: condition.to_owned() };
                            events.push(ending::session(session.id, cause, now));
                        }
                    }
                }
            }
        }
        events
    }
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
