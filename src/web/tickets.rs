//! The ticket's life over HTTP: filed, decided, watched, ended; as pages and for programs. One core each, two dresses.

use super::access::{self, Names};
use super::answer::{self, Answer};
use super::app::App;
use super::auth::{Caller, Person};
use super::link::{self, User};
use super::models::{Deed, TicketModel};
use super::pages::home::{self, HomeView};
use super::pages::ticket::{self, Actions, CameraTile, TicketView, Told};
use super::pages::tickets::{self, RequestForm, SiteChoice, TicketsView, Urgency};
use super::pages::watch::{self, WatchView};
use super::pages::{Notice, TicketCard};
use super::problem::Problem;
use super::request::Request;
use super::routes::Name;
use super::{chrome, register};
use crate::control::{Receipt, TicketRequest};
use crate::domain::{
    Action, Actor, Command, EndCause, Event, MailTrace, Role, SessionState, SiteId, State, Ticket, TicketId,
    TicketState,
};
use http::{HeaderValue, StatusCode};
use serde::{Deserialize, Serialize};

/// How many finished tickets lists go back to.
const PAST_SHOWN: usize = 50;
const LISTED: usize = 200;

/// A request as it comes in, from the form or as JSON.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Filing {
    site: String,
    reasons: Vec<String>,
    duration_minutes: i64,
    email: String,
}

/// Files a request (A3-3 to A3-5).
async fn file(app: &App, person: &Person, filing: Filing) -> Result<TicketId, Problem> {
    let request = TicketRequest {
        person: person.id.clone(),
        email: filing.email,
        site: filing.site,
        reasons: filing.reasons,
        duration_minutes: filing.duration_minutes,
    };
    let (ticket, _) = app.context.control.request(request).await?;
    Ok(ticket)
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Why {
    #[serde(default)]
    why: String,
}

/// Does to a ticket what the route says. The keeper decides; a ticket that is not this person's does not exist for them.
async fn act(app: &App, person: &Person, name: Name, ticket: TicketId, why: String) -> Result<Receipt, Problem> {
    let action = match name {
        Name::TicketWithdraw | Name::ApiTicketWithdraw => Action::Withdraw { ticket },
        Name::TicketApprove | Name::ApiTicketApprove => Action::Approve { ticket },
        Name::TicketRefuse | Name::ApiTicketRefuse => Action::Refuse { ticket, why },
        Name::TicketConfirmNeed | Name::ApiTicketConfirmNeed => Action::ConfirmNeed { ticket },
        Name::TicketEnd | Name::ApiTicketEnd => Action::EndIntervention { ticket },
        Name::TicketInterrupt | Name::ApiTicketInterrupt | Name::AdminTicketInterrupt => {
            Action::Interrupt { ticket, why }
        }
        other => return Err(Problem::internal("a route has no deed", &format!("{other:?}"))),
    };
    access::must_see(app, person, ticket)?;
    Ok(app.context.control.execute(Command { actor: Actor::Person(person.id.clone()), action }).await?)
}

/// The worst cut among what was recorded, microseconds (A4-4).
pub fn cut_us(receipt: &Receipt) -> Option<u64> {
    receipt
        .entries
        .iter()
        .filter_map(|entry| match &entry.event {
            Event::Closed { cut_us, .. } | Event::SessionEnded { cut_us, .. } => *cut_us,
            _ => None,
        })
        .max()
}

fn notice(name: Name, receipt: &Receipt) -> Notice {
    match name {
        Name::TicketWithdraw => Notice::Withdrawn,
        Name::TicketApprove => Notice::Approved,
        Name::TicketRefuse => Notice::Refused,
        Name::TicketConfirmNeed => Notice::NeedConfirmed,
        Name::TicketEnd => Notice::Ended,
        _ => Notice::Interrupted { cut_us: cut_us(receipt) },
    }
}

// Pages

/// `GET /`: the home page of this person's role.
pub async fn home(app: &App, request: &Request, caller: &Caller) -> Result<Answer, Problem> {
    let person = caller.person()?;
    let names = access::names(app).await?;
    let tickets = if matches!(person.role, Role::Operator | Role::Chief | Role::Decider | Role::Guard) {
        cards(app, person, &names)
    } else {
        Cards::default()
    };
    let sees_cameras = matches!(person.role, Role::Decider | Role::Guard | Role::Administrator);
    let sees_register = matches!(person.role, Role::Decider | Role::Dpo | Role::Administrator | Role::Auditor);
    let view = HomeView {
        pending: tickets.pending,
        open: tickets.open,
        live_sessions: if person.role == Role::Administrator { app.context.control.live_grants().len() } else { 0 },
        cameras: sees_cameras.then(|| {
            let sites = access::sites(app, person);
            let cameras = || sites.iter().flat_map(|site| &site.cameras);
            (cameras().count(), cameras().filter(|camera| camera.online).count())
        }),
        register_entries: sees_register.then(|| app.context.control.health().entries),
    };
    chrome::page(request, StatusCode::OK, home::render(&chrome::shell(app, request, caller), &view))
}

/// Tickets in three piles.
#[derive(Default)]
pub struct Cards {
    pending: Vec<TicketCard>,
    /// Open ones, newest first.
    pub open: Vec<TicketCard>,
    past: Vec<TicketCard>,
}

/// The tickets this person may see, in three piles.
pub fn cards(app: &App, person: &Person, names: &Names) -> Cards {
    app.context.control.read(|state| {
        let mut piles = Cards::default();
        for ticket in state.tickets.values().rev().filter(|ticket| access::sees(state, person, ticket)) {
            let pile = match ticket.state {
                TicketState::Requested { .. } => &mut piles.pending,
                TicketState::Open { .. } => &mut piles.open,
                _ if piles.past.len() < PAST_SHOWN => &mut piles.past,
                _ => continue,
            };
            pile.push(card(state, names, ticket));
        }
        piles.pending.reverse();
        piles
    })
}

/// One ticket as it is drawn.
///
/// # Errors
/// 404 when there is none.
pub fn card_of(app: &App, names: &Names, id: TicketId) -> Result<TicketCard, Problem> {
    let known = app.context.control.read(|state| state.tickets.get(&id).map(|ticket| card(state, names, ticket)));
    known.ok_or_else(Problem::not_found)
}

fn card(state: &State, names: &Names, ticket: &Ticket) -> TicketCard {
    let site = state.sites.get(&ticket.site);
    let name = |person| access::person_ref(names, person).shown().to_owned();
    let (decider, closer) = match &ticket.state {
        TicketState::Refused { by, .. } => (Some(name(by)), None),
        TicketState::Open { opened_by, .. } => (opened_by.decider().map(name), None),
        TicketState::Closed { opened_by, by, .. } => (opened_by.decider().map(name), by.as_ref().map(name)),
        _ => (None, None),
    };
    TicketCard {
        id: ticket.id,
        site: site.map_or_else(|| ticket.site.to_string(), |site| site.name.clone()),
        addresses: site.map(|site| site.addresses.clone()).unwrap_or_default(),
        service: site.map_or_else(|| ticket.service.to_string(), |site| site.service.name.clone()),
        requester: name(&ticket.requester),
        reasons: ticket.reasons.iter().copied().collect(),
        duration_minutes: ticket.duration_minutes,
        requested_at_utc: ticket.requested_at_utc,
        state: ticket.state.clone(),
        decider,
        closer,
    }
}

/// `GET /tickets`; with `?before=TICKET`, a page of older ones.
pub async fn list_page(app: &App, request: &Request, caller: &Caller) -> Result<Answer, Problem> {
    if let Some(before) = request.query("before") {
        return draw_older(app, request, caller, before.parse()?).await;
    }
    let alert = request.query("alert").and_then(|text| text.parse().ok());
    let prefill = alert.and_then(|alert| super::alerts::prefill(app, caller.person().ok()?, alert));
    let RequestPrefill { site, reasons } = prefill.unwrap_or_default();
    draw_list(app, request, caller, StatusCode::OK, RequestForm { site, reasons, ..RequestForm::default() }).await
}

/// What an alert fills into the form; the agent looks at it and sends it (A3-2).
#[derive(Debug, Clone, Default)]
pub struct RequestPrefill {
    /// Site.
    pub site: String,
    /// Reasons.
    pub reasons: Vec<String>,
}

async fn draw_older(app: &App, request: &Request, caller: &Caller, before: TicketId) -> Result<Answer, Problem> {
    let person = caller.person()?;
    let names = access::names(app).await?;
    let tickets = access::older_tickets(app, person, before, PAST_SHOWN).await?;
    let older = tickets.last().filter(|_| tickets.len() == PAST_SHOWN);
    let view = TicketsView {
        older: older.map(|last| format!("/tickets?before={}", last.id)),
        newer: Some("/tickets".to_owned()),
        past: app.context.control.read(|state| tickets.iter().map(|ticket| card(state, &names, ticket)).collect()),
        ..TicketsView::default()
    };
    chrome::page(request, StatusCode::OK, tickets::render(&chrome::shell(app, request, caller), &view))
}

/// `POST /tickets`: Post/Redirect/Get; with faults the form comes back as typed.
pub async fn file_form(app: &App, request: &Request, caller: &Caller) -> Result<Answer, Problem> {
    let person = caller.person()?;
    let form = request.form();
    let typed = form.value("duration_minutes").trim().to_owned();
    let filing = Filing {
        site: form.value("site").to_owned(),
        reasons: form.values("reasons"),
        // What is no number is outside every range, so that it is named beside the other faults.
        duration_minutes: typed.parse().unwrap_or(-1),
        email: form.value("email").to_owned(),
    };
    let as_typed = RequestForm {
        site: filing.site.clone(),
        reasons: filing.reasons.clone(),
        duration_minutes: typed.clone(),
        email: filing.email.clone(),
        ..RequestForm::default()
    };
    match file(app, person, filing).await {
        Ok(ticket) => {
            let is_open = |known: &std::sync::Arc<Ticket>| matches!(known.state, TicketState::Open { .. });
            let at_once = app.context.control.read(|state| state.tickets.get(&ticket).is_some_and(is_open));
            let notice = if at_once { Notice::OpenedAtOnce } else { Notice::Filed };
            chrome::see_other_with(&format!("/tickets/{ticket}"), &notice)
        }
        Err(mut problem) if matches!(problem.status, StatusCode::UNPROCESSABLE_ENTITY | StatusCode::CONFLICT) => {
            for fault in problem.faults.iter_mut().filter(|fault| fault.field == "duration_minutes") {
                fault.value = typed.chars().take(80).collect();
            }
            let form = RequestForm { trouble: Some(chrome::trouble(&problem)), ..as_typed };
            draw_list(app, request, caller, problem.status, form).await
        }
        Err(problem) => Err(problem),
    }
}

/// Whether a request for this site would be opened at once (`urgent` mode).
fn urgency(app: &App, site: &SiteId) -> Urgency {
    let now = app.context.clock.utc();
    app.context.control.read(|state| match (state.dossier(site).urgent_avenant(), state.urgent_alert(site, now)) {
        (None, _) => Urgency::None,
        (Some(_), None) => Urgency::NeedsAlert,
        (Some(_), Some(_)) => Urgency::AtOnce,
    })
}

async fn draw_list(
    app: &App,
    request: &Request,
    caller: &Caller,
    status: StatusCode,
    form: RequestForm,
) -> Result<Answer, Problem> {
    let person = caller.person()?;
    let names = access::names(app).await?;
    let Cards { pending, open, past } = cards(app, person, &names);
    let form = (person.role == Role::Operator).then(|| RequestForm {
        sites: access::sites(app, person)
            .into_iter()
            .map(|site| SiteChoice {
                urgency: urgency(app, &site.id),
                cameras: (site.cameras.len(), site.cameras.iter().filter(|camera| camera.online).count()),
                id: site.id,
                name: site.name,
                addresses: site.addresses,
            })
            .collect(),
        account_email: person.email.clone(),
        ..form
    });
    // A full page may have more behind it.
    let older = past.last().filter(|_| past.len() == PAST_SHOWN).map(|last| format!("/tickets?before={}", last.id));
    let view = TicketsView { form, pending, open, past, older, ..TicketsView::default() };
    chrome::page(request, status, tickets::render(&chrome::shell(app, request, caller), &view))
}

/// `GET /tickets/{ticket}`.
pub async fn page(app: &App, request: &Request, caller: &Caller) -> Result<Answer, Problem> {
    draw_ticket(app, request, caller, StatusCode::OK, None).await
}

/// The forms of a ticket's page: Post/Redirect/Get; a refusal draws the page again and says why.
pub async fn act_form(app: &App, request: &Request, caller: &Caller) -> Result<Answer, Problem> {
    let person = caller.person()?;
    let ticket = request.id()?;
    let why = request.form().value("why").to_owned();
    let name = request.route.name;
    match act(app, person, name, ticket, why).await {
        Ok(receipt) => {
            let target = match name {
                Name::AdminTicketInterrupt => "/admin/sessions".to_owned(),
                Name::TicketConfirmNeed => format!("/tickets/{ticket}/watch"),
                _ => format!("/tickets/{ticket}"),
            };
            chrome::see_other_with(&target, &notice(name, &receipt))
        }
        Err(problem) if problem.status == StatusCode::NOT_FOUND || problem.status.is_server_error() => Err(problem),
        Err(problem) if name == Name::AdminTicketInterrupt => {
            super::admin::draw_sessions(app, request, caller, problem.status, Some(&problem)).await
        }
        Err(problem) => draw_ticket(app, request, caller, problem.status, Some(&problem)).await,
    }
}

async fn draw_ticket(
    app: &App,
    request: &Request,
    caller: &Caller,
    status: StatusCode,
    problem: Option<&Problem>,
) -> Result<Answer, Problem> {
    let person = caller.person()?;
    let id: TicketId = request.id()?;
    let names = access::names(app).await?;
    let model = access::ticket(app, person, &names, id)?;
    let card = card_of(app, &names, id)?;
    let (history, names) = register::history(app, person, id, names).await?;
    let view = TicketView {
        ticket: card,
        actions: Actions {
            withdraw: model.may(Deed::Withdraw),
            watch: model.may(Deed::Watch),
            decide: model.may(Deed::Approve),
            end: model.may(Deed::End),
            interrupt: model.may(Deed::Interrupt) && person.role != Role::Administrator,
            administrator_interrupt: model.may(Deed::Interrupt) && person.role == Role::Administrator,
        },
        preview: if model.may(Deed::Preview) { tiles(app, person, id)? } else { Vec::new() },
        told: told(app, &names.people, id),
        history,
        names,
        trouble: problem.map(chrome::trouble),
    };
    chrome::page(request, status, ticket::render(&chrome::shell(app, request, caller), &view))
}

/// The mails about a ticket (A3-7).
fn told(app: &App, names: &Names, ticket: TicketId) -> Vec<Told> {
    let told = |mail: &MailTrace| Told {
        person: access::person_ref(names, &mail.to).shown().to_owned(),
        kind: mail.kind,
        queued_at_utc: mail.queued_at_utc,
        outcome: mail.outcome.clone(),
    };
    app.context.control.read(|state| state.mails_of(ticket).map(told).collect())
}

fn tiles(app: &App, person: &Person, ticket: TicketId) -> Result<Vec<CameraTile>, Problem> {
    let cameras = access::cameras_of_ticket(app, person, ticket)?;
    Ok(cameras
        .into_iter()
        .map(|camera| CameraTile { id: camera.id, name: camera.name, online: camera.online })
        .collect())
}

/// How this person's latest session under this ticket ended, if it has.
fn last_end(state: &State, person: &Person, ticket: TicketId) -> Option<EndCause> {
    // Session ids sort by time.
    let mut newest_first = state.sessions.values().rev();
    let latest = newest_first.find(|session| session.person == person.id && session.purpose.ticket() == ticket)?;
    match &latest.state {
        SessionState::Ended { cause, .. } => Some(cause.clone()),
        SessionState::Granted | SessionState::Connected { .. } => None,
    }
}

/// `GET /tickets/{ticket}/watch`: the wall, or how the ticket ended.
pub async fn watch_page(app: &App, request: &Request, caller: &Caller) -> Result<Answer, Problem> {
    let person = caller.person()?;
    let id: TicketId = request.id()?;
    let names = access::names(app).await?;
    let model = access::ticket(app, person, &names, id)?;
    let card = card_of(app, &names, id)?;
    let user = User::of(id, person, &request.peer);
    let elsewhere = if model.may(Deed::Watch) { app.links.elsewhere(&user) } else { None };
    if elsewhere.is_some() {
        app.context.connections.note(link::refused(request.peer.address, &user, "link-bound-elsewhere"));
    }
    let view = WatchView {
        ticket: card,
        elsewhere,
        cameras: if model.may(Deed::Watch) { tiles(app, person, id)? } else { Vec::new() },
        last_end: app.context.control.read(|state| last_end(state, person, id)),
        may_end: model.may(Deed::End),
        may_confirm_need: model.may(Deed::ConfirmNeed),
    };
    chrome::page(request, StatusCode::OK, watch::render(&chrome::shell(app, request, caller), &view))
}

// Programs

#[derive(Serialize)]
struct Listed {
    tickets: Vec<TicketModel>,
}

/// `GET /api/v1/tickets`.
pub async fn list_api(app: &App, request: &Request, caller: &Caller) -> Result<Answer, Problem> {
    let person = caller.person()?;
    let limit = request.query_number("limit", 1..=1_000)?.map_or(LISTED, |limit| limit as usize);
    let names = access::names(app).await?;
    let tickets = match request.query("before") {
        None => access::tickets(app, person, &names, limit),
        Some(before) => {
            let older = access::older_tickets(app, person, before.parse()?, limit).await?;
            access::models(app, person, &names, &older)
        }
    };
    answer::json(StatusCode::OK, &Listed { tickets })
}

/// `POST /api/v1/tickets`.
pub async fn file_api(app: &App, request: &Request, caller: &Caller) -> Result<Answer, Problem> {
    let person = caller.person()?;
    let ticket = file(app, person, request.json()?).await?;
    let names = access::names(app).await?;
    let mut answer = answer::json(StatusCode::CREATED, &access::ticket(app, person, &names, ticket)?)?;
    let location = HeaderValue::from_str(&format!("/api/v1/tickets/{ticket}"))
        .map_err(|error| Problem::internal("a location", &error))?;
    answer.headers_mut().insert(http::header::LOCATION, location);
    Ok(answer)
}

/// `GET /api/v1/tickets/{ticket}`.
pub async fn get_api(app: &App, request: &Request, caller: &Caller) -> Result<Answer, Problem> {
    let person = caller.person()?;
    let names = access::names(app).await?;
    answer::json(StatusCode::OK, &access::ticket(app, person, &names, request.id()?)?)
}

#[derive(Serialize)]
struct Done {
    entries: Vec<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cut_ms: Option<f64>,
}

/// What was recorded, as JSON: positions in the register, and how fast the cut was.
pub fn done(receipt: &Receipt) -> Result<Answer, Problem> {
    let done = Done {
        entries: receipt.entries.iter().map(|entry| entry.seq).collect(),
        cut_ms: cut_us(receipt).map(|us| us as f64 / 1_000.0),
    };
    answer::json(StatusCode::OK, &done)
}

/// `POST /api/v1/tickets/{ticket}/{deed}`.
pub async fn act_api(app: &App, request: &Request, caller: &Caller) -> Result<Answer, Problem> {
    let person = caller.person()?;
    let Why { why } = request.json()?;
    done(&act(app, person, request.route.name, request.id()?, why).await?)
}
