//! OpenSSL's side: the one context of this run, and what rust-openssl does not wrap of DTLS.
//!
//! All of the room's `unsafe` is here: DTLS timers, and reading what a ClientHello offered.

use super::identity::Identity;
use super::{DTLS_SUITES, SRTP_PROFILE};
use foreign_types_shared::ForeignTypeRef;
use openssl::error::ErrorStack;
use openssl::ex_data::Index;
use openssl::ssl::{
    ClientHelloResponse, Ssl, SslAlert, SslContext, SslMethod, SslOptions, SslRef, SslSessionCacheMode, SslVersion,
};
use openssl_sys as ffi;
use std::ffi::{c_int, c_uint};
use std::sync::OnceLock;
use std::time::Duration;

/// Largest DTLS datagram we send: fits any path that carries WebRTC media.
pub(super) const MTU_BYTES: u32 = 1200;

/// First wait for an answer. RFC 6347 proposes 1 s; a viewer waits for a picture, and WebRTC peers commonly take 50 ms.
const FIRST_WAIT_US: c_uint = 100_000;
/// The wait doubles up to this, so that a lossy line gets about ten tries in the 10 s a handshake has.
const LONGEST_WAIT_US: c_uint = 1_000_000;

// openssl/ssl.h
const DTLS_CTRL_GET_TIMEOUT: c_int = 73;
const DTLS_CTRL_HANDLE_TIMEOUT: c_int = 74;
const TLSEXT_TYPE_USE_SRTP: c_uint = 14;

/// OpenSSL's reasons (openssl/sslerr.h) for "the two ends have nothing in common": our own findings, then the peer's
/// alerts `handshake_failure`, `protocol_version` and `insufficient_security`.
pub(super) const NO_COMMON_GROUND: [c_int; 7] = [
    193,  // SSL_R_NO_SHARED_CIPHER
    258,  // SSL_R_UNSUPPORTED_PROTOCOL
    267,  // SSL_R_WRONG_SSL_VERSION: an alert in another version
    247,  // SSL_R_UNKNOWN_CIPHER_RETURNED
    1040, // SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE
    1070, // SSL_R_TLSV1_ALERT_PROTOCOL_VERSION
    1071, // SSL_R_TLSV1_ALERT_INSUFFICIENT_SECURITY
];

unsafe extern "C" {
    // In libssl since 1.1.1; not declared by openssl-sys.
    fn DTLS_set_timer_cb(ssl: *mut ffi::SSL, callback: Option<unsafe extern "C" fn(*mut ffi::SSL, c_uint) -> c_uint>);
}

/// What a peer that speaks first offered; kept so that a refusal can be recorded (A6-5).
#[derive(Debug, Default)]
pub(super) struct PeerHello {
    /// SRTP profiles, IANA's names or numbers.
    pub srtp_profiles: Vec<String>,
    /// DTLS suites, IANA's names or numbers.
    pub suites: Vec<String>,
}

/// At most this many names are kept of a hello: its length is the peer's to choose.
const NAMES_KEPT: usize = 32;

fn hello_index() -> Result<Index<Ssl, PeerHello>, ErrorStack> {
    static INDEX: OnceLock<Result<Index<Ssl, PeerHello>, ErrorStack>> = OnceLock::new();
    INDEX.get_or_init(Ssl::new_ex_index).clone()
}

/// The context of this run: identity, suites, profile.
pub(super) fn process() -> Result<&'static SslContext, String> {
    static PROCESS: OnceLock<Result<SslContext, String>> = OnceLock::new();
    PROCESS
        .get_or_init(|| {
            let identity = Identity::process().map_err(|e| e.to_string())?;
            build(&identity, SRTP_PROFILE, DTLS_SUITES).map_err(|e| e.to_string())
        })
        .as_ref()
        .map_err(Clone::clone)
}

pub(super) fn build(identity: &Identity, srtp_profile: &str, suites: &str) -> Result<SslContext, ErrorStack> {
    let mut builder = SslContext::builder(SslMethod::dtls())?;
    builder.set_min_proto_version(Some(SslVersion::DTLS1_2))?;
    builder.set_max_proto_version(Some(SslVersion::DTLS1_2))?;
    builder.set_cipher_list(suites)?;
    builder.set_tlsext_use_srtp(srtp_profile)?;
    builder.set_certificate(identity.certificate())?;
    builder.set_private_key(identity.key())?;
    builder.check_private_key()?;
    builder.set_options(
        SslOptions::NO_QUERY_MTU
            | SslOptions::NO_TICKET
            | SslOptions::NO_COMPRESSION
            | SslOptions::NO_RENEGOTIATION
            | SslOptions::CIPHER_SERVER_PREFERENCE,
    );
    // Every session proves itself anew.
    builder.set_session_cache_mode(SslSessionCacheMode::OFF);
    let index = hello_index()?;
    builder.set_client_hello_callback(move |ssl, alert| {
        let hello = read_hello(ssl);
        let has_profile = hello.srtp_profiles.iter().any(|p| p == SRTP_PROFILE);
        ssl.set_ex_data(index, hello);
        if has_profile {
            Ok(ClientHelloResponse::SUCCESS)
        } else {
            // No use in a connection that can carry no media: refuse before any signature is made.
            *alert = SslAlert::HANDSHAKE_FAILURE;
            Err(ErrorStack::get())
        }
    });
    Ok(builder.build())
}

/// What the peer's ClientHello offered; `None` when we spoke first, or none came.
pub(super) fn peer_hello(ssl: &SslRef) -> Option<&PeerHello> {
    ssl.ex_data(hello_index().ok()?)
}

/// Reads the offers; valid in the ClientHello callback only.
fn read_hello(ssl: &mut SslRef) -> PeerHello {
    let number = |pair: &[u8]| u16::from_be_bytes([pair[0], pair[1]]);
    let suites = ssl.client_hello_ciphers().unwrap_or_default();
    let suites = suites.chunks_exact(2).take(NAMES_KEPT).map(|pair| suite_name(ssl, number(pair), pair)).collect();
    // RFC 5764 section 4.1.1: length of the list, pairs, then the MKI.
    let extension = client_hello_extension(ssl, TLSEXT_TYPE_USE_SRTP).unwrap_or_default();
    let list = extension
        .split_first_chunk::<2>()
        .map_or(&[][..], |(length, rest)| rest.get(..usize::from(u16::from_be_bytes(*length))).unwrap_or_default());
    let srtp_profiles = list.chunks_exact(2).take(NAMES_KEPT).map(|pair| profile_name(number(pair))).collect();
    PeerHello { srtp_profiles, suites }
}

fn suite_name(ssl: &SslRef, number: u16, pair: &[u8]) -> String {
    ssl.bytes_to_cipher_list(pair, false)
        .ok()
        .and_then(|lists| lists.suites.iter().next().and_then(|c| c.standard_name()).map(str::to_owned))
        .unwrap_or_else(|| format!("0x{number:04X}"))
}

/// IANA's "DTLS-SRTP Protection Profiles".
fn profile_name(number: u16) -> String {
    match number {
        0x0001 => "SRTP_AES128_CM_HMAC_SHA1_80",
        0x0002 => "SRTP_AES128_CM_HMAC_SHA1_32",
        0x0005 => "SRTP_NULL_HMAC_SHA1_80",
        0x0006 => "SRTP_NULL_HMAC_SHA1_32",
        0x0007 => "SRTP_AEAD_AES_128_GCM",
        0x0008 => SRTP_PROFILE,
        other => return format!("0x{other:04X}"),
    }
    .to_owned()
}

/// The body of an extension of the ClientHello being processed.
fn client_hello_extension(ssl: &mut SslRef, kind: c_uint) -> Option<&[u8]> {
    let mut start = std::ptr::null();
    let mut length = 0;
    // SAFETY: `ssl` is a live SSL, the two outputs are valid for writes. Outside the ClientHello callback OpenSSL finds
    // no hello and returns 0.
    let found = unsafe { ffi::SSL_client_hello_get0_ext(ssl.as_ptr(), kind, &mut start, &mut length) };
    if found != 1 || start.is_null() {
        return None;
    }
    // SAFETY: OpenSSL returned 1, so `start` points at `length` bytes of the hello, which live as long as the callback
    // runs; the borrow of `ssl` keeps the caller from going on with the handshake meanwhile.
    Some(unsafe { std::slice::from_raw_parts(start, length) })
}

/// Makes flights be repeated after 100 ms, then ever later.
pub(super) fn set_retransmission_timer(ssl: &SslRef) {
    unsafe extern "C" fn next_wait_us(_: *mut ffi::SSL, last_us: c_uint) -> c_uint {
        match last_us {
            0 => FIRST_WAIT_US,
            last_us => last_us.saturating_mul(2).min(LONGEST_WAIT_US),
        }
    }
    // SAFETY: `ssl` is a live SSL; the callback is a function without state, valid for ever, and cannot unwind.
    unsafe { DTLS_set_timer_cb(ssl.as_ptr(), Some(next_wait_us)) }
}

/// Time until the current flight wants to be sent again; `None` when no timer runs.
pub(super) fn time_left(ssl: &SslRef) -> Option<Duration> {
    let mut left = libc::timeval { tv_sec: 0, tv_usec: 0 };
    // SAFETY: `ssl` is a live SSL; for this command OpenSSL writes one timeval through the pointer (DTLSv1_get_timeout).
    let running = unsafe { ffi::SSL_ctrl(ssl.as_ptr(), DTLS_CTRL_GET_TIMEOUT, 0, (&raw mut left).cast()) };
    (running == 1).then(|| {
        let seconds = u64::try_from(left.tv_sec).unwrap_or(0);
        let micros = u64::try_from(left.tv_usec).unwrap_or(0);
        Duration::from_secs(seconds) + Duration::from_micros(micros)
    })
}

/// Sends the current flight again if its time has come.
///
/// # Errors
/// When it has been sent too often.
pub(super) fn handle_timeout(ssl: &SslRef) -> Result<(), ErrorStack> {
    // SAFETY: `ssl` is a live SSL; this command takes no argument (DTLSv1_handle_timeout). It writes to the connection's
    // own stream, which nobody else borrows: the caller holds the Handshake exclusively.
    let done = unsafe { ffi::SSL_ctrl(ssl.as_ptr(), DTLS_CTRL_HANDLE_TIMEOUT, 0, std::ptr::null_mut()) };
    // Clears this thread's error queue too, so that the next call does not find our leftovers.
    let errors = ErrorStack::get();
    if done < 0 { Err(errors) } else { Ok(()) }
}
