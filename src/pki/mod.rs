//! A small certificate authority: ECDSA P-256, made with OpenSSL. In a real installation it signs the dedicated
//! workstations' certificates and nothing else (A6-1): servers and encoders bring certificates of their own. For
//! `ecluse demo` and the tests it signs everything.
//!
//! Keys are written with mode 0600 and never leave their directory; a workstation's key goes into its PKCS#12 file alone,
//! under a passphrase.

use chrono::{DateTime, Utc};
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
use openssl::x509::{X509, X509Builder, X509Name, X509NameBuilder, X509Ref};
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

/// A workstation's certificate and key, ready to be carried to it.
pub struct WorkstationFile {
    /// PKCS#12, DER.
    pub pkcs12: Vec<u8>,
    /// SHA-256 of the DER certificate, lower-case hexadecimal.
    pub sha256: String,
    /// First instant at which it is no longer valid, UTC.
    pub until_utc: DateTime<Utc>,
}

/// An authority and the directory that holds it.
pub struct Authority {
    directory: PathBuf,
    certificate_path: PathBuf,
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
        Self::open_or_create_at(&directory.join("ca.pem"), common_name)
    }

    /// The same for a certificate's file anywhere; its key lies beside it, under the same name with the ending `key`.
    ///
    /// # Errors
    /// When files cannot be read or written, or OpenSSL refuses; when one of the two files is there without the other.
    pub fn open_or_create_at(certificate_path: &Path, common_name: &str) -> Result<Self, PkiError> {
        let key_path = certificate_path.with_extension("key");
        let directory = certificate_path.parent().unwrap_or(Path::new(".")).to_owned();
        std::fs::create_dir_all(&directory).map_err(|source| PkiError::File { path: directory.clone(), source })?;
        let certificate_path = certificate_path.to_owned();
        if certificate_path.exists() || key_path.exists() {
            let certificate = X509::from_pem(&read(&certificate_path)?)?;
            let key = PKey::private_key_from_pem(&read(&key_path)?)?;
            return Ok(Self { directory, certificate_path, certificate, key });
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
        Ok(Self { directory, certificate_path, certificate, key })
    }

    /// PEM file of the authority's certificate, for clients to trust.
    pub fn certificate_path(&self) -> PathBuf {
        self.certificate_path.clone()
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
        let (certificate, key) = self.sign(file_name, usage, hosts, days)?;
        write_private(&key_path, &key.private_key_to_pem_pkcs8()?)?;
        write_public(&certificate_path, &certificate.to_pem()?)?;
        Ok(Issued { sha256: sha256(&certificate)?, certificate: certificate_path, key: key_path })
    }

    /// A workstation's certificate with its key, as one PKCS#12 file under a passphrase: nothing of it stays here.
    ///
    /// # Errors
    /// When OpenSSL refuses.
    pub fn workstation(&self, common_name: &str, days: u32, passphrase: &str) -> Result<WorkstationFile, PkiError> {
        let (certificate, key) = self.sign(common_name, Usage::Client, &[], days)?;
        Ok(WorkstationFile {
            pkcs12: self.bundle(common_name, &certificate, &key, passphrase)?,
            sha256: sha256(&certificate)?,
            until_utc: until(&certificate)?,
        })
    }

    /// An issued certificate with its key as a PKCS#12 file, DER.
    ///
    /// # Errors
    /// When files cannot be read, or OpenSSL refuses.
    pub fn pkcs12(&self, issued: &Issued, friendly_name: &str, passphrase: &str) -> Result<Vec<u8>, PkiError> {
        let certificate = X509::from_pem(&read(&issued.certificate)?)?;
        let key = PKey::private_key_from_pem(&read(&issued.key)?)?;
        Ok(self.bundle(friendly_name, &certificate, &key, passphrase)?)
    }

    fn bundle(
        &self,
        friendly_name: &str,
        certificate: &X509,
        key: &PKey<Private>,
        passphrase: &str,
    ) -> Result<Vec<u8>, ErrorStack> {
        let mut chain = openssl::stack::Stack::new()?;
        chain.push(self.certificate.clone())?;
        let mut builder = openssl::pkcs12::Pkcs12::builder();
        builder.name(friendly_name).pkey(key).cert(certificate).ca(chain);
        builder.build2(passphrase)?.to_der()
    }

    fn sign(
        &self,
        common_name: &str,
        usage: Usage,
        hosts: &[&str],
        days: u32,
    ) -> Result<(X509, PKey<Private>), PkiError> {
        let key = new_key()?;
        let mut builder = new_builder(&key, &name(common_name)?, days)?;
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
        Ok((builder.build(), key))
    }
}

/// When a certificate ends, UTC.
///
/// # Errors
/// When OpenSSL cannot read its date.
pub fn until(certificate: &X509Ref) -> Result<DateTime<Utc>, ErrorStack> {
    let left = Asn1Time::from_unix(0)?.diff(certificate.not_after())?;
    let seconds = i64::from(left.days) * 86_400 + i64::from(left.secs);
    Ok(DateTime::from_timestamp(seconds, 0).unwrap_or(DateTime::<Utc>::MAX_UTC))
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
