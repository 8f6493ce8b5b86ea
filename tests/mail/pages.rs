//! What people see of it: who was told, on the ticket's page; state, last reply and "retry now", for the administrator.

use crate::rig::email;
use crate::{accepted, deliveries, house, until};
use ecluse::store::Delivery;
use reqwest::StatusCode;
use serde_json::json;

/// The hidden field of the first form.
fn csrf(page: &str) -> String {
    let (_, rest) = page.split_once("name=\"csrf\" value=\"").expect("a form");
    rest.split('"').next().expect("a value").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a3_7_the_tickets_page_says_who_was_told_and_how_it_went() {
    let (smtp, rig, _certificates) = house().await;
    let ticket = rig.opened().await;
    smtp.mails(5);
    accepted(&rig, 5).await;
    for name in ["agent", "decider"] {
        let page = rig.log_in(name).await.get(&format!("/tickets/{ticket}")).await.text();
        let (_, section) = page.split_once("id=\"live-told\"").expect("the section");
        let section = section.split("</section>").next().unwrap();
        for part in ["Prénom deputy", "Prénom decider", "demande d’accès", "images partagées", "Accepté par le serveur"]
        {
            assert!(section.contains(part), "{part} is missing for {name}: {section}");
        }
        assert!(!section.contains('@'), "no address: {section}");
    }
    // The history and the register read as sentences.
    let history = rig.log_in("decider").await.get("/register").await.text();
    assert!(history.contains("Courriel à Prénom deputy accepté par le serveur de messagerie"), "{history}");
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a3_7_the_administrator_sees_each_mails_state_and_last_reply_and_retries() {
    let (mut smtp, rig, _certificates) = house().await;
    smtp.behave("refuse");
    rig.requested().await;
    until("both mails to fail", || {
        let failed = |delivery: &Delivery| matches!(delivery, Delivery::Failed { .. });
        let all = deliveries(&rig);
        (all.len() == 2 && all.iter().all(|(_, delivery)| failed(delivery))).then_some(())
    })
    .await;
    let administrator = rig.log_in("administrator").await;
    let page = administrator.get("/admin/mails").await.text();
    for part in
        ["Courriels", "Non remis", "550 5.1.1", "Réessayer maintenant", &email("deputy"), "refusé par le serveur"]
    {
        assert!(page.contains(part), "{part} is missing: {page}");
    }
    assert!(!page.contains("Vols") && !page.contains("Prénom agent"), "who asked for what is not shown here: {page}");
    administrator
        .form("/language", &[("csrf", csrf(&page).as_str()), ("language", "en"), ("next", "/admin/mails")])
        .await;
    let english = administrator.get("/admin/mails").await.text();
    assert!(english.contains("Not delivered") && english.contains("Retry now"), "{english}");
    administrator
        .form("/language", &[("csrf", csrf(&page).as_str()), ("language", "fr"), ("next", "/admin/mails")])
        .await;

    smtp.behave("accept");
    let (first, _) = deliveries(&rig).remove(0);
    let path = format!("/admin/mails/{first}/retry");
    let refused = administrator.form(&path, &[("csrf", "forged")]).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN, "only from our own page");
    let answer = administrator.form(&path, &[("csrf", &csrf(&page))]).await;
    assert_eq!((answer.status, answer.header("location")), (StatusCode::SEE_OTHER, "/admin/mails"));
    smtp.mail();
    accepted(&rig, 1).await;
    let page = administrator.get("/admin/mails").await.text();
    assert!(page.contains("Accepté par le serveur de messagerie"), "{page}");
    // What was accepted is not sent again, and says so.
    let again = administrator.form(&path, &[("csrf", &csrf(&page))]).await;
    assert_eq!(again.status, StatusCode::CONFLICT);
    assert!(again.text().contains("n’est pas envoyé deux fois"), "{}", again.text());
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_interface_lists_mails_without_their_text_and_refuses_by_name() {
    let (smtp, rig, _certificates) = house().await;
    let ticket = rig.requested().await;
    smtp.mails(2);
    accepted(&rig, 2).await;
    let administrator = rig.log_in("administrator").await;
    let mails = administrator.get("/api/v1/mails").await.json()["mails"].clone();
    let newest = &mails[0];
    assert_eq!(
        (&newest["state"], &newest["attempts"], &newest["ticket"]),
        (&json!("accepted"), &json!(1), &json!(ticket))
    );
    assert!(newest["reply"].as_str().unwrap().starts_with("250 2.0.0 Ok"), "{newest}");
    assert!(newest.get("text").is_none() && newest.get("subject").is_none(), "{newest}");
    let one = administrator.get("/api/v1/mails?limit=1&skip=1").await.json()["mails"].clone();
    assert_eq!((one.as_array().unwrap().len(), &one[0]["id"]), (1, &mails[1]["id"]));
    let retry = |mail: String| {
        let administrator = administrator.clone();
        async move { administrator.post(&format!("/api/v1/mails/{mail}/retry"), json!({})).await }
    };
    retry(newest["id"].as_str().unwrap().to_owned()).await.is(StatusCode::CONFLICT, "mail-accepted");
    retry("0000000000000000-nobody".to_owned()).await.is(StatusCode::NOT_FOUND, "not-found");
    administrator.get("/api/v1/mails?skip=x").await.is(StatusCode::BAD_REQUEST, "query-invalid");
    for name in ["agent", "decider", "dpo", "auditor"] {
        rig.log_in(name).await.get("/api/v1/mails").await.is(StatusCode::FORBIDDEN, "not-your-role");
    }
    rig.stop().await;
}
