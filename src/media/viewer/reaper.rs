//! Takes branches apart, off every thread that matters: not a streaming thread (it would wait for itself), not an async
//! worker (it blocks for milliseconds). The gate is shut before a branch gets here, so nothing depends on how long it
//! takes; one that hangs is logged and holds up nobody but its own slot.

use super::pipeline::Elements;
use crate::domain::SessionId;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::Semaphore;

/// How many are taken apart at once: the pool of blocking threads is also the register's and the password hasher's.
const AT_ONCE: usize = 8;
/// What is normal is 5 ms.
const SUSPICIOUS: Duration = Duration::from_secs(5);

/// Takes branches apart.
#[derive(Debug, Clone)]
pub(super) struct Reaper {
    slots: Arc<Semaphore>,
    pending: Arc<AtomicUsize>,
}

impl Reaper {
    /// A reaper with nothing to do.
    pub fn new() -> Self {
        Self { slots: Arc::new(Semaphore::new(AT_ONCE)), pending: Arc::new(AtomicUsize::new(0)) }
    }

    /// Branches that are not yet gone.
    pub fn pending(&self) -> usize {
        self.pending.load(Ordering::SeqCst)
    }

    /// Takes a branch apart; returns when it is gone, or when it has hung for too long to wait any more.
    pub async fn take_apart(&self, session: SessionId, elements: Elements) {
        self.pending.fetch_add(1, Ordering::SeqCst);
        // The semaphore is never closed.
        let slot = self.slots.clone().acquire_owned().await.ok();
        let pending = self.pending.clone();
        let mut work = tokio::task::spawn_blocking(move || {
            drop(elements);
            pending.fetch_sub(1, Ordering::SeqCst);
            drop(slot);
        });
        if tokio::time::timeout(SUSPICIOUS, &mut work).await.is_err() {
            tracing::error!(
                %session,
                "a viewer's elements have not stopped for {} s; its gate is shut, no image flows, but its threads and \
                 sockets are held until they do",
                SUSPICIOUS.as_secs()
            );
        }
    }
}
