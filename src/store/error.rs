//! What can go wrong in the store.

use std::io::ErrorKind;
use std::path::PathBuf;

/// Why the store said no.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The operating system said no.
    #[error("store {path}: {what}: {source}")]
    Io {
        /// File or directory.
        path: PathBuf,
        /// What was tried.
        what: &'static str,
        /// Its answer.
        source: std::io::Error,
    },
    /// Another process has it open.
    #[error("store {path} is in use by another process: stop that one first")]
    InUse {
        /// Its directory.
        path: PathBuf,
    },
    /// The engine said no.
    #[error("store {path}: {source}")]
    Engine {
        /// Its directory.
        path: PathBuf,
        /// The engine's words.
        source: sled::Error,
    },
    /// A stored value cannot be read.
    #[error("store, table {table}, key \"{key}\": {why}")]
    Value {
        /// Which table.
        table: &'static str,
        /// Which key.
        key: String,
        /// What is wrong with it.
        why: String,
    },
    /// The machine's cryptography said no.
    #[error("cannot make a secret: {why}")]
    Randomness {
        /// Its words.
        why: String,
    },
    /// A value given is not acceptable.
    #[error("{field} \"{value}\": expected {expected}")]
    Invalid {
        /// Which field.
        field: &'static str,
        /// The value, shortened to 80 characters.
        value: String,
        /// What would have been accepted.
        expected: &'static str,
    },
}

impl StoreError {
    /// Whether the disk is full (fault 13): space must be freed, and the server started anew.
    pub fn is_disk_full(&self) -> bool {
        let full = |source: &std::io::Error| matches!(source.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded);
        match self {
            Self::Io { source, .. } | Self::Engine { source: sled::Error::Io(source), .. } => full(source),
            _ => false,
        }
    }
}
