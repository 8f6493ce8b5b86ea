//! The annex of a site: imported from a CSV file, looked at, then signed off as a whole (A3-3). What was looked at is what
//! is signed: the file travels with the form and its digest stands in the register.

use super::answer::Answer;
use super::app::App;
use super::auth::Caller;
use super::chrome;
use super::pages::Notice;
use super::pages::annex::{AnnexRow, AnnexView, Fate, Preview, render};
use super::people;
use super::problem::Problem;
use super::request::Request;
use super::site::seen;
use crate::domain::dossier::Record;
use crate::domain::{Action, Actor, Command, PersonId, Role, SiteId, day};
use crate::store::annex::{self, AnnexLine, LineFault};
use crate::store::same_email;
use chrono::NaiveDate;
use http::StatusCode;

/// `GET /sites/{site}/annex`.
pub fn page(app: &App, request: &Request, caller: &Caller) -> Result<Answer, Problem> {
    let site = seen(app, caller.person()?, request)?;
    draw(app, request, caller, StatusCode::OK, &site, Drawn::default())
}

#[derive(Default)]
struct Drawn {
    file: String,
    faults: Vec<LineFault>,
    preview: Option<Preview>,
    problem: Option<Problem>,
}

fn draw(
    app: &App,
    request: &Request,
    caller: &Caller,
    status: StatusCode,
    site: &SiteId,
    drawn: Drawn,
) -> Result<Answer, Problem> {
    let today = day::day_of(app.context.clock.utc());
    let view = app
        .context
        .control
        .read(|state| {
            Some(AnnexView {
                site: state.sites.get(site)?.clone(),
                annex: state.dossier(site).annex.clone(),
                today,
                file: drawn.file,
                faults: drawn.faults,
                preview: drawn.preview,
                trouble: drawn.problem.as_ref().map(chrome::trouble),
            })
        })
        .ok_or_else(Problem::not_found)?;
    chrome::page(request, status, render(&chrome::shell(app, request, caller), &view))
}

/// `POST /sites/{site}/annex`: reads the file and shows what it would change. Changes nothing.
pub async fn preview(app: &App, request: &Request, caller: &Caller) -> Result<Answer, Problem> {
    let site = seen(app, caller.person()?, request)?;
    let file = request.form().value("file").to_owned();
    let lines = match annex::read(&file) {
        Ok(lines) => lines,
        Err(faults) => {
            let drawn = Drawn { file, faults, ..Drawn::default() };
            return draw(app, request, caller, StatusCode::UNPROCESSABLE_ENTITY, &site, drawn);
        }
    };
    let preview = look(app, &site, &lines).await?;
    draw(app, request, caller, StatusCode::OK, &site, Drawn { file, preview: Some(preview), ..Drawn::default() })
}

async fn look(app: &App, site: &SiteId, lines: &[AnnexLine]) -> Result<Preview, Problem> {
    let identities = app.in_store(|store| store.people().list()).await?;
    let named = |line: &AnnexLine| identities.iter().find(|identity| same_email(&identity.email, &line.email));
    Ok(app.context.control.read(|state| {
        let before = state.dossier(site).annex.as_ref();
        let stands = |person: &PersonId, role: Role| {
            before.is_some_and(|annex| annex.people.iter().any(|n| n.person == *person && n.role == role))
        };
        let mut rows: Vec<AnnexRow> = lines
            .iter()
            .map(|line| AnnexRow {
                name: line.name.clone(),
                email: line.email.clone(),
                role: line.role,
                fate: match named(line) {
                    Some(identity) if stands(&identity.person, line.role) => Fate::Stays,
                    Some(_) => Fate::Comes,
                    None => Fate::New,
                },
            })
            .collect();
        let gone = before.into_iter().flat_map(|annex| &annex.people).filter_map(|known| {
            let identity = identities.iter().find(|identity| identity.person == known.person);
            let stays = identity.is_some_and(|i| lines.iter().any(|line| same_email(&line.email, &i.email)));
            (!stays).then(|| AnnexRow {
                name: identity.map_or_else(|| known.person.to_string(), |identity| identity.name.clone()),
                email: identity.map(|identity| identity.email.clone()).unwrap_or_default(),
                role: known.role,
                fate: Fate::Goes,
            })
        });
        rows.extend(gone);
        Preview { version: before.map_or(0, |annex| annex.version) + 1, rows }
    }))
}

/// `POST /sites/{site}/annex/sign`: the annex comes into force. `version` is the one that was looked at.
pub async fn sign(app: &App, request: &Request, caller: &Caller) -> Result<Answer, Problem> {
    let person = caller.person()?;
    let site = seen(app, person, request)?;
    let form = request.form();
    let file = form.value("file").to_owned();
    let lines = match annex::read(&file) {
        Ok(lines) => lines,
        Err(faults) => {
            let drawn = Drawn { file, faults, ..Drawn::default() };
            return draw(app, request, caller, StatusCode::UNPROCESSABLE_ENTITY, &site, drawn);
        }
    };
    let version = form.value("version").trim().parse().unwrap_or(0);
    let dated = form.value("dated").trim().parse().unwrap_or(NaiveDate::MAX);
    let (text, to_name) = (file.clone(), lines.clone());
    let named = app.in_store(move |store| annex::name(store, &text, &to_name, version, dated)).await?;
    let (annex, new) = (named.annex, named.new);
    let action = Action::File { site: site.clone(), record: Record::Annex(annex) };
    let command = Command { actor: Actor::Person(person.id.clone()), action };
    match app.context.control.execute(command).await.map_err(Problem::from) {
        Ok(_) => {
            people::invite::invite_new(app, person, &new).await;
            chrome::see_other_with(&format!("/sites/{site}"), &Notice::Saved)
        }
        Err(problem) => {
            app.in_store(move |store| annex::forget(store, &new)).await?;
            if problem.status.is_server_error() {
                return Err(problem);
            }
            let preview = Some(look(app, &site, &lines).await?);
            let status = problem.status;
            let drawn = Drawn { file, preview, problem: Some(problem), ..Drawn::default() };
            draw(app, request, caller, status, &site, drawn)
        }
    }
}
