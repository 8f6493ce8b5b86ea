//! Devices people have logged in from: a cookie's token of which the SHA-256 alone is stored. It opens nothing; it is
//! proof that somebody who tries a password is no stranger, and is counted apart ([`super::Lockouts`]).

use super::StoreError;
use super::engine::{Engine, Table};
use super::secrets::{key, token};
use crate::domain::PersonId;
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A device nobody has logged in from for so long is forgotten.
pub const DEVICE_STANDS: TimeDelta = TimeDelta::days(180);
/// How many people may share a device; who logged in longest ago goes first.
const MOST_PEOPLE: usize = 16;

/// A known device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// Who has logged in from it, and when last, UTC.
    pub people: BTreeMap<PersonId, DateTime<Utc>>,
}

/// The table.
#[derive(Clone)]
pub struct Devices {
    devices: Table,
}

impl Devices {
    pub(super) fn new(engine: &Arc<Engine>) -> Result<Self, StoreError> {
        Ok(Self { devices: Table::open(engine, "known-devices")? })
    }

    /// The device behind a token, with a name for it that opens nothing; people who have not logged in for long are left
    /// out.
    ///
    /// # Errors
    /// [`StoreError`] when the table cannot be read.
    pub fn find(&self, token: &str, now: DateTime<Utc>) -> Result<Option<(String, Device)>, StoreError> {
        let key = key(token);
        let Some(mut device) = self.devices.get::<Device>(&key)? else { return Ok(None) };
        device.people.retain(|_, last| now - *last < DEVICE_STANDS);
        Ok(Some((key, device)))
    }

    /// Somebody has logged in from the device behind `before`, or from one without a token; gives the device's token.
    ///
    /// # Errors
    /// [`StoreError`] when there is no randomness or the table cannot be written.
    pub fn logged_in(&self, before: Option<&str>, person: &PersonId, now: DateTime<Utc>) -> Result<String, StoreError> {
        let known = match before {
            Some(before) => self.find(before, now)?.map(|(_, device)| (before.to_owned(), device)),
            None => None,
        };
        let (token, mut device) = match known {
            Some(known) => known,
            None => (token()?, Device { people: BTreeMap::new() }),
        };
        device.people.insert(person.clone(), now);
        while device.people.len() > MOST_PEOPLE {
            let oldest = device.people.iter().min_by_key(|(_, last)| **last).map(|(person, _)| person.clone());
            oldest.map(|person| device.people.remove(&person));
        }
        // Not waited for: a device a crash forgets is a stranger once more.
        self.devices.put(&key(&token), &device)?;
        Ok(token)
    }

    /// Forgets a person on every device, and devices without anybody.
    ///
    /// # Errors
    /// [`StoreError`] when the table cannot be written.
    pub fn forget(&self, person: &PersonId, now: DateTime<Utc>) -> Result<(), StoreError> {
        for row in self.devices.rows::<Device>() {
            let (key, mut device) = row?;
            let before = device.people.len();
            device.people.retain(|known, last| known != person && now - *last < DEVICE_STANDS);
            if device.people.is_empty() {
                self.devices.remove(&key)?;
            } else if device.people.len() < before {
                self.devices.put(&key, &device)?;
            }
        }
        self.devices.commit()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Store;

    #[test]
    fn a_device_knows_its_people_for_half_a_year() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        let now: DateTime<Utc> = "2026-11-25T10:00:00Z".parse().unwrap();
        let (devices, one, other) = (store.devices(), "one".parse().unwrap(), "other".parse().unwrap());
        let token = devices.logged_in(None, &one, now).unwrap();
        assert_eq!(devices.logged_in(Some(&token), &other, now + TimeDelta::days(100)).unwrap(), token);
        assert_ne!(devices.logged_in(Some("unknown"), &one, now).unwrap(), "unknown", "a token is never taken over");
        let later = now + DEVICE_STANDS;
        let people = |at| devices.find(&token, at).unwrap().unwrap().1.people.into_keys().collect::<Vec<_>>();
        assert_eq!(people(now), [one, other.clone()]);
        assert_eq!(people(later), std::slice::from_ref(&other));
        devices.forget(&other, later).unwrap();
        assert!(devices.find(&token, later).unwrap().is_none());
    }
}
