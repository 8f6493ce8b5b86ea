//! The administrator: live sessions with a cut for each (A6-7), and the connection log.

use super::access;
use super::answer::{self, Answer};
use super::app::App;
use super::auth::{Caller, Person};
use super::chrome;
use super::connections::{Connection, ConnectionFilter, Kind, Place};
use super::models::{PersonRef, SessionModel};
use super::pages::Notice;
use super::pages::connections::{self, ConnectionRow, ConnectionsView, FilterView};
use super::pages::sessions::{self, SessionCamera, SessionRow, SessionsView};
use super::problem::Problem;
use super::request::Request;
use super::tickets;
use crate::clock::{parse_since, parse_until};
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

/// `GET /admin/connections?since=&until=&kind=&person=&ticket=&before=PLACE`.
pub async fn connections_page(app: &App, request: &Request, caller: &Caller) -> Result<Answer, Problem> {
    let names = access::names(app).await?;
    let (rows, older) = connection_lines(app, request, CONNECTIONS_PER_PAGE).await?;
    let value = |name: &str| request.query(name).unwrap_or_default();
    let mut query = form_urlencoded::Serializer::new(String::new());
    for name in ["since", "until", "kind", "person", "ticket"] {
        if let Some(value) = request.query(name).filter(|value| !value.is_empty()) {
            query.append_pair(name, &value);
        }
    }
    let query = query.finish();
    let link = |before: Option<Place>| {
        let before = before.map(|before| format!("before={before}"));
        let parts: Vec<&str> =
            [Some(query.as_str()), before.as_deref()].into_iter().flatten().filter(|part| !part.is_empty()).collect();
        format!("/admin/connections?{}", parts.join("&"))
    };
    let view = ConnectionsView {
        newer: request.query("before").map(|_| link(None)),
        older: older.map(|older| link(Some(older))),
        kept_days: app.context.connections.kept_days(),
        filter: FilterView {
            since: value("since"),
            until: value("until"),
            kind: value("kind"),
            person: value("person"),
            ticket: value("ticket"),
        },
        people: names.iter().map(|(person, name)| (person.clone(), name.clone())).collect(),
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
    };
    chrome::page(request, StatusCode::OK, connections::render(&chrome::shell(app, request, caller), &view))
}

/// The lines a request asks for, and where older ones begin.
async fn connection_lines(
    app: &App,
    request: &Request,
    limit: usize,
) -> Result<(Vec<Connection>, Option<Place>), Problem> {
    let value = |name: &str| request.query(name).filter(|text| !text.is_empty());
    let wrong = |name: &'static str| {
        move |expected: String| Problem::new(StatusCode::BAD_REQUEST, "query-invalid", format!("{name}: {expected}"))
    };
    fn told(error: impl std::fmt::Display) -> String {
        error.to_string()
    }
    let kind = |text: String| {
        let words = Kind::ALL.map(Kind::as_str).join(", ");
        Kind::of_word(&text).ok_or_else(|| format!("expected one of {words}"))
    };
    let filter = ConnectionFilter {
        since_utc: value("since").map(|text| parse_since(&text)).transpose().map_err(wrong("since"))?,
        until_utc: value("until").map(|text| parse_until(&text)).transpose().map_err(wrong("until"))?,
        kind: value("kind").map(kind).transpose().map_err(wrong("kind"))?,
        person: value("person").map(|text| text.parse().map_err(told)).transpose().map_err(wrong("person"))?,
        ticket: value("ticket").map(|text| text.parse().map_err(told)).transpose().map_err(wrong("ticket"))?,
    };
    let before = value("before").map(|text| text.parse::<Place>()).transpose().map_err(wrong("before"))?;
    let log = app.context.connections.clone();
    let read = tokio::task::spawn_blocking(move || log.page(&filter, before, limit)).await?;
    read.map_err(|error| Problem::internal("the connection log cannot be read", &error))
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
    /// Where older lines begin, for `before`; absent when there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    older_before: Option<String>,
}

/// `GET /api/v1/connections?since=&until=&kind=&person=&ticket=&before=PLACE&limit=M`.
pub async fn connections_api(app: &App, request: &Request) -> Result<Answer, Problem> {
    let limit = request.query_number("limit", 1..=1_000)?.map_or(CONNECTIONS_PER_PAGE, |limit| limit as usize);
    let (rows, older) = connection_lines(app, request, limit).await?;
    let names = access::names(app).await?;
    let connections = rows
        .into_iter()
        .map(|connection| Line {
            who: connection.person.as_ref().map(|person| access::person_ref(&names, person)),
            connection,
        })
        .collect();
    answer::json(StatusCode::OK, &Connections { connections, older_before: older.map(|older| older.to_string()) })
}
