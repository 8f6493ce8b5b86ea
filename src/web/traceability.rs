//! The convention, requirement by requirement: where the product meets it, which tests say so, and what is not there yet
//! (`GET /traceability`). Drawn from `docs/traceability.toml` and from what `scripts/traceability` finds in the tests.

use super::answer::Answer;
use super::app::App;
use super::auth::Caller;
use super::chrome;
use super::pages::traceability::{RequirementRow, State, TraceabilityView, render};
use super::problem::Problem;
use super::request::Request;
use http::StatusCode;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::LazyLock;

const REQUIREMENTS: &str = include_str!("../../docs/traceability.toml");
const TESTS: &str = include_str!("../../docs/traceability.tests");

static KNOWN: LazyLock<Result<Vec<Requirement>, String>> = LazyLock::new(|| read(REQUIREMENTS, TESTS));

/// A requirement, in both languages.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Requirement {
    #[serde(skip)]
    id: String,
    fr: String,
    en: String,
    state: State,
    at: Vec<String>,
    #[serde(default)]
    missing_fr: String,
    #[serde(default)]
    missing_en: String,
    /// File and name of each test that carries it.
    #[serde(skip)]
    tests: Vec<(String, String)>,
}

fn read(requirements: &str, tests: &str) -> Result<Vec<Requirement>, String> {
    let document: toml::Table = requirements.parse().map_err(|error: toml::de::Error| error.to_string())?;
    let rows = document.get("rows").and_then(toml::Value::as_table).ok_or("no [rows]")?;
    let mut carried: BTreeMap<&str, Vec<(String, String)>> = BTreeMap::new();
    for line in tests.lines() {
        let mut parts = line.splitn(3, '\t');
        if let (Some(id), Some(file), Some(name)) = (parts.next(), parts.next(), parts.next()) {
            carried.entry(id).or_default().push((file.to_owned(), name.to_owned()));
        }
    }
    rows.iter()
        .map(|(id, row)| {
            let requirement: Requirement = row.clone().try_into().map_err(|error| format!("{id}: {error}"))?;
            Ok(Requirement { id: id.clone(), tests: carried.remove(id.as_str()).unwrap_or_default(), ..requirement })
        })
        .collect()
}

/// `GET /traceability`.
pub fn page(app: &App, request: &Request, caller: &Caller) -> Result<Answer, Problem> {
    let shell = chrome::shell(app, request, caller);
    let known = KNOWN.as_ref().map_err(|error| Problem::internal("the list of requirements", error))?;
    let french = shell.locale.language.as_str() == "fr";
    let row = |known: &Requirement| RequirementRow {
        id: known.id.clone(),
        text: if french { known.fr.clone() } else { known.en.clone() },
        state: known.state,
        missing: if french { known.missing_fr.clone() } else { known.missing_en.clone() },
        at: known.at.clone(),
        tests: known.tests.clone(),
    };
    let view = TraceabilityView { rows: known.iter().map(row).collect() };
    chrome::page(request, StatusCode::OK, render(&shell, &view))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::routes::TABLE;

    #[test]
    fn every_requirement_is_there_in_order_in_both_languages_and_what_is_missing_is_said() {
        let known = KNOWN.as_ref().unwrap();
        let articles = [(1, 3), (2, 1), (3, 7), (4, 10), (5, 7), (6, 7), (7, 1), (8, 1)];
        let articles =
            articles.into_iter().flat_map(|(article, count)| (1..=count).map(move |n| format!("A{article}-{n}")));
        let expected: Vec<String> =
            articles.chain((1..=7).map(|n| format!("C-{n}"))).chain((1..=25).map(|n| format!("F-{n}"))).collect();
        assert_eq!(known.iter().map(|row| row.id.clone()).collect::<Vec<_>>(), expected);
        for row in known {
            let Requirement { id, fr, en, state, at, missing_fr, missing_en, tests } = row;
            assert!(!fr.is_empty() && !en.is_empty() && fr != en, "{id}");
            let is_met = *state == State::Met;
            assert_eq!(
                (missing_fr.is_empty(), missing_en.is_empty()),
                (is_met, is_met),
                "{id}: what is missing is said"
            );
            assert!(!is_met || !(at.is_empty() || tests.is_empty()), "{id} is met somewhere and tested");
            for place in at.iter().filter(|place| place.starts_with('/')) {
                assert!(TABLE.iter().any(|route| route.path == place), "{id}: {place} is no route");
            }
            assert!(at.iter().all(|place| place.starts_with('/') || place.starts_with("ecluse ")), "{id}: {at:?}");
        }
        assert!(read("[rows]\n\"A1-1\" = { fr = \"\" }", "").is_err());
    }
}
