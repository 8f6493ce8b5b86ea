//! The rules of the convention, pure: [`decide()`] turns a command into events or a named refusal, [`State::apply`]
//! folds events into state. No clock, no IO, no async, no randomness: time and ids are arguments, so that every rule
//! can be tested, replayed and property-tested.
//!
//! Serves A1-1, A1-2, A2-1, A3-1 to A3-5, A4-1 to A4-7, A5-2 to A5-6, A5-7, A8-1 and faults 1, 3, 4, 6, 7, 8, 18, 19.

mod alarm;
mod alert;
mod command;
pub mod day;
mod decide;
pub mod dossier;
mod event;
mod excerpt;
mod extract;
pub mod footage;
mod ids;
pub mod instant;
mod invitation;
mod mail;
mod person;
pub mod policy;
mod refusal;
mod retention;
mod retrieval;
mod rights;
mod session;
mod site;
mod state;
mod subject;
mod ticket;
mod usage;
mod workstation;

pub use alarm::StorageAlarm;
pub use alert::Alert;
pub use command::{Action, Actor, Command, FootageCommand, Heartbeat, LiveCut, ScopeForm, Timer};
pub use decide::{MAX_WHY_CHARS, MAX_WORKSTATION_CHARS, Measured, decide, measure};
pub use dossier::{Dossier, Missing, Record};
pub use event::{Entry, Event};
pub use excerpt::{Excerpt, MOST_EXPORT_HOURS, MOST_VIEWING_HOURS};
pub use extract::{EventKind, ExportFormat, RegisterFilter};
pub use footage::{Footage, FootageAct};
pub use ids::{
    AccessId, AlertId, CameraId, ExportId, HoldId, IdError, PersonId, ServiceId, SessionId, SiteId, TicketId,
    ViewingId, WorkstationId,
};
pub use invitation::{INVITATION_STANDS, Invitation, InvitationWay};
pub use mail::{MailFact, MailFailure, MailId, MailKind, MailNote, MailOutcome, MailTrace};
pub use person::{Designation, Role};
pub use policy::Policy;
pub use refusal::{Fault, Refusal, RefusalKind};
pub use retention::Retention;
pub use retrieval::{Retrieval, Retrievals};
pub use rights::{Proposal, RightsChange};
pub use session::{EndCause, Purpose, Session, SessionState, Traffic};
pub use site::{Camera, Convention, Service, Site};
pub use state::State;
pub use subject::Subject;
pub use ticket::{CloseCause, Need, OpenedBy, Reason, Ticket, TicketState};
pub use usage::{Limit, Until, Usage};
pub use workstation::{EXPIRY_REMINDERS_DAYS, Issuance, Revocation, Workstation};
