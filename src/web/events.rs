//! Live pages: server-sent events at `GET /events`.
//!
//! | event | data (JSON) | sent to |
//! |---|---|---|
//! | `ticket-changed` | `{"ticket": ID, "status": "requested" \| "open" \| ...}` | who may see the ticket |
//! | `session-changed` | `{"session": ID, "ticket": ID, "state": "granted" \| "connected" \| "ended"}` | administrators, the site's deciders and guards, and the person who watches |
//! | `camera-changed` | `{"site": ID, "camera": ID, "online": BOOL}` | administrators, the site's deciders and guards, and the police while a ticket of theirs for the site is open |
//! | `alert-changed` | `{"alert": ID, "site": ID, "open": BOOL}` | the landlord's people and the CSU's, for their sites (A3-2) |
//! | `heartbeat` | `{"every_s": 15}` | everybody, at once and then that often: a page that hears nothing for longer knows that its line is dead |
//! | `resync` | `{}` | a reader that was too slow: load everything again |
//! | `bye` | `{"reason": "session-ended" \| "stopping"}` | before the server ends the stream; `session-ended`: go to the log-in |
//!
//! Events carry no more than what changed; the page asks for the fragment or JSON it shows, which is authorised like any
//! other request. A stream is no use of the log-in session: it does not keep an
//! idle one alive, and ends with it. `EventSource` reconnects by itself; there is no replay, so reload on `open`.
//!
//! A1-3, A5-6, A5-7: nobody hears of tickets, sessions or cameras that are not theirs.

use super::access;
use super::answer::Answer;
use super::app::{App, CameraChange};
use super::auth::{self, Caller, Person};
use super::problem::Problem;
use crate::domain::{AlertId, Entry, Event, Role, SessionId, State, TicketId, TicketState};
use futures_util::{Stream, stream};
use serde_json::json;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::broadcast::{Receiver, error::RecvError};
use warp::Reply;
use warp::sse;

/// A pulled cable ends no connection by itself: a page has to be able to tell silence from quiet (fault 16).
const HEARTBEAT: Duration = Duration::from_secs(15);
/// How often an open stream looks whether its log-in session still stands.
const CHECK_SESSION: Duration = Duration::from_secs(5);
const CAMERA_POLL: Duration = Duration::from_secs(1);

struct Listener {
    app: Arc<App>,
    person: Person,
    entries: Receiver<Arc<Entry>>,
    cameras: Receiver<CameraChange>,
    check: tokio::time::Interval,
    heartbeat: tokio::time::Interval,
    over: bool,
}

/// `GET /events`.
pub fn stream(app: &Arc<App>, caller: &Caller) -> Result<Answer, Problem> {
    let person = caller.person()?.clone();
    let mut check = tokio::time::interval(CHECK_SESSION);
    check.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut heartbeat = tokio::time::interval(HEARTBEAT);
    heartbeat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let listener = Listener {
        person,
        entries: app.context.control.subscribe(),
        cameras: app.cameras.subscribe(),
        check,
        heartbeat,
        over: false,
        app: app.clone(),
    };
    let mut answer = sse::reply(listen(listener)).into_response();
    // Proxies that buffer would hold the news back.
    answer.headers_mut().insert("x-accel-buffering", http::HeaderValue::from_static("no"));
    Ok(answer)
}

fn listen(listener: Listener) -> impl Stream<Item = Result<sse::Event, Infallible>> + Send + 'static {
    stream::unfold(listener, |mut listener| async move {
        if listener.over {
            return None;
        }
        let event = listener.next().await;
        Some((Ok(event), listener))
    })
}

impl Listener {
    /// The next event this person is to hear of.
    async fn next(&mut self) -> sse::Event {
        loop {
            let told = tokio::select! {
                () = self.app.stop.cancelled() => Told::Over("stopping"),
                _ = self.check.tick() => {
                    if auth::still_stands(&self.app, &self.person).await { continue }
                    Told::Over("session-ended")
                }
                _ = self.heartbeat.tick() => Told::Alive,
                entry = self.entries.recv() => match entry {
                    Ok(entry) => Told::Entry(entry),
                    Err(RecvError::Lagged(_)) => Told::Lagged,
                    Err(RecvError::Closed) => Told::Over("stopping"),
                },
                change = self.cameras.recv() => match change {
                    Ok(change) => Told::Camera(change),
                    Err(RecvError::Lagged(_)) => Told::Lagged,
                    Err(RecvError::Closed) => Told::Over("stopping"),
                },
            };
            let event = match told {
                Told::Over(reason) => {
                    self.over = true;
                    Some(event("bye", &json!({ "reason": reason })))
                }
                Told::Alive => Some(event("heartbeat", &json!({ "every_s": HEARTBEAT.as_secs() }))),
                Told::Lagged => Some(event("resync", &json!({}))),
                Told::Entry(entry) => {
                    let person = &self.person;
                    self.app.context.control.read(|state| about_entry(state, person, &entry))
                }
                Told::Camera(change) => {
                    let hears = self.app.context.control.read(|state| hears_of_camera(state, &self.person, &change));
                    let data = json!({ "site": change.site, "camera": change.camera, "online": change.online });
                    hears.then(|| event("camera-changed", &data))
                }
            };
            if let Some(event) = event {
                return event;
            }
        }
    }
}

enum Told {
    Entry(Arc<Entry>),
    Camera(CameraChange),
    Alive,
    Lagged,
    Over(&'static str),
}

fn event(name: &'static str, data: &serde_json::Value) -> sse::Event {
    sse::Event::default().event(name).data(data.to_string())
}

fn about_entry(state: &State, person: &Person, entry: &Entry) -> Option<sse::Event> {
    let ticket = |id: &TicketId, status: &str| {
        let seen = state.tickets.get(id).is_some_and(|ticket| access::sees(state, person, ticket));
        seen.then(|| event("ticket-changed", &json!({ "ticket": id, "status": status })))
    };
    let session = |id: &SessionId, state_now: &str| {
        let known = state.sessions.get(id)?;
        let hears = known.person == person.id || oversees(person, &known.site);
        let data = json!({ "session": id, "ticket": known.purpose.ticket(), "state": state_now });
        hears.then(|| event("session-changed", &data))
    };
    let alert_changed = |id: &AlertId, open: bool| {
        let alert = state.alerts.get(id)?;
        let hears = state.hears_of_alerts(&person.id, &alert.site);
        hears.then(|| event("alert-changed", &json!({ "alert": id, "site": alert.site, "open": open })))
    };
    match &entry.event {
        Event::AlertRaised { alert, .. } => alert_changed(alert, true),
        Event::AlertClosed { alert } => alert_changed(alert, false),
        Event::Requested { ticket: id, .. } => ticket(id, "requested"),
        Event::Withdrawn { ticket: id } => ticket(id, "withdrawn"),
        Event::Lapsed { ticket: id } => ticket(id, "lapsed"),
        Event::Voided { ticket: id, .. } => ticket(id, "voided"),
        Event::Refused { ticket: id, .. } => ticket(id, "refused"),
        Event::Reminded { ticket: id, .. } => ticket(id, "requested"),
        Event::Opened { ticket: id, .. }
        | Event::OpenedUrgently { ticket: id, .. }
        | Event::NeedAsked { ticket: id, .. }
        | Event::NeedConfirmed { ticket: id, .. } => ticket(id, "open"),
        Event::Closed { ticket: id, .. } => ticket(id, "closed"),
        Event::SessionGranted { session: id, .. } => session(id, "granted"),
        Event::SessionConnected { session: id, .. } => session(id, "connected"),
        Event::SessionEnded { session: id, .. } => session(id, "ended"),
        // The page of the ticket says who has been told (A3-7).
        Event::MailAccepted { ticket: Some(id), .. } | Event::MailFailed { ticket: Some(id), .. } => {
            ticket(id, status_word(&state.tickets.get(id)?.state))
        }
        // `Opened` follows `Approved` in the same decision; the rest is no page's news.
        Event::Approved { .. }
        | Event::ServerStarted { .. }
        | Event::ServerStopping
        | Event::RegisterRepaired { .. }
        | Event::RegisterPurged { .. }
        | Event::RegisterExported { .. }
        | Event::FootageViewed { .. }
        | Event::FootageExported { .. }
        | Event::ClockStepped { .. }
        | Event::SiteDeclared { .. }
        | Event::PolicySet { .. }
        | Event::Filed { .. }
        | Event::Footage { .. }
        | Event::PurgePaused { .. }
        | Event::PurgeResumed
        | Event::StorageAlarm { .. }
        | Event::ChangeProposed { .. }
        | Event::ChangeConfirmed { .. }
        | Event::ChangeDeclined { .. }
        | Event::RenewalReminded { .. }
        | Event::Designated { .. }
        | Event::Struck { .. }
        | Event::SecondFactorReset { .. }
        | Event::Invited { .. }
        | Event::InvitationRevoked { .. }
        | Event::InvitationAccepted { .. }
        | Event::WorkstationIssued { .. }
        | Event::WorkstationRevoked { .. }
        | Event::WorkstationReminded { .. }
        | Event::MailQueued { .. }
        | Event::MailAccepted { .. }
        | Event::MailFailed { .. } => None,
    }
}

fn status_word(state: &TicketState) -> &'static str {
    match state {
        TicketState::Requested { .. } => "requested",
        TicketState::Refused { .. } => "refused",
        TicketState::Lapsed { .. } => "lapsed",
        TicketState::Withdrawn { .. } => "withdrawn",
        TicketState::Voided { .. } => "voided",
        TicketState::Open { .. } => "open",
        TicketState::Closed { .. } => "closed",
    }
}

/// The landlord's people for their sites, the administrator for all.
fn oversees(person: &Person, site: &crate::domain::SiteId) -> bool {
    match person.role {
        Role::Administrator => true,
        Role::Decider | Role::Guard => person.sites.contains(site),
        Role::Operator | Role::Chief | Role::Dpo | Role::Auditor => false,
    }
}

fn hears_of_camera(state: &State, person: &Person, change: &CameraChange) -> bool {
    if oversees(person, &change.site) {
        return true;
    }
    let now = state.live_tickets().filter(|ticket| ticket.site == change.site);
    matches!(person.role, Role::Operator | Role::Chief)
        && now
            .filter(|ticket| matches!(ticket.state, crate::domain::TicketState::Open { .. }))
            .any(|ticket| access::sees(state, person, ticket))
}

/// Watches which cameras are there and tells the pages. Runs until the server stops.
pub async fn watch_cameras(app: Arc<App>) {
    let mut known = BTreeMap::new();
    loop {
        let cameras: Vec<_> = app.context.control.read(|state| {
            let cameras = state.sites.values();
            cameras.flat_map(|site| site.cameras.iter().map(|camera| (site.id.clone(), camera.id.clone()))).collect()
        });
        for (site, camera) in cameras {
            let online = app.context.hub.stream(&camera).health().online;
            let before = known.insert(camera.clone(), online);
            if before != Some(online) && (before.is_some() || online) {
                // Nobody listening is fine.
                let _ = app.cameras.send(CameraChange { site, camera, online });
            }
        }
        tokio::select! {
            () = app.stop.cancelled() => return,
            () = tokio::time::sleep(CAMERA_POLL) => {}
        }
    }
}
