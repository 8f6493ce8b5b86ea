//! What happened, as it stands in the register. Names and fields are a file format: add, never change.

use super::command::Actor;
use super::ids::{CameraId, PersonId, ServiceId, SessionId, SiteId, TicketId, WorkstationId};
use super::person::Designation;
use super::session::{EndCause, Purpose, Traffic};
use super::site::Site;
use super::ticket::{CloseCause, Reason};
use super::workstation::Workstation;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// One line of the register.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Position, from 0, without holes.
    pub seq: u64,
    /// When it was decided, UTC.
    #[serde(with = "super::instant")]
    pub at_utc: DateTime<Utc>,
    /// Who.
    pub actor: Actor,
    /// What.
    pub event: Event,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "type")]
pub enum Event {
    /// The server started.
    ServerStarted {
        /// Version of the program.
        version: String,
    },
    /// The server stopped on purpose.
    ServerStopping,
    /// A last line that was never acknowledged, torn by a crash, was cut off when the register was opened.
    RegisterRepaired {
        /// How many bytes.
        dropped_bytes: u64,
        /// Their SHA-256, hexadecimal.
        sha256: String,
    },
    /// The wall clock moved against the monotonic one by more than two seconds (fault 6).
    ClockStepped {
        /// Forward positive, microseconds.
        by_us: i64,
    },
    /// A site was declared or changed.
    SiteDeclared {
        /// The site as it now is.
        site: Site,
    },
    /// A person was put into the annex or moved in it.
    Designated {
        /// Their place.
        designation: Designation,
    },
    /// A person was struck from the annex.
    Struck {
        /// Who.
        person: PersonId,
    },
    /// A person's second factor counts no longer, nor does a log-in from before.
    SecondFactorReset {
        /// Whose.
        person: PersonId,
        /// Reason given.
        why: String,
    },
    /// A workstation may show transfers from now on (A6-1).
    WorkstationIssued {
        /// Which, with its certificate and service.
        workstation: Workstation,
    },
    /// A workstation may no longer (fault 9).
    WorkstationRevoked {
        /// Which.
        workstation: WorkstationId,
        /// Reason given.
        why: String,
    },
    /// Images were asked for, and the control (A3-4) found no fault.
    Requested {
        /// The ticket.
        ticket: TicketId,
        /// Site.
        site: SiteId,
        /// Receiving service (A4-5).
        service: ServiceId,
        /// Reasons (A3-1).
        reasons: BTreeSet<Reason>,
        /// Minutes (A3-5).
        duration_minutes: u32,
        /// When silence ends it.
        #[serde(with = "super::instant")]
        lapses_at_utc: DateTime<Utc>,
    },
    /// The requester took it back.
    Withdrawn {
        /// The ticket.
        ticket: TicketId,
    },
    /// Nobody answered.
    Lapsed {
        /// The ticket.
        ticket: TicketId,
    },
    /// A condition fell away before anyone decided.
    Voided {
        /// The ticket.
        ticket: TicketId,
        /// Which condition, as a stable word.
        condition: String,
    },
    /// A decider approved (A4-3).
    Approved {
        /// The ticket.
        ticket: TicketId,
    },
    /// The link works from now on (A3-6).
    Opened {
        /// The ticket.
        ticket: TicketId,
        /// Ceiling (A3-5).
        #[serde(with = "super::instant")]
        expires_at_utc: DateTime<Utc>,
    },
    /// A decider refused.
    Refused {
        /// The ticket.
        ticket: TicketId,
        /// Reason given.
        why: String,
    },
    /// An open ticket is over.
    Closed {
        /// The ticket.
        ticket: TicketId,
        /// Why.
        cause: CloseCause,
        /// When it ended; the entry's own time, but after a crash the last heartbeat's (fault 19).
        #[serde(with = "super::instant")]
        closed_at_utc: DateTime<Utc>,
        /// Milliseconds images really flowed to the service, overlapping viewers counted once (A4-5).
        flowed_ms: u64,
        /// Worst microseconds from the command to the last media packet (A4-4); absent when nothing flowed.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        cut_us: Option<u64>,
    },
    /// A grant was made: written before the first packet can leave ("pas de trace, pas de transfert").
    SessionGranted {
        /// The session.
        session: SessionId,
        /// Why images may flow.
        purpose: Purpose,
        /// Whose images.
        site: SiteId,
        /// Which cameras.
        cameras: Vec<CameraId>,
        /// From where.
        workstation: String,
        /// The latest end.
        #[serde(with = "super::instant")]
        deadline_utc: DateTime<Utc>,
    },
    /// DTLS is done (A6-5).
    SessionConnected {
        /// The session.
        session: SessionId,
        /// SRTP profile.
        srtp: String,
        /// DTLS suite.
        dtls: String,
    },
    /// A session is over, with what really flowed (A4-5).
    SessionEnded {
        /// The session.
        session: SessionId,
        /// Why.
        cause: EndCause,
        /// When it ended; the entry's own time, but after a crash the last heartbeat's (fault 19).
        #[serde(with = "super::instant")]
        ended_at_utc: DateTime<Utc>,
        /// What went out.
        traffic: Traffic,
        /// Microseconds from the command to the last media packet (A4-4); absent when no command cut it.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        cut_us: Option<u64>,
    },
}

impl Event {
    /// The ticket this event changes; `None` for events that change none.
    pub fn ticket(&self) -> Option<TicketId> {
        match self {
            Event::Requested { ticket, .. }
            | Event::Withdrawn { ticket }
            | Event::Lapsed { ticket }
            | Event::Voided { ticket, .. }
            | Event::Approved { ticket }
            | Event::Opened { ticket, .. }
            | Event::Refused { ticket, .. }
            | Event::Closed { ticket, .. } => Some(*ticket),
            Event::ServerStarted { .. }
            | Event::ServerStopping
            | Event::RegisterRepaired { .. }
            | Event::ClockStepped { .. }
            | Event::SiteDeclared { .. }
            | Event::Designated { .. }
            | Event::Struck { .. }
            | Event::SecondFactorReset { .. }
            | Event::WorkstationIssued { .. }
            | Event::WorkstationRevoked { .. }
            | Event::SessionGranted { .. }
            | Event::SessionConnected { .. }
            | Event::SessionEnded { .. } => None,
        }
    }
}
