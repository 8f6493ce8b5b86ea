//! The page of an invitation (`/invitation/{token}`): a password to choose. Form fields: `csrf`, `password`, `again`.

use super::{Banner, Locale, Shell};
use askama::Template;

/// What is wrong with the password chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PasswordFault {
    /// Shorter than 12 characters, or longer than can be stored.
    Length,
    /// The two differ.
    Differ,
    /// It is the address, or holds it.
    Guessable,
}

/// The page.
#[derive(Debug, Clone)]
pub enum InvitationView {
    /// The invitation stands.
    Stands {
        /// Name of the invited.
        name: String,
        /// Their log-in.
        email: String,
        /// Where the form is sent: this page's own path.
        action: String,
        /// What is wrong with what they chose.
        fault: Option<PasswordFault>,
    },
    /// It was used, replaced or revoked, or has expired; or there never was one.
    Void,
}

/// Draws the page.
///
/// # Errors
/// When the text cannot be formatted (out of memory).
pub fn render(shell: &Shell, view: &InvitationView) -> askama::Result<String> {
    Page { shell, view, l: shell.locale }.render()
}

#[derive(Template)]
#[template(path = "invitation.html")]
struct Page<'a> {
    shell: &'a Shell,
    view: &'a InvitationView,
    l: Locale,
}
