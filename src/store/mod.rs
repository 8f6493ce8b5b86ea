//! sled: what can be rebuilt from the register, and what is no legal record. Identities live here, apart from the
//! register, so that forgetting a person leaves the register's chain untouched.
//!
//! Guarantees: a call that returned `Ok` after a write is on disk ([`engine`] says how); log-in tokens are stored as
//! hashes only; every value stays small. Does not: hold anything that proves what happened (the register does), nor
//! survive a torn disk page (restore, or start with an empty store: people are re-imported, everybody logs in again).
//!
//! Serves A3-3 (personal accounts), A3-7 and A6-6 (outbox), fault 25 (uniform answers to log-ins).

mod access_people;
pub mod annex;
mod delivery;
mod devices;
mod engine;
mod error;
mod invitations;
mod lockouts;
mod offsite;
mod outbox;
mod passkeys;
pub mod password;
mod people;
mod purge_tally;
mod reserve;
mod second_factors;
mod secrets;
mod segment;
mod segments;
mod sightings;
mod tickets;
mod to_copy;
pub mod totp;
mod web_sessions;

pub use access_people::AccessPeople;
pub use delivery::{Delivery, Trouble, TroubleKind};
pub use devices::{DEVICE_STANDS, Device, Devices};
pub use error::StoreError;
pub use invitations::{InvitationLink, Invitations};
pub use lockouts::{Lockout, LockoutRule, Lockouts, Origin, Scope};
pub use offsite::OffsiteBook;
pub use outbox::{GIVE_UP_AFTER, Mail, Outbox};
pub use passkeys::{MOST_PASSKEYS, Passkeys, StoredPasskey};
pub use people::{Identity, People, same_email};
pub use purge_tally::{PurgeTally, Tally};
pub use second_factors::{Proved, RECOVERY_CODES, SecondFactor, SecondFactors};
pub use segment::{Boundary, LONGEST_SEGMENT, SegmentId, SegmentRow, SegmentState};
pub use segments::Segments;
pub use sightings::Sightings;
pub use tickets::{Mark, Tickets};
pub use to_copy::Late;
pub use web_sessions::{WebSession, WebSessions};

use crate::domain::PersonId;
use chrono::{DateTime, Utc};
use engine::Engine;
use std::path::Path;
use std::sync::Arc;

/// The store; cheap to clone. All calls block: use them where blocking is allowed, or under `spawn_blocking`.
#[derive(Clone)]
pub struct Store {
    engine: Arc<Engine>,
    people: People,
    invitations: Invitations,
    lockouts: Lockouts,
    devices: Devices,
    passkeys: Passkeys,
    second_factors: SecondFactors,
    web_sessions: WebSessions,
    outbox: Outbox,
    tickets: Tickets,
    segments: Segments,
    offsite: OffsiteBook,
    sightings: Sightings,
    purge_tally: PurgeTally,
    access_people: AccessPeople,
}

impl Store {
    /// Opens the store in `dir`, or makes it.
    ///
    /// # Errors
    /// [`StoreError`] names the directory and what to do.
    pub fn open(dir: &Path) -> Result<Store, StoreError> {
        let engine = Arc::new(Engine::open(dir)?);
        Ok(Store {
            people: People::new(&engine)?,
            invitations: Invitations::new(&engine)?,
            lockouts: Lockouts::new(&engine)?,
            devices: Devices::new(&engine)?,
            passkeys: Passkeys::new(&engine)?,
            second_factors: SecondFactors::new(&engine)?,
            web_sessions: WebSessions::new(&engine)?,
            outbox: Outbox::new(&engine)?,
            tickets: Tickets::new(&engine)?,
            segments: Segments::new(&engine)?,
            offsite: OffsiteBook::new(&engine)?,
            sightings: Sightings::new(&engine)?,
            purge_tally: PurgeTally::new(&engine)?,
            access_people: AccessPeople::new(&engine)?,
            engine,
        })
    }

    /// Names and addresses behind the register's pseudonyms.
    pub fn people(&self) -> People {
        self.people.clone()
    }

    /// Links of invitations.
    pub fn invitations(&self) -> Invitations {
        self.invitations.clone()
    }

    /// Wrong passwords and codes, and what follows from them.
    pub fn lockouts(&self) -> Lockouts {
        self.lockouts.clone()
    }

    /// Passkeys, as second factor.
    pub fn passkeys(&self) -> Passkeys {
        self.passkeys.clone()
    }

    /// Devices people have logged in from.
    pub fn devices(&self) -> Devices {
        self.devices.clone()
    }

    /// Second factors of log-ins.
    pub fn second_factors(&self) -> SecondFactors {
        self.second_factors.clone()
    }

    /// Log-in sessions.
    pub fn web_sessions(&self) -> WebSessions {
        self.web_sessions.clone()
    }

    /// Mails to be sent, and how they went.
    pub fn outbox(&self) -> Outbox {
        self.outbox.clone()
    }

    /// Tickets, projected from the register.
    pub fn tickets(&self) -> Tickets {
        self.tickets.clone()
    }

    /// The index of recorded segments.
    pub fn segments(&self) -> Segments {
        self.segments.clone()
    }

    /// What the off-site copy of the recordings has.
    pub fn offsite(&self) -> OffsiteBook {
        self.offsite.clone()
    }

    /// When workstations were last seen.
    pub fn sightings(&self) -> Sightings {
        self.sightings.clone()
    }

    /// Forgets everything that proves a person but their password: second factor, log-ins, known devices, the link of an
    /// invitation; and with that the lock-outs of their account.
    ///
    /// # Errors
    /// [`StoreError`] when a table cannot be written.
    pub fn forget_proofs(&self, person: &PersonId, now: DateTime<Utc>) -> Result<(), StoreError> {
        self.invitations.remove(person)?;
        self.second_factors.remove(person)?;
        self.passkeys.forget(person)?;
        self.web_sessions.revoke_person(person)?;
        self.devices.forget(person, now)?;
        self.lockouts.clear(person, now)?;
        Ok(())
    }

    /// What was destroyed of days that have not been attested yet.
    pub fn purge_tally(&self) -> PurgeTally {
        self.purge_tally.clone()
    }

    /// Who stands behind access requests (A5-2).
    pub fn access_people(&self) -> AccessPeople {
        self.access_people.clone()
    }

    /// Bytes on disk, for metrics.
    ///
    /// # Errors
    /// [`StoreError::Engine`] when the directory cannot be read.
    pub fn size_on_disk_bytes(&self) -> Result<u64, StoreError> {
        self.engine.size_on_disk_bytes()
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("dir", &self.engine.dir()).finish_non_exhaustive()
    }
}
