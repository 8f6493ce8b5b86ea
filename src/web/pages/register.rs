//! The register as sentences (`GET /register`; A4-5).

use super::sentence::Line;
use super::{Banner, Locale, Names, Shell};
use crate::domain::Entry;
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
}

/// Draws the page.
///
/// # Errors
/// When the text cannot be formatted (out of memory).
pub fn render(shell: &Shell, view: &RegisterView) -> askama::Result<String> {
    let lines = view.entries.iter().map(|entry| Line::of(shell.locale, entry, &view.names)).collect();
    Page { shell, view, l: shell.locale, lines }.render()
}

#[derive(Template)]
#[template(path = "register.html")]
struct Page<'a> {
    shell: &'a Shell,
    view: &'a RegisterView,
    l: Locale,
    lines: Vec<Line>,
}
