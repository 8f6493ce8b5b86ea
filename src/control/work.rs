//! What travels between the handle, the keeper and the register's writer.

use super::error::ControlError;
use super::grant::{Grant, Report};
use super::handle::Receipt;
use crate::domain::{Command, Entry, SessionId, State};
use crate::register::AppendError;
use std::sync::Arc;
use std::time::Instant;

/// Where an answer goes; called once.
pub(super) type Answer<T> = Box<dyn FnOnce(Result<T, ControlError>) + Send>;

/// What the keeper has to deal with.
pub(super) enum Work {
    /// A command from outside.
    Job(Box<Job>),
    /// The media plane says something.
    Report(Report),
    /// These are on disk and published.
    Recorded(Vec<Batch>),
    /// These are not, and nothing will be any more.
    NotRecorded(Vec<Batch>, AppendError),
    /// Close everything and end.
    Stop,
}

/// A command and who waits for it.
pub(super) struct Job {
    pub(super) command: Command,
    /// When it was accepted into the queue: from here a cut is measured (A4-4).
    pub(super) accepted: Instant,
    pub(super) answer: JobAnswer,
}

/// What the caller wants back.
pub(super) enum JobAnswer {
    Receipt(Answer<Receipt>),
    Grant(SessionId, Answer<Grant>),
}

impl JobAnswer {
    pub(super) fn refuse(self, why: ControlError) {
        match self {
            JobAnswer::Receipt(answer) => answer(Err(why)),
            JobAnswer::Grant(_, answer) => answer(Err(why)),
        }
    }
}

/// The entries of one decision, on their way to the disk, and what is to happen once they are there.
pub(super) struct Batch {
    pub(super) entries: Vec<Arc<Entry>>,
    /// The state with these entries in it.
    pub(super) state: Arc<State>,
    pub(super) then: Then,
}

/// What a recorded decision sets free.
pub(super) enum Then {
    Nothing,
    Receipt(Answer<Receipt>),
    Grant { session: SessionId, deadline: Instant, answer: Answer<Grant> },
    Stopped,
}

impl Then {
    pub(super) fn refuse(self, why: ControlError) {
        match self {
            Then::Nothing | Then::Stopped => {}
            Then::Receipt(answer) => answer(Err(why)),
            Then::Grant { answer, .. } => answer(Err(why)),
        }
    }
}
