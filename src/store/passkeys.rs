//! Passkeys (WebAuthn): public keys of authenticators people hold, as second factor (MFA for every person).
//!
//! Guarantees: what is stored opens nothing (public keys alone); an authenticator's counter only ever grows. Whether a
//! passkey still counts after a reset of the second factor the register's state says.

use super::StoreError;
use super::engine::{Engine, Table};
use crate::domain::PersonId;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use webauthn_rs::prelude::{AuthenticationResult, Passkey};

/// How many a person may have.
pub const MOST_PASSKEYS: usize = 10;

/// One passkey.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct StoredPasskey {
    /// Names it on the person's page: the first hexadecimal digits of its credential's SHA-256.
    pub id: String,
    /// What its owner calls it.
    pub name: String,
    /// Since when, UTC.
    pub added_at_utc: DateTime<Utc>,
    /// When it last logged somebody in, UTC.
    pub last_used_at_utc: Option<DateTime<Utc>>,
    /// Public key, counter, flags.
    pub passkey: Passkey,
}

/// The table: a row per person.
#[derive(Clone)]
pub struct Passkeys {
    keys: Table,
    // From reading a row to writing it.
    writing: Arc<Mutex<()>>,
}

impl Passkeys {
    pub(super) fn new(engine: &Arc<Engine>) -> Result<Self, StoreError> {
        Ok(Self { keys: Table::open(engine, "passkeys")?, writing: Arc::default() })
    }

    fn writing(&self) -> MutexGuard<'_, ()> {
        // The lock guards no data of its own, and each change is one row.
        self.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A person's passkeys, oldest first.
    ///
    /// # Errors
    /// [`StoreError`] when the table cannot be read.
    pub fn list(&self, person: &PersonId) -> Result<Vec<StoredPasskey>, StoreError> {
        Ok(self.keys.get(person.as_str())?.unwrap_or_default())
    }

    /// Adds one; those of which `is_void` says so go. `false`: the person has as many as they may, or this very one.
    ///
    /// # Errors
    /// [`StoreError`] when the table cannot be written.
    pub fn add(
        &self,
        person: &PersonId,
        name: &str,
        passkey: Passkey,
        now: DateTime<Utc>,
        is_void: impl Fn(&StoredPasskey) -> bool,
    ) -> Result<bool, StoreError> {
        let _writing = self.writing();
        let mut keys = self.list(person)?;
        keys.retain(|known| !is_void(known));
        if keys.len() >= MOST_PASSKEYS || keys.iter().any(|known| known.passkey.cred_id() == passkey.cred_id()) {
            return Ok(false);
        }
        let digest = openssl::sha::sha256(passkey.cred_id().as_ref());
        let id = digest[..8].iter().map(|byte| format!("{byte:02x}")).collect();
        keys.push(StoredPasskey { id, name: name.to_owned(), added_at_utc: now, last_used_at_utc: None, passkey });
        self.keys.put(person.as_str(), &keys)?;
        self.keys.commit()?;
        Ok(true)
    }

    /// One has logged somebody in: its counter is taken over. `false`: it is none of theirs (any more), it does not count
    /// (`counts`), or its counter did not grow as it must, which is how a copied authenticator shows.
    ///
    /// # Errors
    /// [`StoreError`] when the table cannot be read or written; then it counts as not used.
    pub fn used(
        &self,
        person: &PersonId,
        result: &AuthenticationResult,
        now: DateTime<Utc>,
        counts: impl Fn(&StoredPasskey) -> bool,
    ) -> Result<bool, StoreError> {
        let _writing = self.writing();
        let mut keys = self.list(person)?;
        let Some(key) = keys.iter_mut().find(|known| known.passkey.cred_id() == result.cred_id() && counts(known))
        else {
            return Ok(false);
        };
        let grew = key.passkey.update_credential(result) == Some(true);
        if result.counter() > 0 && !grew {
            return Ok(false);
        }
        key.last_used_at_utc = Some(now);
        self.keys.put(person.as_str(), &keys)?;
        self.keys.commit()?;
        Ok(true)
    }

    /// Forgets one; the last only where `may_be_last`. Whether it did.
    ///
    /// # Errors
    /// [`StoreError`] when the table cannot be written.
    pub fn remove(&self, person: &PersonId, id: &str, may_be_last: bool) -> Result<bool, StoreError> {
        let _writing = self.writing();
        let mut keys = self.list(person)?;
        let before = keys.len();
        keys.retain(|known| known.id != id);
        if keys.len() == before || keys.is_empty() && !may_be_last {
            return Ok(false);
        }
        self.keys.put(person.as_str(), &keys)?;
        self.keys.commit()?;
        Ok(true)
    }

    /// Forgets all of a person.
    ///
    /// # Errors
    /// [`StoreError`] when the table cannot be written.
    pub fn forget(&self, person: &PersonId) -> Result<(), StoreError> {
        let _writing = self.writing();
        self.keys.remove(person.as_str())?;
        self.keys.commit()
    }
}
