//! Implementation of `dtlssrtpenc`.

use super::super::Binding;
use super::super::handshake::{Role, SrtpKey};
use super::super::outcome::{Cause, Negotiated, Outcome};
use super::super::transport::{ConnectionState, Transport};
use super::outlet::Outlet;
use gstreamer as gst;
use gstreamer::glib;
use gstreamer::glib::subclass::Signal;
use gstreamer::prelude::*;
use gstreamer::subclass::prelude::*;
use std::sync::{Arc, LazyLock, Mutex, OnceLock, PoisonError};

static CAT: LazyLock<gst::DebugCategory> = LazyLock::new(|| {
    gst::DebugCategory::new("ecluse-dtlssrtpenc", gst::DebugColorFlags::empty(), Some("Écluse's DTLS-SRTP encoder"))
});

/// What the application sets.
#[derive(Debug, Clone, Default)]
struct Settings {
    connection_id: Option<String>,
    is_client: bool,
    rtp_sync: bool,
}

/// `dtlssrtpenc`.
pub struct DtlsSrtpEnc {
    settings: Mutex<Settings>,
    binding: OnceLock<Binding>,
    transport: Mutex<Option<Arc<Transport>>>,
    srtpenc: Option<gst::Element>,
    outlet: Outlet,
}

impl DtlsSrtpEnc {
    pub(super) fn bind(&self, binding: Binding) {
        let gate = binding.gate.clone();
        if self.binding.set(binding).is_ok() {
            self.outlet.set_gate(gate);
        } else {
            gst::warning!(CAT, imp = self, "bound already: the first binding stays");
        }
    }

    pub(super) fn negotiated(&self) -> Option<Negotiated> {
        self.transport()?.negotiated()
    }

    pub(super) fn close(&self) {
        if let Some(transport) = self.transport() {
            transport.close();
        }
    }

    pub(super) fn push_dtls(&self, datagram: Vec<u8>) {
        self.outlet.push_dtls(gst::Buffer::from_slice(datagram));
    }

    pub(super) fn install(&self, key: &SrtpKey) {
        let Some(srtpenc) = &self.srtpenc else { return };
        srtpenc.set_property("random-key", false);
        srtpenc.set_property("key", gst::Buffer::from_slice(*key));
        self.outlet.set_keyed(true);
    }

    pub(super) fn uninstall(&self) {
        self.outlet.set_keyed(false);
    }

    fn settings(&self) -> std::sync::MutexGuard<'_, Settings> {
        self.settings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn transport(&self) -> Option<Arc<Transport>> {
        self.transport.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn join(&self, id: &str) {
        let joined = Transport::join_enc(id, &self.obj());
        if joined.is_none() {
            gst::error!(CAT, imp = self, "connection-id {id} belongs to another encoder: no media will pass");
        }
        *self.transport.lock().unwrap_or_else(PoisonError::into_inner) = joined;
    }

    /// A pad for a stream to encrypt: `rtp_sink_3` goes through `srtpenc` into the outlet's `rtp_3`.
    fn add_stream_pad(&self, templ: &gst::PadTemplate, kind: &str, number: u32) -> Result<gst::Pad, glib::BoolError> {
        let srtpenc = self.srtpenc.as_ref().ok_or_else(|| glib::bool_error!("element srtpenc is missing"))?;
        let sink = srtpenc
            .request_pad_simple(&format!("{kind}_sink_{number}"))
            .ok_or_else(|| glib::bool_error!("srtpenc has no {kind}_sink_{number} to give"))?;
        srtpenc.link_pads(Some(&format!("{kind}_src_{number}")), &self.outlet, Some(&format!("{kind}_{number}")))?;
        let ghost = gst::GhostPad::builder_from_template_with_target(templ, &sink)?
            .name(format!("{kind}_sink_{number}"))
            .build();
        // Nothing may be encrypted with anything but the negotiated key. `Handled`, not `Drop`: on GStreamer 1.22 the
        // bindings' `Drop` frees a packet twice over (a critical warning, no more).
        let outlet = self.outlet.downgrade();
        ghost.add_probe(gst::PadProbeType::BUFFER | gst::PadProbeType::BUFFER_LIST, move |_, _| {
            match outlet.upgrade().is_some_and(|outlet| outlet.was_keyed()) {
                true => gst::PadProbeReturn::Remove,
                false => gst::PadProbeReturn::Handled,
            }
        });
        ghost.set_active(true)?;
        self.obj().add_pad(&ghost)?;
        Ok(ghost.upcast())
    }
}

#[glib::object_subclass]
impl ObjectSubclass for DtlsSrtpEnc {
    const NAME: &'static str = "EcluseDtlsSrtpEnc";
    type Type = super::DtlsSrtpEnc;
    type ParentType = gst::Bin;

    fn new() -> Self {
        let srtpenc = gst::ElementFactory::make("srtpenc")
            // It will not start without a key. Nothing is encrypted with this one: see `add_stream_pad`.
            .property("random-key", true)
            .property_from_str("rtp-cipher", "aes-256-gcm")
            .property_from_str("rtp-auth", "null")
            .property_from_str("rtcp-cipher", "aes-256-gcm")
            .property_from_str("rtcp-auth", "null")
            .build()
            .ok();
        Self {
            settings: Mutex::default(),
            binding: OnceLock::new(),
            transport: Mutex::default(),
            srtpenc,
            outlet: glib::Object::new(),
        }
    }
}

impl ObjectImpl for DtlsSrtpEnc {
    fn properties() -> &'static [glib::ParamSpec] {
        static PROPERTIES: LazyLock<Vec<glib::ParamSpec>> = LazyLock::new(|| {
            vec![
                glib::ParamSpecString::builder("connection-id")
                    .nick("Connection id")
                    .blurb("Encoder and decoder with the same id share one DTLS connection; one of each per id")
                    .mutable_ready()
                    .build(),
                glib::ParamSpecBoolean::builder("is-client")
                    .nick("Is client")
                    .blurb("Whether this side sends the ClientHello (a=setup:active); set it before PAUSED")
                    .mutable_ready()
                    .build(),
                glib::ParamSpecBoolean::builder("rtp-sync")
                    .nick("Synchronise RTP")
                    .blurb("Kept for webrtcbin, which sets it to false; RTP is never held back here")
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
                self.join(&id);
                self.settings().connection_id = Some(id);
            }
            "is-client" => self.settings().is_client = value.get().unwrap_or_default(),
            "rtp-sync" => self.settings().rtp_sync = value.get().unwrap_or_default(),
            other => gst::warning!(CAT, imp = self, "no property {other} to set"),
        }
    }

    fn property(&self, _id: usize, pspec: &glib::ParamSpec) -> glib::Value {
        match pspec.name() {
            "connection-id" => self.settings().connection_id.to_value(),
            "is-client" => self.settings().is_client.to_value(),
            "rtp-sync" => self.settings().rtp_sync.to_value(),
            _ => self.transport().map_or_else(ConnectionState::default, |t| t.connection_state()).to_value(),
        }
    }

    fn signals() -> &'static [Signal] {
        static SIGNALS: LazyLock<Vec<Signal>> =
            LazyLock::new(|| vec![Signal::builder("on-key-set").run_last().build()]);
        &SIGNALS
    }

    fn constructed(&self) {
        self.parent_constructed();
        let bin = self.obj();
        let Some(srtpenc) = &self.srtpenc else {
            gst::error!(CAT, imp = self, "element srtpenc is missing: no media will pass");
            return;
        };
        let built = bin.add_many([srtpenc, self.outlet.upcast_ref()]).and_then(|()| {
            let target = self.outlet.static_pad("src").ok_or_else(|| glib::bool_error!("the outlet has no src pad"))?;
            let templ = bin.pad_template("src").ok_or_else(|| glib::bool_error!("no template for src"))?;
            bin.add_pad(&gst::GhostPad::builder_from_template_with_target(&templ, &target)?.name("src").build())
        });
        if let Err(e) = built {
            gst::error!(CAT, imp = self, "cannot be built, no media will pass: {e}");
        }
    }
}

impl GstObjectImpl for DtlsSrtpEnc {}

impl ElementImpl for DtlsSrtpEnc {
    fn metadata() -> Option<&'static gst::subclass::ElementMetadata> {
        static METADATA: LazyLock<gst::subclass::ElementMetadata> = LazyLock::new(|| {
            gst::subclass::ElementMetadata::new(
                "DTLS-SRTP encoder, AES-256 only",
                "Encoder/Network/DTLS/SRTP",
                "Encrypts with SRTP_AEAD_AES_256_GCM what a gate lets pass; keys come from a DTLS 1.2 handshake",
                "Écluse",
            )
        });
        Some(&METADATA)
    }

    fn pad_templates() -> &'static [gst::PadTemplate] {
        static TEMPLATES: LazyLock<Vec<gst::PadTemplate>> = LazyLock::new(|| {
            use gst::PadDirection::{Sink, Src};
            use gst::PadPresence::{Always, Request};
            let packets = gst::Caps::builder_full_with_any_features()
                .structure(gst::Structure::new_empty("application/x-rtp"))
                .structure(gst::Structure::new_empty("application/x-rtcp"))
                .build();
            [
                gst::PadTemplate::new("rtp_sink_%d", Sink, Request, &packets),
                gst::PadTemplate::new("rtcp_sink_%d", Sink, Request, &packets),
                gst::PadTemplate::new("data_sink", Sink, Request, &gst::Caps::new_any()),
                gst::PadTemplate::new("src", Src, Always, &gst::Caps::new_any()),
            ]
            .into_iter()
            // Names, directions and caps are constants that GStreamer accepts: a failure would leave an element without
            // that pad, which the tests see.
            .filter_map(Result::ok)
            .collect()
        });
        &TEMPLATES
    }

    fn request_new_pad(&self, templ: &gst::PadTemplate, name: Option<&str>, _: Option<&gst::Caps>) -> Option<gst::Pad> {
        let kind = templ.name_template().split('_').next().unwrap_or_default();
        let added = if kind == "data" {
            // Data channels are not offered: what comes is dropped.
            let pad = gst::Pad::builder_from_template(templ)
                .name("data_sink")
                .chain_function(|_, _, _| Ok(gst::FlowSuccess::Ok))
                .event_function(|_, _, _| true)
                .build();
            pad.set_active(true).and_then(|()| self.obj().add_pad(&pad)).map(|()| pad)
        } else {
            let number = match name {
                Some(name) => name.rsplit('_').next().and_then(|n| n.parse().ok())?,
                None => (0..).find(|n| self.obj().static_pad(&format!("{kind}_sink_{n}")).is_none())?,
            };
            self.add_stream_pad(templ, kind, number)
        };
        added.inspect_err(|e| gst::error!(CAT, imp = self, "no pad for {name:?}: {e}")).ok()
    }

    fn release_pad(&self, pad: &gst::Pad) {
        let target = pad.downcast_ref::<gst::GhostPad>().and_then(|ghost| ghost.target());
        let _ = pad.set_active(false);
        let _ = self.obj().remove_pad(pad);
        if let (Some(srtpenc), Some(target)) = (&self.srtpenc, target) {
            let source = srtpenc.static_pad(&target.name().replace("_sink_", "_src_"));
            if let Some(outlet_pad) = source.and_then(|source| source.peer()) {
                self.outlet.release_request_pad(&outlet_pad);
            }
            srtpenc.release_request_pad(&target);
        }
    }

    fn change_state(&self, transition: gst::StateChange) -> Result<gst::StateChangeSuccess, gst::StateChangeError> {
        if transition == gst::StateChange::NullToReady && self.srtpenc.is_none() {
            return Err(gst::StateChangeError);
        }
        if transition == gst::StateChange::PausedToReady
            && let Some(transport) = self.transport()
        {
            transport.stop();
        }
        let success = self.parent_change_state(transition)?;
        if transition == gst::StateChange::ReadyToPaused {
            let role = if self.settings().is_client { Role::Client } else { Role::Server };
            match (self.transport(), self.binding.get()) {
                (Some(transport), binding) => transport.start(role, binding.cloned()),
                (None, Some(binding)) => {
                    let tell = binding.on_outcome.clone();
                    let cause = Cause::Internal { detail: "its connection-id is missing or taken".to_owned() };
                    self.obj().call_async(move |_| tell(&Outcome::Failed(cause)));
                }
                (None, None) => {}
            }
        }
        Ok(success)
    }
}

impl BinImpl for DtlsSrtpEnc {}
