//! WHEP over HTTP, with real branches behind it. Media itself is the business of the viewers' tests: no peer connects
//! here, so every answer must come from signalling alone.

use crate::rig::{Browser, OFFER, Rig, until};
use ecluse::domain::{SessionId, TicketId};
use ecluse::web::connections::Kind;
use reqwest::header::CONTENT_TYPE;
use reqwest::{Method, StatusCode};
use serde_json::json;
use std::time::Duration;

const FRAGMENT: &str = "application/trickle-ice-sdpfrag";

fn transfer(ticket: TicketId) -> String {
    format!("/whep/tickets/{ticket}")
}

async fn patch(browser: &Browser, resource: &str, etag: Option<&str>, fragment: &str) -> crate::rig::Answer {
    let mut request = browser.request(Method::PATCH, resource).header(CONTENT_TYPE, FRAGMENT).body(fragment.to_owned());
    if let Some(etag) = etag {
        request = request.header("if-match", etag);
    }
    browser.send(request).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a3_6_a4_6_an_offer_under_an_open_ticket_is_answered_and_recorded() {
    let rig = Rig::start().await;
    let (ticket, agent) = (rig.opened().await, rig.log_in("agent").await);
    let answer = agent.offer(&transfer(ticket), OFFER).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
    assert_eq!(answer.header("content-type"), "application/sdp");
    assert!(answer.text().starts_with("v=0"), "{}", answer.text());
    assert!(answer.header("etag").starts_with('"'), "{:?}", answer.headers);
    let resource = answer.header("location").to_owned();
    let session: SessionId = resource.strip_prefix("/whep/sessions/").unwrap().parse().unwrap();
    let (person, cameras) = rig.control.read(|state| {
        let session = &state.sessions[&session];
        (session.person.to_string(), session.cameras.len())
    });
    assert_eq!((person.as_str(), cameras), ("agent", 3), "as many cameras as the offer has video sections");
    assert!(rig.logged(Kind::Viewing, "transfer"));

    // Trickle: the fragment is taken under the right ETag alone.
    let etag = answer.header("etag").to_owned();
    let fragment = "a=end-of-candidates\r\n";
    patch(&agent, &resource, None, fragment).await.is(StatusCode::PRECONDITION_REQUIRED, "if-match-missing");
    patch(&agent, &resource, Some("\"other\""), fragment)
        .await
        .is(StatusCode::PRECONDITION_FAILED, "other-ice-session");
    patch(&agent, &resource, Some("*"), fragment).await.is(StatusCode::UNPROCESSABLE_ENTITY, "ice-restart-unsupported");
    patch(&agent, &resource, Some(&etag), "broken").await.is(StatusCode::BAD_REQUEST, "fragment-invalid");
    let restart = "a=ice-ufrag:another\r\na=ice-pwd:anotherpasswordof24chars\r\n";
    patch(&agent, &resource, Some(&etag), restart)
        .await
        .is(StatusCode::UNPROCESSABLE_ENTITY, "ice-restart-unsupported");
    let taken = patch(&agent, &resource, Some(&etag), fragment).await;
    assert_eq!(taken.status, StatusCode::NO_CONTENT, "{}", taken.text());

    // Nobody else's: it does not exist for them.
    let chief = rig.log_in("chief").await;
    patch(&chief, &resource, Some(&etag), fragment).await.is(StatusCode::NOT_FOUND, "not-found");
    chief.delete(&resource).await.is(StatusCode::NOT_FOUND, "not-found");

    assert_eq!(agent.delete(&resource).await.status, StatusCode::OK);
    agent.delete(&resource).await.is(StatusCode::NOT_FOUND, "not-found");
    patch(&agent, &resource, Some(&etag), fragment).await.is(StatusCode::NOT_FOUND, "not-found");
    until("the session's end is recorded", || rig.control.read(|state| state.live_sessions().next().is_none())).await;
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a4_6_no_offer_is_answered_without_a_decision_or_after_its_end() {
    let rig = Rig::start().await;
    let (agent, decider) = (rig.log_in("agent").await, rig.log_in("decider").await);
    let ticket = agent.file().await;
    agent.offer(&transfer(ticket), OFFER).await.is(StatusCode::CONFLICT, "ticket-not-open");
    decider.act(ticket, "approve", "").await;
    rig.log_in("colleague").await.offer(&transfer(ticket), OFFER).await.is(StatusCode::NOT_FOUND, "not-found");
    agent.act(ticket, "end", "").await;
    agent.offer(&transfer(ticket), OFFER).await.is(StatusCode::GONE, "ticket-over");
    assert_eq!(rig.control.read(|state| state.sessions.len()), 0, "a refused offer leaves no session");
    assert!(rig.logged(Kind::ViewingRefused, "ticket-over"));

    let expired = rig.opened().await;
    rig.clock.advance(Duration::from_secs(2 * 3600));
    let late = rig.log_in("agent").await.offer(&transfer(expired), OFFER).await;
    assert_eq!(late.status, StatusCode::GONE, "{}", late.text());
    assert!(["ticket-expired", "ticket-over"].contains(&late.code().as_str()));
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a4_2_the_landlord_looks_before_the_decision_and_the_police_cannot() {
    let rig = Rig::start().await;
    let (ticket, decider) = (rig.requested().await, rig.log_in("decider").await);
    let viewing = format!("/whep/tickets/{ticket}/viewing");
    let answer = decider.offer(&viewing, OFFER).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
    let agent = rig.log_in("agent").await;
    agent.offer(&viewing, OFFER).await.is(StatusCode::FORBIDDEN, "not-your-role");
    decider.offer(&transfer(ticket), OFFER).await.is(StatusCode::FORBIDDEN, "not-your-role");
    rig.log_in("elsewhere").await.offer(&viewing, OFFER).await.is(StatusCode::NOT_FOUND, "not-found");
    // The refusal ends the viewing (A4-2).
    assert_eq!(decider.act(ticket, "refuse", "non").await.status, StatusCode::OK);
    assert!(rig.control.live_grants().is_empty());
    decider.offer(&viewing, OFFER).await.is(StatusCode::CONFLICT, "already-refused");
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fault_10_a_second_tab_is_refused_and_logged_and_a_reconnection_is_not() {
    let rig = Rig::start().await;
    let (ticket, agent) = (rig.opened().await, rig.log_in("agent").await);
    let first = agent.offer(&transfer(ticket), OFFER).await;
    assert_eq!(first.status, StatusCode::CREATED, "{}", first.text());
    agent.offer(&transfer(ticket), OFFER).await.is(StatusCode::CONFLICT, "already-watching");
    assert!(rig.logged(Kind::ViewingRefused, "already-watching"));
    let own = first.header("location").rsplit('/').next().unwrap().to_owned();
    let strange = "01900000-0000-7000-8000-000000000000";
    agent.offer(&format!("{}?replace={strange}", transfer(ticket)), OFFER).await.is(StatusCode::NOT_FOUND, "not-found");
    let again = agent.offer(&format!("{}?replace={own}", transfer(ticket)), OFFER).await;
    assert_eq!(again.status, StatusCode::CREATED, "{}", again.text());
    assert_eq!(rig.control.live_grants().len(), 1);
    // The name of the session that was replaced opens nothing any more.
    agent
        .offer(&format!("{}?replace={own}", transfer(ticket)), OFFER)
        .await
        .is(StatusCode::CONFLICT, "already-watching");
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fault_10_a_window_that_is_loaded_again_takes_its_viewing_over_and_another_window_does_not() {
    let rig = Rig::start().await;
    let (ticket, agent) = (rig.opened().await, rig.log_in("agent").await);
    let of_window = |name: &str| format!("{}?window={name}", transfer(ticket));
    let first = agent.offer(&of_window("w-1"), OFFER).await;
    assert_eq!(first.status, StatusCode::CREATED, "{}", first.text());
    agent.offer(&of_window("w-2"), OFFER).await.is(StatusCode::CONFLICT, "already-watching");
    let again = agent.offer(&of_window("w-1"), OFFER).await;
    assert_eq!(again.status, StatusCode::CREATED, "{}", again.text());
    assert_ne!(again.header("location"), first.header("location"));
    assert_eq!(rig.control.live_grants().len(), 1);
    // The same name from another log-in is another window.
    let elsewhere = rig.log_in("agent").await;
    elsewhere.offer(&of_window("w-1"), OFFER).await.is(StatusCode::CONFLICT, "already-watching");
    // A page that goes away before it hears the answer: its window opens at once, whatever became of that offer.
    for _ in 0..10 {
        let before = rig.control.read(|state| state.sessions.len());
        let path = of_window("w-1");
        tokio::select! {
            _ = agent.offer(&path, OFFER) => {}
            () = until("a grant", || rig.control.read(|state| state.sessions.len()) > before) => {}
        }
        let answer = agent.offer(&path, OFFER).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
    }
    agent.offer(&of_window("w-2"), OFFER).await.is(StatusCode::CONFLICT, "already-watching");
    for wrong in ["", "w_1", &"w".repeat(65)] {
        agent.offer(&of_window(wrong), OFFER).await.is(StatusCode::UNPROCESSABLE_ENTITY, "window");
    }
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_offers_at_once_open_one_viewing() {
    let rig = Rig::start().await;
    let (ticket, agent) = (rig.opened().await, rig.log_in("agent").await);
    let path = transfer(ticket);
    let (one, other) = tokio::join!(agent.offer(&path, OFFER), agent.offer(&path, OFFER));
    let mut statuses = [one.status.as_u16(), other.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409], "{} {}", one.text(), other.text());
    assert_eq!(rig.control.live_grants().len(), 1);
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a1_1_cameras_are_chosen_among_the_sites_own() {
    let rig = Rig::start().await;
    let (ticket, agent) = (rig.opened().await, rig.log_in("agent").await);
    for unknown in ["quai-hall", "nowhere", "NOT-AN-ID"] {
        let answer = agent.offer(&format!("{}?camera=hall&camera={unknown}", transfer(ticket)), OFFER).await;
        answer.is(StatusCode::UNPROCESSABLE_ENTITY, "unknown-camera");
    }
    let answer = agent.offer(&format!("{}?camera=bikes&camera=hall", transfer(ticket)), OFFER).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
    let cameras: Vec<String> = rig.control.live_grants()[0].0.cameras.iter().map(|camera| camera.to_string()).collect();
    assert_eq!(cameras, ["hall", "bikes"], "in the site's order");
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fault_10_a_viewer_token_opens_one_viewing_once_within_its_minute() {
    let rig = Rig::start().await;
    let (ticket, agent) = (rig.opened().await, rig.log_in("agent").await);
    let new_token = || async {
        let answer = agent.post(&format!("/api/v1/tickets/{ticket}/viewer-token"), json!({})).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
        answer.json()["token"].as_str().unwrap().to_owned()
    };
    let player = |token: String| Browser { bearer: Some(token), ..rig.anonymous() };

    let stale = player(new_token().await);
    rig.clock.advance(Duration::from_secs(60));
    stale.offer(&transfer(ticket), OFFER).await.is(StatusCode::UNAUTHORIZED, "viewer-token-spent");
    player("x".repeat(64)).offer(&transfer(ticket), OFFER).await.is(StatusCode::UNAUTHORIZED, "not-logged-in");

    let used = player(new_token().await);
    let spare = player(new_token().await);
    // A broken offer does not cost the token.
    used.offer(&transfer(ticket), "v=0").await.is(StatusCode::BAD_REQUEST, "offer-truncated");
    let answer = used.offer(&transfer(ticket), OFFER).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
    used.offer(&transfer(ticket), OFFER).await.is(StatusCode::UNAUTHORIZED, "viewer-token-spent");
    assert!(rig.logged(Kind::ViewingRefused, "viewer-token-spent"));

    // Good for its own resource, and for nothing else.
    let resource = answer.header("location").to_owned();
    spare.delete(&resource).await.is(StatusCode::NOT_FOUND, "not-found");
    used.get("/api/v1/me").await.is(StatusCode::UNAUTHORIZED, "not-logged-in");
    let taken = patch(&used, &resource, Some(answer.header("etag")), "a=end-of-candidates\r\n").await;
    assert_eq!(taken.status, StatusCode::NO_CONTENT, "{}", taken.text());
    assert_eq!(used.delete(&resource).await.status, StatusCode::OK);
    used.delete(&resource).await.is(StatusCode::UNAUTHORIZED, "not-logged-in");
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fault_8_a_viewer_token_dies_with_its_log_in_and_its_person() {
    let rig = Rig::start().await;
    let (ticket, agent) = (rig.opened().await, rig.log_in("agent").await);
    let path = format!("/api/v1/tickets/{ticket}/viewer-token");
    let token = agent.post(&path, json!({})).await.json()["token"].as_str().unwrap().to_owned();
    agent.post("/api/v1/logout", json!({})).await;
    let player = Browser { bearer: Some(token), ..rig.anonymous() };
    player.offer(&transfer(ticket), OFFER).await.is(StatusCode::UNAUTHORIZED, "not-logged-in");

    let chief = rig.log_in("chief").await;
    let token = chief.post(&path, json!({})).await.json()["token"].as_str().unwrap().to_owned();
    rig.strike("chief").await;
    let player = Browser { bearer: Some(token), ..rig.anonymous() };
    player.offer(&transfer(ticket), OFFER).await.is(StatusCode::UNAUTHORIZED, "not-logged-in");
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn logging_out_leaves_what_was_being_watched() {
    let rig = Rig::start().await;
    let (ticket, agent) = (rig.opened().await, rig.log_in("agent").await);
    assert_eq!(agent.offer(&transfer(ticket), OFFER).await.status, StatusCode::CREATED);
    agent.post("/api/v1/logout", json!({})).await;
    until("no grant is open", || rig.control.live_grants().is_empty()).await;
    assert_eq!(rig.log_in("agent").await.get(&format!("/api/v1/tickets/{ticket}")).await.json()["status"], "open");
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn watching_keeps_the_log_in_alive() {
    let rig = Rig::start().await;
    let (ticket, agent) = (rig.opened().await, rig.log_in("agent").await);
    assert_eq!(agent.offer(&transfer(ticket), OFFER).await.status, StatusCode::CREATED);
    rig.clock.advance(Duration::from_secs(40 * 60));
    if !rig.control.live_grants().is_empty() {
        assert_eq!(agent.get("/api/v1/me").await.status, StatusCode::OK);
    }
    let resting = rig.log_in("colleague").await;
    rig.clock.advance(Duration::from_secs(40 * 60));
    resting.get("/api/v1/me").await.is(StatusCode::UNAUTHORIZED, "session-expired");
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whep_says_what_it_takes() {
    let rig = Rig::start().await;
    let (ticket, agent) = (rig.opened().await, rig.log_in("agent").await);
    let nobody = rig.anonymous();
    for path in [transfer(ticket), format!("/whep/tickets/{ticket}/viewing")] {
        let options = nobody.send(nobody.request(Method::OPTIONS, &path)).await;
        assert_eq!((options.status, options.header("accept-post")), (StatusCode::NO_CONTENT, "application/sdp"));
        assert!(options.headers.keys().all(|name| !name.as_str().starts_with("access-control")));
        for method in [Method::GET, Method::HEAD, Method::PUT] {
            let answer = agent.send(agent.request(method, &path)).await;
            assert_eq!((answer.status, answer.header("allow")), (StatusCode::METHOD_NOT_ALLOWED, "OPTIONS, POST"));
        }
    }
    let nowhere = nobody.send(nobody.request(Method::OPTIONS, "/whep/sessions/x")).await;
    nowhere.is(StatusCode::NOT_FOUND, "not-found");
    // Whether it is there, strangers are not told.
    let session = format!("/whep/sessions/{ticket}");
    let options = nobody.send(nobody.request(Method::OPTIONS, &session)).await;
    assert_eq!(options.header("accept-patch"), FRAGMENT);
    assert_eq!(options.header("allow"), "OPTIONS, PATCH, DELETE");
    rig.stop().await;
}
