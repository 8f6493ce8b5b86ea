//! The mails of a campaign: a real mail server that outlives every kill, and what the register says of each mail (A3-7).

use crate::smtp_server::{SmtpServer, Wanted};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The mail server, and what it has taken so far.
pub struct Post {
    server: SmtpServer,
    /// How often each mail came, by its identifier.
    received: BTreeMap<String, u64>,
}

/// Mails as the register tells them, by their identifiers.
#[derive(Default)]
pub struct Told {
    pub queued: BTreeSet<String>,
    /// How often the register says that the mail server took it.
    pub accepted: BTreeMap<String, u64>,
    pub failed: BTreeSet<String>,
}

impl Post {
    pub fn open() -> Self {
        Self { server: SmtpServer::start(&Wanted::default()), received: BTreeMap::new() }
    }

    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.server.port)
    }

    /// Takes in what has arrived since. The identifier begins the `Message-ID`, up to its first dot or the @.
    pub fn collect(&mut self) {
        for mail in self.server.unread() {
            let id = mail["headers"]["message-id"].as_str().expect("every mail has one");
            let id = id.trim_start_matches('<').split(['.', '@']).next().unwrap();
            *self.received.entry(id.to_owned()).or_default() += 1;
        }
    }

    /// Every mail that was queued has come at least once and is marked as accepted, once; none is given up.
    pub fn is_delivered(&self, told: &Told) {
        assert!(told.failed.is_empty(), "{:?}", told.failed);
        let marked: BTreeSet<&String> = told.accepted.keys().collect();
        assert_eq!(marked, told.queued.iter().collect(), "queued and marked as accepted");
        for (mail, times) in &told.accepted {
            assert_eq!(*times, 1, "{mail} is marked {times} times");
            assert!(self.received.contains_key(mail), "{mail} is marked and never came");
        }
        let unknown: Vec<_> = self.received.keys().filter(|mail| !told.queued.contains(*mail)).collect();
        assert!(unknown.is_empty(), "they came, and the register knows nothing of them: {unknown:?}");
    }

    /// How many came, and how many of them more than once.
    pub fn counts(&self) -> (usize, usize) {
        (self.received.len(), self.received.values().filter(|times| **times > 1).count())
    }
}

/// The register's lines, as they stand on the disk.
pub fn lines(register: &Path) -> Vec<Value> {
    let text = std::fs::read(register.join(ecluse::register::LOG_FILE)).unwrap();
    text.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect()
}

/// What they say about mails.
pub fn told(lines: &[Value]) -> Told {
    let mut told = Told::default();
    for event in lines.iter().map(|line| &line["event"]) {
        let Some(mail) = event["mail"].as_str().map(str::to_owned) else { continue };
        match event["type"].as_str() {
            Some("mail-queued") => drop(told.queued.insert(mail)),
            Some("mail-accepted") => *told.accepted.entry(mail).or_default() += 1,
            Some("mail-failed") => drop(told.failed.insert(mail)),
            _ => {}
        }
    }
    told
}
