//! Accounts: people are invited and set out by themselves (A3-3); who guesses is locked out, the account's own devices are
//! not (fault 25).

use crate::pages::csrf_of;
use crate::rig::{Answer, Browser, PASSWORD, Rig, Wishes, email};
use crate::totp;
use ecluse::clock::Clock;
use ecluse::config::Secret;
use ecluse::console::{NewPerson, Order, Outcome, Wire, perform};
use ecluse::domain::{InvitationWay, MailKind, PersonId, Role};
use ecluse::mail::{Encryption, MailSettings};
use ecluse::store::LockoutRule;
use ecluse::store::totp::{TotpSecret, step_at};
use ecluse::web::Limits;
use ecluse::web::connections::Kind as Logged;
use reqwest::StatusCode;
use serde_json::json;
use std::time::Duration;

const CHOSEN: &str = "une phrase que personne ne connaît";

/// A house whose mails wait in the outbox: nobody listens at its mail server's port.
async fn house() -> Rig {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mail = MailSettings {
        from: "Écluse <ecluse@example.org>".parse().unwrap(),
        host: "127.0.0.1".to_owned(),
        port,
        encryption: Encryption::StartTls,
        credentials: None,
        ca_pem: None,
        hello_name: "ecluse.example.org".to_owned(),
        connect_timeout: Duration::from_secs(5),
        send_timeout: Duration::from_secs(5),
    };
    Rig::start_with(Wishes { mail: Some(mail), ..Wishes::default() }).await
}

/// The paths of the links mailed to somebody, newest last.
async fn links(rig: &Rig, address: &str, count: usize) -> Vec<String> {
    let mut found = Vec::new();
    crate::rig::until("the invitations to be queued", || {
        let mails = rig.store.outbox().list(1_000).unwrap();
        let invitations = mails.into_iter().filter(|mail| mail.kind == MailKind::Invitation);
        let to = invitations.filter(|mail| mail.to_address == address);
        found = to.map(|mail| between(&mail.text, "https://ecluse.example.org", "\n").to_owned()).collect();
        found.reverse();
        found.len() == count
    })
    .await;
    found
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> &'a str {
    text.split_once(before).unwrap_or_else(|| panic!("{before} in {text}")).1.split_once(after).unwrap().0
}

async fn choose(browser: &mut Browser, link: &str, password: &str, again: &str) -> Answer {
    browser.csrf = csrf_of(&browser.get(link).await.text());
    let fields = [("csrf", browser.csrf.as_str()), ("password", password), ("again", again)];
    browser.form(link, &fields).await
}

/// Enrols an authenticator application where an accepted invitation leads; the secret.
async fn enrol(rig: &Rig, browser: &Browser) -> TotpSecret {
    let page = browser.get("/login/second-factor").await.text();
    let secret = TotpSecret::from_base32(between(&page, "data-secret=\"", "\"")).unwrap();
    let code = secret.code(step_at(rig.clock.utc()));
    let done = browser.form("/login/second-factor", &[("csrf", browser.csrf.as_str()), ("code", &code)]).await;
    assert_eq!(done.status, StatusCode::OK, "{}", done.text());
    secret
}

fn void(answer: &Answer) {
    assert_eq!(answer.status, StatusCode::GONE, "{}", answer.text());
    assert!(answer.text().contains("Ce lien ne sert plus") && !answer.text().contains("name=\"password\""));
}

#[tokio::test(flavor = "multi_thread")]
async fn a3_3_somebody_who_is_added_is_invited_and_sets_out_alone() {
    let rig = house().await;
    let administrator = rig.log_in("administrator").await;
    assert!(administrator.get("/admin/people/new").await.text().contains("id=\"person-form\""));
    let add = |fields: &'static [(&'static str, &'static str)]| {
        let fields: Vec<_> =
            [("csrf", administrator.csrf.as_str())].into_iter().chain(fields.iter().copied()).collect();
        administrator.send(administrator.client.post(format!("{}/admin/people", rig.base())).form(&fields))
    };
    let faulty = add(&[("name", ""), ("email", "x"), ("role", "king"), ("sites", "arcade")]).await;
    assert_eq!(faulty.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(faulty.text().contains("Indiquez un nom") && faulty.text().contains("Choisissez un rôle"));
    let taken = [("name", "Lou"), ("email", "AGENT@example.org"), ("role", "guard"), ("sites", "arcade")];
    let taken = administrator.send(
        administrator
            .client
            .post(format!("{}/admin/people", rig.base()))
            .form(&[("csrf", administrator.csrf.as_str())].into_iter().chain(taken).collect::<Vec<_>>()),
    );
    assert!(taken.await.text().contains("qu’aucun autre compte"), "accounts are personal");
    let operator =
        add(&[("name", "Lou"), ("email", "lou@example.org"), ("role", "operator"), ("sites", "arcade")]).await;
    assert_eq!(operator.status, StatusCode::UNPROCESSABLE_ENTITY, "an operator has a service");
    let done = add(&[
        ("name", "Lou Martin"),
        ("email", "lou@example.org"),
        ("role", "operator"),
        ("sites", "arcade"),
        ("service", "csu"),
        ("language", "fr"),
    ]);
    assert_eq!(done.await.header("location"), "/admin/people");
    let link = links(&rig, "lou@example.org", 1).await.remove(0);
    let people = administrator.get("/api/v1/people").await.json()["people"].clone();
    let lou = people.as_array().unwrap().iter().find(|one| one["email"] == "lou@example.org").unwrap().clone();
    assert_eq!(lou["invitation"]["expired"], false);
    let page = administrator.get("/admin/people").await.text();
    let token = link.rsplit('/').next().unwrap();
    assert!(page.contains("Renvoyer l’invitation") && page.contains("Invitation valable jusqu’au"), "{page}");

    // A mail scanner fetches the link, however often: nothing happens (fault 2).
    for _ in 0..3 {
        let scanned = rig.anonymous().get(&link).await;
        assert_eq!(scanned.status, StatusCode::OK);
        assert!(scanned.text().contains("lou@example.org"));
    }
    // From a mail program's page, the browser is asked to come again with its cookies.
    let there = rig.anonymous();
    let from_mail = there.request(reqwest::Method::GET, &link);
    let from_mail = there.send(from_mail.header("sec-fetch-site", "cross-site").header("sec-fetch-mode", "navigate"));
    assert!(from_mail.await.text().contains("http-equiv=refresh"));
    let mut lou_there = rig.anonymous();
    let forged = lou_there.form(&link, &[("csrf", "x"), ("password", CHOSEN), ("again", CHOSEN)]).await;
    assert_eq!(forged.status, StatusCode::FORBIDDEN);
    for (password, again, says) in
        [("trop court", "trop court", "de 12 à"), (CHOSEN, "autre chose que cela", "diffèrent")]
    {
        let refused = choose(&mut lou_there, &link, password, again).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(refused.text().contains(says), "{}", refused.text());
    }
    let accepted = choose(&mut lou_there, &link, CHOSEN, CHOSEN).await;
    assert_eq!((accepted.status, accepted.header("location")), (StatusCode::SEE_OTHER, "/login/second-factor"));
    lou_there.get("/api/v1/me").await.is(StatusCode::UNAUTHORIZED, "not-logged-in");
    let secret = enrol(&rig, &lou_there).await;
    assert_eq!(lou_there.get("/api/v1/me").await.json()["name"], "Lou Martin");
    rig.clock.advance(Duration::from_secs(60));
    let code = secret.code(step_at(rig.clock.utc()));
    let credentials = json!({ "email": "lou@example.org", "password": CHOSEN, "code": code });
    assert_eq!(rig.anonymous().post("/api/v1/login", credentials).await.status, StatusCode::OK);

    // Used, for everybody.
    void(&rig.anonymous().get(&link).await);
    let mut again = rig.anonymous();
    again.csrf = csrf_of(&again.get("/login").await.text());
    let fields = [("csrf", again.csrf.as_str()), ("password", CHOSEN), ("again", CHOSEN)];
    void(&again.form(&link, &fields).await);

    // The register names pseudonyms, and no trace holds the token.
    let register = administrator.get("/api/v1/register?limit=500&kind=people").await.text();
    let id = lou["id"].as_str().unwrap();
    assert!(register.contains("\"type\":\"invited\"") && register.contains("\"type\":\"invitation-accepted\""));
    assert!(register.contains(id) && !register.contains("lou@example.org") && !register.contains(token));
    assert!(administrator.get("/register").await.text().contains("a accepté son invitation"));
    let seen = [page, administrator.get("/admin/mails").await.text(), administrator.get("/api/v1/mails").await.text()];
    assert!(seen.iter().all(|text| !text.contains(token)), "not for the administrator");
    assert!(!format!("{:?}", rig.connections.newest(500)).contains(token));
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a3_3_an_invitation_is_void_when_replaced_revoked_expired_or_its_person_struck() {
    let rig = house().await;
    let administrator = rig.log_in("administrator").await;
    let invite = |name: &str| format!("/api/v1/people/{name}/invite");
    administrator.post(&invite("administrator"), json!({})).await.is(StatusCode::FORBIDDEN, "own-invitation");
    administrator.post(&invite("nobody"), json!({})).await.is(StatusCode::NOT_FOUND, "unknown-person");
    let mut shown = Vec::new();
    for name in ["agent", "colleague", "guard", "chief"] {
        assert_eq!(administrator.post(&invite(name), json!({})).await.status, StatusCode::OK);
        shown.push(links(&rig, &email(name), 1).await.remove(0));
    }
    for link in &shown {
        assert_eq!(rig.anonymous().get(link).await.status, StatusCode::OK);
    }
    assert_eq!(administrator.post(&invite("agent"), json!({})).await.status, StatusCode::OK);
    let newer = links(&rig, &email("agent"), 2).await.remove(1);
    let revoke = administrator.post("/api/v1/people/colleague/invitation/revoke", json!({})).await;
    assert_eq!(revoke.status, StatusCode::OK);
    rig.strike("guard").await;
    for link in &shown[..3] {
        void(&rig.anonymous().get(link).await);
    }
    void(&rig.anonymous().get("/invitation/never-was").await);
    // Until it is accepted, what the person has stands.
    let agent = rig.log_in("agent").await;
    rig.clock.advance(Duration::from_secs(3_600));
    assert_eq!(choose(&mut rig.anonymous(), &newer, CHOSEN, CHOSEN).await.status, StatusCode::SEE_OTHER);
    agent.get("/api/v1/me").await.is(StatusCode::UNAUTHORIZED, "session-expired");
    rig.anonymous().post("/api/v1/login", rig.credentials("agent")).await.is(StatusCode::UNAUTHORIZED, "login-refused");
    rig.clock.advance(Duration::from_secs(71 * 3_600));
    void(&rig.anonymous().get(&shown[3]).await);
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_only_administrator_who_lost_everything_comes_back_by_the_console() {
    let rig = Rig::start().await;
    let order = |order: Order| perform(&rig.control, &rig.store, order);
    let person: PersonId = "administrator".parse().unwrap();
    let invited = order(Order::PersonInvite { person: person.clone(), way: InvitationWay::Console }).await.unwrap();
    let Outcome::Invited { token: Some(Wire(token)), entries, .. } = invited else { panic!("{invited:?}") };
    assert_eq!(entries.len(), 1, "it stands in the register");
    let link = format!("/invitation/{}", token.expose());
    let mut browser = rig.anonymous();
    rig.clock.advance(Duration::from_secs(1));
    assert_eq!(choose(&mut browser, &link, CHOSEN, CHOSEN).await.header("location"), "/login/second-factor");
    enrol(&rig, &browser).await;
    let register = browser.get("/register").await.text();
    assert!(register.contains("par un lien remis depuis la console"), "{register}");

    // Without a mail server the page says so, and a person who is added has a link from the console.
    browser.csrf = csrf_of(&register);
    browser.post("/api/v1/people/agent/invite", json!({})).await.is(StatusCode::CONFLICT, "no-mail-server");
    let new = json!({ "name": "Lou", "email": "lou@example.org", "role": "auditor" });
    let added = browser.post("/api/v1/people", new).await;
    assert_eq!((added.status, &added.json()["invited"]), (StatusCode::CREATED, &json!(false)));
    let by_console = NewPerson {
        person: None,
        email: "max@example.org".to_owned(),
        name: "Max".to_owned(),
        language: "fr".to_owned(),
        role: Role::Dpo,
        sites: Default::default(),
        service: None,
        password: None,
    };
    let Outcome::Recorded { person, .. } = order(Order::PersonAdd(by_console)).await.unwrap() else { panic!() };
    let invited = order(Order::PersonInvite { person: person.clone(), way: InvitationWay::Console }).await.unwrap();
    let Outcome::Invited { token: Some(Wire(token)), .. } = invited else { panic!() };
    let link = format!("/invitation/{}", token.expose());
    assert_eq!(rig.anonymous().get(&link).await.status, StatusCode::OK);
    order(Order::PersonUninvite { person }).await.unwrap();
    void(&rig.anonymous().get(&link).await);
    assert_eq!(format!("{:?}", Wire(Secret::new("x"))), "***");
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fault_25_who_guesses_is_locked_out_and_the_accounts_own_devices_are_not() {
    let mut wishes = Wishes::default();
    let quarter = Duration::from_secs(900);
    wishes.limits = Limits { lockout: LockoutRule { attempts: 3, window: quarter, first: quarter }, ..wishes.limits };
    let rig = Rig::start_with(wishes).await;
    let administrator = rig.log_in("administrator").await;
    let ticket = rig.opened().await;
    // The decider has logged in from this browser before, and is logged in.
    let decider = rig.log_in("decider").await;
    let try_it = |name: &str, password: &str| {
        let credentials = json!({ "email": email(name), "password": password, "code": rig.code("decider") });
        let stranger = rig.anonymous();
        async move { stranger.post("/api/v1/login", credentials).await }
    };
    let mut bodies = Vec::new();
    for _ in 0..3 {
        bodies.push(try_it("decider", "wrong").await);
    }
    assert!(rig.connections.newest(50).iter().any(|line| {
        line.kind == Logged::LockedOut
            && line.detail.starts_with("network until ")
            && line.person.as_ref().is_some_and(|person| person.as_str() == "decider")
    }));
    // Locked: right and wrong password, and no account at all, read the same.
    bodies.push(try_it("decider", PASSWORD).await);
    bodies.push(try_it("decider", "wrong").await);
    bodies.push(try_it("nobody", "wrong").await);
    for answer in &bodies {
        answer.is(StatusCode::UNAUTHORIZED, "login-refused");
        assert_eq!(answer.body, bodies[0].body);
        assert!(answer.headers.get("set-cookie").is_none());
    }
    assert!(rig.logged(Logged::LoginRefused, "locked out"));

    // Who is logged in is not touched, and cuts; the known browser logs in again.
    let mut again = decider.clone();
    let answer = again.post("/api/v1/login", rig.credentials("decider")).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    again.csrf = answer.json()["csrf_token"].as_str().unwrap().to_owned();
    assert_eq!(again.act(ticket, "interrupt", "fin").await.status, StatusCode::OK);

    // Codes count like passwords, and a right one is neither taken nor used up while the account is locked.
    let guess = |code: String| {
        let credentials = json!({ "email": email("guard"), "password": PASSWORD, "code": code });
        let stranger = rig.anonymous();
        async move { stranger.post("/api/v1/login", credentials).await }
    };
    for _ in 0..3 {
        guess("000000".to_owned()).await.is(StatusCode::UNAUTHORIZED, "login-refused");
    }
    let code = rig.code("guard");
    guess(code.clone()).await.is(StatusCode::UNAUTHORIZED, "login-refused");

    let page = administrator.get("/admin/people").await.text();
    assert!(page.contains("Verrouillé depuis un réseau, jusqu’au") && page.contains("/admin/people/guard/unlock"));
    assert!(!page.contains("/admin/people/agent/unlock"));
    let people = administrator.get("/api/v1/people").await.json()["people"].clone();
    let guard = people.as_array().unwrap().iter().find(|one| one["id"] == "guard").unwrap().clone();
    assert_eq!(guard["lockouts"][0]["scope"], "network");
    let unlocked = administrator.post("/api/v1/people/guard/unlock", json!({})).await;
    assert_eq!(unlocked.json()["unlocked"], true);
    administrator.post("/api/v1/people/nobody/unlock", json!({})).await.is(StatusCode::NOT_FOUND, "not-found");
    assert!(rig.logged(Logged::Unlocked, "the account of guard"));
    assert_eq!(guess(code).await.status, StatusCode::OK);

    // The console unlocks as well; else time does, and the next lock-out is longer.
    try_it("decider", PASSWORD).await.is(StatusCode::UNAUTHORIZED, "login-refused");
    let order = Order::PersonUnlock { person: "decider".parse().unwrap() };
    perform(&rig.control, &rig.store, order).await.unwrap();
    assert_eq!(try_it("decider", PASSWORD).await.status, StatusCode::OK);
    for minutes in [15, 30] {
        for _ in 0..3 {
            try_it("deputy", "wrong").await;
        }
        let code = || totp::code(step_at(rig.clock.utc()));
        let credentials = || json!({ "email": email("deputy"), "password": PASSWORD, "code": code() });
        rig.clock.advance(Duration::from_secs(minutes * 60 - 1));
        rig.anonymous().post("/api/v1/login", credentials()).await.is(StatusCode::UNAUTHORIZED, "login-refused");
        rig.clock.advance(Duration::from_secs(1));
        if minutes == 30 {
            assert_eq!(rig.anonymous().post("/api/v1/login", credentials()).await.status, StatusCode::OK);
        }
    }
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_passkey_proves_nothing_and_ones_own_page_asks_for_the_password() {
    let rig = Rig::start().await;
    let (store, person) = (rig.store.clone(), "agent".parse::<PersonId>().unwrap());
    tokio::task::spawn_blocking(move || store.second_factors().remove(&person)).await.unwrap().unwrap();
    let mut browser = rig.anonymous();
    browser.csrf = csrf_of(&browser.get("/login").await.text());
    let fields = [("csrf", browser.csrf.as_str()), ("email", &email("agent")), ("password", PASSWORD)];
    assert_eq!(browser.form("/login", &fields).await.status, StatusCode::SEE_OTHER);
    let page = browser.get("/login/second-factor").await.text();
    let options = between(&page, "data-passkey-create=\"", "\"").replace("&#34;", "\"");
    let options: serde_json::Value = serde_json::from_str(&options).unwrap();
    assert_eq!(options["publicKey"]["rp"]["id"], "ecluse.example.org", "the host of the public URL");
    assert_eq!(options["publicKey"]["authenticatorSelection"]["userVerification"], "required");
    for answer in ["{}", "no json", "{\"id\":\"\",\"rawId\":\"\",\"response\":{},\"type\":\"public-key\"}"] {
        let fields = [("csrf", browser.csrf.as_str()), ("passkey", answer)];
        let refused = browser.form("/login/second-factor", &fields).await;
        assert_eq!(refused.status, StatusCode::UNAUTHORIZED, "{answer}");
    }
    browser.get("/api/v1/me").await.is(StatusCode::UNAUTHORIZED, "not-logged-in");
    assert!(rig.logged(Logged::LoginRefused, "wrong passkey at enrolment"));

    let decider = rig.log_in("decider").await;
    let own = decider.get("/me/second-factor").await.text();
    assert!(own.contains("Application d’authentification enregistrée") && own.contains("data-passkey-create"), "{own}");
    for (password, status) in [("wrong", StatusCode::UNAUTHORIZED), (PASSWORD, StatusCode::UNPROCESSABLE_ENTITY)] {
        let fields = [("csrf", decider.csrf.as_str()), ("name", "x"), ("password", password), ("passkey", "{}")];
        assert_eq!(decider.form("/me/second-factor/passkeys", &fields).await.status, status, "{password}");
    }
    let fields = [("csrf", decider.csrf.as_str()), ("password", PASSWORD)];
    let none = decider.form("/me/second-factor/passkeys/0123456789abcdef/remove", &fields).await;
    assert_eq!(none.status, StatusCode::NOT_FOUND);
    rig.stop().await;
}
