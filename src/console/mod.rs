//! The machine's own console: who holds the server's account on this machine, or root, administers its people without a
//! log-in. It is how the first administrator comes to be.
//!
//! One set of orders, two ways to have them carried out: over a Unix socket in the data directory while the server runs
//! ([`server`], [`client`]), or directly on register and store while it does not ([`perform`]). Either way the keeper
//! decides and records first.
//!
//! Guarantees: the socket is mode 0600, and the kernel's word on who is at the other end (`SO_PEERCRED`) is checked
//! besides; an order is one line of at most [`MAX_LINE_BYTES`]; a silent peer is hung up on; nothing here logs a password.
//! Does not: listen on a network, or do what a person must answer for by name (requests, decisions).
//!
//! Serves A3-3 (personal accounts), A6-7 (people) and fault 8 (a struck person is cut).

pub mod client;
mod perform;
pub mod server;

pub use perform::{ConsoleError, perform};

use crate::config::Secret;
use crate::domain::dossier::{Dossier, Record};
use crate::domain::{Convention, InvitationWay, PersonId, Policy, Role, ServiceId, SiteId, Workstation, WorkstationId};
use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Longest line either way, bytes, line feed included.
pub const MAX_LINE_BYTES: u64 = 256 * 1024;

/// Where the console's socket lies in the data directory.
pub fn socket_path(data_dir: &Path) -> PathBuf {
    data_dir.join("console.sock")
}

/// What may be ordered.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "order")]
pub enum Order {
    /// Who is in the annex, and who has an account.
    PeopleList,
    /// A new account and its place in the annex.
    PersonAdd(NewPerson),
    /// Another place in the annex for a known person; what is absent stays as it is.
    PersonPlace {
        /// Whom.
        person: PersonId,
        /// Another role.
        role: Option<Role>,
        /// Other sites, all of them.
        sites: Option<BTreeSet<SiteId>>,
        /// Another service.
        service: Option<ServiceId>,
    },
    /// A new password; every log-in of the person ends.
    PersonPassword {
        /// Whom.
        person: PersonId,
        /// In the clear on its way over the local socket; stored as argon2id.
        password: Wire,
    },
    /// A one-time link with which the person chooses their password and enrols their second factor (A3-3); it is also the
    /// way back in for an administrator who has lost everything and has no colleague.
    PersonInvite {
        /// Whom.
        person: PersonId,
        /// By mail, or told in the answer.
        way: InvitationWay,
    },
    /// The link is void.
    PersonUninvite {
        /// Whose.
        person: PersonId,
    },
    /// Whatever lock-out holds for the account ends (fault 25).
    PersonUnlock {
        /// Whose.
        person: PersonId,
    },
    /// Out of the annex, cut and logged out at once (fault 8).
    PersonStrike {
        /// Whom.
        person: PersonId,
        /// Erase name and address as well; the register keeps the pseudonym.
        forget: bool,
    },
    /// The sites, each with its dossier and what it lacks.
    SiteList,
    /// An act for a site's dossier, as a page of the administrator would file it (A1-2, A3-1, A4-1, A5-1, A8-1).
    SiteFile {
        /// Which site.
        site: SiteId,
        /// The act.
        record: Box<Record>,
    },
    /// The annex of a site, signed off as a whole (A3-3): everybody in it has their place from then on, nobody else.
    SiteAnnex {
        /// Which site.
        site: SiteId,
        /// The CSV file's text.
        file: String,
        /// The date on it.
        dated: NaiveDate,
    },
    /// How much a site allows its service (A4-7).
    SitePolicy {
        /// Which site.
        site: SiteId,
        /// Its policy from now on.
        policy: Policy,
    },
    /// Which workstations may show transfers (A6-1).
    WorkstationList,
    /// Another one may.
    WorkstationIssue {
        /// With its certificate and service.
        workstation: Workstation,
    },
    /// One may no longer; what is watched from it is cut at once (fault 9).
    WorkstationRevoke {
        /// Which.
        workstation: WorkstationId,
        /// Reason given.
        why: String,
    },
}

/// A new account.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct NewPerson {
    /// Pseudonym; `None`: one is drawn, which says nothing about the person.
    pub person: Option<PersonId>,
    /// E-mail address, the log-in.
    pub email: String,
    /// Name as people read it.
    pub name: String,
    /// `fr` or `en`.
    pub language: String,
    /// Role.
    pub role: Role,
    /// Sites.
    pub sites: BTreeSet<SiteId>,
    /// Service, for operators and chiefs.
    pub service: Option<ServiceId>,
    /// First password; `None`: nobody knows it, the person is to be invited.
    pub password: Option<Wire>,
}

/// A secret that travels over the socket and shows in no log.
#[derive(Clone, PartialEq, Eq)]
pub struct Wire(pub Secret);

impl std::fmt::Debug for Wire {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}
impl Serialize for Wire {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.expose())
    }
}
impl<'de> Deserialize<'de> for Wire {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(Secret::new(text)))
    }
}

/// What came of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "done")]
pub enum Outcome {
    /// The people, by pseudonym.
    People {
        /// Everybody.
        people: Vec<KnownPerson>,
    },
    /// Recorded.
    Recorded {
        /// Whom it was about.
        person: PersonId,
        /// Positions in the register; empty when nothing had to change there.
        entries: Vec<u64>,
    },
    /// The sites.
    Sites {
        /// All that are declared.
        sites: Vec<KnownSite>,
    },
    /// Recorded, about a site.
    SiteRecorded {
        /// Which.
        site: SiteId,
        /// Positions in the register; empty when it was so already.
        entries: Vec<u64>,
    },
    /// Recorded: somebody is invited.
    Invited {
        /// Who.
        person: PersonId,
        /// Positions in the register.
        entries: Vec<u64>,
        /// From then on the link is void, UTC.
        expires_at_utc: DateTime<Utc>,
        /// The link's token, when it does not go by mail; told this once.
        token: Option<Wire>,
    },
    /// The workstations, by name.
    Workstations {
        /// All that are registered.
        workstations: Vec<Workstation>,
    },
    /// Recorded, about a workstation.
    WorkstationRecorded {
        /// Which.
        workstation: WorkstationId,
        /// Positions in the register; empty when nothing had to change there.
        entries: Vec<u64>,
    },
}

/// One site as the console shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownSite {
    /// Its id.
    pub site: SiteId,
    /// Its name.
    pub name: String,
    /// The convention's dates as they stand, renewals included.
    pub convention: Convention,
    /// What blocks transfers, then what does not: the stable word and, where it is about one of several, which.
    pub missing: Vec<(String, Option<String>)>,
    /// How much it allows its service.
    pub policy: Policy,
    /// What is on record.
    pub dossier: Dossier,
}

/// One person as the console shows them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownPerson {
    /// Pseudonym.
    pub person: PersonId,
    /// Name; `None` when forgotten.
    pub name: Option<String>,
    /// Address; `None` when forgotten.
    pub email: Option<String>,
    /// Role in the annex in force; `None` when struck.
    pub role: Option<Role>,
    /// Sites.
    pub sites: BTreeSet<SiteId>,
    /// Service.
    pub service: Option<ServiceId>,
}
