//! One DTLS connection without its network: datagrams in, datagrams out, time asked for and told.
//!
//! Wraps OpenSSL so that the rest of the room sees four verbs ([`Handshake::start`], [`input`](Handshake::input),
//! [`timeout`](Handshake::timeout), [`close`](Handshake::close)) and one answer, [`Step`]. Keys leave only inside
//! [`Step::Secured`], and that is made only after the peer's certificate matched and the profile is ours (A6-5).

use super::SRTP_PROFILE;
use super::context::{self, PeerHello};
use super::fingerprint::{Fingerprint, PeerFingerprints};
use super::outcome::{Cause, Negotiated};
use openssl::error::ErrorStack;
use openssl::srtp::SrtpProfileId;
use openssl::ssl::{self, ErrorCode, ShutdownState, Ssl, SslContextRef, SslStream, SslVerifyMode};
use std::io::{self, Read, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// AES-256-GCM: 32 bytes of key, 12 of salt (RFC 7714 section 12).
const KEY_BYTES: usize = 32;
const SALT_BYTES: usize = 12;

/// Type, version, epoch, sequence number, length (RFC 6347 section 4.1).
const RECORD_HEADER_BYTES: usize = 13;

/// Master key and salt of one direction, as `srtpenc` and `srtpdec` take them: key, then salt.
pub(super) type SrtpKey = [u8; KEY_BYTES + SALT_BYTES];

/// Who speaks first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// We send the ClientHello (`a=setup:active`).
    Client,
    /// We wait for it.
    Server,
}

/// What a call led to.
#[derive(Debug)]
pub(super) enum Step {
    /// Nothing new; there may be datagrams to send.
    Pending,
    /// The peer is who its SDP says, and both ends have the keys.
    Secured(Box<Secured>),
    /// Over, without keys.
    Failed(Cause),
    /// Over: the peer said goodbye after it was secured.
    Closed,
}

/// The fruit of a handshake.
pub(super) struct Secured {
    pub negotiated: Negotiated,
    pub peer_pem: String,
    pub send_key: SrtpKey,
    pub receive_key: SrtpKey,
}

impl std::fmt::Debug for Secured {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Never the keys.
        f.debug_struct("Secured").field("negotiated", &self.negotiated).finish_non_exhaustive()
    }
}

/// A DTLS connection.
pub(super) struct Handshake {
    stream: SslStream<Datagrams>,
    role: Role,
    peer: PeerFingerprints,
    /// The certificate that the verification refused.
    stranger: Arc<Mutex<Option<Fingerprint>>>,
    secured: bool,
}

/// The network as OpenSSL sees it: a read yields at most one datagram, a write makes one.
#[derive(Default)]
struct Datagrams {
    incoming: Vec<u8>,
    has_incoming: bool,
    outgoing: Vec<Vec<u8>>,
}

impl Read for Datagrams {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if !std::mem::take(&mut self.has_incoming) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        // Like recv(2) on a UDP socket, what does not fit is lost.
        let bytes = self.incoming.len().min(into.len());
        into[..bytes].copy_from_slice(&self.incoming[..bytes]);
        Ok(bytes)
    }
}

impl Write for Datagrams {
    fn write(&mut self, datagram: &[u8]) -> io::Result<usize> {
        self.outgoing.push(datagram.to_vec());
        Ok(datagram.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Handshake {
    /// Prepares a connection with this run's identity that accepts `peer` alone.
    pub fn new(role: Role, peer: PeerFingerprints) -> Result<Self, Cause> {
        Self::within(context::process().map_err(|detail| Cause::Internal { detail })?, role, peer)
    }

    fn within(context: &SslContextRef, role: Role, peer: PeerFingerprints) -> Result<Self, Cause> {
        let internal = |e: ErrorStack| Cause::Internal { detail: e.to_string() };
        let mut ssl = Ssl::new(context).map_err(internal)?;
        ssl.set_mtu(context::MTU_BYTES).map_err(internal)?;
        context::set_retransmission_timer(&ssl);
        let stranger = Arc::new(Mutex::new(None));
        let (expected, refused) = (peer.clone(), stranger.clone());
        ssl.set_verify_callback(SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT, move |_, chain| {
            // The fingerprint decides alone; issuer and dates mean nothing here. Refusing at this point sends the peer
            // an alert. What is above the leaf is irrelevant.
            if chain.error_depth() != 0 {
                return true;
            }
            let Some(leaf) = chain.current_cert() else { return false };
            let is_expected = expected.matches(leaf);
            if !is_expected {
                *refused.lock().unwrap_or_else(PoisonError::into_inner) = Fingerprint::sha256(leaf).ok();
            }
            is_expected
        });
        match role {
            Role::Client => ssl.set_connect_state(),
            Role::Server => ssl.set_accept_state(),
        }
        let stream = SslStream::new(ssl, Datagrams::default()).map_err(internal)?;
        Ok(Self { stream, role, peer, stranger, secured: false })
    }

    /// Sends the first flight, if it is ours to send.
    pub fn start(&mut self) -> Step {
        self.advance()
    }

    /// Takes a datagram.
    pub fn input(&mut self, datagram: &[u8]) -> Step {
        // Too short for a record header; and no bytes at all would read as the end of the stream.
        if datagram.len() < RECORD_HEADER_BYTES {
            return Step::Pending;
        }
        let network = self.stream.get_mut();
        network.incoming.clear();
        network.incoming.extend_from_slice(datagram);
        network.has_incoming = true;
        let step = self.advance();
        self.stream.get_mut().has_incoming = false;
        step
    }

    /// How long until [`timeout`](Self::timeout) wants to be called; `None` when no flight waits for an answer.
    pub fn next_timeout(&self) -> Option<Duration> {
        context::time_left(self.stream.ssl())
    }

    /// Sends the last flight again if its time has come.
    pub fn timeout(&mut self) -> Step {
        match context::handle_timeout(self.stream.ssl()) {
            Ok(()) => Step::Pending,
            // OpenSSL gives up after a dozen retransmissions of one flight.
            Err(_) => Step::Failed(Cause::TimedOut { after: Duration::ZERO }),
        }
    }

    /// Says goodbye (`close_notify`).
    pub fn close(&mut self) {
        // Fails when there is nobody to say it to.
        let _ = self.stream.shutdown();
    }

    /// The datagrams to send, in order.
    pub fn take_outgoing(&mut self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.stream.get_mut().outgoing)
    }

    fn advance(&mut self) -> Step {
        if self.secured {
            return self.listen();
        }
        match self.stream.do_handshake() {
            Ok(()) => match self.secure() {
                Ok(secured) => {
                    self.secured = true;
                    Step::Secured(Box::new(secured))
                }
                Err(cause) => {
                    self.close();
                    Step::Failed(cause)
                }
            },
            Err(e) if matches!(e.code(), ErrorCode::WANT_READ | ErrorCode::WANT_WRITE) => Step::Pending,
            Err(e) => Step::Failed(self.cause(&e)),
        }
    }

    /// After the handshake: answers retransmissions, notices the goodbye, drops application data (data channels).
    fn listen(&mut self) -> Step {
        let mut scratch = [0_u8; 2048];
        loop {
            match self.stream.ssl_read(&mut scratch) {
                Ok(_) => {}
                Err(_) if self.stream.get_shutdown().contains(ShutdownState::RECEIVED) => return Step::Closed,
                // Nothing left, or a record that is not worth the connection.
                Err(_) => return Step::Pending,
            }
        }
    }

    /// Checks what the handshake led to, and only then asks for the keys.
    fn secure(&self) -> Result<Secured, Cause> {
        let internal = |e: ErrorStack| Cause::Internal { detail: e.to_string() };
        let ssl = self.stream.ssl();
        // Once more, where no callback could have been skipped.
        let certificate =
            ssl.peer_certificate().ok_or_else(|| Cause::Handshake { detail: "no certificate".to_owned() })?;
        if !self.peer.matches(&certificate) {
            return Err(Cause::WrongPeer { got: Fingerprint::sha256(&certificate).map_err(internal)? });
        }
        if ssl.selected_srtp_profile().map(|p| p.id().as_raw()) != Some(SrtpProfileId::SRTP_AEAD_AES_256_GCM.as_raw()) {
            return Err(Cause::NoSrtpProfile { offered: self.hello().map(|h| h.srtp_profiles.clone()) });
        }
        let suite = ssl.current_cipher().filter(|c| c.bits().algorithm == 256);
        let Some(suite) = suite.filter(|_| ssl.version2() == Some(ssl::SslVersion::DTLS1_2)) else {
            return Err(Cause::NoCommonSuite { offered: self.hello().map(|h| h.suites.clone()) });
        };
        let mut material = [0_u8; 2 * (KEY_BYTES + SALT_BYTES)];
        ssl.export_keying_material(&mut material, "EXTRACTOR-dtls_srtp", None).map_err(internal)?;
        // RFC 5764 section 4.2: client key, server key, client salt, server salt.
        let (keys, salts) = material.split_at(2 * KEY_BYTES);
        let side = |number: usize| {
            let mut key = [0_u8; KEY_BYTES + SALT_BYTES];
            key[..KEY_BYTES].copy_from_slice(&keys[number * KEY_BYTES..][..KEY_BYTES]);
            key[KEY_BYTES..].copy_from_slice(&salts[number * SALT_BYTES..][..SALT_BYTES]);
            key
        };
        let (send_key, receive_key) = match self.role {
            Role::Client => (side(0), side(1)),
            Role::Server => (side(1), side(0)),
        };
        Ok(Secured {
            negotiated: Negotiated {
                srtp: SRTP_PROFILE.to_owned(),
                dtls: suite.standard_name().unwrap_or_else(|| suite.name()).to_owned(),
            },
            peer_pem: String::from_utf8_lossy(&certificate.to_pem().map_err(internal)?).into_owned(),
            send_key,
            receive_key,
        })
    }

    fn hello(&self) -> Option<&PeerHello> {
        context::peer_hello(self.stream.ssl())
    }

    /// Why OpenSSL broke off, as far as it can be told.
    fn cause(&self, error: &ssl::Error) -> Cause {
        if let Some(got) = self.stranger.lock().unwrap_or_else(PoisonError::into_inner).take() {
            return Cause::WrongPeer { got };
        }
        let hello = self.hello();
        if let Some(hello) = hello.filter(|h| !h.srtp_profiles.iter().any(|p| p == SRTP_PROFILE)) {
            return Cause::NoSrtpProfile { offered: Some(hello.srtp_profiles.clone()) };
        }
        let reasons = error.ssl_error().map(ErrorStack::errors).unwrap_or_default();
        if reasons.iter().any(|e| context::NO_COMMON_GROUND.contains(&e.reason_code())) {
            return Cause::NoCommonSuite { offered: hello.map(|h| h.suites.clone()) };
        }
        let detail = reasons.iter().find_map(|e| e.reason()).unwrap_or("the connection broke");
        Cause::Handshake { detail: detail.to_owned() }
    }
}

#[cfg(test)]
#[path = "handshake_tests.rs"]
mod tests;
