//! The authenticator applications of a test's people: each code is used once, as a person has to.

#![allow(dead_code, reason = "each test binary that includes this file uses its own part of it")]

use chrono::{DateTime, Utc};
use ecluse::domain::PersonId;
use ecluse::store::Store;
use ecluse::store::totp::{STEP_S, TotpSecret, step_at};
use std::collections::HashMap;
use std::sync::Mutex;

/// Everybody's secret in these tests.
pub const SECRET: &str = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP";

/// Who has used which step last.
#[derive(Default)]
pub struct Applications(Mutex<HashMap<String, u64>>);

/// Enrols [`SECRET`] for a person.
pub fn enrol(store: &Store, person: &PersonId, now: DateTime<Utc>) {
    let secret = TotpSecret::from_base32(SECRET).expect("a secret");
    let codes = store.second_factors().enrol(person, &secret, 0, now, |_| false).expect("enrolled");
    assert!(codes.is_some_and(|codes| codes.len() == 10));
}

/// The code of a step.
pub fn code(step: u64) -> String {
    TotpSecret::from_base32(SECRET).expect("a secret").code(step)
}

impl Applications {
    /// A code the person has not used yet, or how many seconds there will be none.
    pub fn code(&self, person: &str, now: DateTime<Utc>, steady: bool) -> Result<String, u64> {
        self.step(person, now, steady).map(code)
    }

    /// The same as a step. `steady`: the clock stands still until told to move; else the step before the current one
    /// counts only while it has time left.
    pub fn step(&self, person: &str, now: DateTime<Utc>, steady: bool) -> Result<u64, u64> {
        let second = u64::try_from(now.timestamp()).expect("after 1970");
        let into_step = second % STEP_S;
        let early = steady || into_step < STEP_S / 2;
        let first = step_at(now) - u64::from(early);
        let mut used = self.0.lock().expect("nobody panicked here");
        let step = used.get(person).map_or(first, |last| first.max(last + 1));
        if step > step_at(now) + 1 {
            return Err(STEP_S - into_step);
        }
        used.insert(person.to_owned(), step);
        Ok(step)
    }
}
