//! Wrong passwords and codes, counted per account, and the lock-outs that follow (fault 25).
//!
//! Guarantees: who fails as often as the rule allows within its window is locked out for a time that doubles with each
//! lock-out, up to a day; attempts during a lock-out are neither judged nor counted, so nobody can prolong one. Known
//! devices are counted apart from strangers, and strangers per network besides all together, more slowly: an attacker
//! locks out themselves, then all strangers, never a device the person has logged in from ("device cookies", OWASP).
//! Does not: count for accounts that do not exist, or answer anybody: whoever logs in learns nothing of it.

use super::StoreError;
use super::engine::{Engine, Table};
use crate::domain::PersonId;
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// All strangers together may fail so many times as often as one network.
const EVERYWHERE_FACTOR: u32 = 5;
/// No lock-out is longer; after so long without a failure the next one is as short as the first.
const LONGEST: TimeDelta = TimeDelta::hours(24);

/// When an account is locked out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LockoutRule {
    /// After so many failures,
    pub attempts: u32,
    /// within this time,
    pub window: Duration,
    /// for this long; then twice, four times as long.
    pub first: Duration,
}

impl Default for LockoutRule {
    /// 10 within 15 minutes, for 15 minutes.
    fn default() -> Self {
        let quarter = Duration::from_secs(15 * 60);
        Self { attempts: 10, window: quarter, first: quarter }
    }
}

/// From where somebody tries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A device the person has logged in from before, or a workstation of their service; by a hash that names it.
    Known(String),
    /// Anywhere else, by network.
    Stranger(IpAddr),
}

/// What a lock-out holds for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// One known device.
    Device,
    /// One network.
    Network,
    /// Every device that is not known.
    Strangers,
}

impl Scope {
    /// The word used in interfaces and texts.
    pub fn as_str(self) -> &'static str {
        match self {
            Scope::Device => "device",
            Scope::Network => "network",
            Scope::Strangers => "strangers",
        }
    }
}

/// A lock-out that holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lockout {
    /// Whose.
    pub person: PersonId,
    /// What for.
    pub scope: Scope,
    /// Until when, UTC.
    pub until_utc: DateTime<Utc>,
}

#[derive(Clone, Serialize, Deserialize)]
struct Count {
    person: PersonId,
    scope: Scope,
    /// Failures since `since_utc`.
    failures: u32,
    since_utc: DateTime<Utc>,
    last_utc: DateTime<Utc>,
    /// Lock-outs so far.
    lockouts: u32,
    until_utc: Option<DateTime<Utc>>,
}

impl Count {
    fn holds(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        self.until_utc.filter(|until| now < *until)
    }
}

/// The table. Rows are not waited for: at worst a crash forgives the last failures.
#[derive(Clone)]
pub struct Lockouts {
    counts: Table,
    // From reading a count to writing it.
    writing: Arc<Mutex<()>>,
}

/// The counts an attempt from somewhere is in.
fn counted_in(person: &PersonId, origin: &Origin) -> Vec<(String, Scope, u32)> {
    match origin {
        Origin::Known(device) => vec![(format!("{person} device {device}"), Scope::Device, 1)],
        Origin::Stranger(network) => vec![
            (format!("{person} network {network}"), Scope::Network, 1),
            (format!("{person} strangers"), Scope::Strangers, EVERYWHERE_FACTOR),
        ],
    }
}

impl Lockouts {
    pub(super) fn new(engine: &Arc<Engine>) -> Result<Self, StoreError> {
        Ok(Self { counts: Table::open(engine, "lockouts")?, writing: Arc::default() })
    }

    fn writing(&self) -> MutexGuard<'_, ()> {
        // The lock guards no data of its own.
        self.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether this person is locked out where they try from.
    ///
    /// # Errors
    /// [`StoreError`] when the table cannot be read.
    pub fn holds(&self, person: &PersonId, origin: &Origin, now: DateTime<Utc>) -> Result<bool, StoreError> {
        for (key, _, _) in counted_in(person, origin) {
            if self.counts.get::<Count>(&key)?.is_some_and(|count| count.holds(now).is_some()) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Counts a failure; the lock-outs that begin with it.
    ///
    /// # Errors
    /// [`StoreError`] when the table cannot be read or written.
    pub fn failed(
        &self,
        person: &PersonId,
        origin: &Origin,
        now: DateTime<Utc>,
        rule: &LockoutRule,
    ) -> Result<Vec<Lockout>, StoreError> {
        let _writing = self.writing();
        let mut begun = Vec::new();
        for (key, scope, factor) in counted_in(person, origin) {
            let known = self.counts.get::<Count>(&key)?.filter(|count| now - count.last_utc < LONGEST);
            let new = || Count {
                person: person.clone(),
                scope,
                failures: 0,
                since_utc: now,
                last_utc: now,
                lockouts: 0,
                until_utc: None,
            };
            let mut count = known.unwrap_or_else(new);
            if count.holds(now).is_some() {
                continue;
            }
            if now - count.since_utc >= delta(rule.window) {
                (count.failures, count.since_utc) = (0, now);
            }
            count.failures += 1;
            count.last_utc = now;
            if count.failures >= rule.attempts.saturating_mul(factor) {
                let doubled = 2_i32.saturating_pow(count.lockouts.min(20));
                let until_utc = now + delta(rule.first).checked_mul(doubled).unwrap_or(LONGEST).min(LONGEST);
                (count.failures, count.lockouts) = (0, count.lockouts.saturating_add(1));
                count.until_utc = Some(until_utc);
                // So that a long lock-out is remembered as long after its end as a short one.
                count.last_utc = until_utc;
                begun.push(Lockout { person: person.clone(), scope, until_utc });
            }
            self.counts.put(&key, &count)?;
        }
        self.sweep(now)?;
        Ok(begun)
    }

    /// Somebody has logged in: what was counted for the place they came from is forgotten, not what strangers did.
    ///
    /// # Errors
    /// [`StoreError`] when the table cannot be written.
    pub fn succeeded(&self, person: &PersonId, origin: &Origin) -> Result<(), StoreError> {
        let _writing = self.writing();
        for (key, scope, _) in counted_in(person, origin) {
            if scope != Scope::Strangers {
                self.counts.remove(&key)?;
            }
        }
        Ok(())
    }

    /// Forgets all that was counted for a person. Whether a lock-out ends with it.
    ///
    /// # Errors
    /// [`StoreError`] when the table cannot be written.
    pub fn clear(&self, person: &PersonId, now: DateTime<Utc>) -> Result<bool, StoreError> {
        let _writing = self.writing();
        let mut held = false;
        for row in self.counts.rows::<Count>() {
            let (key, count) = row?;
            if count.person == *person {
                held |= count.holds(now).is_some();
                self.counts.remove(&key)?;
            }
        }
        self.counts.commit()?;
        Ok(held)
    }

    /// Every lock-out that holds.
    ///
    /// # Errors
    /// [`StoreError`] when the table cannot be read.
    pub fn list(&self, now: DateTime<Utc>) -> Result<Vec<Lockout>, StoreError> {
        let mut all = Vec::new();
        for row in self.counts.rows::<Count>() {
            let (_, count) = row?;
            if let Some(until_utc) = count.holds(now) {
                all.push(Lockout { person: count.person, scope: count.scope, until_utc });
            }
        }
        Ok(all)
    }

    /// What nobody added to for a day is forgotten.
    fn sweep(&self, now: DateTime<Utc>) -> Result<(), StoreError> {
        for row in self.counts.rows::<Count>() {
            let (key, count) = row?;
            if now - count.last_utc >= LONGEST {
                self.counts.remove(&key)?;
            }
        }
        Ok(())
    }
}

fn delta(duration: Duration) -> TimeDelta {
    TimeDelta::from_std(duration).unwrap_or(LONGEST).min(LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Store;

    const RULE: LockoutRule =
        LockoutRule { attempts: 3, window: Duration::from_secs(900), first: Duration::from_secs(900) };

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + seconds, 0).unwrap()
    }

    fn network(n: u8) -> Origin {
        Origin::Stranger(IpAddr::from([192, 0, 2, n]))
    }

    #[test]
    fn fault_25_lock_outs_grow_are_not_prolonged_and_end() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        let (lockouts, person) = (store.lockouts(), "decider".parse().unwrap());
        let mut now = 0;
        for (round, minutes) in [(1, 15), (2, 30), (3, 60)] {
            for failure in 1..=3 {
                let begun = lockouts.failed(&person, &network(1), at(now), &RULE).unwrap();
                assert_eq!(begun.len(), usize::from(failure == 3), "round {round}");
            }
            let until = now + minutes * 60;
            assert!(lockouts.failed(&person, &network(1), at(until - 1), &RULE).unwrap().is_empty());
            assert!(lockouts.holds(&person, &network(1), at(until - 1)).unwrap());
            assert!(!lockouts.holds(&person, &network(1), at(until)).unwrap());
            now = until;
        }
        // Slower than the window is never locked out; a success forgives.
        let other = "agent".parse().unwrap();
        for failure in 0..10 {
            assert!(lockouts.failed(&other, &network(2), at(now + failure * 451), &RULE).unwrap().is_empty());
        }
        lockouts.succeeded(&other, &network(2)).unwrap();
        assert!(lockouts.failed(&other, &network(2), at(now + 4_600), &RULE).unwrap().is_empty());
    }

    #[test]
    fn fault_25_nobody_locks_a_known_device_out_from_elsewhere() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        let (lockouts, person) = (store.lockouts(), "decider".parse().unwrap());
        let device = Origin::Known("abc".to_owned());
        let mut scopes = Vec::new();
        for n in 1..=15_u8 {
            let begun = lockouts.failed(&person, &network(n), at(i64::from(n)), &RULE).unwrap();
            scopes.extend(begun.into_iter().map(|lockout| lockout.scope));
        }
        assert_eq!(scopes, [Scope::Strangers], "each network once: slower, all of them together");
        assert!(lockouts.holds(&person, &network(99), at(20)).unwrap());
        assert!(!lockouts.holds(&person, &device, at(20)).unwrap());
        assert_eq!(lockouts.list(at(20)).unwrap().len(), 1);
        assert!(lockouts.clear(&person, at(20)).unwrap() && !lockouts.clear(&person, at(20)).unwrap());
        assert!(!lockouts.holds(&person, &network(99), at(20)).unwrap());
        for _ in 0..3 {
            lockouts.failed(&person, &device, at(30), &RULE).unwrap();
        }
        assert!(lockouts.holds(&person, &device, at(31)).unwrap(), "a stolen device does not guess for ever either");
        assert!(!lockouts.holds(&person, &network(1), at(31)).unwrap());
    }
}
