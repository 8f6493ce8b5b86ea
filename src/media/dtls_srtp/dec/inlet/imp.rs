//! Implementation of the inlet.

use crate::media::dtls_srtp::transport::Transport;
use gstreamer as gst;
use gstreamer::glib;
use gstreamer::prelude::*;
use gstreamer::subclass::prelude::*;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, Mutex, OnceLock, PoisonError};

static CAT: LazyLock<gst::DebugCategory> = LazyLock::new(|| {
    gst::DebugCategory::new("ecluse-dtlssrtpdec-inlet", gst::DebugColorFlags::empty(), Some("DTLS/RTP/RTCP demux"))
});

/// `srtpdec` keeps a stream for every SSRC it has seen, genuine or not: a peer may have so many, and no more.
const SSRCS: usize = 64;

/// RTP header and AES-GCM tag; RTCP header, tag and SRTCP index.
const SHORTEST_SRTP_BYTES: usize = 12 + 16;
const SHORTEST_SRTCP_BYTES: usize = 8 + 16 + 4;

/// What a datagram is, by its first bytes (RFC 7983, RFC 5761).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Datagram {
    Dtls,
    Rtp { ssrc: u32 },
    Rtcp { ssrc: u32 },
    Other,
}

fn classify(datagram: &[u8]) -> Datagram {
    let word_at = |at: usize| datagram.get(at..)?.first_chunk().map(|bytes| u32::from_be_bytes(*bytes));
    let classified = match datagram {
        [20..=63, ..] => Some(Datagram::Dtls),
        [128..=191, 192..=223, ..] if datagram.len() >= SHORTEST_SRTCP_BYTES => {
            word_at(4).map(|ssrc| Datagram::Rtcp { ssrc })
        }
        [128..=191, 192..=223, ..] => None,
        [128..=191, ..] if datagram.len() >= SHORTEST_SRTP_BYTES => word_at(8).map(|ssrc| Datagram::Rtp { ssrc }),
        _ => None,
    };
    classified.unwrap_or(Datagram::Other)
}

/// The inlet.
pub struct Inlet {
    rtp: gst::Pad,
    rtcp: gst::Pad,
    transport: OnceLock<Arc<Transport>>,
    keyed: AtomicBool,
    receive_media: AtomicBool,
    ssrcs: Mutex<Vec<u32>>,
}

impl Inlet {
    pub(super) fn set_transport(&self, transport: Arc<Transport>) {
        let _ = self.transport.set(transport);
    }

    pub(super) fn open(&self, receive_media: bool) {
        self.receive_media.store(receive_media, Ordering::Relaxed);
        self.keyed.store(true, Ordering::SeqCst);
    }

    pub(super) fn shut(&self) {
        self.keyed.store(false, Ordering::SeqCst);
    }

    fn chain(&self, buffer: gst::Buffer) {
        let Ok(map) = buffer.map_readable() else { return };
        let datagram = classify(&map);
        if datagram == Datagram::Dtls {
            if let Some(transport) = self.transport.get() {
                transport.input(&map);
            }
            return;
        }
        drop(map);
        let (pad, ssrc) = match datagram {
            _ if !self.keyed.load(Ordering::SeqCst) => return,
            Datagram::Rtcp { ssrc } => (&self.rtcp, ssrc),
            Datagram::Rtp { ssrc } if self.receive_media.load(Ordering::Relaxed) => (&self.rtp, ssrc),
            Datagram::Rtp { .. } | Datagram::Dtls | Datagram::Other => return,
        };
        if !self.knows(ssrc) {
            gst::trace!(CAT, imp = self, "more than {SSRCS} SSRCs: dropped");
            return;
        }
        // Whatever becomes of one packet, the next one may be DTLS: the flow goes on.
        if let Err(e) = pad.push(buffer) {
            gst::trace!(CAT, imp = self, "{datagram:?}: {e}");
        }
    }

    fn knows(&self, ssrc: u32) -> bool {
        let mut ssrcs = self.ssrcs.lock().unwrap_or_else(PoisonError::into_inner);
        if ssrcs.contains(&ssrc) {
            return true;
        }
        let has_room = ssrcs.len() < SSRCS;
        if has_room {
            ssrcs.push(ssrc);
        }
        has_room
    }

    fn event(&self, sink: &gst::Pad, event: gst::Event) -> bool {
        match event.view() {
            // Two streams come out of one.
            gst::EventView::StreamStart(start) => {
                for pad in [&self.rtp, &self.rtcp] {
                    let stream_id = format!("{}/{}", start.stream_id(), pad.name());
                    let mut own = gst::event::StreamStart::builder(&stream_id).flags(start.stream_flags());
                    if let Some(group) = start.group_id() {
                        own = own.group_id(group);
                    }
                    pad.push_event(own.build());
                    let caps = gst::Caps::new_empty_simple(format!("application/x-s{}", pad.name()));
                    pad.push_event(gst::event::Caps::new(&caps));
                }
                true
            }
            gst::EventView::Caps(_) => true,
            _ => gst::Pad::event_default(sink, Some(&*self.obj()), event),
        }
    }
}

#[glib::object_subclass]
impl ObjectSubclass for Inlet {
    const NAME: &'static str = "EcluseDtlsSrtpInlet";
    type Type = super::Inlet;
    type ParentType = gst::Element;

    fn with_class(class: &Self::Class) -> Self {
        let src = |name: &str| {
            match class.pad_template(name) {
                Some(templ) => gst::Pad::builder_from_template(&templ),
                None => gst::Pad::builder(gst::PadDirection::Src),
            }
            .name(name)
            .build()
        };
        Self {
            rtp: src("rtp"),
            rtcp: src("rtcp"),
            transport: OnceLock::new(),
            keyed: AtomicBool::new(false),
            receive_media: AtomicBool::new(false),
            ssrcs: Mutex::default(),
        }
    }
}

impl ObjectImpl for Inlet {
    fn constructed(&self) {
        self.parent_constructed();
        let Some(templ) = self.obj().pad_template("sink") else { return };
        let sink = gst::Pad::builder_from_template(&templ)
            .name("sink")
            .chain_function(|_, parent, buffer| {
                if let Some(inlet) = parent.and_then(|p| p.downcast_ref::<super::Inlet>()) {
                    inlet.imp().chain(buffer);
                }
                Ok(gst::FlowSuccess::Ok)
            })
            .event_function(|pad, parent, event| {
                parent.and_then(|p| p.downcast_ref::<super::Inlet>()).is_some_and(|inlet| inlet.imp().event(pad, event))
            })
            .build();
        for pad in [&sink, &self.rtp, &self.rtcp] {
            if let Err(e) = self.obj().add_pad(pad) {
                gst::error!(CAT, imp = self, "no pad {}: {e}", pad.name());
            }
        }
    }
}

impl GstObjectImpl for Inlet {}

impl ElementImpl for Inlet {
    fn metadata() -> Option<&'static gst::subclass::ElementMetadata> {
        static METADATA: LazyLock<gst::subclass::ElementMetadata> = LazyLock::new(|| {
            gst::subclass::ElementMetadata::new(
                "DTLS-SRTP inlet",
                "Demux/Network",
                "Tells DTLS, SRTP and SRTCP apart and drops what nobody needs",
                "Écluse",
            )
        });
        Some(&METADATA)
    }

    fn pad_templates() -> &'static [gst::PadTemplate] {
        static TEMPLATES: LazyLock<Vec<gst::PadTemplate>> = LazyLock::new(|| {
            use gst::PadDirection::{Sink, Src};
            use gst::PadPresence::Always;
            let srtp = gst::Caps::new_empty_simple("application/x-srtp");
            let srtcp = gst::Caps::new_empty_simple("application/x-srtcp");
            [
                gst::PadTemplate::new("sink", Sink, Always, &gst::Caps::new_any()),
                gst::PadTemplate::new("rtp", Src, Always, &srtp),
                gst::PadTemplate::new("rtcp", Src, Always, &srtcp),
            ]
            .into_iter()
            // Constants that GStreamer accepts; see the encoder.
            .filter_map(Result::ok)
            .collect()
        });
        &TEMPLATES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn garbage_is_no_packet() {
        for garbage in [&[][..], &[0], &[128], &[128, 200], &[191, 96, 0], &[64; 100], &[255; 100], &[2; 100]] {
            assert_eq!(classify(garbage), Datagram::Other, "{garbage:?}");
        }
    }

    #[test]
    fn packets_are_told_apart() {
        let mut packet = [0_u8; 40];
        packet[0] = 0x80;
        packet[1] = 96;
        packet[8..12].copy_from_slice(&7_u32.to_be_bytes());
        assert_eq!(classify(&packet), Datagram::Rtp { ssrc: 7 });
        packet[1] = 200;
        packet[4..8].copy_from_slice(&9_u32.to_be_bytes());
        assert_eq!(classify(&packet), Datagram::Rtcp { ssrc: 9 });
        packet[0] = 22;
        assert_eq!(classify(&packet), Datagram::Dtls);
    }
}
