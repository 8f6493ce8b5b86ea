//! One entry of the register, with the proof that it stands there (`GET /register/{seq}`; A4-5).

use super::sentence::Line;
use super::{Banner, Locale, Names, Shell};
use crate::domain::Entry;
use crate::web::models::EntryProof;
use askama::Template;

/// One entry.
#[derive(Debug, Clone)]
pub struct EntryView {
    /// The entry.
    pub entry: Entry,
    /// Names for its sentence.
    pub names: Names,
    /// The proof; none while the register is damaged.
    pub proof: Option<EntryProof>,
}

/// Draws the page.
///
/// # Errors
/// When the text cannot be formatted (out of memory).
pub fn render(shell: &Shell, view: &EntryView) -> askama::Result<String> {
    let line = Line::of(shell.locale, &view.entry, &view.names);
    Page { shell, view, l: shell.locale, line }.render()
}

#[derive(Template)]
#[template(path = "entry.html")]
struct Page<'a> {
    shell: &'a Shell,
    view: &'a EntryView,
    l: Locale,
    line: Line,
}
