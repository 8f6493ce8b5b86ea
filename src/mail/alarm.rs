//! The mail that tells administrators what threatens the recordings, and that it is over (fault 13).

use super::{Notice, Notifier};
use crate::domain::{Entry, Event, MailKind, Role, State, StorageAlarm};
use crate::store::StoreError;

impl Notifier {
    /// Queues what follows from an alarm, for the administrators.
    pub(super) fn queue_alarm(&self, entry: &Entry, state: &State) -> Result<(), StoreError> {
        let Event::StorageAlarm { alarm, raised, figure } = entry.event else { return Ok(()) };
        let told = state.people.values().filter(|place| place.role == Role::Administrator);
        let values = [("figure", in_words(alarm, figure))];
        let stem = stem(alarm, raised);
        self.tell(told, entry, &Notice { kind: MailKind::StorageAlarm, stem, values: &values, page: "/storage" })
    }
}

fn stem(alarm: StorageAlarm, raised: bool) -> &'static str {
    match (alarm, raised) {
        (StorageAlarm::SpaceLow, true) => "mail-alarm-space-low",
        (StorageAlarm::SpaceOut, true) => "mail-alarm-space-out",
        (StorageAlarm::CopyBehind, true) => "mail-alarm-copy-behind",
        (StorageAlarm::CopyUndeleted, true) => "mail-alarm-copy-undeleted",
        (StorageAlarm::FilesMissing, true) => "mail-alarm-files-missing",
        (StorageAlarm::SpaceLow, false) => "mail-alarm-over-space-low",
        (StorageAlarm::SpaceOut, false) => "mail-alarm-over-space-out",
        (StorageAlarm::CopyBehind, false) => "mail-alarm-over-copy-behind",
        (StorageAlarm::CopyUndeleted, false) => "mail-alarm-over-copy-undeleted",
        (StorageAlarm::FilesMissing, false) => "mail-alarm-over-files-missing",
    }
}

/// The figure with its unit, the same in both languages.
fn in_words(alarm: StorageAlarm, figure: u64) -> String {
    match alarm {
        StorageAlarm::SpaceLow | StorageAlarm::SpaceOut => format!("{figure} MiB"),
        StorageAlarm::CopyBehind | StorageAlarm::CopyUndeleted => format!("{} min", figure / 60),
        StorageAlarm::FilesMissing => figure.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::message::Message;

    #[test]
    fn fault_13_every_alarm_has_its_words_in_both_languages() {
        for (language, alarm, raised) in StorageAlarm::ALL
            .into_iter()
            .flat_map(|alarm| [("fr", alarm, true), ("en", alarm, true), ("fr", alarm, false), ("en", alarm, false)])
        {
            let values = [("name", "N".to_owned()), ("figure", in_words(alarm, 7_200))];
            let mail = Message::about(stem(alarm, raised), &values, language, "https://ecluse.example.org/storage");
            for text in [&mail.subject, &mail.text, &mail.html] {
                assert!(!text.contains("mail-"), "a word was left out: {text}");
            }
            let is_time = matches!(alarm, StorageAlarm::CopyBehind | StorageAlarm::CopyUndeleted);
            let figure = if is_time { "120" } else { "7200" };
            assert!(!mail.text.contains('{'), "{}", mail.text);
            assert!(!raised || mail.text.contains(figure), "{}", mail.text);
        }
    }
}
