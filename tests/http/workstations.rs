//! A6-1 and fault 9: the police log in and watch from a registered, unrevoked workstation of their service alone.

use crate::rig::{Browser, OFFER, Rig, Wishes, until, workstation};
use ecluse::domain::{Action, Actor, Command, EndCause, Workstation};
use ecluse::web::connections::Kind;
use reqwest::{Method, StatusCode};
use serde_json::json;
use std::path::PathBuf;

async fn execute(rig: &Rig, action: Action) {
    rig.control.execute(Command { actor: Actor::System, action }).await.unwrap();
}

/// A certificate for a workstation, registered for this service or for none; and its and its key's files.
async fn identity_of(rig: &Rig, name: &str, service: Option<&str>) -> (reqwest::Identity, (PathBuf, PathBuf)) {
    let files = workstation(&rig.authority, name);
    let (certificate, key) = (std::fs::read(&files.0).unwrap(), std::fs::read(&files.1).unwrap());
    if let Some(service) = service {
        let parsed = openssl::x509::X509::from_pem(&certificate).unwrap();
        let registered = Workstation {
            id: name.parse().unwrap(),
            service: service.parse().unwrap(),
            certificate_sha256: ecluse::pki::sha256(&parsed).unwrap(),
            until_utc: ecluse::pki::until(&parsed).unwrap(),
        };
        execute(rig, Action::IssueWorkstation(registered)).await;
    }
    (reqwest::Identity::from_pkcs8_pem(&certificate, &key).unwrap(), files)
}

/// A browser that holds it, without any cookie yet.
fn browser_with(rig: &Rig, identity: reqwest::Identity) -> Browser {
    Browser { client: rig.client().identity(identity).build().unwrap(), ..rig.anonymous() }
}

/// The two together.
pub async fn browser_on(rig: &Rig, name: &str, service: Option<&str>) -> (Browser, (PathBuf, PathBuf)) {
    let (identity, files) = identity_of(rig, name, service).await;
    (browser_with(rig, identity), files)
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
        (browser_on(&rig, "poste-1", Some("csu")).await.0, browser_on(&rig, "poste-9", None).await.0);
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
    let (browser, _) = browser_on(&rig, "poste-1", None).await;
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
    let (mut stolen, mut other) =
        (browser_on(&rig, "poste-1", Some("csu")).await.0, browser_on(&rig, "poste-2", Some("csu")).await.0);
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

#[tokio::test(flavor = "multi_thread")]
async fn a3_6_fault_10_a_link_works_for_that_agent_that_ticket_that_workstation_while_it_is_open() {
    let rig = Rig::start_with(wishes()).await;
    let (machine, _) = identity_of(&rig, "poste-1", Some("csu")).await;
    let (mut here, mut there) = (browser_with(&rig, machine.clone()), browser_on(&rig, "poste-2", Some("csu")).await.0);
    log_in(&rig, &mut here, "agent").await;
    log_in(&rig, &mut there, "agent").await;
    let ticket = here.file().await;
    let transfer = format!("/whep/tickets/{ticket}");
    let watch = format!("/tickets/{ticket}/watch");
    let token_path = format!("/api/v1/tickets/{ticket}/viewer-token");
    there.post(&token_path, json!({})).await.is(StatusCode::CONFLICT, "ticket-not-open");
    assert_eq!(rig.log_in("decider").await.act(ticket, "approve", "").await.status, StatusCode::OK);

    // An offer that shows nothing binds nothing: the page may be looked at anywhere before.
    there.offer(&transfer, "v=0").await.is(StatusCode::BAD_REQUEST, "offer-truncated");
    there
        .offer(&format!("{transfer}?camera=nowhere"), OFFER)
        .await
        .is(StatusCode::UNPROCESSABLE_ENTITY, "unknown-camera");
    assert!(there.get(&watch).await.text().contains("id=\"player\""));
    let first = here.offer(&transfer, OFFER).await;
    assert_eq!(first.status, StatusCode::CREATED, "{}", first.text());
    let cookie = first.header("set-cookie").to_owned();
    for part in [&format!("__Host-link-{ticket}="), "Secure", "HttpOnly", "SameSite=Strict", "Max-Age="] {
        assert!(cookie.contains(part), "{cookie}");
    }

    // The same agent on another workstation: refused on every way in, said on the page, and in the log.
    there.offer(&transfer, OFFER).await.is(StatusCode::FORBIDDEN, "link-bound-elsewhere");
    there.post(&token_path, json!({})).await.is(StatusCode::FORBIDDEN, "link-bound-elsewhere");
    let page = there.get(&watch).await.text();
    assert!(page.contains("data-ended=\"link-elsewhere\"") && page.contains("poste-1"), "{page}");
    assert!(rig.logged(Kind::ViewingRefused, "link-bound-elsewhere"));
    let resource = first.header("location").to_owned();
    there.delete(&resource).await.is(StatusCode::FORBIDDEN, "link-bound-elsewhere");
    let fragment = there
        .request(Method::PATCH, &resource)
        .header("content-type", "application/trickle-ice-sdpfrag")
        .header("if-match", first.header("etag"))
        .body("a=end-of-candidates\r\n");
    there.send(fragment).await.is(StatusCode::FORBIDDEN, "link-bound-elsewhere");
    assert_eq!(rig.control.live_grants().len(), 1, "whoever watches does not notice");

    // A reload, on the same workstation in the same window.
    let own = resource.rsplit('/').next().unwrap().to_owned();
    let reload = here.offer(&format!("{transfer}?replace={own}"), OFFER).await;
    assert_eq!(reload.status, StatusCode::CREATED, "{}", reload.text());
    assert!(reload.headers.get("set-cookie").is_none(), "the token stays as it is");

    // Another window of the same agent on the same workstation, with a log-in of its own: not while this one watches.
    let mut window = browser_with(&rig, machine);
    log_in(&rig, &mut window, "agent").await;
    window.offer(&transfer, OFFER).await.is(StatusCode::CONFLICT, "already-watching");
    let resource = reload.header("location").to_owned();
    window.delete(&resource).await.is(StatusCode::CONFLICT, "already-watching");
    let player = here.post(&token_path, json!({})).await.json()["token"].as_str().unwrap().to_owned();
    let player = Browser { bearer: Some(player), csrf: String::new(), ..there.clone() };
    player.offer(&transfer, OFFER).await.is(StatusCode::FORBIDDEN, "link-bound-elsewhere");
    assert_eq!(here.delete(&resource).await.status, StatusCode::OK);
    until("the session's end is recorded", || rig.control.read(|state| state.live_sessions().next().is_none())).await;
    // Afterwards it takes the link over, and what the first one holds is void.
    let taken = window.offer(&transfer, OFFER).await;
    assert_eq!(taken.status, StatusCode::CREATED, "{}", taken.text());
    here.delete(taken.header("location")).await.is(StatusCode::CONFLICT, "already-watching");
    here.offer(&transfer, OFFER).await.is(StatusCode::CONFLICT, "already-watching");

    // A chief has a link of their own, bound to where they use it.
    log_in(&rig, &mut there, "chief").await;
    assert_eq!(there.offer(&transfer, OFFER).await.status, StatusCode::CREATED);

    // With the ticket they are void.
    assert_eq!(window.act(ticket, "end", "").await.status, StatusCode::OK);
    window.offer(&transfer, OFFER).await.is(StatusCode::GONE, "ticket-over");
    window.delete(taken.header("location")).await.is(StatusCode::NOT_FOUND, "not-found");
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a6_2_fault_9_the_administrators_page_lists_workstations_and_revokes_one_at_once() {
    let rig = Rig::start_with(wishes()).await;
    let mut stolen = browser_on(&rig, "poste-1", Some("csu")).await.0;
    log_in(&rig, &mut stolen, "chief").await;
    let mut agent = browser_on(&rig, "poste-2", Some("csu")).await.0;
    log_in(&rig, &mut agent, "agent").await;
    let ticket = agent.file().await;
    assert_eq!(rig.log_in("decider").await.act(ticket, "approve", "").await.status, StatusCode::OK);
    let answer = stolen.offer(&format!("/whep/tickets/{ticket}"), OFFER).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
    let administrator = rig.log_in("administrator").await;
    let listed = || async {
        let listed = administrator.get("/api/v1/workstations").await.json()["workstations"].clone();
        listed.as_array().unwrap().iter().find(|known| known["id"] == "poste-1").unwrap().clone()
    };
    let deadline = std::time::Instant::now() + crate::rig::PATIENCE;
    while listed().await.get("last_seen_utc").is_none() {
        assert!(std::time::Instant::now() < deadline, "never seen: {}", listed().await);
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    rig.clock.advance(std::time::Duration::from_secs(600));
    let known = listed().await;
    assert_eq!((&known["id"], &known["service"], &known["watching"]), (&json!("poste-1"), &json!("csu"), &json!(1)));
    // The rig's certificates last a month: by now it is less than the thirty days of the first reminder.
    assert_eq!(known["condition"], "ends-soon");
    assert!(known.get("issued_by").is_none(), "from the console: {known}");
    let page = administrator.get("/admin/workstations").await.text();
    for part in ["poste-1", "console du serveur", "id=\"workstations-ending\"", "Un visionnage en cours"] {
        assert!(page.contains(part), "{part} is missing: {page}");
    }

    let path = "/api/v1/workstations/poste-1/revoke";
    administrator.post(path, json!({})).await.is(StatusCode::UNPROCESSABLE_ENTITY, "no-reason-given");
    administrator
        .post("/api/v1/workstations/poste-7/revoke", json!({ "why": "volé" }))
        .await
        .is(StatusCode::NOT_FOUND, "unknown-workstation");
    let fields = [("csrf", administrator.csrf.as_str()), ("why", "volé")];
    let done = administrator.form("/admin/workstations/poste-1/revoke", &fields).await;
    assert_eq!((done.status, done.header("location")), (StatusCode::SEE_OTHER, "/admin/workstations"));
    assert!(rig.control.live_grants().is_empty(), "cut with the command itself");
    stolen.get("/api/v1/me").await.is(StatusCode::FORBIDDEN, "workstation-required");
    let known = listed().await;
    assert_eq!((&known["condition"], &known["watching"]), (&json!("revoked"), &json!(0)));
    assert_eq!((&known["revoked"]["by"]["id"], &known["revoked"]["why"]), (&json!("administrator"), &json!("volé")));
    assert!(administrator.get("/admin/workstations").await.text().contains("data-condition=\"revoked\""));
    rig.stop().await;
}
