//! `ecluse check`: every fault at once, each with its place, what was expected and what to do; and nothing where there is
//! nothing.

use crate::program::{Ended, ecluse, run};
use crate::tmpfs::Tmpfs;
use crate::world::{CAMERA_PASSWORD, SOUND, World, place};
use openssl::symm::Cipher;
use serde_json::Value;
use std::net::{TcpListener, UdpSocket};
use std::os::unix::fs::PermissionsExt;

fn check(config: &str) -> Ended {
    let ended = run(&mut ecluse(&["check", "--config", config]));
    assert!(ended.stdout.is_empty(), "faults are for people, so they stand on the error output: {}", ended.stdout);
    assert!(!ended.stderr.contains(CAMERA_PASSWORD), "{}", ended.stderr);
    ended
}

/// One rendered fault, as lines.
fn fault<'a>(ended: &'a Ended, words: &str) -> Vec<&'a str> {
    let mut faults = ended.stderr.split("\n\n").filter(|fault| fault.lines().next().is_some_and(|l| l.contains(words)));
    let found = faults.next().unwrap_or_else(|| panic!("no fault with \"{words}\":\n{}", ended.stderr));
    assert_eq!(faults.count(), 0, "\"{words}\" is said more than once:\n{}", ended.stderr);
    found.lines().collect()
}

/// The fault says where it is, quotes the line with a caret under the place, what was expected and what to do.
fn is_placed(ended: &Ended, config: &str, text: &str, severity: &str, words: &str, needle: &str) {
    let lines = fault(ended, words);
    let (line, column) = place(text, needle);
    assert!(lines[0].starts_with(&format!("{config}:{line}:{column}: {severity}: ")), "{}", lines.join("\n"));
    assert!(lines[1].starts_with(&format!("{line:>5} | ")), "{}", lines.join("\n"));
    assert_eq!(
        lines[2].find('^').map(|at| lines[2][..at].chars().count()),
        Some(8 + column - 1),
        "{}",
        lines.join("\n")
    );
    says_what_to_do(&lines);
}

fn says_what_to_do(lines: &[&str]) {
    for word in ["      = expected: ", "      = do: "] {
        assert!(lines.iter().any(|line| line.strip_prefix(word).is_some_and(|rest| !rest.is_empty())), "{lines:?}");
    }
}

const FAULTY: &str = r#"[server]
data_dir = "nowhere"
langauge = "fr"

[https]
listen = "127.0.0.1:70000"
certificate = "missing.pem"
key = "missing.key"
public_url = "http://ecluse.example.org/path"

[rtsp]
listen = "127.0.0.1:0"
certificate = 7
stall_timeout_s = "ten"

[webrtc]
udp_ports = "50999-50000"
turn_servers = ["turns://csu:hunter2-and-far-more-of-it-than-is-quoted-in-one-line@turn.example.org:5349", 7]

[log]
format = "yaml"

[[service]]
id = "csu"
name = "CSU"
town = "Montfermeil"
address = "48 rue de Paris"

[[site]]
id = "Arcade 1"
name = "1 rue de l'Arcade"
addresses = []
service = "csu"

[site.convention]
town = "Charenton-le-Pont"
valid_from = "2026-13-01"
valid_until = "2027-01-01"

[[site.camera]]
id = "hall"
name = "Hall"
user = "hall"
"#;

/// Issue item 3; every fault in one go, so that nobody corrects a file ten times.
#[test]
fn a_file_full_of_faults_has_every_one_of_them_named_at_its_place() {
    let world = World::new();
    let config = world.config(FAULTY);
    let ended = check(&config);
    assert_eq!(ended.code, Some(1));
    let expected = [
        ("server.data_dir", "data_dir"),
        ("unknown key \"langauge\"", "langauge"),
        ("https.listen = \"127.0.0.1:70000\"", "\"127.0.0.1:70000\""),
        ("https.certificate", "certificate = \"missing.pem\""),
        ("https.key", "key = \"missing.key\""),
        ("https.public_url", "public_url"),
        ("rtsp.key is missing", "[rtsp]"),
        ("rtsp.certificate = 7", "7\nstall"),
        ("rtsp.stall_timeout_s = \"ten\"", "\"ten\""),
        ("webrtc.udp_ports = \"50999-50000\"", "\"50999-50000\""),
        ("webrtc.turn_servers", "[\"turns:"),
        ("log.format = \"yaml\"", "\"yaml\""),
        ("site.0.id = \"Arcade 1\"", "\"Arcade 1\""),
        ("has no address", "addresses = []"),
        // C-2: a recipient outside the convention's town.
        ("is of Montfermeil", "service = \"csu\""),
        ("site.0.convention.valid_from = \"2026-13-01\"", "\"2026-13-01\""),
        ("camera \"hall\" has a user without a password_file", "user = \"hall\""),
    ];
    for (words, needle) in expected {
        is_placed(&ended, &config, FAULTY, "error", words, needle);
    }
    assert!(ended.stderr.contains(&format!("{config}: {} error(s), ", expected.len())), "{}", ended.stderr);
    assert!(!ended.stderr.contains("hunter2"), "a password is quoted:\n{}", ended.stderr);
    // In the file's order: people correct from top to bottom.
    let lines: Vec<usize> = ended
        .stderr
        .lines()
        .filter_map(|line| line.strip_prefix(&format!("{config}:"))?.split(':').next()?.parse().ok())
        .collect();
    assert!(lines.is_sorted(), "{lines:?}");
}

#[test]
fn a_misspelt_key_is_refused_and_the_right_one_suggested() {
    let world = World::new();
    for (from, to, wrong, right) in [
        ("public_url", "public_ulr", "public_ulr", "public_url"),
        ("[webrtc]", "[webrct]", "webrct", "webrtc"),
        ("password_file", "pasword_file", "pasword_file", "password_file"),
    ] {
        let config = world.config_with(from, to);
        let ended = check(&config);
        assert_eq!(ended.code, Some(1));
        let text = SOUND.replace(from, to);
        is_placed(&ended, &config, &text, "error", &format!("unknown key \"{wrong}\""), wrong);
        let lines = fault(&ended, &format!("unknown key \"{wrong}\"")).join("\n");
        assert!(lines.contains(&format!("did you mean \"{right}\"")), "{lines}");
    }
}

#[test]
fn what_is_no_toml_is_named_where_it_stops_being_so() {
    let world = World::new();
    let text = "[server]\ndata_dir = \n[https]\nlisten = [1,\n";
    let config = world.config(text);
    let ended = check(&config);
    assert_eq!(ended.code, Some(1));
    for (line, quoted) in [(2, "data_dir = "), (4, "listen = [1,")] {
        let lines = fault(&ended, &format!("{config}:{line}:"));
        assert_eq!(lines[1], format!("{line:>5} | {quoted}"));
        says_what_to_do(&lines);
    }
}

#[test]
fn a_file_that_cannot_be_read_is_a_fault_like_any_other() {
    let world = World::new();
    std::fs::write(world.path("latin1.toml"), b"[server]\n# \xe9cluse\n").unwrap();
    for name in ["missing.toml", "latin1.toml", "data"] {
        let config = world.path(name).to_str().unwrap().to_owned();
        let ended = check(&config);
        assert_eq!(ended.code, Some(1), "{name}");
        says_what_to_do(&fault(&ended, "the configuration cannot be read"));
        let json = run(&mut ecluse(&["check", "--json", "--config", &config]));
        assert_eq!(json.code, Some(1), "{name}");
        let faults: Value = serde_json::from_str(&json.stdout).unwrap();
        assert_eq!(faults[0]["severity"], "error", "{name}: {faults}");
    }
}

/// The whole of exit code 0: nothing forbids starting. The machine's clock may all the same be worth a warning, and a
/// warning is all it is.
#[test]
fn a_sound_configuration_passes_and_an_unsynchronised_clock_is_only_a_warning() {
    let world = World::new();
    let config = world.config(SOUND);
    let ended = check(&config);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(!ended.stderr.contains("error:"), "{}", ended.stderr);
    // SAFETY: `timex` is plain data for which zero is valid, and `modes = 0` makes adjtimex read only.
    let state = unsafe {
        let mut timex: libc::timex = std::mem::zeroed();
        libc::adjtimex(&raw mut timex)
    };
    if state == libc::TIME_ERROR {
        let lines = fault(&ended, "warning: the kernel says this machine's clock is not synchronised");
        says_what_to_do(&lines);
        assert!(ended.stderr.contains("0 error(s), "), "{}", ended.stderr);
    } else {
        assert!(!ended.stderr.contains("synchronised"), "{}", ended.stderr);
    }
}

#[test]
fn json_has_every_fault_with_its_place_for_programs() {
    let world = World::new();
    let config = world.config(FAULTY);
    let json = run(&mut ecluse(&["check", "--json", "--config", &config]));
    assert_eq!(json.code, Some(1));
    assert!(!json.stdout.contains("hunter2"), "{}", json.stdout);
    let faults: Vec<Value> = serde_json::from_str(&json.stdout).unwrap();
    for fault in &faults {
        assert!(["error", "warning"].contains(&fault["severity"].as_str().unwrap()), "{fault}");
        for key in ["what", "expected", "remedy"] {
            assert!(!fault[key].as_str().unwrap().is_empty(), "{fault}");
        }
    }
    let (line, column) = place(FAULTY, "langauge");
    let misspelt = faults.iter().find(|fault| fault["key"] == "server.langauge").unwrap();
    assert_eq!((misspelt["line"].as_u64(), misspelt["column"].as_u64()), (Some(line as u64), Some(column as u64)));

    let sound = run(&mut ecluse(&["check", "--json", "--config", &world.config(SOUND)]));
    assert_eq!(sound.code, Some(0), "{}", sound.stdout);
    let faults: Vec<Value> = serde_json::from_str(&sound.stdout).unwrap();
    assert!(faults.iter().all(|fault| fault["severity"] == "warning"), "{faults:?}");
}

#[test]
fn ports_that_are_taken_are_named() {
    let world = World::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let rtsp = "[rtsp]\nlisten = \"127.0.0.1:0\"";
    let text = SOUND.replace(rtsp, &rtsp.replace("127.0.0.1:0", &address));
    let config = world.config(&text);
    let ended = check(&config);
    assert_eq!(ended.code, Some(1));
    let words = format!("rtsp.listen: TCP {address} cannot be opened");
    is_placed(&ended, &config, &text, "error", &words, &format!("listen = \"{address}\""));

    // Each alone would find it free.
    drop(taken);
    let text = text.replacen("127.0.0.1:0", &address, 1);
    let ended = check(&world.config(&text));
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    says_what_to_do(&fault(&ended, &format!("rtsp.listen is {address}, and https.listen is {address}")));

    let udp = UdpSocket::bind("0.0.0.0:0").unwrap();
    let port = udp.local_addr().unwrap().port();
    let ended = check(&world.config_with("50000-50099", &format!("{port}-{port}")));
    assert_eq!(ended.code, Some(1));
    says_what_to_do(&fault(&ended, "webrtc.udp_ports: 1 of 1 ports are taken"));
}

/// Root may write anywhere, so permissions are not what is tried here.
#[test]
fn a_data_directory_that_cannot_be_used_is_named() {
    let world = World::new();
    world.private("a-file", b"");
    for (name, why) in [("nowhere", "does not exist"), ("a-file", "not a directory")] {
        let from = "data_dir = \"data\"";
        let to = format!("data_dir = \"{name}\"");
        let config = world.config_with(from, &to);
        let ended = check(&config);
        assert_eq!(ended.code, Some(1));
        is_placed(&ended, &config, &SOUND.replace(from, &to), "error", why, "data_dir");
    }
    let config = world.config(SOUND);
    let open = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(world.path("data"), open).unwrap();
    let ended = check(&config);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    is_placed(&ended, &config, SOUND, "warning", "is open to every user of this machine", "data_dir");

    let Some(disk) = Tmpfs::mount(&world.path("data"), 1024) else { return };
    let ended = check(&config);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    is_placed(&ended, &config, SOUND, "warning", "MiB are free", "data_dir");
    disk.make_read_only();
    let ended = check(&config);
    assert_eq!(ended.code, Some(1));
    is_placed(&ended, &config, SOUND, "error", "not writable (Read-only file system", "data_dir");
}

#[test]
fn certificates_and_keys_that_do_not_serve_are_named() {
    const DAY: i64 = 24 * 3600;
    let world = World::new();
    world.certificate("expired", -400 * DAY, -DAY);
    world.certificate("early", DAY, 90 * DAY);
    world.certificate("soon", -DAY, 7 * DAY);
    let pair = "certificate = \"pki/server.pem\"\nkey = \"pki/server.key\"\npublic_url";
    let with = |certificate: &str, key: &str| {
        let to = format!("certificate = \"{certificate}\"\nkey = \"{key}\"\npublic_url");
        (world.config_with(pair, &to), SOUND.replace(pair, &to))
    };
    for (name, code, severity, words) in [
        ("expired", 1, "error", " expired on "),
        ("early", 1, "error", " is valid only from "),
        ("soon", 0, "warning", " expires on "),
    ] {
        let (config, text) = with(&format!("{name}.pem"), &format!("{name}.key"));
        let ended = check(&config);
        assert_eq!(ended.code, Some(code), "{name}: {}", ended.stderr);
        is_placed(&ended, &config, &text, severity, words, &format!("certificate = \"{name}"));
    }

    let (config, text) = with("pki/server.pem", "soon.key");
    let ended = check(&config);
    assert_eq!(ended.code, Some(1));
    is_placed(&ended, &config, &text, "error", "is not the key of https.certificate", "key = \"soon");

    // It must not ask a terminal for the passphrase: this would wait for ever.
    let sealed = world.key().private_key_to_pem_pkcs8_passphrase(Cipher::aes_256_cbc(), b"passphrase").unwrap();
    world.private("sealed.key", &sealed);
    let (config, text) = with("pki/server.pem", "sealed.key");
    let ended = check(&config);
    assert_eq!(ended.code, Some(1));
    is_placed(&ended, &config, &text, "error", "encrypted with a passphrase", "key = \"sealed");

    let everybody = std::fs::Permissions::from_mode(0o644);
    std::fs::set_permissions(world.path("soon.key"), everybody.clone()).unwrap();
    std::fs::set_permissions(world.path("hall.password"), everybody).unwrap();
    let (config, text) = with("soon.pem", "soon.key");
    let ended = check(&config);
    assert_eq!(ended.code, Some(1));
    is_placed(&ended, &config, &text, "error", "https.key", "key = \"soon");
    is_placed(&ended, &config, &text, "error", "password_file", "password_file");

    let from = "public_url";
    let to = "workstation_ca = \"hall.password\"\npublic_url";
    let config = world.config_with(from, to);
    let ended = check(&config);
    assert_eq!(ended.code, Some(1));
    let text = SOUND.replace(from, to);
    is_placed(&ended, &config, &text, "error", "not a PEM certificate", "workstation_ca");
}

#[test]
fn a_missing_gstreamer_element_is_named_with_its_package() {
    let world = World::new();
    let config = world.config(SOUND);
    let nothing = tempfile::tempdir().unwrap();
    let mut command = ecluse(&["check", "--config", &config]);
    command.env("GST_PLUGIN_SYSTEM_PATH_1_0", nothing.path()).env("GST_PLUGIN_PATH_1_0", nothing.path());
    command.env("GST_REGISTRY", nothing.path().join("registry.bin"));
    let ended = run(&mut command);
    assert_eq!(ended.code, Some(1));
    for (element, package) in [
        ("webrtcbin", "gstreamer1.0-plugins-bad"),
        ("rtpbin", "gstreamer1.0-plugins-good"),
        ("appsrc", "gstreamer1.0-plugins-base"),
        ("nicesrc", "gstreamer1.0-nice"),
    ] {
        let lines = fault(&ended, &format!("the GStreamer element {element} is missing"));
        says_what_to_do(&lines);
        assert!(lines.join("\n").contains(&format!("apt-get install {package}")), "{lines:?}");
    }
}

#[test]
fn a_wrong_command_line_has_an_exit_code_of_its_own() {
    for arguments in [&["chek"][..], &["check", "--confg", "x"], &["check", "--config"], &[]] {
        let ended = run(&mut ecluse(arguments));
        assert_eq!(ended.code, Some(2), "{arguments:?}: {}", ended.stderr);
        assert!(!ended.stderr.is_empty() && ended.stdout.is_empty(), "{arguments:?}");
    }
    let version = run(&mut ecluse(&["--version"]));
    assert_eq!((version.code, version.stdout.as_str()), (Some(0), concat!("ecluse ", env!("CARGO_PKG_VERSION"), "\n")));
}

#[test]
fn faults_of_the_identity_provider_are_named() {
    let world = World::new();
    let oidc = r#"[oidc]
name = ""
issuer = "http://id.example.org?x"
client_id = "ecluse"
client_secret_file = "oidc.secret"
ca = "pki/server.key"
roles = ["decider", "operator"]
second_factor_amr = ["pwd"]

[webrtc]"#;
    let config = world.config_with("[webrtc]", oidc);
    let text = std::fs::read_to_string(&config).unwrap();
    let ended = check(&config);
    assert_eq!(ended.code, Some(1));
    for (words, needle) in [
        ("oidc.name is empty", "name = \"\""),
        ("oidc.issuer is \"http://id.example.org?x\"", "issuer = "),
        ("oidc.client_secret_file", "client_secret_file"),
        ("oidc.ca", "ca = "),
        ("oidc.roles holds \"operator\"", "roles = "),
        ("oidc.second_factor_amr holds \"pwd\"", "second_factor_amr"),
    ] {
        is_placed(&ended, &config, &text, "error", words, needle);
    }
    world.private("oidc.secret", b"a secret\n");
    let secret = world.path("oidc.secret");
    std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o644)).unwrap();
    let ended = check(&config);
    is_placed(&ended, &config, &text, "error", "can be read by every user", "client_secret_file");
    assert!(!ended.stderr.contains("a secret"), "{}", ended.stderr);

    let sound =
        oidc.replace("name = \"\"", "name = \"3F\"").replace("http://id.example.org?x", "https://id.example.org");
    let sound =
        sound.replace("ca = \"pki/server.key\"\n", "").replace(", \"operator\"", "").replace("\"pwd\"", "\"mfa\"");
    world.private("oidc.secret", b"a secret\n");
    let ended = check(&world.config_with("[webrtc]", &sound));
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(!ended.stderr.contains("oidc"), "{}", ended.stderr);
}
