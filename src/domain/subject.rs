//! What an entry is about: how the register is filtered by site and by ticket, and who may read which entry (A4-1).

use super::event::Event;
use super::ids::{SiteId, TicketId};
use super::rights::RightsChange;
use super::state::State;

/// Site and ticket an event concerns, where it concerns one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Subject {
    /// The site.
    pub site: Option<SiteId>,
    /// The ticket.
    pub ticket: Option<TicketId>,
}

impl State {
    /// What an event is about. `self` must contain the entry: the ticket of a session is known from its grant.
    pub fn subject(&self, event: &Event) -> Subject {
        let of_ticket = |ticket: &TicketId| Subject {
            site: self.tickets.get(ticket).map(|known| known.site.clone()),
            ticket: Some(*ticket),
        };
        match event {
            Event::SiteDeclared { site } => Subject { site: Some(site.id.clone()), ticket: None },
            Event::AlertRaised { site, .. }
            | Event::PolicySet { site, .. }
            | Event::Filed { site, .. }
            | Event::Footage { site, .. }
            | Event::RenewalReminded { site, .. }
            | Event::ChangeProposed { rights: RightsChange::Deciders { site, .. }, .. } => {
                Subject { site: Some(site.clone()), ticket: None }
            }
            Event::FootageViewed { footage, .. } | Event::FootageExported { footage, .. } => {
                Subject { site: Some(footage.site.clone()), ticket: None }
            }
            Event::AlertClosed { alert } => {
                Subject { site: self.alerts.get(alert).map(|known| known.site.clone()), ticket: None }
            }
            Event::Requested { ticket, site, .. } => Subject { site: Some(site.clone()), ticket: Some(*ticket) },
            Event::Withdrawn { ticket }
            | Event::Lapsed { ticket }
            | Event::Voided { ticket, .. }
            | Event::Approved { ticket }
            | Event::Opened { ticket, .. }
            | Event::OpenedUrgently { ticket, .. }
            | Event::Reminded { ticket, .. }
            | Event::NeedAsked { ticket, .. }
            | Event::NeedConfirmed { ticket, .. }
            | Event::Refused { ticket, .. }
            | Event::Closed { ticket, .. } => of_ticket(ticket),
            Event::MailQueued { ticket, .. }
            | Event::MailAccepted { ticket, .. }
            | Event::MailFailed { ticket, .. } => ticket.as_ref().map_or_else(Subject::default, of_ticket),
            Event::SessionGranted { purpose, site, .. } => {
                Subject { site: Some(site.clone()), ticket: Some(purpose.ticket()) }
            }
            Event::SessionConnected { session, .. } | Event::SessionEnded { session, .. } => {
                self.sessions.get(session).map_or_else(Subject::default, |known| Subject {
                    site: Some(known.site.clone()),
                    ticket: Some(known.purpose.ticket()),
                })
            }
            Event::ServerStarted { .. }
            | Event::ServerStopping
            | Event::RegisterRepaired { .. }
            | Event::RegisterPurged { .. }
            | Event::RegisterExported { .. }
            | Event::ClockStepped { .. }
            | Event::ChangeProposed { .. }
            | Event::ChangeConfirmed { .. }
            | Event::ChangeDeclined { .. }
            | Event::PurgePaused { .. }
            | Event::PurgeResumed
            | Event::StorageAlarm { .. }
            | Event::Designated { .. }
            | Event::Struck { .. }
            | Event::SecondFactorReset { .. }
            | Event::Invited { .. }
            | Event::InvitationRevoked { .. }
            | Event::InvitationAccepted { .. }
            | Event::WorkstationIssued { .. }
            | Event::WorkstationRevoked { .. }
            | Event::WorkstationReminded { .. } => Subject::default(),
        }
    }
}
