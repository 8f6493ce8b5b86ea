//! GStreamer's own DTLS elements as a peer: they know 128 bits alone, and get nothing.

use crate::peer::{Options, Peer, init_alone, ourselves, wait_until};
use ecluse::media::dtls_srtp::{self, Cause, DtlsSrtpDec, DtlsSrtpEnc, Outcome};
use gstreamer as gst;
use gstreamer::glib;
use gstreamer::prelude::*;
use std::sync::OnceLock;
use std::sync::atomic::Ordering;

static STOCK: OnceLock<[glib::Type; 2]> = OnceLock::new();

/// Finds the stock elements before ours take their names.
pub fn remember() {
    STOCK.get_or_init(|| {
        ["dtlssrtpenc", "dtlssrtpdec"].map(|name| {
            let factory = gst::ElementFactory::find(name).expect("GStreamer's own DTLS elements (plugins-bad)");
            factory.load().unwrap().element_type()
        })
    });
}

fn give_the_names_to([enc, dec]: [glib::Type; 2]) {
    gst::Element::register(None, "dtlssrtpenc", gst::Rank::NONE, enc).unwrap();
    gst::Element::register(None, "dtlssrtpdec", gst::Rank::NONE, dec).unwrap();
}

/// Gives the names back even if the test fails.
struct Stock;

impl Stock {
    fn registered() -> Self {
        give_the_names_to(*STOCK.get().unwrap());
        Self
    }
}

impl Drop for Stock {
    fn drop(&mut self) {
        give_the_names_to([DtlsSrtpEnc::static_type(), DtlsSrtpDec::static_type()]);
    }
}

#[test]
fn a_stock_gstreamer_peer_gets_nothing() {
    let _alone = init_alone();
    for ours_offers in [true, false] {
        let ours_options = Options { sends: true, expects: Some(ourselves()), ..Options::default() };
        // webrtcbin makes its DTLS elements with its first description.
        let (ours, stock, offer);
        if ours_offers {
            ours = Peer::new(&ours_options);
            offer = ours.offer();
            let _names = Stock::registered();
            stock = Peer::new(&Options::default());
            let answer = stock.answer(&offer);
            ours.accept(&answer);
        } else {
            let names = Stock::registered();
            stock = Peer::new(&Options { sends: true, ..Options::default() });
            offer = stock.offer();
            drop(names);
            let expects = dtls_srtp::PeerFingerprints::from_sdp(&offer).unwrap();
            ours = Peer::new(&Options { sends: false, expects: Some(expects), ..ours_options });
            let answer = ours.answer(&offer);
            stock.accept(&answer);
        }
        assert!(stock.encoder.lock().unwrap().is_none(), "the stock peer has our elements");
        let outcome = ours.outcome();
        let Outcome::Failed(cause) = &outcome else { panic!("{outcome:?}") };
        // We answered its ClientHello, or it ours; either way the refusal is for weakness, and can be recorded.
        match cause {
            Cause::NoSrtpProfile { offered: Some(offered) } if ours_offers => {
                assert_eq!(offered, &["SRTP_AES128_CM_HMAC_SHA1_80"]);
            }
            Cause::NoCommonSuite { .. } | Cause::NoSrtpProfile { .. } if !ours_offers => {}
            other => panic!("ours offers: {ours_offers}: {other:?}"),
        }
        assert!(cause.weak_cipher().is_some(), "{cause:?}");
        assert_eq!(ours.connection_state(), 2);
        wait_until("webrtcbin says failed", || {
            ours.webrtc.property::<gstreamer_webrtc::WebRTCPeerConnectionState>("connection-state")
                == gstreamer_webrtc::WebRTCPeerConnectionState::Failed
        });
        assert_eq!(ours.left.load(Ordering::SeqCst), 0);
        assert_eq!(stock.received.load(Ordering::SeqCst), 0);
    }
}
