//! The real binary, killed between the mail server's having the mail and our knowing it; and what it logs.

use crate::dossier;
use crate::smtp_server::{SmtpServer, Wanted};
use crate::{Certificates, PASSWORD, USER, free_port, until};
use chrono::{TimeDelta, Utc};
use ecluse::clock::SystemClock;
use ecluse::control::{Control, ControlSettings, TicketRequest};
use ecluse::domain::{
    Action, Actor, Camera, Command as Ask, Convention, Designation, Event, MailOutcome, PersonId, Role, Service, Site,
    TicketId,
};
use ecluse::mail::Notifier;
use ecluse::pki::{Authority, Usage};
use ecluse::register::Register;
use ecluse::store::{Delivery, Identity, Store};
use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use tempfile::TempDir;

/// A data directory with a request that waits, whose mails wait too; and a configuration for it.
struct House {
    directory: TempDir,
    ticket: TicketId,
}

const PEOPLE: [(&str, Role); 3] =
    [("agent-1", Role::Operator), ("titulaire", Role::Decider), ("suppleant", Role::Decider)];

impl House {
    async fn prepare() -> Self {
        let directory = tempfile::tempdir().unwrap();
        std::fs::create_dir(directory.path().join("data")).unwrap();
        let mut house = Self { directory, ticket: TicketId::generate() };
        let (control, store) = house.open();
        let service = Service {
            id: "csu".parse().unwrap(),
            name: "CSU".to_owned(),
            town: "Charenton-le-Pont".to_owned(),
            address: "48 rue de Paris".to_owned(),
        };
        let now = Utc::now();
        let site = Site {
            id: "arcade".parse().unwrap(),
            name: "1 rue de l'Arcade".to_owned(),
            addresses: vec!["1 rue de l'Arcade".to_owned()],
            service: service.clone(),
            convention: Convention {
                town: "Charenton-le-Pont".to_owned(),
                valid_from_utc: now - TimeDelta::days(1),
                valid_until_utc: now + TimeDelta::days(300),
            },
            cameras: vec![Camera { id: "hall".parse().unwrap(), name: "Hall".to_owned() }],
        };
        let records = dossier::complete(&site, &["agent-1"], &[], "titulaire", "suppleant");
        let mut actions = vec![Action::DeclareSite(site)];
        for (name, role) in PEOPLE {
            let person: PersonId = name.parse().unwrap();
            let identity = Identity {
                person: person.clone(),
                email: format!("{name}@bailleur.example"),
                name: format!("Prénom {name}"),
                language: "fr".to_owned(),
                password_hash: String::new(),
            };
            store.people().put(&identity).unwrap();
            actions.push(Action::Designate(Designation {
                person,
                role,
                sites: BTreeSet::from(["arcade".parse().unwrap()]),
                service: (role == Role::Operator).then(|| service.id.clone()),
            }));
        }
        actions.extend(records.into_iter().map(|record| Action::File { site: "arcade".parse().unwrap(), record }));
        for action in actions {
            control.execute(Ask { actor: Actor::System, action }).await.unwrap();
        }
        let request = TicketRequest {
            person: "agent-1".parse().unwrap(),
            email: "agent-1@bailleur.example".to_owned(),
            site: "arcade".to_owned(),
            reasons: vec!["vols".to_owned()],
            duration_minutes: 120,
        };
        let (ticket, _) = control.request(request).await.unwrap();
        house.ticket = ticket;
        until("the mails to be queued", || (store.outbox().list(10).unwrap().len() == 2).then_some(())).await;
        control.shutdown().await;
        house
    }

    fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    fn open(&self) -> (Control, Store) {
        let register = Register::open(&self.data().join("register")).unwrap();
        let store = Store::open(&self.data().join("store")).unwrap();
        let notifier = Notifier::new(store.clone(), "https://ecluse.example.org");
        let settings = ControlSettings::new(self.data()).with_effect(notifier);
        (Control::start(settings, register, store.clone(), Arc::new(SystemClock)).unwrap(), store)
    }

    /// A configuration; `mail` is its `[mail]` section.
    fn configure(&self, mail: &str) -> PathBuf {
        let authority = Authority::open_or_create(&self.directory.path().join("pki"), "test authority").unwrap();
        let files = authority.issue("server", Usage::Server, &["localhost", "127.0.0.1"], 30).unwrap();
        let (certificate, key) = (files.certificate.display(), files.key.display());
        let udp = free_port().min(60_000);
        let text = format!(
            "[server]\ndata_dir = \"{}\"\n\
             [https]\nlisten = \"127.0.0.1:0\"\ncertificate = \"{certificate}\"\nkey = \"{key}\"\n\
             public_url = \"https://ecluse.example.org\"\n\
             [rtsp]\nlisten = \"127.0.0.1:0\"\ncertificate = \"{certificate}\"\nkey = \"{key}\"\n\
             [webrtc]\nudp_ports = \"{udp}-{}\"\n\
             [log]\nlevel = \"trace\"\n{mail}",
            self.data().display(),
            udp + 100,
        );
        let path = self.directory.path().join("ecluse.toml");
        std::fs::write(&path, text).unwrap();
        path
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.directory.path().join("log")).unwrap_or_default()
    }

    /// `ecluse serve`; its log is added to the others.
    fn serve(&self, config: &Path) -> Server {
        let log = self.directory.path().join("log");
        let log = std::fs::OpenOptions::new().create(true).append(true).open(log).unwrap();
        let process = Command::new(env!("CARGO_BIN_EXE_ecluse"))
            .args(["serve", "--config"])
            .arg(config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .env_remove("RUST_LOG")
            .spawn()
            .unwrap();
        Server(process)
    }

    /// How often the register's file says something.
    fn said(&self, word: &str) -> usize {
        let files = std::fs::read_dir(self.data().join("register")).unwrap().flatten();
        files
            .map(|file| String::from_utf8_lossy(&std::fs::read(file.path()).unwrap_or_default()).matches(word).count())
            .sum()
    }
}

/// The server's process; gone with this.
struct Server(Child);

impl Server {
    /// As a power cut would.
    fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }

    /// As systemd would.
    async fn stop(mut self) {
        Command::new("kill").arg(self.0.id().to_string()).status().unwrap();
        until("the server to stop", || self.0.try_wait().unwrap()).await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn section(certificates: &Certificates, directory: &Path, port: u16) -> String {
    let password = directory.join("mail.password");
    std::fs::write(&password, format!("{PASSWORD}\n")).unwrap();
    std::fs::set_permissions(&password, std::fs::Permissions::from_mode(0o600)).unwrap();
    format!(
        "[mail]\nfrom = \"Écluse <{USER}>\"\nsmtp = \"smtp://localhost:{port}\"\nuser = \"{USER}\"\n\
         password_file = \"{}\"\nca = \"{}\"\n",
        password.display(),
        certificates.authority.display()
    )
}

fn message_ids(mails: &[serde_json::Value]) -> Vec<String> {
    mails.iter().map(|mail| mail["headers"]["message-id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_between_the_mail_servers_yes_and_our_note_mails_go_out_again_recognisably_and_are_marked() {
    let certificates = Certificates::make();
    let mut smtp = SmtpServer::start(&Wanted { mode: "hold", ..certificates.wanted() });
    let house = House::prepare().await;
    let config = house.configure(&section(&certificates, house.directory.path(), smtp.port));

    // The mail server has both mails, whole; its answer never comes.
    let server = house.serve(&config);
    let first = smtp.mails(2);
    assert_eq!(house.said("mail-accepted"), 0);
    server.kill();
    smtp.behave("accept");

    let server = house.serve(&config);
    let again = smtp.mails(2);
    assert_eq!(message_ids(&first), message_ids(&again), "a duplicate is recognisable");
    assert_eq!(first[0]["text"], again[0]["text"]);
    until("the register to say so", || (house.said("mail-accepted") == 2).then_some(())).await;
    server.stop().await;

    // Marked is marked: a third run sends nothing.
    let ups = house.log().matches("Ecluse is up").count();
    let server = house.serve(&config);
    until("the third start", || (house.log().matches("Ecluse is up").count() > ups).then_some(())).await;
    server.stop().await;
    assert_eq!(smtp.unread(), Vec::<serde_json::Value>::new());
    let (control, store) = house.open();
    let traces: Vec<_> = control.read(|state| state.mails_of(house.ticket).cloned().collect());
    assert_eq!(traces.len(), 2);
    for trace in traces {
        // That the first attempt was made need not have reached the disk.
        assert!(matches!(trace.outcome, MailOutcome::Accepted { attempts: 1..=2, .. }), "{trace:?}");
        let delivery = store.outbox().delivery(&trace.mail).unwrap();
        assert!(matches!(delivery, Some(Delivery::Accepted { .. })), "{delivery:?}");
    }
    let ends = control.entries(None, 1_000).unwrap();
    assert_eq!(ends.iter().filter(|entry| matches!(entry.event, Event::MailAccepted { .. })).count(), 2);
    control.shutdown().await;

    // Secrets and addresses are in no log, at any level.
    let log = house.log();
    assert!(log.contains("mail accepted by the mail server"), "the log was kept: {log}");
    let plain_login = openssl::base64::encode_block(format!("\0{USER}\0{PASSWORD}").as_bytes());
    for secret in [PASSWORD, &plain_login, &openssl::base64::encode_block(PASSWORD.as_bytes()), "@bailleur.example"] {
        let line = log.lines().find(|line| line.contains(secret));
        assert_eq!(line, None, "\"{secret}\" in the log");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fault_24_after_an_older_register_was_put_back_what_it_records_next_has_its_mails() {
    let house = House::prepare().await;
    {
        let (control, store) = house.open();
        // The register that was there went further than the one that is there now.
        store.outbox().set_dealt_with(1_000_000).unwrap();
        control.shutdown().await;
    }
    let (control, store) = house.open();
    let last = control.read(|state| state.next_seq) - 1;
    until("it is noticed", || (store.outbox().dealt_with().unwrap() == Some(last)).then_some(())).await;
    let (actor, action) = (Actor::Person("agent-1".parse().unwrap()), Action::Withdraw { ticket: house.ticket });
    control.execute(Ask { actor, action }).await.unwrap();
    until("the mails to be queued", || (store.outbox().list(10).unwrap().len() == 4).then_some(())).await;
    control.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_server_that_is_not_who_it_says_is_named_in_the_log() {
    let (certificates, foreign) = (Certificates::make(), Certificates::make());
    let smtp = SmtpServer::start(&foreign.wanted());
    let house = House::prepare().await;
    let config = house.configure(&section(&certificates, house.directory.path(), smtp.port));
    let server = house.serve(&config);
    until("the log to say so", || house.log().contains("certificate verify failed").then_some(())).await;
    server.stop().await;
    assert_eq!(smtp.unread().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a3_7_check_warns_when_there_is_no_mail_server_and_names_each_fault_of_its_section() {
    let certificates = Certificates::make();
    let directory = tempfile::tempdir().unwrap();
    std::fs::create_dir(directory.path().join("data")).unwrap();
    let house = House { directory, ticket: TicketId::generate() };
    let check = |mail: &str| {
        let output = Command::new(env!("CARGO_BIN_EXE_ecluse"))
            .args(["check", "--json", "--config"])
            .arg(house.configure(mail))
            .output()
            .unwrap();
        let faults: Vec<serde_json::Value> = serde_json::from_slice(&output.stdout).unwrap();
        faults
            .into_iter()
            .filter(|fault| fault["what"].as_str().unwrap().contains("mail"))
            .map(|fault| format!("{}: {}", fault["severity"].as_str().unwrap(), fault["what"].as_str().unwrap()))
            .collect::<Vec<_>>()
    };
    let sound = section(&certificates, house.directory.path(), 587);
    assert_eq!(check(&sound), Vec::<String>::new());
    let none = check("");
    assert!(none.len() == 1 && none[0].starts_with("warning: no [mail]"), "{none:?}");
    for (right, wrong, what) in [
        ("from = \"Écluse <ecluse@example.org>\"", "from = \"nobody\"", "error: mail.from is \"nobody\""),
        ("smtp = \"smtp://", "smtp = \"http://", "error: mail.smtp = \"http://localhost:587\" cannot be read"),
        ("localhost:587", "ecluse:secret@localhost:587", "user and password have keys of their own"),
        ("user = \"ecluse@example.org\"\n", "", "error: mail.password_file is set without mail.user"),
        ("mail.password\"", "absent\"", "error: mail.password_file"),
        ("ca = \"", "ca = \"/absent", "error: mail.ca"),
        ("[mail]\n", "[mail]\nallow_plain = true\nhello_name = \"a b\"\n", "error: mail.hello_name is \"a b\""),
        ("[mail]\n", "[mail]\nsend_timeout_s = 0\n", "error: mail.send_timeout_s is 0"),
        ("localhost:587\"", "relay.example.org\"\nallow_plain = true", "which is not this machine"),
        ("[mail]\n", "[mail]\npasword = \"x\"\n", "unknown key \"pasword\" in mail"),
    ] {
        assert!(sound.contains(right), "{right}");
        let faults = check(&sound.replacen(right, wrong, 1));
        assert!(faults.iter().any(|fault| fault.contains(what)), "{wrong}: {faults:?}");
        assert!(faults.iter().all(|fault| !fault.contains("secret")), "a password in a fault: {faults:?}");
    }
}
