//! Log-in sessions: opaque tokens of which only the SHA-256 is stored, so that a stolen store opens no session.

use super::StoreError;
use super::engine::{Engine, Table};
use super::secrets::{key, token};
use crate::domain::PersonId;
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;

/// A session found by its token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebSession {
    /// Who is logged in.
    pub person: PersonId,
    /// Since when.
    pub created_at_utc: DateTime<Utc>,
    /// Until when.
    pub expires_at_utc: DateTime<Utc>,
}

/// The table.
#[derive(Clone)]
pub struct WebSessions {
    sessions: Table,
}

impl WebSessions {
    pub(super) fn new(engine: &Arc<Engine>) -> Result<Self, StoreError> {
        Ok(Self { sessions: Table::open(engine, "web-sessions")? })
    }

    /// Opens a session; returns its token (32 random bytes, base64url), which is not stored.
    ///
    /// # Errors
    /// [`StoreError`] when there is no randomness or the table cannot be written.
    pub fn create(&self, person: &PersonId, now: DateTime<Utc>, ttl: Duration) -> Result<String, StoreError> {
        let token = token()?;
        let expires_at_utc = TimeDelta::from_std(ttl)
            .ok()
            .and_then(|ttl| now.checked_add_signed(ttl))
            .unwrap_or(DateTime::<Utc>::MAX_UTC);
        let session = WebSession { person: person.clone(), created_at_utc: now, expires_at_utc };
        self.sessions.put(&key(&token), &session)?;
        self.sessions.commit()?;
        Ok(token)
    }

    /// The session behind a token, unless expired or unknown.
    ///
    /// # Errors
    /// [`StoreError`] when the table cannot be read.
    pub fn lookup(&self, token: &str, now: DateTime<Utc>) -> Result<Option<WebSession>, StoreError> {
        let found = self.sessions.get::<WebSession>(&key(token))?;
        Ok(found.filter(|session| now < session.expires_at_utc))
    }

    /// Ends a session. Whether there was one.
    ///
    /// # Errors
    /// [`StoreError`] when the table cannot be written.
    pub fn revoke(&self, token: &str) -> Result<bool, StoreError> {
        let was = self.sessions.remove(&key(token))?;
        self.sessions.commit()?;
        Ok(was)
    }

    /// Ends all sessions of a person (struck, forgotten, password changed). How many there were.
    ///
    /// # Errors
    /// [`StoreError`] when the table cannot be written.
    pub fn revoke_person(&self, person: &PersonId) -> Result<usize, StoreError> {
        self.remove_where(|session| session.person == *person)
    }

    /// Removes what has expired. How many there were.
    ///
    /// # Errors
    /// [`StoreError`] when the table cannot be written.
    pub fn sweep(&self, now: DateTime<Utc>) -> Result<usize, StoreError> {
        self.remove_where(|session| session.expires_at_utc <= now)
    }

    fn remove_where(&self, goes: impl Fn(&WebSession) -> bool) -> Result<usize, StoreError> {
        let mut gone = 0;
        for row in self.sessions.rows::<WebSession>() {
            let (key, session) = row?;
            if goes(&session) {
                self.sessions.remove(&key)?;
                gone += 1;
            }
        }
        if gone > 0 {
            self.sessions.commit()?;
        }
        Ok(gone)
    }
}
