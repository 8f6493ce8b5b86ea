//! The archive: one directory, one master key, one index.

use super::error::{ArchiveError, io};
use super::format::{About, ClockSource};
use super::keys::{Keys, Rotated, rotate};
use super::layout;
use super::master::MasterKey;
use super::reader::SegmentReader;
use super::reconcile::{Reconciled, given_up, reconcile, salvage};
use super::storage::Reserves;
use super::walk;
use super::writer::{SegmentWriter, Shot};
use crate::domain::CameraId;
use crate::store::{Boundary, SegmentId, SegmentRow, SegmentState, Segments};
use chrono::{DateTime, NaiveDate, SubsecRound, TimeDelta, Utc};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

/// Starts within one millisecond are told apart by moving the later one on: a clock that is set back can do that.
const TRIES: i64 = 1_000;

/// The archive, open for writing. Cheap to clone; all calls block.
#[derive(Clone)]
pub struct Archive(Arc<Inner>);

/// Time that passed minus calendar, where the calendar is in doubt now.
type Drift = Box<dyn Fn() -> Option<TimeDelta> + Send + Sync>;

struct Inner {
    dir: PathBuf,
    keys: Keys,
    index: Segments,
    keep_free_mib: u64,
    hold_reserve_mib: AtomicU64,
    held_bytes: AtomicU64,
    away: AtomicU64,
    drift: OnceLock<Drift>,
    _lock: File,
}

/// What is known of a segment when it begins.
#[derive(Debug, Clone)]
pub struct Beginning {
    /// The camera.
    pub camera: CameraId,
    /// When its first picture was taken, UTC.
    pub started_at_utc: DateTime<Utc>,
    /// Why it begins here.
    pub began: Boundary,
    /// Pictures known to be missing before it.
    pub missed_frames: u64,
    /// Whose clock says when.
    pub clock: ClockSource,
    /// The camera's clock minus this machine's, milliseconds.
    pub clock_offset_ms: Option<i64>,
}

impl Archive {
    /// Opens the archive in `dir`, or makes it, for writing.
    ///
    /// # Errors
    /// [`ArchiveError::WrongMasterKey`] when it was made under another key, [`ArchiveError::InUse`], or the system's.
    pub fn open(dir: &Path, master: MasterKey, index: Segments, keep_free_mib: u64) -> Result<Self, ArchiveError> {
        layout::make_dir(dir)?;
        let lock = lock(dir)?;
        let keys = Keys::open(dir, master, true)?;
        Ok(Self::with(dir, keys, index, keep_free_mib, lock))
    }

    /// Opens the archive in `dir` without its master key: nothing can be recorded or read, and what has served its time can be
    /// destroyed all the same. What the last run left under way is brought to an end.
    ///
    /// # Errors
    /// [`ArchiveError::NotFound`] when there is none, [`ArchiveError::InUse`], or the system's.
    pub fn locked(dir: &Path, index: Segments, keep_free_mib: u64) -> Result<Self, ArchiveError> {
        let keys = Keys::locked(dir)?;
        let lock = lock(dir)?;
        for row in index.under_way()? {
            match row.state {
                SegmentState::Deleting => {
                    if let Err(error) = finish_delete(dir, &index, &row) {
                        tracing::error!(%error, "a deletion that was cut short cannot be finished; the next start tries again");
                    }
                }
                SegmentState::Open => index.put(&given_up(row, SegmentState::Torn))?,
                SegmentState::Closed | SegmentState::Torn | SegmentState::Missing => {}
            }
        }
        let away = index.count_missing()?;
        let archive = Self::with(dir, keys, index, keep_free_mib, lock);
        archive.0.away.store(away, Ordering::Relaxed);
        Ok(archive)
    }

    fn with(dir: &Path, keys: Keys, index: Segments, keep_free_mib: u64, lock: File) -> Self {
        Self(Arc::new(Inner {
            dir: dir.to_owned(),
            keys,
            index,
            keep_free_mib,
            hold_reserve_mib: AtomicU64::new(0),
            held_bytes: AtomicU64::new(0),
            away: AtomicU64::new(0),
            drift: OnceLock::new(),
            _lock: lock,
        }))
    }

    /// Remembers its directory in the index: retention finds it even when nobody configures it any more (A5-4).
    ///
    /// # Errors
    /// The store's.
    pub fn note_place(&self) -> Result<(), ArchiveError> {
        let dir = std::path::absolute(&self.0.dir).map_err(io(&self.0.dir, "find"))?;
        if let Some(before) = self.0.index.place()?.filter(|before| *before != dir) {
            let (before, dir) = (before.display(), dir.display());
            tracing::warn!(%before, %dir, "recordings have another directory than before: move what lies in the old one");
        }
        Ok(self.0.index.are_in(&dir)?)
    }

    /// Its directory.
    pub fn dir(&self) -> &Path {
        &self.0.dir
    }

    /// Has segments that begin while the calendar is in doubt say so, and how far it is off. The first caller's word counts.
    pub(super) fn doubt_by(&self, drift: impl Fn() -> Option<TimeDelta> + Send + Sync + 'static) {
        let _ = self.0.drift.set(Box::new(drift));
    }

    pub(super) fn index(&self) -> &Segments {
        &self.0.index
    }

    /// Destroys a day's key, in memory and on the disk: what it opened is unreadable for good.
    pub(super) fn destroy_key(&self, camera: &CameraId, day: NaiveDate) -> Result<(), ArchiveError> {
        self.day_keys_go(camera, day)?;
        self.0.index.file_goes(camera, &layout::held_keys(camera, day))?;
        self.0.keys.destroy(camera, day)
    }

    /// Notes that a day's keys are about to be destroyed, those included that a copy alone still has.
    fn day_keys_go(&self, camera: &CameraId, day: NaiveDate) -> Result<(), ArchiveError> {
        let mut names: BTreeSet<String> = walk::day_keys(&self.0.dir, camera, day)?.into_iter().collect();
        names.insert(layout::day_key(camera, day));
        let copied = self.0.index.copied_keys(&format!("{}/", layout::day_dir(camera, day)))?;
        names.extend(copied.into_iter().filter(|name| *name != layout::held_keys(camera, day)));
        Ok(names.iter().try_for_each(|name| self.0.index.file_goes(camera, name))?)
    }

    /// Destroys a day's key but for these segments, which are held: each gets its own key wrapped by itself. Whether the
    /// day's key is gone: of a held segment whose file is away, or whose day's key cannot be used now, the key lies under the
    /// day's; it stays then.
    pub(super) fn keep_held(
        &self,
        camera: &CameraId,
        day: NaiveDate,
        rows: &[SegmentRow],
    ) -> Result<bool, ArchiveError> {
        if self.0.keys.are_locked() {
            // Nothing can be wrapped anew: what is held stays under the day's key until the master key is back.
            return Ok(walk::day_keys(&self.0.dir, camera, day)?.is_empty());
        }
        let (mut keys, mut away) = (BTreeMap::new(), 0_usize);
        let mut known = self.0.keys.held(camera, day)?;
        for row in rows {
            if let Some(key) = known.remove(&row.file) {
                keys.insert(row.file.clone(), key);
                continue;
            }
            match SegmentReader::key_of(&self.0.dir, &row.file, &self.0.keys) {
                Ok(key) => drop(keys.insert(row.file.clone(), key)),
                Err(error @ (ArchiveError::Damaged { .. } | ArchiveError::NoDayKey { .. })) => {
                    tracing::error!(%error, "a held segment cannot be read: no key of it is kept");
                }
                // Away, or its day's key cannot be used: both may be put right.
                Err(error) => {
                    tracing::error!(%error, "a held segment cannot be had");
                    away += 1;
                }
            }
        }
        let held = layout::held_keys(camera, day);
        let has_day_key = !walk::day_keys(&self.0.dir, camera, day)?.is_empty();
        if away > 0 && has_day_key {
            tracing::error!(%camera, %day, away, "held segments cannot be had; the day's keys stay until they can, or are released");
            return Ok(false);
        }
        if has_day_key {
            // Noted before it is written: after a crash in between, the copy still learns of it.
            self.0.index.key_comes(camera, &held)?;
            self.day_keys_go(camera, day)?;
        }
        if self.0.keys.keep_held(camera, day, &keys)? {
            self.0.index.key_comes(camera, &held)?;
        }
        Ok(true)
    }

    /// Whether a segment's file is there with a key that opens it; without the master key, with any key of its day.
    pub(super) fn can_be_opened(&self, row: &SegmentRow) -> bool {
        match SegmentReader::key_of(&self.0.dir, &row.file, &self.0.keys) {
            Ok(_) => true,
            Err(ArchiveError::NotFound(_)) => false,
            // Damage is lasting; a disk that does not answer, or a master key that is not there, is not.
            Err(error) if !error.is_lasting() || matches!(error, ArchiveError::WrongMasterKey { .. }) => {
                let day = row.started_at_utc.date_naive();
                let has_day_key = walk::day_keys(&self.0.dir, &row.camera, day).is_ok_and(|keys| !keys.is_empty());
                has_day_key || self.0.dir.join(layout::held_keys(&row.camera, day)).exists()
            }
            Err(_) => false,
        }
    }

    /// Makes files and index agree again, after whatever ended the last run; to be called before anything is recorded.
    ///
    /// # Errors
    /// When the index or the directory cannot be read. A damaged segment is none: it is counted.
    pub fn reconcile(&self) -> Result<Reconciled, ArchiveError> {
        let done = reconcile(&self.0.dir, &self.0.keys, &self.0.index)?;
        self.0.away.store(done.away, Ordering::Relaxed);
        Ok(done)
    }

    /// How many segments the index knows whose file was not there at the start, and whose time is not up yet.
    pub fn away(&self) -> u64 {
        self.0.away.load(Ordering::Relaxed)
    }

    /// These rows are gone from the index.
    pub(super) fn no_longer_away(&self, rows: &[SegmentRow]) {
        let gone = rows.iter().filter(|row| row.state == SegmentState::Missing).count() as u64;
        // Never fails: the closure always has an answer.
        let _ = self.0.away.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |away| Some(away.saturating_sub(gone)));
    }

    /// Closes what a failed write of this camera left open; what cannot be closed does not keep the next one from beginning.
    pub(super) fn salvage(&self, camera: &CameraId) -> Result<(), ArchiveError> {
        for row in self.0.index.under_way()? {
            if row.camera == *camera && matches!(row.state, SegmentState::Open | SegmentState::Torn) {
                match salvage(&self.0.dir, &self.0.keys, &self.0.index, row) {
                    Err(ArchiveError::Index(error)) => return Err(error.into()),
                    Err(error) => tracing::error!(%error, "a segment cannot be closed; it is left as it is"),
                    Ok(_) => {}
                }
            }
        }
        Ok(())
    }

    /// Keeps so much of the disk for footage that a hold keeps beyond its time: without holds, recording stops that much
    /// earlier.
    pub fn reserve_for_holds(&self, mib: u64) {
        self.0.hold_reserve_mib.store(mib, Ordering::Relaxed);
    }

    /// Notes how many bytes of footage holds keep beyond their time.
    pub(super) fn note_held(&self, bytes: u64) {
        self.0.held_bytes.store(bytes, Ordering::Relaxed);
    }

    /// How much must stay free for recording to go on, MiB: what is kept for everything else on that disk, the register above
    /// all, and what of the reserve for holds is not taken up yet.
    pub fn floor_mib(&self) -> u64 {
        self.reserves(0).floor_mib
    }

    /// What of the disk is kept for something else than footage, with the watch's own limit.
    pub(super) fn reserves(&self, warn_mib: u64) -> Reserves {
        let keep_free_mib = self.0.keep_free_mib;
        let hold_reserve_mib = self.0.hold_reserve_mib.load(Ordering::Relaxed);
        let held_mib = self.0.held_bytes.load(Ordering::Relaxed) / (1024 * 1024);
        Reserves {
            keep_free_mib,
            hold_reserve_mib,
            hold_used_mib: held_mib.min(hold_reserve_mib),
            floor_mib: keep_free_mib.saturating_add(hold_reserve_mib.saturating_sub(held_mib)),
            warn_mib,
        }
    }

    /// Whether recording would leave enough free for everything else on that disk, the register above all.
    ///
    /// # Errors
    /// [`ArchiveError::Full`].
    pub fn check_room(&self) -> Result<(), ArchiveError> {
        let wanted_mib = self.floor_mib();
        match layout::free_mib(&self.0.dir) {
            Some(free_mib) if free_mib < wanted_mib => {
                Err(ArchiveError::Full { path: self.0.dir.clone(), free_mib, wanted_mib })
            }
            _ => Ok(()),
        }
    }

    /// Begins a segment: its file, header and name are durable, then its row, then this returns.
    ///
    /// # Errors
    /// When there is no room, or file, key or row cannot be written.
    pub fn begin(&self, beginning: Beginning) -> Result<OpenSegment, ArchiveError> {
        self.check_room()?;
        let mut started_at_utc = beginning.started_at_utc.trunc_subsecs(3);
        let camera = beginning.camera;
        for _ in 0..TRIES {
            let id = SegmentId { camera: camera.clone(), started_at_utc };
            if self.0.index.get(&id)?.is_none() && !self.0.dir.join(layout::segment(&camera, started_at_utc)).exists() {
                break;
            }
            started_at_utc += TimeDelta::milliseconds(1);
        }
        let about = About {
            version: 1,
            camera: camera.clone(),
            started_at_utc,
            began: beginning.began,
            missed_frames: beginning.missed_frames,
            clock: beginning.clock,
            clock_offset_ms: beginning.clock_offset_ms,
            trusted_utc: self.0.drift.get().and_then(|drift| drift()).map(|drift| started_at_utc + drift),
            program: concat!("ecluse ", env!("CARGO_PKG_VERSION")).to_owned(),
        };
        let day = started_at_utc.date_naive();
        // Whatever was recorded that day was recorded under one.
        let had_one = || Ok(self.0.index.of_day(&camera, day)?.iter().any(|row| row.state != SegmentState::Deleting));
        let comes = |file: &str| Ok(self.0.index.key_comes(&camera, file)?);
        let day_key = self.0.keys.for_writing(&camera, day, had_one, comes)?;
        let file = layout::segment(&camera, started_at_utc);
        let writer = SegmentWriter::create(&self.0.dir.join(&file), &about, &day_key)?;
        let row = SegmentRow {
            camera,
            started_at_utc,
            ended_at_utc: started_at_utc,
            trusted_utc: about.trusted_utc,
            file,
            state: SegmentState::Open,
            began: about.began,
            ended: None,
            missed_frames: about.missed_frames,
            frames: 0,
            fragments: 0,
            bytes: writer.bytes(),
        };
        self.0.index.put(&row)?;
        Ok(OpenSegment { index: self.0.index.clone(), writer, row })
    }

    /// Opens one segment for reading.
    ///
    /// # Errors
    /// [`ArchiveError::NotFound`], [`ArchiveError::NoDayKey`] when it has been destroyed, [`ArchiveError::Damaged`].
    pub fn open_segment(&self, id: &SegmentId) -> Result<SegmentReader, ArchiveError> {
        let row = self.0.index.get(id)?.filter(|row| row.state != SegmentState::Deleting);
        let row = row.ok_or_else(|| ArchiveError::NotFound(id.to_string()))?;
        SegmentReader::open(&self.0.dir, &row.file, &self.0.keys)
    }

    /// Deletes one segment in two steps: the row says so, durably; the file goes, durably; then the row goes. A crash in
    /// between is finished at the next start. Whether it may go (holds, age) is decided above.
    ///
    /// # Errors
    /// When one of the steps fails; the row then still says that it is to go.
    pub fn delete(&self, id: &SegmentId) -> Result<(), ArchiveError> {
        let Some(mut row) = self.0.index.get(id)? else { return Err(ArchiveError::NotFound(id.to_string())) };
        if row.state == SegmentState::Open {
            return Err(ArchiveError::BeingWritten(id.to_string()));
        }
        self.no_longer_away(std::slice::from_ref(&row));
        row.state = SegmentState::Deleting;
        self.0.index.put(&row)?;
        finish_delete(&self.0.dir, &self.0.index, &row)
    }
}

impl std::fmt::Debug for Archive {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Archive").field("dir", &self.0.dir).finish_non_exhaustive()
    }
}

/// File, then directory, then row.
pub(super) fn finish_delete(dir: &Path, index: &Segments, row: &SegmentRow) -> Result<(), ArchiveError> {
    let path = dir.join(&row.file);
    match std::fs::remove_file(&path) {
        Ok(()) => layout::sync_dir(layout::parent(&path))?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(io(&path, "cannot delete")(error)),
    }
    Ok(index.remove(&row.id())?)
}

fn lock(dir: &Path) -> Result<File, ArchiveError> {
    let path = dir.join("ecluse.lock");
    if !path.exists() {
        File::create(&path).map_err(io(&path, "cannot make the lock file"))?;
    }
    // A lock needs no right to write; one that has it keeps an administrator from making the disk read-only.
    let file = File::open(&path).map_err(io(&path, "cannot open the lock file"))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(ArchiveError::InUse { path: dir.to_owned() }),
        Err(TryLockError::Error(source)) => Err(io(&path, "cannot lock")(source)),
    }
}

/// Puts the archive in `dir`, which nobody may be recording into, under another master key without touching footage.
///
/// # Errors
/// [`ArchiveError::InUse`], [`ArchiveError::WrongMasterKey`] when `old` is not its key, or the system's. Cut short, it is
/// finished by running it again.
pub fn rotate_master_key(dir: &Path, old: &MasterKey, new: &MasterKey) -> Result<Rotated, ArchiveError> {
    let _lock = lock(dir)?;
    rotate(dir, old, new)
}

/// A segment being written.
pub struct OpenSegment {
    index: Segments,
    writer: SegmentWriter,
    row: SegmentRow,
}

impl OpenSegment {
    /// When it began, UTC.
    pub fn started_at_utc(&self) -> DateTime<Utc> {
        self.row.started_at_utc
    }

    /// Its name.
    pub fn id(&self) -> SegmentId {
        self.row.id()
    }

    /// Bytes on disk so far.
    pub fn bytes(&self) -> u64 {
        self.writer.bytes()
    }

    /// Fragments so far.
    pub fn fragments(&self) -> usize {
        self.writer.fragments().len()
    }

    /// Writes the muxer's header; before the first fragment.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn init<'a>(&mut self, length: usize, parts: impl Iterator<Item = &'a [u8]>) -> Result<(), ArchiveError> {
        self.writer.init(length, parts)
    }

    /// Writes one fragment of `length` bytes in all; durable when this returns.
    ///
    /// # Errors
    /// When it cannot be written. The segment is closed by the next start, or the next segment of its camera.
    pub fn fragment<'a>(
        &mut self,
        shot: Shot,
        length: usize,
        parts: impl Iterator<Item = &'a [u8]>,
    ) -> Result<(), ArchiveError> {
        self.writer.fragment(shot, length, parts)
    }

    /// Ends the segment: its end is durable, then its row. Its row.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn finish(self, ended: Boundary) -> Result<SegmentRow, ArchiveError> {
        close(&self.index, self.writer, self.row, ended)
    }
}

/// Ends a segment and says so in the index.
pub(super) fn close(
    index: &Segments,
    writer: SegmentWriter,
    mut row: SegmentRow,
    ended: Boundary,
) -> Result<SegmentRow, ArchiveError> {
    let written = writer.finish(ended)?;
    let last_us = written.fragments.iter().map(|fragment| fragment.end_utc()).max();
    row.ended_at_utc = last_us.unwrap_or(row.started_at_utc);
    row.state = SegmentState::Closed;
    row.ended = Some(ended);
    row.frames = written.fragments.iter().map(|fragment| u64::from(fragment.frames)).sum();
    row.fragments = u32::try_from(written.fragments.len()).unwrap_or(u32::MAX);
    row.bytes = written.bytes;
    index.put(&row)?;
    Ok(row)
}
