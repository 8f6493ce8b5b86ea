//! What an administrator prepares: a directory with certificates, a camera's password, and a configuration file.

use ecluse::pki::{Authority, Usage};
use openssl::asn1::Asn1Time;
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::x509::{X509, X509NameBuilder};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

pub struct World {
    directory: TempDir,
    pub authority: Authority,
}

/// A sound configuration on any free ports. Paths are relative to its own directory.
pub const SOUND: &str = r#"[server]
data_dir = "data"

[https]
listen = "127.0.0.1:0"
certificate = "pki/server.pem"
key = "pki/server.key"
public_url = "https://localhost:8443"

[rtsp]
listen = "127.0.0.1:0"
certificate = "pki/server.pem"
key = "pki/server.key"

[webrtc]
udp_ports = "50000-50099"

[log]
format = "json"
level = "info"

[[service]]
id = "csu"
name = "CSU de Charenton-le-Pont"
town = "Charenton-le-Pont"
address = "48 rue de Paris"

[[site]]
id = "arcade"
name = "1 rue de l'Arcade"
addresses = ["1 rue de l'Arcade"]
service = "csu"

[site.convention]
town = "Charenton-le-Pont"
valid_from = "2021-02-24"
valid_until = "2099-12-31"

[[site.camera]]
id = "hall"
name = "Hall"
user = "hall"
password_file = "hall.password"
"#;

/// The password of its camera; it must stand in no output.
pub const CAMERA_PASSWORD: &str = "korrekt-pferd-batterie";

impl World {
    pub fn new() -> World {
        let directory = tempfile::tempdir().unwrap();
        let authority = Authority::open_or_create(&directory.path().join("pki"), "test authority").unwrap();
        authority.issue("server", Usage::Server, &["localhost", "127.0.0.1"], 90).unwrap();
        let world = World { directory, authority };
        std::fs::create_dir(world.path("data")).unwrap();
        std::fs::set_permissions(world.path("data"), std::fs::Permissions::from_mode(0o700)).unwrap();
        world.private("hall.password", CAMERA_PASSWORD.as_bytes());
        world.config(SOUND);
        world
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Writes the configuration; its path, as text.
    pub fn config(&self, text: &str) -> String {
        let path = self.path("ecluse.toml");
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// Writes the sound configuration with one text in it replaced; its path.
    pub fn config_with(&self, from: &str, to: &str) -> String {
        assert!(SOUND.contains(from), "{from}");
        self.config(&SOUND.replace(from, to))
    }

    /// Writes a file its owner alone may read.
    pub fn private(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, content).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        path
    }

    /// Writes a self-signed certificate that is valid from `from` to `until` (seconds from now), and its key.
    pub fn certificate(&self, name: &str, from: i64, until: i64) {
        let key = self.key();
        let mut subject = X509NameBuilder::new().unwrap();
        subject.append_entry_by_text("CN", "localhost").unwrap();
        let subject = subject.build();
        let now = chrono::Utc::now().timestamp();
        let mut builder = X509::builder().unwrap();
        builder.set_version(2).unwrap();
        builder.set_subject_name(&subject).unwrap();
        builder.set_issuer_name(&subject).unwrap();
        builder.set_not_before(&Asn1Time::from_unix(now + from).unwrap()).unwrap();
        builder.set_not_after(&Asn1Time::from_unix(now + until).unwrap()).unwrap();
        builder.set_pubkey(&key).unwrap();
        builder.sign(&key, MessageDigest::sha256()).unwrap();
        std::fs::write(self.path(&format!("{name}.pem")), builder.build().to_pem().unwrap()).unwrap();
        self.private(&format!("{name}.key"), &key.private_key_to_pem_pkcs8().unwrap());
    }

    /// A fresh key.
    pub fn key(&self) -> PKey<Private> {
        let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
        PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap()
    }
}

/// Line and column, from 1, at which `needle` first stands in `text`.
pub fn place(text: &str, needle: &str) -> (usize, usize) {
    let at = text.find(needle).unwrap_or_else(|| panic!("{needle} does not stand in the text"));
    let line_start = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
    (text[..at].matches('\n').count() + 1, text[line_start..at].chars().count() + 1)
}

/// Mode bits of a file or directory.
pub fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}
