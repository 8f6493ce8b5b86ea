//! The connection log for the administrator (`GET /admin/connections`; A6-7).

use super::{Banner, Locale, Shell};
use crate::domain::{SessionId, TicketId};
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
}

/// Draws the page.
///
/// # Errors
/// When the text cannot be formatted (out of memory).
pub fn render(shell: &Shell, view: &ConnectionsView) -> askama::Result<String> {
    Page { shell, view, l: shell.locale }.render()
}

#[derive(Template)]
#[template(path = "connections.html")]
struct Page<'a> {
    shell: &'a Shell,
    view: &'a ConnectionsView,
    l: Locale,
}

impl ConnectionRow {
    fn word(&self) -> &'static str {
        match self.kind {
            Kind::LoggedIn => "logged-in",
            Kind::LoginRefused => "login-refused",
            Kind::LockedOut => "locked-out",
            Kind::Unlocked => "unlocked",
            Kind::PasskeyAdded => "passkey-added",
            Kind::PasskeyRemoved => "passkey-removed",
            Kind::LoggedOut => "logged-out",
            Kind::Refused => "refused",
            Kind::Viewing => "viewing",
            Kind::ViewingRefused => "viewing-refused",
            Kind::ViewingLeft => "viewing-left",
            Kind::PublisherCame => "publisher-came",
            Kind::PublisherWent => "publisher-went",
            Kind::PublisherRefused => "publisher-refused",
            Kind::TlsRefused => "tls-refused",
        }
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
