//! Changes of rights that wait for a second person.

use super::access;
use super::answer::{self, Answer};
use super::app::App;
use super::auth::{Caller, Person};
use super::chrome;
use super::pages::Notice;
use super::pages::changes::{ChangeRow, ChangesView, render};
use super::pages::names::Names;
use super::problem::Problem;
use super::request::Request;
use super::tickets::done;
use crate::control::Receipt;
use crate::domain::{Action, Actor, Command, RightsChange};
use http::StatusCode;
use serde::{Deserialize, Serialize};

/// `GET /changes`.
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
    let person = caller.person()?;
    let mut names = Names { people: access::names(app).await?, ..Names::default() };
    let changes = app.context.control.read(|state| {
        names.sites.extend(state.sites.values().map(|site| (site.id.clone(), site.name.clone())));
        let row = |(change, proposal): (&u64, &crate::domain::Proposal)| ChangeRow {
            change: *change,
            by: names.person(&proposal.by),
            rights: proposal.rights.clone(),
            own: proposal.by == person.id,
        };
        state.proposals.iter().map(row).collect()
    });
    let view = ChangesView { changes, names, trouble: problem.map(chrome::trouble) };
    chrome::page(request, status, render(&chrome::shell(app, request, caller), &view))
}

fn number(request: &Request) -> Result<u64, Problem> {
    request.values.first().and_then(|text| text.parse().ok()).ok_or_else(Problem::not_found)
}

async fn settle(app: &App, person: &Person, change: u64, confirm: bool) -> Result<Receipt, Problem> {
    let action = Action::SettleChange { change, confirm };
    Ok(app.context.control.execute(Command { actor: Actor::Person(person.id.clone()), action }).await?)
}

/// `POST /changes/{change}` with `confirm` = `yes` or `no`.
pub async fn settle_form(app: &App, request: &Request, caller: &Caller) -> Result<Answer, Problem> {
    let confirm = request.form().value("confirm") == "yes";
    match settle(app, caller.person()?, number(request)?, confirm).await {
        Ok(_) => chrome::see_other_with("/changes", &Notice::Saved),
        Err(problem) if problem.status.is_server_error() => Err(problem),
        Err(problem) => draw(app, request, caller, problem.status, Some(&problem)).await,
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settle {
    confirm: bool,
}

/// `POST /api/v1/changes/{change}`.
pub async fn settle_api(app: &App, request: &Request, caller: &Caller) -> Result<Answer, Problem> {
    let Settle { confirm } = request.json()?;
    done(&settle(app, caller.person()?, number(request)?, confirm).await?)
}

#[derive(Serialize)]
struct Change {
    change: u64,
    by: crate::domain::PersonId,
    rights: RightsChange,
}

#[derive(Serialize)]
struct Changes {
    changes: Vec<Change>,
}

/// `GET /api/v1/changes`.
pub fn api(app: &App, caller: &Caller) -> Result<Answer, Problem> {
    caller.person()?;
    let changes = app.context.control.read(|state| {
        let model = |(change, proposal): (&u64, &crate::domain::Proposal)| Change {
            change: *change,
            by: proposal.by.clone(),
            rights: proposal.rights.clone(),
        };
        state.proposals.iter().map(model).collect()
    });
    answer::json(StatusCode::OK, &Changes { changes })
}
