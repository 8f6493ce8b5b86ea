//! Mails: what follows from a recorded event for the people it concerns (A3-7, A6-6), queued in the store's outbox.
//!
//! Guarantees: a mail is queued only after its event is in the register; the same event never queues the same mail
//! twice, also after a crash; links decide nothing, they lead to pages that ask for a log-in (fault 2); no mail is
//! waited for by a decision or a cut (fault 5).
//!
//! The [`Notifier`] queues, the [`Courier`] delivers (docs/design/mail.md). The demo has no mail server and shows the
//! outbox on a page.

mod access;
mod alarm;
mod checkpoint;
mod clock;
mod courier;
mod invitation;
mod letter;
mod message;
mod reminder;
mod schedule;
mod settings;
mod smtp;

pub use checkpoint::Witnesses;
pub use courier::Courier;
pub use invitation::INVITATION_PATH;
pub use message::{Context, Message};
pub use settings::{Encryption, MailSettings, SettingsError};

use crate::control::Effect;
use crate::domain::{
    Actor, CloseCause, Designation, Entry, Event, MailId, MailKind as Kind, OpenedBy, PersonId, Role, State, Ticket,
    TicketId, TicketState,
};
use crate::store::{Identity, Mail, Store, StoreError};
use reminder::Reminder;

/// A mail that says the same to several people.
struct Notice<'a> {
    kind: Kind,
    /// Which message of the catalogue.
    stem: &'a str,
    /// What it is filled with, but for the reader's name.
    values: &'a [(&'static str, String)],
    /// Where it leads, a path.
    page: &'a str,
}

/// Queues the mails that follow from recorded events.
pub struct Notifier {
    store: Store,
    public_url: String,
    /// A mail of this run is missing: the note of how far we have come stays before it, so that the next start repeats it.
    behind: bool,
}

impl Notifier {
    /// A notifier whose links begin with `public_url` (no slash at its end).
    pub fn new(store: Store, public_url: &str) -> Self {
        Self { store, public_url: public_url.trim_end_matches('/').to_owned(), behind: false }
    }

    fn queue_all(&self, entry: &Entry, state: &State) -> Result<(), StoreError> {
        if let Some(reminder) = Reminder::of(entry, state) {
            for person in &reminder.people {
                if let Some(identity) = self.identity(person, entry)? {
                    self.store.outbox().queue(&reminder.mail(&identity, &self.public_url))?;
                }
            }
        }
        invitation::queue(&self.store, &self.public_url, entry, state)?;
        self.queue_access_due(entry, state)?;
        self.queue_alarm(entry, state)?;
        self.queue_clock(entry, state)?;
        let Some((ticket, kinds)) = concerns(entry) else { return Ok(()) };
        let Some(ticket) = state.tickets.get(&ticket) else { return Ok(()) };
        for (audience, kind) in kinds {
            if kind == Kind::Reminder && !ticket.is_pending() {
                // Decided while the mails caught up: nobody is asked for what is done.
                continue;
            }
            if kind == Kind::Requested && is_opened_by_rule(ticket) {
                // Opened at once, by the same decision: there is nothing to decide, its own mail says so.
                continue;
            }
            for person in audience.people(state, ticket) {
                let Some(identity) = self.identity(&person, entry)? else { continue };
                self.store.outbox().queue(&self.mail(entry, state, ticket, &identity, kind)?)?;
            }
        }
        Ok(())
    }

    /// Queues the same mail for each of these people, in their own language and with their name in it.
    fn tell<'a>(
        &self,
        people: impl Iterator<Item = &'a Designation>,
        entry: &Entry,
        notice: &Notice<'_>,
    ) -> Result<(), StoreError> {
        let url = format!("{}{}", self.public_url, notice.page);
        for place in people {
            let Some(to) = self.identity(&place.person, entry)? else { continue };
            let mut values = notice.values.to_vec();
            values.push(("name", to.name));
            let message = Message::about(notice.stem, &values, &to.language, &url);
            self.store.outbox().queue(&Mail {
                id: MailId::about(entry.seq, &to.person),
                to_person: to.person,
                to_address: to.email,
                kind: notice.kind,
                subject: message.subject,
                text: message.text,
                html: message.html,
                ticket: None,
                queued_at_utc: entry.at_utc,
            })?;
        }
        Ok(())
    }

    /// Where to write to a person. Erased or never imported: nowhere. The register still says who it would have been.
    fn identity(&self, person: &PersonId, entry: &Entry) -> Result<Option<Identity>, StoreError> {
        let identity = self.store.people().get(person)?;
        if identity.is_none() {
            tracing::warn!(%person, seq = entry.seq, "no e-mail address for a person to be told");
        }
        Ok(identity)
    }

    fn mail(
        &self,
        entry: &Entry,
        state: &State,
        ticket: &Ticket,
        to: &Identity,
        kind: Kind,
    ) -> Result<Mail, StoreError> {
        let name = |person: &PersonId| -> Result<String, StoreError> {
            Ok(self.store.people().get(person)?.map_or_else(|| person.to_string(), |identity| identity.name))
        };
        let site = state.sites.get(&ticket.site);
        let decider = match (&ticket.state, &entry.actor) {
            (TicketState::Open { opened_by, .. } | TicketState::Closed { opened_by, .. }, _) => {
                opened_by.decider().map(name).transpose()?.unwrap_or_default()
            }
            (_, Actor::Person(person)) => name(person)?,
            _ => String::new(),
        };
        let context = Context {
            to: to.name.clone(),
            requester: name(&ticket.requester)?,
            decider,
            site: site.map_or_else(|| ticket.site.to_string(), |site| site.name.clone()),
            service: site.map_or_else(|| ticket.service.to_string(), |site| site.service.name.clone()),
        };
        let message = Message::compose(kind, entry, ticket, &context, &to.language, &self.public_url);
        Ok(Mail {
            id: MailId::about(entry.seq, &to.person),
            to_person: to.person.clone(),
            to_address: to.email.clone(),
            kind,
            subject: message.subject,
            text: message.text,
            html: message.html,
            ticket: Some(ticket.id),
            queued_at_utc: entry.at_utc,
        })
    }
}

/// Whether nobody decided: the `urgent` mode's rule opened it.
fn is_opened_by_rule(ticket: &Ticket) -> bool {
    matches!(
        &ticket.state,
        TicketState::Open { opened_by: OpenedBy::Rule { .. }, .. }
            | TicketState::Closed { opened_by: OpenedBy::Rule { .. }, .. }
    )
}

impl Effect for Notifier {
    fn dealt_with(&self) -> Option<u64> {
        self.store.outbox().dealt_with().unwrap_or_else(|error| {
            tracing::error!(%error, "the outbox does not say how far it has come; mails of the last events may be missing");
            None
        })
    }

    fn ends_earlier(&mut self, last_seq: u64) {
        tracing::warn!(
            last_seq,
            "the register is older than the outbox: mails follow from what is recorded from here on"
        );
        if let Err(error) = self.store.outbox().go_back_to(last_seq) {
            tracing::error!(%error, "the outbox cannot be written; after a crash mails may be missing");
        }
    }

    fn recorded(&mut self, entry: &Entry, state: &State) {
        let queued = self.queue_all(entry, state);
        let noted =
            if self.behind { queued } else { queued.and_then(|()| self.store.outbox().set_dealt_with(entry.seq)) };
        if let Err(error) = noted {
            // The pages still show the request (fault 5), and the event comes again at the next start.
            tracing::error!(%error, seq = entry.seq, "a mail could not be queued");
            self.behind = true;
        }
    }
}

/// Who is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Audience {
    Requester,
    Deciders,
}

impl Audience {
    fn people(self, state: &State, ticket: &Ticket) -> Vec<PersonId> {
        match self {
            Audience::Requester => vec![ticket.requester.clone()],
            // Titulaire and suppléant together (conflict table: nobody answers at 3 a.m.).
            Audience::Deciders => state
                .people
                .values()
                .filter(|designation: &&Designation| {
                    designation.role == Role::Decider && designation.sites.contains(&ticket.site)
                })
                .map(|designation| designation.person.clone())
                .collect(),
        }
    }
}

/// Which mails follow from an event.
fn concerns(entry: &Entry) -> Option<(TicketId, Vec<(Audience, Kind)>)> {
    use Audience::{Deciders, Requester};
    let (ticket, kinds) = match &entry.event {
        Event::Requested { ticket, .. } => (ticket, vec![(Deciders, Kind::Requested)]),
        Event::Reminded { ticket, .. } => (ticket, vec![(Deciders, Kind::Reminder)]),
        Event::Withdrawn { ticket } => (ticket, vec![(Deciders, Kind::Withdrawn)]),
        Event::Lapsed { ticket } => (ticket, vec![(Requester, Kind::Lapsed), (Deciders, Kind::Lapsed)]),
        Event::Opened { ticket, .. } => {
            (ticket, vec![(Requester, Kind::OpenedForOperator), (Deciders, Kind::OpenedForLandlord)])
        }
        Event::OpenedUrgently { ticket, .. } => {
            (ticket, vec![(Requester, Kind::OpenedForOperator), (Deciders, Kind::OpenedUrgently)])
        }
        Event::Refused { ticket, .. } => (ticket, vec![(Requester, Kind::Refused)]),
        // The requester who ends it knows; everybody else is told.
        Event::Closed { ticket, cause: CloseCause::EndOfIntervention, .. } => (ticket, vec![(Deciders, Kind::Closed)]),
        Event::Closed { ticket, .. } => (ticket, vec![(Requester, Kind::Closed), (Deciders, Kind::Closed)]),
        _ => return None,
    };
    Some((*ticket, kinds))
}
