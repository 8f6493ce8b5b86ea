//! Pages: plain view models and the functions that draw them from `web/templates`. They know nothing of requests, the
//! keeper or the store; what a person may see has been decided before a view model is filled.
//!
//! Every page is one module with one view model and one `render(&Shell, &View)`. A [`Shell`] is what all pages share:
//! language, who is logged in, the CSRF token, banners. All text comes from `web/locales` (French first, English); all
//! instants are UTC in the view models and shown in Europe/Paris with UTC beside them.
//!
//! Guarantees: every value is HTML-escaped by the templates; no inline script or style (the CSP forbids both); without
//! scripts the forms still work, except for live images.
//!
//! Does not: decide who may see or do what, talk to anything, keep state.
//!
//! Serves A3-1, A3-4, A3-5, A4-2 to A4-5, A4-9, A6-5, A6-7, faults 15 and 16, and RGAA (WCAG 2.1 AA).

pub mod alerts;
pub mod annex;
pub mod changes;
pub mod connections;
pub mod cut;
pub mod entry;
pub mod error;
pub mod footage;
mod footage_sentence;
pub mod home;
pub mod invitation;
mod locale;
pub mod login;
pub mod mails;
pub mod names;
pub mod notice;
pub mod outbox;
pub mod own_factor;
pub mod people;
pub mod person;
pub mod recordings;
pub mod register;
pub mod second_factor;
mod sentence;
pub mod sessions;
mod shell;
pub mod site;
pub mod sites;
pub mod storage;
pub mod ticket;
pub mod tickets;
pub mod traceability;
pub mod watch;
pub mod workstations;

pub use locale::{Language, Locale, words, words_with};
pub use names::Names;
pub use sentence::{ending, plain};
pub use shell::{Banner, Notice, Persona, Shell, Trouble};
pub use ticket::{TicketCard, short_id};
