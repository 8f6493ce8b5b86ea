//! Questions and answers of RFC 3161, by OpenSSL's own implementation.
//!
//! All of the room's `unsafe` is here: libcrypto's `TS_*` functions (openssl/ts.h, the same since 1.1.1), which
//! openssl-sys does not declare.

use super::TimestampError;
use chrono::{DateTime, TimeDelta, Utc};
use foreign_types_shared::{ForeignType, ForeignTypeRef};
use openssl::asn1::{Asn1Integer, Asn1Time, Asn1TimeRef};
use openssl::bn::BigNum;
use openssl::error::ErrorStack;
use openssl::sha::sha256;
use openssl::x509::X509;
use openssl::x509::store::X509StoreBuilder;
use openssl::x509::verify::X509VerifyParam;
use openssl_sys as ffi;
use std::ffi::{c_int, c_long, c_void};
use std::mem::ManuallyDrop;
use std::ptr::{self, NonNull};

// openssl/ts.h
const TS_VFY_SIGNATURE: c_int = 1;
const TS_VFY_VERSION: c_int = 1 << 1;
const TS_VFY_IMPRINT: c_int = 1 << 3;
const TS_VFY_NONCE: c_int = 1 << 5;
const TS_VFY_SIGNER: c_int = 1 << 6;

unsafe extern "C" {
    fn TS_REQ_new() -> *mut c_void;
    fn TS_REQ_free(request: *mut c_void);
    fn TS_REQ_set_version(request: *mut c_void, version: c_long) -> c_int;
    fn TS_REQ_set_msg_imprint(request: *mut c_void, imprint: *mut c_void) -> c_int;
    fn TS_REQ_set_nonce(request: *mut c_void, nonce: *const ffi::ASN1_INTEGER) -> c_int;
    fn TS_REQ_set_cert_req(request: *mut c_void, wanted: c_int) -> c_int;
    fn i2d_TS_REQ(request: *const c_void, out: *mut *mut u8) -> c_int;
    fn TS_MSG_IMPRINT_new() -> *mut c_void;
    fn TS_MSG_IMPRINT_free(imprint: *mut c_void);
    fn TS_MSG_IMPRINT_set_algo(imprint: *mut c_void, algorithm: *mut c_void) -> c_int;
    fn TS_MSG_IMPRINT_set_msg(imprint: *mut c_void, hash: *mut u8, length: c_int) -> c_int;
    fn X509_ALGOR_new() -> *mut c_void;
    fn X509_ALGOR_free(algorithm: *mut c_void);
    fn X509_ALGOR_set_md(algorithm: *mut c_void, digest: *const ffi::EVP_MD);
    fn d2i_TS_RESP(out: *mut *mut c_void, bytes: *mut *const u8, length: c_long) -> *mut c_void;
    fn TS_RESP_free(response: *mut c_void);
    fn TS_RESP_get_tst_info(response: *mut c_void) -> *mut c_void;
    fn TS_TST_INFO_get_time(info: *const c_void) -> *const ffi::ASN1_GENERALIZEDTIME;
    fn TS_REQ_to_TS_VERIFY_CTX(request: *mut c_void, context: *mut c_void) -> *mut c_void;
    fn TS_VERIFY_CTX_free(context: *mut c_void);
    fn TS_VERIFY_CTX_set_flags(context: *mut c_void, flags: c_int) -> c_int;
    fn TS_VERIFY_CTX_set_store(context: *mut c_void, store: *mut ffi::X509_STORE) -> *mut ffi::X509_STORE;
    fn TS_RESP_verify_response(context: *mut c_void, response: *mut c_void) -> c_int;
}

/// Something of OpenSSL's that is freed once.
struct Owned(NonNull<c_void>, unsafe extern "C" fn(*mut c_void));

impl Owned {
    /// Takes what a constructor returned; null is its failure.
    fn new(made: *mut c_void, free: unsafe extern "C" fn(*mut c_void)) -> Result<Self, ErrorStack> {
        NonNull::new(made).map(|made| Self(made, free)).ok_or_else(ErrorStack::get)
    }

    fn get(&self) -> *mut c_void {
        self.0.as_ptr()
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        // SAFETY: the pointer came from the constructor that belongs to this function, and nobody else frees it.
        unsafe { self.1(self.get()) }
    }
}

fn done(result: c_int) -> Result<(), ErrorStack> {
    if result > 0 { Ok(()) } else { Err(ErrorStack::get()) }
}

/// A question: a time stamp of these bytes' SHA-256, with the authority's certificate.
pub(super) struct Question(Owned);

impl Question {
    /// Asks about `data`. With a nonce, only an answer to this very question will do.
    pub(super) fn about(data: &[u8], nonce: Option<u64>) -> Result<Self, ErrorStack> {
        ffi::init();
        let mut hash = sha256(data);
        let nonce = nonce.map(nonce_of).transpose()?;
        // SAFETY: every pointer is live and of the type its function takes; `set_msg_imprint`, `set_algo`, `set_msg` and
        // `set_nonce` copy what they are given, so ours are freed by us.
        unsafe {
            let algorithm = Owned::new(X509_ALGOR_new(), X509_ALGOR_free)?;
            X509_ALGOR_set_md(algorithm.get(), ffi::EVP_sha256());
            let imprint = Owned::new(TS_MSG_IMPRINT_new(), TS_MSG_IMPRINT_free)?;
            done(TS_MSG_IMPRINT_set_algo(imprint.get(), algorithm.get()))?;
            done(TS_MSG_IMPRINT_set_msg(imprint.get(), hash.as_mut_ptr(), hash.len() as c_int))?;
            let request = Owned::new(TS_REQ_new(), TS_REQ_free)?;
            done(TS_REQ_set_version(request.get(), 1))?;
            done(TS_REQ_set_msg_imprint(request.get(), imprint.get()))?;
            if let Some(nonce) = &nonce {
                done(TS_REQ_set_nonce(request.get(), nonce.as_ptr()))?;
            }
            done(TS_REQ_set_cert_req(request.get(), 1))?;
            Ok(Self(request))
        }
    }

    /// As it travels (`application/timestamp-query`).
    pub(super) fn der(&self) -> Result<Vec<u8>, ErrorStack> {
        // SAFETY: with null it tells the length; then it writes that many bytes and moves its own copy of the pointer.
        unsafe {
            let length = i2d_TS_REQ(self.0.get(), ptr::null_mut());
            done(length)?;
            let mut bytes = vec![0; length as usize];
            let mut at = bytes.as_mut_ptr();
            done(i2d_TS_REQ(self.0.get(), &mut at))?;
            Ok(bytes)
        }
    }

    /// When it was stamped, if `answer` answers this question; without authorities nobody vouches for that time.
    pub(super) fn verify(
        &self,
        answer: &[u8],
        with_nonce: bool,
        authorities: Option<&[X509]>,
    ) -> Result<DateTime<Utc>, TimestampError> {
        // SAFETY: `answer` outlives the parser, whose copy of the pointer moves within it.
        let response = unsafe {
            let (mut at, length) = (answer.as_ptr(), answer.len() as c_long);
            Owned::new(d2i_TS_RESP(ptr::null_mut(), &mut at, length), TS_RESP_free)?
        };
        let stamped_at = stamped_at(&response);
        // SAFETY: the context copies what it needs of the question; the store's ownership passes to it.
        unsafe {
            let context = Owned::new(TS_REQ_to_TS_VERIFY_CTX(self.0.get(), ptr::null_mut()), TS_VERIFY_CTX_free)?;
            let mut flags = TS_VFY_VERSION | TS_VFY_IMPRINT;
            if with_nonce {
                flags |= TS_VFY_NONCE;
            }
            if let Some(authorities) = authorities {
                flags |= TS_VFY_SIGNATURE | TS_VFY_SIGNER;
                let mut store = X509StoreBuilder::new()?;
                for authority in authorities {
                    store.add_cert(authority.clone())?;
                }
                // Its certificate had to be valid when it stamped, not when somebody looks (RFC 3161, annex B).
                if let Some(at) = stamped_at {
                    let mut then = X509VerifyParam::new()?;
                    then.set_time(at.timestamp());
                    store.set_param(&then)?;
                }
                let store = ManuallyDrop::new(store.build());
                TS_VERIFY_CTX_set_store(context.get(), store.as_ptr());
            }
            TS_VERIFY_CTX_set_flags(context.get(), flags);
            done(TS_RESP_verify_response(context.get(), response.get()))?;
        }
        stamped_at.ok_or_else(|| TimestampError::Invalid("it holds no time".to_owned()))
    }
}

fn nonce_of(nonce: u64) -> Result<Asn1Integer, ErrorStack> {
    Asn1Integer::from_bn(&*BigNum::from_slice(&nonce.to_be_bytes())?)
}

/// The time in an answer, whole seconds; none in one that refuses.
fn stamped_at(response: &Owned) -> Option<DateTime<Utc>> {
    // SAFETY: what the answer lends lives as long as the answer. GeneralizedTime and Time are one C type, `asn1_string_st`.
    unsafe {
        let info = NonNull::new(TS_RESP_get_tst_info(response.get()))?;
        let time = TS_TST_INFO_get_time(info.as_ptr());
        if time.is_null() {
            return None;
        }
        let time = Asn1TimeRef::from_ptr(time.cast_mut().cast());
        let since = Asn1Time::from_unix(0).ok()?.diff(time).ok()?;
        DateTime::UNIX_EPOCH
            .checked_add_signed(TimeDelta::days(since.days.into()) + TimeDelta::seconds(since.secs.into()))
    }
}

/// When `data` was stamped, UTC, whole seconds, if `answer` (`TimeStampResp`, DER) is a time stamp of it. Blocks for
/// the length of a signature.
///
/// Without authorities only what is stamped is compared: the time is what the answer says, and nobody vouches for it.
///
/// # Errors
/// [`TimestampError::Invalid`] with OpenSSL's reason.
pub fn verify_timestamp(
    data: &[u8],
    answer: &[u8],
    authorities: Option<&[X509]>,
) -> Result<DateTime<Utc>, TimestampError> {
    Question::about(data, None)?.verify(answer, false, authorities)
}
