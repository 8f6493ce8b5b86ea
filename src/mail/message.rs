//! The words of the mails, French and English, as text and as HTML. Times are Europe/Paris.

use crate::domain::{CloseCause, Entry, Event, MailKind as Kind, Ticket, TicketState};
use askama::Template;
use chrono::{DateTime, Utc};
use chrono_tz::Europe::Paris;
use fluent_templates::fluent_bundle::FluentValue;
use fluent_templates::{LanguageIdentifier, Loader, langid};
use std::borrow::Cow;
use std::collections::HashMap;

fluent_templates::static_loader! {
    static LOCALES = {
        locales: "./web/locales",
        fallback_language: "fr",
        // Isolation marks are for running text of mixed directions; in subjects they show as boxes.
        customise: |bundle| bundle.set_use_isolating(false),
    };
}

const FR: LanguageIdentifier = langid!("fr");
const EN: LanguageIdentifier = langid!("en");

/// Names, for the sentences.
#[derive(Debug, Clone)]
pub struct Context {
    /// The addressee.
    pub to: String,
    /// Who asked.
    pub requester: String,
    /// Who decided; empty when nobody has.
    pub decider: String,
    /// Whose images.
    pub site: String,
    /// The receiving service (A4-5).
    pub service: String,
}

/// A mail's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Subject line.
    pub subject: String,
    /// Plain text.
    pub text: String,
    /// HTML, self-contained: no image, no script, nothing that tells the sender it was read.
    pub html: String,
}

#[derive(Template)]
#[template(path = "mail.html")]
struct Html<'a> {
    language: &'a str,
    subject: &'a str,
    greeting: &'a str,
    paragraphs: &'a [String],
    url: &'a str,
    link: &'a str,
    footer: &'a str,
}

impl Message {
    /// Writes the mail of one event to one person in `language` (`en`, else French).
    pub fn compose(
        kind: Kind,
        entry: &Entry,
        ticket: &Ticket,
        context: &Context,
        language: &str,
        public_url: &str,
    ) -> Message {
        let words = Words::of(language);
        let reasons: Vec<String> =
            ticket.reasons.iter().map(|reason| words.say(&format!("mail-reason-{}", reason.as_str()), &[])).collect();
        let minutes = ticket.duration_minutes;
        let hours = if minutes.is_multiple_of(60) {
            format!("{} h", minutes / 60)
        } else {
            format!("{} h {:02}", minutes / 60, minutes % 60)
        };
        let mut values = vec![
            ("name", context.to.clone()),
            ("requester", context.requester.clone()),
            ("decider", context.decider.clone()),
            ("site", context.site.clone()),
            ("service", context.service.clone()),
            ("reasons", reasons.join(", ")),
            ("hours", hours),
            ("ticket", ticket.id.to_string()),
        ];
        if let (Event::Reminded { .. }, TicketState::Requested { lapses_at_utc, .. }) = (&entry.event, &ticket.state) {
            values.push(("until", clock_time(*lapses_at_utc)));
        }
        match &entry.event {
            Event::Requested { lapses_at_utc, .. } => values.push(("until", clock_time(*lapses_at_utc))),
            Event::Opened { expires_at_utc, .. } => values.push(("until", clock_time(*expires_at_utc))),
            Event::OpenedUrgently { expires_at_utc, avenant, .. } => {
                values.push(("until", clock_time(*expires_at_utc)));
                values.push(("avenant", avenant.clone()));
            }
            Event::Refused { why, .. } => values.push(("why", why.clone())),
            Event::Closed { cause, closed_at_utc, flowed_ms, .. } => {
                values.push(("at", clock_time(*closed_at_utc)));
                values.push(("flowed", duration(*flowed_ms)));
                values.push(("cause", words.cause(cause)));
            }
            _ => {}
        }
        let is_urgent = matches!(entry.event, Event::OpenedUrgently { .. });
        let (stem, sentences, link, path): (&str, &[&str], &str, &str) = match kind {
            Kind::Requested => ("mail-requested", &["what", "until"], "mail-requested-link", ""),
            Kind::Reminder => ("mail-reminder", &["what", "until"], "mail-requested-link", ""),
            Kind::Withdrawn => ("mail-withdrawn", &["what"], "mail-ticket-link", ""),
            Kind::Lapsed => ("mail-lapsed", &["what"], "mail-ticket-link", ""),
            Kind::OpenedForOperator => {
                let opened = if is_urgent { "what-urgent" } else { "what" };
                ("mail-opened-operator", &[opened, "end"], "mail-opened-operator-link", "/watch")
            }
            Kind::OpenedForLandlord => ("mail-opened-landlord", &["what", "end"], "mail-opened-landlord-link", ""),
            Kind::OpenedUrgently => ("mail-opened-urgently", &["what", "cut"], "mail-opened-urgently-link", "/cut"),
            Kind::Refused => ("mail-refused", &["what"], "mail-ticket-link", ""),
            Kind::Closed => ("mail-closed", &["what"], "mail-ticket-link", ""),
            // About no ticket: `concerns` asks for none; they are written elsewhere (`access`, `alarm`, `clock`, `checkpoint`,
            // `reminder`, `invitation`).
            Kind::AccessDue
            | Kind::StorageAlarm
            | Kind::RetentionClock
            | Kind::Checkpoint
            | Kind::Renewal
            | Kind::WorkstationExpiry
            | Kind::Invitation => ("mail-checkpoint", &[], "mail-ticket-link", ""),
        };
        let url = format!("{public_url}/tickets/{}{path}", ticket.id);
        Message::write(&words, stem, sentences, (link, url), &values)
    }

    /// Puts a mail together from the texts `STEM-subject`, `STEM-SENTENCE` and the one that `link` names. `values` has the
    /// addressee's `name`.
    pub(super) fn write(
        words: &Words,
        stem: &str,
        sentences: &[&str],
        (link, url): (&str, String),
        values: &[(&'static str, String)],
    ) -> Message {
        let subject = words.say(&format!("{stem}-subject"), values);
        let paragraphs: Vec<String> =
            sentences.iter().map(|sentence| words.say(&format!("{stem}-{sentence}"), values)).collect();
        let greeting = words.say("mail-greeting", values);
        let about_ticket = values.iter().any(|(key, _)| *key == "ticket");
        let footer = words.say(if about_ticket { "mail-footer" } else { "mail-footer-plain" }, values);
        let link = words.say(link, values);
        words.message(subject, greeting, &paragraphs, (link, &url), footer)
    }
}

impl Message {
    /// A mail that is about no ticket: the sentences `stem`-subject, `stem`-what and `stem`-link, leading to `url`.
    pub(super) fn about(stem: &str, values: &[(&'static str, String)], language: &str, url: &str) -> Message {
        let link = format!("{stem}-link");
        Message::write(&Words::of(language), stem, &["what"], (&link, url.to_owned()), values)
    }
}

pub(super) struct Words {
    language: LanguageIdentifier,
}

impl Words {
    /// `en`, else French.
    pub(super) fn of(language: &str) -> Self {
        Self { language: if language == "en" { EN } else { FR } }
    }

    /// The parts put together, as text and as HTML, with one link.
    pub(super) fn message(
        &self,
        subject: String,
        greeting: String,
        paragraphs: &[String],
        (link, url): (String, &str),
        footer: String,
    ) -> Message {
        let text = format!("{greeting}\n\n{}\n\n{link}: {url}\n\n{footer}\n", paragraphs.join("\n\n"));
        let html = Html {
            language: self.tag(),
            subject: &subject,
            greeting: &greeting,
            paragraphs,
            url,
            link: &link,
            footer: &footer,
        }
        .render()
        // Formatting into a String fails only when memory does; the text part says the same.
        .unwrap_or_default();
        Message { subject, text, html }
    }

    fn tag(&self) -> &'static str {
        if self.language == EN { "en" } else { "fr" }
    }

    pub(super) fn say(&self, key: &str, values: &[(&'static str, String)]) -> String {
        let values: HashMap<Cow<'static, str>, FluentValue<'_>> =
            values.iter().map(|(name, value)| (Cow::Borrowed(*name), FluentValue::from(value.as_str()))).collect();
        LOCALES.lookup_with_args(&self.language, key, &values)
    }

    fn cause(&self, cause: &CloseCause) -> String {
        let (key, why) = match cause {
            CloseCause::Expired => ("mail-cause-expired", ""),
            CloseCause::EndOfIntervention => ("mail-cause-end", ""),
            CloseCause::InterruptedByLandlord { why } => ("mail-cause-landlord", why.as_str()),
            CloseCause::CutByAdministrator { why } => ("mail-cause-administrator", why.as_str()),
            CloseCause::RefusedAfterOpening { why } => ("mail-cause-refused", why.as_str()),
            CloseCause::GateCondition { condition } => ("mail-cause-condition", condition.as_str()),
            CloseCause::Unanswered => ("mail-cause-unanswered", ""),
            CloseCause::RegisterFailure => ("mail-cause-register", ""),
            CloseCause::ServerStopped => ("mail-cause-stopped", ""),
        };
        self.say(key, &[("why", why.to_owned())])
    }
}

/// Day and time in Europe/Paris, unambiguous on the night the clock is set back (fault 18).
pub(super) fn clock_time(at: DateTime<Utc>) -> String {
    at.with_timezone(&Paris).format("%d/%m/%Y %H:%M %Z").to_string()
}

fn duration(ms: u64) -> String {
    let seconds = ms / 1000;
    format!("{} h {:02} min {:02} s", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Actor, Reason, TicketId};

    fn requested() -> (Entry, Ticket) {
        let at: DateTime<Utc> = "2026-10-25T00:30:00Z".parse().unwrap();
        let id = TicketId::generate();
        let lapses_at_utc = at + chrono::TimeDelta::minutes(15);
        let event = Event::Requested {
            ticket: id,
            site: "arcade".parse().unwrap(),
            service: "csu".parse().unwrap(),
            reasons: [Reason::Vols].into(),
            duration_minutes: 150,
            lapses_at_utc,
        };
        let ticket = Ticket {
            id,
            site: "arcade".parse().unwrap(),
            requester: "agent-1".parse().unwrap(),
            service: "csu".parse().unwrap(),
            reasons: [Reason::Vols].into(),
            duration_minutes: 150,
            requested_at_utc: at,
            state: TicketState::Requested { lapses_at_utc, reminders: 0 },
        };
        (Entry { seq: 7, at_utc: at, actor: Actor::Person("agent-1".parse().unwrap()), event }, ticket)
    }

    fn context(requester: &str) -> Context {
        Context {
            to: "Dominique".into(),
            requester: requester.into(),
            decider: String::new(),
            site: "1 rue de l'Arcade".into(),
            service: "CSU".into(),
        }
    }

    #[test]
    fn a6_6_the_request_says_who_why_how_long_and_until_when_in_both_languages() {
        let (entry, ticket) = requested();
        for (language, subject, reason) in [("fr", "Demande d'accès", "vols"), ("en", "Request for images", "theft")] {
            let mail = Message::compose(Kind::Requested, &entry, &ticket, &context("Camille"), language, "https://e");
            assert!(mail.subject.starts_with(subject), "{}", mail.subject);
            for part in ["Camille", "CSU", "1 rue de l'Arcade", "2 h 30", reason, "25/10/2026 02:45 CEST"] {
                assert!(mail.text.contains(part), "{part} is missing in {}", mail.text);
            }
            assert!(mail.text.contains(&format!("https://e/tickets/{}", ticket.id)));
            assert!(!mail.text.contains("mail-"), "a key was left untranslated: {}", mail.text);
        }
    }

    #[test]
    fn what_people_type_is_text_in_the_html_too() {
        let (entry, ticket) = requested();
        let mail = Message::compose(Kind::Requested, &entry, &ticket, &context("<b>x</b>"), "fr", "https://e");
        assert!(!mail.html.contains("<b>x"), "{}", mail.html);
        assert!(mail.html.contains("lang=\"fr\""));
    }
}
