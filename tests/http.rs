//! The web against a real in-process server: real keeper, register, store and viewers in temporary directories, reached
//! over TLS by reqwest. Every answer of an interface is checked against `web/openapi.yaml` as it arrives.

#[path = "http/contract.rs"]
mod contract;
#[path = "support/dossier.rs"]
mod dossier;
#[path = "support/footage.rs"]
mod footage;
#[path = "http/rig.rs"]
mod rig;
#[path = "support/segment.rs"]
mod segment;
#[path = "support/totp.rs"]
mod totp;

#[path = "http/alerts.rs"]
mod alerts;
#[path = "http/bad_input.rs"]
mod bad_input;
#[path = "http/custody.rs"]
mod custody;
#[path = "http/dossier.rs"]
mod dossiers;
#[path = "http/events.rs"]
mod events;
#[path = "http/login.rs"]
mod login;
#[path = "http/matrix.rs"]
mod matrix;
#[path = "http/need.rs"]
mod need;
#[path = "http/pages.rs"]
mod pages;
#[path = "http/people.rs"]
mod people;
#[path = "http/recordings.rs"]
mod recordings;
#[path = "http/recordings_flood.rs"]
mod recordings_flood;
#[path = "http/register.rs"]
mod register;
#[path = "http/schemathesis.rs"]
mod schemathesis;
#[path = "http/second_factor.rs"]
mod second_factor;
#[path = "http/sites.rs"]
mod sites;
#[path = "http/storage.rs"]
mod storage;
#[path = "http/supervision.rs"]
mod supervision;
#[path = "http/tickets.rs"]
mod tickets;
#[path = "http/timeline.rs"]
mod timeline;
#[path = "http/timestamps.rs"]
mod timestamps;
#[path = "http/transport.rs"]
mod transport;
#[path = "http/urgent.rs"]
mod urgent;
#[path = "http/whep.rs"]
mod whep;
#[path = "http/workstations.rs"]
mod workstations;
