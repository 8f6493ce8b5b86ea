//! A keeper that can be stopped and started again on the same disk, with its mails.

use crate::dossier;
use chrono::{DateTime, TimeDelta, Utc};
use ecluse::clock::{Clock, ManualClock};
use ecluse::control::{AttachRequest, Control, ControlSettings, TicketRequest};
use ecluse::domain::{
    Action, Actor, Camera, Command, Convention, Designation, Entry, Event, Purpose, Role, Service, Site, TicketId,
};
use ecluse::mail::Notifier;
use ecluse::register::Register;
use ecluse::store::{Identity, Mail, Store};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

const PEOPLE: [(&str, Role); 4] =
    [("agent", Role::Operator), ("chief", Role::Chief), ("titulaire", Role::Decider), ("suppleant", Role::Decider)];
/// Far beyond what anything takes on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(60);

pub struct House {
    pub clock: ManualClock,
    pub control: Control,
    pub store: Store,
    directory: tempfile::TempDir,
}

fn service() -> Service {
    Service {
        id: "csu".parse().unwrap(),
        name: "CSU".to_owned(),
        town: "Charenton-le-Pont".to_owned(),
        address: "48 rue de Paris".to_owned(),
    }
}

async fn open(directory: &Path, clock: &ManualClock) -> (Control, Store) {
    let (directory, clock) = (directory.to_owned(), Arc::new(clock.clone()));
    let start = move || {
        let register = Register::open(&directory.join("register")).unwrap();
        let store = Store::open(&directory.join("store")).unwrap();
        let settings =
            ControlSettings::new(&directory).with_effect(Notifier::new(store.clone(), "https://ecluse.example.org"));
        (Control::start(settings, register, store.clone(), clock).unwrap(), store)
    };
    tokio::task::spawn_blocking(start).await.unwrap()
}

impl House {
    pub async fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let clock = ManualClock::at("2026-11-24T08:00:00Z".parse().unwrap());
        let (control, store) = open(directory.path(), &clock).await;
        let house = Self { clock, control, store, directory };
        house.seed().await;
        house
    }

    async fn seed(&self) {
        let now = self.clock.utc();
        let site = Site {
            id: "arcade".parse().unwrap(),
            name: "1 rue de l'Arcade".to_owned(),
            addresses: vec!["1 rue de l'Arcade".to_owned()],
            service: service(),
            convention: Convention {
                town: "Charenton-le-Pont".to_owned(),
                valid_from_utc: now - TimeDelta::days(1),
                valid_until_utc: now + TimeDelta::days(300),
            },
            cameras: vec![Camera { id: "hall".parse().unwrap(), name: "Hall".to_owned() }],
        };
        self.system(Action::DeclareSite(site.clone())).await;
        for (name, role) in PEOPLE {
            let identity = Identity {
                person: name.parse().unwrap(),
                email: format!("{name}@example.org"),
                name: name.to_owned(),
                language: "fr".to_owned(),
                password_hash: "none: nobody logs in here".to_owned(),
            };
            self.store.people().put(&identity).unwrap();
            let designation = Designation {
                person: name.parse().unwrap(),
                role,
                sites: ["arcade".parse().unwrap()].into(),
                service: (role != Role::Decider).then(|| service().id),
            };
            self.system(Action::Designate(designation)).await;
        }
        for record in dossier::complete(&site, &["agent"], &["chief"], "titulaire", "suppleant") {
            self.system(Action::File { site: site.id.clone(), record }).await;
        }
    }

    /// Stops it in good order and starts it again, `away` later.
    pub async fn restart(self, away: Duration) -> Self {
        let Self { clock, control, store, directory } = self;
        control.shutdown().await;
        drop((control, store));
        clock.advance(away);
        let (control, store) = open(directory.path(), &clock).await;
        Self { clock, control, store, directory }
    }

    pub async fn system(&self, action: Action) {
        self.control.execute(Command { actor: Actor::System, action }).await.unwrap();
    }

    pub async fn person(&self, name: &str, action: Action) {
        self.control.execute(Command { actor: Actor::Person(name.parse().unwrap()), action }).await.unwrap();
    }

    pub async fn request(&self) -> TicketId {
        let request = TicketRequest {
            person: "agent".parse().unwrap(),
            email: "agent@example.org".to_owned(),
            site: "arcade".to_owned(),
            reasons: vec!["vols".to_owned()],
            duration_minutes: 120,
        };
        self.control.request(request).await.unwrap().0
    }

    pub async fn open_ticket(&self) -> TicketId {
        let ticket = self.request().await;
        self.person("titulaire", Action::Approve { ticket }).await;
        ticket
    }

    pub async fn watch(&self, name: &str, ticket: TicketId) -> ecluse::control::grant::Grant {
        let request = AttachRequest {
            person: name.parse().unwrap(),
            purpose: Purpose::Transfer { ticket },
            cameras: Vec::new(),
            workstation: "poste-1".to_owned(),
            at_most: 1,
            replace: false,
        };
        self.control.attach(request).await.unwrap()
    }

    /// Everything recorded, in order.
    pub fn entries(&self) -> Vec<Entry> {
        self.control.entries(None, 10_000).unwrap()
    }

    /// Waits until the register holds `count` entries that fit, and returns when they were written.
    pub async fn until(&self, what: &str, count: usize, fits: impl Fn(&Event) -> bool) -> Vec<DateTime<Utc>> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let found: Vec<_> =
                self.entries().iter().filter(|entry| fits(&entry.event)).map(|entry| entry.at_utc).collect();
            if found.len() >= count {
                assert_eq!(found.len(), count, "{what}");
                return found;
            }
            assert!(Instant::now() < deadline, "{what}: {} of {count}", found.len());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Waits until `count` mails with this in their subject are queued.
    pub async fn mails(&self, subject: &str, count: usize) -> Vec<Mail> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let mails = self.store.outbox().list(100).unwrap();
            let found: Vec<_> = mails.into_iter().filter(|mail| mail.subject.contains(subject)).collect();
            if found.len() >= count {
                assert_eq!(found.len(), count, "{subject}");
                return found;
            }
            assert!(Instant::now() < deadline, "{subject}: {} of {count}", found.len());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    pub async fn stop(self) {
        self.control.shutdown().await;
    }
}
