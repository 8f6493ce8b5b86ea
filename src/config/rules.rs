//! What the shape alone cannot say: references, duplicates, dates, towns.

use super::fault::{ConfigFault, locate};
use super::schema::{CameraConfig, Config, SecondFactorConfig, SiteConfig};
use std::collections::BTreeMap;
use std::net::SocketAddr;

/// Every fault of a configuration whose shape is right.
pub(super) fn faults(config: &Config, text: &str) -> Vec<ConfigFault> {
    let mut found = Vec::new();
    public_url(config, text, &mut found);
    listeners(config, text, &mut found);
    second_factor(config, text, &mut found);
    lockout(config, text, &mut found);
    workstations(config, text, &mut found);
    register(config, text, &mut found);
    retention(config, text, &mut found);
    duplicates(config, text, &mut found);
    if let Some(mail) = &config.mail {
        super::mail_rules::faults(mail, text, &mut found);
    }
    super::recorder_rules::faults(config, text, &mut found);
    if let Some(oidc) = &config.oidc {
        super::oidc_rules::faults(oidc, text, &mut found);
    }
    if config.site.is_empty() {
        found.push(ConfigFault::warning(
            "no [[site]]: nothing can be asked for",
            "at least one site with its cameras",
            "add a [[site]] section",
        ));
    }
    for (index, site) in config.site.iter().enumerate() {
        let index = index.to_string();
        site_rules(config, site, &index, text, &mut found);
        for (camera_index, camera) in site.camera.iter().enumerate() {
            let key = ["site", &index, "camera", &camera_index.to_string()].map(str::to_owned);
            camera_rules(config, camera, &key, text, &mut found);
        }
    }
    if config.webrtc.udp_ports.count() < 16 {
        found.push(
            ConfigFault::warning(
                format!("webrtc.udp_ports has {} ports", config.webrtc.udp_ports.count()),
                "one port per viewer, at least 16",
                "widen the range, and open it in the firewall",
            )
            .at(locate(text, &["webrtc", "udp_ports"])),
        );
    }
    found
}

fn public_url(config: &Config, text: &str, found: &mut Vec<ConfigFault>) {
    let url = &config.https.public_url;
    let rest = url.strip_prefix("https://").unwrap_or_default();
    if rest.is_empty() || rest.trim_end_matches('/').contains('/') {
        found.push(
            ConfigFault::error(
                format!("https.public_url is \"{url}\""),
                "https://HOST or https://HOST:PORT, without a path",
                "write the address people type; mails carry links made from it",
            )
            .at(locate(text, &["https", "public_url"])),
        );
    }
}

/// Two listeners on one port: each alone would find it free.
fn listeners(config: &Config, text: &str, found: &mut Vec<ConfigFault>) {
    let mut known = vec![("https", config.https.listen)];
    let others =
        [("rtsp", Some(config.rtsp.listen)), ("metrics", config.metrics.as_ref().map(|metrics| metrics.listen))];
    for (section, address) in others.into_iter().filter_map(|(section, address)| Some((section, address?))) {
        let meets = |other: &SocketAddr| {
            other.port() == address.port()
                && (other.ip() == address.ip() || other.ip().is_unspecified() || address.ip().is_unspecified())
        };
        if address.port() != 0
            && let Some((other, taken)) = known.iter().find(|(_, other)| meets(other))
        {
            found.push(
                ConfigFault::error(
                    format!("{section}.listen is {address}, and {other}.listen is {taken}"),
                    "a port of its own for each listener",
                    "change one of them",
                )
                .at(locate(text, &[section, "listen"])),
            );
        }
        known.push((section, address));
    }
}

fn register(config: &Config, text: &str, found: &mut Vec<ConfigFault>) {
    if let Some(origin) = config.register.origin.as_ref().filter(|origin| !crate::register::is_name(origin)) {
        found.push(
            ConfigFault::error(
                format!("register.origin is \"{origin}\""),
                "1 to 255 characters without blanks and without \"+\", such as \"ecluse.example.org/register\"",
                "choose a name once and keep it: witnesses know the register by it",
            )
            .at(locate(text, &["register", "origin"])),
        );
    }
    for address in &config.register.witnesses {
        let is_address = |(name, host): (&str, &str)| !name.is_empty() && !host.is_empty();
        if !address.split_once('@').is_some_and(is_address) || address.contains(char::is_whitespace) {
            found.push(
                ConfigFault::error(
                    format!("register.witnesses holds \"{address}\""),
                    "e-mail addresses",
                    "correct it: a witness who is sent nothing vouches for nothing",
                )
                .at(locate(text, &["register", "witnesses"])),
            );
        }
    }
}

fn retention(config: &Config, text: &str, found: &mut Vec<ConfigFault>) {
    let rules = [
        (
            "register_days",
            config.retention.register_days,
            365..=3650,
            "three years, 1095, unless the impact assessment says why not",
        ),
        (
            "connections_days",
            config.retention.connections_days,
            180..=365,
            "logs of access are kept six to twelve months",
        ),
    ];
    for (name, days, bounds, hint) in rules {
        if !bounds.contains(&days) {
            let (least, most) = (bounds.start(), bounds.end());
            found.push(
                ConfigFault::error(format!("retention.{name} is {days}"), format!("{least} to {most} days"), hint)
                    .at(locate(text, &["retention", name])),
            );
        }
    }
}

fn second_factor(config: &Config, text: &str, found: &mut Vec<ConfigFault>) {
    let listen = config.https.listen;
    if config.auth.second_factor == SecondFactorConfig::Off && !listen.ip().is_loopback() {
        found.push(
            ConfigFault::error(
                format!("auth.second_factor is \"off\", and https.listen is {listen}"),
                "\"required\": every person logs in with a second factor",
                "remove the line; \"off\" is for trials with https.listen on a loopback address",
            )
            .at(locate(text, &["auth", "second_factor"])),
        );
    }
}

fn lockout(config: &Config, text: &str, found: &mut Vec<ConfigFault>) {
    let auth = &config.auth;
    for (key, value, bounds) in [
        ("lockout_attempts", u64::from(auth.lockout_attempts), 3..=100),
        ("lockout_window_min", auth.lockout_window_min, 1..=1_440),
        ("lockout_min", auth.lockout_min, 1..=1_440),
    ] {
        if !bounds.contains(&value) {
            found.push(
                ConfigFault::error(
                    format!("auth.{key} is {value}"),
                    format!("a whole number from {} to {}", bounds.start(), bounds.end()),
                    "correct it, or remove the line for the default",
                )
                .at(locate(text, &["auth", key])),
            );
        }
    }
}

fn workstations(config: &Config, text: &str, found: &mut Vec<ConfigFault>) {
    if config.https.workstation_ca.is_none() && !config.https.listen.ip().is_loopback() {
        found.push(
            ConfigFault::warning(
                "https.workstation_ca is not set: operators and chiefs can log in from any machine (A6-1)",
                "the authority of the dedicated workstations",
                "set https.workstation_ca, then `ecluse workstation issue`; docs/guide/poste.md says how",
            )
            .at(locate(text, &["https", "workstation_ca"])),
        );
    }
}

fn duplicates(config: &Config, text: &str, found: &mut Vec<ConfigFault>) {
    let mut seen: BTreeMap<String, ()> = BTreeMap::new();
    let mut look = |kind: &str, id: &str, key: &[&str]| {
        if seen.insert(format!("{kind} {id}"), ()).is_some() {
            found.push(
                ConfigFault::error(
                    format!("{kind} id \"{id}\" is used twice"),
                    "an id of its own for each, across all sites",
                    "rename one of them",
                )
                .at(locate(text, key)),
            );
        }
    };
    for (index, service) in config.service.iter().enumerate() {
        look("service", service.id.as_str(), &["service", &index.to_string(), "id"]);
    }
    for (index, site) in config.site.iter().enumerate() {
        let index = index.to_string();
        look("site", site.id.as_str(), &["site", &index, "id"]);
        for (camera_index, camera) in site.camera.iter().enumerate() {
            look("camera", camera.id.as_str(), &["site", &index, "camera", &camera_index.to_string(), "id"]);
        }
    }
}

fn site_rules(config: &Config, site: &SiteConfig, index: &str, text: &str, found: &mut Vec<ConfigFault>) {
    let convention = &site.convention;
    if convention.valid_from > convention.valid_until {
        found.push(
            ConfigFault::error(
                format!(
                    "the convention of site \"{}\" ends ({}) before it begins ({})",
                    site.id, convention.valid_until, convention.valid_from
                ),
                "valid_from on or before valid_until (A8-1)",
                "correct the dates",
            )
            .at(locate(text, &["site", index, "convention", "valid_until"])),
        );
    }
    match config.service.iter().find(|service| service.id == site.service) {
        None => found.push(
            ConfigFault::error(
                format!("site \"{}\" names the service \"{}\", which is not declared", site.id, site.service),
                "the id of a [[service]] (A2-1)",
                "declare the service or correct the id",
            )
            .at(locate(text, &["site", index, "service"])),
        ),
        Some(service) if service.town != convention.town => found.push(
            ConfigFault::error(
                format!(
                    "service \"{}\" is of {}, the convention of site \"{}\" is of {}",
                    service.id, service.town, site.id, convention.town
                ),
                "a recipient of the convention's own town",
                "correct the town or the recipient: images go to the town that signed, to no other",
            )
            .at(locate(text, &["site", index, "service"])),
        ),
        Some(_) => {}
    }
    if site.addresses.is_empty() {
        found.push(
            ConfigFault::error(
                format!("site \"{}\" has no address", site.id),
                "the convention's addresses (A1-1)",
                "add addresses = [\"...\"]",
            )
            .at(locate(text, &["site", index, "addresses"])),
        );
    }
    if site.camera.is_empty() {
        found.push(
            ConfigFault::warning(
                format!("site \"{}\" has no camera", site.id),
                "at least one [[site.camera]]",
                "add its cameras, or remove the site",
            )
            .at(locate(text, &["site", index, "id"])),
        );
    }
}

fn camera_rules(config: &Config, camera: &CameraConfig, key: &[String; 4], text: &str, found: &mut Vec<ConfigFault>) {
    let at = |field: &str| {
        let mut path: Vec<&str> = key.iter().map(String::as_str).collect();
        path.push(field);
        locate(text, &path)
    };
    match (&camera.user, &camera.password_file, &camera.client_certificate_sha256) {
        (Some(_), Some(_), None) | (None, None, Some(_)) => {}
        (_, Some(_), Some(_)) | (Some(_), None, Some(_)) => found.push(
            ConfigFault::error(
                format!("camera \"{}\" has both a password and a certificate", camera.id),
                "one way to prove itself: user and password_file, or client_certificate_sha256",
                "remove one; the certificate is the stronger",
            )
            .at(at("client_certificate_sha256")),
        ),
        (Some(_), None, None) => found.push(
            ConfigFault::error(
                format!("camera \"{}\" has a user without a password_file", camera.id),
                "user and password_file together",
                "write the password into a file readable by the server alone, and name it here",
            )
            .at(at("user")),
        ),
        (None, Some(_), None) => found.push(
            ConfigFault::error(
                format!("camera \"{}\" has a password_file without a user", camera.id),
                "user and password_file together",
                "add user = \"...\"",
            )
            .at(at("password_file")),
        ),
        (None, None, None) => found.push(
            ConfigFault::error(
                format!("camera \"{}\" has no credential: anybody could push its images (fault 21)", camera.id),
                "user and password_file, or client_certificate_sha256",
                "give its encoder a credential",
            )
            .at(at("id")),
        ),
    }
    if let Some(digest) = &camera.client_certificate_sha256 {
        let plain: String = digest.chars().filter(|c| *c != ':').collect();
        if plain.len() != 64 || !plain.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            found.push(
                ConfigFault::error(
                    format!("camera \"{}\" has client_certificate_sha256 = \"{digest}\"", camera.id),
                    "64 hexadecimal digits, with or without colons",
                    "openssl x509 -in CERT.pem -noout -fingerprint -sha256",
                )
                .at(at("client_certificate_sha256")),
            );
        }
        if config.rtsp.client_ca.is_none() {
            found.push(
                ConfigFault::error(
                    format!("camera \"{}\" logs in by certificate, but rtsp.client_ca is not set", camera.id),
                    "rtsp.client_ca = the PEM of the authority that issued it",
                    "set rtsp.client_ca",
                )
                .at(at("client_certificate_sha256")),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::config::{Config, Severity};
    use std::path::Path;

    #[test]
    fn fault_25_a_lock_out_can_be_neither_switched_off_nor_made_a_trap() {
        for (line, is_fine) in [
            ("lockout_attempts = 5", true),
            ("lockout_attempts = 2", false),
            ("lockout_attempts = 1000", false),
            ("lockout_window_min = 0", false),
            ("lockout_min = 1440", true),
            ("lockout_min = 1441", false),
            ("lockout_min = -1", false),
        ] {
            let text = format!("{}\n[auth]\n{line}\n", include_str!("../../config/demo/ecluse.toml"));
            let (_, faults) = Config::parse(&text, Path::new("."));
            let named = faults.iter().filter(|fault| fault.severity == Severity::Error);
            let keys: Vec<_> = named.filter_map(|fault| fault.position.as_ref().map(|at| at.key.clone())).collect();
            assert_eq!(keys.is_empty(), is_fine, "{line}: {keys:?}");
        }
    }

    #[test]
    fn a_log_in_without_second_factor_is_for_loopback_alone() {
        let faults = |listen: &str, second_factor: &str| {
            let text = include_str!("../../config/demo/ecluse.toml").replace("127.0.0.1:8443", listen);
            let text = format!("{text}\n[auth]\nsecond_factor = \"{second_factor}\"\n");
            let (_, faults) = Config::parse(&text, Path::new("."));
            let errors = faults.into_iter().filter(|fault| fault.severity == Severity::Error);
            errors.map(|fault| fault.position.map(|at| at.key).unwrap_or_default()).collect::<Vec<_>>()
        };
        for listen in ["127.0.0.1:8443", "[::1]:8443", "0.0.0.0:443"] {
            assert_eq!(faults(listen, "required"), Vec::<String>::new(), "{listen}");
        }
        assert_eq!(faults("[::1]:8443", "off"), Vec::<String>::new());
        for listen in ["0.0.0.0:443", "[::]:443", "192.0.2.1:443"] {
            assert_eq!(faults(listen, "off"), ["auth.second_factor"], "{listen}");
        }
        assert_eq!(faults("127.0.0.1:8443", "sms"), ["auth.second_factor"]);
    }
}
