//! What becomes of footage, for the landlord's deciders and the data protection officer: retention, holds, access requests
//! (A5-2 to A5-5).

use super::access;
use super::answer::{self, Answer};
use super::app::App;
use super::auth::{Caller, Person};
use super::chrome;
use super::pages::Notice;
use super::pages::footage::{
    self as pages, AccessRow, AccessView, HoldRow, HoldsView, RetentionRow, SiteCameras, Typed,
};
use super::pages::names::Names;
use super::problem::Problem;
use super::request::{Form, Request};
use super::tickets::done;
use crate::control::Receipt;
use crate::domain::footage::{AccessRequest, Hold};
use crate::domain::{AccessId, Action, Actor, Command, FootageCommand, HoldId, Role, ScopeForm, Site, State, day};
use chrono::{DateTime, NaiveDateTime, Utc};
use chrono_tz::Europe::Paris;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Longest name and address of a filmed person, characters.
const MAX_PERSON_CHARS: usize = 300;

async fn change(app: &App, person: &Person, command: FootageCommand) -> Result<Receipt, Problem> {
    let actor = Actor::Person(person.id.clone());
    Ok(app.context.control.execute(Command { actor, action: Action::Footage(command) }).await?)
}

async fn names(app: &App) -> Result<Names, Problem> {
    let mut names = Names { people: access::names(app).await?, ..Names::default() };
    app.context.control.read(|state| {
        for site in state.sites.values() {
            names.sites.insert(site.id.clone(), site.name.clone());
            names.cameras.extend(site.cameras.iter().map(|camera| (camera.id.clone(), camera.name.clone())));
        }
    });
    Ok(names)
}

/// The sites this person acts for.
fn sites<'a>(state: &'a State, person: &'a Person) -> impl Iterator<Item = &'a Site> {
    state.sites.values().filter(|site| access::sees_site(person, &site.id))
}

/// `GET /holds`.
pub async fn holds_page(app: &App, request: &Request, caller: &Caller) -> Result<Answer, Problem> {
    draw_holds(app, request, caller, StatusCode::OK, Typed::default()).await
}

async fn draw_holds(
    app: &App,
    request: &Request,
    caller: &Caller,
    status: StatusCode,
    typed: Typed,
) -> Result<Answer, Problem> {
    let person = caller.person()?;
    let names = names(app).await?;
    let may_hold = person.role == Role::Decider;
    let view = app.context.control.read(|state| HoldsView {
        holds: holds(state, person)
            .map(|hold| HoldRow { by: names.person(&hold.by), hold: hold.as_ref().clone() })
            .collect(),
        retentions: sites(state, person)
            .map(|site| RetentionRow {
                site: site.id.clone(),
                name: site.name.clone(),
                days: state.custody.retention_days(Some(&site.id)),
            })
            .collect(),
        doubt: state.custody.doubt,
        cameras: cameras(state, person),
        may_hold,
        typed,
        names: names.clone(),
    });
    chrome::page(request, status, pages::render_holds(&chrome::shell(app, request, caller), &view))
}

/// Holds on footage of this person's sites, newest first.
fn holds<'a>(state: &'a State, person: &'a Person) -> impl Iterator<Item = &'a Arc<Hold>> {
    state.custody.holds.values().rev().filter(|hold| access::sees_site(person, &hold.site))
}

fn requests<'a>(state: &'a State, person: &'a Person) -> impl Iterator<Item = &'a Arc<AccessRequest>> {
    state.custody.requests.values().rev().filter(|request| access::sees_site(person, &request.site))
}

fn cameras(state: &State, person: &Person) -> SiteCameras {
    let of = |site: &Site| site.cameras.iter().map(|camera| (camera.id.to_string(), camera.name.clone())).collect();
    sites(state, person).map(|site| (site.id.to_string(), site.name.clone(), of(site))).collect()
}

/// A moment as a browser's field gives it: Paris time, to the minute. Of an hour that comes twice, the first for a
/// beginning and the second for an end, so that nothing asked for is left out (fault 18).
fn moment(text: &str, is_end: bool) -> Option<DateTime<Utc>> {
    let local = NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M")
        .or_else(|_| NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S"))
        .ok()?
        .and_local_timezone(Paris);
    let at = if is_end { local.latest() } else { local.earliest() };
    at.map(|at| at.with_timezone(&Utc))
}

fn scope(form: &Form) -> ScopeForm {
    ScopeForm {
        site: form.value("site").to_owned(),
        cameras: form.values("cameras"),
        from_utc: moment(form.value("from"), false),
        until_utc: moment(form.value("until"), true),
    }
}

fn typed(form: &Form) -> Typed {
    let value = |name: &str| form.value(name).to_owned();
    Typed {
        site: value("site"),
        cameras: form.values("cameras"),
        from: value("from"),
        until: value("until"),
        authority: value("authority"),
        reference: value("reference"),
        date: value("date"),
        document_sha256: value("document_sha256"),
        received_on: value("received_on"),
        person: value("person"),
        trouble: None,
    }
}

/// What becomes of a form.
enum Settled {
    /// Taken: where it leads.
    Taken(Answer),
    /// Refused: it stands there again as typed, with its fault.
    Again(StatusCode, Typed),
}

fn settle(request: &Request, outcome: Result<Receipt, Problem>, place: &str) -> Result<Settled, Problem> {
    match outcome {
        Ok(_) => Ok(Settled::Taken(chrome::see_other_with(place, &Notice::Saved)?)),
        Err(problem) if problem.status.is_server_error() => Err(problem),
        Err(problem) => {
            let typed = Typed { trouble: Some(chrome::trouble(&problem)), ..typed(&request.form()) };
            Ok(Settled::Again(problem.status, typed))
        }
    }
}

async fn after_hold(
    app: &App,
    request: &Request,
    caller: &Caller,
    outcome: Result<Receipt, Problem>,
) -> Result<Answer, Problem> {
    match settle(request, outcome, "/holds")? {
        Settled::Taken(answer) => Ok(answer),
        Settled::Again(status, typed) => draw_holds(app, request, caller, status, typed).await,
    }
}

/// `POST /holds`.
pub async fn hold_form(app: &App, request: &Request, caller: &Caller) -> Result<Answer, Problem> {
    let form = request.form();
    let value = |name: &str| form.value(name).to_owned();
    let command = FootageCommand::Hold {
        hold: HoldId::generate(),
        form: scope(&form),
        authority: value("authority"),
        reference: value("reference"),
        date: value("date"),
        document_sha256: value("document_sha256"),
    };
    let outcome = change(app, caller.person()?, command).await;
    after_hold(app, request, caller, outcome).await
}

/// `POST /holds/{hold}/release`.
pub async fn release_form(app: &App, request: &Request, caller: &Caller) -> Result<Answer, Problem> {
    let command = FootageCommand::Release { hold: request.id()?, why: request.form().value("why").to_owned() };
    let outcome = change(app, caller.person()?, command).await;
    after_hold(app, request, caller, outcome).await
}

/// `POST /sites/{site}/retention`.
pub async fn retention_form(app: &App, request: &Request, caller: &Caller) -> Result<Answer, Problem> {
    // What is no number is out of bounds like any other, and named so.
    let days = request.form().value("days").trim().parse().unwrap_or(0);
    let outcome = change(app, caller.person()?, FootageCommand::SetRetention { site: request.id()?, days }).await;
    after_hold(app, request, caller, outcome).await
}

/// `POST /holds/clock`: the clock is right.
pub async fn clock_form(app: &App, request: &Request, caller: &Caller) -> Result<Answer, Problem> {
    let outcome = change(app, caller.person()?, FootageCommand::ResumePurge).await;
    after_hold(app, request, caller, outcome).await
}

/// `GET /access-requests`.
pub async fn access_page(app: &App, request: &Request, caller: &Caller) -> Result<Answer, Problem> {
    draw_access(app, request, caller, StatusCode::OK, Typed::default()).await
}

async fn draw_access(
    app: &App,
    request: &Request,
    caller: &Caller,
    status: StatusCode,
    typed: Typed,
) -> Result<Answer, Problem> {
    let person = caller.person()?;
    let names = names(app).await?;
    let who = app.in_store(|store| store.access_people().all()).await?;
    let now = app.context.clock.utc();
    let view = app.context.control.read(|state| {
        let row = |asked: &Arc<AccessRequest>| AccessRow {
            who: who.get(&asked.id).cloned().unwrap_or_default(),
            gone_from_utc: state.custody.goes_at(Some(&asked.site), asked.scope.from_utc),
            late: asked.answer.is_none() && now >= asked.answer_by_utc,
            soon: asked.answer.is_none() && asked.warns_at_utc().is_some_and(|warns| now >= warns),
            request: asked.as_ref().clone(),
        };
        AccessView {
            rows: requests(state, person).map(row).collect(),
            cameras: cameras(state, person),
            today: day::day_of(now),
            typed,
            names: names.clone(),
        }
    });
    chrome::page(request, status, pages::render_access(&chrome::shell(app, request, caller), &view))
}

async fn after_access(
    app: &App,
    request: &Request,
    caller: &Caller,
    outcome: Result<Receipt, Problem>,
) -> Result<Answer, Problem> {
    match settle(request, outcome, "/access-requests")? {
        Settled::Taken(answer) => Ok(answer),
        Settled::Again(status, typed) => draw_access(app, request, caller, status, typed).await,
    }
}

/// Files it: who asks goes into the erasable table first, and out of it again if the request is not to be.
async fn ask(
    app: &App,
    caller: &Caller,
    person: &str,
    form: ScopeForm,
    received_on: String,
) -> Result<(AccessId, Receipt), Problem> {
    let person = person.trim().to_owned();
    if !person.chars().any(char::is_alphanumeric) || person.chars().count() > MAX_PERSON_CHARS {
        let detail =
            format!("person: expected who asks and how they are reached, at most {MAX_PERSON_CHARS} characters");
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "no-person", detail));
    }
    let request = AccessId::generate();
    app.in_store(move |store| store.access_people().put(request, &person)).await?;
    match change(app, caller.person()?, FootageCommand::AskAccess { request, form, received_on }).await {
        Ok(receipt) => Ok((request, receipt)),
        Err(problem) => {
            app.in_store(move |store| store.access_people().remove(request)).await?;
            Err(problem)
        }
    }
}

/// `POST /access-requests`.
pub async fn access_form(app: &App, request: &Request, caller: &Caller) -> Result<Answer, Problem> {
    let form = request.form();
    let outcome = ask(app, caller, form.value("person"), scope(&form), form.value("received_on").to_owned())
        .await
        .map(|(_, r)| r);
    after_access(app, request, caller, outcome).await
}

/// `POST /access-requests/{request}/answer`.
pub async fn answer_form(app: &App, request: &Request, caller: &Caller) -> Result<Answer, Problem> {
    let form = request.form();
    // One choice of three: yes, or one of the two reasons for no (A5-3).
    let (answer, reason) = match form.value("answer") {
        "granted" => ("granted", ""),
        reason => ("refused", reason),
    };
    let (answer, reason) = (answer.to_owned(), reason.to_owned());
    let outcome =
        change(app, caller.person()?, FootageCommand::AnswerAccess { request: request.id()?, answer, reason }).await;
    after_access(app, request, caller, outcome).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Place {
    site: String,
    cameras: Vec<String>,
    from_utc: DateTime<Utc>,
    until_utc: DateTime<Utc>,
    authority: String,
    reference: String,
    date: String,
    document_sha256: String,
}

#[derive(Serialize)]
struct Placed {
    hold: HoldId,
    entries: Vec<u64>,
}

/// `GET /api/v1/holds`.
pub fn holds_api(app: &App, caller: &Caller) -> Result<Answer, Problem> {
    #[derive(Serialize)]
    struct Holds {
        holds: Vec<Hold>,
    }
    let person = caller.person()?;
    let holds = app.context.control.read(|state| holds(state, person).map(|hold| hold.as_ref().clone()).collect());
    answer::json(StatusCode::OK, &Holds { holds })
}

/// `POST /api/v1/holds`.
pub async fn hold_api(app: &App, request: &Request, caller: &Caller) -> Result<Answer, Problem> {
    let place: Place = request.json()?;
    let hold = HoldId::generate();
    let form = ScopeForm {
        site: place.site,
        cameras: place.cameras,
        from_utc: Some(place.from_utc),
        until_utc: Some(place.until_utc),
    };
    let Place { authority, reference, date, document_sha256, .. } = place;
    let command = FootageCommand::Hold { hold, form, authority, reference, date, document_sha256 };
    let receipt = change(app, caller.person()?, command).await?;
    let entries = receipt.entries.iter().map(|entry| entry.seq).collect();
    answer::json(StatusCode::CREATED, &Placed { hold, entries })
}

/// `POST /api/v1/holds/{hold}/release`.
pub async fn release_api(app: &App, request: &Request, caller: &Caller) -> Result<Answer, Problem> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Release {
        why: String,
    }
    let Release { why } = request.json()?;
    done(&change(app, caller.person()?, FootageCommand::Release { hold: request.id()?, why }).await?)
}

/// `POST /api/v1/sites/{site}/retention`.
pub async fn retention_api(app: &App, request: &Request, caller: &Caller) -> Result<Answer, Problem> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Days {
        days: u32,
    }
    let Days { days } = request.json()?;
    done(&change(app, caller.person()?, FootageCommand::SetRetention { site: request.id()?, days }).await?)
}

/// `POST /api/v1/holds/clock`.
pub async fn clock_api(app: &App, request: &Request, caller: &Caller) -> Result<Answer, Problem> {
    request.nothing()?;
    done(&change(app, caller.person()?, FootageCommand::ResumePurge).await?)
}

/// `GET /api/v1/access-requests`.
pub fn access_api(app: &App, caller: &Caller) -> Result<Answer, Problem> {
    #[derive(Serialize)]
    struct Requests {
        requests: Vec<AccessRequest>,
    }
    let person = caller.person()?;
    let all = app.context.control.read(|state| requests(state, person).map(|asked| asked.as_ref().clone()).collect());
    answer::json(StatusCode::OK, &Requests { requests: all })
}

/// `POST /api/v1/access-requests`.
pub async fn ask_api(app: &App, request: &Request, caller: &Caller) -> Result<Answer, Problem> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Ask {
        person: String,
        site: String,
        cameras: Vec<String>,
        from_utc: DateTime<Utc>,
        until_utc: DateTime<Utc>,
        received_on: String,
    }
    #[derive(Serialize)]
    struct Asked {
        request: AccessId,
        entries: Vec<u64>,
    }
    let Ask { person, site, cameras, from_utc, until_utc, received_on } = request.json()?;
    let form = ScopeForm { site, cameras, from_utc: Some(from_utc), until_utc: Some(until_utc) };
    let (id, receipt) = ask(app, caller, &person, form, received_on).await?;
    let entries = receipt.entries.iter().map(|entry| entry.seq).collect();
    answer::json(StatusCode::CREATED, &Asked { request: id, entries })
}

/// `POST /api/v1/access-requests/{request}/answer`.
pub async fn answer_api(app: &App, request: &Request, caller: &Caller) -> Result<Answer, Problem> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Given {
        answer: String,
        #[serde(default)]
        reason: String,
    }
    let Given { answer, reason } = request.json()?;
    done(&change(app, caller.person()?, FootageCommand::AnswerAccess { request: request.id()?, answer, reason }).await?)
}
