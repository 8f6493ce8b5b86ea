//! Keys of held segments whose day is over. What a requisition holds back outlives its day; the day's key must not: it
//! would still open every copy of what was destroyed that day. So the held segments' own keys are wrapped by the master
//! key into a file of their own, `held.keys`, and the day's key is destroyed (A5-4, A5-5).

use super::error::{ArchiveError, io};
use super::layout;
use super::master::{KeyBytes, MasterKey, from_hex, hex};
use super::seal::{WRAPPED_BYTES, unwrap, wrap};
use crate::domain::CameraId;
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

/// `held.keys`.
#[derive(Debug, Serialize, Deserialize)]
struct HeldKeysFile {
    version: u32,
    camera: CameraId,
    day: NaiveDate,
    /// Fingerprint of the master key that wraps them.
    master_key: String,
    /// By the segment's path in the archive: nonce, ciphertext, tag; hexadecimal.
    segments: BTreeMap<String, String>,
}

fn purpose(file: &str) -> String {
    format!("ecluse held segment key v1|{file}")
}

/// Fingerprint of the master key under which a day's held keys are, if there are any.
pub(super) fn wrapped_by(dir: &Path, camera: &CameraId, day: NaiveDate) -> Result<Option<String>, ArchiveError> {
    Ok(read_file(dir, camera, day)?.map(|file| file.master_key))
}

/// All held keys of a camera's day.
pub(super) fn read(
    dir: &Path,
    camera: &CameraId,
    day: NaiveDate,
    master: &MasterKey,
) -> Result<BTreeMap<String, KeyBytes>, ArchiveError> {
    let Some(held) = read_file(dir, camera, day)? else { return Ok(BTreeMap::new()) };
    if held.master_key != master.id() {
        let (path, given) = (dir.join(layout::held_keys(camera, day)), master.id().to_owned());
        return Err(ArchiveError::WrongMasterKey { path, wanted: held.master_key, given });
    }
    let open = |(file, wrapped): (String, String)| {
        let mut bytes = [0; WRAPPED_BYTES];
        let key = from_hex(&wrapped, &mut bytes).then(|| unwrap(&master.bytes, &bytes, purpose(&file).as_bytes()));
        let why = format!("the held key of {file} does not authenticate");
        key.flatten().map(|key| (file, key)).ok_or_else(|| ArchiveError::DayKey { camera: camera.clone(), day, why })
    };
    held.segments.into_iter().map(open).collect()
}

/// Writes a day's held keys, and no others; durable when this returns.
pub(super) fn write(
    dir: &Path,
    camera: &CameraId,
    day: NaiveDate,
    keys: &BTreeMap<String, KeyBytes>,
    master: &MasterKey,
) -> Result<(), ArchiveError> {
    let mut segments = BTreeMap::new();
    for (file, key) in keys {
        segments.insert(file.clone(), hex(&wrap(&master.bytes, key, purpose(file).as_bytes())?));
    }
    let held = HeldKeysFile { version: 1, camera: camera.clone(), day, master_key: master.id().to_owned(), segments };
    layout::replace(&dir.join(layout::held_keys(camera, day)), &layout::json(&held))
}

fn read_file(dir: &Path, camera: &CameraId, day: NaiveDate) -> Result<Option<HeldKeysFile>, ArchiveError> {
    let path = dir.join(layout::held_keys(camera, day));
    let text = match std::fs::read(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(io(&path, "cannot read")(error)),
    };
    let damaged = |why: String| ArchiveError::DayKey { camera: camera.clone(), day, why };
    let file: HeldKeysFile = serde_json::from_slice(&text).map_err(|error| damaged(error.to_string()))?;
    if file.version != 1 {
        return Err(damaged("its held keys are of a newer version of this program".to_owned()));
    }
    Ok(Some(file))
}
