//! sled: what can be rebuilt from the register, and what is no legal record. Identities live here, apart from the
//! register, so that forgetting a person leaves the register's chain untouched.
//!
//! Guarantees: a call that returned `Ok` after a write is on disk ([`engine`] says how); log-in tokens are stored as
//! hashes only; every value stays small. Does not: hold anything that proves what happened (the register does), nor
//! survive a torn disk page (restore, or start with an empty store: people are re-imported, everybody logs in again).
//!
//! Serves A3-3 (personal accounts), A3-7 and A6-6 (outbox), fault 25 (uniform answers to log-ins).

mod access_people;
mod delivery;
mod engine;
mod error;
mod outbox;
pub mod password;
mod people;
mod purge_tally;
mod reserve;
mod second_factors;
mod segments;
mod tickets;
pub mod totp;
mod web_sessions;

pub use access_people::AccessPeople;
pub use delivery::{Delivery, Trouble, TroubleKind};
pub use error::StoreError;
pub use outbox::{GIVE_UP_AFTER, Mail, Outbox};
pub use people::{Identity, People, same_email};
pub use purge_tally::{PurgeTally, Tally};
pub use second_factors::{Proved, RECOVERY_CODES, SecondFactor, SecondFactors};
pub use segments::{Boundary, SegmentId, SegmentRow, SegmentState, Segments};
pub use tickets::{Mark, Tickets};
pub use web_sessions::{WebSession, WebSessions};

use engine::Engine;
use std::path::Path;
use std::sync::Arc;

/// The store; cheap to clone. All calls block: use them where blocking is allowed, or under `spawn_blocking`.
#[derive(Clone)]
pub struct Store {
    engine: Arc<Engine>,
    people: People,
    second_factors: SecondFactors,
    web_sessions: WebSessions,
    outbox: Outbox,
    tickets: Tickets,
    segments: Segments,
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
            second_factors: SecondFactors::new(&engine)?,
            web_sessions: WebSessions::new(&engine)?,
            outbox: Outbox::new(&engine)?,
            tickets: Tickets::new(&engine)?,
            segments: Segments::new(&engine)?,
            purge_tally: PurgeTally::new(&engine)?,
            access_people: AccessPeople::new(&engine)?,
            engine,
        })
    }

    /// Names and addresses behind the register's pseudonyms.
    pub fn people(&self) -> People {
        self.people.clone()
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
