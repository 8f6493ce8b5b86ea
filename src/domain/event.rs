//! What happened, as it stands in the register. Names and fields are a file format: add, never change.

use super::alarm::StorageAlarm;
use super::command::Actor;
use super::dossier::Record;
use super::excerpt::Excerpt;
use super::extract::{ExportFormat, RegisterFilter};
use super::footage::FootageAct;
use super::ids::{
    AlertId, CameraId, ExportId, PersonId, ServiceId, SessionId, SiteId, TicketId, ViewingId, WorkstationId,
};
use super::invitation::InvitationWay;
use super::mail::{MailFailure, MailId, MailKind};
use super::person::Designation;
use super::policy::Policy;
use super::rights::RightsChange;
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
    /// Entries that had served their time were dropped from the log; their hashes stay (`docs/design/register.md`).
    RegisterPurged {
        /// Matters whose last entry is older than this, UTC.
        #[serde(with = "super::instant")]
        before_utc: DateTime<Utc>,
        /// Their numbers: first and last of each run.
        runs: Vec<(u64, u64)>,
    },
    /// The register, or a list drawn from it, was taken out (A4-5).
    RegisterExported {
        /// In which form.
        format: ExportFormat,
        /// Which part.
        filter: RegisterFilter,
    },
    /// The landlord looks at recordings: one entry per viewing opened, before its first byte (A5-6).
    FootageViewed {
        /// The viewing.
        viewing: ViewingId,
        /// Which images.
        footage: Excerpt,
    },
    /// The landlord took recordings out: written before the first byte (A4-10, A5-6).
    FootageExported {
        /// The export, as its manifest names it.
        export: ExportId,
        /// Which images.
        footage: Excerpt,
        /// What it is for, e.g. a requisition's reference.
        reference: String,
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
    /// How much a site allows its service was set (A4-7). Before the first of these, [`Policy::default`] holds.
    PolicySet {
        /// Which site.
        site: SiteId,
        /// Its policy from now on.
        policy: Policy,
    },
    /// An act was filed in a site's dossier.
    Filed {
        /// Which site.
        site: SiteId,
        /// The act.
        act: Record,
    },
    /// Somebody wants to change their own rights: a second person has to confirm it.
    ChangeProposed {
        /// Its number: the position of this entry.
        change: u64,
        /// What.
        rights: RightsChange,
    },
    /// A second person confirmed it; what it changes follows in the same decision.
    ChangeConfirmed {
        /// Which.
        change: u64,
    },
    /// It will not be.
    ChangeDeclined {
        /// Which.
        change: u64,
    },
    /// The convention ends in some months: the landlord is reminded before the notice period begins (A8-1).
    RenewalReminded {
        /// Which site.
        site: SiteId,
        /// Which reminder, from 1.
        number: u8,
        /// When the three months' notice begins.
        #[serde(with = "super::instant")]
        notice_from_utc: DateTime<Utc>,
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
    /// Something about a site's footage: how long it is kept, what is held, who asks for access, what is gone (A5-2 to
    /// A5-5).
    Footage {
        /// Which site.
        site: SiteId,
        /// What.
        act: FootageAct,
    },
    /// The calendar moved by more than time passed: destruction goes by the time that passed until somebody has said that
    /// the clock is right (A5-4, fault 6).
    PurgePaused {
        /// What time it would be if the calendar had gone on evenly.
        #[serde(with = "super::instant")]
        trusted_utc: DateTime<Utc>,
    },
    /// The clock is right: destruction goes by it again.
    PurgeResumed,
    /// Something threatens the recordings, or no longer does (fault 13).
    StorageAlarm {
        /// What.
        alarm: StorageAlarm,
        /// It began, or it is over.
        raised: bool,
        /// Its figure, in the alarm's unit.
        figure: u64,
    },
    /// A guard told the CSU what they fear; nothing is opened by it (A3-2).
    AlertRaised {
        /// The alert.
        alert: AlertId,
        /// Site.
        site: SiteId,
        /// Reasons (A3-1).
        reasons: BTreeSet<Reason>,
        /// In the guard's words.
        what: String,
    },
    /// The alert is over.
    AlertClosed {
        /// The alert.
        alert: AlertId,
    },
    /// A person's second factor counts no longer, nor does a log-in from before.
    SecondFactorReset {
        /// Whose.
        person: PersonId,
        /// Reason given.
        why: String,
    },
    /// A person may choose their password and enrol their second factor, once, with a link (A3-3).
    Invited {
        /// Who.
        person: PersonId,
        /// How the link reaches them.
        way: InvitationWay,
        /// From then on it is void.
        #[serde(with = "super::instant")]
        expires_at_utc: DateTime<Utc>,
    },
    /// The invitation was taken back.
    InvitationRevoked {
        /// Whose.
        person: PersonId,
    },
    /// The invited person chose a password; the second factor and the log-ins from before count no longer.
    InvitationAccepted {
        /// Who.
        person: PersonId,
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
    /// A workstation's certificate ends in some days: the administrator is told (A6-2).
    WorkstationReminded {
        /// Which.
        workstation: WorkstationId,
        /// Which reminder of this certificate, from 1.
        number: u8,
        /// First instant at which it is no longer valid.
        #[serde(with = "super::instant")]
        until_utc: DateTime<Utc>,
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
    /// The link works from now on, by the rule of the `urgent` mode: no person decided (conflict table, row 1). The entry's
    /// actor is the system.
    OpenedUrgently {
        /// The ticket.
        ticket: TicketId,
        /// Ceiling (A3-5).
        #[serde(with = "super::instant")]
        expires_at_utc: DateTime<Utc>,
        /// The guard's alert that stood.
        alert: AlertId,
        /// Reference of the avenant in force.
        avenant: String,
    },
    /// Nobody has answered yet: titulaire and suppléant are told again (conflict table).
    Reminded {
        /// The ticket.
        ticket: TicketId,
        /// Which reminder, from 1.
        number: u8,
    },
    /// "Toujours nécessaire ?" was asked (conflict table).
    NeedAsked {
        /// The ticket.
        ticket: TicketId,
        /// At this instant silence cuts.
        #[serde(with = "super::instant")]
        answer_by_utc: DateTime<Utc>,
    },
    /// The agent who watches said yes.
    NeedConfirmed {
        /// The ticket.
        ticket: TicketId,
        /// When it will be asked again.
        #[serde(with = "super::instant")]
        ask_at_utc: DateTime<Utc>,
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
    /// A mail waits in the outbox (A3-7, A6-6). Never an address: the addressee by pseudonym.
    MailQueued {
        /// The mail.
        mail: MailId,
        /// To whom.
        to: PersonId,
        /// What it says.
        kind: MailKind,
        /// About which ticket.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        ticket: Option<TicketId>,
    },
    /// The mail server took a mail over (A3-7). Whether anybody reads it nobody can tell.
    MailAccepted {
        /// The mail.
        mail: MailId,
        /// To whom.
        to: PersonId,
        /// What it says.
        kind: MailKind,
        /// About which ticket.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        ticket: Option<TicketId>,
        /// Status codes of the mail server's reply, e.g. `250 2.0.0`.
        reply: String,
        /// Which attempt it was, from 1.
        attempts: u32,
        /// When; the entry's own time may be later after a crash.
        #[serde(with = "super::instant")]
        accepted_at_utc: DateTime<Utc>,
    },
    /// A mail will not arrive (A3-7).
    MailFailed {
        /// The mail.
        mail: MailId,
        /// To whom.
        to: PersonId,
        /// What it says.
        kind: MailKind,
        /// About which ticket.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        ticket: Option<TicketId>,
        /// Why.
        why: MailFailure,
        /// Status codes of the mail server's last reply, e.g. `550 5.1.1`; absent when there was none.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        reply: Option<String>,
        /// After how many attempts.
        attempts: u32,
        /// When; the entry's own time may be later after a crash.
        #[serde(with = "super::instant")]
        failed_at_utc: DateTime<Utc>,
    },
}

impl Event {
    /// Who stands beside this event in the register when `commander`'s command led to it: what a rule opened is no
    /// person's act.
    pub fn actor(&self, commander: &Actor) -> Actor {
        match self {
            Event::OpenedUrgently { .. } => Actor::System,
            _ => commander.clone(),
        }
    }

    /// The ticket this event changes; `None` for events that change none.
    pub fn ticket(&self) -> Option<TicketId> {
        match self {
            Event::Requested { ticket, .. }
            | Event::Withdrawn { ticket }
            | Event::Lapsed { ticket }
            | Event::Voided { ticket, .. }
            | Event::Approved { ticket }
            | Event::Opened { ticket, .. }
            | Event::OpenedUrgently { ticket, .. }
            | Event::Reminded { ticket, .. }
            | Event::NeedAsked { ticket, .. }
            | Event::NeedConfirmed { ticket, .. }
            | Event::Refused { ticket, .. }
            | Event::Closed { ticket, .. } => Some(*ticket),
            Event::ServerStarted { .. }
            | Event::ServerStopping
            | Event::RegisterRepaired { .. }
            | Event::RegisterPurged { .. }
            | Event::RegisterExported { .. }
            | Event::FootageViewed { .. }
            | Event::FootageExported { .. }
            | Event::ClockStepped { .. }
            | Event::SiteDeclared { .. }
            | Event::PolicySet { .. }
            | Event::Filed { .. }
            | Event::ChangeProposed { .. }
            | Event::ChangeConfirmed { .. }
            | Event::ChangeDeclined { .. }
            | Event::RenewalReminded { .. }
            | Event::Footage { .. }
            | Event::PurgePaused { .. }
            | Event::PurgeResumed
            | Event::StorageAlarm { .. }
            | Event::AlertRaised { .. }
            | Event::AlertClosed { .. }
            | Event::Designated { .. }
            | Event::Struck { .. }
            | Event::SecondFactorReset { .. }
            | Event::Invited { .. }
            | Event::InvitationRevoked { .. }
            | Event::InvitationAccepted { .. }
            | Event::WorkstationIssued { .. }
            | Event::WorkstationRevoked { .. }
            | Event::WorkstationReminded { .. }
            | Event::SessionGranted { .. }
            | Event::SessionConnected { .. }
            | Event::SessionEnded { .. }
            // A mail about a ticket leaves it as it is.
            | Event::MailQueued { .. }
            | Event::MailAccepted { .. }
            | Event::MailFailed { .. } => None,
        }
    }
}
