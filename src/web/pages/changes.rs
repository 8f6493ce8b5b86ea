//! Changes of rights that wait for a second person (`GET /changes`).
//!
//! Forms on it: `POST /changes/{change}` (`csrf`, `confirm` = `yes` or `no`).

use super::names::Names;
use super::sentence::rights_text;
use super::{Banner, Locale, Shell, Trouble};
use crate::domain::RightsChange;
use askama::Template;

/// One change.
#[derive(Debug, Clone)]
pub struct ChangeRow {
    /// Its number.
    pub change: u64,
    /// Name of who proposed it.
    pub by: String,
    /// What.
    pub rights: RightsChange,
    /// Whether the reader proposed it: they may take it back, not confirm it.
    pub own: bool,
}

/// The page.
#[derive(Debug, Clone, Default)]
pub struct ChangesView {
    /// Oldest first.
    pub changes: Vec<ChangeRow>,
    /// Names.
    pub names: Names,
    /// Why the previous attempt was refused.
    pub trouble: Option<Trouble>,
}

/// Draws the page.
///
/// # Errors
/// When the text cannot be formatted (out of memory).
pub fn render(shell: &Shell, view: &ChangesView) -> askama::Result<String> {
    Page { shell, view, l: shell.locale }.render()
}

#[derive(Template)]
#[template(path = "changes.html")]
struct Page<'a> {
    shell: &'a Shell,
    view: &'a ChangesView,
    l: Locale,
}

impl ChangesView {
    fn text(&self, l: Locale, row: &ChangeRow) -> String {
        rights_text(l, &row.rights, &self.names)
    }
}
