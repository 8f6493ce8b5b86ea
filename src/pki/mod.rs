//! A small certificate authority for `ecluse demo` and the tests: ECDSA P-256, made with OpenSSL, kept in one directory.
//!
//! It is a prop, not a product feature: a real installation brings certificates of its own. Keys are written with mode
//! 0600 and never leave the directory.

use openssl::asn1::Asn1Time;
use openssl::bn::{BigNum, MsbOption};
use openssl::ec::{EcGroup, EcKey};
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::x509::extension::{
    AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, KeyUsage, SubjectAlternativeName, SubjectKeyIdentifier,
};
use openssl::x509::{X509, X509Builder, X509Name, X509NameBuilder};
use std::io::Write;
use std::net::IpAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Why a certificate could not be made or kept.
#[derive(Debug, thiserror::Error)]
pub enum PkiError {
    /// OpenSSL refused.
    #[error("OpenSSL: {0}")]
    OpenSsl(#[from] ErrorStack),
    /// A file could not be read or written.
    #[error("{path}: {source}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// What a certificate is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Usage {
    /// TLS server (pages, RTSPS).
    Server,
    /// TLS client (an encoder, a workstation).
    Client,
}

/// An authority and the directory that holds it.
pub struct Authority {
    directory: PathBuf,
    certificate: X509,
    key: PKey<Private>,
}

/// The files of one issued certificate.
#[derive(Debug, Clone)]
pub struct Issued {
    /// PEM certificate.
    pub certificate: PathBuf,
    /// PEM private key, mode 0600.
    pub key: PathBuf,
    /// SHA-256 of the DER certificate, lower-case hexadecimal.
    pub sha256: String,
}

impl Authority {
    /// Opens the authority of `directory`, or makes one with the given common name.
    ///
    /// # Errors
    /// When files cannot be read or written, or OpenSSL refuses.
    pub fn open_or_create(directory: &Path, common_name: &str) -> Result<Self, PkiError> {
        let (certificate_path, key_path) = (directory.join("ca.pem"), directory.join("ca.key"));
        std::fs::create_dir_all(directory).map_err(|source| PkiError::File { path: directory.to_owned(), source })?;
        if certificate_path.exists() && key_path.exists() {
            let certificate = X509::from_pem(&read(&certificate_path)?)?;
            let key = PKey::private_key_from_pem(&read(&key_path)?)?;
            return Ok(Self { directory: directory.to_owned(), certificate, key });
        }
        let key = new_key()?;
        let mut builder = new_builder(&key, &name(common_name)?, 3650)?;
        builder.set_issuer_name(name(common_name)?.as_ref())?;
        builder.append_extension(BasicConstraints::new().critical().ca().pathlen(0).build()?)?;
        builder.append_extension(KeyUsage::new().critical().key_cert_sign().crl_sign().build()?)?;
        let subject_key = SubjectKeyIdentifier::new().build(&builder.x509v3_context(None, None))?;
        builder.append_extension(subject_key)?;
        builder.sign(&key, MessageDigest::sha256())?;
        let certificate = builder.build();
        write_public(&certificate_path, &certificate.to_pem()?)?;
        write_private(&key_path, &key.private_key_to_pem_pkcs8()?)?;
        Ok(Self { directory: directory.to_owned(), certificate, key })
    }

    /// PEM file of the authority's certificate, for clients to trust.
    pub fn certificate_path(&self) -> PathBuf {
        self.directory.join("ca.pem")
    }

    /// Issues `NAME.pem` and `NAME.key` in the authority's directory, for `days` days; keeps what is there already while
    /// it is valid for another week. `hosts` are DNS names or IP addresses.
    ///
    /// # Errors
    /// When files cannot be read or written, or OpenSSL refuses.
    pub fn issue(&self, file_name: &str, usage: Usage, hosts: &[&str], days: u32) -> Result<Issued, PkiError> {
        let certificate_path = self.directory.join(format!("{file_name}.pem"));
        let key_path = self.directory.join(format!("{file_name}.key"));
        if certificate_path.exists() && key_path.exists() {
            let certificate = X509::from_pem(&read(&certificate_path)?)?;
            let in_a_week = Asn1Time::days_from_now(7)?;
            if certificate.not_after() > in_a_week {
                return Ok(Issued { sha256: sha256(&certificate)?, certificate: certificate_path, key: key_path });
            }
        }
        let key = new_key()?;
        let mut builder = new_builder(&key, &name(file_name)?, days)?;
        builder.set_issuer_name(self.certificate.subject_name())?;
        builder.append_extension(BasicConstraints::new().critical().build()?)?;
        builder.append_extension(KeyUsage::new().critical().digital_signature().build()?)?;
        let mut extended = ExtendedKeyUsage::new();
        match usage {
            Usage::Server => extended.server_auth(),
            Usage::Client => extended.client_auth(),
        };
        builder.append_extension(extended.build()?)?;
        if !hosts.is_empty() {
            let mut alternative = SubjectAlternativeName::new();
            for host in hosts {
                match host.parse::<IpAddr>() {
                    Ok(address) => alternative.ip(&address.to_string()),
                    Err(_) => alternative.dns(host),
                };
            }
            let extension = alternative.build(&builder.x509v3_context(Some(&self.certificate), None))?;
            builder.append_extension(extension)?;
        }
        let authority_key =
            AuthorityKeyIdentifier::new().keyid(true).build(&builder.x509v3_context(Some(&self.certificate), None))?;
        builder.append_extension(authority_key)?;
        builder.sign(&self.key, MessageDigest::sha256())?;
        let certificate = builder.build();
        write_private(&key_path, &key.private_key_to_pem_pkcs8()?)?;
        write_public(&certificate_path, &certificate.to_pem()?)?;
        Ok(Issued { sha256: sha256(&certificate)?, certificate: certificate_path, key: key_path })
    }
}

fn new_key() -> Result<PKey<Private>, ErrorStack> {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?;
    PKey::from_ec_key(EcKey::generate(&group)?)
}

fn name(common_name: &str) -> Result<X509Name, ErrorStack> {
    let mut name = X509NameBuilder::new()?;
    name.append_entry_by_text("O", "Ecluse")?;
    name.append_entry_by_text("CN", common_name)?;
    Ok(name.build())
}

fn new_builder(key: &PKey<Private>, subject: &X509Name, days: u32) -> Result<X509Builder, ErrorStack> {
    let mut builder = X509::builder()?;
    builder.set_version(2)?;
    let mut serial = BigNum::new()?;
    serial.rand(159, MsbOption::MAYBE_ZERO, false)?;
    builder.set_serial_number(serial.to_asn1_integer()?.as_ref())?;
    builder.set_subject_name(subject)?;
    builder.set_pubkey(key)?;
    builder.set_not_before(Asn1Time::days_from_now(0)?.as_ref())?;
    builder.set_not_after(Asn1Time::days_from_now(days)?.as_ref())?;
    Ok(builder)
}

/// SHA-256 of a certificate's DER, lower-case hexadecimal.
///
/// # Errors
/// When OpenSSL cannot hash it.
pub fn sha256(certificate: &X509) -> Result<String, ErrorStack> {
    Ok(certificate.digest(MessageDigest::sha256())?.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn read(path: &Path) -> Result<Vec<u8>, PkiError> {
    std::fs::read(path).map_err(|source| PkiError::File { path: path.to_owned(), source })
}

fn write_public(path: &Path, bytes: &[u8]) -> Result<(), PkiError> {
    std::fs::write(path, bytes).map_err(|source| PkiError::File { path: path.to_owned(), source })
}

fn write_private(path: &Path, bytes: &[u8]) -> Result<(), PkiError> {
    std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .and_then(|mut file| file.write_all(bytes))
        .map_err(|source| PkiError::File { path: path.to_owned(), source })
}
