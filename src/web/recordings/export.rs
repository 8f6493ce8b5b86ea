//! `POST /recordings/{site}/export`: footage as a ZIP, recorded before its first byte, streamed as it is decrypted. Its
//! progress is told under the number the form names as `progress`, if it names one.

use super::outlet::{Outlet, outlet};
use super::progress::Stage;
use super::{archive, look, site};
use crate::domain::{Action, Actor, Command, Event, Excerpt, ExportId, SiteId};
use crate::evidence::{Export, RegisterProof, Stamping, plan};
use crate::web::answer::Answer;
use crate::web::app::App;
use crate::web::auth::Caller;
use crate::web::problem::Problem;
use crate::web::request::Request;
use bytes::Bytes;
use http::StatusCode;
use http::header::{self, HeaderValue};
use std::io::{self, Write};
use tokio::runtime::Handle;
use warp::Reply;

/// Pieces that may wait for a slow reader, and how long each is.
const QUEUE: usize = 4;
const PIECE_BYTES: usize = 256 << 10;

/// Makes the export.
pub async fn export(app: &App, request: &Request, caller: &Caller) -> Result<Answer, Problem> {
    let person = caller.person()?;
    let id: SiteId = request.id()?;
    let site = site(app, person, &id)?;
    let form = request.form();
    let cameras = form.values("cameras").iter().map(|camera| camera.parse()).collect::<Result<Vec<_>, _>>()?;
    let (from_utc, until_utc) = (super::timeline::instant(&form, "from")?, super::timeline::instant(&form, "until")?);
    let number = Some(form.value("progress")).filter(|text| !text.is_empty());
    let number = number.map_or_else(|| Ok(ExportId::generate()), str::parse)?;
    let archive = archive(app)?;
    let checkpointer = app.context.checkpointer.clone().ok_or_else(|| {
        let detail = "the register is damaged: nothing is signed until it is restored; see /readyz";
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "register-unavailable", detail)
    })?;
    // Before the entry: what cannot be exported now leaves none.
    let place = app.exporters.clone().try_acquire_owned().map_err(|_| {
        let detail = "too many exports at once: try again in a minute";
        let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, "busy", detail);
        problem.with(header::RETRY_AFTER, HeaderValue::from_static("60"))
    })?;
    let footage = Excerpt { site: id.clone(), cameras, from_utc, until_utc };
    let reference = form.value("reference").to_owned();
    let action = Action::ExportFootage { export: ExportId::generate(), footage, reference };
    let receipt = app.context.control.execute(Command { actor: Actor::Person(person.id.clone()), action }).await?;
    let recorded = receipt.entries.into_iter().find_map(|entry| match &entry.event {
        Event::FootageExported { export, footage, reference } => {
            Some((entry.seq, entry.at_utc, *export, footage.clone(), reference.clone()))
        }
        _ => None,
    });
    // No trace, no export.
    let (seq, exported_at_utc, export, footage, reference) =
        recorded.ok_or_else(|| Problem::internal("an export", &"it left no entry in the register"))?;
    let reader = app.context.control.reader();
    let signer = checkpointer.clone();
    let proof = tokio::task::spawn_blocking(move || RegisterProof::of(&reader, &signer, seq)).await?;
    let proof = proof.map_err(|error| Problem::internal("the register", &error))?;
    let named =
        footage.cameras.iter().filter_map(|id| site.camera(id)).map(|known| (known.id.clone(), known.name.clone()));
    let (named, wanted) = (named.collect::<Vec<_>>(), footage.clone());
    let planned = look(archive.clone(), move |archive| plan(archive, named, &wanted)).await?;
    let (total, exported_by, site_name) = (planned.bytes(), person.id.clone(), site.name);
    let stamp = footage.from_utc.format("%Y%m%dT%H%M%SZ");
    let name = format!("attachment; filename=\"ecluse-{id}-{stamp}.zip\"");
    let export = Export { export, footage, site_name, reference, exported_at_utc, exported_by, proof };
    let progress = app.exports.begin(&person.id, number, total);
    let (outlet, bytes) = outlet(QUEUE);
    let (service, runtime) = (app.settings.timestamps.clone(), Handle::current());
    tokio::task::spawn_blocking(move || {
        let _place = place;
        let mut out = Pieces { outlet: &outlet, runtime: &runtime, piece: Vec::with_capacity(PIECE_BYTES) };
        let service = service.as_deref();
        let ask = |bytes: &[u8]| match service {
            Some(service) => runtime.block_on(service.stamp(bytes)),
            None => Ok(Vec::new()),
        };
        let stamping = service.map(|service| Stamping { service: service.url().to_owned(), ask: &ask });
        match export.write(&archive, planned, &checkpointer, stamping, &mut out, |bytes| progress.add(bytes)) {
            Ok(None) => progress.end(Stage::Finished),
            Ok(Some(error)) => {
                tracing::warn!(%error, "an export has no time stamp");
                progress.end(Stage::FinishedUnstamped);
            }
            Err(error) => {
                tracing::error!(%error, "an export was not finished");
                progress.end(Stage::Failed);
                // The reader must not take what has come for the whole.
                outlet.fail("the export was not finished");
            }
        }
    });
    let mut answer = warp::reply::stream(bytes).into_response();
    let text = |value: String| HeaderValue::from_str(&value).map_err(|error| Problem::internal("a header", &error));
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/zip"));
    headers.insert(header::CONTENT_DISPOSITION, text(name)?);
    Ok(answer)
}

/// Hands on what is written, in pieces; waits where the reader is slower.
struct Pieces<'a> {
    outlet: &'a Outlet,
    runtime: &'a Handle,
    piece: Vec<u8>,
}

impl Write for Pieces<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.piece.extend_from_slice(bytes);
        if self.piece.len() >= PIECE_BYTES {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let piece = std::mem::replace(&mut self.piece, Vec::with_capacity(PIECE_BYTES));
        if piece.is_empty() {
            return Ok(());
        }
        self.runtime.block_on(self.outlet.send(Bytes::from(piece)))
    }
}
