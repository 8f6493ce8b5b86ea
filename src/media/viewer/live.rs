//! What the administrator's page reads about live branches (A6-7).

use crate::domain::{CameraId, SessionId};
use chrono::{DateTime, Utc};
use std::net::SocketAddr;

/// One live branch, as it stands now. Who and why stands in the grant's terms, which control knows by the session.
#[derive(Debug, Clone, PartialEq)]
pub struct LiveBranch {
    /// The session.
    pub session: SessionId,
    /// How far it has come.
    pub phase: Phase,
    /// Where the packets go, once ICE has found a path.
    pub remote_addr: Option<SocketAddr>,
    /// When DTLS was done, UTC.
    pub connected_since: Option<DateTime<Utc>>,
    /// SRTP profile in use, IANA's name (A6-5).
    pub srtp: Option<String>,
    /// DTLS suite in use, IANA's name (A6-5).
    pub dtls: Option<String>,
    /// The cameras on its m-lines, in their order.
    pub cameras: Vec<LiveCamera>,
    /// SRTP packets that left.
    pub packets: u64,
    /// SRTP bytes that left, without UDP/IP headers.
    pub bytes: u64,
    /// SRTP bits per second over the last few seconds.
    pub bitrate_bps: u64,
}

/// One camera of a live branch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveCamera {
    /// Which.
    pub camera: CameraId,
    /// The `a=mid` of its m-line.
    pub mid: String,
    /// Milliseconds since the newest picture sent to this viewer arrived at the server; `None` before the first (fault 16).
    pub frame_age_ms: Option<u64>,
}

/// How far a branch has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// The answer is being made.
    Negotiating,
    /// The answer is out; ICE and DTLS are at work.
    Connecting,
    /// DTLS is done, media flows.
    Live,
    /// The gate is shut, the elements are being taken apart.
    Ending,
}
