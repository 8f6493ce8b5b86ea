//! A register of many years is taken out of the real server in the memory of a short one (A4-5).

use crate::person::client;
use crate::program::{Program, ecluse};
use crate::world::World;
use chrono::{TimeDelta, Utc};
use ecluse::domain::{Actor, Designation, Entry, Event, Role};
use ecluse::register::Register;
use ecluse::store::{Identity, Store, password};
use reqwest::StatusCode;
use serde_json::{Value, json};
use std::fs;
use std::sync::Arc;

const ENTRIES: u64 = 40_000;
const PASSWORD: &str = "correct horse battery staple";

/// Bytes of a field of `/proc/PID/status`.
fn status(pid: u32, field: &str) -> u64 {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(field)).unwrap();
    line.trim_matches([':', ' ', '\t', 'k', 'B']).parse::<u64>().unwrap() * 1024
}

#[tokio::test(flavor = "multi_thread")]
async fn a4_5_a_long_register_leaves_as_it_is_read_in_a_fraction_of_its_own_size() {
    let world = World::new();
    let config = world.config_with("[webrtc]", "[auth]\nsecond_factor = \"off\"\n\n[webrtc]");
    let auditor: ecluse::domain::PersonId = "auditor".parse().unwrap();
    let (path, person) = (world.path("data"), auditor.clone());
    tokio::task::spawn_blocking(move || {
        let start = Utc::now() - TimeDelta::days(1);
        let entry = |seq: u64| {
            let event = match seq {
                0 => Event::Designated {
                    designation: Designation {
                        person: person.clone(),
                        role: Role::Auditor,
                        sites: Default::default(),
                        service: None,
                    },
                },
                _ => Event::ServerStarted { version: format!("{seq} {}", "long ".repeat(60)) },
            };
            let at_utc = ecluse::domain::instant::to_micros(start + TimeDelta::milliseconds(seq as i64));
            Arc::new(Entry { seq, at_utc, actor: Actor::System, event })
        };
        let mut register = Register::open(&path.join("register")).unwrap();
        for from in (0..ENTRIES).step_by(10_000) {
            let entries: Vec<_> = (from..from + 10_000).map(entry).collect();
            register.log().unwrap().append(&entries).unwrap();
        }
        let identity = Identity {
            person: person.clone(),
            email: "auditor@example.org".to_owned(),
            name: "Une préfète".to_owned(),
            language: "fr".to_owned(),
            password_hash: password::hash(PASSWORD).unwrap(),
        };
        Store::open(&path.join("store")).unwrap().people().put(&identity).unwrap();
    })
    .await
    .unwrap();

    let mut server = Program::start(&mut ecluse(&["serve", "--config", &config]));
    let address = server.until("the log says that it is up", |server| {
        let lines = server.stderr();
        let mut entries = lines.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let up = entries.find(|entry| entry["fields"]["message"] == "Ecluse is up")?;
        Some(up["fields"]["pages"].as_str().unwrap().parse::<std::net::SocketAddr>().unwrap())
    });
    let browser = client(&fs::read(world.authority.certificate_path()).unwrap());
    let url = |path: &str| format!("https://localhost:{}{path}", address.port());
    let log_in = json!({ "email": "auditor@example.org", "password": PASSWORD });
    let answer = browser.post(url("/api/v1/login")).json(&log_in).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK, "{}", answer.text().await.unwrap());

    for path in ["/register/export.jsonl", "/register/export.csv"] {
        // Forgets the highest point so far: what counts is what this export adds.
        fs::write(format!("/proc/{}/clear_refs", server.pid()), "5").unwrap();
        let before = status(server.pid(), "VmRSS");
        let mut answer = browser.get(url(path)).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        let (mut bytes, mut lines) = (0_u64, 0);
        while let Some(piece) = answer.chunk().await.unwrap() {
            bytes += piece.len() as u64;
            lines += piece.iter().filter(|byte| **byte == b'\n').count() as u64;
        }
        let grown = status(server.pid(), "VmHWM").saturating_sub(before);
        assert!(lines > ENTRIES, "{path}: {lines}");
        let ratio = grown as f64 / bytes as f64;
        eprintln!("{path}: {bytes} bytes, {lines} lines, {grown} bytes more resident, ratio {ratio:.3}");
        // An answer that is put together first costs its own size at least; buffers and arenas cost some megabytes whatever
        // its size, and 0.35 of the shorter one have been seen.
        assert!(ratio < 0.5, "{path}: {grown} bytes more resident for {bytes} bytes of answer");
    }
}
