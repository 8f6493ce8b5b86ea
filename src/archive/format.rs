//! The form of a segment file. Pure.
//!
//! ```text
//! "ECLSEG1\n"  header length (u32)  header (JSON, clear)
//! record 0     init: the muxer's header            ┐
//! record 1…n   fragments                           ├ each: head (24 bytes, clear), ciphertext, tag (16)
//! record n+1   end: the table of fragments (last)  ┘
//! "ECLEND1\n"  offset of the end record (u64)  its number (u32)
//! ```
//! All numbers big-endian. The header holds the segment's key, wrapped by the day's; the rest of the header is the
//! wrapping's associated data, and the header's digest that of every record, so nothing in the clear can be changed
//! unseen. What stands in the clear is when something was recorded and how much, never what.

use crate::domain::CameraId;
use crate::store::Boundary;
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

/// First bytes of the file.
pub(super) const MAGIC: &[u8; 8] = b"ECLSEG1\n";
/// First bytes of what follows the end record.
pub(super) const END_MAGIC: &[u8; 8] = b"ECLEND1\n";
/// Bytes after the end record.
pub(super) const TRAILER_BYTES: u64 = 20;
/// Bytes of a record's head.
pub(super) const HEAD_BYTES: usize = 24;
/// No header of ours is longer.
pub(super) const MOST_HEADER_BYTES: usize = 16 << 10;
/// No record of ours is longer: a fragment of a second with the ingest's largest pictures has room.
pub(super) const MOST_RECORD_BYTES: u32 = 1 << 30;

/// Whose clock times come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClockSource {
    /// The camera's own, from its RTCP sender reports.
    Sender,
    /// This machine's, when the picture arrived.
    Arrival,
}

impl ClockSource {
    /// The word used in interfaces.
    pub fn as_str(self) -> &'static str {
        match self {
            ClockSource::Sender => "sender",
            ClockSource::Arrival => "arrival",
        }
    }
}

/// What a segment says about itself, in the clear and authenticated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// Version of the form; 1.
    pub version: u32,
    /// The camera.
    pub camera: CameraId,
    /// When its first picture was taken, UTC, to the millisecond.
    pub started_at_utc: DateTime<Utc>,
    /// Why it begins here.
    pub began: Boundary,
    /// Pictures known to be missing before it.
    pub missed_frames: u64,
    /// Whose clock says so.
    pub clock: ClockSource,
    /// The camera's clock minus this machine's at its start, milliseconds, when the camera tells it.
    pub clock_offset_ms: Option<i64>,
    /// When that was by the time that had passed, UTC, where the calendar was in doubt; see `docs/design/archive.md`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trusted_utc: Option<DateTime<Utc>>,
    /// Version of the program that wrote it.
    pub program: String,
}

/// The header.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Header {
    #[serde(flatten)]
    pub about: About,
    /// Nonce prefix, hexadecimal.
    pub prefix: String,
    /// The segment's key, wrapped by the day's, hexadecimal.
    pub key: String,
}

impl About {
    /// What the wrapping of the segment's key is bound to.
    pub(super) fn purpose(&self, prefix: &str) -> Vec<u8> {
        // Plain data: it always has a JSON form.
        let about = serde_json::to_string(self).unwrap_or_default();
        format!("ecluse segment key v1|{prefix}|{about}").into_bytes()
    }
}

/// What a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Init = 1,
    Fragment = 2,
    End = 3,
}

/// A record's head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    pub kind: Kind,
    /// Decoding can start at its first picture.
    pub keyframe: bool,
    /// Pictures in it.
    pub frames: u16,
    /// Bytes of plaintext.
    pub length: u32,
    /// How long it plays.
    pub duration_us: u32,
    /// When its first picture was taken, microseconds since 1970.
    pub start_us: i64,
}

impl Head {
    /// The head of a record without pictures.
    pub fn bare(kind: Kind, length: u32) -> Self {
        Self { kind, keyframe: false, frames: 0, length, duration_us: 0, start_us: 0 }
    }

    pub fn to_bytes(self) -> [u8; HEAD_BYTES] {
        let mut bytes = [0; HEAD_BYTES];
        bytes[0] = self.kind as u8;
        bytes[1] = u8::from(self.keyframe);
        bytes[2..4].copy_from_slice(&self.frames.to_be_bytes());
        bytes[4..8].copy_from_slice(&self.length.to_be_bytes());
        bytes[8..12].copy_from_slice(&self.duration_us.to_be_bytes());
        bytes[12..20].copy_from_slice(&self.start_us.to_be_bytes());
        // The last four are zero, and read back as such: room for a later version.
        bytes
    }

    /// `None`: not a head of ours.
    pub fn from_bytes(bytes: &[u8; HEAD_BYTES]) -> Option<Self> {
        let [kind, flags, f0, f1, l0, l1, l2, l3, d0, d1, d2, d3, s0, s1, s2, s3, s4, s5, s6, s7, 0, 0, 0, 0] = *bytes
        else {
            return None;
        };
        let kind = match kind {
            1 => Kind::Init,
            2 => Kind::Fragment,
            3 => Kind::End,
            _ => return None,
        };
        let length = u32::from_be_bytes([l0, l1, l2, l3]);
        if flags > 1 || length > MOST_RECORD_BYTES {
            return None;
        }
        Some(Self {
            kind,
            keyframe: flags == 1,
            frames: u16::from_be_bytes([f0, f1]),
            length,
            duration_us: u32::from_be_bytes([d0, d1, d2, d3]),
            start_us: i64::from_be_bytes([s0, s1, s2, s3, s4, s5, s6, s7]),
        })
    }
}

/// One fragment, as a player or an export needs to know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fragment {
    /// Where its record begins in the file.
    pub file_offset: u64,
    /// Where its plaintext begins in the decrypted segment, the init section included: an HLS byte range.
    pub media_offset: u64,
    /// Bytes of plaintext.
    pub length: u32,
    /// When its first picture was taken, microseconds since 1970, UTC.
    pub start_us: i64,
    /// How long it plays, microseconds.
    pub duration_us: u32,
    /// Pictures in it.
    pub frames: u16,
    /// Whether decoding can start at its first picture.
    pub keyframe: bool,
}

impl Fragment {
    /// When its first picture was taken, UTC.
    pub fn start_utc(&self) -> DateTime<Utc> {
        instant(self.start_us)
    }

    /// When its last picture ends, UTC.
    pub fn end_utc(&self) -> DateTime<Utc> {
        instant(self.start_us.saturating_add(i64::from(self.duration_us)))
    }

    /// How long it plays.
    pub fn duration(&self) -> TimeDelta {
        TimeDelta::microseconds(i64::from(self.duration_us))
    }
}

/// An instant from microseconds since 1970; what is beyond the calendar is its end.
pub(super) fn instant(us: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(us).unwrap_or(DateTime::<Utc>::MAX_UTC)
}

/// The end record's plaintext.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct End {
    /// Why the segment ends here.
    pub ended: Boundary,
    /// Every fragment.
    pub fragments: Vec<Fragment>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn heads_read_back(keyframe: bool, frames: u16, length in 0..=MOST_RECORD_BYTES, duration_us: u32, start_us: i64) {
            for kind in [Kind::Init, Kind::Fragment, Kind::End] {
                let head = Head { kind, keyframe, frames, length, duration_us, start_us };
                prop_assert_eq!(Head::from_bytes(&head.to_bytes()), Some(head));
            }
        }

        #[test]
        fn anything_else_is_no_head_or_reads_back_as_written(bytes: [u8; HEAD_BYTES]) {
            if let Some(head) = Head::from_bytes(&bytes) {
                prop_assert_eq!(head.to_bytes(), bytes);
            }
        }
    }
}
