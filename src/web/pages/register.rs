//! The register as sentences (`GET /register`; A4-5).

use super::sentence::Line;
use super::{Banner, Locale, Names, Shell};
use crate::domain::{Entry, EventKind};
use askama::Template;

/// A page of the register.
#[derive(Debug, Clone, Default)]
pub struct RegisterView {
    /// Entries, newest first.
    pub entries: Vec<Entry>,
    /// Names for the sentences.
    pub names: Names,
    /// Entries in all.
    pub total: u64,
    /// Link to newer entries, when there are.
    pub newer: Option<String>,
    /// Link to older entries, when there are.
    pub older: Option<String>,
    /// The filter, as typed.
    pub filter: FilterView,
    /// The same as a query, for links.
    pub query: String,
}

/// A filter as typed; empty values restrict nothing.
#[derive(Debug, Clone, Default)]
pub struct FilterView {
    /// First day.
    pub since: String,
    /// Last day.
    pub until: String,
    /// Site.
    pub site: String,
    /// Ticket.
    pub ticket: String,
    /// Kind of event.
    pub kind: String,
}

/// What can be taken out, and the text of its link.
const EXPORTS: [(&str, &str); 4] = [
    ("/register/export.pdf", "export-pdf"),
    ("/register/transmissions.csv", "export-transmissions-csv"),
    ("/register/export.csv", "export-csv"),
    ("/register/export.jsonl", "export-jsonl"),
];

/// Draws the page.
///
/// # Errors
/// When the text cannot be formatted (out of memory).
pub fn render(shell: &Shell, view: &RegisterView) -> askama::Result<String> {
    let lines = view.entries.iter().map(|entry| Line::of(shell.locale, entry, &view.names)).collect();
    Page { shell, view, l: shell.locale, lines, kinds: EventKind::ALL, exports: EXPORTS }.render()
}

#[derive(Template)]
#[template(path = "register.html")]
struct Page<'a> {
    shell: &'a Shell,
    view: &'a RegisterView,
    l: Locale,
    lines: Vec<Line>,
    kinds: [EventKind; 7],
    exports: [(&'static str, &'static str); 4],
}
