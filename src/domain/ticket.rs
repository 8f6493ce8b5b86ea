//! The ticket: one request for one site's images, from the demand to its end.

use super::ids::{AlertId, PersonId, ServiceId, SiteId, TicketId};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// The convention's closed list of reasons ("motifs", A3-1). Versioned data with a legal basis comes with issue 3.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// Atteintes à l'intégrité physique.
    AtteintesIntegritePhysique,
    /// Vols.
    Vols,
    /// Dégradations.
    Degradations,
    /// Attroupements.
    Attroupements,
    /// Occupations abusives.
    OccupationsAbusives,
    /// Intervention des services de police (nationale ou municipale).
    InterventionPolice,
}

impl Reason {
    /// The six reasons in the convention's order.
    pub const ALL: [Reason; 6] = [
        Reason::AtteintesIntegritePhysique,
        Reason::Vols,
        Reason::Degradations,
        Reason::Attroupements,
        Reason::OccupationsAbusives,
        Reason::InterventionPolice,
    ];

    /// The word used in forms, the API and the register.
    pub fn as_str(self) -> &'static str {
        match self {
            Reason::AtteintesIntegritePhysique => "atteintes-integrite-physique",
            Reason::Vols => "vols",
            Reason::Degradations => "degradations",
            Reason::Attroupements => "attroupements",
            Reason::OccupationsAbusives => "occupations-abusives",
            Reason::InterventionPolice => "intervention-police",
        }
    }
}

/// Why an open ticket was closed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "cause")]
pub enum CloseCause {
    /// Its time was up (fault 7).
    Expired,
    /// "Fin d'intervention" by the police (A4-4).
    EndOfIntervention,
    /// Interrupted by the landlord, with the reason given (A4-4).
    InterruptedByLandlord {
        /// The decider's words.
        why: String,
    },
    /// Cut by the administrator, with the reason given (A4-4, A6-7).
    CutByAdministrator {
        /// The administrator's words.
        why: String,
    },
    /// A second decider refused after the first had approved: refusal wins (fault 4).
    RefusedAfterOpening {
        /// The decider's words.
        why: String,
    },
    /// A condition of the gate fell away: agent struck from the annex, convention ended... (faults 8, 23).
    GateCondition {
        /// Which condition, as a stable word.
        condition: String,
    },
    /// "Toujours nécessaire ?" had no answer in time (conflict table).
    Unanswered,
    /// The register could not be written (fault 14).
    RegisterFailure,
    /// The server stopped or crashed while it was open; it is never resumed by itself (fault 19).
    ServerStopped,
}

/// "Toujours nécessaire ?": the duration granted is a ceiling, so an open ticket has to be confirmed again and again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "need")]
pub enum Need {
    /// Granted or confirmed lately.
    Assured {
        /// When it will be asked.
        #[serde(with = "super::instant")]
        ask_at_utc: DateTime<Utc>,
    },
    /// Asked; the agent has not answered yet.
    Asked {
        /// At this instant silence cuts.
        #[serde(with = "super::instant")]
        answer_by_utc: DateTime<Utc>,
    },
}

impl Need {
    /// For a ticket written down before there was a question: it is due.
    fn unknown() -> Self {
        Need::Assured { ask_at_utc: DateTime::UNIX_EPOCH }
    }
}

/// What opened a ticket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum OpenedBy {
    /// The one decider who approved (A4-3).
    Decider(PersonId),
    /// The rule of the `urgent` mode (conflict table): nobody decided.
    Rule {
        /// The guard's alert that stood.
        alert: AlertId,
        /// Reference of the avenant in force.
        avenant: String,
    },
}

impl OpenedBy {
    /// Who approved, if anybody did.
    pub fn decider(&self) -> Option<&PersonId> {
        match self {
            OpenedBy::Decider(person) => Some(person),
            OpenedBy::Rule { .. } => None,
        }
    }
}

/// Where a ticket stands. One enum: a ticket that is refused has no expiry, one that is open has exactly one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "state")]
pub enum TicketState {
    /// Filed and controlled; waits for a decider.
    Requested {
        /// After this instant it lapses: silence never accepts (conflict table).
        #[serde(with = "super::instant")]
        lapses_at_utc: DateTime<Utc>,
        /// How many times the deciders have been reminded.
        #[serde(default)]
        reminders: u8,
    },
    /// A decider said no.
    Refused {
        /// Who.
        by: PersonId,
        /// When.
        #[serde(with = "super::instant")]
        at_utc: DateTime<Utc>,
        /// Reason given.
        why: String,
    },
    /// Nobody answered in time.
    Lapsed {
        /// When.
        #[serde(with = "super::instant")]
        at_utc: DateTime<Utc>,
    },
    /// The requester took it back before a decision.
    Withdrawn {
        /// When.
        #[serde(with = "super::instant")]
        at_utc: DateTime<Utc>,
    },
    /// A condition fell away before anyone decided: requester struck, convention over (A3-3, A8-1).
    Voided {
        /// When.
        #[serde(with = "super::instant")]
        at_utc: DateTime<Utc>,
        /// Which condition, as a stable word.
        condition: String,
    },
    /// The link works.
    Open {
        /// Who or what opened it.
        #[serde(alias = "approved_by")]
        opened_by: OpenedBy,
        /// When.
        #[serde(with = "super::instant")]
        opened_at_utc: DateTime<Utc>,
        /// The ceiling (A3-5): at or after this instant nothing flows.
        #[serde(with = "super::instant")]
        expires_at_utc: DateTime<Utc>,
        /// Whether it is still needed.
        #[serde(default = "Need::unknown")]
        need: Need,
    },
    /// It was open and is over.
    Closed {
        /// Who or what had opened it.
        #[serde(alias = "approved_by")]
        opened_by: OpenedBy,
        /// When it was opened.
        #[serde(with = "super::instant")]
        opened_at_utc: DateTime<Utc>,
        /// When it ended.
        #[serde(with = "super::instant")]
        closed_at_utc: DateTime<Utc>,
        /// Why.
        cause: CloseCause,
        /// The person who ended it; `None` when a rule did.
        by: Option<PersonId>,
        /// Milliseconds images really flowed to the service, overlapping viewers counted once (A4-5).
        flowed_ms: u64,
        /// Worst microseconds from the command to the last media packet (A4-4); absent when nothing flowed.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        cut_us: Option<u64>,
    },
}

/// One request for the images of one site.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ticket {
    /// Identifier.
    pub id: TicketId,
    /// Site asked for.
    pub site: SiteId,
    /// Who asked (A3-3).
    pub requester: PersonId,
    /// The receiving service (A4-5).
    pub service: ServiceId,
    /// At least one of the closed list (A3-1).
    pub reasons: BTreeSet<Reason>,
    /// Duration asked for, minutes, 120 to 720 (A3-5).
    pub duration_minutes: u32,
    /// When it was filed.
    #[serde(with = "super::instant")]
    pub requested_at_utc: DateTime<Utc>,
    /// Where it stands.
    pub state: TicketState,
}

impl Ticket {
    /// Whether the ticket waits for a decision.
    pub fn is_pending(&self) -> bool {
        matches!(self.state, TicketState::Requested { .. })
    }

    /// Whether images may flow under this ticket at `now`.
    pub fn is_open_at(&self, now: DateTime<Utc>) -> bool {
        matches!(&self.state, TicketState::Open { expires_at_utc, .. } if now < *expires_at_utc)
    }
}
