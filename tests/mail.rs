//! Mails, from the recorded event to a real mail server (aiosmtpd) and back into the register and onto the pages: A3-7,
//! A6-6, faults 2 and 5. The keeper, register, store, pages and courier are the real ones; time is moved by hand where
//! hours must pass. The crash is a real process, killed.

#[path = "http/contract.rs"]
#[allow(dead_code, reason = "this test binary uses its own part of it")]
mod contract;
#[path = "support/dossier.rs"]
mod dossier;
#[path = "http/rig.rs"]
#[allow(dead_code, reason = "this test binary uses its own part of it")]
mod rig;
#[path = "support/smtp_server.rs"]
mod smtp_server;
#[path = "support/totp.rs"]
mod totp;

#[path = "mail/clock.rs"]
mod clock;
#[path = "mail/crash.rs"]
mod crash;
#[path = "mail/delivery.rs"]
mod delivery;
#[path = "mail/invitation.rs"]
mod invitation;
#[path = "mail/pages.rs"]
mod pages;
#[path = "mail/reminders.rs"]
mod reminders;
#[path = "mail/trouble.rs"]
mod trouble;

use ecluse::config::Secret;
use ecluse::domain::{Entry, Event, MailId};
use ecluse::mail::{Encryption, MailSettings};
use ecluse::pki::{Authority, Usage};
use ecluse::store::Delivery;
use rig::{PATIENCE, Rig, Wishes};
use smtp_server::{SmtpServer, Wanted};
use std::path::PathBuf;
use std::time::{Duration, Instant};
use tempfile::TempDir;

const USER: &str = "ecluse@example.org";
const PASSWORD: &str = "mot de passe du relais";

/// An authority and a mail server's certificate for 127.0.0.1 and localhost.
struct Certificates {
    _directory: TempDir,
    authority: PathBuf,
    server: (PathBuf, PathBuf),
}

impl Certificates {
    fn make() -> Self {
        Self::for_hosts(&["localhost", "127.0.0.1"])
    }

    /// The certificate names these hosts.
    fn for_hosts(hosts: &[&str]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let authority = Authority::open_or_create(&directory.path().join("pki"), "authority of a mail server").unwrap();
        let files = authority.issue("smtp", Usage::Server, hosts, 30).unwrap();
        Self { authority: authority.certificate_path(), server: (files.certificate, files.key), _directory: directory }
    }

    /// A mail server with STARTTLS and log-in, as operators of one set it up.
    fn wanted(&self) -> Wanted {
        Wanted { certificate: Some(self.server.clone()), log_in: Some((USER, PASSWORD)), ..Wanted::default() }
    }

    /// How to reach it.
    fn settings(&self, port: u16) -> MailSettings {
        MailSettings {
            from: format!("Écluse <{USER}>").parse().unwrap(),
            host: "localhost".to_owned(),
            port,
            encryption: Encryption::StartTls,
            credentials: Some((USER.to_owned(), Secret::new(PASSWORD))),
            ca_pem: Some(std::fs::read(&self.authority).unwrap()),
            hello_name: "ecluse.example.org".to_owned(),
            connect_timeout: PATIENCE,
            send_timeout: PATIENCE,
        }
    }
}

/// A mail server, and a house that mails by it.
async fn house() -> (SmtpServer, Rig, Certificates) {
    let certificates = Certificates::make();
    let smtp = SmtpServer::start(&certificates.wanted());
    let rig = house_with(certificates.settings(smtp.port)).await;
    (smtp, rig, certificates)
}

async fn house_with(settings: MailSettings) -> Rig {
    Rig::start_with(Wishes { mail: Some(settings), ..Wishes::default() }).await
}

/// A port nobody listens on.
fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Everything the register holds about mails.
fn mail_entries(rig: &Rig) -> Vec<Entry> {
    let entries = rig.control.entries(None, 10_000).unwrap();
    let about_mail = |entry: &Entry| {
        matches!(entry.event, Event::MailQueued { .. } | Event::MailAccepted { .. } | Event::MailFailed { .. })
    };
    entries.into_iter().filter(about_mail).collect()
}

/// Looks until there is something to see.
async fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// All deliveries, by mail.
fn deliveries(rig: &Rig) -> Vec<(MailId, Delivery)> {
    let outbox = rig.store.outbox();
    let mails = outbox.list(1_000).unwrap();
    mails.into_iter().map(|mail| (mail.id.clone(), outbox.delivery(&mail.id).unwrap().unwrap())).collect()
}

/// Waits until `count` mails have been tried and wait for another attempt.
async fn put_off(rig: &Rig, count: usize) -> Vec<ecluse::store::Trouble> {
    until("mails that were put off", || {
        let troubles: Vec<_> = deliveries(rig)
            .into_iter()
            .filter_map(|(_, delivery)| match delivery {
                Delivery::Queued { trouble: Some(trouble), .. } => Some(trouble),
                _ => None,
            })
            .collect();
        (troubles.len() == count).then_some(troubles)
    })
    .await
}

/// Waits until the register holds `count` entries that say a mail was accepted.
async fn accepted(rig: &Rig, count: usize) -> Vec<Entry> {
    until("the register to say that the mails were accepted", || {
        let accepted: Vec<_> =
            mail_entries(rig).into_iter().filter(|entry| matches!(entry.event, Event::MailAccepted { .. })).collect();
        (accepted.len() == count).then_some(accepted)
    })
    .await
}
