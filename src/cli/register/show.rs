//! `ecluse register show`: the entries, without the server. People appear by pseudonym: their names are the server's.

use super::SourceArguments;
use crate::clock::paris_midnight;
use crate::domain::{Event, SiteId, State, TicketId};
use crate::register::{Sound, walk};
use crate::web::pages::{Language, Locale, Names, plain};
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use chrono_tz::Europe::Paris;
use std::io::{self, BufWriter, Write};
use std::process::ExitCode;

/// What `ecluse register show` takes.
#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    source: SourceArguments,
    /// From this day on (2026-11-25, Europe/Paris) or this instant (2026-11-25T14:00:00Z)
    #[arg(long, value_name = "WHEN", value_parser = parse_since)]
    since: Option<DateTime<Utc>>,
    /// Up to and including this day, or before this instant
    #[arg(long, value_name = "WHEN", value_parser = parse_until)]
    until: Option<DateTime<Utc>>,
    /// What concerns this ticket
    #[arg(long, value_name = "ID")]
    ticket: Option<TicketId>,
    /// What concerns this site
    #[arg(long, value_name = "ID")]
    site: Option<SiteId>,
    /// Print the entries as they stand in the register, one JSON object per line
    #[arg(long)]
    json: bool,
    /// Language of the sentences: fr or en
    #[arg(long, value_name = "LANGUAGE", default_value = "fr", value_parser = parse_language)]
    language: Language,
}

/// Prints what is wanted, in order.
pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let mut out = BufWriter::new(io::stdout().lock());
    let mut reading = Reading { arguments, state: State::default(), names: Names::default(), told: Ok(()) };
    let (report, _) =
        walk(&arguments.source.source()?, |sound| reading.entry(sound, &mut out)).map_err(super::unreadable)?;
    reading.told?;
    out.flush()?;
    match report.damage {
        None => Ok(ExitCode::SUCCESS),
        Some(damage) => {
            eprintln!("ecluse: the register is damaged, nothing is shown from here on: first bad {damage}");
            Ok(ExitCode::FAILURE)
        }
    }
}

struct Reading<'a> {
    arguments: &'a Arguments,
    state: State,
    names: Names,
    told: io::Result<()>,
}

impl Reading<'_> {
    fn entry(&mut self, sound: &Sound, out: &mut impl Write) {
        let Some(entry) = &sound.entry else { return };
        self.state.apply(entry);
        if let Event::SiteDeclared { site } = &entry.event {
            self.names.sites.insert(site.id.clone(), site.name.clone());
            self.names.services.insert(site.service.id.clone(), site.service.name.clone());
            self.names.cameras.extend(site.cameras.iter().map(|camera| (camera.id.clone(), camera.name.clone())));
        }
        let Arguments { since, until, ticket, site, .. } = self.arguments;
        let subject = self.state.subject(&entry.event);
        let wanted = since.is_none_or(|since| entry.at_utc >= since)
            && until.is_none_or(|until| entry.at_utc < until)
            && (ticket.is_none() || subject.ticket == *ticket)
            && (site.is_none() || subject.site == *site);
        if !wanted || self.told.is_err() {
            return;
        }
        self.told = if self.arguments.json {
            out.write_all(&sound.line).and_then(|()| out.write_all(b"\n"))
        } else {
            let at = entry.at_utc.with_timezone(&Paris).format("%Y-%m-%d %H:%M:%S %:z");
            let locale = Locale { language: self.arguments.language };
            writeln!(out, "{:>7}  {at}  {}", entry.seq, printable(&plain(locale, entry, &self.names)))
        };
    }
}

/// Words that people typed must not steer the terminal.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

const WHEN: &str = "a day such as 2026-11-25, or an instant such as 2026-11-25T14:00:00Z";

fn parse_since(text: &str) -> Result<DateTime<Utc>, String> {
    when(text, TimeDelta::zero())
}

fn parse_until(text: &str) -> Result<DateTime<Utc>, String> {
    when(text, TimeDelta::days(1))
}

fn when(text: &str, days_on: TimeDelta) -> Result<DateTime<Utc>, String> {
    let expected = || format!("expected {WHEN}");
    if let Ok(at) = DateTime::parse_from_rfc3339(text) {
        return Ok(at.to_utc());
    }
    let day: NaiveDate = text.parse().map_err(|_| expected())?;
    paris_midnight(day.checked_add_signed(days_on).ok_or_else(expected)?).ok_or_else(expected)
}

fn parse_language(text: &str) -> Result<Language, String> {
    Language::from_tag(text).ok_or_else(|| "expected fr or en".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_those_of_paris_and_the_last_one_counts_whole() {
        assert_eq!(parse_since("2026-07-01").unwrap().to_rfc3339(), "2026-06-30T22:00:00+00:00");
        assert_eq!(parse_until("2026-12-31").unwrap().to_rfc3339(), "2026-12-31T23:00:00+00:00");
        assert_eq!(parse_until("2026-12-31T10:00:00+01:00").unwrap().to_rfc3339(), "2026-12-31T09:00:00+00:00");
        assert!(parse_since("yesterday").unwrap_err().contains("2026-11-25"));
        assert!(parse_until("+262142-12-31").is_err());
    }

    #[test]
    fn typed_words_do_not_steer_the_terminal() {
        assert_eq!(printable("a\u{1b}[2Jb\rc"), "a\u{fffd}[2Jb\u{fffd}c");
    }
}
