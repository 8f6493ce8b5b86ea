//! Registers to be tampered with, and the binary that is to notice.

use chrono::{DateTime, TimeDelta, Utc};
use ecluse::domain::{Actor, Camera, CloseCause, Convention, Entry, Event, Reason, Service, Site, SiteId, TicketId};
use ecluse::register::{HEAD_FILE, LOG_FILE, LeafHash, Register, RegisterError, open_key};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// The register's name in checkpoints.
pub const ORIGIN: &str = "ecluse.example.org/register";

/// How many entries [`Case::new`] writes.
pub const ENTRIES: u64 = 12;

/// A register on disk that nobody has open.
pub struct Case {
    directory: TempDir,
}

impl Case {
    /// A site, then requests on it, one a day from 2026-11-01 14:00 UTC.
    pub fn new() -> Self {
        let case = Self { directory: tempfile::tempdir().unwrap() };
        case.append(ENTRIES);
        case
    }

    /// Adds entries as the server would.
    pub fn append(&self, count: u64) {
        let mut register = self.open();
        let known = register.reader().entries();
        let entries: Vec<_> = (known..known + count).map(|seq| Arc::new(entry(seq))).collect();
        register.log().expect("a sound register").append(&entries).unwrap();
    }

    /// Opens the register. A child that another test is just starting holds a copy of every lock of this process until
    /// it has become another program: that passes.
    pub fn open(&self) -> Register {
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            match Register::open(&self.dir()) {
                Err(RegisterError::InUse { .. }) if Instant::now() < deadline => std::thread::yield_now(),
                opened => return opened.unwrap(),
            }
        }
    }

    /// The same entries but one, in a register of its own: sound by itself, log and note.
    pub fn forged(&self, other: u64) -> Self {
        let case = Self { directory: tempfile::tempdir().unwrap() };
        let entries = (0..self.lines().len() as u64).map(|seq| {
            let mut entry = entry(seq);
            if seq == other {
                entry.event = Event::ServerStarted { version: "forged".to_owned() };
            }
            Arc::new(entry)
        });
        case.open().log().expect("a new register").append(&entries.collect::<Vec<_>>()).unwrap();
        case
    }

    /// Puts log and note of another register in the place of this one's.
    pub fn take_over(&self, other: &Case) {
        fs::copy(other.log(), self.log()).unwrap();
        fs::copy(other.head(), self.head()).unwrap();
    }

    /// Log and note as they are now, to be put back later.
    pub fn backup(&self) -> Case {
        let backup = Self { directory: tempfile::tempdir().unwrap() };
        fs::create_dir(backup.dir()).unwrap();
        backup.take_over(self);
        backup
    }

    /// A configuration whose data directory this is, with a signing key; gives its path and the public key.
    pub fn with_key(&self) -> (PathBuf, String) {
        let config = self.beside("ecluse.toml");
        fs::write(&config, format!("[server]\ndata_dir = \".\"\n[register]\norigin = \"{ORIGIN}\"\n")).unwrap();
        let signer = open_key(self.directory.path(), ORIGIN).unwrap();
        (config, signer.public().to_string())
    }

    /// The register's directory.
    pub fn dir(&self) -> PathBuf {
        self.directory.path().join("register")
    }

    /// Any path beside the register.
    pub fn beside(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The log's file.
    pub fn log(&self) -> PathBuf {
        self.dir().join(LOG_FILE)
    }

    /// The acknowledgement note's file.
    pub fn head(&self) -> PathBuf {
        self.dir().join(HEAD_FILE)
    }

    /// The lines, each with its line feed.
    pub fn lines(&self) -> Vec<String> {
        fs::read_to_string(self.log()).unwrap().split_inclusive('\n').map(str::to_owned).collect()
    }

    /// Rewrites the log.
    pub fn write(&self, lines: &[String]) {
        fs::write(self.log(), lines.concat()).unwrap();
    }

    /// Where a line begins, from 0.
    pub fn offset(&self, line: usize) -> u64 {
        self.lines()[..line].iter().map(|line| line.len() as u64).sum()
    }

    /// Has the binary verify the directory.
    pub fn verify(&self) -> Findings {
        Findings::of(&["--dir".as_ref(), self.dir().as_ref()])
    }
}

/// The ticket that every request, opening and closing here is about.
pub fn ticket() -> TicketId {
    uuid::Uuid::from_u128(0x0195_0000_0000_7000_8000_0000_0000_0001).into()
}

/// The time of an entry.
pub fn at(seq: u64) -> DateTime<Utc> {
    "2026-11-01T14:00:00Z".parse::<DateTime<Utc>>().unwrap() + TimeDelta::days(i64::try_from(seq).unwrap())
}

fn entry(seq: u64) -> Entry {
    let site: SiteId = "arcade".parse().unwrap();
    let person = |name: &str| Actor::Person(name.parse().unwrap());
    let (actor, event) = match seq {
        0 => (Actor::System, Event::SiteDeclared { site: declared(site) }),
        1 => (
            person("op-1"),
            Event::Requested {
                ticket: ticket(),
                site,
                service: "csu".parse().unwrap(),
                reasons: BTreeSet::from([Reason::Vols]),
                duration_minutes: 120,
                lapses_at_utc: at(seq),
            },
        ),
        2 => (person("dec-1"), Event::Approved { ticket: ticket() }),
        3 => (person("dec-1"), Event::Opened { ticket: ticket(), expires_at_utc: at(seq) + TimeDelta::hours(2) }),
        4 => (
            person("dec-1"),
            Event::Closed {
                ticket: ticket(),
                cause: CloseCause::InterruptedByLandlord { why: "fin\u{7}".to_owned() },
                closed_at_utc: at(seq),
                flowed_ms: 61_000,
                cut_us: Some(900),
            },
        ),
        _ => (Actor::System, Event::ServerStarted { version: format!("1.0.{seq}") }),
    };
    Entry { seq, at_utc: at(seq), actor, event }
}

fn declared(id: SiteId) -> Site {
    Site {
        id,
        name: "1 rue de l'Arcade".to_owned(),
        addresses: vec!["1 rue de l'Arcade".to_owned()],
        service: Service {
            id: "csu".parse().unwrap(),
            name: "CSU".to_owned(),
            town: "Charenton-le-Pont".to_owned(),
            address: "48 rue de Paris".to_owned(),
        },
        convention: Convention {
            town: "Charenton-le-Pont".to_owned(),
            valid_from_utc: at(0) - TimeDelta::days(1),
            valid_until_utc: at(0) + TimeDelta::days(365),
        },
        cameras: vec![Camera { id: "hall".parse().unwrap(), name: "Hall".to_owned() }],
    }
}

/// Chains lines anew from the first to the last, as somebody would who edits one and knows how the chain is made.
pub fn rechained(lines: &[String]) -> Vec<String> {
    let mut prev = LeafHash::START.to_string();
    let rechain = |line: &String| {
        let (before, rest) = line.split_once("\"prev\":\"").unwrap();
        let line = format!("{before}\"prev\":\"{prev}{}", &rest[64..]);
        prev = LeafHash::of(line.trim_end().as_bytes()).to_string();
        line
    };
    lines.iter().map(rechain).collect()
}

/// Runs the binary.
pub fn ecluse(arguments: &[&std::ffi::OsStr]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_ecluse"))
        .args(arguments)
        .env_remove("ECLUSE_CONFIG")
        .output()
        .expect("the binary runs")
}

/// What `ecluse register verify --json` said.
#[derive(Debug)]
pub struct Findings {
    pub code: i32,
    pub json: Value,
    pub stderr: String,
}

impl Findings {
    /// Verifies with these arguments.
    pub fn of(arguments: &[&std::ffi::OsStr]) -> Self {
        let mut all: Vec<&std::ffi::OsStr> = vec!["register".as_ref(), "verify".as_ref(), "--json".as_ref()];
        all.extend(arguments);
        let output = ecluse(&all);
        Self {
            code: output.status.code().expect("it ends by itself"),
            json: serde_json::from_slice(&output.stdout).unwrap_or(Value::Null),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Verifies a copy of the log.
    pub fn of_copy(path: &Path) -> Self {
        Self::of(&["--file".as_ref(), path.as_ref()])
    }

    /// Expects this entry to be named as the first bad one, at its line and byte, for this reason.
    #[track_caller]
    pub fn names(&self, seq: u64, offset: u64, kind: &str) {
        assert_eq!(self.code, 1, "{self:?}");
        assert_eq!(self.json["sound"], false, "{self:?}");
        let damage = &self.json["damage"];
        assert_eq!(damage["first_bad_seq"], seq, "{self:?}");
        assert_eq!(damage["line"], seq + 1, "{self:?}");
        assert_eq!(damage["offset"], offset, "{self:?}");
        assert_eq!(damage["kind"], kind, "{self:?}");
        assert!(damage["why"].as_str().is_some_and(|why| !why.is_empty()), "{self:?}");
        assert_eq!(self.json["entries"], seq, "everything before it is sound: {self:?}");
    }
}
