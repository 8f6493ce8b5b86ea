//! Against aiortc, a WebRTC implementation in Python with its own DTLS roles, decoder and SRTP (libsrtp).

use crate::peer::{Options, PATIENCE, Peer, init, vp8_payload_type};
use ecluse::media::dtls_srtp::{Cause, Outcome, PeerFingerprints};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::Ordering;
use std::sync::mpsc;

/// The Python side.
struct Aiortc {
    process: Child,
    stdin: ChildStdin,
    lines: mpsc::Receiver<serde_json::Value>,
    offer: String,
}

impl Aiortc {
    fn start(arguments: &[&str]) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let python = root.join(".venv-aiortc/bin/python");
        assert!(
            python.exists(),
            "aiortc is not installed; make it with: python3 -m venv .venv-aiortc && \
             .venv-aiortc/bin/pip install -r tests/python/requirements-aiortc.txt"
        );
        let mut process = Command::new(python)
            .arg(root.join("tests/dtls_srtp/aiortc_peer.py"))
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let stdin = process.stdin.take().unwrap();
        let stdout = BufReader::new(process.stdout.take().unwrap());
        let (tell, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                if let Ok(message) = serde_json::from_str(&line) {
                    let _ = tell.send(message);
                }
            }
        });
        let mut peer = Self { process, stdin, lines, offer: String::new() };
        peer.offer = peer.hear(|m| m["offer"].as_str().map(str::to_owned)).expect("an offer");
        peer
    }

    fn answer(&mut self, sdp: &str) {
        writeln!(self.stdin, "{}", serde_json::json!({ "answer": sdp })).unwrap();
    }

    /// The first message that `wanted` accepts; `None` when the process ends or nothing comes.
    fn hear<T>(&self, mut wanted: impl FnMut(&serde_json::Value) -> Option<T>) -> Option<T> {
        let deadline = std::time::Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(std::time::Instant::now());
            let message = self.lines.recv_timeout(left).ok()?;
            if let Some(found) = wanted(&message) {
                return Some(found);
            }
        }
    }
}

impl Drop for Aiortc {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn peer_for(aiortc: &Aiortc) -> Peer {
    Peer::new(&Options {
        sends: true,
        expects: Some(PeerFingerprints::from_sdp(&aiortc.offer).unwrap()),
        vp8_payload_type: Some(vp8_payload_type(&aiortc.offer)),
        ..Options::default()
    })
}

#[test]
fn aiortc_decodes_what_we_send_in_both_dtls_roles() {
    let _ours = init();
    for arguments in [["--profiles=aes256", "--setup=actpass"], ["--profiles=mixed", "--setup=active"]] {
        let mut aiortc = Aiortc::start(&arguments);
        let peer = peer_for(&aiortc);
        let answer = peer.answer(&aiortc.offer);
        aiortc.answer(&answer);
        let outcome = peer.outcome();
        let Outcome::Connected(negotiated) = outcome else { panic!("{arguments:?}: {outcome:?}") };
        assert_eq!(negotiated.srtp, "SRTP_AEAD_AES_256_GCM");
        assert_eq!(negotiated.dtls, "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA", "the only AES-256 suite aiortc has");
        let frames = aiortc.hear(|m| m["frames"].as_u64().filter(|frames| *frames >= 10));
        assert!(frames.is_some(), "{arguments:?}: aiortc decoded no picture");
    }
}

#[test]
fn aiortc_limited_to_128_bits_gets_nothing_in_both_dtls_roles() {
    let _ours = init();
    for setup in ["--setup=actpass", "--setup=active"] {
        let mut aiortc = Aiortc::start(&["--profiles=aes128", setup]);
        let peer = peer_for(&aiortc);
        let answer = peer.answer(&aiortc.offer);
        aiortc.answer(&answer);
        // Who sends the ClientHello shows what it has; who answers it only declines.
        let offered = match setup {
            "--setup=active" => {
                Some(vec!["SRTP_AES128_CM_HMAC_SHA1_80".to_owned(), "SRTP_AEAD_AES_128_GCM".to_owned()])
            }
            _ => None,
        };
        assert_eq!(peer.outcome(), Outcome::Failed(Cause::NoSrtpProfile { offered }), "{setup}");
        assert_eq!(peer.connection_state(), 2);
        let ended = aiortc.hear(|m| m["state"].as_str().filter(|s| ["failed", "closed"].contains(s)).map(drop));
        assert!(ended.is_some(), "{setup}: aiortc was not told");
        assert_eq!(peer.left.load(Ordering::SeqCst), 0, "{setup}: media left");
        assert_eq!(peer.gate.passed.load(Ordering::SeqCst), 0, "{setup}: the gate was asked");
    }
}
