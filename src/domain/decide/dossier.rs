//! Acts are filed by the administrator, checked for sense, recorded with their consequences (A1-2, A3-1, A3-3, A4-1, A5-1,
//! A8-1).

use super::annex::administrator;
use super::conditions::with_consequences;
use super::{designated, fault, faulty, rights};
use crate::domain::command::Actor;
use crate::domain::day;
use crate::domain::dossier::{Annex, Deciders, Mode, Record};
use crate::domain::event::Event;
use crate::domain::ids::SiteId;
use crate::domain::person::{Designation, Role};
use crate::domain::refusal::{Fault, Refusal, RefusalKind};
use crate::domain::rights::RightsChange;
use crate::domain::site::Site;
use crate::domain::state::State;
use chrono::{DateTime, NaiveDate, Utc};
use std::collections::BTreeSet;

/// Longest text of an act, characters.
const MAX_TEXT_CHARS: usize = 300;
/// Most lines of an act: people of an annex, entrances, signatories.
const MAX_LINES: usize = 200;

pub(super) fn file(
    state: &State,
    actor: &Actor,
    id: &SiteId,
    record: &Record,
    now: DateTime<Utc>,
) -> Result<Vec<Event>, Refusal> {
    may_file(state, actor, id, record)?;
    let Some(site) = state.sites.get(id) else {
        return Err(Refusal::new(RefusalKind::NotFound, "unknown-site", "no such site, or not one of yours"));
    };
    let mut check = Check { today: day::day_of(now), faults: Vec::new() };
    check.record(state, site, record, now);
    if !check.faults.is_empty() {
        return Err(faulty("record-faulty", "this cannot be filed; each fault is named", check.faults));
    }
    if is_so_already(state, id, record) {
        return Ok(Vec::new());
    }
    let events = match record {
        Record::Annex(annex) => sign_annex(state, site, annex),
        Record::Deciders(deciders) => {
            let change = RightsChange::Deciders { site: id.clone(), deciders: deciders.clone() };
            let about = [&deciders.titulaire, &deciders.suppleant];
            if let Some(proposed) = rights::own_change(state, actor, &about, change) {
                return Ok(vec![proposed]);
            }
            name_deciders(state, site, deciders)?
        }
        _ => vec![filed(id, record.clone())],
    };
    Ok(with_consequences(state, actor, events, now))
}

fn filed(site: &SiteId, act: Record) -> Event {
    Event::Filed { site: site.clone(), act }
}

/// The administrator; that a camera was turned, whoever of the landlord's people sees it first. How requests are opened,
/// the site's deciders: the administrator who records the avenant cannot open the gate with it alone, only shut it.
fn may_file(state: &State, actor: &Actor, site: &SiteId, record: &Record) -> Result<(), Refusal> {
    if let (Record::AttestationLapsed { .. }, Actor::Person(_)) = (record, actor) {
        let (_, place) = designated(state, actor)?;
        if matches!(place.role, Role::Decider | Role::Guard) && place.sites.contains(site) {
            return Ok(());
        }
    }
    if let (Record::Opening(mode), Actor::Person(_)) = (record, actor) {
        let (_, place) = designated(state, actor)?;
        if place.role == Role::Decider && place.sites.contains(site) {
            return Ok(());
        }
        if *mode != Mode::Approval {
            let message = "only the site's deciders let requests be opened without their decision (A4-1)";
            return Err(Refusal::new(RefusalKind::Forbidden, "deciders-only", message));
        }
    }
    administrator(state, actor)
}

fn is_so_already(state: &State, site: &SiteId, record: &Record) -> bool {
    let dossier = state.dossier(site);
    match record {
        // An annex signed off again is a new version; an avenant filed twice is named as a fault.
        Record::Annex(_) | Record::Avenant(_) => false,
        // Naming the same two again puts them back into their places.
        Record::Deciders(deciders) => {
            dossier.deciders.as_ref() == Some(deciders)
                && [&deciders.titulaire, &deciders.suppleant].into_iter().all(|person| {
                    let place = state.people.get(person);
                    place.is_some_and(|place| place.role == Role::Decider && place.sites.contains(site))
                })
        }
        record => {
            let mut after = dossier.clone();
            after.file(record);
            after == *dossier
        }
    }
}

/// A new annex in force: everybody in it gets their place, whoever is no longer in it loses it (fault 8).
fn sign_annex(state: &State, site: &Site, annex: &Annex) -> Vec<Event> {
    let mut events = vec![filed(&site.id, Record::Annex(annex.clone()))];
    for named in &annex.people {
        let before = state.people.get(&named.person);
        let mut sites = before.map(|place| place.sites.clone()).unwrap_or_default();
        sites.insert(site.id.clone());
        let service = Some(site.service.id.clone());
        let designation = Designation { person: named.person.clone(), role: named.role, sites, service };
        if before != Some(&designation) {
            events.push(Event::Designated { designation });
        }
    }
    let gone = state.people.values().filter(|place| {
        let police = matches!(place.role, Role::Operator | Role::Chief);
        police && place.sites.contains(&site.id) && !annex.people.iter().any(|named| named.person == place.person)
    });
    events.extend(gone.map(|place| leave(place, &site.id)));
    events
}

/// Titulaire and suppléant get their places; whoever decided for this site before does so no more.
pub(super) fn name_deciders(state: &State, site: &Site, deciders: &Deciders) -> Result<Vec<Event>, Refusal> {
    let both = [&deciders.titulaire, &deciders.suppleant];
    let mut events = vec![filed(&site.id, Record::Deciders(deciders.clone()))];
    for person in both {
        let before = state.people.get(person);
        if before.is_some_and(|place| place.role != Role::Decider) {
            let expected = "somebody who has no other role: nobody both asks and decides (A4-3)";
            let faults = vec![fault("deciders", "other-role", person, expected)];
            return Err(faulty("record-faulty", "this cannot be filed; each fault is named", faults));
        }
        let mut sites = before.map(|place| place.sites.clone()).unwrap_or_default();
        sites.insert(site.id.clone());
        let designation = Designation { person: person.clone(), role: Role::Decider, sites, service: None };
        if before != Some(&designation) {
            events.push(Event::Designated { designation });
        }
    }
    let others = state.deciders_of(&site.id).filter(|place| !both.contains(&&place.person));
    events.extend(others.map(|place| leave(place, &site.id)));
    Ok(events)
}

/// Somebody leaves a site: the annex too, when it was their only one.
fn leave(place: &Designation, site: &SiteId) -> Event {
    let sites: BTreeSet<_> = place.sites.iter().filter(|other| *other != site).cloned().collect();
    if sites.is_empty() {
        Event::Struck { person: place.person.clone() }
    } else {
        Event::Designated { designation: Designation { sites, ..place.clone() } }
    }
}

/// Collects what is wrong with an act.
struct Check {
    today: NaiveDate,
    faults: Vec<Fault>,
}

impl Check {
    fn text(&mut self, field: &'static str, text: &str) {
        let visible = text.chars().any(|c| !c.is_whitespace() && !c.is_control());
        if !visible || text.chars().count() > MAX_TEXT_CHARS {
            self.faults.push(fault(field, "text-expected", text, format!("1 to {MAX_TEXT_CHARS} visible characters")));
        }
    }

    fn past(&mut self, field: &'static str, date: NaiveDate) {
        if date > self.today {
            self.faults.push(fault(field, "date-in-future", date, format!("a day up to {}", self.today)));
        }
    }

    fn lines(&mut self, field: &'static str, count: usize) {
        if !(1..=MAX_LINES).contains(&count) {
            self.faults.push(fault(field, "lines-expected", count, format!("1 to {MAX_LINES} lines")));
        }
    }

    fn next(&mut self, version: u32, before: u32) {
        if version != before + 1 {
            let expected = format!("{}: somebody else may have filed one meanwhile", before + 1);
            self.faults.push(fault("version", "version-not-next", version, expected));
        }
    }

    fn record(&mut self, state: &State, site: &Site, record: &Record, now: DateTime<Utc>) {
        let dossier = state.dossier(&site.id);
        match record {
            Record::Agreement(agreement) => {
                self.text("reference", &agreement.reference);
                self.past("signed_on", agreement.signed_on);
                self.lines("signatories", agreement.signatories.len());
                for signatory in agreement.signatories.iter().take(MAX_LINES) {
                    self.text("signatories", &signatory.party);
                    self.text("signatories", &signatory.capacity);
                }
                self.text("landlord", &agreement.landlord);
                self.text("access_contact", &agreement.access_contact);
            }
            Record::Avenant(avenant) => {
                self.text("reference", &avenant.reference);
                self.text("summary", &avenant.summary);
                self.past("signed_on", avenant.signed_on);
                if dossier.avenants.iter().any(|known| known.reference == avenant.reference) {
                    let expected = "a reference that no other avenant has";
                    self.faults.push(fault("reference", "avenant-known", &avenant.reference, expected));
                }
                self.lines("avenants", dossier.avenants.len() + 1);
            }
            Record::Renewal(renewal) => {
                self.text("reference", &renewal.reference);
                self.past("signed_on", renewal.signed_on);
                let before = state.convention(site).valid_until_utc;
                if day::end_of(renewal.valid_until).is_none_or(|end| end <= before || end <= now) {
                    let expected = format!("a day after the end as it stands, {}", day::day_of(before));
                    self.faults.push(fault("valid_until", "renewal-not-later", renewal.valid_until, expected));
                }
            }
            Record::Reasons(list) => {
                self.next(list.version, dossier.reasons.version);
                self.past("dated", list.dated);
                self.lines("reasons", list.reasons.len());
                let mut seen = BTreeSet::new();
                for entry in &list.reasons {
                    self.text("legal_basis", &entry.legal_basis);
                    if !seen.insert(entry.reason) {
                        self.faults.push(fault("reasons", "reason-twice", entry.reason.as_str(), "each reason once"));
                    }
                }
            }
            Record::Annex(annex) => self.annex(state, site, annex),
            Record::Deciders(deciders) => {
                self.past("dated", deciders.dated);
                if deciders.titulaire == deciders.suppleant {
                    let expected = "two different people (A4-1)";
                    self.faults.push(fault("suppleant", "same-person", &deciders.suppleant, expected));
                }
            }
            Record::Entrances { entrances } => {
                self.lines("entrances", entrances.len());
                let mut seen = BTreeSet::new();
                for entrance in entrances.iter().take(MAX_LINES) {
                    self.text("entrances", entrance);
                    if !seen.insert(entrance) {
                        self.faults.push(fault("entrances", "entrance-twice", entrance, "each entrance once"));
                    }
                }
            }
            Record::Signage { entrance, posted_on } => {
                self.entrance(state, site, entrance);
                self.past("posted_on", *posted_on);
            }
            Record::SignageGone { entrance } => self.entrance(state, site, entrance),
            Record::Attestation(attestation) => {
                self.camera(site, &attestation.camera);
                self.past("dated", attestation.dated);
                self.text("view", &attestation.view);
                self.text("still", &attestation.still);
                if !attestation.masks.is_empty() {
                    self.text("masks", &attestation.masks);
                }
            }
            Record::AttestationLapsed { camera, .. } => self.camera(site, camera),
            Record::Opening(Mode::Approval) => {}
            Record::Opening(Mode::Urgent { avenant }) => {
                if !dossier.urgent_avenants().any(|known| known.reference == *avenant) {
                    let expected = "the reference of a filed avenant whose subject is the urgent mode";
                    self.faults.push(fault("avenant", "urgent-avenant-missing", avenant, expected));
                }
            }
        }
    }

    fn entrance(&mut self, state: &State, site: &Site, entrance: &str) {
        if !state.dossier(&site.id).entrances.iter().any(|(name, _)| name == entrance) {
            self.faults.push(fault("entrance", "unknown-entrance", entrance, "one of the site's entrances (A5-1)"));
        }
    }

    fn camera(&mut self, site: &Site, camera: &crate::domain::ids::CameraId) {
        if site.camera(camera).is_none() {
            self.faults.push(fault("camera", "unknown-camera", camera, "a camera of this site (A1-1)"));
        }
    }

    fn annex(&mut self, state: &State, site: &Site, annex: &Annex) {
        self.next(annex.version, state.dossier(&site.id).annex.as_ref().map_or(0, |before| before.version));
        self.past("dated", annex.dated);
        self.lines("people", annex.people.len());
        if annex.sha256.len() != 64 || !annex.sha256.bytes().all(|b| b.is_ascii_hexdigit()) {
            self.faults.push(fault("sha256", "digest-expected", &annex.sha256, "64 hexadecimal digits"));
        }
        let mut seen = BTreeSet::new();
        for named in annex.people.iter().take(MAX_LINES) {
            if !matches!(named.role, Role::Operator | Role::Chief) {
                let expected = "operator or chief: the annex names the police's people";
                self.faults.push(fault("people", "role-not-police", named.role.as_str(), expected));
            }
            if !seen.insert(&named.person) {
                self.faults.push(fault("people", "person-twice", &named.person, "each person once"));
            }
            let place = state.people.get(&named.person);
            if place.is_some_and(|place| !matches!(place.role, Role::Operator | Role::Chief)) {
                let expected = "somebody who has no other role: nobody both asks and decides (A4-3)";
                self.faults.push(fault("people", "other-role", &named.person, expected));
            }
            if place.is_some_and(|place| place.service.as_ref().is_some_and(|service| *service != site.service.id)) {
                let expected = "somebody of the site's own service (A2-1)";
                self.faults.push(fault("people", "other-service", &named.person, expected));
            }
        }
    }
}
