//! The days' keys: one per camera and day (UTC), wrapped by the master key, in a file of its own. Destroying that file
//! makes everything of that camera and day unreadable; rotating the master key rewrites these files and no footage.
//!
//! A day has a second key where the first was not there when something was recorded (its disk was away): it has a name of its
//! own, so that neither replaces the other when the disk is back, or in a copy elsewhere.

use super::error::{ArchiveError, io};
use super::held;
use super::layout;
use super::master::{KeyBytes, MasterKey, from_hex, hex, random_key};
use super::seal::{WRAPPED_BYTES, unwrap, wrap};
use crate::domain::CameraId;
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// Unwrapped keys kept in memory at most: today's of every camera, and what is being read.
const KEPT: usize = 256;

/// `archive.json`.
#[derive(Debug, Serialize, Deserialize)]
struct About {
    version: u32,
    /// Fingerprint of the master key in force.
    master_key: String,
}

/// `day.key`.
#[derive(Debug, Serialize, Deserialize)]
struct DayKeyFile {
    version: u32,
    camera: CameraId,
    day: NaiveDate,
    /// Fingerprint of the master key that wraps it.
    master_key: String,
    /// Nonce, ciphertext, tag; hexadecimal.
    wrapped: String,
}

fn purpose(camera: &CameraId, day: NaiveDate) -> String {
    format!("ecluse day key v1|{camera}|{day}")
}

/// The keys of an archive.
pub(super) struct Keys {
    dir: PathBuf,
    master: Option<MasterKey>,
    known: Mutex<BTreeMap<(CameraId, NaiveDate), Known>>,
    /// The name of the key that was to be made last and could not be: a disk that refuses is asked again, not for more names.
    drawn: Mutex<Option<((CameraId, NaiveDate), String)>>,
}

/// A key that has been unwrapped, and the file it came from.
#[derive(Clone)]
struct Known {
    key: Arc<KeyBytes>,
    file: String,
}

impl Keys {
    /// Opens the keys of the archive in `dir`; a new archive is put under this master key when `create` is set.
    pub fn open(dir: &Path, master: MasterKey, create: bool) -> Result<Self, ArchiveError> {
        match read_about(dir)? {
            Some(about) if about.master_key != master.id() => {
                return Err(ArchiveError::WrongMasterKey {
                    path: dir.to_owned(),
                    wanted: about.master_key,
                    given: master.id().to_owned(),
                });
            }
            Some(_) => {}
            None if create => write_about(dir, &master)?,
            None => return Err(ArchiveError::NotFound(format!("{}", dir.join("archive.json").display()))),
        }
        Ok(Self { dir: dir.to_owned(), master: Some(master), known: Mutex::default(), drawn: Mutex::default() })
    }

    /// The keys of the archive in `dir` without the master key: they can be destroyed, and nothing else.
    pub fn locked(dir: &Path) -> Result<Self, ArchiveError> {
        let about = read_about(dir)?;
        about.ok_or_else(|| ArchiveError::NotFound(format!("{}", dir.join("archive.json").display())))?;
        Ok(Self { dir: dir.to_owned(), master: None, known: Mutex::default(), drawn: Mutex::default() })
    }

    fn master(&self) -> Result<&MasterKey, ArchiveError> {
        let fault = || ArchiveError::MasterKey { place: "[recorder]".to_owned(), why: "it is not there".to_owned() };
        self.master.as_ref().ok_or_else(fault)
    }

    /// Whether the master key is not there.
    pub fn are_locked(&self) -> bool {
        self.master.is_none()
    }

    /// A day's key: the first one made that is there and opens.
    fn of_day(&self, camera: &CameraId, day: NaiveDate) -> Result<Known, ArchiveError> {
        if let Some(known) = self.lock().get(&(camera.clone(), day)) {
            return Ok(known.clone());
        }
        let mut fault = None;
        for file in super::walk::day_keys(&self.dir, camera, day)? {
            match self.read(&file, camera, day) {
                Ok(key) => return Ok(self.keep(camera, day, key, file)),
                Err(error) => fault = fault.or(Some(error)),
            }
        }
        Err(fault.unwrap_or_else(|| ArchiveError::NoDayKey { camera: camera.clone(), day }))
    }

    fn read(&self, file: &str, camera: &CameraId, day: NaiveDate) -> Result<KeyBytes, ArchiveError> {
        let key = read_day_key(&self.dir.join(file), camera, day, self.master()?)?;
        key.ok_or_else(|| ArchiveError::NoDayKey { camera: camera.clone(), day })
    }

    /// The key of a segment, whose header has it `wrapped` for `purpose`: by its day's key, or where that has been
    /// destroyed and the segment is held, from the day's held keys. `None` when the header is not what it was.
    pub fn of_segment(
        &self,
        (camera, day): (&CameraId, NaiveDate),
        file: &str,
        wrapped: &[u8; WRAPPED_BYTES],
        purpose: &[u8],
    ) -> Result<Option<KeyBytes>, ArchiveError> {
        let by_day = self.of_day(camera, day);
        if let Ok(Some(key)) = by_day.as_ref().map(|known| unwrap(&known.key, wrapped, purpose)) {
            return Ok(Some(key));
        }
        let mut fault = None;
        for file in super::walk::day_keys(&self.dir, camera, day)? {
            match self.read(&file, camera, day).map(|day_key| unwrap(&day_key, wrapped, purpose)) {
                Ok(Some(key)) => return Ok(Some(key)),
                Ok(None) => {}
                Err(error) => fault = fault.or(Some(error)),
            }
        }
        // A key that does not open may be the one: that another one does says nothing about this segment.
        match (held::read(&self.dir, camera, day, self.master()?)?.remove(file), fault) {
            (Some(key), _) => Ok(Some(key)),
            (None, Some(fault)) => Err(fault),
            (None, None) => by_day.map(|_| None),
        }
    }

    /// The keys of held segments that a day whose key has been destroyed still has, by relative path.
    pub fn held(&self, camera: &CameraId, day: NaiveDate) -> Result<BTreeMap<String, KeyBytes>, ArchiveError> {
        held::read(&self.dir, camera, day, self.master()?)
    }

    /// Destroys a day's key but for these segments, relative paths with their keys: they stay readable, alone. Whether
    /// the file of their keys has changed.
    pub fn keep_held(
        &self,
        camera: &CameraId,
        day: NaiveDate,
        segments: &BTreeMap<String, KeyBytes>,
    ) -> Result<bool, ArchiveError> {
        let known = held::read(&self.dir, camera, day, self.master()?)?;
        let changes = known.len() != segments.len() || !known.keys().eq(segments.keys());
        if changes {
            held::write(&self.dir, camera, day, segments, self.master()?)?;
        }
        self.destroy_day_keys(camera, day)?;
        Ok(changes)
    }

    fn destroy_day_keys(&self, camera: &CameraId, day: NaiveDate) -> Result<(), ArchiveError> {
        self.lock().remove(&(camera.clone(), day));
        for file in super::walk::day_keys(&self.dir, camera, day)? {
            destroy(&self.dir.join(file))?;
        }
        Ok(())
    }

    /// A day's key, for writing: made, and durable, when there is none. `had_one` says whether there must once have been one;
    /// `comes` is told the file of one that is about to be made.
    pub fn for_writing(
        &self,
        camera: &CameraId,
        day: NaiveDate,
        had_one: impl FnOnce() -> Result<bool, ArchiveError>,
        comes: impl FnOnce(&str) -> Result<(), ArchiveError>,
    ) -> Result<Arc<KeyBytes>, ArchiveError> {
        match self.of_day(camera, day) {
            // What is known may be of another disk, which was in this place before.
            Ok(known) if self.dir.join(&known.file).exists() => return Ok(known.key),
            _ => drop(self.lock().remove(&(camera.clone(), day))),
        }
        self.master()?;
        let is_bad = match self.of_day(camera, day) {
            Ok(known) => return Ok(known.key),
            Err(ArchiveError::NoDayKey { .. }) => false,
            Err(error) => {
                tracing::error!(%error, "a day's key cannot be used: another is made for what comes");
                true
            }
        };
        layout::make_dir(&self.dir.join(layout::day_dir(camera, day)))?;
        let key = random_key()?;
        let file = if is_bad || had_one()? { self.draw(camera, day)? } else { layout::day_key(camera, day) };
        comes(&file)?;
        write_day_key(&self.dir.join(&file), camera, day, &key, self.master()?)?;
        *self.drawn.lock().unwrap_or_else(PoisonError::into_inner) = None;
        Ok(self.keep(camera, day, key, file).key)
    }

    /// A name for another key of a day.
    fn draw(&self, camera: &CameraId, day: NaiveDate) -> Result<String, ArchiveError> {
        // One name at most, whole at every step.
        let mut drawn = self.drawn.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((of, file)) = drawn.as_ref()
            && of.0 == *camera
            && of.1 == day
        {
            return Ok(file.clone());
        }
        let mut mark = [0; 8];
        openssl::rand::rand_bytes(&mut mark)?;
        let file = layout::another_day_key(camera, day, mark);
        *drawn = Some(((camera.clone(), day), file.clone()));
        Ok(file)
    }

    /// Destroys a day's keys and its held keys, here and on the disk. A key's file is overwritten before it is removed; what a
    /// drive keeps of the old block nobody can say, so the master key and the drive's own encryption still matter.
    pub fn destroy(&self, camera: &CameraId, day: NaiveDate) -> Result<(), ArchiveError> {
        self.destroy_day_keys(camera, day)?;
        destroy(&self.dir.join(layout::held_keys(camera, day)))
    }

    fn keep(&self, camera: &CameraId, day: NaiveDate, key: KeyBytes, file: String) -> Known {
        let key = Known { key: Arc::new(key), file };
        let mut known = self.lock();
        if known.len() >= KEPT {
            known.clear();
        }
        known.insert((camera.clone(), day), key.clone());
        key
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<(CameraId, NaiveDate), Known>> {
        // A map of finished keys is whole at every step.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn destroy(path: &Path) -> Result<(), ArchiveError> {
    let overwrite = || {
        let mut file = std::fs::OpenOptions::new().write(true).open(path)?;
        let length = usize::try_from(file.metadata()?.len()).unwrap_or(0).min(1024 * 1024);
        std::io::Write::write_all(&mut file, &vec![0; length])?;
        file.sync_all()?;
        std::fs::remove_file(path)
    };
    match overwrite() {
        Ok(()) => layout::sync_dir(layout::parent(path)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(io(path, "cannot destroy the key")(error)),
    }
}

/// What a rotation did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rotated {
    /// Files of keys wrapped anew: days' keys, and held keys of days that are over.
    pub rewrapped: usize,
    /// Such files that were under the new key already: an earlier rotation was cut short.
    pub already: usize,
    /// Such files that cannot be read, or are under neither key: they stay as they are, and the log names them.
    pub unreadable: usize,
}

/// Wraps every day's key by `new` instead of `old`. No footage is read or written. Cut short, it is finished by running
/// it again: until its last step the archive stays under the old key, and a day that is under the new one already opens
/// after that. The caller holds the archive's lock.
pub(super) fn rotate(dir: &Path, old: &MasterKey, new: &MasterKey) -> Result<Rotated, ArchiveError> {
    match read_about(dir)? {
        Some(about) if about.master_key == old.id() || about.master_key == new.id() => {}
        Some(about) => {
            let (wanted, given) = (about.master_key, old.id().to_owned());
            return Err(ArchiveError::WrongMasterKey { path: dir.to_owned(), wanted, given });
        }
        None => return Err(ArchiveError::NotFound(format!("{}", dir.join("archive.json").display()))),
    }
    let mut done = Rotated::default();
    // One that cannot be read must neither keep the others under the old key nor leave half of them under each.
    let mut note = |of: Result<bool, ArchiveError>| match of {
        Ok(true) => done.rewrapped += 1,
        Ok(false) => done.already += 1,
        Err(error) => {
            tracing::error!(%error, "a file of keys cannot be put under the new key; it stays as it is");
            done.unreadable += 1;
        }
    };
    for (camera, day) in super::walk::days(dir)? {
        let files = super::walk::day_keys(dir, &camera, day).unwrap_or_else(|error| {
            note(Err(error));
            Vec::new()
        });
        for file in files {
            let path = dir.join(file);
            let Some(wrapped_by) =
                read_file(&path, &camera, day).map(|file| file.map(|file| file.master_key)).transpose()
            else {
                continue;
            };
            note(wrapped_by.and_then(|id| rewrap_day(&path, (&camera, day), &id, (old, new))));
        }
        let Some(wrapped_by) = held::wrapped_by(dir, &camera, day).transpose() else { continue };
        note(wrapped_by.and_then(|id| {
            if id == new.id() {
                return Ok(false);
            }
            held::write(dir, &camera, day, &held::read(dir, &camera, day, old)?, new)?;
            Ok(true)
        }));
    }
    write_about(dir, new)?;
    Ok(done)
}

/// Whether a day's key had to be wrapped anew.
fn rewrap_day(
    path: &Path,
    (camera, day): (&CameraId, NaiveDate),
    wrapped_by: &str,
    (old, new): (&MasterKey, &MasterKey),
) -> Result<bool, ArchiveError> {
    if wrapped_by == new.id() {
        return Ok(false);
    }
    let key = read_day_key(path, camera, day, old)?;
    let key = key.ok_or_else(|| ArchiveError::NoDayKey { camera: camera.clone(), day })?;
    write_day_key(path, camera, day, &key, new)?;
    Ok(true)
}

fn read_about(dir: &Path) -> Result<Option<About>, ArchiveError> {
    let path = dir.join("archive.json");
    let text = match std::fs::read(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(io(&path, "cannot read")(error)),
    };
    let about: About =
        serde_json::from_slice(&text).map_err(|error| io(&path, "cannot be understood")(error.into()))?;
    if about.version != 1 {
        return Err(io(&path, "is of a newer version of this program")(std::io::ErrorKind::Unsupported.into()));
    }
    Ok(Some(about))
}

fn write_about(dir: &Path, master: &MasterKey) -> Result<(), ArchiveError> {
    let about = About { version: 1, master_key: master.id().to_owned() };
    layout::replace(&dir.join("archive.json"), &layout::json(&about))
}

fn read_file(path: &Path, camera: &CameraId, day: NaiveDate) -> Result<Option<DayKeyFile>, ArchiveError> {
    let text = match std::fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(io(path, "cannot read")(error)),
    };
    let damaged = |why: &str| ArchiveError::DayKey { camera: camera.clone(), day, why: why.to_owned() };
    let file: DayKeyFile = serde_json::from_slice(&text).map_err(|error| damaged(&error.to_string()))?;
    if file.version != 1 {
        return Err(damaged("it is of a newer version of this program"));
    }
    Ok(Some(file))
}

fn read_day_key(
    path: &Path,
    camera: &CameraId,
    day: NaiveDate,
    master: &MasterKey,
) -> Result<Option<KeyBytes>, ArchiveError> {
    let Some(file) = read_file(path, camera, day)? else { return Ok(None) };
    if file.master_key != master.id() {
        let (wanted, given) = (file.master_key, master.id().to_owned());
        return Err(ArchiveError::WrongMasterKey { path: path.to_owned(), wanted, given });
    }
    let damaged = |why: &str| ArchiveError::DayKey { camera: camera.clone(), day, why: why.to_owned() };
    let mut wrapped = [0; WRAPPED_BYTES];
    if !from_hex(&file.wrapped, &mut wrapped) {
        return Err(damaged("not the hexadecimal digits of a wrapped key"));
    }
    let key = unwrap(&master.bytes, &wrapped, purpose(camera, day).as_bytes());
    key.map(Some).ok_or_else(|| damaged("it does not authenticate"))
}

fn write_day_key(
    path: &Path,
    camera: &CameraId,
    day: NaiveDate,
    key: &KeyBytes,
    master: &MasterKey,
) -> Result<(), ArchiveError> {
    let wrapped = hex(&wrap(&master.bytes, key, purpose(camera, day).as_bytes())?);
    let file = DayKeyFile { version: 1, camera: camera.clone(), day, master_key: master.id().to_owned(), wrapped };
    layout::replace(path, &layout::json(&file))
}
