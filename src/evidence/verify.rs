//! Whether a ZIP is an export of ours, unchanged; names what is not. Needs the public key and nothing else.

use super::manifest::{FileEntry, Manifest};
use super::write::{hex, statement};
use super::{MANIFEST, PROOF, README, RegisterProof, SIGNATURE, TIMESTAMP, verify_timestamp};
use crate::domain::{Actor, Event};
use crate::register::{Note, VerifyKey};
use chrono::{DateTime, Utc};
use openssl::sha::{Sha256, sha256};
use openssl::x509::X509;
use serde::Serialize;
use std::collections::BTreeSet;
use std::io::{self, Read, Seek};
use zip::ZipArchive;

/// No manifest, signature or proof of ours is longer: a day of a hundred cameras, cut every minute, has room.
const MOST_TEXT_BYTES: u64 = 256 << 20;
/// How much is read at once.
const PIECE_BYTES: u64 = 1 << 20;

/// What the export's time stamp is worth (RFC 3161).
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stamp {
    /// None was going to be asked for.
    #[default]
    NotAsked,
    /// A service was to be asked; there is no time stamp: it did not answer, or the file was taken out.
    Missing,
    /// It is of this signature, at this instant by its own account; no authority was given to verify it with.
    Unvouched(DateTime<Utc>),
    /// The given authorities vouch for this instant.
    Vouched(DateTime<Utc>),
    /// It is not a time stamp of this signature by the given authorities: a fault says why.
    Wrong,
}

/// What was found.
#[derive(Debug, Default, Serialize)]
pub struct Verified {
    /// What is wrong, each naming its file; empty: the export is what was made.
    pub faults: Vec<String>,
    /// Video files that are what was exported.
    pub files: usize,
    /// Pictures in them.
    pub frames: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// When the export existed by somebody else's account.
    pub timestamp: Stamp,
    /// What the export says about itself, where that can be read; to be believed when there is no fault.
    pub manifest: Option<Manifest>,
}

impl Verified {
    /// Whether nothing is wrong.
    pub fn is_sound(&self) -> bool {
        self.faults.is_empty()
    }

    fn fault(&mut self, name: &str, why: impl std::fmt::Display) {
        self.faults.push(format!("{name}: {why}"));
    }
}

/// Verifies an export; its time stamp, if it has one, by these authorities.
///
/// # Errors
/// When `from` cannot be read. Something that is no ZIP is a finding.
pub fn verify(from: impl Read + Seek, key: &VerifyKey, authorities: Option<&[X509]>) -> io::Result<Verified> {
    let mut found = Verified::default();
    let mut zip = match ZipArchive::new(from) {
        Ok(zip) => zip,
        Err(zip::result::ZipError::Io(error)) if error.kind() != io::ErrorKind::UnexpectedEof => return Err(error),
        Err(error) => {
            found.fault("the file", format!("it is no whole ZIP, cut short perhaps: {error}"));
            return Ok(found);
        }
    };
    // What another program might show from the same file: a second entry of one name, one that the directory does not
    // name, bytes around all of it.
    if zip.offset() != 0 || !zip.comment().is_empty() {
        found.fault("the file", "it has bytes that the export never had, in front of it or as a comment");
    }
    if let Err(why) = zip.validate_header_consistency() {
        found.fault("the file", format!("other programs may find something else in it: {why}"));
    }
    let manifest = text(&mut zip, MANIFEST, &mut found);
    let signature = text(&mut zip, SIGNATURE, &mut found);
    let proof = text(&mut zip, PROOF, &mut found);
    let readme = text(&mut zip, README, &mut found);
    let Some(bytes) = manifest else { return Ok(found) };
    let manifest: Manifest = match serde_json::from_slice(&bytes) {
        Ok(manifest) => manifest,
        Err(why) => {
            found.fault(MANIFEST, format!("it cannot be understood: {why}"));
            return Ok(found);
        }
    };
    if manifest.version != 1 {
        found.fault(MANIFEST, format!("version {}: expected 1; a newer program made it", manifest.version));
    }
    if let Some(signature) = &signature
        && let Err(why) = signed(signature, &statement(manifest.export, &bytes), key)
    {
        found.fault(SIGNATURE, why);
    }
    let has_stamp = zip.index_for_name(TIMESTAMP).is_some();
    found.timestamp = match signature.filter(|_| has_stamp) {
        Some(signature) => stamped(&mut zip, &signature, authorities, &mut found),
        None if manifest.timestamp_service.is_some() => Stamp::Missing,
        None => Stamp::NotAsked,
    };
    if authorities.is_some() && matches!(found.timestamp, Stamp::Missing | Stamp::NotAsked) {
        found.fault(TIMESTAMP, "the export has no time stamp");
    }
    if let Some(proof) = proof
        && let Err(why) = recorded(&proof, &manifest, key)
    {
        found.fault(PROOF, why);
    }
    if readme.is_some_and(|readme| hex(&sha256(&readme)) != manifest.readme_sha256) {
        found.fault(README, "it is not the one exported");
    }
    let mut known = BTreeSet::from([MANIFEST, SIGNATURE, PROOF, README].map(str::to_owned));
    if manifest.timestamp_service.is_some() {
        known.insert(TIMESTAMP.to_owned());
    }
    for file in manifest.cameras.iter().flat_map(|camera| &camera.files) {
        if !known.insert(file.name.clone()) {
            found.fault(&file.name, "the manifest names it twice");
            continue;
        }
        match video(&mut zip, file) {
            Ok(()) => {
                found.files += 1;
                found.frames += file.frames;
                found.bytes += file.bytes;
            }
            Err(why) => found.fault(&file.name, why),
        }
    }
    let names: Vec<String> =
        zip.file_names().map(|name| name.map_or_else(|why| why.to_string(), |name| name.into_owned())).collect();
    for name in names.iter().filter(|name| !known.contains(*name)) {
        found.fault(name, "it is not part of the export");
    }
    found.manifest = Some(manifest);
    Ok(found)
}

/// A small file, whole.
fn text(zip: &mut ZipArchive<impl Read + Seek>, name: &str, found: &mut Verified) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = zip
        .by_name(name)
        .map_err(|why| why.to_string())
        .and_then(|file| file.take(MOST_TEXT_BYTES).read_to_end(&mut bytes).map_err(|why| why.to_string()));
    match read {
        Ok(_) => Some(bytes),
        Err(why) => {
            found.fault(name, format!("it is missing or damaged: {why}"));
            None
        }
    }
}

/// What the time stamp in it is worth.
fn stamped(
    zip: &mut ZipArchive<impl Read + Seek>,
    signature: &[u8],
    authorities: Option<&[X509]>,
    found: &mut Verified,
) -> Stamp {
    let Some(answer) = text(zip, TIMESTAMP, found) else { return Stamp::Wrong };
    match (verify_timestamp(signature, &answer, authorities), authorities) {
        (Ok(at), Some(_)) => Stamp::Vouched(at),
        (Ok(at), None) => Stamp::Unvouched(at),
        (Err(why), _) => {
            found.fault(TIMESTAMP, why);
            Stamp::Wrong
        }
    }
}

fn signed(signature: &[u8], statement: &str, key: &VerifyKey) -> Result<(), String> {
    let note: Note = String::from_utf8_lossy(signature).parse().map_err(|why| format!("it is no signature: {why}"))?;
    note.verify(key).map_err(|why| why.to_string())?;
    if note.text == statement {
        Ok(())
    } else {
        Err(format!("it signs another manifest: {MANIFEST} was changed after the export"))
    }
}

/// Whether the register holds this very export.
fn recorded(proof: &[u8], manifest: &Manifest, key: &VerifyKey) -> Result<(), String> {
    let proof: RegisterProof =
        serde_json::from_slice(proof).map_err(|why| format!("it cannot be understood: {why}"))?;
    let entry = proof.verify(key)?;
    let Event::FootageExported { export, footage, reference } = entry.event else {
        return Err("the register's entry is of something else than an export".to_owned());
    };
    let same = export == manifest.export
        && footage == manifest.footage
        && reference == manifest.reference
        && entry.seq == manifest.register_seq
        && entry.at_utc == manifest.exported_at_utc
        && entry.actor == Actor::Person(manifest.exported_by.clone());
    if same { Ok(()) } else { Err("the register's entry is of another export than the manifest".to_owned()) }
}

/// Whether a file is the one exported; if not, which stretch of it is the first that is not.
fn video(zip: &mut ZipArchive<impl Read + Seek>, known: &FileEntry) -> Result<(), String> {
    let mut file = zip.by_name(&known.name).map_err(|why| format!("it is missing: {why}"))?;
    let mut whole = Sha256::new();
    let mut piece = vec![0; PIECE_BYTES as usize];
    for stretch in &known.stretches {
        let wrong = |why: &str| {
            let (from, until) = (stretch.from_utc.to_rfc3339(), stretch.until_utc.to_rfc3339());
            format!("the pictures from {from} to {until} are not those exported{why}")
        };
        let (mut sha, mut left) = (Sha256::new(), stretch.bytes);
        while left > 0 {
            // At most the piece's length.
            let wanted = left.min(PIECE_BYTES) as usize;
            let read = match file.read(&mut piece[..wanted]) {
                Ok(0) => return Err(wrong(": the file is cut short")),
                Ok(read) => read,
                // The ZIP's own checksum, at the very end: by then the stretch is known.
                Err(_) if stretch.bytes - left > 0 && known.stretches.len() == 1 => return Err(wrong("")),
                Err(why) => return Err(format!("it cannot be read: {why}")),
            };
            sha.update(&piece[..read]);
            whole.update(&piece[..read]);
            left -= read as u64;
        }
        if hex(&sha.finish()) != stretch.sha256 {
            return Err(wrong(""));
        }
    }
    if hex(&whole.finish()) != known.sha256 {
        return Err("its hash is not the manifest's".to_owned());
    }
    match file.read(&mut piece[..1]) {
        Ok(0) => Ok(()),
        Ok(_) => Err("it is longer than what was exported".to_owned()),
        Err(why) => Err(format!("the ZIP's own checksum of it is wrong: {why}")),
    }
}
