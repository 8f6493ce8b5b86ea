//! The encoder's last inch: every packet passes here on its way to the socket, and here the gate is asked (A4-4).

mod imp;

use crate::media::dtls_srtp::Gate;
use gstreamer as gst;
use gstreamer::glib;
use gstreamer::subclass::prelude::*;
use std::sync::Arc;

glib::wrapper! {
    /// Inner element of [`super::DtlsSrtpEnc`]: `rtp_%u` and `rtcp_%u` in, `src` out.
    pub struct Outlet(ObjectSubclass<imp::Outlet>) @extends gst::Element, gst::Object;
}

impl Outlet {
    /// Whom to ask; the first one stays.
    pub fn set_gate(&self, gate: Arc<dyn Gate>) {
        self.imp().set_gate(gate);
    }
    /// Whether SRTP keys are in place; without them nothing but DTLS passes.
    pub fn set_keyed(&self, keyed: bool) {
        self.imp().set_keyed(keyed);
    }
    /// Whether keys have ever been in place.
    pub fn was_keyed(&self) -> bool {
        self.imp().was_keyed()
    }
    /// Sends a DTLS datagram: it carries no image, so the gate is not asked.
    pub fn push_dtls(&self, datagram: gst::Buffer) {
        self.imp().push_dtls(datagram);
    }
}
