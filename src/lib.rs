//! Écluse: a media server with a lock gate in it.
//!
//! Cameras push RTSP over AES-256 into [`media::ingest`]; [`media::hub`] keeps one live stream per camera; a viewer
//! branch ([`media::viewer`]) is attached only with a [`control::grant::Grant`], which only [`control`] can make, and
//! only after the decision that allows it stands in the [`register`].
//!
//! Rooms, from the ground up (arrows point downwards only):
//!
//! | room | job | imports |
//! |---|---|---|
//! | [`domain`] | pure rules: `decide` and `apply`; no clock, no IO, no async | nothing of ours |
//! | [`register`] | append-only, fsynced, hash-chained log of what happened | `domain` |
//! | [`store`] | sled: what can be rebuilt, and what is no legal record | `domain` |
//! | [`control`] | the single writer: decide, record, then act; makes and revokes grants | `domain` `register` `store` |
//! | [`media`] | GStreamer: ingest, hub, DTLS-SRTP elements, viewer branches | the `Grant`, nothing else of control |
//! | [`archive`] | every camera, encrypted on disk: recorder, segments, keys | `media::hub` `store` |
//! | [`evidence`] | footage taken out: a ZIP that proves what it is, and its verification | `archive` `register` |
//! | [`mail`] | outbox worker and messages | `store` |
//! | [`export`] | tables and documents out of the register | `domain` `register`, words of `web` |
//! | [`web`] | TLS, log-in, WHEP, one module per persona, live pages | `control` `media` `store` `mail`, `archive` (read) |
//! | [`console`] | the machine's own console: people, by whoever has the server's account | `control` `store` |
//! | [`cli`] | one file per subcommand, wires the rooms together | everything |

/// What tests share with the tests of the whole program names this crate as they do.
#[cfg(test)]
extern crate self as ecluse;

pub mod archive;
pub mod cli;
pub mod clock;
pub mod config;
pub mod console;
pub mod control;
pub mod domain;
pub mod evidence;
pub mod export;
pub mod mail;
pub mod media;
pub mod memory;
pub mod pki;
pub mod register;
pub mod store;
pub mod telemetry;
pub mod web;
