//! A webrtcbin with our DTLS elements, as the tests need it: loopback only, everything observable.

use ecluse::media::dtls_srtp::{self, Binding, Bound, DtlsSrtpDec, DtlsSrtpEnc, Gate, Load, Outcome, PeerFingerprints};
use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_sdp as gst_sdp;
use gstreamer_webrtc as gst_webrtc;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, RwLock, RwLockReadGuard, RwLockWriteGuard, mpsc};
use std::time::{Duration, Instant};

pub const LOCAL: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// For whatever should take milliseconds: a loaded machine may take its time.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Held for reading by every test, for writing by those that need the process for themselves.
static PROCESS: RwLock<()> = RwLock::new(());

/// Starts GStreamer and registers our elements. Keep what it returns until the end of the test.
pub fn init() -> RwLockReadGuard<'static, ()> {
    start();
    PROCESS.read().unwrap_or_else(|e| e.into_inner())
}

/// Like [`init`], and no other test runs meanwhile.
pub fn init_alone() -> RwLockWriteGuard<'static, ()> {
    start();
    PROCESS.write().unwrap_or_else(|e| e.into_inner())
}

fn start() {
    static INIT: OnceLock<()> = OnceLock::new();
    INIT.get_or_init(|| {
        gst::init().unwrap();
        crate::stock::remember();
        dtls_srtp::register().unwrap();
        dtls_srtp::register().expect("a second call does nothing");
    });
}

/// Waits until `condition` holds; panics with `what` after [`PATIENCE`].
pub fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "in vain: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A gate with a handle; like a grant, it waits for the push under way when it shuts.
#[derive(Default)]
pub struct TestGate {
    shut: AtomicBool,
    under_way: AtomicU64,
    pub passed: AtomicU64,
    pub refused: AtomicU64,
    pub packets: AtomicU64,
}

impl TestGate {
    pub fn shut(&self) {
        self.shut.store(true, Ordering::SeqCst);
        wait_until("the push under way", || self.under_way.load(Ordering::SeqCst) == 0);
    }
}

impl Gate for TestGate {
    fn pass(&self, load: Load, send: &mut dyn FnMut() -> bool) -> bool {
        self.under_way.fetch_add(1, Ordering::SeqCst);
        let is_open = !self.shut.load(Ordering::SeqCst);
        if !is_open {
            self.refused.fetch_add(1, Ordering::SeqCst);
        } else if send() {
            self.passed.fetch_add(1, Ordering::SeqCst);
            if load.kind == dtls_srtp::PacketKind::Srtp {
                self.packets.fetch_add(load.packets as u64, Ordering::SeqCst);
            }
        }
        self.under_way.fetch_sub(1, Ordering::SeqCst);
        is_open
    }
}

/// What a test wants to be different.
#[derive(Clone, Default)]
pub struct Options {
    /// Send a test picture.
    pub sends: bool,
    /// Whom to expect; `None`: nobody is bound at all.
    pub expects: Option<PeerFingerprints>,
    pub handshake_timeout: Option<Duration>,
    /// Of the datagrams that arrive, how many percent are lost, and the seed of the dice.
    pub loses: Option<(u64, u64)>,
    /// The payload type of VP8 in the offer to be answered.
    pub vp8_payload_type: Option<u32>,
}

/// A webrtcbin in a pipeline of its own.
pub struct Peer {
    pub pipeline: gst::Pipeline,
    pub webrtc: gst::Element,
    pub bound: Option<Bound>,
    pub gate: Arc<TestGate>,
    outcomes: Mutex<mpsc::Receiver<Outcome>>,
    /// SRTP and SRTCP packets that left the encoder.
    pub left: Arc<AtomicU64>,
    /// RTP packets that came out decrypted.
    pub received: Arc<AtomicU64>,
    /// Errors on the bus.
    pub errors: Arc<Mutex<Vec<String>>>,
    pub encoder: Arc<Mutex<Option<DtlsSrtpEnc>>>,
}

impl Peer {
    pub fn new(options: &Options) -> Self {
        let pipeline = gst::Pipeline::new();
        let errors: Arc<Mutex<Vec<String>>> = Arc::default();
        let bus = pipeline.bus().unwrap();
        bus.set_sync_handler({
            let errors = errors.clone();
            move |_, message| {
                if let gst::MessageView::Error(error) = message.view() {
                    errors.lock().unwrap().push(format!("{}: {:?}", error.error(), error.debug()));
                }
                // Kept messages would keep elements.
                gst::BusSyncReply::Drop
            }
        });
        let webrtc =
            gst::ElementFactory::make("webrtcbin").property_from_str("bundle-policy", "max-bundle").build().unwrap();
        let ice = webrtc.property::<gst_webrtc::WebRTCICE>("ice-agent");
        ice.property::<gst::glib::Object>("agent").set_property("upnp", false);
        ice.emit_by_name::<bool>("add-local-ip-address", &[&LOCAL.to_string()]);

        let gate = Arc::new(TestGate::default());
        let (tell, outcomes) = mpsc::channel();
        let bound = options.expects.clone().map(|peer| {
            let mut binding = Binding::new(gate.clone(), peer, move |outcome| {
                let _ = tell.send(outcome.clone());
            });
            binding.receive_media = true;
            if let Some(timeout) = options.handshake_timeout {
                binding.handshake_timeout = timeout;
            }
            dtls_srtp::bind(&webrtc, binding)
        });

        let left: Arc<AtomicU64> = Arc::default();
        let encoder: Arc<Mutex<Option<DtlsSrtpEnc>>> = Arc::default();
        webrtc.downcast_ref::<gst::Bin>().unwrap().connect_deep_element_added({
            let (left, encoder, loses) = (left.clone(), encoder.clone(), options.loses);
            move |_, _, element| {
                if let Some(enc) = element.downcast_ref::<DtlsSrtpEnc>() {
                    *encoder.lock().unwrap() = Some(enc.clone());
                    count_media(&enc.static_pad("src").unwrap(), left.clone());
                } else if let (Some(dec), Some((percent, seed))) = (element.downcast_ref::<DtlsSrtpDec>(), loses) {
                    lose(&dec.static_pad("sink").unwrap(), percent, seed);
                }
            }
        });

        let received: Arc<AtomicU64> = Arc::default();
        webrtc.connect_pad_added({
            let (pipeline, received) = (pipeline.downgrade(), received.clone());
            move |_, pad| {
                let Some(pipeline) = pipeline.upgrade().filter(|_| pad.direction() == gst::PadDirection::Src) else {
                    return;
                };
                let received = received.clone();
                pad.add_probe(gst::PadProbeType::BUFFER, move |_, _| {
                    received.fetch_add(1, Ordering::SeqCst);
                    gst::PadProbeReturn::Ok
                });
                let sink = gst::ElementFactory::make("fakesink")
                    .property("sync", false)
                    .property("async", false)
                    .build()
                    .unwrap();
                pipeline.add(&sink).unwrap();
                sink.sync_state_with_parent().unwrap();
                pad.link(&sink.static_pad("sink").unwrap()).unwrap();
            }
        });
        pipeline.add(&webrtc).unwrap();
        if options.sends {
            let payload_type = options.vp8_payload_type.unwrap_or(96);
            let source = gst::parse::bin_from_description(
                &format!(
                    "videotestsrc is-live=true pattern=ball ! video/x-raw,width=160,height=120,framerate=30/1 ! \
                     vp8enc deadline=1 keyframe-max-dist=15 ! rtpvp8pay picture-id-mode=15-bit pt={payload_type} ! \
                     capsfilter caps=\"application/x-rtp,media=video,encoding-name=VP8,payload={payload_type},clock-rate=90000\""
                ),
                true,
            )
            .unwrap();
            pipeline.add(&source).unwrap();
            source.link_pads(Some("src"), &webrtc, Some("sink_0")).unwrap();
        }
        pipeline.set_state(gst::State::Playing).unwrap();
        Self { pipeline, webrtc, bound, gate, outcomes: Mutex::new(outcomes), left, received, errors, encoder }
    }

    /// The offer of a sender.
    pub fn offer(&self) -> String {
        let offer = self.describe("create-offer", "offer");
        self.set("set-local-description", &offer);
        self.complete("local-description")
    }

    /// The answer to `offer`, candidates included.
    pub fn answer(&self, offer: &str) -> String {
        self.set("set-remote-description", &description(gst_webrtc::WebRTCSDPType::Offer, offer));
        let answer = self.describe("create-answer", "answer");
        self.set("set-local-description", &answer);
        self.complete("local-description")
    }

    pub fn accept(&self, answer: &str) {
        self.set("set-remote-description", &description(gst_webrtc::WebRTCSDPType::Answer, answer));
    }

    /// The next outcome of the handshake.
    pub fn outcome(&self) -> Outcome {
        self.outcomes.lock().unwrap().recv_timeout(PATIENCE).expect("an outcome of the handshake")
    }

    pub fn no_outcome(&self) -> bool {
        self.outcomes.lock().unwrap().try_recv().is_err()
    }

    /// webrtcbin's number for the encoder's state.
    pub fn connection_state(&self) -> i32 {
        let encoder = self.encoder.lock().unwrap();
        let value = encoder.as_ref().expect("an encoder").property_value("connection-state");
        value.transform::<i32>().unwrap().get().unwrap()
    }

    /// webrtcbin writes a stream's SSRC into its description only once the stream's caps have come, and str0m takes no
    /// packet of an SSRC that it was not told: described a moment too early, every packet arrives for nobody.
    fn wait_for_ssrc(&self) {
        if let Some(stream) = self.webrtc.static_pad("sink_0") {
            wait_until("the stream's SSRC", || {
                stream.current_caps().is_some_and(|caps| caps.structure(0).is_some_and(|s| s.has_field("ssrc")))
            });
        }
    }

    fn describe(&self, signal: &str, field: &str) -> gst_webrtc::WebRTCSessionDescription {
        self.wait_for_ssrc();
        let (promise, reply) = promise();
        self.webrtc.emit_by_name::<()>(signal, &[&None::<gst::Structure>, &promise]);
        reply.recv_timeout(PATIENCE).unwrap().unwrap().get(field).unwrap()
    }

    fn set(&self, signal: &str, description: &gst_webrtc::WebRTCSessionDescription) {
        let (promise, reply) = promise();
        self.webrtc.emit_by_name::<()>(signal, &[description, &promise]);
        let reply = reply.recv_timeout(PATIENCE).unwrap();
        if let Some(error) = reply.and_then(|r| r.get::<gst::glib::Error>("error").ok()) {
            panic!("{signal}: {error}");
        }
    }

    fn complete(&self, which: &str) -> String {
        wait_until("ICE candidates", || {
            self.webrtc.property::<gst_webrtc::WebRTCICEGatheringState>("ice-gathering-state")
                == gst_webrtc::WebRTCICEGatheringState::Complete
        });
        self.webrtc.property::<gst_webrtc::WebRTCSessionDescription>(which).sdp().as_text().unwrap()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.pipeline.set_state(gst::State::Null);
        if let Some(bus) = self.pipeline.bus() {
            bus.unset_sync_handler();
        }
    }
}

/// The payload type an offer gives to VP8.
pub fn vp8_payload_type(offer: &str) -> u32 {
    let line = offer.lines().find(|l| l.starts_with("a=rtpmap:") && l.contains("VP8/90000")).expect("VP8 in the offer");
    line["a=rtpmap:".len()..].split(' ').next().unwrap().parse().unwrap()
}

/// This run's own certificate.
pub fn ourselves() -> PeerFingerprints {
    PeerFingerprints::only(dtls_srtp::Identity::process().unwrap().fingerprint_sha256().clone())
}

/// Two of ours: the first sends and offers.
pub fn connect(offerer: &Peer, answerer: &Peer) {
    let answer = answerer.answer(&offerer.offer());
    offerer.accept(&answer);
}

/// Counts SRTP and SRTCP on an encoder's way out.
fn count_media(pad: &gst::Pad, count: Arc<AtomicU64>) {
    let is_media = |buffer: &gst::BufferRef| {
        let mut first = [0_u8];
        buffer.copy_to_slice(0, &mut first).is_ok() && (128..=191).contains(&first[0])
    };
    pad.add_probe(gst::PadProbeType::BUFFER | gst::PadProbeType::BUFFER_LIST, move |_, info| {
        let media = match &info.data {
            Some(gst::PadProbeData::Buffer(buffer)) => u64::from(is_media(buffer)),
            Some(gst::PadProbeData::BufferList(list)) => list.iter().filter(|b| is_media(b)).count() as u64,
            _ => 0,
        };
        count.fetch_add(media, Ordering::SeqCst);
        gst::PadProbeReturn::Ok
    });
}

/// Loses datagrams as a bad line does, the same ones in every run.
fn lose(pad: &gst::Pad, percent: u64, seed: u64) {
    let dice = Mutex::new(seed);
    pad.add_probe(gst::PadProbeType::BUFFER, move |_, _| {
        let mut dice = dice.lock().unwrap();
        *dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        if (*dice >> 33) % 100 < percent { gst::PadProbeReturn::Handled } else { gst::PadProbeReturn::Ok }
    });
}

fn description(kind: gst_webrtc::WebRTCSDPType, sdp: &str) -> gst_webrtc::WebRTCSessionDescription {
    gst_webrtc::WebRTCSessionDescription::new(kind, gst_sdp::SDPMessage::parse_buffer(sdp.as_bytes()).unwrap())
}

type Reply = Option<gst::Structure>;

fn promise() -> (gst::Promise, mpsc::Receiver<Reply>) {
    let (tell, reply) = mpsc::channel();
    let promise = gst::Promise::with_change_func(move |reply| {
        let _ = tell.send(reply.ok().flatten().map(|r| r.to_owned()));
    });
    (promise, reply)
}
