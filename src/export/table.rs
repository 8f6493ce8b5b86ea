//! Tables for spreadsheets: UTF-8 with a byte order mark, semicolons, as French spreadsheets open them at a click.
//!
//! Nothing in a cell is ever a formula: what begins like one is preceded by an apostrophe (people type reasons; a
//! spreadsheet must not run them). A table is made piece by piece, so that a long one needs no memory.

use super::{Transmission, hms, paris};
use crate::domain::{Actor, Entry, OpenedBy, PersonId, State};
use crate::web::pages::{Locale, Names, plain, words};
use crate::web::word_of;
use chrono::{DateTime, Utc};
use std::borrow::Cow;
use std::io;

const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();
const ENTRY_COLUMNS: [&str; 11] =
    ["seq", "at-utc", "day", "hour", "person", "name", "kind", "type", "site", "ticket", "sentence"];
const TRANSMISSION_COLUMNS: [&str; 15] = [
    "ticket",
    "day",
    "hour",
    "first-image",
    "duration",
    "duration-s",
    "service",
    "site",
    "reasons",
    "requester",
    "requester-name",
    "decider",
    "decider-name",
    "end",
    "cause",
];

/// A cell that no spreadsheet takes for a formula.
fn safe(text: &str) -> Cow<'_, str> {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        Cow::Owned(format!("'{text}"))
    } else {
        Cow::Borrowed(text)
    }
}

/// Rows as bytes, put behind what is there.
fn rows(before: Vec<u8>, rows: impl Iterator<Item = Vec<String>>) -> io::Result<Vec<u8>> {
    let mut out = csv::WriterBuilder::new().delimiter(b';').terminator(csv::Terminator::CRLF).from_writer(before);
    for row in rows {
        out.write_record(row.iter().map(|cell| safe(cell).into_owned()))?;
    }
    out.into_inner().map_err(|error| io::Error::other(error.to_string()))
}

fn head(l: Locale, columns: &[&str]) -> io::Result<Vec<u8>> {
    let headings = columns.iter().map(|column| words(l, &format!("table-{column}"))).collect();
    rows(BYTE_ORDER_MARK.to_vec(), std::iter::once(headings))
}

/// The beginning of a table of entries.
///
/// # Errors
/// When it cannot be written (out of memory).
pub fn entries_head(l: Locale) -> io::Result<Vec<u8>> {
    head(l, &ENTRY_COLUMNS)
}

/// Some entries, each with what it is about and its sentence.
///
/// # Errors
/// When they cannot be written (out of memory).
pub fn entries(l: Locale, state: &State, names: &Names, entries: &[Entry]) -> io::Result<Vec<u8>> {
    let row = |entry: &Entry| {
        let subject = state.subject(&entry.event);
        let (person, name) = match &entry.actor {
            Actor::Person(person) => (person.to_string(), name(names, person)),
            Actor::System => (String::new(), String::new()),
        };
        let [day, hour] = paris(entry.at_utc);
        vec![
            entry.seq.to_string(),
            entry.at_utc.to_rfc3339_opts(chrono::SecondsFormat::Micros, true),
            day,
            hour,
            person,
            name,
            words(l, &format!("kind-{}", entry.event.kind().as_str())),
            word_of(&entry.event, "type"),
            subject.site.map(|site| site.to_string()).unwrap_or_default(),
            subject.ticket.map(|ticket| ticket.to_string()).unwrap_or_default(),
            plain(l, entry, names),
        ]
    };
    rows(Vec::new(), entries.iter().map(row))
}

/// The whole table of transmissions (A4-5).
///
/// # Errors
/// When it cannot be written (out of memory).
pub fn transmissions(l: Locale, names: &Names, list: &[Transmission]) -> io::Result<Vec<u8>> {
    let row = |row: &Transmission| {
        let [day, hour] = paris(row.opened_at_utc);
        let time = |at: DateTime<Utc>| paris(at).join(" ");
        let end = row.end.as_ref();
        let (decider, decider_name) = match &row.opened_by {
            OpenedBy::Decider(person) => (person.to_string(), name(names, person)),
            OpenedBy::Rule { avenant, .. } => ("urgent-mode".to_owned(), avenant.clone()),
        };
        vec![
            row.ticket.to_string(),
            day,
            hour,
            row.first_image_utc.map(time).unwrap_or_default(),
            end.map(|end| hms(end.flowed_ms)).unwrap_or_default(),
            end.map(|end| (end.flowed_ms / 1000).to_string()).unwrap_or_default(),
            names.service(&row.service),
            names.site(&row.site),
            reasons(l, row),
            row.requester.to_string(),
            name(names, &row.requester),
            decider,
            decider_name,
            end.map(|end| time(end.at_utc)).unwrap_or_default(),
            end.map(|end| word_of(&end.cause, "cause")).unwrap_or_default(),
        ]
    };
    rows(head(l, &TRANSMISSION_COLUMNS)?, list.iter().map(row))
}

/// Why images were asked for, as people read it.
pub(super) fn reasons(l: Locale, row: &Transmission) -> String {
    let reasons: Vec<String> =
        row.reasons.iter().map(|reason| words(l, &format!("reason-{}", reason.as_str()))).collect();
    reasons.join(", ")
}

fn name(names: &Names, person: &PersonId) -> String {
    names.people.get(person).cloned().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_is_a_formula() {
        for start in ["=", "+", "-", "@", "\t", "\r"] {
            let text = format!("{start}HYPERLINK(\"https://evil.example\")");
            assert_eq!(safe(&text), format!("'{text}"));
        }
        for harmless in ["", "vols", "12:00", "1-2", "'=1"] {
            assert_eq!(safe(harmless), harmless);
        }
        let made = rows(b"a\r\n".to_vec(), [vec!["=1+1;\"x\"\n".to_owned()]].into_iter()).unwrap();
        assert_eq!(String::from_utf8(made).unwrap(), "a\r\n\"'=1+1;\"\"x\"\"\n\"\r\n");
    }
}
