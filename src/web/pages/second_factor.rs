//! The second step of a log-in (`/login/second-factor`): the code, or the enrolment of a second factor with its QR code;
//! and the recovery codes, shown once. Form fields: `csrf`, and `code` or `passkey`.

use super::login::LoginFault;
use super::{Banner, Locale, Shell};
use askama::Template;
use qrcodegen::{QrCode, QrCodeEcc};
use std::fmt::Write;

/// Light modules that a reader needs around a QR code.
const QUIET: i32 = 4;

/// What is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Due {
    /// The code of the second factor the person has.
    Code,
    /// The first code from a new secret.
    Enrolment {
        /// What the QR code says (`otpauth://`).
        uri: String,
        /// The secret, base32, for applications that cannot read it.
        secret: String,
    },
}

/// The second step.
#[derive(Debug, Clone)]
pub struct SecondFactorView {
    /// What is due.
    pub due: Due,
    /// What the browser is told to prove a passkey, or to make one; `None`: nothing to offer.
    pub passkey: Option<String>,
    /// Why the previous attempt failed.
    pub fault: Option<LoginFault>,
}

/// The recovery codes of a second factor just enrolled.
#[derive(Debug, Clone)]
pub struct RecoveryCodesView {
    /// The codes; they are stored nowhere.
    pub codes: Vec<String>,
    /// Where to go on: a path of ours.
    pub next: String,
}

/// Draws the page.
///
/// # Errors
/// When the text cannot be formatted (out of memory).
pub fn render(shell: &Shell, view: &SecondFactorView) -> askama::Result<String> {
    Page { shell, view, l: shell.locale }.render()
}

/// Draws the recovery codes.
///
/// # Errors
/// When the text cannot be formatted (out of memory).
pub fn render_recovery_codes(shell: &Shell, view: &RecoveryCodesView) -> askama::Result<String> {
    RecoveryPage { shell, view, l: shell.locale }.render()
}

#[derive(Template)]
#[template(path = "second_factor.html")]
struct Page<'a> {
    shell: &'a Shell,
    view: &'a SecondFactorView,
    l: Locale,
}

#[derive(Template)]
#[template(path = "recovery_codes.html")]
struct RecoveryPage<'a> {
    shell: &'a Shell,
    view: &'a RecoveryCodesView,
    l: Locale,
}

impl Page<'_> {
    fn qr(&self, text: &str) -> Option<(i32, String)> {
        qr(text)
    }

    fn grouped(&self, secret: &str) -> String {
        grouped(secret)
    }
}

/// A QR code as one SVG path: side of the picture in modules, and the path. `None`: the text is too long for one.
fn qr(text: &str) -> Option<(i32, String)> {
    let code = QrCode::encode_text(text, QrCodeEcc::Medium).ok()?;
    let mut path = String::new();
    for y in 0..code.size() {
        for x in (0..code.size()).filter(|x| code.get_module(*x, y)) {
            // A String takes all writes.
            let _ = write!(path, "M{} {}h1v1h-1z", x + QUIET, y + QUIET);
        }
    }
    Some((code.size() + 2 * QUIET, path))
}

/// The secret in groups of four, as people copy it.
fn grouped(secret: &str) -> String {
    let letters: Vec<char> = secret.chars().collect();
    letters.chunks(4).map(|group| group.iter().collect::<String>()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_secret_is_drawn_and_written() {
        let (side, path) = qr("otpauth://totp/x?secret=GEZDGNBVGY3TQOJQ").unwrap();
        assert!(side > 21 && path.starts_with("M4 4h1v1h-1z"), "the first finder pattern begins after the margin");
        assert!(qr(&"x".repeat(10_000)).is_none());
        assert_eq!(grouped("GEZDGNBVGY"), "GEZD GNBV GY");
    }
}
