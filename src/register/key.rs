//! The register's signing key: an Ed25519 key in `register.key` in the data directory (PKCS#8 PEM, mode 0600), made at
//! the server's first start; its public half lies beside it in `register.pub`, in the form witnesses keep.
//!
//! It lies outside the register's own directory, so that a copy of the register does not carry it. Whoever has it can
//! sign a rewritten register; what they cannot do is change what is in the witnesses' mail boxes.

use super::note::{NoteFault, Signer, VerifyKey};
use openssl::pkey::{Id, PKey};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// The private key's file in the data directory.
pub const KEY_FILE: &str = "register.key";
/// The public key's file in the data directory.
pub const PUBLIC_KEY_FILE: &str = "register.pub";

/// Why there is no key to sign with.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The operating system said no.
    #[error("register key {path}: {what}: {source}")]
    Io {
        /// File.
        path: PathBuf,
        /// What was tried.
        what: &'static str,
        /// Its answer.
        source: io::Error,
    },
    /// Others can read the file.
    #[error("register key {path}: its mode is {mode:04o}, expected 0600: chmod 600, and ask who has read it")]
    Open {
        /// File.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// The file holds something else.
    #[error("register key {path}: expected an unencrypted Ed25519 private key in PEM: {why}")]
    Form {
        /// File.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// The name, or the library.
    #[error("register key: {0}")]
    Note(#[from] NoteFault),
}

fn io_error(path: &Path, what: &'static str) -> impl FnOnce(io::Error) -> KeyError {
    let path = path.to_owned();
    move |source| KeyError::Io { path, what, source }
}

/// Reads the key in the data directory, or makes it; `origin` becomes its name. Writes the public half beside it.
///
/// # Errors
/// [`KeyError`]. A key that others can read is refused: it would prove nothing.
pub fn open_key(data_dir: &Path, origin: &str) -> Result<Signer, KeyError> {
    let signer = read_key(data_dir, origin)?.map_or_else(|| make_key(data_dir, origin), Ok)?;
    let path = data_dir.join(PUBLIC_KEY_FILE);
    let public = format!("{}\n", signer.public());
    if fs::read_to_string(&path).ok().as_ref() != Some(&public) {
        write(&path, public.as_bytes(), 0o644).map_err(io_error(&path, "cannot write"))?;
    }
    Ok(signer)
}

/// Reads the key in the data directory; `None` when there is none yet.
///
/// # Errors
/// [`KeyError`].
pub fn read_key(data_dir: &Path, origin: &str) -> Result<Option<Signer>, KeyError> {
    let path = data_dir.join(KEY_FILE);
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(why) if why.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(why) => return Err(io_error(&path, "cannot open")(why)),
    };
    let mode = file.metadata().map_err(io_error(&path, "cannot look at"))?.permissions().mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(KeyError::Open { path, mode });
    }
    let pem = io::read_to_string(file).map_err(io_error(&path, "cannot read"))?;
    let form = |why: String| KeyError::Form { path: path.clone(), why };
    let key = PKey::private_key_from_pem_passphrase(pem.as_bytes(), &[]).map_err(|why| form(why.to_string()))?;
    if key.id() != Id::ED25519 {
        return Err(form("it is a key of another kind".to_owned()));
    }
    Ok(Some(Signer::new(origin, key)?))
}

/// Reads the public key that lies beside; `None` when there is none yet.
///
/// # Errors
/// [`KeyError`].
pub fn read_public_key(data_dir: &Path) -> Result<Option<VerifyKey>, KeyError> {
    let path = data_dir.join(PUBLIC_KEY_FILE);
    match fs::read_to_string(&path) {
        Ok(text) => Ok(Some(text.trim_end().parse()?)),
        Err(why) if why.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(why) => Err(io_error(&path, "cannot read")(why)),
    }
}

fn make_key(data_dir: &Path, origin: &str) -> Result<Signer, KeyError> {
    let key = PKey::generate_ed25519().map_err(NoteFault::from)?;
    let signer = Signer::new(origin, key.clone())?;
    let pem = key.private_key_to_pem_pkcs8().map_err(NoteFault::from)?;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(data_dir).map_err(io_error(data_dir, "cannot make"))?;
    let path = data_dir.join(KEY_FILE);
    write(&path, &pem, 0o600).map_err(io_error(&path, "cannot make"))?;
    Ok(signer)
}

/// Whole and durable, or not at all.
fn write(path: &Path, content: &[u8], mode: u32) -> io::Result<()> {
    let making = path.with_extension("new");
    match fs::remove_file(&making) {
        Err(why) if why.kind() != io::ErrorKind::NotFound => return Err(why),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&making)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&making, path)?;
    File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_made_once_kept_private_and_named_by_the_origin() {
        let dir = tempfile::tempdir().unwrap();
        assert!(read_key(dir.path(), "a.example/register").unwrap().is_none());
        assert!(read_public_key(dir.path()).unwrap().is_none());
        let made = open_key(dir.path(), "a.example/register").unwrap();
        let again = open_key(dir.path(), "a.example/register").unwrap();
        assert_eq!(made.public().to_string(), again.public().to_string());
        assert_eq!(read_public_key(dir.path()).unwrap().unwrap().to_string(), made.public().to_string());
        let path = dir.path().join(KEY_FILE);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
        // A new origin is a new name for the same key.
        let renamed = open_key(dir.path(), "b.example/register").unwrap();
        assert_eq!(renamed.public().name(), "b.example/register");
        assert_eq!(read_public_key(dir.path()).unwrap().unwrap().name(), "b.example/register");

        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(open_key(dir.path(), "a"), Err(KeyError::Open { mode: 0o640, .. })));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(&path, "not a key").unwrap();
        assert!(matches!(open_key(dir.path(), "a"), Err(KeyError::Form { .. })));
        let ec = openssl::ec::EcGroup::from_curve_name(openssl::nid::Nid::X9_62_PRIME256V1).unwrap();
        let ec = PKey::from_ec_key(openssl::ec::EcKey::generate(&ec).unwrap()).unwrap();
        fs::write(&path, ec.private_key_to_pem_pkcs8().unwrap()).unwrap();
        assert!(matches!(open_key(dir.path(), "a"), Err(KeyError::Form { .. })));
    }
}
