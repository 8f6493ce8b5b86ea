//! What can go wrong on the way to a branch, typed; `web` turns each into a problem document.

use crate::domain::SessionId;

/// Why the viewers' room cannot open at all.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ViewerError {
    /// A GStreamer element is missing, or the DTLS elements could not be registered.
    #[error("GStreamer cannot serve viewers: {detail}; see `ecluse check` for what to install")]
    GStreamer {
        /// Which part, as GStreamer says it.
        detail: String,
    },
    /// A setting cannot work.
    #[error("webrtc setting {field} is {value}: expected {expected}")]
    Setting {
        /// The setting's name in the configuration.
        field: &'static str,
        /// The value given.
        value: String,
        /// What would work.
        expected: &'static str,
    },
    /// No thread for taking branches apart.
    #[error("cannot start the viewers' reaper thread: {detail}")]
    Thread {
        /// The system's reason.
        detail: String,
    },
}

/// Why a granted offer did not become a branch. The grant is ended with the matching cause before this is returned.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AttachError {
    /// The grant was revoked, or its deadline passed, while the branch was being built.
    #[error("the permission to watch ended while the connection was being prepared")]
    GrantOver,
    /// A branch of this session exists already: one grant, one branch.
    #[error("session {session} has its connection already")]
    Duplicate {
        /// The session.
        session: SessionId,
    },
    /// The machine could not build it: ports exhausted, an element failed.
    #[error("the server could not prepare the connection: {detail}")]
    Media {
        /// For the log and the administrator.
        detail: String,
    },
    /// The answer was not ready in time.
    #[error("the server could not gather its addresses within {after_ms} ms")]
    Slow {
        /// How long it was given.
        after_ms: u64,
    },
}

/// Why a trickle fragment (`PATCH`) was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TrickleError {
    /// No such branch: never was, or is over. (404)
    #[error("no live session {session}")]
    UnknownSession {
        /// The session asked for.
        session: SessionId,
    },
    /// The fragment cannot be read. (400)
    #[error("line {line} of the fragment: {what}; expected a body of type application/trickle-ice-sdpfrag (RFC 8840)")]
    Malformed {
        /// Counted from 1.
        line: usize,
        /// What is wrong with it.
        what: String,
    },
    /// Longer than any honest fragment. (413)
    #[error("the fragment has {bytes} bytes; at most {limit} are read")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// The credentials are neither those of the running ICE session nor complete. (412)
    #[error("a=ice-ufrag of the fragment is not the one of the offer: it belongs to another ICE session")]
    OtherIceSession,
    /// New credentials ask for an ICE restart, which is not done: send a new offer instead. (422)
    #[error("ICE restart is not supported: end this session and POST a new offer")]
    IceRestart,
    /// More candidates than any honest peer has. (422)
    #[error("more than {limit} candidates for one session")]
    TooManyCandidates {
        /// The limit.
        limit: usize,
    },
}
