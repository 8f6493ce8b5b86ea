//! A register entry as a sentence people can read, in their language (A4-5).

use super::Locale;
use super::names::Names;
use super::shell::role_text;
use super::ticket::{cause_word, condition_text, reason_text, short_id};
use crate::domain::dossier::Mode;
use crate::domain::{
    Actor, CameraId, CloseCause, EndCause, Entry, Event, Excerpt, InvitationWay, MailKind, PersonId, Purpose, Record,
    RegisterFilter, RightsChange, SessionId, TicketId,
};
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
    /// `decision`, `cut`, `images`, `people`, `footage`, `mail` or `server`: what kind of event it is, as an icon beside the words.
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
            kind: entry.event.kind().as_str(),
            detail: None,
        };
        line.tell(l, &entry.event, names, actor);
        line
    }

    fn tell(&mut self, l: Locale, event: &Event, names: &Names, actor: String) {
        let who = ("actor", actor);
        let mut about = |ticket: &TicketId| self.ticket = Some((*ticket, short_id(ticket)));
        match event {
            Event::ServerStarted { version } => self.sentence = l.a("event-server-started", "version", version),
            Event::ServerStopping => self.sentence = l.t("event-server-stopping"),
            Event::RegisterRepaired { dropped_bytes, sha256 } => {
                self.sentence = l.a("event-register-repaired", "bytes", dropped_bytes);
                self.detail = Some(format!("SHA-256 {sha256}"));
            }
            Event::RegisterPurged { before_utc, runs } => {
                let count: u64 = runs.iter().map(|(first, last)| last.saturating_sub(*first) + 1).sum();
                let values = [("count", count.to_string()), ("before", l.moment(*before_utc))];
                self.sentence = l.with("event-register-purged", &values);
            }
            Event::RegisterExported { format, filter } => {
                let form = l.t(format!("export-{}", format.as_str()));
                self.sentence = l.with("event-register-exported", &[who, ("form", form)]);
                self.detail = Some(filter_text(l, filter, names)).filter(|text| !text.is_empty());
            }
            Event::FootageViewed { footage, .. } => {
                let values = [who, ("site", names.site(&footage.site))];
                self.sentence = l.with("event-footage-viewed", &values);
                self.detail = Some(footage_text(l, footage));
            }
            Event::FootageExported { footage, reference, export } => {
                let values = [who, ("site", names.site(&footage.site))];
                self.sentence = l.with("event-footage-exported", &values);
                self.why = Some(reference.clone());
                self.detail = Some(format!("{} · {export}", footage_text(l, footage)));
            }
            Event::ClockStepped { by_us } => {
                self.sentence = l.a("event-clock-stepped", "seconds", l.decimal(*by_us as f64 / 1e6, 1));
            }
            Event::SiteDeclared { site } => {
                let cameras = site.cameras.len();
                self.sentence =
                    l.with("event-site-declared", &[("site", site.name.clone()), ("cameras", cameras.to_string())]);
            }
            Event::PolicySet { site, policy } => {
                let values = [
                    who,
                    ("site", names.site(site)),
                    ("day", l.minutes(policy.day_cap_minutes)),
                    ("week", l.minutes(policy.week_cap_minutes)),
                    ("pause", l.minutes(policy.cooling_off_minutes)),
                ];
                self.sentence = l.with("event-policy-set", &values);
            }
            Event::AlertRaised { site, reasons, what, .. } => {
                let reasons: Vec<String> = reasons.iter().map(|reason| reason_text(l, *reason)).collect();
                let values = [who, ("site", names.site(site)), ("reasons", reasons.join(", "))];
                self.sentence = l.with("event-alert-raised", &values);
                self.why = Some(what.clone());
            }
            Event::AlertClosed { .. } => {
                self.sentence = l.with("event-alert-closed", &[who]);
            }
            Event::Filed { site, act } => {
                self.sentence =
                    l.with(&format!("event-filed-{}", record_word(act)), &[who, ("site", names.site(site))]);
                self.detail = Some(record_detail(l, act, names));
            }
            Event::Footage { site, act } => {
                let (_, actor) = who;
                (self.sentence, self.why, self.detail) =
                    super::footage_sentence::tell(l, names, actor, names.site(site), act);
            }
            Event::PurgePaused { trusted_utc } => {
                self.sentence = l.a("event-purge-paused", "at", l.moment(*trusted_utc));
            }
            Event::StorageAlarm { alarm, raised, figure } => {
                let word = if *raised { "raised" } else { "over" };
                let minutes = (figure / 60).to_string();
                let values = [("mib", figure.to_string()), ("minutes", minutes), ("count", figure.to_string())];
                self.sentence = l.with(&format!("event-alarm-{word}-{}", alarm.as_str()), &values);
            }
            Event::PurgeResumed => self.sentence = l.with("event-purge-resumed", &[who]),
            Event::ChangeProposed { change, rights } => {
                let what = rights_text(l, rights, names);
                self.sentence = l.with("event-change-proposed", &[who, ("change", change.to_string()), ("what", what)]);
            }
            Event::ChangeConfirmed { change } => {
                self.sentence = l.with("event-change-confirmed", &[who, ("change", change.to_string())]);
            }
            Event::ChangeDeclined { change } => {
                self.sentence = l.with("event-change-declined", &[who, ("change", change.to_string())]);
            }
            Event::RenewalReminded { site, number, notice_from_utc } => {
                let values =
                    [("site", names.site(site)), ("number", number.to_string()), ("from", l.moment(*notice_from_utc))];
                self.sentence = l.with("event-renewal-reminded", &values);
            }
            Event::Designated { designation } => {
                let person = names.person(&designation.person);
                let role = role_text(l, designation.role);
                self.sentence = l.with("event-designated", &[("person", person), ("role", role)]);
            }
            Event::Struck { person } => {
                self.sentence = l.a("event-struck", "person", names.person(person));
            }
            Event::WorkstationIssued { workstation } => {
                let values = [
                    who,
                    ("workstation", workstation.id.to_string()),
                    ("service", names.service(&workstation.service)),
                ];
                self.sentence = l.with("event-workstation-issued", &values);
                self.detail = Some(format!("SHA-256 {}", workstation.certificate_sha256));
            }
            Event::WorkstationRevoked { workstation, why } => {
                self.sentence = l.with("event-workstation-revoked", &[who, ("workstation", workstation.to_string())]);
                self.why = Some(why.clone());
            }
            Event::WorkstationReminded { workstation, number, until_utc } => {
                let values = [
                    ("workstation", workstation.to_string()),
                    ("number", number.to_string()),
                    ("until", l.moment(*until_utc)),
                ];
                self.sentence = l.with("event-workstation-reminded", &values);
            }
            Event::SecondFactorReset { person, why } => {
                self.sentence = l.with("event-second-factor-reset", &[who, ("person", names.person(person))]);
                self.why = Some(why.clone());
            }
            Event::Invited { person, way, expires_at_utc } => {
                let key = match way {
                    InvitationWay::Mail => "event-invited",
                    InvitationWay::Console => "event-invited-console",
                };
                self.sentence = l.with(key, &[who, ("person", names.person(person))]);
                self.detail = Some(l.a("event-invited-until", "until", l.moment(*expires_at_utc)));
            }
            Event::InvitationRevoked { person } => {
                self.sentence = l.with("event-invitation-revoked", &[who, ("person", names.person(person))]);
            }
            Event::InvitationAccepted { person } => {
                self.sentence = l.a("event-invitation-accepted", "person", names.person(person));
            }
            Event::Requested { ticket, site, service, reasons, duration_minutes, .. } => {
                about(ticket);
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
                about(ticket);
                self.sentence = l.with("event-withdrawn", &[who]);
            }
            Event::Lapsed { ticket } => {
                about(ticket);
                self.sentence = l.t("event-lapsed");
            }
            Event::Voided { ticket, condition } => {
                about(ticket);
                self.sentence = l.t("event-voided");
                self.why = Some(condition_text(l, condition));
            }
            Event::Approved { ticket } => {
                about(ticket);
                self.sentence = l.with("event-approved", &[who]);
            }
            Event::Opened { ticket, expires_at_utc } => {
                about(ticket);
                self.sentence = l.a("event-opened", "until", l.hour_text(*expires_at_utc, self.at_utc));
            }
            Event::OpenedUrgently { ticket, expires_at_utc, alert, avenant } => {
                about(ticket);
                let id = alert.to_string();
                let values = [
                    ("until", l.hour_text(*expires_at_utc, self.at_utc)),
                    ("alert", id[id.len() - 8..].to_uppercase()),
                    ("avenant", avenant.clone()),
                ];
                self.sentence = l.with("event-opened-urgently", &values);
                self.detail = Some(id);
            }
            Event::Reminded { ticket, number } => {
                about(ticket);
                self.sentence = l.a("event-reminded", "number", number);
            }
            Event::NeedAsked { ticket, answer_by_utc } => {
                about(ticket);
                self.sentence = l.a("event-need-asked", "until", l.hour_text(*answer_by_utc, self.at_utc));
            }
            Event::NeedConfirmed { ticket, .. } => {
                about(ticket);
                self.sentence = l.with("event-need-confirmed", &[who]);
            }
            Event::Refused { ticket, why } => {
                about(ticket);
                self.sentence = l.with("event-refused", &[who]);
                self.why = Some(why.clone());
            }
            Event::Closed { ticket, cause, flowed_ms, cut_us, .. } => {
                about(ticket);
                self.sentence = l.with(&format!("event-closed-{}", cause_word(cause)), &[who]);
                self.why = close_words(l, cause);
                let mut figures = vec![l.a("event-flowed", "length", l.length(flowed_ms))];
                figures.extend(cut_us.map(|us| l.a("event-cut-in", "cut", l.cut(us))));
                self.detail = Some(figures.join(" · "));
            }
            Event::SessionGranted { purpose, cameras, workstation, .. } => {
                about(&purpose.ticket());
                let key = match purpose {
                    Purpose::Transfer { .. } => "event-session-granted-transfer",
                    Purpose::LandlordViewing { .. } => "event-session-granted-viewing",
                };
                self.sentence = l.with(key, &[who, ("workstation", workstation.clone())]);
                let cameras: Vec<String> = cameras.iter().map(|camera| names.camera(camera)).collect();
                self.detail = Some(cameras.join(", "));
            }
            Event::SessionConnected { session, srtp, dtls } => {
                self.sentence = l.t("event-session-connected");
                let viewer = self.viewer(names, session);
                self.detail =
                    Some(viewer.into_iter().chain([srtp.clone(), dtls.clone()]).collect::<Vec<_>>().join(" · "));
            }
            Event::SessionEnded { session, cause, traffic, cut_us, .. } => {
                let (word, why) = end_words(l, cause);
                self.sentence = l.with(&format!("event-session-ended-{word}"), &[who]);
                self.why = why;
                let mut figures: Vec<String> = self.viewer(names, session).into_iter().collect();
                figures.push(l.a("event-flowed", "length", l.length(traffic.flowed_ms())));
                figures.push(l.bytes(traffic.bytes));
                figures.extend(cut_us.map(|us| l.a("event-cut-in", "cut", l.cut(us))));
                self.detail = Some(figures.join(" · "));
            }
            Event::MailQueued { to, kind, ticket, .. } => {
                self.about_mail(ticket.as_ref());
                self.sentence = mail_words(l, "event-mail-queued", names, to, *kind);
            }
            Event::MailAccepted { to, kind, ticket, reply, attempts, accepted_at_utc, .. } => {
                self.about_mail(ticket.as_ref());
                self.sentence = mail_words(l, "event-mail-accepted", names, to, *kind);
                let at = l.hour_text(*accepted_at_utc, self.at_utc);
                self.detail = Some(format!("{at} · {reply} · {}", l.n("mail-attempts", attempts)));
            }
            Event::MailFailed { to, kind, ticket, why, reply, attempts, failed_at_utc, .. } => {
                self.about_mail(ticket.as_ref());
                self.sentence = mail_words(l, "event-mail-failed", names, to, *kind);
                let mut figures = vec![l.hour_text(*failed_at_utc, self.at_utc), l.t(format!("mail-{}", why.as_str()))];
                figures.extend(reply.clone());
                figures.push(l.n("mail-attempts", attempts));
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
    fn about_mail(&mut self, ticket: Option<&TicketId>) {
        self.ticket = ticket.map(|ticket| (*ticket, short_id(ticket)));
    }
}

fn mail_words(l: Locale, key: &str, names: &Names, to: &PersonId, kind: MailKind) -> String {
    l.with(key, &[("person", names.person(to)), ("kind", mail_kind_text(l, kind))])
}

/// What a mail says, as people read it.
pub(super) fn mail_kind_text(l: Locale, kind: MailKind) -> String {
    l.t(format!("mail-kind-{}", kind.as_str()))
}

/// Which cameras, from when to when.
fn footage_text(l: Locale, footage: &Excerpt) -> String {
    let cameras: Vec<&str> = footage.cameras.iter().map(CameraId::as_str).collect();
    format!("{} · {} – {}", cameras.join(", "), l.moment(footage.from_utc), l.moment(footage.until_utc))
}

/// What a filter restricts, in words; empty when nothing.
fn filter_text(l: Locale, filter: &RegisterFilter, names: &Names) -> String {
    let parts = [
        filter.since_utc.map(|at| l.a("filter-since-text", "at", l.minute_text(at))),
        filter.until_utc.map(|at| l.a("filter-until-text", "at", l.minute_text(at))),
        filter.site.as_ref().map(|site| names.site(site)),
        filter.ticket.as_ref().map(short_id),
        filter.kind.map(|kind| l.t(format!("kind-{}", kind.as_str()))),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" · ")
}

/// An entry as one line of plain text: what happened, the words given with it, its ticket, the figures.
pub fn plain(l: Locale, entry: &Entry, names: &Names) -> String {
    let line = Line::of(l, entry, names);
    let ticket = line.ticket.map(|(_, short)| short);
    let why = line.why.map(|why| format!("« {why} »"));
    [Some(line.sentence), why, ticket, line.detail].into_iter().flatten().collect::<Vec<_>>().join(" · ")
}

/// How a transfer ended, in a few words, with those that somebody gave.
pub fn ending(l: Locale, cause: &CloseCause) -> String {
    let ended = l.t(format!("state-{}", cause_word(cause)));
    match close_words(l, cause) {
        Some(why) => format!("{ended} · «\u{a0}{why}\u{a0}»"),
        None => ended,
    }
}

/// The words that go with the end of a transfer.
pub(super) fn close_words(l: Locale, cause: &CloseCause) -> Option<String> {
    match cause {
        CloseCause::InterruptedByLandlord { why }
        | CloseCause::CutByAdministrator { why }
        | CloseCause::RefusedAfterOpening { why } => Some(why.clone()),
        CloseCause::GateCondition { condition } => Some(condition_text(l, condition)),
        _ => None,
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

/// The stable word of an act.
pub(super) fn record_word(record: &Record) -> &'static str {
    match record {
        Record::Agreement(_) => "agreement",
        Record::Avenant(_) => "avenant",
        Record::Renewal(_) => "renewal",
        Record::Reasons(_) => "reasons",
        Record::Annex(_) => "annex",
        Record::Deciders(_) => "deciders",
        Record::Entrances { .. } => "entrances",
        Record::Signage { .. } => "signage",
        Record::SignageGone { .. } => "signage-gone",
        Record::Attestation(_) => "attestation",
        Record::AttestationLapsed { .. } => "attestation-lapsed",
        Record::Opening(_) => "opening",
    }
}

fn record_detail(l: Locale, record: &Record, names: &Names) -> String {
    match record {
        Record::Agreement(agreement) => format!("{} · {}", agreement.reference, l.calendar(agreement.signed_on)),
        Record::Avenant(avenant) => {
            format!("{} · {} · {}", avenant.reference, l.calendar(avenant.signed_on), avenant.summary)
        }
        Record::Renewal(renewal) => format!("{} → {}", renewal.reference, l.calendar(renewal.valid_until)),
        Record::Reasons(list) => {
            let reasons: Vec<String> = list.reasons.iter().map(|entry| reason_text(l, entry.reason)).collect();
            format!("v{} · {} · {}", list.version, l.calendar(list.dated), reasons.join(", "))
        }
        Record::Annex(annex) => {
            let people: Vec<String> = annex.people.iter().map(|named| names.person(&named.person)).collect();
            format!(
                "v{} · {} · {} · SHA-256 {}",
                annex.version,
                l.calendar(annex.dated),
                people.join(", "),
                annex.sha256
            )
        }
        Record::Deciders(both) => {
            format!("{} · {}", names.person(&both.titulaire), names.person(&both.suppleant))
        }
        Record::Entrances { entrances } => entrances.join(" · "),
        Record::Signage { entrance, posted_on } => format!("{entrance} · {}", l.calendar(*posted_on)),
        Record::SignageGone { entrance } => entrance.clone(),
        Record::Attestation(attestation) => {
            let camera = names.camera(&attestation.camera);
            format!("{camera} · {} · {}", l.calendar(attestation.dated), attestation.view)
        }
        Record::AttestationLapsed { camera, alteration } => {
            format!("{} · {}", names.camera(camera), l.t(format!("alteration-{}", alteration.as_str())))
        }
        Record::Opening(Mode::Approval) => l.t("opening-word-approval"),
        Record::Opening(Mode::Urgent { avenant }) => l.a("opening-word-urgent", "avenant", avenant),
    }
}

/// A change of rights that waits for a second person, in words.
pub(super) fn rights_text(l: Locale, rights: &RightsChange, names: &Names) -> String {
    match rights {
        RightsChange::Designation { designation } => {
            let role = role_text(l, designation.role);
            l.with("rights-designation", &[("person", names.person(&designation.person)), ("role", role)])
        }
        RightsChange::Strike { person } => l.a("rights-strike", "person", names.person(person)),
        RightsChange::Deciders { site, deciders } => {
            let values = [
                ("site", names.site(site)),
                ("titulaire", names.person(&deciders.titulaire)),
                ("suppleant", names.person(&deciders.suppleant)),
            ];
            l.with("rights-deciders", &values)
        }
    }
}
