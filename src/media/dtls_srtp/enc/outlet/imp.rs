//! Implementation of the outlet.

use crate::media::dtls_srtp::{Gate, Load, PacketKind};
use gstreamer as gst;
use gstreamer::glib;
use gstreamer::prelude::*;
use gstreamer::subclass::prelude::*;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, OnceLock};

static CAT: LazyLock<gst::DebugCategory> = LazyLock::new(|| {
    gst::DebugCategory::new("ecluse-dtlssrtpenc-outlet", gst::DebugColorFlags::empty(), Some("Where the gate is asked"))
});

/// The outlet.
pub struct Outlet {
    src: gst::Pad,
    gate: OnceLock<Arc<dyn Gate>>,
    keyed: AtomicBool,
    was_keyed: AtomicBool,
}

impl Outlet {
    pub(super) fn set_gate(&self, gate: Arc<dyn Gate>) {
        let _ = self.gate.set(gate);
    }

    pub(super) fn set_keyed(&self, keyed: bool) {
        self.keyed.store(keyed, Ordering::SeqCst);
        if keyed {
            self.was_keyed.store(true, Ordering::SeqCst);
        }
    }

    pub(super) fn was_keyed(&self) -> bool {
        self.was_keyed.load(Ordering::Relaxed)
    }

    pub(super) fn push_dtls(&self, datagram: gst::Buffer) {
        if let Err(e) = self.src.push(datagram) {
            // Not yet or no longer running: a lost datagram, which DTLS is made for.
            gst::debug!(CAT, imp = self, "DTLS datagram not sent: {e}");
        }
    }

    /// Asks the gate, then pushes. What may not pass is dropped, and upstream is told that all is well: an error would
    /// make it tear streams down that somebody else is taking apart in good order.
    fn pass(
        &self,
        load: Load,
        mut send: impl FnMut() -> Result<gst::FlowSuccess, gst::FlowError>,
    ) -> Result<gst::FlowSuccess, gst::FlowError> {
        let Some(gate) = self.gate.get().filter(|_| self.keyed.load(Ordering::SeqCst)) else {
            gst::trace!(CAT, imp = self, "no gate or no keys: dropped {load:?}");
            return Ok(gst::FlowSuccess::Ok);
        };
        let mut flow = Ok(gst::FlowSuccess::Ok);
        let passed = gate.pass(load, &mut || {
            flow = send();
            flow.is_ok()
        });
        if !passed {
            gst::trace!(CAT, imp = self, "the gate is shut: dropped {load:?}");
        }
        flow
    }
}

#[glib::object_subclass]
impl ObjectSubclass for Outlet {
    const NAME: &'static str = "EcluseDtlsSrtpOutlet";
    type Type = super::Outlet;
    type ParentType = gst::Element;

    fn with_class(class: &Self::Class) -> Self {
        let src = match class.pad_template("src") {
            Some(templ) => gst::Pad::builder_from_template(&templ),
            None => gst::Pad::builder(gst::PadDirection::Src),
        };
        Self {
            // Pads negotiated elsewhere: what leaves are datagrams, whatever their caps.
            src: src.name("src").build(),
            gate: OnceLock::new(),
            keyed: AtomicBool::new(false),
            was_keyed: AtomicBool::new(false),
        }
    }
}

impl ObjectImpl for Outlet {
    fn constructed(&self) {
        self.parent_constructed();
        if let Err(e) = self.obj().add_pad(&self.src) {
            gst::error!(CAT, imp = self, "no src pad: {e}");
        }
    }
}

impl GstObjectImpl for Outlet {}

impl ElementImpl for Outlet {
    fn metadata() -> Option<&'static gst::subclass::ElementMetadata> {
        static METADATA: LazyLock<gst::subclass::ElementMetadata> = LazyLock::new(|| {
            gst::subclass::ElementMetadata::new(
                "DTLS-SRTP outlet",
                "Filter/Network",
                "Asks a gate before every SRTP and SRTCP packet",
                "Écluse",
            )
        });
        Some(&METADATA)
    }

    fn pad_templates() -> &'static [gst::PadTemplate] {
        static TEMPLATES: LazyLock<Vec<gst::PadTemplate>> = LazyLock::new(|| {
            use gst::PadDirection::{Sink, Src};
            use gst::PadPresence::{Always, Request};
            let srtp = gst::Caps::new_empty_simple("application/x-srtp");
            let srtcp = gst::Caps::new_empty_simple("application/x-srtcp");
            [
                gst::PadTemplate::new("rtp_%u", Sink, Request, &srtp),
                gst::PadTemplate::new("rtcp_%u", Sink, Request, &srtcp),
                gst::PadTemplate::new("src", Src, Always, &gst::Caps::new_any()),
            ]
            .into_iter()
            // Constants that GStreamer accepts; see the encoder.
            .filter_map(Result::ok)
            .collect()
        });
        &TEMPLATES
    }

    fn request_new_pad(&self, templ: &gst::PadTemplate, name: Option<&str>, _: Option<&gst::Caps>) -> Option<gst::Pad> {
        let kind = if templ.name_template().starts_with("rtcp") { PacketKind::Srtcp } else { PacketKind::Srtp };
        let pad = gst::Pad::builder_from_template(templ)
            .name(name?)
            .chain_function(move |_, parent, buffer| {
                let Some(outlet) = parent.and_then(|p| p.downcast_ref::<super::Outlet>()) else {
                    return Err(gst::FlowError::Flushing);
                };
                let outlet = outlet.imp();
                let load = Load { kind, packets: 1, bytes: buffer.size() };
                let mut buffer = Some(buffer);
                outlet.pass(load, || buffer.take().map_or(Ok(gst::FlowSuccess::Ok), |b| outlet.src.push(b)))
            })
            .chain_list_function(move |_, parent, list| {
                let Some(outlet) = parent.and_then(|p| p.downcast_ref::<super::Outlet>()) else {
                    return Err(gst::FlowError::Flushing);
                };
                let outlet = outlet.imp();
                let load = Load { kind, packets: list.len(), bytes: list.iter().map(gst::BufferRef::size).sum() };
                let mut list = Some(list);
                outlet.pass(load, || list.take().map_or(Ok(gst::FlowSuccess::Ok), |l| outlet.src.push_list(l)))
            })
            // The outgoing stream has its own stream-start and segment; caps of srtpenc carry the key and stay here. A
            // stream that ends or flushes must not take the others along.
            .event_function(|_, _, _| true)
            .build();
        let added = pad.set_active(true).and_then(|()| self.obj().add_pad(&pad));
        added.inspect_err(|e| gst::error!(CAT, imp = self, "no pad {name:?}: {e}")).ok().map(|()| pad)
    }

    fn release_pad(&self, pad: &gst::Pad) {
        let _ = pad.set_active(false);
        let _ = self.obj().remove_pad(pad);
    }

    fn change_state(&self, transition: gst::StateChange) -> Result<gst::StateChangeSuccess, gst::StateChangeError> {
        let success = self.parent_change_state(transition)?;
        if transition == gst::StateChange::ReadyToPaused {
            // Several threads push into one pad: let GStreamer send these before whichever comes first.
            let stream_id = format!("dtls-srtp/{}", self.obj().path_string());
            let events = [
                gst::event::StreamStart::new(&stream_id),
                gst::event::Segment::new(&gst::FormattedSegment::<gst::ClockTime>::new()),
            ];
            for event in &events {
                if let Err(e) = self.src.store_sticky_event(event) {
                    gst::error!(CAT, imp = self, "{event:?} not kept: {e}");
                }
            }
        }
        Ok(success)
    }
}
