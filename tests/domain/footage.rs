//! Footage: how long it stays, what holds it, who may see it again, and how it goes (A5-2 to A5-5).

use crate::world::{World, site_id};
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use ecluse::domain::footage::{AccessOutcome, PurgedCamera};
use ecluse::domain::{AccessId, Action, Event, Footage, FootageCommand, HoldId, Refusal, ScopeForm};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

fn form(from: DateTime<Utc>, until: DateTime<Utc>) -> ScopeForm {
    ScopeForm {
        site: "arcade".to_owned(),
        cameras: vec!["hall".to_owned()],
        from_utc: Some(from),
        until_utc: Some(until),
    }
}

fn hold(hold: HoldId, form: ScopeForm) -> Action {
    Action::Footage(FootageCommand::Hold {
        hold,
        form,
        authority: "Tribunal judiciaire de Créteil".to_owned(),
        reference: "PV 2026/114".to_owned(),
        date: "2026-11-20".to_owned(),
        document_sha256: "AB".repeat(32),
    })
}

fn piece(camera: &str, from: DateTime<Utc>) -> Footage {
    Footage {
        camera: camera.parse().unwrap(),
        from_utc: from,
        until_utc: from + TimeDelta::minutes(60),
        trusted_utc: None,
    }
}

fn purge(world: &mut World, footage: Vec<Footage>) -> Result<Vec<Event>, Refusal> {
    let trusted_utc = world.now;
    world.system(Action::Footage(FootageCommand::Purge { footage, trusted_utc }))
}

fn codes(refusal: &Refusal) -> Vec<&'static str> {
    refusal.faults.iter().map(|fault| fault.code).collect()
}

#[test]
fn a5_4_footage_goes_after_thirty_days_and_a_site_may_only_keep_it_shorter() {
    let mut world = World::new();
    let taken = world.now;
    let limit = taken + TimeDelta::days(30);
    world.now = limit - TimeDelta::minutes(11);
    assert_eq!(purge(&mut world, vec![piece("hall", taken)]).unwrap_err().code, "footage-young");
    world.now = limit - TimeDelta::minutes(10);
    assert_eq!(purge(&mut world, vec![piece("hall", taken)]).unwrap(), []);
    let set = |days| Action::Footage(FootageCommand::SetRetention { site: site_id("arcade"), days });
    for days in [0, 31, u32::MAX] {
        assert_eq!(codes(&world.person("titulaire", set(days)).unwrap_err()), ["retention-out-of-bounds"]);
    }
    for nobody in ["agent", "chief", "guard", "administrator", "dpo", "auditor"] {
        assert_eq!(world.person(nobody, set(7)).unwrap_err().code, "deciders-only", "{nobody}");
    }
    assert_eq!(world.person("titulaire", set(7)).unwrap().len(), 1);
    assert_eq!(world.person("titulaire", set(7)).unwrap(), []);
    // The configuration's ceiling, at a start, shortens and never prolongs.
    assert_eq!(world.system(set(8)).unwrap(), []);
    world.now = taken + TimeDelta::days(7);
    assert_eq!(purge(&mut world, vec![piece("hall", taken)]).unwrap(), []);
    assert_eq!(purge(&mut world, vec![piece("gate", taken)]).unwrap_err().code, "footage-young", "another site");
}

#[test]
fn a5_5_a_hold_names_all_of_its_requisition_and_a_decider_places_and_releases_it() {
    let mut world = World::new();
    let (from, until) = (world.now - TimeDelta::hours(5), world.now - TimeDelta::hours(4));
    let id: HoldId = world.fresh();
    for nobody in ["agent", "chief", "guard", "administrator", "dpo", "auditor"] {
        assert_eq!(world.person(nobody, hold(id, form(from, until))).unwrap_err().code, "deciders-only", "{nobody}");
    }
    let faulty = Action::Footage(FootageCommand::Hold {
        hold: id,
        form: ScopeForm { cameras: vec!["gate".to_owned()], ..form(until, from) },
        authority: "  ".to_owned(),
        reference: "x".repeat(201),
        date: "2027-01-01".to_owned(),
        document_sha256: "xyz".to_owned(),
    });
    let refusal = world.person("titulaire", faulty).unwrap_err();
    let expected =
        ["unknown-camera", "until-before-from", "not-a-name", "not-a-name", "not-a-past-day", "not-a-sha256"];
    assert_eq!(codes(&refusal), expected);
    let future = world.now + TimeDelta::hours(1);
    assert_eq!(codes(&world.person("titulaire", hold(id, form(from, future))).unwrap_err()), ["in-the-future"]);
    world.person("suppleant", hold(id, form(from, until))).unwrap();
    assert_eq!(world.state.custody.holds[&id].requisition.document_sha256, "ab".repeat(32));
    world.now += TimeDelta::days(400);
    assert_eq!(purge(&mut world, vec![piece("hall", from)]).unwrap_err().code, "footage-held");
    let release = |why: &str| Action::Footage(FootageCommand::Release { hold: id, why: why.to_owned() });
    assert_eq!(world.person("titulaire", release(" ")).unwrap_err().code, "no-reason-given");
    world.person("titulaire", release("classement sans suite")).unwrap();
    assert_eq!(world.person("titulaire", release("encore")).unwrap_err().code, "hold-released");
    assert_eq!(purge(&mut world, vec![piece("hall", from)]).unwrap(), []);
}

#[test]
fn a5_2_an_access_request_has_a_month_and_is_brought_to_mind_on_day_twenty_once() {
    let mut world = World::new();
    let (from, until) = (world.now - TimeDelta::hours(5), world.now - TimeDelta::hours(4));
    let request: AccessId = world.fresh();
    let ask = |day: &str| {
        let received_on = day.to_owned();
        Action::Footage(FootageCommand::AskAccess { request, form: form(from, until), received_on })
    };
    assert_eq!(world.person("agent", ask("2026-11-24")).unwrap_err().code, "decider-or-dpo-only");
    assert_eq!(codes(&world.person("dpo", ask("tomorrow")).unwrap_err()), ["not-a-past-day"]);
    world.person("dpo", ask("2026-11-24")).unwrap();
    let known = world.state.custody.requests[&request].clone();
    assert_eq!(known.answer_by_utc.to_rfc3339(), "2026-12-24T23:00:00+00:00", "the 24th of December counts whole");
    let warned = |world: &World| {
        world.entries.iter().filter(|entry| format!("{:?}", entry.event).contains("AccessWarned")).count()
    };
    world.now = "2026-12-13T22:59:59Z".parse().unwrap();
    world.tick();
    assert_eq!(warned(&world), 0);
    world.now = "2026-12-13T23:00:00Z".parse().unwrap();
    world.tick();
    world.tick();
    assert_eq!(warned(&world), 1);
    // Granted: it stays a week although its site keeps it shorter, and never beyond thirty days (A5-4).
    let answer = |answer: &str, reason: &str| {
        let (answer, reason) = (answer.to_owned(), reason.to_owned());
        Action::Footage(FootageCommand::AnswerAccess { request, answer, reason })
    };
    for (words, code) in [
        (("refused", "no time"), "not-a-reason"),
        (("refused", ""), "not-a-reason"),
        (("granted", "judicial-procedure"), "reason-for-yes"),
        (("perhaps", ""), "not-an-answer"),
    ] {
        assert_eq!(codes(&world.person("titulaire", answer(words.0, words.1)).unwrap_err()), [code], "A5-3");
    }
    let shorter = FootageCommand::SetRetention { site: site_id("arcade"), days: 20 };
    world.person("titulaire", Action::Footage(shorter)).unwrap();
    world.now = "2026-12-20T03:00:00Z".parse().unwrap();
    world.person("titulaire", answer("granted", "")).unwrap();
    assert_eq!(world.person("dpo", answer("refused", "judicial-procedure")).unwrap_err().code, "access-answered");
    assert_eq!(purge(&mut world, vec![piece("hall", from)]).unwrap_err().code, "footage-held");
    world.now = from + TimeDelta::days(30) - TimeDelta::minutes(10) - TimeDelta::microseconds(1);
    assert_eq!(purge(&mut world, vec![piece("hall", from)]).unwrap_err().code, "footage-held");
    world.now += TimeDelta::microseconds(1);
    assert_eq!(purge(&mut world, vec![piece("hall", from)]).unwrap(), []);
    let outcome = &world.state.custody.requests[&request].answer.as_ref().unwrap().outcome;
    assert!(matches!(outcome, AccessOutcome::Granted { .. }));
}

#[test]
fn fault_6_destruction_waits_once_and_people_of_the_landlord_vouch_for_the_clock() {
    let mut world = World::new();
    let trusted_utc = world.now;
    assert_eq!(world.system(Action::Footage(FootageCommand::PausePurge { trusted_utc })).unwrap().len(), 1);
    assert_eq!(world.system(Action::Footage(FootageCommand::PausePurge { trusted_utc })).unwrap(), []);
    for nobody in ["agent", "chief", "guard", "auditor"] {
        assert!(world.person(nobody, Action::Footage(FootageCommand::ResumePurge)).is_err(), "{nobody}");
    }
    assert_eq!(world.person("dpo", Action::Footage(FootageCommand::ResumePurge)).unwrap(), [Event::PurgeResumed]);
    assert_eq!(world.person("dpo", Action::Footage(FootageCommand::ResumePurge)).unwrap(), []);
}

#[derive(Debug, Clone)]
enum Step {
    Hold { from: i64, hours: i64 },
    Release { which: usize },
    Grant { from: i64, hours: i64 },
    Retention { days: u32 },
    Wait { hours: i64 },
    Sweep { first: i64, count: i64 },
    Attest { day: i64 },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0..1_400_i64, 1..48_i64).prop_map(|(from, hours)| Step::Hold { from, hours }),
        2 => (0..4_usize).prop_map(|which| Step::Release { which }),
        1 => (0..1_400_i64, 1..48_i64).prop_map(|(from, hours)| Step::Grant { from, hours }),
        1 => (0..33_u32).prop_map(|days| Step::Retention { days }),
        5 => prop_oneof![1..24_i64, 24..400_i64, -50..0_i64].prop_map(|hours| Step::Wait { hours }),
        8 => (0..1_400_i64, 1..200_i64).prop_map(|(first, count)| Step::Sweep { first, count }),
        1 => (0..60_i64).prop_map(|day| Step::Attest { day }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    /// Segments of an hour each, holds, releases, accesses, settings and clocks in any order: what a hold that stands
    /// covered, and whose day had not been attested as gone before, is never let go; nothing goes too early.
    #[test]
    fn fault_17_nothing_held_is_ever_purged(steps in prop::collection::vec(step(), 1..60)) {
        let mut world = World::new();
        let begin = world.now;
        let hour = |n: i64| begin + TimeDelta::hours(n);
        let mut standing: BTreeMap<HoldId, [DateTime<Utc>; 3]> = BTreeMap::new();
        let mut frozen: Vec<[DateTime<Utc>; 4]> = Vec::new();
        let mut attested: BTreeMap<NaiveDate, DateTime<Utc>> = BTreeMap::new();
        let (mut gone, mut days) = (BTreeSet::new(), 30_i64);
        for step in steps {
            match step {
                Step::Hold { from, hours } => {
                    let id: HoldId = world.fresh();
                    if world.person("titulaire", hold(id, form(hour(from), hour(from + hours)))).is_ok() {
                        standing.insert(id, [hour(from), hour(from + hours), world.now]);
                    }
                }
                Step::Release { which } => {
                    if let Some(id) = standing.keys().nth(which).copied() {
                        let why = "fin".to_owned();
                        world.person("titulaire", Action::Footage(FootageCommand::Release { hold: id, why })).unwrap();
                        standing.remove(&id);
                    }
                }
                Step::Grant { from, hours } => {
                    let request: AccessId = world.fresh();
                    let received_on = world.now.date_naive().to_string();
                    let form = form(hour(from), hour(from + hours));
                    let ask = Action::Footage(FootageCommand::AskAccess { request, form, received_on });
                    if world.person("dpo", ask).is_ok() {
                        let (answer, reason) = ("granted".to_owned(), String::new());
                        let grant = Action::Footage(FootageCommand::AnswerAccess { request, answer, reason });
                        world.person("dpo", grant).unwrap();
                        frozen.push([hour(from), hour(from + hours), world.now, world.now + TimeDelta::days(7)]);
                    }
                }
                Step::Retention { days: wanted } => {
                    let set = FootageCommand::SetRetention { site: site_id("arcade"), days: wanted };
                    if world.person("titulaire", Action::Footage(set)).is_ok() {
                        days = wanted.into();
                    }
                }
                Step::Wait { hours } => {
                    world.now += TimeDelta::hours(hours);
                    world.tick();
                }
                Step::Sweep { first, count } => {
                    for n in first..first + count {
                        let (from, until) = (hour(n), hour(n + 1));
                        if purge(&mut world, vec![piece("hall", from)]).is_err() {
                            continue;
                        }
                        let over = attested.get(&from.date_naive());
                        let touches = |a: &DateTime<Utc>, b: &DateTime<Utc>| *a < until && from < *b;
                        for [held_from, held_until, placed] in standing.values() {
                            let came_first = over.is_none_or(|over| placed < over);
                            prop_assert!(!(touches(held_from, held_until) && came_first), "held: {from}");
                        }
                        for [held_from, held_until, answered, end] in &frozen {
                            // A requisition alone keeps anything beyond thirty days.
                            let young = world.now < from + TimeDelta::days(30) - TimeDelta::minutes(10);
                            let stands = young && world.now < *end && over.is_none_or(|over| answered < over);
                            prop_assert!(!(touches(held_from, held_until) && stands), "frozen: {from}");
                        }
                        let old = world.now >= from + TimeDelta::days(days) - TimeDelta::minutes(10);
                        prop_assert!(old || over.is_some(), "too early: {from}");
                        gone.insert(n);
                    }
                }
                Step::Attest { day } => {
                    let day = hour(24 * day).date_naive();
                    let camera = PurgedCamera {
                        camera: "hall".parse().unwrap(),
                        segments: 24,
                        frames: 1,
                        bytes: 1,
                        missing: 0,
                        key_destroyed: true,
                        sha256: "0".repeat(64),
                    };
                    let site = site_id("arcade");
                    world.system(Action::Footage(FootageCommand::Attest { site, day, cameras: vec![camera] })).unwrap();
                    attested.insert(day, world.now);
                }
            }
        }
    }
}
