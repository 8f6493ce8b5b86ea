//! The mail that makes witnesses: each day's checkpoint of the register, to the convention's signatories.
//!
//! It names nobody. Whoever keeps it can later prove a change of the register that the server's own disk hides (fault 12).

use super::message::{Message, Words};
use crate::domain::{MailId, MailKind, PersonId};
use crate::register::{MadeCheckpoint, VerifyKey};
use crate::store::{Mail, Store, StoreError};
use askama::Template;
use chrono::{DateTime, Utc};
use chrono_tz::Europe::Paris;

/// Who is sent the checkpoints, and in which language.
#[derive(Clone)]
pub struct Witnesses {
    store: Store,
    addresses: Vec<String>,
    language: &'static str,
}

#[derive(Template)]
#[template(path = "mail-checkpoint.html")]
struct Html<'a> {
    language: &'a str,
    subject: &'a str,
    greeting: &'a str,
    what: &'a str,
    note: &'a str,
    how: &'a str,
    key: &'a str,
    footer: &'a str,
}

impl Witnesses {
    /// These addresses; mails are queued in the store's outbox, in `language` (`en`, else French).
    pub fn new(store: Store, addresses: Vec<String>, language: &'static str) -> Self {
        Self { store, addresses, language }
    }

    /// When they were last queued a checkpoint, UTC; none: nobody is to be sent any, or none is kept. Blocks on the store.
    ///
    /// # Errors
    /// [`StoreError`] when the outbox cannot be read.
    pub fn last_queued_utc(&self) -> Result<Option<DateTime<Utc>>, StoreError> {
        if self.addresses.is_empty() {
            return Ok(None);
        }
        Ok(self.store.outbox().newest(MailKind::Checkpoint)?.map(|mail| mail.queued_at_utc))
    }

    /// Queues the mails of one checkpoint; again is once. Blocks on the store.
    ///
    /// # Errors
    /// [`StoreError`] when the outbox cannot be written.
    pub fn queue(&self, made: &MadeCheckpoint, key: &VerifyKey, now: DateTime<Utc>) -> Result<(), StoreError> {
        let message = compose(made, key, now, self.language);
        for (n, address) in self.addresses.iter().enumerate() {
            let Ok(witness) = format!("witness-{}", n + 1).parse::<PersonId>() else { continue };
            self.store.outbox().queue(&Mail {
                // Sorts by the entry it goes up to, like the mails about entries.
                id: MailId::checkpoint(made.checkpoint.size, &witness),
                to_person: witness,
                to_address: address.clone(),
                kind: MailKind::Checkpoint,
                subject: message.subject.clone(),
                text: message.text.clone(),
                html: message.html.clone(),
                ticket: None,
                queued_at_utc: now,
            })?;
        }
        Ok(())
    }
}

/// Writes the mail, in `language` (`en`, else French).
fn compose(made: &MadeCheckpoint, key: &VerifyKey, now: DateTime<Utc>, language: &str) -> Message {
    let words = Words::of(language);
    let values = [
        ("day", now.with_timezone(&Paris).format("%d/%m/%Y").to_string()),
        ("entries", made.checkpoint.size.to_string()),
        ("key", key.to_string()),
    ];
    let say = |part: &str| words.say(&format!("mail-checkpoint-{part}"), &values);
    let (subject, greeting, what, how) = (say("subject"), say("greeting"), say("what"), say("how"));
    let (key, footer, note) = (say("key"), say("footer"), &made.note);
    let text = format!("{greeting}\n\n{what}\n\n{note}\n{how}\n\n{key}\n\n{footer}\n");
    let html = Html {
        language,
        subject: &subject,
        greeting: &greeting,
        what: &what,
        note,
        how: &how,
        key: &key,
        footer: &footer,
    };
    // Formatting into a string fails for want of memory alone; the text says the same.
    let html = html.render().unwrap_or_default();
    Message { subject, text, html }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::register::tree::TreeHash;
    use crate::register::{Checkpoint, SignedCheckpoint, Signer};
    use openssl::pkey::PKey;

    fn made(signer: &Signer) -> MadeCheckpoint {
        let checkpoint = Checkpoint { origin: signer.public().name().to_owned(), size: 1234, root: TreeHash::empty() };
        let note = checkpoint.sign(signer).unwrap();
        MadeCheckpoint { checkpoint, note, path: Default::default() }
    }

    #[test]
    fn the_mail_carries_the_checkpoint_so_that_it_can_be_checked_as_saved() {
        let signer = Signer::new("ecluse.example.org/register", PKey::generate_ed25519().unwrap()).unwrap();
        let made = made(&signer);
        for language in ["fr", "en"] {
            let mail = compose(&made, signer.public(), "2026-11-24T23:00:05Z".parse().unwrap(), language);
            assert!(mail.subject.contains("25/11/2026"), "{}", mail.subject);
            assert!(mail.text.contains("1234") && !mail.text.contains("mail-checkpoint"), "{}", mail.text);
            assert!(mail.text.contains(&signer.public().to_string()));
            assert!(mail.html.contains("<pre") && !mail.html.contains("mail-checkpoint-"), "{}", mail.html);
            let found = SignedCheckpoint::find(&mail.text, signer.public(), "mail").unwrap();
            found.verify(signer.public()).unwrap();
            assert_eq!(found.checkpoint, made.checkpoint);
        }
    }
}
