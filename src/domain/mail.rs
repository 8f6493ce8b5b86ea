//! Mails as the register knows them (A3-7, A6-6): which, to whom by pseudonym, about what, and how far each has come.
//! Never an address, a name or a word of the mail itself; of the mail server's reply the status codes alone, because
//! servers like to quote the address in the rest.

use super::ids::{IdError, PersonId, TicketId};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A mail: made from the register entry it follows from and its addressee, so that queueing it twice is queueing it
/// once. Sorts by time.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MailId(String);

/// Longest mail id, characters: a position in the register, "-checkpoint-" and the longest pseudonym.
const MAX_ID_CHARS: usize = 96;

impl MailId {
    /// The mail that follows from entry `seq` for `to`.
    pub fn about(seq: u64, to: &PersonId) -> Self {
        Self(format!("{seq:016}-{to}"))
    }

    /// The mail with the checkpoint of the register's first `size` entries for `to`.
    pub fn checkpoint(size: u64, to: &PersonId) -> Self {
        Self(format!("{size:016}-checkpoint-{to}"))
    }

    /// The text of the identifier.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for MailId {
    type Err = IdError;
    fn from_str(value: &str) -> Result<Self, IdError> {
        let fits = (1..=MAX_ID_CHARS).contains(&value.len())
            && value.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        if fits {
            return Ok(Self(value.to_owned()));
        }
        let value = value.chars().take(80).collect();
        Err(IdError { kind: "mail id", expected: "1 to 96 of a-z, 0-9 and \"-\"", value })
    }
}

impl TryFrom<String> for MailId {
    type Error = IdError;
    fn try_from(value: String) -> Result<Self, IdError> {
        value.parse()
    }
}

impl From<MailId> for String {
    fn from(id: MailId) -> String {
        id.0
    }
}

impl fmt::Display for MailId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a mail says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MailKind {
    /// To deciders: somebody asks (A6-6).
    Requested,
    /// To deciders: nobody has answered yet.
    Reminder,
    /// To deciders: no longer.
    Withdrawn,
    /// Nobody answered.
    Lapsed,
    /// To the operator: here is the link (A3-6).
    OpenedForOperator,
    /// To the landlord: images are shared from now on (A3-7).
    OpenedForLandlord,
    /// To the operator: no.
    Refused,
    /// To the landlord: images are shared from now on by the rule of the `urgent` mode, with a one-tap cut (conflict table).
    OpenedUrgently,
    /// It is over (A4-4).
    Closed,
    /// To deciders and data protection officer: an access request has waited for twenty days (A5-2).
    AccessDue,
    /// To administrators: something threatens the recordings, or no longer does (fault 13).
    StorageAlarm,
    /// To deciders, data protection officer and administrators: the clock that footage is destroyed by is in doubt, or no longer
    /// (fault 6).
    RetentionClock,
    /// To the register's witnesses: what it holds at the end of a day (A4-5).
    Checkpoint,
    /// To deciders and administrators: the convention's notice period begins soon (A8-1).
    Renewal,
    /// To administrators: a workstation's certificate ends soon (A6-2).
    WorkstationExpiry,
    /// To somebody who may choose their password and enrol their second factor (A3-3).
    Invitation,
}

impl MailKind {
    /// The word used in the register, interfaces and texts.
    pub fn as_str(self) -> &'static str {
        match self {
            MailKind::Requested => "requested",
            MailKind::Reminder => "reminder",
            MailKind::Withdrawn => "withdrawn",
            MailKind::Lapsed => "lapsed",
            MailKind::OpenedForOperator => "opened-for-operator",
            MailKind::OpenedForLandlord => "opened-for-landlord",
            MailKind::Refused => "refused",
            MailKind::OpenedUrgently => "opened-urgently",
            MailKind::Closed => "closed",
            MailKind::AccessDue => "access-due",
            MailKind::StorageAlarm => "storage-alarm",
            MailKind::RetentionClock => "retention-clock",
            MailKind::Checkpoint => "checkpoint",
            MailKind::Renewal => "renewal",
            MailKind::WorkstationExpiry => "workstation-expiry",
            MailKind::Invitation => "invitation",
        }
    }
}

/// Why a mail will not arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MailFailure {
    /// The mail server refused it for good (5xx).
    Refused,
    /// It was put off, or the mail server could not be reached, until it was given up.
    GivenUp,
    /// It cannot be written: the address is none.
    Unwritable,
}

impl MailFailure {
    /// The word used in the register, interfaces and texts.
    pub fn as_str(self) -> &'static str {
        match self {
            MailFailure::Refused => "refused",
            MailFailure::GivenUp => "given-up",
            MailFailure::Unwritable => "unwritable",
        }
    }
}

/// How far a mail has come, as a fact to be recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MailFact {
    /// It waits in the outbox.
    Queued,
    /// The mail server took it over.
    Accepted {
        /// Status codes of its reply.
        reply: String,
        /// Which attempt it was, from 1.
        attempts: u32,
    },
    /// It will not arrive.
    Failed {
        /// Why.
        why: MailFailure,
        /// Status codes of the last reply; absent when there was none.
        reply: Option<String>,
        /// After how many attempts.
        attempts: u32,
    },
}

/// What the outbox tells the keeper about one mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailNote {
    /// Which mail.
    pub mail: MailId,
    /// To whom.
    pub to: PersonId,
    /// What it says.
    pub kind: MailKind,
    /// About which ticket.
    pub ticket: Option<TicketId>,
    /// When it was so, UTC; the note may come later, after a crash.
    pub at_utc: DateTime<Utc>,
    /// What was so.
    pub fact: MailFact,
}

/// A mail as folded from the register.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailTrace {
    /// Which mail.
    pub mail: MailId,
    /// To whom.
    pub to: PersonId,
    /// What it says.
    pub kind: MailKind,
    /// About which ticket.
    pub ticket: Option<TicketId>,
    /// When it was queued, UTC.
    pub queued_at_utc: DateTime<Utc>,
    /// How it went.
    pub outcome: MailOutcome,
}

/// How a mail went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MailOutcome {
    /// It waits.
    Waiting,
    /// The mail server took it over.
    Accepted {
        /// When, UTC.
        at_utc: DateTime<Utc>,
        /// Status codes of its reply.
        reply: String,
        /// Which attempt it was, from 1.
        attempts: u32,
    },
    /// It did not arrive.
    Failed {
        /// When, UTC.
        at_utc: DateTime<Utc>,
        /// Why.
        why: MailFailure,
        /// Status codes of the last reply.
        reply: Option<String>,
        /// After how many attempts.
        attempts: u32,
    },
}

impl MailOutcome {
    /// Attempts made by then; a later outcome has more.
    pub(super) fn attempts(&self) -> u32 {
        match self {
            MailOutcome::Waiting => 0,
            MailOutcome::Accepted { attempts, .. } | MailOutcome::Failed { attempts, .. } => *attempts,
        }
    }
}
