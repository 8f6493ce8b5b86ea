//! One viewer branch as the register sees it: granted before the first packet, ended with what really flowed (A4-5).

use super::ids::{CameraId, PersonId, SessionId, SiteId, TicketId};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// Why images may flow in a session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "purpose")]
pub enum Purpose {
    /// To the police, under an open ticket.
    Transfer {
        /// The ticket.
        ticket: TicketId,
    },
    /// The landlord's own look at the live images before a decision (A4-2).
    LandlordViewing {
        /// The request being looked into.
        ticket: TicketId,
    },
}

impl Purpose {
    /// The ticket this session belongs to.
    pub fn ticket(&self) -> TicketId {
        match self {
            Purpose::Transfer { ticket } | Purpose::LandlordViewing { ticket } => *ticket,
        }
    }
}

/// Why a session ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "cause")]
pub enum EndCause {
    /// The viewer left (WHEP `DELETE`).
    Left,
    /// The viewer vanished: nothing heard for 10 s (fault 20), or never connected.
    Vanished,
    /// The peer has no AES-256: no media was sent (A6-5).
    WeakCipher {
        /// What the peer offered or negotiated, as far as known.
        offered: String,
    },
    /// Its ticket was closed; the ticket's own event says why and by whom.
    TicketClosed,
    /// The administrator tore this one branch down (A6-7).
    CutByAdministrator {
        /// The administrator's words.
        why: String,
    },
    /// Its deadline passed (landlord viewings have one too).
    Expired,
    /// A newer session of the same person took its place (reconnect).
    Replaced,
    /// The branch failed; the recorder and others are unaffected.
    Failed {
        /// What went wrong, for the administrator.
        detail: String,
    },
    /// A condition of the gate fell away for this viewer alone: struck from the annex, moved, camera detached (fault 8).
    GateCondition {
        /// Which condition, as a stable word.
        condition: String,
    },
    /// The register could not be written (fault 14).
    RegisterFailure,
    /// The server stopped or crashed (fault 19).
    ServerStopped,
}

/// What really went out, measured at the gate.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Traffic {
    /// When the first media packet left, if any did.
    #[serde(with = "super::instant::option", skip_serializing_if = "Option::is_none", default)]
    pub first_packet_at_utc: Option<DateTime<Utc>>,
    /// When the last media packet left.
    #[serde(with = "super::instant::option", skip_serializing_if = "Option::is_none", default)]
    pub last_packet_at_utc: Option<DateTime<Utc>>,
    /// Media packets sent (SRTP).
    pub packets: u64,
    /// Media bytes sent (SRTP, without UDP/IP headers).
    pub bytes: u64,
}

impl Traffic {
    /// Milliseconds during which images really flowed (A4-5): first to last packet.
    pub fn flowed_ms(&self) -> u64 {
        match (self.first_packet_at_utc, self.last_packet_at_utc) {
            (Some(first), Some(last)) => (last - first).num_milliseconds().try_into().unwrap_or(0),
            _ => 0,
        }
    }
}

/// Where a session stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "state")]
pub enum SessionState {
    /// The grant is made; the peer is not yet connected.
    Granted,
    /// DTLS is done with these algorithms (A6-5).
    Connected {
        /// SRTP profile, e.g. `SRTP_AEAD_AES_256_GCM`.
        srtp: String,
        /// DTLS suite by its IANA or OpenSSL name.
        dtls: String,
        /// When.
        #[serde(with = "super::instant")]
        at_utc: DateTime<Utc>,
    },
    /// Over.
    Ended {
        /// Why.
        cause: EndCause,
        /// Whose deed it was; `None`: the system's.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        by: Option<PersonId>,
        /// When.
        #[serde(with = "super::instant")]
        at_utc: DateTime<Utc>,
        /// What went out.
        traffic: Traffic,
        /// Microseconds from the accepted command to the last media packet, when a command cut it (A4-4).
        #[serde(skip_serializing_if = "Option::is_none", default)]
        cut_us: Option<u64>,
    },
}

/// One person watching under one grant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Session {
    /// Identifier.
    pub id: SessionId,
    /// Why images may flow.
    pub purpose: Purpose,
    /// Whose images.
    pub site: SiteId,
    /// Which cameras, in the site's order.
    pub cameras: Vec<CameraId>,
    /// Who watches.
    pub person: PersonId,
    /// From which workstation or address: the certificate's workstation when there is one, else the peer address.
    pub workstation: String,
    /// When the grant was made.
    #[serde(with = "super::instant")]
    pub granted_at_utc: DateTime<Utc>,
    /// When it ends at the latest.
    #[serde(with = "super::instant")]
    pub deadline_utc: DateTime<Utc>,
    /// Where it stands.
    pub state: SessionState,
}
