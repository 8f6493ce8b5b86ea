//! The connection log of the ingest (A6-7), as typed events.

use crate::domain::CameraId;
use chrono::{DateTime, Utc};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::sync::broadcast;

/// One line of the connection log. Carries no secret.
#[derive(Debug, Clone, PartialEq)]
pub struct IngestEvent {
    /// When, UTC.
    pub at_utc: DateTime<Utc>,
    /// Who.
    pub peer: SocketAddr,
    /// Which camera, once that is known (a path that exists; for a refusal not necessarily proven).
    pub camera: Option<CameraId>,
    /// What happened.
    pub what: What,
}

/// What happened on a connection.
#[derive(Debug, Clone, PartialEq)]
pub enum What {
    /// A camera's pictures are on.
    Publishing {
        /// TLS suite, IANA's name (A6-5); `None` on plain RTSP.
        tls: Option<String>,
        /// What the publisher calls itself.
        agent: Option<String>,
        /// It offered sound, which is dropped.
        audio_dropped: bool,
    },
    /// A peer was turned away.
    Refused(RefuseReason),
    /// A publisher's connection has ended.
    Dropped {
        /// Why.
        reason: DropReason,
        /// Pictures it delivered.
        frames: u64,
        /// How long it published.
        lasted: Duration,
    },
}

/// Why a peer was turned away. The text says what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RefuseReason {
    /// No AES-256 suite in common (A6-5).
    #[error("no AES-256 TLS suite in common (offered: {}); use a client with TLS 1.2 or 1.3 and AES-256-GCM", offered.join(", "))]
    WeakTls {
        /// What it offered, IANA's names where known.
        offered: Vec<String>,
    },
    /// TLS failed otherwise.
    #[error("the TLS handshake failed: {0}")]
    Tls(String),
    /// It spoke RTSP in the clear.
    #[error("plain rtsp:// is refused: push to rtsps:// on the same port")]
    Plain,
    /// It did not speak RTSP, or beyond the limits.
    #[error("not understood: {0}")]
    Malformed(String),
    /// It took too long to say who it is.
    #[error("not authenticated within {} ms", .0.as_millis())]
    TooSlow(Duration),
    /// Wrong user, password, certificate or path.
    #[error("wrong credential or unknown path \"{path}\"")]
    WrongCredential {
        /// The path, shortened.
        path: String,
    },
    /// It was asked for a credential and left.
    #[error("no credential shown for path \"{path}\": a password or the camera's client certificate is expected")]
    NoCredential {
        /// The path, shortened.
        path: String,
    },
    /// A method that would play media out, or make no sense here.
    #[error("{0} is not served: cameras ANNOUNCE and RECORD, viewers come by WHEP")]
    Method(String),
    /// The media cannot be taken; names the codec.
    #[error("{0}")]
    Media(String),
    /// Somebody publishes there and is not silent.
    #[error("camera is already being published from {holder}: stop one of the two")]
    Busy {
        /// Who.
        holder: SocketAddr,
    },
    /// Too many connections, in all or from one address.
    #[error("too many connections ({0})")]
    TooMany(&'static str),
    /// Something on this machine.
    #[error("the server could not take it: {0}")]
    Internal(String),
}

/// Why a publication ended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DropReason {
    /// It said goodbye.
    #[error("the publisher took leave (TEARDOWN)")]
    Teardown,
    /// Its connection closed without TEARDOWN.
    #[error("the connection closed: {0}")]
    Closed(String),
    /// Nothing came any more.
    #[error("no packet for {} ms", .0.as_millis())]
    Stalled(Duration),
    /// Packets came, but no picture could be made of them.
    #[error("packets but no picture for {} ms: are SPS and PPS sent, in the SDP or in the stream?", .0.as_millis())]
    NoPicture(Duration),
    /// It changed its RTP source in mid-session.
    #[error("the RTP source changed from {from:08x} to {to:08x}; it may connect again")]
    SourceChanged {
        /// Before.
        from: u32,
        /// After.
        to: u32,
    },
    /// One picture beyond the limit.
    #[error("a picture of more than {0} bytes")]
    PictureTooLarge(usize),
    /// It broke the protocol.
    #[error("not understood: {0}")]
    Malformed(String),
    /// The same camera came back.
    #[error("taken over by {by}, which came back after it had fallen silent")]
    TakenOver {
        /// Who.
        by: SocketAddr,
    },
    /// The media pipeline ended.
    #[error("the media pipeline ended: {0}")]
    Pipeline(String),
    /// The server stops.
    #[error("the server stops")]
    Stopping,
}

/// Sends events to whoever listens, and to the process's log.
#[derive(Debug)]
pub(super) struct Log(broadcast::Sender<IngestEvent>);

impl Log {
    pub fn new(events: broadcast::Sender<IngestEvent>) -> Self {
        Self(events)
    }

    /// Writes one line.
    pub fn write(&self, peer: SocketAddr, camera: Option<&CameraId>, what: What) {
        let name = camera.map_or("", |camera| camera.as_str());
        match &what {
            What::Publishing { tls, agent, audio_dropped } => tracing::info!(
                %peer,
                camera = name,
                tls = tls.as_deref().unwrap_or("none"),
                agent = agent.as_deref().unwrap_or(""),
                audio_dropped,
                "publisher connected"
            ),
            What::Refused(reason) => tracing::warn!(%peer, camera = name, %reason, "publisher refused"),
            What::Dropped { reason: reason @ (DropReason::Teardown | DropReason::Stopping), frames, lasted } => {
                tracing::info!(%peer, camera = name, %reason, frames, lasted_ms = lasted.as_millis() as u64, "publisher left");
            }
            What::Dropped { reason, frames, lasted } => {
                tracing::warn!(%peer, camera = name, %reason, frames, lasted_ms = lasted.as_millis() as u64, "publisher dropped");
            }
        }
        // Nobody may be listening: the log line stands all the same.
        let _ = self.0.send(IngestEvent { at_utc: Utc::now(), peer, camera: camera.cloned(), what });
    }
}
