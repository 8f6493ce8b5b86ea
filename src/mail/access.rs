//! The mail that brings an access request to mind, twenty days after its receipt (A5-2). It names nobody who was filmed.

use super::message::clock_time;
use super::{Notice, Notifier};
use crate::domain::footage::FootageAct;
use crate::domain::{Entry, Event, MailKind, Role, State};
use crate::store::StoreError;

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
        let values = [("site", site_name), ("until", clock_time(asked.answer_by_utc))];
        let notice =
            Notice { kind: MailKind::AccessDue, stem: "mail-access-due", values: &values, page: "/access-requests" };
        self.tell(told, entry, &notice)
    }
}

#[cfg(test)]
mod tests {
    use crate::mail::message::Message;

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
