//! Footage taken out (A4-10): a ZIP with the pictures as they were recorded, not re-encoded, and what proves them.
//!
//! ```text
//! register-proof.json           the register's entry of this very export, its path to the root, the signed checkpoint
//! hall/hall_20261125T120000.000Z.mp4   one file for each run of pictures without a break
//! …
//! LISEZ-MOI.txt                 what this is and how to verify it, in French and English
//! manifest.json                 what was asked for and why, every file's hash, clocks, gaps, what could not be read
//! manifest.sig                  the manifest's SHA-256, signed with the register's Ed25519 key (C2SP signed note)
//! manifest.tsr                  where a service is configured and answers: its time stamp of manifest.sig (RFC 3161)
//! ```
//!
//! Guarantees: memory is bounded by one fragment and the manifest, however long the footage; a fragment that is not what
//! was recorded is left out and named, never passed on; [`verify()`] needs the ZIP and the public key alone, on any machine.
//!
//! Does not: decide who may export, record that somebody did (both before the first byte, in [`crate::web`]).
//!
//! Serves A4-10, A5-5, A5-6.

mod manifest;
mod proof;
mod timestamp;
mod verify;
mod write;

pub use manifest::{CameraEntry, FileEntry, Gap, Manifest, StretchEntry, Unreadable};
pub use proof::RegisterProof;
pub use timestamp::{TimestampError, TimestampService, verify_timestamp};
pub use verify::{Stamp, Verified, verify};
pub use write::{EvidenceError, Export, Plan, Stamping, plan};

/// The manifest's name in the ZIP.
const MANIFEST: &str = "manifest.json";
/// Its signature's.
const SIGNATURE: &str = "manifest.sig";
/// Its time stamp's.
const TIMESTAMP: &str = "manifest.tsr";
/// The register's proof's.
const PROOF: &str = "register-proof.json";
/// The text for people's.
const README: &str = "LISEZ-MOI.txt";
/// What the text for people says.
const README_TEXT: &str = include_str!("LISEZ-MOI.txt");
