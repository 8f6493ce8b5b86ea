//! How far exports are (`GET /api/v1/exports/{export}`), for the page that started them. In memory; it says nothing of the
//! footage but bytes, and only to whoever exports.

use crate::domain::{ExportId, PersonId};
use crate::web::answer::{self, Answer};
use crate::web::app::App;
use crate::web::auth::Caller;
use crate::web::problem::Problem;
use crate::web::request::Request;
use http::StatusCode;
use serde::Serialize;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// The most that are kept; the oldest goes.
const MOST: usize = 256;

/// Where an export is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// This person has started no export of that number, or not yet: a page asks as soon as it has sent its form.
    Unknown,
    /// Pictures leave.
    Running,
    /// All of it has left.
    Finished,
    /// All of it has left, but for the time stamp: the service did not give one.
    FinishedUnstamped,
    /// It broke off: what was received is no whole ZIP.
    Failed,
}

/// One export's progress, shared between the thread that writes and whoever asks.
#[derive(Debug)]
pub struct Progress {
    total: u64,
    done: AtomicU64,
    stage: Mutex<Stage>,
}

impl Progress {
    /// Pictures of so many bytes more have left.
    pub fn add(&self, bytes: u64) {
        self.done.fetch_add(bytes, Ordering::Relaxed);
    }

    /// It is over.
    pub fn end(&self, stage: Stage) {
        *self.stage.lock().unwrap_or_else(PoisonError::into_inner) = stage;
    }
}

/// The latest exports: whose, under which number of the page's own making.
#[derive(Debug, Default)]
pub struct Exports(Mutex<VecDeque<(PersonId, ExportId, Arc<Progress>)>>);

impl Exports {
    /// Begins one. A number that this person has used before is the newer export's.
    pub fn begin(&self, person: &PersonId, number: ExportId, total: u64) -> Arc<Progress> {
        let progress = Arc::new(Progress { total, done: AtomicU64::new(0), stage: Mutex::new(Stage::Running) });
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|(other, theirs, _)| !(other == person && *theirs == number));
        all.truncate(MOST - 1);
        all.push_front((person.clone(), number, progress.clone()));
        progress
    }

    fn find(&self, person: &PersonId, number: ExportId) -> Option<Arc<Progress>> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter().find(|(other, theirs, _)| other == person && *theirs == number).map(|(_, _, found)| found.clone())
    }
}

#[derive(Serialize)]
struct Told {
    state: Stage,
    bytes: u64,
    bytes_total: u64,
}

/// `GET /api/v1/exports/{export}`: the number is the one the form named as `progress`.
pub fn progress(app: &App, request: &Request, caller: &Caller) -> Result<Answer, Problem> {
    let Some(found) = app.exports.find(&caller.person()?.id, request.id()?) else {
        return answer::json(StatusCode::OK, &Told { state: Stage::Unknown, bytes: 0, bytes_total: 0 });
    };
    let state = *found.stage.lock().unwrap_or_else(PoisonError::into_inner);
    answer::json(StatusCode::OK, &Told { state, bytes: found.done.load(Ordering::Relaxed), bytes_total: found.total })
}
