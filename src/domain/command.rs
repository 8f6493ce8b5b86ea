//! What people and timers may ask of the keeper.

use super::alarm::StorageAlarm;
use super::dossier::Record;
use super::excerpt::Excerpt;
use super::extract::{ExportFormat, RegisterFilter};
use super::footage::{Footage, PurgedCamera};
use super::ids::{
    AccessId, AlertId, CameraId, ExportId, HoldId, PersonId, SessionId, SiteId, TicketId, ViewingId, WorkstationId,
};
use super::invitation::InvitationWay;
use super::mail::MailNote;
use super::person::Designation;
use super::policy::Policy;
use super::session::{EndCause, Purpose, Traffic};
use super::site::Site;
use super::ticket::CloseCause;
use super::workstation::Workstation;
use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Who acts. In the register by pseudonym.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind", content = "person")]
pub enum Actor {
    /// A logged-in person.
    Person(PersonId),
    /// The product itself: timers, start-up, the media plane's reports.
    System,
}

impl Actor {
    /// The person, if it is one.
    pub fn person(&self) -> Option<&PersonId> {
        match self {
            Actor::Person(person) => Some(person),
            Actor::System => None,
        }
    }
}

/// A command: who wants what. Time is not in it; `decide` is told.
#[derive(Debug, Clone, PartialEq)]
pub struct Command {
    /// Who.
    pub actor: Actor,
    /// What.
    pub action: Action,
}

/// Which footage, as typed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ScopeForm {
    /// Site.
    pub site: String,
    /// Cameras.
    pub cameras: Vec<String>,
    /// From, UTC; `None`: none was typed, or not one that can be read.
    pub from_utc: Option<DateTime<Utc>>,
    /// Until, UTC; the same.
    pub until_utc: Option<DateTime<Utc>>,
}

/// What people and the sweep want of footage (A5-2 to A5-5). Raw values: `decide` controls them and names every fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FootageCommand {
    /// Set how long a site keeps its footage (A5-4).
    SetRetention {
        /// Which site.
        site: SiteId,
        /// Days of 24 hours.
        days: u32,
    },
    /// A requisition holds footage (A5-5).
    Hold {
        /// Made by the caller.
        hold: HoldId,
        /// Which footage.
        form: ScopeForm,
        /// Who requires it.
        authority: String,
        /// Their reference.
        reference: String,
        /// Its date.
        date: String,
        /// SHA-256 of the document.
        document_sha256: String,
    },
    /// It does no longer.
    Release {
        /// Which hold.
        hold: HoldId,
        /// Reason given.
        why: String,
    },
    /// A filmed person asks for access (A5-2).
    AskAccess {
        /// Made by the caller.
        request: AccessId,
        /// Which footage.
        form: ScopeForm,
        /// The day it was received.
        received_on: String,
    },
    /// The answer (A5-3).
    AnswerAccess {
        /// To which request.
        request: AccessId,
        /// `granted` or `refused`.
        answer: String,
        /// One of two, where it is refused; else empty.
        reason: String,
    },
    /// May all of this be destroyed now? Refused when any of it may not.
    Purge {
        /// What.
        footage: Vec<Footage>,
        /// What time it is, by a clock that no step of the calendar has moved.
        trusted_utc: DateTime<Utc>,
    },
    /// It is destroyed: a site's day.
    Attest {
        /// Which site.
        site: SiteId,
        /// The day it was taken, UTC.
        day: NaiveDate,
        /// What.
        cameras: Vec<PurgedCamera>,
    },
    /// The calendar is in doubt.
    PausePurge {
        /// What time it would be if it had gone on evenly.
        trusted_utc: DateTime<Utc>,
    },
    /// The calendar is right.
    ResumePurge,
}

/// Which live branch an administrator tears down (A6-7).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveCut {
    /// The branch.
    pub session: SessionId,
    /// Reason given, at least one visible character.
    pub why: String,
}

/// What a run writes beside the register every second, so that a crash leaves true durations (fault 19).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heartbeat {
    /// When the run was last known alive.
    #[serde(with = "super::instant")]
    pub at_utc: DateTime<Utc>,
    /// What had gone out in each live session by then.
    pub sessions: BTreeMap<SessionId, Traffic>,
}

/// A clock that runs for a ticket on the monotonic side too: the wall clock is not believed alone (fault 6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Timer {
    /// A request lapses, an open ticket expires.
    End(TicketId),
    /// "Toujours nécessaire ?" is to be asked, or has waited long enough for its answer.
    Question(TicketId),
    /// The deciders are to be reminded.
    Reminder(TicketId),
}

/// What is wanted.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Declare or change a site (start-up reconciles configuration with the register).
    DeclareSite(Site),
    /// Set how much a site allows its service (A4-7).
    SetPolicy {
        /// Which site.
        site: SiteId,
        /// Its policy from now on.
        policy: Policy,
    },
    /// File an act in a site's dossier (A1-2, A3-1, A3-3, A4-1, A5-1, A8-1).
    File {
        /// Which site.
        site: SiteId,
        /// The act.
        record: Record,
    },
    /// Confirm or decline a change of rights that another person proposed.
    SettleChange {
        /// Which.
        change: u64,
        /// Confirm, or decline.
        confirm: bool,
    },
    /// Put a person into the annex, or change the place they have there.
    Designate(Designation),
    /// Strike a person; their open tickets are cut (fault 8).
    Strike(PersonId),
    /// About footage (A5-2 to A5-5).
    Footage(FootageCommand),
    /// Raise an alarm about the recordings' storage, or end it (fault 13).
    StorageAlarm {
        /// Which.
        alarm: StorageAlarm,
        /// Raise, or end.
        raised: bool,
        /// Its figure, in the alarm's unit.
        figure: u64,
    },
    /// A guard tells the CSU what they fear (A3-2). Opens nothing.
    RaiseAlert {
        /// Made by control.
        alert: AlertId,
        /// Site as typed.
        site: String,
        /// Reasons as ticked.
        reasons: Vec<String>,
        /// In their words.
        what: String,
    },
    /// It is over.
    CloseAlert {
        /// Which.
        alert: AlertId,
    },
    /// Void a person's second factor, e.g. after a lost telephone: they enrol another one at their next log-in.
    ResetSecondFactor {
        /// Whose.
        person: PersonId,
        /// Reason given.
        why: String,
    },
    /// Invite a person to choose their password and enrol their second factor; replaces the invitation before.
    Invite {
        /// Whom.
        person: PersonId,
        /// How the link reaches them.
        way: InvitationWay,
    },
    /// Take an invitation back.
    RevokeInvitation {
        /// Whose.
        person: PersonId,
    },
    /// The invited person sets out anew; what proved them before is void.
    AcceptInvitation {
        /// Whose.
        person: PersonId,
        /// Which: the position of its entry.
        number: u64,
    },
    /// Register a workstation's certificate (A6-1).
    IssueWorkstation(Workstation),
    /// Revoke a workstation: whatever is watched from it is cut (fault 9).
    RevokeWorkstation {
        /// Which.
        workstation: WorkstationId,
        /// Reason given.
        why: String,
    },
    /// Ask for images (A3-3 to A3-5). Raw values: `decide` controls them and names every fault.
    Request {
        /// Made by control.
        ticket: TicketId,
        /// E-mail typed by the agent matches the account's (A3-4); looked up by control, decided here.
        email_matches: bool,
        /// Site as typed.
        site: String,
        /// Reasons as ticked.
        reasons: Vec<String>,
        /// Duration as typed, minutes.
        duration_minutes: i64,
    },
    /// Take a request back before the decision.
    Withdraw {
        /// Which.
        ticket: TicketId,
    },
    /// Approve: opens the ticket (A4-3).
    Approve {
        /// Which.
        ticket: TicketId,
    },
    /// Refuse; on an open ticket of the same site it cuts (fault 4).
    Refuse {
        /// Which.
        ticket: TicketId,
        /// Reason given.
        why: String,
    },
    /// "Toujours nécessaire ?": yes, says the agent who watches.
    ConfirmNeed {
        /// Which.
        ticket: TicketId,
    },
    /// "Fin d'intervention" (A4-4).
    EndIntervention {
        /// Which.
        ticket: TicketId,
    },
    /// Interrupt a ticket: the landlord or the administrator (A4-4, A6-7); by role.
    Interrupt {
        /// Which.
        ticket: TicketId,
        /// Reason given.
        why: String,
    },
    /// Tear one live branch down without closing its ticket (A6-7).
    CutSession(LiveCut),
    /// A viewer wants a branch: the last question before a grant.
    Attach {
        /// Made by control.
        session: SessionId,
        /// Under which ticket, and as what.
        purpose: Purpose,
        /// Cameras asked for; empty means all of the site.
        cameras: Vec<CameraId>,
        /// From where (workstation name or peer address).
        workstation: String,
        /// How many m-lines the offer has: the site's first so many cameras are granted.
        at_most: usize,
        /// Take over from the person's own live session under this ticket (reconnect); else that is a conflict.
        replace: bool,
    },
    /// The media plane: DTLS is done.
    SessionConnected {
        /// Which.
        session: SessionId,
        /// SRTP profile.
        srtp: String,
        /// DTLS suite.
        dtls: String,
    },
    /// The media plane: the branch is gone.
    SessionEnded {
        /// Which.
        session: SessionId,
        /// Why.
        cause: EndCause,
        /// What went out.
        traffic: Traffic,
    },
    /// Close an open ticket for a reason that is no person's decision.
    CloseByRule {
        /// Which.
        ticket: TicketId,
        /// Why.
        cause: CloseCause,
    },
    /// Time has passed: expire, lapse, end what the convention no longer covers. Idempotent.
    Tick {
        /// What is over by the monotonic clock, whatever the wall clock says (fault 6).
        overdue: BTreeSet<Timer>,
        /// Sessions whose monotonic deadline has passed.
        overdue_sessions: BTreeSet<SessionId>,
    },
    /// Take the register, or a list drawn from it, out (A4-5).
    ExportRegister {
        /// In which form.
        format: ExportFormat,
        /// Which part.
        filter: RegisterFilter,
    },
    /// Look at recordings (A5-6).
    ViewFootage {
        /// Made by the web.
        viewing: ViewingId,
        /// Which.
        footage: Excerpt,
    },
    /// Take recordings out (A4-10).
    ExportFootage {
        /// Made by the web.
        export: ExportId,
        /// Which.
        footage: Excerpt,
        /// What it is for, e.g. a requisition's reference; as typed.
        reference: String,
    },
    /// The wall clock was found to have stepped (fault 6).
    ClockStepped {
        /// Forward positive, microseconds.
        by_us: i64,
    },
    /// Opening the register cut off a torn last line that was never acknowledged.
    RegisterRepaired {
        /// How many bytes.
        dropped_bytes: u64,
        /// Their SHA-256, hexadecimal.
        sha256: String,
    },
    /// The server has started: whatever was open or attached is closed (fault 19).
    ServerStarted {
        /// Version of the program.
        version: String,
        /// What the previous run last wrote about itself, if there was one.
        last_heartbeat: Option<Heartbeat>,
    },
    /// The server stops on purpose.
    ServerStopping,
    /// The outbox tells how far a mail has come (A3-7). Idempotent.
    NoteMail(Box<MailNote>),
}
