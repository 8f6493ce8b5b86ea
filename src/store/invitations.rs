//! The links of invitations (A3-3): of each token the SHA-256 alone, with the invitation it is for. Whether that
//! invitation still stands the register's state says, not this table.

use super::StoreError;
use super::engine::{Engine, Table};
use super::secrets::{key, token};
use crate::domain::PersonId;
use serde::{Deserialize, Serialize};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Which invitation a link is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InvitationLink {
    /// Who is invited.
    pub person: PersonId,
    /// The invitation's number in the register.
    pub number: u64,
}

/// The table: at most one row per person.
#[derive(Clone)]
pub struct Invitations {
    links: Table,
    // One at a time: a new link and the end of the one before are one change.
    writing: Arc<Mutex<()>>,
}

impl Invitations {
    pub(super) fn new(engine: &Arc<Engine>) -> Result<Self, StoreError> {
        Ok(Self { links: Table::open(engine, "invitation-links")?, writing: Arc::default() })
    }

    fn writing(&self) -> MutexGuard<'_, ()> {
        // The lock guards no data of its own.
        self.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new link's token, in place of the person's earlier one. It is not stored: it leaves with the mail, or on the
    /// console.
    ///
    /// # Errors
    /// [`StoreError`] when there is no randomness or the table cannot be written.
    pub fn issue(&self, person: &PersonId, number: u64) -> Result<String, StoreError> {
        let token = token()?;
        let _writing = self.writing();
        self.forget(person)?;
        self.links.put(&key(&token), &InvitationLink { person: person.clone(), number })?;
        self.links.commit()?;
        Ok(token)
    }

    /// The invitation behind a token.
    ///
    /// # Errors
    /// [`StoreError`] when the table cannot be read.
    pub fn find(&self, token: &str) -> Result<Option<InvitationLink>, StoreError> {
        self.links.get(&key(token))
    }

    /// Ends a person's link.
    ///
    /// # Errors
    /// [`StoreError`] when the table cannot be written.
    pub fn remove(&self, person: &PersonId) -> Result<(), StoreError> {
        let _writing = self.writing();
        self.forget(person)?;
        self.links.commit()
    }

    fn forget(&self, person: &PersonId) -> Result<(), StoreError> {
        for row in self.links.rows::<InvitationLink>() {
            let (key, link) = row?;
            if link.person == *person {
                self.links.remove(&key)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::store::Store;

    #[test]
    fn a_link_is_found_by_its_token_until_a_newer_one_and_stored_as_a_hash_alone() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        let (links, person) = (store.invitations(), "p-1".parse().unwrap());
        let first = links.issue(&person, 7).unwrap();
        let other = links.issue(&"p-2".parse().unwrap(), 8).unwrap();
        assert_eq!(first.len(), 43);
        assert_eq!(links.find(&first).unwrap().map(|link| link.number), Some(7));
        let second = links.issue(&person, 9).unwrap();
        assert!(links.find(&first).unwrap().is_none());
        assert_eq!(links.find(&second).unwrap().map(|link| link.number), Some(9));
        links.remove(&person).unwrap();
        assert!(links.find(&second).unwrap().is_none() && links.find(&other).unwrap().is_some());
        drop((links, store));
        let everything: Vec<u8> = std::fs::read_dir(dir.path())
            .unwrap()
            .filter_map(|file| std::fs::read(file.unwrap().path()).ok())
            .flatten()
            .collect();
        for token in [&first, &second, &other] {
            assert!(!everything.windows(token.len()).any(|part| part == token.as_bytes()));
        }
    }
}
