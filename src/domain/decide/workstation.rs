//! Workstations come and go (A6-1); a revoked one goes dark at once (fault 9).

use super::annex::administrator;
use super::{ending, fault, faulty, given_reason};
use crate::domain::command::Actor;
use crate::domain::event::Event;
use crate::domain::ids::WorkstationId;
use crate::domain::refusal::{Refusal, RefusalKind};
use crate::domain::session::EndCause;
use crate::domain::state::State;
use crate::domain::workstation::{EXPIRY_REMINDERS_DAYS, Issuance, Workstation};
use chrono::{DateTime, TimeDelta, Utc};

/// The stable word of the condition that a revoked workstation breaks.
pub(super) const WORKSTATION_REVOKED: &str = "workstation-revoked";

pub(super) fn issue(
    state: &State,
    actor: &Actor,
    workstation: &Workstation,
    now: DateTime<Utc>,
) -> Result<Vec<Event>, Refusal> {
    administrator(state, actor)?;
    if state.workstations.get(&workstation.id) == Some(workstation) {
        return Ok(Vec::new());
    }
    let mut faults = Vec::new();
    if state.workstations.contains_key(&workstation.id) {
        let expected = "a name no registered workstation has: revoke the old one first";
        faults.push(fault("workstation", "workstation-exists", &workstation.id, expected));
    }
    if !state.sites.values().any(|site| site.service.id == workstation.service) {
        faults.push(fault(
            "service",
            "unknown-service",
            &workstation.service,
            "the recipient service of a site (A2-1)",
        ));
    }
    let sha256 = &workstation.certificate_sha256;
    if sha256.len() != 64 || !sha256.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte)) {
        let expected = "64 hexadecimal digits, lower case";
        faults.push(fault("certificate_sha256", "certificate-unreadable", sha256, expected));
    }
    if workstation.until_utc <= now {
        faults.push(fault("until", "certificate-expired", workstation.until_utc, "a certificate in date"));
    }
    if !faults.is_empty() {
        return Err(faulty("workstation-faulty", "the workstation cannot be registered like this", faults));
    }
    Ok(vec![Event::WorkstationIssued { workstation: workstation.clone() }])
}

pub(super) fn revoke(
    state: &State,
    actor: &Actor,
    workstation: &WorkstationId,
    why: &str,
    now: DateTime<Utc>,
) -> Result<Vec<Event>, Refusal> {
    administrator(state, actor)?;
    if !state.workstations.contains_key(workstation) {
        let message = "no registered workstation has this name";
        return Err(Refusal::new(RefusalKind::NotFound, "unknown-workstation", message));
    }
    let mut events = vec![Event::WorkstationRevoked { workstation: workstation.clone(), why: given_reason(why)? }];
    let there = state.live_sessions().filter(|session| session.workstation == workstation.as_str());
    events.extend(there.map(|session| {
        let cause = EndCause::GateCondition { condition: WORKSTATION_REVOKED.to_owned() };
        ending::session(session.id, cause, now)
    }));
    Ok(events)
}

/// Reminds the administrator of certificates that end soon, so that no workstation goes dark by surprise; the last reminder
/// alone when several are due.
pub(super) fn expiry_reminders(state: &State, now: DateTime<Utc>) -> Vec<Event> {
    let remind = |known: &Issuance| {
        let until_utc = known.workstation.until_utc;
        if known.revoked.is_some() || now >= until_utc {
            return None;
        }
        let due = EXPIRY_REMINDERS_DAYS.iter().filter(|days| now >= until_utc - TimeDelta::days(**days)).count();
        let number = u8::try_from(due).ok().filter(|due| *due > known.reminders)?;
        Some(Event::WorkstationReminded { workstation: known.workstation.id.clone(), number, until_utc })
    };
    state.issuances.values().filter_map(remind).collect()
}

/// A workstation that has been revoked since the request was let in is granted nothing (fault 9).
pub(super) fn not_revoked(state: &State, workstation: &str) -> Result<(), Refusal> {
    if state.revoked_workstations.iter().any(|revoked| revoked.as_str() == workstation) {
        let message = "this workstation has been revoked: tell the administrator";
        return Err(Refusal::new(RefusalKind::Forbidden, WORKSTATION_REVOKED, message));
    }
    Ok(())
}
