//! OpenSSL for the signatures of S3 requests (AWS Signature Version 4): one set of cryptography in the program.

use object_store::client::{CryptoProvider, DigestAlgorithm, DigestContext, HmacContext, Signer, SigningAlgorithm};
use object_store::{Error, Result};
use openssl::error::ErrorStack;
use openssl::hash::{DigestBytes, Hasher, MessageDigest};
use openssl::md::Md;
use openssl::md_ctx::MdCtx;
use openssl::pkey::PKey;

/// Digests and HMACs by OpenSSL.
#[derive(Debug)]
pub(super) struct OpenSsl;

fn refused(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::Generic { store: "OpenSSL", source: source.into() }
}

impl CryptoProvider for OpenSsl {
    fn digest(&self, algorithm: DigestAlgorithm) -> Result<Box<dyn DigestContext>> {
        let DigestAlgorithm::Sha256 = algorithm else { return Err(unknown(&algorithm)) };
        let hasher = Hasher::new(MessageDigest::sha256()).map_err(refused)?;
        Ok(Box::new(Digest { hasher, fault: None, done: None }))
    }

    fn hmac(&self, algorithm: DigestAlgorithm, secret: &[u8]) -> Result<Box<dyn HmacContext>> {
        let DigestAlgorithm::Sha256 = algorithm else { return Err(unknown(&algorithm)) };
        let begin = || {
            let key = PKey::hmac(secret)?;
            let mut context = MdCtx::new()?;
            context.digest_sign_init(Some(Md::sha256()), &key)?;
            Ok::<_, ErrorStack>(context)
        };
        Ok(Box::new(Hmac { context: begin().map_err(refused)?, fault: None, done: Vec::new() }))
    }

    fn sign(&self, algorithm: SigningAlgorithm, _pem: &[u8]) -> Result<Box<dyn Signer>> {
        // Another provider's log-in asks for this; S3 does not.
        Err(refused(format!("{algorithm:?} is not used for S3")))
    }
}

fn unknown(algorithm: &DigestAlgorithm) -> Error {
    refused(format!("{algorithm:?} is not known here"))
}

/// `update` cannot fail in the interface: what went wrong is told at the end.
struct Digest {
    hasher: Hasher,
    fault: Option<ErrorStack>,
    done: Option<DigestBytes>,
}

impl DigestContext for Digest {
    fn update(&mut self, data: &[u8]) {
        let outcome = self.hasher.update(data);
        self.fault = self.fault.take().or(outcome.err());
    }

    fn finish(&mut self) -> Result<&[u8]> {
        if let Some(fault) = self.fault.take() {
            return Err(refused(fault));
        }
        Ok(self.done.insert(self.hasher.finish().map_err(refused)?))
    }
}

struct Hmac {
    context: MdCtx,
    fault: Option<ErrorStack>,
    done: Vec<u8>,
}

impl HmacContext for Hmac {
    fn update(&mut self, data: &[u8]) {
        let outcome = self.context.digest_sign_update(data);
        self.fault = self.fault.take().or(outcome.err());
    }

    fn finish(&mut self) -> Result<&[u8]> {
        if let Some(fault) = self.fault.take() {
            return Err(refused(fault));
        }
        self.done.clear();
        self.context.digest_sign_final_to_vec(&mut self.done).map_err(refused)?;
        Ok(&self.done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::master::hex;

    #[test]
    fn digests_and_hmacs_are_those_of_the_standards() {
        let mut digest = OpenSsl.digest(DigestAlgorithm::Sha256).unwrap();
        digest.update(b"a");
        digest.update(b"bc");
        // FIPS 180-4, example "abc".
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(hex(digest.finish().unwrap()), expected);
        let mut hmac = OpenSsl.hmac(DigestAlgorithm::Sha256, b"Jefe").unwrap();
        hmac.update(b"what do ya want ");
        hmac.update(b"for nothing?");
        // RFC 4231, test case 2.
        let expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert_eq!(hex(hmac.finish().unwrap()), expected);
    }
}
