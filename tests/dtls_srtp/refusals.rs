//! Peers that get nothing, and how that is told.

use crate::peer::{LOCAL, Options, PATIENCE, Peer, connect, init, ourselves, vp8_payload_type, wait_until};
use crate::str0m_receiver;
use ecluse::media::dtls_srtp::{Cause, Outcome, PeerFingerprints};
use gstreamer as gst;
use gstreamer::prelude::*;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// The offer with one bit of its fingerprint changed.
fn forged(offer: &str) -> PeerFingerprints {
    let start = offer.find("a=fingerprint:sha-256 ").expect("a SHA-256 fingerprint") + "a=fingerprint:sha-256 ".len();
    let first = &offer[start..start + 2];
    let other = if first == "00" { "01" } else { "00" };
    PeerFingerprints::from_sdp(
        &offer.replace(&offer[start..start + 5], &format!("{other}{}", &offer[start + 2..start + 5])),
    )
    .unwrap()
}

#[test]
fn a_peer_with_another_certificate_gets_nothing() {
    let _ours = init();
    let offered = str0m_receiver::offer(LOCAL, 1);
    let peer = Peer::new(&Options {
        sends: true,
        expects: Some(forged(&offered.offer_sdp)),
        vp8_payload_type: Some(vp8_payload_type(&offered.offer_sdp)),
        ..Options::default()
    });
    let answer = peer.answer(&offered.offer_sdp);
    let offer = offered.offer_sdp.clone();
    let receiver = offered.connect(&answer).unwrap();
    let outcome = peer.outcome();
    let Outcome::Failed(Cause::WrongPeer { got }) = outcome else { panic!("{outcome:?}") };
    assert!(offer.contains(&got.to_string()), "what was received is named: {got}");
    assert_eq!(peer.connection_state(), 2);
    let stats = receiver.wait_for(PATIENCE, |stats| stats.ended.is_some()).expect("str0m is told");
    assert_eq!((stats.srtp_datagrams, stats.packets()), (0, 0));
    assert_eq!(peer.left.load(Ordering::SeqCst), 0);
}

#[test]
fn a_transport_that_nobody_bound_connects_to_nobody() {
    let _ours = init();
    let offered = str0m_receiver::offer(LOCAL, 1);
    let peer = Peer::new(&Options {
        sends: true,
        expects: None,
        vp8_payload_type: Some(vp8_payload_type(&offered.offer_sdp)),
        ..Options::default()
    });
    let answer = peer.answer(&offered.offer_sdp);
    let receiver = offered.connect(&answer).unwrap();
    wait_until("it fails", || peer.connection_state() == 2);
    let stats = receiver.stats();
    assert_eq!((stats.connected_at, stats.srtp_datagrams, stats.dtls_datagrams), (None, 0, 0));
    assert_eq!(peer.left.load(Ordering::SeqCst), 0);
}

#[test]
fn a_handshake_that_never_completes_fails_in_its_time_and_is_freed() {
    let _ours = init();
    // Less than OpenSSL's own patience with retransmissions.
    let timeout = Duration::from_millis(1500);
    let deaf = Options {
        expects: Some(ourselves()),
        handshake_timeout: Some(timeout),
        loses: Some((100, 0)),
        ..Options::default()
    };
    let (a, b) = (Peer::new(&Options { sends: true, ..deaf.clone() }), Peer::new(&deaf));
    let started = Instant::now();
    connect(&a, &b);
    for peer in [&a, &b] {
        let outcome = peer.outcome();
        let Outcome::Failed(Cause::TimedOut { after }) = outcome else { panic!("{outcome:?}") };
        assert!(after >= timeout, "{after:?}: too soon");
        assert_eq!(peer.connection_state(), 2);
    }
    // The true bar is 10 s for the default time-out; this leaves a loaded machine all of them.
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    // webrtcbin learns of it, so that whoever watches only webrtcbin does too.
    wait_until("webrtcbin says failed", || {
        a.webrtc.property::<gstreamer_webrtc::WebRTCPeerConnectionState>("connection-state")
            == gstreamer_webrtc::WebRTCPeerConnectionState::Failed
    });
    assert_eq!(a.left.load(Ordering::SeqCst), 0);
    let encoders = [&a, &b].map(|p| p.encoder.lock().unwrap().take().unwrap().downgrade());
    drop((a, b));
    wait_until("the encoders are freed", || encoders.iter().all(|e| e.upgrade().is_none()));
}

#[test]
fn the_client_repeats_its_hello_until_somebody_answers() {
    let _ours = init();
    let silent = Options { expects: Some(ourselves()), loses: Some((100, 0)), ..Options::default() };
    let (a, b) = (Peer::new(&Options { sends: true, ..silent.clone() }), Peer::new(&silent));
    let hellos = std::sync::Arc::new(std::sync::atomic::AtomicU64::new(0));
    b.webrtc.downcast_ref::<gst::Bin>().unwrap().connect_deep_element_added({
        let hellos = hellos.clone();
        move |_, _, element| {
            let Some(enc) = element.downcast_ref::<ecluse::media::dtls_srtp::DtlsSrtpEnc>() else { return };
            let hellos = hellos.clone();
            enc.static_pad("src").unwrap().add_probe(gst::PadProbeType::BUFFER, move |_, _| {
                hellos.fetch_add(1, Ordering::SeqCst);
                gst::PadProbeReturn::Ok
            });
        }
    });
    connect(&a, &b);
    wait_until("five hellos", || hellos.load(Ordering::SeqCst) >= 5);
    assert!(a.no_outcome() && b.no_outcome());
}
