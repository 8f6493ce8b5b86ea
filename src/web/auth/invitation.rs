//! An invitation, as the invited person meets it: the link shows a form and changes nothing (a mail scanner's GET is as
//! good as theirs); the form sets the password, voids whatever proved them before, and leads on to the second factor.

use super::login::hashed;
use super::second_factor::{Stage, due, start};
use crate::domain::{Action, Actor, Command, PersonId};
use crate::store::Identity;
use crate::web::app::App;
use crate::web::problem::Problem;
use http::header::HeaderValue;

/// An invitation that stands.
pub struct Invited {
    /// Who is invited.
    pub identity: Identity,
    number: u64,
}

/// The invitation behind a link's token, if it stands.
///
/// # Errors
/// Only when the store fails.
pub async fn invited(app: &App, token: &str) -> Result<Option<Invited>, Problem> {
    let token = token.to_owned();
    let found = app.in_store(move |store| {
        let Some(link) = store.invitations().find(&token)? else { return Ok(None) };
        Ok(store.people().get(&link.person)?.map(|identity| Invited { identity, number: link.number }))
    });
    let (found, now) = (found.await?, app.context.clock.utc());
    Ok(found.filter(|invited| {
        app.context.control.read(|state| {
            let known = state.invitations.get(&invited.identity.person);
            known.is_some_and(|known| known.number == invited.number && known.stands(now))
                && state.people.contains_key(&invited.identity.person)
        })
    }))
}

/// What comes after an invitation was accepted.
pub enum Accepted {
    /// The second factor: `Set-Cookie` of the half-done log-in.
    SecondFactorDue(HeaderValue),
    /// A password is enough here: the log-in.
    LogIn,
}

/// Sets the password of the invited. The keeper says first that the invitation is theirs and unused.
///
/// # Errors
/// 410 when it is void by now; 503 when too many log in at once, or the register cannot be written.
pub async fn accept(app: &App, invited: Invited, password: String) -> Result<Accepted, Problem> {
    let Invited { mut identity, number } = invited;
    // Before the keeper is asked: a hash that cannot be made must not use the invitation up.
    identity.password_hash = hashed(app, password).await?;
    let person = identity.person.clone();
    let action = Action::AcceptInvitation { person: person.clone(), number };
    app.context.control.execute(Command { actor: Actor::Person(person.clone()), action }).await?;
    let (whose, now) = (person.clone(), app.context.clock.utc());
    app.in_store(move |store| {
        store.people().put(&identity)?;
        store.forget_proofs(&whose, now)
    })
    .await?;
    log_in_next(app, person).await
}

async fn log_in_next(app: &App, person: PersonId) -> Result<Accepted, Problem> {
    match due(app, &person).await? {
        Some(stage @ Stage::Enrolment(_)) => Ok(Accepted::SecondFactorDue(start(app, person, stage, None)?)),
        // Nothing to enrol: the password proves nothing yet that a log-in would not ask for.
        Some(_) | None => Ok(Accepted::LogIn),
    }
}
