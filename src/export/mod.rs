//! What is taken out of the register for people: tables for spreadsheets and a document to print (A4-5). The lines
//! themselves need nothing of this; they leave as they stand.
//!
//! One reading of the register, entry by entry, feeds everything here, so that the pages and the command line tell the
//! same from the same source. Tables are written as they are read, in bounded memory; the document is one piece and
//! says so ([`pdf::MOST_EVENTS`]).
//!
//! Does not: read the register, decide who may see what, record that something was taken out.

pub mod pdf;
pub mod table;
mod transmissions;

pub use transmissions::{End, Transmission, Transmissions};

use chrono::{DateTime, Utc};
use chrono_tz::Europe::Paris;

/// Day and hour in Paris, as French tables write them.
pub(crate) fn paris(at: DateTime<Utc>) -> [String; 2] {
    let at = at.with_timezone(&Paris);
    [at.format("%d/%m/%Y").to_string(), at.format("%H:%M:%S").to_string()]
}

/// Hours, minutes, seconds.
pub(crate) fn hms(ms: u64) -> String {
    let s = ms / 1000;
    format!("{:02}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_are_those_of_paris() {
        assert_eq!(paris("2026-07-01T22:30:05Z".parse().unwrap()), ["02/07/2026", "00:30:05"]);
        assert_eq!(hms(3_725_999), "01:02:05");
    }
}
