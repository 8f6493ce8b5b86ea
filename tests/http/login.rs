//! Log-in, sessions, and proof that a change comes from our own page.

use crate::rig::{PASSWORD, Rig, Wishes, email, filing};
use ecluse::web::connections::Kind;
use ecluse::web::{Limits, Rate};
use reqwest::header::SET_COOKIE;
use reqwest::{Method, StatusCode};
use serde_json::json;
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn fault_25_every_refused_log_in_reads_the_same() {
    let rig = Rig::start().await;
    rig.strike("foreigner").await;
    let nobody = rig.anonymous();
    let mut answers = Vec::new();
    for (email, password) in [
        (email("nobody"), PASSWORD.to_owned()),
        (email("agent"), "wrong".to_owned()),
        (email("foreigner"), PASSWORD.to_owned()),
        (String::new(), String::new()),
        (email(&"x".repeat(300)), PASSWORD.to_owned()),
        (email("agent"), "x".repeat(2_000)),
    ] {
        let code = rig.code("agent");
        let credentials = json!({ "email": email, "password": password, "code": code });
        let answer = nobody.post("/api/v1/login", credentials).await;
        answer.is(StatusCode::UNAUTHORIZED, "login-refused");
        assert!(answer.headers.get(SET_COOKIE).is_none());
        answers.push(answer.body);
    }
    answers.dedup();
    assert_eq!(answers.len(), 1);
    assert!(rig.logged(Kind::LoginRefused, "wrong credentials"));
    assert!(rig.logged(Kind::LoginRefused, "not designated"));
    let log = format!("{:?}", rig.connections.newest(100));
    assert!(!log.contains("@example.org") && !log.contains(PASSWORD), "{log}");
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_in_is_a_new_session_in_a_strict_cookie() {
    let rig = Rig::start().await;
    let browser = rig.log_in("agent").await;
    let mut credentials = rig.credentials("agent");
    credentials["email"] = format!("  {} ", email("Agent")).into();
    let again = browser.post("/api/v1/login", credentials).await;
    let cookie = again.header("set-cookie");
    for part in ["__Host-session=", "; Path=/", "; Secure", "; HttpOnly", "; SameSite=Strict"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    assert!(!cookie.contains("Domain"), "{cookie}");
    // The browser's earlier session ended with the second log-in, and so did its token for forms.
    let old = browser.act(rig_ticket(), "withdraw", "").await;
    old.is(StatusCode::FORBIDDEN, "csrf");
    assert_ne!(again.json()["csrf_token"].as_str().unwrap(), browser.csrf);
    assert_eq!(browser.get("/api/v1/me").await.json()["csrf_token"], again.json()["csrf_token"]);

    let other = rig.log_in("agent").await;
    let kept = other.client.get(format!("{}/api/v1/me", other.base)).send().await.unwrap();
    assert_eq!(kept.status(), StatusCode::OK);
    assert_eq!(other.post("/api/v1/logout", json!({})).await.status, StatusCode::NO_CONTENT);
    other.get("/api/v1/me").await.is(StatusCode::UNAUTHORIZED, "not-logged-in");
    assert_eq!(browser.get("/api/v1/me").await.status, StatusCode::OK, "another browser's session goes on");
    rig.stop().await;
}

fn rig_ticket() -> ecluse::domain::TicketId {
    "01900000-0000-7000-8000-000000000000".parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_cookie_is_worth_nothing_when_it_is_sent_again() {
    let rig = Rig::start().await;
    let nobody = rig.client().cookie_store(false).build().unwrap();
    let me = |cookie: String| {
        let request = nobody.get(format!("{}/api/v1/me", rig.base())).header("cookie", cookie);
        async move { request.send().await.unwrap().status() }
    };
    let answer =
        nobody.post(format!("{}/api/v1/login", rig.base())).json(&rig.credentials("agent")).send().await.unwrap();
    let cookie = answer.headers()[SET_COOKIE].to_str().unwrap().split(';').next().unwrap().to_owned();
    assert_eq!(me(cookie.clone()).await, StatusCode::OK);
    for wrong in [format!("{cookie}x"), cookie.to_lowercase(), "__Host-session=".to_owned(), "session=1".to_owned()] {
        assert_eq!(me(wrong.clone()).await, StatusCode::UNAUTHORIZED, "{wrong}");
    }
    // Logging in again from the same browser ends it.
    nobody
        .post(format!("{}/api/v1/login", rig.base()))
        .header("cookie", &cookie)
        .json(&rig.credentials("agent"))
        .send()
        .await
        .unwrap();
    assert_eq!(me(cookie).await, StatusCode::UNAUTHORIZED);
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_end_when_idle_and_after_twelve_hours() {
    let rig = Rig::start().await;
    let idle = rig.log_in("agent").await;
    rig.clock.advance(Duration::from_secs(29 * 60));
    assert_eq!(idle.get("/api/v1/me").await.status, StatusCode::OK);
    rig.clock.advance(Duration::from_secs(29 * 60));
    assert_eq!(idle.get("/api/v1/me").await.status, StatusCode::OK, "use keeps it");
    rig.clock.advance(Duration::from_secs(30 * 60));
    idle.get("/api/v1/me").await.is(StatusCode::UNAUTHORIZED, "session-expired");
    let page = idle.get("/tickets").await;
    assert_eq!((page.status, page.header("location")), (StatusCode::SEE_OTHER, "/login?next=%2Ftickets&expired=1"));

    let busy = rig.log_in("agent").await;
    for _ in 0..36 {
        assert_eq!(busy.get("/api/v1/me").await.status, StatusCode::OK);
        rig.clock.advance(Duration::from_secs(20 * 60));
    }
    busy.get("/api/v1/me").await.is(StatusCode::UNAUTHORIZED, "session-expired");
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fault_8_a_struck_person_is_out_with_their_next_request() {
    let rig = Rig::start().await;
    let browser = rig.log_in("agent").await;
    rig.strike("agent").await;
    browser.get("/api/v1/me").await.is(StatusCode::UNAUTHORIZED, "session-expired");
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fault_25_log_ins_are_limited_and_cuts_stay_free() {
    let slow = Duration::from_secs(3_600);
    let limits = Limits {
        login_per_address: Rate::new(12, slow),
        login_per_account: Rate::new(4, slow),
        changes: Rate::new(5, slow),
        ..Limits::default()
    };
    let rig = Rig::start_with(Wishes { limits, ..Wishes::default() }).await;
    let (agent, decider) = (rig.log_in("agent").await, rig.log_in("decider").await);
    let ticket = agent.file().await;
    assert_eq!(decider.act(ticket, "approve", "").await.status, StatusCode::OK);

    // Four tries per account, whether it exists or not, and the right password comes too late as well.
    let nobody = rig.anonymous();
    for account in ["chief", "nobody"] {
        let attempt =
            |password: &str| nobody.post("/api/v1/login", json!({ "email": email(account), "password": password }));
        for _ in 0..4 {
            attempt("wrong").await.is(StatusCode::UNAUTHORIZED, "login-refused");
        }
        let refused = attempt(PASSWORD).await;
        refused.is(StatusCode::TOO_MANY_REQUESTS, "too-many-attempts");
        assert!(refused.header("retry-after").parse::<u64>().unwrap() > 0);
    }
    // Twelve tries per address, whoever is tried.
    let guard = json!({ "email": email("guard"), "password": PASSWORD });
    nobody.post("/api/v1/login", guard).await.is(StatusCode::TOO_MANY_REQUESTS, "too-many-attempts");

    // The agent floods the form until it is shut to them...
    let mut last = agent.post("/api/v1/tickets", filing("agent")).await;
    for _ in 0..10 {
        last = agent.post("/api/v1/tickets", filing("agent")).await;
    }
    last.is(StatusCode::TOO_MANY_REQUESTS, "too-many-attempts");
    // ... and still ends the intervention.
    assert_eq!(agent.act(ticket, "end", "").await.status, StatusCode::OK);
    assert_eq!(agent.get(&format!("/api/v1/tickets/{ticket}")).await.json()["cause"], "end-of-intervention");
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_needs_the_token_of_its_own_session_and_our_own_origin() {
    let rig = Rig::start().await;
    let (agent, colleague) = (rig.log_in("agent").await, rig.log_in("colleague").await);
    let url = format!("{}/api/v1/tickets", rig.base());
    let body = filing("agent");
    let without = agent.client.post(&url).json(&body);
    agent.send(without).await.is(StatusCode::FORBIDDEN, "csrf");
    for token in ["", "x", colleague.csrf.as_str(), &agent.csrf[..63]] {
        let wrong = agent.client.post(&url).header("x-csrf-token", token).json(&body);
        agent.send(wrong).await.is(StatusCode::FORBIDDEN, "csrf");
    }
    for (name, value) in [
        ("origin", "https://evil.example"),
        ("origin", "null"),
        ("origin", "http://ecluse.example.org"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
    ] {
        let foreign = agent.request(Method::POST, "/api/v1/tickets").header(name, value).json(&body);
        agent.send(foreign).await.is(StatusCode::FORBIDDEN, "foreign-origin");
    }
    assert_eq!(agent.get("/api/v1/tickets").await.json()["tickets"], json!([]));
    for origin in ["https://ecluse.example.org".to_owned(), rig.base()] {
        let own = agent.request(Method::POST, "/api/v1/login").header("origin", origin);
        let own = own.json(&json!({ "email": email("agent"), "password": "wrong" }));
        agent.send(own).await.is(StatusCode::UNAUTHORIZED, "login-refused");
    }
    assert!(rig.logged(Kind::Refused, "/api/v1/tickets: no proof"));
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fault_2_a_get_decides_nothing() {
    let rig = Rig::start().await;
    let ticket = rig.requested().await;
    let decider = rig.log_in("decider").await;
    for path in [format!("/tickets/{ticket}/approve"), format!("/api/v1/tickets/{ticket}/approve")] {
        for method in [Method::GET, Method::HEAD] {
            let answer = decider.send(decider.request(method, &path)).await;
            assert_eq!((answer.status, answer.header("allow")), (StatusCode::METHOD_NOT_ALLOWED, "POST"));
        }
    }
    assert_eq!(decider.get(&format!("/api/v1/tickets/{ticket}")).await.json()["status"], "requested");
    rig.stop().await;
}
