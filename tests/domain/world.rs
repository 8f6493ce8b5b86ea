//! A keeper without threads: decides, applies what was decided, and lets time pass when told.

use crate::dossier;
use chrono::{DateTime, TimeDelta, Utc};
use ecluse::domain::{
    Action, Actor, Camera, Command, Convention, Designation, Entry, Event, PersonId, Purpose, Record, Refusal, Role,
    Service, Site, SiteId, State, TicketId, TicketState, decide,
};
use std::collections::BTreeSet;
use uuid::Uuid;

/// Everybody: who they are and for which sites.
pub const CAST: [(&str, Role, &[&str]); 9] = [
    ("agent", Role::Operator, &["arcade", "quai"]),
    ("colleague", Role::Operator, &["arcade"]),
    ("chief", Role::Chief, &["arcade", "quai"]),
    ("titulaire", Role::Decider, &["arcade", "quai"]),
    ("suppleant", Role::Decider, &["arcade"]),
    ("guard", Role::Guard, &["arcade", "quai"]),
    ("administrator", Role::Administrator, &[]),
    ("dpo", Role::Dpo, &[]),
    ("auditor", Role::Auditor, &[]),
];

pub struct World {
    pub state: State,
    pub now: DateTime<Utc>,
    pub entries: Vec<Entry>,
    /// Whether agents answer "toujours nécessaire ?" at once, watching.
    pub confirms: bool,
    pub made: u128,
}

pub fn id(person: &str) -> PersonId {
    person.parse().unwrap()
}

pub fn site_id(site: &str) -> SiteId {
    site.parse().unwrap()
}

pub fn service() -> Service {
    Service {
        id: "csu".parse().unwrap(),
        name: "CSU".to_owned(),
        town: "Charenton-le-Pont".to_owned(),
        address: "48 rue de Paris".to_owned(),
    }
}

impl World {
    /// Two sites and everybody in their places, on a morning in November.
    pub fn new() -> Self {
        let now = "2026-11-24T08:00:00Z".parse().unwrap();
        let mut world = Self { state: State::default(), now, entries: Vec::new(), confirms: true, made: 0 };
        for (site, cameras) in [("arcade", &["hall", "court"][..]), ("quai", &["gate"])] {
            world.system(Action::DeclareSite(world.site(site, cameras))).unwrap();
        }
        world.appoint();
        world.file_all("arcade", &["agent", "colleague"], "suppleant");
        world.file_all("quai", &["agent"], "other-suppleant");
        world
    }

    /// Everything the convention wants on record for a site.
    fn file_all(&mut self, site: &str, operators: &[&str], suppleant: &str) {
        let declared = self.state.sites[&site_id(site)].clone();
        for record in dossier::complete(&declared, operators, &["chief"], "titulaire", suppleant) {
            self.file(site, record).unwrap();
        }
    }

    /// The administrator files an act.
    pub fn file(&mut self, site: &str, record: Record) -> Result<Vec<Event>, Refusal> {
        self.person("administrator", Action::File { site: site_id(site), record })
    }

    fn appoint(&mut self) {
        for (name, role, sites) in CAST {
            let police = matches!(role, Role::Operator | Role::Chief);
            let designation = Designation {
                person: id(name),
                role,
                sites: sites.iter().map(|site| site_id(site)).collect(),
                service: police.then(|| service().id),
            };
            self.system(Action::Designate(designation)).unwrap();
        }
    }

    /// A site under a convention of a hundred days.
    pub fn site(&self, name: &str, cameras: &[&str]) -> Site {
        Site {
            id: site_id(name),
            name: name.to_owned(),
            addresses: vec![format!("1 {name}")],
            service: service(),
            convention: Convention {
                town: "Charenton-le-Pont".to_owned(),
                valid_from_utc: "2026-11-01T23:00:00Z".parse().unwrap(),
                valid_until_utc: "2027-02-09T23:00:00Z".parse().unwrap(),
            },
            cameras: cameras.iter().map(|id| Camera { id: id.parse().unwrap(), name: (*id).to_owned() }).collect(),
        }
    }

    /// Decides and, unless refused, applies. What is recorded passes through JSON, as in the register.
    pub fn execute(&mut self, actor: Actor, action: Action) -> Result<Vec<Event>, Refusal> {
        let events = decide(&self.state, &Command { actor: actor.clone(), action }, self.now)?;
        for event in &events {
            let entry =
                Entry { seq: self.state.next_seq, at_utc: self.now, actor: event.actor(&actor), event: event.clone() };
            let text = serde_json::to_string(&entry).unwrap();
            assert_eq!(serde_json::from_str::<Entry>(&text).unwrap(), entry, "{text}");
            self.state.apply(&entry);
            self.entries.push(entry);
        }
        Ok(events)
    }

    pub fn person(&mut self, name: &str, action: Action) -> Result<Vec<Event>, Refusal> {
        self.execute(Actor::Person(id(name)), action)
    }

    pub fn system(&mut self, action: Action) -> Result<Vec<Event>, Refusal> {
        self.execute(Actor::System, action)
    }

    /// An identifier nobody has had.
    pub fn fresh<T: From<Uuid>>(&mut self) -> T {
        self.made += 1;
        Uuid::from_u128(self.made).into()
    }

    pub fn request(&mut self, name: &str, site: &str, minutes: i64) -> Result<TicketId, Refusal> {
        let ticket = self.fresh();
        let action = Action::Request {
            ticket,
            email_matches: true,
            site: site.to_owned(),
            reasons: vec!["vols".to_owned()],
            duration_minutes: minutes,
        };
        self.person(name, action).map(|_| ticket)
    }

    /// Asked for and approved.
    pub fn open(&mut self, name: &str, site: &str, minutes: i64) -> TicketId {
        let ticket = self.request(name, site, minutes).unwrap();
        self.person("titulaire", Action::Approve { ticket }).unwrap();
        ticket
    }

    /// Time passes, in steps no longer than half a minute, with the keeper's ticks.
    pub fn pass(&mut self, by: TimeDelta) -> Vec<Event> {
        let until = self.now + by;
        let mut events = Vec::new();
        while self.now < until {
            self.now = (self.now + TimeDelta::seconds(30)).min(until);
            let told = self.tick();
            for event in &told {
                if let (Event::NeedAsked { ticket, .. }, true) = (event, self.confirms) {
                    self.confirm(*ticket);
                }
            }
            events.extend(told);
        }
        events
    }

    fn confirm(&mut self, ticket: TicketId) {
        let requester = self.state.tickets[&ticket].requester.to_string();
        self.watch(&requester, ticket);
        self.person(&requester, Action::ConfirmNeed { ticket }).unwrap();
    }

    /// Somebody watches a transfer; the session's identifier is nobody's business here.
    pub fn watch(&mut self, name: &str, ticket: TicketId) {
        let action = Action::Attach {
            session: self.fresh(),
            purpose: Purpose::Transfer { ticket },
            cameras: Vec::new(),
            workstation: "poste-1".to_owned(),
            at_most: 4,
            replace: true,
        };
        self.person(name, action).unwrap();
    }

    pub fn minutes(&mut self, minutes: i64) -> Vec<Event> {
        self.pass(TimeDelta::minutes(minutes))
    }

    pub fn tick(&mut self) -> Vec<Event> {
        let tick = Action::Tick { overdue: BTreeSet::new(), overdue_sessions: BTreeSet::new() };
        self.system(tick).unwrap()
    }

    pub fn ticket(&self, ticket: TicketId) -> &TicketState {
        &self.state.tickets[&ticket].state
    }
}

/// The faults of a refusal: field, code, and from when it would be accepted.
pub fn faults(refusal: &Refusal) -> Vec<(&'static str, &'static str, Option<DateTime<Utc>>)> {
    refusal.faults.iter().map(|fault| (fault.field, fault.code, fault.from_utc)).collect()
}
