//! What follows from a recorded event outside the keeper: mails, log-outs. Effects run after the fsync, in the
//! register's order, on a thread of their own, so that none of them can delay a decision or a cut.

use crate::domain::{Entry, Event, State};
use crate::store::Store;

/// Something that reacts to recorded entries. Must be idempotent: after a crash the last entries may come again.
pub trait Effect: Send + 'static {
    /// Sequence number of the last entry this effect has dealt with in an earlier run; `None`: begin with new ones only.
    fn dealt_with(&self) -> Option<u64> {
        None
    }

    /// The register ends with this entry, and [`Effect::dealt_with`] lies beyond it: an older one was put back. What is
    /// recorded from here on is new.
    fn ends_earlier(&mut self, last_seq: u64) {
        let _ = last_seq;
    }

    /// One recorded entry. `state` is the state with this entry in it, and possibly later ones.
    fn recorded(&mut self, entry: &Entry, state: &State);
}

/// A person who is struck from the annex is logged out everywhere (fault 8).
pub(super) struct LogOutStruck(pub(super) Store);

impl Effect for LogOutStruck {
    fn recorded(&mut self, entry: &Entry, _state: &State) {
        if let Event::Struck { person } = &entry.event
            && let Err(why) = self.0.web_sessions().revoke_person(person)
        {
            // Their rights are gone with the entry itself; only the log-in page would still greet them.
            tracing::error!(%person, %why, "a struck person's web sessions could not be ended");
        }
    }
}
