//! Log-in by the landlord's identity provider (OpenID Connect, authorization code with PKCE), where `[oidc]` configures
//! one: for the landlord's roles alone, never the police, and only for people an administrator has designated already.
//!
//! - The browser that comes back must be the one that left: `state` and a cookie of its own say so, once, for ten minutes.
//! - The provider's word is its signed ID token for this very log-in ([`super::oidc_provider`]); the verified e-mail
//!   address in it is matched with an account. There is no account that is not there already.
//! - Our own second factor is asked for as well, unless the token says in words the configuration believes (`amr`, `acr`)
//!   that the provider has asked for one.
//! - A provider that is down is said to be; the password works as ever.

use super::login::complete;
use super::oidc_provider::{Expected, OidcSettings, OidcSettingsError, Provider, ProviderError, Vouched};
use super::second_factor::due;
use super::{LoggedIn, SessionKey, Stage};
use crate::domain::PersonId;
use crate::web::app::App;
use crate::web::connections::{Connection, Kind};
use crate::web::limits::subscriber;
use crate::web::problem::Problem;
use crate::web::request::{Request, cookie};
use http::header::HeaderValue;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The cookie of a log-in that is at the provider. Lax, unlike all others: it must come back with somebody whom another
/// site sends here.
const AWAY_COOKIE: &str = "__Host-oidc";
/// How long somebody may stay at the provider.
const PATIENCE: Duration = Duration::from_secs(10 * 60);
/// More log-ins than this are not kept; the oldest go first.
const MOST: usize = 1_024;

/// A log-in whose person is at the provider.
struct Away {
    expected: Expected,
    next: Option<String>,
    until: Instant,
}

/// The provider, and who is there now.
pub struct Oidc {
    provider: Provider,
    away: Mutex<HashMap<SessionKey, Away>>,
}

impl Oidc {
    /// With this provider.
    ///
    /// # Errors
    /// When its authorities cannot be used.
    pub fn new(settings: OidcSettings) -> Result<Self, OidcSettingsError> {
        Ok(Self { provider: Provider::new(settings)?, away: Mutex::default() })
    }

    /// The provider's name, for the log-in page.
    pub fn name(&self) -> &str {
        &self.provider.settings.name
    }

    fn with<T>(&self, act: impl FnOnce(&mut HashMap<SessionKey, Away>) -> T) -> T {
        // Each change of the map is one statement: it is whole even if a holder panicked.
        act(&mut self.away.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn leaves(&self, key: SessionKey, away: Away, now: Instant) {
        self.with(|all| {
            if all.len() >= MOST {
                all.retain(|_, other| now < other.until);
            }
            if all.len() >= MOST {
                let oldest = all.iter().min_by_key(|(_, other)| other.until).map(|(key, _)| *key);
                oldest.map(|key| all.remove(&key));
            }
            all.insert(key, away);
        });
    }

    /// Takes the log-in out: whatever comes of it, it is not good a second time.
    fn returns(&self, key: SessionKey, now: Instant) -> Option<Away> {
        self.with(|all| all.remove(&key)).filter(|away| now < away.until)
    }
}

/// Why a log-in by the provider came to nothing.
pub enum Failure {
    /// The provider does not answer.
    Down,
    /// It did not end as it began: too late, from elsewhere, broken off, or with an answer that is not good.
    Broken,
    /// The provider vouches for somebody who may not log in here this way.
    NotHere,
    /// Something else, with its own answer.
    Other(Problem),
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self::Other(problem)
    }
}

/// How a log-in by the provider goes on.
pub enum Next {
    /// Logged in.
    Complete(LoggedIn),
    /// Our own second factor is due.
    SecondFactorDue {
        /// Whose.
        person: PersonId,
        /// What they have to do.
        stage: Stage,
    },
}

/// Begins a log-in: where to send the browser, and the cookie it has to come back with.
///
/// # Errors
/// [`Failure`].
pub async fn begin(app: &App, request: &Request, next: Option<String>) -> Result<(String, HeaderValue), Failure> {
    let oidc = app.oidc.as_ref().ok_or_else(Problem::not_found)?;
    app.auth.per_address.check(&subscriber(request.peer.address.ip()))?;
    let (url, expected) = oidc.provider.begin().await.map_err(|error| failed(app, request, &error))?;
    let mut token = [0_u8; 32];
    openssl::rand::rand_bytes(&mut token).map_err(|error| Problem::internal("no randomness", &error))?;
    let token: String = token.iter().map(|byte| format!("{byte:02x}")).collect();
    let now = app.context.clock.monotonic();
    oidc.leaves(SessionKey::of(&token), Away { expected, next, until: now + PATIENCE }, now);
    Ok((url, away_cookie(&token, PATIENCE.as_secs())?))
}

/// Somebody is sent back by the provider: who they are, or why not; and where they wanted to go.
///
/// # Errors
/// [`Failure`].
pub async fn returned(app: &App, request: &Request) -> Result<(Next, Option<String>), Failure> {
    // How often is counted when a log-in begins: what was not begun here costs nothing.
    let oidc = app.oidc.as_ref().ok_or_else(Problem::not_found)?;
    let key = cookie(&request.headers, AWAY_COOKIE).map(SessionKey::of);
    let Some(away) = key.and_then(|key| oidc.returns(key, app.context.clock.monotonic())) else {
        return Err(broken(app, request, "no log-in at the provider was begun by this browser, or it took too long"));
    };
    let state = request.query("state").unwrap_or_default();
    let expected = away.expected.state.secret();
    if state.len() != expected.len() || !openssl::memcmp::eq(state.as_bytes(), expected.as_bytes()) {
        return Err(broken(app, request, "the state is not the one that was sent"));
    }
    let Some(code) = request.query("code").filter(|_| request.query("error").is_none()) else {
        return Err(broken(app, request, "the provider sent no code"));
    };
    let vouched = oidc.provider.finish(code, away.expected, app.context.clock.utc()).await;
    let vouched = vouched.map_err(|error| failed(app, request, &error))?;
    let person = account_of(app, request, &oidc.provider.settings, &vouched).await?;
    let stage = if vouched.with_second_factor { None } else { due(app, &person).await? };
    let next = match stage {
        Some(stage) => Next::SecondFactorDue { person, stage },
        None => Next::Complete(complete(app, request, person, "by the identity provider").await?),
    };
    Ok((next, away.next))
}

/// The designated person with this address, if their role may log in this way.
async fn account_of(
    app: &App,
    request: &Request,
    settings: &OidcSettings,
    vouched: &Vouched,
) -> Result<PersonId, Failure> {
    let email = vouched.email.trim().to_lowercase();
    let identity = app.in_store(move |store| store.people().by_email(&email)).await?;
    let Some(person) = identity.map(|identity| identity.person) else {
        note(app, request, None, "by the identity provider: no such account");
        return Err(Failure::NotHere);
    };
    let role = app.context.control.read(|state| state.people.get(&person).map(|place| place.role));
    match role {
        Some(role) if !role.is_police() && settings.roles.contains(&role) => Ok(person),
        role => {
            let why = if role.is_some() { "not for this role" } else { "not designated" };
            note(app, request, Some(person), &format!("by the identity provider: {why}"));
            Err(Failure::NotHere)
        }
    }
}

fn note(app: &App, request: &Request, person: Option<PersonId>, why: &str) {
    app.context.connections.note(Connection::new(Kind::LoginRefused, Some(request.peer.address), why).by(person));
}

fn broken(app: &App, request: &Request, why: &str) -> Failure {
    note(app, request, None, &format!("by the identity provider: {why}"));
    Failure::Broken
}

fn failed(app: &App, request: &Request, error: &ProviderError) -> Failure {
    tracing::warn!(%error, "log-in by the identity provider");
    match error {
        ProviderError::Down(_) => {
            note(app, request, None, "by the identity provider: it does not answer");
            Failure::Down
        }
        ProviderError::Unfit(_) => broken(app, request, "its answer does not fit"),
        ProviderError::NoEmail => {
            note(app, request, None, "by the identity provider: no verified e-mail address");
            Failure::NotHere
        }
    }
}

/// `Set-Cookie` for a log-in that is at the provider; an age of 0 takes it away.
fn away_cookie(token: &str, max_age_s: u64) -> Result<HeaderValue, Problem> {
    let text = format!("{AWAY_COOKIE}={token}; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age={max_age_s}");
    HeaderValue::from_str(&text).map_err(|error| Problem::internal("a cookie", &error))
}

/// `Set-Cookie` that takes the cookie of a log-in at the provider away.
///
/// # Errors
/// Never in practice: the value is fixed.
pub fn away_cookie_gone() -> Result<HeaderValue, Problem> {
    away_cookie("", 0)
}
