//! Certificates and keys: readable, matching, in date, kept private.

use crate::config::{Config, ConfigFault, Loaded};
use openssl::asn1::Asn1Time;
use openssl::pkey::{PKey, Private};
use openssl::x509::X509;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Every fault of the configured certificates.
pub(super) fn faults(config: &Config, loaded: &Loaded) -> Vec<ConfigFault> {
    let mut found = Vec::new();
    pair("https", &config.https.certificate, &config.https.key, loaded, &mut found);
    pair("rtsp", &config.rtsp.certificate, &config.rtsp.key, loaded, &mut found);
    let authorities =
        [("https", "workstation_ca", &config.https.workstation_ca), ("rtsp", "client_ca", &config.rtsp.client_ca)];
    for (section, key, path) in authorities {
        if let Some(path) = path {
            certificate(section, key, path, loaded, &mut found);
        }
    }
    found
}

/// Whether a file with a secret can be read by users it is not meant for.
pub(super) fn open_to_others(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|metadata| metadata.permissions().mode() & 0o007 != 0)
}

/// Without a callback of our own OpenSSL would ask the terminal for the passphrase, and a server would wait for ever.
fn private_key(pem: &[u8]) -> Result<PKey<Private>, String> {
    let is_encrypted = std::cell::Cell::new(false);
    let no_passphrase = |_: &mut [u8]| {
        is_encrypted.set(true);
        Ok(0)
    };
    PKey::private_key_from_pem_callback(pem, no_passphrase).map_err(|_| {
        let why = if is_encrypted.get() { "encrypted with a passphrase" } else { "not a PEM private key" };
        why.to_owned()
    })
}

fn pair(section: &str, certificate_path: &Path, key_path: &Path, loaded: &Loaded, found: &mut Vec<ConfigFault>) {
    let certificate = certificate(section, "certificate", certificate_path, loaded, found);
    let position = loaded.position(&[section, "key"]);
    let read = std::fs::read(key_path).map_err(|error| error.to_string());
    let key = match read.and_then(|pem| private_key(&pem)) {
        Ok(key) => key,
        Err(error) => {
            found.push(
                ConfigFault::error(
                    format!("{section}.key {}: {error}", key_path.display()),
                    "an unencrypted PEM private key the server may read",
                    "check the path and the file's owner; of an encrypted key: openssl pkey -in KEY -out PLAIN",
                )
                .at(position.clone()),
            );
            return;
        }
    };
    if open_to_others(key_path) {
        found.push(
            ConfigFault::error(
                format!("{section}.key {} can be read by every user", key_path.display()),
                "mode 0600 or 0640",
                format!("chmod 0600 {}; and replace the key if the machine is shared", key_path.display()),
            )
            .at(position.clone()),
        );
    }
    if let Some(certificate) = certificate
        && !certificate.public_key().is_ok_and(|public| public.public_eq(&key))
    {
        found.push(
            ConfigFault::error(
                format!("{section}.key {} is not the key of {section}.certificate", key_path.display()),
                "a certificate and its own key",
                "take both from the same issuance",
            )
            .at(position.clone()),
        );
    }
}

fn certificate(section: &str, key: &str, path: &Path, loaded: &Loaded, found: &mut Vec<ConfigFault>) -> Option<X509> {
    let position = loaded.position(&[section, key]);
    let read = std::fs::read(path).map_err(|error| error.to_string());
    let certificate = match read.and_then(|pem| X509::from_pem(&pem).map_err(|_| "not a PEM certificate".into())) {
        Ok(certificate) => certificate,
        Err(error) => {
            found.push(
                ConfigFault::error(
                    format!("{section}.{key} {}: {error}", path.display()),
                    "a PEM certificate the server may read",
                    "check the path and the file's owner",
                )
                .at(position.clone()),
            );
            return None;
        }
    };
    let (now, soon) = (Asn1Time::days_from_now(0).ok()?, Asn1Time::days_from_now(21).ok()?);
    let until = certificate.not_after().to_string();
    if certificate.not_after() < now {
        found.push(
            ConfigFault::error(
                format!("{section}.{key} {} expired on {until}", path.display()),
                "a certificate in date",
                "renew it",
            )
            .at(position.clone()),
        );
    } else if certificate.not_before() > now {
        found.push(
            ConfigFault::error(
                format!("{section}.{key} {} is valid only from {}", path.display(), certificate.not_before()),
                "a certificate in date",
                "check this machine's clock",
            )
            .at(position.clone()),
        );
    } else if certificate.not_after() < soon {
        found.push(
            ConfigFault::warning(
                format!("{section}.{key} {} expires on {until}", path.display()),
                "more than three weeks left",
                "renew it now: an expired certificate locks cameras or viewers out",
            )
            .at(position.clone()),
        );
    }
    Some(certificate)
}
