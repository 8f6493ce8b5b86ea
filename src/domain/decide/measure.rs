//! Between deciding and recording, control shuts the gates and measures; the figures are filled in here.

use crate::domain::event::Event;
use crate::domain::ids::SessionId;
use crate::domain::session::Traffic;
use crate::domain::state::State;
use std::collections::BTreeMap;

/// What was measured at a gate when it shut.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Measured {
    /// What went out.
    pub traffic: Traffic,
    /// Microseconds from the accepted command to the last media packet; `None` when no command cut it (A4-4).
    pub cut_us: Option<u64>,
}

/// Fills what was measured into the endings among `events`, and adds it up per ticket (A4-4, A4-5).
pub fn measure(state: &State, events: &mut [Event], measured: &BTreeMap<SessionId, Measured>) {
    for event in events.iter_mut() {
        if let Event::SessionEnded { session, traffic, cut_us, .. } = event
            && let Some(figures) = measured.get(session)
        {
            *traffic = figures.traffic;
            *cut_us = figures.cut_us;
        }
    }
    tally(state, events);
}

/// Adds up per closed ticket what its sessions say.
pub(super) fn tally(state: &State, events: &mut [Event]) {
    let mut ended = BTreeMap::new();
    let mut cuts = BTreeMap::new();
    for event in events.iter_mut() {
        match event {
            Event::SessionEnded { session, traffic, cut_us, .. } => {
                ended.insert(*session, *traffic);
                cuts.insert(*session, *cut_us);
            }
            Event::Closed { ticket, flowed_ms, cut_us, .. } => {
                *flowed_ms = state.flowed_ms(*ticket, &ended);
                *cut_us = state.sessions_of(*ticket).filter_map(|session| *cuts.get(&session.id)?).max();
            }
            _ => {}
        }
    }
}
