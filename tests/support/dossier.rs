//! A complete dossier for a site, so that images may leave it: what the administrator of a real one files on its page.

#![allow(dead_code, reason = "each test binary that includes this file uses its own part of it")]

use chrono::NaiveDate;
use ecluse::domain::dossier::{Agreement, Annex, AnnexPerson, Attestation, Deciders, Record, Signatory};
use ecluse::domain::{Role, Site};

/// Long before any clock of the tests.
pub fn long_ago() -> NaiveDate {
    "2025-01-15".parse().unwrap()
}

/// The acts, in an order in which they can be filed.
pub fn complete(site: &Site, operators: &[&str], chiefs: &[&str], titulaire: &str, suppleant: &str) -> Vec<Record> {
    let signatory = |party: &str| Signatory { party: party.to_owned(), capacity: "son représentant".to_owned() };
    let entrance = format!("{}, porte principale", site.name);
    let mut records = vec![
        Record::Agreement(Agreement {
            reference: "Convention du 24 février 2021".to_owned(),
            signed_on: long_ago(),
            signatories: ["Ville", "État", "Bailleur"].map(signatory).to_vec(),
            landlord: "Immobilière 3F".to_owned(),
            access_contact: "acces@example.org".to_owned(),
        }),
        Record::Annex(annex(1, operators, chiefs)),
        Record::Deciders(Deciders {
            titulaire: titulaire.parse().unwrap(),
            suppleant: suppleant.parse().unwrap(),
            dated: long_ago(),
        }),
        Record::Entrances { entrances: vec![entrance.clone()] },
        Record::Signage { entrance, posted_on: long_ago() },
    ];
    records.extend(site.cameras.iter().map(|camera| Record::Attestation(attestation(camera.id.as_str()))));
    records
}

/// An annex with these people.
pub fn annex(version: u32, operators: &[&str], chiefs: &[&str]) -> Annex {
    let named = |(person, role): (&&str, Role)| AnnexPerson { person: person.parse().unwrap(), role };
    let operators = operators.iter().map(|person| (person, Role::Operator));
    let chiefs = chiefs.iter().map(|person| (person, Role::Chief));
    Annex { version, dated: long_ago(), sha256: "0".repeat(64), people: operators.chain(chiefs).map(named).collect() }
}

/// That this camera shows shared areas alone.
pub fn attestation(camera: &str) -> Attestation {
    Attestation {
        camera: camera.parse().unwrap(),
        dated: long_ago(),
        view: "hall, sans porte palière ni voie publique".to_owned(),
        masks: String::new(),
        still: "PV de constat n° 1".to_owned(),
    }
}
