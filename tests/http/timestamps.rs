//! Time stamps of exports (RFC 3161) by a real authority, OpenSSL's own, behind HTTP: what is kept, what is refused, and
//! that an export goes out whole without one.

use crate::recordings::{PROGRESS, altered, export, record};
use crate::rig::{Browser, Rig, Wishes};
use chrono::{DateTime, TimeDelta, Utc};
use ecluse::evidence::{Stamp, TimestampService, Verified, verify};
use openssl::x509::X509;
use serde_json::json;
use std::io::{Cursor, Read};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use warp::Filter;

/// What the authority does when it is asked.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mood {
    /// Stamps what it is asked about.
    Stamps,
    /// Answers with the last time stamp it gave to anybody.
    Repeats,
    /// Refuses, by the protocol's own word for it.
    Refuses,
    /// Is there, and out of order.
    Breaks,
}

struct Authority {
    dir: tempfile::TempDir,
    mood: Mutex<Mood>,
    last: Mutex<Vec<u8>>,
}

fn openssl(dir: &Path, arguments: &str) {
    let mut command = Command::new("openssl");
    let output = command.args(arguments.split_whitespace()).current_dir(dir).output().expect("openssl");
    assert!(output.status.success(), "openssl {arguments}: {}", String::from_utf8_lossy(&output.stderr));
}

impl Authority {
    fn new() -> Arc<Self> {
        let dir = tempfile::tempdir().unwrap();
        let at = dir.path();
        std::fs::write(at.join("serial"), "01\n").unwrap();
        std::fs::write(
            at.join("tsa.cnf"),
            "[tsa]\ndefault_tsa = tsa1\n[tsa1]\nserial = serial\ncrypto_device = builtin\nsigner_cert = tsa.pem\n\
             certs = ca.pem\nsigner_key = tsa.key\nsigner_digest = sha256\ndefault_policy = 1.2.3.4.1\n\
             digests = sha256\naccuracy = secs:1\nordering = yes\ntsa_name = yes\ness_cert_id_chain = no\n\
             [refuses]\ndefault_tsa = tsa2\n[tsa2]\nserial = serial\nsigner_cert = tsa.pem\nsigner_key = tsa.key\n\
             signer_digest = sha256\ndefault_policy = 1.2.3.4.1\ndigests = sha512\n\
             [stamping]\nextendedKeyUsage = critical,timeStamping\nbasicConstraints = CA:FALSE\n",
        )
        .unwrap();
        let key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
        openssl(at, &format!("req -x509 {key} -keyout ca.key -out ca.pem -days 2 -subj /CN=Authority"));
        openssl(at, &format!("req {key} -keyout tsa.key -out tsa.csr -subj /CN=Clock"));
        openssl(
            at,
            "x509 -req -in tsa.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile tsa.cnf \
             -extensions stamping -out tsa.pem",
        );
        Arc::new(Self { dir, mood: Mutex::new(Mood::Stamps), last: Mutex::default() })
    }

    fn ca(&self) -> PathBuf {
        self.dir.path().join("ca.pem")
    }

    fn certificates(&self) -> Vec<X509> {
        X509::stack_from_pem(&std::fs::read(self.ca()).unwrap()).unwrap()
    }

    fn is(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }

    fn answer(&self, question: &[u8]) -> Option<Vec<u8>> {
        let mood = *self.mood.lock().unwrap();
        let mut last = self.last.lock().unwrap();
        let section = match mood {
            Mood::Stamps => "tsa",
            Mood::Refuses => "refuses",
            Mood::Repeats => return Some(last.clone()),
            Mood::Breaks => return None,
        };
        std::fs::write(self.dir.path().join("question"), question).unwrap();
        let name = if section == "tsa" { "tsa1" } else { "tsa2" };
        openssl(self.dir.path(), &format!("ts -reply -config tsa.cnf -section {name} -queryfile question -out answer"));
        *last = std::fs::read(self.dir.path().join("answer")).unwrap();
        Some(last.clone())
    }

    /// Serves until the runtime ends; returns the service as it is configured.
    async fn serve(self: &Arc<Self>) -> Arc<TimestampService> {
        let authority = self.clone();
        let route = warp::post().and(warp::header::exact("content-type", "application/timestamp-query"));
        let route = route.and(warp::body::bytes()).then(move |question: bytes::Bytes| {
            let authority = authority.clone();
            async move {
                let answer = tokio::task::spawn_blocking(move || authority.answer(&question)).await.unwrap();
                match answer {
                    Some(answer) => warp::http::Response::builder()
                        .header("content-type", "application/timestamp-reply")
                        .body(answer)
                        .unwrap(),
                    None => warp::http::Response::builder().status(503).body(Vec::new()).unwrap(),
                }
            }
        });
        let listener = tokio::net::TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await.unwrap();
        let url = format!("http://{}/tsa", listener.local_addr().unwrap());
        tokio::spawn(warp::serve(route).incoming(listener).run());
        Arc::new(TimestampService::new(url, self.certificates()).unwrap())
    }
}

async fn state_of_export(browser: &Browser) -> serde_json::Value {
    browser.get(&format!("/api/v1/exports/{PROGRESS}")).await.json()["state"].clone()
}

fn taken_out(zip: &[u8], name: &str, into: &Path) -> PathBuf {
    let mut bytes = Vec::new();
    zip::ZipArchive::new(Cursor::new(zip)).unwrap().by_name(name).unwrap().read_to_end(&mut bytes).unwrap();
    let path = into.join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

#[tokio::test(flavor = "multi_thread")]
async fn a4_10_an_export_bears_the_time_of_an_authority_that_is_not_the_landlords() {
    let authority = Authority::new();
    let service = authority.serve().await;
    let wishes = Wishes { recorder: true, timestamps: Some(service), ..Wishes::default() };
    let rig = Rig::start_with(wishes).await;
    let runs = record(&rig).await;
    let stretch = (runs[0].from_utc - TimeDelta::seconds(1), runs.last().unwrap().until_utc);
    let decider = rig.log_in("decider").await;
    let key_text = std::fs::read_to_string(rig.data_dir().join("register.pub")).unwrap();
    let key = key_text.trim().parse().unwrap();
    let check = |zip: &[u8], by: Option<&Authority>| -> Verified {
        verify(Cursor::new(zip), &key, by.map(Authority::certificates).as_deref()).unwrap()
    };
    let about_now = |at: DateTime<Utc>| (Utc::now() - at).num_seconds().abs() < 60;

    let answer = export(&decider, stretch, "Réquisition 2026/117").await;
    let zip = answer.body;
    assert_eq!(state_of_export(&decider).await, json!("finished"));
    let found = check(&zip, Some(&authority));
    assert_eq!(found.faults, Vec::<String>::new());
    assert!(matches!(found.timestamp, Stamp::Vouched(at) if about_now(at)), "{:?}", found.timestamp);
    let unvouched = check(&zip, None);
    assert!(unvouched.is_sound() && matches!(unvouched.timestamp, Stamp::Unvouched(_)), "{unvouched:?}");

    // Anybody's OpenSSL says the same, and so does the command.
    let scratch = tempfile::tempdir().unwrap();
    taken_out(&zip, "manifest.sig", scratch.path());
    taken_out(&zip, "manifest.tsr", scratch.path());
    let ca = authority.ca().display().to_string();
    openssl(scratch.path(), &format!("ts -verify -data manifest.sig -in manifest.tsr -CAfile {ca}"));
    let file = scratch.path().join("export.zip");
    std::fs::write(&file, &zip).unwrap();
    let command = |ca: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ecluse"));
        command.args(["recordings", "verify", "--key", key_text.trim(), "--timestamp-ca", ca]).arg(&file);
        let output = command.output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap() + &String::from_utf8_lossy(&output.stderr))
    };
    let (code, text) = command(&ca);
    assert!(code == Some(0) && text.contains("it existed at"), "{code:?} {text}");
    let (code, text) = command(&file.display().to_string());
    assert!(code == Some(2) && text.contains("no PEM certificate in it"), "{code:?} {text}");

    // Another authority's word, a changed time stamp, one of another export, none at all.
    let stranger = Authority::new();
    let by_stranger = check(&zip, Some(&stranger));
    assert!(by_stranger.timestamp == Stamp::Wrong && by_stranger.faults.len() == 1, "{by_stranger:?}");
    let other = export(&decider, stretch, "Réquisition 2026/118").await.body;
    let other = std::fs::read(taken_out(&other, "manifest.tsr", scratch.path())).unwrap();
    let changes: [&dyn Fn(Vec<u8>) -> Option<Vec<u8>>; 4] = [
        &|_| Some(other.clone()),
        &|mut bytes| {
            let last = bytes.len() - 1;
            bytes[last] ^= 1;
            Some(bytes)
        },
        &|_| Some(b"no time stamp".to_vec()),
        &|_| None,
    ];
    for (number, change) in changes.into_iter().enumerate() {
        let found = check(&altered(&zip, "manifest.tsr", change), Some(&authority));
        let named = found.faults.len() == 1 && found.faults[0].starts_with("manifest.tsr");
        assert!(named, "change {number}: {:?}", found.faults);
    }

    // A service that fails costs the time stamp and nothing else.
    for mood in [Mood::Breaks, Mood::Refuses, Mood::Repeats] {
        authority.is(mood);
        let zip = export(&decider, stretch, "Réquisition 2026/119").await.body;
        assert_eq!(state_of_export(&decider).await, json!("finished-unstamped"));
        let found = check(&zip, None);
        assert!(found.is_sound() && found.timestamp == Stamp::Missing, "{found:?}");
    }

    rig.recorder.as_ref().unwrap().shutdown().await;
    rig.stop().await;
}
