//! Viewings that are open: whose, of what, since when. In memory; a restart ends them, and the next is a new entry.

use super::{archive, site};
use crate::domain::{Action, Actor, CameraId, Command, Event, Excerpt, PersonId, SiteId, ViewingId};
use crate::web::answer::{self, Answer};
use crate::web::app::App;
use crate::web::auth::{Caller, Person};
use crate::web::problem::Problem;
use crate::web::request::Request;
use chrono::{DateTime, TimeDelta, Utc};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// A viewing is over after so long.
const LIFETIME: TimeDelta = TimeDelta::hours(12);
/// The most that are kept; the oldest goes.
const MOST: usize = 256;

#[derive(Debug, Clone)]
struct Viewing {
    person: PersonId,
    footage: Excerpt,
    opened_at_utc: DateTime<Utc>,
}

/// Every open viewing.
#[derive(Debug, Default)]
pub struct Viewings(Mutex<BTreeMap<ViewingId, Viewing>>);

impl Viewings {
    fn insert(&self, id: ViewingId, viewing: Viewing) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = viewing.opened_at_utc;
        all.retain(|_, other| now - other.opened_at_utc < LIFETIME);
        // Their numbers sort by time.
        while all.len() >= MOST {
            all.pop_first();
        }
        all.insert(id, viewing);
    }

    /// What this person may see under this viewing now.
    ///
    /// # Errors
    /// 404 when it is not theirs, over, or the site is theirs no longer.
    pub fn footage(&self, id: ViewingId, person: &Person, now: DateTime<Utc>) -> Result<Excerpt, Problem> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(&id)
            .filter(|viewing| viewing.person == person.id && person.sites.contains(&viewing.footage.site))
            .filter(|viewing| now - viewing.opened_at_utc < LIFETIME)
            .map(|viewing| viewing.footage.clone())
            .ok_or_else(Problem::not_found)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wish {
    cameras: Vec<CameraId>,
    from_utc: DateTime<Utc>,
    until_utc: DateTime<Utc>,
}

#[derive(Serialize)]
struct Opened {
    viewing: ViewingId,
    cameras: Vec<Playable>,
}

#[derive(Serialize)]
struct Playable {
    camera: CameraId,
    name: String,
    playlist: String,
}

/// `POST /api/v1/recordings/{site}/viewings`: records that this person looks at these images, then opens them.
pub async fn open(app: &App, request: &Request, caller: &Caller) -> Result<Answer, Problem> {
    let person = caller.person()?;
    let id: SiteId = request.id()?;
    let site = site(app, person, &id)?;
    let Wish { cameras, from_utc, until_utc } = request.json()?;
    archive(app)?;
    let (viewing, footage) = (ViewingId::generate(), Excerpt { site: id, cameras, from_utc, until_utc });
    let action = Action::ViewFootage { viewing, footage };
    let receipt = app.context.control.execute(Command { actor: Actor::Person(person.id.clone()), action }).await?;
    let recorded = receipt.entries.into_iter().find_map(|entry| match &entry.event {
        Event::FootageViewed { footage, .. } => Some(footage.clone()),
        _ => None,
    });
    // No trace, no playback.
    let footage = recorded.ok_or_else(|| Problem::internal("a viewing", &"it left no entry in the register"))?;
    let cameras = footage
        .cameras
        .iter()
        .map(|camera| Playable {
            playlist: format!("/api/v1/viewings/{viewing}/{camera}/index.m3u8"),
            name: site.camera(camera).map_or_else(|| camera.to_string(), |known| known.name.clone()),
            camera: camera.clone(),
        })
        .collect();
    let opened_at_utc = app.context.clock.utc();
    app.viewings.insert(viewing, Viewing { person: person.id.clone(), footage, opened_at_utc });
    answer::json(StatusCode::CREATED, &Opened { viewing, cameras })
}
