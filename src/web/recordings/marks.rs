//! What happened at a site on a day, from the state: alerts, requests, decisions, ends, viewings and exports.

use crate::domain::{
    Alert, CameraId, EndCause, OpenedBy, PersonId, Retrieval, Session, SessionState, SiteId, State, Ticket, TicketState,
};
use crate::web::pages::recordings::{Mark, What};
use chrono::{DateTime, Utc};

/// All of it that happened from `from` on and before `until`, and what was done since with images of that time, in the
/// order of time. Of viewings and exports those of one camera alone, if one is named.
pub fn of(
    state: &State,
    site: &SiteId,
    camera: Option<&CameraId>,
    from: DateTime<Utc>,
    until: DateTime<Utc>,
) -> Vec<Mark> {
    let alerts = state.alerts.values().filter(|alert| alert.site == *site).map(raised);
    let tickets = || state.tickets.values().filter(|ticket| ticket.site == *site);
    let courses = tickets().flat_map(|ticket| course(ticket));
    let cuts = tickets().flat_map(|ticket| state.sessions_of(ticket.id)).filter_map(cut);
    let happened = alerts.chain(courses).chain(cuts).filter(|mark| mark.at_utc >= from && mark.at_utc < until);
    let retrievals = state.retrievals.concerning(site, from, until);
    let retrievals =
        retrievals.filter(|retrieval| camera.is_none_or(|camera| retrieval.footage.cameras.contains(camera)));
    let mut marks: Vec<Mark> = happened.chain(retrievals.map(retrieved)).collect();
    // Stable: a request stands before what was decided about it in the same instant.
    marks.sort_by_key(|mark| mark.at_utc);
    marks
}

fn raised(alert: &Alert) -> Mark {
    let what = What::Alert(alert.what.clone());
    Mark { at_utc: alert.raised_at_utc, what, by: Some(alert.by.clone()), ticket: None }
}

/// One viewer's session that the administrator tore down (A6-7); its ticket may have stayed open.
fn cut(session: &Session) -> Option<Mark> {
    let SessionState::Ended { cause: EndCause::CutByAdministrator { why }, by, at_utc, .. } = &session.state else {
        return None;
    };
    let what = What::SessionCut(session.person.clone(), why.clone());
    Some(Mark { at_utc: *at_utc, what, by: by.clone(), ticket: Some(session.purpose.ticket()) })
}

fn retrieved(retrieval: &Retrieval) -> Mark {
    let footage = retrieval.footage.clone();
    let what = match &retrieval.reference {
        Some(reference) => What::Exported(footage, reference.clone()),
        None => What::Viewed(footage),
    };
    Mark { at_utc: retrieval.at_utc, what, by: Some(retrieval.by.clone()), ticket: None }
}

/// A ticket's request, what was decided about it, and how it ended, as far as it has come.
fn course(ticket: &Ticket) -> Vec<Mark> {
    let mark = |at_utc: &DateTime<Utc>, what: What, by: Option<&PersonId>| Mark {
        at_utc: *at_utc,
        what,
        by: by.cloned(),
        ticket: Some(ticket.id),
    };
    let opening = |opened_by: &OpenedBy, at_utc: &DateTime<Utc>| match opened_by {
        OpenedBy::Decider(person) => mark(at_utc, What::Approved, Some(person)),
        OpenedBy::Rule { .. } => mark(at_utc, What::OpenedByRule, None),
    };
    let requested = mark(&ticket.requested_at_utc, What::Requested, Some(&ticket.requester));
    match &ticket.state {
        TicketState::Requested { .. } => vec![requested],
        TicketState::Refused { by, at_utc, why } => {
            vec![requested, mark(at_utc, What::Refused(why.clone()), Some(by))]
        }
        TicketState::Lapsed { at_utc } => vec![requested, mark(at_utc, What::Lapsed, None)],
        TicketState::Withdrawn { at_utc } => {
            vec![requested, mark(at_utc, What::Withdrawn, Some(&ticket.requester))]
        }
        TicketState::Voided { at_utc, condition } => {
            vec![requested, mark(at_utc, What::Voided(condition.clone()), None)]
        }
        TicketState::Open { opened_by, opened_at_utc, .. } => vec![requested, opening(opened_by, opened_at_utc)],
        TicketState::Closed { opened_by, opened_at_utc, closed_at_utc, cause, by, .. } => vec![
            requested,
            opening(opened_by, opened_at_utc),
            mark(closed_at_utc, What::Ended(cause.clone()), by.as_ref()),
        ],
    }
}
