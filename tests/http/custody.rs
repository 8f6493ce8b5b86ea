//! Holds, access requests and retention over HTTP, by role (A5-2 to A5-5).

use crate::rig::Rig;
use chrono::TimeDelta;
use ecluse::clock::Clock;
use reqwest::StatusCode;
use serde_json::{Value, json};

const PAGES: [&str; 4] = ["/holds", "/access-requests", "/api/v1/holds", "/api/v1/access-requests"];

#[tokio::test(flavor = "multi_thread")]
async fn a5_5_footage_is_held_and_released_by_a_decider_and_nobody_of_the_police_knows_of_it() {
    let rig = Rig::start().await;
    for name in ["agent", "chief", "guard"] {
        let person = rig.log_in(name).await;
        for path in PAGES {
            assert_eq!(person.get(path).await.status, StatusCode::FORBIDDEN, "{name} {path}");
        }
        let csrf = person.csrf.as_str();
        assert_eq!(person.form("/holds", &[("csrf", csrf)]).await.status, StatusCode::FORBIDDEN, "{name}");
        assert_eq!(person.post("/api/v1/holds", json!({})).await.status, StatusCode::FORBIDDEN, "{name}");
    }
    let decider = rig.log_in("decider").await;
    let csrf = decider.csrf.as_str();
    let camera = rig
        .control
        .read(|state| state.sites[&"arcade".parse::<ecluse::domain::SiteId>().unwrap()].cameras[0].id.to_string());
    let sha256 = "ab".repeat(32);
    let mut fields = vec![
        ("csrf", csrf),
        ("site", "arcade"),
        ("cameras", camera.as_str()),
        ("from", "2026-01-05T10:00"),
        ("until", "2026-01-05T09:00"),
        ("authority", "Tribunal judiciaire de Créteil"),
        ("reference", "PV 2026/114"),
        ("date", "2026-01-06"),
        ("document_sha256", sha256.as_str()),
    ];
    let faulty = decider.form("/holds", &fields).await;
    assert_eq!(faulty.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(faulty.text().contains("PV 2026/114"), "what was typed is not lost: {}", faulty.text());
    fields[4] = ("until", "2026-01-05T11:00");
    let placed = decider.form("/holds", &fields).await;
    assert_eq!((placed.status, placed.header("location")), (StatusCode::SEE_OTHER, "/holds"), "{}", placed.text());
    let holds = decider.get("/api/v1/holds").await.json();
    let (hold, scope) = (&holds["holds"][0], &holds["holds"][0]["scope"]);
    assert_eq!(hold["requisition"]["document_sha256"], json!(sha256));
    // Ten o'clock in Paris, in winter.
    assert_eq!(scope["from_utc"], json!("2026-01-05T09:00:00.000000Z"));
    let id = hold["id"].as_str().unwrap().to_owned();
    let dpo = rig.log_in("dpo").await;
    let page = dpo.get("/holds").await;
    assert!(page.status == StatusCode::OK && page.text().contains(&id) && !page.text().contains("hold-form"));
    assert_eq!(
        dpo.post(&format!("/api/v1/holds/{id}/release"), json!({ "why": "x" })).await.status,
        StatusCode::FORBIDDEN
    );
    let release = json!({ "why": "classement sans suite" });
    assert_eq!(decider.post(&format!("/api/v1/holds/{id}/release"), release.clone()).await.status, StatusCode::OK);
    decider.post(&format!("/api/v1/holds/{id}/release"), release).await.is(StatusCode::CONFLICT, "hold-released");
    let register = dpo.get("/register?kind=footage").await.text();
    assert!(register.contains("PV 2026/114") && register.contains("classement sans suite"), "{register}");
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a5_2_an_access_request_is_filed_answered_once_and_named_nowhere_in_the_register() {
    let rig = Rig::start().await;
    let (dpo, decider) = (rig.log_in("dpo").await, rig.log_in("decider").await);
    let camera = rig
        .control
        .read(|state| state.sites[&"arcade".parse::<ecluse::domain::SiteId>().unwrap()].cameras[0].id.to_string());
    let now = rig.clock.utc();
    let ask = |received_on: String| {
        json!({
            "person": "Mme Filmée, 1 rue de l'Arcade", "site": "arcade", "cameras": [camera],
            "from_utc": now - TimeDelta::hours(3), "until_utc": now - TimeDelta::hours(2), "received_on": received_on,
        })
    };
    let today = ecluse::domain::day::day_of(now).to_string();
    let faulty = dpo.post("/api/v1/access-requests", ask("demain".to_owned())).await;
    faulty.is(StatusCode::UNPROCESSABLE_ENTITY, "access-faulty");
    assert!(rig.store.access_people().all().unwrap().is_empty(), "who asked in vain is not kept");
    let filed = dpo.post("/api/v1/access-requests", ask(today)).await;
    assert_eq!(filed.status, StatusCode::CREATED, "{}", filed.text());
    let id = filed.json()["request"].as_str().unwrap().to_owned();
    assert!(decider.get("/access-requests").await.text().contains("Mme Filmée"));
    let answer = |answer: &str, reason: &str| json!({ "answer": answer, "reason": reason });
    let path = format!("/api/v1/access-requests/{id}/answer");
    let why = decider.post(&path, answer("refused", "trop de travail")).await;
    why.is(StatusCode::UNPROCESSABLE_ENTITY, "answer-faulty");
    assert_eq!(decider.post(&path, answer("refused", "third-party-privacy")).await.status, StatusCode::OK);
    dpo.post(&path, answer("granted", "")).await.is(StatusCode::CONFLICT, "access-answered");
    let requests: Value = dpo.get("/api/v1/access-requests").await.json();
    assert_eq!(requests["requests"][0]["answer"]["outcome"]["reason"], json!("third-party-privacy"));
    let lines = dpo.get("/register/export.jsonl").await.text();
    assert!(lines.contains("access-asked") && !lines.contains("Filmée"), "{lines}");
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a5_4_a_decider_may_keep_footage_shorter_and_never_longer() {
    let rig = Rig::start().await;
    let decider = rig.log_in("decider").await;
    let path = "/api/v1/sites/arcade/retention";
    decider.post(path, json!({ "days": 31 })).await.is(StatusCode::UNPROCESSABLE_ENTITY, "retention-faulty");
    assert_eq!(decider.post(path, json!({ "days": 14 })).await.status, StatusCode::OK);
    assert!(decider.get("/holds").await.text().contains("value=\"14\""));
    let dpo = rig.log_in("dpo").await;
    assert_eq!(dpo.post(path, json!({ "days": 7 })).await.status, StatusCode::FORBIDDEN);
    assert_eq!(dpo.post("/api/v1/holds/clock", json!({})).await.status, StatusCode::OK);
    rig.stop().await;
}
