//! The annex of a site: imported from a CSV file, looked at, then signed off as a whole (A3-3). What was looked at is what
//! is signed: the file travels with the form and its digest stands in the register.

use super::annex_file::{self, AnnexLine, LineFault};
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
use crate::domain::dossier::{Annex, AnnexPerson, Record};
use crate::domain::{Action, Actor, Command, PersonId, Role, SiteId, day};
use crate::store::{Identity, Store, StoreError, password, same_email};
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
    let lines = match annex_file::read(&file) {
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
    let lines = match annex_file::read(&file) {
        Ok(lines) => lines,
        Err(faults) => {
            let drawn = Drawn { file, faults, ..Drawn::default() };
            return draw(app, request, caller, StatusCode::UNPROCESSABLE_ENTITY, &site, drawn);
        }
    };
    let digest: String = openssl::sha::sha256(file.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
    let to_name = lines.clone();
    let (people, new) = app.in_store(move |store| accounts(store, &to_name)).await?;
    let annex = Annex {
        version: form.value("version").trim().parse().unwrap_or(0),
        dated: form.value("dated").trim().parse().unwrap_or(NaiveDate::MAX),
        sha256: digest,
        people: people.into_iter().zip(&lines).map(|(person, line)| AnnexPerson { person, role: line.role }).collect(),
    };
    let action = Action::File { site: site.clone(), record: Record::Annex(annex) };
    let command = Command { actor: Actor::Person(person.id.clone()), action };
    match app.context.control.execute(command).await.map_err(Problem::from) {
        Ok(_) => {
            people::invite::invite_new(app, person, &new).await;
            chrome::see_other_with(&format!("/sites/{site}"), &Notice::Saved)
        }
        Err(problem) => {
            // Accounts without a place could log in nowhere, but they would hold their addresses.
            app.in_store(move |store| new.iter().try_for_each(|person| store.people().remove(person).map(drop)))
                .await?;
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

/// The pseudonyms of these people, in their order, and which of them were made just now. A new account has a password
/// nobody knows: its owner sets one when invited.
fn accounts(store: &Store, lines: &[AnnexLine]) -> Result<(Vec<PersonId>, Vec<PersonId>), StoreError> {
    let (mut people, mut new) = (Vec::new(), Vec::new());
    for line in lines {
        if let Some(known) = store.people().by_email(&line.email)? {
            people.push(known.person);
            continue;
        }
        let person = pseudonym()?;
        store.people().put(&Identity {
            person: person.clone(),
            email: line.email.clone(),
            name: line.name.clone(),
            language: "fr".to_owned(),
            password_hash: password::nobodys()?,
        })?;
        people.push(person.clone());
        new.push(person);
    }
    Ok((people, new))
}

fn random() -> Result<String, StoreError> {
    let mut bytes = [0_u8; 32];
    openssl::rand::rand_bytes(&mut bytes).map_err(|why| StoreError::Randomness { why: why.to_string() })?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// A pseudonym that tells nothing.
pub fn pseudonym() -> Result<PersonId, StoreError> {
    let text = random()?;
    let refused = |_| StoreError::Randomness { why: "a pseudonym could not be drawn".to_owned() };
    format!("p-{}", &text[..12]).parse().map_err(refused)
}
