//! The list of tickets (`GET /tickets`, and `POST /tickets` when the control found faults): for an operator the request
//! form and their own tickets, for a decider what waits for a decision and what is open.
//!
//! The form's fields: `csrf`, `site`, `reasons` (one per tick, words of [`crate::domain::Reason::as_str`]),
//! `duration_minutes`, `email` (A3-4).

use super::{Banner, Locale, Shell, TicketCard, Trouble};
use crate::domain::{Reason, SiteId, policy};
use askama::Template;

/// How a request for a site is opened (conflict table, row 1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Urgency {
    /// By a decider's approval.
    None,
    /// The mode is `urgent`, but no alert can be used.
    NeedsAlert,
    /// At once.
    AtOnce,
}

/// A site in the form.
#[derive(Debug, Clone)]
pub struct SiteChoice {
    /// Identifier.
    pub id: SiteId,
    /// Name as people read it.
    pub name: String,
    /// Addresses covered.
    pub addresses: Vec<String>,
    /// Cameras in all and those online (fault 15).
    pub cameras: (usize, usize),
    /// How a request for it is opened.
    pub urgency: Urgency,
}

impl SiteChoice {
    /// What the form says about it.
    fn urgency_key(&self) -> Option<&'static str> {
        match self.urgency {
            Urgency::None => None,
            Urgency::NeedsAlert => Some("ask-urgent-needs-alert"),
            Urgency::AtOnce => Some("ask-at-once"),
        }
    }
}

/// The request form, with what was typed when it comes back with faults: nothing is lost.
#[derive(Debug, Clone, Default)]
pub struct RequestForm {
    /// Sites this operator may ask for.
    pub sites: Vec<SiteChoice>,
    /// Site as typed; the only site when empty and there is one.
    pub site: String,
    /// Reasons as ticked.
    pub reasons: Vec<String>,
    /// Minutes as typed; empty: the shortest.
    pub duration_minutes: String,
    /// E-mail as typed; empty the first time: the agent types it (A3-4).
    pub email: String,
    /// The address of the account, offered by the field's completion.
    pub account_email: String,
    /// What the control found.
    pub trouble: Option<Trouble>,
}

/// The list of tickets.
#[derive(Debug, Clone, Default)]
pub struct TicketsView {
    /// The form; operators alone.
    pub form: Option<RequestForm>,
    /// Waiting for a decision, oldest first.
    pub pending: Vec<TicketCard>,
    /// Open, newest first.
    pub open: Vec<TicketCard>,
    /// Over or never opened, newest first; the caller limits it.
    pub past: Vec<TicketCard>,
    /// Link back to the newest, on a page of older ones: then neither form nor live tickets are drawn.
    pub newer: Option<String>,
    /// Link to older ones, when there may be some.
    pub older: Option<String>,
}

/// Draws the page.
///
/// # Errors
/// When the text cannot be formatted (out of memory).
pub fn render(shell: &Shell, view: &TicketsView) -> askama::Result<String> {
    Page { shell, view, l: shell.locale }.render()
}

#[derive(Template)]
#[template(path = "tickets.html")]
struct Page<'a> {
    shell: &'a Shell,
    view: &'a TicketsView,
    l: Locale,
}

/// Durations offered with one click, minutes.
const QUICK: [u32; 5] = [120, 180, 240, 480, 720];

impl RequestForm {
    fn durations(&self) -> Vec<u32> {
        (policy::MIN_DURATION_MINUTES..=policy::MAX_DURATION_MINUTES).step_by(30).collect()
    }

    fn quick(&self) -> [u32; 5] {
        QUICK
    }

    fn chosen_minutes(&self) -> u32 {
        self.duration_minutes.parse().unwrap_or(policy::MIN_DURATION_MINUTES)
    }

    fn is_chosen(&self, site: &SiteChoice) -> bool {
        self.sites.len() == 1 || self.site == site.id.as_str()
    }

    fn is_ticked(&self, reason: &Reason) -> bool {
        self.reasons.iter().any(|word| word == reason.as_str())
    }

    fn faults(&self, l: Locale, field: &str) -> Vec<String> {
        self.trouble.as_ref().map(|trouble| trouble.of_field(l, field)).unwrap_or_default()
    }

    fn other_faults(&self, l: Locale) -> Vec<String> {
        let shown = ["site", "reasons", "duration_minutes", "email"];
        self.trouble.as_ref().map(|trouble| trouble.elsewhere(l, &shown)).unwrap_or_default()
    }
}
