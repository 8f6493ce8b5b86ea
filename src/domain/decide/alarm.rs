//! Alarms begin and end, each once.

use super::system_only;
use crate::domain::{Actor, Event, Refusal, State, StorageAlarm};

/// Raises an alarm or ends it; no event when it is so already.
pub(super) fn sound(
    state: &State,
    actor: &Actor,
    alarm: StorageAlarm,
    raised: bool,
    figure: u64,
) -> Result<Vec<Event>, Refusal> {
    system_only(actor)?;
    let is_raised = state.storage_alarms.contains_key(&alarm);
    Ok(if is_raised == raised { Vec::new() } else { vec![Event::StorageAlarm { alarm, raised, figure }] })
}
