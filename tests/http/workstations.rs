//! A6-1 and fault 9: the police log in and watch from a registered, unrevoked workstation of their service alone.

use crate::rig::{Browser, OFFER, Rig, Wishes, workstation};
use ecluse::domain::{Action, Actor, Command, EndCause, Workstation};
use reqwest::{Method, StatusCode};
use serde_json::json;

async fn execute(rig: &Rig, action: Action) {
    rig.control.execute(Command { actor: Actor::System, action }).await.unwrap();
}

/// A certificate for a workstation, registered or not, as a browser that holds it.
async fn browser_on(rig: &Rig, name: &str, registered: bool) -> Browser {
    let (certificate, key) = workstation(&rig.authority, name);
    let (certificate, key) = (std::fs::read(certificate).unwrap(), std::fs::read(key).unwrap());
    if registered {
        let parsed = openssl::x509::X509::from_pem(&certificate).unwrap();
        let registered = Workstation {
            id: name.parse().unwrap(),
            service: "csu".parse().unwrap(),
            certificate_sha256: ecluse::pki::sha256(&parsed).unwrap(),
            until_utc: ecluse::pki::until(&parsed).unwrap(),
        };
        execute(rig, Action::IssueWorkstation(registered)).await;
    }
    let identity = reqwest::Identity::from_pkcs8_pem(&certificate, &key).unwrap();
    let mut browser = rig.anonymous();
    browser.client = rig.client().identity(identity).build().unwrap();
    browser
}

async fn log_in(rig: &Rig, browser: &mut Browser, name: &str) {
    let answer = browser.post("/api/v1/login", rig.credentials(name)).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    browser.csrf = answer.json()["csrf_token"].as_str().unwrap().to_owned();
}

fn wishes() -> Wishes {
    Wishes { workstation_ca: true, ..Wishes::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a6_1_the_police_log_in_from_a_workstation_of_their_service_alone() {
    let rig = Rig::start_with(wishes()).await;
    let (mut registered, stranger) =
        (browser_on(&rig, "poste-1", true).await, browser_on(&rig, "poste-9", false).await);
    let nowhere = rig.anonymous();
    for browser in [&nowhere, &stranger] {
        for name in ["agent", "chief"] {
            let refused = browser.post("/api/v1/login", rig.credentials(name)).await;
            refused.is(StatusCode::FORBIDDEN, "workstation-required");
            assert!(refused.headers.get("set-cookie").is_none());
            browser.get("/api/v1/me").await.is(StatusCode::UNAUTHORIZED, "not-logged-in");
        }
        // A wrong password says nothing about workstations.
        let wrong = json!({ "email": crate::rig::email("agent"), "password": "wrong" });
        browser.post("/api/v1/login", wrong).await.is(StatusCode::UNAUTHORIZED, "login-refused");
    }
    // The landlord and the administrator work from anywhere.
    for name in ["decider", "guard", "administrator", "dpo", "auditor"] {
        assert_eq!(rig.log_in(name).await.get("/api/v1/me").await.status, StatusCode::OK, "{name}");
    }
    log_in(&rig, &mut registered, "agent").await;
    assert_eq!(registered.get("/api/v1/me").await.status, StatusCode::OK);

    // The session's cookie carried to another machine is worth nothing there, on any route.
    let answer = registered.post("/api/v1/login", rig.credentials("agent")).await;
    let cookie = answer.header("set-cookie").split(';').next().unwrap().to_owned();
    let carried = rig.client().cookie_store(false).build().unwrap();
    for path in ["/api/v1/me", "/api/v1/tickets", "/events"] {
        let taken = carried.get(format!("{}{path}", rig.base())).header("cookie", &cookie).send().await.unwrap();
        assert_eq!(taken.status(), StatusCode::FORBIDDEN, "{path}");
    }
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a6_1_a_workstation_of_another_service_is_none() {
    // A2-1: a site's tickets serve one service and no other.
    let rig = Rig::start_with(wishes()).await;
    let browser = browser_on(&rig, "poste-1", false).await;
    // The right certificate under another name, or the right name with another certificate.
    let digest = "0".repeat(64);
    let until_utc = ecluse::clock::Clock::utc(&rig.clock) + chrono::TimeDelta::days(9);
    let (id, service) = ("poste-1".parse().unwrap(), "csu".parse().unwrap());
    execute(&rig, Action::IssueWorkstation(Workstation { id, service, certificate_sha256: digest, until_utc })).await;
    let refused = browser.post("/api/v1/login", rig.credentials("agent")).await;
    refused.is(StatusCode::FORBIDDEN, "workstation-required");
    let foreign = Workstation {
        id: "poste-2".parse().unwrap(),
        service: "elsewhere".parse().unwrap(),
        certificate_sha256: "1".repeat(64),
        until_utc,
    };
    let command = Command { actor: Actor::System, action: Action::IssueWorkstation(foreign) };
    let unknown = rig.control.execute(command).await.unwrap_err();
    assert!(unknown.to_string().contains("workstation"), "{unknown}");
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fault_9_a_revoked_workstation_goes_dark_at_once_and_no_other() {
    let rig = Rig::start_with(wishes()).await;
    let (mut stolen, mut other) = (browser_on(&rig, "poste-1", true).await, browser_on(&rig, "poste-2", true).await);
    log_in(&rig, &mut stolen, "agent").await;
    log_in(&rig, &mut other, "chief").await;
    let ticket = stolen.file().await;
    assert_eq!(rig.log_in("decider").await.act(ticket, "approve", "").await.status, StatusCode::OK);
    for browser in [&stolen, &other] {
        let answer = browser.offer(&format!("/whep/tickets/{ticket}"), OFFER).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
    }
    let watched_from = |state: &ecluse::domain::State| {
        state.live_sessions().map(|session| session.workstation.clone()).collect::<Vec<_>>()
    };
    let mut before = rig.control.read(watched_from);
    before.sort();
    assert_eq!(before, ["poste-1", "poste-2"]);
    let mut events = stolen.request(Method::GET, "/events").send().await.unwrap();
    assert_eq!(events.status(), StatusCode::OK);

    let workstation: ecluse::domain::WorkstationId = "poste-1".parse().unwrap();
    execute(&rig, Action::RevokeWorkstation { workstation: workstation.clone(), why: "volé".to_owned() }).await;
    assert_eq!(rig.control.read(watched_from), ["poste-2"], "cut with the command itself");
    assert!(rig.control.live_grants().iter().all(|(terms, _)| terms.workstation == "poste-2"));
    let causes = rig.control.read(|state| {
        let ended = state.sessions.values().filter_map(|session| match &session.state {
            ecluse::domain::SessionState::Ended { cause, .. } => Some(cause.clone()),
            _ => None,
        });
        ended.collect::<Vec<_>>()
    });
    assert_eq!(causes, [EndCause::GateCondition { condition: "workstation-revoked".to_owned() }]);
    // Over the very connection it had, and every other one.
    stolen.get("/api/v1/me").await.is(StatusCode::FORBIDDEN, "workstation-required");
    let again = stolen.offer(&format!("/whep/tickets/{ticket}"), OFFER).await;
    again.is(StatusCode::FORBIDDEN, "workstation-required");
    assert_eq!(other.get("/api/v1/me").await.status, StatusCode::OK);
    assert!(rig.control.read(|state| state.live_tickets().any(|live| live.id == ticket)), "the ticket stays open");
    // Its line of live events ends as well.
    let mut told = String::new();
    while let Ok(Some(chunk)) = events.chunk().await {
        told.push_str(&String::from_utf8_lossy(&chunk));
    }
    assert!(told.contains("session-ended"), "{told}");
    assert_eq!(stolen.post("/api/v1/logout", json!({})).await.status, StatusCode::NO_CONTENT, "the way out is open");

    let newest = rig.log_in("auditor").await.get("/register").await.text();
    assert!(newest.contains("a révoqué le poste dédié poste-1") && newest.contains("volé"), "{newest}");
    rig.stop().await;
}
