//! The dedicated workstations (`GET /admin/workstations`), for the administrator (A6-1, A6-2). Each row in use has a form
//! `POST /admin/workstations/{workstation}/revoke` (`csrf`, `why`).

use super::{Banner, Locale, Shell, Trouble};
use crate::domain::WorkstationId;
use askama::Template;
use chrono::{DateTime, Utc};
use serde::Serialize;

/// How it stands with a workstation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Condition {
    /// It may show transfers.
    InUse,
    /// It may, for some days still.
    EndsSoon,
    /// Its certificate has ended.
    Expired,
    /// It was revoked.
    Revoked,
}

impl Condition {
    fn as_str(self) -> &'static str {
        match self {
            Condition::InUse => "in-use",
            Condition::EndsSoon => "ends-soon",
            Condition::Expired => "expired",
            Condition::Revoked => "revoked",
        }
    }

    fn tone(self) -> &'static str {
        match self {
            Condition::InUse => "open",
            Condition::EndsSoon => "waiting",
            Condition::Expired => "bad",
            Condition::Revoked => "over",
        }
    }
}

/// One workstation.
#[derive(Debug, Clone)]
pub struct WorkstationRow {
    /// Its name, also what sessions are said to be watched from.
    pub id: WorkstationId,
    /// Name of the one service whose people may use it.
    pub service: String,
    /// When its certificate was registered, UTC.
    pub issued_at_utc: DateTime<Utc>,
    /// By whom; `None`: from the machine's own console.
    pub issued_by: Option<String>,
    /// First instant at which the certificate is no longer valid, UTC.
    pub until_utc: DateTime<Utc>,
    /// How it stands with it.
    pub condition: Condition,
    /// When it was last heard of, UTC, to the minute.
    pub last_seen_utc: Option<DateTime<Utc>>,
    /// How many viewings run on it now.
    pub watching: usize,
    /// When it was revoked, by whom (`None`: from the console) and why.
    pub revoked: Option<(DateTime<Utc>, Option<String>, String)>,
}

/// The workstations.
#[derive(Debug, Clone, Default)]
pub struct WorkstationsView {
    /// All of them, those in use first.
    pub workstations: Vec<WorkstationRow>,
    /// Whether the police need one at all (`https.workstation_ca`).
    pub required: bool,
    /// Why the previous change was refused.
    pub trouble: Option<Trouble>,
}

/// Draws the page.
///
/// # Errors
/// When the text cannot be formatted (out of memory).
pub fn render(shell: &Shell, view: &WorkstationsView) -> askama::Result<String> {
    Page { shell, view, l: shell.locale }.render()
}

#[derive(Template)]
#[template(path = "workstations.html")]
struct Page<'a> {
    shell: &'a Shell,
    view: &'a WorkstationsView,
    l: Locale,
}

impl WorkstationRow {
    fn is_revocable(&self) -> bool {
        self.condition != Condition::Revoked
    }

    fn who(&self, l: Locale, who: &Option<String>) -> String {
        who.clone().unwrap_or_else(|| l.t("workstation-console"))
    }
}

impl WorkstationsView {
    /// How many are about to end or have ended.
    fn ending(&self) -> usize {
        let ends = |row: &&WorkstationRow| matches!(row.condition, Condition::EndsSoon | Condition::Expired);
        self.workstations.iter().filter(ends).count()
    }
}
