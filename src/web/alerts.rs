//! Alerts of the landlord's guards (A3-2): raised by a guard, seen by the CSU, good for a prefilled request and for nothing
//! else.

use super::access;
use super::answer::{self, Answer};
use super::app::App;
use super::auth::{Caller, Person};
use super::chrome;
use super::pages::Notice;
use super::pages::alerts::{AlertForm, AlertRow, AlertsView, render};
use super::problem::Problem;
use super::request::Request;
use super::tickets::{RequestPrefill, done};
use crate::control::Receipt;
use crate::domain::{Action, Actor, Alert, AlertId, Command, Role};
use http::StatusCode;
use serde::{Deserialize, Serialize};

/// The alerts that stand now and concern this person, newest first.
fn open(app: &App, person: &Person) -> Vec<Alert> {
    let now = app.context.clock.utc();
    app.context.control.read(|state| {
        let theirs = state.alerts.values().rev();
        theirs.filter(|a| a.is_open_at(now) && state.hears_of_alerts(&person.id, &a.site)).cloned().collect()
    })
}

/// What an alert fills into a request, for an operator who hears of it.
pub fn prefill(app: &App, person: &Person, alert: AlertId) -> Option<RequestPrefill> {
    let alert = open(app, person).into_iter().find(|known| known.id == alert)?;
    let reasons = alert.reasons.iter().map(|reason| reason.as_str().to_owned()).collect();
    Some(RequestPrefill { site: alert.site.to_string(), reasons })
}

/// `GET /alerts`.
pub async fn page(app: &App, request: &Request, caller: &Caller) -> Result<Answer, Problem> {
    draw(app, request, caller, StatusCode::OK, AlertForm::default()).await
}

async fn draw(
    app: &App,
    request: &Request,
    caller: &Caller,
    status: StatusCode,
    typed: AlertForm,
) -> Result<Answer, Problem> {
    let person = caller.person()?;
    let names = access::names(app).await?;
    let alerts = open(app, person);
    let rows = app.context.control.read(|state| {
        let row = |alert: &Alert| AlertRow {
            id: alert.id,
            site: state.sites.get(&alert.site).map_or_else(|| alert.site.to_string(), |site| site.name.clone()),
            by: access::person_ref(&names, &alert.by).shown().to_owned(),
            reasons: alert.reasons.iter().copied().collect(),
            what: alert.what.clone(),
            raised_at_utc: alert.raised_at_utc,
            ends_at_utc: alert.ends_at_utc(),
        };
        alerts.iter().map(row).collect()
    });
    let form = (person.role == Role::Guard).then(|| AlertForm {
        sites: access::sites(app, person).into_iter().map(|site| (site.id, site.name)).collect(),
        ..typed
    });
    let view = AlertsView {
        rows,
        form,
        may_ask: person.role == Role::Operator,
        may_close: matches!(person.role, Role::Guard | Role::Decider),
    };
    chrome::page(request, status, render(&chrome::shell(app, request, caller), &view))
}

async fn change(app: &App, person: &Person, action: Action) -> Result<Receipt, Problem> {
    Ok(app.context.control.execute(Command { actor: Actor::Person(person.id.clone()), action }).await?)
}

/// `POST /alerts`: with faults the form comes back as typed.
pub async fn raise_form(app: &App, request: &Request, caller: &Caller) -> Result<Answer, Problem> {
    let form = request.form();
    let (site, reasons, what) = (form.value("site").to_owned(), form.values("reasons"), form.value("what").to_owned());
    let typed = AlertForm { site: site.clone(), reasons: reasons.clone(), what: what.clone(), ..AlertForm::default() };
    let action = Action::RaiseAlert { alert: AlertId::generate(), site, reasons, what };
    match change(app, caller.person()?, action).await {
        Ok(_) => chrome::see_other_with("/alerts", &Notice::Saved),
        Err(problem) if problem.status.is_server_error() => Err(problem),
        Err(problem) => {
            let typed = AlertForm { trouble: Some(chrome::trouble(&problem)), ..typed };
            draw(app, request, caller, problem.status, typed).await
        }
    }
}

/// `POST /alerts/{alert}/close`.
pub async fn close_form(app: &App, request: &Request, caller: &Caller) -> Result<Answer, Problem> {
    change(app, caller.person()?, Action::CloseAlert { alert: request.id()? }).await?;
    chrome::see_other_with("/alerts", &Notice::Saved)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raise {
    site: String,
    reasons: Vec<String>,
    what: String,
}

#[derive(Serialize)]
struct Raised {
    alert: AlertId,
    entries: Vec<u64>,
}

/// `POST /api/v1/alerts`.
pub async fn raise_api(app: &App, request: &Request, caller: &Caller) -> Result<Answer, Problem> {
    let Raise { site, reasons, what } = request.json()?;
    let alert = AlertId::generate();
    let receipt = change(app, caller.person()?, Action::RaiseAlert { alert, site, reasons, what }).await?;
    let entries = receipt.entries.iter().map(|entry| entry.seq).collect();
    answer::json(StatusCode::CREATED, &Raised { alert, entries })
}

/// `POST /api/v1/alerts/{alert}/close`.
pub async fn close_api(app: &App, request: &Request, caller: &Caller) -> Result<Answer, Problem> {
    request.nothing()?;
    done(&change(app, caller.person()?, Action::CloseAlert { alert: request.id()? }).await?)
}

#[derive(Serialize)]
struct Alerts {
    alerts: Vec<Alert>,
}

/// `GET /api/v1/alerts`: those that stand now.
pub fn api(app: &App, caller: &Caller) -> Result<Answer, Problem> {
    answer::json(StatusCode::OK, &Alerts { alerts: open(app, caller.person()?) })
}
