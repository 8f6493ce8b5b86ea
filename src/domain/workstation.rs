//! Dedicated workstations (A6-1): which machines may show a transfer.

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
