//! Adding a person and inviting them: pages and interface of the administrator (A3-3). The invited person's own page is
//! [`crate::web::invitation`].

use super::draw;
use crate::control::Receipt;
use crate::domain::{Action, Actor, Command, Designation, Fault, InvitationWay, PersonId, Role, ServiceId, SiteId};
use crate::store::{Identity, StoreError, password};
use crate::web::answer::{self, Answer};
use crate::web::app::App;
use crate::web::auth::{Caller, Person};
use crate::web::chrome;
use crate::web::pages::Notice;
use crate::web::pages::person::{NewPersonView, SiteChoice, render};
use crate::web::problem::Problem;
use crate::web::request::{Form, Request};
use crate::web::tickets;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

const MAX_NAME_CHARS: usize = 120;

/// Somebody to be added, as typed.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewPerson {
    #[serde(default)]
    name: String,
    #[serde(default)]
    email: String,
    #[serde(default)]
    role: String,
    #[serde(default)]
    sites: Vec<String>,
    #[serde(default)]
    service: String,
    #[serde(default)]
    language: String,
}

#[derive(Serialize)]
struct Added {
    person: PersonId,
    entries: Vec<u64>,
    /// Absent where there is no mail server: the console invites.
    invited: bool,
}

async fn execute(app: &App, by: &Person, action: Action) -> Result<Receipt, Problem> {
    Ok(app.context.control.execute(Command { actor: Actor::Person(by.id.clone()), action }).await?)
}

/// Whether an invitation can be mailed; in the demo the mails are shown on a page.
pub(super) fn can_mail(app: &App) -> bool {
    app.settings.mail_server.is_some() || app.context.demo.is_some()
}

/// Mails an invitation, in place of the one before.
pub(super) async fn invite(app: &App, by: &Person, person: PersonId) -> Result<Receipt, Problem> {
    if !can_mail(app) {
        let detail = "there is no mail server: `ecluse people invite` on the server prints the link once";
        return Err(Problem::new(StatusCode::CONFLICT, "no-mail-server", detail));
    }
    execute(app, by, Action::Invite { person, way: InvitationWay::Mail }).await
}

/// Invites people whose accounts were made just now. They have been added: one who cannot be invited is invited by hand.
pub async fn invite_new(app: &App, by: &Person, people: &[PersonId]) {
    for person in people {
        if can_mail(app)
            && let Err(problem) = invite(app, by, person.clone()).await
        {
            tracing::warn!(%person, code = problem.code, "somebody who was added could not be invited");
        }
    }
}

async fn uninvite(app: &App, by: &Person, person: PersonId) -> Result<Receipt, Problem> {
    let receipt = execute(app, by, Action::RevokeInvitation { person: person.clone() }).await?;
    app.in_store(move |store| store.invitations().remove(&person)).await?;
    Ok(receipt)
}

/// A new account and its place in the annex.
async fn add(app: &App, by: &Person, new: NewPerson) -> Result<Added, Problem> {
    let (identity, place) = control(new)?;
    let person = place.person.clone();
    let taken = app.in_store(move |store| match store.people().put(&identity) {
        Err(StoreError::Invalid { field: "email", value, expected }) => Ok(Some((value, expected))),
        other => other.map(|()| None),
    });
    if let Some((value, expected)) = taken.await? {
        return Err(faulty(vec![fault("email", "email-unusable", value, expected)]));
    }
    match execute(app, by, Action::Designate(place)).await {
        Ok(receipt) => {
            invite_new(app, by, std::slice::from_ref(&person)).await;
            let invited = app.context.control.read(|state| state.invitations.contains_key(&person));
            Ok(Added { person, entries: receipt.entries.iter().map(|entry| entry.seq).collect(), invited })
        }
        Err(problem) => {
            // An account without a place could log in nowhere, but it would hold its address.
            app.in_store(move |store| store.people().remove(&person)).await?;
            Err(problem)
        }
    }
}

/// What was typed, controlled; every fault is named.
fn control(new: NewPerson) -> Result<(Identity, Designation), Problem> {
    let mut faults = Vec::new();
    let name = new.name.trim().to_owned();
    let readable = !name.is_empty() && !name.contains(char::is_control);
    if !readable || name.chars().count() > MAX_NAME_CHARS {
        faults.push(fault("name", "name-unusable", new.name, "a name of 1 to 120 characters"));
    }
    let role = Role::ALL.into_iter().find(|role| role.as_str() == new.role);
    if role.is_none() {
        faults.push(fault("role", "unknown-role", new.role, "a role of the convention"));
    }
    let mut sites = BTreeSet::new();
    for site in new.sites.into_iter().filter(|site| !site.is_empty()) {
        match site.parse::<SiteId>() {
            Ok(site) => drop(sites.insert(site)),
            Err(_) => faults.push(fault("sites", "unknown-site", site, "a declared site")),
        }
    }
    let service = match new.service.trim() {
        "" => None,
        text => match text.parse::<ServiceId>() {
            Ok(service) => Some(service),
            Err(_) => {
                faults.push(fault("service", "service-missing", text.to_owned(), "a service's id"));
                None
            }
        },
    };
    let Some(role) = role.filter(|_| faults.is_empty()) else { return Err(faulty(faults)) };
    // A service belongs to the police alone: the form has the field for everybody.
    let service = service.filter(|_| role.is_police());
    let person = crate::store::annex::pseudonym()?;
    let language = if new.language == "en" { "en" } else { "fr" };
    let identity = Identity {
        person: person.clone(),
        email: new.email.trim().to_owned(),
        name,
        language: language.to_owned(),
        password_hash: password::nobodys()?,
    };
    Ok((identity, Designation { person, role, sites, service }))
}

fn fault(field: &'static str, code: &'static str, value: String, expected: &str) -> Fault {
    let value = value.chars().take(80).collect();
    Fault { field, code, value, expected: expected.to_owned(), from_utc: None }
}

fn faulty(faults: Vec<Fault>) -> Problem {
    let mut problem =
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "person-faulty", "the person cannot be added like this");
    problem.faults = faults;
    problem
}

/// `GET /admin/people/new`.
pub async fn new_page(app: &App, request: &Request, caller: &Caller) -> Result<Answer, Problem> {
    draw_new(app, request, caller, StatusCode::OK, NewPerson::default(), None)
}

fn draw_new(
    app: &App,
    request: &Request,
    caller: &Caller,
    status: StatusCode,
    typed: NewPerson,
    problem: Option<&Problem>,
) -> Result<Answer, Problem> {
    let (sites, services) = app.context.control.read(|state| {
        let choice = |site: &crate::domain::Site| SiteChoice {
            chosen: typed.sites.iter().any(|id| id == site.id.as_str()),
            id: site.id.clone(),
            name: site.name.clone(),
        };
        let services: BTreeSet<_> =
            state.sites.values().map(|site| (site.service.id.clone(), site.service.name.clone())).collect();
        (state.sites.values().map(choice).collect(), services.into_iter().collect())
    });
    let view = NewPersonView {
        name: typed.name,
        email: typed.email,
        role: typed.role,
        service: typed.service,
        language: typed.language,
        sites,
        services,
        is_mailed: can_mail(app),
        trouble: problem.map(chrome::trouble),
    };
    chrome::page(request, status, render(&chrome::shell(app, request, caller), &view))
}

fn typed(form: &Form) -> NewPerson {
    let value = |name: &str| form.value(name).chars().take(300).collect::<String>();
    NewPerson {
        name: value("name"),
        email: value("email"),
        role: value("role"),
        sites: form.values("sites"),
        service: value("service"),
        language: value("language"),
    }
}

/// `POST /admin/people`.
pub async fn add_form(app: &App, request: &Request, caller: &Caller) -> Result<Answer, Problem> {
    let typed = typed(&request.form());
    match add(app, caller.person()?, typed.clone()).await {
        Ok(Added { invited: true, .. }) => chrome::see_other_with("/admin/people", &Notice::PersonInvited),
        Ok(_) => chrome::see_other_with("/admin/people", &Notice::PersonAdded),
        Err(problem) if problem.status == StatusCode::UNPROCESSABLE_ENTITY => {
            draw_new(app, request, caller, problem.status, typed, Some(&problem))
        }
        Err(problem) => Err(problem),
    }
}

/// `POST /api/v1/people`.
pub async fn add_api(app: &App, request: &Request, caller: &Caller) -> Result<Answer, Problem> {
    answer::json(StatusCode::CREATED, &add(app, caller.person()?, request.json()?).await?)
}

/// `POST /admin/people/{person}/invite`.
pub async fn invite_form(app: &App, request: &Request, caller: &Caller) -> Result<Answer, Problem> {
    match invite(app, caller.person()?, request.id()?).await {
        Ok(_) => chrome::see_other_with("/admin/people", &Notice::PersonInvited),
        Err(problem) if problem.status == StatusCode::CONFLICT => {
            draw(app, request, caller, problem.status, Some(&problem)).await
        }
        Err(problem) => Err(problem),
    }
}

/// `POST /api/v1/people/{person}/invite`.
pub async fn invite_api(app: &App, request: &Request, caller: &Caller) -> Result<Answer, Problem> {
    tickets::done(&invite(app, caller.person()?, request.id()?).await?)
}

/// `POST /admin/people/{person}/invitation/revoke`.
pub async fn uninvite_form(app: &App, request: &Request, caller: &Caller) -> Result<Answer, Problem> {
    uninvite(app, caller.person()?, request.id()?).await?;
    chrome::see_other_with("/admin/people", &Notice::InvitationRevoked)
}

/// `POST /api/v1/people/{person}/invitation/revoke`.
pub async fn uninvite_api(app: &App, request: &Request, caller: &Caller) -> Result<Answer, Problem> {
    tickets::done(&uninvite(app, caller.person()?, request.id()?).await?)
}
