//! Finished error pages.

use super::{Banner, Locale, Shell, Trouble};
use askama::Template;

/// An error page.
#[derive(Debug, Clone)]
pub struct ErrorView {
    /// HTTP status: 400, 403, 404, 405, 409, 410, 413, 422, 429, 500, 503...
    pub status: u16,
    /// The keeper's named no, translated by its code; `None`: the status speaks.
    pub trouble: Option<Trouble>,
    /// Identifier by which the log knows this failure, for 5xx.
    pub reference: Option<String>,
    /// Path to go back to; `/` when empty.
    pub back: String,
}

/// Draws the page.
///
/// # Errors
/// When the text cannot be formatted (out of memory).
pub fn render(shell: &Shell, view: &ErrorView) -> askama::Result<String> {
    Page { shell, view, l: shell.locale }.render()
}

#[derive(Template)]
#[template(path = "error.html")]
struct Page<'a> {
    shell: &'a Shell,
    view: &'a ErrorView,
    l: Locale,
}

impl ErrorView {
    fn key(&self) -> u16 {
        match self.status {
            status @ (400 | 401 | 403 | 404 | 405 | 409 | 410 | 413 | 422 | 429 | 503) => status,
            500..=599 => 500,
            _ => 400,
        }
    }

    fn back(&self) -> &str {
        if self.back.is_empty() { "/" } else { &self.back }
    }

    /// What the keeper or the web said, where it says more than the status does.
    fn said(&self, l: Locale) -> Option<String> {
        let said = self.trouble.as_ref().and_then(|trouble| l.find(&format!("refusal-{}", trouble.code)));
        said.filter(|said| *said != l.t(format!("error-{}-text", self.key())))
    }
}
