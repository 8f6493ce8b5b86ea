//! Time-based one-time codes (TOTP, RFC 6238): SHA-1, six digits, 30 s, as every authenticator application has them.
//! The code before and the one after the current one are taken too, for clocks that are a little off.

use super::StoreError;
use chrono::{DateTime, Utc};
use totp_rs::{Builder, Secret, Totp};

/// Random bytes in a secret: as long as the hash, as RFC 4226 recommends.
const SECRET_BYTES: usize = 20;
/// Seconds a code stands for.
pub const STEP_S: u64 = 30;
/// Digits of a code.
const DIGITS: usize = 6;

/// What an authenticator application and the server share.
#[derive(Clone)]
pub struct TotpSecret(Totp);

impl std::fmt::Debug for TotpSecret {
    /// Three stars: the secret stays out of logs.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

impl TotpSecret {
    /// A new one.
    ///
    /// # Errors
    /// [`StoreError::Randomness`] when the machine has no randomness to give.
    pub fn generate() -> Result<Self, StoreError> {
        let mut secret = [0_u8; SECRET_BYTES];
        openssl::rand::rand_bytes(&mut secret).map_err(|why| StoreError::Randomness { why: why.to_string() })?;
        Self::of(Secret::from(secret)).map_err(|why| StoreError::Randomness { why })
    }

    /// The secret written as [`TotpSecret::base32`] writes it.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] when it is no base32 of at least 16 bytes; the value itself is not repeated.
    pub fn from_base32(text: &str) -> Result<Self, StoreError> {
        let invalid = || StoreError::Invalid {
            field: "totp_secret",
            value: format!("{} characters", text.chars().count()),
            expected: "base32 (A to Z, 2 to 7) of at least 16 bytes",
        };
        Secret::try_from_base32(text).map_err(|_| invalid()).and_then(|secret| Self::of(secret).map_err(|_| invalid()))
    }

    fn of(secret: Secret) -> Result<Self, String> {
        let totp = Builder::new().with_secret(secret).with_skew(1).with_step_duration(STEP_S);
        totp.build().map(Self).map_err(|why| why.to_string())
    }

    /// Base32, as it is typed into an application that cannot see the QR code.
    pub fn base32(&self) -> String {
        self.0.secret().to_base32()
    }

    /// What the QR code says: the secret with the account it is for.
    pub fn uri(&self, email: &str) -> String {
        let encoded = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        let issuer = encoded("Écluse");
        format!("otpauth://totp/{issuer}:{}?secret={}&issuer={issuer}", encoded(email), self.base32())
    }

    /// The code of one step.
    pub fn code(&self, step: u64) -> String {
        self.0.generate(step.saturating_mul(STEP_S)).to_string()
    }

    /// The step a code stands for, if that is the current one or a neighbour.
    pub fn step_of(&self, code: &str, now: DateTime<Utc>) -> Option<u64> {
        let well_formed = code.len() == DIGITS && code.bytes().all(|byte| byte.is_ascii_digit());
        if !well_formed {
            return None;
        }
        self.0.check(code, seconds(now))
    }
}

/// The step at an instant.
pub fn step_at(now: DateTime<Utc>) -> u64 {
    seconds(now) / STEP_S
}

fn seconds(now: DateTime<Utc>) -> u64 {
    // Before 1970 no code is right.
    u64::try_from(now.timestamp()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_those_of_rfc_6238() {
        // Appendix B, SHA-1: the secret is the text "12345678901234567890"; six digits are the last six of eight.
        let secret = TotpSecret::from_base32("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ").unwrap();
        for (at, code) in [(59, "287082"), (1_111_111_109, "081804"), (2_000_000_000, "279037")] {
            let now = DateTime::from_timestamp(at, 0).unwrap();
            assert_eq!(secret.code(step_at(now)), code);
            assert_eq!(secret.step_of(code, now), Some(step_at(now)));
        }
    }

    #[test]
    fn one_step_of_tolerance_and_no_more() {
        let secret = TotpSecret::generate().unwrap();
        let now = DateTime::from_timestamp(1_800_000_015, 0).unwrap();
        let step = step_at(now);
        for near in step - 1..=step + 1 {
            assert_eq!(secret.step_of(&secret.code(near), now), Some(near));
        }
        assert_eq!(secret.step_of(&secret.code(step + 3), now), None);
        for nonsense in ["", "12345", "1234567", "abcdef", "12345\u{660}"] {
            assert_eq!(secret.step_of(nonsense, now), None, "{nonsense}");
        }
    }

    #[test]
    fn a_secret_is_written_and_read_and_never_shown() {
        let secret = TotpSecret::generate().unwrap();
        assert_eq!(TotpSecret::from_base32(&secret.base32()).unwrap().code(7), secret.code(7));
        assert_eq!(format!("{secret:?}"), "***");
        let uri = secret.uri("a.b@example.org");
        assert!(uri.starts_with("otpauth://totp/%C3%89cluse:a.b%40example.org?secret="), "{uri}");
        for wrong in ["", "ABC", "0189", "GEZDGNBV"] {
            assert!(TotpSecret::from_base32(wrong).is_err(), "{wrong}");
        }
    }
}
