//! Mails that arrive: what they are, that they prove nothing but say enough, and what the register keeps.

use crate::rig::{Browser, Rig, email};
use crate::smtp_server::SmtpServer;
use crate::{Certificates, USER, accepted, house, house_with, mail_entries, until};
use ecluse::domain::{Event, MailKind, TicketId};
use ecluse::mail::Encryption;
use reqwest::{Method, StatusCode};
use serde_json::Value;

pub(super) async fn set_language(rig: &Rig, name: &str, language: &str) {
    let people = rig.store.people();
    let (name, language) = (name.parse().unwrap(), language.to_owned());
    tokio::task::spawn_blocking(move || {
        let identity = people.get(&name).unwrap().unwrap();
        people.put(&ecluse::store::Identity { language, ..identity }).unwrap();
    })
    .await
    .unwrap();
}

fn text<'a>(mail: &'a Value, field: &str) -> &'a str {
    mail[field].as_str().unwrap_or_else(|| panic!("{field} is missing in {mail}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a6_6_both_deciders_are_mailed_encrypted_in_their_language_as_text_and_html() {
    let (smtp, rig, _certificates) = house().await;
    set_language(&rig, "deputy", "en").await;
    let ticket = rig.requested().await;
    let mails = smtp.mails(2);
    let recipients: Vec<_> = mails.iter().map(|mail| mail["to"].clone()).collect();
    assert_eq!(recipients, [serde_json::json!([email("decider")]), serde_json::json!([email("deputy")])]);
    for (mail, subject, html_language) in
        [(&mails[0], "Demande d'accès", "lang=\"fr\""), (&mails[1], "Request for images", "lang=\"en\"")]
    {
        assert_eq!(mail["tls"], true, "encrypted");
        assert_eq!((text(mail, "user"), text(mail, "from")), (USER, USER));
        assert_eq!(text(mail, "hello"), "ecluse.example.org");
        let headers = &mail["headers"];
        assert!(text(headers, "subject").starts_with(subject), "{headers}");
        assert!(text(headers, "from").contains("Écluse"), "{headers}");
        assert_eq!(text(headers, "auto-submitted"), "auto-generated");
        assert!(text(headers, "content-type").starts_with("multipart/alternative"), "{headers}");
        assert!(text(headers, "message-id").contains(&ticket.to_string()), "{headers}");
        let link = format!("https://ecluse.example.org/tickets/{ticket}");
        for part in ["text", "html"] {
            assert!(text(mail, part).contains("Prénom agent"), "{mail}");
            assert!(text(mail, part).contains(&link), "{mail}");
        }
        assert!(text(mail, "html").contains(html_language), "{mail}");
    }
    assert_ne!(mails[0]["headers"]["message-id"], mails[1]["headers"]["message-id"]);
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a3_7_the_register_says_who_was_told_what_and_when_and_never_an_address() {
    let (smtp, rig, _certificates) = house().await;
    let ticket = rig.opened().await;
    // Both deciders of the request, both of the opening, and the agent who gets the link (A3-6).
    let mails = smtp.mails(5);
    assert!(mails.iter().any(|mail| mail["to"][0] == email("agent")
        && mail["text"].as_str().unwrap().contains(&format!("/tickets/{ticket}/watch"))));
    accepted(&rig, 5).await;
    let entries = mail_entries(&rig);
    let mut told: Vec<(String, MailKind)> = Vec::new();
    for entry in &entries {
        assert_eq!(entry.actor, ecluse::domain::Actor::System);
        let line = serde_json::to_string(entry).unwrap();
        assert!(!line.contains('@') && !line.contains("Prénom"), "an address or a name in the register: {line}");
        if let Event::MailAccepted { mail, to, kind, ticket: about, reply, attempts, accepted_at_utc } = &entry.event {
            assert_eq!((about, reply.as_str(), *attempts), (&Some(ticket), "250 2.0.0", 1));
            assert!(*accepted_at_utc <= entry.at_utc);
            told.push((to.to_string(), *kind));
            let queued_before = entries.iter().any(|earlier| {
                earlier.seq < entry.seq
                    && matches!(&earlier.event, Event::MailQueued { mail: queued, .. } if queued == mail)
            });
            assert!(queued_before, "queued stands before accepted");
        }
    }
    told.sort();
    let expected = [
        ("agent", MailKind::OpenedForOperator),
        ("decider", MailKind::Requested),
        ("decider", MailKind::OpenedForLandlord),
        ("deputy", MailKind::Requested),
        ("deputy", MailKind::OpenedForLandlord),
    ];
    assert_eq!(told, expected.map(|(to, kind)| (to.to_owned(), kind)));
    assert_eq!(entries.len(), 10, "one queued and one accepted for each, no more");
    rig.stop().await;
}

/// The paths of this server that a mail links to.
fn links(mail: &Value) -> Vec<String> {
    let words = ["text", "html"].into_iter().flat_map(|part| text(mail, part).split(['"', ' ', '\n', '\r', '<', '>']));
    words.filter_map(|word| word.strip_prefix("https://ecluse.example.org")).map(str::to_owned).collect()
}

async fn status(browser: &Browser, ticket: TicketId) -> Value {
    browser.get(&format!("/api/v1/tickets/{ticket}")).await.json()["status"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn fault_2_no_link_of_any_mail_does_anything_when_it_is_fetched() {
    let (smtp, rig, _certificates) = house().await;
    let ticket = rig.requested().await;
    let (decider, agent) = (rig.log_in("decider").await, rig.log_in("agent").await);
    let asked: Vec<String> = smtp.mails(2).iter().flat_map(links).collect();
    assert!(asked.len() >= 4, "each mail links to the ticket, as text and as HTML: {asked:?}");
    let fetch = async |links: &[String]| {
        // A scanner of the mail server's, the decider's own browser, a forwarded link in the agent's.
        for browser in [&rig.anonymous(), &decider, &agent] {
            for link in links {
                for method in [Method::GET, Method::HEAD] {
                    let answer = browser.send(browser.request(method, link)).await;
                    assert!(!answer.status.is_server_error(), "{link}: {}", answer.status);
                }
            }
        }
    };
    fetch(&asked).await;
    assert_eq!(status(&decider, ticket).await, "requested", "nobody has decided");
    assert_eq!(rig.anonymous().get(&asked[0]).await.status, StatusCode::SEE_OTHER, "log-in is asked for");

    assert_eq!(decider.act(ticket, "approve", "").await.status, StatusCode::OK);
    let opened: Vec<String> = smtp.mails(3).iter().flat_map(links).collect();
    fetch(&opened).await;
    assert_eq!(status(&decider, ticket).await, "open", "nobody has ended it");
    assert_eq!(rig.control.live_grants().len(), 0, "and nobody was shown images");
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_from_the_first_byte_and_a_relay_on_this_machine_without_any() {
    let certificates = Certificates::make();
    let implicit = crate::Wanted { implicit_tls: true, ..certificates.wanted() };
    let smtp = SmtpServer::start(&implicit);
    let settings = ecluse::mail::MailSettings { encryption: Encryption::Tls, ..certificates.settings(smtp.port) };
    let rig = house_with(settings).await;
    rig.requested().await;
    for mail in smtp.mails(2) {
        assert_eq!(text(&mail, "user"), USER);
    }
    rig.stop().await;

    let smtp = SmtpServer::start(&crate::Wanted::default());
    let settings = ecluse::mail::MailSettings {
        encryption: Encryption::None,
        credentials: None,
        ..certificates.settings(smtp.port)
    };
    let rig = house_with(settings).await;
    rig.requested().await;
    assert!(smtp.mails(2).iter().all(|mail| mail["tls"] == false));
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn old_mails_are_forgotten_with_their_words_and_the_register_keeps_that_they_were_sent() {
    let (_smtp, rig, _certificates) = house().await;
    rig.requested().await;
    accepted(&rig, 2).await;
    rig.clock.advance(std::time::Duration::from_secs(31 * 24 * 3600));
    // The request has lapsed meanwhile, which makes three mails of its own; those of the request are gone.
    until("the old mails to be forgotten", || {
        let mails = rig.store.outbox().list(100).unwrap();
        mails.iter().all(|mail| mail.kind == MailKind::Lapsed).then_some(())
    })
    .await;
    assert!(mail_entries(&rig).len() >= 4);
    rig.stop().await;
}
