//! What `[recorder]` must hold beyond its shape: lengths within reason, and exactly one master key.

use super::fault::{ConfigFault, locate};
use super::oidc_rules::is_tls_or_here;
use super::schema::{Config, OffsiteConfig};
use std::ops::RangeInclusive;

const RETENTION_DAYS: RangeInclusive<u64> = 1..=30;
const SEGMENT_S: RangeInclusive<u64> = 5..=3_600;
const FRAGMENT_MS: RangeInclusive<u64> = 200..=10_000;

/// Every fault of the section.
pub(super) fn faults(config: &Config, text: &str, found: &mut Vec<ConfigFault>) {
    let Some(recorder) = &config.recorder else { return };
    let numbers = [
        (
            "retention_days",
            u64::from(recorder.retention_days),
            RETENTION_DAYS,
            "30 x 24 h is the convention's most (A5-4)",
        ),
        ("segment_s", recorder.segment_s, SEGMENT_S, "60 suits everybody"),
        ("fragment_ms", recorder.fragment_ms, FRAGMENT_MS, "1000 suits everybody"),
    ];
    for (key, value, allowed, remedy) in numbers {
        if !allowed.contains(&value) {
            let expected = format!("{} to {}", allowed.start(), allowed.end());
            let fault = ConfigFault::error(format!("recorder.{key} is {value}"), expected, remedy);
            found.push(fault.at(locate(text, &["recorder", key])));
        }
    }
    let floor_mib = recorder.keep_free_mib.saturating_add(recorder.hold_reserve_mib);
    if recorder.warn_free_mib < floor_mib {
        let what = format!("recorder.warn_free_mib is {}", recorder.warn_free_mib);
        let expected = format!("at least keep_free_mib + hold_reserve_mib, {floor_mib}");
        let remedy = "the warning would come after recording has stopped";
        found.push(ConfigFault::error(what, expected, remedy).at(locate(text, &["recorder", "warn_free_mib"])));
    }
    let keys = [
        ("master_key_file", recorder.master_key_file.is_some()),
        ("master_key_credential", recorder.master_key_credential.is_some()),
        ("master_key_env", recorder.master_key_env.is_some()),
    ];
    let given: Vec<&str> = keys.iter().filter(|(_, given)| *given).map(|(key, _)| *key).collect();
    if given.len() != 1 {
        let what = match given.is_empty() {
            true => "[recorder] has no master key: recordings are encrypted or not made".to_owned(),
            false => format!("[recorder] has {}", given.join(" and ")),
        };
        let expected = "one of master_key_file, master_key_credential, master_key_env";
        let remedy = "`ecluse recordings new-key FILE` makes a key; keep a copy of it apart from the recordings";
        found.push(ConfigFault::error(what, expected, remedy).at(locate(text, &["recorder"])));
    }
    if let Some(offsite) = &recorder.offsite {
        offsite_faults(offsite, text, found);
    }
    if let Some(timestamp) = &recorder.timestamp
        && !http::Uri::try_from(&timestamp.url).is_ok_and(|url| {
            matches!(url.scheme_str(), Some("http" | "https")) && url.host().is_some_and(|host| !host.is_empty())
        })
    {
        let what = format!("recorder.timestamp.url is \"{}\"", timestamp.url);
        let remedy = "take it from the service's documentation (RFC 3161 over HTTP)";
        let fault = ConfigFault::error(what, "http://HOST/PATH or https://HOST/PATH", remedy);
        found.push(fault.at(locate(text, &["recorder", "timestamp", "url"])));
    }
}

/// Every fault of `[recorder.offsite]`.
fn offsite_faults(offsite: &OffsiteConfig, text: &str, found: &mut Vec<ConfigFault>) {
    let mut error = |key: &str, what: String, expected: &str, remedy: &str| {
        found.push(ConfigFault::error(what, expected, remedy).at(locate(text, &["recorder", "offsite", key])));
    };
    if !is_tls_or_here(&offsite.endpoint) {
        error(
            "endpoint",
            format!("recorder.offsite.endpoint is \"{}\"", offsite.endpoint),
            "https://HOST or https://HOST:PORT",
            "recordings leave the machine over TLS alone; http:// is for a storage on this very machine",
        );
    }
    for (key, value) in
        [("bucket", &offsite.bucket), ("access_key_id", &offsite.access_key_id), ("region", &offsite.region)]
    {
        if value.trim().is_empty() {
            let remedy = "write it as the storage knows it";
            error(key, format!("recorder.offsite.{key} is empty"), "a text", remedy);
        }
    }
    let is_part = |part: &str| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        !part.is_empty() && !part.starts_with('.') && part.bytes().all(plain)
    };
    if !offsite.prefix.split('/').all(is_part) {
        error(
            "prefix",
            format!("recorder.offsite.prefix is \"{}\"", offsite.prefix),
            "letters, digits, \"-\", \"_\" and \".\", parts separated by \"/\"",
            "one prefix of its own for this server: what is under it is deleted with the recordings",
        );
    }
}

#[cfg(test)]
mod tests {
    use crate::config::{Config, Severity};
    use std::path::Path;

    /// The errors of the demo's configuration with this section in place of its own, by key.
    fn errors(section: &str) -> Vec<String> {
        let text = include_str!("../../config/demo/ecluse.toml");
        let (before, rest) = text.split_once("[recorder]").unwrap();
        let after = rest.split_once("\n[").unwrap().1;
        let (_, faults) = Config::parse(&format!("{before}{section}\n[{after}"), Path::new("."));
        let errors = faults.into_iter().filter(|fault| fault.severity == Severity::Error);
        errors.map(|fault| fault.position.map(|at| at.key).unwrap_or_default()).collect()
    }

    #[test]
    fn a5_4_no_more_than_thirty_days_and_exactly_one_master_key() {
        let key = "[recorder]\nmaster_key_file = \"k\"\n";
        for days in [1, 30] {
            assert_eq!(errors(&format!("{key}retention_days = {days}\n")), Vec::<String>::new());
        }
        for days in [0, 31] {
            assert_eq!(errors(&format!("{key}retention_days = {days}\n")), ["recorder.retention_days"]);
        }
        assert_eq!(
            errors(&format!("{key}segment_s = 4\nfragment_ms = 100\n")),
            ["recorder.segment_s", "recorder.fragment_ms"]
        );
        assert_eq!(errors(&format!("{key}warn_free_mib = 100\n")), ["recorder.warn_free_mib"]);
        assert_eq!(errors("[recorder]\n"), ["recorder"]);
        assert_eq!(errors(&format!("{key}master_key_env = \"K\"\n")), ["recorder"]);
        assert_eq!(errors("[recorder]\nmaster_key_credential = \"recordings\"\n"), Vec::<String>::new());
        let copy = "[recorder.offsite]\nbucket = \"b\"\naccess_key_id = \"k\"\nsecret_access_key_file = \"s\"\n";
        assert_eq!(errors(&format!("{key}{copy}endpoint = \"https://s3.example.org\"\n")), Vec::<String>::new());
        assert_eq!(errors(&format!("{key}{copy}endpoint = \"http://127.0.0.1:9000\"\n")), Vec::<String>::new());
        assert_eq!(
            errors(&format!("{key}{copy}endpoint = \"http://s3.example.org\"\nprefix = \"a//b\"\nregion = \"\"\n")),
            ["recorder.offsite.endpoint", "recorder.offsite.region", "recorder.offsite.prefix"]
        );
        let stamp = "[recorder.timestamp]\nca = \"tsa.pem\"\n";
        for url in ["http://tsa.example.org/", "https://tsa.example.org:8443/tsr"] {
            assert_eq!(errors(&format!("{key}{stamp}url = \"{url}\"\n")), Vec::<String>::new());
        }
        for url in ["", "tsa.example.org", "ftp://tsa.example.org"] {
            assert_eq!(errors(&format!("{key}{stamp}url = \"{url}\"\n")), ["recorder.timestamp.url"], "{url}");
        }
        assert_eq!(errors(""), Vec::<String>::new(), "`ecluse check` warns of none at all");
    }
}
