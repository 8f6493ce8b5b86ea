//! The connection log (A6-7): log-ins, refusals, uses of viewing links, publishers that come and go. One file of JSON
//! lines per day (UTC), kept for as long as the configuration says and no longer; the administrator's page and the API
//! read it back from there ([`archive`]), so that a restart forgets nothing. In memory: what waits to be written.
//!
//! It is no legal record: the register is. Writing never delays a request; what a full queue loses is counted and said
//! in the file. No token and no password ever gets here; people appear by pseudonym.

mod archive;

pub use archive::{ConnectionFilter, Place};

use crate::clock::Clock;
use crate::domain::{PersonId, SessionId, TicketId};
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How many entries a log without a directory keeps.
const KEPT_IN_MEMORY: usize = 2_000;
const QUEUED_FOR_DISK: usize = 1_024;
/// A reader waits so long for what is queued; a disk that takes longer leaves the newest lines out of the page.
const FLUSHED_WITHIN: Duration = Duration::from_secs(2);

/// What kind of connection event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
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

impl Kind {
    /// All of them, in the order pages offer them.
    pub const ALL: [Kind; 15] = [
        Kind::LoggedIn,
        Kind::LoginRefused,
        Kind::LockedOut,
        Kind::Unlocked,
        Kind::PasskeyAdded,
        Kind::PasskeyRemoved,
        Kind::LoggedOut,
        Kind::Refused,
        Kind::Viewing,
        Kind::ViewingRefused,
        Kind::ViewingLeft,
        Kind::PublisherCame,
        Kind::PublisherWent,
        Kind::PublisherRefused,
        Kind::TlsRefused,
    ];

    /// The word used in URLs and files.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::LoggedIn => "logged-in",
            Kind::LoginRefused => "login-refused",
            Kind::LockedOut => "locked-out",
            Kind::Unlocked => "unlocked",
            Kind::PasskeyAdded => "passkey-added",
            Kind::PasskeyRemoved => "passkey-removed",
            Kind::LoggedOut => "logged-out",
            Kind::Refused => "refused",
            Kind::Viewing => "viewing",
            Kind::ViewingRefused => "viewing-refused",
            Kind::ViewingLeft => "viewing-left",
            Kind::PublisherCame => "publisher-came",
            Kind::PublisherWent => "publisher-went",
            Kind::PublisherRefused => "publisher-refused",
            Kind::TlsRefused => "tls-refused",
        }
    }

    /// The kind of that word.
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

/// One line of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connection {
    /// When, UTC; set by [`Connections::note`].
    pub at_utc: DateTime<Utc>,
    /// What.
    pub kind: Kind,
    /// Peer address and port.
    pub address: Option<SocketAddr>,
    /// Pseudonym, when known.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub person: Option<PersonId>,
    /// Ticket, when it is about one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub ticket: Option<TicketId>,
    /// Session, when it is about one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
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
    place: Where,
    lost: Arc<AtomicU64>,
}

/// Where the lines go.
enum Where {
    /// Nowhere else: the newest ones, and the number of the first of them.
    Memory(Mutex<(VecDeque<Connection>, u64)>),
    /// Into files, by a thread of their own.
    Files { dir: PathBuf, kept: TimeDelta, to_disk: SyncSender<Message> },
}

enum Message {
    Line(Connection),
    /// Told once everything before is in its file.
    Flush(SyncSender<()>),
}

impl Connections {
    /// A log in memory alone.
    pub fn in_memory(clock: Arc<dyn Clock>) -> Self {
        Self(Arc::new(Inner { clock, place: Where::Memory(Mutex::default()), lost: Arc::default() }))
    }

    /// A log with daily files `connections-YYYY-MM-DD.jsonl` in `dir`, which is made when missing. Files older than
    /// `kept` are removed when a day begins and at the start (6 to 12 months: REQUIREMENTS, "Law around it").
    ///
    /// # Errors
    /// When the directory cannot be made or the writer's thread cannot be started.
    pub fn open(dir: &Path, kept: TimeDelta, clock: Arc<dyn Clock>) -> std::io::Result<Self> {
        std::fs::create_dir_all(dir)?;
        let (to_disk, queue) = sync_channel(QUEUED_FOR_DISK);
        let lost = Arc::new(AtomicU64::new(0));
        let writer = Writer { dir: dir.to_owned(), kept, day: None, lost: lost.clone() };
        writer.forget_before(clock.utc().date_naive() - kept);
        std::thread::Builder::new().name("connection-log".to_owned()).spawn(move || writer.run(&queue))?;
        Ok(Self(Arc::new(Inner { clock, place: Where::Files { dir: dir.to_owned(), kept, to_disk }, lost })))
    }

    /// Writes one entry down. Never blocks.
    pub fn note(&self, mut connection: Connection) {
        connection.at_utc = self.0.clock.utc();
        match &self.0.place {
            Where::Files { to_disk, .. } => {
                if to_disk.try_send(Message::Line(connection)).is_err() {
                    self.0.lost.fetch_add(1, Ordering::Relaxed);
                }
            }
            Where::Memory(recent) => {
                // Whole after every call, so a holder that panicked cannot have left it half-changed.
                let (lines, first) = &mut *recent.lock().unwrap_or_else(PoisonError::into_inner);
                if lines.len() == KEPT_IN_MEMORY {
                    lines.pop_front();
                    *first += 1;
                }
                lines.push_back(connection);
            }
        }
    }

    /// Up to `limit` lines that the filter wants before `before`, newest first, and where to go on when there are more.
    /// What was noted before the call is in it. Reads the disk: call it where blocking is allowed.
    ///
    /// # Errors
    /// When the files cannot be read.
    pub fn page(
        &self,
        filter: &ConnectionFilter,
        before: Option<Place>,
        limit: usize,
    ) -> std::io::Result<(Vec<Connection>, Option<Place>)> {
        match &self.0.place {
            Where::Files { dir, to_disk, .. } => {
                let (flushed, done) = sync_channel(1);
                // A full queue is not waited for: its disk is slow or gone, and the page shows what is there.
                if to_disk.try_send(Message::Flush(flushed)).is_ok() {
                    let _ = done.recv_timeout(FLUSHED_WITHIN);
                }
                archive::page(dir, filter, before, limit)
            }
            Where::Memory(recent) => {
                let (lines, first) = &*recent.lock().unwrap_or_else(PoisonError::into_inner);
                let place = |line: u64| Place { day: NaiveDate::default(), line };
                let numbered = lines.iter().enumerate().rev().map(|(n, line)| (place(first + n as u64), line));
                let mut wanted =
                    numbered.filter(|(place, line)| before.is_none_or(|before| *place < before) && filter.wants(line));
                let found: Vec<_> = wanted.by_ref().take(limit).collect();
                let older = wanted.next().and(found.last()).map(|(place, _)| *place);
                Ok((found.into_iter().map(|(_, line)| line.clone()).collect(), older))
            }
        }
    }

    /// How many days lines are kept; `None`: in memory alone.
    pub fn kept_days(&self) -> Option<i64> {
        match &self.0.place {
            Where::Files { kept, .. } => Some(kept.num_days()),
            Where::Memory(_) => None,
        }
    }

    /// The newest lines, for tests and small tools.
    pub fn newest(&self, limit: usize) -> Vec<Connection> {
        self.page(&ConnectionFilter::default(), None, limit).map(|(lines, _)| lines).unwrap_or_default()
    }
}

struct Writer {
    dir: PathBuf,
    kept: TimeDelta,
    day: Option<(NaiveDate, File)>,
    lost: Arc<AtomicU64>,
}

impl Writer {
    fn run(mut self, queue: &Receiver<Message>) {
        let mut complained = false;
        while let Ok(message) = queue.recv() {
            let connection = match message {
                Message::Line(connection) => connection,
                Message::Flush(flushed) => {
                    // Who asked may have lost patience.
                    let _ = flushed.try_send(());
                    continue;
                }
            };
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
            let path = self.dir.join(archive::file_name(day));
            self.day = Some((day, OpenOptions::new().create(true).append(true).mode(0o600).open(path)?));
            self.forget_before(day - self.kept);
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
            let day = file.file_name().to_str().and_then(archive::day_of);
            if day.is_some_and(|day| day < limit)
                && let Err(error) = std::fs::remove_file(file.path())
            {
                tracing::warn!(path = %file.path().display(), %error, "an old connection log cannot be removed");
            }
        }
    }
}

#[cfg(test)]
mod tests;
