//! Tickets as the register tells them, projected into sled: what lists and their older pages are read from, however many
//! years there are. The register stays the source of truth; this table can be thrown away at any time.

use super::StoreError;
use super::engine::{Engine, Table};
use crate::domain::{Ticket, TicketId};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

const MARK: &str = "mark";

/// Up to which entry of which register the table has been brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// Position of the next entry.
    pub next_seq: u64,
    /// Time of the entry before it, UTC; a register put back from a backup and gone on differently has another one.
    pub last_at_utc: Option<DateTime<Utc>>,
}

/// The table.
#[derive(Clone)]
pub struct Tickets {
    rows: Table,
    marks: Table,
}

impl Tickets {
    pub(super) fn new(engine: &Arc<Engine>) -> Result<Self, StoreError> {
        Ok(Self { rows: Table::open(engine, "tickets")?, marks: Table::open(engine, "tickets-mark")? })
    }

    /// How far the table has been brought; `None`: it must be made anew.
    ///
    /// # Errors
    /// [`StoreError`] when the table cannot be read.
    pub fn mark(&self) -> Result<Option<Mark>, StoreError> {
        self.marks.get(MARK)
    }

    /// Makes the table anew from all tickets there are. A crash on the way leaves no mark, so it is made again.
    ///
    /// # Errors
    /// [`StoreError`] when the table cannot be written.
    pub fn rebuild<'a>(&self, tickets: impl Iterator<Item = &'a Ticket>, mark: Mark) -> Result<(), StoreError> {
        self.marks.remove(MARK)?;
        self.rows.clear()?;
        // Before the rows: a mark that survives a crash that its rows did not would vouch for what is not there.
        self.marks.commit()?;
        for ticket in tickets {
            self.rows.put(&ticket.id.to_string(), ticket)?;
        }
        self.rows.commit()?;
        self.marks.put(MARK, &mark)?;
        self.marks.commit()
    }

    /// Puts one ticket as it now is. Not waited for: what a crash loses here is read from the register again, because
    /// sled keeps the order of writes and the mark is written after the row.
    ///
    /// # Errors
    /// [`StoreError`] when the table cannot be written.
    pub fn put(&self, ticket: Option<&Ticket>, mark: Mark) -> Result<(), StoreError> {
        if let Some(ticket) = ticket {
            self.rows.put(&ticket.id.to_string(), ticket)?;
        }
        self.marks.put(MARK, &mark)
    }

    /// Up to `limit` tickets older than `before`, newest first, that `keep` wants. Ticket ids sort by time.
    ///
    /// # Errors
    /// [`StoreError`] when the table cannot be read.
    pub fn older_than(
        &self,
        before: TicketId,
        limit: usize,
        keep: impl Fn(&Ticket) -> bool,
    ) -> Result<Vec<Ticket>, StoreError> {
        let mut found = Vec::new();
        for row in self.rows.rows_before::<Ticket>(&before.to_string()).rev() {
            if found.len() == limit {
                break;
            }
            let (_, ticket) = row?;
            if keep(&ticket) {
                found.push(ticket);
            }
        }
        Ok(found)
    }
}
