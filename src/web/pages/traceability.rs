//! The convention's requirements and where they are met (`GET /traceability`).

use super::{Banner, Locale, Shell};
use askama::Template;
use serde::Deserialize;

/// How far a requirement is met.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Wholly.
    Met,
    /// In part; what is missing is said.
    Partly,
    /// Not yet.
    Missing,
}

/// One requirement, in the reader's language.
#[derive(Debug, Clone)]
pub struct RequirementRow {
    /// Its id, e.g. `A4-5`; `C-1` for a row of the conflict table, `F-12` for a fault.
    pub id: String,
    /// In short.
    pub text: String,
    /// How far it is met.
    pub state: State,
    /// What is missing; empty when nothing is.
    pub missing: String,
    /// Routes and commands.
    pub at: Vec<String>,
    /// Tests that carry it: file and name.
    pub tests: Vec<(String, String)>,
}

/// All of them, in order.
#[derive(Debug, Clone, Default)]
pub struct TraceabilityView {
    /// Rows.
    pub rows: Vec<RequirementRow>,
}

/// Draws the page.
///
/// # Errors
/// When the text cannot be formatted (out of memory).
pub fn render(shell: &Shell, view: &TraceabilityView) -> askama::Result<String> {
    let count = |state: State| view.rows.iter().filter(|row| row.state == state).count() as u64;
    let parts = [("A", "traceability-articles"), ("C", "traceability-conflicts"), ("F", "traceability-faults")];
    let parts = parts.map(|(letter, key)| (key, view.rows.iter().filter(|row| row.id.starts_with(letter)).collect()));
    let counts = [State::Met, State::Partly, State::Missing].map(|state| (state, count(state)));
    Page { shell, l: shell.locale, parts, counts }.render()
}

#[derive(Template)]
#[template(path = "traceability.html")]
struct Page<'a> {
    shell: &'a Shell,
    l: Locale,
    parts: [(&'static str, Vec<&'a RequirementRow>); 3],
    counts: [(State, u64); 3],
}

impl State {
    fn word(&self) -> &'static str {
        match self {
            State::Met => "met",
            State::Partly => "partly",
            State::Missing => "missing",
        }
    }
}
