//! One site's own page: what is recorded about it and what may be changed, each change an entry of the register.

use super::access;
use super::answer::Answer;
use super::app::App;
use super::auth::{Caller, Person};
use super::chrome;
use super::pages::Notice;
use super::pages::site::{SiteView, render};
use super::problem::Problem;
use super::request::{Form, Request};
use super::tickets::done;
use crate::control::Receipt;
use crate::domain::{Action, Actor, Command, Policy, Role, SiteId};
use http::StatusCode;
use serde::Deserialize;

/// `GET /sites/{site}`.
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
    let id = seen(app, person, request)?;
    let view = app
        .context
        .control
        .read(|state| {
            let site = state.sites.get(&id)?.clone();
            Some(SiteView {
                policy: state.policy(&id),
                may_set_policy: matches!(person.role, Role::Decider | Role::Administrator),
                site,
                trouble: problem.map(chrome::trouble),
            })
        })
        .ok_or_else(Problem::not_found)?;
    chrome::page(request, status, render(&chrome::shell(app, request, caller), &view))
}

/// The site of the path, if it is one this person may see.
fn seen(app: &App, person: &Person, request: &Request) -> Result<SiteId, Problem> {
    let site: SiteId = request.id()?;
    let known = app.context.control.read(|state| state.sites.contains_key(&site));
    if known && access::sees_site(person, &site) { Ok(site) } else { Err(Problem::not_found()) }
}

async fn change(app: &App, person: &Person, action: Action) -> Result<Receipt, Problem> {
    Ok(app.context.control.execute(Command { actor: Actor::Person(person.id.clone()), action }).await?)
}

/// Post/Redirect/Get; a refusal draws the page again and says why.
async fn change_form(app: &App, request: &Request, caller: &Caller, action: Action) -> Result<Answer, Problem> {
    match change(app, caller.person()?, action).await {
        Ok(_) => chrome::see_other_with(&format!("/sites/{}", request.id::<SiteId>()?), &Notice::Saved),
        Err(problem) if problem.status.is_server_error() => Err(problem),
        Err(problem) => draw(app, request, caller, problem.status, Some(&problem)).await,
    }
}

/// A number from a form; what is none is outside every range, so that the keeper names it.
fn number(form: &Form, name: &str) -> u32 {
    form.value(name).trim().parse().unwrap_or(u32::MAX)
}

/// `POST /sites/{site}/policy` (A4-7).
pub async fn policy_form(app: &App, request: &Request, caller: &Caller) -> Result<Answer, Problem> {
    let site = seen(app, caller.person()?, request)?;
    let form = request.form();
    let policy = Policy {
        day_cap_minutes: number(&form, "day_cap_minutes"),
        week_cap_minutes: number(&form, "week_cap_minutes"),
        cooling_off_minutes: number(&form, "cooling_off_minutes"),
    };
    change_form(app, request, caller, Action::SetPolicy { site, policy }).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PolicyBody {
    day_cap_minutes: u32,
    week_cap_minutes: u32,
    cooling_off_minutes: u32,
}

/// `POST /api/v1/sites/{site}/policy` (A4-7).
pub async fn policy_api(app: &App, request: &Request, caller: &Caller) -> Result<Answer, Problem> {
    let person = caller.person()?;
    let site = seen(app, person, request)?;
    let PolicyBody { day_cap_minutes, week_cap_minutes, cooling_off_minutes } = request.json()?;
    let policy = Policy { day_cap_minutes, week_cap_minutes, cooling_off_minutes };
    done(&change(app, person, Action::SetPolicy { site, policy }).await?)
}
