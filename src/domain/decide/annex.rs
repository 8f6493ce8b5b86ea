//! Sites and annexes: declared and imported by the administrator or by start-up, with their consequences at once.

use super::conditions::with_consequences;
use super::{ending, fault, faulty, given_reason, rights};
use crate::domain::command::Actor;
use crate::domain::event::Event;
use crate::domain::ids::PersonId;
use crate::domain::person::{Designation, Role};
use crate::domain::refusal::{Refusal, RefusalKind};
use crate::domain::rights::RightsChange;
use crate::domain::site::Site;
use crate::domain::state::State;
use chrono::{DateTime, Utc};
use std::collections::BTreeSet;

/// The product's own start-up, or the administrator.
pub(super) fn administrator(state: &State, actor: &Actor) -> Result<(), Refusal> {
    match actor {
        Actor::System => Ok(()),
        Actor::Person(person) => match state.people.get(person) {
            Some(place) if place.role == Role::Administrator => Ok(()),
            _ => Err(Refusal::new(RefusalKind::Forbidden, "administrator-only", "only the administrator may do this")),
        },
    }
}

pub(super) fn declare_site(
    state: &State,
    actor: &Actor,
    site: &Site,
    now: DateTime<Utc>,
) -> Result<Vec<Event>, Refusal> {
    administrator(state, actor)?;
    let mut faults = Vec::new();
    if site.convention.valid_from_utc >= site.convention.valid_until_utc {
        faults.push(fault(
            "convention.valid_until",
            "convention-empty",
            site.convention.valid_until_utc,
            format!("an instant after {}", site.convention.valid_from_utc),
        ));
    }
    if site.service.town != site.convention.town {
        faults.push(fault(
            "service.town",
            "foreign-town",
            &site.service.town,
            format!("\"{}\", the town of the convention", site.convention.town),
        ));
    }
    let mut seen = BTreeSet::new();
    for camera in &site.cameras {
        let elsewhere = state.sites.values().any(|other| other.id != site.id && other.camera(&camera.id).is_some());
        if elsewhere || !seen.insert(&camera.id) {
            faults.push(fault("camera.id", "camera-twice", &camera.id, "an id that no other camera has (A1-1)"));
        }
    }
    if !faults.is_empty() {
        return Err(faulty("site-faulty", "the site cannot be declared like this", faults));
    }
    if state.sites.get(&site.id) == Some(site) {
        return Ok(Vec::new());
    }
    Ok(with_consequences(state, actor, vec![Event::SiteDeclared { site: site.clone() }], now))
}

pub(super) fn designate(
    state: &State,
    actor: &Actor,
    designation: &Designation,
    now: DateTime<Utc>,
) -> Result<Vec<Event>, Refusal> {
    administrator(state, actor)?;
    control_designation(state, designation)?;
    if state.people.get(&designation.person) == Some(designation) {
        return Ok(Vec::new());
    }
    let rights = RightsChange::Designation { designation: designation.clone() };
    if let Some(proposed) = rights::own_change(state, actor, &[&designation.person], rights) {
        return Ok(vec![proposed]);
    }
    Ok(with_consequences(state, actor, vec![Event::Designated { designation: designation.clone() }], now))
}

/// Whether somebody can be designated like this, as the world is now.
pub(super) fn control_designation(state: &State, designation: &Designation) -> Result<(), Refusal> {
    let mut faults = Vec::new();
    let police = designation.role.is_police();
    match &designation.service {
        None if police => {
            faults.push(fault("service", "service-missing", "", "the service of an operator or chief (A5-7)"))
        }
        Some(service) if !police => {
            faults.push(fault(
                "service",
                "service-superfluous",
                service,
                "no service: only operators and chiefs have one",
            ));
        }
        _ => {}
    }
    for site in &designation.sites {
        if !state.sites.contains_key(site) {
            faults.push(fault("sites", "unknown-site", site, "a declared site"));
        }
    }
    if !faults.is_empty() {
        return Err(faulty("designation-faulty", "the person cannot be designated like this", faults));
    }
    Ok(())
}

pub(super) fn strike(
    state: &State,
    actor: &Actor,
    person: &PersonId,
    now: DateTime<Utc>,
) -> Result<Vec<Event>, Refusal> {
    administrator(state, actor)?;
    if !state.people.contains_key(person) {
        return Ok(Vec::new());
    }
    let rights = RightsChange::Strike { person: person.clone() };
    if let Some(proposed) = rights::own_change(state, actor, &[person], rights) {
        return Ok(vec![proposed]);
    }
    Ok(with_consequences(state, actor, vec![Event::Struck { person: person.clone() }], now))
}

pub(super) fn reset_second_factor(
    state: &State,
    actor: &Actor,
    person: &PersonId,
    why: &str,
    now: DateTime<Utc>,
) -> Result<Vec<Event>, Refusal> {
    administrator(state, actor)?;
    if *actor == Actor::Person(person.clone()) {
        let message = "another administrator has to reset your own second factor";
        return Err(Refusal::new(RefusalKind::Forbidden, "own-second-factor", message));
    }
    if !state.people.contains_key(person) {
        return Err(Refusal::new(RefusalKind::NotFound, "unknown-person", "nobody of this name is in the annex"));
    }
    let reset = Event::SecondFactorReset { person: person.clone(), why: given_reason(why)? };
    Ok(std::iter::once(reset).chain(ending::log_ins_void(state, person, now)).collect())
}
