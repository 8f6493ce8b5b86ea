//! Passwords: argon2id. Both calls take tens of milliseconds and 19 MiB on purpose: use `spawn_blocking`.

use super::StoreError;
use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use std::sync::OnceLock;

/// Shortest and longest password, bytes.
const LENGTHS: std::ops::RangeInclusive<usize> = 8..=1024;

/// OWASP's first choice for argon2id: 19 MiB, two passes, one lane.
fn argon2() -> Result<Argon2<'static>, StoreError> {
    let params = Params::new(19 * 1024, 2, 1, None).map_err(hashing)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

fn hashing(why: impl std::fmt::Display) -> StoreError {
    StoreError::Randomness { why: why.to_string() }
}

/// Hashes a password for [`super::Identity::password_hash`] (PHC string).
///
/// # Errors
/// [`StoreError::Invalid`] when the password is shorter than 8 or longer than 1,024 bytes.
pub fn hash(password: &str) -> Result<String, StoreError> {
    if !LENGTHS.contains(&password.len()) {
        // The value itself must not reach a log.
        let value = format!("{} bytes", password.len());
        return Err(StoreError::Invalid { field: "password", value, expected: "8 to 1024 bytes" });
    }
    let mut salt = [0u8; 16];
    openssl::rand::rand_bytes(&mut salt).map_err(hashing)?;
    let salt = SaltString::encode_b64(&salt).map_err(hashing)?;
    Ok(argon2()?.hash_password(password.as_bytes(), &salt).map_err(hashing)?.to_string())
}

/// A first password that is easy to type on a phone: four readable groups of four letters, 48 bits; it is meant to be
/// replaced, and argon2id and the log-in's limits stand before it.
///
/// # Errors
/// [`StoreError::Randomness`] when the machine has none to give.
pub fn generate() -> Result<String, StoreError> {
    const CONSONANTS: &[u8; 16] = b"bcdfgjklmnprstvz";
    const VOWELS: &[u8; 4] = b"aeiu";
    let mut random = [0_u8; 16];
    openssl::rand::rand_bytes(&mut random).map_err(hashing)?;
    let mut text = String::with_capacity(19);
    for (index, pair) in random.chunks_exact(2).enumerate() {
        if index > 0 && index % 2 == 0 {
            text.push('-');
        }
        text.push(char::from(CONSONANTS[usize::from(pair[0]) % CONSONANTS.len()]));
        text.push(char::from(VOWELS[usize::from(pair[1]) % VOWELS.len()]));
    }
    Ok(text)
}

/// The hash of a password nobody knows: the account's owner chooses one when invited.
///
/// # Errors
/// [`StoreError::Randomness`] when the machine has none to give.
pub fn nobodys() -> Result<String, StoreError> {
    hash(&super::secrets::token()?)
}

/// Whether the password is the one behind the hash; with no hash (unknown account) it takes as long and says no, so
/// that answers do not tell which accounts exist (fault 25).
pub fn verify(password: &str, hash: Option<&str>) -> bool {
    static NOBODY: OnceLock<Option<String>> = OnceLock::new();
    let nobody = NOBODY.get_or_init(|| self::hash("nobody has this password").ok());
    let known = hash.and_then(|hash| PasswordHash::new(hash).ok());
    match (&known, nobody) {
        (Some(known), _) => matches(password, known),
        (None, Some(nobody)) => {
            if let Ok(nobody) = PasswordHash::new(nobody) {
                matches(password, &nobody);
            }
            false
        }
        (None, None) => false,
    }
}

fn matches(password: &str, hash: &PasswordHash<'_>) -> bool {
    password.len() <= *LENGTHS.end() && Argon2::default().verify_password(password.as_bytes(), hash).is_ok()
}
