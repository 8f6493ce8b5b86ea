//! Time stamps by somebody else (RFC 3161): that a manifest's signature existed at an instant, said by an authority that is
//! not the landlord's.
//!
//! What is stamped is the file `manifest.sig`, and the answer is kept as it came, so that OpenSSL's own command verifies it
//! too: `openssl ts -verify -data manifest.sig -in manifest.tsr -CAfile AUTHORITY`.
//!
//! Guarantees: an answer is kept only if it is about these very bytes, answers this very question (nonce) and is signed by
//! a certificate for time stamping (critical `timeStamping` alone) of the configured authorities. The authority learns a hash.
//!
//! Does not: make an export wait for long, or fail, because an authority is down: then the export says that it has none.

mod client;
mod token;

pub use client::TimestampService;
pub use token::verify_timestamp;

use openssl::error::ErrorStack;

/// Why there is no time stamp.
#[derive(Debug, thiserror::Error)]
pub enum TimestampError {
    /// The service cannot be reached, or is too slow.
    #[error("the time stamping service cannot be asked: {0}")]
    Http(#[from] reqwest::Error),
    /// It answers something else than HTTP 200 and a time stamp.
    #[error("the time stamping service answered {0}")]
    Answer(String),
    /// Its answer is not what it should be, or it refused.
    #[error("the time stamp is not valid: {0}")]
    Invalid(String),
}

impl From<ErrorStack> for TimestampError {
    fn from(stack: ErrorStack) -> Self {
        let reason = |error: &openssl::error::Error| {
            let (reason, data) = (error.reason().unwrap_or("unknown"), error.data());
            data.map_or_else(|| reason.to_owned(), |data| format!("{reason} ({data})"))
        };
        let reasons: Vec<String> = stack.errors().iter().map(reason).collect();
        Self::Invalid(if reasons.is_empty() { "OpenSSL gives no reason".to_owned() } else { reasons.join("; ") })
    }
}
