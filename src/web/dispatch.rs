//! The one way in for every request: find its row, learn who asks, check role, origin and proof, read the body, call the
//! handler, dress the answer. Nothing reaches a handler that has not passed here.

use super::answer::{self, Answer};
use super::app::App;
use super::auth::{self, Caller};
use super::connections::{Connection, Kind as Noted};
use super::language;
use super::problem::Problem;
use super::request::{Peer, Request, drain, read_body};
use super::routes::{Carries, Found, Kind, Name, Proof, Route, Who, find};
use super::{
    admin, alerts, annex, changes, chrome, events, footage, invitation, limits, login, mails, metrics, misc, oidc,
    own_factor, people, recordings, register, sightings, site, sites, storage, tickets, traceability, urgent, whep,
    workstations,
};
use bytes::Buf;
use futures_util::{FutureExt, Stream, StreamExt};
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, StatusCode};
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::time::Instant;
use warp::Filter;

/// The warp filter that hands every request over, whatever it is.
pub fn filter(
    app: Arc<App>,
) -> impl Filter<Extract = (Answer,), Error = warp::Rejection> + Clone + Send + Sync + 'static {
    let query = warp::query::raw().or(warp::any().map(String::new)).unify();
    warp::any()
        .and(warp::method())
        .and(warp::path::full())
        .and(query)
        .and(warp::header::headers_cloned())
        .and(warp::ext::optional::<http::uri::Authority>())
        .and(warp::ext::get::<Peer>())
        .and(warp::body::stream())
        .then(move |method: Method, path: warp::path::FullPath, query, headers, authority, peer, body| {
            let app = app.clone();
            let arrival = Arrival { method, path: path.as_str().to_owned(), query, headers, authority, peer };
            async move { answer(app, arrival, body).await }
        })
        .boxed()
}

/// A request as it came.
struct Arrival {
    method: Method,
    path: String,
    query: String,
    headers: HeaderMap,
    authority: Option<http::uri::Authority>,
    peer: Peer,
}

async fn answer<S, B, E>(app: Arc<App>, arrival: Arrival, body: S) -> Answer
where
    S: Stream<Item = Result<B, E>> + Send,
    B: Buf + Send,
    E: std::fmt::Display + Send,
{
    let started = Instant::now();
    let method = arrival.method.clone();
    let waits_for_leave = arrival.headers.contains_key(header::EXPECT);
    let mut body = pin!(body.fuse());
    let mut story = Story { template: "-", person: None };
    // A handler that panics answers 500 like any other failure and takes nobody else's connection with it.
    let handled = AssertUnwindSafe(handle(&app, arrival, body.as_mut(), &mut story)).catch_unwind().await;
    let mut answer = handled.unwrap_or_else(|_| {
        answer::problem(&Problem::internal("a handler panicked", &"see the message of the panic above"))
    });
    // Whoever still sends a body while it is being refused would meet a closed connection instead of the refusal (RFC 9112
    // 9.6). Whoever asks first whether to send one (RFC 9110 10.1.1) has sent none.
    if !waits_for_leave {
        drain(body).await;
    }
    if method == Method::HEAD {
        answer = answer::head_of(answer);
    }
    answer::finish(answer.headers_mut());
    let (status, elapsed) = (answer.status(), started.elapsed());
    metrics::count_request(&method, story.template, status, elapsed);
    tracing::info!(
        target: "ecluse::access",
        %method,
        route = story.template,
        status = status.as_u16(),
        ms = elapsed.as_millis() as u64,
        person = story.person.as_deref().unwrap_or("-"),
    );
    answer
}

/// What the access log tells about a request: neither path nor query, which could name people, tickets or tokens.
struct Story {
    template: &'static str,
    person: Option<String>,
}

async fn handle<S, B, E>(app: &Arc<App>, arrival: Arrival, body: S, story: &mut Story) -> Answer
where
    S: Stream<Item = Result<B, E>> + Send,
    B: Buf + Send,
    E: std::fmt::Display + Send,
{
    let (route, values) = match find(&arrival.method, &arrival.path) {
        Found::Route(route, values) => (route, values),
        Found::OtherMethods(allow, kind) => {
            let detail = format!("{} is not answered here; {} are", arrival.method, allow.join(", "));
            let problem = Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", detail);
            let allow = HeaderValue::from_str(&allow.join(", ")).unwrap_or(HeaderValue::from_static("GET"));
            return refuse(app, &arrival, &Caller::default(), kind, &problem.with(header::ALLOW, allow));
        }
        Found::Nothing => {
            let api = ["/api/", "/whep/"].iter().any(|prefix| arrival.path.starts_with(prefix));
            let kind = if api { Kind::Api } else { Kind::Page };
            return refuse(app, &arrival, &Caller::default(), kind, &Problem::not_found());
        }
    };
    story.template = route.path;
    if let Some(certificate) = &arrival.peer.certificate {
        sightings::note(app, certificate);
    }
    let caller = match identify(app, &arrival, route).await {
        Ok(mut caller) => {
            if let Some(person) = &mut caller.person {
                person.certificate = arrival.peer.certificate.clone();
            }
            caller
        }
        Err(problem) => return refuse(app, &arrival, &Caller::default(), route.kind, &problem),
    };
    story.person = caller.id().map(String::from);
    if let Err(problem) = authorise(app, &arrival, route, &caller) {
        if let Some(detour) = detour(&arrival, route, &caller, &problem) {
            return detour;
        }
        return refuse(app, &arrival, &caller, route.kind, &problem);
    }
    let body = match read_body(route, &arrival.headers, body).await {
        Ok(body) => body,
        Err(problem) => return refuse(app, &arrival, &caller, route.kind, &problem),
    };
    let request = Request {
        route,
        values,
        query: arrival.query.clone(),
        headers: arrival.headers.clone(),
        peer: arrival.peer.clone(),
        path: arrival.path.clone(),
        body,
    };
    let answered = match proven(app, &request, &caller) {
        Ok(()) => call(app, &request, &caller).await,
        Err(problem) => Err(problem),
    };
    answered.unwrap_or_else(|problem| refuse(app, &arrival, &caller, route.kind, &problem))
}

/// Who asks. What is the same for everybody does not look into the store.
async fn identify(app: &App, arrival: &Arrival, route: &Route) -> Result<Caller, Problem> {
    if matches!(route.name, Name::Static | Name::Healthz | Name::Readyz | Name::OpenApi) {
        return Ok(Caller::default());
    }
    if route.proof == Proof::CsrfOrBearer
        && let Some(token) = bearer(&arrival.headers)
    {
        // Annex, log-in and workstation are asked again: of a person struck since, or logged out, the token is nobody's
        // (fault 8).
        let person = match app.bearers.person(token) {
            Some(person) if auth::still_stands(app, &person).await => Some(person),
            _ => None,
        };
        return Ok(Caller { person, by_token: true, ..Caller::default() });
    }
    auth::identify(app, &arrival.headers).await
}

/// The token of `Authorization: Bearer`.
pub fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// The table's word: role first, then where the request comes from, then how often.
fn authorise(app: &App, arrival: &Arrival, route: &Route, caller: &Caller) -> Result<(), Problem> {
    let address = arrival.peer.address;
    if !route.who.admits(caller.role()) {
        let problem = match caller.role() {
            None if caller.expired => {
                Problem::new(StatusCode::UNAUTHORIZED, "session-expired", "the session has ended: log in again")
            }
            None => auth::unauthorised(),
            Some(_) => Problem::new(StatusCode::FORBIDDEN, "not-your-role", "this is not for your role"),
        };
        if caller.person.is_some() || route.proof != Proof::None {
            let detail = format!("{} {}: {}", route.method, route.path, problem.code);
            app.context.connections.note(Connection::new(Noted::Refused, Some(address), detail).by(caller.id()));
        }
        return Err(problem);
    }
    // From the table's own rows alone: a page that is for anybody stays readable, and so does the way out.
    if let (Who::Roles(_), Some(person)) = (route.who, &caller.person)
        && !matches!(route.name, Name::Logout | Name::ApiLogout)
        && !auth::may_use_machine(app, person.role, person.service.as_ref(), person.certificate.as_deref())
    {
        let detail = format!("{} {}: workstation-required", route.method, route.path);
        app.context.connections.note(Connection::new(Noted::Refused, Some(address), detail).by(caller.id()));
        return Err(auth::workstation_required());
    }
    let authority = arrival.authority.as_ref().map(http::uri::Authority::as_str);
    if route.proof != Proof::None && !caller.by_token && !auth::is_own_origin(&arrival.headers, authority, &app.origin)
    {
        let detail = "the request does not come from one of this server's own pages";
        return Err(Problem::new(StatusCode::FORBIDDEN, "foreign-origin", detail));
    }
    if route.name.records_when_read() && !auth::is_asked_for_here(&arrival.headers) {
        let detail = "this is recorded as yours: ask for it on this server's own page, not by a link from elsewhere";
        return Err(Problem::new(StatusCode::FORBIDDEN, "foreign-origin", detail));
    }
    if limits::is_limited(&route.method, route.name) {
        let subject = caller.id().map_or_else(|| limits::subscriber(address.ip()).to_string(), String::from);
        app.changes.check(&subject)?;
    }
    Ok(())
}

/// Whether a change proves that it comes from our own page. A viewer token is its own proof.
fn proven(app: &App, request: &Request, caller: &Caller) -> Result<(), Problem> {
    let needed = match request.route.proof {
        Proof::None | Proof::Origin => false,
        Proof::Csrf => true,
        Proof::CsrfOrBearer => !caller.by_token,
    };
    if !needed {
        return Ok(());
    }
    let form;
    let given = match request.header(HeaderName::from_static("x-csrf-token")) {
        Some(token) => token,
        None if request.route.carries == Carries::Form => {
            form = request.form();
            form.value("csrf")
        }
        None => "",
    };
    if auth::proves(caller.secret.as_deref(), given) {
        return Ok(());
    }
    let entry =
        Connection::new(Noted::Refused, Some(request.peer.address), format!("{}: no proof", request.route.path));
    app.context.connections.note(entry.by(caller.id()));
    let detail = "the form is out of date or does not come from this server: load the page again";
    Err(Problem::new(StatusCode::FORBIDDEN, "csrf", detail))
}

/// Where an anonymous visitor of a page is sent instead of being refused.
fn detour(arrival: &Arrival, route: &Route, caller: &Caller, problem: &Problem) -> Option<Answer> {
    if route.kind != Kind::Page || problem.status != StatusCode::UNAUTHORIZED {
        return None;
    }
    // Never where asking leaves an entry: asked again from here, a link in a mail would act in the reader's name.
    if route.method == Method::GET
        && !route.name.records_when_read()
        && let Some(again) = answer::again_from_here(&arrival.headers)
    {
        return Some(again);
    }
    let mut pairs = form_urlencoded::Serializer::new(String::new());
    if route.method == Method::GET && route.name != Name::Home {
        pairs.append_pair("next", &arrival.path);
    }
    if caller.expired {
        pairs.append_pair("expired", "1");
    }
    let query = pairs.finish();
    let target = if query.is_empty() { "/login".to_owned() } else { format!("/login?{query}") };
    answer::see_other(&target).ok()
}

/// A refusal in the route's dress.
fn refuse(app: &App, arrival: &Arrival, caller: &Caller, kind: Kind, problem: &Problem) -> Answer {
    if kind == Kind::Api {
        return answer::problem(problem);
    }
    let locale = language::of(app, &arrival.headers, caller);
    chrome::error_page(app, caller, locale, &arrival.path, problem)
}

/// One arm for each row of the table.
async fn call(app: &Arc<App>, request: &Request, caller: &Caller) -> Result<Answer, Problem> {
    match request.route.name {
        Name::Home => tickets::home(app, request, caller).await,
        Name::LoginPage => login::page(app, request, caller).await,
        Name::Login => login::form(app, request, caller).await,
        Name::SecondFactorPage => login::second_factor_page(app, request, caller).await,
        Name::SecondFactor => login::second_factor_form(app, request, caller).await,
        Name::OidcBegin => oidc::begin(app, request, caller).await,
        Name::OidcBack => oidc::back(app, request, caller).await,
        Name::InvitationPage => invitation::page(app, request, caller).await,
        Name::InvitationAccept => invitation::accept(app, request, caller).await,
        Name::OwnFactorPage => own_factor::page(app, request, caller).await,
        Name::OwnPasskeyAdd => own_factor::add(app, request, caller).await,
        Name::OwnPasskeyRemove => own_factor::remove(app, request, caller).await,
        Name::Logout => login::logout(app, request, caller).await,
        Name::Language => language::choose(request),
        Name::TicketsPage => tickets::list_page(app, request, caller).await,
        Name::TicketsFile => tickets::file_form(app, request, caller).await,
        Name::TicketPage => tickets::page(app, request, caller).await,
        Name::TicketWatch => tickets::watch_page(app, request, caller).await,
        Name::TicketCut => urgent::cut_page(app, request, caller).await,
        Name::TicketWithdraw
        | Name::TicketApprove
        | Name::TicketRefuse
        | Name::TicketConfirmNeed
        | Name::TicketEnd
        | Name::TicketInterrupt
        | Name::AdminTicketInterrupt => tickets::act_form(app, request, caller).await,
        Name::SitesPage => sites::page(app, request, caller).await,
        Name::SitePage => site::page(app, request, caller).await,
        Name::SitePolicy => site::policy_form(app, request, caller).await,
        Name::SiteRecord => site::record_form(app, request, caller).await,
        Name::SiteNotice => site::notice_page(app, request, caller),
        Name::SiteAnnex => annex::page(app, request, caller),
        Name::SiteAnnexPreview => annex::preview(app, request, caller).await,
        Name::SiteAnnexSign => annex::sign(app, request, caller).await,
        Name::AlertsPage => alerts::page(app, request, caller).await,
        Name::AlertRaise => alerts::raise_form(app, request, caller).await,
        Name::AlertClose => alerts::close_form(app, request, caller).await,
        Name::ChangesPage => changes::page(app, request, caller).await,
        Name::ChangeSettle => changes::settle_form(app, request, caller).await,
        Name::HoldsPage => footage::holds_page(app, request, caller).await,
        Name::HoldPlace => footage::hold_form(app, request, caller).await,
        Name::HoldRelease => footage::release_form(app, request, caller).await,
        Name::HoldClock => footage::clock_form(app, request, caller).await,
        Name::StoragePage => storage::page(app, request, caller).await,
        Name::StorageClock => storage::clock_form(app, request, caller).await,
        Name::SiteRetention => footage::retention_form(app, request, caller).await,
        Name::AccessPage => footage::access_page(app, request, caller).await,
        Name::AccessFile => footage::access_form(app, request, caller).await,
        Name::AccessAnswer => footage::answer_form(app, request, caller).await,
        Name::AdminSessionsPage => admin::sessions_page(app, request, caller).await,
        Name::AdminSessionCut => admin::cut_form(app, request, caller).await,
        Name::AdminConnectionsPage => admin::connections_page(app, request, caller).await,
        Name::AdminMailsPage => mails::page(app, request, caller).await,
        Name::AdminMailRetry => mails::retry_form(app, request, caller).await,
        Name::AdminPeoplePage => people::page(app, request, caller).await,
        Name::AdminPersonNew => people::invite::new_page(app, request, caller).await,
        Name::AdminPersonAdd => people::invite::add_form(app, request, caller).await,
        Name::AdminPersonInvite => people::invite::invite_form(app, request, caller).await,
        Name::AdminInvitationRevoke => people::invite::uninvite_form(app, request, caller).await,
        Name::AdminPersonUnlock => people::lockout::unlock_form(app, request, caller).await,
        Name::AdminSecondFactorReset => people::reset_form(app, request, caller).await,
        Name::AdminWorkstationsPage => workstations::page(app, request, caller).await,
        Name::AdminWorkstationRevoke => workstations::revoke_form(app, request, caller).await,
        Name::RecordingsPage => recordings::list_page(app, request, caller),
        Name::RecordingsSite => recordings::page(app, request, caller).await,
        Name::RecordingsExport => recordings::export::export(app, request, caller).await,
        Name::RegisterPage => register::page(app, request, caller).await,
        Name::RegisterExportJsonl | Name::RegisterExportCsv | Name::TransmissionsCsv | Name::RegisterExportPdf => {
            register::export::export(app, request, caller).await
        }
        Name::TraceabilityPage => traceability::page(app, request, caller),
        Name::RegisterEntryPage => register::proof::page(app, request, caller).await,
        Name::ApiLogin => login::api(app, request).await,
        Name::ApiLogout => login::api_logout(app, request, caller).await,
        Name::ApiMe => misc::me(caller),
        Name::ApiTickets => tickets::list_api(app, request, caller).await,
        Name::ApiTicketsFile => tickets::file_api(app, request, caller).await,
        Name::ApiTicket => tickets::get_api(app, request, caller).await,
        Name::ApiTicketCameras => sites::cameras_of_ticket(app, request, caller),
        Name::ApiTicketWithdraw
        | Name::ApiTicketApprove
        | Name::ApiTicketRefuse
        | Name::ApiTicketConfirmNeed
        | Name::ApiTicketEnd
        | Name::ApiTicketInterrupt => tickets::act_api(app, request, caller).await,
        Name::ApiViewerToken => whep::viewer_token(app, request, caller),
        Name::ApiSessions => admin::sessions_api(app).await,
        Name::ApiSessionCut => admin::cut_api(app, request, caller).await,
        Name::ApiConnections => admin::connections_api(app, request).await,
        Name::ApiMails => mails::api(app, request).await,
        Name::ApiMailRetry => mails::retry_api(app, request).await,
        Name::ApiCameras => sites::api(app, caller),
        Name::ApiSite => site::api(app, request, caller),
        Name::ApiSiteRecord => site::record_api(app, request, caller).await,
        Name::ApiAlerts => alerts::api(app, caller),
        Name::ApiAlertRaise => alerts::raise_api(app, request, caller).await,
        Name::ApiAlertClose => alerts::close_api(app, request, caller).await,
        Name::ApiChanges => changes::api(app, caller),
        Name::ApiChangeSettle => changes::settle_api(app, request, caller).await,
        Name::ApiHolds => footage::holds_api(app, caller),
        Name::ApiHoldPlace => footage::hold_api(app, request, caller).await,
        Name::ApiHoldRelease => footage::release_api(app, request, caller).await,
        Name::ApiHoldClock => footage::clock_api(app, request, caller).await,
        Name::ApiStorage => storage::api(app, caller),
        Name::ApiSiteRetention => footage::retention_api(app, request, caller).await,
        Name::ApiAccess => footage::access_api(app, caller),
        Name::ApiAccessFile => footage::ask_api(app, request, caller).await,
        Name::ApiAccessAnswer => footage::answer_api(app, request, caller).await,
        Name::ApiSitePolicy => site::policy_api(app, request, caller).await,
        Name::ApiPeople => people::api(app).await,
        Name::ApiPersonAdd => people::invite::add_api(app, request, caller).await,
        Name::ApiPersonInvite => people::invite::invite_api(app, request, caller).await,
        Name::ApiInvitationRevoke => people::invite::uninvite_api(app, request, caller).await,
        Name::ApiPersonUnlock => people::lockout::unlock_api(app, request, caller).await,
        Name::ApiSecondFactorReset => people::reset_api(app, request, caller).await,
        Name::ApiWorkstations => workstations::api(app).await,
        Name::ApiWorkstationRevoke => workstations::revoke_api(app, request, caller).await,
        Name::ApiViewingOpen => recordings::viewings::open(app, request, caller).await,
        Name::ApiViewingPlaylist => recordings::media::playlist(app, request, caller).await,
        Name::ApiExportProgress => recordings::progress::progress(app, request, caller),
        Name::ApiViewingMedia => recordings::media::media(app, request, caller).await,
        Name::ApiRegister => register::api(app, request, caller).await,
        Name::ApiRegisterProof => register::proof::api(app, request, caller).await,
        Name::Events => events::stream(app, caller),
        Name::WhepOptions | Name::WhepViewingOptions | Name::WhepSessionOptions => whep::options(app, request, caller),
        Name::WhepPost | Name::WhepViewingPost => whep::post(app, request, caller).await,
        Name::WhepPatch => whep::patch(app, request, caller).await,
        Name::WhepDelete => whep::delete(app, request, caller).await,
        Name::OpenApi => Ok(misc::openapi()),
        Name::Healthz => Ok(misc::healthz()),
        Name::Readyz => misc::readyz(app),
        Name::Metrics => metrics::page(app),
        Name::Static => misc::asset(request),
        Name::DemoMails => misc::demo_mails(app, request, caller).await,
    }
}
