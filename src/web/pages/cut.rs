//! One large button that cuts a transfer (`GET /tickets/{ticket}/cut`), for a telephone in the night. Its form is
//! `POST /tickets/{ticket}/interrupt` (`csrf`, `why` filled in).

use super::{Banner, Locale, Shell, TicketCard};
use askama::Template;

/// The page.
#[derive(Debug, Clone)]
pub struct CutView {
    /// The ticket, in whatever state.
    pub ticket: TicketCard,
    /// Whether there is something to cut, and it is this person's to do.
    pub may_cut: bool,
}

/// Draws the page.
///
/// # Errors
/// When the text cannot be formatted (out of memory).
pub fn render(shell: &Shell, view: &CutView) -> askama::Result<String> {
    Page { shell, view, l: shell.locale }.render()
}

#[derive(Template)]
#[template(path = "cut.html")]
struct Page<'a> {
    shell: &'a Shell,
    view: &'a CutView,
    l: Locale,
}
