//! The filter of the register in a query: `since`, `until`, `site`, `ticket`, `kind`. An empty value restricts nothing,
//! so that a form can be sent as it stands.

use crate::clock::{parse_since, parse_until};
use crate::domain::{EventKind, RegisterFilter};
use crate::web::problem::Problem;
use crate::web::request::Request;
use http::StatusCode;
use std::fmt::Display;

/// The parameters, in the order links carry them.
const NAMES: [&str; 5] = ["since", "until", "site", "ticket", "kind"];

/// Reads it.
///
/// # Errors
/// 400 names the parameter and what was expected.
pub(super) fn read(request: &Request) -> Result<RegisterFilter, Problem> {
    let value = |name: &str| request.query(name).filter(|text| !text.is_empty());
    let wrong = |name: &'static str| {
        move |expected: String| Problem::new(StatusCode::BAD_REQUEST, "query-invalid", format!("{name}: {expected}"))
    };
    fn told(error: impl Display) -> String {
        error.to_string()
    }
    let kind = |text: String| {
        let words = EventKind::ALL.map(EventKind::as_str).join(", ");
        EventKind::of_word(&text).ok_or_else(|| format!("expected one of {words}"))
    };
    Ok(RegisterFilter {
        since_utc: value("since").map(|text| parse_since(&text)).transpose().map_err(wrong("since"))?,
        until_utc: value("until").map(|text| parse_until(&text)).transpose().map_err(wrong("until"))?,
        site: value("site").map(|text| text.parse().map_err(told)).transpose().map_err(wrong("site"))?,
        ticket: value("ticket").map(|text| text.parse().map_err(told)).transpose().map_err(wrong("ticket"))?,
        kind: value("kind").map(kind).transpose().map_err(wrong("kind"))?,
    })
}

/// The filter's own part of the query, to be carried on by links; without a question mark, empty when it restricts
/// nothing.
pub(super) fn query(request: &Request) -> String {
    let mut pairs = form_urlencoded::Serializer::new(String::new());
    for name in NAMES {
        if let Some(value) = request.query(name).filter(|value| !value.is_empty()) {
            pairs.append_pair(name, &value);
        }
    }
    pairs.finish()
}

/// A path with such a query and, perhaps, a position to go on from.
pub(super) fn link(path: &str, query: &str, before: Option<u64>) -> String {
    let before = before.map(|before| format!("before={before}"));
    let parts: Vec<&str> =
        [Some(query), before.as_deref()].into_iter().flatten().filter(|part| !part.is_empty()).collect();
    if parts.is_empty() { path.to_owned() } else { format!("{path}?{}", parts.join("&")) }
}
