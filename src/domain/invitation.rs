//! Invitations: a one-time link with which a person chooses their password and enrols their second factor themselves, so
//! that no administrator ever knows a password (A3-3). The register knows that somebody was invited and accepted; the
//! link itself stands nowhere but with the invited person.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

/// How long an invitation may be accepted.
pub const INVITATION_STANDS: TimeDelta = TimeDelta::hours(72);

/// How the link reaches the person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InvitationWay {
    /// By mail to the address of the account.
    Mail,
    /// Printed once on the machine's own console, and handed over.
    Console,
}

/// An invitation that waits to be accepted; the newest of a person is the only one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Invitation {
    /// Its number: the position of its entry in the register.
    pub number: u64,
    /// How the link reaches the person.
    pub way: InvitationWay,
    /// Since when, UTC.
    pub invited_at_utc: DateTime<Utc>,
    /// From this instant on it is void, UTC.
    pub expires_at_utc: DateTime<Utc>,
}

impl Invitation {
    /// Whether it can still be accepted.
    pub fn stands(&self, now: DateTime<Utc>) -> bool {
        now < self.expires_at_utc
    }
}
