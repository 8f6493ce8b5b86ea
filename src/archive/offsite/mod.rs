//! A copy elsewhere: closed segments, as encrypted as they lie here, in an S3-compatible bucket, for as long as here.
//!
//! - What goes out: segment files, the days' keys (wrapped by the master key), `archive.json`. Never the master key: the
//!   other side holds nothing that it could read.
//! - Order: a day's key before its first segment, segments of a camera in order of time; so one instant per camera says what has
//!   been copied, but for a list of what came late ([`crate::store::Segments::late`]).
//! - Retention (A5-4): whatever is deleted here is put on a list in the same commit, and stays on it until the other side has
//!   said that it is gone. Deletions go first in every round.
//! - Whatever the other side does, recording and everything live do not notice: the copy reads files that are closed.
//!
//! Not here: deciding what may be destroyed (the copy follows the archive), and coming back by itself: `ecluse recordings
//! fetch-copy` brings a copy into an empty directory.

mod mirror;
mod remote;
mod signer;
#[cfg(test)]
mod tests;
mod trouble;

pub use mirror::{Mirror, MirrorState};
pub use trouble::CopyTrouble;

use remote::Remote;
use std::fmt;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// A word nobody may read; wiped from memory when dropped.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Keeps a secret.
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// Where the copy is.
#[derive(Debug, Clone)]
pub struct OffsiteSettings {
    /// `https://host[:port]`; `http://` on this machine alone.
    pub endpoint: String,
    /// The storage's region; many storages take any.
    pub region: String,
    /// Bucket.
    pub bucket: String,
    /// What every name begins with, without slashes at its ends; may be empty.
    pub prefix: String,
    /// Access key.
    pub access_key_id: String,
    /// Its secret.
    pub secret: Secret,
    /// Authorities that vouch for the storage besides the system's, PEM.
    pub ca_pem: Option<Vec<u8>>,
}

impl OffsiteSettings {
    /// Host and port of the storage, and nothing else that may stand in its address.
    fn host(&self) -> String {
        let rest = self.endpoint.split_once("://").map_or(self.endpoint.as_str(), |(_, rest)| rest);
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        authority.rsplit('@').next().unwrap_or_default().to_owned()
    }

    /// Where the copy is, in one word: another one is another copy.
    fn place(&self) -> String {
        format!("{}/{}/{}", self.host(), self.bucket, self.prefix)
    }
}

/// Why the copy said no.
#[derive(Debug, thiserror::Error)]
pub enum OffsiteError {
    /// The storage said no, or is not there.
    #[error("off-site copy: {what}: {source}")]
    Remote {
        /// What was asked of it.
        what: &'static str,
        /// Its answer.
        source: Box<object_store::Error>,
    },
    /// A segment could not be read here or written there.
    #[error("off-site copy: a file was not transferred: {0}")]
    Transfer(std::io::Error),
    /// A file here could not be read or written.
    #[error("off-site copy: {path}: {source}")]
    Local {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
    /// The book, or the archive, said no.
    #[error(transparent)]
    Archive(#[from] super::ArchiveError),
    /// The copy so far is somewhere else.
    #[error(
        "the off-site copy so far is in {known}, and the configuration says {place}: nobody would delete there what must go. Put the old settings back; or, once that copy is deleted, stop the server and run `ecluse recordings forget-copy --deleted`"
    )]
    OtherPlace {
        /// Where it is: host, bucket, prefix.
        known: String,
        /// Where it is to be.
        place: String,
    },
    /// The directory to bring a copy into is not empty.
    #[error(
        "{path} is not empty: a copy is brought into an empty directory, so that it cannot be mixed up with recordings"
    )]
    NotEmpty {
        /// The directory.
        path: PathBuf,
    },
}

impl OffsiteError {
    fn remote(what: &'static str) -> impl Fn(object_store::Error) -> Self {
        move |source| Self::Remote { what, source: Box::new(source) }
    }

    fn local(path: &Path) -> impl FnOnce(std::io::Error) -> Self + '_ {
        move |source| Self::Local { path: path.to_owned(), source }
    }

    fn transfer(source: std::io::Error) -> Self {
        Self::Transfer(source)
    }
}

impl From<crate::store::StoreError> for OffsiteError {
    fn from(error: crate::store::StoreError) -> Self {
        Self::Archive(error.into())
    }
}

/// How far bringing a copy back has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Fetched {
    /// Files that are here.
    pub files: u64,
    /// Of so many.
    pub of_files: u64,
    /// Bytes that are here.
    pub bytes: u64,
    /// Of so many.
    pub of_bytes: u64,
}

/// Brings the whole copy into `dir`, which must be empty or not there yet: an archive that `ecluse recordings check` reads
/// with the master key.
///
/// # Errors
/// [`OffsiteError::NotEmpty`], the storage's or the disk's. What is there by then stays.
pub async fn fetch_copy(
    settings: &OffsiteSettings,
    dir: &Path,
    mut progress: impl FnMut(Fetched) + Send,
) -> Result<Fetched, OffsiteError> {
    let remote = Remote::new(settings)?;
    super::layout::make_dir(dir)?;
    if std::fs::read_dir(dir).map_err(OffsiteError::local(dir))?.next().is_some() {
        return Err(OffsiteError::NotEmpty { path: dir.to_owned() });
    }
    let mut listed = remote.list().await?;
    listed.sort();
    let mut done = Fetched {
        of_files: listed.len() as u64,
        of_bytes: listed.iter().map(|(_, bytes)| bytes).sum(),
        ..Fetched::default()
    };
    for (name, bytes) in &listed {
        // Names come from the other side: one that is none of ours must not reach out of the directory.
        if !super::layout::is_ours(name) {
            tracing::warn!(name, "the copy has a file that is none of the archive's: left there");
            continue;
        }
        let path = dir.join(name);
        super::layout::make_dir(super::layout::parent(&path))?;
        remote.fetch(name, &path).await?;
        done.files += 1;
        done.bytes += bytes;
        progress(done);
    }
    Ok(done)
}
