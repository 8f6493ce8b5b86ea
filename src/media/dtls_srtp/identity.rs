//! Who we are in DTLS: an ECDSA P-256 certificate of this server run.
//!
//! Self-signed and short-lived on purpose: the peer knows it by the fingerprint in our SDP, which travels over HTTPS. A
//! new run has a new key, so nothing of it ever touches a disk.

use super::fingerprint::Fingerprint;
use openssl::asn1::{Asn1Integer, Asn1Time};
use openssl::bn::{BigNum, MsbOption};
use openssl::ec::{EcGroup, EcKey};
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::x509::{X509, X509NameBuilder};
use std::sync::{Arc, OnceLock};

/// The certificate and key of this server run.
pub struct Identity {
    certificate: X509,
    key: PKey<Private>,
    pem: String,
    fingerprint: Fingerprint,
}

/// Why there is no identity.
#[derive(Debug, Clone, thiserror::Error)]
#[error("no DTLS certificate could be made: {0}")]
pub struct IdentityError(String);

impl From<ErrorStack> for IdentityError {
    fn from(errors: ErrorStack) -> Self {
        Self(errors.to_string())
    }
}

impl Identity {
    /// This process's identity, made on first use.
    ///
    /// # Errors
    /// When OpenSSL cannot make a key or sign; the same error on every later call.
    pub fn process() -> Result<Arc<Identity>, IdentityError> {
        static PROCESS: OnceLock<Result<Arc<Identity>, IdentityError>> = OnceLock::new();
        PROCESS.get_or_init(|| Ok(Arc::new(Identity::generate()?))).clone()
    }

    fn generate() -> Result<Identity, IdentityError> {
        let curve = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?;
        let key = PKey::from_ec_key(EcKey::generate(&curve)?)?;
        let mut name = X509NameBuilder::new()?;
        // WebRTC certificates say nothing about their owner.
        name.append_entry_by_nid(Nid::COMMONNAME, "WebRTC")?;
        let name = name.build();
        let mut serial = BigNum::new()?;
        serial.rand(120, MsbOption::MAYBE_ZERO, false)?;
        let mut builder = X509::builder()?;
        builder.set_version(2)?;
        builder.set_serial_number(&*Asn1Integer::from_bn(&serial)?)?;
        builder.set_subject_name(&name)?;
        builder.set_issuer_name(&name)?;
        // A day back for clocks that differ; the peer checks the fingerprint, not the dates.
        let day_s = 24 * 60 * 60;
        let now_s = chrono::Utc::now().timestamp();
        builder.set_not_before(&*Asn1Time::from_unix(now_s - day_s)?)?;
        builder.set_not_after(&*Asn1Time::from_unix(now_s + 365 * day_s)?)?;
        builder.set_pubkey(&key)?;
        builder.sign(&key, MessageDigest::sha256())?;
        let certificate = builder.build();
        let pem = String::from_utf8(certificate.to_pem()?).map_err(|e| IdentityError(e.to_string()))?;
        let fingerprint = Fingerprint::sha256(&certificate)?;
        Ok(Identity { certificate, key, pem, fingerprint })
    }

    /// SHA-256 fingerprint of the certificate, as it stands in our SDP.
    pub fn fingerprint_sha256(&self) -> &Fingerprint {
        &self.fingerprint
    }

    /// The certificate alone, PEM. Never the key: webrtcbin hashes every line of it.
    pub fn certificate_pem(&self) -> &str {
        &self.pem
    }

    pub(super) fn certificate(&self) -> &X509 {
        &self.certificate
    }

    pub(super) fn key(&self) -> &PKey<Private> {
        &self.key
    }
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Identity").field("fingerprint", &self.fingerprint).finish_non_exhaustive()
    }
}
