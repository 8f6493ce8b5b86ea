//! Mails waiting to be sent (A3-7, A6-6). Queued by [`crate::mail`]; delivery by SMTP reads it, the demo shows it.

use super::StoreError;
use super::engine::{Engine, Table};
use crate::domain::{PersonId, TicketId};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// One mail to one person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mail {
    /// Identifier, made from the register entry and the addressee: queueing it twice is queueing it once. Sorts by time.
    pub id: String,
    /// Who.
    pub to_person: PersonId,
    /// Address at the time of queueing.
    pub to_address: String,
    /// Subject line.
    pub subject: String,
    /// Plain text.
    pub text: String,
    /// The same as HTML.
    pub html: String,
    /// The ticket it is about; `None`: about none, such as a checkpoint of the register.
    pub ticket: Option<TicketId>,
    /// When it was queued.
    pub queued_at_utc: DateTime<Utc>,
}

/// The table, and how far in the register it has come.
#[derive(Clone)]
pub struct Outbox {
    mails: Table,
    progress: Table,
}

const DEALT_WITH: &str = "dealt-with";

impl Outbox {
    pub(super) fn new(engine: &Arc<Engine>) -> Result<Self, StoreError> {
        Ok(Self { mails: Table::open(engine, "outbox")?, progress: Table::open(engine, "outbox-progress")? })
    }

    /// Queues a mail; one with the same id is left as it is.
    ///
    /// # Errors
    /// [`StoreError`] when the table cannot be written.
    pub fn queue(&self, mail: &Mail) -> Result<(), StoreError> {
        if self.get(&mail.id)?.is_none() {
            self.mails.put(&mail.id, mail)?;
        }
        self.mails.commit()
    }

    /// The newest `limit` mails, newest first.
    ///
    /// # Errors
    /// [`StoreError`] when the table cannot be read.
    pub fn list(&self, limit: usize) -> Result<Vec<Mail>, StoreError> {
        self.mails.rows().rev().take(limit).map(|row| row.map(|(_, mail)| mail)).collect()
    }

    /// One mail.
    ///
    /// # Errors
    /// [`StoreError`] when the table cannot be read.
    pub fn get(&self, id: &str) -> Result<Option<Mail>, StoreError> {
        self.mails.get(id)
    }

    /// Sequence number of the last register entry whose mails are all queued.
    ///
    /// # Errors
    /// [`StoreError`] when the table cannot be read.
    pub fn dealt_with(&self) -> Result<Option<u64>, StoreError> {
        self.progress.get(DEALT_WITH)
    }

    /// Remembers that all mails of that entry are queued. Not waited for: at worst the entry comes again, and its
    /// mails have the same ids.
    ///
    /// # Errors
    /// [`StoreError`] when the table cannot be written.
    pub fn set_dealt_with(&self, seq: u64) -> Result<(), StoreError> {
        self.progress.put(DEALT_WITH, &seq)
    }
}
