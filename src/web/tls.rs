//! The TLS end of the web: one AES-256 suite, optional workstation certificates (A6-1, A6-5).

use super::request::Certificate;
use super::settings::{ServeError, WebSettings};
use openssl::nid::Nid;
use openssl::ssl::{
    AlpnError, SslAcceptor, SslFiletype, SslMethod, SslOptions, SslRef, SslSessionCacheMode, SslVerifyMode, SslVersion,
    select_next_proto,
};
use openssl::x509::X509;
use openssl::x509::store::X509StoreBuilder;
use std::path::Path;
use std::sync::Arc;

/// The one suite of TLS 1.3 that is spoken.
pub const TLS13_SUITE: &str = "TLS_AES_256_GCM_SHA384";
/// What TLS 1.2 may use where it is allowed.
const TLS12_SUITES: &str = "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384";
const ALPN: &[u8] = b"\x02h2\x08http/1.1";

/// Makes the acceptor.
///
/// # Errors
/// [`ServeError::Tls`] names the file and what is wrong with it.
pub fn acceptor(settings: &WebSettings) -> Result<SslAcceptor, ServeError> {
    let fault = |what, path: &Path, why: String| ServeError::Tls { what, path: path.to_owned(), why };
    let (certificate, key) = (&settings.certificate_pem, &settings.key_pem);
    let setup = |error: openssl::error::ErrorStack| fault("TLS with certificate", certificate, error.to_string());

    let mut builder = SslAcceptor::mozilla_modern_v5(SslMethod::tls()).map_err(setup)?;
    builder.set_ciphersuites(TLS13_SUITE).map_err(setup)?;
    if settings.allow_tls12 {
        builder.set_min_proto_version(Some(SslVersion::TLS1_2)).map_err(setup)?;
        builder.set_cipher_list(TLS12_SUITES).map_err(setup)?;
        builder.clear_options(SslOptions::NO_TLSV1_2);
    } else {
        builder.set_min_proto_version(Some(SslVersion::TLS1_3)).map_err(setup)?;
    }
    builder.set_options(SslOptions::CIPHER_SERVER_PREFERENCE | SslOptions::NO_RENEGOTIATION);
    // No state is kept for resumption and no early data is taken: a request can be played back neither way.
    builder.set_session_cache_mode(SslSessionCacheMode::OFF);
    builder.set_session_id_context(b"ecluse-web").map_err(setup)?;
    builder
        .set_certificate_chain_file(certificate)
        .map_err(|error| fault("certificate", certificate, error.to_string()))?;
    builder
        .set_private_key_file(key, SslFiletype::PEM)
        .and_then(|()| builder.check_private_key())
        .map_err(|error| fault("private key", key, format!("{error}; expected the key of the certificate, PEM")))?;
    builder.set_alpn_select_callback(|_, offered| select_next_proto(ALPN, offered).ok_or(AlpnError::NOACK));

    if let Some(path) = &settings.workstation_ca_pem {
        let ca = |why: String| fault("workstations' authority", path, why);
        let pem = std::fs::read(path).map_err(|error| ca(error.to_string()))?;
        let authorities = X509::stack_from_pem(&pem).map_err(|error| ca(error.to_string()))?;
        if authorities.is_empty() {
            return Err(ca("expected at least one certificate, PEM".to_owned()));
        }
        let mut store = X509StoreBuilder::new().map_err(setup)?;
        for authority in authorities {
            builder.add_client_ca(&authority).map_err(setup)?;
            store.add_cert(authority).map_err(setup)?;
        }
        builder.set_verify_cert_store(store.build()).map_err(setup)?;
        // Asked for, and checked when presented; that it must be there is for the routes to say.
        builder.set_verify(SslVerifyMode::PEER);
    }
    Ok(builder.build())
}

/// The workstation behind a finished handshake.
pub fn workstation(ssl: &SslRef) -> Option<Arc<Certificate>> {
    let certificate = ssl.peer_certificate()?;
    let name = certificate.subject_name().entries_by_nid(Nid::COMMONNAME).next()?.data().to_string().ok()?;
    let digest = certificate.digest(openssl::hash::MessageDigest::sha256()).ok()?;
    let sha256 = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    Some(Arc::new(Certificate { name, sha256 }))
}
