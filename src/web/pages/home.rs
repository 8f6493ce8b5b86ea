//! The home page by role (`GET /`): what this person can do here, and what waits for them.

use super::{Banner, Locale, Shell, TicketCard};
use askama::Template;

/// The home page.
#[derive(Debug, Clone, Default)]
pub struct HomeView {
    /// Requests that wait for a decision, as far as this person may see them; oldest first.
    pub pending: Vec<TicketCard>,
    /// Open tickets this person may see; newest first.
    pub open: Vec<TicketCard>,
    /// Live sessions, for administrators.
    pub live_sessions: usize,
    /// Cameras in all and those online, for those who may see the cameras' page.
    pub cameras: Option<(usize, usize)>,
    /// Entries in the register, for those who may read it.
    pub register_entries: Option<u64>,
}

/// Draws the page; `shell.persona` must be there.
///
/// # Errors
/// When the text cannot be formatted (out of memory).
pub fn render(shell: &Shell, view: &HomeView) -> askama::Result<String> {
    Page { shell, view, l: shell.locale }.render()
}

#[derive(Template)]
#[template(path = "home.html")]
struct Page<'a> {
    shell: &'a Shell,
    view: &'a HomeView,
    l: Locale,
}
