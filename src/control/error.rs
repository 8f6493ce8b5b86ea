//! What can go wrong between a caller and the keeper.

use crate::domain::Refusal;

/// Why a command was not carried out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ControlError {
    /// The rules say no, by name; nothing changed. The web maps [`crate::domain::RefusalKind`] to a status.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The register cannot be written: no trace, no transfer (fault 14). 503.
    #[error("the register cannot be written, so nothing is granted: {why}")]
    RegisterUnavailable {
        /// What broke and what to do, for the administrator.
        why: String,
    },
    /// Too many commands wait; the cut path has its own lane and stays free (fault 25). 503, try again.
    #[error("the keeper's queue is full: try again in a second")]
    Busy,
    /// The keeper has been told to stop. 503.
    #[error("the server is stopping")]
    Stopping,
    /// An account could not be looked up. 503.
    #[error("the accounts cannot be read: {why}")]
    StoreUnavailable {
        /// The store's words.
        why: String,
    },
    /// The keeper could not be started.
    #[error("the keeper cannot start: {why}")]
    Start {
        /// What was tried, what went wrong, what to do.
        why: String,
    },
}
