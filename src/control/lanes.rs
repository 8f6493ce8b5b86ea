//! The keeper's one queue, with a lane for cuts that nothing can fill up (fault 25): a cut overtakes everything that
//! waits, and what the register's writer reports overtakes new work.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How many ordinary commands may wait.
const ORDINARY_LIMIT: usize = 1024;
/// How many cuts may wait: so many that a person's click is never turned away, yet bounded.
const CUT_LIMIT: usize = 16 * 1024;

/// Which lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lane {
    /// Ends images: first.
    Cut,
    /// From the product's own threads: the register's answers. Never refused; bounded by what is under way.
    Inner,
    /// The media plane's reports: never refused (two per grant), served like commands.
    Report,
    /// Everything else, bounded.
    Ordinary,
}

/// Why nothing was queued.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NotQueued {
    Full,
    Closed,
}

/// The lanes.
pub(super) struct Lanes<T> {
    waiting: Mutex<Waiting<T>>,
    bell: Condvar,
}

struct Waiting<T> {
    cuts: VecDeque<T>,
    inner: VecDeque<T>,
    ordinary: VecDeque<T>,
    closed: bool,
}

impl<T> Lanes<T> {
    pub(super) fn new() -> Self {
        let waiting =
            Waiting { cuts: VecDeque::new(), inner: VecDeque::new(), ordinary: VecDeque::new(), closed: false };
        Self { waiting: Mutex::new(waiting), bell: Condvar::new() }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting<T>> {
        // Nothing that can panic runs under this lock.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues work. Never blocks.
    pub(super) fn push(&self, lane: Lane, work: T) -> Result<(), NotQueued> {
        let mut waiting = self.lock();
        if waiting.closed && lane != Lane::Inner {
            return Err(NotQueued::Closed);
        }
        match lane {
            Lane::Cut if waiting.cuts.len() >= CUT_LIMIT => return Err(NotQueued::Full),
            Lane::Ordinary if waiting.ordinary.len() >= ORDINARY_LIMIT => return Err(NotQueued::Full),
            Lane::Cut => waiting.cuts.push_back(work),
            Lane::Inner => waiting.inner.push_back(work),
            Lane::Report | Lane::Ordinary => waiting.ordinary.push_back(work),
        }
        drop(waiting);
        self.bell.notify_one();
        Ok(())
    }

    /// The next piece of work: cuts, then the product's own, then (if wanted) the rest. `None` after `patience`.
    pub(super) fn next(&self, ordinary_too: bool, patience: Duration) -> Option<T> {
        let mut waiting = self.lock();
        loop {
            let ready = waiting.cuts.pop_front().or_else(|| waiting.inner.pop_front());
            let ready = match ready {
                None if ordinary_too => waiting.ordinary.pop_front(),
                ready => ready,
            };
            if ready.is_some() {
                return ready;
            }
            let (again, timeout) = self.bell.wait_timeout(waiting, patience).unwrap_or_else(PoisonError::into_inner);
            waiting = again;
            if timeout.timed_out() {
                return waiting.cuts.pop_front().or_else(|| waiting.inner.pop_front());
            }
        }
    }

    /// Takes no more from outside; gives back what waits from outside.
    pub(super) fn close(&self) -> Vec<T> {
        let mut waiting = self.lock();
        waiting.closed = true;
        let mut left: Vec<T> = waiting.cuts.drain(..).collect();
        left.extend(waiting.ordinary.drain(..));
        left
    }

    /// How many pieces wait.
    pub(super) fn len(&self) -> usize {
        let waiting = self.lock();
        waiting.cuts.len() + waiting.inner.len() + waiting.ordinary.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::ZERO;

    #[test]
    fn fault_25_the_cut_lane_stays_free_and_goes_first() {
        let lanes = Lanes::new();
        for n in 0..ORDINARY_LIMIT {
            lanes.push(Lane::Ordinary, n).unwrap();
        }
        assert_eq!(lanes.push(Lane::Ordinary, 0), Err(NotQueued::Full));
        lanes.push(Lane::Inner, 8000).unwrap();
        lanes.push(Lane::Cut, 9000).unwrap();
        assert_eq!(lanes.next(true, NOW), Some(9000));
        assert_eq!(lanes.next(true, NOW), Some(8000));
        assert_eq!(lanes.next(false, NOW), None, "ordinary work waits while too much is under way");
        assert_eq!(lanes.next(true, NOW), Some(0));
    }

    #[test]
    fn closing_lets_only_the_products_own_through() {
        let lanes = Lanes::new();
        lanes.push(Lane::Ordinary, 1).unwrap();
        assert_eq!(lanes.close(), vec![1]);
        assert_eq!(lanes.push(Lane::Cut, 2), Err(NotQueued::Closed));
        lanes.push(Lane::Inner, 3).unwrap();
        assert_eq!(lanes.next(true, NOW), Some(3));
    }
}
