//! Tables for spreadsheets: UTF-8 with a byte order mark, semicolons, as French spreadsheets open them at a click.
//!
//! Nothing in a cell is ever a formula: what begins like one is preceded by an apostrophe (people type reasons; a
//! spreadsheet must not run them).

use super::transmissions::{Decider, Transmission, Who};
use crate::domain::{Actor, Entry, State};
use crate::web::pages::{Locale, Names, plain, words};
use crate::web::problem::Problem;
use chrono::{DateTime, Utc};
use chrono_tz::Europe::Paris;
use std::borrow::Cow;

const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// A cell that no spreadsheet takes for a formula.
pub(super) fn safe(text: &str) -> Cow<'_, str> {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        Cow::Owned(format!("'{text}"))
    } else {
        Cow::Borrowed(text)
    }
}

/// Writes a table: a row of headings, then rows.
fn table(headings: &[String], rows: impl Iterator<Item = Vec<String>>) -> Result<Vec<u8>, Problem> {
    let broken = |error: csv::Error| Problem::internal("a table cannot be written", &error);
    let mut out = csv::WriterBuilder::new()
        .delimiter(b';')
        .terminator(csv::Terminator::CRLF)
        .from_writer(BYTE_ORDER_MARK.to_vec());
    out.write_record(headings.iter().map(|cell| safe(cell).into_owned())).map_err(broken)?;
    for row in rows {
        out.write_record(row.iter().map(|cell| safe(cell).into_owned())).map_err(broken)?;
    }
    out.into_inner().map_err(|error| Problem::internal("a table cannot be written", &error))
}

fn headings(l: Locale, columns: &[&str]) -> Vec<String> {
    columns.iter().map(|column| words(l, &format!("table-{column}"))).collect()
}

/// The entries, each with what it is about and its sentence.
pub(super) fn of_entries(l: Locale, state: &State, names: &Names, entries: &[Entry]) -> Result<Vec<u8>, Problem> {
    let columns = ["seq", "at-utc", "day", "hour", "person", "name", "kind", "type", "site", "ticket", "sentence"];
    let rows = entries.iter().map(|entry| {
        let subject = state.subject(&entry.event);
        let (person, name) = match &entry.actor {
            Actor::Person(person) => (person.to_string(), names.people.get(person).cloned().unwrap_or_default()),
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
            crate::web::models::word_of(&entry.event, "type"),
            subject.site.map(|site| site.to_string()).unwrap_or_default(),
            subject.ticket.map(|ticket| ticket.to_string()).unwrap_or_default(),
            plain(l, entry, names),
        ]
    });
    table(&headings(l, &columns), rows)
}

/// The transmissions (A4-5).
pub(super) fn of_transmissions(l: Locale, rows: &[Transmission]) -> Result<Vec<u8>, Problem> {
    let columns = [
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
    let name = |who: &Who| who.name.clone().unwrap_or_default();
    let rows = rows.iter().map(|row| {
        let [day, hour] = paris(row.opened_at_utc);
        let time = |at: DateTime<Utc>| paris(at).join(" ");
        let reasons: Vec<String> =
            row.reasons.iter().map(|reason| words(l, &format!("reason-{}", reason.as_str()))).collect();
        let end = row.end.as_ref();
        let decider = match &row.decider {
            Decider::Person(who) => (who.id.to_string(), name(who)),
            Decider::Rule(avenant) => ("urgent-mode".to_owned(), avenant.clone()),
        };
        vec![
            row.ticket.to_string(),
            day,
            hour,
            row.first_image_utc.map(time).unwrap_or_default(),
            end.map(|end| hms(end.flowed_ms)).unwrap_or_default(),
            end.map(|end| (end.flowed_ms / 1000).to_string()).unwrap_or_default(),
            row.service.clone(),
            row.site.clone(),
            reasons.join(", "),
            row.requester.id.to_string(),
            name(&row.requester),
            decider.0,
            decider.1,
            end.map(|end| time(end.at_utc)).unwrap_or_default(),
            end.map(|end| crate::web::models::word_of(&end.cause, "cause")).unwrap_or_default(),
        ]
    });
    table(&headings(l, &columns), rows)
}

/// Day and hour in Paris, as spreadsheets read them.
pub(super) fn paris(at: DateTime<Utc>) -> [String; 2] {
    let at = at.with_timezone(&Paris);
    [at.format("%d/%m/%Y").to_string(), at.format("%H:%M:%S").to_string()]
}

/// Hours, minutes, seconds.
pub(super) fn hms(ms: u64) -> String {
    let s = ms / 1000;
    format!("{:02}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60)
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
        let made = table(&["a".to_owned()], [vec!["=1+1;\"x\"\n".to_owned()]].into_iter()).unwrap();
        assert_eq!(String::from_utf8(made).unwrap(), "\u{feff}a\r\n\"'=1+1;\"\"x\"\"\n\"\r\n");
    }

    #[test]
    fn hours_are_those_of_paris() {
        assert_eq!(paris("2026-07-01T22:30:05Z".parse().unwrap()), ["02/07/2026", "00:30:05"]);
        assert_eq!(hms(3_725_999), "01:02:05");
    }
}
