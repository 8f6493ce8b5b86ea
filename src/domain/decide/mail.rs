//! What the outbox has to say about a mail (A3-7, A6-6). Saying it twice records it once: after a crash the outbox
//! repeats what it does not know to be recorded.

use super::system_only;
use crate::domain::command::Actor;
use crate::domain::event::Event;
use crate::domain::mail::{MailFact, MailNote, MailOutcome, MailTrace};
use crate::domain::refusal::Refusal;
use crate::domain::state::State;
use std::sync::Arc;

pub(super) fn note(state: &State, actor: &Actor, note: &MailNote) -> Result<Vec<Event>, Refusal> {
    system_only(actor)?;
    let known = state.mails.get(&note.mail).map(Arc::as_ref);
    let MailNote { mail, to, kind, ticket, at_utc, fact } = note.clone();
    let mut events = Vec::new();
    if known.is_none() {
        let (mail, to) = (mail.clone(), to.clone());
        events.push(Event::MailQueued { mail, to, kind, ticket });
    }
    match fact {
        MailFact::Queued => {}
        MailFact::Accepted { reply, attempts } if is_news(known, attempts) => {
            events.push(Event::MailAccepted { mail, to, kind, ticket, reply, attempts, accepted_at_utc: at_utc });
        }
        MailFact::Failed { why, reply, attempts } if is_news(known, attempts) => {
            events.push(Event::MailFailed { mail, to, kind, ticket, why, reply, attempts, failed_at_utc: at_utc });
        }
        MailFact::Accepted { .. } | MailFact::Failed { .. } => {}
    }
    Ok(events)
}

/// An accepted mail stays accepted; one that failed may be sent again by the administrator, and then has more attempts.
fn is_news(known: Option<&MailTrace>, attempts: u32) -> bool {
    match known.map(|trace| &trace.outcome) {
        None | Some(MailOutcome::Waiting) => true,
        Some(MailOutcome::Accepted { .. }) => false,
        Some(failed @ MailOutcome::Failed { .. }) => attempts > failed.attempts(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::mail::{MailFailure, MailId, MailKind};
    use crate::domain::{Action, Command, Entry, RefusalKind, TicketId, decide};
    use chrono::{DateTime, Utc};

    fn now() -> DateTime<Utc> {
        "2026-10-25T00:30:00Z".parse().unwrap()
    }

    fn told(state: &mut State, fact: MailFact) -> Vec<Event> {
        let to = "decider-1".parse().unwrap();
        let note = MailNote {
            mail: MailId::about(7, &to),
            to,
            kind: MailKind::Requested,
            ticket: Some(TicketId::from(uuid::Uuid::from_u128(1))),
            at_utc: now(),
            fact,
        };
        let command = Command { actor: Actor::System, action: Action::NoteMail(Box::new(note)) };
        let events = decide(state, &command, now()).unwrap();
        for event in &events {
            let entry = Entry { seq: state.next_seq, at_utc: now(), actor: Actor::System, event: event.clone() };
            state.apply(&entry);
        }
        events
    }

    fn accepted(attempts: u32) -> MailFact {
        MailFact::Accepted { reply: "250 2.0.0".to_owned(), attempts }
    }

    fn failed(attempts: u32) -> MailFact {
        MailFact::Failed { why: MailFailure::Refused, reply: Some("550 5.1.1".to_owned()), attempts }
    }

    #[test]
    fn a3_7_a_mail_is_recorded_once_however_often_the_outbox_says_it() {
        let mut state = State::default();
        assert_eq!(told(&mut state, MailFact::Queued).len(), 1);
        assert_eq!(told(&mut state, MailFact::Queued), []);
        assert!(matches!(told(&mut state, accepted(2))[..], [Event::MailAccepted { attempts: 2, .. }]));
        for again in [MailFact::Queued, accepted(2), accepted(3), failed(3)] {
            assert_eq!(told(&mut state, again.clone()), [], "{again:?} after it was accepted");
        }
        let ticket = TicketId::from(uuid::Uuid::from_u128(1));
        let traces: Vec<_> = state.mails_of(ticket).collect();
        assert_eq!(traces.len(), 1);
        assert!(matches!(traces[0].outcome, MailOutcome::Accepted { attempts: 2, .. }));
    }

    #[test]
    fn a3_7_an_end_whose_beginning_was_lost_in_a_crash_records_both() {
        let mut state = State::default();
        assert!(matches!(told(&mut state, failed(1))[..], [Event::MailQueued { .. }, Event::MailFailed { .. }]));
        assert_eq!(told(&mut state, failed(1)), []);
        // The administrator has it sent again.
        assert!(matches!(told(&mut state, accepted(2))[..], [Event::MailAccepted { .. }]));
    }

    #[test]
    fn a_person_cannot_say_that_a_mail_was_accepted() {
        let to: crate::domain::PersonId = "decider-1".parse().unwrap();
        let note = MailNote {
            mail: MailId::about(7, &to),
            to: to.clone(),
            kind: MailKind::Requested,
            ticket: None,
            at_utc: now(),
            fact: accepted(1),
        };
        let command = Command { actor: Actor::Person(to), action: Action::NoteMail(Box::new(note)) };
        assert_eq!(decide(&State::default(), &command, now()).unwrap_err().kind, RefusalKind::Forbidden);
    }
}
