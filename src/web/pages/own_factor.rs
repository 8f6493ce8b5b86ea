//! A person's own second factor (`GET /me/second-factor`): what it is, its passkeys, one to be added or removed. Forms
//! `POST /me/second-factor/passkeys` (`csrf`, `name`, `password`, `passkey`) and `.../{passkey}/remove` (`csrf`, `password`).

use super::{Banner, Locale, Shell, Trouble};
use askama::Template;
use chrono::{DateTime, Utc};

/// One passkey.
#[derive(Debug, Clone)]
pub struct PasskeyRow {
    /// Its id.
    pub id: String,
    /// What its owner calls it.
    pub name: String,
    /// Since when, UTC.
    pub added_at_utc: DateTime<Utc>,
    /// When it last logged somebody in, UTC.
    pub last_used_at_utc: Option<DateTime<Utc>>,
}

/// The page.
#[derive(Debug, Clone, Default)]
pub struct OwnFactorView {
    /// Since when there is a second factor, UTC; `None`: none (where the configuration asks for none).
    pub since_utc: Option<DateTime<Utc>>,
    /// Whether an authenticator application is enrolled.
    pub has_application: bool,
    /// Recovery codes that are left.
    pub recovery_codes_left: usize,
    /// Passkeys, oldest first.
    pub passkeys: Vec<PasskeyRow>,
    /// What the browser is told to make another one; `None`: none can be had here.
    pub options: Option<String>,
    /// Name as typed.
    pub name: String,
    /// Why the previous change was refused.
    pub trouble: Option<Trouble>,
}

/// Draws the page.
///
/// # Errors
/// When the text cannot be formatted (out of memory).
pub fn render(shell: &Shell, view: &OwnFactorView) -> askama::Result<String> {
    Page { shell, view, l: shell.locale }.render()
}

#[derive(Template)]
#[template(path = "own_factor.html")]
struct Page<'a> {
    shell: &'a Shell,
    view: &'a OwnFactorView,
    l: Locale,
}

impl OwnFactorView {
    /// The last way in is not taken away: a passkey may go while something else stands.
    fn may_remove(&self) -> bool {
        self.has_application || self.passkeys.len() > 1
    }
}
