//! Where things lie in the archive's directory, and how they are put there durably.
//!
//! ```text
//! DIRECTORY/archive.json                     which master key
//! DIRECTORY/ecluse.lock                      held by whoever writes
//! DIRECTORY/CAMERA/2026-11-25/day.key        the day's key, wrapped by the master key
//! DIRECTORY/CAMERA/2026-11-25/day-5f0c….key   another one of that day, made while the first was not there
//! DIRECTORY/CAMERA/2026-11-25/2026-11-25T18-50-43.120Z.seg
//! ```

use super::error::{ArchiveError, io};
use super::storage::Space;
use crate::domain::CameraId;
use chrono::{DateTime, NaiveDate, Utc};
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// What segment files end in.
pub(super) const SEGMENT: &str = "seg";
/// What files end in that are not whole yet.
const PART: &str = "part";

/// The directory of a camera's day, relative to the archive's.
pub(super) fn day_dir(camera: &CameraId, day: NaiveDate) -> String {
    format!("{camera}/{day}")
}

/// A day's key, relative to the archive's directory.
pub(super) fn day_key(camera: &CameraId, day: NaiveDate) -> String {
    format!("{}/day.key", day_dir(camera, day))
}

/// A day's key that is made while the first one is not there, relative to the archive's directory: the two may meet again,
/// here or in a copy.
pub(super) fn another_day_key(camera: &CameraId, day: NaiveDate, mark: [u8; 8]) -> String {
    format!("{}/day-{:016x}.key", day_dir(camera, day), u64::from_be_bytes(mark))
}

/// Whether a file of a day's directory is a key of that day.
pub(super) fn is_day_key(name: &str) -> bool {
    let another = name.strip_prefix("day-").and_then(|rest| rest.strip_suffix(".key"));
    name == "day.key"
        || another.is_some_and(|mark| mark.len() == 16 && mark.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// The keys of a day's held segments, relative to the archive's directory.
pub(super) fn held_keys(camera: &CameraId, day: NaiveDate) -> String {
    format!("{}/held.keys", day_dir(camera, day))
}

/// A segment's file, relative to the archive's directory. UTC, and sorted by time in a listing.
pub(super) fn segment(camera: &CameraId, started_at_utc: DateTime<Utc>) -> String {
    let name = started_at_utc.format("%Y-%m-%dT%H-%M-%S%.3fZ");
    format!("{}/{name}.{SEGMENT}", day_dir(camera, started_at_utc.date_naive()))
}

/// Camera and day of a segment's relative path, if it is one.
pub(super) fn of_segment(file: &str) -> Option<(CameraId, NaiveDate)> {
    let (camera, rest) = file.split_once('/')?;
    let (day, _) = rest.split_once('/')?;
    Some((camera.parse().ok()?, day.parse().ok()?))
}

/// Whether a relative path is one of the archive's own files: nothing that leads elsewhere is.
pub(super) fn is_ours(name: &str) -> bool {
    let Some((camera, day)) = of_segment(name) else { return name == "archive.json" };
    let Some(file) = name.strip_prefix(&format!("{}/", day_dir(&camera, day))) else { return false };
    is_day_key(file) || name == held_keys(&camera, day) || (file.ends_with(".seg") && !file.contains('/'))
}

/// Makes a directory that its owner alone may enter, parents included; each is durable when this returns.
pub(super) fn make_dir(path: &Path) -> Result<(), ArchiveError> {
    if path.is_dir() {
        return Ok(());
    }
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        make_dir(parent)?;
        match DirBuilder::new().mode(0o700).create(path) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(io(path, "cannot make the directory")(error)),
        }
        return sync_dir(parent);
    }
    Ok(())
}

/// Makes the names in a directory durable.
pub(super) fn sync_dir(path: &Path) -> Result<(), ArchiveError> {
    File::open(path).and_then(|dir| dir.sync_all()).map_err(io(path, "cannot sync the directory"))
}

/// The directory a file lies in.
pub(super) fn parent(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new("."))
}

/// Puts a small file in place of whatever is there, whole or not at all, and durably.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> Result<(), ArchiveError> {
    let part: PathBuf = path.with_extension(PART);
    let write = || {
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&part)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        std::fs::rename(&part, path)
    };
    write().map_err(io(path, "cannot write"))?;
    sync_dir(parent(path))
}

/// The text of a small file.
pub(super) fn json<T: serde::Serialize>(value: &T) -> Vec<u8> {
    // Plain data: it always has a JSON form.
    let mut text = serde_json::to_vec_pretty(value).unwrap_or_default();
    text.push(b'\n');
    text
}

/// What a process without privileges may still write there, MiB; `None` when the system does not say.
pub fn free_mib(directory: &Path) -> Option<u64> {
    space(directory).map(|space| space.free_mib)
}

/// Room on the disk of a directory; `None` when the system does not say.
pub(super) fn space(directory: &Path) -> Option<Space> {
    use std::os::unix::ffi::OsStrExt;
    let path = std::ffi::CString::new(directory.as_os_str().as_bytes()).ok()?;
    // SAFETY: `statvfs` is plain data for which zero is a valid value; the path is a C string that outlives the call.
    let space = unsafe {
        let mut space: libc::statvfs = std::mem::zeroed();
        if libc::statvfs(path.as_ptr(), &raw mut space) != 0 {
            return None;
        }
        space
    };
    let mib = |blocks: u64| blocks.saturating_mul(space.f_frsize) / (1024 * 1024);
    Some(Space { free_mib: mib(space.f_bavail), total_mib: mib(space.f_blocks) })
}
