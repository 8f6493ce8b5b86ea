//! A real mail server: aiosmtpd, in a Python of its own (`tests/python/smtp_server.py`).

#![allow(dead_code, reason = "each test binary that includes this file uses its own part of it")]

use serde_json::Value;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(60);

/// How it is reached.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// 0 takes a free one.
    pub port: u16,
    /// How it behaves at first; see the Python side.
    pub mode: &'static str,
    /// Certificate and key; without them there is no encryption.
    pub certificate: Option<(PathBuf, PathBuf)>,
    /// TLS from the first byte instead of STARTTLS.
    pub implicit_tls: bool,
    /// User and password it asks for.
    pub log_in: Option<(&'static str, &'static str)>,
}

/// The mail server, at work.
pub struct SmtpServer {
    /// Where it listens, on 127.0.0.1.
    pub port: u16,
    process: Child,
    stdin: ChildStdin,
    lines: mpsc::Receiver<Value>,
}

impl SmtpServer {
    /// Starts it; returns when it listens.
    pub fn start(wanted: &Wanted) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let python = root.join(".venv-smtp/bin/python");
        assert!(
            python.exists(),
            "aiosmtpd is not installed; make it with: python3 -m venv .venv-smtp && \
             .venv-smtp/bin/pip install -r tests/python/requirements-smtp.txt"
        );
        let mut command = Command::new(python);
        command.arg(root.join("tests/python/smtp_server.py")).args(["--port", &wanted.port.to_string()]);
        if !wanted.mode.is_empty() {
            command.args(["--mode", wanted.mode]);
        }
        if let Some((certificate, key)) = &wanted.certificate {
            command.arg("--certificate").arg(certificate).arg("--key").arg(key);
        }
        if wanted.implicit_tls {
            command.arg("--implicit-tls");
        }
        if let Some((user, password)) = wanted.log_in {
            command.args(["--user", user, "--password", password]);
        }
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("python runs");
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
        let mut server = Self { port: 0, process, stdin, lines };
        server.port = server.hear("its port", |message| message["port"].as_u64()).try_into().expect("a port");
        server
    }

    /// Changes how it behaves; in force when this returns.
    pub fn behave(&mut self, mode: &str) {
        writeln!(self.stdin, "{}", serde_json::json!({ "mode": mode })).expect("it listens");
        self.hear("the new mode", |message| (message["mode"] == mode).then_some(()));
    }

    /// The next mail whose text has come in.
    pub fn mail(&self) -> Value {
        self.hear("a mail", |message| message.get("received").cloned())
    }

    /// The next `count` mails, by address of the recipient.
    pub fn mails(&self, count: usize) -> Vec<Value> {
        let mut mails: Vec<Value> = (0..count).map(|_| self.mail()).collect();
        mails.sort_by_key(|mail| mail["to"][0].as_str().expect("a recipient").to_owned());
        mails
    }

    /// Mails that have come in and nobody has looked at.
    pub fn unread(&self) -> Vec<Value> {
        self.lines.try_iter().filter_map(|message| message.get("received").cloned()).collect()
    }

    fn hear<T>(&self, what: &str, mut wanted: impl FnMut(&Value) -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let message = self.lines.recv_timeout(left).unwrap_or_else(|error| match error {
                RecvTimeoutError::Timeout => panic!("waited in vain for {what}"),
                RecvTimeoutError::Disconnected => panic!("the mail server ended before {what}"),
            });
            if let Some(found) = wanted(&message) {
                return found;
            }
        }
    }
}

impl Drop for SmtpServer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
