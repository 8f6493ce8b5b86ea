//! Viewer branches, in process: real footage in the hub, real grants from a real keeper, and a WebRTC implementation that
//! is not ours at the other end (issue items 6 to 8). No packet leaves the machine.
//!
//! `ECLUSE_CAMPAIGN=N` sets the number of cycles of the leak test; the full size is 1,000.

#[path = "support/aiortc_viewer.rs"]
mod aiortc_viewer;
#[path = "support/footage.rs"]
mod footage;
#[path = "support/keeper.rs"]
mod keeper;
#[path = "support/str0m_receiver.rs"]
mod str0m_receiver;

#[path = "viewer/aiortc.rs"]
mod aiortc;
#[path = "viewer/cut.rs"]
mod cut;
#[path = "viewer/ends.rs"]
mod ends;
#[path = "viewer/garbage.rs"]
mod garbage;
#[path = "viewer/media_lines.rs"]
mod media_lines;
#[path = "viewer/room.rs"]
mod room;
#[path = "viewer/streams.rs"]
mod streams;
