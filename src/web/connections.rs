//! The connection log (A6-7): log-ins, refusals, uses of viewing links, publishers that come and go. Bounded in memory
//! for the administrator's page, and one file of JSON lines per day (UTC), kept for a year at most.
//!
//! It is no legal record: the register is. Writing never delays a request; what a full queue loses is counted and said
//! in the file. No token and no password ever gets here; people appear by pseudonym.

use crate::clock::Clock;
use crate::domain::{PersonId, SessionId, TicketId};
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use serde::Serialize;
use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

/// How many entries the administrator's page can go back to.
pub const KEPT_IN_MEMORY: usize = 2_000;
const QUEUED_FOR_DISK: usize = 1_024;
/// Logs of access are kept 6 to 12 months (REQUIREMENTS, "Law around it").
const KEPT_ON_DISK: TimeDelta = TimeDelta::days(365);

/// What kind of connection event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A log-in succeeded.
    LoggedIn,
    /// A log-in was refused.
    LoginRefused,
    /// An account is locked out after too many failures (fault 25).
    LockedOut,
    /// An administrator ended a lock-out.
    Unlocked,
    /// Somebody added a passkey to their second factor.
    PasskeyAdded,
    /// Somebody removed one.
    PasskeyRemoved,
    /// Somebody logged out.
    LoggedOut,
    /// A logged-in person, or nobody, asked for something that is not theirs.
    Refused,
    /// A viewer was connected (WHEP `POST`).
    Viewing,
    /// A viewer was refused (WHEP `POST`), a used link included (fault 10).
    ViewingRefused,
    /// A viewer left (WHEP `DELETE`).
    ViewingLeft,
    /// A camera began to publish.
    PublisherCame,
    /// A camera stopped publishing.
    PublisherWent,
    /// A publisher was refused.
    PublisherRefused,
    /// A TLS handshake failed: no AES-256 suite in common, for one (A6-5).
    TlsRefused,
}

/// One line of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Connection {
    /// When, UTC; set by [`Connections::note`].
    pub at_utc: DateTime<Utc>,
    /// What.
    pub kind: Kind,
    /// Peer address and port.
    pub address: Option<SocketAddr>,
    /// Pseudonym, when known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub person: Option<PersonId>,
    /// Ticket, when it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ticket: Option<TicketId>,
    /// Session, when it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<SessionId>,
    /// A few words, e.g. a refusal's code. Never a token, a password or an address typed by a stranger.
    pub detail: String,
}

impl Connection {
    /// An entry without anybody in it yet.
    pub fn new(kind: Kind, address: Option<SocketAddr>, detail: impl Into<String>) -> Self {
        let detail = detail.into().chars().take(200).collect();
        Self { at_utc: DateTime::UNIX_EPOCH, kind, address, person: None, ticket: None, session: None, detail }
    }
    /// Names the person.
    pub fn by(mut self, person: Option<PersonId>) -> Self {
        self.person = person;
        self
    }
    /// Names the ticket.
    pub fn about(mut self, ticket: Option<TicketId>) -> Self {
        self.ticket = ticket;
        self
    }
    /// Names the session.
    pub fn in_session(mut self, session: SessionId) -> Self {
        self.session = Some(session);
        self
    }
}

/// The log; cheap to clone.
#[derive(Clone)]
pub struct Connections(Arc<Inner>);

struct Inner {
    clock: Arc<dyn Clock>,
    recent: Mutex<VecDeque<Connection>>,
    to_disk: Option<SyncSender<Connection>>,
    lost: Arc<AtomicU64>,
}

impl Connections {
    /// A log in memory alone.
    pub fn in_memory(clock: Arc<dyn Clock>) -> Self {
        Self(Arc::new(Inner { clock, recent: Mutex::default(), to_disk: None, lost: Arc::default() }))
    }

    /// A log with daily files `connections-YYYY-MM-DD.jsonl` in `dir`, which is made when missing.
    ///
    /// # Errors
    /// When the directory cannot be made or the writer's thread cannot be started.
    pub fn open(dir: &Path, clock: Arc<dyn Clock>) -> std::io::Result<Self> {
        std::fs::create_dir_all(dir)?;
        let (to_disk, queue) = sync_channel(QUEUED_FOR_DISK);
        let lost = Arc::new(AtomicU64::new(0));
        let writer = Writer { dir: dir.to_owned(), day: None, lost: lost.clone() };
        std::thread::Builder::new().name("connection-log".to_owned()).spawn(move || writer.run(&queue))?;
        Ok(Self(Arc::new(Inner { clock, recent: Mutex::default(), to_disk: Some(to_disk), lost })))
    }

    /// Writes one entry down. Never blocks.
    pub fn note(&self, mut connection: Connection) {
        connection.at_utc = self.0.clock.utc();
        if let Some(to_disk) = &self.0.to_disk
            && to_disk.try_send(connection.clone()).is_err()
        {
            self.0.lost.fetch_add(1, Ordering::Relaxed);
        }
        // The deque is whole after every call, so a holder that panicked cannot have left it half-changed.
        let mut recent = self.0.recent.lock().unwrap_or_else(PoisonError::into_inner);
        if recent.len() == KEPT_IN_MEMORY {
            recent.pop_front();
        }
        recent.push_back(connection);
    }

    /// The newest `limit` entries after the newest `skip`, newest first.
    pub fn newest(&self, skip: usize, limit: usize) -> Vec<Connection> {
        let recent = self.0.recent.lock().unwrap_or_else(PoisonError::into_inner);
        recent.iter().rev().skip(skip).take(limit).cloned().collect()
    }
}

struct Writer {
    dir: PathBuf,
    day: Option<(NaiveDate, File)>,
    lost: Arc<AtomicU64>,
}

impl Writer {
    fn run(mut self, queue: &Receiver<Connection>) {
        let mut complained = false;
        while let Ok(connection) = queue.recv() {
            match self.write(&connection) {
                Ok(()) => complained = false,
                Err(error) => {
                    self.lost.fetch_add(1, Ordering::Relaxed);
                    if !complained {
                        tracing::error!(dir = %self.dir.display(), %error, "the connection log cannot be written");
                        complained = true;
                    }
                }
            }
        }
    }

    fn write(&mut self, connection: &Connection) -> std::io::Result<()> {
        let day = connection.at_utc.date_naive();
        if self.day.as_ref().is_none_or(|(open, _)| *open != day) {
            let path = self.dir.join(format!("connections-{day}.jsonl"));
            self.day = Some((day, OpenOptions::new().create(true).append(true).open(path)?));
            self.forget_before(day - KEPT_ON_DISK);
        }
        let Some((_, file)) = &mut self.day else { return Ok(()) };
        let lost = self.lost.swap(0, Ordering::Relaxed);
        if lost > 0 {
            writeln!(file, "{{\"at_utc\":\"{}\",\"lost\":{lost}}}", connection.at_utc.to_rfc3339())?;
        }
        let mut line = serde_json::to_vec(connection)?;
        line.push(b'\n');
        file.write_all(&line)
    }

    fn forget_before(&self, limit: NaiveDate) {
        let Ok(files) = std::fs::read_dir(&self.dir) else { return };
        for file in files.flatten() {
            let name = file.file_name();
            let day = name
                .to_str()
                .and_then(|name| name.strip_prefix("connections-")?.strip_suffix(".jsonl")?.parse::<NaiveDate>().ok());
            if day.is_some_and(|day| day < limit)
                && let Err(error) = std::fs::remove_file(file.path())
            {
                tracing::warn!(path = %file.path().display(), %error, "an old connection log cannot be removed");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;
    use std::time::{Duration, Instant};

    fn clock() -> ManualClock {
        ManualClock::at("2026-11-24T23:59:59Z".parse().unwrap())
    }

    #[test]
    fn a6_7_memory_is_bounded_and_newest_comes_first() {
        let log = Connections::in_memory(Arc::new(clock()));
        for number in 0..KEPT_IN_MEMORY + 10 {
            log.note(Connection::new(Kind::LoggedIn, None, number.to_string()));
        }
        let newest = log.newest(0, 2);
        assert_eq!(newest[0].detail, (KEPT_IN_MEMORY + 9).to_string());
        assert_eq!(log.newest(1, 1)[0].detail, newest[1].detail);
        assert_eq!(log.newest(0, usize::MAX).len(), KEPT_IN_MEMORY);
    }

    #[test]
    fn a6_7_one_file_per_day_and_old_ones_go() {
        let dir = tempfile::tempdir().unwrap();
        let old = dir.path().join("connections-2025-01-01.jsonl");
        std::fs::write(&old, "").unwrap();
        let clock = clock();
        let log = Connections::open(dir.path(), Arc::new(clock.clone())).unwrap();
        log.note(Connection::new(Kind::LoggedIn, None, "before midnight"));
        clock.advance(Duration::from_secs(2));
        log.note(Connection::new(Kind::LoggedOut, None, "after midnight"));
        let read = |day: &str| std::fs::read_to_string(dir.path().join(format!("connections-{day}.jsonl")));
        let deadline = Instant::now() + Duration::from_secs(20);
        while !read("2026-11-25").is_ok_and(|text| text.contains("after midnight")) {
            assert!(Instant::now() < deadline, "never written");
            std::thread::yield_now();
        }
        assert!(read("2026-11-24").unwrap().contains("\"kind\":\"logged-in\""));
        assert!(!old.exists());
    }
}
