//! How far a mail's delivery has come (A3-7). One row per mail beside its text: changing the row never touches the text.

use crate::domain::MailFailure;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// Where a mail's delivery stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "state")]
pub enum Delivery {
    /// Waits for its first or next attempt.
    Queued {
        /// Attempts made so far.
        attempts: u32,
        /// Not before, UTC.
        next_attempt_at_utc: DateTime<Utc>,
        /// No attempt is planned after this instant, UTC.
        until_utc: DateTime<Utc>,
        /// Why the last attempt did not succeed.
        trouble: Option<Trouble>,
    },
    /// An attempt is under way. After a crash in this state the mail is sent again: at least once.
    Sending {
        /// Which attempt, from 1.
        attempts: u32,
        /// Since when, UTC.
        since_utc: DateTime<Utc>,
        /// No attempt is planned after this instant, UTC.
        until_utc: DateTime<Utc>,
        /// Why the attempt before did not succeed.
        trouble: Option<Trouble>,
    },
    /// The mail server took it over.
    Accepted {
        /// Which attempt, from 1.
        attempts: u32,
        /// When, UTC.
        at_utc: DateTime<Utc>,
        /// Its reply, as it came.
        reply: String,
    },
    /// Failed for good.
    Failed {
        /// After how many attempts.
        attempts: u32,
        /// When, UTC.
        at_utc: DateTime<Utc>,
        /// Why.
        why: MailFailure,
        /// The mail server's last reply, or what went wrong, as it came.
        reply: String,
    },
}

impl Delivery {
    /// Attempts made, one under way included.
    pub fn attempts(&self) -> u32 {
        match self {
            Delivery::Queued { attempts, .. }
            | Delivery::Sending { attempts, .. }
            | Delivery::Accepted { attempts, .. }
            | Delivery::Failed { attempts, .. } => *attempts,
        }
    }

    /// Whether it is over, well or not.
    pub fn is_over(&self) -> bool {
        matches!(self, Delivery::Accepted { .. } | Delivery::Failed { .. })
    }
}

/// Why an attempt did not succeed and is worth another one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    /// What kind.
    pub kind: TroubleKind,
    /// The mail server's or the library's own words; may hold the addressee's address, so it stays out of logs.
    pub detail: String,
}

/// Kinds of trouble.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TroubleKind {
    /// No connection, or it broke.
    Unreachable,
    /// The mail server's certificate is not believed, or TLS failed otherwise.
    Tls,
    /// The mail server offers no STARTTLS: nothing is sent in the clear.
    NoStartTls,
    /// The mail server did not accept user and password.
    LogIn,
    /// The mail server did not answer in time.
    TimedOut,
    /// The mail server asked to come back later (4xx).
    PutOff,
}

impl TroubleKind {
    /// The word used in interfaces and texts.
    pub fn as_str(self) -> &'static str {
        match self {
            TroubleKind::Unreachable => "unreachable",
            TroubleKind::Tls => "tls",
            TroubleKind::NoStartTls => "no-start-tls",
            TroubleKind::LogIn => "log-in",
            TroubleKind::TimedOut => "timed-out",
            TroubleKind::PutOff => "put-off",
        }
    }

    /// Whether it is about the mail server itself, and so the same for every mail.
    pub fn is_the_servers(self) -> bool {
        self != TroubleKind::PutOff
    }
}
