//! Who may do what. The register knows people by pseudonym only; names live in the store's identity table.

use super::ids::{PersonId, ServiceId, SiteId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// What a person is in the convention (REQUIREMENTS, "Who is who").
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Agent du CSU: asks, watches what was granted, ends it.
    Operator,
    /// Chef de service du CSU: watches what was granted, never asks.
    Chief,
    /// Titulaire or suppléant at the landlord: previews, approves, refuses, interrupts.
    Decider,
    /// Télésurveilleur of the landlord: raises alerts, interrupts.
    Guard,
    /// Data protection officer: reads the register.
    Dpo,
    /// Administrator: connection logs, cuts a transfer, people, cameras; sees no images.
    Administrator,
    /// Préfecture or commission: reads and verifies the register.
    Auditor,
}

impl Role {
    /// All roles, for tables and tests that must walk every one.
    pub const ALL: [Role; 7] =
        [Role::Operator, Role::Chief, Role::Decider, Role::Guard, Role::Dpo, Role::Administrator, Role::Auditor];

    /// Whether this is one of the police's roles: they belong to a service, and see only what was granted to it (A5-7).
    pub fn is_police(self) -> bool {
        matches!(self, Role::Operator | Role::Chief)
    }

    /// The word used in configuration, URLs and the register.
    pub fn as_str(self) -> &'static str {
        match self {
            Role::Operator => "operator",
            Role::Chief => "chief",
            Role::Decider => "decider",
            Role::Guard => "guard",
            Role::Dpo => "dpo",
            Role::Administrator => "administrator",
            Role::Auditor => "auditor",
        }
    }
}

/// One person's place in the annex in force: role, sites and (for the police) service. Personal, never shared (A3-3).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Designation {
    /// Pseudonym.
    pub person: PersonId,
    /// Exactly one role: nobody both asks and decides (A4-3).
    pub role: Role,
    /// Sites the designation covers; empty for people without site duties (administrator, auditor).
    pub sites: BTreeSet<SiteId>,
    /// The service of an operator or chief (A5-7); `None` for everybody else.
    pub service: Option<ServiceId>,
}
