//! The keeper: the single writer. It takes a command, asks [`crate::domain::decide`], appends the events to the
//! register and fsyncs, applies them, and only then performs effects: open or shut a gate, queue a mail, tell the pages.
//! Two people deciding in the same second are ordered by its one queue (fault 4). A register that cannot be written
//! shuts every gate (fault 14).

mod effect;
mod error;
mod gates;
pub mod grant;
mod handle;
mod health;
mod heartbeat;
mod keeper;
mod lanes;
mod latch;
mod projector;
mod recorder;
mod shared;
mod start;
mod work;

pub use effect::Effect;
pub use error::ControlError;
pub use handle::{AttachRequest, Control, ControlSettings, Receipt, TicketRequest};
pub use health::{Health, RegisterHealth};
