//! Passkeys as second factor: the two ceremonies of WebAuthn, each with a challenge that is kept here and taken once.
//!
//! The relying party is the host of the public URL, for ever: a passkey made under one name is worth nothing under
//! another. A host that is an IP address can have none (WebAuthn wants a name); then nothing offers them. User
//! verification (PIN, finger, face) is required in both ceremonies.

use super::SessionKey;
use crate::domain::PersonId;
use crate::store::{Identity, StoredPasskey};
use crate::web::app::App;
use crate::web::problem::Problem;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use webauthn_rs::prelude::{
    AuthenticationResult, Passkey, PasskeyAuthentication, PasskeyRegistration, Url, Uuid, Webauthn, WebauthnBuilder,
};

/// How long a challenge waits for its answer.
const PATIENCE: Duration = Duration::from_secs(5 * 60);
/// Longest answer of a browser, bytes.
const MAX_ANSWER_BYTES: usize = 16 * 1024;
/// More registrations than this are not kept; the oldest go first.
const MOST: usize = 4_096;

/// What a half-done log-in has asked an authenticator.
#[derive(Clone)]
pub(super) enum Challenge {
    /// To make a key.
    Registration(PasskeyRegistration),
    /// To prove a key.
    Authentication(PasskeyAuthentication),
}

/// The relying party, and challenges of people who are logged in.
pub(super) struct Passkeys {
    party: Option<Webauthn>,
    registrations: Mutex<HashMap<SessionKey, (PasskeyRegistration, Instant)>>,
}

impl Passkeys {
    /// For the public URL; none where its host cannot have passkeys.
    pub(super) fn new(public_url: &str) -> Self {
        Self { party: party(public_url), registrations: Mutex::default() }
    }

    fn keep(&self, session: SessionKey, registration: PasskeyRegistration, now: Instant) {
        // Each change of the map is one statement.
        let mut all = self.registrations.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MOST {
            all.retain(|_, (_, until)| now < *until);
        }
        if all.len() >= MOST {
            let oldest = all.iter().min_by_key(|(_, (_, until))| *until).map(|(key, _)| *key);
            oldest.map(|key| all.remove(&key));
        }
        all.insert(session, (registration, now + PATIENCE));
    }

    fn take(&self, session: SessionKey, now: Instant) -> Option<PasskeyRegistration> {
        let mut all = self.registrations.lock().unwrap_or_else(PoisonError::into_inner);
        all.remove(&session).filter(|(_, until)| now < *until).map(|(registration, _)| registration)
    }
}

fn party(public_url: &str) -> Option<Webauthn> {
    let origin = Url::parse(public_url).ok()?;
    let host = origin.domain()?;
    match WebauthnBuilder::new(host, &origin).and_then(|builder| builder.rp_name("Écluse").build()) {
        Ok(party) => Some(party),
        Err(why) => {
            tracing::warn!(host, %why, "passkeys cannot be had under this public URL");
            None
        }
    }
}

/// The passkeys of a person that count: not those from before a reset.
pub(super) async fn standing(app: &App, person: &PersonId) -> Result<Vec<StoredPasskey>, Problem> {
    let whose = person.clone();
    let mut keys = app.in_store(move |store| store.passkeys().list(&whose)).await?;
    app.context.control.read(|state| keys.retain(|key| state.outlives_reset(person, key.added_at_utc)));
    Ok(keys)
}

/// Begins a log-in: what the browser is told, and the challenge to be kept. `None`: no key to ask for.
pub(super) fn ask(app: &App, keys: &[StoredPasskey]) -> Result<Option<(String, Challenge)>, Problem> {
    let Some(party) = app.auth.passkeys.party.as_ref().filter(|_| !keys.is_empty()) else { return Ok(None) };
    let keys: Vec<Passkey> = keys.iter().map(|key| key.passkey.clone()).collect();
    let (options, state) = party.start_passkey_authentication(&keys).map_err(internal)?;
    Ok(Some((text(&options)?, Challenge::Authentication(state))))
}

/// Begins the making of a key; `known` are the person's own, which their authenticators do not make again.
pub(super) fn offer(
    app: &App,
    identity: &Identity,
    known: &[StoredPasskey],
) -> Result<Option<(String, PasskeyRegistration)>, Problem> {
    let Some(party) = &app.auth.passkeys.party else { return Ok(None) };
    // The same for a person's every key, so that an authenticator keeps one per account; says nothing about them.
    let digest = openssl::sha::sha256(format!("ecluse passkey {}", identity.person).as_bytes());
    let handle = Uuid::from_slice(&digest[..16]).map_err(|why| Problem::internal("a passkey's handle", &why))?;
    let known = known.iter().map(|key| key.passkey.cred_id().clone()).collect();
    let (options, state) =
        party.start_passkey_registration(handle, &identity.email, &identity.name, Some(known)).map_err(internal)?;
    Ok(Some((text(&options)?, state)))
}

/// The proof of a log-in, if the answer is one; what is wrong with it is nobody's business but the log's.
pub(super) fn proof(app: &App, state: &PasskeyAuthentication, answer: &str) -> Option<AuthenticationResult> {
    let answer = serde_json::from_str(answer).ok().filter(|_| answer.len() <= MAX_ANSWER_BYTES)?;
    let proof = app.auth.passkeys.party.as_ref()?.finish_passkey_authentication(&answer, state);
    proof.inspect_err(|why| tracing::debug!(%why, "a passkey was refused")).ok()
}

/// The key that was made, if the answer brings one.
pub(super) fn made(app: &App, state: &PasskeyRegistration, answer: &str) -> Option<Passkey> {
    let answer = serde_json::from_str(answer).ok().filter(|_| answer.len() <= MAX_ANSWER_BYTES)?;
    let made = app.auth.passkeys.party.as_ref()?.finish_passkey_registration(&answer, state);
    made.inspect_err(|why| tracing::debug!(%why, "a new passkey was refused")).ok()
}

/// For a person who is logged in: what the browser is told to make another key.
pub(super) fn offer_another(
    app: &App,
    session: SessionKey,
    identity: &Identity,
    known: &[StoredPasskey],
) -> Result<Option<String>, Problem> {
    let Some((options, state)) = offer(app, identity, known)? else { return Ok(None) };
    app.auth.passkeys.keep(session, state, app.context.clock.monotonic());
    Ok(Some(options))
}

/// The other key, once: its challenge is used up whatever comes of it.
pub(super) fn made_another(app: &App, session: SessionKey, answer: &str) -> Option<Passkey> {
    made(app, &app.auth.passkeys.take(session, app.context.clock.monotonic())?, answer)
}

fn text(options: &impl serde::Serialize) -> Result<String, Problem> {
    serde_json::to_string(options).map_err(|why| Problem::internal("a passkey's options", &why))
}

fn internal(why: webauthn_rs::prelude::WebauthnError) -> Problem {
    Problem::internal("a passkey's challenge", &why)
}

#[cfg(test)]
mod tests {
    use super::party;

    #[test]
    fn a_name_can_have_passkeys_and_an_address_cannot() {
        assert!(party("https://ecluse.example.org").is_some() && party("https://localhost:8443/").is_some());
        for none in ["https://192.0.2.1:8443", "https://[::1]", "no url"] {
            assert!(party(none).is_none(), "{none}");
        }
    }
}
