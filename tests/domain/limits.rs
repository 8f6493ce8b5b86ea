//! No permanent viewing (A4-7, fault 1).

use crate::world::{World, faults, site_id};
use chrono::TimeDelta;
use ecluse::domain::{Action, Policy, RefusalKind, State, TicketState};

fn policy(day: u32, week: u32, pause: u32) -> Policy {
    Policy { day_cap_minutes: day * 60, week_cap_minutes: week * 60, cooling_off_minutes: pause }
}

fn set(world: &mut World, name: &str, policy: Policy) -> Result<(), ecluse::domain::Refusal> {
    world.person(name, Action::SetPolicy { site: site_id("arcade"), policy }).map(drop)
}

/// Asks until it is accepted, at the instant the refusal names; checks that a moment before it is refused still.
fn at_the_named_instant(world: &mut World, name: &str, minutes: i64) {
    let refusal = world.request(name, "arcade", minutes).unwrap_err();
    assert_eq!((refusal.kind, refusal.code), (RefusalKind::Conflict, "too-soon"), "{refusal}");
    let from = faults(&refusal).into_iter().filter_map(|(_, _, from)| from).max().unwrap();
    world.pass(from - world.now - TimeDelta::microseconds(1));
    let early = world.request(name, "arcade", minutes).unwrap_err();
    assert_eq!(early.code, "too-soon", "{early}");
    world.pass(TimeDelta::microseconds(1));
    let ticket = world.request(name, "arcade", minutes).unwrap();
    world.person("titulaire", Action::Approve { ticket }).unwrap();
}

#[test]
fn fault_01_tickets_chained_or_alternated_between_two_agents_keep_to_the_services_cap() {
    let mut world = World::new();
    let first = world.open("agent", "arcade", 12 * 60);
    let started = world.now;
    world.minutes(12 * 60);
    assert!(matches!(world.ticket(first), TicketState::Closed { .. }));
    // Twelve hours are used up for the service: its other agent has nothing left of them either.
    world.minutes(30);
    for name in ["agent", "colleague"] {
        let refusal = world.request(name, "arcade", 120).unwrap_err();
        let expected = started + TimeDelta::hours(24);
        assert_eq!(faults(&refusal), [("duration_minutes", "day-cap", Some(expected))], "{name}");
    }
    // Another site has its own account.
    world.request("agent", "quai", 120).unwrap();
    at_the_named_instant(&mut world, "colleague", 12 * 60);
    world.minutes(12 * 60);
    at_the_named_instant(&mut world, "agent", 12 * 60);
    world.minutes(12 * 60);
    // Three times twelve hours: the week is full.
    let refusal = world.request("colleague", "arcade", 120).unwrap_err();
    let week = faults(&refusal).into_iter().find(|fault| fault.1 == "week-cap").unwrap();
    assert_eq!(week.2, Some(started + TimeDelta::days(7)));
    at_the_named_instant(&mut world, "colleague", 120);
}

#[test]
fn a4_7_what_counts_is_the_time_open_and_a_ticket_ended_early_leaves_room() {
    let mut world = World::new();
    set(&mut world, "titulaire", policy(6, 36, 0)).unwrap();
    let ticket = world.open("agent", "arcade", 360);
    // While it is open it counts in full, and there is one at a time.
    assert_eq!(world.request("colleague", "arcade", 120).unwrap_err().code, "ticket-live");
    world.minutes(60);
    world.person("agent", Action::EndIntervention { ticket }).unwrap();
    assert_eq!(world.request("agent", "arcade", 301).unwrap_err().code, "too-soon");
    world.request("agent", "arcade", 300).unwrap();
}

#[test]
fn a4_7_a_cooling_off_time_follows_every_ticket_but_not_a_request_nobody_opened() {
    let mut world = World::new();
    let asked = world.request("agent", "arcade", 120).unwrap();
    world.person("titulaire", Action::Refuse { ticket: asked, why: "non".to_owned() }).unwrap();
    let ticket = world.open("agent", "arcade", 120);
    world.minutes(5);
    world.person("titulaire", Action::Interrupt { ticket, why: "assez".to_owned() }).unwrap();
    let refusal = world.request("colleague", "arcade", 120).unwrap_err();
    assert_eq!(faults(&refusal), [("site", "cooling-off", Some(world.now + TimeDelta::minutes(30)))]);
    at_the_named_instant(&mut world, "colleague", 120);
}

#[test]
fn a4_7_a_ticket_cut_by_the_servers_own_stop_may_be_asked_for_again_at_once() {
    let mut world = World::new();
    world.open("agent", "arcade", 120);
    world.minutes(10);
    world.system(Action::ServerStopping).unwrap();
    world.request("agent", "arcade", 120).unwrap();
}

#[test]
fn a4_7_an_open_ticket_is_never_renewed_and_its_end_never_moves() {
    let mut world = World::new();
    let ticket = world.open("agent", "arcade", 120);
    let end = world.now + TimeDelta::minutes(120);
    world.minutes(60);
    assert_eq!(world.request("agent", "arcade", 120).unwrap_err().code, "ticket-live");
    assert_eq!(world.person("suppleant", Action::Approve { ticket }).unwrap_err().code, "already-approved");
    assert!(matches!(world.ticket(ticket), TicketState::Open { expires_at_utc, .. } if *expires_at_utc == end));
}

#[test]
fn a4_7_the_landlord_sets_the_limits_and_the_administrator_may_only_tighten_them() {
    let mut world = World::new();
    let names = |result: Result<(), ecluse::domain::Refusal>| result.unwrap_err().code;
    assert_eq!(names(set(&mut world, "administrator", policy(13, 36, 30))), "landlord-loosens");
    assert_eq!(names(set(&mut world, "administrator", policy(12, 36, 29))), "landlord-loosens");
    for name in ["agent", "chief", "guard", "dpo", "auditor"] {
        assert_eq!(names(set(&mut world, name, policy(4, 8, 60))), "landlord-or-administrator-only", "{name}");
    }
    set(&mut world, "administrator", policy(4, 8, 60)).unwrap();
    set(&mut world, "suppleant", policy(24, 168, 0)).unwrap();
    let refusal = set(&mut world, "titulaire", policy(25, 1, 2_000)).unwrap_err();
    let named: Vec<_> = faults(&refusal).into_iter().map(|(field, ..)| field).collect();
    assert_eq!(named, ["day_cap_minutes", "week_cap_minutes", "cooling_off_minutes"]);
    // A decider of another site alone is not asked.
    let site = site_id("quai");
    let elsewhere = world.person("suppleant", Action::SetPolicy { site, policy: Policy::default() });
    assert_eq!(elsewhere.unwrap_err().kind, RefusalKind::NotFound);
    // A request longer than the cap itself is told so, without an hour to wait for.
    set(&mut world, "titulaire", policy(3, 36, 0)).unwrap();
    let refusal = world.request("agent", "arcade", 240).unwrap_err();
    assert_eq!(faults(&refusal), [("duration_minutes", "over-day-cap", None)]);
    assert_eq!(refusal.kind, RefusalKind::Invalid);
}

#[test]
fn a4_7_limits_tightened_meanwhile_hold_at_the_decision() {
    let mut world = World::new();
    let ticket = world.request("agent", "arcade", 240).unwrap();
    set(&mut world, "titulaire", policy(2, 2, 30)).unwrap();
    let refusal = world.person("titulaire", Action::Approve { ticket }).unwrap_err();
    assert_eq!((refusal.kind, refusal.code), (RefusalKind::Conflict, "over-limits"));
}

#[test]
fn a4_7_a_register_without_policies_reads_with_the_conventions_own() {
    let world = World::new();
    let mut old = State::default();
    for entry in &world.entries {
        old.apply(entry);
    }
    assert_eq!(old.policy(&site_id("arcade")), policy(12, 36, 30));
}

#[test]
fn fault_06_a_wall_clock_set_back_does_not_give_time_back() {
    let mut world = World::new();
    set(&mut world, "titulaire", policy(12, 36, 0)).unwrap();
    let ticket = world.open("agent", "arcade", 360);
    world.minutes(300);
    // Three hours back: the clock tells two hours of the five, and what follows would overlap what was.
    world.now -= TimeDelta::hours(3);
    world.system(Action::ClockStepped { by_us: -3 * 3_600_000_000 }).unwrap();
    world.person("agent", Action::EndIntervention { ticket }).unwrap();
    let again = world.open("agent", "arcade", 360);
    world.minutes(360);
    assert!(matches!(world.ticket(again), TicketState::Closed { .. }));
    let refusal = world.request("colleague", "arcade", 120).unwrap_err();
    assert_eq!(refusal.code, "too-soon");
}
