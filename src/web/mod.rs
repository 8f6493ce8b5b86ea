//! Pages, JSON interface, WHEP and live events over our own TLS loop.
//!
//! A request's way: [`server`] accepts and decrypts, [`dispatch`] finds its row in [`routes::TABLE`], learns who asks
//! ([`auth`]), checks role and proof of origin, reads the body within its limit, and calls the one handler. Handlers
//! know people, tickets and sites only through the keeper and [`access`], which leaves out what is not for this person's
//! eyes. Pages and the JSON interface share one handler core each; only the dress differs.
//!
//! Guarantees: nothing is reachable that is not in the table; every change needs a proof that it comes from our own page;
//! no token, password or query string is logged; an answer about an account or a ticket that is not yours reads like one
//! about something that does not exist; a transfer is opened, fed and left with the ticket's link, the log-in and the
//! workstation it was bound to, all three ([`link`]).
//!
//! Does not: decide anything (the keeper does), draw pages (`pages` does), touch media (the viewers' room does).
//!
//! Serves A1-3, A3-4, A3-6, A4-2, A4-4, A5-6, A5-7, A6-1, A6-5, A6-7 and faults 2, 3, 10, 25. Design notes:
//! `docs/design/accounts.md`, `link.md`, `oidc.md`, `viewer.md` there.

mod access;
mod admin;
mod alerts;
mod annex;
mod answer;
mod app;
pub mod assets;
mod auth;
mod bearer;
mod changes;
mod chrome;
pub mod connections;
mod dispatch;
pub mod events;
mod footage;
mod in_flight;
mod invitation;
mod language;
mod limits;
mod link;
mod login;
mod mails;
mod metrics;
mod misc;
mod models;
mod oidc;
mod own_factor;
pub mod pages;
mod people;
mod problem;
mod recordings;
mod register;
mod request;
pub mod routes;
mod server;
mod settings;
mod sightings;
mod site;
mod sites;
mod storage;
mod tickets;
mod tls;
mod traceability;
mod urgent;
mod whep;
mod workstations;

pub use auth::oidc_provider::{OidcSettings, OidcSettingsError};
pub use connections::Connections;
pub use misc::OPENAPI;
pub(crate) use models::word_of;
pub use server::Server;
pub use settings::{
    Demo, DemoAccount, IceServer, Limits, Rate, SecondFactorPolicy, ServeError, WebContext, WebSettings,
};
