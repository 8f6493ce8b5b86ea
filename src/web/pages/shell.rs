//! What every page shares: the frame around it.

use super::Locale;
use super::locale::iso;
use crate::domain::{Fault, PersonId, Role, StorageAlarm};
use chrono::{DateTime, Utc};

/// Who is logged in, for the header.
#[derive(Debug, Clone)]
pub struct Persona {
    /// Pseudonym.
    pub person: PersonId,
    /// Name as people read it.
    pub name: String,
    /// What they are.
    pub role: Role,
}

/// A condition of the server that everybody must know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Banner {
    /// The register cannot be written: no transfer (faults 12, 14).
    RegisterReadOnly {
        /// What broke; shown to administrators alone.
        why: String,
    },
    /// The disk is full, the register lives on its reserve (fault 13).
    RegisterOnReserve,
    /// Something threatens the recordings; told to whoever may do something about it (fault 13).
    Storage {
        /// What.
        alarms: Vec<StorageAlarm>,
    },
    /// The server has been told to stop.
    Stopping,
}

/// The outcome of the request before this one, shown once on top of the page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// The ticket was filed.
    Filed,
    /// The ticket was approved and is open.
    Approved,
    /// The ticket was refused.
    Refused,
    /// The ticket was withdrawn.
    Withdrawn,
    /// The images are still needed.
    NeedConfirmed,
    /// "Fin d'intervention" (A4-4).
    Ended,
    /// The landlord or the administrator interrupted the ticket (A4-4).
    Interrupted {
        /// Microseconds to the last packet, when images flowed.
        cut_us: Option<u64>,
    },
    /// One live session was cut (A6-7).
    SessionCut {
        /// Microseconds to the last packet, when images flowed.
        cut_us: Option<u64>,
    },
    /// A setting was changed and stands in the register.
    Saved,
    /// A person's second factor was reset.
    SecondFactorReset,
    /// A workstation was revoked.
    WorkstationRevoked,
    /// A request was filed and opened at once (`urgent` mode).
    OpenedAtOnce,
    /// A person was invited, by mail.
    PersonInvited,
    /// A person was added; the console invites them.
    PersonAdded,
    /// An invitation was taken back.
    InvitationRevoked,
    /// An account's lock-out was lifted.
    AccountUnlocked,
    /// A passkey was added.
    PasskeyAdded,
    /// A passkey was removed.
    PasskeyRemoved,
    /// Logged out.
    LoggedOut,
    /// A mail is tried again now.
    MailRetried,
}

/// The frame around a page.
#[derive(Debug, Clone)]
pub struct Shell {
    /// Language.
    pub locale: Locale,
    /// Path and query of this page, for the language switch to come back to; starts with one `/`.
    pub path: String,
    /// CSRF token of the session (or of the log-in form when nobody is logged in).
    pub csrf: String,
    /// Who is logged in.
    pub persona: Option<Persona>,
    /// Condition of the server.
    pub banner: Option<Banner>,
    /// What the previous request did.
    pub notice: Option<Notice>,
    /// The server's wall clock when the page was drawn, UTC: pages count down by it, not by the machine's own clock.
    pub now_utc: DateTime<Utc>,
    /// Whether this is the demo: the header links to its mails.
    pub demo: bool,
}

/// One entry of the navigation.
pub(super) struct Nav {
    pub(super) href: &'static str,
    pub(super) key: &'static str,
    pub(super) here: bool,
}

impl Shell {
    /// Where this person can go, in order.
    pub(super) fn nav(&self) -> Vec<Nav> {
        let Some(persona) = &self.persona else { return Vec::new() };
        const HOME: (&str, &str) = ("/", "nav-home");
        const TICKETS: (&str, &str) = ("/tickets", "nav-tickets");
        const SESSIONS: (&str, &str) = ("/admin/sessions", "nav-sessions");
        const CONNECTIONS: (&str, &str) = ("/admin/connections", "nav-connections");
        const PEOPLE: (&str, &str) = ("/admin/people", "nav-people");
        const WORKSTATIONS: (&str, &str) = ("/admin/workstations", "nav-workstations");
        const SITES: (&str, &str) = ("/sites", "nav-sites");
        const RECORDINGS: (&str, &str) = ("/recordings", "nav-recordings");
        const ALERTS: (&str, &str) = ("/alerts", "nav-alerts");
        const CHANGES: (&str, &str) = ("/changes", "nav-changes");
        const MAILS: (&str, &str) = ("/admin/mails", "nav-outbox");
        const HOLDS: (&str, &str) = ("/holds", "nav-holds");
        const STORAGE: (&str, &str) = ("/storage", "nav-storage");
        const ACCESS: (&str, &str) = ("/access-requests", "nav-access");
        const REGISTER: (&str, &str) = ("/register", "nav-register");
        let places: &[(&str, &str)] = match persona.role {
            Role::Operator | Role::Chief => &[HOME, TICKETS, ALERTS],
            Role::Decider => &[HOME, TICKETS, ALERTS, SITES, RECORDINGS, HOLDS, ACCESS, STORAGE, CHANGES, REGISTER],
            Role::Guard => &[HOME, TICKETS, ALERTS, SITES],
            Role::Dpo => &[HOME, HOLDS, ACCESS, STORAGE, REGISTER],
            Role::Auditor => &[HOME, STORAGE, REGISTER],
            Role::Administrator => {
                &[HOME, SESSIONS, SITES, STORAGE, PEOPLE, WORKSTATIONS, CHANGES, CONNECTIONS, MAILS, REGISTER]
            }
        };
        let path = self.path.split('?').next().unwrap_or_default();
        places
            .iter()
            .map(|(href, key)| Nav {
                href,
                key,
                here: path == *href
                    || (*href != "/" && path.strip_prefix(*href).is_some_and(|rest| rest.starts_with('/'))),
            })
            .collect()
    }

    /// Whether the foot of the page leads to the convention's requirements: for the landlord, the DPO, the auditor and
    /// the administrator.
    pub(super) fn traceable(&self) -> bool {
        self.persona.as_ref().is_some_and(|persona| !matches!(persona.role, Role::Operator | Role::Chief))
    }

    /// Whether live events are for this person ([`crate::web::routes`], `GET /events`).
    pub(super) fn live(&self) -> bool {
        self.persona.as_ref().is_some_and(|persona| !matches!(persona.role, Role::Dpo | Role::Auditor))
    }

    /// The server's clock, for scripts that count down.
    pub(super) fn now_iso(&self) -> String {
        iso(self.now_utc)
    }

    pub(super) fn role_text(&self) -> String {
        self.persona.as_ref().map(|persona| role_text(self.locale, persona.role)).unwrap_or_default()
    }
}

/// A role as people read it.
pub(super) fn role_text(l: Locale, role: Role) -> String {
    l.t(format!("role-{}", role.as_str()))
}

impl Notice {
    pub(super) fn text(&self, l: Locale) -> String {
        let cut = |key: &str, cut_us: &Option<u64>| match cut_us {
            Some(us) => l.a(&format!("{key}-in"), "cut", l.cut(us)),
            None => l.t(key),
        };
        match self {
            Notice::Filed => l.t("notice-filed"),
            Notice::Approved => l.t("notice-approved"),
            Notice::Refused => l.t("notice-refused"),
            Notice::Withdrawn => l.t("notice-withdrawn"),
            Notice::NeedConfirmed => l.t("notice-need-confirmed"),
            Notice::Ended => l.t("notice-ended"),
            Notice::Interrupted { cut_us } => cut("notice-interrupted", cut_us),
            Notice::SessionCut { cut_us } => cut("notice-session-cut", cut_us),
            Notice::Saved => l.t("notice-saved"),
            Notice::SecondFactorReset => l.t("notice-second-factor-reset"),
            Notice::WorkstationRevoked => l.t("notice-workstation-revoked"),
            Notice::OpenedAtOnce => l.t("notice-opened-at-once"),
            Notice::PersonInvited => l.t("notice-person-invited"),
            Notice::PersonAdded => l.t("notice-person-added"),
            Notice::InvitationRevoked => l.t("notice-invitation-revoked"),
            Notice::AccountUnlocked => l.t("notice-account-unlocked"),
            Notice::PasskeyAdded => l.t("notice-passkey-added"),
            Notice::PasskeyRemoved => l.t("notice-passkey-removed"),
            Notice::LoggedOut => l.t("notice-logged-out"),
            Notice::MailRetried => l.t("notice-mail-retried"),
        }
    }
}

/// A named no, as the page says it: translated by its code where a translation is known, else in its own English words.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trouble {
    /// Stable code, e.g. `ticket-not-open`.
    pub code: String,
    /// One English sentence.
    pub detail: String,
    /// Faults by field, translated by their codes.
    pub faults: Vec<Fault>,
}

impl Trouble {
    /// The whole, translated.
    pub(super) fn text(&self, l: Locale) -> String {
        l.find(&format!("refusal-{}", self.code)).unwrap_or_else(|| self.detail.clone())
    }

    /// The faults of one field, translated.
    pub(super) fn of_field(&self, l: Locale, field: &str) -> Vec<String> {
        self.faults.iter().filter(|fault| fault.field == field).map(|fault| fault_text(l, fault)).collect()
    }

    /// The faults no field of the form shows, translated.
    pub(super) fn elsewhere(&self, l: Locale, fields: &[&str]) -> Vec<String> {
        self.faults.iter().filter(|fault| !fields.contains(&fault.field)).map(|fault| fault_text(l, fault)).collect()
    }
}

fn fault_text(l: Locale, fault: &Fault) -> String {
    // An hour without its day would be read as today's.
    let from = fault.from_utc.map(|from| l.moment(from)).unwrap_or_default();
    l.find_with(&format!("fault-{}", fault.code), &[("from", from)])
        .unwrap_or_else(|| format!("{}: {}", fault.field, fault.expected))
}
