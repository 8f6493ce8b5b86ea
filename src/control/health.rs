//! How the keeper is, for the pages' banner, metrics and health checks.

use serde::Serialize;

/// The register's condition as the keeper sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "register")]
pub enum RegisterHealth {
    /// Sound, and room is reserved for it.
    Sound,
    /// Written, but the disk is full: it lives on its reserved space (fault 13). Recording must yield.
    OnReserve {
        /// Bytes of reserved space left.
        left_bytes: u64,
    },
    /// Read-only: damaged when opened, or a write failed. No transfer until it is repaired (faults 12, 14).
    Unavailable {
        /// What broke, where, and what to do.
        why: String,
    },
}

/// The keeper's own condition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Health {
    /// The register.
    #[serde(flatten)]
    pub register: RegisterHealth,
    /// Entries recorded.
    pub entries: u64,
    /// Commands that wait.
    pub queued: usize,
    /// Grants whose gate is open.
    pub live_grants: usize,
    /// Whether the keeper has been told to stop.
    pub stopping: bool,
}

impl Health {
    /// Whether transfers can be granted.
    pub fn is_writable(&self) -> bool {
        !self.stopping && !matches!(self.register, RegisterHealth::Unavailable { .. })
    }
}
