//! The register, readable (A4-5): newest first, names from the erasable table, a decider's own sites alone (A4-1).

pub mod export;
mod filter;
pub mod proof;

use super::access::{self, Names as People};
use super::answer::{self, Answer};
use super::app::App;
use super::auth::{Caller, Person};
use super::chrome;
use super::models::{RegisterLine, RegisterPage};
use super::pages::Names;
use super::pages::register::{FilterView, RegisterView, render};
use super::problem::Problem;
use super::request::Request;
use crate::control::Control;
use crate::domain::{Actor, Entry, Event, Role, State, Subject, TicketId};
use http::StatusCode;
use std::collections::BTreeMap;

const PER_PAGE: usize = 50;
/// How many entries are read from disk at once.
const CHUNK: u64 = 500;
/// How far back the history of a ticket is looked for.
const HISTORY_REACH: u64 = 5_000;

/// Whether this person is shown this entry: a decider what concerns their sites, those who supervise everything.
fn shows(state: &State, person: &Person, entry: &Entry) -> bool {
    if person.role != Role::Decider || entry.actor == Actor::Person(person.id.clone()) {
        return true;
    }
    match &entry.event {
        Event::Designated { designation } => designation.sites.iter().any(|site| person.sites.contains(site)),
        Event::ServerStarted { .. }
        | Event::ServerStopping
        | Event::RegisterRepaired { .. }
        | Event::RegisterPurged { .. }
        | Event::ClockStepped { .. } => true,
        event => state.subject(event).site.is_some_and(|site| person.sites.contains(&site)),
    }
}

/// Up to `limit` entries before position `before`, newest first, as far as `wanted` wants them, looking at no more than
/// `reach` of them; with the position to go on from when there may be more.
async fn newest(
    app: &App,
    before: u64,
    limit: usize,
    reach: u64,
    wanted: impl Fn(&State, &Entry) -> bool,
) -> Result<(Vec<Entry>, Option<u64>), Problem> {
    let floor = before.saturating_sub(reach);
    let (mut found, mut end) = (Vec::new(), before);
    while end > floor {
        let start = end.saturating_sub(CHUNK).max(floor);
        let control = app.context.control.clone();
        let chunk = tokio::task::spawn_blocking(move || {
            control.entries(start.checked_sub(1), usize::try_from(end - start).unwrap_or(usize::MAX))
        })
        .await??;
        let kept: Vec<Entry> = app
            .context
            .control
            .read(|state| chunk.into_iter().filter(|entry| entry.seq < end && wanted(state, entry)).collect());
        for entry in kept.into_iter().rev() {
            let seq = entry.seq;
            found.push(entry);
            if found.len() == limit {
                return Ok((found, (seq > 0).then_some(seq)));
            }
        }
        end = start;
    }
    Ok((found, (end > 0 && reach != u64::MAX).then_some(end)))
}

async fn page_of(app: &App, person: &Person, request: &Request) -> Result<(Vec<Entry>, Option<u64>, u64), Problem> {
    let wanted = filter::read(request)?;
    let total = app.context.control.read(|state| state.next_seq);
    let before = request.query_number("before", 0..=u64::MAX)?.unwrap_or(u64::MAX).min(total);
    let limit = request.query_number("limit", 1..=500)?.map_or(PER_PAGE, |limit| limit as usize);
    let (entries, older) =
        newest(app, before, limit, u64::MAX, |state, entry| wanted.wants(state, entry) && shows(state, person, entry))
            .await?;
    Ok((entries, older, total))
}

/// Names for sentences about these entries: all people, and what this person's sites hold.
fn page_names(control: &Control, person: &Person, people: People, entries: &[Entry]) -> Names {
    let mut names = Names { people, ..Names::default() };
    control.read(|state| {
        for site in state.sites.values().filter(|site| access::sees_site(person, &site.id)) {
            names.sites.insert(site.id.clone(), site.name.clone());
            names.services.insert(site.service.id.clone(), site.service.name.clone());
            names.cameras.extend(site.cameras.iter().map(|camera| (camera.id.clone(), camera.name.clone())));
        }
        for entry in entries {
            if let Event::SessionConnected { session, .. } | Event::SessionEnded { session, .. } = &entry.event
                && let Some(known) = state.sessions.get(session)
            {
                names.sessions.insert(*session, (known.person.clone(), known.purpose.ticket()));
            }
        }
    });
    names
}

/// `GET /register?since=&until=&site=&ticket=&kind=&before=SEQ`.
pub async fn page(app: &App, request: &Request, caller: &Caller) -> Result<Answer, Problem> {
    let person = caller.person()?;
    let (entries, older, total) = page_of(app, person, request).await?;
    let query = filter::query(request);
    let newer = request.query("before").map(|_| filter::link("/register", &query, None));
    let value = |name: &str| request.query(name).unwrap_or_default();
    let view = RegisterView {
        names: page_names(&app.context.control, person, access::names(app).await?, &entries),
        entries,
        total,
        newer,
        older: older.map(|before| filter::link("/register", &query, Some(before))),
        filter: FilterView {
            since: value("since"),
            until: value("until"),
            site: value("site"),
            ticket: value("ticket"),
            kind: value("kind"),
        },
        query,
    };
    chrome::page(request, StatusCode::OK, render(&chrome::shell(app, request, caller), &view))
}

/// `GET /api/v1/register?since=&until=&site=&ticket=&kind=&before=SEQ&limit=N`.
pub async fn api(app: &App, request: &Request, caller: &Caller) -> Result<Answer, Problem> {
    let person = caller.person()?;
    let (entries, older_before, _) = page_of(app, person, request).await?;
    let people = access::names(app).await?;
    let (lines, site_names) = app.context.control.read(|state| {
        let mut site_names = BTreeMap::new();
        let lines = entries
            .into_iter()
            .map(|entry| {
                let Subject { site, ticket } = state.subject(&entry.event);
                if let Some(known) = site.as_ref().and_then(|site| state.sites.get(site)) {
                    site_names.insert(known.id.clone(), known.name.clone());
                }
                RegisterLine {
                    seq: entry.seq,
                    at_utc: entry.at_utc,
                    actor: match &entry.actor {
                        Actor::Person(person) => Some(access::person_ref(&people, person)),
                        Actor::System => None,
                    },
                    event: entry.event,
                    site,
                    ticket,
                }
            })
            .collect::<Vec<_>>();
        (lines, site_names)
    });
    let writable = app.context.control.health().is_writable();
    answer::json(StatusCode::OK, &RegisterPage { lines, older_before, site_names, writable })
}

/// The entries about one ticket, oldest first, for those who may read the register; with the names in them.
///
/// # Errors
/// When the register cannot be read.
pub async fn history(
    app: &App,
    person: &Person,
    ticket: TicketId,
    people: People,
) -> Result<(Vec<Entry>, Names), Problem> {
    if person.role != Role::Decider {
        return Ok((Vec::new(), page_names(&app.context.control, person, people, &[])));
    }
    let total = app.context.control.read(|state| state.next_seq);
    let about = |state: &State, entry: &Entry| state.subject(&entry.event).ticket == Some(ticket);
    let (mut entries, _) = newest(app, total, 200, HISTORY_REACH, about).await?;
    entries.reverse();
    let names = page_names(&app.context.control, person, people, &entries);
    Ok((entries, names))
}
