//! The second step of a log-in (MFA for every person). Whoever has given the right password holds a token of its own in a
//! cookie of its own: it opens the second factor's page and nothing else, for five minutes and five codes.
//!
//! Who has no second factor yet enrols one here, at their first log-in: an authenticator application, or a passkey. Who has
//! one gives its code, a recovery code, or the passkey's proof.
//! These half-done log-ins live in memory alone: a restart asks for the password again.

use super::known;
use super::login::{LoggedIn, at_their_machine, code_accepted, complete, may_try, refuse};
use super::passkey::{self, Challenge};
use super::{SessionKey, set_cookie};
use crate::domain::PersonId;
use crate::store::totp::TotpSecret;
use crate::store::{SecondFactor, StoredPasskey};
use crate::web::app::App;
use crate::web::problem::Problem;
use crate::web::request::{Request, cookie};
use crate::web::settings::SecondFactorPolicy;
use http::header::HeaderValue;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The half-done log-in's cookie.
const LOG_IN_COOKIE: &str = "__Host-login";
/// How long the second factor is waited for.
const PATIENCE: Duration = Duration::from_secs(5 * 60);
/// How many codes may be tried on one password.
const TRIES: u8 = 5;
/// More half-done log-ins than this are not kept; the oldest go first.
const MOST: usize = 4_096;

/// What a half-done log-in waits for.
#[derive(Debug, Clone)]
pub enum Stage {
    /// The code of the second factor the person has.
    Code,
    /// The person's first code from a new secret: then it is theirs.
    Enrolment(TotpSecret),
}

/// A proof that was taken.
pub struct Proof {
    /// The log-in, complete now.
    pub logged_in: LoggedIn,
    /// Recovery codes, to be shown this once, when a second factor was enrolled.
    pub recovery_codes: Option<Vec<String>>,
    /// Where the person wanted to go.
    pub next: Option<String>,
}

struct Pending {
    person: PersonId,
    stage: Stage,
    /// What an authenticator was asked; the page's newest.
    challenge: Option<Challenge>,
    next: Option<String>,
    tries_left: u8,
    until: Instant,
}

/// A half-done log-in, of which a try was taken.
struct Tried {
    person: PersonId,
    stage: Stage,
    challenge: Option<Challenge>,
    next: Option<String>,
}

/// What somebody gives as second factor.
pub enum Given<'a> {
    /// A code, or a recovery code.
    Code(&'a str),
    /// What their authenticator answered, JSON.
    Passkey(&'a str),
}

/// Log-ins whose password was right.
#[derive(Default)]
pub(super) struct PendingLogIns(Mutex<HashMap<SessionKey, Pending>>);

impl PendingLogIns {
    fn with<T>(&self, act: impl FnOnce(&mut HashMap<SessionKey, Pending>) -> T) -> T {
        // Each change of the map is one statement: it is whole even if a holder panicked.
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn add(&self, key: SessionKey, pending: Pending, now: Instant) {
        self.with(|all| {
            if all.len() >= MOST {
                all.retain(|_, other| now < other.until);
            }
            if all.len() >= MOST {
                let oldest = all.iter().min_by_key(|(_, other)| other.until).map(|(key, _)| *key);
                oldest.map(|key| all.remove(&key));
            }
            all.insert(key, pending);
        });
    }

    fn stage(&self, key: SessionKey, now: Instant) -> Option<(PersonId, Stage)> {
        self.with(|all| all.get(&key).filter(|it| now < it.until).map(|it| (it.person.clone(), it.stage.clone())))
    }

    fn challenge(&self, key: SessionKey, challenge: Challenge) {
        self.with(|all| {
            if let Some(pending) = all.get_mut(&key) {
                pending.challenge = Some(challenge);
            }
        });
    }

    /// Takes one try, and the challenge with it; with the last one the log-in is gone.
    fn try_once(&self, key: SessionKey, now: Instant) -> Option<Tried> {
        self.with(|all| {
            let pending = all.get_mut(&key).filter(|it| now < it.until)?;
            let taken = Tried {
                person: pending.person.clone(),
                stage: pending.stage.clone(),
                challenge: pending.challenge.take(),
                next: pending.next.clone(),
            };
            pending.tries_left -= 1;
            if pending.tries_left == 0 {
                all.remove(&key);
            }
            Some(taken)
        })
    }

    fn end(&self, key: SessionKey) {
        self.with(|all| drop(all.remove(&key)));
    }
}

/// What a person still has to do after their password; `None` where the configuration asks for nothing more.
pub(super) async fn due(app: &App, person: &PersonId) -> Result<Option<Stage>, Problem> {
    if app.settings.second_factor == SecondFactorPolicy::Off {
        return Ok(None);
    }
    let stands = standing_factor(app, person).await?.is_some();
    Ok(Some(if stands { Stage::Code } else { Stage::Enrolment(TotpSecret::generate()?) }))
}

/// The second factor of a person that counts: not one from before a reset.
pub(super) async fn standing_factor(app: &App, person: &PersonId) -> Result<Option<SecondFactor>, Problem> {
    let whose = person.clone();
    let factor = app.in_store(move |store| store.second_factors().get(&whose)).await?;
    Ok(factor.filter(|factor| app.context.control.read(|state| state.outlives_reset(person, factor.enrolled_at_utc))))
}

/// What the page tells the browser about passkeys: options to prove one, or to make one; `None`: nothing to offer.
///
/// # Errors
/// When the store fails.
pub async fn asked(app: &App, request: &Request, person: &PersonId, stage: &Stage) -> Result<Option<String>, Problem> {
    let Some(key) = key(request) else { return Ok(None) };
    let asked = match stage {
        Stage::Code => passkey::ask(app, &passkey::standing(app, person).await?)?,
        Stage::Enrolment(_) => {
            let whose = person.clone();
            match app.in_store(move |store| store.people().get(&whose)).await? {
                Some(identity) => passkey::offer(app, &identity, &[])?
                    .map(|(options, state)| (options, Challenge::Registration(state))),
                None => None,
            }
        }
    };
    Ok(asked.map(|(options, challenge)| {
        app.auth.pending.challenge(key, challenge);
        options
    }))
}

/// Remembers that a password was right; gives the `Set-Cookie` of the half-done log-in.
///
/// # Errors
/// When the machine has no randomness to give.
pub fn start(app: &App, person: PersonId, stage: Stage, next: Option<String>) -> Result<HeaderValue, Problem> {
    let mut token = [0_u8; 32];
    openssl::rand::rand_bytes(&mut token).map_err(|error| Problem::internal("no randomness", &error))?;
    let token: String = token.iter().map(|byte| format!("{byte:02x}")).collect();
    let now = app.context.clock.monotonic();
    let pending = Pending { person, stage, challenge: None, next, tries_left: TRIES, until: now + PATIENCE };
    app.auth.pending.add(SessionKey::of(&token), pending, now);
    set_cookie(LOG_IN_COOKIE, &token, Some(PATIENCE.as_secs()))
}

fn key(request: &Request) -> Option<SessionKey> {
    cookie(&request.headers, LOG_IN_COOKIE).map(SessionKey::of)
}

/// Whose half-done log-in this request belongs to, and what it waits for.
pub fn stage(app: &App, request: &Request) -> Option<(PersonId, Stage)> {
    app.auth.pending.stage(key(request)?, app.context.clock.monotonic())
}

/// Takes the second factor: the log-in is complete. `None`: there is no such log-in (any more).
///
/// # Errors
/// 401 for a code that is wrong or was used, or a passkey that proves nothing; 429 after too many.
pub async fn prove(app: &App, request: &Request, given: Given<'_>) -> Result<Option<Proof>, Problem> {
    let Some(key) = key(request) else { return Ok(None) };
    let Some(tried) = app.auth.pending.try_once(key, app.context.clock.monotonic()) else { return Ok(None) };
    let Tried { person, stage, challenge, next } = tried;
    let (recovery_codes, word) = match (stage, given) {
        (Stage::Code, Given::Code(code)) => (None, code_accepted(app, request, &person, code.to_owned()).await?),
        (Stage::Code, Given::Passkey(answer)) => {
            passkey_accepted(app, request, &person, challenge, answer).await?;
            (None, "passkey".to_owned())
        }
        // Nothing is enrolled where the person may not work: the recovery codes would be shown to nobody (A6-1).
        (Stage::Enrolment(secret), Given::Code(code)) => {
            at_their_machine(app, request, &person)?;
            may_try(app, request, &person).await?;
            let codes = enrol(app, request, &person, secret, code).await?;
            (Some(codes), "second factor enrolled".to_owned())
        }
        (Stage::Enrolment(_), Given::Passkey(answer)) => {
            at_their_machine(app, request, &person)?;
            may_try(app, request, &person).await?;
            let codes = enrol_passkey(app, request, &person, challenge, answer).await?;
            (Some(codes), "passkey enrolled".to_owned())
        }
    };
    app.auth.pending.end(key);
    let logged_in = complete(app, request, person, &word).await?;
    Ok(Some(Proof { logged_in, recovery_codes, next }))
}

/// Takes a passkey's proof, once.
async fn passkey_accepted(
    app: &App,
    request: &Request,
    person: &PersonId,
    challenge: Option<Challenge>,
    answer: &str,
) -> Result<(), Problem> {
    let origin = may_try(app, request, person).await?;
    let proof = match challenge {
        Some(Challenge::Authentication(state)) => passkey::proof(app, &state, answer),
        _ => None,
    };
    let accepted = match proof {
        Some(proof) => {
            let (whose, control, now) = (person.clone(), app.context.control.clone(), app.context.clock.utc());
            // Asked again: it may have been removed, or voided, since the page was drawn.
            let counts =
                move |key: &StoredPasskey| control.read(|state| state.outlives_reset(&whose, key.added_at_utc));
            let whose = person.clone();
            app.in_store(move |store| store.passkeys().used(&whose, &proof, now, counts)).await?
        }
        None => false,
    };
    if accepted {
        return Ok(());
    }
    known::failed(app, request, person, &origin).await?;
    Err(refuse(app, request, Some(person.clone()), "wrong passkey"))
}

/// Enrols a passkey as second factor.
async fn enrol_passkey(
    app: &App,
    request: &Request,
    person: &PersonId,
    challenge: Option<Challenge>,
    answer: &str,
) -> Result<Vec<String>, Problem> {
    let made = match challenge {
        Some(Challenge::Registration(state)) => passkey::made(app, &state, answer),
        _ => None,
    };
    let Some(made) = made else {
        let origin = known::origin_of(app, request, person).await?;
        known::failed(app, request, person, &origin).await?;
        return Err(refuse(app, request, Some(person.clone()), "wrong passkey at enrolment"));
    };
    let (whose, control, now) = (person.clone(), app.context.control.clone(), app.context.clock.utc());
    let enrolled = app.in_store(move |store| {
        let outlives = |at_utc| control.read(|state| state.outlives_reset(&whose, at_utc));
        // The factor first: of two who enrol at once one has it, and the other adds no key to it.
        let codes =
            store.second_factors().enrol_passkey(&whose, now, |standing| !outlives(standing.enrolled_at_utc))?;
        if codes.is_some() {
            // Keys from before there was this factor are nobody's.
            store.passkeys().forget(&whose)?;
            store.passkeys().add(&whose, "1", made, now, |_| false)?;
        }
        Ok(codes)
    });
    enrolled.await?.ok_or_else(|| refuse(app, request, Some(person.clone()), "a second factor stands already"))
}

async fn enrol(
    app: &App,
    request: &Request,
    person: &PersonId,
    secret: TotpSecret,
    code: &str,
) -> Result<Vec<String>, Problem> {
    let now = app.context.clock.utc();
    let typed: String = code.chars().filter(|c| !c.is_whitespace()).take(64).collect();
    let Some(step) = secret.step_of(&typed, now) else {
        let origin = known::origin_of(app, request, person).await?;
        known::failed(app, request, person, &origin).await?;
        return Err(refuse(app, request, Some(person.clone()), "wrong code at enrolment"));
    };
    let (whose, control) = (person.clone(), app.context.control.clone());
    let enrolled = app.in_store(move |store| {
        let is_void = |standing: &crate::store::SecondFactor| {
            !control.read(|state| state.outlives_reset(&whose, standing.enrolled_at_utc))
        };
        let codes = store.second_factors().enrol(&whose, &secret, step, now, is_void)?;
        if codes.is_some() {
            store.passkeys().forget(&whose)?;
        }
        Ok(codes)
    });
    // Somebody with the same password was faster: theirs stands, and an administrator resets it where it must not.
    enrolled.await?.ok_or_else(|| refuse(app, request, Some(person.clone()), "a second factor stands already"))
}

/// `Set-Cookie` that takes the half-done log-in's cookie away.
///
/// # Errors
/// Never in practice: the value is fixed.
pub fn log_in_cookie_gone() -> Result<HeaderValue, Problem> {
    set_cookie(LOG_IN_COOKIE, "", Some(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fault_25_half_done_log_ins_are_bounded_in_number_time_and_tries() {
        let (all, now) = (PendingLogIns::default(), Instant::now());
        let pending = |second: u64| Pending {
            person: "agent".parse().unwrap(),
            stage: Stage::Code,
            challenge: None,
            next: None,
            tries_left: TRIES,
            until: now + PATIENCE + Duration::from_secs(second),
        };
        let key = |number: usize| SessionKey::of(&number.to_string());
        for number in 0..=MOST {
            all.add(key(number), pending(number as u64), now);
        }
        assert_eq!(all.with(|all| all.len()), MOST);
        assert!(all.stage(key(0), now).is_none() && all.stage(key(1), now).is_some(), "the oldest has gone");
        for _ in 0..TRIES {
            assert!(all.try_once(key(1), now).is_some());
        }
        assert!(all.try_once(key(1), now).is_none() && all.stage(key(1), now).is_none());
        assert!(all.stage(key(2), now + PATIENCE + Duration::from_secs(2)).is_none(), "too late");
    }
}
