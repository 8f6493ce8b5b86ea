//! What may become of footage: retention, holds, access requests, and the sweep's questions (A5-2 to A5-5).

use super::{designated, fault, faulty, given_reason, system_only};
use crate::domain::command::{Actor, FootageCommand, ScopeForm};
use crate::domain::day;
use crate::domain::event::Event;
use crate::domain::footage::{
    ACCESS_FREEZE, AccessRefusal, Footage, FootageAct, MAX_RETENTION_DAYS, MAX_SCOPE_DAYS, Requisition, Scope, Verdict,
    answer_by,
};
use crate::domain::ids::{CameraId, SiteId};
use crate::domain::person::{Designation, Role};
use crate::domain::refusal::{Fault, Refusal, RefusalKind};
use crate::domain::state::State;
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use std::collections::BTreeSet;

/// Longest authority or reference, characters.
const MAX_NAME_CHARS: usize = 200;

pub(super) fn command(
    state: &State,
    actor: &Actor,
    command: &FootageCommand,
    now: DateTime<Utc>,
) -> Result<Vec<Event>, Refusal> {
    match command {
        FootageCommand::SetRetention { site, days } => set_retention(state, actor, site, *days),
        FootageCommand::Hold { hold, form, authority, reference, date, document_sha256 } => {
            if state.custody.holds.contains_key(hold) {
                return Err(Refusal::new(RefusalKind::Conflict, "hold-exists", "this hold has been placed already"));
            }
            let place = landlord(state, actor, false)?;
            let mut faults = Vec::new();
            let scope = control_scope(state, place, form, now, &mut faults);
            let authority = control_name("authority", authority, &mut faults);
            let reference = control_name("reference", reference, &mut faults);
            let date = control_day("date", date, now, &mut faults);
            let sha256 = control_sha256(document_sha256, &mut faults);
            let (Some((site, scope)), Some(authority), Some(reference), Some(date), Some(document_sha256)) =
                (scope, authority, reference, date, sha256)
            else {
                return Err(faulty("hold-faulty", "the hold has faults; each is named", faults));
            };
            let requisition = Requisition { authority, reference, date, document_sha256 };
            Ok(vec![Event::Footage { site, act: FootageAct::Held { hold: *hold, scope, requisition } }])
        }
        FootageCommand::Release { hold, why } => {
            let place = landlord(state, actor, false)?;
            let known = state.custody.holds.get(hold).filter(|hold| place.sites.contains(&hold.site));
            let Some(known) = known else {
                let message = "no such hold, or not one of your sites'";
                return Err(Refusal::new(RefusalKind::NotFound, "unknown-hold", message));
            };
            let why = given_reason(why)?;
            if known.released.is_some() {
                return Err(Refusal::new(RefusalKind::Conflict, "hold-released", "this hold was released already"));
            }
            Ok(vec![Event::Footage { site: known.site.clone(), act: FootageAct::Released { hold: *hold, why } }])
        }
        FootageCommand::AskAccess { request, form, received_on } => {
            if state.custody.requests.contains_key(request) {
                let message = "this access request has been filed already";
                return Err(Refusal::new(RefusalKind::Conflict, "access-exists", message));
            }
            let place = landlord(state, actor, true)?;
            let mut faults = Vec::new();
            let scope = control_scope(state, place, form, now, &mut faults);
            let received_on = control_day("received_on", received_on, now, &mut faults);
            let answer_by_utc = received_on.and_then(answer_by);
            let (Some((site, scope)), Some(received_on), Some(answer_by_utc)) = (scope, received_on, answer_by_utc)
            else {
                return Err(faulty("access-faulty", "the access request has faults; each is named", faults));
            };
            let act = FootageAct::AccessAsked { request: *request, scope, received_on, answer_by_utc };
            Ok(vec![Event::Footage { site, act }])
        }
        FootageCommand::AnswerAccess { request, answer, reason } => {
            let place = landlord(state, actor, true)?;
            let known = state.custody.requests.get(request).filter(|known| sees(place, &known.site));
            let Some(known) = known else {
                let message = "no such access request, or not one of your sites'";
                return Err(Refusal::new(RefusalKind::NotFound, "unknown-access", message));
            };
            let act = control_answer(*request, answer, reason, now)?;
            if known.answer.is_some() {
                let message = "this access request has been answered already";
                return Err(Refusal::new(RefusalKind::Conflict, "access-answered", message));
            }
            Ok(vec![Event::Footage { site: known.site.clone(), act }])
        }
        FootageCommand::Purge { footage, trusted_utc } => may_purge(state, actor, footage, *trusted_utc),
        FootageCommand::Attest { site, day, cameras } => {
            system_only(actor)?;
            let act = FootageAct::Purged { day: *day, cameras: cameras.clone() };
            Ok(vec![Event::Footage { site: site.clone(), act }])
        }
        FootageCommand::PausePurge { trusted_utc } => {
            system_only(actor)?;
            let paused = state.custody.doubt.is_some();
            Ok(if paused { Vec::new() } else { vec![Event::PurgePaused { trusted_utc: *trusted_utc }] })
        }
        FootageCommand::ResumePurge => {
            if let Actor::Person(_) = actor {
                let (_, place) = designated(state, actor)?;
                if !matches!(place.role, Role::Administrator | Role::Decider | Role::Dpo) {
                    let message = "only decider, data protection officer or administrator vouch for the clock";
                    return Err(Refusal::new(RefusalKind::Forbidden, "not-your-clock", message));
                }
            }
            Ok(state.custody.doubt.map(|_| Event::PurgeResumed).into_iter().collect())
        }
    }
}

/// Access requests that have waited for twenty days are brought to mind, each once (A5-2).
pub(super) fn warnings(state: &State, now: DateTime<Utc>) -> impl Iterator<Item = Event> {
    let due = state.custody.waiting().filter(move |request| {
        !request.warned && request.warns_at_utc().is_some_and(|warns_at_utc| now >= warns_at_utc)
    });
    due.map(|request| Event::Footage {
        site: request.site.clone(),
        act: FootageAct::AccessWarned { request: request.id },
    })
}

/// Whether all of this may be destroyed: its time is up, and nothing holds any of it (fault 17). Recorded is what was
/// destroyed, once for each day ([`FootageCommand::Attest`]).
fn may_purge(
    state: &State,
    actor: &Actor,
    footage: &[Footage],
    trusted_utc: DateTime<Utc>,
) -> Result<Vec<Event>, Refusal> {
    system_only(actor)?;
    for piece in footage {
        // What was destroyed once and is back goes, whatever was set or held since (fault 24).
        if state.custody.is_revenant(piece) {
            continue;
        }
        let site = state.site_of_camera(&piece.camera).map(|site| &site.id);
        let (code, message) = match state.custody.verdict(site, piece, trusted_utc) {
            Verdict::Due => continue,
            Verdict::Held => ("footage-held", "a hold covers it"),
            Verdict::Young => ("footage-young", "its time is not up"),
        };
        let message = format!("footage of {} from {}: {message}", piece.camera, piece.from_utc);
        return Err(Refusal::new(RefusalKind::Conflict, code, message));
    }
    Ok(Vec::new())
}

/// The landlord's deciders, and where `dpo` says so the data protection officer.
fn landlord<'a>(state: &'a State, actor: &'a Actor, dpo: bool) -> Result<&'a Designation, Refusal> {
    let (_, place) = designated(state, actor)?;
    match place.role {
        Role::Decider => Ok(place),
        Role::Dpo if dpo => Ok(place),
        _ if dpo => {
            let message = "only the landlord's deciders and the data protection officer do this (A5-2)";
            Err(Refusal::new(RefusalKind::Forbidden, "decider-or-dpo-only", message))
        }
        _ => {
            let message = "only titulaire and suppléant of the site do this (A5-5)";
            Err(Refusal::new(RefusalKind::Forbidden, "deciders-only", message))
        }
    }
}

fn sees(place: &Designation, site: &SiteId) -> bool {
    place.role == Role::Dpo || place.sites.contains(site)
}

fn set_retention(state: &State, actor: &Actor, site: &SiteId, days: u32) -> Result<Vec<Event>, Refusal> {
    let before = state.custody.retention_days(Some(site));
    let theirs = match actor {
        // The configuration's ceiling, at a start: shorter alone.
        Actor::System if days > before => return Ok(Vec::new()),
        Actor::System => true,
        Actor::Person(_) => landlord(state, actor, false)?.sites.contains(site),
    };
    if !theirs || !state.sites.contains_key(site) {
        return Err(Refusal::new(RefusalKind::NotFound, "unknown-site", "no such site, or not one of yours"));
    }
    if !(1..=MAX_RETENTION_DAYS).contains(&days) {
        let expected = format!("1 to {MAX_RETENTION_DAYS} days (A5-4)");
        let faults = vec![fault("days", "retention-out-of-bounds", days, expected)];
        return Err(faulty("retention-faulty", "footage cannot be kept for so long", faults));
    }
    if before == days {
        return Ok(Vec::new());
    }
    Ok(vec![Event::Footage { site: site.clone(), act: FootageAct::Retention { days } }])
}

fn control_scope(
    state: &State,
    place: &Designation,
    form: &ScopeForm,
    now: DateTime<Utc>,
    faults: &mut Vec<Fault>,
) -> Option<(SiteId, Scope)> {
    let site = form.site.parse::<SiteId>().ok().filter(|id| sees(place, id));
    let Some(site) = site.and_then(|id| state.sites.get(&id)) else {
        faults.push(fault("site", "unknown-site", &form.site, "one of your sites (A1-1)"));
        return None;
    };
    let mut cameras = BTreeSet::new();
    for name in &form.cameras {
        match name.parse::<CameraId>().ok().filter(|id| site.camera(id).is_some()) {
            Some(camera) => drop(cameras.insert(camera)),
            None => faults.push(fault("cameras", "unknown-camera", name, "cameras of the site")),
        }
    }
    if form.cameras.is_empty() {
        faults.push(fault("cameras", "no-camera", "", "at least one camera"));
    }
    let (from_utc, until_utc) = (form.from_utc, form.until_utc);
    let writable = |at: Option<DateTime<Utc>>| at.filter(|at| crate::domain::instant::is_writable(*at));
    let (Some(from_utc), Some(until_utc)) = (writable(from_utc), writable(until_utc)) else {
        for (field, value) in [("from_utc", from_utc), ("until_utc", until_utc)] {
            if writable(value).is_none() {
                faults.push(fault(field, "no-instant", "", "a day and a time"));
            }
        }
        return None;
    };
    let (from_utc, until_utc) =
        (crate::domain::instant::to_micros(from_utc), crate::domain::instant::to_micros(until_utc));
    if until_utc <= from_utc {
        faults.push(fault("until_utc", "until-before-from", until_utc, "an instant after the beginning"));
    } else if until_utc - from_utc > TimeDelta::days(MAX_SCOPE_DAYS) {
        faults.push(fault("until_utc", "period-too-long", until_utc, format!("at most {MAX_SCOPE_DAYS} days")));
    }
    if until_utc > now {
        faults.push(fault("until_utc", "in-the-future", until_utc, "an instant that has passed"));
    }
    faults.is_empty().then(|| (site.id.clone(), Scope { cameras, from_utc, until_utc }))
}

fn control_name(field: &'static str, value: &str, faults: &mut Vec<Fault>) -> Option<String> {
    let value = value.trim();
    let visible = value.chars().any(|c| c.is_alphanumeric()) && !value.chars().any(char::is_control);
    if visible && value.chars().count() <= MAX_NAME_CHARS {
        return Some(value.to_owned());
    }
    let (code, expected) = ("not-a-name", format!("visible characters, at most {MAX_NAME_CHARS}"));
    faults.push(fault(field, code, value, expected));
    None
}

fn control_day(field: &'static str, value: &str, now: DateTime<Utc>, faults: &mut Vec<Fault>) -> Option<NaiveDate> {
    let today = day::day_of(now);
    // Nothing that is asked about today was written ten years ago; and the arithmetic of months stays far from its ends.
    let earliest = today.checked_sub_months(chrono::Months::new(120)).unwrap_or(NaiveDate::MIN);
    match value.trim().parse::<NaiveDate>() {
        Ok(day) if (earliest..=today).contains(&day) => Some(day),
        _ => {
            faults.push(fault(field, "not-a-past-day", value, "a day that has come, as 2026-11-25"));
            None
        }
    }
}

fn control_sha256(value: &str, faults: &mut Vec<Fault>) -> Option<String> {
    let value = value.trim().to_ascii_lowercase();
    if value.len() == 64 && value.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Some(value);
    }
    faults.push(fault("document_sha256", "not-a-sha256", value, "64 hexadecimal digits, as sha256sum prints them"));
    None
}

fn control_answer(
    request: crate::domain::ids::AccessId,
    answer: &str,
    reason: &str,
    now: DateTime<Utc>,
) -> Result<FootageAct, Refusal> {
    let wrong = |field, code, value: &str, expected: &str| {
        Err(faulty("answer-faulty", "the answer has a fault", vec![fault(field, code, value, expected)]))
    };
    match (answer, AccessRefusal::of_word(reason)) {
        ("granted", None) if reason.is_empty() => {
            Ok(FootageAct::AccessGranted { request, frozen_until_utc: now + ACCESS_FREEZE })
        }
        ("granted", _) => wrong("reason", "reason-for-yes", reason, "no reason where access is granted"),
        ("refused", Some(reason)) => Ok(FootageAct::AccessRefused { request, reason }),
        ("refused", None) => {
            wrong("reason", "not-a-reason", reason, "third-party-privacy or judicial-procedure: no other exists (A5-3)")
        }
        _ => wrong("answer", "not-an-answer", answer, "granted or refused"),
    }
}
