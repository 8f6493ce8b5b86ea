//! One entry with the proof that it stands in the register: the line, its path to the root, and the signed checkpoint of
//! that root (RFC 6962, C2SP `tlog-checkpoint`). Whoever has the public key needs nothing else from this server.

use super::{page_names, shows};
use crate::domain::Entry;
use crate::register::LeafHash;
use crate::register::tree::TreeHash;
use crate::web::access;
use crate::web::answer::{self, Answer};
use crate::web::app::App;
use crate::web::auth::Caller;
use crate::web::chrome;
use crate::web::models::EntryProof;
use crate::web::pages::entry::{EntryView, render};
use crate::web::problem::Problem;
use crate::web::request::Request;
use http::StatusCode;

/// `GET /api/v1/register/{seq}/proof`.
pub async fn api(app: &App, request: &Request, caller: &Caller) -> Result<Answer, Problem> {
    let (_, proof) = proven(app, request, caller).await?;
    let proof = proof.ok_or_else(|| {
        let detail = "the register is damaged: nothing is signed until it is restored; see /readyz";
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "register-unavailable", detail)
    })?;
    answer::json(StatusCode::OK, &proof)
}

/// `GET /register/{seq}`.
pub async fn page(app: &App, request: &Request, caller: &Caller) -> Result<Answer, Problem> {
    let (entry, proof) = proven(app, request, caller).await?;
    let names =
        page_names(&app.context.control, caller.person()?, access::names(app).await?, std::slice::from_ref(&entry));
    let view = EntryView { entry, names, proof };
    chrome::page(request, StatusCode::OK, render(&chrome::shell(app, request, caller), &view))
}

/// The entry, if this person may read it, and its proof; no proof while the register is damaged.
async fn proven(app: &App, request: &Request, caller: &Caller) -> Result<(Entry, Option<EntryProof>), Problem> {
    let person = caller.person()?;
    let seq: u64 = request.values.first().and_then(|seq| seq.parse().ok()).ok_or_else(Problem::not_found)?;
    let (reader, checkpointer) = (app.context.control.reader(), app.context.checkpointer.clone());
    let looked_up = tokio::task::spawn_blocking(move || {
        let line = reader.lines(seq, 1)?.pop();
        let entry = reader.read(seq, 1)?.pop();
        let signed = checkpointer.map(|checkpointer| checkpointer.sign().map(|made| (checkpointer, made))).transpose();
        let Some((line, entry)) = line.zip(entry) else { return Ok(None) };
        let proof = signed.map_err(std::io::Error::other)?.and_then(|(checkpointer, (checkpoint, note))| {
            let path = reader.tree(|tree| tree.inclusion(seq, checkpoint.size))?;
            Some(EntryProof {
                seq,
                size: checkpoint.size,
                leaf: TreeHash::from(LeafHash::of(&line)).base64(),
                path: path.iter().map(TreeHash::base64).collect(),
                root: checkpoint.root.base64(),
                line: String::from_utf8_lossy(&line).into_owned(),
                checkpoint: note,
                key: checkpointer.key().to_string(),
            })
        });
        Ok(Some((entry, proof)))
    });
    let found = looked_up.await?.map_err(|error: std::io::Error| Problem::internal("the register", &error))?;
    let (entry, proof) = found.ok_or_else(Problem::not_found)?;
    if app.context.control.read(|state| shows(state, person, &entry)) {
        Ok((entry, proof))
    } else {
        Err(Problem::not_found())
    }
}
