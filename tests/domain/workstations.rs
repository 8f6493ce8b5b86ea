//! A workstation's certificate does not end by surprise (A6-2).

use crate::world::{World, id, service};
use chrono::TimeDelta;
use ecluse::domain::{Action, Actor, Event, Workstation};

#[test]
fn a6_2_the_administrator_is_reminded_a_month_and_a_week_before_a_certificate_ends() {
    let mut world = World::new();
    let until_utc = world.now + TimeDelta::days(60);
    let issue = |name: &str, until_utc| {
        let sha256 = "a".repeat(64);
        let (id, service) = (name.parse().unwrap(), service().id);
        Action::IssueWorkstation(Workstation { id, service, certificate_sha256: sha256, until_utc })
    };
    world.person("administrator", issue("poste-1", until_utc)).unwrap();
    world.system(issue("poste-2", until_utc)).unwrap();
    let known = world.state.issuances[&"poste-1".parse::<ecluse::domain::WorkstationId>().unwrap()].clone();
    assert_eq!((known.issued_at_utc, known.issued_by), (world.now, Actor::Person(id("administrator"))));
    let why = "volé".to_owned();
    world.person("administrator", Action::RevokeWorkstation { workstation: "poste-2".parse().unwrap(), why }).unwrap();
    let revoked =
        world.state.issuances[&"poste-2".parse::<ecluse::domain::WorkstationId>().unwrap()].revoked.clone().unwrap();
    assert_eq!((revoked.by, revoked.why.as_str()), (Actor::Person(id("administrator")), "volé"));

    let mut told = |days_before: i64, past: i64| {
        world.now = until_utc - TimeDelta::days(days_before) + TimeDelta::seconds(past);
        let is_reminder = |event: &Event| matches!(event, Event::WorkstationReminded { .. });
        let events: Vec<Event> = world.tick().into_iter().filter(is_reminder).collect();
        assert!(!world.tick().iter().any(is_reminder), "once");
        events
    };
    let reminded =
        |number| vec![Event::WorkstationReminded { workstation: "poste-1".parse().unwrap(), number, until_utc }];
    assert_eq!(told(30, -1), []);
    assert_eq!(told(30, 0), reminded(1));
    assert_eq!(told(7, 0), reminded(2));
    assert_eq!(told(0, 0), [], "too late to remind");

    // A new certificate begins anew.
    let until_utc = world.now + TimeDelta::days(20);
    world.state.workstations.clear();
    world.system(issue("poste-1", until_utc)).unwrap();
    assert!(world.tick().iter().any(|event| matches!(event, Event::WorkstationReminded { number: 1, .. })));
}
