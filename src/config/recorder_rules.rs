//! What `[recorder]` must hold beyond its shape: lengths within reason, and exactly one master key.

use super::fault::{ConfigFault, locate};
use super::schema::Config;
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
        assert_eq!(errors("[recorder]\n"), ["recorder"]);
        assert_eq!(errors(&format!("{key}master_key_env = \"K\"\n")), ["recorder"]);
        assert_eq!(errors("[recorder]\nmaster_key_credential = \"recordings\"\n"), Vec::<String>::new());
        assert_eq!(errors(""), Vec::<String>::new(), "`ecluse check` warns of none at all");
    }
}
