//! AES-256 for webrtcbin: our own `dtlssrtpenc` and `dtlssrtpdec`.
//!
//! webrtcbin makes the two elements of its DTLS transport by factory name. [`register`] puts ours in the place of the
//! stock ones, which know 128-bit SRTP alone. Ours speak DTLS 1.2 with AES-256 suites and `SRTP_AEAD_AES_256_GCM` and
//! nothing else, so that the hop from server to workstation is AES-256 or carries no image (A6-5).
//!
//! Guarantees:
//! - No media before the peer's certificate has matched the fingerprint of its SDP ([`PeerFingerprints`]), and none
//!   ever when no fingerprint was expected.
//! - No media without a [`Gate`]; the gate is asked before every packet and waits for the one under way when it shuts
//!   (A4-4).
//! - A handshake ends, one way or the other, within [`Binding::handshake_timeout`]; the [`Outcome`] says how and why,
//!   typed, so that a refusal of a weak peer can be recorded (A6-5).
//! - Nothing that arrives from the network panics, blocks a streaming thread or costs more than bounded memory.
//!
//! Not its job: ICE, SDP, deciding who may watch, SCTP data channels (its records are dropped).
//!
//! ```no_run
//! # use ecluse::media::dtls_srtp::{self, Binding, PeerFingerprints};
//! # use gstreamer as gst;
//! # use gstreamer::prelude::*;
//! # use std::sync::Arc;
//! # fn attach(gate: Arc<dyn dtls_srtp::Gate>, offer: &str) -> Result<(), Box<dyn std::error::Error>> {
//! dtls_srtp::register()?;
//! let webrtcbin = gst::ElementFactory::make("webrtcbin").build()?;
//! let peer = PeerFingerprints::from_sdp(offer)?;
//! dtls_srtp::bind(&webrtcbin, Binding::new(gate, peer, |outcome| println!("{outcome:?}")));
//! # Ok(()) }
//! ```

mod context;
mod dec;
mod enc;
mod fingerprint;
mod gate;
mod handshake;
mod identity;
mod outcome;
mod transport;

pub use dec::DtlsSrtpDec;
pub use enc::DtlsSrtpEnc;
pub use fingerprint::{Fingerprint, FingerprintError, PeerFingerprints};
pub use gate::{Gate, Load, PacketKind};
pub use identity::{Identity, IdentityError};
pub use outcome::{Cause, Negotiated, Outcome};

use gstreamer as gst;
use gstreamer::glib;
use gstreamer::prelude::*;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

/// The one SRTP profile offered and accepted (A6-5).
pub const SRTP_PROFILE: &str = "SRTP_AEAD_AES_256_GCM";
/// The DTLS 1.2 suites offered and accepted, in OpenSSL's words (A6-5). The second is there for Chromium, which has no
/// AES-256-GCM suite in DTLS.
pub const DTLS_SUITES: &str = "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES256-SHA";
/// How long a handshake may take unless [`Binding::handshake_timeout`] says otherwise.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// Who is told how a handshake ended.
pub type OnOutcome = Arc<dyn Fn(&Outcome) + Send + Sync>;

/// What one viewer branch tells the DTLS elements of its webrtcbin.
#[derive(Clone)]
pub struct Binding {
    /// Asked before every packet (A4-4).
    pub gate: Arc<dyn Gate>,
    /// Whom to expect: the fingerprints of the peer's SDP.
    pub peer: PeerFingerprints,
    /// Told how the handshake ended. Called from a media or pool thread: must not block, and must not hold webrtcbin or
    /// its pipeline (they hold it).
    pub on_outcome: OnOutcome,
    /// How long the handshake may take, from the moment ICE is connected.
    pub handshake_timeout: Duration,
    /// Whether media from the peer is wanted. Viewers send none: what comes is dropped before any work is done on it.
    pub receive_media: bool,
}

impl Binding {
    /// A binding with the default handshake time-out of 10 s, that takes no media from the peer.
    pub fn new(
        gate: Arc<dyn Gate>,
        peer: PeerFingerprints,
        on_outcome: impl Fn(&Outcome) + Send + Sync + 'static,
    ) -> Self {
        Self {
            gate,
            peer,
            on_outcome: Arc::new(on_outcome),
            handshake_timeout: HANDSHAKE_TIMEOUT,
            receive_media: false,
        }
    }
}

/// Registers our `dtlssrtpenc` and `dtlssrtpdec` over the stock ones, for the whole process, and makes the run's
/// [`Identity`]. Call after `gst::init()` and before the first webrtcbin; further calls do nothing.
///
/// # Errors
/// When the registry refuses, when `srtpenc`/`srtpdec` (gst-plugins-bad) are missing, or no certificate could be made.
pub fn register() -> Result<(), glib::BoolError> {
    static DONE: OnceLock<Result<(), String>> = OnceLock::new();
    DONE.get_or_init(|| {
        for factory in ["srtpenc", "srtpdec"] {
            if gst::ElementFactory::find(factory).is_none() {
                return Err(format!("element {factory} is missing: install GStreamer's \"bad\" plugins with srtp"));
            }
        }
        Identity::process().map_err(|e| e.to_string())?;
        gst::Element::register(None, "dtlssrtpenc", gst::Rank::NONE, DtlsSrtpEnc::static_type())
            .and_then(|()| gst::Element::register(None, "dtlssrtpdec", gst::Rank::NONE, DtlsSrtpDec::static_type()))
            .map_err(|e| e.to_string())
    })
    .clone()
    .map_err(|e| glib::bool_error!("{}", e))
}

/// The DTLS transports of one webrtcbin, bound to one viewer branch.
#[derive(Debug, Clone, Default)]
pub struct Bound(Arc<Mutex<Vec<glib::WeakRef<DtlsSrtpEnc>>>>);

impl Bound {
    /// What was agreed on; `None` while not connected.
    pub fn negotiated(&self) -> Option<Negotiated> {
        self.encoders().iter().find_map(DtlsSrtpEnc::negotiated)
    }

    /// Says goodbye to the peer (`close_notify`) and takes the keys away, so that it need not wait for a time-out to
    /// know that nothing follows. Returns at once. Shut the gate first: this is courtesy, the gate is the cut.
    pub fn close(&self) {
        for enc in self.encoders() {
            enc.close();
        }
    }

    fn encoders(&self) -> Vec<DtlsSrtpEnc> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().filter_map(glib::WeakRef::upgrade).collect()
    }
}

/// Binds every DTLS transport that `webrtcbin` makes from now on (one, when its media are bundled). Call it right after
/// making the webrtcbin, before its descriptions are set.
pub fn bind(webrtcbin: &gst::Element, binding: Binding) -> Bound {
    let bound = Bound::default();
    let Some(bin) = webrtcbin.downcast_ref::<gst::Bin>() else {
        gst::error!(gst::CAT_RUST, obj = webrtcbin, "not a bin: its DTLS stays unbound, no media will pass");
        return bound;
    };
    let encoders = bound.0.clone();
    bin.connect_deep_element_added(move |_, _, element| {
        if let Some(enc) = element.downcast_ref::<DtlsSrtpEnc>() {
            enc.bind(binding.clone());
            encoders.lock().unwrap_or_else(PoisonError::into_inner).push(enc.downgrade());
        }
    });
    bound
}
