//! AES-256-GCM, in two uses: wrapping one key by another, and STREAM (Hoang, Reyhanitabar, Rogaway, Vizár, 2015) over a
//! segment's records.
//!
//! STREAM's nonce is `prefix (7 bytes) ‖ counter (4, big-endian) ‖ last (1)`: records cannot be reordered, dropped from
//! the middle, or taken for the last one, and a segment without its last record is known to be cut short. A segment's key
//! is random and used for that segment alone, so no nonce is ever used twice under one key. The associated data of a
//! record is the digest of the segment's header and the record's own clear head.
//!
//! OpenSSL's cipher and not a RustCrypto crate: it is the product's one crypto library (TLS, DTLS, the register's key),
//! uses the processor's AES, and takes the muxer's buffers piece by piece, so that a fragment is encrypted from where it
//! lies into the one buffer that is written.

use super::error::ArchiveError;
use super::master::{KEY_BYTES, KeyBytes, random_key};
use openssl::cipher::Cipher;
use openssl::cipher_ctx::CipherCtx;
use zeroize::Zeroizing;

/// Bytes of an authentication tag.
pub(super) const TAG_BYTES: usize = 16;
/// Bytes of a nonce prefix.
pub(super) const PREFIX_BYTES: usize = 7;
const NONCE_BYTES: usize = 12;
/// A wrapped key: nonce, ciphertext, tag.
pub(super) const WRAPPED_BYTES: usize = NONCE_BYTES + KEY_BYTES + TAG_BYTES;

/// Where a record stands in its stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Position {
    /// Its number, from 0.
    pub counter: u32,
    /// Whether nothing follows it.
    pub last: bool,
}

fn nonce(prefix: &[u8; PREFIX_BYTES], at: Position) -> [u8; NONCE_BYTES] {
    let mut nonce = [0; NONCE_BYTES];
    nonce[..PREFIX_BYTES].copy_from_slice(prefix);
    nonce[PREFIX_BYTES..PREFIX_BYTES + 4].copy_from_slice(&at.counter.to_be_bytes());
    nonce[NONCE_BYTES - 1] = u8::from(at.last);
    nonce
}

/// Encrypts a segment's records.
pub(super) struct Sealer {
    context: CipherCtx,
    prefix: [u8; PREFIX_BYTES],
}

impl Sealer {
    pub fn new(key: &KeyBytes, prefix: [u8; PREFIX_BYTES]) -> Result<Self, ArchiveError> {
        let mut context = CipherCtx::new()?;
        context.encrypt_init(Some(Cipher::aes_256_gcm()), Some(&key[..]), None)?;
        Ok(Self { context, prefix })
    }

    /// Appends ciphertext and tag of `parts`, one after the other, to `out`.
    pub fn seal<'a>(
        &mut self,
        at: Position,
        associated: &[&[u8]],
        parts: impl Iterator<Item = &'a [u8]>,
        out: &mut Vec<u8>,
    ) -> Result<(), ArchiveError> {
        self.context.encrypt_init(None, None, Some(&nonce(&self.prefix, at)))?;
        for data in associated {
            self.context.cipher_update(data, None)?;
        }
        for part in parts {
            self.context.cipher_update_vec(part, out)?;
        }
        self.context.cipher_final_vec(out)?;
        let mut tag = [0; TAG_BYTES];
        self.context.tag(&mut tag)?;
        out.extend_from_slice(&tag);
        Ok(())
    }
}

/// Decrypts a segment's records.
pub(super) struct Opener {
    context: CipherCtx,
    prefix: [u8; PREFIX_BYTES],
}

impl Opener {
    pub fn new(key: &KeyBytes, prefix: [u8; PREFIX_BYTES]) -> Result<Self, ArchiveError> {
        let mut context = CipherCtx::new()?;
        context.decrypt_init(Some(Cipher::aes_256_gcm()), Some(&key[..]), None)?;
        Ok(Self { context, prefix })
    }

    /// The plaintext of `sealed` (ciphertext and tag), or `None` when it is not what was sealed at this position with
    /// this associated data. Nothing of what does not verify is handed out.
    pub fn open(&mut self, at: Position, associated: &[&[u8]], sealed: &[u8]) -> Result<Option<Vec<u8>>, ArchiveError> {
        let Some((ciphertext, tag)) = sealed.split_last_chunk::<TAG_BYTES>() else { return Ok(None) };
        self.context.decrypt_init(None, None, Some(&nonce(&self.prefix, at)))?;
        for data in associated {
            self.context.cipher_update(data, None)?;
        }
        let mut plain = Zeroizing::new(Vec::with_capacity(ciphertext.len()));
        self.context.cipher_update_vec(ciphertext, &mut plain)?;
        self.context.set_tag(tag)?;
        Ok(match self.context.cipher_final_vec(&mut plain) {
            Ok(_) => Some(std::mem::take(&mut *plain)),
            // OpenSSL has no other reason here: the tag is another one.
            Err(_) => None,
        })
    }
}

/// Encrypts `key` under `wrapping`; `about` says what it is for and must be the same when it is unwrapped.
pub(super) fn wrap(wrapping: &KeyBytes, key: &KeyBytes, about: &[u8]) -> Result<[u8; WRAPPED_BYTES], ArchiveError> {
    let mut wrapped = [0; WRAPPED_BYTES];
    let (nonce, rest) = wrapped.split_at_mut(NONCE_BYTES);
    openssl::rand::rand_bytes(nonce)?;
    let mut tag = [0; TAG_BYTES];
    let sealed = openssl::symm::encrypt_aead(
        openssl::symm::Cipher::aes_256_gcm(),
        &wrapping[..],
        Some(nonce),
        about,
        &key[..],
        &mut tag,
    )?;
    // GCM's ciphertext is as long as its plaintext.
    rest[..KEY_BYTES].copy_from_slice(&sealed);
    rest[KEY_BYTES..].copy_from_slice(&tag);
    Ok(wrapped)
}

/// The key that was wrapped, or `None` when `wrapped` or `about` is not what it was, or `wrapping` another key.
pub(super) fn unwrap(wrapping: &KeyBytes, wrapped: &[u8; WRAPPED_BYTES], about: &[u8]) -> Option<KeyBytes> {
    let (nonce, rest) = wrapped.split_at(NONCE_BYTES);
    let (sealed, tag) = rest.split_at(KEY_BYTES);
    let cipher = openssl::symm::Cipher::aes_256_gcm();
    let plain = openssl::symm::decrypt_aead(cipher, &wrapping[..], Some(nonce), about, sealed, tag).map(Zeroizing::new);
    let mut key = Zeroizing::new([0; KEY_BYTES]);
    key.copy_from_slice(plain.ok()?.get(..KEY_BYTES)?);
    Some(key)
}

/// A fresh key and nonce prefix for one segment.
pub(super) fn fresh() -> Result<(KeyBytes, [u8; PREFIX_BYTES]), ArchiveError> {
    let mut prefix = [0; PREFIX_BYTES];
    openssl::rand::rand_bytes(&mut prefix)?;
    Ok((random_key()?, prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Position = Position { counter: 3, last: false };

    #[test]
    fn what_was_sealed_opens_in_its_place_alone() {
        let (key, prefix) = fresh().unwrap();
        let mut sealed = Vec::new();
        let parts: [&[u8]; 3] = [b"moof", b"", b"mdat and pictures"];
        Sealer::new(&key, prefix).unwrap().seal(AT, &[b"a", b"b"], parts.into_iter(), &mut sealed).unwrap();
        let mut opener = Opener::new(&key, prefix).unwrap();
        assert_eq!(opener.open(AT, &[b"ab"], &sealed).unwrap().unwrap(), b"moofmdat and pictures");
        for at in [Position { counter: 4, ..AT }, Position { last: true, ..AT }] {
            assert!(opener.open(at, &[b"ab"], &sealed).unwrap().is_none(), "{at:?}");
        }
        assert!(opener.open(AT, &[b"ac"], &sealed).unwrap().is_none());
        for byte in 0..sealed.len() {
            let mut bad = sealed.clone();
            bad[byte] ^= 1;
            assert!(opener.open(AT, &[b"ab"], &bad).unwrap().is_none(), "byte {byte}");
            assert!(opener.open(AT, &[b"ab"], &sealed[..byte]).unwrap().is_none(), "cut at {byte}");
        }
        let (other, _) = fresh().unwrap();
        assert!(Opener::new(&other, prefix).unwrap().open(AT, &[b"ab"], &sealed).unwrap().is_none());
        assert_eq!(opener.open(AT, &[b"ab"], &sealed).unwrap().unwrap().len(), 21, "and again");
    }

    /// The same record through OpenSSL's one-shot interface: the layout is the one documented, not merely our own.
    #[test]
    fn the_construction_is_plain_aes_256_gcm() {
        let (key, prefix) = fresh().unwrap();
        let mut sealed = Vec::new();
        let parts: [&[u8]; 2] = [b"one", b"two"];
        Sealer::new(&key, prefix).unwrap().seal(AT, &[b"head"], parts.into_iter(), &mut sealed).unwrap();
        let nonce = [&prefix[..], &[0, 0, 0, 3, 0]].concat();
        let mut tag = [0; 16];
        let cipher = openssl::symm::Cipher::aes_256_gcm();
        let plain = openssl::symm::encrypt_aead(cipher, &key[..], Some(&nonce), b"head", b"onetwo", &mut tag).unwrap();
        assert_eq!(sealed, [&plain[..], &tag].concat());
    }

    #[test]
    fn a_wrapped_key_opens_under_its_key_and_for_its_purpose_alone() {
        let (outer, inner) = (random_key().unwrap(), random_key().unwrap());
        let wrapped = wrap(&outer, &inner, b"hall 2026-11-25").unwrap();
        assert_eq!(*unwrap(&outer, &wrapped, b"hall 2026-11-25").unwrap(), *inner);
        assert!(unwrap(&outer, &wrapped, b"hall 2026-11-26").is_none());
        assert!(unwrap(&random_key().unwrap(), &wrapped, b"hall 2026-11-25").is_none());
        let mut bad = wrapped;
        bad[20] ^= 0x80;
        assert!(unwrap(&outer, &bad, b"hall 2026-11-25").is_none());
    }
}
