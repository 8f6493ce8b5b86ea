//! How a handshake ended, typed: the viewer branch logs and registers it.

use super::fingerprint::Fingerprint;
use std::time::Duration;

/// What both ends agreed on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Negotiated {
    /// SRTP protection profile, IANA's name.
    pub srtp: String,
    /// DTLS suite, IANA's name.
    pub dtls: String,
}

/// How a handshake ended. `Connected` may be followed by one `Closed`; nothing follows the other two.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Fingerprint checked, keys installed: media may flow, gate permitting.
    Connected(Negotiated),
    /// No media has flowed and none will.
    Failed(Cause),
    /// The peer said goodbye (`close_notify` or a fatal alert) after it was connected.
    Closed,
}

/// Why there will be no media.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Cause {
    /// DTLS came up, but the peer has no `SRTP_AEAD_AES_256_GCM` (A6-5).
    #[error(
        "the peer has no SRTP_AEAD_AES_256_GCM (it offered: {}); use a client that does AES-256 GCM",
        offered.as_ref().map_or_else(|| "unknown, it only declined ours".to_owned(), |o| o.join(", "))
    )]
    NoSrtpProfile {
        /// The profiles it offered, IANA's names, when it was the one to offer.
        offered: Option<Vec<String>>,
    },
    /// The peer has none of our AES-256 suites (A6-5).
    #[error("no AES-256 DTLS suite in common (the peer offered: {})", offered.as_ref().map_or_else(|| "unknown".to_owned(), |o| o.join(", ")))]
    NoCommonSuite {
        /// The suites it offered, IANA's names or hexadecimal numbers, when it was the one to offer.
        offered: Option<Vec<String>>,
    },
    /// The certificate is not the one its SDP announced: somebody else answers.
    #[error("the peer's certificate {got} is none of those its SDP announced")]
    WrongPeer {
        /// SHA-256 of the certificate received.
        got: Fingerprint,
    },
    /// Nobody said whom to expect.
    #[error("no fingerprint was expected: the element was not bound to a viewer branch")]
    NobodyExpected,
    /// The peer fell silent, or never spoke.
    #[error("the DTLS handshake was not done after {} ms", after.as_millis())]
    TimedOut {
        /// The time it was given.
        after: Duration,
    },
    /// The peer or OpenSSL broke the handshake off.
    #[error("the DTLS handshake failed: {detail}")]
    Handshake {
        /// OpenSSL's reason; no key material.
        detail: String,
    },
    /// Something on this machine; not the peer's fault.
    #[error("the DTLS transport failed on this side: {detail}")]
    Internal {
        /// What.
        detail: String,
    },
}

impl Cause {
    /// Whether the peer is to blame for not doing AES-256 (A6-5): recorded as a refusal, not as a fault. The text is
    /// what it offered, as far as known.
    pub fn weak_cipher(&self) -> Option<String> {
        let list = |what: &str, offered: &Option<Vec<String>>| match offered {
            Some(names) if !names.is_empty() => format!("{what}: {}", names.join(", ")),
            Some(_) => format!("{what}: none"),
            None => format!("{what}: declined AES-256"),
        };
        match self {
            Cause::NoSrtpProfile { offered } => Some(list("SRTP", offered)),
            Cause::NoCommonSuite { offered } => Some(list("DTLS", offered)),
            _ => None,
        }
    }
}
