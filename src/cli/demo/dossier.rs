//! The demo's dossier: what the administrator of a real site files on its page, filed once by the demo's administrator, so
//! that images may leave (A1-2, A3-3, A4-1, A5-1).

use super::people::DemoPerson;
use crate::cli::running::Running;
use crate::control::{Control, ControlError};
use crate::domain::dossier::{
    Agreement, Annex, AnnexPerson, Attestation, Avenant, Deciders, Record, Signatory, Subject,
};
use crate::domain::{Action, Actor, CameraId, Command, Event, Role, Site, day};
use anyhow::Context;
use chrono::{NaiveDate, Utc};
use std::collections::BTreeSet;

/// The six entrances of the demo's site.
const ENTRANCES: [&str; 6] = [
    "1 rue de l'Arcade, porte sur rue",
    "1 rue de l'Arcade, porte sur cour",
    "Escalier A",
    "Escalier B",
    "Accès au parking",
    "Local vélos",
];

/// Files what is not on record yet.
pub(super) async fn file(running: &Running, site: &Site, people: &[DemoPerson]) -> anyhow::Result<()> {
    let administrator = named(people, Role::Administrator).next().context("the demo has no administrator")?;
    let actor = Actor::Person(administrator.id.parse()?);
    let filed = running.control().read(|state| state.dossier(&site.id).clone());
    let mut records = Vec::new();
    let today = day::day_of(Utc::now());
    if filed.agreement.is_none() {
        records.extend(signed(today));
    }
    if filed.annex.is_none() {
        records.push(Record::Annex(annex(people, today)?));
    }
    if filed.deciders.is_none() {
        let mut deciders = named(people, Role::Decider);
        let (titulaire, suppleant) = (deciders.next(), deciders.next());
        let (titulaire, suppleant) = titulaire.zip(suppleant).context("the demo has no two deciders")?;
        let (titulaire, suppleant) = (titulaire.id.parse()?, suppleant.id.parse()?);
        records.push(Record::Deciders(Deciders { titulaire, suppleant, dated: today }));
    }
    if filed.entrances.is_empty() {
        records.push(Record::Entrances { entrances: ENTRANCES.map(str::to_owned).to_vec() });
        let notice = |entrance: &str| Record::Signage { entrance: entrance.to_owned(), posted_on: today };
        records.extend(ENTRANCES.map(notice));
    }
    // A camera whose attestation lapsed stays so: only those that never had one are attested here.
    let control = running.control().clone();
    let known = tokio::task::spawn_blocking(move || attested_once(&control)).await??;
    let unattested = site.cameras.iter().filter(|camera| !known.contains(&camera.id));
    records.extend(unattested.map(|camera| {
        Record::Attestation(Attestation {
            camera: camera.id.clone(),
            dated: today,
            view: format!("{} : parties communes seules, ni porte de logement ni voie publique", camera.name),
            masks: String::new(),
            still: "Démonstration : images de synthèse, sans personne".to_owned(),
        })
    }));
    for record in records {
        let action = Action::File { site: site.id.clone(), record };
        running.control().execute(Command { actor: actor.clone(), action }).await?;
    }
    Ok(())
}

/// The cameras that have ever been attested.
fn attested_once(control: &Control) -> Result<BTreeSet<CameraId>, ControlError> {
    let (mut known, mut after) = (BTreeSet::new(), None);
    loop {
        let entries = control.entries(after, 1_000)?;
        let Some(last) = entries.last() else { return Ok(known) };
        after = Some(last.seq);
        known.extend(entries.into_iter().filter_map(|entry| match entry.event {
            Event::Filed { act: Record::Attestation(attestation), .. } => Some(attestation.camera),
            _ => None,
        }));
    }
}

fn named(people: &[DemoPerson], role: Role) -> impl Iterator<Item = &DemoPerson> {
    people.iter().filter(move |person| person.role == role)
}

fn signed(today: NaiveDate) -> Vec<Record> {
    let signatory = |party: &str, capacity: &str| Signatory { party: party.to_owned(), capacity: capacity.to_owned() };
    vec![
        Record::Agreement(Agreement {
            reference: "Convention de démonstration".to_owned(),
            signed_on: today,
            signatories: vec![
                signatory("Ville de Charenton-le-Pont", "le Maire"),
                signatory("État", "le Préfet du Val-de-Marne"),
                signatory("Bailleur", "le Directeur général"),
            ],
            landlord: "Bailleur de démonstration".to_owned(),
            access_contact: "droit-acces@bailleur.example".to_owned(),
        }),
        Record::Avenant(Avenant {
            reference: "Avenant n° 1 (démonstration)".to_owned(),
            signed_on: today,
            subject: Subject::Player,
            summary: "Les images se regardent dans le navigateur du poste dédié.".to_owned(),
        }),
    ]
}

fn annex(people: &[DemoPerson], today: NaiveDate) -> anyhow::Result<Annex> {
    let police = people.iter().filter(|person| matches!(person.role, Role::Operator | Role::Chief));
    let mut file = String::from("nom,courriel,fonction\n");
    let mut named = Vec::new();
    for person in police {
        let role = if person.role == Role::Chief { "chef" } else { "agent" };
        file.push_str(&format!("{},{},{role}\n", person.name, person.email));
        named.push(AnnexPerson { person: person.id.parse()?, role: person.role });
    }
    let digest = openssl::sha::sha256(file.as_bytes());
    let sha256 = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(Annex { version: 1, dated: today, sha256, people: named })
}
