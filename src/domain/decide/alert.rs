//! Alerts by guards (A3-2): recorded, told to the CSU, and without any effect on the gate.

use super::request::control_reasons;
use super::{designated, fault, faulty, given_reason};
use crate::domain::command::Actor;
use crate::domain::event::Event;
use crate::domain::ids::{AlertId, SiteId};
use crate::domain::person::Role;
use crate::domain::refusal::{Refusal, RefusalKind};
use crate::domain::state::State;
use chrono::{DateTime, Utc};

pub(super) fn raise(
    state: &State,
    actor: &Actor,
    alert: AlertId,
    (site, reasons, what): (&str, &[String], &str),
    now: DateTime<Utc>,
) -> Result<Vec<Event>, Refusal> {
    let (_, place) = designated(state, actor)?;
    if place.role != Role::Guard {
        let message = "only a guard of the landlord raises alerts (A3-2)";
        return Err(Refusal::new(RefusalKind::Forbidden, "guards-only", message));
    }
    if state.alerts.contains_key(&alert) {
        return Err(Refusal::new(RefusalKind::Conflict, "alert-exists", "this alert has been raised already"));
    }
    let mut faults = Vec::new();
    let known = site.parse::<SiteId>().ok().filter(|id| place.sites.contains(id) && state.sites.contains_key(id));
    let Some(site) = known else {
        faults.push(fault("site", "unknown-site", site, "one of your sites (A1-1)"));
        return Err(faulty("alert-faulty", "the alert has faults; each is named", faults));
    };
    let reasons = control_reasons(&state.dossier(&site).reasons, reasons, &mut faults);
    let what = match given_reason(what) {
        Ok(what) => what,
        Err(refusal) => {
            faults.extend(refusal.faults);
            String::new()
        }
    };
    if !faults.is_empty() {
        return Err(faulty("alert-faulty", "the alert has faults; each is named", faults));
    }
    // One at a time: a flood of alerts would be heard as none (fault 25).
    if state.alerts.values().any(|other| other.site == site && other.is_open_at(now)) {
        let message = "an alert for this site stands already: close it first";
        return Err(Refusal::new(RefusalKind::Conflict, "alert-open", message));
    }
    Ok(vec![Event::AlertRaised { alert, site, reasons, what }])
}

/// By a guard or a decider of the site.
pub(super) fn close(state: &State, actor: &Actor, id: AlertId, now: DateTime<Utc>) -> Result<Vec<Event>, Refusal> {
    let (person, place) = designated(state, actor)?;
    let unknown = || Refusal::new(RefusalKind::NotFound, "unknown-alert", "no such alert, or not for you");
    let alert = state.alerts.get(&id).ok_or_else(unknown)?;
    if !state.hears_of_alerts(person, &alert.site) {
        return Err(unknown());
    }
    if !matches!(place.role, Role::Guard | Role::Decider) {
        let message = "only the landlord's guards and deciders close an alert";
        return Err(Refusal::new(RefusalKind::Forbidden, "landlord-only", message));
    }
    if alert.is_open_at(now) { Ok(vec![Event::AlertClosed { alert: id }]) } else { Ok(Vec::new()) }
}
