//! The log-in page (`GET /login`, and `POST /login` when it failed). Form fields: `csrf`, `email`, `password`, `next`, and `code`
//! where it is known at once (the demo).

use super::{Banner, Locale, Shell};
use askama::Template;

/// An account of the demo, offered on the page.
#[derive(Debug, Clone)]
pub struct DemoAccount {
    /// What it is, e.g. "Agent Camille Roux".
    pub label: String,
    /// Log-in.
    pub email: String,
    /// Password.
    pub password: String,
    /// The code the account is let in with now.
    pub code: String,
}

/// Why the previous attempt failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoginFault {
    /// Unknown address, wrong password or wrong code: one answer for all (fault 25).
    Refused,
    /// Too many attempts (fault 25).
    TooMany {
        /// Seconds to wait.
        retry_after_s: u64,
    },
    /// Not from a workstation of the person's service (A6-1).
    Workstation,
    /// The session had ended.
    Expired,
    /// The identity provider does not answer.
    ProviderDown,
    /// A log-in by the identity provider did not end as it began.
    ProviderBroken,
    /// Whom the identity provider vouches for may not log in this way.
    ProviderNotHere,
}

/// The log-in page.
#[derive(Debug, Clone, Default)]
pub struct LoginView {
    /// Address as typed.
    pub email: String,
    /// Where to go afterwards: a path of ours, or empty.
    pub next: String,
    /// Why the previous attempt failed.
    pub fault: Option<LoginFault>,
    /// The landlord's identity provider, by name, where one is configured.
    pub provider: Option<String>,
    /// The demo's accounts; empty outside the demo.
    pub accounts: Vec<DemoAccount>,
}

/// Draws the page.
///
/// # Errors
/// When the text cannot be formatted (out of memory).
pub fn render(shell: &Shell, view: &LoginView) -> askama::Result<String> {
    Page { shell, view, l: shell.locale }.render()
}

#[derive(Template)]
#[template(path = "login.html")]
struct Page<'a> {
    shell: &'a Shell,
    view: &'a LoginView,
    l: Locale,
}
