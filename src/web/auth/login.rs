//! The log-in: e-mail and password. Unknown account, wrong password and struck person get the same answer after the same
//! work, so that nobody can learn who has an account (fault 25).

use super::{Caller, SESSION_COOKIE, SessionKey, set_cookie};
use crate::domain::PersonId;
use crate::store::password;
use crate::web::app::App;
use crate::web::connections::{Connection, Kind};
use crate::web::limits::subscriber;
use crate::web::problem::Problem;
use crate::web::request::{Request, cookie};
use http::StatusCode;
use http::header::HeaderValue;
use serde::Deserialize;
use std::time::Duration;

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
}

/// A log-in that succeeded.
pub struct LoggedIn {
    /// Who.
    pub person: PersonId,
    /// The new session's token.
    pub token: String,
    /// `Set-Cookie` for it.
    pub cookie: HeaderValue,
}

fn refused() -> Problem {
    let detail = "the e-mail address or the password is wrong, or the account may not log in";
    Problem::new(StatusCode::UNAUTHORIZED, "login-refused", detail)
}

/// Logs somebody in: a new session; the one the browser had before ends.
///
/// # Errors
/// 401, the same for every reason; 429 after too many attempts; 503 when too many log in at once.
pub async fn log_in(app: &App, request: &Request, credentials: Credentials) -> Result<LoggedIn, Problem> {
    let address = request.peer.address;
    let email = credentials.email.trim().to_lowercase();
    let account: String = email.chars().take(MAX_EMAIL_BYTES).collect();
    app.auth.per_address.check(&subscriber(address.ip()))?;
    app.auth.per_account.check(&account)?;

    let acceptable = email.len() <= MAX_EMAIL_BYTES && credentials.password.len() <= MAX_PASSWORD_BYTES;
    let turn = tokio::time::timeout(TURN_TIMEOUT, app.auth.hashing.acquire()).await;
    let Ok(Ok(_turn)) = turn else {
        let detail = "too many people log in at once: try again in a few seconds";
        return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "busy", detail));
    };
    let store = app.context.store.clone();
    let (identity, right) = tokio::task::spawn_blocking(move || {
        let identity = if acceptable { store.people().by_email(&email)? } else { None };
        // The hash is computed whether or not there is an account.
        let password = if acceptable { credentials.password.as_str() } else { "" };
        let right = password::verify(password, identity.as_ref().map(|identity| identity.password_hash.as_str()));
        Ok::<_, crate::store::StoreError>((identity, right && acceptable))
    })
    .await??;

    let person = identity.map(|identity| identity.person);
    let designated =
        person.as_ref().is_some_and(|person| app.context.control.read(|state| state.people.contains_key(person)));
    let (Some(person), true, true) = (person.clone(), right, designated) else {
        let why = if right { "not designated" } else { "wrong credentials" };
        app.context.connections.note(Connection::new(Kind::LoginRefused, Some(address), why).by(person));
        return Err(refused());
    };

    let (owner, now, ttl) = (person.clone(), app.context.clock.utc(), app.auth.ceiling);
    let before = cookie(&request.headers, SESSION_COOKIE).map(str::to_owned);
    let token = app
        .in_store(move |store| {
            if let Some(before) = before {
                store.web_sessions().revoke(&before)?;
            }
            store.web_sessions().create(&owner, now, ttl)
        })
        .await?;
    app.auth.touch(SessionKey::of(&token), app.context.clock.monotonic());
    app.context.connections.note(Connection::new(Kind::LoggedIn, Some(address), "").by(Some(person.clone())));
    let cookie = set_cookie(SESSION_COOKIE, &token, None)?;
    Ok(LoggedIn { person, token, cookie })
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
