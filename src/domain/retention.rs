//! Which entries of the register have served their time (REQUIREMENTS, "Law around it": three years by default).
//!
//! A matter goes as a whole, once it is over and its last entry is old enough: a ticket with its decisions, sessions and
//! mails; an alert; a start of the server, an export. What is in force stays however old it is, because the keeper's
//! state is folded from it: sites, dossiers, policies, who is in the annexes, workstations, second factors. So the state
//! after a purge is the state before it, without what was over.

use super::event::{Entry, Event};
use super::ids::{AlertId, SessionId, TicketId};
use super::state::State;
use chrono::{DateTime, Utc};
use std::collections::{BTreeMap, BTreeSet};

/// Most runs of numbers one `register-purged` entry names, so that it fits a line; the rest waits for the next purge.
const MOST_RUNS: usize = 20_000;

/// What an entry belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Matter {
    Ticket(TicketId),
    Alert(AlertId),
    /// Nothing else: it is over when it was written.
    Itself,
}

/// Looks for entries to purge while the register is read from its first one.
pub struct Retention {
    before_utc: DateTime<Utc>,
    sessions: BTreeMap<SessionId, TicketId>,
    old: BTreeMap<Matter, Vec<u64>>,
    young: BTreeSet<Matter>,
    last_purge_utc: Option<DateTime<Utc>>,
}

impl Retention {
    /// Matters whose last entry is older than this instant.
    pub fn new(before_utc: DateTime<Utc>) -> Self {
        let (sessions, old, young) = (BTreeMap::new(), BTreeMap::new(), BTreeSet::new());
        Self { before_utc, sessions, old, young, last_purge_utc: None }
    }

    /// Takes the next entry.
    pub fn add(&mut self, entry: &Entry) {
        if let Event::RegisterPurged { .. } = &entry.event {
            self.last_purge_utc = Some(entry.at_utc);
        }
        let Some(matter) = self.matter(&entry.event).filter(|_| Self::concerns(&entry.event)) else { return };
        if entry.at_utc < self.before_utc {
            self.old.entry(matter).or_default().push(entry.seq);
        } else if matter != Matter::Itself {
            self.young.insert(matter);
        }
    }

    /// When the register was last purged, UTC.
    pub fn last_purge_utc(&self) -> Option<DateTime<Utc>> {
        self.last_purge_utc
    }

    /// The entries to purge, as runs of sequence numbers, in order. `state` is that of the whole register.
    pub fn finish(self, state: &State) -> Vec<(u64, u64)> {
        let live: BTreeSet<TicketId> = state.live_tickets().map(|ticket| ticket.id).collect();
        let over = |matter: &Matter| match matter {
            Matter::Ticket(ticket) => !live.contains(ticket),
            Matter::Alert(alert) => state.alerts.get(alert).is_none_or(|alert| alert.closed_at_utc.is_some()),
            Matter::Itself => true,
        };
        let young = &self.young;
        let done = self.old.into_iter().filter(|(matter, _)| !young.contains(matter) && over(matter));
        let mut seqs: Vec<u64> = done.flat_map(|(_, seqs)| seqs).collect();
        seqs.sort_unstable();
        let mut runs: Vec<(u64, u64)> = Vec::new();
        for seq in seqs {
            match runs.last_mut() {
                Some((_, last)) if *last + 1 == seq => *last = seq,
                _ => runs.push((seq, seq)),
            }
        }
        runs.truncate(MOST_RUNS);
        runs
    }

    /// Whether entries like this one can ever be purged.
    pub fn concerns(event: &Event) -> bool {
        event.ticket().is_some()
            || matches!(
                event,
                Event::SessionGranted { .. }
                    | Event::SessionConnected { .. }
                    | Event::SessionEnded { .. }
                    | Event::MailQueued { .. }
                    | Event::MailAccepted { .. }
                    | Event::MailFailed { .. }
                    | Event::AlertRaised { .. }
                    | Event::AlertClosed { .. }
                    | Event::ServerStarted { .. }
                    | Event::ServerStopping
                    | Event::ClockStepped { .. }
                    | Event::RegisterExported { .. }
            )
    }

    fn matter(&mut self, event: &Event) -> Option<Matter> {
        if let Some(ticket) = event.ticket() {
            return Some(Matter::Ticket(ticket));
        }
        match event {
            Event::SessionGranted { session, purpose, .. } => {
                self.sessions.insert(*session, purpose.ticket());
                Some(Matter::Ticket(purpose.ticket()))
            }
            Event::SessionConnected { session, .. } => self.sessions.get(session).map(|ticket| Matter::Ticket(*ticket)),
            Event::SessionEnded { session, .. } => self.sessions.remove(session).map(Matter::Ticket),
            Event::MailQueued { ticket, .. }
            | Event::MailAccepted { ticket, .. }
            | Event::MailFailed { ticket, .. } => Some(ticket.map_or(Matter::Itself, Matter::Ticket)),
            Event::AlertRaised { alert, .. } | Event::AlertClosed { alert } => Some(Matter::Alert(*alert)),
            Event::ServerStarted { .. }
            | Event::ServerStopping
            | Event::ClockStepped { .. }
            | Event::RegisterExported { .. } => Some(Matter::Itself),
            _ => None,
        }
    }
}
