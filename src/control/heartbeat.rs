//! What a run writes beside the register every second while a ticket is open, so that a crash leaves true durations
//! (fault 19). A file of fixed size, overwritten in place: a full disk does not stop it.

use crate::domain::{Heartbeat, SessionId, Traffic};
use crate::register::slots::SlotFile;
use chrono::{DateTime, Utc};
use std::collections::BTreeMap;
use std::io;
use std::path::Path;

/// The file's name inside the data directory.
pub(super) const FILE: &str = "heartbeat";
/// Room for a thousand live sessions.
const SLOT_BYTES: usize = 256 * 1024;

/// The heartbeat file.
pub(super) struct HeartbeatFile(SlotFile);

impl HeartbeatFile {
    /// Opens or makes the file; gives what the previous run last wrote.
    pub(super) fn open(dir: &Path) -> io::Result<(Self, Option<Heartbeat>)> {
        let (file, found) = SlotFile::open(&dir.join(FILE), SLOT_BYTES)?;
        let last = found.payload.and_then(|payload| serde_json::from_slice(&payload).ok());
        Ok((Self(file), last))
    }

    /// Writes a heartbeat, durably. With more sessions than fit, the instant and as many as fit are kept.
    pub(super) fn write(
        &mut self,
        at_utc: DateTime<Utc>,
        mut sessions: BTreeMap<SessionId, Traffic>,
    ) -> io::Result<()> {
        loop {
            let heartbeat = Heartbeat { at_utc, sessions };
            let payload = serde_json::to_vec(&heartbeat)?;
            sessions = heartbeat.sessions;
            let (capacity, count) = (self.0.capacity(), sessions.len());
            if payload.len() <= capacity || count == 0 {
                return self.0.write(&payload);
            }
            // Rows are of one length but for a few digits: the share that fits, at least one fewer each time.
            let fits = (count * capacity / payload.len()).min(count - 1);
            if let Some(first_to_go) = sessions.keys().nth(fits).copied() {
                sessions.split_off(&first_to_go);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fault_19_the_last_heartbeat_is_found_again() {
        let dir = tempfile::tempdir().unwrap();
        let at = DateTime::from_timestamp_micros(1_800_000_000_000_001).unwrap();
        let (mut file, last) = HeartbeatFile::open(dir.path()).unwrap();
        assert_eq!(last, None);
        let traffic = Traffic { packets: 3, bytes: 300, first_packet_at_utc: Some(at), last_packet_at_utc: Some(at) };
        let sessions = BTreeMap::from([(SessionId::generate(), traffic)]);
        file.write(at, sessions.clone()).unwrap();
        drop(file);
        let (mut file, last) = HeartbeatFile::open(dir.path()).unwrap();
        assert_eq!(last, Some(Heartbeat { at_utc: at, sessions }));
        // More than fits: the instant survives.
        let crowd = (0..5000).map(|_| (SessionId::generate(), traffic)).collect();
        file.write(at, crowd).unwrap();
        let (_, last) = HeartbeatFile::open(dir.path()).unwrap();
        assert!(last.is_some_and(|last| last.sessions.len() > 500));
    }
}
