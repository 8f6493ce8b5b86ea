//! The `urgent` mode over HTTP: from the avenant to the one-tap cut (conflict table, row 1).

use crate::dossier;
use crate::rig::{OFFER, Rig, filing};
use ecluse::domain::dossier::{Avenant, Subject};
use ecluse::domain::{Action, Actor, Command, Record};
use reqwest::StatusCode;
use serde_json::json;

/// The conflict table's first row, C-1.
#[tokio::test(flavor = "multi_thread")]
async fn urgent_mode_opens_at_once_under_an_alert_says_so_everywhere_and_is_cut_with_one_tap() {
    let rig = Rig::start().await;
    let (agent, decider) = (rig.log_in("agent").await, rig.log_in("decider").await);
    let (guard, administrator) = (rig.log_in("guard").await, rig.log_in("administrator").await);

    // Without the avenant it cannot be chosen, and the page says why.
    let page = decider.get("/sites/arcade").await.text();
    assert!(page.contains("data-mode=\"approval\"") && page.contains("exige un avenant"), "{page}");
    let urgent = json!({ "record": "opening", "mode": "urgent", "avenant": "Avenant 2" });
    let faulty = decider.post("/api/v1/sites/arcade/records", urgent.clone()).await;
    faulty.is(StatusCode::UNPROCESSABLE_ENTITY, "record-faulty");
    let avenant = Record::Avenant(Avenant {
        reference: "Avenant 2".to_owned(),
        signed_on: dossier::long_ago(),
        subject: Subject::UrgentMode,
        summary: "ouverture immédiate sous alerte".to_owned(),
    });
    let action = Action::File { site: "arcade".parse().unwrap(), record: avenant };
    let administrator_person = Actor::Person("administrator".parse().unwrap());
    rig.control.execute(Command { actor: administrator_person, action }).await.unwrap();
    administrator.post("/api/v1/sites/arcade/records", urgent).await.is(StatusCode::FORBIDDEN, "deciders-only");
    let fields = [("csrf", decider.csrf.as_str()), ("record", "opening"), ("mode", "urgent"), ("avenant", "Avenant 2")];
    assert_eq!(decider.form("/sites/arcade/records", &fields).await.status, StatusCode::SEE_OTHER);
    assert!(decider.get("/sites/arcade").await.text().contains("data-mode=\"urgent\""));
    let told = administrator.get("/api/v1/sites/arcade").await.json();
    assert_eq!(told["dossier"]["opening"], json!({ "mode": "urgent", "avenant": "Avenant 2" }));

    // No alert: the form says that approval is needed. With one: that it opens at once.
    assert!(agent.get("/tickets").await.text().contains("data-urgency=\"ask-urgent-needs-alert\""));
    let alert = json!({ "site": "arcade", "reasons": ["vols"], "what": "une porte est forcée" });
    let raised = guard.post("/api/v1/alerts", alert).await;
    assert!(raised.status.is_success(), "{}", raised.text());
    assert!(agent.get("/tickets").await.text().contains("data-urgency=\"ask-at-once\""));
    let filed = agent.post("/api/v1/tickets", filing("agent")).await;
    assert_eq!(filed.status, StatusCode::CREATED, "{}", filed.text());
    let (model, ticket) = (filed.json(), filed.json()["id"].as_str().unwrap().to_owned());
    assert_eq!(
        (model["status"].as_str(), model["opened_urgently"]["avenant"].as_str()),
        (Some("open"), Some("Avenant 2"))
    );
    assert!(model.get("decided_by").is_none(), "{model}");
    assert_eq!(agent.offer(&format!("/whep/tickets/{ticket}"), OFFER).await.status, StatusCode::CREATED);
    let page = agent.get(&format!("/tickets/{ticket}")).await.text();
    assert!(page.contains("data-urgent"), "{page}");
    let register = rig.log_in("auditor").await.get("/register").await.text();
    assert!(register.contains("par la règle du mode urgent") && register.contains("Avenant 2"), "{register}");
    let csv = decider.get("/register/transmissions.csv").await.text();
    assert!(csv.contains("urgent-mode") && csv.contains("Avenant 2"), "{csv}");

    // One tap: reading the page cuts nothing, its button needs nothing typed.
    let cut = format!("/tickets/{ticket}/cut");
    for _ in 0..2 {
        let page = decider.get(&cut).await.text();
        assert!(page.contains("id=\"cut-button\"") && !page.contains("<textarea"), "{page}");
    }
    assert_eq!(agent.get(&cut).await.status, StatusCode::FORBIDDEN);
    assert_eq!(rig.control.live_grants().len(), 1);
    let why = "Coupé par le bailleur depuis l’avis d’ouverture urgente";
    let fields = [("csrf", decider.csrf.as_str()), ("why", why)];
    let done = decider.form(&format!("/tickets/{ticket}/interrupt"), &fields).await;
    assert_eq!(done.status, StatusCode::SEE_OTHER, "{}", done.text());
    assert!(rig.control.live_grants().is_empty());
    let page = decider.get(&cut).await.text();
    assert!(!page.contains("id=\"cut-button\"") && page.contains(why), "{page}");
    rig.stop().await;
}
