//! The administrator's workstations (A6-1, A6-2): which there are, until when, when they were last heard of; and their
//! revocation, which cuts at once (fault 9).
//!
//! They are not issued here: the authority's key would have to lie open to the process that answers the network, and
//! whoever took an administrator's session over could make a workstation for themself. `ecluse workstation issue`, on the
//! machine itself, is the only way to one.

use super::access::{self, Names};
use super::answer::{self, Answer};
use super::app::App;
use super::auth::{Caller, Person};
use super::chrome;
use super::models::PersonRef;
use super::pages::Notice;
use super::pages::workstations::{Condition, WorkstationRow, WorkstationsView, render};
use super::problem::Problem;
use super::request::Request;
use super::tickets;
use crate::control::Receipt;
use crate::domain::{Action, Actor, Command, EXPIRY_REMINDERS_DAYS, Issuance, State, WorkstationId};
use chrono::{DateTime, TimeDelta, Utc};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

#[derive(Serialize)]
struct RevocationModel {
    at_utc: DateTime<Utc>,
    /// Absent: from the machine's own console.
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<PersonRef>,
    why: String,
}

#[derive(Serialize)]
struct WorkstationModel {
    id: WorkstationId,
    service: String,
    service_name: String,
    certificate_sha256: String,
    issued_at_utc: DateTime<Utc>,
    /// Absent: from the machine's own console.
    #[serde(skip_serializing_if = "Option::is_none")]
    issued_by: Option<PersonRef>,
    until_utc: DateTime<Utc>,
    condition: Condition,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_seen_utc: Option<DateTime<Utc>>,
    /// How many viewings run on it now.
    watching: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    revoked: Option<RevocationModel>,
}

#[derive(Serialize)]
struct Listed {
    workstations: Vec<WorkstationModel>,
}

/// Every workstation there has been, those in use first.
async fn workstations(app: &App) -> Result<Vec<WorkstationModel>, Problem> {
    let names = access::names(app).await?;
    let seen = app.in_store(|store| store.sightings().list()).await?;
    let now = app.context.clock.utc();
    let mut listed: Vec<WorkstationModel> = app
        .context
        .control
        .read(|state| state.issuances.values().map(|known| model(state, &names, &seen, known, now)).collect());
    listed.sort_by(|one, other| (one.revoked.is_some(), &one.id).cmp(&(other.revoked.is_some(), &other.id)));
    Ok(listed)
}

fn model(
    state: &State,
    names: &Names,
    seen: &BTreeMap<String, DateTime<Utc>>,
    known: &Issuance,
    now: DateTime<Utc>,
) -> WorkstationModel {
    let who = |actor: &Actor| match actor {
        Actor::Person(person) => Some(access::person_ref(names, person)),
        Actor::System => None,
    };
    let workstation = &known.workstation;
    let service = state.sites.values().map(|site| &site.service).find(|service| service.id == workstation.service);
    WorkstationModel {
        id: workstation.id.clone(),
        service: workstation.service.to_string(),
        service_name: service.map_or_else(|| workstation.service.to_string(), |service| service.name.clone()),
        certificate_sha256: workstation.certificate_sha256.clone(),
        issued_at_utc: known.issued_at_utc,
        issued_by: who(&known.issued_by),
        until_utc: workstation.until_utc,
        condition: condition(known, now),
        last_seen_utc: seen.get(workstation.id.as_str()).copied(),
        watching: state.live_sessions().filter(|live| live.workstation == workstation.id.as_str()).count(),
        revoked: known.revoked.as_ref().map(|revoked| RevocationModel {
            at_utc: revoked.at_utc,
            by: who(&revoked.by),
            why: revoked.why.clone(),
        }),
    }
}

fn condition(known: &Issuance, now: DateTime<Utc>) -> Condition {
    let until_utc = known.workstation.until_utc;
    let soon = EXPIRY_REMINDERS_DAYS.iter().any(|days| now >= until_utc - TimeDelta::days(*days));
    match known.revoked {
        Some(_) => Condition::Revoked,
        None if now >= until_utc => Condition::Expired,
        None if soon => Condition::EndsSoon,
        None => Condition::InUse,
    }
}

/// `GET /api/v1/workstations`.
pub async fn api(app: &App) -> Result<Answer, Problem> {
    answer::json(StatusCode::OK, &Listed { workstations: workstations(app).await? })
}

/// `GET /admin/workstations`.
pub async fn page(app: &App, request: &Request, caller: &Caller) -> Result<Answer, Problem> {
    draw(app, request, caller, StatusCode::OK, None).await
}

async fn draw(
    app: &App,
    request: &Request,
    caller: &Caller,
    status: StatusCode,
    problem: Option<&Problem>,
) -> Result<Answer, Problem> {
    let shown = |who: &Option<PersonRef>| who.as_ref().map(|who| who.shown().to_owned());
    let row = |known: WorkstationModel| WorkstationRow {
        issued_by: shown(&known.issued_by),
        revoked: known.revoked.map(|revoked| (revoked.at_utc, shown(&revoked.by), revoked.why)),
        id: known.id,
        service: known.service_name,
        issued_at_utc: known.issued_at_utc,
        until_utc: known.until_utc,
        condition: known.condition,
        last_seen_utc: known.last_seen_utc,
        watching: known.watching,
    };
    let view = WorkstationsView {
        workstations: workstations(app).await?.into_iter().map(row).collect(),
        required: app.settings.workstation_ca_pem.is_some(),
        trouble: problem.map(chrome::trouble),
    };
    chrome::page(request, status, render(&chrome::shell(app, request, caller), &view))
}

async fn revoke(app: &App, person: &Person, workstation: WorkstationId, why: String) -> Result<Receipt, Problem> {
    let action = Action::RevokeWorkstation { workstation, why };
    Ok(app.context.control.execute(Command { actor: Actor::Person(person.id.clone()), action }).await?)
}

/// `POST /admin/workstations/{workstation}/revoke`.
pub async fn revoke_form(app: &App, request: &Request, caller: &Caller) -> Result<Answer, Problem> {
    let why = request.form().value("why").to_owned();
    match revoke(app, caller.person()?, request.id()?, why).await {
        Ok(_) => chrome::see_other_with("/admin/workstations", &Notice::WorkstationRevoked),
        Err(problem) if problem.status == StatusCode::UNPROCESSABLE_ENTITY => {
            draw(app, request, caller, problem.status, Some(&problem)).await
        }
        Err(problem) => Err(problem),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Why {
    #[serde(default)]
    why: String,
}

/// `POST /api/v1/workstations/{workstation}/revoke`.
pub async fn revoke_api(app: &App, request: &Request, caller: &Caller) -> Result<Answer, Problem> {
    let Why { why } = request.json()?;
    tickets::done(&revoke(app, caller.person()?, request.id()?, why).await?)
}
