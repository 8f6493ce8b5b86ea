//! `ecluse register show`: the entries, without the server. People appear by pseudonym: their names are the server's.

use super::SourceArguments;
use crate::clock::{parse_since, parse_until};
use crate::domain::{Event, SiteId, State, TicketId};
use crate::register::{Sound, each, examine};
use crate::web::pages::{Language, Locale, Names, plain};
use chrono::{DateTime, Utc};
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
    let source = arguments.source.source()?;
    let report = examine(&source, arguments.source.own_key()?.as_ref()).map_err(super::unreadable)?.report;
    each(&source, report.entries, |sound| reading.entry(sound, &mut out)).map_err(super::unreadable)?;
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
        if let Event::SessionGranted { session, .. } = &entry.event
            && let Some(known) = self.state.sessions.get(session)
        {
            self.names.sessions.insert(*session, (known.person.clone(), known.purpose.ticket()));
        }
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

pub(super) fn parse_language(text: &str) -> Result<Language, String> {
    Language::from_tag(text).ok_or_else(|| "expected fr or en".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typed_words_do_not_steer_the_terminal() {
        assert_eq!(printable("a\u{1b}[2Jb\rc"), "a\u{fffd}[2Jb\u{fffd}c");
    }
}
