//! `dtlssrtpenc`: encrypts what leaves, and asks the gate.
//!
//! ```text
//!  rtp_sink_%d  ──▶ srtpenc ──▶ ┌────────┐
//!  rtcp_sink_%d ──▶ srtpenc ──▶ │ outlet │ ──▶ src ──▶ (nicesink)
//!  DTLS records ──────────────▶ └────────┘
//!  data_sink    ──▶ dropped         ▲ Gate
//! ```
//!
//! Properties, signals and pads are those webrtcbin expects of the stock element.

mod imp;
mod outlet;

use super::Binding;
use super::handshake::SrtpKey;
use super::outcome::Negotiated;
use gstreamer as gst;
use gstreamer::glib;
use gstreamer::subclass::prelude::*;

glib::wrapper! {
    /// Our `dtlssrtpenc` (A6-5).
    pub struct DtlsSrtpEnc(ObjectSubclass<imp::DtlsSrtpEnc>) @extends gst::Bin, gst::Element, gst::Object;
}

impl DtlsSrtpEnc {
    /// Tells this transport whom to expect and whom to ask. Without it no media ever passes. Must come before the
    /// handshake; a second call is ignored.
    pub fn bind(&self, binding: Binding) {
        self.imp().bind(binding);
    }

    /// What was agreed on; `None` while not connected.
    pub fn negotiated(&self) -> Option<Negotiated> {
        self.imp().negotiated()
    }

    /// Says goodbye to the peer, which then knows at once that nothing follows, and takes the keys away. Returns at
    /// once; the datagram leaves from a pool thread. The [`super::Outcome`] callback is not called for it.
    pub fn close(&self) {
        self.imp().close();
    }

    /// Sends a DTLS datagram.
    pub(super) fn push_dtls(&self, datagram: Vec<u8>) {
        self.imp().push_dtls(datagram);
    }

    /// Puts the key in place: from now on media passes, gate permitting.
    pub(super) fn install(&self, key: &SrtpKey) {
        self.imp().install(key);
    }

    /// From now on no media passes.
    pub(super) fn uninstall(&self) {
        self.imp().uninstall();
    }
}
