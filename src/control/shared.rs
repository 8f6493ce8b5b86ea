//! What the keeper's threads and handles have in common.

use super::gates::Gates;
use super::health::RegisterHealth;
use super::lanes::Lanes;
use super::work::Work;
use crate::clock::Clock;
use crate::domain::{Entry, State};
use crate::register::{Reader, Room};
use crate::store::Store;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use tokio::sync::{broadcast, watch};

/// Entries kept for live pages that are a little behind.
const TOLD_CAPACITY: usize = 1024;

pub(super) struct Shared {
    pub(super) clock: Arc<dyn Clock>,
    pub(super) store: Store,
    pub(super) lanes: Arc<Lanes<Work>>,
    pub(super) gates: Gates,
    /// The state as recorded. Put there by the register's writer alone; readers take it and hold nobody up.
    published: RwLock<Arc<State>>,
    pub(super) told: broadcast::Sender<Arc<Entry>>,
    pub(super) reader: Reader,
    /// Held by whoever destroys footage, from the question to the last file, and by whoever holds footage back (fault 17).
    pub(super) custody: tokio::sync::Mutex<()>,
    pub(super) stopping: AtomicBool,
    pub(super) stopped: watch::Sender<bool>,
    register: Mutex<RegisterHealth>,
}

impl Shared {
    pub(super) fn new(clock: Arc<dyn Clock>, store: Store, reader: Reader, state: State) -> Self {
        Self {
            clock,
            store,
            lanes: Arc::new(Lanes::new()),
            gates: Gates::default(),
            published: RwLock::new(Arc::new(state)),
            told: broadcast::Sender::new(TOLD_CAPACITY),
            reader,
            custody: tokio::sync::Mutex::new(()),
            stopping: AtomicBool::new(false),
            stopped: watch::Sender::new(false),
            register: Mutex::new(RegisterHealth::Sound),
        }
    }

    /// The state as recorded up to now.
    pub(super) fn published(&self) -> Arc<State> {
        // Every change is one assignment: what a panicked holder left is whole.
        self.published.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What has been recorded becomes everybody's.
    pub(super) fn publish(&self, state: Arc<State>) {
        let before = {
            let mut published = self.published.write().unwrap_or_else(PoisonError::into_inner);
            std::mem::replace(&mut *published, state)
        };
        // Freed, if nobody looks at it any more, while nobody waits.
        drop(before);
    }

    pub(super) fn register_health(&self) -> RegisterHealth {
        self.register.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Why nothing can be recorded, if so.
    pub(super) fn unavailable(&self) -> Option<String> {
        match self.register_health() {
            RegisterHealth::Unavailable { why } => Some(why),
            _ => None,
        }
    }

    /// No trace, no transfer: every gate shuts now, and nothing is granted until the server is started again (fault 14).
    pub(super) fn fail(&self, why: &str) {
        let newly = {
            let mut register = self.register.lock().unwrap_or_else(PoisonError::into_inner);
            let newly = !matches!(*register, RegisterHealth::Unavailable { .. });
            if newly {
                *register = RegisterHealth::Unavailable { why: why.to_owned() };
            }
            newly
        };
        self.gates.shut_all();
        if newly {
            tracing::error!(why, "the register is unavailable: every gate is shut, nothing is granted");
        }
    }

    /// How much room the register has now.
    pub(super) fn note_room(&self, room: Room) {
        let mut register = self.register.lock().unwrap_or_else(PoisonError::into_inner);
        let now = match room {
            Room::Reserved | Room::Unsupported => RegisterHealth::Sound,
            Room::OnReserve(left_bytes) => RegisterHealth::OnReserve { left_bytes },
        };
        match (&*register, &now) {
            (RegisterHealth::Unavailable { .. }, _) => return,
            (RegisterHealth::Sound, RegisterHealth::OnReserve { left_bytes }) => {
                tracing::error!(left_bytes, "the disk is full: the register lives on its reserved space, free some");
            }
            (RegisterHealth::OnReserve { .. }, RegisterHealth::Sound) => {
                tracing::info!("the register's reserved space is whole again");
            }
            _ => {}
        }
        *register = now;
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::SeqCst)
    }
}
