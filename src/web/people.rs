//! The administrator's people: who is in the annex, how they log in, and the reset of a second factor.

pub mod invite;
pub mod lockout;

use super::answer::{self, Answer};
use super::app::App;
use super::auth::{Caller, Person};
use super::chrome;
use super::pages::Notice;
use super::pages::people::{PeopleView, PersonRow, render};
use super::problem::Problem;
use super::request::Request;
use super::tickets;
use crate::control::Receipt;
use crate::domain::{Action, Actor, Command, PersonId, Role, ServiceId, SiteId};
use crate::store::Scope;
use chrono::{DateTime, Utc};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

#[derive(Serialize)]
struct SecondFactor {
    since_utc: DateTime<Utc>,
    recovery_codes_left: usize,
}

#[derive(Serialize)]
struct Invitation {
    invited_at_utc: DateTime<Utc>,
    expires_at_utc: DateTime<Utc>,
    expired: bool,
}

#[derive(Serialize)]
struct Lockout {
    scope: Scope,
    until_utc: DateTime<Utc>,
}

#[derive(Serialize)]
struct PersonModel {
    id: PersonId,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<String>,
    role: Role,
    sites: BTreeSet<SiteId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service: Option<ServiceId>,
    /// Absent: they enrol one at their next log-in.
    #[serde(skip_serializing_if = "Option::is_none")]
    second_factor: Option<SecondFactor>,
    /// Absent: none waits to be accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    invitation: Option<Invitation>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    lockouts: Vec<Lockout>,
}

#[derive(Serialize)]
struct People {
    people: Vec<PersonModel>,
}

/// Everybody in the annex, by role and name.
async fn people(app: &App) -> Result<Vec<PersonModel>, Problem> {
    let now = app.context.clock.utc();
    let (identities, factors, lockouts) = app
        .in_store(move |store| {
            Ok((store.people().list()?, store.second_factors().list()?, store.lockouts().list(now)?))
        })
        .await?;
    let mut identities: BTreeMap<_, _> = identities.into_iter().map(|one| (one.person.clone(), one)).collect();
    let mut factors: BTreeMap<_, _> = factors.into_iter().map(|one| (one.person.clone(), one)).collect();
    let mut people: Vec<PersonModel> = app.context.control.read(|state| {
        let model = |place: &crate::domain::Designation| {
            let identity = identities.remove(&place.person);
            let factor = factors.remove(&place.person);
            let factor = factor.filter(|factor| state.outlives_reset(&place.person, factor.enrolled_at_utc));
            PersonModel {
                id: place.person.clone(),
                name: identity.as_ref().map(|identity| identity.name.clone()),
                email: identity.map(|identity| identity.email),
                role: place.role,
                sites: place.sites.clone(),
                service: place.service.clone(),
                invitation: state.invitations.get(&place.person).map(|invitation| Invitation {
                    invited_at_utc: invitation.invited_at_utc,
                    expires_at_utc: invitation.expires_at_utc,
                    expired: !invitation.stands(now),
                }),
                lockouts: lockouts
                    .iter()
                    .filter(|lockout| lockout.person == place.person)
                    .map(|lockout| Lockout { scope: lockout.scope, until_utc: lockout.until_utc })
                    .collect(),
                second_factor: factor.map(|factor| SecondFactor {
                    since_utc: factor.enrolled_at_utc,
                    recovery_codes_left: factor.recovery_codes_left(),
                }),
            }
        };
        state.people.values().map(model).collect()
    });
    people.sort_by(|one, other| (one.role, &one.name, &one.id).cmp(&(other.role, &other.name, &other.id)));
    Ok(people)
}

/// `GET /api/v1/people`.
pub async fn api(app: &App) -> Result<Answer, Problem> {
    answer::json(StatusCode::OK, &People { people: people(app).await? })
}

/// `GET /admin/people`.
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
    let reader = caller.person()?.id.clone();
    let row = |person: PersonModel| PersonRow {
        is_reader: person.id == reader,
        name: person.name.unwrap_or_else(|| person.id.to_string()),
        person: person.id,
        email: person.email,
        role: person.role,
        second_factor_since_utc: person.second_factor.as_ref().map(|factor| factor.since_utc),
        recovery_codes_left: person.second_factor.map_or(0, |factor| factor.recovery_codes_left),
        invited_until_utc: person.invitation.as_ref().map(|invitation| invitation.expires_at_utc),
        invitation_expired: person.invitation.is_some_and(|invitation| invitation.expired),
        locked: person.lockouts.into_iter().map(|lockout| (lockout.scope, lockout.until_utc)).max(),
    };
    let people = people(app).await?.into_iter().map(row).collect();
    let view = PeopleView { people, is_mailed: invite::can_mail(app), trouble: problem.map(chrome::trouble) };
    chrome::page(request, status, render(&chrome::shell(app, request, caller), &view))
}

async fn reset(app: &App, person: &Person, whose: PersonId, why: String) -> Result<Receipt, Problem> {
    let action = Action::ResetSecondFactor { person: whose, why };
    Ok(app.context.control.execute(Command { actor: Actor::Person(person.id.clone()), action }).await?)
}

/// `POST /admin/people/{person}/second-factor/reset`.
pub async fn reset_form(app: &App, request: &Request, caller: &Caller) -> Result<Answer, Problem> {
    let why = request.form().value("why").to_owned();
    match reset(app, caller.person()?, request.id()?, why).await {
        Ok(_) => chrome::see_other_with("/admin/people", &Notice::SecondFactorReset),
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

/// `POST /api/v1/people/{person}/second-factor/reset`.
pub async fn reset_api(app: &App, request: &Request, caller: &Caller) -> Result<Answer, Problem> {
    let Why { why } = request.json()?;
    tickets::done(&reset(app, caller.person()?, request.id()?, why).await?)
}
