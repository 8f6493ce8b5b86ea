//! The notice for a site's entrances, made to be printed 20 x 30 cm (`GET /sites/{site}/notice`; A5-1): pictogram, that
//! images may be transferred to the municipal police, and where the right of access is exercised. In French, as the law
//! wants it, whatever the reader's language.

use super::{Locale, Shell};
use crate::domain::Site;
use crate::domain::dossier::Agreement;
use askama::Template;

/// The notice.
#[derive(Debug, Clone)]
pub struct NoticeView {
    /// The site.
    pub site: Site,
    /// The convention as signed; without it the contact is missing and the page says so.
    pub agreement: Option<Agreement>,
}

/// Draws the page.
///
/// # Errors
/// When the text cannot be formatted (out of memory).
pub fn render(shell: &Shell, view: &NoticeView) -> askama::Result<String> {
    Page { view, l: shell.locale }.render()
}

#[derive(Template)]
#[template(path = "notice.html")]
struct Page<'a> {
    view: &'a NoticeView,
    l: Locale,
}
