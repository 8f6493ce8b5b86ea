//! Who asks: log-in sessions in `__Host-` cookies, what they are bound to, and when they end.
//!
//! - Only the SHA-256 of a session's token is stored, or kept in memory.
//! - A log-in makes a new session and ends the one the browser had before (rotation).
//! - A session ends after 30 min without use (watching live images is use) and after 12 h in any case; a person struck
//!   from the annex is logged out with their next request (fault 8).
//! - A log-in has two steps: a password accepted makes no session, it only leads to the second factor ([`second_factor`]).
//! - Role and sites are read from the keeper's state at every request, never from the session.

mod csrf;
mod invitation;
mod known;
mod login;
pub mod oidc;
pub mod oidc_provider;
mod own;
mod passkey;
mod second_factor;

pub use csrf::{VISITOR_COOKIE, csrf_token, is_asked_for_here, is_own_origin, proves};
pub use invitation::{Accepted, Invited, accept, invited};
pub use login::{Credentials, LogIn, LoggedIn, log_in, log_out};
pub use own::{add_passkey, own_factor, remove_passkey};
pub use second_factor::{Given, Proof, Stage, asked, log_in_cookie_gone, prove, stage, start};

use super::app::App;
use super::limits::Limit;
use super::pages::Language;
use super::problem::Problem;
use super::request::{Certificate, cookie};
use super::settings::WebSettings;
use crate::domain::{PersonId, Role, ServiceId, SiteId};
use chrono::{DateTime, Utc};
use http::HeaderMap;
use http::header::HeaderValue;
use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;

/// The session's cookie.
pub const SESSION_COOKIE: &str = "__Host-session";

/// Names a session without being able to open it: SHA-256 of its token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SessionKey([u8; 32]);

impl SessionKey {
    /// The key of a token.
    pub fn of(token: &str) -> Self {
        Self(openssl::sha::sha256(token.as_bytes()))
    }
}

/// A logged-in person, as the annex in force has them.
#[derive(Debug, Clone)]
pub struct Person {
    /// Pseudonym.
    pub id: PersonId,
    /// Role.
    pub role: Role,
    /// Sites of the designation.
    pub sites: BTreeSet<SiteId>,
    /// Service, for the police.
    pub service: Option<ServiceId>,
    /// Name as people read it.
    pub name: String,
    /// E-mail address.
    pub email: String,
    /// Language of choice.
    pub language: Language,
    /// The workstation's certificate behind this request (A6-1).
    pub certificate: Option<Arc<Certificate>>,
    /// The log-in session behind this request.
    pub session: SessionKey,
    /// Since when they are logged in.
    pub session_since_utc: DateTime<Utc>,
    /// When that session ends at the latest.
    pub session_until_utc: DateTime<Utc>,
}

/// Who is behind a request.
#[derive(Debug, Clone, Default)]
pub struct Caller {
    /// The person, when somebody is logged in.
    pub person: Option<Person>,
    /// The cookie value that forms are bound to: the session's, else the visitor's.
    pub secret: Option<String>,
    /// There was a session and it has ended; said on the log-in page.
    pub expired: bool,
    /// The person comes with a viewer token, not with a session.
    pub by_token: bool,
}

impl Caller {
    /// The person.
    ///
    /// # Errors
    /// 401; the table refuses anonymous callers before handlers run, so this is a second lock.
    pub fn person(&self) -> Result<&Person, Problem> {
        self.person.as_ref().ok_or_else(unauthorised)
    }
    /// Their role, if anybody is logged in.
    pub fn role(&self) -> Option<Role> {
        self.person.as_ref().map(|person| person.role)
    }
    /// Their pseudonym.
    pub fn id(&self) -> Option<PersonId> {
        self.person.as_ref().map(|person| person.id.clone())
    }
    /// The token that proves that a form comes from our own page.
    pub fn csrf(&self) -> String {
        self.secret.as_deref().map(csrf_token).unwrap_or_default()
    }
}

/// "Log in first."
pub fn unauthorised() -> Problem {
    Problem::new(http::StatusCode::UNAUTHORIZED, "not-logged-in", "log in first")
}

/// Log-ins and sessions of this server.
pub struct Auth {
    last_used: Mutex<HashMap<SessionKey, Instant>>,
    idle: Duration,
    ceiling: Duration,
    hashing: Arc<Semaphore>,
    per_address: Limit<IpAddr>,
    per_account: Limit<String>,
    codes: Limit<String>,
    pending: second_factor::PendingLogIns,
    passkeys: passkey::Passkeys,
}

impl Auth {
    /// With these times and limits.
    pub fn new(settings: &WebSettings) -> Self {
        // Each hash keeps a core busy for tens of milliseconds: leave some to the media.
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self {
            last_used: Mutex::default(),
            idle: settings.session_idle,
            ceiling: settings.session_ceiling,
            hashing: Arc::new(Semaphore::new((cores / 2).max(1))),
            per_address: Limit::new(settings.limits.login_per_address),
            per_account: Limit::new(settings.limits.login_per_account),
            codes: Limit::new(settings.limits.login_per_account),
            pending: second_factor::PendingLogIns::default(),
            passkeys: passkey::Passkeys::new(&settings.public_url),
        }
    }

    /// Whether the session has been used recently enough. A session this process has not seen yet (it was opened before
    /// a restart) counts from now.
    fn is_fresh(&self, key: SessionKey, now: Instant) -> bool {
        let last_used = self.last_used.lock().unwrap_or_else(PoisonError::into_inner);
        last_used.get(&key).is_none_or(|last| now.saturating_duration_since(*last) < self.idle)
    }

    fn touch(&self, key: SessionKey, now: Instant) {
        let mut last_used = self.last_used.lock().unwrap_or_else(PoisonError::into_inner);
        if last_used.len() >= 4_096 {
            last_used.retain(|_, last| now.saturating_duration_since(*last) < self.ceiling);
        }
        last_used.insert(key, now);
    }

    fn forget(&self, key: SessionKey) {
        self.last_used.lock().unwrap_or_else(PoisonError::into_inner).remove(&key);
    }
}

/// Finds out who asks. Anything that does not fit is nobody.
///
/// # Errors
/// Only when the store fails.
pub async fn identify(app: &App, headers: &HeaderMap) -> Result<Caller, Problem> {
    let visitor = || cookie(headers, VISITOR_COOKIE).map(str::to_owned);
    let Some(token) = cookie(headers, SESSION_COOKIE).map(str::to_owned) else {
        return Ok(Caller { secret: visitor(), ..Caller::default() });
    };
    let key = SessionKey::of(&token);
    match person_of_session(app, &token, key).await? {
        Some(person) => {
            app.auth.touch(key, app.context.clock.monotonic());
            Ok(Caller { person: Some(person), secret: Some(token), ..Caller::default() })
        }
        None => {
            app.auth.forget(key);
            Ok(Caller { secret: visitor(), expired: true, ..Caller::default() })
        }
    }
}

/// Whether somebody of this role and service may use the machine behind this certificate (A6-1). Where workstations have
/// an authority, the police may from a registered one of their own service alone; everybody else from anywhere.
pub fn may_use_machine(app: &App, role: Role, service: Option<&ServiceId>, certificate: Option<&Certificate>) -> bool {
    if app.settings.workstation_ca_pem.is_none() || !role.is_police() {
        return true;
    }
    let (Some(service), Some(certificate)) = (service, certificate) else { return false };
    let now = app.context.clock.utc();
    app.context.control.read(|state| {
        state.workstations.values().any(|known| {
            known.certificate_sha256 == certificate.sha256
                && known.id.as_str() == certificate.name
                && known.service == *service
                && now < known.until_utc
        })
    })
}

/// "Use the dedicated workstation."
pub fn workstation_required() -> Problem {
    let detail =
        "this is for the dedicated workstation of your service: its certificate is missing, revoked or another's";
    Problem::new(http::StatusCode::FORBIDDEN, "workstation-required", detail)
}

/// Whether a session still stands, without counting as its use; for streams that stay open.
pub async fn still_stands(app: &App, person: &Person) -> bool {
    let now = app.context.clock.utc();
    let stands = app.context.control.read(|state| {
        state.people.get(&person.id).is_some_and(|place| place.role == person.role)
            && state.outlives_reset(&person.id, person.session_since_utc)
    });
    stands
        && may_use_machine(app, person.role, person.service.as_ref(), person.certificate.as_deref())
        && now < person.session_until_utc
        && (app.auth.is_fresh(person.session, app.context.clock.monotonic()) || is_watching(app, &person.id))
        && app.auth.knows(person.session)
}

impl Auth {
    fn knows(&self, key: SessionKey) -> bool {
        self.last_used.lock().unwrap_or_else(PoisonError::into_inner).contains_key(&key)
    }
}

fn is_watching(app: &App, person: &PersonId) -> bool {
    app.context.control.live_grants().iter().any(|(terms, _)| terms.person == *person)
}

async fn person_of_session(app: &App, token: &str, key: SessionKey) -> Result<Option<Person>, Problem> {
    let now = app.context.clock.utc();
    let owned = token.to_owned();
    let Some((session, identity)) = app
        .in_store(move |store| {
            let Some(session) = store.web_sessions().lookup(&owned, now)? else { return Ok(None) };
            let identity = store.people().get(&session.person)?;
            Ok(Some((session, identity)))
        })
        .await?
    else {
        return Ok(None);
    };
    let fresh = app.auth.is_fresh(key, app.context.clock.monotonic()) || is_watching(app, &session.person);
    let place = app.context.control.read(|state| {
        let stands = state.outlives_reset(&session.person, session.created_at_utc);
        state.people.get(&session.person).filter(|_| stands).cloned()
    });
    let (Some(place), Some(identity), true) = (place, identity, fresh) else {
        let owned = token.to_owned();
        app.in_store(move |store| store.web_sessions().revoke(&owned)).await?;
        return Ok(None);
    };
    Ok(Some(Person {
        id: place.person,
        role: place.role,
        sites: place.sites,
        service: place.service,
        name: identity.name,
        email: identity.email,
        language: Language::from_tag(&identity.language).unwrap_or(app.settings.language),
        certificate: None,
        session: key,
        session_since_utc: session.created_at_utc,
        session_until_utc: session.expires_at_utc,
    }))
}

/// `Set-Cookie` of a cookie that only this host, only over TLS and only from its own pages gets back.
pub fn set_cookie(name: &str, value: &str, max_age_s: Option<u64>) -> Result<HeaderValue, Problem> {
    let mut cookie = format!("{name}={value}; Path=/; Secure; HttpOnly; SameSite=Strict");
    if let Some(max_age_s) = max_age_s {
        cookie.push_str(&format!("; Max-Age={max_age_s}"));
    }
    HeaderValue::from_str(&cookie).map_err(|error| Problem::internal("a cookie", &error))
}
