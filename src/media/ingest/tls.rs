//! TLS for cameras: AES-256-GCM or nothing (A6-4, A6-5).

use super::event::RefuseReason;
use super::{IngestError, IngestSettings};
use openssl::error::ErrorStack;
use openssl::ex_data::Index;
use openssl::ssl::{
    ClientHelloResponse, Ssl, SslContext, SslContextBuilder, SslFiletype, SslMethod, SslOptions, SslRef,
    SslSessionCacheMode, SslVerifyMode, SslVersion,
};
use openssl::x509::store::X509StoreBuilder;
use openssl::x509::{X509, X509Name};
use std::sync::OnceLock;

/// The suites in force, OpenSSL's names: one for TLS 1.3, two for TLS 1.2 (A6-5).
pub const TLS_SUITES: &str = "TLS_AES_256_GCM_SHA384:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384";
const TLS13: &str = "TLS_AES_256_GCM_SHA384";
const TLS12: &str = "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384";
const GROUPS: &str = "X25519:P-384:P-256";
/// How many offered suites a refusal names.
const NAMED: usize = 40;

/// Builds the server side once: certificate, key, suites and, where cameras use them, client certificates.
pub(super) fn acceptor(settings: &IngestSettings) -> Result<SslContext, IngestError> {
    let mut tls = SslContextBuilder::new(SslMethod::tls_server())?;
    tls.set_min_proto_version(Some(SslVersion::TLS1_2))?;
    tls.set_cipher_list(TLS12)?;
    tls.set_ciphersuites(TLS13)?;
    tls.set_groups_list(GROUPS)?;
    tls.set_security_level(2);
    // No resumption: every connection proves itself anew, and a revoked certificate is out at once.
    tls.set_session_cache_mode(SslSessionCacheMode::OFF);
    tls.set_num_tickets(0)?;
    tls.set_options(
        SslOptions::NO_TICKET
            | SslOptions::NO_RENEGOTIATION
            | SslOptions::NO_COMPRESSION
            | SslOptions::CIPHER_SERVER_PREFERENCE,
    );
    // One system call may bring several records; publishers send one per packet.
    tls.set_read_ahead(true);
    let pem = |what, path: &std::path::Path| {
        let path = path.to_owned();
        move |errors: ErrorStack| IngestError::Pem { what, path, detail: reason(&errors) }
    };
    tls.set_certificate_chain_file(&settings.certificate_pem)
        .map_err(pem("RTSPS certificate (PEM, with its intermediates)", &settings.certificate_pem))?;
    tls.set_private_key_file(&settings.key_pem, SslFiletype::PEM)
        .map_err(pem("RTSPS private key (PEM, not encrypted)", &settings.key_pem))?;
    tls.check_private_key().map_err(pem("RTSPS private key (must belong to the certificate)", &settings.key_pem))?;
    if let Some(path) = &settings.client_ca_pem {
        trust(&mut tls, path)?;
    }
    note_offers(&mut tls)?;
    Ok(tls.build())
}

/// Client certificates are asked for, verified when shown, and not required here: each camera's path says what it needs.
fn trust(tls: &mut SslContextBuilder, path: &std::path::Path) -> Result<(), IngestError> {
    let fault =
        |detail: String| IngestError::Pem { what: "client certificate authority (PEM)", path: path.to_owned(), detail };
    let bytes = std::fs::read(path).map_err(|e| fault(e.to_string()))?;
    let authorities = X509::stack_from_pem(&bytes).map_err(|e| fault(reason(&e)))?;
    if authorities.is_empty() {
        return Err(fault("holds no certificate".to_owned()));
    }
    let mut store = X509StoreBuilder::new()?;
    let mut names = openssl::stack::Stack::<X509Name>::new()?;
    for authority in authorities {
        names.push(authority.subject_name().to_owned()?)?;
        store.add_cert(authority)?;
    }
    tls.set_verify_cert_store(store.build())?;
    tls.set_client_ca_list(names);
    tls.set_verify(SslVerifyMode::PEER);
    Ok(())
}

/// Keeps the names of the suites a client offers, for the log of a refusal.
fn note_offers(tls: &mut SslContextBuilder) -> Result<(), ErrorStack> {
    let index = offers()?;
    tls.set_client_hello_callback(move |ssl, _alert| {
        let names = ssl.client_hello_ciphers().map(<[u8]>::to_owned).and_then(|bytes| {
            let lists = ssl.bytes_to_cipher_list(&bytes, ssl.client_hello_isv2()).ok()?;
            let name = |cipher: &openssl::ssl::SslCipherRef| cipher.standard_name().unwrap_or(cipher.name()).to_owned();
            Some(lists.suites.iter().take(NAMED).map(name).collect::<Vec<_>>())
        });
        ssl.set_ex_data(index, names.unwrap_or_default());
        Ok(ClientHelloResponse::SUCCESS)
    });
    Ok(())
}

fn offers() -> Result<Index<Ssl, Vec<String>>, ErrorStack> {
    static INDEX: OnceLock<Index<Ssl, Vec<String>>> = OnceLock::new();
    match INDEX.get() {
        Some(index) => Ok(*index),
        None => {
            let index = Ssl::new_ex_index()?;
            Ok(*INDEX.get_or_init(|| index))
        }
    }
}

/// Says why a handshake failed, as typed as OpenSSL lets us.
pub(super) fn refusal(ssl: &SslRef, error: &openssl::ssl::Error) -> RefuseReason {
    let offered = || offers().ok().and_then(|index| ssl.ex_data(index).cloned()).unwrap_or_default();
    match error.ssl_error() {
        Some(errors) => {
            let text = reason(errors);
            let weak = ["no shared cipher", "unsupported protocol", "no suitable", "version too low"];
            if weak.iter().any(|w| text.contains(w)) {
                RefuseReason::WeakTls { offered: offered() }
            } else if text.contains("certificate") {
                RefuseReason::Tls(format!("client certificate: {text} ({})", ssl.verify_result()))
            } else {
                RefuseReason::Tls(text)
            }
        }
        None => RefuseReason::Tls(error.io_error().map_or_else(|| "the peer hung up".to_owned(), ToString::to_string)),
    }
}

/// Suite of a finished handshake, IANA's name.
pub(super) fn suite(ssl: &SslRef) -> Option<String> {
    ssl.current_cipher().map(|cipher| cipher.standard_name().unwrap_or(cipher.name()).to_owned())
}

/// SHA-256 of the client certificate, when one was shown and verified.
pub(super) fn certificate_sha256(ssl: &SslRef) -> Option<[u8; 32]> {
    let certificate = ssl.peer_certificate()?;
    if ssl.verify_result() != openssl::x509::X509VerifyResult::OK {
        return None;
    }
    let digest = certificate.digest(openssl::hash::MessageDigest::sha256()).ok()?;
    digest.as_ref().try_into().ok()
}

/// OpenSSL's reasons without its source lines.
fn reason(errors: &ErrorStack) -> String {
    let reasons: Vec<_> = errors.errors().iter().filter_map(|error| error.reason()).collect();
    if reasons.is_empty() { errors.to_string() } else { reasons.join("; ") }
}
