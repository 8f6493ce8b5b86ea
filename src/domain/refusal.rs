//! Why the keeper says no. Every refusal has a stable code; pages translate it, logs and the API print it.

use chrono::{DateTime, Utc};
use serde::Serialize;
use std::fmt;

/// One fault of one field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// Field, as named in the form and the API, e.g. `duration_minutes`.
    pub field: &'static str,
    /// Stable code, e.g. `duration-out-of-range`; pages translate it.
    pub code: &'static str,
    /// Value as given, shortened to 80 characters.
    pub value: String,
    /// What was expected, in English; e.g. "120 to 720 minutes (A3-5)".
    pub expected: String,
    /// From when the same value would be accepted, when time alone cures the fault (A4-7).
    #[serde(with = "super::instant::option", skip_serializing_if = "Option::is_none")]
    pub from_utc: Option<DateTime<Utc>>,
}

/// Family of a refusal; the web maps each to one HTTP status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RefusalKind {
    /// The command's values are wrong (422).
    Invalid,
    /// This person may not do this (403).
    Forbidden,
    /// No such thing, or not for this person's eyes (404).
    NotFound,
    /// The state does not allow it now: decided already, one is live (409).
    Conflict,
    /// It was allowed once and is over (410).
    Gone,
}

/// A named no.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Refusal {
    /// Family.
    pub kind: RefusalKind,
    /// Stable code, e.g. `ticket-not-open`; pages translate it.
    pub code: &'static str,
    /// One English sentence: what is wrong and what to do.
    pub message: String,
    /// Faults by field, for [`RefusalKind::Invalid`].
    pub faults: Vec<Fault>,
}

impl Refusal {
    /// A refusal without field faults.
    pub fn new(kind: RefusalKind, code: &'static str, message: impl Into<String>) -> Self {
        Self { kind, code, message: message.into(), faults: Vec::new() }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.message, self.code)?;
        for fault in &self.faults {
            write!(f, "; {} \"{}\": expected {}", fault.field, fault.value, fault.expected)?;
        }
        Ok(())
    }
}

impl std::error::Error for Refusal {}
