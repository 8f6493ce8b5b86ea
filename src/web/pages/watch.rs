//! The wall of live images for the police (`GET /tickets/{ticket}/watch`; A3-6, A4-9, A6-5).
//!
//! A ticket that is not open is drawn too, as its end: the page asks for itself again when the server tells it that the
//! ticket has changed or a WHEP request is refused, and shows what comes back. So serve this page (any status) for every
//! state of a ticket this person may see, and keep error pages for the rest.

use super::ticket::CameraTile;
use super::{Banner, Locale, Shell, TicketCard};
use crate::domain::EndCause;
use askama::Template;

/// The wall.
#[derive(Debug, Clone)]
pub struct WatchView {
    /// The ticket, in whatever state.
    pub ticket: TicketCard,
    /// The workstation the ticket's link is bound to, when it is another one (A3-6): there are no images here.
    pub elsewhere: Option<String>,
    /// Cameras in the site's order; one m-line each.
    pub cameras: Vec<CameraTile>,
    /// How this person's latest session under this ticket ended, when it has ended: the page says so instead of starting
    /// anew by itself after an administrator's cut.
    pub last_end: Option<EndCause>,
    /// Whether "toujours nécessaire ?" is asked and this person's to answer.
    pub may_confirm_need: bool,
    /// Whether "Fin d'intervention" is this person's to press (operators: yes, chiefs: no).
    pub may_end: bool,
}

/// Draws the page.
///
/// # Errors
/// When the text cannot be formatted (out of memory).
pub fn render(shell: &Shell, view: &WatchView) -> askama::Result<String> {
    Page { shell, view, l: shell.locale }.render()
}

#[derive(Template)]
#[template(path = "watch.html")]
struct Page<'a> {
    shell: &'a Shell,
    view: &'a WatchView,
    l: Locale,
}

impl WatchView {
    /// The administrator's words when the latest session was cut by them.
    fn cut(&self) -> Option<&str> {
        match &self.last_end {
            Some(EndCause::CutByAdministrator { why }) => Some(why),
            _ => None,
        }
    }

    fn agent<'a>(&self, shell: &'a Shell) -> &'a str {
        shell.persona.as_ref().map_or("", |persona| &persona.name)
    }
}

/// Texts the player's scripts show, by the end of their key; see `web/static/js/texts.js`.
pub(super) const PLAYER_TEXTS: [&str; 34] = [
    "connecting",
    "live",
    "reconnecting",
    "waiting",
    "unreachable",
    "frozen",
    "age",
    "cipher",
    "cipher-unknown",
    "weak-title",
    "weak-text",
    "lost-title",
    "lost-text",
    "gave-up-title",
    "gave-up-text",
    "stopped-title",
    "stopped-text",
    "cut-title",
    "cut-text",
    "elsewhere-title",
    "elsewhere-text",
    "refused-title",
    "refused-text",
    "ended-title",
    "ended-text",
    "logged-out-title",
    "logged-out-text",
    "retry",
    "resume",
    "login",
    "tampered",
    "enlarge-back",
    "question-failed",
    "question-not-watching",
];
