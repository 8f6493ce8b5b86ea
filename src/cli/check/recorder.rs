//! Can recordings be made here? Nothing of this forbids starting: without a key or a disk nothing is recorded, and
//! everything live goes on.

use crate::cli::recorder::master_key;
use crate::config::{Config, ConfigFault, Loaded};

/// Every fault of `[recorder]` that its text alone does not show, and its absence.
pub(super) fn faults(config: &Config, loaded: &Loaded) -> Vec<ConfigFault> {
    let Some(recorder) = &config.recorder else {
        return vec![ConfigFault::warning(
            "no [recorder]: nothing is recorded, and what was recorded before goes when its time is up",
            "a [recorder] section with a master key, unless the landlord wants no recordings (A4-10)",
            "add the section; config/ecluse.toml documents every key",
        )];
    };
    let mut found = Vec::new();
    if let Some(Err(error)) = master_key(recorder).map(|source| source.load()) {
        found.push(
            ConfigFault::warning(
                format!("{error}: nothing would be recorded"),
                "the key the recordings are, or are to be, made under",
                "put the key in its place; a lost key makes every recording under it unreadable",
            )
            .at(loaded.position(&["recorder"])),
        );
    }
    let directory = config.recordings_dir();
    let there = directory.ancestors().find(|path| path.exists());
    if let Some(free_mib) = there.and_then(crate::archive::free_mib)
        && free_mib < recorder.keep_free_mib
    {
        found.push(
            ConfigFault::warning(
                format!("recordings {}: {free_mib} MiB are free, nothing would be recorded", directory.display()),
                format!("more than recorder.keep_free_mib = {}", recorder.keep_free_mib),
                "free space, or name a larger disk with recorder.directory",
            )
            .at(loaded.position(&["recorder"])),
        );
    }
    if let Some(offsite) = &recorder.offsite {
        let path = &offsite.secret_access_key_file;
        if let Err((key, why)) = crate::cli::offsite::settings(offsite) {
            let what = format!("recorder.offsite.{key} {why}: nothing would be copied");
            let remedy =
                "check the path; write the secret that belongs to access_key_id into its first line; chmod 0600";
            let fault = ConfigFault::warning(what, "a readable file", remedy);
            found.push(fault.at(loaded.position(&["recorder", "offsite", key])));
        } else if super::certificates::open_to_others(path) {
            found.push(
                ConfigFault::error(
                    format!("recorder.offsite.secret_access_key_file {} can be read by every user", path.display()),
                    "mode 0600 or 0640",
                    format!("chmod 0600 {}", path.display()),
                )
                .at(loaded.position(&["recorder", "offsite", "secret_access_key_file"])),
            );
        }
    }
    if let Some(timestamp) = &recorder.timestamp
        && let Err(why) = crate::cli::recorder::authorities(&timestamp.ca)
    {
        let what = format!("recorder.timestamp.ca {why}");
        let remedy = "check the path; take the authority's certificate from the service's documentation";
        let fault = ConfigFault::error(what, "the PEM of the authority the service's certificate comes from", remedy);
        found.push(fault.at(loaded.position(&["recorder", "timestamp", "ca"])));
    }
    found
}
