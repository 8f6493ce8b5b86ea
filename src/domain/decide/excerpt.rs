//! Looking at recordings and taking them out (A4-10, A5-6): only the deciders of the site, and each act is an entry.

use super::{MAX_WHY_CHARS, designated, fault, faulty};
use crate::domain::command::Actor;
use crate::domain::event::Event;
use crate::domain::excerpt::{Excerpt, MOST_EXPORT_HOURS, MOST_VIEWING_HOURS};
use crate::domain::ids::{ExportId, ViewingId};
use crate::domain::instant::{is_writable, to_micros};
use crate::domain::person::Role;
use crate::domain::refusal::{Fault, Refusal, RefusalKind};
use crate::domain::state::State;
use chrono::{DateTime, TimeDelta, Utc};

pub(super) fn view(
    state: &State,
    actor: &Actor,
    viewing: ViewingId,
    wanted: &Excerpt,
    now: DateTime<Utc>,
) -> Result<Vec<Event>, Refusal> {
    may(state, actor, wanted)?;
    let (footage, faults) = named(state, wanted, MOST_VIEWING_HOURS, now);
    if faults.is_empty() {
        Ok(vec![Event::FootageViewed { viewing, footage }])
    } else {
        Err(faulty("footage-faulty", "this viewing cannot be opened as asked for", faults))
    }
}

pub(super) fn export(
    state: &State,
    actor: &Actor,
    export: ExportId,
    wanted: &Excerpt,
    reference: &str,
    now: DateTime<Utc>,
) -> Result<Vec<Event>, Refusal> {
    may(state, actor, wanted)?;
    let (footage, mut faults) = named(state, wanted, MOST_EXPORT_HOURS, now);
    let reference = reference.trim();
    if !reference.chars().any(|c| !c.is_whitespace() && !c.is_control()) {
        let expected = "the requisition or request it is for, at least one visible character";
        faults.push(fault("reference", "no-reference", reference, expected));
    } else if reference.chars().count() > MAX_WHY_CHARS {
        let expected = format!("at most {MAX_WHY_CHARS} characters");
        faults.push(fault("reference", "reference-too-long", reference, expected));
    }
    if faults.is_empty() {
        Ok(vec![Event::FootageExported { export, footage, reference: reference.to_owned() }])
    } else {
        Err(faulty("footage-faulty", "this export cannot be made as asked for", faults))
    }
}

/// A decider of the site, and nobody else (A5-6): the administrator sees no images, the police live ones alone (A1-3).
fn may(state: &State, actor: &Actor, wanted: &Excerpt) -> Result<(), Refusal> {
    let (_, place) = designated(state, actor)?;
    if place.role != Role::Decider {
        return Err(Refusal::new(RefusalKind::Forbidden, "not-your-role", "recordings are for the site's deciders"));
    }
    if !place.sites.contains(&wanted.site) || !state.sites.contains_key(&wanted.site) {
        return Err(Refusal::new(RefusalKind::NotFound, "unknown-site", "no such site"));
    }
    Ok(())
}

/// The footage as it will stand in the register, and what is wrong with it.
fn named(state: &State, wanted: &Excerpt, most_hours: i64, now: DateTime<Utc>) -> (Excerpt, Vec<Fault>) {
    let mut faults = Vec::new();
    let known = state.sites.get(&wanted.site);
    let mut cameras = Vec::new();
    for camera in &wanted.cameras {
        if known.is_none_or(|site| site.camera(camera).is_none()) {
            faults.push(fault("cameras", "unknown-camera", camera, "cameras of this site"));
        } else if !cameras.contains(camera) {
            cameras.push(camera.clone());
        }
    }
    if wanted.cameras.is_empty() {
        faults.push(fault("cameras", "no-camera", "", "at least one camera"));
    }
    let footage = Excerpt {
        site: wanted.site.clone(),
        cameras,
        from_utc: to_micros(wanted.from_utc),
        until_utc: to_micros(wanted.until_utc),
    };
    let instant = |at: DateTime<Utc>| at.to_rfc3339();
    for (field, at) in [("from_utc", footage.from_utc), ("until_utc", footage.until_utc)] {
        if !is_writable(at) {
            faults.push(fault(field, "no-instant", instant(at), "a day and a time, its year in four digits"));
        }
    }
    if footage.from_utc >= now {
        faults.push(fault("from_utc", "not-yet", instant(footage.from_utc), "an instant that has passed"));
    }
    if footage.until_utc <= footage.from_utc {
        faults.push(fault(
            "until_utc",
            "ends-before-it-begins",
            instant(footage.until_utc),
            "an instant after the start",
        ));
    } else if footage.span() > TimeDelta::hours(most_hours) {
        let expected = format!("at most {most_hours} hours after the start");
        faults.push(fault("until_utc", "stretch-too-long", instant(footage.until_utc), expected));
    }
    (footage, faults)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Camera, Convention, Designation, Entry, Service, Site};
    use std::collections::BTreeSet;

    fn state() -> State {
        let mut state = State::default();
        let mut tell = |event| {
            let at_utc = "2026-11-25T12:00:00Z".parse().unwrap();
            let seq = state.next_seq;
            state.apply(&Entry { seq, at_utc, actor: Actor::System, event });
        };
        let camera = |id: &str| Camera { id: id.parse().unwrap(), name: id.to_owned() };
        let site = Site {
            id: "arcade".parse().unwrap(),
            name: "arcade".to_owned(),
            addresses: vec![],
            service: Service {
                id: "csu".parse().unwrap(),
                name: String::new(),
                town: String::new(),
                address: String::new(),
            },
            convention: Convention {
                town: String::new(),
                valid_from_utc: "2021-01-01T00:00:00Z".parse().unwrap(),
                valid_until_utc: "2031-01-01T00:00:00Z".parse().unwrap(),
            },
            cameras: vec![camera("hall"), camera("stairs")],
        };
        tell(Event::SiteDeclared { site });
        for role in Role::ALL {
            let sites = BTreeSet::from(["arcade".parse().unwrap()]);
            let designation = Designation { person: role.as_str().parse().unwrap(), role, sites, service: None };
            tell(Event::Designated { designation });
        }
        let sites = BTreeSet::from(["quai".parse().unwrap()]);
        let designation =
            Designation { person: "elsewhere".parse().unwrap(), role: Role::Decider, sites, service: None };
        tell(Event::Designated { designation });
        state
    }

    fn now() -> DateTime<Utc> {
        "2026-11-25T12:00:00Z".parse().unwrap()
    }

    fn footage(cameras: &[&str], from_minutes: i64, minutes: i64) -> Excerpt {
        let from_utc = now() + TimeDelta::minutes(from_minutes);
        Excerpt {
            site: "arcade".parse().unwrap(),
            cameras: cameras.iter().map(|camera| camera.parse().unwrap()).collect(),
            from_utc,
            until_utc: from_utc + TimeDelta::minutes(minutes),
        }
    }

    fn person(name: &str) -> Actor {
        Actor::Person(name.parse().unwrap())
    }

    #[test]
    fn a1_3_a4_10_a5_6_only_the_deciders_of_the_site_look_at_recordings_and_take_them_out() {
        let (state, wanted) = (state(), footage(&["hall"], -10, 5));
        let (viewing, number) = (ViewingId::generate(), ExportId::generate());
        for role in Role::ALL {
            let actor = person(role.as_str());
            assert_eq!(view(&state, &actor, viewing, &wanted, now()).is_ok(), role == Role::Decider, "{role:?}");
            assert_eq!(export(&state, &actor, number, &wanted, "x", now()).is_ok(), role == Role::Decider, "{role:?}");
        }
        for actor in [person("elsewhere"), person("stranger"), Actor::System] {
            assert!(view(&state, &actor, viewing, &wanted, now()).is_err(), "{actor:?}");
            assert!(export(&state, &actor, number, &wanted, "x", now()).is_err(), "{actor:?}");
        }
    }

    #[test]
    fn a5_6_what_is_recorded_names_cameras_stretch_and_reference() {
        let wanted = footage(&["hall", "stairs", "hall"], -10, 5);
        let events = export(&state(), &person("decider"), ExportId::generate(), &wanted, " PV 12 ", now()).unwrap();
        let [Event::FootageExported { footage, reference, .. }] = &events[..] else { panic!("{events:?}") };
        assert_eq!((footage.cameras.len(), reference.as_str()), (2, "PV 12"));
    }

    #[test]
    fn every_fault_is_named() {
        let state = state();
        let codes = |wanted: Excerpt, reference: &str| {
            let refused = export(&state, &person("decider"), ExportId::generate(), &wanted, reference, now());
            refused.err().map(|refusal| refusal.faults.iter().map(|fault| fault.code).collect::<Vec<_>>())
        };
        assert_eq!(codes(footage(&["hall"], -10, 24 * 60), "x"), None);
        assert_eq!(codes(footage(&["hall"], -10, 24 * 60 + 1), "x"), Some(vec!["stretch-too-long"]));
        assert_eq!(codes(footage(&["hall"], -10, 0), "x"), Some(vec!["ends-before-it-begins"]));
        assert_eq!(codes(footage(&["hall"], 0, 5), " "), Some(vec!["not-yet", "no-reference"]));
        assert_eq!(
            codes(footage(&["attic"], -1, 5), &"x".repeat(501)),
            Some(vec!["unknown-camera", "reference-too-long"])
        );
        assert_eq!(codes(footage(&[], -1, 5), "x"), Some(vec!["no-camera"]));
        let long = view(&state, &person("decider"), ViewingId::generate(), &footage(&["hall"], -999, 361), now());
        assert_eq!(long.unwrap_err().faults[0].code, "stretch-too-long");
    }
}
