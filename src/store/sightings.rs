//! When each workstation was last seen. No legal record, and rough on purpose: a machine is noted once a minute at most.

use super::StoreError;
use super::engine::{Engine, Table};
use crate::domain::WorkstationId;
use chrono::{DateTime, Utc};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The table.
#[derive(Clone)]
pub struct Sightings {
    rows: Table,
}

impl Sightings {
    pub(super) fn new(engine: &Arc<Engine>) -> Result<Self, StoreError> {
        Ok(Self { rows: Table::open(engine, "workstation-sightings")? })
    }

    /// It was seen.
    ///
    /// # Errors
    /// [`StoreError`] when the table cannot be written.
    pub fn put(&self, workstation: &WorkstationId, at_utc: DateTime<Utc>) -> Result<(), StoreError> {
        self.rows.put(workstation.as_str(), &at_utc)?;
        self.rows.commit()
    }

    /// When each was last seen, by name, UTC.
    ///
    /// # Errors
    /// [`StoreError`] when the table cannot be read.
    pub fn list(&self) -> Result<BTreeMap<String, DateTime<Utc>>, StoreError> {
        self.rows.rows::<DateTime<Utc>>().collect()
    }
}
