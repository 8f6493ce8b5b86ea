//! What time asks of a live ticket before it ends it: reminders to the deciders, "toujours nécessaire ?" to the agent.
//! Silence never accepts, and silence cuts (conflict table).

use super::{designated, ending, expired, not_now, visible_ticket};
use crate::domain::command::{Actor, Timer};
use crate::domain::dossier::RENEWAL_REMINDERS_DAYS;
use crate::domain::event::Event;
use crate::domain::ids::TicketId;
use crate::domain::policy::{ANSWER_WITHIN, ASK_EVERY, REMIND_AFTER};
use crate::domain::refusal::{Refusal, RefusalKind};
use crate::domain::session::Purpose;
use crate::domain::site::Site;
use crate::domain::state::State;
use crate::domain::ticket::{CloseCause, Need, Ticket, TicketState};
use chrono::{DateTime, TimeDelta, Utc};
use std::collections::BTreeSet;

/// The agent says that the images are still needed: in time, in person, and with the images before their eyes.
pub(super) fn confirm(state: &State, actor: &Actor, id: TicketId, now: DateTime<Utc>) -> Result<Vec<Event>, Refusal> {
    let (person, _) = designated(state, actor)?;
    let ticket = visible_ticket(state, person, id)?;
    if ticket.requester != *person {
        return Err(Refusal::new(RefusalKind::Forbidden, "requester-only", "only the agent who asked may do this"));
    }
    let TicketState::Open { need, .. } = ticket.state else { return Err(not_now(ticket)) };
    if !ticket.is_open_at(now) {
        return Err(expired());
    }
    let Need::Asked { answer_by_utc } = need else {
        return Err(Refusal::new(
            RefusalKind::Conflict,
            "nothing-asked",
            "nothing is being asked under this ticket now",
        ));
    };
    if now >= answer_by_utc {
        let message = "the answer came too late: the images are cut; ask again if needed";
        return Err(Refusal::new(RefusalKind::Gone, "answered-late", message));
    }
    let watches = state
        .live_sessions_of(id)
        .any(|session| session.person == *person && matches!(session.purpose, Purpose::Transfer { .. }));
    if !watches {
        let message = "only who watches can say that the images are still needed: open them first";
        return Err(Refusal::new(RefusalKind::Conflict, "not-watching", message));
    }
    // Half an hour after the last question, not after the answer: the rhythm is the question's.
    // A clock that was set back meanwhile must not put the next one off (fault 6).
    let ask_at_utc = (answer_by_utc - ANSWER_WITHIN + ASK_EVERY).min(now + ASK_EVERY);
    Ok(vec![Event::NeedConfirmed { ticket: id, ask_at_utc }])
}

/// Asks, or cuts what went unanswered. For a ticket that is open and not over.
pub(super) fn question(
    state: &State,
    ticket: &Ticket,
    need: Need,
    overdue: &BTreeSet<Timer>,
    now: DateTime<Utc>,
) -> Vec<Event> {
    let is_overdue = overdue.contains(&Timer::Question(ticket.id));
    match need {
        Need::Assured { ask_at_utc } if is_overdue || now >= ask_at_utc => {
            vec![Event::NeedAsked { ticket: ticket.id, answer_by_utc: now + ANSWER_WITHIN }]
        }
        Need::Asked { answer_by_utc } if is_overdue || now >= answer_by_utc => {
            ending::close(state, ticket, CloseCause::Unanswered, now)
        }
        Need::Assured { .. } | Need::Asked { .. } => Vec::new(),
    }
}

/// Reminds the deciders of a request nobody has answered; each reminder once, the last one alone when several are due.
pub(super) fn reminder(ticket: &Ticket, sent: u8, overdue: &BTreeSet<Timer>, now: DateTime<Utc>) -> Option<Event> {
    let by_wall = REMIND_AFTER.into_iter().filter(|after| now >= ticket.requested_at_utc + *after).count();
    let by_monotonic = usize::from(sent) + usize::from(overdue.contains(&Timer::Reminder(ticket.id)));
    let due = u8::try_from(by_wall.max(by_monotonic).min(REMIND_AFTER.len())).ok()?;
    (due > sent).then_some(Event::Reminded { ticket: ticket.id, number: due })
}

/// Reminds of a convention's end before its notice period begins (A8-1); the last reminder alone when several are due.
pub(super) fn renewal_reminders(state: &State, now: DateTime<Utc>) -> Vec<Event> {
    let remind = |site: &Site| {
        let dossier = state.dossier(&site.id);
        let notice_from_utc = dossier.notice_from(site).filter(|from| now < *from)?;
        let due = RENEWAL_REMINDERS_DAYS.iter().filter(|days| now >= notice_from_utc - TimeDelta::days(**days)).count();
        let number = u8::try_from(due).ok().filter(|due| *due > dossier.renewal_reminders)?;
        Some(Event::RenewalReminded { site: site.id.clone(), number, notice_from_utc })
    };
    state.sites.values().filter_map(remind).collect()
}
