//! Who may publish to which path, and how that is proven (A6-4, fault 21).
//!
//! A password travels inside TLS, by HTTP's Basic or Digest scheme (RFC 7617, RFC 7616 without `qop`, as RTSP clients
//! speak it). The digest's nonce belongs to one connection, so an answer heard elsewhere is worth nothing. Wrong user,
//! wrong password and unknown path look the same to the peer.

use crate::domain::CameraId;
use openssl::hash::{MessageDigest, hash};
use subtle::ConstantTimeEq;

/// Realm shown to cameras that are asked for a password.
pub(super) const REALM: &str = "ecluse";

/// A text that no log shows.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Takes the text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("(secret)")
    }
}

/// How a camera proves itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credential {
    /// User and password, Basic or Digest, inside TLS.
    Password {
        /// User name.
        user: String,
        /// Password.
        password: Secret,
    },
    /// A client certificate that chains to the configured authority and is exactly this one.
    ClientCertificate {
        /// SHA-256 of its DER form.
        sha256: [u8; 32],
    },
}

/// One camera's path and proof.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CameraAccess {
    /// The camera.
    pub camera: CameraId,
    /// Path of its URL, `/SITE/CAMERA`.
    pub path: String,
    /// The proof.
    pub credential: Credential,
}

/// What a peer shows with a request.
pub(super) struct Shown<'a> {
    /// RTSP method, as the digest covers it.
    pub method: &'a str,
    /// `Authorization` header.
    pub authorization: Option<&'a str>,
    /// SHA-256 of the verified client certificate.
    pub certificate: Option<[u8; 32]>,
    /// This connection's nonce.
    pub nonce: &'a str,
}

/// What a proof is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is that camera.
    Granted,
    /// Nothing was shown: ask.
    Nothing,
    /// Something was shown and is wrong.
    Wrong,
}

/// Judges what was shown for `access` (`None`: there is no such path). The work done does not tell an unknown path from
/// a wrong password.
pub(super) fn judge(access: Option<&CameraAccess>, shown: &Shown<'_>) -> Verdict {
    let nobody = Credential::Password { user: String::new(), password: Secret::new("") };
    let granted = match access.map_or(&nobody, |a| &a.credential) {
        Credential::ClientCertificate { sha256 } => shown.certificate.is_some_and(|got| bool::from(got.ct_eq(sha256))),
        Credential::Password { user, password } => match shown.authorization.map(str::trim) {
            None => return Verdict::Nothing,
            Some(value) => check_password(value, shown, user, password.expose()),
        },
    };
    match (granted && access.is_some(), shown.authorization.is_some() || shown.certificate.is_some()) {
        (true, _) => Verdict::Granted,
        (false, true) => Verdict::Wrong,
        (false, false) => Verdict::Nothing,
    }
}

fn check_password(header: &str, shown: &Shown<'_>, user: &str, password: &str) -> bool {
    let Some((scheme, rest)) = header.split_once(' ') else { return false };
    if scheme.eq_ignore_ascii_case("basic") {
        let expected = openssl::base64::encode_block(format!("{user}:{password}").as_bytes());
        return same(rest.trim().as_bytes(), expected.as_bytes());
    }
    if !scheme.eq_ignore_ascii_case("digest") {
        return false;
    }
    let field = |name| digest_field(rest, name);
    let (Some(name), Some(uri), Some(nonce), Some(response)) =
        (field("username"), field("uri"), field("nonce"), field("response"))
    else {
        return false;
    };
    let md5 = |text: String| hash(MessageDigest::md5(), text.as_bytes()).map(|digest| hex(&digest)).ok();
    let expected = || {
        let secret = md5(format!("{user}:{REALM}:{password}"))?;
        let request = md5(format!("{}:{uri}", shown.method))?;
        md5(format!("{secret}:{}:{request}", shown.nonce))
    };
    let Some(expected) = expected() else { return false };
    let (name, nonce) = (same(name.as_bytes(), user.as_bytes()), same(nonce.as_bytes(), shown.nonce.as_bytes()));
    same(response.to_ascii_lowercase().as_bytes(), expected.as_bytes()) & name & nonce
}

/// Reads `name="value"` or `name=value` out of a comma-separated list.
fn digest_field<'a>(list: &'a str, name: &str) -> Option<&'a str> {
    let mut rest = list;
    loop {
        let (key, after) = rest.split_once('=')?;
        let after = after.trim_start();
        let (value, tail) = match after.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"')?,
            None => after.split_once(',').map_or((after.trim(), ""), |(value, tail)| (value.trim(), tail)),
        };
        if key.trim().trim_start_matches(',').trim().eq_ignore_ascii_case(name) {
            return Some(value);
        }
        rest = tail;
    }
}

fn same(a: &[u8], b: &[u8]) -> bool {
    a.ct_eq(b).into()
}

/// Lower-case hexadecimal.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access() -> CameraAccess {
        CameraAccess {
            camera: "hall-a".parse().unwrap(),
            path: "/arcade/hall-a".to_owned(),
            credential: Credential::Password { user: "hall".to_owned(), password: Secret::new("s3:cret") },
        }
    }

    fn shown(authorization: Option<&str>) -> Shown<'_> {
        Shown { method: "ANNOUNCE", authorization, certificate: None, nonce: "0123" }
    }

    #[test]
    fn basic() {
        let right = format!("Basic {}", openssl::base64::encode_block(b"hall:s3:cret"));
        let wrong = format!("Basic {}", openssl::base64::encode_block(b"hall:s3"));
        assert_eq!(judge(Some(&access()), &shown(Some(&right))), Verdict::Granted);
        assert_eq!(judge(Some(&access()), &shown(Some(&wrong))), Verdict::Wrong);
        assert_eq!(judge(None, &shown(Some(&right))), Verdict::Wrong);
        assert_eq!(judge(Some(&access()), &shown(None)), Verdict::Nothing);
        assert_eq!(judge(None, &shown(None)), Verdict::Nothing);
        // Nobody's empty password opens nothing.
        let empty = format!("Basic {}", openssl::base64::encode_block(b":"));
        assert_eq!(judge(None, &shown(Some(&empty))), Verdict::Wrong);
        for odd in ["", "Basic", "Basic ", "Bearer x", "Digest", "Digest username=\"hall", "Digest ====,,,\"\""] {
            assert_eq!(judge(Some(&access()), &shown(Some(odd))), Verdict::Wrong, "{odd}");
        }
    }

    #[test]
    fn digest_is_bound_to_method_and_nonce() {
        let md5 = |text: &str| hex(&hash(MessageDigest::md5(), text.as_bytes()).unwrap());
        let uri = "rtsps://h:1/arcade/hall-a";
        let response = md5(&format!("{}:0123:{}", md5("hall:ecluse:s3:cret"), md5(&format!("ANNOUNCE:{uri}"))));
        let header = |nonce: &str| {
            format!(
                "Digest username=\"hall\", realm=\"ecluse\", nonce=\"{nonce}\", uri=\"{uri}\", response=\"{response}\""
            )
        };
        assert_eq!(judge(Some(&access()), &shown(Some(&header("0123")))), Verdict::Granted);
        assert_eq!(judge(Some(&access()), &shown(Some(&header("0124")))), Verdict::Wrong);
        let other = Shown { method: "RECORD", ..shown(None) };
        let header = header("0123");
        assert_eq!(judge(Some(&access()), &Shown { authorization: Some(&header), ..other }), Verdict::Wrong);
    }

    #[test]
    fn a_certificate_must_be_the_very_one() {
        let pinned = CameraAccess { credential: Credential::ClientCertificate { sha256: [7; 32] }, ..access() };
        let with = |certificate| judge(Some(&pinned), &Shown { certificate, ..shown(None) });
        assert_eq!(with(Some([7; 32])), Verdict::Granted);
        assert_eq!(with(Some([8; 32])), Verdict::Wrong);
        assert_eq!(with(None), Verdict::Nothing);
        // A certificate is no password, nor the other way round.
        assert_eq!(judge(Some(&access()), &Shown { certificate: Some([7; 32]), ..shown(None) }), Verdict::Nothing);
    }

    #[test]
    fn secrets_are_not_shown() {
        assert!(!format!("{:?}", access()).contains("s3"));
    }
}
