//! `dtlssrtpdec`: takes what arrives apart, and decrypts it.
//!
//! ```text
//!                       ┌───────┐ ──▶ srtpdec ──▶ rtp_src
//!  (nicesrc) ──▶ sink ──│ inlet │ ──▶ srtpdec ──▶ rtcp_src
//!                       └───────┘ ──▶ the DTLS connection
//!                                     data_src: nothing ever comes out
//! ```
//!
//! Properties and pads are those webrtcbin expects of the stock element.

mod imp;
mod inlet;

use super::handshake::SrtpKey;
use gstreamer as gst;
use gstreamer::glib;
use gstreamer::subclass::prelude::*;

glib::wrapper! {
    /// Our `dtlssrtpdec` (A6-5).
    pub struct DtlsSrtpDec(ObjectSubclass<imp::DtlsSrtpDec>) @extends gst::Bin, gst::Element, gst::Object;
}

impl DtlsSrtpDec {
    /// Puts the key in place. RTP is decrypted only if somebody wants it.
    pub(super) fn install(&self, key: &SrtpKey, peer_pem: &str, receive_media: bool) {
        self.imp().install(key, peer_pem, receive_media);
    }

    /// From now on nothing is decrypted.
    pub(super) fn uninstall(&self) {
        self.imp().uninstall();
    }
}
