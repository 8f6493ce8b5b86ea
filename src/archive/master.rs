//! The master key: where it comes from, how it is told from another, and what it does, which is to wrap the days' keys.

use super::error::{ArchiveError, io};
use openssl::hash::MessageDigest;
use openssl::pkey::PKey;
use openssl::sign::Signer;
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Bytes of every key here (AES-256).
pub(super) const KEY_BYTES: usize = 32;

/// A key in memory; overwritten when it is dropped.
pub(super) type KeyBytes = Zeroizing<[u8; KEY_BYTES]>;

/// Where the master key comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MasterKeySource {
    /// A file its owner alone may read; the first line is the key.
    File(PathBuf),
    /// An environment variable. Child processes inherit it: the weakest of the three.
    Environment(String),
    /// A systemd credential (`LoadCredential=`, `LoadCredentialEncrypted=`), by name.
    Credential(String),
}

impl MasterKeySource {
    /// Reads the key.
    ///
    /// # Errors
    /// [`ArchiveError::MasterKey`] says where it was looked for and what was expected; never what was found.
    pub fn load(&self) -> Result<MasterKey, ArchiveError> {
        let fault = |why: String| ArchiveError::MasterKey { place: self.to_string(), why };
        let text = Zeroizing::new(match self {
            Self::File(path) => {
                let mode = std::fs::metadata(path).map_err(|error| fault(error.to_string()))?.permissions().mode();
                if mode & 0o077 != 0 {
                    return Err(fault(format!("others may read it (mode {:04o}): chmod 0600", mode & 0o7777)));
                }
                std::fs::read_to_string(path).map_err(|error| fault(error.to_string()))?
            }
            Self::Environment(name) => {
                std::env::var(name).map_err(|_| fault("the environment variable is not set".to_owned()))?
            }
            Self::Credential(name) => {
                let directory = std::env::var_os("CREDENTIALS_DIRECTORY")
                    .ok_or_else(|| fault("systemd handed over no credentials (LoadCredential=)".to_owned()))?;
                std::fs::read_to_string(Path::new(&directory).join(name)).map_err(|error| fault(error.to_string()))?
            }
        });
        let bytes = parse_hex(text.trim()).ok_or_else(|| fault("it is no key".to_owned()))?;
        MasterKey::of(bytes)
    }
}

impl std::fmt::Display for MasterKeySource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(path) => write!(f, "file {}", path.display()),
            Self::Environment(name) => write!(f, "environment variable {name}"),
            Self::Credential(name) => write!(f, "systemd credential {name}"),
        }
    }
}

/// The key that wraps the days' keys.
pub struct MasterKey {
    pub(super) bytes: KeyBytes,
    id: String,
}

impl MasterKey {
    fn of(bytes: KeyBytes) -> Result<Self, ArchiveError> {
        let key = PKey::hmac(&bytes[..])?;
        let mac = Signer::new(MessageDigest::sha256(), &key)?.sign_oneshot_to_vec(b"ecluse master key id v1")?;
        let id = hex(&mac[..8]);
        Ok(Self { bytes, id })
    }

    /// A fresh key.
    ///
    /// # Errors
    /// When OpenSSL has no randomness.
    pub fn generate() -> Result<Self, ArchiveError> {
        Self::of(random_key()?)
    }

    /// Its fingerprint, 16 hexadecimal digits: tells keys apart and says nothing about them.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Writes the key into a new file that its owner alone may read. An existing file is left alone: it may be the only
    /// copy of a key that footage depends on.
    ///
    /// # Errors
    /// [`ArchiveError::Io`], also when the file exists.
    pub fn write_new(&self, path: &Path) -> Result<(), ArchiveError> {
        let text = Zeroizing::new(format!("{}\n", hex(&self.bytes[..])));
        let write = || {
            let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()
        };
        write().map_err(io(path, "cannot write the master key"))?;
        super::layout::sync_dir(&std::path::absolute(super::layout::parent(path)).map_err(io(path, "no such place"))?)
    }
}

impl std::fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MasterKey").field("id", &self.id).finish_non_exhaustive()
    }
}

/// A fresh key from OpenSSL's generator for secrets.
pub(super) fn random_key() -> Result<KeyBytes, ArchiveError> {
    let mut bytes = Zeroizing::new([0; KEY_BYTES]);
    openssl::rand::rand_priv_bytes(&mut bytes[..])?;
    Ok(bytes)
}

/// Lower-case hexadecimal.
pub(super) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // A String takes all writes.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn parse_hex(text: &str) -> Option<KeyBytes> {
    let mut bytes = Zeroizing::new([0; KEY_BYTES]);
    from_hex(text, &mut bytes[..]).then_some(bytes)
}

/// Reads exactly as many hexadecimal bytes as fit.
pub(super) fn from_hex(text: &str, into: &mut [u8]) -> bool {
    if text.len() != into.len() * 2 {
        return false;
    }
    let digit = |byte: u8| (byte as char).to_digit(16).map(|digit| digit as u8);
    for (byte, pair) in into.iter_mut().zip(text.as_bytes().chunks(2)) {
        match (digit(pair[0]), digit(pair[1])) {
            (Some(high), Some(low)) => *byte = high << 4 | low,
            _ => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_written_once_and_read_back_from_a_private_file_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("master.key");
        let key = MasterKey::generate().unwrap();
        key.write_new(&path).unwrap();
        assert!(key.write_new(&path).is_err(), "never overwritten");
        let read = MasterKeySource::File(path.clone()).load().unwrap();
        assert_eq!(read.id(), key.id());
        assert_eq!(*read.bytes, *key.bytes);
        assert!(!format!("{read:?}").contains(&hex(&read.bytes[..])));
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        let error = MasterKeySource::File(path.clone()).load().unwrap_err().to_string();
        assert!(error.contains("mode 0640") && error.contains("chmod 0600"), "{error}");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        let secret = "12345678deadbeef";
        std::fs::write(&path, secret).unwrap();
        let error = MasterKeySource::File(path).load().unwrap_err().to_string();
        assert!(error.contains("64 hexadecimal digits") && !error.contains(secret), "{error}");
    }

    #[test]
    fn a_missing_key_says_where_it_was_looked_for() {
        let credential = MasterKeySource::Credential("recordings".to_owned()).load().unwrap_err().to_string();
        assert!(credential.contains("systemd credential recordings"), "{credential}");
        let variable = MasterKeySource::Environment("ECLUSE_NO_SUCH_KEY".to_owned()).load().unwrap_err().to_string();
        assert!(variable.contains("ECLUSE_NO_SUCH_KEY"), "{variable}");
    }
}
