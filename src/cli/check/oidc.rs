//! The identity provider's files.

use crate::config::{Config, ConfigFault, Loaded};
use openssl::x509::X509;

/// Every fault of `[oidc]` that its text alone does not show. The provider itself is not asked: it may be down now and up
/// when it is needed.
pub(super) fn faults(config: &Config, loaded: &Loaded) -> Vec<ConfigFault> {
    let Some(oidc) = &config.oidc else { return Vec::new() };
    let mut found = Vec::new();
    let mut fault = |key: &str, what: String, expected: &str, remedy: String| {
        found.push(ConfigFault::error(what, expected, remedy).at(loaded.position(&["oidc", key])));
    };
    let path = &oidc.client_secret_file;
    let trouble = match std::fs::read_to_string(path) {
        Err(error) => Some(error.to_string()),
        Ok(text) if text.lines().next().unwrap_or_default().trim().is_empty() => {
            Some("its first line is empty".to_owned())
        }
        Ok(_) => None,
    };
    if let Some(trouble) = trouble {
        fault(
            "client_secret_file",
            format!("oidc.client_secret_file {}: {trouble}", path.display()),
            "a readable file whose first line is the client's secret",
            "write the secret the provider gave for oidc.client_id into it; chmod 0600 FILE".to_owned(),
        );
    } else if super::certificates::open_to_others(path) {
        fault(
            "client_secret_file",
            format!("oidc.client_secret_file {} can be read by every user", path.display()),
            "mode 0600 or 0640",
            format!("chmod 0600 {}", path.display()),
        );
    }
    if let Some(path) = &oidc.ca {
        let read = std::fs::read(path).map_err(|error| error.to_string());
        let certificates =
            read.and_then(|pem| X509::stack_from_pem(&pem).map_err(|_| "no PEM certificate in it".into()));
        if let Some(trouble) = match certificates {
            Ok(certificates) if certificates.is_empty() => Some("no PEM certificate in it".to_owned()),
            Ok(_) => None,
            Err(trouble) => Some(trouble),
        } {
            fault(
                "ca",
                format!("oidc.ca {}: {trouble}", path.display()),
                "the PEM of the authority the provider's certificate comes from",
                "check the path; remove the line if it is one the system believes anyway".to_owned(),
            );
        }
    }
    found
}
