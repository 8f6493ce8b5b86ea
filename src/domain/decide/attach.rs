//! The last question before a grant, and what becomes of the session it opens (A1-1, A4-2, A4-6, A5-6, A5-7).

use super::conditions::{CONVENTION_NOT_VALID, broken_for_ticket, may_view_as_landlord, may_watch_transfer};
use super::{
    MAX_WORKSTATION_CHARS, designated, ending, expired, fault, faulty, given_reason, not_now, system_only,
    visible_ticket, workstation,
};
use crate::domain::command::{Actor, LiveCut};
use crate::domain::event::Event;
use crate::domain::ids::{CameraId, SessionId};
use crate::domain::person::Role;
use crate::domain::policy::VIEWING_CEILING;
use crate::domain::refusal::{Refusal, RefusalKind};
use crate::domain::session::{EndCause, Purpose, SessionState, Traffic};
use crate::domain::site::Site;
use crate::domain::state::State;
use crate::domain::ticket::{Ticket, TicketState};
use chrono::{DateTime, Utc};

/// What a viewer wants.
pub(super) struct Wish<'a> {
    pub(super) purpose: &'a Purpose,
    pub(super) cameras: &'a [CameraId],
    pub(super) workstation: &'a str,
    pub(super) at_most: usize,
    pub(super) replace: bool,
}

pub(super) fn attach(
    state: &State,
    actor: &Actor,
    session: SessionId,
    wish: &Wish<'_>,
    now: DateTime<Utc>,
) -> Result<Vec<Event>, Refusal> {
    let (person, place) = designated(state, actor)?;
    let ticket = visible_ticket(state, person, wish.purpose.ticket())?;
    workstation::not_revoked(state, wish.workstation)?;
    if state.sessions.contains_key(&session) {
        return Err(Refusal::new(RefusalKind::Conflict, "session-exists", "this session has been granted already"));
    }
    let permitted = match wish.purpose {
        Purpose::Transfer { .. } => may_watch_transfer(place, ticket),
        Purpose::LandlordViewing { .. } => may_view_as_landlord(place, ticket),
    };
    if !permitted {
        return Err(Refusal::new(
            RefusalKind::Forbidden,
            "not-your-images",
            "a transfer is for the agent who asked and the chiefs of the service, a viewing for the site's deciders",
        ));
    }
    let ticket_ends_utc = time_left(ticket, wish.purpose, now)?;
    if let Some(condition) = broken_for_ticket(state, ticket, now) {
        return Err(Refusal::new(RefusalKind::Gone, condition, "a condition of this ticket no longer holds"));
    }
    // The site has just been found; should it ever not be there, nothing is granted.
    let Some(site) = state.sites.get(&ticket.site) else {
        return Err(Refusal::new(RefusalKind::Gone, CONVENTION_NOT_VALID, "the site is gone"));
    };
    let cameras = granted_cameras(state, site, wish)?;
    let workstation = wish.workstation.trim();
    if workstation.is_empty() || workstation.chars().count() > MAX_WORKSTATION_CHARS {
        let expected = format!("a workstation's name or address, 1 to {MAX_WORKSTATION_CHARS} characters");
        let code = "workstation-unknown";
        return Err(faulty(code, "say from where", vec![fault("workstation", code, workstation, expected)]));
    }

    let mut events = Vec::new();
    if let Some(own) = state.live_sessions_of(ticket.id).find(|live| live.person == *person) {
        if !wish.replace {
            return Err(Refusal::new(
                RefusalKind::Conflict,
                "already-watching",
                "you are watching under this ticket already: close the other window first",
            ));
        }
        events.push(ending::session(own.id, EndCause::Replaced, now));
    }
    let mut deadline_utc = ticket_ends_utc.min(state.convention(site).valid_until_utc);
    if let Purpose::LandlordViewing { .. } = wish.purpose {
        deadline_utc = deadline_utc.min(now + VIEWING_CEILING);
    }
    events.push(Event::SessionGranted {
        session,
        purpose: wish.purpose.clone(),
        site: site.id.clone(),
        cameras,
        workstation: workstation.to_owned(),
        deadline_utc,
    });
    Ok(events)
}

/// Until when images may flow under this ticket for this purpose, if they may at all.
fn time_left(ticket: &Ticket, purpose: &Purpose, now: DateTime<Utc>) -> Result<DateTime<Utc>, Refusal> {
    match (&ticket.state, purpose) {
        (TicketState::Open { expires_at_utc, .. }, _) if now < *expires_at_utc => Ok(*expires_at_utc),
        (TicketState::Open { .. }, _) => Err(expired()),
        (TicketState::Requested { lapses_at_utc, .. }, Purpose::LandlordViewing { .. }) => {
            if now < *lapses_at_utc {
                Ok(*lapses_at_utc)
            } else {
                Err(Refusal::new(RefusalKind::Gone, "ticket-lapsed", "nobody answered in time"))
            }
        }
        _ => Err(not_now(ticket)),
    }
}

/// The site's cameras in the site's order: all or those asked for, as many as the viewer can show (A1-1). To the police
/// only those that are attested (A1-2).
fn granted_cameras(state: &State, site: &Site, wish: &Wish<'_>) -> Result<Vec<CameraId>, Refusal> {
    let foreign: Vec<_> = wish
        .cameras
        .iter()
        .filter(|camera| site.camera(camera).is_none())
        .take(8)
        .map(|camera| fault("cameras", "unknown-camera", camera, "a camera of this site (A1-1)"))
        .collect();
    if !foreign.is_empty() {
        return Err(faulty("unknown-camera", "not all of these are cameras of this site", foreign));
    }
    if wish.at_most == 0 {
        let faults = vec![fault("at_most", "no-video", 0, "an offer with at least one video section")];
        return Err(faulty("no-video", "the offer can show nothing", faults));
    }
    let attestations = &state.dossier(&site.id).attestations;
    let shows = |id: &CameraId| match wish.purpose {
        Purpose::Transfer { .. } => attestations.contains_key(id),
        Purpose::LandlordViewing { .. } => true,
    };
    let cameras: Vec<_> = site
        .cameras
        .iter()
        .map(|camera| &camera.id)
        .filter(|id| wish.cameras.is_empty() || wish.cameras.contains(id))
        .filter(|id| shows(id))
        .take(wish.at_most)
        .cloned()
        .collect();
    if cameras.is_empty() {
        return Err(Refusal::new(RefusalKind::Conflict, "no-camera", "none of these cameras may be shown"));
    }
    Ok(cameras)
}

/// The administrator tears one branch down; its ticket stays as it is (A6-7).
pub(super) fn cut_session(
    state: &State,
    actor: &Actor,
    cut: &LiveCut,
    now: DateTime<Utc>,
) -> Result<Vec<Event>, Refusal> {
    let (_, place) = designated(state, actor)?;
    if place.role != Role::Administrator {
        return Err(Refusal::new(RefusalKind::Forbidden, "administrator-only", "only the administrator may do this"));
    }
    match state.sessions.get(&cut.session).map(|session| &session.state) {
        None => Err(Refusal::new(RefusalKind::NotFound, "unknown-session", "no such session")),
        Some(SessionState::Ended { .. }) => {
            Err(Refusal::new(RefusalKind::Gone, "session-over", "this session is over already"))
        }
        Some(SessionState::Granted | SessionState::Connected { .. }) => {
            let why = given_reason(&cut.why)?;
            Ok(vec![ending::session(cut.session, EndCause::CutByAdministrator { why }, now)])
        }
    }
}

/// The media plane reports that DTLS is done (A6-5). Late and repeated reports change nothing.
pub(super) fn connected(
    state: &State,
    actor: &Actor,
    session: SessionId,
    srtp: &str,
    dtls: &str,
) -> Result<Vec<Event>, Refusal> {
    system_only(actor)?;
    match state.sessions.get(&session).map(|known| &known.state) {
        Some(SessionState::Granted) => {
            Ok(vec![Event::SessionConnected { session, srtp: srtp.to_owned(), dtls: dtls.to_owned() }])
        }
        _ => Ok(Vec::new()),
    }
}

/// The media plane reports that a branch is gone. A session that control ended before keeps control's cause.
pub(super) fn ended(
    state: &State,
    actor: &Actor,
    session: SessionId,
    cause: &EndCause,
    traffic: Traffic,
    now: DateTime<Utc>,
) -> Result<Vec<Event>, Refusal> {
    system_only(actor)?;
    match state.sessions.get(&session) {
        Some(known) if !matches!(known.state, SessionState::Ended { .. }) => {
            let ended_at_utc = match cause {
                EndCause::Expired => now.min(known.deadline_utc),
                _ => now,
            };
            Ok(vec![Event::SessionEnded { session, cause: cause.clone(), ended_at_utc, traffic, cut_us: None }])
        }
        _ => Ok(Vec::new()),
    }
}
