//! A person's own second factor, changed by themselves: their password is asked for again, under the same lock-out as at
//! the log-in.

use super::login::{password_again, refuse};
use super::second_factor::standing_factor;
use super::{Person, passkey};
use crate::store::{SecondFactor, StoredPasskey};
use crate::web::app::App;
use crate::web::connections::{Connection, Kind};
use crate::web::problem::Problem;
use crate::web::request::Request;
use http::StatusCode;

/// What somebody has, and what their browser is told to make another passkey.
pub struct OwnFactor {
    /// The second factor that stands.
    pub factor: Option<SecondFactor>,
    /// The passkeys that count.
    pub passkeys: Vec<StoredPasskey>,
    /// For the browser; `None`: no passkey can be had here.
    pub options: Option<String>,
}

/// A person's second factor, with a new challenge for their session.
///
/// # Errors
/// When the store fails.
pub async fn own_factor(app: &App, person: &Person) -> Result<OwnFactor, Problem> {
    let factor = standing_factor(app, &person.id).await?;
    let passkeys = passkey::standing(app, &person.id).await?;
    let whose = person.id.clone();
    let identity = app.in_store(move |store| store.people().get(&whose)).await?;
    // A passkey is a second factor's: where there is none, the log-in enrols the first.
    let options = match identity.filter(|_| factor.is_some()) {
        Some(identity) => passkey::offer_another(app, person.session, &identity, &passkeys)?,
        None => None,
    };
    Ok(OwnFactor { factor, passkeys, options })
}

/// Adds a passkey.
///
/// # Errors
/// 401 when the password is wrong; 422 when what the browser sent is no new key, 409 when there are too many.
pub async fn add_passkey(
    app: &App,
    request: &Request,
    person: &Person,
    password: String,
    name: String,
    answer: &str,
) -> Result<(), Problem> {
    // First of all, so that the challenge is used up whatever follows.
    let made = passkey::made_another(app, person.session, answer);
    password_again(app, request, person, password).await?;
    let refused = |status, code, detail: &str| Err(Problem::new(status, code, detail.to_owned()));
    let Some(made) = made else {
        refuse(app, request, Some(person.id.clone()), "a new passkey could not be verified");
        return refused(
            StatusCode::UNPROCESSABLE_ENTITY,
            "passkey-unusable",
            "the passkey could not be verified: load the page again and try once more",
        );
    };
    if standing_factor(app, &person.id).await?.is_none() {
        return refused(StatusCode::CONFLICT, "no-second-factor", "enrol a second factor at the log-in first");
    }
    let (whose, control, now) = (person.id.clone(), app.context.control.clone(), app.context.clock.utc());
    let added = app.in_store(move |store| {
        let is_void = |known: &StoredPasskey| !control.read(|state| state.outlives_reset(&whose, known.added_at_utc));
        store.passkeys().add(&whose, &name, made, now, is_void)
    });
    if !added.await? {
        return refused(StatusCode::CONFLICT, "passkeys-full", "you have this passkey already, or ten of them");
    }
    note(app, request, person, Kind::PasskeyAdded);
    Ok(())
}

/// Removes a passkey; not the last way in.
///
/// # Errors
/// 401 when the password is wrong; 404 when there is no such key, 409 when nothing else would be left.
pub async fn remove_passkey(
    app: &App,
    request: &Request,
    person: &Person,
    password: String,
    id: String,
) -> Result<(), Problem> {
    let passkeys = passkey::standing(app, &person.id).await?;
    if !passkeys.iter().any(|key| key.id == id) {
        return Err(Problem::not_found());
    }
    password_again(app, request, person, password).await?;
    let has_application = standing_factor(app, &person.id).await?.is_some_and(|factor| factor.has_application());
    let whose = person.id.clone();
    // The table says in one breath whether another is left: two removals at once must not take both.
    let removed = app.in_store(move |store| store.passkeys().remove(&whose, &id, has_application)).await?;
    if !removed {
        let detail = "this passkey is your only second factor: add another one first";
        return Err(Problem::new(StatusCode::CONFLICT, "last-second-factor", detail));
    }
    note(app, request, person, Kind::PasskeyRemoved);
    Ok(())
}

fn note(app: &App, request: &Request, person: &Person, kind: Kind) {
    let entry = Connection::new(kind, Some(request.peer.address), "");
    app.context.connections.note(entry.by(Some(person.id.clone())));
}
