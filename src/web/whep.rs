//! WHEP (draft-ietf-wish-whep): how pages and third-party players open, feed and leave a viewing.
//!
//! The order is the guarantee: the offer is read (pure), then the keeper is asked and records the grant, then the branch
//! is built with it. So no offer, however odd, leaves a trace without a decision, and no branch exists without a trace
//! (A4-6). The grant itself decides every packet afterwards; nothing here needs to run for a cut.
//!
//! A transfer is opened, fed and left with the ticket's link alone, which is bound to a log-in and a workstation
//! ([`super::link`], A3-6): all three are checked on every request.
//!
//! Two ways to prove oneself: the log-in session with `X-CSRF-Token` (our page), or a viewer token as
//! `Authorization: Bearer` (players; [`super::bearer`]). Every refused or repeated use of a link is in the connection log
//! (fault 10).

use super::access;
use super::answer::{self, Answer};
use super::app::App;
use super::auth::{Caller, Person, SessionKey, set_cookie};
use super::bearer::TOKEN_LIFE;
use super::connections::{Connection, Kind as Noted};
use super::dispatch::bearer;
use super::link::{self, Following, NotYours, User};
use super::problem::Problem;
use super::request::Request;
use super::routes::{Carries, Found, Name, TABLE, find};
use super::settings::IceServer;
use crate::control::AttachRequest;
use crate::domain::{CameraId, PersonId, Purpose, Role, SessionId, TicketId, TicketState};
use crate::media::viewer::{Attached, Offer};
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, StatusCode};
use serde::Serialize;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

const SDP: &str = "application/sdp";
const FRAGMENT: &str = "application/trickle-ice-sdpfrag";

/// Whose the live WHEP resources are. A resource whose branch has gone stays known until it is asked for or swept: it
/// answers 404 either way.
#[derive(Default)]
pub struct Resources(Mutex<HashMap<SessionId, Resource>>);

struct Resource {
    person: PersonId,
    login: SessionKey,
    ticket: TicketId,
    is_transfer: bool,
    etag: String,
}

impl Resources {
    fn map(&self) -> MutexGuard<'_, HashMap<SessionId, Resource>> {
        // Every change is one insertion or removal: the map is whole even if a holder panicked.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The live resources made under a log-in.
    pub fn of_login(&self, login: SessionKey) -> Vec<SessionId> {
        self.map().iter().filter(|(_, resource)| resource.login == login).map(|(id, _)| *id).collect()
    }

    fn insert(&self, session: SessionId, resource: Resource, is_live: impl Fn(&SessionId) -> bool) {
        let mut map = self.map();
        if map.len() >= 256 {
            map.retain(|id, _| is_live(id));
        }
        map.insert(session, resource);
    }
}

/// `OPTIONS`: what may be sent where (WHEP). Cross-origin use is not opened. Whoever may open a viewing here is told the
/// relays too, so that a player on a line without UDP has them before it gathers candidates (A7-1).
pub fn options(app: &App, request: &Request, caller: &Caller) -> Result<Answer, Problem> {
    let mut answer = answer::empty(StatusCode::NO_CONTENT);
    let here = || TABLE.iter().filter(|route| route.path == request.route.path);
    let allow = here().map(|route| route.method.as_str()).collect::<Vec<_>>().join(", ");
    let allow = HeaderValue::from_str(&allow).map_err(|error| Problem::internal("Allow", &error))?;
    answer.headers_mut().insert(header::ALLOW, allow);
    for route in here() {
        match route.carries {
            Carries::Offer => answer.headers_mut().insert("accept-post", HeaderValue::from_static(SDP)),
            Carries::Fragment => answer.headers_mut().insert("accept-patch", HeaderValue::from_static(FRAGMENT)),
            _ => None,
        };
    }
    if here().any(|route| route.carries == Carries::Offer && route.who.admits(caller.role())) {
        ice_servers(app, answer.headers_mut())?;
    }
    Ok(answer)
}

fn ice_servers(app: &App, headers: &mut HeaderMap) -> Result<(), Problem> {
    for server in &app.settings.ice_servers {
        let value = HeaderValue::from_str(&link(server)).map_err(|error| Problem::internal("a WHEP header", &error))?;
        headers.append(header::LINK, value);
    }
    Ok(())
}

/// `POST /whep/tickets/{ticket}` and `.../viewing`: opens a viewing.
pub async fn post(app: &App, request: &Request, caller: &Caller) -> Result<Answer, Problem> {
    let person = caller.person()?;
    let ticket: TicketId = request.id()?;
    let opened = open(app, request, person, ticket).await;
    let note = |kind, detail: &str| {
        Connection::new(kind, Some(request.peer.address), detail).by(Some(person.id.clone())).about(Some(ticket))
    };
    let (attached, link) = match opened {
        Ok(opened) => opened,
        Err(problem) => {
            app.context.connections.note(note(Noted::ViewingRefused, problem.code));
            return Err(problem);
        }
    };
    let session = attached.session;
    if let Some(token) = bearer(&request.headers) {
        app.bearers.bind(token, session);
    }
    let kind = if request.route.name == Name::WhepPost { "transfer" } else { "landlord-viewing" };
    app.context.connections.note(note(Noted::Viewing, kind).in_session(session));
    let mut answer = created(app, &attached)?;
    if let Some(token) = link {
        hand_over(app, &mut answer, ticket, &token)?;
    }
    Ok(answer)
}

async fn open(
    app: &App,
    request: &Request,
    person: &Person,
    ticket: TicketId,
) -> Result<(Attached, Option<String>), Problem> {
    let offer = Offer::parse(request.text()?)?;
    let cameras = request
        .query_all("camera")
        .iter()
        .map(|id| id.parse())
        .collect::<Result<Vec<CameraId>, _>>()
        .map_err(|error| Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "unknown-camera", error.to_string()))?;
    let replace = takes_over(app, request, person, ticket)?;
    access::must_see(app, person, ticket)?;
    let is_transfer = request.route.name == Name::WhepPost;
    let following = if is_transfer { follow(app, request, person, ticket)? } else { None };
    if let Some(token) = bearer(&request.headers)
        && !app.bearers.take(token, ticket)
    {
        return Err(token_spent());
    }
    let wish = AttachRequest {
        person: person.id.clone(),
        purpose: if is_transfer { Purpose::Transfer { ticket } } else { Purpose::LandlordViewing { ticket } },
        cameras,
        workstation: request.peer.workstation(),
        at_most: offer.video_count(),
        replace,
    };
    let (control, viewers) = (app.context.control.clone(), app.context.viewers.clone());
    // In a task of its own: a client that hangs up half-way must not leave a branch half built.
    let attached = tokio::spawn(async move {
        let grant = control.attach(wish).await?;
        Ok::<_, Problem>(viewers.attach(grant, offer).await?)
    })
    .await??;
    let link = following.and_then(Following::keep);
    let (owner, etag) = (person.id.clone(), attached.etag.clone());
    let resource = Resource { person: owner, login: person.session, ticket, is_transfer, etag };
    let live = app.context.viewers.live();
    app.resources.insert(attached.session, resource, |id| live.iter().any(|branch| branch.session == *id));
    Ok((attached, link))
}

/// Follows the ticket's link (A3-6). A player with a viewer token must be where the link is bound to. Under a ticket that is
/// not open there is no link: the keeper says why.
fn follow<'a>(
    app: &'a App,
    request: &Request,
    person: &Person,
    ticket: TicketId,
) -> Result<Option<Following<'a>>, Problem> {
    if !is_open(app, ticket) {
        return Ok(None);
    }
    let user = User::of(ticket, person, &request.peer);
    if bearer(&request.headers).is_some() {
        return match app.links.check_player(&user) {
            Ok(()) => Ok(None),
            Err(NotYours::OtherWindow) => Err(token_spent()),
            Err(why @ NotYours::OtherWorkstation) => Err(why.problem()),
        };
    }
    let watching = app.context.control.read(|state| {
        app.links.sweep(|other| state.live_tickets().any(|live| live.id == other));
        state.live_sessions_of(ticket).any(|live| live.person == person.id)
    });
    app.links.follow(&user, link::token(request, ticket).as_deref(), watching).map(Some)
}

fn token_spent() -> Problem {
    let detail = "this viewer token has been used, has run out, or is for another ticket: ask for a new one";
    Problem::new(StatusCode::UNAUTHORIZED, "viewer-token-spent", detail)
}

fn is_open(app: &App, ticket: TicketId) -> bool {
    let now = app.context.clock.utc();
    app.context.control.read(|state| state.tickets.get(&ticket).is_some_and(|ticket| ticket.is_open_at(now)))
}

/// Gives this browser the link's token, for as long as the ticket may last.
fn hand_over(app: &App, answer: &mut Answer, ticket: TicketId, token: &str) -> Result<(), Problem> {
    let now = app.context.clock.utc();
    let left_s = app.context.control.read(|state| match state.tickets.get(&ticket).map(|ticket| &ticket.state) {
        Some(TicketState::Open { expires_at_utc, .. }) => (*expires_at_utc - now).num_seconds(),
        _ => 0,
    });
    let cookie = set_cookie(&link::cookie_name(ticket), token, Some(left_s.try_into().unwrap_or(0)))?;
    answer.headers_mut().append(header::SET_COOKIE, cookie);
    Ok(())
}

/// Whether the offer continues this person's own viewing (`?replace=SESSION`, after a lost network). Only the page that
/// had the session knows its name, so a second window is still refused (fault 10).
fn takes_over(app: &App, request: &Request, person: &Person, ticket: TicketId) -> Result<bool, Problem> {
    let Some(text) = request.query("replace") else { return Ok(false) };
    let session: SessionId = text.parse()?;
    let known = app.context.control.read(|state| {
        let known = state.sessions.get(&session)?;
        Some(known.person == person.id && known.purpose.ticket() == ticket)
    });
    match known {
        Some(true) => {
            let live = app
                .context
                .control
                .read(|state| state.live_sessions_of(ticket).find(|live| live.person == person.id).map(|live| live.id));
            Ok(live == Some(session))
        }
        _ => Err(Problem::not_found()),
    }
}

fn created(app: &App, attached: &Attached) -> Result<Answer, Problem> {
    let value = |text: &str| HeaderValue::from_str(text).map_err(|error| Problem::internal("a WHEP header", &error));
    let mut answer = answer::content(StatusCode::CREATED, SDP, attached.answer_sdp.clone());
    let headers = answer.headers_mut();
    headers.insert(header::LOCATION, value(&format!("/whep/sessions/{}", attached.session))?);
    headers.insert(header::ETAG, value(&attached.etag)?);
    headers.insert(HeaderName::from_static("accept-patch"), HeaderValue::from_static(FRAGMENT));
    ice_servers(app, headers)?;
    Ok(answer)
}

fn link(server: &IceServer) -> String {
    let mut link = format!("<{}>; rel=\"ice-server\"", server.url);
    if let (Some(username), Some(credential)) = (&server.username, &server.credential) {
        let quoted = |text: &str| text.replace(['"', '\\'], "");
        let (username, credential) = (quoted(username), quoted(credential));
        link.push_str(&format!("; username=\"{username}\"; credential=\"{credential}\"; credential-type=\"password\""));
    }
    link
}

/// The resource, if it is this caller's. Anybody else is told that there is none.
fn own(app: &App, request: &Request, caller: &Caller) -> Result<(SessionId, String), Problem> {
    let person = caller.person()?;
    let session: SessionId = request.id()?;
    let (ticket, is_transfer, login, etag) = {
        let map = app.resources.map();
        let resource = map.get(&session).filter(|known| known.person == person.id).ok_or_else(Problem::not_found)?;
        (resource.ticket, resource.is_transfer, resource.login, resource.etag.clone())
    };
    if is_transfer {
        if !is_open(app, ticket) {
            // Its link is void, and nothing is left of it.
            return Err(Problem::not_found());
        }
        let user = User::of(ticket, person, &request.peer);
        let checked = match caller.by_token {
            true => app.links.check_player(&user),
            false => app.links.check(&user, link::token(request, ticket).as_deref()),
        };
        checked.map_err(|why| {
            let problem = why.problem();
            app.context.connections.note(link::refused(request.peer.address, &user, problem.code).in_session(session));
            problem
        })?;
    } else if login != person.session {
        return Err(Problem::not_found());
    }
    let by_token = bearer(&request.headers).filter(|_| caller.by_token);
    if by_token.is_some_and(|token| !app.bearers.made(token, session)) {
        let entry = Connection::new(Noted::Refused, Some(request.peer.address), "viewer-token-of-another-session");
        app.context.connections.note(entry.by(caller.id()).about(Some(ticket)).in_session(session));
        return Err(Problem::not_found());
    }
    Ok((session, etag))
}

/// `PATCH /whep/sessions/{session}`: trickle ICE.
pub async fn patch(app: &App, request: &Request, caller: &Caller) -> Result<Answer, Problem> {
    let (session, etag) = own(app, request, caller)?;
    match request.header(header::IF_MATCH) {
        None => {
            let detail = "send If-Match with the ETag of the 201 answer (RFC 9725)";
            return Err(Problem::new(StatusCode::PRECONDITION_REQUIRED, "if-match-missing", detail));
        }
        // RFC 9725: "*" asks for an ICE restart.
        Some("*") => return Err(crate::media::viewer::TrickleError::IceRestart.into()),
        Some(given) if given.split(',').any(|tag| tag.trim() == etag) => {}
        Some(_) => {
            let detail = "If-Match names another ICE session than the one of this viewing";
            return Err(Problem::new(StatusCode::PRECONDITION_FAILED, "other-ice-session", detail));
        }
    }
    app.context.viewers.trickle(&session, request.text()?).await?;
    Ok(answer::empty(StatusCode::NO_CONTENT))
}

/// `DELETE /whep/sessions/{session}`: the viewer leaves. A second time there is nothing left to leave.
pub async fn delete(app: &App, request: &Request, caller: &Caller) -> Result<Answer, Problem> {
    let (session, _) = own(app, request, caller)?;
    let left = app.context.viewers.leave(&session).await;
    let ticket = app.resources.map().remove(&session).map(|resource| resource.ticket);
    app.bearers.forget_resource(session);
    if !left {
        return Err(Problem::not_found());
    }
    let entry = Connection::new(Noted::ViewingLeft, Some(request.peer.address), "").by(caller.id()).about(ticket);
    app.context.connections.note(entry.in_session(session));
    Ok(answer::empty(StatusCode::OK))
}

#[derive(Serialize)]
struct Token {
    token: String,
    expires_in_s: u64,
    endpoint: String,
}

/// `POST /api/v1/tickets/{ticket}/viewer-token`: lets a third-party player open one viewing.
pub fn viewer_token(app: &App, request: &Request, caller: &Caller) -> Result<Answer, Problem> {
    let person = caller.person()?;
    let ticket: TicketId = request.id()?;
    access::must_see(app, person, ticket)?;
    let following = if person.role.is_police() { Some(link_of_player(app, request, person, ticket)?) } else { None };
    let token = app.bearers.issue(person.clone(), ticket).ok_or_else(|| {
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "busy", "too many viewer tokens wait: try again in a minute")
    })?;
    let endpoint = match person.role {
        Role::Decider => format!("/whep/tickets/{ticket}/viewing"),
        _ => format!("/whep/tickets/{ticket}"),
    };
    debug_assert!(matches!(find(&Method::POST, &endpoint), Found::Route(..)));
    let mut answer = answer::json(StatusCode::CREATED, &Token { token, expires_in_s: TOKEN_LIFE.as_secs(), endpoint })?;
    if let Some(link) = following.and_then(Following::keep) {
        hand_over(app, &mut answer, ticket, &link)?;
    }
    Ok(answer)
}

/// A player's token is made by following the link: it binds it like a viewing does.
fn link_of_player<'a>(
    app: &'a App,
    request: &Request,
    person: &Person,
    ticket: TicketId,
) -> Result<Following<'a>, Problem> {
    let followed = follow(app, request, person, ticket).and_then(|following| {
        following.ok_or_else(|| {
            let detail = "this ticket is not open: there is no link to follow (A3-6)";
            Problem::new(StatusCode::CONFLICT, "ticket-not-open", detail)
        })
    });
    followed.inspect_err(|problem| {
        let user = User::of(ticket, person, &request.peer);
        app.context.connections.note(link::refused(request.peer.address, &user, problem.code));
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ice_servers_are_told_as_whep_wants_them() {
        let stun = IceServer { url: "stun:stun.example.org:3478".to_owned(), username: None, credential: None };
        assert_eq!(link(&stun), "<stun:stun.example.org:3478>; rel=\"ice-server\"");
        let turn = IceServer {
            url: "turn:turn.example.org:443?transport=tcp".to_owned(),
            username: Some("u".to_owned()),
            credential: Some("p\"x".to_owned()),
        };
        assert_eq!(
            link(&turn),
            "<turn:turn.example.org:443?transport=tcp>; rel=\"ice-server\"; username=\"u\"; credential=\"px\"; \
             credential-type=\"password\""
        );
    }
}
