//! The administrator: live sessions with a cut for each (A6-7), and the connection log.

use super::access;
use super::answer::{self, Answer};
use super::app::App;
use super::auth::{Caller, Person};
use super::chrome;
use super::connections::{Connection, KEPT_IN_MEMORY};
use super::models::{PersonRef, SessionModel};
use super::pages::Notice;
use super::pages::connections::{self, ConnectionRow, ConnectionsView};
use super::pages::sessions::{self, SessionCamera, SessionRow, SessionsView};
use super::problem::Problem;
use super::request::Request;
use super::tickets;
use crate::control::Receipt;
use crate::domain::{Action, Actor, Command, LiveCut, Purpose, SessionId};
use http::StatusCode;
use serde::{Deserialize, Serialize};

const CONNECTIONS_PER_PAGE: usize = 100;

async fn cut(app: &App, person: &Person, session: SessionId, why: String) -> Result<Receipt, Problem> {
    let action = Action::CutSession(LiveCut { session, why });
    Ok(app.context.control.execute(Command { actor: Actor::Person(person.id.clone()), action }).await?)
}

/// `GET /admin/sessions`.
pub async fn sessions_page(app: &App, request: &Request, caller: &Caller) -> Result<Answer, Problem> {
    draw_sessions(app, request, caller, StatusCode::OK, None).await
}

/// `POST /admin/sessions/{session}/cut`.
pub async fn cut_form(app: &App, request: &Request, caller: &Caller) -> Result<Answer, Problem> {
    let why = request.form().value("why").to_owned();
    match cut(app, caller.person()?, request.id()?, why).await {
        Ok(receipt) => {
            let notice = Notice::SessionCut { cut_us: tickets::cut_us(&receipt) };
            chrome::see_other_with("/admin/sessions", &notice)
        }
        Err(problem) if problem.status == StatusCode::NOT_FOUND || problem.status.is_server_error() => Err(problem),
        Err(problem) => draw_sessions(app, request, caller, problem.status, Some(&problem)).await,
    }
}

/// Draws the live sessions, with what was refused when something was.
pub async fn draw_sessions(
    app: &App,
    request: &Request,
    caller: &Caller,
    status: StatusCode,
    problem: Option<&Problem>,
) -> Result<Answer, Problem> {
    let person = caller.person()?;
    let names = access::names(app).await?;
    let view = SessionsView {
        sessions: access::live_sessions(app, &names).into_iter().map(session_row).collect(),
        open_tickets: tickets::cards(app, person, &names).open,
        trouble: problem.map(chrome::trouble),
    };
    chrome::page(request, status, sessions::render(&chrome::shell(app, request, caller), &view))
}

fn session_row(session: SessionModel) -> SessionRow {
    SessionRow {
        session: session.id,
        purpose: match session.purpose {
            "transfer" => Purpose::Transfer { ticket: session.ticket },
            _ => Purpose::LandlordViewing { ticket: session.ticket },
        },
        person: session.person.shown().to_owned(),
        site: session.site_name,
        workstation: session.workstation,
        address: session.remote_addr.map(|address| address.to_string()),
        granted_at_utc: session.granted_at_utc,
        connected_since_utc: session.connected_since_utc,
        deadline_utc: session.deadline_utc,
        cameras: session
            .cameras
            .into_iter()
            .map(|camera| SessionCamera { name: camera.name, frame_age_ms: camera.frame_age_ms })
            .collect(),
        bytes: session.bytes,
        bitrate_bps: session.bitrate_bps,
        srtp: session.srtp,
        dtls: session.dtls,
    }
}

#[derive(Serialize)]
struct Sessions {
    sessions: Vec<SessionModel>,
}

/// `GET /api/v1/sessions`.
pub async fn sessions_api(app: &App) -> Result<Answer, Problem> {
    let names = access::names(app).await?;
    answer::json(StatusCode::OK, &Sessions { sessions: access::live_sessions(app, &names) })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Why {
    #[serde(default)]
    why: String,
}

/// `POST /api/v1/sessions/{session}/cut`.
pub async fn cut_api(app: &App, request: &Request, caller: &Caller) -> Result<Answer, Problem> {
    let Why { why } = request.json()?;
    tickets::done(&cut(app, caller.person()?, request.id()?, why).await?)
}

/// `GET /admin/connections?skip=N`.
pub async fn connections_page(app: &App, request: &Request, caller: &Caller) -> Result<Answer, Problem> {
    let skip = skip(request)?;
    let names = access::names(app).await?;
    // One more than is shown tells whether there are older ones.
    let mut rows = app.context.connections.newest(skip, CONNECTIONS_PER_PAGE + 1);
    let older = (rows.len() > CONNECTIONS_PER_PAGE).then(|| skip + CONNECTIONS_PER_PAGE);
    rows.truncate(CONNECTIONS_PER_PAGE);
    let link = |skip: usize| format!("/admin/connections?skip={skip}");
    let view = ConnectionsView {
        rows: rows
            .into_iter()
            .map(|row| ConnectionRow {
                at_utc: row.at_utc,
                kind: row.kind,
                address: row.address.map(|address| address.to_string()),
                person: row.person.map(|person| access::person_ref(&names, &person).shown().to_owned()),
                ticket: row.ticket,
                session: row.session,
                detail: row.detail,
            })
            .collect(),
        newer: (skip > 0).then(|| link(skip.saturating_sub(CONNECTIONS_PER_PAGE))),
        older: older.map(link),
    };
    chrome::page(request, StatusCode::OK, connections::render(&chrome::shell(app, request, caller), &view))
}

fn skip(request: &Request) -> Result<usize, Problem> {
    Ok(request.query_number("skip", 0..=KEPT_IN_MEMORY as u64)?.unwrap_or(0) as usize)
}

#[derive(Serialize)]
struct Line {
    #[serde(flatten)]
    connection: Connection,
    /// The person with their name; beside it `person` stays the pseudonym.
    #[serde(skip_serializing_if = "Option::is_none")]
    who: Option<PersonRef>,
}

#[derive(Serialize)]
struct Connections {
    connections: Vec<Line>,
}

/// `GET /api/v1/connections?skip=N&limit=M`.
pub async fn connections_api(app: &App, request: &Request) -> Result<Answer, Problem> {
    let limit = request.query_number("limit", 1..=1_000)?.map_or(CONNECTIONS_PER_PAGE, |limit| limit as usize);
    let rows = app.context.connections.newest(skip(request)?, limit);
    let names = access::names(app).await?;
    let connections = rows
        .into_iter()
        .map(|connection| Line {
            who: connection.person.as_ref().map(|person| access::person_ref(&names, person)),
            connection,
        })
        .collect();
    answer::json(StatusCode::OK, &Connections { connections })
}
