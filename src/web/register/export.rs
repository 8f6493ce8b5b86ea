//! Taking the register out (A4-5): as it stands, verifiable; as a table; the transmissions as a table.
//! Every one of these is recorded before the first byte leaves, and stands in what is taken out.

use super::{filter, page_names, shows, table, transmissions};
use crate::domain::{Action, Actor, Command, Entry, ExportFormat, RegisterFilter};
use crate::register::{LeafHash, Reader, withheld};
use crate::web::access;
use crate::web::answer::{self, Answer};
use crate::web::app::App;
use crate::web::auth::Caller;
use crate::web::chrome;
use crate::web::problem::Problem;
use crate::web::request::Request;
use crate::web::routes::Name;
use chrono_tz::Europe::Paris;
use http::StatusCode;
use http::header::{self, HeaderValue};

/// How many entries are read from disk at once.
const CHUNK: u64 = 500;

/// `GET /register/export.jsonl`, `/register/export.csv`, `/register/transmissions.csv`.
pub async fn export(app: &App, request: &Request, caller: &Caller) -> Result<Answer, Problem> {
    let (format, media_type, stem, extension) = match request.route.name {
        Name::RegisterExportJsonl => (ExportFormat::Jsonl, "application/jsonl", "registre", "jsonl"),
        Name::RegisterExportCsv => (ExportFormat::Csv, "text/csv; charset=utf-8", "registre", "csv"),
        _ => (ExportFormat::TransmissionsCsv, "text/csv; charset=utf-8", "transmissions", "csv"),
    };
    let wanted = filter::read(request)?;
    let until = record(app, caller, format, &wanted).await?;
    let body = match format {
        ExportFormat::Jsonl => lines(app, caller, &wanted, until).await?,
        ExportFormat::Csv => entries(app, request, caller, &wanted, until).await?,
        ExportFormat::TransmissionsCsv => {
            let (person, people) = (caller.person()?, access::names(app).await?);
            let rows = app.context.control.read(|state| transmissions::list(state, person, &people, &wanted));
            table::of_transmissions(chrome::shell(app, request, caller).locale, &rows)?
        }
    };
    let day = app.context.clock.utc().with_timezone(&Paris).format("%Y-%m-%d");
    let mut answer = answer::content(StatusCode::OK, media_type, body);
    let disposition = format!("attachment; filename=\"{stem}-{day}.{extension}\"");
    let disposition = HeaderValue::from_str(&disposition).map_err(|error| Problem::internal("a file name", &error))?;
    answer.headers_mut().insert(header::CONTENT_DISPOSITION, disposition);
    Ok(answer)
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

/// A chunk of the register as it stands.
async fn chunk(reader: &Reader, from: u64, until: u64) -> Result<Vec<(Entry, Vec<u8>)>, Problem> {
    let (reader, limit) = (reader.clone(), usize::try_from(CHUNK.min(until - from)).unwrap_or(usize::MAX));
    let read = tokio::task::spawn_blocking(move || {
        Ok::<_, std::io::Error>(reader.read(from, limit)?.into_iter().zip(reader.lines(from, limit)?).collect())
    });
    read.await?.map_err(|error| Problem::internal("the register cannot be read", &error))
}

/// The lines themselves. What is not wanted, or not for this person's eyes, is there as its hash alone: so the chain and
/// the tree of any extract can be verified like those of the whole.
async fn lines(app: &App, caller: &Caller, filter: &RegisterFilter, until: u64) -> Result<Vec<u8>, Problem> {
    let (person, reader) = (caller.person()?, app.context.control.reader());
    let (mut out, mut from) = (Vec::new(), 0);
    while from < until {
        let read = chunk(&reader, from, until).await?;
        from += read.len() as u64;
        if read.is_empty() {
            break;
        }
        app.context.control.read(|state| {
            for (entry, line) in &read {
                if filter.wants(state, entry) && shows(state, person, entry) {
                    out.extend_from_slice(line);
                } else {
                    out.extend_from_slice(&withheld(entry.seq, &LeafHash::of(line)));
                }
                out.push(b'\n');
            }
        });
    }
    Ok(out)
}

async fn entries(
    app: &App,
    request: &Request,
    caller: &Caller,
    filter: &RegisterFilter,
    until: u64,
) -> Result<Vec<u8>, Problem> {
    let (person, reader) = (caller.person()?, app.context.control.reader());
    let (mut wanted, mut from) = (Vec::new(), 0);
    while from < until {
        let read = chunk(&reader, from, until).await?;
        from += read.len() as u64;
        if read.is_empty() {
            break;
        }
        app.context.control.read(|state| {
            let visible = |entry: &Entry| filter.wants(state, entry) && shows(state, person, entry);
            wanted.extend(read.into_iter().map(|(entry, _)| entry).filter(visible));
        });
    }
    let names = page_names(app, person, access::names(app).await?, &wanted);
    let locale = chrome::shell(app, request, caller).locale;
    app.context.control.read(|state| table::of_entries(locale, state, &names, &wanted))
}
