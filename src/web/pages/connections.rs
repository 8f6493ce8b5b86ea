//! The connection log for the administrator (`GET /admin/connections`; A6-7).

use super::{Banner, Locale, Shell};
use crate::domain::{PersonId, SessionId, TicketId};
use crate::web::connections::Kind;
use askama::Template;
use chrono::{DateTime, Utc};

/// One line.
#[derive(Debug, Clone)]
pub struct ConnectionRow {
    /// When, UTC.
    pub at_utc: DateTime<Utc>,
    /// What.
    pub kind: Kind,
    /// Peer address and port.
    pub address: Option<String>,
    /// Name of the person, or pseudonym.
    pub person: Option<String>,
    /// Ticket it is about.
    pub ticket: Option<TicketId>,
    /// Session it is about.
    pub session: Option<SessionId>,
    /// A few words.
    pub detail: String,
}

/// The connection log.
#[derive(Debug, Clone, Default)]
pub struct ConnectionsView {
    /// Lines, newest first.
    pub rows: Vec<ConnectionRow>,
    /// Link to newer lines, when there are.
    pub newer: Option<String>,
    /// Link to older lines, when there are.
    pub older: Option<String>,
    /// The filter, as typed.
    pub filter: FilterView,
    /// Who can be filtered by: pseudonym and name.
    pub people: Vec<(PersonId, String)>,
    /// How long lines are kept, days; `None`: in memory alone.
    pub kept_days: Option<i64>,
}

/// A filter as typed; empty values restrict nothing.
#[derive(Debug, Clone, Default)]
pub struct FilterView {
    /// First day.
    pub since: String,
    /// Last day.
    pub until: String,
    /// Kind.
    pub kind: String,
    /// Pseudonym.
    pub person: String,
    /// Ticket.
    pub ticket: String,
}

/// Draws the page.
///
/// # Errors
/// When the text cannot be formatted (out of memory).
pub fn render(shell: &Shell, view: &ConnectionsView) -> askama::Result<String> {
    Page { shell, view, l: shell.locale, kinds: Kind::ALL }.render()
}

#[derive(Template)]
#[template(path = "connections.html")]
struct Page<'a> {
    shell: &'a Shell,
    view: &'a ConnectionsView,
    l: Locale,
    kinds: [Kind; 15],
}

impl ConnectionRow {
    fn word(&self) -> &'static str {
        self.kind.as_str()
    }

    fn is_refusal(&self) -> bool {
        matches!(
            self.kind,
            Kind::LoginRefused
                | Kind::LockedOut
                | Kind::Refused
                | Kind::ViewingRefused
                | Kind::PublisherRefused
                | Kind::TlsRefused
        )
    }
}
