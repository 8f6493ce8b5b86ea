//! Directories, ports, password files, the clock.

use crate::archive::free_mib;
use crate::config::{Config, ConfigFault, Loaded};
use std::io::{ErrorKind, Write};
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Less free space than this is worth a word: names, sessions and connection logs grow slowly, but they grow.
const WANTED_MIB: u64 = 100;

/// Every fault of the machine that the configuration runs into.
pub(super) fn faults(config: &Config, loaded: &Loaded) -> Vec<ConfigFault> {
    let mut found = Vec::new();
    data_directory(&config.server.data_dir, loaded, &mut found);
    for (key, listen) in [("https", config.https.listen), ("rtsp", config.rtsp.listen)] {
        tcp_port(key, listen, loaded, &mut found);
    }
    if let Some(metrics) = &config.metrics {
        tcp_port("metrics", metrics.listen, loaded, &mut found);
        if !metrics.listen.ip().is_loopback() {
            found.push(
                ConfigFault::warning(
                    format!("metrics.listen is {}, without encryption or log-in", metrics.listen),
                    "a loopback address, or a network only monitoring can reach",
                    "listen on 127.0.0.1 unless you mean it",
                )
                .at(loaded.position(&["metrics", "listen"])),
            );
        }
    }
    udp_ports(config, loaded, &mut found);
    password_files(config, loaded, &mut found);
    clock(&mut found);
    found
}

fn data_directory(directory: &Path, loaded: &Loaded, found: &mut Vec<ConfigFault>) {
    let position = loaded.position(&["server", "data_dir"]);
    let fault = |why: String| {
        ConfigFault::error(
            format!("server.data_dir {}: {why}", directory.display()),
            "a directory the server may create files in",
            "create it and give it to the server's user: install -d -m 0700 -o ecluse DIRECTORY",
        )
        .at(position.clone())
    };
    if !directory.is_dir() {
        found.push(fault(if directory.exists() { "not a directory".into() } else { "does not exist".into() }));
        return;
    }
    let probe = directory.join(format!(".ecluse-check-{}", std::process::id()));
    // Some bytes, not just a name: a full disk still takes names.
    let write = |mut file: std::fs::File| file.write_all(&[0; 4096]).and_then(|()| file.sync_all());
    let probed = std::fs::File::create(&probe).and_then(write);
    // Never made, or left behind: a small hidden file at worst.
    let _ = std::fs::remove_file(&probe);
    let scarce_mib = free_mib(directory).filter(|free_mib| *free_mib < WANTED_MIB);
    if let Err(error) = probed
        // A full disk is no reason to stay away: register and store have kept room to start on, and to cut.
        && !(matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded) && scarce_mib.is_some())
    {
        found.push(fault(format!("not writable ({error})")));
    }
    if let Some(free_mib) = scarce_mib {
        found.push(
            ConfigFault::warning(
                format!("server.data_dir {}: {free_mib} MiB are free", directory.display()),
                format!("at least {WANTED_MIB} MiB"),
                "free space or move it: on a full disk nobody logs in, and there are the register's and the store's reserves alone (fault 13)",
            )
            .at(position.clone()),
        );
    }
    if std::fs::metadata(directory).is_ok_and(|metadata| metadata.permissions().mode() & 0o007 != 0) {
        found.push(
            ConfigFault::warning(
                format!("server.data_dir {} is open to every user of this machine", directory.display()),
                "mode 0700",
                format!("chmod 0700 {}", directory.display()),
            )
            .at(position.clone()),
        );
    }
}

fn tcp_port(key: &str, listen: SocketAddr, loaded: &Loaded, found: &mut Vec<ConfigFault>) {
    if let Err(error) = TcpListener::bind(listen) {
        found.push(
            ConfigFault::error(
                format!("{key}.listen: TCP {listen} cannot be opened ({error})"),
                "a free port on an address of this machine",
                format!("see who has it with: ss -ltnp 'sport = :{}'; or choose another port", listen.port()),
            )
            .at(loaded.position(&[key, "listen"])),
        );
    }
}

fn udp_ports(config: &Config, loaded: &Loaded, found: &mut Vec<ConfigFault>) {
    let range = &config.webrtc.udp_ports.0;
    let taken: Vec<u16> = range.clone().filter(|port| UdpSocket::bind(("0.0.0.0", *port)).is_err()).collect();
    if taken.is_empty() {
        return;
    }
    let all = taken.len() == range.len();
    let what = format!(
        "webrtc.udp_ports: {} of {} ports are taken (first: {})",
        taken.len(),
        range.len(),
        taken.first().copied().unwrap_or_default()
    );
    let (expected, remedy) = ("UDP ports nobody else uses", "choose a range outside the system's ephemeral ports");
    let fault =
        if all { ConfigFault::error(what, expected, remedy) } else { ConfigFault::warning(what, expected, remedy) };
    found.push(fault.at(loaded.position(&["webrtc", "udp_ports"])));
}

fn password_files(config: &Config, loaded: &Loaded, found: &mut Vec<ConfigFault>) {
    for (site_index, site) in config.site.iter().enumerate() {
        for (camera_index, camera) in site.camera.iter().enumerate() {
            let Some(path) = &camera.password_file else { continue };
            let position = || {
                loaded.position(&[
                    "site",
                    &site_index.to_string(),
                    "camera",
                    &camera_index.to_string(),
                    "password_file",
                ])
            };
            let trouble = match std::fs::read_to_string(path) {
                Err(error) => Some(error.to_string()),
                Ok(text) if text.lines().next().unwrap_or_default().trim().len() < 12 => {
                    Some("its first line has fewer than 12 characters".to_owned())
                }
                Ok(_) => None,
            };
            if let Some(trouble) = trouble {
                found.push(
                    ConfigFault::error(
                        format!("camera \"{}\": password_file {}: {trouble}", camera.id, path.display()),
                        "a readable file whose first line is a password of at least 12 characters",
                        "openssl rand -base64 24 > FILE; chmod 0600 FILE",
                    )
                    .at(position()),
                );
            } else if super::certificates::open_to_others(path) {
                found.push(
                    ConfigFault::error(
                        format!("camera \"{}\": password_file {} can be read by every user", camera.id, path.display()),
                        "mode 0600 or 0640",
                        format!("chmod 0600 {}", path.display()),
                    )
                    .at(position()),
                );
            }
        }
    }
}

/// Deadlines, the register and the convention's days all hang on the wall clock (fault 6).
fn clock(found: &mut Vec<ConfigFault>) {
    // SAFETY: `timex` is plain data for which zero is a valid value, and `modes = 0` makes adjtimex read only.
    let state = unsafe {
        let mut timex: libc::timex = std::mem::zeroed();
        libc::adjtimex(&raw mut timex)
    };
    if state == libc::TIME_ERROR || state < 0 {
        found.push(ConfigFault::warning(
            "the kernel says this machine's clock is not synchronised",
            "a clock kept by NTP: the register's times are evidence",
            "apt-get install chrony (or systemd-timesyncd), and wait for: chronyc tracking",
        ));
    }
}
