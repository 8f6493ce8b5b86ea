//! Nobody changes their own rights alone: such a change waits until another administrator or a decider confirms it.

use super::conditions::with_consequences;
use super::{annex, designated, dossier};
use crate::domain::command::Actor;
use crate::domain::event::Event;
use crate::domain::ids::PersonId;
use crate::domain::person::Role;
use crate::domain::refusal::{Refusal, RefusalKind};
use crate::domain::rights::RightsChange;
use crate::domain::state::State;
use chrono::{DateTime, Utc};

/// The proposal to record instead of the change, when the change is about the one who makes it.
pub(super) fn own_change(state: &State, actor: &Actor, about: &[&PersonId], rights: RightsChange) -> Option<Event> {
    match actor {
        Actor::Person(person) if about.contains(&person) => {
            Some(Event::ChangeProposed { change: state.next_seq, rights })
        }
        Actor::Person(_) | Actor::System => None,
    }
}

/// A second person confirms or declines; who proposed it may take it back.
pub(super) fn settle(
    state: &State,
    actor: &Actor,
    change: u64,
    confirm: bool,
    now: DateTime<Utc>,
) -> Result<Vec<Event>, Refusal> {
    let (person, place) = designated(state, actor)?;
    if !matches!(place.role, Role::Administrator | Role::Decider) {
        let message = "only another administrator or a decider settles a change of rights";
        return Err(Refusal::new(RefusalKind::Forbidden, "second-person-only", message));
    }
    let Some(proposal) = state.proposals.get(&change) else {
        let message = "there is no such change, or it has been settled already";
        return Err(Refusal::new(RefusalKind::NotFound, "unknown-change", message));
    };
    if !confirm {
        return Ok(vec![Event::ChangeDeclined { change }]);
    }
    if proposal.by == *person {
        let message = "nobody confirms their own change of rights: ask another administrator or a decider";
        return Err(Refusal::new(RefusalKind::Forbidden, "own-change", message));
    }
    let mut events = vec![Event::ChangeConfirmed { change }];
    match &proposal.rights {
        RightsChange::Designation { designation } => {
            // The world may have moved on since it was proposed.
            annex::control_designation(state, designation)?;
            events.push(Event::Designated { designation: designation.clone() });
        }
        RightsChange::Strike { person } => events.push(Event::Struck { person: person.clone() }),
        RightsChange::Deciders { site, deciders } => {
            let Some(site) = state.sites.get(site) else {
                return Err(Refusal::new(RefusalKind::Conflict, "unknown-site", "the site is gone"));
            };
            events.extend(dossier::name_deciders(state, site, deciders)?);
        }
    }
    Ok(with_consequences(state, actor, events, now))
}
