//! The annex of a site (`GET /sites/{site}/annex`): import, preview, sign-off (A3-3).
//!
//! Forms on it, all with `csrf`: `POST /sites/{id}/annex` (`file`: the CSV's text) and `/annex/sign` (`file`, `dated`,
//! `version`).

use super::shell::role_text;
use super::{Banner, Locale, Shell, Trouble};
use crate::domain::dossier::Annex;
use crate::domain::{Role, Site};
use crate::store::annex::LineFault;
use askama::Template;
use chrono::NaiveDate;

/// What becomes of somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// In the annex before and after.
    Stays,
    /// Has an account, comes into this annex.
    Comes,
    /// Gets an account.
    New,
    /// No longer named: cut and logged out (fault 8).
    Goes,
}

impl Fate {
    fn as_str(self) -> &'static str {
        match self {
            Fate::Stays => "stays",
            Fate::Comes => "comes",
            Fate::New => "new",
            Fate::Goes => "goes",
        }
    }
}

/// One person of the preview.
#[derive(Debug, Clone)]
pub struct AnnexRow {
    /// Name.
    pub name: String,
    /// E-mail.
    pub email: String,
    /// Operator or chief.
    pub role: Role,
    /// What becomes of them.
    pub fate: Fate,
}

/// What signing would change.
#[derive(Debug, Clone)]
pub struct Preview {
    /// The version it would be.
    pub version: u32,
    /// Everybody, who goes last.
    pub rows: Vec<AnnexRow>,
}

/// The page.
#[derive(Debug, Clone)]
pub struct AnnexView {
    /// The site.
    pub site: Site,
    /// The annex in force.
    pub annex: Option<Annex>,
    /// Today, in Paris.
    pub today: NaiveDate,
    /// The file as given.
    pub file: String,
    /// What is wrong with it.
    pub faults: Vec<LineFault>,
    /// What it would change.
    pub preview: Option<Preview>,
    /// Why it was not signed.
    pub trouble: Option<Trouble>,
}

/// Draws the page.
///
/// # Errors
/// When the text cannot be formatted (out of memory).
pub fn render(shell: &Shell, view: &AnnexView) -> askama::Result<String> {
    Page { shell, view, l: shell.locale }.render()
}

#[derive(Template)]
#[template(path = "annex.html")]
struct Page<'a> {
    shell: &'a Shell,
    view: &'a AnnexView,
    l: Locale,
}

impl AnnexView {
    fn fault(&self, l: Locale, fault: &LineFault) -> String {
        let line = ("line", fault.line.to_string());
        l.with(&format!("fault-{}", fault.code), &[line, ("value", fault.value.clone())])
    }

    fn role(&self, l: Locale, row: &AnnexRow) -> String {
        role_text(l, row.role)
    }

    fn fate(&self, l: Locale, row: &AnnexRow) -> String {
        l.t(format!("annex-{}", row.fate.as_str()))
    }
}
