//! The mail that tells whoever may vouch for it that the clock footage is destroyed by is in doubt, and that it no longer is
//! (A5-4, fault 6).

use super::message::clock_time;
use super::{Notice, Notifier};
use crate::domain::{Actor, Entry, Event, MailKind, Role, State};
use crate::store::StoreError;

impl Notifier {
    /// Queues what follows from a clock in doubt, for those who can end it: the sites' deciders, the data protection
    /// officers and the administrators.
    pub(super) fn queue_clock(&self, entry: &Entry, state: &State) -> Result<(), StoreError> {
        let Some(stem) = stem(entry) else { return Ok(()) };
        let trusted = match &entry.event {
            Event::PurgePaused { trusted_utc } => clock_time(*trusted_utc),
            _ => String::new(),
        };
        let by = match &entry.actor {
            Actor::Person(person) => {
                self.store.people().get(person)?.map_or_else(|| person.to_string(), |known| known.name)
            }
            Actor::System => String::new(),
        };
        // The recorder takes in every site there is, so its clock is every site's.
        let told = state.people.values().filter(|place| match place.role {
            Role::Decider => place.sites.iter().any(|site| state.sites.contains_key(site)),
            Role::Dpo | Role::Administrator => true,
            _ => false,
        });
        let values = [("calendar", clock_time(entry.at_utc)), ("trusted", trusted), ("by", by)];
        self.tell(told, entry, &Notice { kind: MailKind::RetentionClock, stem, values: &values, page: "/storage" })
    }
}

/// Which mail, if any.
fn stem(entry: &Entry) -> Option<&'static str> {
    match (&entry.event, &entry.actor) {
        (Event::PurgePaused { .. }, _) => Some("mail-clock-doubt"),
        (Event::PurgeResumed, Actor::Person(_)) => Some("mail-clock-confirmed"),
        (Event::PurgeResumed, Actor::System) => Some("mail-clock-agrees"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use crate::mail::message::Message;

    #[test]
    fn fault_6_the_doubt_and_both_of_its_ends_have_their_words_in_both_languages() {
        for (stem, said) in [
            ("mail-clock-doubt", ["12:00", "09:00"]),
            ("mail-clock-confirmed", ["Claude", "09:00"]),
            ("mail-clock-agrees", ["09:00", "09:00"]),
        ] {
            for language in ["fr", "en"] {
                let value = |text: &str| text.to_owned();
                let values = [
                    ("name", value("N")),
                    ("calendar", value("09:00")),
                    ("trusted", value("12:00")),
                    ("by", value("Claude")),
                ];
                let mail = Message::about(stem, &values, language, "https://ecluse.example.org/storage");
                for text in [&mail.subject, &mail.text, &mail.html] {
                    assert!(!text.contains("mail-") && !text.contains("{ $"), "a word was left out: {text}");
                }
                for word in said {
                    assert!(mail.text.contains(word) && mail.html.contains(word), "{word}: {}", mail.text);
                }
                assert!(mail.html.contains("/storage"), "{}", mail.html);
            }
        }
    }
}
