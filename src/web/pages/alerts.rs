//! Alerts of the landlord's guards (`GET /alerts`, A3-2): for a guard the form, for an operator the way to a prefilled
//! request, for everybody concerned what stands now.
//!
//! Forms on it, all with `csrf`: `POST /alerts` (`site`, `reasons`, `what`) and `POST /alerts/{id}/close`.

use super::ticket::reason_text;
use super::{Banner, Locale, Shell, Trouble};
use crate::domain::{AlertId, Reason, SiteId};
use askama::Template;
use chrono::{DateTime, Utc};

/// One alert.
#[derive(Debug, Clone)]
pub struct AlertRow {
    /// Identifier.
    pub id: AlertId,
    /// Site's name.
    pub site: String,
    /// The guard's name.
    pub by: String,
    /// Reasons (A3-1).
    pub reasons: Vec<Reason>,
    /// In the guard's words.
    pub what: String,
    /// When it was raised, UTC.
    pub raised_at_utc: DateTime<Utc>,
    /// When it is over by itself, UTC.
    pub ends_at_utc: DateTime<Utc>,
}

/// The guard's form, with what was typed.
#[derive(Debug, Clone, Default)]
pub struct AlertForm {
    /// The guard's sites.
    pub sites: Vec<(SiteId, String)>,
    /// Site as typed.
    pub site: String,
    /// Reasons as ticked.
    pub reasons: Vec<String>,
    /// Words as typed.
    pub what: String,
    /// What was wrong.
    pub trouble: Option<Trouble>,
}

/// The page.
#[derive(Debug, Clone, Default)]
pub struct AlertsView {
    /// What stands now, newest first.
    pub rows: Vec<AlertRow>,
    /// The form; guards alone.
    pub form: Option<AlertForm>,
    /// Whether the reader may ask for images.
    pub may_ask: bool,
    /// Whether the reader may close alerts.
    pub may_close: bool,
}

/// Draws the page.
///
/// # Errors
/// When the text cannot be formatted (out of memory).
pub fn render(shell: &Shell, view: &AlertsView) -> askama::Result<String> {
    Page { shell, view, l: shell.locale }.render()
}

#[derive(Template)]
#[template(path = "alerts.html")]
struct Page<'a> {
    shell: &'a Shell,
    view: &'a AlertsView,
    l: Locale,
}

impl AlertRow {
    fn reasons_text(&self, l: Locale) -> String {
        let reasons: Vec<String> = self.reasons.iter().map(|reason| reason_text(l, *reason)).collect();
        reasons.join(" · ")
    }
}

impl AlertForm {
    fn is_chosen(&self, id: &SiteId) -> bool {
        self.sites.len() == 1 || self.site == id.as_str()
    }

    fn is_ticked(&self, reason: &Reason) -> bool {
        self.reasons.iter().any(|word| word == reason.as_str())
    }
}
