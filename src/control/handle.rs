//! The handle by which everybody else speaks to the keeper.

use super::effect::Effect;
use super::error::ControlError;
use super::grant::{Grant, Terms};
use super::health::Health;
use super::keeper::STALL_AFTER;
use super::lanes::{Lane, NotQueued};
use super::shared::Shared;
use super::start;
use super::work::{Answer, Job, JobAnswer, Work};
use crate::clock::Clock;
use crate::domain::dossier::Record;
use crate::domain::{
    Action, Actor, CameraId, Command, Entry, FootageCommand, PersonId, Purpose, SessionId, State, TicketId, Traffic,
};
use crate::register::{Reader, Register};
use crate::store::{Store, same_email};
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::{broadcast, oneshot};

/// Most entries read in one call.
const MAX_ENTRIES_READ: usize = 10_000;

/// How the keeper runs.
pub struct ControlSettings {
    /// Directory for the heartbeat file (fault 19); the server's data directory.
    pub data_dir: PathBuf,
    /// What is recorded at the start.
    pub version: String,
    /// What follows from recorded entries, e.g. [`crate::mail::Notifier`].
    pub effects: Vec<Box<dyn Effect>>,
}

impl ControlSettings {
    /// Without effects, with this program's version.
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        Self { data_dir: data_dir.into(), version: env!("CARGO_PKG_VERSION").to_owned(), effects: Vec::new() }
    }
    /// Adds an effect.
    pub fn with_effect(mut self, effect: impl Effect) -> Self {
        self.effects.push(Box::new(effect));
        self
    }
}

/// A request as an agent types it (A3-3 to A3-5). Nothing is trusted: the keeper controls it and names every fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TicketRequest {
    /// The logged-in agent.
    pub person: PersonId,
    /// E-mail address typed, compared with the account's (A3-4).
    pub email: String,
    /// Site as typed.
    pub site: String,
    /// Reasons as ticked.
    pub reasons: Vec<String>,
    /// Minutes as typed.
    pub duration_minutes: i64,
}

/// A viewer wants a branch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttachRequest {
    /// The logged-in person.
    pub person: PersonId,
    /// Under which ticket, and as what.
    pub purpose: Purpose,
    /// Cameras asked for; empty means all of the site.
    pub cameras: Vec<CameraId>,
    /// From where: workstation name or peer address.
    pub workstation: String,
    /// How many m-lines the offer has.
    pub at_most: usize,
    /// Take over from the person's own live session under this ticket.
    pub replace: bool,
}

/// What a carried-out command left in the register: fsynced when the caller sees it. Empty when nothing had to change.
#[derive(Debug, Clone, PartialEq)]
pub struct Receipt {
    /// The entries, in order.
    pub entries: Vec<Arc<Entry>>,
}

/// The keeper's handle; cheap to clone. When the last one is dropped the keeper stops as with [`Control::shutdown`].
#[derive(Clone)]
pub struct Control {
    shared: Arc<Shared>,
    _life: Arc<Life>,
}

struct Life(Arc<Shared>);

impl Drop for Life {
    fn drop(&mut self) {
        let _ = self.0.lanes.push(Lane::Inner, Work::Stop);
    }
}

impl Control {
    /// Starts the keeper on its own threads: closes what the last run left open (fault 19), records the start, and
    /// returns when that is on disk. Blocks meanwhile.
    ///
    /// # Errors
    /// [`ControlError::Start`] when the heartbeat file or a thread cannot be made. A register that is damaged or cannot
    /// be written is no error: the keeper starts read-only and says so in [`Control::health`] (faults 12, 14).
    pub fn start(
        settings: ControlSettings,
        register: Register,
        store: Store,
        clock: Arc<dyn Clock>,
    ) -> Result<Control, ControlError> {
        Ok(Self::of(start::start(settings, register, store, clock, STALL_AFTER)?))
    }

    pub(super) fn of(shared: Arc<Shared>) -> Self {
        Self { _life: Arc::new(Life(shared.clone())), shared }
    }

    /// Has a command decided, recorded and carried out. When it returns `Ok`, the entries are on disk. A cut overtakes
    /// everything that waits, and shuts its gates before it is recorded.
    ///
    /// # Errors
    /// See [`ControlError`]. When the register fails, every gate is shut, that of a cut first.
    pub async fn execute(&self, command: Command) -> Result<Receipt, ControlError> {
        use FootageCommand::{AnswerAccess, Hold, SetRetention};
        // What keeps footage waits until the batch that is being destroyed is gone: when it is acknowledged, nothing it
        // covers is on its way out (fault 17).
        let _custody = match &command.action {
            Action::Footage(Hold { .. } | AnswerAccess { .. } | SetRetention { .. }) => Some(self.custody().await),
            _ => None,
        };
        self.ask(command, JobAnswer::Receipt).await
    }

    /// Keeps everybody else from holding footage back, until it is dropped: to be held from the question whether a batch
    /// may be destroyed until it is (fault 17).
    pub async fn custody(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.shared.custody.lock().await
    }

    /// Files a request (A3-3): makes the ticket's id, compares the e-mail with the account's (A3-4), executes.
    ///
    /// # Errors
    /// See [`ControlError`].
    pub async fn request(&self, request: TicketRequest) -> Result<(TicketId, Receipt), ControlError> {
        let ticket = TicketId::generate();
        let TicketRequest { person, email, site, reasons, duration_minutes } = request;
        let (store, account) = (self.shared.store.clone(), person.clone());
        let looked_up = tokio::task::spawn_blocking(move || store.people().get(&account)).await;
        let identity = match looked_up {
            Ok(Ok(identity)) => identity,
            Ok(Err(why)) => return Err(ControlError::StoreUnavailable { why: why.to_string() }),
            Err(why) => return Err(ControlError::StoreUnavailable { why: why.to_string() }),
        };
        let email_matches = identity.is_some_and(|identity| same_email(&identity.email, &email));
        let action = Action::Request { ticket, email_matches, site, reasons, duration_minutes };
        let receipt = self.execute(Command { actor: Actor::Person(person), action }).await?;
        Ok((ticket, receipt))
    }

    /// Asks for a grant; it is recorded before it is handed out (A4-6). A caller that has gone away by then drops it,
    /// and the session ends.
    ///
    /// # Errors
    /// See [`ControlError`].
    pub async fn attach(&self, request: AttachRequest) -> Result<Grant, ControlError> {
        let session = SessionId::generate();
        let AttachRequest { person, purpose, cameras, workstation, at_most, replace } = request;
        let action = Action::Attach { session, purpose, cameras, workstation, at_most, replace };
        let command = Command { actor: Actor::Person(person), action };
        self.ask(command, |answer| JobAnswer::Grant(session, answer)).await
    }

    async fn ask<T: Send + 'static>(
        &self,
        command: Command,
        answer: impl FnOnce(Answer<T>) -> JobAnswer,
    ) -> Result<T, ControlError> {
        let (answered, answer_to) = oneshot::channel();
        let lane = lane_of(&command.action);
        let answer = answer(Box::new(move |result| drop(answered.send(result))));
        let job = Job { command, accepted: self.shared.clock.monotonic(), answer };
        match self.shared.lanes.push(lane, Work::Job(Box::new(job))) {
            Ok(()) => answer_to.await.unwrap_or(Err(ControlError::Stopping)),
            Err(NotQueued::Full) => Err(ControlError::Busy),
            Err(NotQueued::Closed) => Err(ControlError::Stopping),
        }
    }

    /// Looks at the state as recorded. Nobody waits for it: what is recorded meanwhile is another state.
    pub fn read<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.shared.published())
    }

    /// Every grant whose gate is open, with what has gone out so far (A6-7).
    pub fn live_grants(&self) -> Vec<(Terms, Traffic)> {
        self.shared.gates.live()
    }

    /// Recorded entries as they come. A reader that lags gets `Lagged` and resynchronises with [`Control::entries`].
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<Entry>> {
        self.shared.told.subscribe()
    }

    /// Up to `limit` (at most 10,000) recorded entries after `after_seq` (`None`: from the first). Reads the disk: call
    /// it where blocking is allowed. Of a damaged register, the sound entries.
    ///
    /// # Errors
    /// [`ControlError::RegisterUnavailable`] when the file cannot be read.
    pub fn entries(&self, after_seq: Option<u64>, limit: usize) -> Result<Vec<Entry>, ControlError> {
        let from = after_seq.map_or(0, |seq| seq.saturating_add(1));
        self.shared
            .reader
            .read(from, limit.min(MAX_ENTRIES_READ))
            .map_err(|why| ControlError::RegisterUnavailable { why: format!("it cannot be read: {why}") })
    }

    /// The register's reading end: lines as they stand, and the Merkle tree over them. Reads block.
    pub fn reader(&self) -> Reader {
        self.shared.reader.clone()
    }

    /// How the keeper is.
    pub fn health(&self) -> Health {
        Health {
            register: self.shared.register_health(),
            entries: self.shared.reader.entries(),
            queued: self.shared.lanes.len(),
            live_grants: self.shared.gates.live_count(),
            stopping: self.shared.is_stopping(),
        }
    }

    /// Closes what is open, records it, stops the threads. Idempotent.
    pub async fn shutdown(&self) {
        let mut stopped = self.shared.stopped.subscribe();
        let _ = self.shared.lanes.push(Lane::Inner, Work::Stop);
        // Fails only if the sender is gone, and we hold it.
        let _ = stopped.wait_for(|stopped| *stopped).await;
    }
}

/// Whatever ends images overtakes everything else (fault 25).
pub(super) fn lane_of(action: &Action) -> Lane {
    match action {
        Action::EndIntervention { .. }
        | Action::Interrupt { .. }
        | Action::Refuse { .. }
        | Action::CutSession(_)
        | Action::CloseByRule { .. }
        | Action::Strike(_)
        | Action::SettleChange { confirm: true, .. }
        | Action::ResetSecondFactor { .. }
        | Action::File { record: Record::AttestationLapsed { .. }, .. }
        | Action::RevokeWorkstation { .. } => Lane::Cut,
        _ => Lane::Ordinary,
    }
}
