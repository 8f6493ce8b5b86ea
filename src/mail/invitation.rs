//! The mail with the link of an invitation (A3-3). Its words hold the one secret of the outbox: they are forgotten as soon
//! as the mail server has taken them over, and the link is void after three days in any case.

use super::message::{Message, Words, clock_time};
use crate::domain::{Entry, Event, InvitationWay, MailId, MailKind, PersonId, State};
use crate::store::{Identity, Mail, Store, StoreError};
use chrono::{DateTime, Utc};

/// Where a link leads; what follows is its token.
pub const INVITATION_PATH: &str = "/invitation/";

/// Queues the mail of an invitation, if the entry is one that is mailed and still stands; again is once. Blocks on the
/// store.
///
/// # Errors
/// [`StoreError`] when the store cannot be read or written.
pub(super) fn queue(store: &Store, public_url: &str, entry: &Entry, state: &State) -> Result<(), StoreError> {
    let Event::Invited { person, way: InvitationWay::Mail, expires_at_utc } = &entry.event else { return Ok(()) };
    // The entry may come again after a crash: replaced or revoked meanwhile, or its mail has been queued already, and
    // another token would make the one in that mail void.
    let stands = state.invitations.get(person).is_some_and(|known| known.number == entry.seq);
    let id = MailId::about(entry.seq, person);
    if !stands || store.outbox().get(&id)?.is_some() {
        return Ok(());
    }
    let Some(to) = store.people().get(person)? else {
        tracing::warn!(%person, seq = entry.seq, "no e-mail address for a person who is invited");
        return Ok(());
    };
    let token = store.invitations().issue(person, entry.seq)?;
    let message = compose(&to, &format!("{public_url}{INVITATION_PATH}{token}"), *expires_at_utc);
    store.outbox().queue(&mail(id, person, &to, message, entry.at_utc))
}

fn mail(id: MailId, person: &PersonId, to: &Identity, message: Message, queued_at_utc: DateTime<Utc>) -> Mail {
    Mail {
        id,
        to_person: person.clone(),
        to_address: to.email.clone(),
        kind: MailKind::Invitation,
        subject: message.subject,
        text: message.text,
        html: message.html,
        ticket: None,
        queued_at_utc,
    }
}

fn compose(to: &Identity, url: &str, expires_at_utc: DateTime<Utc>) -> Message {
    let words = Words::of(&to.language);
    let values = [("name", to.name.clone()), ("email", to.email.clone()), ("until", clock_time(expires_at_utc))];
    let say = |part: &str| words.say(&format!("mail-invitation-{part}"), &values);
    let paragraphs = [say("what"), say("how"), say("until")];
    words.message(say("subject"), words.say("mail-greeting", &values), &paragraphs, (say("link"), url), say("footer"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_invitation_says_what_to_do_and_until_when_in_both_languages() {
        for language in ["fr", "en"] {
            let to = Identity {
                person: "p-1".parse().unwrap(),
                email: "c.roux@example.org".to_owned(),
                name: "<Camille>".to_owned(),
                language: language.to_owned(),
                password_hash: String::new(),
            };
            let mail = compose(&to, "https://e/invitation/TOKEN", "2026-10-25T01:30:00Z".parse().unwrap());
            for part in ["<Camille>", "c.roux@example.org", "https://e/invitation/TOKEN", "25/10/2026 02:30 CET"] {
                assert!(mail.text.contains(part), "{part} is missing in {}", mail.text);
            }
            assert!(mail.html.contains("href=\"https://e/invitation/TOKEN\"") && !mail.html.contains("<Camille>"));
            assert!(!mail.text.contains("mail-") && !mail.subject.contains("mail-"), "{}", mail.text);
        }
    }
}
