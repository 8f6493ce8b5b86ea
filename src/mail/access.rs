//! The mail that brings an access request to mind, twenty days after its receipt (A5-2). It names nobody who was filmed.

use super::Notifier;
use super::message::{Message, clock_time};
use crate::domain::footage::FootageAct;
use crate::domain::{Entry, Event, MailId, MailKind, Role, State};
use crate::store::{Mail, StoreError};

impl Notifier {
    /// Queues what follows from an event about footage, for the deciders of its site and the data protection officers.
    pub(super) fn queue_access_due(&self, entry: &Entry, state: &State) -> Result<(), StoreError> {
        let Event::Footage { site, act: FootageAct::AccessWarned { request } } = &entry.event else { return Ok(()) };
        let Some(asked) = state.custody.requests.get(request).filter(|asked| asked.answer.is_none()) else {
            return Ok(());
        };
        let site_name = state.sites.get(site).map_or_else(|| site.to_string(), |known| known.name.clone());
        let told = state.people.values().filter(|place| match place.role {
            Role::Decider => place.sites.contains(site),
            Role::Dpo => true,
            _ => false,
        });
        for place in told {
            let Some(to) = self.identity(&place.person, entry)? else { continue };
            let values =
                [("name", to.name.clone()), ("site", site_name.clone()), ("until", clock_time(asked.answer_by_utc))];
            let url = format!("{}/access-requests", self.public_url);
            let message = Message::about("mail-access-due", &values, &to.language, &url);
            self.store.outbox().queue(&Mail {
                id: MailId::about(entry.seq, &to.person),
                to_person: to.person.clone(),
                to_address: to.email.clone(),
                kind: MailKind::AccessDue,
                subject: message.subject,
                text: message.text,
                html: message.html,
                ticket: None,
                queued_at_utc: entry.at_utc,
            })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a5_2_the_reminder_says_where_and_until_when_in_both_languages() {
        for (language, word) in [("fr", "droit d’accès"), ("en", "right of access")] {
            let values = [("name", "N".to_owned()), ("site", "Arcade".to_owned()), ("until", "24/12/2026".to_owned())];
            let mail =
                Message::about("mail-access-due", &values, language, "https://ecluse.example.org/access-requests");
            assert!(mail.text.contains("Arcade") && mail.text.contains("24/12/2026"), "{}", mail.text);
            assert!(mail.text.contains(word) && !mail.text.contains("mail-"), "{}", mail.text);
            assert!(!mail.text.contains('{'), "a value was left out: {}", mail.text);
            assert!(mail.html.contains("/access-requests") && !mail.html.contains("mail-access"), "{}", mail.html);
        }
    }
}
