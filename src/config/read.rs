//! Reads one table of the file key by key, so that *every* wrong, missing and unknown key is named at once, each at its
//! own place. A value that cannot be read is replaced by a harmless one and its key remembered, so that reading goes on
//! and no follow-up fault is reported for it.

use super::fault::{ConfigFault, Position, position_of};
use serde::de::DeserializeOwned;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

/// Values longer than this are shortened when they are quoted.
const QUOTED_CHARACTERS: usize = 60;
/// Names more alike than this are worth a "did you mean".
const ALIKE: f64 = 0.7;

/// What reading has found wrong so far.
#[derive(Debug, Default)]
pub(super) struct Findings {
    faults: RefCell<Vec<ConfigFault>>,
    /// Keys whose value stands in for one that could not be read.
    replaced: RefCell<BTreeSet<String>>,
}

impl Findings {
    /// Everything found, and the keys that were replaced.
    pub fn into_parts(self) -> (Vec<ConfigFault>, BTreeSet<String>) {
        (self.faults.into_inner(), self.replaced.into_inner())
    }

    fn note(&self, fault: ConfigFault, key: String) {
        self.faults.borrow_mut().push(fault);
        self.replaced.borrow_mut().insert(key);
    }
}

/// One table; every key can be taken once, and those left over are unknown.
pub(super) struct Fields<'a> {
    text: &'a str,
    findings: &'a Findings,
    path: String,
    span: Range<usize>,
    left: Vec<(Spanned<String>, Spanned<DeValue<'a>>)>,
    known: Vec<&'static str>,
    /// Nothing is there: the section itself has been named as missing.
    stands_in: bool,
}

impl<'a> Fields<'a> {
    /// The whole document.
    pub fn document(text: &'a str, table: Spanned<DeTable<'a>>, findings: &'a Findings) -> Self {
        Self::new(text, findings, String::new(), table.span(), table.into_inner())
    }

    fn new(text: &'a str, findings: &'a Findings, path: String, span: Range<usize>, table: DeTable<'a>) -> Self {
        let owned = |key: Spanned<std::borrow::Cow<'a, str>>| Spanned::new(key.span(), key.into_inner().into_owned());
        let left = table.into_iter().map(|(key, value)| (owned(key), value)).collect();
        Self { text, findings, path, span, left, known: Vec::new(), stands_in: false }
    }

    /// A key that must be there; `stand_in` takes its place when it is not, or cannot be read.
    pub fn required<T: DeserializeOwned>(
        &mut self,
        key: &'static str,
        expected: &str,
        stand_in: impl FnOnce() -> T,
    ) -> T {
        match self.take(key) {
            Some(value) => self.read(key, value, expected).unwrap_or_else(stand_in),
            None => {
                self.missing(key, expected);
                stand_in()
            }
        }
    }

    /// A key with a default.
    pub fn or<T: DeserializeOwned>(&mut self, key: &'static str, expected: &str, default: T) -> T {
        self.take(key).and_then(|value| self.read(key, value, expected)).unwrap_or(default)
    }

    /// A key that may be absent.
    pub fn optional<T: DeserializeOwned>(&mut self, key: &'static str, expected: &str) -> Option<T> {
        self.take(key).and_then(|value| self.read(key, value, expected))
    }

    /// A day, written as TOML's own date or as text.
    pub fn day(&mut self, key: &'static str, stand_in: chrono::NaiveDate) -> chrono::NaiveDate {
        let expected = "a day such as 2026-02-24";
        let Some(value) = self.take(key) else {
            self.missing(key, expected);
            return stand_in;
        };
        let written = match value.get_ref() {
            DeValue::Datetime(day) => Some(day.to_string()),
            DeValue::String(text) => Some(text.to_string()),
            _ => None,
        };
        match written.and_then(|text| text.parse().ok()) {
            Some(day) => day,
            None => {
                self.unreadable(key, &value, expected, "");
                stand_in
            }
        }
    }

    /// A section `[key]` that must be there. After it has been named as missing, an empty one stands in, of which no
    /// key is named.
    pub fn table(&mut self, key: &'static str, expected: &str) -> Fields<'a> {
        match self.take(key) {
            Some(value) => self.enter(key, self.child(key), value),
            None => {
                self.missing(key, expected);
                None
            }
        }
        .unwrap_or_else(|| Fields {
            text: self.text,
            findings: self.findings,
            path: self.child(key),
            span: self.span.clone(),
            left: Vec::new(),
            known: Vec::new(),
            stands_in: true,
        })
    }

    /// A section `[key]` that may be absent.
    pub fn optional_table(&mut self, key: &'static str) -> Option<Fields<'a>> {
        self.take(key).and_then(|value| self.enter(key, self.child(key), value))
    }

    /// The sections `[[key]]`, in the file's order.
    pub fn tables(&mut self, key: &'static str) -> Vec<Fields<'a>> {
        let Some(value) = self.take(key) else { return Vec::new() };
        let span = value.span();
        match value.into_inner() {
            DeValue::Array(array) => array
                .into_iter()
                .enumerate()
                .filter_map(|(index, value)| self.enter(key, format!("{}.{index}", self.child(key)), value))
                .collect(),
            other => {
                self.unreadable(key, &Spanned::new(span, other), &format!("[[{key}]] sections"), "");
                Vec::new()
            }
        }
    }

    /// Names every key that nobody asked for.
    pub fn finish(self) {
        for (key, _) in &self.left {
            let name = key.get_ref();
            let nearest = self
                .known
                .iter()
                .map(|known| (strsim::jaro_winkler(known, name), known))
                .max_by(|(one, _), (other, _)| one.total_cmp(other));
            let remedy = match nearest {
                Some((alike, known)) if alike > ALIKE => format!("did you mean \"{known}\"? Else remove the line"),
                _ => "remove the line; config/ecluse.toml documents every key".to_owned(),
            };
            let here = if self.path.is_empty() { "at the top".to_owned() } else { format!("in {}", self.path) };
            let fault = ConfigFault::error(
                format!("unknown key \"{name}\" {here}"),
                format!("one of: {}", self.known.join(", ")),
                remedy,
            );
            self.findings.faults.borrow_mut().push(fault.at(self.place(&key.span(), name)));
        }
    }

    fn take(&mut self, key: &'static str) -> Option<Spanned<DeValue<'a>>> {
        self.known.push(key);
        let index = self.left.iter().position(|(name, _)| name.get_ref() == key)?;
        Some(self.left.remove(index).1)
    }

    fn enter(&self, key: &str, path: String, value: Spanned<DeValue<'a>>) -> Option<Fields<'a>> {
        let span = value.span();
        match value.into_inner() {
            DeValue::Table(table) => Some(Fields::new(self.text, self.findings, path, span, table)),
            other => {
                self.unreadable(key, &Spanned::new(span, other), "a section", "");
                None
            }
        }
    }

    fn read<T: DeserializeOwned>(&self, key: &'static str, value: Spanned<DeValue<'a>>, expected: &str) -> Option<T> {
        match T::deserialize(ValueDeserializer::from(value.clone())) {
            Ok(read) => Some(read),
            Err(error) => {
                self.unreadable(key, &value, expected, error.message());
                None
            }
        }
    }

    fn unreadable(&self, key: &str, value: &Spanned<DeValue<'a>>, expected: &str, why: &str) {
        // Credentials first: a value cut short before its @ would no longer be known to hold any.
        let written = super::fault::without_credentials(self.text.get(value.span()).unwrap_or_default());
        let mut quoted: String = written.lines().next().unwrap_or_default().chars().take(QUOTED_CHARACTERS).collect();
        if quoted.len() < written.len() {
            quoted.push('…');
        }
        // The reader's own words add something only where they come from our types, e.g. an identifier's.
        let why = if why.is_empty() || why.starts_with("invalid type") { String::new() } else { format!(" ({why})") };
        let fault = ConfigFault::error(
            format!("{} = {quoted} cannot be read{}", self.child(key), super::fault::without_credentials(&why)),
            expected,
            "correct the value; config/ecluse.toml documents every key",
        );
        self.findings.note(fault.at(self.place(&value.span(), key)), self.child(key));
    }

    fn missing(&self, key: &str, expected: &str) {
        if self.stands_in {
            return;
        }
        let fault = ConfigFault::error(
            format!("{} is missing", self.child(key)),
            expected,
            if self.path.is_empty() {
                format!("add a [{key}] section; config/ecluse.toml is a documented example")
            } else {
                format!("add a line {key} = ...; config/ecluse.toml documents every key")
            },
        );
        let place = if self.path.is_empty() { None } else { self.place(&self.span, key) };
        self.findings.note(fault.at(place), self.child(key));
    }

    fn child(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    fn place(&self, span: &Range<usize>, key: &str) -> Option<Position> {
        Some(position_of(self.text, span.start, self.child(key)))
    }
}
