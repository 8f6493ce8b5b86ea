//! Mails for the administrator (`GET /admin/mails`; A3-7, A6-6): state, last reply, "retry now". Never a mail's text.

use super::sentence::mail_kind_text;
use super::{Banner, Locale, Shell, Trouble};
use crate::domain::{MailId, MailKind, TicketId};
use crate::store::Delivery;
use askama::Template;
use chrono::{DateTime, Utc};

/// One mail.
#[derive(Debug, Clone)]
pub struct MailRow {
    /// Identifier.
    pub id: MailId,
    /// Name of the addressee, or pseudonym.
    pub to_name: String,
    /// Address.
    pub to_address: String,
    /// What it says.
    pub kind: MailKind,
    /// The ticket it is about.
    pub ticket: Option<TicketId>,
    /// When it was queued, UTC.
    pub queued_at_utc: DateTime<Utc>,
    /// How far it has come.
    pub delivery: Delivery,
}

/// The outbox.
#[derive(Debug, Clone, Default)]
pub struct OutboxView {
    /// The mail server; `None`: there is none, and mails wait.
    pub server: Option<String>,
    /// Mails, newest first.
    pub rows: Vec<MailRow>,
    /// Link to newer ones, when there are.
    pub newer: Option<String>,
    /// Link to older ones, when there are.
    pub older: Option<String>,
    /// Why the previous attempt to act was refused.
    pub trouble: Option<Trouble>,
}

/// Draws the page.
///
/// # Errors
/// When the text cannot be formatted (out of memory).
pub fn render(shell: &Shell, view: &OutboxView) -> askama::Result<String> {
    Page { shell, view, l: shell.locale }.render()
}

#[derive(Template)]
#[template(path = "outbox.html")]
struct Page<'a> {
    shell: &'a Shell,
    view: &'a OutboxView,
    l: Locale,
}

impl MailRow {
    fn kind_text(&self, l: Locale) -> String {
        mail_kind_text(l, self.kind)
    }

    fn word(&self) -> &'static str {
        match self.delivery {
            Delivery::Queued { .. } => "queued",
            Delivery::Sending { .. } => "sending",
            Delivery::Accepted { .. } => "accepted",
            Delivery::Failed { .. } => "failed",
        }
    }

    fn attempts(&self) -> u32 {
        self.delivery.attempts()
    }

    /// When it ended, if it has.
    fn ended_at(&self) -> Option<DateTime<Utc>> {
        match &self.delivery {
            Delivery::Accepted { at_utc, .. } | Delivery::Failed { at_utc, .. } => Some(*at_utc),
            _ => None,
        }
    }

    /// When it is tried next, if that is planned.
    fn next_at(&self) -> Option<DateTime<Utc>> {
        match &self.delivery {
            Delivery::Queued { next_attempt_at_utc, .. } => Some(*next_attempt_at_utc),
            _ => None,
        }
    }

    /// What went wrong, in our words.
    fn trouble_text(&self, l: Locale) -> Option<String> {
        match &self.delivery {
            Delivery::Queued { trouble, .. } | Delivery::Sending { trouble, .. } => {
                trouble.as_ref().map(|trouble| l.t(format!("mail-trouble-{}", trouble.kind.as_str())))
            }
            Delivery::Failed { why, .. } => Some(l.t(format!("mail-{}", why.as_str()))),
            Delivery::Accepted { .. } => None,
        }
    }

    /// The last reply in the mail server's own words.
    fn reply(&self) -> Option<&str> {
        match &self.delivery {
            Delivery::Queued { trouble, .. } | Delivery::Sending { trouble, .. } => {
                trouble.as_ref().map(|trouble| trouble.detail.as_str())
            }
            Delivery::Accepted { reply, .. } | Delivery::Failed { reply, .. } => Some(reply),
        }
    }

    fn may_retry(&self) -> bool {
        matches!(self.delivery, Delivery::Queued { .. } | Delivery::Failed { .. })
    }
}
