//! WHEP (draft-ietf-wish-whep): how pages and third-party players open, feed and leave a viewing.
//!
//! The order is the guarantee: the offer is read (pure), then the keeper is asked and records the grant, then the branch
//! is built with it. So no offer, however odd, leaves a trace without a decision, and no branch exists without a trace
//! (A4-6). The grant itself decides every packet afterwards; nothing here needs to run for a cut.
//!
//! Two ways to prove oneself: the log-in session with `X-CSRF-Token` (our page), or a viewer token as
//! `Authorization: Bearer` (players; [`super::bearer`]). Every refused or repeated use of a link is in the connection log
//! (fault 10).

use super::access;
use super::answer::{self, Answer};
use super::app::App;
use super::auth::{Caller, Person, SessionKey};
use super::bearer::TOKEN_LIFE;
use super::connections::{Connection, Kind as Noted};
use super::dispatch::bearer;
use super::problem::Problem;
use super::request::Request;
use super::routes::{Carries, Found, Name, TABLE, find};
use super::settings::IceServer;
use crate::control::AttachRequest;
use crate::domain::{CameraId, PersonId, Purpose, Role, SessionId, TicketId};
use crate::media::viewer::{Attached, Offer};
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, StatusCode};
use serde::Serialize;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot;

const SDP: &str = "application/sdp";
const FRAGMENT: &str = "application/trickle-ice-sdpfrag";

/// Longest name of a window, in characters: a UUID has 36.
const MAX_WINDOW: usize = 64;

/// Whose the live WHEP resources are. A resource whose branch has gone stays known until it is asked for or swept: it
/// answers 404 either way.
#[derive(Default)]
pub struct Resources {
    made: Mutex<HashMap<SessionId, Resource>>,
    /// Windows whose offer is being carried out.
    opening: Mutex<Vec<Window>>,
}

struct Resource {
    person: PersonId,
    login: SessionKey,
    ticket: TicketId,
    etag: String,
    window: Option<String>,
}

/// A window of a browser under a ticket, by the name that its page gave it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Window {
    login: SessionKey,
    ticket: TicketId,
    name: String,
}

/// While it lives, its window is known to be opening a viewing.
struct Opening {
    app: Arc<App>,
    window: Option<Window>,
}

impl Opening {
    fn new(app: Arc<App>, window: Option<Window>) -> Self {
        if let Some(window) = &window {
            app.resources.opening().push(window.clone());
        }
        Self { app, window }
    }
}

impl Drop for Opening {
    fn drop(&mut self) {
        let Some(window) = &self.window else { return };
        let mut opening = self.app.resources.opening();
        if let Some(place) = opening.iter().position(|known| known == window) {
            opening.swap_remove(place);
        }
    }
}

impl Resources {
    fn map(&self) -> MutexGuard<'_, HashMap<SessionId, Resource>> {
        // Every change is one insertion or removal: the map is whole even if a holder panicked.
        self.made.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn opening(&self) -> MutexGuard<'_, Vec<Window>> {
        // As above.
        self.opening.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the viewing `live` (one that is still in the making has no resource yet) is this very window's.
    fn is_of(&self, window: &Window, live: Option<SessionId>) -> bool {
        let map = self.map();
        match live.and_then(|session| map.get(&session)) {
            Some(made) => made.login == window.login && made.window.as_ref() == Some(&window.name),
            None => self.opening().contains(window),
        }
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
    // Both a ticket's and a session's: what is neither is nowhere. Whether it is there, strangers are not told.
    let _: uuid::Uuid = request.values.first().and_then(|id| id.parse().ok()).ok_or_else(Problem::not_found)?;
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
pub async fn post(app: &Arc<App>, request: &Request, caller: &Caller) -> Result<Answer, Problem> {
    let person = caller.person()?;
    let ticket: TicketId = request.id()?;
    let opened = open(app, request, person, ticket).await;
    let note = |kind, detail: &str| {
        Connection::new(kind, Some(request.peer.address), detail).by(Some(person.id.clone())).about(Some(ticket))
    };
    let attached = match opened {
        Ok(attached) => attached,
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
    created(app, &attached)
}

async fn open(app: &Arc<App>, request: &Request, person: &Person, ticket: TicketId) -> Result<Attached, Problem> {
    let offer = Offer::parse(request.text()?)?;
    let cameras = request
        .query_all("camera")
        .iter()
        .map(|id| id.parse())
        .collect::<Result<Vec<CameraId>, _>>()
        .map_err(|error| Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "unknown-camera", error.to_string()))?;
    let window = window_of(request, person, ticket)?;
    let replace = takes_over(app, request, person, ticket, window.as_ref())?;
    access::must_see(app, person, ticket)?;
    if let Some(token) = bearer(&request.headers)
        && !app.bearers.take(token, ticket)
    {
        let detail = "this viewer token has been used, has run out, or is for another ticket: ask for a new one";
        return Err(Problem::new(StatusCode::UNAUTHORIZED, "viewer-token-spent", detail));
    }
    let wish = AttachRequest {
        person: person.id.clone(),
        purpose: match request.route.name {
            Name::WhepPost => Purpose::Transfer { ticket },
            _ => Purpose::LandlordViewing { ticket },
        },
        cameras,
        workstation: request.peer.workstation(),
        at_most: offer.video_count(),
        replace,
    };
    let opening = Opening::new(app.clone(), window);
    let (person, login) = (person.id.clone(), person.session);
    let (tell, told) = oneshot::channel();
    // In a task of its own: a client that hangs up half-way must not leave a branch half built.
    tokio::spawn(async move {
        let Opening { app, window } = &opening;
        let opened = attach(app, wish, offer).await;
        if let Ok(attached) = &opened {
            let etag = attached.etag.clone();
            let window = window.as_ref().map(|window| window.name.clone());
            let live = app.context.viewers.live();
            let is_live = |id: &SessionId| live.iter().any(|branch| branch.session == *id);
            app.resources.insert(attached.session, Resource { person, login, ticket, etag, window }, is_live);
        }
        if let Err(Ok(unheard)) = tell.send(opened) {
            // The page went away (a reload, a closed window) and never learns that it has a viewing: it ends here.
            app.context.viewers.leave(&unheard.session).await;
            app.resources.map().remove(&unheard.session);
        }
    });
    told.await.map_err(|error| Problem::internal("a viewing", &error))?
}

async fn attach(app: &App, wish: AttachRequest, offer: Offer) -> Result<Attached, Problem> {
    let grant = app.context.control.attach(wish).await?;
    Ok(app.context.viewers.attach(grant, offer).await?)
}

/// The window that asks (`?window=NAME`), where its page says so.
fn window_of(request: &Request, person: &Person, ticket: TicketId) -> Result<Option<Window>, Problem> {
    let Some(name) = request.query("window") else { return Ok(None) };
    if name.is_empty()
        || name.len() > MAX_WINDOW
        || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    {
        let detail = format!("window: expected 1 to {MAX_WINDOW} letters, digits and hyphens that the page made up");
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "window", detail));
    }
    Ok(Some(Window { login: person.session, ticket, name: name.to_owned() }))
}

/// Whether the offer continues this person's own viewing: by its name after a lost network (`?replace=SESSION`), or
/// because the same window had it before it was loaded again (`?window=NAME`), whether or not it had heard the answer.
/// Only the page that had the viewing knows either name, so a second window is still refused (fault 10).
fn takes_over(
    app: &App,
    request: &Request,
    person: &Person,
    ticket: TicketId,
    window: Option<&Window>,
) -> Result<bool, Problem> {
    let replaced = request.query("replace").as_deref().map(str::parse::<SessionId>).transpose()?;
    let (known, live) = app.context.control.read(|state| {
        let own = |id: &SessionId| {
            state.sessions.get(id).is_some_and(|known| known.person == person.id && known.purpose.ticket() == ticket)
        };
        let live = state.live_sessions_of(ticket).find(|live| live.person == person.id).map(|live| live.id);
        (replaced.as_ref().is_none_or(own), live)
    });
    if !known {
        return Err(Problem::not_found());
    }
    let by_name = replaced.is_some() && replaced == live;
    Ok(by_name || window.is_some_and(|window| app.resources.is_of(window, live)))
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
    let (ticket, etag) = {
        let map = app.resources.map();
        let resource = map.get(&session).filter(|known| known.person == person.id).ok_or_else(Problem::not_found)?;
        (resource.ticket, resource.etag.clone())
    };
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
    request.nothing()?;
    let person = caller.person()?;
    let ticket: TicketId = request.id()?;
    access::must_see(app, person, ticket)?;
    let token = app.bearers.issue(person.clone(), ticket).ok_or_else(|| {
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "busy", "too many viewer tokens wait: try again in a minute")
    })?;
    let endpoint = match person.role {
        Role::Decider => format!("/whep/tickets/{ticket}/viewing"),
        _ => format!("/whep/tickets/{ticket}"),
    };
    debug_assert!(matches!(find(&Method::POST, &endpoint), Found::Route(..)));
    answer::json(StatusCode::CREATED, &Token { token, expires_in_s: TOKEN_LIFE.as_secs(), endpoint })
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
