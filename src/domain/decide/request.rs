//! The control of a request (A3-3 to A3-5): server-side, every fault named at once.

use super::{designated, fault, faulty, limits, urgent};
use crate::domain::command::Actor;
use crate::domain::dossier::{Missing, ReasonList};
use crate::domain::event::Event;
use crate::domain::ids::{SiteId, TicketId};
use crate::domain::person::{Designation, Role};
use crate::domain::policy::{LAPSE_AFTER, MAX_DURATION_MINUTES, MIN_DURATION_MINUTES};
use crate::domain::refusal::{Fault, Refusal, RefusalKind};
use crate::domain::site::Site;
use crate::domain::state::State;
use crate::domain::ticket::Reason;
use chrono::{DateTime, Utc};
use std::collections::BTreeSet;

/// What the agent typed.
pub(super) struct Form<'a> {
    pub(super) email_matches: bool,
    pub(super) site: &'a str,
    pub(super) reasons: &'a [String],
    pub(super) duration_minutes: i64,
}

const TICKET_LIVE: &str = "ticket-live";

pub(super) fn request(
    state: &State,
    actor: &Actor,
    ticket: TicketId,
    form: &Form<'_>,
    now: DateTime<Utc>,
) -> Result<Vec<Event>, Refusal> {
    let (_, place) = designated(state, actor)?;
    if place.role != Role::Operator {
        return Err(Refusal::new(
            RefusalKind::Forbidden,
            "operators-only",
            "only an operator of the service named in the convention may ask for images (A3-3)",
        ));
    }
    if state.tickets.contains_key(&ticket) {
        return Err(Refusal::new(RefusalKind::Conflict, "ticket-exists", "this request has been filed already"));
    }

    let mut faults = Vec::new();
    if !form.email_matches {
        faults.push(fault("email", "email-mismatch", "", "the e-mail address of your account (A3-4)"));
    }
    let site = control_site(state, place, form.site, now, &mut faults);
    let list = site.map_or_else(ReasonList::of_the_convention, |site| state.dossier(&site.id).reasons.clone());
    let reasons = control_reasons(&list, form.reasons, &mut faults);
    let duration_minutes = u32::try_from(form.duration_minutes)
        .ok()
        .filter(|minutes| (MIN_DURATION_MINUTES..=MAX_DURATION_MINUTES).contains(minutes));
    if duration_minutes.is_none() {
        faults.push(fault(
            "duration_minutes",
            "duration-out-of-range",
            form.duration_minutes,
            format!("{MIN_DURATION_MINUTES} to {MAX_DURATION_MINUTES} minutes (A3-5)"),
        ));
    }

    if let (Some(site), Some(minutes)) = (site, duration_minutes) {
        faults.extend(limits::faults(state, &site.id, &site.service.id, minutes, now));
    }
    match (site, duration_minutes) {
        (Some(site), Some(duration_minutes)) if faults.is_empty() => {
            let requested = Event::Requested {
                ticket,
                site: site.id.clone(),
                service: site.service.id.clone(),
                reasons,
                duration_minutes,
                lapses_at_utc: now + LAPSE_AFTER,
            };
            let opened = urgent::opening(state, site, ticket, duration_minutes, now);
            Ok([requested].into_iter().chain(opened).collect())
        }
        _ if faults.iter().any(|fault| fault.code == TICKET_LIVE) && faults.iter().all(is_of_time) => Err(Refusal {
            kind: RefusalKind::Conflict,
            code: TICKET_LIVE,
            message: "a request for this site is pending or open: one at a time (A4-7)".to_owned(),
            faults: faults.into_iter().filter(|fault| fault.code == TICKET_LIVE).collect(),
        }),
        _ if faults.iter().all(is_of_time) => Err(Refusal {
            kind: RefusalKind::Conflict,
            code: "too-soon",
            message: "too much was open for this site lately: ask again at the instant given, or for less (A4-7)"
                .to_owned(),
            faults,
        }),
        _ => Err(faulty("request-faulty", "the request has faults; each is named", faults)),
    }
}

/// Whether waiting alone cures it.
fn is_of_time(fault: &Fault) -> bool {
    fault.code == TICKET_LIVE || fault.from_utc.is_some()
}

/// The site, if it is one this agent may ask for; its own conditions are named only to those who may (A2-1).
fn control_site<'a>(
    state: &'a State,
    place: &Designation,
    typed: &str,
    now: DateTime<Utc>,
    faults: &mut Vec<Fault>,
) -> Option<&'a Site> {
    let known = typed.parse::<SiteId>().ok().and_then(|id| state.sites.get(&id));
    let Some(site) = known else {
        faults.push(fault("site", "unknown-site", typed, "a site of the convention (A1-1)"));
        return None;
    };
    if !place.sites.contains(&site.id) || place.service.as_ref() != Some(&site.service.id) {
        faults.push(fault("site", "site-not-yours", typed, "a site you are designated for, with your service (A2-1)"));
        return None;
    }
    if !state.dossier(&site.id).names_operator(&place.person) {
        faults.push(fault("site", "not-in-annex", typed, "a site whose annex in force names you (A3-3)"));
    }
    let blocking: Vec<_> = state.missing(site).into_iter().filter(Missing::blocks).collect();
    if !blocking.is_empty() {
        let words: Vec<_> = blocking.iter().map(Missing::as_str).collect();
        let expected =
            format!("a site whose dossier is complete; the landlord still has to file: {}", words.join(", "));
        faults.push(fault("site", "site-not-ready", typed, expected));
    }
    if !state.convention(site).is_valid_at(now) {
        faults.push(fault("site", "convention-not-valid", typed, "a site whose convention is in force (A8-1)"));
    }
    if state.live_tickets().any(|ticket| ticket.site == site.id && ticket.service == site.service.id) {
        faults.push(fault("site", TICKET_LIVE, typed, "a site without a pending or open request (A4-7)"));
    }
    Some(site)
}

pub(super) fn control_reasons(list: &ReasonList, ticked: &[String], faults: &mut Vec<Fault>) -> BTreeSet<Reason> {
    if ticked.is_empty() {
        faults.push(fault("reasons", "no-reason", "", "at least one of the convention's list (A3-1)"));
    }
    let mut reasons = BTreeSet::new();
    for word in ticked {
        match list.reasons.iter().map(|entry| entry.reason).find(|reason| reason.as_str() == word) {
            Some(reason) => {
                reasons.insert(reason);
            }
            // One fault is enough to say so: a flood of words must not become a flood of faults.
            None if faults.iter().any(|fault| fault.code == "unknown-reason") => {}
            None => faults.push(fault("reasons", "unknown-reason", word, "reasons of the convention's list (A3-1)")),
        }
    }
    reasons
}
