//! The decoder's first inch: tells DTLS, RTP and RTCP apart, and drops what nobody needs before any work is done on it.

mod imp;

use crate::media::dtls_srtp::transport::Transport;
use gstreamer as gst;
use gstreamer::glib;
use gstreamer::subclass::prelude::*;
use std::sync::Arc;

glib::wrapper! {
    /// Inner element of [`super::DtlsSrtpDec`]: `sink` in, `rtp` and `rtcp` out.
    pub struct Inlet(ObjectSubclass<imp::Inlet>) @extends gst::Element, gst::Object;
}

impl Inlet {
    /// Who gets the DTLS records; the first one stays.
    pub(in crate::media::dtls_srtp) fn set_transport(&self, transport: Arc<Transport>) {
        self.imp().set_transport(transport);
    }
    /// Keys are in place: lets RTCP pass, and RTP if somebody wants it.
    pub fn open(&self, receive_media: bool) {
        self.imp().open(receive_media);
    }
    /// No keys: nothing but DTLS.
    pub fn shut(&self) {
        self.imp().shut();
    }
}
