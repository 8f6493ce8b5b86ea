//! Room that is kept for starting on a full disk: sled writes before it opens, and a server that does not start can neither
//! show the register nor tell anybody why. A file beside sled's own holds the room; it is given up when sled cannot open
//! for want of space, and taken again as soon as there is some (fault 13).

use std::fs::{self, File};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// What sled needs to open, and then for some thousands of log-ins and mails: four of its segments.
const RESERVE_BYTES: u64 = 2 * 1024 * 1024;

fn place(dir: &Path) -> PathBuf {
    dir.join("ecluse.reserve")
}

/// Takes the room if it is not held yet. Where there is none, or the file system takes none in advance, a start on a full
/// disk fails as it would without; that is said in the log alone.
pub(super) fn keep(dir: &Path) {
    let path = place(dir);
    let is_held = |metadata: fs::Metadata| metadata.blocks() * 512 >= RESERVE_BYTES;
    if fs::metadata(&path).is_ok_and(is_held) {
        return;
    }
    let taken = File::create(&path).and_then(|file| {
        let length = libc::off_t::try_from(RESERVE_BYTES).map_err(io::Error::other)?;
        // SAFETY: the descriptor is our own open file; fallocate touches no memory of ours.
        match unsafe { libc::fallocate(file.as_raw_fd(), 0, 0, length) } {
            0 => file.sync_all(),
            _ => Err(io::Error::last_os_error()),
        }
    });
    if let Err(error) = taken {
        // Half of it would only be in the way.
        let _ = fs::remove_file(&path);
        tracing::warn!(%error, "no room can be kept for starting on a full disk (fault 13)");
    }
}

/// Gives the room up. Whether there was any.
pub(super) fn release(dir: &Path) -> io::Result<bool> {
    let path = place(dir);
    match fs::remove_file(&path) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    }
    // Some file systems free it with their next commit.
    File::open(dir)?.sync_all()?;
    Ok(true)
}
