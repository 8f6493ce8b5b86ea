//! The thread that waits for the disk, so that the keeper never does: decisions that queue up while one fsync runs go to
//! disk together with the next (group commit). What is on disk is published here, then handed back to the keeper.

use super::lanes::Lane;
use super::shared::Shared;
use super::work::{Batch, Work};
use crate::domain::{Entry, State};
use crate::register::{AppendError, Log, Room};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender};

/// An entry that is on disk, for the effects.
pub(super) struct Recorded {
    pub(super) entry: Arc<Entry>,
    /// The state that its decision made: with this entry in it, and those of the same decision.
    pub(super) state: Arc<State>,
}

/// Most decisions in one fsync.
const GROUP_LIMIT: usize = 256;

/// Where entries are recorded; the register's log, or a failing one in tests.
pub(super) trait Append: Send {
    fn append(&mut self, entries: &[Arc<Entry>]) -> Result<(), AppendError>;
    fn room(&self) -> Room;
}

impl Append for Log {
    fn append(&mut self, entries: &[Arc<Entry>]) -> Result<(), AppendError> {
        Log::append(self, entries)
    }
    fn room(&self) -> Room {
        Log::room(self)
    }
}

/// Records until the keeper hangs up.
pub(super) fn run(mut log: Box<dyn Append>, decisions: Receiver<Batch>, shared: &Shared, effects: &Sender<Recorded>) {
    shared.note_room(log.room());
    while let Ok(first) = decisions.recv() {
        let mut batches = vec![first];
        batches.extend(decisions.try_iter().take(GROUP_LIMIT - 1));
        let entries: Vec<_> = batches.iter().flat_map(|batch| batch.entries.iter().cloned()).collect();
        let recorded = if entries.is_empty() { Ok(()) } else { log.append(&entries) };
        let answer = match recorded {
            Ok(()) => {
                shared.note_room(log.room());
                publish(shared, effects, &batches);
                Work::Recorded(batches)
            }
            Err(why) => {
                // Not left to the keeper: whatever it is doing, nothing may flow without a trace.
                shared.fail(&why.to_string());
                Work::NotRecorded(batches, why)
            }
        };
        // The inner lane takes everything for as long as there is a keeper.
        let _ = shared.lanes.push(Lane::Inner, answer);
    }
}

fn publish(shared: &Shared, effects: &Sender<Recorded>, batches: &[Batch]) {
    if let Some(newest) = batches.last() {
        shared.publish(newest.state.clone());
    }
    for batch in batches {
        for entry in &batch.entries {
            // Nobody listening is no fault, on either channel.
            let _ = shared.told.send(entry.clone());
            let _ = effects.send(Recorded { entry: entry.clone(), state: batch.state.clone() });
        }
    }
}
