//! What a person may see. The table says who may use a route; here is decided *which* tickets, sites and cameras it shows
//! them (A1-3, A5-6, A5-7). What is not theirs reads like what does not exist.

use super::app::App;
use super::auth::Person;
use super::models::{
    CameraModel, Deed, PersonRef, SessionCamera, SessionModel, SiteModel, StreamModel, TicketModel, TicketStatus,
    UrgentOpening, word_of,
};
use super::problem::Problem;
use crate::domain::{
    Camera, CloseCause, Need, OpenedBy, PersonId, Policy, Purpose, Role, SessionId, Site, SiteId, State, Ticket,
    TicketId, TicketState,
};
use chrono::{DateTime, Utc};
use std::collections::BTreeMap;
use std::time::Duration;

/// Names behind pseudonyms.
pub type Names = BTreeMap<PersonId, String>;

/// Reads the identity table.
///
/// # Errors
/// When the store fails.
pub async fn names(app: &App) -> Result<Names, Problem> {
    let identities = app.in_store(|store| store.people().list()).await?;
    Ok(identities.into_iter().map(|identity| (identity.person, identity.name)).collect())
}

/// A pseudonym with its name.
pub fn person_ref(names: &Names, id: &PersonId) -> PersonRef {
    PersonRef { id: id.clone(), name: names.get(id).cloned() }
}

/// Whether this person is shown this ticket: agents their own, everybody else as the keeper's rules say.
pub fn sees(state: &State, person: &Person, ticket: &Ticket) -> bool {
    state.may_see(&person.id, ticket) && (person.role != Role::Operator || ticket.requester == person.id)
}

/// Whether this person is shown what concerns a site as such.
pub fn sees_site(person: &Person, site: &SiteId) -> bool {
    match person.role {
        Role::Administrator | Role::Auditor | Role::Dpo => true,
        Role::Operator | Role::Chief | Role::Decider | Role::Guard => person.sites.contains(site),
    }
}

/// A ticket this person may see.
///
/// # Errors
/// 404 when there is none, or it is not theirs.
pub fn ticket(app: &App, person: &Person, names: &Names, id: TicketId) -> Result<TicketModel, Problem> {
    let now = app.context.clock.utc();
    app.context.control.read(|state| {
        let ticket =
            state.tickets.get(&id).filter(|ticket| sees(state, person, ticket)).ok_or_else(Problem::not_found)?;
        Ok(ticket_model(state, person, names, ticket, now))
    })
}

/// Refuses a ticket that is not this person's, before anything is asked of the keeper.
///
/// # Errors
/// 404.
pub fn must_see(app: &App, person: &Person, id: TicketId) -> Result<(), Problem> {
    let seen =
        app.context.control.read(|state| state.tickets.get(&id).is_some_and(|ticket| sees(state, person, ticket)));
    if seen { Ok(()) } else { Err(Problem::not_found()) }
}

/// Up to `limit` tickets older than `before` that this person may see, newest first, from the projected table.
///
/// # Errors
/// When the store cannot be read.
pub async fn older_tickets(app: &App, person: &Person, before: TicketId, limit: usize) -> Result<Vec<Ticket>, Problem> {
    let (control, person) = (app.context.control.clone(), person.clone());
    app.in_store(move |store| {
        // The state is looked at ticket by ticket, so that a long history delays nobody.
        store.tickets().older_than(before, limit, |ticket| control.read(|state| sees(state, &person, ticket)))
    })
    .await
}

/// Tickets as this person is shown them.
pub fn models(app: &App, person: &Person, names: &Names, tickets: &[Ticket]) -> Vec<TicketModel> {
    let now = app.context.clock.utc();
    app.context
        .control
        .read(|state| tickets.iter().map(|ticket| ticket_model(state, person, names, ticket, now)).collect())
}

/// The tickets this person may see, newest first.
pub fn tickets(app: &App, person: &Person, names: &Names, limit: usize) -> Vec<TicketModel> {
    let now = app.context.clock.utc();
    app.context.control.read(|state| {
        state
            .tickets
            .values()
            .rev()
            .filter(|ticket| sees(state, person, ticket))
            .take(limit)
            .map(|ticket| ticket_model(state, person, names, ticket, now))
            .collect()
    })
}

fn ticket_model(state: &State, person: &Person, names: &Names, ticket: &Ticket, now: DateTime<Utc>) -> TicketModel {
    let site = state.sites.get(&ticket.site);
    let mut model = TicketModel {
        id: ticket.id,
        site: ticket.site.clone(),
        site_name: site.map_or_else(|| ticket.site.to_string(), |site| site.name.clone()),
        service: ticket.service.clone(),
        service_name: site.map_or_else(|| ticket.service.to_string(), |site| site.service.name.clone()),
        requester: person_ref(names, &ticket.requester),
        reasons: ticket.reasons.iter().copied().collect(),
        duration_minutes: ticket.duration_minutes,
        requested_at_utc: ticket.requested_at_utc,
        status: TicketStatus::Requested,
        lapses_at_utc: None,
        decided_by: None,
        opened_urgently: None,
        opened_at_utc: None,
        expires_at_utc: None,
        answer_by_utc: None,
        ended_at_utc: None,
        cause: None,
        ended_by: None,
        why: None,
        flowed_ms: None,
        cut_ms: None,
        deeds: deeds(person, ticket, now),
    };
    match &ticket.state {
        TicketState::Requested { lapses_at_utc, .. } => model.lapses_at_utc = Some(*lapses_at_utc),
        TicketState::Refused { by, at_utc, why } => {
            model.status = TicketStatus::Refused;
            model.decided_by = Some(person_ref(names, by));
            model.ended_at_utc = Some(*at_utc);
            model.why = Some(why.clone());
        }
        TicketState::Lapsed { at_utc } => {
            model.status = TicketStatus::Lapsed;
            model.ended_at_utc = Some(*at_utc);
        }
        TicketState::Withdrawn { at_utc } => {
            model.status = TicketStatus::Withdrawn;
            model.ended_at_utc = Some(*at_utc);
        }
        TicketState::Voided { at_utc, condition } => {
            model.status = TicketStatus::Voided;
            model.ended_at_utc = Some(*at_utc);
            model.why = Some(condition.clone());
        }
        TicketState::Open { opened_by, opened_at_utc, expires_at_utc, need } => {
            if let Need::Asked { answer_by_utc } = need {
                model.answer_by_utc = Some(*answer_by_utc);
            }
            model.status = TicketStatus::Open;
            tell_opening(&mut model, names, opened_by);
            model.opened_at_utc = Some(*opened_at_utc);
            model.expires_at_utc = Some(*expires_at_utc);
        }
        TicketState::Closed { opened_by, opened_at_utc, closed_at_utc, cause, by, flowed_ms, cut_us } => {
            model.status = TicketStatus::Closed;
            tell_opening(&mut model, names, opened_by);
            model.opened_at_utc = Some(*opened_at_utc);
            model.ended_at_utc = Some(*closed_at_utc);
            model.ended_by = by.as_ref().map(|by| person_ref(names, by));
            model.cause = Some(word_of(cause, "cause"));
            model.why = words_of(cause);
            model.flowed_ms = Some(*flowed_ms);
            model.cut_ms = cut_us.map(|us| us as f64 / 1_000.0);
        }
    }
    model
}

/// Who decided, or by which rule nobody had to (conflict table, row 1).
fn tell_opening(model: &mut TicketModel, names: &Names, opened_by: &OpenedBy) {
    match opened_by {
        OpenedBy::Decider(person) => model.decided_by = Some(person_ref(names, person)),
        OpenedBy::Rule { alert, avenant } => {
            model.opened_urgently = Some(UrgentOpening { alert: *alert, avenant: avenant.clone() });
        }
    }
}

fn words_of(cause: &CloseCause) -> Option<String> {
    match cause {
        CloseCause::InterruptedByLandlord { why }
        | CloseCause::CutByAdministrator { why }
        | CloseCause::RefusedAfterOpening { why } => Some(why.clone()),
        CloseCause::GateCondition { condition } => Some(condition.clone()),
        CloseCause::Expired
        | CloseCause::EndOfIntervention
        | CloseCause::Unanswered
        | CloseCause::RegisterFailure
        | CloseCause::ServerStopped => None,
    }
}

/// What a page may offer; whether it is allowed is decided by the keeper when it is done.
fn deeds(person: &Person, ticket: &Ticket, now: DateTime<Utc>) -> Vec<Deed> {
    let own = ticket.requester == person.id;
    let pending = matches!(ticket.state, TicketState::Requested { lapses_at_utc, .. } if now < lapses_at_utc);
    let open = ticket.is_open_at(now);
    match (person.role, pending, open) {
        (Role::Operator, true, _) if own => vec![Deed::Withdraw],
        (Role::Operator, _, true) if own => match ticket.state {
            TicketState::Open { need: Need::Asked { .. }, .. } => vec![Deed::Watch, Deed::ConfirmNeed, Deed::End],
            _ => vec![Deed::Watch, Deed::End],
        },
        (Role::Chief, _, true) => vec![Deed::Watch],
        (Role::Decider, true, _) => vec![Deed::Preview, Deed::Approve, Deed::Refuse],
        (Role::Decider, _, true) => vec![Deed::Preview, Deed::Interrupt],
        (Role::Guard | Role::Administrator, _, true) => vec![Deed::Interrupt],
        _ => Vec::new(),
    }
}

/// The sites this person may see, with their cameras.
pub fn sites(app: &App, person: &Person) -> Vec<SiteModel> {
    let sites: Vec<(Site, Policy)> = app.context.control.read(|state| {
        let theirs = state.sites.values().filter(|site| sees_site(person, &site.id));
        theirs.map(|site| (site.clone(), state.policy(&site.id))).collect()
    });
    sites
        .into_iter()
        .map(|(site, policy)| SiteModel {
            cameras: site.cameras.iter().map(|camera| camera_model(app, person, camera)).collect(),
            id: site.id,
            name: site.name,
            addresses: site.addresses,
            service_name: site.service.name,
            valid_from_utc: site.convention.valid_from_utc,
            valid_until_utc: site.convention.valid_until_utc,
            policy,
        })
        .collect()
}

/// The cameras of a ticket's site, for somebody who may watch under it: while it is pending the landlord's people alone,
/// while it is open the police too, afterwards nobody (A1-3).
///
/// # Errors
/// 404 when the ticket is not theirs; 410 when it is over.
pub fn cameras_of_ticket(app: &App, person: &Person, id: TicketId) -> Result<Vec<CameraModel>, Problem> {
    must_see(app, person, id)?;
    let now = app.context.clock.utc();
    let cameras: Vec<Camera> = app
        .context
        .control
        .read(|state| {
            let ticket = state.tickets.get(&id)?;
            let may_look = deeds(person, ticket, now).iter().any(|deed| matches!(deed, Deed::Watch | Deed::Preview));
            may_look.then(|| state.sites.get(&ticket.site).map(|site| site.cameras.clone()))?
        })
        .ok_or_else(|| {
            Problem::new(
                http::StatusCode::GONE,
                "nothing-to-watch",
                "there are no images to watch under this ticket now",
            )
        })?;
    Ok(cameras.iter().map(|camera| camera_model(app, person, camera)).collect())
}

fn camera_model(app: &App, person: &Person, camera: &Camera) -> CameraModel {
    let health = app.context.hub.stream(&camera.id).health();
    let police = matches!(person.role, Role::Operator | Role::Chief);
    let administrator = person.role == Role::Administrator;
    let publisher = health.publisher.as_ref();
    CameraModel {
        id: camera.id.clone(),
        name: camera.name.clone(),
        online: health.online,
        frame_age_ms: health.last_frame_age.map(millis),
        stream: (!police).then(|| StreamModel {
            width: health.width,
            height: health.height,
            fps: (health.fps * 10.0).round() / 10.0,
            bitrate_bps: health.bitrate_bps,
            codec: health.codec.clone(),
            audio_dropped: health.audio_dropped,
            since_utc: publisher.map(|publisher| publisher.since_utc),
            address: publisher.filter(|_| administrator).map(|publisher| publisher.address),
            tls: publisher.and_then(|publisher| publisher.tls.clone()),
        }),
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Every live session (A6-7).
pub fn live_sessions(app: &App, names: &Names) -> Vec<SessionModel> {
    let mut branches: BTreeMap<SessionId, _> =
        app.context.viewers.live().into_iter().map(|branch| (branch.session, branch)).collect();
    let grants = app.context.control.live_grants();
    let mut sessions: Vec<SessionModel> = app.context.control.read(|state| {
        grants
            .into_iter()
            .map(|(terms, traffic)| {
                let branch = branches.remove(&terms.session);
                let site = state.sites.get(&terms.site);
                let ages: BTreeMap<_, _> = branch
                    .iter()
                    .flat_map(|branch| &branch.cameras)
                    .map(|camera| (camera.camera.clone(), camera.frame_age_ms))
                    .collect();
                SessionModel {
                    id: terms.session,
                    purpose: match terms.purpose {
                        Purpose::Transfer { .. } => "transfer",
                        Purpose::LandlordViewing { .. } => "landlord-viewing",
                    },
                    ticket: terms.purpose.ticket(),
                    site_name: site.map_or_else(|| terms.site.to_string(), |site| site.name.clone()),
                    person: person_ref(names, &terms.person),
                    workstation: terms.workstation.clone(),
                    remote_addr: branch.as_ref().and_then(|branch| branch.remote_addr),
                    granted_at_utc: terms.granted_at_utc,
                    connected_since_utc: branch.as_ref().and_then(|branch| branch.connected_since),
                    deadline_utc: terms.deadline_utc,
                    cameras: terms
                        .cameras
                        .iter()
                        .map(|id| SessionCamera {
                            id: id.clone(),
                            name: site
                                .and_then(|site| site.camera(id))
                                .map_or_else(|| id.to_string(), |camera| camera.name.clone()),
                            frame_age_ms: ages.get(id).copied().flatten(),
                        })
                        .collect(),
                    packets: traffic.packets,
                    bytes: traffic.bytes,
                    bitrate_bps: branch.as_ref().map_or(0, |branch| branch.bitrate_bps),
                    srtp: branch.as_ref().and_then(|branch| branch.srtp.clone()),
                    dtls: branch.and_then(|branch| branch.dtls),
                    site: terms.site,
                }
            })
            .collect()
    });
    sessions.sort_by_key(|session| session.id);
    sessions
}
