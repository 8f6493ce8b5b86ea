//! Whatever people, timers and clocks do: judged from the recorded events alone, without the rules' own code.

use crate::dossier;
use crate::world::{World, id, site_id};
use chrono::{DateTime, TimeDelta, Utc};
use ecluse::domain::dossier::{Alteration, Avenant, Deciders, Mode, Renewal, Subject};
use ecluse::domain::{
    Action, Actor, AlertId, Entry, Event, PersonId, Policy, Purpose, Record, SiteId, TicketId, TicketState, Timer,
};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

const PEOPLE: [&str; 7] = ["agent", "colleague", "chief", "titulaire", "suppleant", "guard", "administrator"];
const SITES: [&str; 2] = ["arcade", "quai"];

/// Something somebody does. Numbers choose among what there is.
#[derive(Debug, Clone)]
enum Step {
    Request { who: usize, site: usize, minutes: i64 },
    Approve { who: usize, ticket: usize },
    Refuse { who: usize, ticket: usize },
    Withdraw { who: usize, ticket: usize },
    End { who: usize, ticket: usize },
    Interrupt { who: usize, ticket: usize },
    Confirm { who: usize, ticket: usize },
    Attach { who: usize, ticket: usize, viewing: bool },
    Wait { seconds: i64, tick: bool },
    Overdue { ticket: usize },
    Strike { who: usize },
    Annex { site: usize, without: usize },
    Deciders { site: usize, swapped: bool },
    Lapse { site: usize, camera: usize },
    Attest { site: usize, camera: usize },
    Signage { site: usize, there: bool },
    Alert { site: usize },
    CloseAlert { which: usize },
    Avenant { site: usize, urgent: bool },
    Mode { site: usize, urgent: bool },
    Renew { site: usize, days: i64 },
    ShortenConvention { site: usize, hours: i64 },
    Restart,
}

/// What may happen, what people do for the most part.
fn step() -> impl Strategy<Value = Step> {
    let (who, site, ticket) = (0..PEOPLE.len(), 0..SITES.len(), 0..3_usize);
    let minutes = prop_oneof![4 => Just(120_i64), 3 => Just(720_i64), 1 => 100..740_i64, 1 => any::<i64>()];
    let wait = prop_oneof![6 => 1..120_i64, 3 => 120..3_600_i64, 3 => 3_600..43_200_i64, 1 => 43_200..200_000_i64];
    // Mostly what people do all day; now and then something that breaks a condition, more often what mends it.
    prop_oneof![
        12 => (0..2_usize, site.clone(), minutes).prop_map(|(who, site, minutes)| Step::Request { who, site, minutes }),
        1 => (who.clone(), site.clone(), Just(120_i64))
            .prop_map(|(who, site, minutes)| Step::Request { who, site, minutes }),
        16 => (3..5_usize, ticket.clone()).prop_map(|(who, ticket)| Step::Approve { who, ticket }),
        2 => (who.clone(), ticket.clone()).prop_map(|(who, ticket)| Step::Approve { who, ticket }),
        1 => (who.clone(), ticket.clone()).prop_map(|(who, ticket)| Step::Refuse { who, ticket }),
        1 => (who.clone(), ticket.clone()).prop_map(|(who, ticket)| Step::Withdraw { who, ticket }),
        2 => (who.clone(), ticket.clone()).prop_map(|(who, ticket)| Step::End { who, ticket }),
        1 => (who.clone(), ticket.clone()).prop_map(|(who, ticket)| Step::Interrupt { who, ticket }),
        6 => (0..2_usize, ticket.clone()).prop_map(|(who, ticket)| Step::Confirm { who, ticket }),
        20 => (0..3_usize, ticket.clone()).prop_map(|(who, ticket)| Step::Attach { who, ticket, viewing: false }),
        3 => (who, ticket.clone(), any::<bool>())
            .prop_map(|(who, ticket, viewing)| Step::Attach { who, ticket, viewing }),
        14 => (wait, any::<bool>()).prop_map(|(seconds, tick)| Step::Wait { seconds, tick }),
        1 => ticket.prop_map(|ticket| Step::Overdue { ticket }),
        1 => (0..5_usize).prop_map(|who| Step::Strike { who }),
        5 => (site.clone(), 0..6_usize).prop_map(|(site, without)| Step::Annex { site, without }),
        5 => (site.clone(), any::<bool>()).prop_map(|(site, swapped)| Step::Deciders { site, swapped }),
        1 => (site.clone(), 0..2_usize).prop_map(|(site, camera)| Step::Lapse { site, camera }),
        4 => (site.clone(), 0..2_usize).prop_map(|(site, camera)| Step::Attest { site, camera }),
        3 => (site.clone(), prop::bool::weighted(0.8)).prop_map(|(site, there)| Step::Signage { site, there }),
        10 => site.clone().prop_map(|site| Step::Alert { site }),
        2 => (0..3_usize).prop_map(|which| Step::CloseAlert { which }),
        2 => (site.clone(), prop::bool::weighted(0.7)).prop_map(|(site, urgent)| Step::Avenant { site, urgent }),
        5 => (site.clone(), prop::bool::weighted(0.8)).prop_map(|(site, urgent)| Step::Mode { site, urgent }),
        4 => (site.clone(), 3..40_i64).prop_map(|(site, days)| Step::Renew { site, days }),
        1 => (site, 0..40_i64).prop_map(|(site, hours)| Step::ShortenConvention { site, hours }),
        1 => Just(Step::Restart),
    ]
}

impl World {
    /// One of the tickets that are new enough to matter: the last few.
    fn some(&self, which: usize) -> TicketId {
        let newest: Vec<_> = self.state.tickets.keys().rev().take(3).copied().collect();
        newest.get(which % newest.len().max(1)).copied().unwrap_or_else(|| uuid::Uuid::from_u128(7).into())
    }

    /// Does it; a refusal is as good an answer as any.
    fn take(&mut self, step: &Step) {
        let person = |who: &usize| PEOPLE[*who];
        let _ = match step {
            Step::Request { who, site, minutes } => {
                self.request(person(who), SITES[*site], *minutes).map(|_| Vec::new())
            }
            Step::Approve { who, ticket } => self.person(person(who), Action::Approve { ticket: self.some(*ticket) }),
            Step::Refuse { who, ticket } => {
                self.person(person(who), Action::Refuse { ticket: self.some(*ticket), why: "non".to_owned() })
            }
            Step::Withdraw { who, ticket } => self.person(person(who), Action::Withdraw { ticket: self.some(*ticket) }),
            Step::End { who, ticket } => {
                self.person(person(who), Action::EndIntervention { ticket: self.some(*ticket) })
            }
            Step::Interrupt { who, ticket } => {
                self.person(person(who), Action::Interrupt { ticket: self.some(*ticket), why: "non".to_owned() })
            }
            Step::Confirm { who, ticket } => {
                self.person(person(who), Action::ConfirmNeed { ticket: self.some(*ticket) })
            }
            Step::Attach { who, ticket, viewing } => {
                let ticket = self.some(*ticket);
                let purpose = if *viewing { Purpose::LandlordViewing { ticket } } else { Purpose::Transfer { ticket } };
                let session = self.fresh();
                let action = Action::Attach {
                    session,
                    purpose,
                    cameras: Vec::new(),
                    workstation: "poste-1".to_owned(),
                    at_most: 4,
                    replace: true,
                };
                self.person(person(who), action)
            }
            Step::Wait { seconds, tick } => {
                self.now += TimeDelta::seconds(*seconds);
                if *tick {
                    self.tick();
                }
                Ok(Vec::new())
            }
            Step::Overdue { ticket } => {
                let ticket = self.some(*ticket);
                let overdue = BTreeSet::from([Timer::End(ticket), Timer::Question(ticket), Timer::Reminder(ticket)]);
                self.system(Action::Tick { overdue, overdue_sessions: BTreeSet::new() })
            }
            Step::Strike { who } => self.system(Action::Strike(id(PEOPLE[*who]))),
            Step::Annex { site, without } => {
                let version = self.state.dossier(&site_id(SITES[*site])).annex.as_ref().map_or(1, |a| a.version + 1);
                let agents = ["agent", "colleague"];
                let left: Vec<_> = agents.into_iter().filter(|agent| agents.get(*without) != Some(agent)).collect();
                self.file(SITES[*site], Record::Annex(dossier::annex(version, &left, &["chief"])))
            }
            Step::Deciders { site, swapped } => {
                let mut both = [id("titulaire"), id("suppleant")];
                if *swapped {
                    both.reverse();
                }
                let [titulaire, suppleant] = both;
                let deciders = Deciders { titulaire, suppleant, dated: dossier::long_ago() };
                self.file(SITES[*site], Record::Deciders(deciders))
            }
            Step::Lapse { site, camera } => {
                let camera = self.camera(*site, *camera);
                let record = Record::AttestationLapsed { camera, alteration: Alteration::View };
                self.file(SITES[*site], record)
            }
            Step::Attest { site, camera } => {
                let camera = self.camera(*site, *camera);
                self.file(SITES[*site], Record::Attestation(dossier::attestation(camera.as_str())))
            }
            Step::Signage { site, there } => {
                let entrance = format!("{}, porte principale", SITES[*site]);
                let posted_on = dossier::long_ago();
                let record =
                    if *there { Record::Signage { entrance, posted_on } } else { Record::SignageGone { entrance } };
                self.file(SITES[*site], record)
            }
            Step::Alert { site } => {
                let alert = self.fresh();
                let (reasons, what) = (vec!["vols".to_owned()], "cris".to_owned());
                self.person("guard", Action::RaiseAlert { alert, site: SITES[*site].to_owned(), reasons, what })
            }
            Step::CloseAlert { which } => {
                let newest: Vec<_> = self.state.alerts.keys().rev().take(3).copied().collect();
                match newest.get(*which) {
                    Some(alert) => self.person("guard", Action::CloseAlert { alert: *alert }),
                    None => Ok(Vec::new()),
                }
            }
            Step::Avenant { site, urgent } => {
                let subject = if *urgent { Subject::UrgentMode } else { Subject::Limits };
                let reference = format!("avenant {}", self.state.next_seq);
                let (signed_on, summary) = (dossier::long_ago(), "objet".to_owned());
                self.file(SITES[*site], Record::Avenant(Avenant { reference, signed_on, subject, summary }))
            }
            Step::Mode { site, urgent } => {
                // Whichever avenant is the newest, of whatever subject: the rules look.
                let newest = self.state.dossier(&site_id(SITES[*site])).avenants.last();
                let avenant = newest.map(|avenant| avenant.reference.clone()).unwrap_or_default();
                let mode = if *urgent { Mode::Urgent { avenant } } else { Mode::Approval };
                let site = site_id(SITES[*site]);
                self.person("titulaire", Action::File { site, record: Record::Opening(mode) })
            }
            Step::Renew { site, days } => {
                let valid_until = (self.now + TimeDelta::days(*days)).date_naive();
                let signed_on = dossier::long_ago();
                let renewal = Renewal { reference: "acte".to_owned(), signed_on, valid_until };
                self.file(SITES[*site], Record::Renewal(renewal))
            }
            Step::ShortenConvention { site, hours } => {
                let mut declared = self.state.sites[&site_id(SITES[*site])].clone();
                declared.convention.valid_until_utc = self.now + TimeDelta::hours(*hours);
                self.system(Action::DeclareSite(declared))
            }
            Step::Restart => {
                let version = "test".to_owned();
                self.system(Action::ServerStarted { version, last_heartbeat: None })
            }
        };
    }

    fn camera(&self, site: usize, camera: usize) -> ecluse::domain::CameraId {
        let cameras = &self.state.sites[&site_id(SITES[site])].cameras;
        cameras[camera % cameras.len()].id.clone()
    }
}

/// Where the stories begin: one site in `urgent` mode, one as ever.
fn stories() -> World {
    let mut world = World { confirms: false, ..World::new() };
    for step in [Step::Avenant { site: 0, urgent: true }, Step::Mode { site: 0, urgent: true }] {
        world.take(&step);
    }
    world
}

/// From when until when.
type Span = (DateTime<Utc>, DateTime<Utc>);

/// What an inspector with the register and a pencil knows.
#[derive(Default)]
struct Inspector {
    ends: BTreeMap<SiteId, DateTime<Utc>>,
    deciders: BTreeMap<SiteId, [PersonId; 2]>,
    struck: BTreeSet<PersonId>,
    sites: BTreeMap<TicketId, SiteId>,
    open: BTreeMap<TicketId, Span>,
    over: BTreeMap<SiteId, Vec<Span>>,
    /// References of avenants whose subject is the urgent mode, and the one each site's mode stands on.
    avenants: BTreeSet<(SiteId, String)>,
    urgent: BTreeMap<SiteId, String>,
    conventions: BTreeMap<SiteId, ecluse::domain::Convention>,
    /// Alerts that stand: for which site, since when. One that has opened a ticket is gone.
    alerts: BTreeMap<AlertId, (SiteId, PersonId, DateTime<Utc>)>,
    watched: BTreeMap<TicketId, u32>,
}

impl Inspector {
    fn read(&mut self, entries: &[Entry], previous: Option<&Event>) {
        let mut previous = previous.cloned();
        for entry in entries {
            self.entry(entry, previous.as_ref());
            previous = Some(entry.event.clone());
        }
    }

    fn entry(&mut self, entry: &Entry, previous: Option<&Event>) {
        let now = entry.at_utc;
        match &entry.event {
            Event::SiteDeclared { site } => {
                self.ends.insert(site.id.clone(), site.convention.valid_until_utc);
                let before = self.conventions.insert(site.id.clone(), site.convention.clone());
                if before.is_some_and(|before| before != site.convention) {
                    self.urgent.remove(&site.id);
                }
            }
            Event::Filed { site, act: Record::Renewal(renewal) } => {
                self.ends.insert(site.clone(), ecluse::domain::day::end_of(renewal.valid_until).unwrap());
            }
            Event::Filed { site, act: Record::Deciders(both) } => {
                self.deciders.insert(site.clone(), [both.titulaire.clone(), both.suppleant.clone()]);
            }
            Event::Filed { site, act: Record::Avenant(avenant) } if avenant.subject == Subject::UrgentMode => {
                self.avenants.insert((site.clone(), avenant.reference.clone()));
            }
            Event::Filed { site, act: Record::Opening(mode) } => {
                match mode {
                    Mode::Urgent { avenant } => self.urgent.insert(site.clone(), avenant.clone()),
                    Mode::Approval => self.urgent.remove(site),
                };
            }
            Event::AlertRaised { alert, site, .. } => {
                let Actor::Person(by) = &entry.actor else { panic!("nobody raised it: {entry:?}") };
                assert_eq!(*by, id("guard"));
                self.alerts.insert(*alert, (site.clone(), by.clone(), now));
            }
            Event::AlertClosed { alert } => {
                self.alerts.remove(alert);
            }
            Event::Designated { designation } => {
                self.struck.remove(&designation.person);
            }
            Event::Struck { person } => {
                self.struck.insert(person.clone());
            }
            Event::Requested { ticket, site, .. } => {
                self.sites.insert(*ticket, site.clone());
            }
            Event::Opened { ticket, expires_at_utc } => {
                let site = &self.sites[ticket];
                let Actor::Person(by) = &entry.actor else { panic!("nobody decided: {entry:?}") };
                assert!(matches!(previous, Some(Event::Approved { ticket: approved }) if approved == ticket));
                assert!(self.deciders[site].contains(by) && !self.struck.contains(by), "{by} decides for {site}");
                self.opened(entry, ticket, *expires_at_utc);
            }
            Event::OpenedUrgently { ticket, expires_at_utc, alert, avenant } => {
                let site = self.sites[ticket].clone();
                assert_eq!(entry.actor, Actor::System, "a rule's act, no person's");
                assert!(matches!(previous, Some(Event::Requested { ticket: asked, .. }) if asked == ticket));
                assert_eq!(self.urgent.get(&site), Some(avenant), "the mode is not urgent: {entry:?}");
                assert!(self.avenants.contains(&(site.clone(), avenant.clone())), "no such avenant: {entry:?}");
                let (where_, by, since) = self.alerts.remove(alert).expect("no open alert, or one used before");
                assert_eq!(where_, site);
                assert!(!self.struck.contains(&by) && since <= now && now < since + TimeDelta::hours(1), "{entry:?}");
                self.opened(entry, ticket, *expires_at_utc);
            }
            Event::Closed { ticket, closed_at_utc, .. } => {
                let (opened, expires) = self.open.remove(ticket).expect("closed what was not open");
                assert!(*closed_at_utc <= expires.max(opened), "{entry:?}");
                assert_eq!(self.watched.get(ticket).copied().unwrap_or(0), 0, "still watched: {entry:?}");
                self.over.entry(self.sites[ticket].clone()).or_default().push((opened, *closed_at_utc));
            }
            Event::SessionGranted { purpose: Purpose::Transfer { ticket }, site, deadline_utc, .. } => {
                let (_, expires) = self.open.get(ticket).expect("a grant without an open ticket");
                assert!(now < *expires && *deadline_utc <= *expires, "beyond the ticket: {entry:?}");
                assert!(now < self.ends[site] && *deadline_utc <= self.ends[site], "beyond the convention: {entry:?}");
                *self.watched.entry(*ticket).or_default() += 1;
            }
            _ => {}
        }
    }

    /// What holds of every opening, whoever or whatever opened it.
    fn opened(&mut self, entry: &Entry, ticket: &TicketId, expires_at_utc: DateTime<Utc>) {
        let (now, site) = (entry.at_utc, &self.sites[ticket]);
        assert!(now < self.ends[site], "the convention is over: {entry:?}");
        assert!(expires_at_utc <= self.ends[site], "beyond the convention: {entry:?}");
        assert!(expires_at_utc - now <= TimeDelta::hours(12), "longer than twelve hours: {entry:?}");
        let others = self.open.keys().filter(|other| self.sites[other] == *site).count();
        assert_eq!(others, 0, "two at once: {entry:?}");
        assert!(self.open.insert(*ticket, (now, expires_at_utc)).is_none(), "opened twice: {entry:?}");
    }

    fn ended(&mut self, world: &World) {
        // How many transfers of each open ticket are live, as the state tells it: the register's endings carry no ticket.
        self.watched = self.open.keys().map(|ticket| (*ticket, live(world, *ticket))).collect();
    }

    /// In no 24 hours and in no seven days is more open than allowed.
    fn caps(&self, policy: &Policy) {
        for spans in self.over.values() {
            for (_, end) in spans {
                for (cap, window) in
                    [(policy.day_cap_minutes, TimeDelta::hours(24)), (policy.week_cap_minutes, TimeDelta::days(7))]
                {
                    let begin = *end - window;
                    let inside = |(from, to): &Span| ((*to).min(*end) - (*from).max(begin)).max(TimeDelta::zero());
                    let open: TimeDelta = spans.iter().map(inside).sum();
                    assert!(open <= TimeDelta::minutes(cap.into()), "{open} in {window}: {spans:?}");
                }
            }
        }
    }
}

fn live(world: &World, ticket: TicketId) -> u32 {
    let transfers = world.state.live_sessions_of(ticket).filter(|s| matches!(s.purpose, Purpose::Transfer { .. }));
    u32::try_from(transfers.count()).unwrap()
}

/// Plays and inspects after every step. Returns the inspector for what only a steady clock can promise.
fn play(world: &mut World, steps: impl IntoIterator<Item = (Step, i64)>) -> Inspector {
    let mut inspector = Inspector::default();
    inspector.read(&world.entries, None);
    for (step, jump) in steps {
        if jump != 0 {
            world.now += TimeDelta::seconds(jump);
            world.system(Action::ClockStepped { by_us: jump * 1_000_000 }).unwrap();
        }
        let before = world.entries.len();
        world.take(&step);
        // Sessions end before their ticket does, in one decision.
        inspector.watched.clear();
        let previous = world.entries[..before].last().map(|entry| entry.event.clone());
        inspector.read(&world.entries[before..], previous.as_ref());
        inspector.ended(world);
        for (ticket, known) in &world.state.tickets {
            if !matches!(known.state, TicketState::Open { .. }) {
                assert_eq!(live(world, *ticket), 0, "images after the end: {known:?}");
            }
        }
    }
    inspector
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a4_6_a3_5_a4_7_a8_1_no_grant_without_a_named_deciders_decision_or_an_urgent_opening_and_never_over_the_caps(
        steps in prop::collection::vec(step(), 1..120),
        day_cap in 2..=24_u32,
        week_cap in 2..=168_u32,
        cooling_off_minutes in prop_oneof![Just(0_u32), 0..=120_u32],
    ) {
        let mut world = stories();
        let policy = Policy { day_cap_minutes: day_cap * 60, week_cap_minutes: week_cap * 60, cooling_off_minutes };
        for site in SITES {
            world.person("titulaire", Action::SetPolicy { site: site_id(site), policy }).unwrap();
        }
        let inspector = play(&mut world, steps.into_iter().map(|step| (step, 0)));
        inspector.caps(&policy);
    }

    #[test]
    fn fault_06_whatever_the_wall_clock_does_no_grant_without_a_decision_or_an_urgent_opening(
        steps in prop::collection::vec((step(), prop_oneof![3 => Just(0_i64), 1 => -100_000..100_000_i64]), 1..80),
    ) {
        let mut world = stories();
        play(&mut world, steps);
    }
}

/// The properties would hold of a keeper that grants nothing: the random stories do open, watch and cut.
#[test]
fn the_random_stories_are_not_idle() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let (mut opened, mut urgent, mut granted, mut closed, mut soon) = (0, 0, 0, 0, 0);
    for _ in 0..60 {
        let steps = prop::collection::vec(step(), 60..120).new_tree(&mut runner).unwrap().current();
        let mut world = stories();
        for step in &steps {
            if let Step::Request { who, site, .. } = step
                && world.request(PEOPLE[*who], SITES[*site], 720).is_err_and(|refusal| refusal.code == "too-soon")
            {
                soon += 1;
            }
            world.take(step);
        }
        for entry in &world.entries {
            match &entry.event {
                Event::Opened { .. } => opened += 1,
                Event::OpenedUrgently { .. } => urgent += 1,
                Event::SessionGranted { purpose: Purpose::Transfer { .. }, .. } => granted += 1,
                Event::Closed { .. } => closed += 1,
                _ => {}
            }
        }
    }
    let enough = opened > 50 && urgent > 10 && granted > 25 && closed > 50 && soon > 10;
    assert!(enough, "{opened} {urgent} {granted} {closed} {soon}");
}
