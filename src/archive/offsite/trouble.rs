//! What is wrong with the copy, in a word that may be shown: a storage's own answer can quote the access key.

use super::OffsiteError;
use object_store::client::{HttpError, HttpErrorKind};
use std::error::Error;

/// What is wrong with the copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CopyTrouble {
    /// The other side is not there, is not who it should be, or went away meanwhile.
    Unreachable,
    /// It does not let us.
    Denied,
    /// It has no such bucket.
    NotFound,
    /// It answers something else than yes.
    Answer,
    /// A file or the index here cannot be read.
    Local,
}

impl CopyTrouble {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Unreachable, Self::Denied, Self::NotFound, Self::Answer, Self::Local];

    /// The word used in interfaces and texts.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::Denied => "denied",
            Self::NotFound => "not-found",
            Self::Answer => "answer",
            Self::Local => "local",
        }
    }
}

impl From<&OffsiteError> for CopyTrouble {
    fn from(error: &OffsiteError) -> Self {
        match error {
            OffsiteError::Remote { source, .. } => of_storage(source),
            // What the storage said while a segment was sent comes in the dress of a file's error.
            OffsiteError::Transfer(error) => {
                let storage = error.get_ref().and_then(|inner| inner.downcast_ref::<object_store::Error>());
                storage.map_or(Self::Local, of_storage)
            }
            OffsiteError::Local { .. }
            | OffsiteError::Archive(_)
            | OffsiteError::OtherPlace { .. }
            | OffsiteError::NotEmpty { .. } => Self::Local,
        }
    }
}

fn of_storage(error: &object_store::Error) -> CopyTrouble {
    match error {
        object_store::Error::PermissionDenied { .. } | object_store::Error::Unauthenticated { .. } => {
            return CopyTrouble::Denied;
        }
        object_store::Error::NotFound { .. } => return CopyTrouble::NotFound,
        _ => {}
    }
    let mut next: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = next {
        if let Some(http) = error.downcast_ref::<HttpError>() {
            return match http.kind() {
                HttpErrorKind::Decode => CopyTrouble::Answer,
                _ => CopyTrouble::Unreachable,
            };
        }
        next = error.source();
    }
    CopyTrouble::Answer
}
