//! People and how they log in (`GET /admin/people`), for the administrator. Each row has a form
//! `POST /admin/people/{person}/second-factor/reset` (`csrf`, `why`), and forms of `csrf` alone: `.../invite`,
//! `.../invitation/revoke`, `.../unlock`.

use super::shell::role_text;
use super::{Banner, Locale, Shell, Trouble};
use crate::domain::{PersonId, Role};
use crate::store::Scope;
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
    /// Until when the invitation that was sent can be accepted, UTC; `None`: none waits.
    pub invited_until_utc: Option<DateTime<Utc>>,
    /// It could be, until then.
    pub invitation_expired: bool,
    /// The widest lock-out that holds, and until when, UTC.
    pub locked: Option<(Scope, DateTime<Utc>)>,
    /// Whether this is the reader: one's own rights are changed by another administrator.
    pub is_reader: bool,
}

/// The people.
#[derive(Debug, Clone, Default)]
pub struct PeopleView {
    /// Everybody in the annex, by role and name.
    pub people: Vec<PersonRow>,
    /// Whether invitations can be mailed.
    pub is_mailed: bool,
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
    fn may_be_invited(&self) -> bool {
        !self.is_reader && self.email.is_some()
    }

    /// An end, rounded up to the minute.
    fn moment(&self, l: Locale, at: &DateTime<Utc>) -> String {
        l.moment(*at)
    }

    fn scope_text(&self, l: Locale, scope: &Scope) -> String {
        l.t(format!("lockout-{}", scope.as_str()))
    }

    fn role_text(&self, l: Locale) -> String {
        role_text(l, self.role)
    }
}
