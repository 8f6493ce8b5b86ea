//! Dedicated workstations (A6-1): which machines may show a transfer.

use super::command::Actor;
use super::ids::{ServiceId, WorkstationId};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// A registered workstation: one certificate, bound to one service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Workstation {
    /// Its name, also the certificate's common name and what sessions are said to be watched from.
    pub id: WorkstationId,
    /// The one service whose people may use it.
    pub service: ServiceId,
    /// SHA-256 of its certificate (DER), lower-case hexadecimal.
    pub certificate_sha256: String,
    /// First instant at which the certificate is no longer valid, UTC.
    #[serde(with = "super::instant")]
    pub until_utc: DateTime<Utc>,
}

/// Days before a certificate's end at which the administrator is reminded of it.
pub const EXPIRY_REMINDERS_DAYS: [i64; 2] = [30, 7];

/// What the register knows of a workstation's latest certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issuance {
    /// The workstation.
    pub workstation: Workstation,
    /// When it was registered, UTC.
    pub issued_at_utc: DateTime<Utc>,
    /// Who registered it; the system: whoever held the machine's own console.
    pub issued_by: Actor,
    /// How many reminders of its end have been recorded.
    pub reminders: u8,
    /// Its revocation, once it is.
    pub revoked: Option<Revocation>,
}

/// The end of a workstation before its certificate's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revocation {
    /// When, UTC.
    pub at_utc: DateTime<Utc>,
    /// By whom.
    pub by: Actor,
    /// Reason given.
    pub why: String,
}
