//! The archive: every camera, 24 hours a day, encrypted, in files that prove what they are.
//!
//! The path of one fragment: [`recorder`] reads the hub like any viewer and muxes without touching the bitstream → the
//! muxer's buffers are encrypted where they lie and appended to the open segment (`writer`, `seal`) → fsync → when the
//! segment is long enough, or something happened to the camera, its end is written and its row put into the index
//! ([`Archive::begin`], [`OpenSegment::finish`]).
//!
//! Guarantees:
//! - **Nothing unencrypted touches the disk**, temporary files included: AES-256-GCM in the STREAM construction, one key
//!   per segment, wrapped by one key per camera and day, wrapped by the master key. What is in the clear says when and
//!   how much, never what.
//! - A changed byte is found and named: camera, segment, fragment. So is a fragment that was removed or moved, and a
//!   segment that was cut short.
//! - No picture is lost or doubled at a boundary; each boundary says why it is there ([`Boundary`]).
//! - Bytes, fsync, directory, row; deletion the other way round. `kill -9` costs the fragment that was being filled.
//! - A slow or full disk never reaches the hub or a viewer: the recorder falls behind alone, says so and comes back.
//! - Without the right master key nothing is recorded, and everything live goes on.
//!
//! - What is older than its site keeps it is destroyed, key and file, unless the keeper says that it is held
//!   ([`retention`]); what a backup brings back goes again.
//!
//! Who may see what of it is decided above ([`crate::web`]); what is taken out is [`crate::evidence`].
//!
//! Serves A4-10, A5-4, A5-5, A6-7 and faults 13, 17, 24.

mod check;
mod error;
mod format;
mod held;
mod keys;
mod layout;
mod master;
pub mod offsite;
mod purge;
mod purge_clock;
mod ranges;
mod reader;
mod reconcile;
pub mod recorder;
pub mod retention;
#[cfg(test)]
mod retention_tests;
mod seal;
mod slice;
mod storage;
#[cfg(test)]
mod tests;
mod vault;
mod walk;
pub mod watch;
mod writer;

pub use crate::store::{Boundary, SegmentId, SegmentRow, SegmentState};
pub use check::{CheckReport, CheckScope, check};
pub use error::{ArchiveError, Part};
pub use format::{About, ClockSource, Fragment};
pub use keys::Rotated;
pub use layout::free_mib;
pub use master::{MasterKey, MasterKeySource};
pub use ranges::Range;
pub use reader::SegmentReader;
pub use reconcile::Reconciled;
pub use slice::{Slice, SliceRun, Slices};
pub use storage::{Rate, Reserves, Space, StorageReading, WhyUnknown};
pub use vault::{Archive, Beginning, OpenSegment, rotate_master_key};
pub use writer::Shot;
