//! A viewer that is neither ours nor str0m: aiortc, in a Python of its own (`tests/python/aiortc_viewer.py`). It decodes.

#![allow(dead_code, reason = "each test binary that includes this file uses its own part of it")]

use serde_json::Value;
use std::io::{BufRead, BufReader, Write};
use std::net::IpAddr;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(60);

/// The Python side.
pub struct Aiortc {
    /// Its offer, non-trickle.
    pub offer_sdp: String,
    process: Child,
    stdin: ChildStdin,
    lines: mpsc::Receiver<Value>,
}

impl Aiortc {
    /// Offers to receive `videos` videos at `address`; `profiles` is `all` or `aes128`.
    pub fn offer(address: IpAddr, videos: usize, profiles: &str) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let python = root.join(".venv-aiortc/bin/python");
        assert!(
            python.exists(),
            "aiortc is not installed; make it with: python3 -m venv .venv-aiortc && \
             .venv-aiortc/bin/pip install -r tests/python/requirements-aiortc.txt"
        );
        let mut process = Command::new(python)
            .arg(root.join("tests/python/aiortc_viewer.py"))
            .args(["--address", &address.to_string(), "--videos", &videos.to_string(), "--profiles", profiles])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python runs");
        let stdin = process.stdin.take().expect("piped");
        let stdout = BufReader::new(process.stdout.take().expect("piped"));
        let (tell, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                if let Ok(message) = serde_json::from_str(&line) {
                    let _ = tell.send(message);
                }
            }
        });
        let mut aiortc = Self { offer_sdp: String::new(), process, stdin, lines };
        aiortc.offer_sdp = aiortc.hear("an offer", |m| m["offer"].as_str().map(str::to_owned));
        aiortc
    }

    /// Gives it the server's answer.
    pub fn answer(&mut self, sdp: &str) {
        writeln!(self.stdin, "{}", serde_json::json!({ "answer": sdp })).expect("it listens");
    }

    /// The first message that `wanted` accepts.
    pub fn hear<T>(&self, what: &str, mut wanted: impl FnMut(&Value) -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let message = self.lines.recv_timeout(left).unwrap_or_else(|e| panic!("waited in vain for {what}: {e}"));
            if let Some(found) = wanted(&message) {
                return found;
            }
        }
    }

    /// Waits until `videos` videos have at least `frames` decoded pictures each.
    pub fn decodes(&self, videos: usize, frames: u64) {
        self.hear("decoded pictures", |message| {
            let counts = message["frames"].as_object()?;
            let enough = counts.values().filter(|n| n.as_u64().is_some_and(|n| n >= frames)).count();
            (enough >= videos).then_some(())
        });
    }
}

impl Drop for Aiortc {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
