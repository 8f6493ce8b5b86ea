//! Taking the register out (A4-5): as it stands, verifiable; as a table; the transmissions as a table; both as a document
//! to print. Every one of these is recorded before the first byte leaves, and stands in what is taken out.
//!
//! Lines and tables leave while they are read, some hundreds of entries at a time: a register of many years needs no
//! more memory than a short one. When the register can no longer be read on the way, the connection is broken off, so
//! that nobody takes a part for the whole.

use super::{filter, page_names, shows};
use crate::control::Control;
use crate::domain::{Action, Actor, Command, Entry, ExportFormat, RegisterFilter};
use crate::export::pdf::{self, Printed, Vouched};
use crate::export::{Transmissions, table};
use crate::register::{LeafHash, Reader, withheld};
use crate::web::access::{self, Names as People};
use crate::web::answer::{self, Answer};
use crate::web::app::App;
use crate::web::auth::{Caller, Person};
use crate::web::chrome;
use crate::web::pages::{Locale, Names};
use crate::web::problem::Problem;
use crate::web::request::Request;
use crate::web::routes::Name;
use chrono_tz::Europe::Paris;
use futures_util::{Stream, stream};
use http::StatusCode;
use http::header::{self, HeaderValue};
use std::io;
use std::sync::Arc;

/// How many entries are read from disk at once.
const CHUNK: u64 = 500;

/// `GET /register/export.jsonl`, `/register/export.csv`, `/register/transmissions.csv`, `/register/export.pdf`.
pub async fn export(app: &App, request: &Request, caller: &Caller) -> Result<Answer, Problem> {
    let (format, media_type, stem, extension) = match request.route.name {
        Name::RegisterExportJsonl => (ExportFormat::Jsonl, "application/jsonl", "registre", "jsonl"),
        Name::RegisterExportCsv => (ExportFormat::Csv, "text/csv; charset=utf-8", "registre", "csv"),
        Name::RegisterExportPdf => (ExportFormat::Pdf, "application/pdf", "registre", "pdf"),
        _ => (ExportFormat::TransmissionsCsv, "text/csv; charset=utf-8", "transmissions", "csv"),
    };
    let filter = filter::read(request)?;
    let locale = chrome::shell(app, request, caller).locale;
    let people = access::names(app).await?;
    let until = record(app, caller, format, &filter).await?;
    let reading = Reading {
        control: app.context.control.clone(),
        reader: app.context.control.reader(),
        person: caller.person()?.clone(),
        people: Arc::new(people),
        filter,
        until,
        locale,
    };
    let mut answer = match format {
        ExportFormat::Jsonl => answer::stream(media_type, pieces(reading, None, Reading::lines)),
        ExportFormat::Csv => {
            let head = table::entries_head(locale).map_err(broken)?;
            answer::stream(media_type, pieces(reading, Some(head), Reading::rows))
        }
        ExportFormat::TransmissionsCsv => {
            let table = tokio::task::spawn_blocking(move || reading.transmissions_table()).await?.map_err(broken)?;
            answer::content(StatusCode::OK, media_type, table)
        }
        ExportFormat::Pdf => {
            let (checkpointer, made_at_utc) = (app.context.checkpointer.clone(), app.context.clock.utc());
            let made = tokio::task::spawn_blocking(move || {
                let vouched = match checkpointer {
                    Some(checkpointer) => {
                        let (checkpoint, note) = checkpointer.sign().map_err(io::Error::other)?;
                        Some(Vouched {
                            origin: checkpoint.origin,
                            size: checkpoint.size,
                            root: checkpoint.root.base64(),
                            note,
                            key: checkpointer.key().to_string(),
                        })
                    }
                    None => None,
                };
                reading.document(vouched.as_ref(), made_at_utc)
            });
            let document = made.await?.map_err(broken)?.ok_or_else(too_many)?;
            answer::content(StatusCode::OK, media_type, document)
        }
    };
    let day = app.context.clock.utc().with_timezone(&Paris).format("%Y-%m-%d");
    let disposition = format!("attachment; filename=\"{stem}-{day}.{extension}\"");
    let disposition = HeaderValue::from_str(&disposition).map_err(|error| Problem::internal("a file name", &error))?;
    answer.headers_mut().insert(header::CONTENT_DISPOSITION, disposition);
    Ok(answer)
}

fn broken(error: io::Error) -> Problem {
    Problem::internal("the register cannot be taken out", &error)
}

fn too_many() -> Problem {
    let detail = format!(
        "since, until: a document takes {} events at most; expected a shorter period, or the tables, which have no limit",
        pdf::MOST_EVENTS
    );
    Problem::new(StatusCode::BAD_REQUEST, "document-too-long", detail)
}

/// Records it; the number of entries up to and including that record.
async fn record(app: &App, caller: &Caller, format: ExportFormat, filter: &RegisterFilter) -> Result<u64, Problem> {
    let action = Action::ExportRegister { format, filter: filter.clone() };
    let command = Command { actor: Actor::Person(caller.person()?.id.clone()), action };
    let receipt = app.context.control.execute(command).await?;
    receipt
        .entries
        .last()
        .map(|entry| entry.seq + 1)
        .ok_or_else(|| Problem::internal("an export", &"it left no entry in the register"))
}

/// What is read for whom.
struct Reading {
    control: Control,
    reader: Reader,
    person: Person,
    people: Arc<People>,
    filter: RegisterFilter,
    /// Entries from here on came later.
    until: u64,
    locale: Locale,
}

/// A part of the register as it stands; of what was purged, the line that stands for it.
type Part = Vec<(Option<Entry>, Vec<u8>)>;

impl Reading {
    fn part(&self, from: u64) -> io::Result<Part> {
        let limit = usize::try_from(CHUNK.min(self.until.saturating_sub(from))).unwrap_or(usize::MAX);
        let mut entries = self.reader.read(from, limit)?.into_iter().peekable();
        let lines = self.reader.lines(from, limit)?;
        let part = (from..).zip(lines).map(|(seq, line)| (entries.next_if(|entry| entry.seq == seq), line));
        Ok(part.collect())
    }

    fn parts(&self, mut each: impl FnMut(Part)) -> io::Result<()> {
        let mut from = 0;
        while from < self.until {
            let part = self.part(from)?;
            if part.is_empty() {
                break;
            }
            from += part.len() as u64;
            each(part);
        }
        Ok(())
    }

    fn names(&self, entries: &[Entry]) -> Names {
        page_names(&self.control, &self.person, People::clone(&self.people), entries)
    }

    fn wanted(&self, part: Part) -> Vec<Entry> {
        self.control.read(|state| {
            let visible = |entry: &Entry| self.filter.wants(state, entry) && shows(state, &self.person, entry);
            part.into_iter().filter_map(|(entry, _)| entry).filter(visible).collect()
        })
    }

    /// The lines themselves. What is not wanted, or not for this person's eyes, is there as its hash alone: so the chain
    /// and the tree of any extract can be verified like those of the whole.
    fn lines(&self, part: Part) -> io::Result<Vec<u8>> {
        let mut out = Vec::new();
        self.control.read(|state| {
            for (entry, line) in &part {
                match entry {
                    Some(entry) if !(self.filter.wants(state, entry) && shows(state, &self.person, entry)) => {
                        out.extend_from_slice(&withheld(entry.seq, &LeafHash::of(line)));
                    }
                    _ => out.extend_from_slice(line),
                }
                out.push(b'\n');
            }
        });
        Ok(out)
    }

    fn rows(&self, part: Part) -> io::Result<Vec<u8>> {
        let entries = self.wanted(part);
        let names = self.names(&entries);
        self.control.read(|state| table::entries(self.locale, state, &names, &entries))
    }

    fn transmissions_table(&self) -> io::Result<Vec<u8>> {
        let mut transmissions = Transmissions::default();
        self.parts(|part| {
            part.iter().filter_map(|(entry, _)| entry.as_ref()).for_each(|entry| transmissions.add(entry))
        })?;
        let list = transmissions.finish(&self.filter, |site| access::sees_site(&self.person, site));
        table::transmissions(self.locale, &self.names(&[]), &list)
    }

    /// The document; `None` when it would be too long.
    fn document(
        &self,
        vouched: Option<&Vouched>,
        made_at_utc: chrono::DateTime<chrono::Utc>,
    ) -> io::Result<Option<Vec<u8>>> {
        let (mut transmissions, mut events, mut too_many) = (Transmissions::default(), Vec::new(), false);
        self.parts(|part| {
            part.iter().filter_map(|(entry, _)| entry.as_ref()).for_each(|entry| transmissions.add(entry));
            if !too_many {
                events.extend(self.wanted(part));
            }
            too_many |= events.len() > pdf::MOST_EVENTS;
        })?;
        if too_many {
            return Ok(None);
        }
        let transmissions = transmissions.finish(&self.filter, |site| access::sees_site(&self.person, site));
        let printed = Printed {
            locale: self.locale,
            filter: &self.filter,
            made_at_utc,
            made_by: Some(&self.person.id),
            transmissions: &transmissions,
            events: &events,
            names: &self.names(&events),
            vouched,
        };
        printed.pdf().map(Some).map_err(io::Error::other)
    }
}

/// What leaves while it is read: first `head`, then each part as `written`. The next part is read when the one before
/// has been taken.
fn pieces(
    reading: Reading,
    head: Option<Vec<u8>>,
    written: fn(&Reading, Part) -> io::Result<Vec<u8>>,
) -> impl Stream<Item = io::Result<Vec<u8>>> + Send + Sync + 'static {
    stream::try_unfold((Arc::new(reading), 0_u64, head), move |(reading, from, head)| async move {
        if let Some(head) = head {
            return Ok(Some((head, (reading, from, None))));
        }
        if from >= reading.until {
            return Ok(None);
        }
        let read = tokio::task::spawn_blocking(move || {
            let part = reading.part(from)?;
            let next = from + part.len() as u64;
            // Nothing where something was recorded: never an endless answer, never a short one that looks whole.
            if part.is_empty() {
                return Err(io::Error::other(format!("the register ends at entry {from}, before {}", reading.until)));
            }
            Ok::<_, io::Error>((written(&reading, part)?, (reading, next, None)))
        });
        let piece = read.await.map_err(io::Error::other).and_then(|piece| piece);
        piece.map(Some).inspect_err(|error| tracing::error!(%error, "an export was broken off"))
    })
}
