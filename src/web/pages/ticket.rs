//! One ticket's page (`GET /tickets/{ticket}`): for the requester what becomes of it, for a decider the live images and
//! the decision (A4-2, A4-3), for everybody else what they may know.
//!
//! Forms on it, all with `csrf`: `POST /tickets/{id}/withdraw`, `/approve`, `/refuse` (`why`), `/end`,
//! `/interrupt` (`why`), and for administrators `/admin/tickets/{id}/interrupt` (`why`).

use super::locale::iso;
use super::sentence::{Line, mail_kind_text};
use super::watch::PLAYER_TEXTS;
use super::{Banner, Locale, Names, Shell, Trouble};
use crate::domain::{
    CameraId, CloseCause, Entry, MailKind, MailOutcome, Need, OpenedBy, Reason, TicketId, TicketState,
};
use askama::Template;
use chrono::{DateTime, Utc};

/// A ticket with names in it; used in lists too.
#[derive(Debug, Clone)]
pub struct TicketCard {
    /// Identifier.
    pub id: TicketId,
    /// Site's name.
    pub site: String,
    /// Site's addresses.
    pub addresses: Vec<String>,
    /// Receiving service's name (A4-5).
    pub service: String,
    /// Requester's name.
    pub requester: String,
    /// Reasons (A3-1).
    pub reasons: Vec<Reason>,
    /// Duration asked for, minutes (A3-5).
    pub duration_minutes: u32,
    /// When it was filed, UTC.
    pub requested_at_utc: DateTime<Utc>,
    /// Where it stands.
    pub state: TicketState,
    /// Name of the one who decided: approved or refused.
    pub decider: Option<String>,
    /// Name of the person who ended an open ticket.
    pub closer: Option<String>,
}

/// How people call a ticket: the last eight digits of its identifier (the first ones are a time stamp, much alike).
pub fn short_id(id: &TicketId) -> String {
    let text = id.to_string();
    text[text.len() - 8..].to_uppercase()
}

/// Colour and icon of a state; the words beside it say the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tone {
    Waiting,
    Open,
    Bad,
    Over,
}

impl Tone {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Tone::Waiting => "waiting",
            Tone::Open => "open",
            Tone::Bad => "bad",
            Tone::Over => "over",
        }
    }
}

impl TicketCard {
    pub(super) fn short(&self) -> String {
        short_id(&self.id)
    }

    pub(super) fn tone(&self) -> Tone {
        match &self.state {
            TicketState::Requested { .. } => Tone::Waiting,
            TicketState::Open { .. } => Tone::Open,
            TicketState::Refused { .. } | TicketState::Voided { .. } => Tone::Bad,
            TicketState::Lapsed { .. } | TicketState::Withdrawn { .. } => Tone::Over,
            TicketState::Closed { cause, .. } => match cause {
                CloseCause::Expired | CloseCause::EndOfIntervention | CloseCause::Unanswered => Tone::Over,
                _ => Tone::Bad,
            },
        }
    }

    /// The state's stable word; keys, scripts and styles use it.
    pub(super) fn word(&self) -> &'static str {
        match &self.state {
            TicketState::Requested { .. } => "requested",
            TicketState::Refused { .. } => "refused",
            TicketState::Lapsed { .. } => "lapsed",
            TicketState::Withdrawn { .. } => "withdrawn",
            TicketState::Voided { .. } => "voided",
            TicketState::Open { .. } => "open",
            TicketState::Closed { cause, .. } => cause_word(cause),
        }
    }

    pub(super) fn is_open(&self) -> bool {
        matches!(self.state, TicketState::Open { .. })
    }

    pub(super) fn is_requested(&self) -> bool {
        matches!(self.state, TicketState::Requested { .. })
    }

    pub(super) fn label(&self, l: Locale) -> String {
        l.t(format!("state-{}", self.word()))
    }

    /// What the state means for the reader, in one sentence.
    pub(super) fn meaning(&self, l: Locale) -> String {
        l.with(&format!("meaning-{}", self.word()), &[("who", self.who_ended(l))])
    }

    fn who_ended(&self, l: Locale) -> String {
        let person = match &self.state {
            TicketState::Refused { .. } => &self.decider,
            _ => &self.closer,
        };
        person.clone().unwrap_or_else(|| l.t("nobody"))
    }

    pub(super) fn reasons_text(&self, l: Locale) -> String {
        let reasons: Vec<String> = self.reasons.iter().map(|reason| reason_text(l, *reason)).collect();
        reasons.join(" · ")
    }

    /// The words somebody gave, or the condition that fell away.
    pub(super) fn why(&self, l: Locale) -> Option<String> {
        match &self.state {
            TicketState::Refused { why, .. } => Some(why.clone()),
            TicketState::Voided { condition, .. } => Some(condition_text(l, condition)),
            TicketState::Closed { cause, .. } => match cause {
                CloseCause::InterruptedByLandlord { why }
                | CloseCause::CutByAdministrator { why }
                | CloseCause::RefusedAfterOpening { why } => Some(why.clone()),
                CloseCause::GateCondition { condition } => Some(condition_text(l, condition)),
                _ => None,
            },
            _ => None,
        }
    }

    pub(super) fn lapses_at(&self) -> Option<DateTime<Utc>> {
        match &self.state {
            TicketState::Requested { lapses_at_utc, .. } => Some(*lapses_at_utc),
            _ => None,
        }
    }

    pub(super) fn expires_at(&self) -> Option<DateTime<Utc>> {
        match &self.state {
            TicketState::Open { expires_at_utc, .. } => Some(*expires_at_utc),
            _ => None,
        }
    }

    /// Until when "toujours nécessaire ?" waits for its answer, while it is asked.
    pub(super) fn answer_by(&self) -> Option<DateTime<Utc>> {
        match &self.state {
            TicketState::Open { need: Need::Asked { answer_by_utc }, .. } => Some(*answer_by_utc),
            _ => None,
        }
    }

    /// The avenant by whose rule it was opened at once, when nobody decided (conflict table, row 1).
    pub(super) fn urgent_avenant(&self) -> Option<&str> {
        match &self.state {
            TicketState::Open { opened_by: OpenedBy::Rule { avenant, .. }, .. }
            | TicketState::Closed { opened_by: OpenedBy::Rule { avenant, .. }, .. } => Some(avenant),
            _ => None,
        }
    }

    pub(super) fn opened_at(&self) -> Option<DateTime<Utc>> {
        match &self.state {
            TicketState::Open { opened_at_utc, .. } | TicketState::Closed { opened_at_utc, .. } => Some(*opened_at_utc),
            _ => None,
        }
    }

    /// When it ended, whatever the way.
    pub(super) fn ended_at(&self) -> Option<DateTime<Utc>> {
        match &self.state {
            TicketState::Refused { at_utc, .. }
            | TicketState::Lapsed { at_utc }
            | TicketState::Withdrawn { at_utc }
            | TicketState::Voided { at_utc, .. } => Some(*at_utc),
            TicketState::Closed { closed_at_utc, .. } => Some(*closed_at_utc),
            TicketState::Requested { .. } | TicketState::Open { .. } => None,
        }
    }

    /// Milliseconds of images really shown, and microseconds of the cut, once closed (A4-4, A4-5).
    pub(super) fn flowed(&self) -> Option<(u64, Option<u64>)> {
        match &self.state {
            TicketState::Closed { flowed_ms, cut_us, .. } => Some((*flowed_ms, *cut_us)),
            _ => None,
        }
    }

    /// When images would end if it were approved at `now`.
    pub(super) fn would_end(&self, now: &DateTime<Utc>) -> DateTime<Utc> {
        *now + chrono::TimeDelta::minutes(i64::from(self.duration_minutes))
    }

    /// The instant the page counts down to, for scripts.
    pub(super) fn countdown(&self) -> String {
        self.expires_at().or(self.lapses_at()).map(iso).unwrap_or_default()
    }
}

/// A reason as people read it.
pub(super) fn reason_text(l: Locale, reason: Reason) -> String {
    l.t(format!("reason-{}", reason.as_str()))
}

/// A condition of the gate as people read it; an unknown one by its word.
pub(super) fn condition_text(l: Locale, condition: &str) -> String {
    l.find(&format!("condition-{condition}")).unwrap_or_else(|| condition.to_owned())
}

/// The stable word of a cause.
pub(super) fn cause_word(cause: &CloseCause) -> &'static str {
    match cause {
        CloseCause::Expired => "expired",
        CloseCause::EndOfIntervention => "ended",
        CloseCause::InterruptedByLandlord { .. } => "interrupted",
        CloseCause::CutByAdministrator { .. } => "cut",
        CloseCause::RefusedAfterOpening { .. } => "refused-after",
        CloseCause::GateCondition { .. } => "condition",
        CloseCause::Unanswered => "unanswered",
        CloseCause::RegisterFailure => "register-failure",
        CloseCause::ServerStopped => "server-stopped",
    }
}

/// What this person may do with the ticket now. The page shows exactly these buttons; the keeper decides anyway.
#[derive(Debug, Clone, Copy, Default)]
pub struct Actions {
    /// Take the request back.
    pub withdraw: bool,
    /// Open the wall of images.
    pub watch: bool,
    /// Approve or refuse.
    pub decide: bool,
    /// "Fin d'intervention" (A4-4).
    pub end: bool,
    /// Interrupt, as the landlord.
    pub interrupt: bool,
    /// Interrupt, as the administrator.
    pub administrator_interrupt: bool,
}

/// A camera as a tile of live images.
#[derive(Debug, Clone)]
pub struct CameraTile {
    /// Identifier; the server puts it into the answer's `a=msid` as the stream's id.
    pub id: CameraId,
    /// Name as people read it.
    pub name: String,
    /// Whether it publishes at this moment (fault 15).
    pub online: bool,
}

/// The ticket page.
#[derive(Debug, Clone)]
pub struct TicketView {
    /// The ticket.
    pub ticket: TicketCard,
    /// What may be done.
    pub actions: Actions,
    /// Cameras of the landlord's live preview, in the site's order (A4-2); empty: no preview for this person or state.
    pub preview: Vec<CameraTile>,
    /// Who was told by mail, and how far each mail has come (A3-7), oldest first.
    pub told: Vec<Told>,
    /// Register entries about this ticket, oldest first; may be empty.
    pub history: Vec<Entry>,
    /// Names for the history.
    pub names: Names,
    /// Why the previous attempt to act was refused (e.g. an empty reason).
    pub trouble: Option<Trouble>,
}

/// A mail about the ticket, as the register knows it (A3-7).
#[derive(Debug, Clone)]
pub struct Told {
    /// Name of the addressee, or pseudonym.
    pub person: String,
    /// What it says.
    pub kind: MailKind,
    /// When it was queued, UTC.
    pub queued_at_utc: DateTime<Utc>,
    /// How it went.
    pub outcome: MailOutcome,
}

impl Told {
    fn kind_text(&self, l: Locale) -> String {
        mail_kind_text(l, self.kind)
    }

    fn word(&self) -> &'static str {
        match self.outcome {
            MailOutcome::Waiting => "queued",
            MailOutcome::Accepted { .. } => "accepted",
            MailOutcome::Failed { .. } => "failed",
        }
    }

    /// When it became what it is.
    fn at(&self) -> DateTime<Utc> {
        match &self.outcome {
            MailOutcome::Waiting => self.queued_at_utc,
            MailOutcome::Accepted { at_utc, .. } | MailOutcome::Failed { at_utc, .. } => *at_utc,
        }
    }
}

/// Draws the page.
///
/// # Errors
/// When the text cannot be formatted (out of memory).
pub fn render(shell: &Shell, view: &TicketView) -> askama::Result<String> {
    let history = view.history.iter().map(|entry| Line::of(shell.locale, entry, &view.names)).collect();
    Page { shell, view, l: shell.locale, history }.render()
}

#[derive(Template)]
#[template(path = "ticket.html")]
struct Page<'a> {
    shell: &'a Shell,
    view: &'a TicketView,
    l: Locale,
    history: Vec<Line>,
}
