//! The clock that footage is destroyed by: whoever may vouch for it is mailed when it is in doubt, and when it no longer is
//! (A5-4, fault 6). The sweep, its clock, keeper, outbox, courier and mail server are the real ones.

use crate::delivery::set_language;
use crate::rig::{Rig, Wishes, email};
use crate::smtp_server::SmtpServer;
use crate::{Certificates, accepted, mail_entries};
use chrono::TimeDelta;
use ecluse::archive::retention::Retention;
use ecluse::domain::{Event, MailKind};
use reqwest::StatusCode;
use serde_json::Value;
use std::sync::Arc;

/// In the order of their addresses: administrator, decider, deputy, dpo, elsewhere.
const TOLD: [&str; 5] = ["administrator", "decider", "deputy", "dpo", "elsewhere"];

/// The next mails are for exactly those who may vouch for the clock, and say this.
fn told(smtp: &SmtpServer, french: [&str; 2], english: [&str; 2]) {
    let mails = smtp.mails(TOLD.len());
    let addressed: Vec<&str> = mails.iter().map(|mail| mail["to"][0].as_str().unwrap()).collect();
    assert_eq!(addressed, TOLD.map(email));
    for (mail, name) in mails.iter().zip(TOLD) {
        let [subject, says] = if name == "deputy" { english } else { french };
        assert_eq!(mail["headers"]["subject"], Value::from(subject), "{name}");
        for part in ["text", "html"] {
            let body = mail[part].as_str().unwrap();
            assert!(body.contains(says), "{name}, {part}: {body}");
            assert!(body.contains("https://ecluse.example.org/storage"), "{name}, {part}: {body}");
            assert!(!body.contains("mail-clock"), "a key was left untranslated: {body}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fault_6_a_clock_in_doubt_is_mailed_once_to_who_may_vouch_for_it_and_so_is_its_end() {
    let certificates = Certificates::make();
    let smtp = SmtpServer::start(&certificates.wanted());
    let mail = Some(certificates.settings(smtp.port));
    let rig = Rig::start_with(Wishes { mail, recorder: true, ..Wishes::default() }).await;
    set_language(&rig, "deputy", "en").await;
    let archive = rig.recorder.as_ref().unwrap().archive().unwrap().clone();
    let clock = Arc::new(rig.clock.clone());
    let (control, tally) = (rig.control.clone(), rig.store.purge_tally());
    let made = tokio::task::spawn_blocking(move || Retention::new(archive, control, clock, tally));
    let mut sweep = made.await.unwrap().unwrap();
    sweep.sweep().await.unwrap();

    rig.clock.step_wall(TimeDelta::days(60));
    // Each look finds it in doubt; the first one tells.
    for _ in 0..3 {
        sweep.sweep().await.unwrap();
    }
    told(
        &smtp,
        ["Horloge du serveur en doute : à confirmer", "rien n’est détruit trop tôt"],
        ["The server’s clock is in doubt: please confirm it", "nothing is destroyed too early"],
    );

    let dpo = rig.log_in("dpo").await;
    let confirmed = dpo.form("/storage/clock", &[("csrf", dpo.csrf.as_str())]).await;
    assert_eq!(confirmed.status, StatusCode::SEE_OTHER, "{}", confirmed.text());
    sweep.sweep().await.unwrap();
    told(
        &smtp,
        ["Horloge du serveur confirmée", "Prénom dpo a confirmé l’horloge"],
        ["The server’s clock is confirmed", "Prénom dpo confirmed the server’s clock"],
    );

    // Set wrong and put right again: it ends by itself, and nobody is asked for anything.
    rig.clock.step_wall(TimeDelta::days(-90));
    sweep.sweep().await.unwrap();
    told(
        &smtp,
        ["Horloge du serveur en doute : à confirmer", "Vérifiez la date et l’heure"],
        ["The server’s clock is in doubt: please confirm it", "Check the server’s date and time"],
    );
    rig.clock.step_wall(TimeDelta::days(90));
    sweep.sweep().await.unwrap();
    told(
        &smtp,
        ["Horloge du serveur : fin du doute", "vous n’avez rien à faire"],
        ["The server’s clock: no longer in doubt", "nothing for you to do"],
    );

    // One for each person and step, and the register knows what became of each (A3-7).
    accepted(&rig, 4 * TOLD.len()).await;
    let about = |event: &Event| match event {
        Event::MailQueued { kind, ticket, .. } | Event::MailAccepted { kind, ticket, .. } => {
            *kind == MailKind::RetentionClock && ticket.is_none()
        }
        _ => false,
    };
    let entries = mail_entries(&rig);
    assert_eq!(entries.iter().filter(|entry| about(&entry.event)).count(), 8 * TOLD.len());
    assert_eq!(entries.len(), 8 * TOLD.len(), "and there was no other");
    assert!(smtp.unread().is_empty());
    rig.stop().await;
}
