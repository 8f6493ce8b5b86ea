//! Opaque tokens: random, handed out once, kept as a hash.

use super::StoreError;
use std::fmt::Write;

/// Random bytes in a token.
const TOKEN_BYTES: usize = 32;

/// A new token: 32 random bytes, base64url without padding.
pub(super) fn token() -> Result<String, StoreError> {
    let mut secret = [0_u8; TOKEN_BYTES];
    openssl::rand::rand_bytes(&mut secret).map_err(|why| StoreError::Randomness { why: why.to_string() })?;
    Ok(openssl::base64::encode_block(&secret).trim_end_matches('=').replace('+', "-").replace('/', "_"))
}

/// The key under which a token is stored. A hash of 32 random bytes needs neither salt nor a slow function, and how long
/// it takes to look one up tells nothing about another.
pub(super) fn key(token: &str) -> String {
    openssl::sha::sha256(token.as_bytes()).iter().fold(String::with_capacity(64), |mut hex, byte| {
        // Writing to a String cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}
