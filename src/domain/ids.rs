//! Identifiers. Names people choose (sites, cameras) are slugs; things the product makes (tickets, sessions) are
//! UUIDv7, which sort by time and are never used as secrets.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use uuid::Uuid;

/// Why a text is no identifier; says what was expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind} \"{value}\": expected {expected}")]
pub struct IdError {
    /// What the identifier names, e.g. "camera id".
    pub kind: &'static str,
    /// What would have been accepted.
    pub expected: &'static str,
    /// The text as given, shortened to 80 characters.
    pub value: String,
}

fn slug(kind: &'static str, value: &str) -> Result<String, IdError> {
    let fits = (1..=64).contains(&value.len())
        && !value.starts_with('-')
        && value.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if fits {
        Ok(value.to_owned())
    } else {
        Err(IdError {
            kind,
            expected: "1 to 64 of a-z, 0-9 and \"-\", not starting with \"-\"",
            value: value.chars().take(80).collect(),
        })
    }
}

macro_rules! slug_id {
    ($(#[$doc:meta])* $name:ident, $kind:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The text of the identifier.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl FromStr for $name {
            type Err = IdError;
            fn from_str(value: &str) -> Result<Self, IdError> {
                slug($kind, value).map(Self)
            }
        }
        impl TryFrom<String> for $name {
            type Error = IdError;
            fn try_from(value: String) -> Result<Self, IdError> {
                value.parse()
            }
        }
        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

slug_id!(
    /// A site: one convention's addresses ("patrimoine").
    SiteId, "site id");
slug_id!(
    /// A camera; unique across sites.
    CameraId, "camera id");
slug_id!(
    /// A person, by pseudonym: names and e-mail addresses live in an erasable table, never in the register.
    PersonId, "person id");
slug_id!(
    /// A recipient service (CSU).
    ServiceId, "service id");
slug_id!(
    /// A dedicated workstation.
    WorkstationId, "workstation id");

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident, $kind:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// A new identifier, UUIDv7 of the machine's clock. Called by `control`, never by `domain`.
            pub fn generate() -> Self {
                Self(Uuid::now_v7())
            }
            /// The identifier as a UUID.
            pub fn uuid(&self) -> Uuid {
                self.0
            }
        }
        impl From<Uuid> for $name {
            fn from(value: Uuid) -> Self {
                Self(value)
            }
        }
        impl FromStr for $name {
            type Err = IdError;
            fn from_str(value: &str) -> Result<Self, IdError> {
                Uuid::try_parse(value)
                    .map(Self)
                    .map_err(|_| IdError { kind: $kind, expected: "a UUID", value: value.chars().take(80).collect() })
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

uuid_id!(
    /// A ticket: one request for the images of one site.
    TicketId, "ticket id");
uuid_id!(
    /// A hold on footage.
    HoldId, "hold id");
uuid_id!(
    /// A filmed person's access request.
    AccessId, "access request id");
uuid_id!(
    /// An alert of a guard.
    AlertId, "alert id");
uuid_id!(
    /// One viewer branch: one person watching under one grant. Also the WHEP resource's name.
    SessionId, "session id");
uuid_id!(
    /// One person looking at a site's recordings, as opened (A5-6).
    ViewingId, "viewing id");
uuid_id!(
    /// One export of footage (A4-10).
    ExportId, "export id");
