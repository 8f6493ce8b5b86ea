//! The task that keeps the copy: deletions first, then what is new, in rounds.

use super::remote::Remote;
use super::{CopyTrouble, OffsiteError, OffsiteSettings};
use crate::archive::{Archive, walk};
use crate::clock::Clock;
use crate::store::{OffsiteBook, SegmentId, SegmentRow, Segments, StoreError};
use chrono::{DateTime, Utc};
use metrics::{counter, gauge};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Between two rounds when all is well.
const ROUND: Duration = Duration::from_secs(5);
/// Between two attempts when the other side does not answer, at most.
const LONGEST_WAIT: Duration = Duration::from_secs(300);
/// Names deleted, and segments of one camera copied, before the others' turn comes again.
const BATCH: usize = 64;

/// How the copy is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MirrorState {
    /// The other side's host, and its port where one is named.
    pub host: String,
    /// The bucket there.
    pub bucket: String,
    /// Why the last round did not end, for the log; `None`: it did. It may quote what the other side said.
    pub fault: Option<String>,
    /// The same in a word that may be shown.
    pub trouble: Option<CopyTrouble>,
    /// Since when rounds have not ended, UTC.
    pub failing_since_utc: Option<DateTime<Utc>>,
    /// When the oldest closed segment that is not copied yet ended, UTC; `None`: all are copied.
    pub behind_since_utc: Option<DateTime<Utc>>,
    /// Names that are deleted here and not there yet.
    pub doomed: usize,
    /// Since when the oldest of them should be gone, UTC.
    pub doomed_since_utc: Option<DateTime<Utc>>,
    /// Closed segments that are not copied yet; `None`: not counted yet.
    pub waiting: Option<u64>,
    /// When a round ended last, UTC: then everything here was there, and nothing more. `None`: not since the start.
    pub last_success_utc: Option<DateTime<Utc>>,
    /// Rounds that ended since the start; before the first, nothing is known of the copy.
    pub rounds: u64,
    /// Segments copied since the start.
    pub copied: u64,
    /// Bytes copied since the start.
    pub bytes: u64,
}

/// The copy of one archive. Cheap to clone.
#[derive(Clone)]
pub struct Mirror(Arc<Inner>);

struct Inner {
    archive: Archive,
    remote: Remote,
    book: OffsiteBook,
    clock: Arc<dyn Clock>,
    state: Mutex<MirrorState>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Mirror {
    /// Keeps a copy of every camera's segments. Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// [`OffsiteError::OtherPlace`] when the copy so far is elsewhere; when the settings name no storage that could be spoken
    /// to. That it does not answer is no error: it is tried again.
    pub fn start(
        archive: Archive,
        book: OffsiteBook,
        settings: &OffsiteSettings,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, OffsiteError> {
        let place = settings.place();
        match book.place()? {
            // A place that never answered holds nothing.
            Some(known) if known != place && book.has_copy()? => return Err(OffsiteError::OtherPlace { known, place }),
            Some(known) if known == place => {}
            _ => book.is_at(&place)?,
        }
        let mirror = Self(Arc::new(Inner {
            archive,
            remote: Remote::new(settings)?,
            book,
            clock,
            state: Mutex::new(MirrorState {
                host: settings.host(),
                bucket: settings.bucket.clone(),
                ..MirrorState::default()
            }),
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
        }));
        mirror.0.tasks.spawn(mirror.clone().run());
        Ok(mirror)
    }

    /// How the copy is.
    pub fn state(&self) -> MirrorState {
        // Plain figures: whole at every step.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Ends with the file under way, at the latest when its request times out.
    pub async fn shutdown(&self) {
        self.0.stop.cancel();
        self.0.tasks.close();
        self.0.tasks.wait().await;
    }

    async fn run(self) {
        let (mut wait, mut renewed) = (ROUND, false);
        loop {
            let all = async {
                let mut unreadable = self.round().await?;
                if !renewed {
                    let not_renewed = self.renew().await?;
                    renewed = not_renewed.is_none();
                    unreadable = unreadable.or(not_renewed);
                }
                Ok(unreadable)
            };
            let ended = tokio::select! {
                () = self.0.stop.cancelled() => return,
                ended = all => ended,
            };
            // What cannot be read here is a fault, too; and everything else was done.
            wait = self.note(&ended.and_then(|unreadable| unreadable.map_or(Ok(()), Err)), wait);
            tokio::select! {
                () = self.0.stop.cancelled() => return,
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    /// Writes down how a round went; how long to wait for the next.
    fn note(&self, ended: &Result<(), OffsiteError>, waited: Duration) -> Duration {
        let now = self.0.clock.utc();
        let mut state = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
        let wait = match ended {
            Ok(()) => {
                if state.fault.take().is_some() {
                    tracing::info!("the off-site copy goes on");
                }
                (state.trouble, state.failing_since_utc) = (None, None);
                state.last_success_utc = Some(now);
                state.rounds += 1;
                ROUND
            }
            Err(error) => {
                if state.trouble != Some(CopyTrouble::from(error)) {
                    tracing::error!(%error, "the off-site copy does not go on; it is tried again by itself");
                }
                (state.fault, state.trouble) = (Some(error.to_string()), Some(CopyTrouble::from(error)));
                state.failing_since_utc = state.failing_since_utc.or(Some(now));
                (waited * 2).min(LONGEST_WAIT)
            }
        };
        let age = |since: Option<DateTime<Utc>>| since.map_or(0.0, |since| (now - since).as_seconds_f64().max(0.0));
        gauge!("ecluse_offsite_behind_seconds").set(age(state.behind_since_utc));
        gauge!("ecluse_offsite_undeleted").set(state.doomed as f64);
        gauge!("ecluse_offsite_undeleted_seconds").set(age(state.doomed_since_utc));
        wait
    }

    /// What is deleted here goes there, and what is new here comes there. A file that cannot be read here holds up no other.
    /// What could not be.
    async fn round(&self) -> Result<Option<OffsiteError>, OffsiteError> {
        let mut turn = Turn::default();
        loop {
            // A held segment's own key before the day's goes.
            let sent = self.send_keys().await;
            let deleted = self.delete_some().await;
            self.look().await?;
            turn.note(sent?);
            let more = deleted?;
            let copied = self.copy_some(&mut turn).await;
            self.look().await?;
            if !copied? && !more {
                return Ok(turn.unreadable);
            }
        }
    }

    /// Whether there may be more.
    async fn delete_some(&self) -> Result<bool, OffsiteError> {
        let book = self.0.book.clone();
        let doomed = blocking(move || Ok(book.doomed(BATCH)?)).await?;
        let more = doomed.len() == BATCH;
        if doomed.is_empty() {
            return Ok(false);
        }
        let (gone, ended) = self.0.remote.delete(doomed.into_iter().map(|(name, _)| name).collect()).await;
        counter!("ecluse_offsite_deleted_total").increment(gone.len() as u64);
        let book = self.0.book.clone();
        blocking(move || Ok(book.gone(gone.iter().map(String::as_str))?)).await?;
        ended.map(|()| more)
    }

    /// Keys of held segments whose day's key is gone, and whatever a crash cut short.
    async fn send_keys(&self) -> Result<Option<OffsiteError>, OffsiteError> {
        let book = self.0.book.clone();
        let names = blocking(move || Ok(book.unsent_keys()?)).await?;
        self.all_small(names).await
    }

    /// Copies the keys again that a rotation of the master key has rewritten: it is done while no server runs.
    async fn renew(&self) -> Result<Option<OffsiteError>, OffsiteError> {
        let book = self.0.book.clone();
        let names = blocking(move || Ok(book.key_names()?)).await?;
        self.all_small(names).await
    }

    /// Copies small files; the first that cannot be read here.
    async fn all_small(&self, names: Vec<String>) -> Result<Option<OffsiteError>, OffsiteError> {
        let mut turn = Turn::default();
        for name in names {
            turn.note(here(self.small(name).await)?);
        }
        Ok(turn.unreadable)
    }

    /// Copies a batch of each camera, and one of what came late. Whether there may be more.
    async fn copy_some(&self, turn: &mut Turn) -> Result<bool, OffsiteError> {
        let mut more = false;
        for camera in self.ask(Segments::cameras).await? {
            let waiting = self.ask(move |index| index.to_copy(&camera, BATCH)).await?;
            more |= waiting.len() == BATCH;
            for row in waiting {
                turn.note(self.copy(&row).await?);
            }
        }
        // Once through the list: of a file that is still away, the next round asks again.
        let after = turn.after.clone();
        let late = self.ask(move |index| index.late(after.as_ref(), BATCH)).await?;
        for row in &late {
            turn.note(self.copy(row).await?);
        }
        turn.after = late.last().map(SegmentRow::id).or(turn.after.take());
        Ok(more || late.len() == BATCH)
    }

    /// Copies one segment; what is wrong with its file where that cannot be read, and the others can be copied.
    async fn copy(&self, row: &SegmentRow) -> Result<Option<OffsiteError>, OffsiteError> {
        let (path, id) = (self.path(&row.file), row.id());
        // Without its key it would be of no use there.
        if let Some(fault) = here(self.keys_of(row).await)? {
            self.ask(move |index| index.could_not_copy(&id)).await?;
            return Ok(Some(fault));
        }
        let copied = self.0.remote.put_file(&row.file, &path).await;
        let bytes = match copied {
            Ok(bytes) => bytes,
            Err(error) => {
                let read = blocking(move || Ok(unreadable(&path))).await?;
                let Some(why) = read else { return Err(error) };
                self.ask(move |index| index.could_not_copy(&id)).await?;
                // Destroyed since the index was read: its name is on the list of what must go. Or it is away.
                return Ok(Some(why).filter(|why| why.kind() != std::io::ErrorKind::NotFound).map(|_| error));
            }
        };
        self.ask(move |index| index.has_copied(&id)).await?;
        counter!("ecluse_offsite_bytes_total").increment(bytes);
        let mut state = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.copied += 1;
        state.bytes += bytes;
        Ok(None)
    }

    /// What opens a segment goes before it.
    async fn keys_of(&self, row: &SegmentRow) -> Result<(), OffsiteError> {
        self.small("archive.json".to_owned()).await?;
        let (archive, camera, day) = (self.0.archive.clone(), row.camera.clone(), row.started_at_utc.date_naive());
        let names = blocking(move || {
            walk::day_keys(archive.dir(), &camera, day).map_err(|error| OffsiteError::Local {
                path: archive.dir().join(crate::archive::layout::day_dir(&camera, day)),
                source: std::io::Error::other(error),
            })
        });
        for name in names.await? {
            self.small(name).await?;
        }
        Ok(())
    }

    /// Asks or tells the archive's index.
    async fn ask<T: Send + 'static>(
        &self,
        what: impl FnOnce(&Segments) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, OffsiteError> {
        let archive = self.0.archive.clone();
        blocking(move || Ok(what(archive.index())?)).await
    }

    /// Copies a small file unless it is there as it is here: a rotation of the master key rewrites them.
    async fn small(&self, name: String) -> Result<(), OffsiteError> {
        let (book, path, of) = (self.0.book.clone(), self.path(&name), name.clone());
        let changed = blocking(move || {
            let bytes = match std::fs::read(&path) {
                Ok(bytes) => bytes,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
                Err(error) => return Err(OffsiteError::local(&path)(error)),
            };
            let hash = crate::archive::master::hex(&openssl::sha::sha256(&bytes));
            let known = book.key_hash(&of)?;
            if known.as_ref() == Some(&hash) {
                return Ok(None);
            }
            // Noted first: a crash in between copies it again.
            book.key_goes_out(&of)?;
            Ok(Some((bytes, hash)))
        })
        .await?;
        let Some((bytes, hash)) = changed else { return Ok(()) };
        self.0.remote.put(&name, bytes).await?;
        let book = self.0.book.clone();
        blocking(move || Ok(book.key_arrived(&name, &hash)?)).await
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.archive.dir().join(name)
    }

    /// Renews the figures that alarms and pages go by.
    async fn look(&self) -> Result<(), OffsiteError> {
        let book = self.0.book.clone();
        let (doomed, doomed_since_utc) = blocking(move || Ok(book.overdue()?)).await?;
        let late = self.ask(Segments::count_late).await?;
        let (mut behind, mut waiting) = (late.oldest_utc, late.segments);
        for camera in self.ask(Segments::cameras).await? {
            let look = move |index: &Segments| {
                let oldest = index.to_copy(&camera, 1)?.first().map(|row| row.ended_at_utc);
                Ok((oldest, if oldest.is_some() { index.count_to_copy(&camera)? } else { 0 }))
            };
            let (oldest, count) = self.ask(look).await?;
            behind = [behind, oldest].into_iter().flatten().min();
            waiting += count;
        }
        let mut state = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
        (state.doomed, state.doomed_since_utc, state.behind_since_utc) = (doomed, doomed_since_utc, behind);
        state.waiting = Some(waiting);
        Ok(())
    }
}

impl std::fmt::Debug for Mirror {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mirror").field("state", &self.state()).finish_non_exhaustive()
    }
}

/// How far a round has come.
#[derive(Default)]
struct Turn {
    /// The late segment that was looked at last.
    after: Option<SegmentId>,
    /// A file that could not be read here.
    unreadable: Option<OffsiteError>,
}

impl Turn {
    fn note(&mut self, fault: Option<OffsiteError>) {
        self.unreadable = self.unreadable.take().or(fault);
    }
}

/// A file that cannot be read here, as a fault of its own.
fn here(done: Result<(), OffsiteError>) -> Result<Option<OffsiteError>, OffsiteError> {
    match done {
        Err(error @ OffsiteError::Local { .. }) => Ok(Some(error)),
        Err(error) => Err(error),
        Ok(()) => Ok(None),
    }
}

/// Why a file cannot be read to its end; `None`: it can.
fn unreadable(path: &Path) -> Option<std::io::Error> {
    let read = || std::io::copy(&mut std::fs::File::open(path)?, &mut std::io::sink());
    read().err()
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, OffsiteError> + Send + 'static,
) -> Result<T, OffsiteError> {
    let ended = tokio::task::spawn_blocking(work).await;
    ended.unwrap_or_else(|error| Err(OffsiteError::Transfer(std::io::Error::other(error))))
}
