//! MFA for every person: enrolment at the first log-in, codes that are taken once, recovery codes, resets; and what a
//! half-done log-in reaches, which is nothing.

use crate::matrix::ask;
use crate::pages::csrf_of;
use crate::rig::{Browser, PASSWORD, Rig, Wishes, email};
use crate::totp;
use crate::workstations::browser_on;
use ecluse::clock::Clock;
use ecluse::domain::PersonId;
use ecluse::store::totp::{TotpSecret, step_at};
use ecluse::web::connections::Kind as Logged;
use ecluse::web::routes::{Kind, TABLE, Who};
use ecluse::web::{Limits, Rate};
use reqwest::StatusCode;
use serde_json::json;
use std::time::Duration;

const PAGE: &str = "/login/second-factor";

/// Somebody who has given the right password in the form, and nothing more.
async fn half_way(rig: &Rig, name: &str, next: &str) -> Browser {
    half_way_with(rig.anonymous(), name, next).await
}

/// The same with a browser that may hold a workstation's certificate.
async fn half_way_with(mut browser: Browser, name: &str, next: &str) -> Browser {
    browser.csrf = csrf_of(&browser.get("/login").await.text());
    let fields = [("csrf", browser.csrf.as_str()), ("email", &email(name)), ("password", PASSWORD), ("next", next)];
    let answer = browser.form("/login", &fields).await;
    assert_eq!((answer.status, answer.header("location")), (StatusCode::SEE_OTHER, PAGE), "{}", answer.text());
    let cookie = answer.header("set-cookie");
    for part in ["__Host-login=", "; Path=/", "; Secure", "; HttpOnly", "; SameSite=Strict"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    browser
}

async fn give(browser: &Browser, code: &str) -> crate::rig::Answer {
    browser.form(PAGE, &[("csrf", browser.csrf.as_str()), ("code", code)]).await
}

async fn forget(rig: &Rig, name: &str) {
    let (store, person) = (rig.store.clone(), name.parse::<PersonId>().unwrap());
    assert!(tokio::task::spawn_blocking(move || store.second_factors().remove(&person)).await.unwrap().unwrap());
}

/// The text between two marks.
fn between<'a>(page: &'a str, before: &str, after: &str) -> &'a str {
    page.split_once(before).unwrap_or_else(|| panic!("{before} in {page}")).1.split_once(after).unwrap().0
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_factor_is_enrolled_at_the_first_log_in() {
    let rig = Rig::start().await;
    forget(&rig, "agent").await;
    let nobody = rig.anonymous();
    let credentials = json!({ "email": email("agent"), "password": PASSWORD, "code": totp::code(1) });
    nobody.post("/api/v1/login", credentials).await.is(StatusCode::UNAUTHORIZED, "second-factor-not-enrolled");

    let browser = half_way(&rig, "agent", "/tickets").await;
    let page = browser.get(PAGE).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.text().contains("<svg class=\"qr\"") && page.text().contains("otpauth://totp/"), "{}", page.text());
    let secret = between(&page.text(), "data-secret=\"", "\"").to_owned();
    assert_ne!(secret, totp::SECRET);
    let wrong = give(&browser, "000000").await;
    assert_eq!(wrong.status, StatusCode::UNAUTHORIZED);
    assert_eq!(between(&wrong.text(), "data-secret=\"", "\""), secret, "it may be tried again with the same secret");
    let code = TotpSecret::from_base32(&secret).unwrap().code(step_at(rig.clock.utc()));
    let done = give(&browser, &code).await;
    assert_eq!(done.status, StatusCode::OK, "{}", done.text());
    assert!(done.text().contains("href=\"/tickets\""), "on to where they wanted to go");
    let codes: Vec<String> = done.text().split("<li><code>").skip(1).map(|rest| rest[..19].to_owned()).collect();
    assert_eq!(codes.len(), 10, "{}", done.text());
    assert_eq!(browser.get("/tickets").await.status, StatusCode::OK);
    assert_ne!(browser.get(PAGE).await.status, StatusCode::OK, "they are shown once");

    // The code that enrolled is used up; a recovery code stands in for one, once.
    let with = |code: &str| json!({ "email": email("agent"), "password": PASSWORD, "code": code });
    let refused = nobody.post("/api/v1/login", with(&code)).await;
    refused.is(StatusCode::UNAUTHORIZED, "login-refused");
    assert_eq!(nobody.post("/api/v1/login", with(&codes[3])).await.status, StatusCode::OK);
    let again = rig.anonymous().post("/api/v1/login", with(&codes[3])).await;
    again.is(StatusCode::UNAUTHORIZED, "login-refused");
    assert!(rig.logged(Logged::LoggedIn, "second factor enrolled"));
    assert!(rig.logged(Logged::LoggedIn, "recovery code, 9 left"));
    let log = format!("{:?}", rig.connections.newest(100));
    assert!(!log.contains(&codes[3]) && !log.contains(&code) && !log.contains(&secret), "{log}");
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a6_1_the_police_enrol_at_their_workstation_or_not_at_all() {
    let rig = Rig::start_with(Wishes { workstation_ca: true, ..Wishes::default() }).await;
    forget(&rig, "agent").await;
    let office = half_way(&rig, "agent", "").await;
    let secret = between(&office.get(PAGE).await.text(), "data-secret=\"", "\"").to_owned();
    let code = TotpSecret::from_base32(&secret).unwrap().code(step_at(rig.clock.utc()));
    let refused = give(&office, &code).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN, "{}", refused.text());
    // Nothing stands of it: at the workstation they begin anew, and are shown their recovery codes.
    let (workstation, _) = browser_on(&rig, "poste-1", Some("csu")).await;
    let there = half_way_with(workstation, "agent", "").await;
    let secret = between(&there.get(PAGE).await.text(), "data-secret=\"", "\"").to_owned();
    let code = TotpSecret::from_base32(&secret).unwrap().code(step_at(rig.clock.utc()));
    let done = give(&there, &code).await;
    assert_eq!(done.status, StatusCode::OK, "{}", done.text());
    assert_eq!(done.text().matches("<li><code>").count(), 10);
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_half_done_log_in_reaches_nothing_but_its_page() {
    let rig = Rig::start().await;
    for role in ["administrator", "decider", "agent"] {
        let browser = half_way(&rig, role, "").await;
        for route in TABLE.iter().filter(|route| route.who != Who::Anybody) {
            let answer = ask(&browser, route).await;
            let place = format!("{} {} half-way as {role}", route.method, route.path);
            match route.kind {
                Kind::Api => answer.is(StatusCode::UNAUTHORIZED, "not-logged-in"),
                Kind::Page => {
                    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{place}");
                    assert!(answer.header("location").starts_with("/login"), "{place}");
                }
            }
        }
        assert_eq!(browser.get(PAGE).await.status, StatusCode::OK);
    }
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fault_25_codes_are_taken_once_within_one_step_and_refused_like_passwords() {
    let rig = Rig::start().await;
    let nobody = rig.anonymous();
    let with = |password: &str, code: &str| json!({ "email": email("agent"), "password": password, "code": code });
    let bare = json!({ "email": email("agent"), "password": PASSWORD });
    nobody.post("/api/v1/login", bare).await.is(StatusCode::UNAUTHORIZED, "second-factor-due");

    let step = step_at(rig.clock.utc());
    let mut answers = Vec::new();
    for (password, code) in [
        ("wrong", totp::code(step)),
        (PASSWORD, "000000".to_owned()),
        (PASSWORD, totp::code(step - 2)),
        (PASSWORD, totp::code(step + 2)),
        (PASSWORD, String::new()),
        (PASSWORD, "é".repeat(500)),
        (PASSWORD, "aaaa-bbbb-cccc-dddd".to_owned()),
    ] {
        let answer = nobody.post("/api/v1/login", with(password, &code)).await;
        answer.is(StatusCode::UNAUTHORIZED, "login-refused");
        answers.push(answer.body);
    }
    answers.dedup();
    assert_eq!(answers.len(), 1);
    // One step early, now, one step late; each once, and never an earlier one after a later one.
    for near in step - 1..=step + 1 {
        assert_eq!(nobody.post("/api/v1/login", with(PASSWORD, &totp::code(near))).await.status, StatusCode::OK);
        for used in step - 1..=near {
            let again = rig.anonymous().post("/api/v1/login", with(PASSWORD, &totp::code(used))).await;
            again.is(StatusCode::UNAUTHORIZED, "login-refused");
        }
    }
    // The same code from two places at the same moment: one gets in.
    rig.clock.advance(Duration::from_secs(120));
    let code = totp::code(step_at(rig.clock.utc()));
    let (one, other) = (rig.anonymous(), rig.anonymous());
    let both = tokio::join!(
        one.post("/api/v1/login", with(PASSWORD, &code)),
        other.post("/api/v1/login", with(PASSWORD, &code))
    );
    let let_in = [&both.0, &both.1].iter().filter(|answer| answer.status == StatusCode::OK).count();
    assert_eq!(let_in, 1, "{} {}", both.0.status, both.1.status);
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fault_25_a_password_buys_five_codes_and_five_minutes() {
    let rig = Rig::start().await;
    let browser = half_way(&rig, "agent", "").await;
    for _ in 0..4 {
        let wrong = give(&browser, "000000").await;
        assert_eq!(wrong.status, StatusCode::UNAUTHORIZED);
        assert!(wrong.text().contains("name=\"code\"") && !wrong.text().contains("name=\"password\""));
    }
    let last = give(&browser, "000000").await;
    assert_eq!(last.status, StatusCode::UNAUTHORIZED);
    assert!(last.text().contains("name=\"password\""), "back to the start: {}", last.text());
    assert_eq!(give(&browser, &rig.code("agent")).await.status, StatusCode::UNAUTHORIZED);
    browser.get("/api/v1/me").await.is(StatusCode::UNAUTHORIZED, "not-logged-in");

    let slow = half_way(&rig, "agent", "").await;
    rig.clock.advance(Duration::from_secs(5 * 60));
    assert_eq!(give(&slow, &rig.code("agent")).await.status, StatusCode::UNAUTHORIZED);
    // Struck between the two steps.
    let struck = half_way(&rig, "colleague", "").await;
    rig.strike("colleague").await;
    assert_eq!(give(&struck, &rig.code("colleague")).await.status, StatusCode::UNAUTHORIZED);
    struck.get("/api/v1/me").await.is(StatusCode::UNAUTHORIZED, "not-logged-in");
    // A page that is not ours cannot give a code in somebody's name.
    let other = half_way(&rig, "decider", "").await;
    let foreign = other.form(PAGE, &[("csrf", "x"), ("code", &rig.code("decider"))]).await;
    assert_eq!(foreign.status, StatusCode::FORBIDDEN);
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fault_25_codes_are_limited_per_account_whoever_tries() {
    let generous = Rate::new(100_000, Duration::from_millis(1));
    let limits = Limits {
        login_per_address: generous,
        login_per_account: Rate::new(6, Duration::from_secs(3_600)),
        changes: generous,
        ..Limits::default()
    };
    let rig = Rig::start_with(Wishes { limits, ..Wishes::default() }).await;
    let browser = half_way(&rig, "agent", "").await;
    for _ in 0..5 {
        assert_eq!(give(&browser, "000000").await.status, StatusCode::UNAUTHORIZED);
    }
    let browser = half_way(&rig, "agent", "").await;
    assert_eq!(give(&browser, "000000").await.status, StatusCode::UNAUTHORIZED);
    let late = give(&browser, &rig.code("agent")).await;
    assert_eq!(late.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(late.header("retry-after").parse::<u64>().unwrap() > 0);
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_voids_the_second_factor_and_the_log_ins_and_is_written_to_the_register() {
    let rig = Rig::start().await;
    let (administrator, agent) = (rig.log_in("administrator").await, rig.log_in("agent").await);
    let reset = |name: &str| format!("/api/v1/people/{name}/second-factor/reset");
    rig.clock.advance(Duration::from_secs(1));
    administrator.post(&reset("agent"), json!({})).await.is(StatusCode::UNPROCESSABLE_ENTITY, "no-reason-given");
    let why = json!({ "why": "téléphone perdu" });
    administrator.post(&reset("nobody"), why.clone()).await.is(StatusCode::NOT_FOUND, "unknown-person");
    administrator.post(&reset("administrator"), why.clone()).await.is(StatusCode::FORBIDDEN, "own-second-factor");
    assert_eq!(agent.get("/api/v1/me").await.status, StatusCode::OK);

    let done = administrator.post(&reset("agent"), why).await;
    assert_eq!(done.status, StatusCode::OK, "{}", done.text());
    agent.get("/api/v1/me").await.is(StatusCode::UNAUTHORIZED, "session-expired");
    rig.clock.advance(Duration::from_secs(60));
    let old = rig.anonymous().post("/api/v1/login", rig.credentials("agent")).await;
    old.is(StatusCode::UNAUTHORIZED, "second-factor-not-enrolled");
    let newest = administrator.get("/api/v1/register?limit=1").await.json()["lines"][0].clone();
    assert_eq!(newest["event"]["type"], "second-factor-reset");
    assert_eq!((&newest["event"]["person"], &newest["actor"]["id"]), (&json!("agent"), &json!("administrator")));
    let shown = administrator.get("/register").await.text();
    assert!(shown.contains("a réinitialisé le second facteur de Prénom agent") && shown.contains("téléphone perdu"));
    let people = administrator.get("/api/v1/people").await.json()["people"].clone();
    let of = |name: &str| people.as_array().unwrap().iter().find(|one| one["id"] == name).unwrap().clone();
    assert!(of("agent").get("second_factor").is_none());
    assert_eq!(of("decider")["second_factor"]["recovery_codes_left"], 10);

    // A new one is enrolled in the old one's place.
    let browser = half_way(&rig, "agent", "").await;
    let secret = between(&browser.get(PAGE).await.text(), "data-secret=\"", "\"").to_owned();
    let code = TotpSecret::from_base32(&secret).unwrap().code(step_at(rig.clock.utc()));
    assert_eq!(give(&browser, &code).await.status, StatusCode::OK);
    assert_eq!(browser.get("/api/v1/me").await.status, StatusCode::OK);

    // The same through the page.
    let page = administrator.get("/admin/people").await;
    assert!(page.text().contains("/admin/people/decider/second-factor/reset"), "{}", page.text());
    assert!(!page.text().contains("/admin/people/administrator/second-factor/reset"), "not one's own");
    let form = |why: &'static str| {
        let fields = [("csrf", administrator.csrf.clone()), ("why", why.to_owned())];
        administrator.client.post(format!("{}/admin/people/decider/second-factor/reset", rig.base())).form(&fields)
    };
    assert_eq!(administrator.send(form(" ")).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    let done = administrator.send(form("départ")).await;
    assert_eq!((done.status, done.header("location")), (StatusCode::SEE_OTHER, "/admin/people"));
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_who_know_a_password_cannot_enrol_over_one_another() {
    let rig = Rig::start().await;
    forget(&rig, "agent").await;
    let (first, second) = (half_way(&rig, "agent", "").await, half_way(&rig, "agent", "").await);
    for (browser, status) in [(&first, StatusCode::OK), (&second, StatusCode::UNAUTHORIZED)] {
        let secret = between(&browser.get(PAGE).await.text(), "data-secret=\"", "\"").to_owned();
        let code = TotpSecret::from_base32(&secret).unwrap().code(step_at(rig.clock.utc()));
        assert_eq!(give(browser, &code).await.status, status);
    }
    second.get("/api/v1/me").await.is(StatusCode::UNAUTHORIZED, "not-logged-in");
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_second_factor_a_password_is_enough_where_it_is_configured_so() {
    let rig = Rig::start_with(Wishes { second_factor: false, ..Wishes::default() }).await;
    let credentials = json!({ "email": email("agent"), "password": PASSWORD });
    assert_eq!(rig.anonymous().post("/api/v1/login", credentials).await.status, StatusCode::OK);
    rig.stop().await;
}
