//! People and how they log in (`GET /admin/people`), for the administrator. Each row has a form
//! `POST /admin/people/{person}/second-factor/reset` (`csrf`, `why`).

use super::shell::role_text;
use super::{Banner, Locale, Shell, Trouble};
use crate::domain::{PersonId, Role};
use askama::Template;
use chrono::{DateTime, Utc};

/// One person of the annex.
#[derive(Debug, Clone)]
pub struct PersonRow {
    /// Pseudonym.
    pub person: PersonId,
    /// Name; the pseudonym once it has been forgotten.
    pub name: String,
    /// Log-in; `None` once it has been forgotten.
    pub email: Option<String>,
    /// What they are.
    pub role: Role,
    /// Since when they have a second factor, UTC; `None`: they enrol one at their next log-in.
    pub second_factor_since_utc: Option<DateTime<Utc>>,
    /// Recovery codes that are left.
    pub recovery_codes_left: usize,
    /// Whether this is the reader: one's own rights are changed by another administrator.
    pub is_reader: bool,
}

/// The people.
#[derive(Debug, Clone, Default)]
pub struct PeopleView {
    /// Everybody in the annex, by role and name.
    pub people: Vec<PersonRow>,
    /// Why the previous change was refused.
    pub trouble: Option<Trouble>,
}

/// Draws the page.
///
/// # Errors
/// When the text cannot be formatted (out of memory).
pub fn render(shell: &Shell, view: &PeopleView) -> askama::Result<String> {
    Page { shell, view, l: shell.locale }.render()
}

#[derive(Template)]
#[template(path = "people.html")]
struct Page<'a> {
    shell: &'a Shell,
    view: &'a PeopleView,
    l: Locale,
}

impl PersonRow {
    fn role_text(&self, l: Locale) -> String {
        role_text(l, self.role)
    }
}
