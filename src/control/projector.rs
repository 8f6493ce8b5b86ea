//! Keeps the store's table of tickets in step with the register. An effect: it runs behind the keeper, and nothing that
//! opens or shuts a gate reads what it writes.

use super::effect::Effect;
use crate::domain::{Entry, State};
use crate::store::{Mark, Store, StoreError, Tickets};
use std::sync::Arc;

/// Projects tickets as they change.
pub(super) struct Projector {
    tickets: Tickets,
    /// A write has failed: nothing more is written in this run. A mark that went on would vouch for the missing row; one
    /// that stays behind has the table made anew at the next start.
    failed: bool,
}

impl Projector {
    /// Brings the table to `state`: makes it anew unless it stands exactly there.
    ///
    /// # Errors
    /// [`StoreError`] when the table cannot be read or written; lists of older tickets are then incomplete.
    pub(super) fn start(store: &Store, state: &State) -> Result<Self, StoreError> {
        let tickets = store.tickets();
        let mark = mark_of(state);
        if tickets.mark()? != Some(mark) {
            tracing::info!(tickets = state.tickets.len(), "the table of tickets is made anew from the register");
            tickets.rebuild(state.tickets.values().map(Arc::as_ref), mark)?;
        }
        Ok(Self { tickets, failed: false })
    }
}

fn mark_of(state: &State) -> Mark {
    Mark { next_seq: state.next_seq, last_at_utc: state.last_at_utc }
}

impl Effect for Projector {
    fn recorded(&mut self, entry: &Entry, state: &State) {
        if self.failed {
            return;
        }
        let ticket = entry.event.ticket().and_then(|id| state.tickets.get(&id)).map(Arc::as_ref);
        // The entry's own place: the state may have gone on, and what it has since gone on to is not in the table yet.
        let mark = Mark { next_seq: entry.seq + 1, last_at_utc: Some(entry.at_utc) };
        if let Err(why) = self.tickets.put(ticket, mark) {
            self.failed = true;
            tracing::error!(%why, "the table of tickets is not up to date: restart to have it made anew");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Actor, Event, TicketState};
    use chrono::{DateTime, TimeDelta, Utc};
    use std::collections::BTreeSet;

    fn entry(seq: u64, event: Event) -> Entry {
        let at_utc: DateTime<Utc> = "2026-11-25T10:00:00Z".parse().unwrap();
        Entry {
            seq,
            at_utc: at_utc + TimeDelta::seconds(seq as i64),
            actor: Actor::Person("agent".parse().unwrap()),
            event,
        }
    }

    fn requested(seq: u64, number: u128) -> Entry {
        let event = Event::Requested {
            ticket: uuid::Uuid::from_u128(number).into(),
            site: "arcade".parse().unwrap(),
            service: "csu".parse().unwrap(),
            reasons: BTreeSet::new(),
            duration_minutes: 120,
            lapses_at_utc: "2026-11-25T10:15:00Z".parse().unwrap(),
        };
        entry(seq, event)
    }

    fn all(store: &Store) -> Vec<crate::domain::Ticket> {
        store.tickets().older_than(uuid::Uuid::from_u128(u128::MAX).into(), 100, |_| true).unwrap()
    }

    #[test]
    fn the_table_follows_the_register_and_is_made_anew_when_it_does_not_stand_where_the_register_stands() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        let mut state = State::default();
        let mut projector = Projector::start(&store, &state).unwrap();
        for told in [requested(0, 1), requested(1, 2)] {
            state.apply(&told);
            projector.recorded(&told, &state);
        }
        assert_eq!(all(&store).len(), 2);
        assert_eq!(store.tickets().mark().unwrap(), Some(mark_of(&state)));

        // The server was killed before the last entry reached the table, and the register has gone on.
        let told = entry(2, Event::Withdrawn { ticket: uuid::Uuid::from_u128(2).into() });
        state.apply(&told);
        Projector::start(&store, &state).unwrap();
        let rows = all(&store);
        assert!(matches!(rows[0].state, TicketState::Withdrawn { .. }), "{rows:?}");

        // A register that was put back to an older state and went on differently: nothing of the other one stays.
        let mut other = State::default();
        for told in [requested(0, 3), entry(1, Event::ServerStopping), entry(2, Event::ServerStopping)] {
            let told = Entry { at_utc: told.at_utc + TimeDelta::hours(1), ..told };
            other.apply(&told);
        }
        Projector::start(&store, &other).unwrap();
        assert_eq!(all(&store), other.tickets.values().map(|ticket| (**ticket).clone()).collect::<Vec<_>>());
    }

    #[test]
    fn after_a_failed_write_the_mark_stays_behind_so_that_the_next_start_makes_the_table_anew() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        let mut state = State::default();
        let mut projector = Projector::start(&store, &state).unwrap();
        // A row larger than the store takes, then one that fits.
        let long = Event::Refused { ticket: uuid::Uuid::from_u128(1).into(), why: "x".repeat(70_000) };
        for told in [requested(0, 1), entry(1, long), requested(2, 2)] {
            state.apply(&told);
            projector.recorded(&told, &state);
        }
        assert_eq!(store.tickets().mark().unwrap().map(|mark| mark.next_seq), Some(1));
        assert_eq!(all(&store).len(), 1);
    }
}
