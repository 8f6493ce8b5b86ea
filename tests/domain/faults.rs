//! The faults of the control plane that are decided by rules alone, each by its number.

use crate::world::World;
use chrono::{DateTime, TimeDelta, Utc};
use ecluse::domain::{
    Action, CloseCause, EndCause, Event, Heartbeat, Refusal, SessionId, SessionState, TicketId, TicketState, Traffic,
};
use std::collections::BTreeMap;

fn closed(world: &World, ticket: TicketId) -> (CloseCause, DateTime<Utc>, u64) {
    match world.ticket(ticket) {
        TicketState::Closed { cause, closed_at_utc, flowed_ms, .. } => (cause.clone(), *closed_at_utc, *flowed_ms),
        other => panic!("not closed: {other:?}"),
    }
}

fn refuse(world: &mut World, name: &str, ticket: TicketId) -> Result<Vec<Event>, Refusal> {
    world.person(name, Action::Refuse { ticket, why: "vie privée d'un tiers".to_owned() })
}

fn session(world: &World, ticket: TicketId) -> SessionId {
    world.state.live_sessions_of(ticket).next().unwrap().id
}

fn traffic(from: DateTime<Utc>, seconds: i64) -> Traffic {
    let last = from + TimeDelta::seconds(seconds);
    Traffic { first_packet_at_utc: Some(from), last_packet_at_utc: Some(last), packets: 100, bytes: 100_000 }
}

#[test]
fn a6_1_who_has_to_log_in_anew_watches_no_longer_and_others_do() {
    let mut world = World::new();
    let ticket = world.open("agent", "arcade", 120);
    world.watch("agent", ticket);
    world.watch("chief", ticket);
    let why = "téléphone perdu".to_owned();
    let person = "chief".parse().unwrap();
    world.person("administrator", Action::ResetSecondFactor { person, why }).unwrap();
    let left: Vec<_> = world.state.live_sessions_of(ticket).map(|live| live.person.to_string()).collect();
    assert_eq!(left, ["agent"]);
    let void = |session: &ecluse::domain::Session| match &session.state {
        SessionState::Ended { cause: EndCause::GateCondition { condition }, .. } => condition == "log-in-void",
        _ => false,
    };
    assert!(world.state.sessions_of(ticket).any(void));
    assert!(matches!(world.ticket(ticket), TicketState::Open { .. }));
}

#[test]
fn fault_08_nobody_who_was_struck_comes_back_by_what_they_had_proposed() {
    let mut world = World::new();
    let place = ecluse::domain::Designation {
        person: "administrator".parse().unwrap(),
        role: ecluse::domain::Role::Decider,
        sites: ["arcade".parse().unwrap()].into(),
        service: None,
    };
    world.person("administrator", Action::Designate(place)).unwrap();
    let change = *world.state.proposals.keys().next().unwrap();
    world.system(Action::Strike("administrator".parse().unwrap())).unwrap();
    let confirmed = world.person("titulaire", Action::SettleChange { change, confirm: true });
    assert_eq!(confirmed.unwrap_err().code, "unknown-change");
    assert!(!world.state.people.contains_key(&"administrator".parse::<ecluse::domain::PersonId>().unwrap()));
}

#[test]
fn fault_03_a_double_click_decides_once_ends_once_and_files_once() {
    let mut world = World::new();
    let ticket = world.request("agent", "arcade", 120).unwrap();
    assert_eq!(world.request("agent", "arcade", 120).unwrap_err().code, "ticket-live");
    assert_eq!(world.person("titulaire", Action::Approve { ticket }).unwrap().len(), 2);
    assert_eq!(world.person("titulaire", Action::Approve { ticket }).unwrap_err().code, "already-approved");
    world.person("agent", Action::EndIntervention { ticket }).unwrap();
    assert_eq!(world.person("agent", Action::EndIntervention { ticket }).unwrap_err().code, "ticket-over");
    let opened = world.entries.iter().filter(|entry| matches!(entry.event, Event::Opened { .. })).count();
    assert_eq!(opened, 1);
}

#[test]
fn fault_04_the_refusal_wins_in_either_order() {
    let mut world = World::new();
    let first = world.request("agent", "arcade", 120).unwrap();
    refuse(&mut world, "suppleant", first).unwrap();
    assert_eq!(world.person("titulaire", Action::Approve { ticket: first }).unwrap_err().code, "already-refused");
    let second = world.open("agent", "arcade", 120);
    world.watch("agent", second);
    refuse(&mut world, "suppleant", second).unwrap();
    assert!(matches!(closed(&world, second).0, CloseCause::RefusedAfterOpening { .. }));
    assert_eq!(world.state.live_sessions().count(), 0);
}

#[test]
fn fault_07_a_ticket_ends_at_its_own_instant_however_late_the_keeper_looks() {
    let mut world = World { confirms: false, ..World::new() };
    let ticket = world.open("agent", "arcade", 120);
    world.watch("agent", ticket);
    let end = world.now + TimeDelta::minutes(120);
    world.now = end + TimeDelta::hours(5);
    world.tick();
    let (cause, at, _) = closed(&world, ticket);
    assert_eq!((cause, at), (CloseCause::Expired, end));
    assert_eq!(world.state.live_sessions().count(), 0);
}

#[test]
fn fault_15_a_ticket_without_a_picture_lasts_zero_and_is_not_prolonged() {
    let mut world = World::new();
    let ticket = world.open("agent", "arcade", 120);
    let end = world.now + TimeDelta::minutes(120);
    world.minutes(120);
    assert_eq!(closed(&world, ticket), (CloseCause::Expired, end, 0));
}

#[test]
fn fault_18_twelve_hours_are_twelve_hours_on_the_night_the_clocks_change() {
    for (night, expected) in
        [("2026-10-24T22:00:00Z", "2026-10-25T10:00:00Z"), ("2027-03-27T22:00:00Z", "2027-03-28T10:00:00Z")]
    {
        let mut world = World::new();
        let mut declared = world.site("arcade", &["hall", "court"]);
        declared.convention.valid_from_utc = "2026-01-01T00:00:00Z".parse().unwrap();
        declared.convention.valid_until_utc = "2028-01-01T00:00:00Z".parse().unwrap();
        world.system(Action::DeclareSite(declared)).unwrap();
        world.now = night.parse().unwrap();
        let ticket = world.open("agent", "arcade", 720);
        let expected: DateTime<Utc> = expected.parse().unwrap();
        assert!(
            matches!(world.ticket(ticket), TicketState::Open { expires_at_utc, .. } if *expires_at_utc == expected)
        );
    }
}

#[test]
fn fault_19_after_a_crash_a_transfer_ends_with_the_last_heartbeat_and_is_never_resumed() {
    let mut world = World::new();
    let ticket = world.open("agent", "arcade", 120);
    world.watch("agent", ticket);
    let (started, id) = (world.now, session(&world, ticket));
    let at_utc = started + TimeDelta::seconds(90);
    let heartbeat = Heartbeat { at_utc, sessions: BTreeMap::from([(id, traffic(started, 80))]) };
    world.now += TimeDelta::hours(1);
    let version = "test".to_owned();
    world.system(Action::ServerStarted { version, last_heartbeat: Some(heartbeat) }).unwrap();
    assert_eq!(closed(&world, ticket), (CloseCause::ServerStopped, at_utc, 80_000));
    assert!(matches!(&world.state.sessions[&id].state, SessionState::Ended { cause: EndCause::ServerStopped, .. }));
    // A request nobody has answered goes on waiting.
    let pending = world.request("agent", "arcade", 120).unwrap();
    world.system(Action::ServerStarted { version: "test".to_owned(), last_heartbeat: None }).unwrap();
    assert!(matches!(world.ticket(pending), TicketState::Requested { .. }));
}

#[test]
fn fault_20_a_vanished_browser_leaves_the_true_duration_and_two_viewers_count_once() {
    let mut world = World::new();
    let ticket = world.open("agent", "arcade", 120);
    world.watch("agent", ticket);
    let (started, agents) = (world.now, session(&world, ticket));
    let vanished = Action::SessionEnded { session: agents, cause: EndCause::Vanished, traffic: traffic(started, 60) };
    world.watch("chief", ticket);
    let chiefs = world.state.live_sessions_of(ticket).find(|live| live.person.as_str() == "chief").unwrap().id;
    world.system(vanished).unwrap();
    let left = traffic(started + TimeDelta::seconds(30), 60);
    world.system(Action::SessionEnded { session: chiefs, cause: EndCause::Left, traffic: left }).unwrap();
    world.minutes(2);
    world.person("agent", Action::EndIntervention { ticket }).unwrap();
    assert_eq!(closed(&world, ticket).2, 90_000, "thirty seconds were seen by both");
}
