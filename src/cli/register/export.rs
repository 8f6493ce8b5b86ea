//! `ecluse register export`: the register taken out offline, in the forms the pages offer (A4-5, A4-10). Names of people
//! are in the server's own table, so they appear by pseudonym; nothing is recorded, since nothing is asked of the server.

use super::SourceArguments;
use crate::clock::{parse_since, parse_until};
use crate::domain::{Entry, Event, EventKind, RegisterFilter, SiteId, State, TicketId};
use crate::export::pdf::{self, Printed, Vouched};
use crate::export::{Transmissions, table};
use crate::register::{Sound, Source, VerifyKey, each, examine, newest_checkpoint, withheld};
use crate::web::pages::{Language, Locale, Names};
use anyhow::Context;
use chrono::{DateTime, Utc};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::process::ExitCode;

/// What `ecluse register export` takes.
#[derive(clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    source: SourceArguments,
    /// pdf: transmissions and entries as an accessible document; csv: entries as a table; transmissions-csv:
    /// transmissions as a table; jsonl: entries as they stand, verifiable
    #[arg(long, value_enum)]
    format: Format,
    /// Where to write it; standard output otherwise
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
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
    /// Events of this kind: decision, images, cut, people, mail or server
    #[arg(long, value_name = "KIND", value_parser = parse_kind)]
    kind: Option<EventKind>,
    /// Language: fr or en
    #[arg(long, value_name = "LANGUAGE", default_value = "fr", value_parser = super::show::parse_language)]
    language: Language,
}

/// Forms of an export.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    Pdf,
    Csv,
    TransmissionsCsv,
    Jsonl,
}

/// Writes what is wanted. Lines and tables are written while they are read.
pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let source = arguments.source.source()?;
    let key = arguments.source.own_key()?;
    let report = examine(&source, key.as_ref()).map_err(super::unreadable)?.report;
    if let Some(damage) = &report.damage {
        eprintln!("ecluse: the register is damaged, nothing is taken out from here on: first bad {damage}");
    }
    let out: Box<dyn Write> = match &arguments.output {
        Some(path) => {
            Box::new(File::create(path).with_context(|| format!("--output {}: it cannot be written", path.display()))?)
        }
        None => Box::new(io::stdout().lock()),
    };
    let mut taken = Taken {
        locale: Locale { language: arguments.language },
        format: arguments.format,
        filter: RegisterFilter {
            since_utc: arguments.since,
            until_utc: arguments.until,
            site: arguments.site.clone(),
            ticket: arguments.ticket,
            kind: arguments.kind,
        },
        state: State::default(),
        names: Names::default(),
        transmissions: Transmissions::default(),
        events: Vec::new(),
        out: BufWriter::new(out),
    };
    if taken.format == Format::Csv {
        taken.out.write_all(&table::entries_head(taken.locale)?)?;
    }
    let mut told = Ok(());
    each(&source, report.entries, |sound| {
        if told.is_ok() {
            told = taken.line(sound);
        }
    })
    .map_err(super::unreadable)?;
    told?;
    let sound = report.is_sound();
    let vouched = if sound && taken.format == Format::Pdf { vouched(&source, key)? } else { None };
    taken.finish(vouched.as_ref())?;
    Ok(if sound { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The newest checkpoint kept beside the register.
fn vouched(source: &Source, key: Option<VerifyKey>) -> anyhow::Result<Option<Vouched>> {
    let (Source::Directory(dir), Some(key)) = (source, key) else { return Ok(None) };
    let kept = newest_checkpoint(dir, &key).context("the kept checkpoints cannot be read")?;
    Ok(kept.map(|(checkpoint, note)| Vouched {
        origin: checkpoint.origin,
        size: checkpoint.size,
        root: checkpoint.root.base64(),
        note,
        key: key.to_string(),
    }))
}

struct Taken {
    locale: Locale,
    format: Format,
    filter: RegisterFilter,
    state: State,
    names: Names,
    transmissions: Transmissions,
    events: Vec<Entry>,
    out: BufWriter<Box<dyn Write>>,
}

impl Taken {
    fn line(&mut self, sound: &Sound) -> io::Result<()> {
        let wanted = sound.entry.as_ref().is_some_and(|entry| self.know(entry));
        match (self.format, &sound.entry) {
            (Format::Jsonl, _) => {
                let line = if wanted { sound.line.clone() } else { withheld(sound.seq, &sound.leaf) };
                self.out.write_all(&line)?;
                self.out.write_all(b"\n")
            }
            (Format::Csv, Some(entry)) if wanted => {
                let row = table::entries(self.locale, &self.state, &self.names, std::slice::from_ref(entry))?;
                self.out.write_all(&row)
            }
            (Format::Pdf, Some(entry)) if wanted => {
                if self.events.len() == pdf::MOST_EVENTS {
                    let why = format!(
                        "a document takes {} events at most: shorten the period (--since, --until), or take csv or jsonl",
                        pdf::MOST_EVENTS
                    );
                    return Err(io::Error::other(why));
                }
                self.events.push(entry.clone());
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Learns what an entry tells; whether the filter wants it.
    fn know(&mut self, entry: &Entry) -> bool {
        self.state.apply(entry);
        self.transmissions.add(entry);
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
        self.filter.wants(&self.state, entry)
    }

    fn finish(mut self, vouched: Option<&Vouched>) -> anyhow::Result<()> {
        match self.format {
            Format::Csv | Format::Jsonl => {}
            Format::TransmissionsCsv => {
                let list = self.transmissions.finish(&self.filter, |_| true);
                self.out.write_all(&table::transmissions(self.locale, &self.names, &list)?)?;
            }
            Format::Pdf => {
                let printed = Printed {
                    locale: self.locale,
                    filter: &self.filter,
                    made_at_utc: Utc::now(),
                    made_by: None,
                    transmissions: &self.transmissions.finish(&self.filter, |_| true),
                    events: &self.events,
                    names: &self.names,
                    vouched,
                };
                self.out.write_all(&printed.pdf()?)?;
            }
        }
        Ok(self.out.flush()?)
    }
}

fn parse_kind(text: &str) -> Result<EventKind, String> {
    let words = EventKind::ALL.map(EventKind::as_str).join(", ");
    EventKind::of_word(text).ok_or_else(|| format!("expected one of {words}"))
}
