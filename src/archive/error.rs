//! What can go wrong in the archive.

use crate::domain::CameraId;
use crate::store::StoreError;
use chrono::NaiveDate;
use std::fmt;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// A part of a segment, as damage is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The header: camera, times, wrapped key.
    Header,
    /// The muxer's header (`moov`).
    Init,
    /// A fragment, from 0.
    Fragment(u32),
    /// The end record, with the table of fragments.
    End,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Part::Header => f.write_str("header"),
            Part::Init => f.write_str("init"),
            Part::Fragment(number) => write!(f, "fragment {number}"),
            Part::End => f.write_str("end"),
        }
    }
}

/// Why the archive said no.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// There are recordings, and the configuration no longer speaks of any.
    #[error(
        "[recorder] is gone from the configuration: nothing is recorded or played, and what was recorded is destroyed when its \
         time is up"
    )]
    NotConfigured,
    /// There are recordings, nobody configures where, and they are not where they were last.
    #[error(
        "[recorder] is gone from the configuration and what was recorded is not in {path}: bring it back there, or name its \
         directory in [recorder], and start again; until then it is not destroyed when its time is up"
    )]
    Elsewhere {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// The operating system said no.
    #[error("recordings {path}: {what}: {source}")]
    Io {
        /// File or directory.
        path: PathBuf,
        /// What was tried.
        what: &'static str,
        /// Its answer.
        source: std::io::Error,
    },
    /// Too little space is left; recording yields before the register has to (fault 13).
    #[error(
        "recordings {path}: {free_mib} MiB are free and keep_free_mib is {wanted_mib}: free space; recording resumes by itself"
    )]
    Full {
        /// The archive's directory.
        path: PathBuf,
        /// Free now.
        free_mib: u64,
        /// To be left free.
        wanted_mib: u64,
    },
    /// Another process records into, or rotates the keys of, this directory.
    #[error("recordings {path} are in use by another process: stop that one first")]
    InUse {
        /// The archive's directory.
        path: PathBuf,
    },
    /// The master key cannot be had.
    #[error("master key {place}: {why}; expected 64 hexadecimal digits (`ecluse recordings new-key FILE` makes a key)")]
    MasterKey {
        /// Where it was looked for.
        place: String,
        /// What is wrong.
        why: String,
    },
    /// The master key is another one than these recordings were made under.
    #[error(
        "recordings {path} are under master key {wanted}, and the one configured is {given}: put the right key back; nothing is recorded until then"
    )]
    WrongMasterKey {
        /// What needs the key.
        path: PathBuf,
        /// Fingerprint of the key it needs.
        wanted: String,
        /// Fingerprint of the key there is.
        given: String,
    },
    /// A day's key is not there (any more): what it opened is unreadable for good.
    #[error("camera {camera}, {day}: the day's key is gone, what it opened cannot be read")]
    NoDayKey {
        /// The camera.
        camera: CameraId,
        /// The day, UTC.
        day: NaiveDate,
    },
    /// A day's key was changed on disk.
    #[error("camera {camera}, {day}: the day's key is damaged: {why}")]
    DayKey {
        /// The camera.
        camera: CameraId,
        /// The day, UTC.
        day: NaiveDate,
        /// What is wrong with it.
        why: String,
    },
    /// A segment is not what was written.
    #[error("camera {camera}, segment {file}, {part}: {why}")]
    Damaged {
        /// The camera.
        camera: String,
        /// Its file, relative to the archive's directory.
        file: String,
        /// Which part.
        part: Part,
        /// What is wrong with it.
        why: &'static str,
    },
    /// No such segment or fragment.
    #[error("{0} is not in the archive")]
    NotFound(String),
    /// It cannot be deleted yet.
    #[error("segment {0} is being written: it can be deleted once it has ended")]
    BeingWritten(String),
    /// What came back with a backup could not be destroyed again: nothing recorded is served (fault 24).
    #[error("footage that had been destroyed may be back, and it could not be destroyed again: {0}")]
    NotReplayed(String),
    /// The index said no.
    #[error(transparent)]
    Index(#[from] StoreError),
    /// OpenSSL said no.
    #[error("OpenSSL: {0}")]
    Crypto(#[from] openssl::error::ErrorStack),
    /// GStreamer said no.
    #[error("GStreamer cannot record: {0}")]
    Gstreamer(String),
}

/// What is wrong with a part that ends before it should.
pub(super) const CUT_SHORT: &str = "it is cut short";

impl ArchiveError {
    /// Whether a segment has not even its whole header.
    pub(super) fn is_without_header(&self) -> bool {
        matches!(self, Self::Damaged { part: Part::Header, why, .. } if *why == CUT_SHORT)
    }

    /// Whether it lies in what is on the disk, and trying again changes nothing: damage, or a key that is not there.
    pub(super) fn is_lasting(&self) -> bool {
        matches!(self, Self::Damaged { .. } | Self::NoDayKey { .. } | Self::DayKey { .. } | Self::WrongMasterKey { .. })
    }

    /// Whether it is the disk's lack of space: recording stops, says so, and resumes by itself (fault 13).
    pub fn is_disk_full(&self) -> bool {
        match self {
            Self::Full { .. } => true,
            Self::Io { source, .. } => matches!(source.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded),
            Self::Index(error) => error.is_disk_full(),
            _ => false,
        }
    }
}

/// Turns an IO error at `path` into ours.
pub(super) fn io<'a>(path: &'a Path, what: &'static str) -> impl FnOnce(std::io::Error) -> ArchiveError + 'a {
    move |source| ArchiveError::Io { path: path.to_owned(), what, source }
}
