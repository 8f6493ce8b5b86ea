//! The elements of one branch: `appsrc ! rtph264pay ! webrtcbin`, one source and payloader per camera, in a pipeline of
//! their own, so that nothing that happens to one viewer is felt by another or by the recording (A6-7).
//!
//! The graph stands in `pipelines/README.md`. Media passes only through our DTLS element, which the grant gates.

use super::ViewerSettings;
use super::answer::{self, Leg, OwnTransport};
use super::error::AttachError;
use super::offer::Offer;
use super::vitals::Vitals;
use crate::control::grant::Grant;
use crate::media::dtls_srtp::{self, Binding, Identity, Outcome};
use gstreamer as gst;
use gstreamer::glib;
use gstreamer::prelude::*;
use gstreamer_app as gst_app;
use gstreamer_sdp as gst_sdp;
use gstreamer_webrtc as gst_webrtc;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc;

/// Elements a branch needs, with the Debian package that has them.
pub(super) const ELEMENTS: &[(&str, &str)] = &[
    ("appsrc", "gstreamer1.0-plugins-base"),
    ("rtph264pay", "gstreamer1.0-plugins-good"),
    ("rtpbin", "gstreamer1.0-plugins-good"),
    ("rtprtxsend", "gstreamer1.0-plugins-good"),
    ("webrtcbin", "gstreamer1.0-plugins-bad"),
    ("dtlsenc", "gstreamer1.0-plugins-bad"),
    ("nicesrc", "gstreamer1.0-nice"),
    ("nicesink", "gstreamer1.0-nice"),
];

/// One camera of one viewer. `mtu`: packets of this size pass through tunnels and IPv6 without fragments. `config-interval`:
/// parameter sets before every keyframe, because a viewer may join, or lose, any of them. `max-bytes` backs up the feeder,
/// which looks at the level itself and waits.
const LAUNCH: &str = include_str!("../../../pipelines/viewer.launch");

/// What the elements tell the branch's task.
#[derive(Debug)]
pub(super) enum Signal {
    /// The DTLS handshake ended, or the peer said goodbye.
    Dtls(Outcome),
    /// ICE has lost the peer for good.
    IceFailed,
    /// All our addresses are known.
    Gathered,
    /// The latency of the elements has changed.
    Latency,
    /// An element failed.
    Error(String),
}

/// The elements of one branch.
pub(super) struct Elements {
    pipeline: gst::Pipeline,
    webrtcbin: gst::Element,
    /// One per leg, in their order.
    pub sources: Vec<gst_app::AppSrc>,
    clock: gst::Clock,
    base_time: gst::ClockTime,
    candidates: Arc<Mutex<Vec<String>>>,
    /// SSRCs and those of their retransmissions, as webrtcbin has drawn them for its answer.
    retransmissions: OnceLock<Vec<(u32, u32)>>,
}

impl Elements {
    /// Makes the elements and starts them. Takes milliseconds and makes threads: not for an async thread.
    pub fn build(
        settings: &ViewerSettings,
        grant: &Grant,
        offer: &Offer,
        legs: &[Leg],
        vitals: &Arc<Vitals>,
        signals: &mpsc::UnboundedSender<Signal>,
    ) -> Result<Self, glib::BoolError> {
        let pipeline = gst::Pipeline::new();
        let webrtcbin = gst::ElementFactory::make("webrtcbin")
            .property_from_str("bundle-policy", "max-bundle")
            .property("latency", 0_u32)
            .build()?;
        set_up_ice(&webrtcbin, settings);
        let outcomes = signals.clone();
        // First of all, so that no DTLS element exists without its gate.
        dtls_srtp::bind(
            &webrtcbin,
            Binding::new(Arc::new(grant.clone()), offer.peer.clone(), move |outcome| {
                let _ = outcomes.send(Signal::Dtls(outcome.clone()));
            }),
        );
        watch_inside(&webrtcbin, vitals);
        let candidates = Arc::new(Mutex::new(Vec::new()));
        watch_ice(&webrtcbin, signals, &candidates);

        // From here on a failure takes down what runs already: see `Drop`.
        let mut elements = Self {
            clock: gst::SystemClock::obtain(),
            base_time: gst::ClockTime::ZERO,
            pipeline,
            webrtcbin,
            sources: Vec::new(),
            candidates,
            retransmissions: OnceLock::new(),
        };
        elements.start(legs, vitals, signals)?;
        Ok(elements)
    }

    fn start(
        &mut self,
        legs: &[Leg],
        vitals: &Arc<Vitals>,
        signals: &mpsc::UnboundedSender<Signal>,
    ) -> Result<(), glib::BoolError> {
        self.drain_bus(signals);
        self.pipeline.add(&self.webrtcbin)?;
        for (at, leg) in legs.iter().enumerate() {
            let source = add_leg(&self.pipeline, &self.webrtcbin, leg)?;
            watch_keyframe_requests(&source, at, vitals);
            self.sources.push(source);
        }
        // Our own time line, known before the first frame: running time = clock - base time.
        self.base_time = self.clock.time();
        self.pipeline.use_clock(Some(&self.clock));
        self.pipeline.set_start_time(gst::ClockTime::NONE);
        self.pipeline.set_base_time(self.base_time);
        self.pipeline.set_state(gst::State::Playing).map_err(|e| glib::bool_error!("pipeline: {}", e))?;
        Ok(())
    }

    /// Messages that nobody takes off the bus keep elements alive for ever: errors are passed on, all is dropped.
    fn drain_bus(&self, signals: &mpsc::UnboundedSender<Signal>) {
        let Some(bus) = self.pipeline.bus() else { return };
        let signals = signals.clone();
        bus.set_sync_handler(move |_, message| {
            match message.view() {
                gst::MessageView::Error(error) => {
                    let at = error.src().map(|src| src.name().to_string()).unwrap_or_default();
                    let _ = signals.send(Signal::Error(format!("{at}: {}", error.error())));
                }
                gst::MessageView::Latency(_) => {
                    let _ = signals.send(Signal::Latency);
                }
                _ => {}
            }
            gst::BusSyncReply::Drop
        });
    }

    /// Gives webrtcbin the plain form of the offer and starts gathering our addresses; [`Signal::Gathered`] follows.
    pub async fn negotiate(&self, offer: &Offer, legs: &[Leg]) -> Result<(), AttachError> {
        let plain = answer::plain_offer(offer, legs);
        let sdp = gst_sdp::SDPMessage::parse_buffer(plain.as_bytes()).map_err(|e| media(e.to_string()))?;
        let remote = gst_webrtc::WebRTCSessionDescription::new(gst_webrtc::WebRTCSDPType::Offer, sdp);
        self.ask("set-remote-description", Some(&remote)).await?;
        for candidate in &offer.candidates {
            add_candidate(&self.webrtcbin, &candidate.to_string());
        }
        let reply = self.ask("create-answer", None).await?;
        let local = reply
            .and_then(|s| s.get::<gst_webrtc::WebRTCSessionDescription>("answer").ok())
            .ok_or_else(|| media("webrtcbin made no answer".to_owned()))?;
        let mut sdp = local.sdp().to_owned();
        let drawn = sdp.as_text().map_err(|e| media(e.to_string()))?;
        let _ = self.retransmissions.set(answer::retransmissions(&drawn));
        // webrtcbin knows its own SSRCs without these lines, and of each it would make names that GLib never frees.
        for section in sdp.medias_mut() {
            for at in (0..section.attributes_len()).rev() {
                let about_ssrc = section.attribute(at).is_some_and(|a| matches!(a.key(), "ssrc" | "ssrc-group"));
                if about_ssrc {
                    section.remove_attribute(at).map_err(|e| media(e.to_string()))?;
                }
            }
        }
        let local = gst_webrtc::WebRTCSessionDescription::new(gst_webrtc::WebRTCSDPType::Answer, sdp);
        self.ask("set-local-description", Some(&local)).await?;
        Ok(())
    }

    async fn ask(
        &self,
        action: &str,
        description: Option<&gst_webrtc::WebRTCSessionDescription>,
    ) -> Result<Option<gst::Structure>, AttachError> {
        let (promise, reply) = gst::Promise::new_future();
        match description {
            Some(description) => self.webrtcbin.emit_by_name::<()>(action, &[description, &promise]),
            None => self.webrtcbin.emit_by_name::<()>(action, &[&None::<gst::Structure>, &promise]),
        }
        let reply = reply.await.map_err(|e| media(format!("{action}: {e:?}")))?.map(|s| s.to_owned());
        if let Some(error) = reply.as_ref().and_then(|s| s.get::<glib::Error>("error").ok()) {
            return Err(media(format!("{action}: {error}")));
        }
        Ok(reply)
    }

    /// Whether all our addresses are known.
    pub fn gathered(&self) -> bool {
        self.webrtcbin.property::<gst_webrtc::WebRTCICEGatheringState>("ice-gathering-state")
            == gst_webrtc::WebRTCICEGatheringState::Complete
    }

    /// Our end of the transport, once [`Elements::gathered`].
    pub fn own_transport(&self, settings: &ViewerSettings) -> Result<OwnTransport, AttachError> {
        let local = self
            .webrtcbin
            .property::<Option<gst_webrtc::WebRTCSessionDescription>>("local-description")
            .and_then(|d| d.sdp().as_text().ok())
            .ok_or_else(|| media("webrtcbin has no local description".to_owned()))?;
        let identity = Identity::process().map_err(|e| media(e.to_string()))?;
        let gathered = self.candidates.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let announced = answer::announced(&gathered, settings.external_address);
        if announced.is_empty() {
            let (from, to) = (settings.udp_ports.start(), settings.udp_ports.end());
            return Err(media(format!("no UDP port free between {from} and {to}, or no network address")));
        }
        let retransmissions = self.retransmissions.get().cloned().unwrap_or_default();
        OwnTransport::read(&local, identity.fingerprint_sha256().to_string(), announced, retransmissions)
            .ok_or_else(|| media("webrtcbin's answer has no ICE credentials: no m-line was accepted".to_owned()))
    }

    /// Distributes the latency, without which rtpsession knows no running time and sends no usable sender reports.
    pub fn settle_latency(&self) {
        if let Err(error) = self.pipeline.recalculate_latency() {
            tracing::debug!(%error, "latency of a viewer's pipeline");
        }
    }

    /// Writes the graph to `$GST_DEBUG_DUMP_DOT_DIR`, if that is set. For developers: the picture contains the session's
    /// keys.
    pub fn draw(&self) {
        self.pipeline.debug_to_dot_file_with_ts(gst::DebugGraphDetails::all(), "ecluse-viewer");
    }

    /// webrtcbin's handle for what outlives a borrow of the elements.
    pub fn webrtcbin(&self) -> &gst::Element {
        &self.webrtcbin
    }

    /// The clock and the base time of all time stamps.
    pub fn time_line(&self) -> (gst::Clock, gst::ClockTime) {
        (self.clock.clone(), self.base_time)
    }

    /// Stops all threads and closes the sockets. Blocks until they are gone; never called from one of them.
    fn take_apart(&self) {
        if let Some(bus) = self.pipeline.bus() {
            bus.set_flushing(true);
        }
        if let Err(error) = self.pipeline.set_state(gst::State::Null) {
            tracing::error!(%error, "a viewer's pipeline did not stop");
        }
        if let Some(bus) = self.pipeline.bus() {
            bus.unset_sync_handler();
        }
    }
}

/// Tries an address of the viewer. One m-line stands for all: they share a transport. The end of candidates is never
/// passed on: it would only let libnice give up before the peer's own checks arrive, and our time-out rules anyway.
pub(super) fn add_candidate(webrtcbin: &gst::Element, candidate: &str) {
    webrtcbin.emit_by_name::<()>("add-ice-candidate", &[&0_u32, &candidate]);
}

impl Drop for Elements {
    /// However the branch's task ended: elements that run are never just let go.
    fn drop(&mut self) {
        self.take_apart();
    }
}

fn media(detail: String) -> AttachError {
    AttachError::Media { detail }
}

fn set_up_ice(webrtcbin: &gst::Element, settings: &ViewerSettings) {
    if let Some(server) = &settings.stun_server {
        webrtcbin.set_property("stun-server", server);
    }
    for server in &settings.turn_servers {
        if !webrtcbin.emit_by_name::<bool>("add-turn-server", &[server]) {
            // The URI carries a password: it stays out of the log.
            tracing::warn!("webrtcbin refused one of webrtc.turn_servers: expected turn://user:password@host:port");
        }
    }
    let ice = webrtcbin.property::<gst::glib::Object>("ice-agent");
    set_if_known(&ice, "min-rtp-port", u32::from(*settings.udp_ports.start()));
    set_if_known(&ice, "max-rtp-port", u32::from(*settings.udp_ports.end()));
    set_if_known(&ice, "ice-tcp", false);
    if ice.find_property("agent").is_some()
        && let Some(agent) = ice.property::<Option<glib::Object>>("agent")
    {
        // UPnP makes every gathering wait 200 ms for a router that does not answer.
        set_if_known(&agent, "upnp", false);
        // Ask the peer for answers, so that one who vanished is noticed even while no camera sends.
        set_if_known(&agent, "keepalive-conncheck", true);
    }
}

fn set_if_known(object: &glib::Object, property: &str, value: impl Into<glib::Value>) {
    if object.find_property(property).is_some() {
        object.set_property_from_value(property, &value.into());
    }
}

/// What webrtcbin makes inside itself and we want to touch.
fn watch_inside(webrtcbin: &gst::Element, vitals: &Arc<Vitals>) {
    let Some(bin) = webrtcbin.downcast_ref::<gst::Bin>() else { return };
    let vitals = vitals.clone();
    bin.connect_deep_element_added(move |_, _, element| {
        match element.factory().map(|f| f.name().to_string()).as_deref() {
            // Everything the peer sends, checks of ICE apart, comes out here.
            Some("nicesrc") => {
                let vitals = vitals.clone();
                if let Some(pad) = element.static_pad("src") {
                    pad.add_probe(gst::PadProbeType::BUFFER | gst::PadProbeType::BUFFER_LIST, move |_, _| {
                        vitals.heard();
                        gst::PadProbeReturn::Ok
                    });
                }
            }
            // The feeder paces; a second wait in the streaming thread would only add delay.
            Some("clocksync") => element.set_property("sync", false),
            _ => {}
        }
    });
}

fn watch_ice(webrtcbin: &gst::Element, signals: &mpsc::UnboundedSender<Signal>, candidates: &Arc<Mutex<Vec<String>>>) {
    let found = candidates.clone();
    webrtcbin.connect("on-ice-candidate", false, move |values| {
        if let Some(candidate) = values.get(2).and_then(|v| v.get::<String>().ok()) {
            let candidate = candidate.strip_prefix("a=").unwrap_or(&candidate).to_owned();
            found.lock().unwrap_or_else(PoisonError::into_inner).push(candidate);
        }
        None
    });
    let gathered = signals.clone();
    webrtcbin.connect_notify(Some("ice-gathering-state"), move |_, _| {
        let _ = gathered.send(Signal::Gathered);
    });
    let states = signals.clone();
    webrtcbin.connect_notify(Some("ice-connection-state"), move |webrtcbin, _| {
        let state = webrtcbin.property::<gst_webrtc::WebRTCICEConnectionState>("ice-connection-state");
        tracing::trace!(?state, "ice");
        if state == gst_webrtc::WebRTCICEConnectionState::Failed {
            let _ = states.send(Signal::IceFailed);
        }
    });
}

fn add_leg(pipeline: &gst::Pipeline, webrtcbin: &gst::Element, leg: &Leg) -> Result<gst_app::AppSrc, glib::BoolError> {
    let missing = |name: &str| glib::bool_error!("viewer.launch has no {}", name);
    let camera =
        gst::parse::bin_from_description(LAUNCH, true).map_err(|e| glib::bool_error!("viewer.launch: {}", e))?;
    camera.set_property("name", format!("camera-{}", leg.camera));
    let source = camera.by_name("camera").and_downcast::<gst_app::AppSrc>().ok_or_else(|| missing("camera"))?;
    source.set_latency(gst::ClockTime::ZERO, gst::ClockTime::NONE);
    let payloader = camera.by_name("payloader").ok_or_else(|| missing("payloader"))?;
    payloader.set_property("pt", u32::from(leg.codec.payload_type));
    payloader.set_property("ssrc", leg.ssrc);
    pipeline.add(&camera)?;
    let sink = webrtcbin
        .request_pad_simple("sink_%u")
        .ok_or_else(|| glib::bool_error!("webrtcbin gave no pad for camera {}", leg.camera))?;
    let transceiver = sink.property::<gst_webrtc::WebRTCRTPTransceiver>("transceiver");
    transceiver.set_direction(gst_webrtc::WebRTCRTPTransceiverDirection::Sendonly);
    transceiver.set_property("do-nack", leg.rtx().is_some());
    let caps = gst::Caps::builder("application/x-rtp")
        .field("media", "video")
        .field("encoding-name", "H264")
        .field("clock-rate", 90_000_i32)
        .field("payload", i32::from(leg.codec.payload_type))
        // So that webrtcbin knows whose retransmissions it draws an SSRC for, also while the camera is offline.
        .field("ssrc", leg.ssrc)
        .build();
    transceiver.set_codec_preferences(Some(&caps));
    let output = camera.static_pad("src").ok_or_else(|| missing("src pad"))?;
    output.link(&sink).map_err(|e| glib::bool_error!("rtph264pay to webrtcbin: {}", e))?;
    Ok(source)
}

/// A browser that lost its picture asks for a keyframe (PLI, FIR). The camera is never asked: the feeder replays the
/// current group of pictures.
fn watch_keyframe_requests(source: &gst_app::AppSrc, leg: usize, vitals: &Arc<Vitals>) {
    let Some(pad) = source.static_pad("src") else { return };
    let vitals = vitals.clone();
    pad.add_probe(gst::PadProbeType::EVENT_UPSTREAM, move |_, info| {
        let asked = info.event().and_then(|event| event.structure()).is_some_and(|s| s.name() == "GstForceKeyUnit");
        if asked && let Some(camera) = vitals.cameras.get(leg) {
            camera.keyframe_wanted.notify_one();
        }
        gst::PadProbeReturn::Ok
    });
}

/// Where the packets go: asked of a running webrtcbin, answered on its own thread within `patience`.
pub(super) async fn remote_address(webrtcbin: &gst::Element, patience: Duration) -> Option<std::net::SocketAddr> {
    let (promise, reply) = gst::Promise::new_future();
    webrtcbin.emit_by_name::<()>("get-stats", &[&None::<gst::Pad>, &promise]);
    let reply = tokio::time::timeout(patience, reply).await.ok()?.ok()??.to_owned();
    selected_remote(&reply)
}

/// The remote candidate of the selected pair, by its id: GStreamer 1.22 labels local candidates as remote and the other
/// way round.
fn selected_remote(report: &gst::StructureRef) -> Option<std::net::SocketAddr> {
    let remote = report
        .iter()
        .find_map(|(_, value)| value.get::<gst::Structure>().ok()?.get::<String>("remote-candidate-id").ok())?;
    let stats = report.get::<gst::Structure>(remote.as_str()).ok()?;
    let address: std::net::IpAddr = stats.get::<String>("address").ok()?.parse().ok()?;
    let port = u16::try_from(stats.get::<u32>("port").ok()?).ok()?;
    Some((address, port).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_remote_address_is_found_by_the_selected_pairs_id() {
        gst::init().unwrap();
        let candidate = |id: &str, address: &str| {
            gst::Structure::builder(id).field("address", address).field("port", 5000_u32).build()
        };
        let pair = gst::Structure::builder("pair").field("remote-candidate-id", "ice-candidate-remote_1").build();
        let report = gst::Structure::builder("stats")
            .field("timestamp", 1.0)
            .field("ice-candidate-local_1", candidate("ice-candidate-local_1", "192.0.2.1"))
            .field("ice-candidate-remote_1", candidate("ice-candidate-remote_1", "192.0.2.2"))
            .field("pair", pair)
            .build();
        assert_eq!(selected_remote(&report), Some("192.0.2.2:5000".parse().unwrap()));
        assert_eq!(selected_remote(&gst::Structure::new_empty("stats")), None);
    }
}
