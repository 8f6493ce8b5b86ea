//! `ecluse serve` as a service manager runs it.

use crate::person::client;
use crate::program::{Program, ecluse, run};
use crate::world::{CAMERA_PASSWORD, SOUND, World, mode};
use ecluse::register::verify;
use serde_json::Value;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

pub fn serve(config: &str) -> Program {
    Program::start(&mut ecluse(&["serve", "--config", config]))
}

/// Where the pages are, once the log says that they are.
pub fn up(server: &mut Program) -> SocketAddr {
    server.until("the log says that it is up", |server| {
        let lines = server.stderr();
        let mut entries = lines.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let up = entries.find(|entry| entry["fields"]["message"] == "Ecluse is up")?;
        Some(up["fields"]["pages"].as_str().unwrap().parse().unwrap())
    })
}

fn healthcheck(address: SocketAddr) -> Option<i32> {
    run(&mut ecluse(&["healthcheck", "--address", &address.to_string()])).code
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_comes_up_answers_and_stops_within_five_seconds() {
    let world = World::new();
    let config = world.config(SOUND);
    let mut server = serve(&config);
    let address = up(&mut server);
    let ca = std::fs::read(world.authority.certificate_path()).unwrap();
    let client = client(&ca);
    let url = format!("https://localhost:{}", address.port());
    let health = client.get(format!("{url}/healthz")).send().await.unwrap();
    assert_eq!((health.status().as_u16(), health.text().await.unwrap().as_str()), (200, "ok\n"));
    let ready: Value = client.get(format!("{url}/readyz")).send().await.unwrap().json().await.unwrap();
    assert_eq!((&ready["ready"], &ready["register"]), (&true.into(), &"sound".into()));
    assert_eq!(healthcheck(address), Some(0));

    // A second server on the same directory would write a second history.
    let second = run(&mut ecluse(&["serve", "--config", &config]));
    assert_eq!(second.code, Some(1));
    assert!(second.stderr.contains("in use by another process"), "{}", second.stderr);
    assert_eq!(healthcheck(address), Some(0), "the first goes on");

    // The client's connection is still open: it must not hold the end up.
    server.ends_well(libc::SIGTERM, Duration::from_secs(5));
    assert_eq!(healthcheck(address), Some(1));
    assert!(!server.stderr().contains(CAMERA_PASSWORD), "{}", server.stderr());

    let register = world.path("data/register");
    let report = verify(&register).unwrap();
    assert!(report.is_sound(), "{report}");
    let log = std::fs::read_to_string(register.join(ecluse::register::LOG_FILE)).unwrap();
    assert!(log.lines().last().unwrap().contains("\"type\":\"server-stopping\""), "{log}");
    assert_eq!((mode(&register), mode(&register.join("log.jsonl"))), (0o700, 0o600));
}

/// "Fail closed": what `check` calls an error, `serve` does not start on, and it says the same.
#[test]
fn the_server_refuses_to_start_on_what_check_calls_an_error() {
    let world = World::new();
    world.certificate("expired", -1000, -1);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().map(|address| (taken, address.to_string())).unwrap();
    let pair = "certificate = \"pki/server.pem\"\nkey = \"pki/server.key\"\npublic_url";
    let expired = "certificate = \"expired.pem\"\nkey = \"expired.key\"\npublic_url";
    for (from, to, words) in [
        ("public_url", "public_ulr", "unknown key \"public_ulr\""),
        ("data_dir = \"data\"", "data_dir = \"nowhere\"", "server.data_dir"),
        (pair, expired, "expired on"),
        ("[https]\nlisten = \"127.0.0.1:0\"", &format!("[https]\nlisten = \"{}\"", taken.1), "cannot be opened"),
        ("town = \"Charenton-le-Pont\"\naddress", "town = \"Montfermeil\"\naddress", "Montfermeil"),
    ] {
        let config = world.config_with(from, to);
        let check = run(&mut ecluse(&["check", "--config", &config]));
        let serve = run(&mut ecluse(&["serve", "--config", &config]));
        assert_eq!((check.code, serve.code), (Some(1), Some(1)), "{to}: {}", serve.stderr);
        assert!(check.stderr.contains(words), "{}", check.stderr);
        let fault = check.stderr.lines().find(|line| line.contains(words)).unwrap();
        assert!(serve.stderr.contains(fault), "{fault}\n---\n{}", serve.stderr);
        assert!(serve.stderr.contains("not started"), "{}", serve.stderr);
        assert!(!world.path("data/register").exists(), "{to}: it had begun to start");
    }
}
