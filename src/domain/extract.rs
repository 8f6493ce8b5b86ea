//! What part of the register is read or taken out (A4-5): a period, a site, a ticket, a kind of event.

use super::event::{Entry, Event};
use super::ids::{SiteId, TicketId};
use super::state::State;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// Families of events, as the pages show them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EventKind {
    /// Requests and what was decided about them.
    Decision,
    /// Transfers opened; sessions granted, connected, ended.
    Images,
    /// Transfers ended, by whomever.
    Cut,
    /// Who is in the annexes; the sites' dossiers, the changes of rights and the guards' alerts.
    People,
    /// Recordings: looked at, taken out (A4-10, A5-6); how long they are kept, what is held, who asks for access, what is gone.
    Footage,
    /// Mails and how each went.
    Mail,
    /// The server, its sites, and the register itself.
    Server,
}

impl EventKind {
    /// All of them, in the order pages offer them.
    pub const ALL: [EventKind; 7] = [
        EventKind::Decision,
        EventKind::Images,
        EventKind::Cut,
        EventKind::People,
        EventKind::Footage,
        EventKind::Mail,
        EventKind::Server,
    ];

    /// The word used in URLs, files and the register.
    pub fn as_str(self) -> &'static str {
        match self {
            EventKind::Decision => "decision",
            EventKind::Images => "images",
            EventKind::Cut => "cut",
            EventKind::People => "people",
            EventKind::Footage => "footage",
            EventKind::Mail => "mail",
            EventKind::Server => "server",
        }
    }

    /// The kind of that word.
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

impl Event {
    /// Its family.
    pub fn kind(&self) -> EventKind {
        match self {
            Event::Requested { .. }
            | Event::Withdrawn { .. }
            | Event::Lapsed { .. }
            | Event::Voided { .. }
            | Event::Approved { .. }
            | Event::Reminded { .. }
            | Event::PolicySet { .. }
            | Event::Refused { .. } => EventKind::Decision,
            Event::Opened { .. }
            | Event::OpenedUrgently { .. }
            | Event::NeedAsked { .. }
            | Event::NeedConfirmed { .. }
            | Event::SessionGranted { .. }
            | Event::SessionConnected { .. }
            | Event::SessionEnded { .. } => EventKind::Images,
            Event::FootageViewed { .. } | Event::FootageExported { .. } => EventKind::Footage,
            Event::Closed { .. } => EventKind::Cut,
            Event::Designated { .. }
            | Event::Struck { .. }
            | Event::Filed { .. }
            | Event::ChangeProposed { .. }
            | Event::ChangeConfirmed { .. }
            | Event::ChangeDeclined { .. }
            | Event::AlertRaised { .. }
            | Event::AlertClosed { .. }
            | Event::SecondFactorReset { .. }
            | Event::Invited { .. }
            | Event::InvitationRevoked { .. }
            | Event::InvitationAccepted { .. }
            | Event::WorkstationIssued { .. }
            | Event::WorkstationRevoked { .. } => EventKind::People,
            Event::Footage { .. } | Event::PurgePaused { .. } | Event::PurgeResumed | Event::StorageAlarm { .. } => {
                EventKind::Footage
            }
            Event::MailQueued { .. } | Event::MailAccepted { .. } | Event::MailFailed { .. } => EventKind::Mail,
            Event::ServerStarted { .. }
            | Event::ServerStopping
            | Event::RegisterRepaired { .. }
            | Event::RegisterPurged { .. }
            | Event::RegisterExported { .. }
            | Event::ClockStepped { .. }
            | Event::RenewalReminded { .. }
            | Event::WorkstationReminded { .. }
            | Event::SiteDeclared { .. } => EventKind::Server,
        }
    }
}

/// Which entries. What is `None` does not restrict.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegisterFilter {
    /// From this instant on.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "super::instant::option")]
    pub since_utc: Option<DateTime<Utc>>,
    /// Before this instant.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "super::instant::option")]
    pub until_utc: Option<DateTime<Utc>>,
    /// What concerns this site.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub site: Option<SiteId>,
    /// What concerns this ticket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<TicketId>,
    /// Of this family.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<EventKind>,
}

impl RegisterFilter {
    /// Whether an instant lies in the period.
    pub fn covers(&self, at: DateTime<Utc>) -> bool {
        self.since_utc.is_none_or(|since| at >= since) && self.until_utc.is_none_or(|until| at < until)
    }

    /// Whether an entry is among those meant. `state` must contain it.
    pub fn wants(&self, state: &State, entry: &Entry) -> bool {
        if !self.covers(entry.at_utc) || self.kind.is_some_and(|kind| entry.event.kind() != kind) {
            return false;
        }
        if self.site.is_none() && self.ticket.is_none() {
            return true;
        }
        let subject = state.subject(&entry.event);
        (self.site.is_none() || subject.site == self.site) && (self.ticket.is_none() || subject.ticket == self.ticket)
    }
}

/// In which form the register, or the list of transmissions, is taken out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ExportFormat {
    /// The lines as they stand, verifiable.
    Jsonl,
    /// The entries as a table.
    Csv,
    /// The transmissions as a table.
    TransmissionsCsv,
    /// Transmissions and entries as a document.
    Pdf,
}

impl ExportFormat {
    /// The word used in the register.
    pub fn as_str(self) -> &'static str {
        match self {
            ExportFormat::Jsonl => "jsonl",
            ExportFormat::Csv => "csv",
            ExportFormat::TransmissionsCsv => "transmissions-csv",
            ExportFormat::Pdf => "pdf",
        }
    }
}
