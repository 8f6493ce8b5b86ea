//! The log-in: e-mail and password, then the second factor. Unknown account, wrong password, wrong code, locked account
//! and struck person get the same answer after the same work, so that nobody can learn who has an account (fault 25).

use super::known::{self, DEVICE_COOKIE};
use super::second_factor::{Stage, due};
use super::{Caller, Person, SESSION_COOKIE, SessionKey, may_use_machine, set_cookie, workstation_required};
use crate::domain::PersonId;
use crate::store::{DEVICE_STANDS, Origin, Proved, StoreError, password};
use crate::web::app::App;
use crate::web::connections::{Connection, Kind};
use crate::web::limits::subscriber;
use crate::web::problem::Problem;
use crate::web::request::{Request, cookie};
use http::StatusCode;
use http::header::HeaderValue;
use serde::Deserialize;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// The longest address of RFC 5321; anything longer has no account.
const MAX_EMAIL_BYTES: usize = 254;
const MAX_PASSWORD_BYTES: usize = 1_024;
/// How long a log-in may wait for its turn at the hash.
const TURN_TIMEOUT: Duration = Duration::from_secs(10);

/// What somebody who logs in gives.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Credentials {
    /// E-mail address.
    pub email: String,
    /// Password.
    pub password: String,
    /// The code of the second factor, or a recovery code, when it is given at once.
    #[serde(default)]
    pub code: Option<String>,
}

/// How far a log-in has come.
pub enum LogIn {
    /// The password is right; the second factor is due. Nobody is logged in yet.
    SecondFactorDue {
        /// Whose password it was.
        person: PersonId,
        /// What they have to do.
        stage: Stage,
    },
    /// Logged in.
    Complete(LoggedIn),
}

/// A log-in that succeeded.
pub struct LoggedIn {
    /// Who.
    pub person: PersonId,
    /// The new session's token.
    pub token: String,
    /// `Set-Cookie` for it, and for the device.
    pub cookies: [HeaderValue; 2],
}

/// The one answer to everything that is wrong with a log-in.
pub fn refused() -> Problem {
    let detail = "the e-mail address, the password or the code is wrong, or the account may not log in";
    Problem::new(StatusCode::UNAUTHORIZED, "login-refused", detail)
}

/// Takes a password, and the code when it comes along.
///
/// # Errors
/// 401, the same for every reason; 429 after too many attempts; 503 when too many log in at once.
pub async fn log_in(app: &App, request: &Request, credentials: Credentials) -> Result<LogIn, Problem> {
    let code = credentials.code.clone();
    let person = password_accepted(app, request, credentials).await?;
    let Some(stage) = due(app, &person).await? else {
        return complete(app, request, person, "").await.map(LogIn::Complete);
    };
    match (stage, code) {
        (Stage::Code, Some(code)) => {
            let word = code_accepted(app, request, &person, code).await?;
            complete(app, request, person, &word).await.map(LogIn::Complete)
        }
        (stage, _) => Ok(LogIn::SecondFactorDue { person, stage }),
    }
}

/// Whose password it is, if it is somebody's who may log in.
async fn password_accepted(app: &App, request: &Request, credentials: Credentials) -> Result<PersonId, Problem> {
    let address = request.peer.address;
    let email = credentials.email.trim().to_lowercase();
    let account: String = email.chars().take(MAX_EMAIL_BYTES).collect();
    app.auth.per_address.check(&subscriber(address.ip()))?;

    let acceptable = email.len() <= MAX_EMAIL_BYTES && credentials.password.len() <= MAX_PASSWORD_BYTES;
    let device = known::device(app, request).await?;
    let identity =
        app.in_store(move |store| if acceptable { store.people().by_email(&email) } else { Ok(None) }).await?;
    let whose = identity.as_ref().map(|identity| &identity.person);
    let origin = known::origin(app, request, whose, device.as_ref());
    // Strangers who flood an account leave its own devices their turn.
    app.auth.per_account.check(&match &origin {
        Origin::Known(device) => format!("{account} {device}"),
        Origin::Stranger(_) => account,
    })?;

    let (identity, right) = at_turn(&app.auth.hashing, move || {
        // The hash is computed whether or not there is an account.
        let password = if acceptable { credentials.password.as_str() } else { "" };
        let right = password::verify(password, identity.as_ref().map(|identity| identity.password_hash.as_str()));
        (identity, right && acceptable)
    })
    .await?;

    let Some(person) = identity.map(|identity| identity.person) else {
        return Err(refuse(app, request, None, "wrong credentials"));
    };
    if known::is_locked_out(app, &person, &origin).await? {
        // Neither judged nor counted: the right password tells as little as a wrong one.
        return Err(refuse(app, request, Some(person), "locked out"));
    }
    if !right {
        known::failed(app, request, &person, &origin).await?;
        return Err(refuse(app, request, Some(person), "wrong credentials"));
    }
    if !is_designated(app, &person) {
        return Err(refuse(app, request, Some(person), "not designated"));
    }
    Ok(person)
}

/// Computes a hash at its turn. The turn goes with the work: whoever asked may hang up meanwhile, the thread goes on.
async fn at_turn<T: Send + 'static>(
    turns: &Arc<Semaphore>,
    compute: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Problem> {
    let Ok(Ok(turn)) = tokio::time::timeout(TURN_TIMEOUT, turns.clone().acquire_owned()).await else {
        let detail = "too many people log in at once: try again in a few seconds";
        return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "busy", detail));
    };
    let work = move || {
        let _turn = turn;
        compute()
    };
    Ok(tokio::task::spawn_blocking(work).await?)
}

/// The hash of a password somebody chose.
pub(super) async fn hashed(app: &App, chosen: String) -> Result<String, Problem> {
    Ok(at_turn(&app.auth.hashing, move || password::hash(&chosen)).await??)
}

fn is_designated(app: &App, person: &PersonId) -> bool {
    app.context.control.read(|state| state.people.contains_key(person))
}

/// Refuses, and says why in the connection log alone.
pub(super) fn refuse(app: &App, request: &Request, person: Option<PersonId>, why: &str) -> Problem {
    let entry = Connection::new(Kind::LoginRefused, Some(request.peer.address), why).by(person);
    app.context.connections.note(entry);
    refused()
}

/// Takes a code or a recovery code, once; gives the words for the connection log.
pub(super) async fn code_accepted(
    app: &App,
    request: &Request,
    person: &PersonId,
    code: String,
) -> Result<String, Problem> {
    let origin = may_try(app, request, person).await?;
    let (whose, now) = (person.clone(), app.context.clock.utc());
    match app.in_store(move |store| store.second_factors().take(&whose, &code, now)).await? {
        Some(Proved::Code) => Ok(String::new()),
        Some(Proved::RecoveryCode { left }) => Ok(format!("recovery code, {left} left")),
        None => {
            known::failed(app, request, person, &origin).await?;
            Err(refuse(app, request, Some(person.clone()), "wrong or used code"))
        }
    }
}

/// Somebody who is logged in types their password again.
pub(super) async fn password_again(
    app: &App,
    request: &Request,
    person: &Person,
    given: String,
) -> Result<(), Problem> {
    let origin = known::origin_of(app, request, &person.id).await?;
    app.auth.per_account.check(&format!("{} again", person.id))?;
    let (whose, store) = (person.id.clone(), app.context.store.clone());
    let right = at_turn(&app.auth.hashing, move || {
        let identity = store.people().get(&whose)?;
        Ok::<_, StoreError>(password::verify(&given, identity.as_ref().map(|identity| identity.password_hash.as_str())))
    });
    let right = right.await??;
    if known::is_locked_out(app, &person.id, &origin).await? {
        return Err(refuse(app, request, Some(person.id.clone()), "locked out"));
    }
    if !right {
        known::failed(app, request, &person.id, &origin).await?;
        return Err(refuse(app, request, Some(person.id.clone()), "wrong credentials"));
    }
    Ok(())
}

/// Whether another code may be tried for this person, and from where it comes.
pub(super) async fn may_try(app: &App, request: &Request, person: &PersonId) -> Result<Origin, Problem> {
    let origin = known::origin_of(app, request, person).await?;
    app.auth.codes.check(&match &origin {
        Origin::Known(device) => format!("{person} {device}"),
        Origin::Stranger(_) => person.to_string(),
    })?;
    if known::is_locked_out(app, person, &origin).await? {
        return Err(refuse(app, request, Some(person.clone()), "locked out"));
    }
    Ok(origin)
}

/// Whether this person may work at the machine the request comes from (A6-1).
///
/// # Errors
/// 403, said plainly: by now they have proved who they are. 401 for somebody who is in no place any more.
pub(super) fn at_their_machine(app: &App, request: &Request, person: &PersonId) -> Result<(), Problem> {
    let Some(place) = app.context.control.read(|state| state.people.get(person).cloned()) else {
        return Err(refuse(app, request, Some(person.clone()), "not designated"));
    };
    if !may_use_machine(app, place.role, place.service.as_ref(), request.peer.certificate.as_deref()) {
        refuse(app, request, Some(person.clone()), "not from a workstation of the service");
        return Err(workstation_required());
    }
    Ok(())
}

/// Everything is proved: a new session; the one the browser had before ends.
pub(super) async fn complete(app: &App, request: &Request, person: PersonId, word: &str) -> Result<LoggedIn, Problem> {
    at_their_machine(app, request, &person)?;
    let (owner, now, ttl) = (person.clone(), app.context.clock.utc(), app.auth.ceiling);
    let before = cookie(&request.headers, SESSION_COOKIE).map(str::to_owned);
    let device = cookie(&request.headers, DEVICE_COOKIE).map(str::to_owned);
    let origin = known::origin_of(app, request, &person).await?;
    let (token, device) = app
        .in_store(move |store| {
            if let Some(before) = before {
                store.web_sessions().revoke(&before)?;
            }
            store.lockouts().succeeded(&owner, &origin)?;
            let device = store.devices().logged_in(device.as_deref(), &owner, now)?;
            Ok((store.web_sessions().create(&owner, now, ttl)?, device))
        })
        .await?;
    app.auth.touch(SessionKey::of(&token), app.context.clock.monotonic());
    let entry = Connection::new(Kind::LoggedIn, Some(request.peer.address), word);
    app.context.connections.note(entry.by(Some(person.clone())));
    let device_stands_s = u64::try_from(DEVICE_STANDS.num_seconds()).unwrap_or(0);
    let cookies =
        [set_cookie(SESSION_COOKIE, &token, None)?, set_cookie(DEVICE_COOKIE, &device, Some(device_stands_s))?];
    Ok(LoggedIn { person, token, cookies })
}

/// Logs the caller out: the session ends, its viewer tokens die, its live branches are left. Gives the `Set-Cookie` that
/// takes the cookie away.
///
/// # Errors
/// Only when the store fails; then the session stands and the caller is told.
pub async fn log_out(app: &App, request: &Request, caller: &Caller) -> Result<HeaderValue, Problem> {
    if let (Some(person), Some(token)) = (&caller.person, &caller.secret) {
        let token = token.clone();
        app.in_store(move |store| store.web_sessions().revoke(&token)).await?;
        app.auth.forget(person.session);
        app.bearers.revoke(person.session);
        for session in app.resources.of_login(person.session) {
            app.context.viewers.leave(&session).await;
        }
        let entry = Connection::new(Kind::LoggedOut, Some(request.peer.address), "").by(Some(person.id.clone()));
        app.context.connections.note(entry);
    }
    set_cookie(SESSION_COOKIE, "", Some(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::oneshot;

    #[tokio::test]
    async fn a_hash_keeps_its_turn_when_whoever_asked_has_hung_up() {
        let turns = Arc::new(Semaphore::new(1));
        let (begin, begun) = oneshot::channel();
        let (finish, finished) = std::sync::mpsc::channel::<()>();
        let asked = tokio::spawn({
            let turns = turns.clone();
            let work = move || {
                begin.send(()).unwrap();
                finished.recv().unwrap();
            };
            async move { at_turn(&turns, work).await.is_ok() }
        });
        begun.await.unwrap();
        asked.abort();
        assert!(asked.await.unwrap_err().is_cancelled());
        assert_eq!(turns.available_permits(), 0, "the thread still computes");
        finish.send(()).unwrap();
        let turn = tokio::time::timeout(Duration::from_secs(60), turns.acquire()).await;
        assert!(turn.unwrap().is_ok(), "the turn is given back at the end");
    }
}
