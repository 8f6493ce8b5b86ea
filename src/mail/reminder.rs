//! Reminders that are about no ticket: a convention that ends (A8-1), a workstation's certificate that does (A6-2).

use super::message::{Message, Words, clock_time};
use crate::domain::{Designation, Entry, Event, MailId, MailKind, PersonId, Role, State};
use crate::store::{Identity, Mail};

/// A reminder, as the register has it.
pub(super) struct Reminder<'a> {
    entry: &'a Entry,
    kind: MailKind,
    /// Whom it concerns.
    pub(super) people: Vec<PersonId>,
    values: Vec<(&'static str, String)>,
    path: String,
}

impl<'a> Reminder<'a> {
    /// The reminder this entry is, if it is one.
    pub(super) fn of(entry: &'a Entry, state: &State) -> Option<Self> {
        let people = |wanted: &dyn Fn(&Designation) -> bool| -> Vec<PersonId> {
            state.people.values().filter(|place| wanted(place)).map(|place| place.person.clone()).collect()
        };
        match &entry.event {
            Event::RenewalReminded { site, notice_from_utc, .. } => {
                let known = state.sites.get(site)?;
                let concerned = |place: &Designation| match place.role {
                    Role::Administrator => true,
                    Role::Decider => place.sites.contains(site),
                    _ => false,
                };
                let values = vec![
                    ("site", known.name.clone()),
                    ("from", clock_time(*notice_from_utc)),
                    ("end", clock_time(state.convention(known).valid_until_utc)),
                ];
                let path = format!("/sites/{site}");
                Some(Self { entry, kind: MailKind::Renewal, people: people(&concerned), values, path })
            }
            Event::WorkstationReminded { workstation, until_utc, .. } => {
                let values = vec![("workstation", workstation.to_string()), ("end", clock_time(*until_utc))];
                let people = people(&|place| place.role == Role::Administrator);
                let path = "/admin/workstations".to_owned();
                Some(Self { entry, kind: MailKind::WorkstationExpiry, people, values, path })
            }
            _ => None,
        }
    }

    /// The mail to one of them.
    pub(super) fn mail(&self, to: &Identity, public_url: &str) -> Mail {
        let mut values = self.values.clone();
        values.push(("name", to.name.clone()));
        let (stem, link) = match self.kind {
            MailKind::WorkstationExpiry => ("mail-workstation-expiry", "mail-workstation-expiry-link"),
            _ => ("mail-renewal", "mail-renewal-link"),
        };
        let url = format!("{public_url}{}", self.path);
        let message = Message::write(&Words::of(&to.language), stem, &["what", "todo"], (link, url), &values);
        Mail {
            id: MailId::about(self.entry.seq, &to.person),
            to_person: to.person.clone(),
            to_address: to.email.clone(),
            kind: self.kind,
            subject: message.subject,
            text: message.text,
            html: message.html,
            ticket: None,
            queued_at_utc: self.entry.at_utc,
        }
    }
}
