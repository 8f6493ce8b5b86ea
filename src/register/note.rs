//! Signed notes in the form of C2SP `signed-note`: a text, a blank line, and one line per signature.
//!
//! `— <key name> <base64 of 4 bytes of key hash and 64 bytes of Ed25519 signature>`; the key hash is the beginning of
//! `SHA-256(name || 0x0A || 0x01 || public key)`, and a public key travels as `name+hash+base64(0x01 || public key)`. Any
//! tool that knows the form can check what this server signs; nothing here is of our own making.

use openssl::base64::{decode_block, encode_block};
use openssl::error::ErrorStack;
use openssl::pkey::{Id, PKey, Private, Public};
use openssl::sha::Sha256;
use openssl::sign;
use std::fmt;
use std::str::FromStr;

/// Ed25519 in this form.
const ALGORITHM: u8 = 1;
const HASH_BYTES: usize = 4;
const SIGNATURE_BYTES: usize = 64;

/// Why a note, or a key, is not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoteFault {
    /// The key's text is not one.
    #[error("verification key \"{0}\": expected NAME+HASH+BASE64, as `ecluse register key` prints it")]
    Key(String),
    /// The note's text is not one.
    #[error("not a signed note: {0}")]
    Form(&'static str),
    /// No signature by this key.
    #[error("not signed by {0}")]
    NotSigned(String),
    /// A signature that names this key, and is wrong.
    #[error("the signature by {0} is wrong: the text was changed, or somebody else wrote it")]
    WrongSignature(String),
    /// The cryptographic library said no.
    #[error("cryptographic library: {0}")]
    Crypto(String),
}

impl From<ErrorStack> for NoteFault {
    fn from(why: ErrorStack) -> Self {
        NoteFault::Crypto(why.to_string())
    }
}

/// A public key with its name: what a witness keeps.
#[derive(Debug, Clone)]
pub struct VerifyKey {
    name: String,
    hash: [u8; HASH_BYTES],
    raw: Vec<u8>,
    key: PKey<Public>,
}

impl VerifyKey {
    fn new(name: &str, raw: &[u8]) -> Result<Self, NoteFault> {
        if !is_name(name) {
            return Err(NoteFault::Key(name.to_owned()));
        }
        let key = PKey::public_key_from_raw_bytes(raw, Id::ED25519)?;
        let mut sha = Sha256::new();
        sha.update(name.as_bytes());
        sha.update(&[b'\n', ALGORITHM]);
        sha.update(raw);
        let [a, b, c, d, ..] = sha.finish();
        Ok(Self { name: name.to_owned(), hash: [a, b, c, d], raw: raw.to_vec(), key })
    }

    /// Its name; of a register's key: the register's origin.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether this signature line names this key.
    fn is_named_in(&self, name: &str, blob: &[u8]) -> bool {
        name == self.name && blob.starts_with(&self.hash)
    }
}

/// Names must not hold what the form uses itself.
pub fn is_name(name: &str) -> bool {
    !name.is_empty() && name.len() <= 255 && !name.chars().any(|c| c.is_whitespace() || c.is_control() || c == '+')
}

impl fmt::Display for VerifyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d] = self.hash;
        let key = encode_block(&[&[ALGORITHM], self.raw.as_slice()].concat());
        write!(f, "{}+{a:02x}{b:02x}{c:02x}{d:02x}+{key}", self.name)
    }
}

impl FromStr for VerifyKey {
    type Err = NoteFault;
    fn from_str(text: &str) -> Result<Self, NoteFault> {
        let refused = || NoteFault::Key(text.chars().take(300).collect());
        let (name, rest) = text.split_once('+').ok_or_else(refused)?;
        let (_, key) = rest.split_once('+').ok_or_else(refused)?;
        let key = decode_block(key).map_err(|_| refused())?;
        let Some((&ALGORITHM, raw)) = key.split_first() else { return Err(refused()) };
        let key = VerifyKey::new(name, raw).map_err(|_| refused())?;
        // Also checks the hash, and that there is one spelling.
        if key.to_string() == text { Ok(key) } else { Err(refused()) }
    }
}

/// A private key with its name.
pub struct Signer {
    key: PKey<Private>,
    public: VerifyKey,
}

impl Signer {
    /// A signer under this name.
    ///
    /// # Errors
    /// When the name cannot be one, or the key is not Ed25519.
    pub fn new(name: &str, key: PKey<Private>) -> Result<Self, NoteFault> {
        let public = VerifyKey::new(name, &key.raw_public_key()?)?;
        Ok(Self { key, public })
    }

    /// Its public half.
    pub fn public(&self) -> &VerifyKey {
        &self.public
    }

    /// The text as a signed note. The text must end with a line feed.
    ///
    /// # Errors
    /// When the text cannot be one, or the library fails.
    pub fn sign(&self, text: &str) -> Result<String, NoteFault> {
        if !text.ends_with('\n') {
            return Err(NoteFault::Form("the text does not end with a line feed"));
        }
        let signature = sign::Signer::new_without_digest(&self.key)?.sign_oneshot_to_vec(text.as_bytes())?;
        let blob = encode_block(&[self.public.hash.as_slice(), &signature].concat());
        Ok(format!("{text}\n\u{2014} {} {blob}\n", self.public.name))
    }
}

/// A note, taken apart; nothing about it has been checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// The text that is signed, its last line feed included.
    pub text: String,
    signatures: Vec<(String, Vec<u8>)>,
}

impl FromStr for Note {
    type Err = NoteFault;
    fn from_str(note: &str) -> Result<Self, NoteFault> {
        let split = note.rfind("\n\n").ok_or(NoteFault::Form("no blank line before its signatures"))?;
        let (text, rest) = (&note[..=split], &note[split + 2..]);
        if !rest.ends_with('\n') {
            return Err(NoteFault::Form("it does not end with a line feed"));
        }
        let mut signatures = Vec::new();
        for line in rest.lines() {
            let malformed = NoteFault::Form("a line after the blank one is no signature");
            let signature = line.strip_prefix("\u{2014} ").and_then(|line| line.split_once(' '));
            let Some((name, blob)) = signature else { return Err(malformed) };
            let Ok(blob) = decode_block(blob) else { return Err(malformed) };
            if !is_name(name) || blob.len() <= HASH_BYTES {
                return Err(malformed);
            }
            signatures.push((name.to_owned(), blob));
        }
        if signatures.is_empty() {
            return Err(NoteFault::Form("it has no signature"));
        }
        Ok(Note { text: text.to_owned(), signatures })
    }
}

impl Note {
    /// Whether this key signed the text.
    ///
    /// # Errors
    /// [`NoteFault::NotSigned`] when no line names the key, [`NoteFault::WrongSignature`] when one does and is wrong.
    pub fn verify(&self, key: &VerifyKey) -> Result<(), NoteFault> {
        let named = self.signatures.iter().find(|(name, blob)| key.is_named_in(name, blob));
        let Some((_, blob)) = named else { return Err(NoteFault::NotSigned(key.name.clone())) };
        let signature = &blob[HASH_BYTES..];
        let is_right = signature.len() == SIGNATURE_BYTES
            && sign::Verifier::new_without_digest(&key.key)?.verify_oneshot(signature, self.text.as_bytes())?;
        if is_right { Ok(()) } else { Err(NoteFault::WrongSignature(key.name.clone())) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // The published example of the form.
    const KEY: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    const PRIVATE: &str = "AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
    const TEXT: &str =
        "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";
    const SIGNATURE: &str = "\u{2014} PeterNeumann \
        x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

    #[test]
    fn the_published_example_verifies_and_is_made_again_byte_for_byte() {
        let key: VerifyKey = KEY.parse().unwrap();
        assert_eq!(key.to_string(), KEY);
        let note = format!("{TEXT}\n{SIGNATURE}");
        let parsed: Note = note.parse().unwrap();
        assert_eq!(parsed.text, TEXT);
        parsed.verify(&key).unwrap();
        let private = PKey::private_key_from_raw_bytes(&decode_block(PRIVATE).unwrap()[1..], Id::ED25519).unwrap();
        let signer = Signer::new("PeterNeumann", private).unwrap();
        assert_eq!(signer.public().to_string(), KEY);
        assert_eq!(signer.sign(TEXT).unwrap(), note);
    }

    #[test]
    fn what_was_changed_or_signed_by_others_is_refused() {
        let key: VerifyKey = KEY.parse().unwrap();
        let note = |text: &str| format!("{text}\n{SIGNATURE}").parse::<Note>().unwrap();
        let wrong = Err(NoteFault::WrongSignature("PeterNeumann".to_owned()));
        assert_eq!(note(&TEXT.replace("you ", "You ")).verify(&key), wrong);
        let other = Signer::new("PeterNeumann", PKey::generate_ed25519().unwrap()).unwrap();
        let by_other: Note = other.sign(TEXT).unwrap().parse().unwrap();
        assert_eq!(by_other.verify(&key), Err(NoteFault::NotSigned("PeterNeumann".to_owned())));
        // Two signatures: each is found.
        let both: Note = format!("{}{SIGNATURE}", other.sign(TEXT).unwrap()).parse().unwrap();
        both.verify(&key).unwrap();
        both.verify(other.public()).unwrap();
        let short = format!("{TEXT}\n\u{2014} PeterNeumann x08gowAA\n").parse::<Note>().unwrap();
        assert_eq!(short.verify(&key), wrong);
    }

    #[test]
    fn malformed_notes_and_keys_are_refused() {
        for note in [
            "",
            "text\n",
            TEXT,
            "text\n\n",
            "text\n\nno signature\n",
            "text\n\n\u{2014} name\n",
            "text\n\n\u{2014} name !!!\n",
            "text\n\n\u{2014} na+me AAAAAAAA\n",
            "text\n\n\u{2014} name AAAA\n",
            "text\n\n\u{2014} name AAAAAAAA",
        ] {
            assert!(note.parse::<Note>().is_err(), "{note:?}");
        }
        let (start, end) = KEY.split_at(14);
        for key in [
            "",
            "a",
            "a+b",
            "a+b+c",
            &KEY.replace("c74f20a3", "c74f20a4"),
            &KEY.replace("c74f20a3", "C74F20A3"),
            &KEY.replace("PeterNeumann", "Peter Neumann"),
            &KEY.replace("ARpc", "AhpC"),
            &format!("{start}\n{end}"),
            &format!("{KEY} "),
        ] {
            assert!(key.parse::<VerifyKey>().is_err(), "{key:?}");
        }
        assert!(Signer::new("with space", PKey::generate_ed25519().unwrap()).is_err());
    }
}
