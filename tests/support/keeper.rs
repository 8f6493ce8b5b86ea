//! A real keeper for tests: register, store and control in a directory of its own, one site, one open ticket. Grants come
//! from it alone, as in the product.

#![allow(dead_code, reason = "each test binary that includes this file uses its own part of it")]

#[path = "dossier.rs"]
mod dossier;

use chrono::{TimeDelta, Utc};
use ecluse::clock::SystemClock;
use ecluse::control::grant::Grant;
use ecluse::control::{AttachRequest, Control, ControlSettings, TicketRequest};
use ecluse::domain::{
    Action, Actor, Camera, CameraId, Command, Convention, Designation, EndCause, PersonId, Purpose, Role, Service,
    SessionId, SessionState, Site, TicketId, Traffic,
};
use ecluse::register::Register;
use ecluse::store::{Identity, Store, password};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Who watches. One person has one session per ticket, so a second viewer is another person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Viewer {
    /// Who asked for the ticket.
    Operator,
    /// The operator's chief.
    Chief,
}

/// The keeper, with a ticket open.
pub struct Keeper {
    /// Its handle.
    pub control: Control,
    /// People and log-ins.
    pub store: Store,
    /// The open ticket.
    pub ticket: TicketId,
    // Last: the directory goes after what writes to it.
    _directory: TempDir,
}

/// Everybody's. Log in as `operator@example.org`, `chief@...` or `decider@...`.
pub const PASSWORD: &str = "a password for tests";

const PATIENCE: Duration = Duration::from_secs(30);

impl Keeper {
    /// Starts a keeper whose only site has these cameras, and opens a ticket.
    pub async fn start(cameras: &[CameraId]) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let register = Register::open(&directory.path().join("register")).expect("a register");
        let store = Store::open(&directory.path().join("store")).expect("a store");
        let hash = password::hash(PASSWORD).expect("a hash");
        for person in ["operator", "chief", "decider"] {
            let identity = Identity {
                person: id(person),
                email: format!("{person}@example.org"),
                name: person.to_owned(),
                language: "en".to_owned(),
                password_hash: hash.clone(),
            };
            store.people().put(&identity).expect("a person");
        }
        let settings = ControlSettings::new(directory.path());
        let kept = store.clone();
        let control =
            tokio::task::spawn_blocking(move || Control::start(settings, register, kept, Arc::new(SystemClock)))
                .await
                .expect("the start ends")
                .expect("the keeper starts");
        let keeper = Self { control, store, ticket: TicketId::generate(), _directory: directory };
        keeper.declare(cameras).await;
        keeper.open_ticket().await
    }

    async fn declare(&self, cameras: &[CameraId]) {
        let service = Service {
            id: "csu".parse().expect("an id"),
            name: "CSU".to_owned(),
            town: "Charenton-le-Pont".to_owned(),
            address: "48 rue de Paris".to_owned(),
        };
        let now = Utc::now();
        let site = Site {
            id: "arcade".parse().expect("an id"),
            name: "1 rue de l'Arcade".to_owned(),
            addresses: vec!["1 rue de l'Arcade".to_owned()],
            service: service.clone(),
            convention: Convention {
                town: "Charenton-le-Pont".to_owned(),
                valid_from_utc: now - TimeDelta::days(1),
                valid_until_utc: now + TimeDelta::days(365),
            },
            cameras: cameras.iter().map(|id| Camera { id: id.clone(), name: id.to_string() }).collect(),
        };
        let sites = BTreeSet::from([site.id.clone()]);
        let records = dossier::complete(&site, &["operator"], &["chief"], "decider", "deputy");
        let id_of_site = site.id.clone();
        self.system(Action::DeclareSite(site)).await;
        for (person, role) in [("operator", Role::Operator), ("chief", Role::Chief), ("decider", Role::Decider)] {
            let service = (role != Role::Decider).then(|| service.id.clone());
            self.system(Action::Designate(Designation { person: id(person), role, sites: sites.clone(), service }))
                .await;
        }
        for record in records {
            self.system(Action::File { site: id_of_site.clone(), record }).await;
        }
    }

    async fn open_ticket(mut self) -> Self {
        let request = TicketRequest {
            person: id("operator"),
            email: "operator@example.org".to_owned(),
            site: "arcade".to_owned(),
            reasons: vec!["vols".to_owned()],
            duration_minutes: 120,
        };
        let (ticket, _) = self.control.request(request).await.expect("the request is filed");
        self.ticket = ticket;
        self.execute(Actor::Person(id("decider")), Action::Approve { ticket }).await;
        self
    }

    async fn system(&self, action: Action) {
        self.execute(Actor::System, action).await;
    }

    async fn execute(&self, actor: Actor, action: Action) {
        self.control.execute(Command { actor, action }).await.expect("the command is carried out");
    }

    /// A grant for up to `at_most` cameras.
    pub async fn grant(&self, viewer: Viewer, at_most: usize) -> Grant {
        let person = id(match viewer {
            Viewer::Operator => "operator",
            Viewer::Chief => "chief",
        });
        let request = AttachRequest {
            person,
            purpose: Purpose::Transfer { ticket: self.ticket },
            cameras: Vec::new(),
            workstation: "test".to_owned(),
            at_most,
            replace: false,
        };
        self.control.attach(request).await.expect("the grant is made")
    }

    /// Interrupts the ticket; returns how long the command took, until the register had it.
    pub async fn cut(&self) -> Duration {
        let started = Instant::now();
        let interrupt = Action::Interrupt { ticket: self.ticket, why: "test".to_owned() };
        self.execute(Actor::Person(id("decider")), interrupt).await;
        started.elapsed()
    }

    /// What the register knows about the DTLS of a session, once it does.
    pub async fn connected(&self, session: SessionId) -> (String, String) {
        self.wait_for(session, |state| match state {
            SessionState::Connected { srtp, dtls, .. } => Some((srtp.clone(), dtls.clone())),
            _ => None,
        })
        .await
    }

    /// How a session ended, once it has.
    pub async fn ended(&self, session: SessionId) -> (EndCause, Traffic) {
        self.wait_for(session, |state| match state {
            SessionState::Ended { cause, traffic, .. } => Some((cause.clone(), *traffic)),
            _ => None,
        })
        .await
    }

    async fn wait_for<T>(&self, session: SessionId, look: impl Fn(&SessionState) -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let found =
                self.control.read(|state| state.sessions.get(&session).map(|s| (look(&s.state), s.state.clone())));
            match found {
                Some((Some(found), _)) => return found,
                other if Instant::now() >= deadline => panic!("session {session}: {:?}", other.map(|(_, state)| state)),
                _ => tokio::time::sleep(Duration::from_millis(5)).await,
            }
        }
    }

    /// Stops it in good order.
    pub async fn stop(self) {
        self.control.shutdown().await;
    }
}

fn id(person: &str) -> PersonId {
    person.parse().expect("an id")
}
