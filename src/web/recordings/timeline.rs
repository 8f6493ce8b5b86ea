//! `GET /recordings` and `/recordings/{site}`: when there are images and why not, beside the day's tickets. No images:
//! those need a viewing.

use super::{archive, look, marks, site};
use crate::archive::Range;
use crate::archive::recorder::RecordingState;
use crate::domain::{CameraId, SiteId, TicketState};
use crate::web::access;
use crate::web::answer::Answer;
use crate::web::app::App;
use crate::web::auth::Caller;
use crate::web::chrome;
use crate::web::pages::Names;
use crate::web::pages::recordings::{Bar, Lane, RecordingsView, SiteLink, TimelineView, render, render_list};
use crate::web::problem::Problem;
use crate::web::request::{Form, Request};
use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Europe::Paris;
use http::StatusCode;

/// `GET /recordings`: this person's sites.
pub fn list_page(app: &App, request: &Request, caller: &Caller) -> Result<Answer, Problem> {
    let person = caller.person()?;
    let sites = app.context.control.read(|state| {
        let theirs = state.sites.values().filter(|site| person.sites.contains(&site.id));
        theirs.map(|site| SiteLink { id: site.id.clone(), name: site.name.clone() }).collect()
    });
    let shell = chrome::shell(app, request, caller);
    chrome::page(request, StatusCode::OK, render_list(&shell, &RecordingsView { sites }))
}

/// `GET /recordings/{site}?day=2026-11-25&camera=hall`: one day, in Paris, of all cameras or one.
pub async fn page(app: &App, request: &Request, caller: &Caller) -> Result<Answer, Problem> {
    let person = caller.person()?;
    let id: SiteId = request.id()?;
    let site = site(app, person, &id)?;
    let now = app.context.clock.utc();
    let today = now.with_timezone(&Paris).date_naive();
    let day = match request.query("day").filter(|text| !text.is_empty()) {
        Some(text) => text.parse().map_err(|_| bad("day", "a day, e.g. 2026-11-25"))?,
        None => today,
    };
    let (from, until) = (midnight(day)?, midnight(day.succ_opt().ok_or_else(|| bad("day", "an earlier day"))?)?);
    let alone = request.query("camera").filter(|text| !text.is_empty()).map(|text| text.parse::<CameraId>());
    let alone = alone.transpose()?;
    let cameras: Vec<_> =
        site.cameras.iter().filter(|known| alone.as_ref().is_none_or(|wanted| *wanted == known.id)).collect();
    if cameras.is_empty() && alone.is_some() {
        return Err(Problem::not_found());
    }
    let wanted: Vec<CameraId> = cameras.iter().map(|camera| camera.id.clone()).collect();
    let found = look(archive(app)?, move |archive| {
        wanted.iter().map(|camera| archive.ranges(camera, from, until)).collect::<Result<Vec<_>, _>>()
    });
    let lanes = cameras.iter().zip(found.await?).map(|(camera, ranges)| Lane {
        id: camera.id.clone(),
        name: camera.name.clone(),
        bars: {
            let now = is_recorded(app, &camera.id).then_some(now);
            ranges.iter().map(|range| bar(range, from, until, now)).collect()
        },
        alone: alone.is_some(),
    });
    let tickets = app.context.control.read(|state| {
        let open = |ticket: &crate::domain::Ticket| match &ticket.state {
            TicketState::Open { opened_at_utc, .. } => Some((*opened_at_utc, now)),
            TicketState::Closed { opened_at_utc, closed_at_utc, .. } => Some((*opened_at_utc, *closed_at_utc)),
            _ => None,
        };
        let of_site = state.tickets.values().filter(|ticket| ticket.site == id);
        of_site
            .filter_map(|ticket| open(ticket).map(|(since, end)| (ticket.id, since, end)))
            .filter(|(_, since, end)| *since < until && *end > from)
            .collect()
    });
    let marks = app.context.control.read(|state| marks::of(state, &id, alone.as_ref(), from, until));
    let names = Names {
        people: access::names(app).await?,
        cameras: site.cameras.iter().map(|camera| (camera.id.clone(), camera.name.clone())).collect(),
        ..Names::default()
    };
    let view = TimelineView {
        lanes: lanes.collect(),
        site: id,
        site_name: site.name,
        day,
        before: day.pred_opt(),
        after: day.succ_opt().filter(|after| *after <= today),
        from_utc: from,
        until_utc: until,
        tickets,
        marks,
        names,
        now,
    };
    chrome::page(request, StatusCode::OK, render(&chrome::shell(app, request, caller), &view))
}

/// Whether a camera is being recorded now.
fn is_recorded(app: &App, camera: &CameraId) -> bool {
    let recording = app.context.recorder.as_ref().and_then(|recorder| recorder.camera(camera));
    recording.is_some_and(|recording| recording.state == RecordingState::Recording)
}

/// `now` where the camera is being recorded.
fn bar(range: &Range, from: DateTime<Utc>, until: DateTime<Utc>, now: Option<DateTime<Utc>>) -> Bar {
    // A run that is being recorded goes on to this very moment; one that a failed write left open does not.
    let end = match now {
        Some(now) if range.ended.is_none() => now.max(range.until_utc),
        _ => range.until_utc,
    };
    Bar {
        from_utc: range.from_utc.max(from),
        until_utc: end.min(until),
        began: (range.from_utc >= from).then_some(range.began).filter(|why| why.is_gap()),
        ended: range.ended.filter(|why| why.is_gap() && end <= until),
        missed_frames: range.missed_frames,
    }
}

fn midnight(day: NaiveDate) -> Result<DateTime<Utc>, Problem> {
    at(day.and_time(NaiveTime::MIN)).ok_or_else(|| bad("day", "a day of the calendar"))
}

/// A moment in Paris; of an hour that comes twice the first.
fn at(local: NaiveDateTime) -> Option<DateTime<Utc>> {
    let found = Paris.from_local_datetime(&local).earliest();
    // An hour that was left out begins where it ends.
    let found = found.or_else(|| Paris.from_local_datetime(&(local + TimeDelta::hours(1))).earliest());
    found.map(|at| at.to_utc())
}

/// An instant from a form: with its zone (RFC 3339), or as `datetime-local` gives it, in Paris.
///
/// # Errors
/// 400 names the field.
pub fn instant(form: &Form, name: &'static str) -> Result<DateTime<Utc>, Problem> {
    let text = form.value(name).trim();
    let local = || {
        ["%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M"].iter().find_map(|form| NaiveDateTime::parse_from_str(text, form).ok())
    };
    let found = DateTime::parse_from_rfc3339(text).ok().map(|at| at.to_utc()).or_else(|| local().and_then(at));
    found.ok_or_else(|| bad(name, "an instant, e.g. 2026-11-25T20:00:00"))
}

fn bad(field: &str, expected: &str) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "query-invalid", format!("{field}: expected {expected}"))
}
