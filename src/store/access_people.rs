//! The filmed persons behind access requests (A5-2): who they are stays out of the register, and can be erased.

use super::StoreError;
use super::engine::{Engine, Table};
use crate::domain::AccessId;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The table.
#[derive(Clone)]
pub struct AccessPeople {
    rows: Table,
}

impl AccessPeople {
    pub(super) fn new(engine: &Arc<Engine>) -> Result<Self, StoreError> {
        Ok(Self { rows: Table::open(engine, "access-people")? })
    }

    /// Notes who asks, and how they are reached.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be written.
    pub fn put(&self, request: AccessId, person: &str) -> Result<(), StoreError> {
        self.rows.put(&request.to_string(), &person)?;
        self.rows.commit()
    }

    /// Forgets who asked. Whether it was known.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be written.
    pub fn remove(&self, request: AccessId) -> Result<bool, StoreError> {
        let known = self.rows.remove(&request.to_string())?;
        self.rows.commit()?;
        Ok(known)
    }

    /// Everybody, by request.
    ///
    /// # Errors
    /// [`StoreError`] when they cannot be read.
    pub fn all(&self) -> Result<BTreeMap<AccessId, String>, StoreError> {
        let mut found = BTreeMap::new();
        for row in self.rows.rows::<String>() {
            let (request, person) = row?;
            // Our own keys; one of another form would be of another version.
            if let Ok(request) = request.parse() {
                found.insert(request, person);
            }
        }
        Ok(found)
    }
}
