//! The register as a document for people (A4-5): the list of transmissions, the events in an annex, and what proves it
//! all, as a tagged PDF (PDF/UA-1): title, language, structure, headings of tables, bookmarks.
//!
//! A document is one piece, so it has a limit; tables and lines have none.

mod face;
mod paper;

pub use paper::PdfError;

use super::{Transmission, hms, paris, table};
use crate::domain::{Actor, Entry, OpenedBy, PersonId, RegisterFilter};
use crate::web::pages::{Locale, Names, ending, plain, short_id, words, words_with};
use chrono::{DateTime, TimeDelta, Utc};
use paper::{Column, Frame, Paper};

/// Most events one document takes: some five hundred pages.
pub const MOST_EVENTS: usize = 10_000;

/// The checkpoint a document is printed under.
pub struct Vouched {
    /// Name of the register.
    pub origin: String,
    /// Entries it vouches for.
    pub size: u64,
    /// Root of the tree over them, base64.
    pub root: String,
    /// The signed note as a whole.
    pub note: String,
    /// Public key to check it with.
    pub key: String,
}

/// What is printed.
pub struct Printed<'a> {
    /// Language.
    pub locale: Locale,
    /// Which part of the register.
    pub filter: &'a RegisterFilter,
    /// When it was taken out, UTC.
    pub made_at_utc: DateTime<Utc>,
    /// By whom; `None`: by whoever has the server's machine.
    pub made_by: Option<&'a PersonId>,
    /// The transmissions, oldest first.
    pub transmissions: &'a [Transmission],
    /// The events, oldest first.
    pub events: &'a [Entry],
    /// Names behind identifiers.
    pub names: &'a Names,
    /// What vouches for the register; `None`: it is damaged, or there is no key yet.
    pub vouched: Option<&'a Vouched>,
}

impl Printed<'_> {
    /// The document's bytes. Takes a while (a second for a thousand events in a debug build): call it where that is
    /// allowed.
    ///
    /// # Errors
    /// [`PdfError`]: a fault of ours.
    pub fn pdf(&self) -> Result<Vec<u8>, PdfError> {
        let mut paper = Paper::new()?;
        let title = self.word("pdf-title");
        paper.heading(1, &title);
        paper.paragraph(&self.scope());
        let [day, hour] = paris(self.made_at_utc);
        let by = self.made_by.map_or_else(|| self.word("pdf-by-machine"), |person| self.person(person));
        paper.paragraph(&words_with(self.locale, "pdf-made", &[("day", day), ("hour", hour), ("by", by)]));
        self.transmissions(&mut paper);
        self.events(&mut paper);
        self.proof(&mut paper);
        let (locale, header) = (self.locale, format!("{title} · {}", self.scope()));
        let footer = move |page: usize, pages: usize| {
            words_with(locale, "pdf-page", &[("page", page.to_string()), ("pages", pages.to_string())])
        };
        let frame =
            Frame { title: header.clone(), language: locale.language.as_str(), header, footer: Box::new(footer) };
        paper.finish(&frame)
    }

    fn word(&self, key: &str) -> String {
        words(self.locale, key)
    }

    fn person(&self, person: &PersonId) -> String {
        match self.names.people.get(person) {
            Some(name) => format!("{name} ({person})"),
            None => person.to_string(),
        }
    }

    /// Site, period, and whatever else restricts it.
    fn scope(&self) -> String {
        let site = match &self.filter.site {
            Some(site) => self.names.site(site),
            None => self.word("pdf-all-sites"),
        };
        let since = self.filter.since_utc.map(|since| paris(since)[0].clone());
        // The last instant that belongs to it, as people name the last day.
        let until = self.filter.until_utc.map(|until| paris(until - TimeDelta::microseconds(1))[0].clone());
        let period = match (since, until) {
            (Some(since), Some(until)) => words_with(self.locale, "pdf-period", &[("since", since), ("until", until)]),
            (Some(since), None) => words_with(self.locale, "pdf-since", &[("since", since)]),
            (None, Some(until)) => words_with(self.locale, "pdf-until", &[("until", until)]),
            (None, None) => self.word("pdf-always"),
        };
        let ticket = self.filter.ticket.map(|ticket| format!("{} {ticket}", self.word("table-ticket")));
        let kind = self.filter.kind.map(|kind| self.word(&format!("kind-{}", kind.as_str())));
        [Some(site), Some(period), ticket, kind].into_iter().flatten().collect::<Vec<_>>().join(" · ")
    }

    fn columns(&self, columns: &[(&str, f32)]) -> Vec<Column> {
        columns.iter().map(|(key, share)| Column { heading: self.word(key), share: *share }).collect()
    }

    fn transmissions(&self, paper: &mut Paper) {
        paper.heading(2, &self.word("pdf-transmissions"));
        paper.paragraph(&self.word("pdf-transmissions-lead"));
        if self.transmissions.is_empty() {
            return paper.paragraph(&self.word("pdf-no-transmission"));
        }
        let columns = self.columns(&[
            ("table-ticket", 7.0),
            ("table-day", 7.0),
            ("table-hour", 6.0),
            ("table-duration", 7.5),
            ("table-service", 12.0),
            ("table-site", 13.0),
            ("table-reasons", 15.0),
            ("table-requester-name", 11.0),
            ("table-decider-name", 11.0),
            ("table-end", 22.0),
        ]);
        let row = |row: &Transmission| {
            let [day, hour] = paris(row.opened_at_utc);
            let end = row.end.as_ref();
            let open = || self.word("pdf-still-open");
            vec![
                short_id(&row.ticket),
                day,
                hour,
                end.map_or_else(open, |end| hms(end.flowed_ms)),
                self.names.service(&row.service),
                self.names.site(&row.site),
                table::reasons(self.locale, row),
                self.person(&row.requester),
                match &row.opened_by {
                    OpenedBy::Decider(person) => self.person(person),
                    OpenedBy::Rule { avenant, .. } => format!("{} ({avenant})", self.word("subject-urgent-mode")),
                },
                end.map_or_else(open, |end| {
                    format!("{} · {}", paris(end.at_utc).join(" "), ending(self.locale, &end.cause))
                }),
            ]
        };
        paper.table(&columns, self.transmissions.iter().map(row));
        let flowed = self.transmissions.iter().filter_map(|row| row.end.as_ref()).map(|end| end.flowed_ms).sum();
        let count = self.transmissions.len().to_string();
        paper.paragraph(&words_with(self.locale, "pdf-sum", &[("count", count), ("flowed", hms(flowed))]));
    }

    fn events(&self, paper: &mut Paper) {
        paper.heading(2, &self.word("pdf-events"));
        paper.paragraph(&self.word("pdf-events-lead"));
        if self.events.is_empty() {
            return paper.paragraph(&self.word("register-none"));
        }
        let columns = self.columns(&[
            ("table-seq", 6.0),
            ("table-day", 8.0),
            ("table-hour", 7.0),
            ("table-person", 14.0),
            ("table-kind", 14.0),
            ("table-sentence", 60.0),
        ]);
        let row = |entry: &Entry| {
            let [day, hour] = paris(entry.at_utc);
            let person = match &entry.actor {
                Actor::Person(person) => person.to_string(),
                Actor::System => self.word("pdf-system"),
            };
            let kind = self.word(&format!("kind-{}", entry.event.kind().as_str()));
            vec![entry.seq.to_string(), day, hour, person, kind, plain(self.locale, entry, self.names)]
        };
        paper.table(&columns, self.events.iter().map(row));
    }

    fn proof(&self, paper: &mut Paper) {
        paper.heading(2, &self.word("pdf-proof"));
        let Some(vouched) = self.vouched else { return paper.paragraph(&self.word("pdf-no-proof")) };
        paper.paragraph(&words_with(
            self.locale,
            "pdf-proof-lead",
            &[("origin", vouched.origin.clone()), ("size", vouched.size.to_string()), ("root", vouched.root.clone())],
        ));
        paper.verbatim(&vouched.note);
        paper.paragraph(&self.word("pdf-proof-key"));
        paper.verbatim(&vouched.key);
        paper.paragraph(&self.word("pdf-proof-how"));
        paper.verbatim("ecluse register verify --file registre.jsonl --checkpoint point.txt --key CLE");
        paper.paragraph(&self.word("pdf-proof-limits"));
    }
}
