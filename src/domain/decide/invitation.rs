//! Who may invite, what an invitation is worth, and that it is accepted once (A3-3).
//!
//! To accept one is to begin anew: the password is set, and whatever proved the person before (second factor, log-ins)
//! is void. So it serves the first log-in, a forgotten password and a lost telephone alike.

use super::annex::administrator;
use super::ending;
use crate::domain::command::Actor;
use crate::domain::event::Event;
use crate::domain::ids::PersonId;
use crate::domain::invitation::{INVITATION_STANDS, InvitationWay};
use crate::domain::refusal::{Refusal, RefusalKind};
use crate::domain::state::State;
use chrono::{DateTime, Utc};

/// An invitation, in place of the one before. Nobody invites themselves: with a stolen session that would be a way to
/// somebody's password. The machine's own console may invite anybody, the only administrator included.
pub(super) fn invite(
    state: &State,
    actor: &Actor,
    person: &PersonId,
    way: InvitationWay,
    now: DateTime<Utc>,
) -> Result<Vec<Event>, Refusal> {
    administrator(state, actor)?;
    if *actor == Actor::Person(person.clone()) {
        let message = "another administrator has to invite you, or the server's own console";
        return Err(Refusal::new(RefusalKind::Forbidden, "own-invitation", message));
    }
    if !state.people.contains_key(person) {
        return Err(Refusal::new(RefusalKind::NotFound, "unknown-person", "nobody of this name is in the annex"));
    }
    Ok(vec![Event::Invited { person: person.clone(), way, expires_at_utc: now + INVITATION_STANDS }])
}

pub(super) fn revoke(state: &State, actor: &Actor, person: &PersonId) -> Result<Vec<Event>, Refusal> {
    administrator(state, actor)?;
    if !state.invitations.contains_key(person) {
        return Ok(Vec::new());
    }
    Ok(vec![Event::InvitationRevoked { person: person.clone() }])
}

/// The invited person, known by the link they hold. One writer decides, so two who hold it at once are one and a refusal.
pub(super) fn accept(
    state: &State,
    actor: &Actor,
    person: &PersonId,
    number: u64,
    now: DateTime<Utc>,
) -> Result<Vec<Event>, Refusal> {
    let stands = state.invitations.get(person).is_some_and(|known| known.number == number && known.stands(now));
    if !stands || *actor != Actor::Person(person.clone()) || !state.people.contains_key(person) {
        let message = "this invitation was used, replaced or revoked, or has expired: ask for another one";
        return Err(Refusal::new(RefusalKind::Gone, "invitation-void", message));
    }
    let accepted = Event::InvitationAccepted { person: person.clone() };
    Ok(std::iter::once(accepted).chain(ending::log_ins_void(state, person, now)).collect())
}
