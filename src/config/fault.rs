//! A fault of the configuration or the machine, and where in the file it stands.

use serde::Serialize;
use std::fmt::Write as _;
use std::ops::Range;

/// Whether the server may start all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// It may not.
    Error,
    /// It may, but somebody should look.
    Warning,
}

/// A place in the file, line and column counted from 1.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Position {
    /// The key it is about, e.g. `site.0.camera.1.id`; the line may be a parent's when the key itself is absent.
    pub key: String,
    /// Line.
    pub line: usize,
    /// Column, in characters.
    pub column: usize,
}

/// One fault.
#[derive(Debug, Clone, Serialize)]
pub struct ConfigFault {
    /// How bad.
    pub severity: Severity,
    /// Where in the file; `None` for faults of the machine that no key causes.
    #[serde(flatten)]
    pub position: Option<Position>,
    /// What is wrong, with the value.
    pub what: String,
    /// What was expected.
    pub expected: String,
    /// What to do.
    pub remedy: String,
}

impl ConfigFault {
    /// An error that forbids starting.
    pub fn error(what: impl Into<String>, expected: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            position: None,
            what: what.into(),
            expected: expected.into(),
            remedy: remedy.into(),
        }
    }

    /// The same, as a warning.
    pub fn warning(what: impl Into<String>, expected: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(what, expected, remedy) }
    }

    /// Places the fault at a key of the file.
    pub fn at(mut self, position: Option<Position>) -> Self {
        self.position = position;
        self
    }

    /// For people: `file:line:column: error: ...`, the line quoted with a caret, what was expected, what to do.
    pub fn render(&self, file: &str, text: &str) -> String {
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        let mut out = String::new();
        // Writing to a String cannot fail.
        match &self.position {
            Some(Position { line, column, .. }) => {
                let _ = writeln!(out, "{file}:{line}:{column}: {severity}: {}", self.what);
                if let Some(quoted) = text.lines().nth(line.saturating_sub(1)) {
                    let _ = writeln!(out, "{line:>5} | {}", without_credentials(quoted));
                    let _ = writeln!(out, "      | {}^", " ".repeat(column.saturating_sub(1)));
                }
            }
            None => {
                let _ = writeln!(out, "{file}: {severity}: {}", self.what);
            }
        }
        let _ = writeln!(out, "      = expected: {}", self.expected);
        let _ = writeln!(out, "      = do: {}", self.remedy);
        out
    }
}

/// The text with the user and password of every `turn://user:password@host` in it made unreadable: faults go to logs.
pub(super) fn without_credentials(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("://") {
        out.push_str(before);
        out.push_str("://");
        // A URL ends with its quote; the last @ in it ends the credentials.
        let url = &after[..after.find(['"', '\'']).unwrap_or(after.len())];
        match url.rfind('@') {
            Some(at) => {
                out.push_str("***");
                rest = &after[at..];
            }
            None => rest = after,
        }
    }
    out.push_str(rest);
    out
}

/// The line and column of a byte offset.
pub(super) fn position_of(text: &str, offset: usize, key: String) -> Position {
    let before = text.get(..offset.min(text.len())).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    Position { key, line, column }
}

/// The fault a TOML syntax error stands for.
pub(super) fn from_toml(text: &str, error: &toml::de::Error) -> ConfigFault {
    let message = error.message().trim().replace('\n', "; ");
    let (what, expected) = match message.split_once(", expected ") {
        Some((what, expected)) => (what.to_owned(), expected.to_owned()),
        None => (message, "TOML: key = value, [section]".to_owned()),
    };
    ConfigFault::error(what, expected, "correct the line; config/ecluse.toml documents every key")
        .at(error.span().map(|span: Range<usize>| position_of(text, span.start, String::new())))
}

/// The position of a key path; of its nearest existing parent when the key itself is absent.
pub(super) fn locate(text: &str, key: &[&str]) -> Option<Position> {
    use toml::de::{DeTable, DeValue};
    let document = DeTable::parse(text).ok()?;
    let mut span: Option<Range<usize>> = None;
    let mut table = Some(document.get_ref());
    let mut array: Option<&toml::de::DeArray<'_>> = None;
    for part in key {
        let next = match (table, array) {
            (Some(table), _) => table.get_key_value(*part).map(|(key, value)| {
                // An array of tables spans its first element; its key's own span is the readable place.
                (if matches!(value.get_ref(), DeValue::Table(_)) { value.span() } else { key.span() }, value)
            }),
            (None, Some(array)) => {
                part.parse::<usize>().ok().and_then(|index| array.get(index)).map(|value| (value.span(), value))
            }
            (None, None) => None,
        };
        let Some((found, value)) = next else { break };
        span = Some(found);
        (table, array) = match value.get_ref() {
            DeValue::Table(table) => (Some(table), None),
            DeValue::Array(array) => (None, Some(array)),
            _ => (None, None),
        };
    }
    span.map(|span| position_of(text, span.start, key.join(".")))
}
