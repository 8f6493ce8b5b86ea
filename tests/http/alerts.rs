//! Alerts over HTTP (A3-2): a guard raises one, the CSU hears of it and finds its request prefilled.

use crate::rig::Rig;
use reqwest::StatusCode;
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn a3_2_a_guards_alert_prefills_the_agents_request_and_opens_nothing() {
    let rig = Rig::start().await;
    let (guard, agent) = (rig.log_in("guard").await, rig.log_in("agent").await);
    let csrf = guard.csrf.as_str();
    let what = "deux hommes forcent une porte";
    let faulty = guard.form("/alerts", &[("csrf", csrf), ("site", "arcade"), ("what", what)]).await;
    assert_eq!(faulty.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(faulty.text().contains(what), "what was typed is not lost: {}", faulty.text());
    let fields = [("csrf", csrf), ("site", "arcade"), ("reasons", "degradations"), ("what", what)];
    let raised = guard.form("/alerts", &fields).await;
    assert_eq!((raised.status, raised.header("location")), (StatusCode::SEE_OTHER, "/alerts"), "{}", raised.text());
    let again = json!({ "site": "arcade", "reasons": ["vols"], "what": "encore" });
    guard.post("/api/v1/alerts", again).await.is(StatusCode::CONFLICT, "alert-open");

    let alerts = agent.get("/api/v1/alerts").await.json();
    let alert = alerts["alerts"][0]["id"].as_str().unwrap().to_owned();
    assert_eq!((&alerts["alerts"][0]["what"], &alerts["alerts"][0]["site"]), (&json!(what), &json!("arcade")));
    let page = agent.get("/alerts").await.text();
    assert!(page.contains(&format!("/tickets?alert={alert}")) && !page.contains("alert-form"), "{page}");
    let form = agent.get(&format!("/tickets?alert={alert}")).await.text();
    assert!(form.contains("value=\"degradations\" checked") && !form.contains("value=\"vols\" checked"), "{form}");
    assert_eq!(agent.get("/api/v1/tickets").await.json()["tickets"], json!([]), "nothing is asked for by itself");
    // Nobody of another site or service hears of it.
    for name in ["foreigner", "elsewhere"] {
        assert_eq!(rig.log_in(name).await.get("/api/v1/alerts").await.json()["alerts"], json!([]), "{name}");
    }
    let foreign = rig.log_in("foreigner").await.get(&format!("/tickets?alert={alert}")).await.text();
    assert!(!foreign.contains("value=\"degradations\" checked"), "{foreign}");
    let decider = rig.log_in("decider").await;
    assert_eq!(decider.post(&format!("/api/v1/alerts/{alert}/close"), json!({})).await.status, StatusCode::OK);
    assert_eq!(agent.get("/api/v1/alerts").await.json()["alerts"], json!([]));
    rig.stop().await;
}
