//! The mail that opens an account (A3-3): it arrives encrypted, its link works, and once it has left nothing of the link is
//! kept.

use crate::rig::email;
use crate::{accepted, house, mail_entries};
use ecluse::domain::{Event, MailKind};
use reqwest::StatusCode;
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn a3_3_an_invitation_arrives_and_the_outbox_forgets_its_words() {
    let (smtp, rig, _certificates) = house().await;
    let administrator = rig.log_in("administrator").await;
    let invited = administrator.post("/api/v1/people/dpo/invite", json!({})).await;
    assert_eq!(invited.status, StatusCode::OK, "{}", invited.text());
    let mail = smtp.mails(1).remove(0);
    assert_eq!((&mail["tls"], &mail["to"]), (&json!(true), &json!([email("dpo")])));
    let (text, html) = (mail["text"].as_str().unwrap(), mail["html"].as_str().unwrap());
    let link = text.split_once("https://ecluse.example.org").unwrap().1.split_whitespace().next().unwrap();
    assert!(html.contains(link) && text.contains("Prénom dpo"), "{text}");
    let told = accepted(&rig, 1).await;
    assert!(matches!(&told[0].event, Event::MailAccepted { kind: MailKind::Invitation, ticket: None, .. }));
    let kept = rig.store.outbox().list(10).unwrap();
    assert!(kept.len() == 1 && kept[0].text.is_empty() && kept[0].html.is_empty(), "{kept:?}");
    let register = serde_json::to_string(&mail_entries(&rig)).unwrap();
    assert!(!register.contains(link) && !register.contains('@'), "{register}");
    assert_eq!(rig.anonymous().get(link).await.status, StatusCode::OK, "it still opens the form");
    rig.stop().await;
}
