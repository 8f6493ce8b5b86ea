//! A person to be added (`GET /admin/people/new`), for the administrator. Form `POST /admin/people`: `csrf`, `name`, `email`,
//! `role`, `sites` (as often as needed), `service`, `language`.

use super::shell::role_text;
use super::{Banner, Locale, Shell, Trouble};
use crate::domain::{Role, ServiceId, SiteId};
use askama::Template;

/// A site that may be ticked.
#[derive(Debug, Clone)]
pub struct SiteChoice {
    /// Its id.
    pub id: SiteId,
    /// Its name.
    pub name: String,
    /// Whether it was ticked.
    pub chosen: bool,
}

/// The form, as typed before.
#[derive(Debug, Clone, Default)]
pub struct NewPersonView {
    /// Name.
    pub name: String,
    /// E-mail address.
    pub email: String,
    /// Role, as its word.
    pub role: String,
    /// Service, as its id.
    pub service: String,
    /// Language, `fr` or `en`.
    pub language: String,
    /// The sites there are.
    pub sites: Vec<SiteChoice>,
    /// The services there are: id and name.
    pub services: Vec<(ServiceId, String)>,
    /// Whether the person will be invited by mail.
    pub is_mailed: bool,
    /// Why the previous attempt was refused.
    pub trouble: Option<Trouble>,
}

/// Draws the page.
///
/// # Errors
/// When the text cannot be formatted (out of memory).
pub fn render(shell: &Shell, view: &NewPersonView) -> askama::Result<String> {
    Page { shell, view, l: shell.locale }.render()
}

#[derive(Template)]
#[template(path = "person_new.html")]
struct Page<'a> {
    shell: &'a Shell,
    view: &'a NewPersonView,
    l: Locale,
}

impl Page<'_> {
    /// Every role: its word, its text, whether it was chosen.
    fn roles(&self) -> Vec<(&'static str, String, bool)> {
        let choice = |role: Role| (role.as_str(), role_text(self.l, role), role.as_str() == self.view.role);
        Role::ALL.into_iter().map(choice).collect()
    }

    /// Faults of one field, translated.
    fn faults(&self, field: &str) -> Vec<String> {
        self.view.trouble.as_ref().map(|trouble| trouble.of_field(self.l, field)).unwrap_or_default()
    }
}
