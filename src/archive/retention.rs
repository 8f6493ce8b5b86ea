//! The sweep: footage whose time is up is destroyed, and each day's end is attested in the register (A5-4).
//!
//! It asks the keeper before each batch, and nobody can hold footage back between the question and the last file of the
//! batch (A5-5, fault 17). It looks for work in the index by camera, each up to its own site's horizon: millions of
//! segments that stay cost nothing. What a backup brought back is destroyed before anything is served (fault 24).

use super::purge_clock::{PurgeClock, Time};
use super::{Archive, ArchiveError};
use crate::clock::Clock;
use crate::control::{Control, ControlError};
use crate::domain::footage::{PURGE_AHEAD, Verdict};
use crate::domain::{Action, Actor, CameraId, Command, Footage, FootageCommand, SiteId};
use crate::store::{PurgeTally, SegmentRow, SegmentState, Tally};
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How often the sweep looks for work.
const EVERY: Duration = Duration::from_secs(60);
/// Segments destroyed between two questions: so long a hold waits at most.
const BATCH: usize = if cfg!(test) { 4 } else { 128 };
/// The site in whose name footage is attested whose camera belongs to no site any more.
const NO_SITE: &str = "no-site";

/// Why a sweep ended early; it is tried again.
#[derive(Debug, thiserror::Error)]
pub enum SweepError {
    /// The archive or its index.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// The keeper; a hold that came first is no error.
    #[error(transparent)]
    Control(#[from] ControlError),
    /// The task was lost.
    #[error("the sweep's work was lost: {0}")]
    Lost(String),
}

impl From<crate::store::StoreError> for SweepError {
    fn from(error: crate::store::StoreError) -> Self {
        Self::Archive(error.into())
    }
}

/// What a sweep did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Swept {
    /// Segments destroyed.
    pub segments: u64,
    /// Segments that are due and held.
    pub held: u64,
    /// Their bytes.
    pub held_bytes: u64,
    /// Days attested.
    pub days: u64,
}

/// The sweep.
pub struct Retention {
    archive: Archive,
    control: Control,
    clock: Arc<dyn Clock>,
    tally: PurgeTally,
    time: Arc<Mutex<PurgeClock>>,
    /// This run has recorded that the calendar is in doubt.
    paused: bool,
}

impl Retention {
    /// Makes the sweep; the newest picture, or its own last look, is the last sign of life. Blocks shortly.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn new(
        archive: Archive,
        control: Control,
        clock: Arc<dyn Clock>,
        tally: PurgeTally,
    ) -> Result<Self, ArchiveError> {
        let doubt = control.read(|state| state.custody.doubt);
        let recorded_utc = match doubt {
            Some(doubt) => archive.newest_in_doubt(doubt.trusted_utc - doubt.since_utc)?,
            None => archive.newest_utc()?,
        };
        let last_utc = recorded_utc.max(tally.seen_utc()?);
        let time = PurgeClock::new(last_utc, doubt, clock.utc(), clock.monotonic());
        let time = Arc::new(Mutex::new(time));
        let (now, known) = (clock.clone(), time.clone());
        archive.doubt_by(move || {
            let utc = now.utc();
            match lock(&known).look(utc, now.monotonic()) {
                Time::Sure(_) => None,
                Time::Doubtful(trusted) => Some(trusted - utc),
            }
        });
        Ok(Self { archive, control, clock, tally, time, paused: doubt.is_some() })
    }

    /// Destroys what had been destroyed and came back, e.g. with a backup (fault 24); before anything is served. How many
    /// segments.
    ///
    /// # Errors
    /// See [`SweepError`]: then nothing recorded may be served.
    pub async fn replay(&mut self) -> Result<u64, SweepError> {
        let now = self.now().await?;
        self.note(now).await;
        self.forget_attested().await?;
        let archive = self.archive.clone();
        let on_disk = blocking(move || archive.days_on_disk()).await?;
        let known = |day: &(CameraId, NaiveDate)| self.control.read(|state| state.custody.purged.contains_key(day));
        let mut gone = 0;
        for (camera, day) in on_disk.into_iter().filter(known) {
            let _custody = self.control.custody().await;
            let (archive, of) = (self.archive.clone(), camera.clone());
            let rows = blocking(move || archive.of_day(&of, day)).await?;
            let back: Vec<SegmentRow> = self
                .control
                .read(|state| rows.into_iter().filter(|row| state.custody.is_revenant(&footage(row))).collect());
            let count = back.len() as u64;
            match self.destroy(&camera, back, now, Undeletable::Goes).await {
                Err(error @ SweepError::Control(_)) => return Err(error),
                Err(error) => {
                    tracing::error!(%camera, %day, %error, "footage that had been destroyed is back and cannot be; it is served to nobody");
                }
                Ok(()) => gone += count,
            }
            // The key of a day nothing is left of, and files under it that no index knows.
            let archive = self.archive.clone();
            if let Err(error) = blocking(move || archive.end_day(&camera, day)).await {
                tracing::error!(%day, %error, "a day that is over could not be ended; the next start tries again");
            }
        }
        if gone > 0 {
            tracing::warn!(segments = gone, "footage that had been destroyed was back, and has been destroyed again");
        }
        Ok(gone)
    }

    /// Sweeps until stopped, once a minute. What cannot be destroyed is said, and tried again.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut ticks = tokio::time::interval(EVERY);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = ticks.tick() => {}
            }
            match self.sweep().await {
                Ok(done) if done == Swept::default() => {}
                Ok(Swept { segments, held, held_bytes, days }) => {
                    metrics::counter!("ecluse_footage_destroyed_total").increment(segments);
                    metrics::gauge!("ecluse_footage_held_segments").set(held as f64);
                    metrics::gauge!("ecluse_footage_held_bytes").set(held_bytes as f64);
                    tracing::info!(segments, held, days, "footage whose time was up has been destroyed");
                }
                Err(SweepError::Control(ControlError::Stopping)) => return,
                Err(error) => tracing::error!(%error, "footage whose time is up could not be destroyed; tried again"),
            }
        }
    }

    /// One look at everything whose time is up.
    ///
    /// # Errors
    /// See [`SweepError`]; what was done until then is done.
    pub async fn sweep(&mut self) -> Result<Swept, SweepError> {
        let now = self.now().await?;
        self.note(now).await;
        self.forget_attested().await?;
        let (mut done, mut failed) = (Swept::default(), None);
        let archive = self.archive.clone();
        for camera in blocking(move || archive.cameras()).await? {
            match self.sweep_camera(&camera, now, &mut done).await {
                Ok(()) => {}
                Err(SweepError::Control(ControlError::Stopping)) => return Err(ControlError::Stopping.into()),
                // One camera's broken directory must not keep the others' footage.
                Err(error) => {
                    tracing::error!(%camera, %error, "footage whose time is up could not be destroyed; tried again");
                    failed = Some(error);
                }
            }
        }
        self.archive.note_held(done.held_bytes);
        done.days = self.attest(now).await?;
        failed.map_or(Ok(done), Err)
    }

    async fn sweep_camera(&self, camera: &CameraId, now: DateTime<Utc>, done: &mut Swept) -> Result<(), SweepError> {
        let (mut after, mut failed) = (None, None);
        loop {
            let _custody = self.control.custody().await;
            let (archive, of, before) = (self.archive.clone(), camera.clone(), self.horizon(camera, now));
            let rows = blocking(move || archive.ended_before(&of, after, before, BATCH)).await?;
            let Some(last) = rows.last() else { break };
            after = Some(last.started_at_utc);
            note(&mut failed, self.destroy_due(camera, rows, now, done).await)?;
        }
        // What a calendar that was wrong has stamped later than it was taken.
        let mut after: Option<String> = None;
        loop {
            let _custody = self.control.custody().await;
            let (archive, of, before) = (self.archive.clone(), camera.clone(), self.horizon(camera, now));
            let rows = blocking(move || archive.adrift_before(&of, after.as_deref(), before, BATCH)).await?;
            let Some((last, _)) = rows.last() else { return failed.map_or(Ok(()), Err) };
            after = Some(last.clone());
            // Of those stamped earlier, the first loop has counted what is held.
            let later = rows.into_iter().map(|(_, row)| row).filter(|row| row.started_at_utc >= before).collect();
            note(&mut failed, self.destroy_due(camera, later, now, done).await)?;
        }
    }

    /// What of a camera was taken before, its site keeps no longer at `now`.
    fn horizon(&self, camera: &CameraId, now: DateTime<Utc>) -> DateTime<Utc> {
        let days = self.control.read(|state| {
            let site = state.site_of_camera(camera).map(|site| &site.id);
            state.custody.retention_days(site)
        });
        // The index is asked for what began before; what began at that very millisecond is due, too.
        now + PURGE_AHEAD - TimeDelta::days(days.into()) + TimeDelta::milliseconds(1)
    }

    /// Of these rows, destroys those that may go now. The caller keeps custody.
    async fn destroy_due(
        &self,
        camera: &CameraId,
        rows: Vec<SegmentRow>,
        now: DateTime<Utc>,
        done: &mut Swept,
    ) -> Result<(), SweepError> {
        let mut due = Vec::new();
        self.control.read(|state| {
            let site = state.site_of_camera(camera).map(|site| &site.id);
            for row in rows {
                match state.custody.verdict(site, &footage(&row), now) {
                    Verdict::Due => due.push(row),
                    Verdict::Held => {
                        done.held += 1;
                        done.held_bytes += row.bytes;
                    }
                    Verdict::Young => {}
                }
            }
        });
        done.segments += due.len() as u64;
        self.destroy(camera, due, now, Undeletable::Stays).await
    }

    /// Asks the keeper, counts, destroys. The caller keeps custody.
    async fn destroy(
        &self,
        camera: &CameraId,
        rows: Vec<SegmentRow>,
        now: DateTime<Utc>,
        undeletable: Undeletable,
    ) -> Result<(), SweepError> {
        if rows.is_empty() {
            return Ok(());
        }
        let pieces = rows.iter().map(footage).collect();
        self.system(FootageCommand::Purge { footage: pieces, trusted_utc: now }).await?;
        let (site, custody) = self
            .control
            .read(|state| (state.site_of_camera(camera).map(|site| site.id.clone()), state.custody.clone()));
        let (archive, tally, camera) = (self.archive.clone(), self.tally.clone(), camera.clone());
        blocking(move || {
            let site = match site {
                Some(site) => site,
                None => NO_SITE.parse::<SiteId>().map_err(|error| ArchiveError::NotFound(error.to_string()))?,
            };
            let mut days: BTreeMap<NaiveDate, Vec<SegmentRow>> = BTreeMap::new();
            for row in rows {
                days.entry(row.started_at_utc.date_naive()).or_default().push(row);
            }
            let mut failed = None;
            for (day, rows) in days {
                let counted: Vec<_> = rows.iter().filter(|row| row.state != SegmentState::Deleting).cloned().collect();
                let before = tally.get(&site, &camera, day)?;
                let last = custody.purged.get(&(camera.clone(), day)).map(|attested| attested.sha256.as_str());
                if !counted.is_empty() {
                    tally.count(&site, &camera, day, last, &counted)?;
                }
                let Err(error) = archive.purge(&rows, now.date_naive()) else { continue };
                failed = failed.or(Some(error));
                if undeletable == Undeletable::Goes {
                    archive.mark_going(&rows)?;
                }
                // Not counted twice, and not at all where a hold comes before the next attempt.
                let gone = archive.going(&counted)?;
                tally.put_back(&site, &camera, day, before.as_ref())?;
                if !gone.is_empty() {
                    tally.count(&site, &camera, day, last, &gone)?;
                }
            }
            failed.map_or(Ok(()), Err)
        })
        .await
    }

    /// Forgets tallies whose entry is in the register already: a crash, or a store that failed, came between the two.
    async fn forget_attested(&self) -> Result<(), SweepError> {
        let (tally, custody) = (self.tally.clone(), self.control.read(|state| state.custody.clone()));
        blocking(move || {
            let known = |one: &Tally| {
                let attested = custody.purged.get(&(one.purged.camera.clone(), one.day));
                attested.is_some_and(|attested| attested.sha256 == one.purged.sha256)
            };
            let known: Vec<Tally> = tally.all()?.into_iter().filter(known).collect();
            if known.is_empty() { Ok(()) } else { Ok(tally.forget(&known)?) }
        })
        .await
    }

    /// Attests days that are over: nothing of them is left but what is held. Of a day that was attested before, anything
    /// more that goes (a released hold, a backup's return) is attested at once.
    async fn attest(&self, now: DateTime<Utc>) -> Result<u64, SweepError> {
        let tally = self.tally.clone();
        let all = blocking(move || Ok(tally.all()?)).await?;
        let mut days: BTreeMap<(SiteId, NaiveDate), Vec<Tally>> = BTreeMap::new();
        for one in all {
            days.entry((one.site.clone(), one.day)).or_default().push(one);
        }
        let (mut attested, mut failed) = (0, None);
        for ((site, day), tallies) in days {
            match self.attest_day(site, day, tallies, now).await {
                Ok(done) => attested += u64::from(done),
                Err(SweepError::Control(error)) => return Err(error.into()),
                // One day's broken directory must not keep the others' entries.
                Err(error) => {
                    tracing::error!(%day, %error, "a day's end could not be attested; tried again");
                    failed = Some(error);
                }
            }
        }
        failed.map_or(Ok(attested), Err)
    }

    async fn attest_day(
        &self,
        site: SiteId,
        day: NaiveDate,
        mut tallies: Vec<Tally>,
        now: DateTime<Utc>,
    ) -> Result<bool, SweepError> {
        let Some(end) = day.succ_opt().map(|next| next.and_time(chrono::NaiveTime::MIN).and_utc()) else {
            return Ok(false);
        };
        let (archive, cameras) = (self.archive.clone(), tallies.iter().map(|one| one.purged.camera.clone()).collect());
        let left = blocking(move || left(&archive, cameras, day)).await?;
        self.control.read(|state| {
            // A day to come, which a calendar that was ahead has named, is over once nothing is left of it.
            let is_to_come =
                |one: &Tally| day > now.date_naive() && left.iter().all(|row| row.camera != one.purged.camera);
            let is_over = now >= state.custody.goes_at(Some(&site), end);
            let is_known = |one: &Tally| state.custody.purged.contains_key(&(one.purged.camera.clone(), day));
            tallies.retain(|one| is_over || is_known(one) || is_to_come(one));
            // What is due and still there, because it could not be deleted, is not told as gone.
            let verdict = |row: &SegmentRow| state.custody.verdict(Some(&site), &footage(row), now);
            let is_due = |row: &SegmentRow| row.state != SegmentState::Deleting && verdict(row) == Verdict::Due;
            tallies.retain(|one| !left.iter().any(|row| row.camera == one.purged.camera && is_due(row)));
        });
        if tallies.is_empty() {
            return Ok(false);
        }
        let (mut ended, mut failed) = (Vec::new(), None);
        for mut one in tallies {
            let (archive, camera) = (self.archive.clone(), one.purged.camera.clone());
            // Of a day whose disk is away, nobody has destroyed the key.
            let was_there = one.purged.missing < one.purged.segments || archive.has_day(&camera, day);
            match blocking(move || archive.end_day(&camera, day)).await {
                Ok(is_gone) => {
                    one.purged.key_destroyed = is_gone && was_there;
                    ended.push(one);
                }
                // One camera's broken directory must not keep the others' entry.
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        if !ended.is_empty() {
            let cameras = ended.iter().map(|one| one.purged.clone()).collect();
            self.system(FootageCommand::Attest { site, day, cameras }).await?;
            let tally = self.tally.clone();
            blocking(move || Ok(tally.forget(&ended)?)).await?;
        }
        failed.map_or(Ok(true), Err)
    }

    /// What time it is; where calendar and passed time part, it is recorded, and the passed time counts until somebody
    /// has said that the calendar is right.
    async fn now(&mut self) -> Result<DateTime<Utc>, SweepError> {
        let (utc, monotonic) = (self.clock.utc(), self.clock.monotonic());
        let doubted = self.control.read(|state| state.custody.doubt.is_some());
        let looked = lock(&self.time).look(utc, monotonic);
        match looked {
            Time::Sure(now) => {
                if doubted {
                    self.system(FootageCommand::ResumePurge).await?;
                }
                self.paused = false;
                Ok(now)
            }
            Time::Doubtful(_) if self.paused && !doubted => {
                self.paused = false;
                lock(&self.time).adopt(utc, monotonic);
                Ok(utc)
            }
            Time::Doubtful(now) => {
                if !self.paused {
                    tracing::error!(%utc, passed = %now, "the clock jumped: footage is destroyed by the time that passed until somebody confirms the clock");
                }
                self.system(FootageCommand::PausePurge { trusted_utc: now }).await?;
                self.paused = true;
                Ok(now)
            }
        }
    }

    /// Leaves a sign of life: the next start goes on from there.
    async fn note(&self, now: DateTime<Utc>) {
        let tally = self.tally.clone();
        if let Err(error) = blocking(move || Ok(tally.sees(now)?)).await {
            tracing::warn!(%error, "what time it is for the sweep cannot be noted");
        }
    }

    async fn system(&self, command: FootageCommand) -> Result<(), ControlError> {
        let command = Command { actor: Actor::System, action: Action::Footage(command) };
        self.control.execute(command).await.map(drop)
    }
}

fn footage(row: &SegmentRow) -> Footage {
    let (from_utc, until_utc, trusted_utc) = (row.started_at_utc, row.ended_at_utc, row.trusted_utc);
    Footage { camera: row.camera.clone(), from_utc, until_utc, trusted_utc }
}

/// What becomes of a file that cannot be deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Undeletable {
    /// It is as it was until the next attempt: somebody may still hold it.
    Stays,
    /// It had been destroyed before: nobody is served it, and it counts as gone.
    Goes,
}

/// Remembers the first fault of a file or the index, so that the others are gone through; the keeper's ends the sweep.
fn note(failed: &mut Option<SweepError>, done: Result<(), SweepError>) -> Result<(), SweepError> {
    match done {
        Err(error @ SweepError::Control(_)) => Err(error),
        Err(error) => {
            if failed.is_none() {
                *failed = Some(error);
            }
            Ok(())
        }
        Ok(()) => Ok(()),
    }
}

/// What these cameras still have of that day.
fn left(archive: &Archive, cameras: Vec<CameraId>, day: NaiveDate) -> Result<Vec<SegmentRow>, ArchiveError> {
    let mut found = Vec::new();
    for camera in cameras {
        found.extend(archive.of_day(&camera, day)?);
    }
    Ok(found)
}

fn lock(clock: &Mutex<PurgeClock>) -> MutexGuard<'_, PurgeClock> {
    // Two numbers, written together at the end of a step.
    clock.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ArchiveError> + Send + 'static,
) -> Result<T, SweepError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| SweepError::Lost(error.to_string()))?.map_err(SweepError::from)
}
