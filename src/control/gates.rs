//! The gates that stand open: shut by the keeper, counted by everybody.

use super::grant::{Revoker, Terms};
use crate::domain::{Event, Measured, SessionId, Traffic};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long a cut waits for packets that are inside their socket call. They are there for microseconds.
const DRAIN_PATIENCE: Duration = Duration::from_millis(100);

/// All grants that were issued and not yet ended. Its lock is held for moments only and never while waiting.
#[derive(Default)]
pub(super) struct Gates(Mutex<HashMap<SessionId, Revoker>>);

impl Gates {
    fn lock(&self) -> MutexGuard<'_, HashMap<SessionId, Revoker>> {
        // Nothing that can panic runs under this lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn insert(&self, session: SessionId, revoker: Revoker) {
        self.lock().insert(session, revoker);
    }

    /// Shuts the gates of all sessions that end in `events` and measures what went out. When it returns, no packet of
    /// theirs is under way and none will follow (A4-4). `accepted`: when the command that cuts came in, if one did.
    pub(super) fn shut_for(&self, events: &[Event], accepted: Option<Instant>) -> BTreeMap<SessionId, Measured> {
        let ending = events.iter().filter_map(|event| match event {
            Event::SessionEnded { session, .. } => Some(session),
            _ => None,
        });
        let revokers: Vec<Revoker> = {
            let mut gates = self.lock();
            ending.filter_map(|session| gates.remove(session)).collect()
        };
        shut(&revokers);
        let measure = |revoker: &Revoker| {
            let cut_us = accepted.and_then(|accepted| revoker.cut_us(accepted));
            (revoker.terms().session, Measured { traffic: revoker.traffic(), cut_us })
        };
        let measured = revokers.iter().map(measure).collect();
        revokers.iter().for_each(Revoker::announce);
        measured
    }

    /// Shuts every gate (fault 14). They stay listed, so that the last heartbeat still tells what went out.
    pub(super) fn shut_all(&self) {
        let revokers: Vec<Revoker> = self.lock().values().cloned().collect();
        shut(&revokers);
        revokers.iter().for_each(Revoker::announce);
    }

    /// Sessions whose monotonic deadline has passed.
    pub(super) fn overdue(&self, now: Instant) -> impl Iterator<Item = SessionId> {
        let gates = self.lock();
        let overdue: Vec<_> =
            gates.iter().filter(|(_, gate)| now >= gate.terms().deadline).map(|(session, _)| *session).collect();
        overdue.into_iter()
    }

    /// What has gone out so far, by session.
    pub(super) fn traffic(&self) -> BTreeMap<SessionId, Traffic> {
        self.lock().iter().map(|(session, gate)| (*session, gate.traffic())).collect()
    }

    /// Every grant whose gate is open.
    pub(super) fn live(&self) -> Vec<(Terms, Traffic)> {
        let gates = self.lock();
        let mut live: Vec<_> =
            gates.values().filter(|gate| gate.is_open()).map(|gate| (gate.terms().clone(), gate.traffic())).collect();
        live.sort_by_key(|(terms, _)| terms.session);
        live
    }

    pub(super) fn live_count(&self) -> usize {
        self.lock().values().filter(|gate| gate.is_open()).count()
    }
}

/// All of them first, then wait for the packets inside.
fn shut(revokers: &[Revoker]) {
    revokers.iter().for_each(Revoker::shut);
    let until = Instant::now() + DRAIN_PATIENCE;
    for revoker in revokers {
        if !revoker.drain(until) {
            tracing::error!(
                session = %revoker.terms().session,
                "a packet was still inside its socket call {} ms after the cut", DRAIN_PATIENCE.as_millis()
            );
        }
    }
}
