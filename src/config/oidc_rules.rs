//! What the shape alone cannot say about `[oidc]`.

use super::fault::{ConfigFault, locate};
use super::schema::OidcConfig;
use std::net::IpAddr;

/// Every fault of an `[oidc]` section whose shape is right.
pub(super) fn faults(oidc: &OidcConfig, text: &str, found: &mut Vec<ConfigFault>) {
    let mut error = |key: &str, what: String, expected: &str, remedy: &str| {
        found.push(ConfigFault::error(what, expected, remedy).at(locate(text, &["oidc", key])));
    };
    if !is_tls_or_here(&oidc.issuer) {
        error(
            "issuer",
            format!("oidc.issuer is \"{}\"", oidc.issuer),
            "https://HOST/PATH without query, exactly as the provider's own documents write it",
            "take \"issuer\" from ISSUER/.well-known/openid-configuration; http:// is for a provider on this very machine",
        );
    }
    for (key, value) in [("client_id", &oidc.client_id), ("name", &oidc.name)] {
        if value.trim().is_empty() {
            error(key, format!("oidc.{key} is empty"), "a text", "write it as the provider knows it, or as people do");
        }
    }
    if oidc.roles.is_empty() {
        error(
            "roles",
            "oidc.roles is empty: nobody could log in this way".to_owned(),
            "some of \"decider\", \"guard\", \"dpo\", \"administrator\"",
            "name the landlord's roles that have accounts at the provider, or remove [oidc]",
        );
    }
    for role in oidc.roles.iter().filter(|role| !OidcConfig::ROLES.contains(role)) {
        error(
            "roles",
            format!("oidc.roles holds \"{}\", which is no role of the landlord's", role.as_str()),
            "some of \"decider\", \"guard\", \"dpo\", \"administrator\"",
            "remove it: the police log in on their workstations, by accounts of this server",
        );
    }
    if oidc.second_factor_amr.iter().any(|value| value == "pwd") {
        error(
            "second_factor_amr",
            "oidc.second_factor_amr holds \"pwd\", which says that a password was asked for".to_owned(),
            "values that say that a second factor was asked for, such as \"mfa\" or \"otp\"",
            "remove it; without any, this server asks for its own second factor",
        );
    }
}

/// `https://HOST/...`, or `http://` with a loopback host.
pub(super) fn is_tls_or_here(text: &str) -> bool {
    let (rest, plain) = match (text.strip_prefix("https://"), text.strip_prefix("http://")) {
        (Some(rest), _) => (rest, false),
        (None, Some(rest)) => (rest, true),
        (None, None) => return false,
    };
    let authority = rest.split('/').next().unwrap_or_default();
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let is_here = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    let plain_text = text.bytes().all(|byte| byte.is_ascii_graphic());
    !host.is_empty() && plain_text && !text.contains(['?', '#', '@']) && (!plain || is_here)
}

#[cfg(test)]
mod tests {
    use super::is_tls_or_here;

    #[test]
    fn an_issuer_is_reached_over_tls_or_is_on_this_machine() {
        for good in [
            "https://id.example.org",
            "https://id.example.org:8443/realms/3f",
            "http://127.0.0.1:9000",
            "http://[::1]:9000/x",
        ] {
            assert!(is_tls_or_here(good), "{good}");
        }
        for bad in [
            "",
            "id.example.org",
            "https://",
            "http://id.example.org",
            "https://a?b",
            "https://a#b",
            "https://u@a",
            "https://a b",
        ] {
            assert!(!is_tls_or_here(bad), "{bad}");
        }
    }
}
