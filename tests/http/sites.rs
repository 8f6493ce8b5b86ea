//! A site's own page, and what may be changed on it.

use crate::rig::{Rig, filing};
use reqwest::StatusCode;
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn a4_7_limits_are_set_on_the_page_and_by_programs_and_named_to_the_agent() {
    let rig = Rig::start().await;
    let (agent, decider) = (rig.log_in("agent").await, rig.log_in("decider").await);
    let path = "/api/v1/sites/arcade/policy";
    let administrator = rig.log_in("administrator").await;
    let looser = json!({ "day_cap_minutes": 1440, "week_cap_minutes": 2160, "cooling_off_minutes": 0 });
    administrator.post(path, looser.clone()).await.is(StatusCode::FORBIDDEN, "landlord-loosens");
    let elsewhere = rig.log_in("elsewhere").await;
    elsewhere.post(path, looser.clone()).await.is(StatusCode::NOT_FOUND, "not-found");
    let wrong = json!({ "day_cap_minutes": 60, "week_cap_minutes": 2160, "cooling_off_minutes": 0 });
    decider.post(path, wrong).await.is(StatusCode::UNPROCESSABLE_ENTITY, "policy-faulty");

    let csrf = decider.csrf.as_str();
    let fields =
        [("csrf", csrf), ("day_cap_minutes", "180"), ("week_cap_minutes", "360"), ("cooling_off_minutes", "60")];
    let saved = decider.form("/sites/arcade/policy", &fields).await;
    assert_eq!((saved.status, saved.header("location")), (StatusCode::SEE_OTHER, "/sites/arcade"), "{}", saved.text());
    let cameras = decider.get("/api/v1/cameras").await.json();
    let expected = json!({ "day_cap_minutes": 180, "week_cap_minutes": 360, "cooling_off_minutes": 60 });
    assert_eq!(cameras["sites"][0]["policy"], expected);
    let page = decider.get("/sites/arcade").await;
    assert!(page.status == StatusCode::OK && page.text().contains("value=\"180\" selected"), "{}", page.text());
    let guard = rig.log_in("guard").await.get("/sites/arcade").await;
    assert!(guard.status == StatusCode::OK && !guard.text().contains("/sites/arcade/policy"), "{}", guard.text());
    assert_eq!(elsewhere.get("/sites/arcade").await.status, StatusCode::NOT_FOUND);

    let ticket = agent.file().await;
    assert_eq!(decider.act(ticket, "approve", "").await.status, StatusCode::OK);
    assert_eq!(agent.act(ticket, "end", "").await.status, StatusCode::OK);
    let soon = agent.post("/api/v1/tickets", filing("agent")).await;
    soon.is(StatusCode::CONFLICT, "too-soon");
    assert_eq!(soon.json()["faults"][0]["code"], "cooling-off");
    assert!(soon.json()["faults"][0]["from_utc"].is_string());
    let csrf = agent.csrf.as_str();
    let fields = [
        ("csrf", csrf),
        ("site", "arcade"),
        ("reasons", "vols"),
        ("duration_minutes", "120"),
        ("email", "agent@example.org"),
    ];
    let page = agent.form("/tickets", &fields).await;
    assert_eq!(page.status, StatusCode::CONFLICT);
    assert!(page.text().contains("Nouvelle demande possible à partir du"), "{}", page.text());
    rig.stop().await;
}
