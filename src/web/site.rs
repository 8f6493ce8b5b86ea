//! One site's own page: what is recorded about it and what may be changed, each change an entry of the register.

use super::access;
use super::answer::{self, Answer};
use super::app::App;
use super::auth::{Caller, Person};
use super::chrome;
use super::pages::Notice;
use super::pages::notice::{self, NoticeView};
use super::pages::site::{SiteView, render};
use super::problem::Problem;
use super::request::{Form, Request};
use super::tickets::done;
use crate::control::Receipt;
use crate::domain::dossier::{
    Agreement, Alteration, Attestation, Avenant, Deciders, Dossier, Missing, Mode, ReasonBasis, ReasonList, Record,
    Renewal, Signatory, Subject,
};
use crate::domain::{Action, Actor, Camera, Command, PersonId, Policy, Reason, Role, SiteId, day};
use chrono::{DateTime, NaiveDate, Utc};
use http::StatusCode;
use serde::{Deserialize, Serialize};

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
    let people = access::names(app).await?;
    let now = app.context.clock.utc();
    let recording = |camera: &Camera| app.context.recorder.as_ref().and_then(|all| all.camera(&camera.id));
    let view = app
        .context
        .control
        .read(|state| {
            let site = state.sites.get(&id)?.clone();
            // Whoever has no place yet, or decides already: nobody both asks and decides (A4-3).
            let may_decide = |person: &PersonId| state.people.get(person).is_none_or(|p| p.role == Role::Decider);
            Some(SiteView {
                policy: state.policy(&id),
                may_set_policy: matches!(person.role, Role::Decider | Role::Administrator),
                may_file: person.role == Role::Administrator,
                may_set_urgent: person.role == Role::Decider,
                may_require_approval: matches!(person.role, Role::Decider | Role::Administrator),
                convention: state.convention(&site),
                dossier: state.dossier(&id).clone(),
                missing: state.missing(&site),
                candidates: people
                    .iter()
                    .filter(|(id, _)| may_decide(id))
                    .map(|(id, n)| (id.clone(), n.clone()))
                    .collect(),
                today: day::day_of(now),
                people,
                recordings: site.cameras.iter().map(|camera| (camera.name.clone(), recording(camera))).collect(),
                may_see_faults: person.role == Role::Administrator,
                site,
                trouble: problem.map(chrome::trouble),
            })
        })
        .ok_or_else(Problem::not_found)?;
    chrome::page(request, status, render(&chrome::shell(app, request, caller), &view))
}

/// The site of the path, if it is one this person may see.
///
/// # Errors
/// 404.
pub fn seen(app: &App, person: &Person, request: &Request) -> Result<SiteId, Problem> {
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

/// `POST /sites/{site}/records`: one form for each act; the hidden field `record` says which.
pub async fn record_form(app: &App, request: &Request, caller: &Caller) -> Result<Answer, Problem> {
    let site = seen(app, caller.person()?, request)?;
    let record = record_of(app, &site, &request.form())?;
    change_form(app, request, caller, Action::File { site, record }).await
}

/// `POST /api/v1/sites/{site}/records`: an act as it will stand in the register.
pub async fn record_api(app: &App, request: &Request, caller: &Caller) -> Result<Answer, Problem> {
    let person = caller.person()?;
    let site = seen(app, person, request)?;
    let record: Record = request.json()?;
    done(&change(app, person, Action::File { site, record }).await?)
}

/// A day from a form; what is none lies so far ahead that the keeper refuses it by name.
fn date(form: &Form, name: &str) -> NaiveDate {
    form.value(name).trim().parse().unwrap_or(NaiveDate::MAX)
}

/// The lines of a text area that hold something.
fn lines(text: &str) -> Vec<String> {
    text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

fn record_of(app: &App, site: &SiteId, form: &Form) -> Result<Record, Problem> {
    let text = |name: &str| form.value(name).trim().to_owned();
    Ok(match form.value("record") {
        "agreement" => Record::Agreement(Agreement {
            reference: text("reference"),
            signed_on: date(form, "signed_on"),
            // One a line, "party: capacity".
            signatories: lines(form.value("signatories"))
                .iter()
                .map(|line| line.split_once(':').unwrap_or((line.as_str(), "")))
                .map(|(party, capacity)| Signatory {
                    party: party.trim().to_owned(),
                    capacity: capacity.trim().to_owned(),
                })
                .collect(),
            landlord: text("landlord"),
            access_contact: text("access_contact"),
        }),
        "avenant" => Record::Avenant(Avenant {
            reference: text("reference"),
            signed_on: date(form, "signed_on"),
            subject: Subject::ALL
                .into_iter()
                .find(|subject| subject.as_str() == form.value("subject"))
                .unwrap_or(Subject::Other),
            summary: text("summary"),
        }),
        "renewal" => Record::Renewal(Renewal {
            reference: text("reference"),
            signed_on: date(form, "signed_on"),
            valid_until: date(form, "valid_until"),
        }),
        "reasons" => {
            let ticked = form.values("reasons");
            let entry =
                |reason: Reason| ReasonBasis { reason, legal_basis: text(&format!("basis-{}", reason.as_str())) };
            let reasons = Reason::ALL.into_iter().filter(|reason| ticked.iter().any(|word| word == reason.as_str()));
            Record::Reasons(ReasonList {
                version: app.context.control.read(|state| state.dossier(site).reasons.version) + 1,
                dated: date(form, "dated"),
                reasons: reasons.map(entry).collect(),
            })
        }
        "deciders" => Record::Deciders(Deciders {
            titulaire: text("titulaire").parse()?,
            suppleant: text("suppleant").parse()?,
            dated: date(form, "dated"),
        }),
        "entrances" => Record::Entrances { entrances: lines(form.value("entrances")) },
        "signage" => Record::Signage { entrance: text("entrance"), posted_on: date(form, "posted_on") },
        "signage-gone" => Record::SignageGone { entrance: text("entrance") },
        "attestation" => Record::Attestation(Attestation {
            camera: text("camera").parse()?,
            dated: date(form, "dated"),
            view: text("view"),
            masks: text("masks"),
            still: text("still"),
        }),
        "attestation-lapsed" => Record::AttestationLapsed {
            camera: text("camera").parse()?,
            alteration: Alteration::ALL
                .into_iter()
                .find(|alteration| alteration.as_str() == form.value("alteration"))
                .unwrap_or(Alteration::View),
        },
        "opening" => Record::Opening(match form.value("mode") {
            "urgent" => Mode::Urgent { avenant: text("avenant") },
            _ => Mode::Approval,
        }),
        _ => {
            let detail = "record: expected one of the acts of the site's page";
            return Err(Problem::new(StatusCode::BAD_REQUEST, "record-unknown", detail));
        }
    })
}

/// `GET /sites/{site}/notice`: the notice for the entrances, to be printed 20 x 30 cm (A5-1).
pub fn notice_page(app: &App, request: &Request, caller: &Caller) -> Result<Answer, Problem> {
    let id = seen(app, caller.person()?, request)?;
    let view = app
        .context
        .control
        .read(|state| {
            let site = state.sites.get(&id)?;
            let agreement = state.dossier(&id).agreement.clone();
            Some(NoticeView { site: site.clone(), agreement })
        })
        .ok_or_else(Problem::not_found)?;
    chrome::page(request, StatusCode::OK, notice::render(&chrome::shell(app, request, caller), &view))
}

#[derive(Serialize)]
struct MissingModel {
    code: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    what: Option<String>,
    blocks: bool,
}

#[derive(Serialize)]
struct DossierModel {
    site: SiteId,
    name: String,
    valid_from_utc: DateTime<Utc>,
    valid_until_utc: DateTime<Utc>,
    ready: bool,
    missing: Vec<MissingModel>,
    dossier: Dossier,
}

/// `GET /api/v1/sites/{site}`: the site's dossier and what it lacks.
pub fn api(app: &App, request: &Request, caller: &Caller) -> Result<Answer, Problem> {
    let id = seen(app, caller.person()?, request)?;
    let model = app
        .context
        .control
        .read(|state| {
            let site = state.sites.get(&id)?;
            let (missing, convention) = (state.missing(site), state.convention(site));
            Some(DossierModel {
                site: id.clone(),
                name: site.name.clone(),
                valid_from_utc: convention.valid_from_utc,
                valid_until_utc: convention.valid_until_utc,
                ready: !missing.iter().any(Missing::blocks),
                missing: missing.iter().map(missing_model).collect(),
                dossier: state.dossier(&id).clone(),
            })
        })
        .ok_or_else(Problem::not_found)?;
    answer::json(StatusCode::OK, &model)
}

fn missing_model(missing: &Missing) -> MissingModel {
    MissingModel { code: missing.as_str(), what: missing.of_which(), blocks: missing.blocks() }
}
