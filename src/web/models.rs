//! What pages and programs are shown. The JSON interface sends these as they are; pages draw them. Filled in
//! [`super::access`], which leaves out what is not for the reader's eyes.

use crate::domain::{AlertId, CameraId, Event, PersonId, Policy, Reason, ServiceId, SessionId, SiteId, TicketId};
use chrono::{DateTime, Utc};
use serde::Serialize;
use std::collections::BTreeMap;
use std::net::SocketAddr;

/// A person, as far as a name is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PersonRef {
    /// Pseudonym.
    pub id: PersonId,
    /// Name; absent once the person has been forgotten.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

impl PersonRef {
    /// The name, or the pseudonym where there is none.
    pub fn shown(&self) -> &str {
        self.name.as_deref().unwrap_or(self.id.as_str())
    }
}

/// By which rule a ticket was opened without a decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UrgentOpening {
    /// The guard's alert that stood.
    pub alert: AlertId,
    /// Reference of the avenant in force.
    pub avenant: String,
}

/// Where a ticket stands, in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum TicketStatus {
    /// Waits for a decider.
    Requested,
    /// A decider said no.
    Refused,
    /// Nobody answered in time.
    Lapsed,
    /// The agent took it back.
    Withdrawn,
    /// A condition fell away before the decision.
    Voided,
    /// Images may flow.
    Open,
    /// It was open and is over.
    Closed,
}

/// What the reader may do with a ticket now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Deed {
    /// Watch the transfer.
    Watch,
    /// Look at the landlord's own images (A4-2).
    Preview,
    /// Take the request back.
    Withdraw,
    /// Approve.
    Approve,
    /// Refuse; on an open ticket it cuts (fault 4).
    Refuse,
    /// Say that the images are still needed.
    ConfirmNeed,
    /// "Fin d'intervention".
    End,
    /// Interrupt.
    Interrupt,
}

/// A ticket, for somebody who may see it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TicketModel {
    /// Identifier.
    pub id: TicketId,
    /// Site.
    pub site: SiteId,
    /// Its name.
    pub site_name: String,
    /// Receiving service (A4-5).
    pub service: ServiceId,
    /// Its name.
    pub service_name: String,
    /// Who asked.
    pub requester: PersonRef,
    /// Reasons (A3-1).
    pub reasons: Vec<Reason>,
    /// Duration asked for, minutes.
    pub duration_minutes: u32,
    /// When it was filed.
    pub requested_at_utc: DateTime<Utc>,
    /// Where it stands.
    pub status: TicketStatus,
    /// When silence ends a request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lapses_at_utc: Option<DateTime<Utc>>,
    /// The decider who approved or refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decided_by: Option<PersonRef>,
    /// That nobody decided: it was opened at once, by the rule of the `urgent` mode (conflict table).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub opened_urgently: Option<UrgentOpening>,
    /// When it was opened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub opened_at_utc: Option<DateTime<Utc>>,
    /// When it ends at the latest (A3-5).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at_utc: Option<DateTime<Utc>>,
    /// "Toujours nécessaire ?" is being asked: silence cuts at this instant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answer_by_utc: Option<DateTime<Utc>>,
    /// When it ended, for whatever reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_at_utc: Option<DateTime<Utc>>,
    /// Why it ended: `expired`, `end-of-intervention`, `interrupted-by-landlord`, ...
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// Who ended it, when a person did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_by: Option<PersonRef>,
    /// The words given with a refusal, an interruption, or the condition that fell away.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Milliseconds images really flowed to the police, once it is closed (A4-5).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flowed_ms: Option<u64>,
    /// Milliseconds from the command to the last media packet, once it is closed and was cut (A4-4).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cut_ms: Option<f64>,
    /// What the reader may do now.
    pub deeds: Vec<Deed>,
}

impl TicketModel {
    /// Whether the reader may do this now.
    pub fn may(&self, deed: Deed) -> bool {
        self.deeds.contains(&deed)
    }
}

/// A site, as its people see it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SiteModel {
    /// Identifier.
    pub id: SiteId,
    /// Name.
    pub name: String,
    /// Addresses covered.
    pub addresses: Vec<String>,
    /// Name of the receiving service.
    pub service_name: String,
    /// First instant of the convention.
    pub valid_from_utc: DateTime<Utc>,
    /// First instant after it.
    pub valid_until_utc: DateTime<Utc>,
    /// How much the site allows its service (A4-7).
    pub policy: Policy,
    /// Cameras.
    pub cameras: Vec<CameraModel>,
}

/// A camera and how it is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CameraModel {
    /// Identifier.
    pub id: CameraId,
    /// Name.
    pub name: String,
    /// Whether pictures come in.
    pub online: bool,
    /// Milliseconds since the newest picture arrived (fault 16).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frame_age_ms: Option<u64>,
    /// Technical figures; not for the police.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stream: Option<StreamModel>,
}

/// A camera's stream, in figures.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StreamModel {
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// Frames per second.
    pub fps: f64,
    /// Bits per second.
    pub bitrate_bps: u64,
    /// Codec; empty before the first picture.
    pub codec: String,
    /// The camera offers sound, which is dropped at the gate.
    pub audio_dropped: bool,
    /// Since when it publishes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since_utc: Option<DateTime<Utc>>,
    /// From where.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<SocketAddr>,
    /// TLS suite of its connection (A6-5).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<String>,
}

/// A live session, for the administrator (A6-7).
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SessionModel {
    /// Identifier.
    pub id: SessionId,
    /// `transfer` or `landlord-viewing`.
    pub purpose: &'static str,
    /// Ticket.
    pub ticket: TicketId,
    /// Site.
    pub site: SiteId,
    /// Its name.
    pub site_name: String,
    /// Who watches.
    pub person: PersonRef,
    /// From which workstation or address.
    pub workstation: String,
    /// Where the packets go.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remote_addr: Option<SocketAddr>,
    /// When it was granted.
    pub granted_at_utc: DateTime<Utc>,
    /// When DTLS was done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connected_since_utc: Option<DateTime<Utc>>,
    /// When it ends at the latest.
    pub deadline_utc: DateTime<Utc>,
    /// Cameras, in order.
    pub cameras: Vec<SessionCamera>,
    /// Media packets sent.
    pub packets: u64,
    /// Media bytes sent.
    pub bytes: u64,
    /// Bits per second over the last seconds.
    pub bitrate_bps: u64,
    /// SRTP profile (A6-5).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub srtp: Option<String>,
    /// DTLS suite (A6-5).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dtls: Option<String>,
}

/// A camera in a live session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SessionCamera {
    /// Identifier.
    pub id: CameraId,
    /// Name.
    pub name: String,
    /// Milliseconds since the newest picture sent arrived at the server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frame_age_ms: Option<u64>,
}

/// One line of the register, readable.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RegisterLine {
    /// Position.
    pub seq: u64,
    /// When.
    pub at_utc: DateTime<Utc>,
    /// Who; absent when the product itself acted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actor: Option<PersonRef>,
    /// What, as it stands in the register.
    pub event: Event,
    /// The site it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub site: Option<SiteId>,
    /// The ticket it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ticket: Option<TicketId>,
}

/// A page of the register, newest first.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RegisterPage {
    /// Lines.
    pub lines: Vec<RegisterLine>,
    /// Ask again with `before` set to this for older lines; absent at the beginning of the register.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub older_before: Option<u64>,
    /// Names of the sites on this page.
    pub site_names: BTreeMap<SiteId, String>,
    /// Whether the register can be written.
    pub writable: bool,
}

/// An entry with the proof that it stands in the register (RFC 6962). All hashes are base64.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EntryProof {
    /// The entry's position.
    pub seq: u64,
    /// How many entries the checkpoint vouches for.
    pub size: u64,
    /// The register's line, without its line feed: `SHA-256(0x00 || line)` is the leaf.
    pub line: String,
    /// The leaf hash.
    pub leaf: String,
    /// The hashes from the leaf to the root.
    pub path: Vec<String>,
    /// The root.
    pub root: String,
    /// The signed checkpoint of that root.
    pub checkpoint: String,
    /// The public key it is signed with.
    pub key: String,
}

/// The value of the tag field under which an enum is written as JSON.
pub fn word_of(value: &impl Serialize, tag: &str) -> String {
    serde_json::to_value(value)
        .ok()
        .and_then(|value| value.get(tag).and_then(|word| word.as_str()).map(str::to_owned))
        .unwrap_or_default()
}
