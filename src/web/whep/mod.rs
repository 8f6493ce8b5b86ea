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
use super::auth::{Caller, Person, set_cookie};
use super::bearer::TOKEN_LIFE;
use super::connections::{Connection, Kind as Noted};
use super::dispatch::bearer;
use super::link::{self, Following, Holder, NotYours, User};
use super::problem::Problem;
use super::request::Request;
use super::routes::{Carries, Found, Name, TABLE, find};
use super::settings::IceServer;
use crate::control::AttachRequest;
use crate::domain::{CameraId, Purpose, Role, SessionId, TicketId, TicketState};
use crate::media::viewer::{Attached, Offer};
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, StatusCode};
use serde::Serialize;
use std::collections::BTreeSet;
use std::sync::Arc;
use tokio::sync::oneshot;

mod resources;

pub use resources::Resources;
use resources::{Opening, Resource, Window, window_of};

const SDP: &str = "application/sdp";
const FRAGMENT: &str = "application/trickle-ice-sdpfrag";

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
    app: &Arc<App>,
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
    let window = window_of(request, person, ticket)?;
    let takeover = takes_over(app, request, person, ticket, window.as_ref())?;
    access::must_see(app, person, ticket)?;
    let is_transfer = request.route.name == Name::WhepPost;
    let wish = AttachRequest {
        person: person.id.clone(),
        purpose: if is_transfer { Purpose::Transfer { ticket } } else { Purpose::LandlordViewing { ticket } },
        cameras,
        workstation: request.peer.workstation(),
        at_most: offer.video_count(),
        replace: takeover != Takeover::None,
    };
    let asker = Asker { same_window: takeover == Takeover::SameWindow, ..Asker::of(request, person, ticket) };
    let opening = Opening::new(app.clone(), window);
    let (tell, told) = oneshot::channel();
    // In a task of its own: a client that hangs up half-way must not leave a branch half built.
    tokio::spawn(async move {
        let (app, window) = opening.of();
        let opened = asker.open(app, wish, offer).await;
        if let Ok((attached, _)) = &opened {
            let (person, login) = (asker.person.id.clone(), asker.person.session);
            let (etag, window) = (attached.etag.clone(), window.cloned());
            let live = app.context.viewers.live();
            let is_live = |id: &SessionId| live.iter().any(|branch| branch.session == *id);
            let resource = Resource { person, login, ticket, is_transfer, etag, window };
            app.resources.insert(attached.session, resource, is_live);
        }
        if let Err(Ok((unheard, _))) = tell.send(opened) {
            // The page went away (a reload, a closed window) and never learns that it has a viewing: it ends here.
            app.context.viewers.leave(&unheard.session).await;
            app.resources.remove(unheard.session);
        }
    });
    told.await.map_err(|error| Problem::internal("a viewing", &error))?
}

/// Who opens a viewing, and with what in hand.
struct Asker {
    person: Person,
    ticket: TicketId,
    workstation: String,
    /// What the browser holds of the ticket's link.
    held: Option<String>,
    /// A third-party player's viewer token.
    player: Option<String>,
    /// The viewing that the person has under the ticket is this window's own.
    same_window: bool,
}

impl Asker {
    fn of(request: &Request, person: &Person, ticket: TicketId) -> Self {
        Self {
            person: person.clone(),
            ticket,
            workstation: request.peer.workstation(),
            held: link::token(request, ticket),
            player: bearer(&request.headers).map(str::to_owned),
            same_window: false,
        }
    }

    /// Follows the link, asks the keeper, builds the branch; and the link's token, if this browser has to be given one.
    async fn open(&self, app: &App, wish: AttachRequest, offer: Offer) -> Result<(Attached, Option<String>), Problem> {
        let is_transfer = matches!(wish.purpose, Purpose::Transfer { .. });
        let following = if is_transfer { self.follow(app)? } else { None };
        if let Some(token) = &self.player
            && !app.bearers.take(token, self.ticket)
        {
            return Err(token_spent());
        }
        let grant = app.context.control.attach(wish).await?;
        if is_transfer && following.is_none() && self.player.is_none() {
            // It was opened between the two: nobody watches a ticket whose link they have not followed (A3-6).
            drop(grant);
            let detail = "the ticket was opened this very moment: follow its link again";
            return Err(Problem::new(StatusCode::CONFLICT, "ticket-not-open", detail));
        }
        let attached = app.context.viewers.attach(grant, offer).await?;
        Ok((attached, following.and_then(Following::keep)))
    }

    /// Follows the ticket's link (A3-6). A player with a viewer token must be where the link is bound to. Under a ticket
    /// that is not open there is no link: the keeper says why.
    fn follow<'a>(&self, app: &'a App) -> Result<Option<Following<'a>>, Problem> {
        if !is_open(app, self.ticket) {
            return Ok(None);
        }
        let user = User { ticket: self.ticket, person: &self.person, workstation: self.workstation.clone() };
        if self.player.is_some() {
            return match app.links.check_player(&user) {
                Ok(()) => Ok(None),
                Err(NotYours::OtherWindow) => Err(token_spent()),
                Err(why @ NotYours::OtherWorkstation) => Err(why.problem()),
            };
        }
        let watching = app.context.control.read(|state| {
            app.links.sweep(|other| state.live_tickets().any(|live| live.id == other));
            state.live_sessions_of(self.ticket).any(|live| live.person == self.person.id)
        });
        let holder = match (self.same_window, watching) {
            (true, _) => Holder::SameWindow,
            (false, true) => Holder::Watching,
            (false, false) => Holder::Idle,
        };
        app.links.follow(&user, self.held.as_deref(), holder).map(Some)
    }
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

/// Whether the offer continues this person's own viewing: by its name after a lost network (`?replace=SESSION`), or
/// because the same window had it before it was loaded again (`?window=NAME`), whether or not it had heard the answer.
/// Only the page that had the viewing knows either name, so a second window is still refused (fault 10).
fn takes_over(
    app: &App,
    request: &Request,
    person: &Person,
    ticket: TicketId,
    window: Option<&Window>,
) -> Result<Takeover, Problem> {
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
    if window.is_some_and(|window| app.resources.is_of(window, live)) {
        return Ok(Takeover::SameWindow);
    }
    Ok(if replaced.is_some() && replaced == live { Takeover::ByName } else { Takeover::None })
}

/// What an offer continues.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Takeover {
    /// Nothing.
    None,
    /// A viewing whose name the page knows.
    ByName,
    /// The viewing of this very window, whether or not it has heard of it.
    SameWindow,
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
    let ticket = app.resources.remove(session).map(|resource| resource.ticket);
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
    let following = if person.role.is_police() { Some(link_of_player(app, request, person, ticket)?) } else { None };
    let live: BTreeSet<SessionId> =
        app.context.control.read(|state| state.live_sessions().map(|session| session.id).collect());
    let token = app.bearers.issue(person.clone(), ticket, |session| live.contains(&session)).ok_or_else(|| {
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
    let followed = Asker::of(request, person, ticket).follow(app).and_then(|following| {
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
