//! Certificate fingerprints as SDP writes them (RFC 8122), and the set a peer announced.

use openssl::hash::MessageDigest;
use openssl::x509::X509Ref;
use std::fmt;

/// A digest of a certificate, with the function that made it. Only SHA-256, SHA-384 and SHA-512 are taken.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Fingerprint {
    function: Function,
    digest: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Function {
    Sha256,
    Sha384,
    Sha512,
}

impl Function {
    fn name(self) -> &'static str {
        match self {
            Function::Sha256 => "sha-256",
            Function::Sha384 => "sha-384",
            Function::Sha512 => "sha-512",
        }
    }
    fn by_name(name: &str) -> Option<Self> {
        [Function::Sha256, Function::Sha384, Function::Sha512].into_iter().find(|f| name.eq_ignore_ascii_case(f.name()))
    }
    fn message_digest(self) -> MessageDigest {
        match self {
            Function::Sha256 => MessageDigest::sha256(),
            Function::Sha384 => MessageDigest::sha384(),
            Function::Sha512 => MessageDigest::sha512(),
        }
    }
}

/// Why an SDP's fingerprints cannot be relied on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FingerprintError {
    /// No `a=fingerprint` of a strength we take.
    #[error("the SDP has no a=fingerprint with sha-256, sha-384 or sha-512: add the DTLS certificate's fingerprint")]
    Missing,
    /// One is not a list of as many hexadecimal bytes as its function makes.
    #[error(
        "a=fingerprint:{line} is malformed: expected `sha-256` and 32 hexadecimal bytes, or sha-384/48, sha-512/64"
    )]
    Malformed {
        /// The value, cut to 100 characters.
        line: String,
    },
    /// Two media name different certificates, but they share one transport.
    #[error("media section {section} announces another certificate than the first: all media must share one")]
    Diverging {
        /// Counted from 1.
        section: usize,
    },
}

impl Fingerprint {
    /// SHA-256 of a certificate.
    ///
    /// # Errors
    /// When OpenSSL cannot digest it.
    pub fn sha256(certificate: &X509Ref) -> Result<Self, openssl::error::ErrorStack> {
        Self::with(Function::Sha256, certificate)
    }

    fn with(function: Function, certificate: &X509Ref) -> Result<Self, openssl::error::ErrorStack> {
        Ok(Self { function, digest: certificate.digest(function.message_digest())?.to_vec() })
    }

    /// Reads an attribute's value: `sha-256 AB:CD:...`. `None` for a function we do not take (`sha-1`, ...).
    fn parse(value: &str) -> Result<Option<Self>, FingerprintError> {
        let malformed = || FingerprintError::Malformed { line: value.chars().take(100).collect() };
        let (name, hex) = value.trim().split_once(char::is_whitespace).ok_or_else(malformed)?;
        let Some(function) = Function::by_name(name) else { return Ok(None) };
        let digest = hex
            .trim()
            .split(':')
            .map(|byte| match byte.as_bytes() {
                [a, b] if a.is_ascii_hexdigit() && b.is_ascii_hexdigit() => {
                    u8::from_str_radix(byte, 16).map_err(|_| malformed())
                }
                _ => Err(malformed()),
            })
            .collect::<Result<Vec<u8>, _>>()?;
        if digest.len() != function.message_digest().size() {
            return Err(malformed());
        }
        Ok(Some(Self { function, digest }))
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.function.name())?;
        for (i, byte) in self.digest.iter().enumerate() {
            if i > 0 {
                f.write_str(":")?;
            }
            write!(f, "{byte:02X}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The certificates a peer's SDP announced; never empty. Several lines for the same certificate are common (one per
/// media section, or one per digest function).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerFingerprints(Vec<Fingerprint>);

impl PeerFingerprints {
    /// Collects the fingerprints of an offer or answer. A media section without any inherits the session's; all
    /// sections must announce the same set, because they share one transport.
    ///
    /// # Errors
    /// None of a strength we take, a malformed one, or sections that diverge.
    pub fn from_sdp(sdp: &str) -> Result<Self, FingerprintError> {
        let mut sections: Vec<Vec<Fingerprint>> = vec![Vec::new()];
        for line in sdp.lines().map(str::trim_end) {
            if line.starts_with("m=") {
                sections.push(Vec::new());
            } else if let Some(value) = line.strip_prefix("a=fingerprint:")
                && let Some(fingerprint) = Fingerprint::parse(value)?
                && let Some(section) = sections.last_mut()
                && !section.contains(&fingerprint)
            {
                section.push(fingerprint);
            }
        }
        let mut announced = std::mem::take(&mut sections[0]);
        for (number, own) in sections.into_iter().enumerate().skip(1).filter(|(_, own)| !own.is_empty()) {
            if announced.is_empty() {
                announced = own;
            } else if announced.len() != own.len() || own.iter().any(|f| !announced.contains(f)) {
                return Err(FingerprintError::Diverging { section: number });
            }
        }
        if announced.is_empty() { Err(FingerprintError::Missing) } else { Ok(Self(announced)) }
    }

    /// Exactly one certificate.
    pub fn only(fingerprint: Fingerprint) -> Self {
        Self(vec![fingerprint])
    }

    /// Whether `certificate` is the announced one. With several digest functions, the strongest decides alone (RFC 8122
    /// section 5: a client must not be talked down to a weaker one); several of that function are alternatives.
    pub fn matches(&self, certificate: &X509Ref) -> bool {
        let strongest = self.0.iter().map(|f| f.function).max_by_key(|f| f.message_digest().size());
        strongest
            .and_then(|function| Fingerprint::with(function, certificate).ok())
            .is_some_and(|got| self.0.contains(&got))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(byte: &str, count: usize) -> String {
        vec![byte; count].join(":")
    }

    #[test]
    fn media_sections_share_one_certificate() {
        let fp = hex("AB", 32);
        let sdp = format!(
            "v=0\r\na=group:BUNDLE 0 1\r\nm=video 9 X 96\r\na=fingerprint:sha-256 {fp}\r\nm=video 9 X 96\r\na=fingerprint:SHA-256 {}\r\n",
            fp.to_lowercase()
        );
        let parsed = PeerFingerprints::from_sdp(&sdp).unwrap();
        assert_eq!(parsed.0.len(), 1);
        let other = sdp.replacen("ab", "ac", 1);
        assert_eq!(PeerFingerprints::from_sdp(&other), Err(FingerprintError::Diverging { section: 2 }));
    }

    #[test]
    fn a_session_level_fingerprint_counts_for_all() {
        let sdp = format!("v=0\na=fingerprint:sha-256 {}\nm=video 9 X 96\nm=video 9 X 97\n", hex("01", 32));
        assert!(PeerFingerprints::from_sdp(&sdp).is_ok());
    }

    #[test]
    fn weak_or_absent_or_malformed_ones_are_refused() {
        let sha1 = format!("v=0\na=fingerprint:sha-1 {}\n", hex("01", 20));
        assert_eq!(PeerFingerprints::from_sdp(&sha1), Err(FingerprintError::Missing));
        assert_eq!(PeerFingerprints::from_sdp("v=0\n"), Err(FingerprintError::Missing));
        for bad in
            ["sha-256", "sha-256 ", "sha-256 AB", "sha-256 +1:02", "sha-256 é:é", &format!("sha-256 {}", hex("A", 32))]
        {
            let sdp = format!("v=0\na=fingerprint:{bad}\n");
            assert!(matches!(PeerFingerprints::from_sdp(&sdp), Err(FingerprintError::Malformed { .. })), "{bad}");
        }
    }
}
