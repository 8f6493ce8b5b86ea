//! What the administrator and the register's readers get: sessions, cuts, connections, figures, entries.

use crate::rig::{OFFER, Rig};
use reqwest::StatusCode;
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn a6_7_the_administrator_sees_live_sessions_and_cuts_one_of_them() {
    let rig = Rig::start().await;
    let ticket = rig.opened().await;
    let (agent, chief) = (rig.log_in("agent").await, rig.log_in("chief").await);
    let administrator = rig.log_in("administrator").await;
    for browser in [&agent, &chief] {
        let answer = browser.offer(&format!("/whep/tickets/{ticket}"), OFFER).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
    }
    let sessions = administrator.get("/api/v1/sessions").await.json()["sessions"].clone();
    assert_eq!(sessions.as_array().unwrap().len(), 2);
    let session = &sessions[0];
    assert_eq!(session["person"], json!({ "id": "agent", "name": "Prénom agent" }));
    assert_eq!((&session["purpose"], &session["ticket"]), (&json!("transfer"), &json!(ticket)));
    assert_eq!((&session["site_name"], &session["workstation"]), (&json!("1 rue de l'Arcade"), &json!("127.0.0.1")));
    assert_eq!(session["cameras"].as_array().unwrap().len(), 3);

    let cut = format!("/api/v1/sessions/{}/cut", session["id"].as_str().unwrap());
    administrator.post(&cut, json!({})).await.is(StatusCode::UNPROCESSABLE_ENTITY, "no-reason-given");
    assert_eq!(administrator.post(&cut, json!({ "why": "maintenance" })).await.status, StatusCode::OK);
    administrator.post(&cut, json!({ "why": "encore" })).await.is(StatusCode::GONE, "session-over");
    let left = administrator.get("/api/v1/sessions").await.json()["sessions"].clone();
    assert_eq!(left.as_array().unwrap().len(), 1, "the other one goes on");
    assert_eq!(left[0]["person"]["id"], "chief");
    assert_eq!(agent.get(&format!("/api/v1/tickets/{ticket}")).await.json()["status"], "open");
    let unknown = "/api/v1/sessions/01900000-0000-7000-8000-000000000000/cut";
    administrator.post(unknown, json!({ "why": "x" })).await.is(StatusCode::NOT_FOUND, "unknown-session");
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a6_7_the_connection_log_says_who_came_and_who_was_refused() {
    let rig = Rig::start().await;
    let agent = rig.log_in("agent").await;
    agent.get("/api/v1/sessions").await.is(StatusCode::FORBIDDEN, "not-your-role");
    let administrator = rig.log_in("administrator").await;
    let lines = administrator.get("/api/v1/connections?limit=2").await.json()["connections"].clone();
    assert_eq!((&lines[0]["kind"], &lines[0]["who"]["name"]), (&json!("logged-in"), &json!("Prénom administrator")));
    assert_eq!((&lines[1]["kind"], &lines[1]["person"]), (&json!("refused"), &json!("agent")));
    assert_eq!(lines[1]["detail"], "GET /api/v1/sessions: not-your-role");
    let first = administrator.get("/api/v1/connections?limit=2").await.json();
    let before = first["older_before"].as_str().unwrap();
    let older = administrator.get(&format!("/api/v1/connections?limit=1&before={before}")).await.json();
    assert_eq!(
        (&older["connections"][0]["kind"], &older["connections"][0]["person"]),
        (&json!("logged-in"), &json!("agent"))
    );
    // Filtered, as the page is: what the agent was refused, and nothing else.
    let refused = administrator.get("/api/v1/connections?kind=refused&person=agent&since=2020-01-01").await.json();
    assert_eq!(refused["connections"].as_array().unwrap().len(), 1);
    assert_eq!(refused.get("older_before"), None);
    let page = administrator.get("/admin/connections?kind=refused&person=agent").await.text();
    assert!(page.contains("GET /api/v1/sessions") && page.contains("365"), "{page}");
    assert_eq!(page.matches("<tr>").count(), 2, "its heading and one line: {page}");
    let page = administrator.get("/admin/connections?kind=viewing").await.text();
    assert!(!page.contains("<tbody>"), "{page}");
    for wrong in ["kind=everything", "since=yesterday", "person=No+Slug", "ticket=x", "before=5"] {
        let answer = administrator.get(&format!("/api/v1/connections?{wrong}")).await;
        answer.is(StatusCode::BAD_REQUEST, "query-invalid");
    }
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a4_5_the_register_is_read_newest_first_with_names_and_by_site() {
    let rig = Rig::start().await;
    let ticket = rig.opened().await;
    let auditor = rig.log_in("auditor").await;
    let page = auditor.get("/api/v1/register?limit=3").await.json();
    let types: Vec<_> = page["lines"].as_array().unwrap().iter().map(|line| line["event"]["type"].clone()).collect();
    assert_eq!(types, ["opened", "approved", "requested"]);
    assert_eq!(page["lines"][0]["actor"], json!({ "id": "decider", "name": "Prénom decider" }));
    assert_eq!((&page["lines"][0]["site"], &page["lines"][0]["ticket"]), (&json!("arcade"), &json!(ticket)));
    assert_eq!(page["site_names"]["arcade"], "1 rue de l'Arcade");

    // Page by page, every entry comes once, down to the first.
    let (mut seen, mut before) = (Vec::new(), String::new());
    loop {
        let page = auditor.get(&format!("/api/v1/register?limit=4{before}")).await.json();
        seen.extend(page["lines"].as_array().unwrap().iter().map(|line| line["seq"].as_u64().unwrap()));
        match page["older_before"].as_u64() {
            Some(position) => before = format!("&before={position}"),
            None => break,
        }
    }
    let all: Vec<u64> = (0..rig.control.health().entries).rev().collect();
    assert_eq!(seen, all);

    let elsewhere = rig.log_in("elsewhere").await.get("/api/v1/register?limit=500").await;
    assert!(!elsewhere.text().contains(&ticket.to_string()), "a decider of another site");
    assert!(elsewhere.text().contains("\"quai\"") && !elsewhere.text().contains("\"arcade\""));
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn figures_name_routes_and_never_tickets_or_people() {
    let rig = Rig::start().await;
    let (ticket, agent) = (rig.opened().await, rig.log_in("agent").await);
    agent.get(&format!("/api/v1/tickets/{ticket}?secret=1")).await;
    let administrator = rig.log_in("administrator").await;
    let text = administrator.get("/metrics").await.text();
    let request = "ecluse_http_requests_total{method=\"GET\",route=\"/api/v1/tickets/{ticket}\",status=\"200\"}";
    for figure in
        [request, "ecluse_gates_open", "ecluse_sessions_live", "ecluse_ingest_online", "ecluse_register_condition 0"]
    {
        assert!(text.contains(figure), "{figure} in\n{text}");
    }
    assert!(!text.contains(&ticket.to_string()) && !text.contains("secret") && !text.contains("agent"), "{text}");

    let plain = reqwest::Client::new();
    let listener = rig.server.metrics_addr().unwrap();
    let scraped = plain.get(format!("http://{listener}/metrics")).send().await.unwrap();
    assert_eq!(scraped.status(), StatusCode::OK);
    assert!(scraped.text().await.unwrap().contains("ecluse_gates_open"));
    for path in ["/", "/login", "/api/v1/tickets"] {
        let other = plain.get(format!("http://{listener}{path}")).send().await.unwrap();
        assert_eq!(other.status(), StatusCode::NOT_FOUND, "{path}");
    }
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn health_and_readiness_are_for_anybody_and_say_little() {
    let rig = Rig::start().await;
    let nobody = rig.anonymous();
    assert_eq!(nobody.get("/healthz").await.text(), "ok\n");
    let ready = nobody.get("/readyz").await;
    assert_eq!(ready.json(), json!({ "ready": true, "register": "sound", "recording": "off", "stopping": false }));
    assert_eq!(nobody.get("/openapi.yaml").await.text(), ecluse::web::OPENAPI);
    rig.control.shutdown().await;
    let stopped = nobody.get("/readyz").await;
    assert_eq!((stopped.status, &stopped.json()["ready"]), (StatusCode::SERVICE_UNAVAILABLE, &json!(false)));
    assert_eq!(nobody.get("/healthz").await.status, StatusCode::OK);
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cameras_are_shown_by_site_and_addresses_to_the_administrator_alone() {
    let rig = Rig::start().await;
    let publisher = ecluse::media::hub::PublisherInfo {
        address: "127.0.0.1:4711".parse().unwrap(),
        since_utc: chrono::Utc::now(),
        agent: None,
        tls: Some("TLS_AES_256_GCM_SHA384".to_owned()),
        audio_dropped: true,
    };
    let _publication = rig.hub.stream(&"hall".parse().unwrap()).publish(publisher).unwrap();
    let of = async |name| rig.log_in(name).await.get("/api/v1/cameras").await.json()["sites"].clone();
    let administrator = of("administrator").await;
    assert_eq!(administrator.as_array().unwrap().len(), 2);
    let hall = &administrator[0]["cameras"][0];
    assert_eq!((&hall["id"], &hall["online"]), (&json!("hall"), &json!(true)));
    assert_eq!(hall["stream"]["address"], "127.0.0.1:4711");
    let guard = of("guard").await;
    assert_eq!(guard.as_array().unwrap().len(), 1);
    let hall = &guard[0]["cameras"][0]["stream"];
    assert_eq!((&hall["tls"], hall.get("address")), (&json!("TLS_AES_256_GCM_SHA384"), None));
    rig.stop().await;
}
