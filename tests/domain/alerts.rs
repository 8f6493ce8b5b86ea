//! Alerts by guards (A3-2): told, bounded, and without effect on the gate.

use crate::world::{World, faults};
use chrono::TimeDelta;
use ecluse::domain::{Action, AlertId, Event, Purpose, Refusal, RefusalKind};

fn raise(world: &mut World, name: &str, site: &str, reasons: &[&str], what: &str) -> Result<AlertId, Refusal> {
    let alert = world.fresh();
    let reasons = reasons.iter().map(|reason| (*reason).to_owned()).collect();
    let action = Action::RaiseAlert { alert, site: site.to_owned(), reasons, what: what.to_owned() };
    world.person(name, action).map(|_| alert)
}

#[test]
fn a3_2_an_alert_opens_nothing() {
    let mut world = World::new();
    raise(&mut world, "guard", "arcade", &["vols"], "deux hommes forcent une porte").unwrap();
    assert_eq!(world.state.tickets.len(), 0);
    let ticket = world.request("agent", "arcade", 120).unwrap();
    let action = Action::Attach {
        session: world.fresh(),
        purpose: Purpose::Transfer { ticket },
        cameras: Vec::new(),
        workstation: "poste-1".to_owned(),
        at_most: 4,
        replace: false,
    };
    assert_eq!(world.person("agent", action).unwrap_err().code, "ticket-not-open");
    // An alert answers for nobody: silence still lapses.
    assert!(world.minutes(15).iter().any(|event| matches!(event, Event::Lapsed { .. })));
}

#[test]
fn a3_2_guards_alone_raise_alerts_for_their_sites_with_a_reason_and_one_at_a_time() {
    let mut world = World::new();
    for name in ["agent", "chief", "titulaire", "administrator", "dpo", "auditor"] {
        assert_eq!(raise(&mut world, name, "arcade", &["vols"], "x").unwrap_err().code, "guards-only", "{name}");
    }
    let wrong = raise(&mut world, "guard", "arcade", &["ennui"], " ").unwrap_err();
    let named: Vec<_> = faults(&wrong).into_iter().map(|(field, code, _)| (field, code)).collect();
    assert_eq!(named, [("reasons", "unknown-reason"), ("why", "no-reason-given")]);
    assert_eq!(faults(&raise(&mut world, "guard", "nowhere", &["vols"], "x").unwrap_err())[0].1, "unknown-site");
    let alert = raise(&mut world, "guard", "arcade", &["vols"], "x").unwrap();
    assert_eq!(raise(&mut world, "guard", "arcade", &["vols"], "y").unwrap_err().code, "alert-open");
    raise(&mut world, "guard", "quai", &["vols"], "x").unwrap();
    // Closed by the landlord's people alone, and over by itself after an hour.
    assert_eq!(world.person("agent", Action::CloseAlert { alert }).unwrap_err().code, "landlord-only");
    assert_eq!(world.person("dpo", Action::CloseAlert { alert }).unwrap_err().kind, RefusalKind::NotFound);
    assert_eq!(world.person("suppleant", Action::CloseAlert { alert }).unwrap(), [Event::AlertClosed { alert }]);
    assert_eq!(world.person("suppleant", Action::CloseAlert { alert }).unwrap(), []);
    let second = raise(&mut world, "guard", "arcade", &["vols"], "y").unwrap();
    world.minutes(59);
    assert!(world.state.alerts[&second].is_open_at(world.now));
    world.pass(TimeDelta::minutes(1));
    assert!(!world.state.alerts[&second].is_open_at(world.now));
    raise(&mut world, "guard", "arcade", &["vols"], "z").unwrap();
}
