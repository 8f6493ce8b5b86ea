//! Lock-outs, for the administrator: shown with the people, lifted by hand (fault 25).

use crate::domain::PersonId;
use crate::web::answer::{self, Answer};
use crate::web::app::App;
use crate::web::auth::Caller;
use crate::web::chrome;
use crate::web::connections::{Connection, Kind};
use crate::web::pages::Notice;
use crate::web::problem::Problem;
use crate::web::request::Request;
use http::StatusCode;
use serde::Serialize;

#[derive(Serialize)]
struct Unlocked {
    /// Whether a lock-out ended with it.
    unlocked: bool,
}

async fn unlock(app: &App, request: &Request, caller: &Caller) -> Result<bool, Problem> {
    let (whose, now): (PersonId, _) = (request.id()?, app.context.clock.utc());
    if !app.context.control.read(|state| state.people.contains_key(&whose)) {
        return Err(Problem::not_found());
    }
    let of = whose.clone();
    let held = app.in_store(move |store| store.lockouts().clear(&of, now)).await?;
    let entry = Connection::new(Kind::Unlocked, Some(request.peer.address), format!("the account of {whose}"));
    app.context.connections.note(entry.by(caller.id()));
    Ok(held)
}

/// `POST /admin/people/{person}/unlock`.
pub async fn unlock_form(app: &App, request: &Request, caller: &Caller) -> Result<Answer, Problem> {
    unlock(app, request, caller).await?;
    chrome::see_other_with("/admin/people", &Notice::AccountUnlocked)
}

/// `POST /api/v1/people/{person}/unlock`.
pub async fn unlock_api(app: &App, request: &Request, caller: &Caller) -> Result<Answer, Problem> {
    answer::json(StatusCode::OK, &Unlocked { unlocked: unlock(app, request, caller).await? })
}
