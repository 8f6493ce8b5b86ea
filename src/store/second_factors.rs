//! Second factors: who has enrolled one, which codes have been used, and what is left of the recovery codes.
//!
//! Guarantees: a code is taken once (replay), a recovery code is taken once and stands here as a hash alone, and both are
//! on disk as used before the log-in goes on. Does not: hide the shared secret from somebody who holds the store's files
//! (a code can only be computed from it): the data directory is for the server's user alone.

use super::StoreError;
use super::engine::{Engine, Table};
use super::totp::{TotpSecret, step_at};
use crate::domain::PersonId;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How many recovery codes are given.
pub const RECOVERY_CODES: usize = 10;
/// Random bytes in a recovery code: 80 bits, so that a plain hash of it cannot be searched.
const RECOVERY_BYTES: usize = 10;
/// The same, written.
const RECOVERY_CHARS: usize = 16;
/// Letters and digits that are not taken for one another.
const LETTERS: &[u8; 32] = b"abcdefghjkmnpqrstuvwxyz023456789";

/// A person's second factor.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecondFactor {
    /// Whose.
    pub person: PersonId,
    /// Since when, UTC.
    pub enrolled_at_utc: DateTime<Utc>,
    /// What the authenticator application shares with the server; `None`: a passkey stands for it.
    #[serde(default)]
    secret: Option<String>,
    /// The newest step whose code has been used.
    last_step: u64,
    /// SHA-256 of each recovery code that is left.
    recovery: Vec<String>,
}

impl std::fmt::Debug for SecondFactor {
    /// Without the secret and the hashes.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SecondFactor").field("person", &self.person).finish_non_exhaustive()
    }
}

impl SecondFactor {
    /// Whether an authenticator application is enrolled; else it is passkeys alone.
    pub fn has_application(&self) -> bool {
        self.secret.is_some()
    }

    /// How many recovery codes are left.
    pub fn recovery_codes_left(&self) -> usize {
        self.recovery.len()
    }

    /// The first step whose code would be taken now; its code is what the demo shows.
    pub fn next_step(&self, now: DateTime<Utc>) -> u64 {
        step_at(now).saturating_sub(1).max(self.last_step.saturating_add(1))
    }
}

/// What somebody proved themselves with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proved {
    /// The application's code.
    Code,
    /// A recovery code.
    RecoveryCode {
        /// How many are left.
        left: usize,
    },
}

/// The table.
#[derive(Clone)]
pub struct SecondFactors {
    factors: Table,
    // One at a time: a code that is looked at twice at once must be taken once.
    writing: Arc<Mutex<()>>,
}

impl SecondFactors {
    pub(super) fn new(engine: &Arc<Engine>) -> Result<Self, StoreError> {
        Ok(Self { factors: Table::open(engine, "second-factors")?, writing: Arc::default() })
    }

    fn writing(&self) -> MutexGuard<'_, ()> {
        // The lock guards no data of its own, and each change is one row.
        self.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A person's second factor, if they have enrolled one.
    ///
    /// # Errors
    /// [`StoreError`] when the table cannot be read.
    pub fn get(&self, person: &PersonId) -> Result<Option<SecondFactor>, StoreError> {
        self.factors.get(person.as_str())
    }

    /// Everybody who has enrolled one.
    ///
    /// # Errors
    /// [`StoreError`] when the table cannot be read.
    pub fn list(&self) -> Result<Vec<SecondFactor>, StoreError> {
        self.factors.rows().map(|row| row.map(|(_, factor)| factor)).collect()
    }

    /// Enrols a secret; the code of `used_step`, which proved that the person has it, is used up. Returns the recovery
    /// codes, which are not stored: show them once. `None`: one stands already, which is not for a log-in to replace;
    /// `is_void` says of one that it stands no longer.
    ///
    /// # Errors
    /// [`StoreError`] when there is no randomness or the table cannot be written.
    pub fn enrol(
        &self,
        person: &PersonId,
        secret: &TotpSecret,
        used_step: u64,
        now: DateTime<Utc>,
        is_void: impl FnOnce(&SecondFactor) -> bool,
    ) -> Result<Option<Vec<String>>, StoreError> {
        self.begin(person, Some(secret.base32()), used_step, now, is_void)
    }

    /// The same, with a passkey in the place of a secret; the passkey itself is kept by [`super::Passkeys`].
    ///
    /// # Errors
    /// [`StoreError`] when there is no randomness or the table cannot be written.
    pub fn enrol_passkey(
        &self,
        person: &PersonId,
        now: DateTime<Utc>,
        is_void: impl FnOnce(&SecondFactor) -> bool,
    ) -> Result<Option<Vec<String>>, StoreError> {
        self.begin(person, None, 0, now, is_void)
    }

    fn begin(
        &self,
        person: &PersonId,
        secret: Option<String>,
        last_step: u64,
        now: DateTime<Utc>,
        is_void: impl FnOnce(&SecondFactor) -> bool,
    ) -> Result<Option<Vec<String>>, StoreError> {
        let codes = (0..RECOVERY_CODES).map(|_| recovery_code()).collect::<Result<Vec<_>, _>>()?;
        let factor = SecondFactor {
            person: person.clone(),
            enrolled_at_utc: now,
            secret,
            last_step,
            recovery: codes.iter().map(|code| hash(person, &folded(code))).collect(),
        };
        let _writing = self.writing();
        if self.get(person)?.is_some_and(|standing| !is_void(&standing)) {
            return Ok(None);
        }
        self.factors.put(person.as_str(), &factor)?;
        self.factors.commit()?;
        Ok(Some(codes))
    }

    /// Takes a code or a recovery code, once. `None`: wrong, used before, too old, or nobody has enrolled.
    ///
    /// # Errors
    /// [`StoreError`] when the table cannot be read or written; then the code counts as not taken.
    pub fn take(&self, person: &PersonId, given: &str, now: DateTime<Utc>) -> Result<Option<Proved>, StoreError> {
        let given = folded(given);
        let _writing = self.writing();
        let Some(mut factor) = self.get(person)? else { return Ok(None) };
        let proved = if given.len() == RECOVERY_CHARS {
            let hash = hash(person, &given);
            let Some(place) = factor.recovery.iter().position(|known| *known == hash) else { return Ok(None) };
            factor.recovery.remove(place);
            Proved::RecoveryCode { left: factor.recovery.len() }
        } else {
            let Some(secret) = &factor.secret else { return Ok(None) };
            let step = TotpSecret::from_base32(secret)?.step_of(&given, now);
            let Some(step) = step.filter(|step| *step > factor.last_step) else { return Ok(None) };
            factor.last_step = step;
            Proved::Code
        };
        self.factors.put(person.as_str(), &factor)?;
        self.factors.commit()?;
        Ok(Some(proved))
    }

    /// Forgets a person's second factor. Whether there was one.
    ///
    /// # Errors
    /// [`StoreError`] when the table cannot be written.
    pub fn remove(&self, person: &PersonId) -> Result<bool, StoreError> {
        let _writing = self.writing();
        let was = self.factors.remove(person.as_str())?;
        self.factors.commit()?;
        Ok(was)
    }
}

/// As people type it: without case, blanks and dashes.
fn folded(code: &str) -> String {
    code.chars().filter(|c| !c.is_whitespace() && *c != '-').take(64).collect::<String>().to_lowercase()
}

fn hash(person: &PersonId, code: &str) -> String {
    let digest = openssl::sha::sha256(format!("{person} {code}").as_bytes());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Four groups of four.
fn recovery_code() -> Result<String, StoreError> {
    let mut random = [0_u8; RECOVERY_BYTES];
    openssl::rand::rand_bytes(&mut random).map_err(|why| StoreError::Randomness { why: why.to_string() })?;
    let bits = random.iter().fold(0_u128, |bits, byte| bits << 8 | u128::from(*byte));
    let mut code = String::with_capacity(RECOVERY_CHARS + 3);
    for place in 0..RECOVERY_CHARS {
        if place > 0 && place % 4 == 0 {
            code.push('-');
        }
        // Five bits: below 32.
        code.push(char::from(LETTERS[(bits >> (5 * place) & 31) as usize]));
    }
    Ok(code)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Store;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + seconds, 0).unwrap()
    }

    #[test]
    fn fault_25_a_code_is_taken_once_and_an_older_one_never_after_it() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        let (factors, person) = (store.second_factors(), "agent".parse().unwrap());
        let secret = TotpSecret::generate().unwrap();
        assert_eq!(factors.take(&person, "123456", at(0)).unwrap(), None);
        assert!(factors.enrol(&person, &secret, step_at(at(0)), at(0), |_| false).unwrap().is_some());
        assert!(factors.enrol(&person, &secret, 0, at(0), |_| false).unwrap().is_none(), "one stands");
        // The code that proved the enrolment is used up.
        assert_eq!(factors.take(&person, &secret.code(step_at(at(0))), at(1)).unwrap(), None);
        let next = secret.code(step_at(at(30)));
        let spaced = format!(" {} {} ", &next[..3], &next[3..]);
        assert_eq!(factors.take(&person, &spaced, at(30)).unwrap(), Some(Proved::Code));
        assert_eq!(factors.take(&person, &next, at(30)).unwrap(), None);
        assert_eq!(factors.take(&person, &secret.code(step_at(at(90))), at(90)).unwrap(), Some(Proved::Code));
        assert_eq!(factors.take(&person, &secret.code(step_at(at(60))), at(90)).unwrap(), None);
    }

    #[test]
    fn a_recovery_code_is_taken_once_and_stored_as_a_hash_alone() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        let (factors, person) = (store.second_factors(), "agent".parse().unwrap());
        let codes = factors.enrol(&person, &TotpSecret::generate().unwrap(), 0, at(0), |_| false).unwrap().unwrap();
        assert_eq!(codes.len(), RECOVERY_CODES);
        let stored = serde_json::to_string(&factors.get(&person).unwrap()).unwrap();
        for (index, code) in codes.iter().enumerate() {
            assert!(!stored.contains(code.as_str()) && !stored.contains(&folded(code)), "{stored}");
            let left = RECOVERY_CODES - index - 1;
            let typed = code.to_uppercase().replace('-', " ");
            assert_eq!(factors.take(&person, &typed, at(0)).unwrap(), Some(Proved::RecoveryCode { left }));
            assert_eq!(factors.take(&person, code, at(0)).unwrap(), None);
        }
        assert!(factors.remove(&person).unwrap() && !factors.remove(&person).unwrap());
    }
}
