//! Mails that nobody's request leads to: reminders of what ends (A8-1, A6-2), and what the landlord is told when the rule of
//! the urgent mode has opened a ticket (conflict table, row 1).

use crate::delivery::set_language;
use crate::rig::{Rig, email};
use crate::{accepted, dossier, house, mail_entries};
use ecluse::clock::Clock;
use ecluse::domain::dossier::{Avenant, Mode, Subject};
use ecluse::domain::{
    AccessId, Action, Actor, Command, Event, FootageCommand, MailKind, Record, ScopeForm, Workstation,
};
use reqwest::StatusCode;
use serde_json::{Value, json};
use std::time::Duration;

async fn execute(rig: &Rig, actor: &str, action: Action) {
    let actor = if actor.is_empty() { Actor::System } else { Actor::Person(actor.parse().unwrap()) };
    rig.control.execute(Command { actor, action }).await.unwrap();
}

/// The mails to this person.
fn to<'a>(mails: &'a [Value], name: &str) -> Vec<&'a Value> {
    mails.iter().filter(|mail| mail["to"][0] == email(name)).collect()
}

fn text(mail: &Value) -> &str {
    mail["text"].as_str().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a8_1_a6_2_deciders_and_administrator_are_mailed_before_convention_or_certificate_end() {
    let (smtp, rig, _certificates) = house().await;
    set_language(&rig, "deputy", "en").await;
    let workstation = Workstation {
        id: "poste-1".parse().unwrap(),
        service: "csu".parse().unwrap(),
        certificate_sha256: "a".repeat(64),
        until_utc: rig.clock.utc() + chrono::TimeDelta::days(20),
    };
    execute(&rig, "", Action::IssueWorkstation(workstation)).await;
    let mails = smtp.mails(1);
    assert_eq!(to(&mails, "administrator").len(), 1, "{mails:?}");
    assert!(text(&mails[0]).contains("poste-1") && text(&mails[0]).contains("/admin/workstations"), "{}", mails[0]);
    assert!(mails[0]["headers"]["subject"].as_str().unwrap().starts_with("Certificat du poste dédié poste-1"));

    // The rig's conventions last 300 days: three months before their end notice begins, a month before that it is told.
    rig.clock.advance(Duration::from_secs(190 * 24 * 3600));
    // Arcade: both deciders and the administrator. Quai: its one decider with an account, and the administrator.
    let mails = smtp.mails(5);
    for (name, site, subject) in [
        ("decider", "arcade", "Convention : préavis à partir du"),
        ("deputy", "arcade", "Convention: notice period from"),
        ("elsewhere", "quai", "Convention : préavis à partir du"),
    ] {
        let theirs = to(&mails, name);
        assert_eq!(theirs.len(), 1, "{name}: {mails:?}");
        assert!(theirs[0]["headers"]["subject"].as_str().unwrap().starts_with(subject), "{}", theirs[0]);
        assert!(text(theirs[0]).contains(&format!("https://ecluse.example.org/sites/{site}")), "{}", theirs[0]);
        assert!(!text(theirs[0]).contains("mail-"), "a key was left untranslated: {}", theirs[0]);
    }
    assert_eq!(to(&mails, "administrator").len(), 2);
    for name in ["agent", "chief", "guard", "dpo"] {
        assert!(to(&mails, name).is_empty(), "{name}");
    }
    accepted(&rig, 6).await;
    let renewal = |event: &Event| matches!(event, Event::MailAccepted { kind: MailKind::Renewal, ticket: None, .. });
    assert_eq!(mail_entries(&rig).iter().filter(|entry| renewal(&entry.event)).count(), 5);
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a5_2_an_access_request_nobody_answers_is_mailed_on_day_twenty_and_an_answered_one_is_not() {
    let (smtp, rig, _certificates) = house().await;
    set_language(&rig, "deputy", "en").await;
    let now = rig.clock.utc();
    let camera = rig
        .control
        .read(|state| state.sites[&"arcade".parse::<ecluse::domain::SiteId>().unwrap()].cameras[0].id.to_string());
    let [waits, answered] = [AccessId::generate(), AccessId::generate()];
    for request in [waits, answered] {
        let form = ScopeForm {
            site: "arcade".to_owned(),
            cameras: vec![camera.clone()],
            from_utc: Some(now - chrono::TimeDelta::hours(3)),
            until_utc: Some(now - chrono::TimeDelta::hours(2)),
        };
        let received_on = ecluse::domain::day::day_of(now).to_string();
        execute(&rig, "dpo", Action::Footage(FootageCommand::AskAccess { request, form, received_on })).await;
    }
    let (answer, reason) = ("granted".to_owned(), String::new());
    let request = answered;
    execute(&rig, "decider", Action::Footage(FootageCommand::AnswerAccess { request, answer, reason })).await;
    assert!(smtp.unread().is_empty());
    rig.clock.advance(Duration::from_secs(20 * 24 * 3600));
    let mails = smtp.mails(3);
    for (name, words) in [("decider", "droit d’accès"), ("deputy", "right of access"), ("dpo", "droit d’accès")] {
        let theirs = to(&mails, name);
        assert_eq!(theirs.len(), 1, "{name}: {mails:?}");
        let said = text(theirs[0]);
        assert!(said.contains(words) && said.contains("https://ecluse.example.org/access-requests"), "{said}");
        assert!(!said.contains("mail-"), "a key was left untranslated: {said}");
    }
    accepted(&rig, 3).await;
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a3_7_an_urgent_opening_is_mailed_at_once_with_its_one_tap_cut_and_nothing_to_decide() {
    let (smtp, rig, _certificates) = house().await;
    set_language(&rig, "deputy", "en").await;
    let site: ecluse::domain::SiteId = "arcade".parse().unwrap();
    let avenant = Avenant {
        reference: "Avenant 2".to_owned(),
        signed_on: dossier::long_ago(),
        subject: Subject::UrgentMode,
        summary: "ouverture immédiate sous alerte".to_owned(),
    };
    execute(&rig, "", Action::File { site: site.clone(), record: Record::Avenant(avenant) }).await;
    let mode = Record::Opening(Mode::Urgent { avenant: "Avenant 2".to_owned() });
    execute(&rig, "decider", Action::File { site, record: mode }).await;
    let alert = json!({ "site": "arcade", "reasons": ["vols"], "what": "une porte est forcée" });
    let raised = rig.log_in("guard").await.post("/api/v1/alerts", alert).await;
    assert!(raised.status.is_success(), "{}", raised.text());
    let ticket = rig.requested().await;
    let mails = smtp.mails(3);
    for (name, words) in [("decider", "personne n'a décidé"), ("deputy", "nobody decided")] {
        let theirs = to(&mails, name);
        assert_eq!(theirs.len(), 1, "nothing to decide is asked of {name}: {mails:?}");
        let link = format!("https://ecluse.example.org/tickets/{ticket}/cut");
        assert!(text(theirs[0]).contains(words) && text(theirs[0]).contains(&link), "{}", theirs[0]);
        assert!(text(theirs[0]).contains("Avenant 2"), "{}", theirs[0]);
    }
    let link = to(&mails, "agent");
    assert!(text(link[0]).contains(&format!("/tickets/{ticket}/watch")) && text(link[0]).contains("Avenant 2"));
    // The mail's link decides nothing (fault 2): it is read, and the ticket stays open.
    let decider = rig.log_in("decider").await;
    assert_eq!(decider.get(&format!("/tickets/{ticket}/cut")).await.status, StatusCode::OK);
    assert_eq!(decider.get(&format!("/api/v1/tickets/{ticket}")).await.json()["status"], "open");
    rig.stop().await;
}
