//! The rules of the convention, pure: [`decide()`] turns a command into events or a named refusal, [`State::apply`]
//! folds events into state. No clock, no IO, no async, no randomness: time and ids are arguments, so that every rule
//! can be tested, replayed and property-tested.
//!
//! Serves A1-1, A2-1, A3-1, A3-3 to A3-5, A4-1 to A4-7, A5-6, A5-7, A8-1 and faults 3, 4, 7, 8, 18, 19.

mod command;
mod decide;
mod event;
mod ids;
pub mod instant;
mod person;
pub mod policy;
mod refusal;
mod session;
mod site;
mod state;
mod ticket;
mod workstation;

pub use command::{Action, Actor, Command, Heartbeat, LiveCut};
pub use decide::{MAX_WHY_CHARS, MAX_WORKSTATION_CHARS, Measured, decide, measure};
pub use event::{Entry, Event};
pub use ids::{CameraId, IdError, PersonId, ServiceId, SessionId, SiteId, TicketId, WorkstationId};
pub use person::{Designation, Role};
pub use refusal::{Fault, Refusal, RefusalKind};
pub use session::{EndCause, Purpose, Session, SessionState, Traffic};
pub use site::{Camera, Convention, Service, Site};
pub use state::State;
pub use ticket::{CloseCause, Reason, Ticket, TicketState};
pub use workstation::Workstation;
