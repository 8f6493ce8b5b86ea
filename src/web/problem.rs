//! Problem documents (RFC 9457): every error an interface gives, and what error pages are made from.

use crate::control::ControlError;
use crate::domain::{Fault, IdError, Refusal, RefusalKind};
use crate::media::viewer::{AttachError, OfferError, TrickleError};
use crate::store::StoreError;
use http::StatusCode;
use http::header::{HeaderName, HeaderValue};
use serde::Serialize;

/// A named no, ready to be answered.
#[derive(Debug, Clone)]
pub struct Problem {
    /// HTTP status.
    pub status: StatusCode,
    /// Stable code; pages translate it.
    pub code: &'static str,
    /// One English sentence: what is wrong and what to do.
    pub detail: String,
    /// Faults by field.
    pub faults: Vec<Fault>,
    /// Headers that go with it, e.g. `Allow`.
    pub headers: Vec<(HeaderName, HeaderValue)>,
}

#[derive(Serialize)]
struct Document<'a> {
    r#type: String,
    title: &'a str,
    status: u16,
    detail: &'a str,
    code: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    faults: &'a [Fault],
}

impl Problem {
    /// A problem without faults or headers.
    pub fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self { status, code, detail: detail.into(), faults: Vec::new(), headers: Vec::new() }
    }

    /// Adds a header.
    pub fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// The value of one of its headers.
    pub fn header(&self, name: &HeaderName) -> Option<&HeaderValue> {
        self.headers.iter().find_map(|(known, value)| (known == name).then_some(value))
    }

    /// There is no such thing, or it is not for this person's eyes: both read the same.
    pub fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", "there is nothing here, or it is not for you")
    }

    /// The server is at fault; the cause goes to the log, not to the reader.
    pub fn internal(what: &str, cause: &dyn std::fmt::Display) -> Self {
        tracing::error!(%cause, "{what}");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "the server failed; its log says why")
    }

    /// The document, as JSON.
    pub fn document(&self) -> Vec<u8> {
        let document = Document {
            r#type: format!("urn:ecluse:problem:{}", self.code),
            title: self.status.canonical_reason().unwrap_or("Error"),
            status: self.status.as_u16(),
            detail: &self.detail,
            code: self.code,
            faults: &self.faults,
        };
        // Strings, numbers and lists of them: there is nothing in it that JSON cannot say.
        serde_json::to_vec(&document).unwrap_or_default()
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let status = match refusal.kind {
            RefusalKind::Invalid => StatusCode::UNPROCESSABLE_ENTITY,
            RefusalKind::Forbidden => StatusCode::FORBIDDEN,
            RefusalKind::NotFound => StatusCode::NOT_FOUND,
            RefusalKind::Conflict => StatusCode::CONFLICT,
            RefusalKind::Gone => StatusCode::GONE,
        };
        let mut problem = Self::new(status, refusal.code, refusal.message);
        problem.faults = refusal.faults;
        problem
    }
}

fn retry_soon(problem: Problem) -> Problem {
    problem.with(http::header::RETRY_AFTER, HeaderValue::from_static("1"))
}

impl From<ControlError> for Problem {
    fn from(error: ControlError) -> Self {
        match error {
            ControlError::Refused(refusal) => refusal.into(),
            ControlError::RegisterUnavailable { why } => {
                tracing::error!(why, "the register cannot be written");
                let detail = "the register cannot be written, so nothing is granted; the administrator has been told";
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "register-unavailable", detail)
            }
            ControlError::StoreUnavailable { why } => Self::internal("the accounts cannot be read", &why),
            ControlError::Busy => retry_soon(Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "busy",
                "too much is asked at once: try again in a second",
            )),
            ControlError::Stopping | ControlError::Start { .. } => {
                retry_soon(Self::new(StatusCode::SERVICE_UNAVAILABLE, "stopping", "the server is stopping"))
            }
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        if error.is_disk_full() {
            tracing::error!(%error, "the disk is full: free space, then restart");
            let detail = "the server's disk is full: running transfers can still be ended; the administrator must free \
                          space and restart the server";
            return Self::new(StatusCode::SERVICE_UNAVAILABLE, "disk-full", detail);
        }
        Self::internal("the store failed", &error)
    }
}

impl From<tokio::task::JoinError> for Problem {
    fn from(error: tokio::task::JoinError) -> Self {
        Self::internal("a task of a request failed", &error)
    }
}

impl From<IdError> for Problem {
    fn from(_: IdError) -> Self {
        // What is no identifier names nothing.
        Self::not_found()
    }
}

impl From<OfferError> for Problem {
    fn from(error: OfferError) -> Self {
        let (status, code) = match &error {
            OfferError::TooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "offer-too-large"),
            OfferError::UnusableVideo { .. } => (StatusCode::NOT_ACCEPTABLE, "no-common-codec"),
            OfferError::NoVideo => (StatusCode::NOT_ACCEPTABLE, "offer-without-video"),
            OfferError::Truncated { .. } => (StatusCode::BAD_REQUEST, "offer-truncated"),
            OfferError::TooManyMedia { .. }
            | OfferError::Line { .. }
            | OfferError::NoIce { .. }
            | OfferError::Fingerprint { .. } => (StatusCode::BAD_REQUEST, "offer-invalid"),
        };
        Self::new(status, code, error.to_string())
    }
}

impl From<AttachError> for Problem {
    fn from(error: AttachError) -> Self {
        match &error {
            AttachError::GrantOver => Self::new(StatusCode::GONE, "grant-over", error.to_string()),
            AttachError::Duplicate { .. } => Self::new(StatusCode::CONFLICT, "already-connected", error.to_string()),
            AttachError::Media { .. } | AttachError::Slow { .. } => {
                tracing::error!(%error, "no viewer branch");
                let detail = "the server could not prepare the connection: try again, or tell the administrator";
                retry_soon(Self::new(StatusCode::SERVICE_UNAVAILABLE, "media-unavailable", detail))
            }
        }
    }
}

impl From<TrickleError> for Problem {
    fn from(error: TrickleError) -> Self {
        let (status, code) = match &error {
            TrickleError::UnknownSession { .. } => return Self::not_found(),
            TrickleError::Malformed { .. } => (StatusCode::BAD_REQUEST, "fragment-invalid"),
            TrickleError::TooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "fragment-too-large"),
            TrickleError::OtherIceSession => (StatusCode::PRECONDITION_FAILED, "other-ice-session"),
            TrickleError::IceRestart => (StatusCode::UNPROCESSABLE_ENTITY, "ice-restart-unsupported"),
            TrickleError::TooManyCandidates { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "too-many-candidates"),
        };
        Self::new(status, code, error.to_string())
    }
}
