//! No permanent viewing (A4-7): caps and cooling-off, checked when images are asked for and again when they are granted.

use super::{designated, fault, faulty};
use crate::domain::command::Actor;
use crate::domain::event::Event;
use crate::domain::ids::{ServiceId, SiteId};
use crate::domain::person::Role;
use crate::domain::policy::Policy;
use crate::domain::refusal::{Fault, Refusal, RefusalKind};
use crate::domain::state::State;
use crate::domain::usage::{Limit, Until, Usage};
use chrono::{DateTime, TimeDelta, Utc};

/// What a ticket of this length would break if it were opened at `now`, each with the instant that cures it.
pub(super) fn faults(
    state: &State,
    site: &SiteId,
    service: &ServiceId,
    duration_minutes: u32,
    now: DateTime<Utc>,
) -> Vec<Fault> {
    let policy = state.policy(site);
    let length = TimeDelta::minutes(duration_minutes.into());
    let broken = Usage::of(state, site, service).broken_limits(&policy, length, now);
    broken.into_iter().map(|(limit, until)| named(limit, until, site, duration_minutes)).collect()
}

fn named(limit: Limit, until: Until, site: &SiteId, duration_minutes: u32) -> Fault {
    match until {
        Until::Never(cap) => {
            let code = if limit == Limit::DayCap { "over-day-cap" } else { "over-week-cap" };
            let expected = format!("at most {cap} minutes, the cap the landlord has set (A4-7)");
            fault("duration_minutes", code, duration_minutes, expected)
        }
        Until::From(instant) => {
            let expected = format!("a request from {} on (A4-7)", instant.format("%Y-%m-%dT%H:%M:%SZ"));
            let fault = match limit {
                Limit::CoolingOff => fault("site", limit.as_str(), site, expected),
                Limit::DayCap | Limit::WeekCap => fault("duration_minutes", limit.as_str(), duration_minutes, expected),
            };
            Fault { from_utc: Some(instant), ..fault }
        }
    }
}

/// The landlord's deciders set the policy of their sites; the administrator, and the machine's own console like one, may
/// only make it stricter.
pub(super) fn set_policy(state: &State, actor: &Actor, site: &SiteId, policy: Policy) -> Result<Vec<Event>, Refusal> {
    let (role, sees) = match actor {
        Actor::System => (Role::Administrator, true),
        Actor::Person(_) => {
            let (_, place) = designated(state, actor)?;
            (place.role, place.sites.contains(site))
        }
    };
    let unknown = || Refusal::new(RefusalKind::NotFound, "unknown-site", "no such site, or not one of yours");
    let known = state.sites.contains_key(site);
    let before = state.policy(site);
    match role {
        Role::Decider if known && sees => {}
        Role::Decider => return Err(unknown()),
        Role::Administrator if !known => return Err(unknown()),
        Role::Administrator if policy.is_no_looser_than(&before) => {}
        Role::Administrator => {
            return Err(Refusal::new(
                RefusalKind::Forbidden,
                "landlord-loosens",
                "only titulaire and suppléant of the site may allow more; the administrator may allow less (A4-7)",
            ));
        }
        _ => {
            return Err(Refusal::new(
                RefusalKind::Forbidden,
                "landlord-or-administrator-only",
                "only the site's deciders or the administrator set how much is allowed (A4-7)",
            ));
        }
    }
    let bounds = [
        ("day_cap_minutes", policy.day_cap_minutes, Policy::DAY_CAP_MINUTES),
        ("week_cap_minutes", policy.week_cap_minutes, Policy::WEEK_CAP_MINUTES),
        ("cooling_off_minutes", policy.cooling_off_minutes, Policy::COOLING_OFF_MINUTES),
    ];
    let faults: Vec<_> = bounds
        .into_iter()
        .filter(|(_, value, bounds)| !bounds.contains(value))
        .map(|(field, value, bounds)| {
            fault(field, "out-of-bounds", value, format!("{} to {} minutes", bounds.start(), bounds.end()))
        })
        .collect();
    if !faults.is_empty() {
        return Err(faulty("policy-faulty", "the limits cannot be like this; each fault is named", faults));
    }
    if policy == before {
        return Ok(Vec::new());
    }
    Ok(vec![Event::PolicySet { site: site.clone(), policy }])
}
