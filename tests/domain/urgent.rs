//! The `urgent` mode (conflict table, row 1): by an avenant, under a guard's open alert, once; everything else as ever.

use crate::dossier;
use crate::world::{World, faults, id, site_id};
use chrono::TimeDelta;
use ecluse::domain::dossier::{Avenant, Mode, Subject};
use ecluse::domain::{Action, AlertId, Event, OpenedBy, Record, TicketState};

fn avenant(reference: &str, subject: Subject) -> Record {
    let summary = "objet".to_owned();
    Record::Avenant(Avenant { reference: reference.to_owned(), signed_on: dossier::long_ago(), subject, summary })
}

fn urgent(reference: &str) -> Record {
    Record::Opening(Mode::Urgent { avenant: reference.to_owned() })
}

/// A decider chooses how requests are opened.
fn choose(world: &mut World, site: &str, mode: Record) -> Result<Vec<Event>, ecluse::domain::Refusal> {
    world.person("titulaire", Action::File { site: site_id(site), record: mode })
}

/// A world whose site is in `urgent` mode.
fn world() -> World {
    let mut world = World::new();
    world.file("arcade", avenant("Avenant 2", Subject::UrgentMode)).unwrap();
    choose(&mut world, "arcade", urgent("Avenant 2")).unwrap();
    world
}

fn alert(world: &mut World, site: &str) -> AlertId {
    let alert = world.fresh();
    let (reasons, what) = (vec!["vols".to_owned()], "une porte est forcée".to_owned());
    world.person("guard", Action::RaiseAlert { alert, site: site.to_owned(), reasons, what }).unwrap();
    alert
}

fn is_pending(world: &World, ticket: ecluse::domain::TicketId) -> bool {
    matches!(world.ticket(ticket), TicketState::Requested { .. })
}

#[test]
fn the_mode_needs_an_avenant_of_its_subject_and_one_of_the_sites_deciders() {
    let mut world = World::new();
    world.file("arcade", avenant("Avenant 1", Subject::Player)).unwrap();
    for reference in ["Avenant 1", "Avenant 2", ""] {
        let refusal = choose(&mut world, "arcade", urgent(reference)).unwrap_err();
        assert_eq!(faults(&refusal), [("avenant", "urgent-avenant-missing", None)], "{reference}");
    }
    world.file("arcade", avenant("Avenant 2", Subject::UrgentMode)).unwrap();
    let site = site_id("arcade");
    for name in ["agent", "chief", "guard", "administrator", "dpo", "auditor"] {
        let action = Action::File { site: site.clone(), record: urgent("Avenant 2") };
        world.person(name, action).unwrap_err();
    }
    assert_eq!(choose(&mut world, "arcade", urgent("Avenant 2")).unwrap().len(), 1);
    // The avenant of one site says nothing about another.
    choose(&mut world, "quai", urgent("Avenant 2")).unwrap_err();
    // Back to prior approval: the administrator too.
    let back = Action::File { site, record: Record::Opening(Mode::Approval) };
    for name in ["agent", "guard"] {
        world.person(name, back.clone()).unwrap_err();
    }
    assert_eq!(world.person("administrator", back).unwrap().len(), 1);
    // A convention that is declared anew is another one.
    choose(&mut world, "arcade", urgent("Avenant 2")).unwrap();
    let mut declared = world.state.sites[&site_id("arcade")].clone();
    declared.convention.valid_until_utc += TimeDelta::days(1);
    world.system(Action::DeclareSite(declared)).unwrap();
    assert_eq!(world.state.dossier(&site_id("arcade")).opening, Mode::Approval);
}

#[test]
fn it_opens_at_once_under_an_open_alert_once_and_the_register_says_by_which_rule() {
    let mut world = world();
    let before = world.request("agent", "arcade", 120).unwrap();
    assert!(is_pending(&world, before), "no alert, no opening");
    world.person("agent", Action::Withdraw { ticket: before }).unwrap();
    alert(&mut world, "quai");
    let before = world.request("agent", "arcade", 120).unwrap();
    assert!(is_pending(&world, before), "an alert elsewhere opens nothing here");
    // An alert after the request opens nothing either: the control comes first, and once.
    let alert_id = alert(&mut world, "arcade");
    world.tick();
    assert!(is_pending(&world, before));
    world.person("agent", Action::Withdraw { ticket: before }).unwrap();

    let entries = world.entries.len();
    let ticket = world.request("agent", "arcade", 120).unwrap();
    let TicketState::Open { opened_by, opened_at_utc, expires_at_utc, .. } = world.ticket(ticket) else {
        panic!("{:?}", world.ticket(ticket))
    };
    assert_eq!(*opened_by, OpenedBy::Rule { alert: alert_id, avenant: "Avenant 2".to_owned() });
    assert_eq!(*expires_at_utc - *opened_at_utc, TimeDelta::minutes(120));
    let [asked, opened] = &world.entries[entries..] else { panic!("{:?}", &world.entries[entries..]) };
    assert_eq!(asked.actor, ecluse::domain::Actor::Person(id("agent")));
    assert_eq!(opened.actor, ecluse::domain::Actor::System, "no person decided");
    assert!(
        matches!(&opened.event, Event::OpenedUrgently { alert, avenant, .. } if *alert == alert_id && avenant == "Avenant 2")
    );
    world.watch("agent", ticket);

    // A decider cuts; the same alert opens no second ticket.
    world.person("titulaire", Action::Interrupt { ticket, why: "non".to_owned() }).unwrap();
    world.minutes(31);
    let next = world.request("agent", "arcade", 120).unwrap();
    assert!(is_pending(&world, next), "one alert, one opening: no standing approval (A4-3)");
}

#[test]
fn a4_7_the_control_caps_and_the_cooling_off_hold_as_usual() {
    let mut world = world();
    alert(&mut world, "arcade");
    assert_eq!(world.request("agent", "arcade", 119).unwrap_err().code, "request-faulty");
    let ticket = world.request("agent", "arcade", 120).unwrap();
    world.person("agent", Action::EndIntervention { ticket }).unwrap();
    let alert_id = world.state.alerts.values().find(|alert| alert.site == site_id("arcade")).unwrap().id;
    world.person("guard", Action::CloseAlert { alert: alert_id }).unwrap();
    alert(&mut world, "arcade");
    assert_eq!(world.request("agent", "arcade", 120).unwrap_err().code, "too-soon");
}

#[test]
fn an_alert_that_is_closed_over_or_a_struck_guards_opens_nothing() {
    let mut world = world();
    let closed = alert(&mut world, "arcade");
    world.person("titulaire", Action::CloseAlert { alert: closed }).unwrap();
    let ticket = world.request("agent", "arcade", 120).unwrap();
    assert!(is_pending(&world, ticket));
    world.person("agent", Action::Withdraw { ticket }).unwrap();
    alert(&mut world, "arcade");
    world.system(Action::Strike(id("guard"))).unwrap();
    let ticket = world.request("agent", "arcade", 120).unwrap();
    assert!(is_pending(&world, ticket), "nobody stands behind it any more");
}

#[test]
fn fault_06_an_alert_does_not_live_longer_for_a_clock_set_back() {
    let mut world = world();
    alert(&mut world, "arcade");
    world.minutes(50);
    world.now -= TimeDelta::minutes(40);
    world.system(Action::ClockStepped { by_us: -40 * 60 * 1_000_000 }).unwrap();
    world.minutes(15);
    let ticket = world.request("agent", "arcade", 120).unwrap();
    assert!(is_pending(&world, ticket), "an hour and five minutes after it was raised");
}
