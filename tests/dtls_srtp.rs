//! The DTLS-SRTP elements in real webrtcbins, against themselves, str0m, aiortc and GStreamer's own elements (A6-5).
//!
//! All on this machine: no packet leaves it. `ECLUSE_CAMPAIGN=N` sets the number of sessions of the leak test.

#[path = "dtls_srtp/peer.rs"]
mod peer;
#[path = "support/str0m_receiver.rs"]
mod str0m_receiver;

#[path = "dtls_srtp/aiortc.rs"]
mod aiortc;
#[path = "dtls_srtp/elements.rs"]
mod elements;
#[path = "dtls_srtp/refusals.rs"]
mod refusals;
#[path = "dtls_srtp/sessions.rs"]
mod sessions;
#[path = "dtls_srtp/stock.rs"]
mod stock;
