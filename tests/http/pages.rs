//! Pages as forms see them: Post/Redirect/Get, faults beside their fields, languages, links from mails.

use crate::rig::{Browser, PASSWORD, Rig, Wishes, email};
use reqwest::StatusCode;

/// A browser that logs in through the form, as people do.
async fn through_the_form(rig: &Rig, name: &str, next: &str) -> (Browser, String) {
    let mut browser = rig.anonymous();
    let page = browser.get(&format!("/login?next={next}")).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.text());
    browser.csrf = csrf_of(&page.text());
    let fields = [("csrf", browser.csrf.as_str()), ("email", &email(name)), ("password", PASSWORD), ("next", next)];
    let answer = browser.form("/login", &fields).await;
    assert_eq!((answer.status, answer.header("location")), (StatusCode::SEE_OTHER, "/login/second-factor"));
    let page = browser.get("/login/second-factor").await;
    assert!(page.text().contains("autocomplete=\"one-time-code\""), "{}", page.text());
    let answer = browser.form("/login/second-factor", &[("csrf", &browser.csrf), ("code", &rig.code(name))]).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text());
    let target = answer.header("location").to_owned();
    let me = browser.get("/api/v1/me").await.json();
    browser.csrf = me["csrf_token"].as_str().unwrap().to_owned();
    (browser, target)
}

/// The token in a page's form.
pub fn csrf_of(page: &str) -> String {
    let (_, rest) = page.split_once("name=\"csrf\"").expect("a form with a token");
    let (_, rest) = rest.split_once("value=\"").unwrap();
    rest.split('"').next().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn people_log_in_through_the_form_and_come_to_where_they_wanted() {
    let rig = Rig::start().await;
    let nobody = rig.anonymous();
    let asked = nobody.get("/tickets").await;
    assert_eq!((asked.status, asked.header("location")), (StatusCode::SEE_OTHER, "/login?next=%2Ftickets"));
    let (browser, target) = through_the_form(&rig, "agent", "/tickets").await;
    assert_eq!(target, "/tickets");
    assert_eq!(browser.get("/tickets").await.status, StatusCode::OK);
    assert_eq!(browser.get("/login").await.header("location"), "/");
    let (_, target) = through_the_form(&rig, "agent", "https://evil.example/").await;
    assert_eq!(target, "/");

    // A wrong password draws the form again; without its token nothing is tried.
    let page = nobody.get("/login").await;
    let token = csrf_of(&page.text());
    let fields = [("csrf", token.as_str()), ("email", "agent@example.org"), ("password", "wrong")];
    let refused = nobody.form("/login", &fields).await;
    assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
    assert!(refused.text().contains("name=\"password\"") && !refused.text().contains("wrong\""));
    assert_eq!(nobody.form("/login", &fields[1..]).await.status, StatusCode::FORBIDDEN);

    let out = browser.form("/logout", &[("csrf", &browser.csrf)]).await;
    assert_eq!((out.status, out.header("location")), (StatusCode::SEE_OTHER, "/login"));
    assert_eq!(browser.get("/tickets").await.status, StatusCode::SEE_OTHER);
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a3_4_the_form_comes_back_as_typed_with_every_fault() {
    let rig = Rig::start().await;
    let (agent, _) = through_the_form(&rig, "agent", "").await;
    let wrong = [
        ("csrf", agent.csrf.as_str()),
        ("site", "arcade"),
        ("duration_minutes", "deux heures"),
        ("email", "<script>@example.org"),
    ];
    let page = agent.form("/tickets", &wrong).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", page.text());
    assert!(!page.text().contains("<script>@"), "escaped");
    assert!(page.text().contains("&#60;script&#62;@") || page.text().contains("&lt;script&gt;@"), "{}", page.text());

    let right = [
        ("csrf", agent.csrf.as_str()),
        ("site", "arcade"),
        ("reasons", "vols"),
        ("reasons", "degradations"),
        ("duration_minutes", "180"),
        ("email", "agent@example.org"),
    ];
    let filed = agent.form("/tickets", &right).await;
    assert_eq!(filed.status, StatusCode::SEE_OTHER, "{}", filed.text());
    let ticket = filed.header("location").to_owned();
    assert_eq!(agent.get(&ticket).await.status, StatusCode::OK);

    let (decider, _) = through_the_form(&rig, "decider", &ticket).await;
    let page = decider.get(&ticket).await;
    assert_eq!(page.status, StatusCode::OK);
    let silent = decider.form(&format!("{ticket}/refuse"), &[("csrf", &decider.csrf), ("why", " ")]).await;
    assert_eq!(silent.status, StatusCode::UNPROCESSABLE_ENTITY);
    let approved = decider.form(&format!("{ticket}/approve"), &[("csrf", &decider.csrf)]).await;
    assert_eq!((approved.status, approved.header("location")), (StatusCode::SEE_OTHER, ticket.as_str()));
    assert_eq!(agent.get(&format!("{ticket}/watch")).await.status, StatusCode::OK);
    let ended = agent.form(&format!("{ticket}/end"), &[("csrf", &agent.csrf)]).await;
    assert_eq!(ended.status, StatusCode::SEE_OTHER);
    // How it ended is shown where it was watched.
    assert_eq!(agent.get(&format!("{ticket}/watch")).await.status, StatusCode::OK);
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_role_has_its_pages() {
    let rig = Rig::start().await;
    let ticket = rig.opened().await;
    for (name, pages) in [
        ("agent", vec!["/", "/tickets"]),
        ("chief", vec!["/", "/tickets"]),
        ("decider", vec!["/", "/tickets", "/sites", "/register"]),
        ("guard", vec!["/", "/tickets", "/sites"]),
        ("dpo", vec!["/", "/register"]),
        (
            "administrator",
            vec![
                "/",
                "/sites",
                "/admin/sessions",
                "/admin/people",
                "/admin/workstations",
                "/admin/connections",
                "/register",
            ],
        ),
        ("auditor", vec!["/", "/register"]),
    ] {
        let browser = rig.log_in(name).await;
        for page in pages {
            let answer = browser.get(page).await;
            assert_eq!(answer.status, StatusCode::OK, "{page} as {name}: {}", answer.text());
            assert!(answer.text().contains("<html lang=\"fr\""), "{page} as {name}");
            assert!(
                !answer.text().contains(" style=") && !answer.text().contains(" onclick="),
                "{page}: the CSP forbids"
            );
        }
    }
    let guard = rig.log_in("guard").await;
    let cut = guard.form(&format!("/tickets/{ticket}/interrupt"), &[("csrf", &guard.csrf), ("why", "fini")]).await;
    assert_eq!(cut.status, StatusCode::SEE_OTHER, "{}", cut.text());
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn languages_are_chosen_and_remembered() {
    let rig = Rig::start().await;
    let nobody = rig.anonymous();
    let french = nobody.get("/login").await.text();
    assert!(french.contains("<html lang=\"fr\""));
    let english = nobody.send(nobody.request(reqwest::Method::GET, "/login").header("accept-language", "en")).await;
    assert!(english.text().contains("<html lang=\"en\""));
    let token = csrf_of(&french);
    let chosen = nobody.form("/language", &[("csrf", token.as_str()), ("language", "en"), ("next", "/login")]).await;
    assert_eq!((chosen.status, chosen.header("location")), (StatusCode::SEE_OTHER, "/login"));
    assert!(nobody.get("/login").await.text().contains("<html lang=\"en\""));
    let missing = nobody.get("/nowhere").await;
    assert_eq!(missing.status, StatusCode::NOT_FOUND);
    assert!(missing.text().contains("<html lang=\"en\""), "{}", missing.text());
    let odd = nobody.form("/language", &[("csrf", token.as_str()), ("language", "tlh")]).await;
    assert_eq!(odd.status, StatusCode::UNPROCESSABLE_ENTITY);
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_from_a_mail_finds_the_log_in_that_is_there() {
    let rig = Rig::start().await;
    let nobody = rig.anonymous();
    // A browser holds a strict cookie back on a click in a mail; asked again from our own page it sends it.
    let click = nobody.request(reqwest::Method::GET, "/tickets");
    let click = click.header("sec-fetch-site", "cross-site").header("sec-fetch-mode", "navigate");
    let page = nobody.send(click).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.text().contains("http-equiv=refresh"), "{}", page.text());
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demos_mails_are_there_in_the_demo_alone() {
    let rig = Rig::start().await;
    assert_eq!(rig.anonymous().get("/demo/mails").await.status, StatusCode::NOT_FOUND);
    rig.stop().await;
    let demo = Rig::start_with(Wishes { demo: true, ..Wishes::default() }).await;
    assert_eq!(demo.anonymous().get("/demo/mails").await.status, StatusCode::OK);
    demo.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn assets_are_kept_and_asked_for_again() {
    let rig = Rig::start().await;
    let nobody = rig.anonymous();
    let css = nobody.get("/static/css/ecluse.css").await;
    assert_eq!((css.status, css.header("cache-control")), (StatusCode::OK, "no-cache"));
    assert!(css.header("content-type").starts_with("text/css"));
    let again = nobody.request(reqwest::Method::GET, "/static/css/ecluse.css");
    let again = nobody.send(again.header("if-none-match", css.header("etag"))).await;
    assert_eq!((again.status, again.body.len()), (StatusCode::NOT_MODIFIED, 0));
    for outside in ["/static/../Cargo.toml", "/static/%2e%2e/x", "/static/nothing", "/static/"] {
        assert_eq!(nobody.get(outside).await.status, StatusCode::NOT_FOUND, "{outside}");
    }
    rig.stop().await;
}
