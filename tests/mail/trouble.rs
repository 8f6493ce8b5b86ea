//! A mail server that is down, slow, silent, unwilling, in doubt or not who it says it is.

use crate::rig::{Wishes, email, filing};
use crate::smtp_server::{SmtpServer, Wanted};
use crate::{Certificates, PASSWORD, accepted, deliveries, free_port, house, house_with, mail_entries, put_off, until};
use ecluse::config::Secret;
use ecluse::domain::{Event, MailFailure};
use ecluse::mail::MailSettings;
use ecluse::store::{Delivery, TroubleKind};
use reqwest::StatusCode;
use std::time::{Duration, Instant};

/// Longer than any first gap.
const A_WHILE: Duration = Duration::from_secs(20);

#[tokio::test(flavor = "multi_thread")]
async fn fault_5_mail_server_down_the_request_is_shown_and_the_mails_arrive_later() {
    let certificates = Certificates::make();
    let port = free_port();
    let rig = house_with(certificates.settings(port)).await;
    let ticket = rig.requested().await;
    let troubles = put_off(&rig, 2).await;
    assert!(troubles.iter().all(|trouble| trouble.kind == TroubleKind::Unreachable), "{troubles:?}");

    // The page shows the request all the same, and who could not be told yet.
    let decider = rig.log_in("decider").await;
    let listed = decider.get("/api/v1/tickets").await.json();
    assert_eq!(
        (&listed["tickets"][0]["id"], &listed["tickets"][0]["status"]),
        (&ticket.to_string().into(), &"requested".into())
    );
    let page = decider.get(&format!("/tickets/{ticket}")).await.text();
    assert!(page.contains("Personnes prévenues par courriel") && page.contains("En attente"), "{page}");

    // Still down at the second attempt.
    rig.clock.advance(A_WHILE);
    until("a second attempt", || {
        let twice = |delivery: &Delivery| matches!(delivery, Delivery::Queued { attempts: 2, .. });
        deliveries(&rig).iter().all(|(_, delivery)| twice(delivery)).then_some(())
    })
    .await;
    let smtp = SmtpServer::start(&Wanted { port, ..certificates.wanted() });
    rig.clock.advance(Duration::from_secs(60));
    smtp.mails(2);
    for entry in accepted(&rig, 2).await {
        assert!(matches!(entry.event, Event::MailAccepted { attempts: 3, .. }), "{entry:?}");
    }
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fault_5_one_mail_that_gets_through_calls_the_others_that_wait_for_the_server() {
    let certificates = Certificates::make();
    let port = free_port();
    let rig = house_with(certificates.settings(port)).await;
    rig.requested().await;
    put_off(&rig, 2).await;
    let smtp = SmtpServer::start(&Wanted { port, ..certificates.wanted() });
    // Only the administrator's "retry now" moves one of them; no clock does.
    let administrator = rig.log_in("administrator").await;
    let (first, _) = deliveries(&rig).pop().unwrap();
    let answer = administrator.post(&format!("/api/v1/mails/{first}/retry"), serde_json::json!({})).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT);
    smtp.mails(2);
    accepted(&rig, 2).await;
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_server_that_hangs_delays_no_request_no_decision_and_no_cut() {
    let certificates = Certificates::make();
    for mode in ["hang", "hold"] {
        let smtp = SmtpServer::start(&Wanted { mode, ..certificates.wanted() });
        let rig = house_with(certificates.settings(smtp.port)).await;
        let (agent, decider) = (rig.log_in("agent").await, rig.log_in("decider").await);
        // More mails than go out at once: every place is taken by a mail that hangs.
        let first = agent.file().await;
        assert_eq!(decider.act(first, "approve", "").await.status, StatusCode::OK);
        until("all places to be taken", || {
            let sending = |delivery: &Delivery| matches!(delivery, Delivery::Sending { .. });
            (deliveries(&rig).iter().filter(|(_, delivery)| sending(delivery)).count() == 4).then_some(())
        })
        .await;
        let begun = Instant::now();
        assert_eq!(decider.act(first, "interrupt", "fin").await.status, StatusCode::OK);
        let second = agent.post("/api/v1/tickets", filing("agent")).await.status;
        assert!(!second.is_server_error(), "{second}");
        let took = begun.elapsed();
        // The mail server's own patience is a minute; a busy machine needs a moment for two requests.
        assert!(took < Duration::from_secs(10), "{mode}: {took:?}");
        let stopped = Instant::now();
        rig.stop().await;
        assert!(stopped.elapsed() < Duration::from_secs(15), "{mode}: nor does it delay the stop");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_server_that_never_answers_is_left_after_its_time_and_named() {
    let certificates = Certificates::make();
    let smtp = SmtpServer::start(&Wanted { mode: "hang", ..certificates.wanted() });
    let impatient = Duration::from_secs(1);
    let settings = MailSettings { connect_timeout: impatient, ..certificates.settings(smtp.port) };
    let rig = house_with(settings).await;
    rig.requested().await;
    let troubles = put_off(&rig, 2).await;
    assert!(troubles.iter().all(|trouble| trouble.kind == TroubleKind::TimedOut), "{troubles:?}");
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_that_is_put_off_once_arrives_at_the_second_attempt() {
    let (mut smtp, rig, _certificates) = house().await;
    smtp.behave("put-off-once");
    rig.requested().await;
    let troubles = put_off(&rig, 2).await;
    for trouble in &troubles {
        assert_eq!(trouble.kind, TroubleKind::PutOff);
        assert!(trouble.detail.starts_with("451 4.7.1"), "{trouble:?}");
    }
    assert_eq!(smtp.unread().len(), 0);
    rig.clock.advance(A_WHILE);
    smtp.mails(2);
    for entry in accepted(&rig, 2).await {
        assert!(matches!(entry.event, Event::MailAccepted { attempts: 2, .. }), "{entry:?}");
    }
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a3_7_a_mail_that_is_refused_has_failed_and_the_register_says_so_without_the_address() {
    let (mut smtp, rig, _certificates) = house().await;
    smtp.behave("refuse");
    rig.requested().await;
    let failed = until("the register to say that the mails failed", || {
        let failed: Vec<_> =
            mail_entries(&rig).into_iter().filter(|entry| matches!(entry.event, Event::MailFailed { .. })).collect();
        (failed.len() == 2).then_some(failed)
    })
    .await;
    for entry in failed {
        let line = serde_json::to_string(&entry).unwrap();
        assert!(!line.contains('@'), "{line}");
        let Event::MailFailed { why, reply, attempts, .. } = entry.event else { unreachable!("filtered") };
        assert_eq!((why, reply.as_deref(), attempts), (MailFailure::Refused, Some("550 5.1.1"), 1));
    }
    // The administrator reads the whole reply, and has it sent again once the address is right.
    let outbox = deliveries(&rig);
    assert!(
        outbox
            .iter()
            .all(|(_, delivery)| matches!(delivery, Delivery::Failed { reply, .. } if reply.contains("@example.org")))
    );
    smtp.behave("accept");
    let administrator = rig.log_in("administrator").await;
    for (mail, _) in &outbox {
        let answer = administrator.post(&format!("/api/v1/mails/{mail}/retry"), serde_json::json!({})).await;
        assert_eq!(answer.status, StatusCode::NO_CONTENT);
    }
    smtp.mails(2);
    for entry in accepted(&rig, 2).await {
        assert!(matches!(entry.event, Event::MailAccepted { attempts: 2, .. }), "{entry:?}");
    }
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fault_5_after_48_hours_a_mail_is_given_up_and_the_register_says_so() {
    let (mut smtp, rig, _certificates) = house().await;
    smtp.behave("put-off");
    rig.requested().await;
    put_off(&rig, 2).await;
    rig.clock.advance(Duration::from_secs(48 * 3600 + 1));
    let given_up = until("the mails to be given up", || {
        let given_up: Vec<_> = mail_entries(&rig)
            .into_iter()
            .filter_map(|entry| match entry.event {
                Event::MailFailed { why, reply, .. } => Some((why, reply)),
                _ => None,
            })
            .collect();
        (given_up.len() == 2).then_some(given_up)
    })
    .await;
    assert!(given_up.iter().all(|it| *it == (MailFailure::GivenUp, Some("451 4.7.1".to_owned()))), "{given_up:?}");
    rig.stop().await;
}

/// Has a request mailed, and says why it was not.
async fn refused(settings: MailSettings) -> (TroubleKind, String) {
    let rig = house_with(settings).await;
    rig.requested().await;
    let trouble = put_off(&rig, 2).await.remove(0);
    let administrator = rig.log_in("administrator").await;
    let mails = administrator.get("/api/v1/mails").await.json();
    assert_eq!(mails["mails"][0]["state"], "queued");
    assert_eq!(mails["mails"][0]["trouble"], trouble.kind.as_str(), "and the administrator is told");
    rig.stop().await;
    (trouble.kind, trouble.detail)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_from_another_authority_is_refused_by_name_and_nothing_is_sent() {
    let (certificates, foreign) = (Certificates::make(), Certificates::make());
    for implicit_tls in [false, true] {
        let smtp = SmtpServer::start(&Wanted { implicit_tls, ..foreign.wanted() });
        let encryption = if implicit_tls { ecluse::mail::Encryption::Tls } else { ecluse::mail::Encryption::StartTls };
        let settings = MailSettings { encryption, ..certificates.settings(smtp.port) };
        let (kind, detail) = refused(settings).await;
        assert_eq!(kind, TroubleKind::Tls, "{detail}");
        assert!(detail.contains("certificate verify failed"), "{detail}");
        assert_eq!(smtp.unread().len(), 0);
    }
    // Nor does it help to be known to the right authority under another name.
    let other = Certificates::for_hosts(&["mail.example.org"]);
    let smtp = SmtpServer::start(&other.wanted());
    let (kind, detail) = refused(other.settings(smtp.port)).await;
    assert_eq!(kind, TroubleKind::Tls, "{detail}");
    assert_eq!(smtp.unread().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_server_without_starttls_gets_neither_password_nor_mail() {
    let certificates = Certificates::make();
    let smtp = SmtpServer::start(&Wanted { certificate: None, ..certificates.wanted() });
    let (kind, detail) = refused(certificates.settings(smtp.port)).await;
    assert_eq!(kind, TroubleKind::NoStartTls, "{detail}");
    assert_eq!(smtp.unread().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_throws_no_mail_away() {
    let certificates = Certificates::make();
    let smtp = SmtpServer::start(&certificates.wanted());
    let wrong = Some((crate::USER.to_owned(), Secret::new("wrong")));
    let (kind, detail) = refused(MailSettings { credentials: wrong, ..certificates.settings(smtp.port) }).await;
    assert_eq!(kind, TroubleKind::LogIn, "{detail}");
    assert!(detail.starts_with("535"), "{detail}");
    // The server wants a log-in and we have none: as much our affair, not the mail's.
    let (kind, detail) = refused(MailSettings { credentials: None, ..certificates.settings(smtp.port) }).await;
    assert_eq!(kind, TroubleKind::LogIn, "{detail}");
    assert!(!detail.contains(PASSWORD), "{detail}");
    assert_eq!(smtp.unread().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recipient_whose_address_is_none_fails_alone() {
    let certificates = Certificates::make();
    let smtp = SmtpServer::start(&certificates.wanted());
    let rig =
        crate::Rig::start_with(Wishes { mail: Some(certificates.settings(smtp.port)), ..Wishes::default() }).await;
    let people = rig.store.people();
    tokio::task::spawn_blocking(move || {
        let identity = people.get(&"deputy".parse().unwrap()).unwrap().unwrap();
        people.put(&ecluse::store::Identity { email: "deputy@@example".to_owned(), ..identity }).unwrap();
    })
    .await
    .unwrap();
    rig.requested().await;
    assert_eq!(smtp.mail()["to"][0], email("decider"));
    until("the other mail to fail", || {
        let unwritable = |entry: &ecluse::domain::Entry| {
            matches!(&entry.event, Event::MailFailed { why: MailFailure::Unwritable, to, .. } if to.as_str() == "deputy")
        };
        mail_entries(&rig).iter().any(unwritable).then_some(())
    })
    .await;
    rig.stop().await;
}
