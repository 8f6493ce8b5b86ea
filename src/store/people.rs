//! The erasable table: who stands behind a pseudonym.

use super::StoreError;
use super::engine::{Engine, Table};
use crate::domain::PersonId;
use serde::{Deserialize, Serialize};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// One person as people know them. Never in the register.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// Pseudonym used everywhere else.
    pub person: PersonId,
    /// E-mail address, also the log-in; compared without case.
    pub email: String,
    /// Name as people read it.
    pub name: String,
    /// Language of pages and mails: `fr` or `en`.
    pub language: String,
    /// argon2id, PHC string ([`super::password`]).
    pub password_hash: String,
}

impl std::fmt::Debug for Identity {
    /// The pseudonym alone: names, addresses and hashes stay out of logs.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Identity").field("person", &self.person).finish_non_exhaustive()
    }
}

/// E-mail addresses are compared without case and surrounding blanks.
pub fn same_email(one: &str, other: &str) -> bool {
    folded(one) == folded(other)
}

fn folded(email: &str) -> String {
    email.trim().to_lowercase()
}

/// The table, with an index by address.
#[derive(Clone)]
pub struct People {
    identities: Table,
    by_email: Table,
    // One writer at a time: table and index change together.
    writing: Arc<Mutex<()>>,
}

impl People {
    pub(super) fn new(engine: &Arc<Engine>) -> Result<Self, StoreError> {
        Ok(Self {
            identities: Table::open(engine, "people")?,
            by_email: Table::open(engine, "people-by-email")?,
            writing: Arc::default(),
        })
    }

    fn writing(&self) -> MutexGuard<'_, ()> {
        // The lock guards no data of its own; a panicked writer leaves at worst a stale index row, which reads check.
        self.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The identity behind a pseudonym.
    ///
    /// # Errors
    /// [`StoreError`] when the table cannot be read.
    pub fn get(&self, person: &PersonId) -> Result<Option<Identity>, StoreError> {
        self.identities.get(person.as_str())
    }

    /// The identity with that e-mail address, without case.
    ///
    /// # Errors
    /// [`StoreError`] when the table cannot be read.
    pub fn by_email(&self, email: &str) -> Result<Option<Identity>, StoreError> {
        let Some(person) = self.by_email.get::<PersonId>(&folded(email))? else { return Ok(None) };
        // A crash between the two rows leaves a stale index entry: the identity itself has the last word.
        Ok(self.get(&person)?.filter(|identity| same_email(&identity.email, email)))
    }

    /// Adds or replaces an identity.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] when the address is none or belongs to somebody else, or the language is unknown;
    /// others when the table cannot be written.
    pub fn put(&self, identity: &Identity) -> Result<(), StoreError> {
        let invalid = |field, value: &str, expected| {
            Err(StoreError::Invalid { field, value: value.chars().take(80).collect(), expected })
        };
        let email = folded(&identity.email);
        if email.len() < 3 || email.len() > 254 || !email.contains('@') || email.contains(char::is_whitespace) {
            return invalid("email", &identity.email, "an e-mail address, e.g. prenom.nom@example.fr");
        }
        if !["fr", "en"].contains(&identity.language.as_str()) {
            return invalid("language", &identity.language, "fr or en");
        }
        let _writing = self.writing();
        if self.by_email(&email)?.is_some_and(|other| other.person != identity.person) {
            return invalid(
                "email",
                &identity.email,
                "an address that no other account has: accounts are personal (A3-3)",
            );
        }
        let before = self.get(&identity.person)?;
        self.identities.put(identity.person.as_str(), identity)?;
        self.by_email.put(&email, &identity.person)?;
        if let Some(before) = before.filter(|before| folded(&before.email) != email) {
            self.by_email.remove(&folded(&before.email))?;
        }
        self.identities.commit()
    }

    /// Everybody, by pseudonym.
    ///
    /// # Errors
    /// [`StoreError`] when the table cannot be read.
    pub fn list(&self) -> Result<Vec<Identity>, StoreError> {
        self.identities.rows().map(|row| row.map(|(_, identity)| identity)).collect()
    }

    /// Forgets a person: the name is gone, the register stays as it is. Whether there was one.
    ///
    /// # Errors
    /// [`StoreError`] when the table cannot be written.
    pub fn remove(&self, person: &PersonId) -> Result<bool, StoreError> {
        let _writing = self.writing();
        let Some(identity) = self.get(person)? else { return Ok(false) };
        self.by_email.remove(&folded(&identity.email))?;
        self.identities.remove(person.as_str())?;
        self.identities.commit()?;
        Ok(true)
    }
}
