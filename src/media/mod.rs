//! The media plane: GStreamer threads, from the cameras' RTSP to the viewers' SRTP.
//!
//! It knows the [`crate::control::grant::Grant`] and its own settings; nothing of tickets, pages or people.

pub mod dtls_srtp;
pub mod hub;
pub mod ingest;
pub mod viewer;
