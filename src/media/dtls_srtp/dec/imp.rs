//! Implementation of `dtlssrtpdec`.

use super::super::handshake::SrtpKey;
use super::super::identity::Identity;
use super::super::transport::{ConnectionState, Transport};
use super::inlet::Inlet;
use gstreamer as gst;
use gstreamer::glib;
use gstreamer::prelude::*;
use gstreamer::subclass::prelude::*;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

static CAT: LazyLock<gst::DebugCategory> = LazyLock::new(|| {
    gst::DebugCategory::new("ecluse-dtlssrtpdec", gst::DebugColorFlags::empty(), Some("Écluse's DTLS-SRTP decoder"))
});

/// What the handshake brought.
#[derive(Default)]
struct State {
    transport: Option<Arc<Transport>>,
    peer_pem: Option<String>,
    /// For `srtpdec`: key and cipher of any stream.
    keys: Option<gst::Caps>,
}

/// `dtlssrtpdec`.
pub struct DtlsSrtpDec {
    connection_id: Mutex<Option<String>>,
    state: Mutex<State>,
    srtpdec: Option<gst::Element>,
    inlet: Inlet,
}

impl DtlsSrtpDec {
    pub(super) fn install(&self, key: &SrtpKey, peer_pem: &str, receive_media: bool) {
        let mut state = self.state();
        state.peer_pem = Some(peer_pem.to_owned());
        state.keys = Some(
            gst::Caps::builder("application/x-srtp")
                .field("srtp-key", gst::Buffer::from_slice(*key))
                .field("srtp-cipher", "aes-256-gcm")
                .field("srtp-auth", "null")
                .field("srtcp-cipher", "aes-256-gcm")
                .field("srtcp-auth", "null")
                .build(),
        );
        drop(state);
        self.inlet.open(receive_media);
    }

    pub(super) fn uninstall(&self) {
        self.inlet.shut();
        self.state().keys = None;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn build(&self) -> Result<(), glib::BoolError> {
        let bin = self.obj();
        let srtpdec = self.srtpdec.as_ref().ok_or_else(|| glib::bool_error!("element srtpdec is missing"))?;
        bin.add_many([self.inlet.upcast_ref(), srtpdec])?;
        self.inlet.link_pads(Some("rtp"), srtpdec, Some("rtp_sink"))?;
        self.inlet.link_pads(Some("rtcp"), srtpdec, Some("rtcp_sink"))?;
        for (name, element) in [("sink", self.inlet.upcast_ref()), ("rtp_src", srtpdec), ("rtcp_src", srtpdec)] {
            let target = element.static_pad(name).ok_or_else(|| glib::bool_error!("no inner pad {name}"))?;
            let templ = bin.pad_template(name).ok_or_else(|| glib::bool_error!("no template for {name}"))?;
            bin.add_pad(&gst::GhostPad::builder_from_template_with_target(&templ, &target)?.name(name).build())?;
        }
        let weak = self.downgrade();
        srtpdec.connect("request-key", false, move |_| {
            let keys = weak.upgrade().and_then(|dec| dec.state().keys.clone());
            Some(keys.to_value())
        });
        Ok(())
    }
}

#[glib::object_subclass]
impl ObjectSubclass for DtlsSrtpDec {
    const NAME: &'static str = "EcluseDtlsSrtpDec";
    type Type = super::DtlsSrtpDec;
    type ParentType = gst::Bin;

    fn new() -> Self {
        Self {
            connection_id: Mutex::default(),
            state: Mutex::default(),
            srtpdec: gst::ElementFactory::make("srtpdec").build().ok(),
            inlet: glib::Object::new(),
        }
    }
}

impl ObjectImpl for DtlsSrtpDec {
    fn properties() -> &'static [glib::ParamSpec] {
        static PROPERTIES: LazyLock<Vec<glib::ParamSpec>> = LazyLock::new(|| {
            vec![
                glib::ParamSpecString::builder("connection-id")
                    .nick("Connection id")
                    .blurb("Encoder and decoder with the same id share one DTLS connection; one of each per id")
                    .mutable_ready()
                    .build(),
                glib::ParamSpecString::builder("pem")
                    .nick("Certificate")
                    .blurb(
                        "This run's certificate, PEM, without its key: webrtcbin hashes all of it into the SDP. \
                         Writing is accepted for webrtcbin's sake and changes nothing",
                    )
                    .build(),
                glib::ParamSpecString::builder("peer-pem")
                    .nick("Peer's certificate")
                    .blurb("The certificate the peer proved to hold, PEM; only once it matched its SDP")
                    .read_only()
                    .build(),
                glib::ParamSpecEnum::builder::<ConnectionState>("connection-state")
                    .nick("Connection state")
                    .blurb("How far the DTLS connection is; connected only once the peer's fingerprint matched")
                    .read_only()
                    .build(),
            ]
        });
        &PROPERTIES
    }

    fn set_property(&self, _id: usize, value: &glib::Value, pspec: &glib::ParamSpec) {
        match pspec.name() {
            "connection-id" => {
                let Ok(Some(id)) = value.get::<Option<String>>() else { return };
                let joined = Transport::join_dec(&id, &self.obj());
                if joined.is_none() {
                    gst::error!(CAT, imp = self, "connection-id {id} belongs to another decoder: nothing will pass");
                } else if let Some(transport) = &joined {
                    self.inlet.set_transport(transport.clone());
                }
                self.state().transport = joined;
                *self.connection_id.lock().unwrap_or_else(PoisonError::into_inner) = Some(id);
            }
            other => gst::warning!(CAT, imp = self, "property {other} is not for others to set: ignored"),
        }
    }

    fn property(&self, _id: usize, pspec: &glib::ParamSpec) -> glib::Value {
        match pspec.name() {
            "connection-id" => self.connection_id.lock().unwrap_or_else(PoisonError::into_inner).to_value(),
            "pem" => Identity::process().ok().map(|identity| identity.certificate_pem().to_owned()).to_value(),
            "peer-pem" => self.state().peer_pem.to_value(),
            _ => {
                let transport = self.state().transport.clone();
                transport.map_or_else(ConnectionState::default, |t| t.connection_state()).to_value()
            }
        }
    }

    fn constructed(&self) {
        self.parent_constructed();
        if let Err(e) = self.build() {
            gst::error!(CAT, imp = self, "cannot be built, nothing will pass: {e}");
        }
    }
}

impl GstObjectImpl for DtlsSrtpDec {}

impl ElementImpl for DtlsSrtpDec {
    fn metadata() -> Option<&'static gst::subclass::ElementMetadata> {
        static METADATA: LazyLock<gst::subclass::ElementMetadata> = LazyLock::new(|| {
            gst::subclass::ElementMetadata::new(
                "DTLS-SRTP decoder, AES-256 only",
                "Decoder/Network/DTLS/SRTP",
                "Decrypts SRTP_AEAD_AES_256_GCM with keys from a DTLS 1.2 handshake",
                "Écluse",
            )
        });
        Some(&METADATA)
    }

    fn pad_templates() -> &'static [gst::PadTemplate] {
        static TEMPLATES: LazyLock<Vec<gst::PadTemplate>> = LazyLock::new(|| {
            use gst::PadDirection::{Sink, Src};
            use gst::PadPresence::{Always, Request};
            let rtp = gst::Caps::new_empty_simple("application/x-rtp");
            let rtcp = gst::Caps::new_empty_simple("application/x-rtcp");
            [
                gst::PadTemplate::new("sink", Sink, Always, &gst::Caps::new_any()),
                gst::PadTemplate::new("rtp_src", Src, Always, &rtp),
                gst::PadTemplate::new("rtcp_src", Src, Always, &rtcp),
                gst::PadTemplate::new("data_src", Src, Request, &gst::Caps::new_any()),
            ]
            .into_iter()
            // Constants that GStreamer accepts; see the encoder.
            .filter_map(Result::ok)
            .collect()
        });
        &TEMPLATES
    }

    fn request_new_pad(&self, templ: &gst::PadTemplate, _: Option<&str>, _: Option<&gst::Caps>) -> Option<gst::Pad> {
        // Data channels are not offered: the pad exists because webrtcbin asks for it.
        let pad = gst::Pad::builder_from_template(templ).name("data_src").build();
        let added = pad.set_active(true).and_then(|()| self.obj().add_pad(&pad));
        added.inspect_err(|e| gst::error!(CAT, imp = self, "no data_src: {e}")).ok().map(|()| pad)
    }

    fn release_pad(&self, pad: &gst::Pad) {
        let _ = pad.set_active(false);
        let _ = self.obj().remove_pad(pad);
    }

    fn change_state(&self, transition: gst::StateChange) -> Result<gst::StateChangeSuccess, gst::StateChangeError> {
        if transition == gst::StateChange::NullToReady && self.srtpdec.is_none() {
            return Err(gst::StateChangeError);
        }
        self.parent_change_state(transition)
    }
}

impl BinImpl for DtlsSrtpDec {}
