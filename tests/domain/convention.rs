//! The convention as data: what must be on record before images leave, and what is cut when it no longer is.

use crate::dossier;
use crate::world::{World, faults, id, service, site_id};
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use ecluse::domain::dossier::{Alteration, Avenant, Deciders, ReasonBasis, ReasonList, Renewal, Subject};
use ecluse::domain::{
    Action, Actor, CloseCause, Designation, EndCause, Event, Missing, Reason, Record, Refusal, RefusalKind,
    RightsChange, Role, SessionState, TicketId, TicketState,
};

fn missing(world: &World, site: &str) -> Vec<&'static str> {
    world.state.missing(&world.state.sites[&site_id(site)]).iter().map(Missing::as_str).collect()
}

fn cut_by(world: &World, ticket: TicketId) -> String {
    match world.ticket(ticket) {
        TicketState::Closed { cause: CloseCause::GateCondition { condition }, .. } => condition.clone(),
        TicketState::Voided { condition, .. } => condition.clone(),
        other => panic!("{other:?}"),
    }
}

fn codes(result: Result<Vec<Event>, Refusal>) -> Vec<&'static str> {
    faults(&result.unwrap_err()).into_iter().map(|(_, code, _)| code).collect()
}

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

#[test]
fn a5_1_a4_1_a3_3_a1_2_a_site_opens_once_its_dossier_is_complete_and_says_what_it_lacks() {
    let mut world = World::new();
    world.system(Action::DeclareSite(world.site("port", &["dock", "ramp"]))).unwrap();
    let everything = [
        "agreement-missing",
        "annex-missing",
        "deciders-missing",
        "entrances-missing",
        "no-attested-camera",
        "camera-not-attested",
        "camera-not-attested",
    ];
    assert_eq!(missing(&world, "port"), everything);
    let agent = Designation {
        person: id("agent"),
        role: Role::Operator,
        sites: ["arcade", "port"].map(site_id).into(),
        service: Some(service().id),
    };
    world.system(Action::Designate(agent)).unwrap();
    // C-6: with an empty annex nobody can ask, whatever places people have.
    let refusal = world.request("agent", "port", 120).unwrap_err();
    let named: Vec<_> = faults(&refusal).into_iter().map(|(field, code, _)| (field, code)).collect();
    assert_eq!(named, [("site", "not-in-annex"), ("site", "site-not-ready")]);

    let declared = world.state.sites[&site_id("port")].clone();
    let mut left = everything.len();
    for record in dossier::complete(&declared, &["agent"], &[], "titulaire", "somebody") {
        assert_eq!(world.request("agent", "port", 120).unwrap_err().kind, RefusalKind::Invalid);
        world.file("port", record).unwrap();
        let now = missing(&world, "port").len();
        // The list of entrances brings the notices that do not hang there yet.
        assert!(now <= left, "{:?}", missing(&world, "port"));
        left = now;
        if left == 1 {
            break;
        }
    }
    // One camera of two: it alone is shown.
    assert_eq!(missing(&world, "port"), ["camera-not-attested"]);
    let ticket = world.request("agent", "port", 120).unwrap();
    world.person("titulaire", Action::Approve { ticket }).unwrap();
    world.watch("agent", ticket);
    let shown: Vec<_> = world.state.live_sessions().flat_map(|session| session.cameras.clone()).collect();
    assert_eq!(shown, ["dock".parse().unwrap()]);
}

#[test]
fn fault_22_a_camera_that_was_turned_is_cut_until_it_is_attested_again() {
    for (who, alteration) in
        [("administrator", Alteration::Masks), ("titulaire", Alteration::Position), ("guard", Alteration::View)]
    {
        let mut world = World::new();
        let ticket = world.open("agent", "arcade", 120);
        world.watch("agent", ticket);
        let lapsed = Record::AttestationLapsed { camera: "hall".parse().unwrap(), alteration };
        let action = Action::File { site: site_id("arcade"), record: lapsed.clone() };
        assert_eq!(world.person("agent", action.clone()).unwrap_err().kind, RefusalKind::Forbidden);
        world.person(who, action).unwrap();
        assert_eq!(world.state.live_sessions().count(), 0, "{who}");
        let condition = world.state.sessions_of(ticket).find_map(|session| match &session.state {
            SessionState::Ended { cause: EndCause::GateCondition { condition }, .. } => Some(condition.clone()),
            _ => None,
        });
        assert_eq!(condition.as_deref(), Some("camera-not-attested"));
        // The ticket goes on with the other camera.
        world.watch("agent", ticket);
        let shown: Vec<_> = world.state.live_sessions().flat_map(|session| session.cameras.clone()).collect();
        assert_eq!(shown, ["court".parse().unwrap()]);
        world.file("arcade", Record::Attestation(dossier::attestation("hall"))).unwrap();
        world.watch("agent", ticket);
        assert_eq!(world.state.live_sessions().flat_map(|session| session.cameras.clone()).count(), 2);
    }
}

#[test]
fn fault_22_the_last_attested_camera_takes_the_ticket_with_it_but_not_the_landlords_own_look() {
    let mut world = World::new();
    let ticket = world.open("agent", "quai", 120);
    let lapsed = Record::AttestationLapsed { camera: "gate".parse().unwrap(), alteration: Alteration::View };
    world.file("quai", lapsed).unwrap();
    assert_eq!(cut_by(&world, ticket), "no-attested-camera");
}

#[test]
fn a5_1_a4_1_what_is_withdrawn_from_the_dossier_cuts_at_once() {
    let mut world = World::new();
    let ticket = world.open("agent", "arcade", 120);
    world.watch("agent", ticket);
    let entrance = "arcade, porte principale".to_owned();
    world.file("arcade", Record::SignageGone { entrance: entrance.clone() }).unwrap();
    assert_eq!((cut_by(&world, ticket).as_str(), missing(&world, "arcade")[0]), ("signage-missing", "signage-missing"));
    assert_eq!(world.state.live_sessions().count(), 0);
    world.file("arcade", Record::Signage { entrance, posted_on: day("2026-11-24") }).unwrap();
    assert_eq!(missing(&world, "arcade"), [""; 0]);
    world.minutes(30);
    let pending = world.request("agent", "arcade", 120).unwrap();
    world.system(Action::Strike(id("suppleant"))).unwrap();
    assert_eq!(cut_by(&world, pending), "deciders-missing");
}

#[test]
fn fault_08_an_agent_who_is_not_in_the_new_annex_is_cut_while_watching() {
    let mut world = World::new();
    let ticket = world.open("colleague", "arcade", 120);
    world.watch("colleague", ticket);
    world.watch("chief", ticket);
    let stale = Record::Annex(dossier::annex(1, &["agent"], &["chief"]));
    assert_eq!(codes(world.file("arcade", stale)), ["version-not-next"]);
    world.file("arcade", Record::Annex(dossier::annex(2, &["agent", "newcomer"], &["chief"]))).unwrap();
    assert_eq!(cut_by(&world, ticket), "requester-not-designated");
    assert_eq!(world.state.live_sessions().count(), 0);
    assert!(!world.state.people.contains_key(&id("colleague")), "it was their only site");
    assert_eq!(world.state.people[&id("newcomer")].role, Role::Operator);
    world.minutes(30);
    world.request("newcomer", "arcade", 120).unwrap();
    // An agent of two sites keeps the other one.
    world.file("arcade", Record::Annex(dossier::annex(3, &["newcomer"], &[]))).unwrap();
    assert_eq!(world.state.people[&id("agent")].sites, [site_id("quai")].into());
}

#[test]
fn a3_3_a4_3_an_annex_names_the_polices_people_alone_and_each_once() {
    let mut world = World::new();
    let mut annex = dossier::annex(2, &["agent", "agent", "titulaire"], &[]);
    annex.people[0].role = Role::Administrator;
    annex.dated = day("2026-11-25");
    annex.sha256 = "0".to_owned();
    let named = codes(world.file("arcade", Record::Annex(annex)));
    assert_eq!(named, ["date-in-future", "digest-expected", "role-not-police", "person-twice", "other-role"]);
    assert_eq!(codes(world.file("arcade", Record::Annex(dossier::annex(2, &[], &[])))), ["lines-expected"]);
}

#[test]
fn a4_1_two_different_people_decide_and_whoever_decided_before_does_so_no_more() {
    let mut world = World::new();
    let named = |titulaire: &str, suppleant: &str| {
        Record::Deciders(Deciders { titulaire: id(titulaire), suppleant: id(suppleant), dated: day("2026-11-20") })
    };
    assert_eq!(codes(world.file("arcade", named("titulaire", "titulaire"))), ["same-person"]);
    assert_eq!(codes(world.file("arcade", named("titulaire", "agent"))), ["other-role"]);
    let ticket = world.request("agent", "arcade", 120).unwrap();
    world.file("arcade", named("titulaire", "new-one")).unwrap();
    assert!(!world.state.people.contains_key(&id("suppleant")));
    let refusal = world.person("suppleant", Action::Approve { ticket }).unwrap_err();
    assert_eq!(refusal.kind, RefusalKind::Forbidden);
    world.person("new-one", Action::Approve { ticket }).unwrap();
}

#[test]
fn nobody_changes_their_own_rights_alone() {
    let mut world = World::new();
    let deciders = Deciders { titulaire: id("titulaire"), suppleant: id("administrator"), dated: day("2026-11-20") };
    let events = world.file("arcade", Record::Deciders(deciders.clone())).unwrap();
    let [Event::ChangeProposed { change, rights: RightsChange::Deciders { .. } }] = events[..] else {
        panic!("{events:?}")
    };
    let settle = |confirm| Action::SettleChange { change, confirm };
    assert_eq!(world.person("administrator", settle(true)).unwrap_err().code, "own-change");
    assert_eq!(world.person("guard", settle(true)).unwrap_err().code, "second-person-only");
    // Confirmed, it is checked again: an administrator has a role already.
    assert_eq!(world.person("titulaire", settle(true)).unwrap_err().code, "record-faulty");
    world.person("administrator", settle(false)).unwrap();
    assert_eq!(world.person("titulaire", settle(true)).unwrap_err().code, "unknown-change");

    // An administrator who makes themself a guard, and one who strikes themself.
    let place = Designation {
        person: id("administrator"),
        role: Role::Guard,
        sites: [site_id("arcade")].into(),
        service: None,
    };
    let events = world.person("administrator", Action::Designate(place.clone())).unwrap();
    assert_eq!(world.state.people[&id("administrator")].role, Role::Administrator);
    let [Event::ChangeProposed { change, .. }] = events[..] else { panic!("{events:?}") };
    world.person("suppleant", Action::SettleChange { change, confirm: true }).unwrap();
    assert_eq!(world.state.people[&id("administrator")], place);
}

#[test]
fn a3_1_reasons_are_versioned_with_their_legal_basis_and_only_those_in_force_may_be_ticked() {
    let mut world = World::new();
    let before = world.state.dossier(&site_id("arcade")).reasons.clone();
    assert_eq!((before.version, before.reasons.len()), (1, 6));
    assert!(before.reasons.iter().all(|entry| entry.legal_basis.contains("L272-2")));
    let entry = |reason| ReasonBasis { reason, legal_basis: "avenant n° 2".to_owned() };
    let list = |version, reasons: &[Reason]| {
        let reasons = reasons.iter().copied().map(entry).collect();
        Record::Reasons(ReasonList { version, dated: day("2026-11-01"), reasons })
    };
    assert_eq!(codes(world.file("arcade", list(1, &[Reason::Vols]))), ["version-not-next"]);
    assert_eq!(codes(world.file("arcade", list(2, &[]))), ["lines-expected"]);
    assert_eq!(codes(world.file("arcade", list(2, &[Reason::Vols, Reason::Vols]))), ["reason-twice"]);
    world.file("arcade", list(2, &[Reason::Degradations])).unwrap();
    let refusal = world.request("agent", "arcade", 120).unwrap_err();
    assert_eq!(faults(&refusal)[0].1, "unknown-reason");
    world.request("agent", "quai", 120).unwrap();
}

#[test]
fn fault_23_the_convention_ends_at_midnight_in_paris_unless_a_recorded_act_renews_it() {
    let mut world = World { confirms: false, ..World::new() };
    world.now = "2027-02-09T22:00:00Z".parse().unwrap();
    let ticket = world.open("agent", "arcade", 120);
    world.watch("agent", ticket);
    let midnight: DateTime<Utc> = "2027-02-09T23:00:00Z".parse().unwrap();
    assert!(matches!(world.ticket(ticket), TicketState::Open { expires_at_utc, .. } if *expires_at_utc == midnight));
    assert!(world.state.live_sessions().all(|session| session.deadline_utc == midnight));
    world.now = midnight;
    world.tick();
    assert!(matches!(world.ticket(ticket), TicketState::Closed { .. }));
    world.minutes(30);
    assert_eq!(faults(&world.request("agent", "arcade", 120).unwrap_err())[0].1, "convention-not-valid");
    let renewal = |valid_until| {
        Record::Renewal(Renewal { reference: "Acte 3".to_owned(), signed_on: day("2027-01-10"), valid_until })
    };
    assert_eq!(codes(world.file("arcade", renewal(day("2027-02-09")))), ["renewal-not-later"]);
    world.file("arcade", renewal(day("2030-02-09"))).unwrap();
    world.request("agent", "arcade", 120).unwrap();
    // Start-up declares the site as configured: what was renewed stays so; another convention is another matter.
    world.system(Action::DeclareSite(world.site("arcade", &["hall", "court"]))).unwrap();
    assert!(world.state.live_tickets().count() == 1);
    let mut other = world.site("arcade", &["hall", "court"]);
    other.convention.valid_until_utc -= TimeDelta::days(1);
    world.system(Action::DeclareSite(other)).unwrap();
    assert!(world.state.live_tickets().count() == 0);
}

#[test]
fn a8_1_the_landlord_is_reminded_before_the_three_months_notice_and_once_each_time() {
    let mut world = World::new();
    let renewal =
        Renewal { reference: "Acte 3".to_owned(), signed_on: day("2026-11-10"), valid_until: day("2027-08-31") };
    world.file("arcade", Record::Renewal(renewal)).unwrap();
    // The convention ends with 31 August in Paris; the notice begins three months before.
    let notice: DateTime<Utc> = "2027-05-31T22:00:00Z".parse().unwrap();
    let mut told = |at: DateTime<Utc>| {
        world.now = at;
        let events = world.tick();
        assert_eq!(world.tick(), []);
        events
    };
    let reminded = |number| {
        let site = site_id("arcade");
        vec![Event::RenewalReminded { site, number, notice_from_utc: notice }]
    };
    assert_eq!(told(notice - TimeDelta::days(30) - TimeDelta::seconds(1)), []);
    assert_eq!(told(notice - TimeDelta::days(30)), reminded(1));
    assert_eq!(told(notice - TimeDelta::days(6)), reminded(2));
    assert_eq!(told(notice), []);
}

#[test]
fn a6_3_acts_are_checked_for_sense_and_filed_by_the_administrator_alone() {
    let mut world = World::new();
    let avenant = |reference: &str| {
        Record::Avenant(Avenant {
            reference: reference.to_owned(),
            signed_on: day("2026-10-01"),
            subject: Subject::Player,
            summary: "un autre lecteur que V264 Player".to_owned(),
        })
    };
    world.file("arcade", avenant("Avenant 1")).unwrap();
    assert_eq!(codes(world.file("arcade", avenant("Avenant 1"))), ["avenant-known"]);
    assert_eq!(codes(world.file("arcade", avenant(" \u{7}"))), ["text-expected"]);
    assert_eq!(codes(world.file("arcade", avenant(&"x".repeat(301)))), ["text-expected"]);
    assert_eq!(world.file("nowhere", avenant("Avenant 2")).unwrap_err().kind, RefusalKind::NotFound);
    for name in ["agent", "chief", "titulaire", "guard", "dpo", "auditor"] {
        let action = Action::File { site: site_id("arcade"), record: avenant("Avenant 3") };
        assert_eq!(world.person(name, action).unwrap_err().kind, RefusalKind::Forbidden, "{name}");
    }
    let unknown = Record::Signage { entrance: "nulle part".to_owned(), posted_on: day("2026-11-01") };
    assert_eq!(codes(world.file("arcade", unknown)), ["unknown-entrance"]);
    let twice = Record::Entrances { entrances: vec!["a".to_owned(), "a".to_owned()] };
    assert_eq!(codes(world.file("arcade", twice)), ["entrance-twice"]);
    let nowhere = Record::Attestation(dossier::attestation("gate"));
    assert_eq!(codes(world.file("arcade", nowhere)), ["unknown-camera"]);
    // What is so already is not written again.
    let same = Record::Attestation(dossier::attestation("hall"));
    assert_eq!(world.execute(Actor::System, Action::File { site: site_id("arcade"), record: same }).unwrap(), []);
}
