//! A register entry as a sentence people can read, in their language (A4-5).

use super::Locale;
use super::names::Names;
use super::shell::role_text;
use super::ticket::{cause_word, condition_text, reason_text, short_id};
use crate::domain::{Actor, CloseCause, EndCause, Entry, Event, Purpose, SessionId, TicketId};
use chrono::{DateTime, Utc};

/// One entry, ready to be drawn.
pub(super) struct Line {
    pub(super) seq: u64,
    pub(super) at_utc: DateTime<Utc>,
    pub(super) sentence: String,
    /// Words somebody gave with it.
    pub(super) why: Option<String>,
    /// Ticket it is about, with its short name.
    pub(super) ticket: Option<(TicketId, String)>,
    /// `decision`, `cut`, `images`, `people` or `server`: what kind of event it is, as an icon beside the words.
    pub(super) kind: &'static str,
    /// Technical figures.
    pub(super) detail: Option<String>,
}

impl Line {
    pub(super) fn of(l: Locale, entry: &Entry, names: &Names) -> Line {
        let actor = match &entry.actor {
            Actor::Person(person) => names.person(person),
            Actor::System => l.t("actor-system"),
        };
        let mut line = Line {
            seq: entry.seq,
            at_utc: entry.at_utc,
            sentence: String::new(),
            why: None,
            ticket: None,
            kind: "server",
            detail: None,
        };
        line.tell(l, &entry.event, names, actor);
        line
    }

    fn tell(&mut self, l: Locale, event: &Event, names: &Names, actor: String) {
        let who = ("actor", actor);
        let mut about = |ticket: &TicketId, kind| {
            self.ticket = Some((*ticket, short_id(ticket)));
            self.kind = kind;
        };
        match event {
            Event::ServerStarted { version } => self.sentence = l.a("event-server-started", "version", version),
            Event::ServerStopping => self.sentence = l.t("event-server-stopping"),
            Event::RegisterRepaired { dropped_bytes, sha256 } => {
                self.sentence = l.a("event-register-repaired", "bytes", dropped_bytes);
                self.detail = Some(format!("SHA-256 {sha256}"));
            }
            Event::ClockStepped { by_us } => {
                self.sentence = l.a("event-clock-stepped", "seconds", l.decimal(*by_us as f64 / 1e6, 1));
            }
            Event::SiteDeclared { site } => {
                let cameras = site.cameras.len();
                self.sentence =
                    l.with("event-site-declared", &[("site", site.name.clone()), ("cameras", cameras.to_string())]);
            }
            Event::Designated { designation } => {
                let person = names.person(&designation.person);
                let role = role_text(l, designation.role);
                self.sentence = l.with("event-designated", &[("person", person), ("role", role)]);
                self.kind = "people";
            }
            Event::Struck { person } => {
                self.sentence = l.a("event-struck", "person", names.person(person));
                self.kind = "people";
            }
            Event::WorkstationIssued { workstation } => {
                let values = [
                    who,
                    ("workstation", workstation.id.to_string()),
                    ("service", names.service(&workstation.service)),
                ];
                self.sentence = l.with("event-workstation-issued", &values);
                self.detail = Some(format!("SHA-256 {}", workstation.certificate_sha256));
                self.kind = "people";
            }
            Event::WorkstationRevoked { workstation, why } => {
                self.sentence = l.with("event-workstation-revoked", &[who, ("workstation", workstation.to_string())]);
                self.why = Some(why.clone());
                self.kind = "people";
            }
            Event::SecondFactorReset { person, why } => {
                self.sentence = l.with("event-second-factor-reset", &[who, ("person", names.person(person))]);
                self.why = Some(why.clone());
                self.kind = "people";
            }
            Event::Requested { ticket, site, service, reasons, duration_minutes, .. } => {
                about(ticket, "decision");
                let reasons: Vec<String> = reasons.iter().map(|reason| reason_text(l, *reason)).collect();
                let values = [
                    who,
                    ("site", names.site(site)),
                    ("service", names.service(service)),
                    ("reasons", reasons.join(", ")),
                    ("duration", l.minutes(*duration_minutes)),
                ];
                self.sentence = l.with("event-requested", &values);
            }
            Event::Withdrawn { ticket } => {
                about(ticket, "decision");
                self.sentence = l.with("event-withdrawn", &[who]);
            }
            Event::Lapsed { ticket } => {
                about(ticket, "decision");
                self.sentence = l.t("event-lapsed");
            }
            Event::Voided { ticket, condition } => {
                about(ticket, "decision");
                self.sentence = l.t("event-voided");
                self.why = Some(condition_text(l, condition));
            }
            Event::Approved { ticket } => {
                about(ticket, "decision");
                self.sentence = l.with("event-approved", &[who]);
            }
            Event::Opened { ticket, expires_at_utc } => {
                about(ticket, "images");
                self.sentence = l.a("event-opened", "until", l.hour_text(*expires_at_utc, self.at_utc));
            }
            Event::Refused { ticket, why } => {
                about(ticket, "decision");
                self.sentence = l.with("event-refused", &[who]);
                self.why = Some(why.clone());
            }
            Event::Closed { ticket, cause, flowed_ms, cut_us, .. } => {
                about(ticket, "cut");
                self.sentence = l.with(&format!("event-closed-{}", cause_word(cause)), &[who]);
                self.why = match cause {
                    CloseCause::InterruptedByLandlord { why }
                    | CloseCause::CutByAdministrator { why }
                    | CloseCause::RefusedAfterOpening { why } => Some(why.clone()),
                    CloseCause::GateCondition { condition } => Some(condition_text(l, condition)),
                    _ => None,
                };
                let mut figures = vec![l.a("event-flowed", "length", l.length(flowed_ms))];
                figures.extend(cut_us.map(|us| l.a("event-cut-in", "cut", l.cut(us))));
                self.detail = Some(figures.join(" · "));
            }
            Event::SessionGranted { purpose, cameras, workstation, .. } => {
                about(&purpose.ticket(), "images");
                let key = match purpose {
                    Purpose::Transfer { .. } => "event-session-granted-transfer",
                    Purpose::LandlordViewing { .. } => "event-session-granted-viewing",
                };
                self.sentence = l.with(key, &[who, ("workstation", workstation.clone())]);
                let cameras: Vec<String> = cameras.iter().map(|camera| names.camera(camera)).collect();
                self.detail = Some(cameras.join(", "));
            }
            Event::SessionConnected { session, srtp, dtls } => {
                self.kind = "images";
                self.sentence = l.t("event-session-connected");
                let viewer = self.viewer(names, session);
                self.detail =
                    Some(viewer.into_iter().chain([srtp.clone(), dtls.clone()]).collect::<Vec<_>>().join(" · "));
            }
            Event::SessionEnded { session, cause, traffic, cut_us, .. } => {
                self.kind = "images";
                let (word, why) = end_words(l, cause);
                self.sentence = l.with(&format!("event-session-ended-{word}"), &[who]);
                self.why = why;
                let mut figures: Vec<String> = self.viewer(names, session).into_iter().collect();
                figures.push(l.a("event-flowed", "length", l.length(traffic.flowed_ms())));
                figures.push(l.bytes(traffic.bytes));
                figures.extend(cut_us.map(|us| l.a("event-cut-in", "cut", l.cut(us))));
                self.detail = Some(figures.join(" · "));
            }
        }
    }

    /// Whose session it is; the line is then about the session's ticket.
    fn viewer(&mut self, names: &Names, session: &SessionId) -> Option<String> {
        let (person, ticket) = names.sessions.get(session)?;
        self.ticket = Some((*ticket, short_id(ticket)));
        Some(names.person(person))
    }
}

/// The stable word of a session's end, and the words that go with it.
pub(super) fn end_words(l: Locale, cause: &EndCause) -> (&'static str, Option<String>) {
    match cause {
        EndCause::Left => ("left", None),
        EndCause::Vanished => ("vanished", None),
        EndCause::WeakCipher { offered } => ("weak-cipher", Some(offered.clone())),
        EndCause::TicketClosed => ("ticket-closed", None),
        EndCause::CutByAdministrator { why } => ("cut", Some(why.clone())),
        EndCause::Expired => ("expired", None),
        EndCause::Replaced => ("replaced", None),
        EndCause::Failed { detail } => ("failed", Some(detail.clone())),
        EndCause::GateCondition { condition } => ("condition", Some(condition_text(l, condition))),
        EndCause::RegisterFailure => ("register-failure", None),
        EndCause::ServerStopped => ("server-stopped", None),
    }
}
