//! Live sessions for the administrator (`GET /admin/sessions`; A6-7). Each row has a form
//! `POST /admin/sessions/{session}/cut` (`csrf`, `why`), each open ticket `POST /admin/tickets/{ticket}/interrupt`
//! (`csrf`, `why`). The table refreshes itself by asking for this very page.

use super::{Banner, Locale, Shell, TicketCard, Trouble};
use crate::domain::{Purpose, SessionId, TicketId};
use askama::Template;
use chrono::{DateTime, Utc};

/// One camera of a live session.
#[derive(Debug, Clone)]
pub struct SessionCamera {
    /// Name as people read it.
    pub name: String,
    /// Milliseconds since the newest picture sent arrived (fault 16); `None` before the first.
    pub frame_age_ms: Option<u64>,
}

/// One live session.
#[derive(Debug, Clone)]
pub struct SessionRow {
    /// The session.
    pub session: SessionId,
    /// Under which ticket, and as what.
    pub purpose: Purpose,
    /// Who watches.
    pub person: String,
    /// Whose images.
    pub site: String,
    /// From which workstation, as the grant says.
    pub workstation: String,
    /// Where the packets go, once known.
    pub address: Option<String>,
    /// When the grant was made, UTC.
    pub granted_at_utc: DateTime<Utc>,
    /// When DTLS was done, UTC; `None` while connecting.
    pub connected_since_utc: Option<DateTime<Utc>>,
    /// The latest end, UTC.
    pub deadline_utc: DateTime<Utc>,
    /// Cameras with their age.
    pub cameras: Vec<SessionCamera>,
    /// SRTP bytes that left.
    pub bytes: u64,
    /// SRTP bits per second now.
    pub bitrate_bps: u64,
    /// SRTP profile (A6-5), once known.
    pub srtp: Option<String>,
    /// DTLS suite (A6-5), once known.
    pub dtls: Option<String>,
}

/// The live sessions.
#[derive(Debug, Clone, Default)]
pub struct SessionsView {
    /// Sessions, oldest first.
    pub sessions: Vec<SessionRow>,
    /// Open tickets, newest first: each can be interrupted as a whole.
    pub open_tickets: Vec<TicketCard>,
    /// Why the previous cut was refused (e.g. an empty reason).
    pub trouble: Option<Trouble>,
}

/// Draws the page.
///
/// # Errors
/// When the text cannot be formatted (out of memory).
pub fn render(shell: &Shell, view: &SessionsView) -> askama::Result<String> {
    Page { shell, view, l: shell.locale }.render()
}

#[derive(Template)]
#[template(path = "sessions.html")]
struct Page<'a> {
    shell: &'a Shell,
    view: &'a SessionsView,
    l: Locale,
}

/// Age beyond which a picture is called old (fault 16).
const OLD_AFTER_MS: u64 = 2_000;

impl SessionCamera {
    fn is_old(&self) -> bool {
        self.frame_age_ms.is_some_and(|ms| ms > OLD_AFTER_MS)
    }
}

impl SessionRow {
    fn ticket(&self) -> TicketId {
        self.purpose.ticket()
    }

    fn is_transfer(&self) -> bool {
        matches!(self.purpose, Purpose::Transfer { .. })
    }
}
