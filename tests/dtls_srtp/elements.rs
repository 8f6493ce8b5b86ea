//! The elements without a webrtcbin: what it expects of them, and what they make of nonsense.

use crate::peer::{PATIENCE, TestGate, init, ourselves};
use ecluse::media::dtls_srtp::{Binding, Cause, DtlsSrtpDec, DtlsSrtpEnc, Identity, Outcome};
use gstreamer as gst;
use gstreamer::glib;
use gstreamer::prelude::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

fn make<T: IsA<gst::Element>>(factory: &str) -> T {
    gst::ElementFactory::make(factory).build().unwrap().downcast().unwrap()
}

/// Gives a pad what comes before buffers.
fn open(pad: &gst::Pad, caps: &str) {
    assert!(pad.send_event(gst::event::StreamStart::new("test")));
    assert!(pad.send_event(gst::event::Caps::new(&gst::Caps::new_empty_simple(caps))));
    assert!(pad.send_event(gst::event::Segment::new(&gst::FormattedSegment::<gst::ClockTime>::new())));
}

/// A fakesink, and how many buffers reached it.
fn counting_sink(pipeline: &gst::Pipeline) -> (gst::Pad, Arc<AtomicU64>) {
    let sink = gst::ElementFactory::make("fakesink").property("async", false).property("sync", false).build().unwrap();
    pipeline.add(&sink).unwrap();
    let count: Arc<AtomicU64> = Arc::default();
    let pad = sink.static_pad("sink").unwrap();
    pad.add_probe(gst::PadProbeType::BUFFER | gst::PadProbeType::BUFFER_LIST, {
        let count = count.clone();
        move |_, _| {
            count.fetch_add(1, Ordering::SeqCst);
            gst::PadProbeReturn::Ok
        }
    });
    (pad, count)
}

#[test]
fn they_look_to_webrtcbin_like_the_stock_elements() {
    let _ours = init();
    let enc: DtlsSrtpEnc = make("dtlssrtpenc");
    let dec: DtlsSrtpDec = make("dtlssrtpdec");
    for (element, properties) in [
        (enc.upcast_ref::<gst::Element>(), &["connection-id", "is-client", "rtp-sync", "connection-state"][..]),
        (dec.upcast_ref::<gst::Element>(), &["connection-id", "pem", "peer-pem", "connection-state"][..]),
    ] {
        for property in properties {
            assert!(element.find_property(property).is_some(), "{property}");
        }
    }
    let names: Vec<String> = ["rtp_sink_0", "rtcp_sink_0", "data_sink", "rtp_sink_1"]
        .map(|name| enc.request_pad_simple(name).unwrap_or_else(|| panic!("{name}")).name().to_string())
        .into();
    assert_eq!(names, ["rtp_sink_0", "rtcp_sink_0", "data_sink", "rtp_sink_1"]);
    for pad in enc.pads().into_iter().filter(|pad| pad.direction() == gst::PadDirection::Sink) {
        enc.release_request_pad(&pad);
    }
    assert_eq!(enc.pads().len(), 1, "only src is left: {:?}", enc.pads());
    assert!(enc.request_pad_simple("rtp_sink_0").is_some(), "a released name can be had again");
    assert!(enc.request_pad_simple("rtp_sink_nonsense").is_none());
    assert!(dec.request_pad_simple("data_src").is_some());

    let pem: String = dec.property("pem");
    assert!(pem.starts_with("-----BEGIN CERTIFICATE-----"));
    assert_eq!(pem.matches("-----BEGIN").count(), 1, "the certificate, and nothing else");
    assert!(!pem.contains("PRIVATE"));
    dec.set_property("pem", "of somebody else");
    assert_eq!(dec.property::<String>("pem"), pem);
    // webrtcbin hashes the PEM's base64: that must be our fingerprint.
    let base64: String = pem.lines().filter(|l| !l.starts_with('-')).collect();
    let digest = glib::compute_checksum_for_bytes(
        glib::ChecksumType::Sha256,
        &glib::Bytes::from_owned(glib::base64_decode(&base64)),
    );
    let fingerprint = Identity::process().unwrap().fingerprint_sha256().to_string();
    let hex = fingerprint.trim_start_matches("sha-256 ").replace(':', "").to_lowercase();
    assert_eq!(digest.unwrap().as_str(), hex);
}

#[test]
fn two_transports_never_share_a_connection() {
    let _ours = init();
    let first: DtlsSrtpEnc = make("dtlssrtpenc");
    let second: DtlsSrtpEnc = make("dtlssrtpenc");
    first.set_property("connection-id", "the same");
    second.set_property("connection-id", "the same");
    let (tell, outcomes) = std::sync::mpsc::channel();
    for (number, enc) in [&first, &second].into_iter().enumerate() {
        let tell = tell.clone();
        enc.bind(Binding::new(Arc::new(TestGate::default()), ourselves(), move |outcome| {
            let _ = tell.send((number, outcome.clone()));
        }));
        enc.set_state(gst::State::Paused).unwrap();
    }
    let (number, outcome) = outcomes.recv_timeout(PATIENCE).expect("the second one is told");
    assert_eq!(number, 1);
    assert!(matches!(outcome, Outcome::Failed(Cause::Internal { .. })), "{outcome:?}");
    let state = |enc: &DtlsSrtpEnc| -> i32 {
        enc.property_value("connection-state").transform::<i32>().unwrap().get().unwrap()
    };
    assert_eq!(state(&first), 3, "connecting");
    assert_eq!(state(&second), 0, "never started");
    for enc in [&first, &second] {
        enc.set_state(gst::State::Null).unwrap();
    }
}

#[test]
fn nonsense_from_the_network_does_nothing() {
    let _ours = init();
    let pipeline = gst::Pipeline::new();
    let enc: DtlsSrtpEnc = make("dtlssrtpenc");
    let dec: DtlsSrtpDec = make("dtlssrtpdec");
    enc.set_property("connection-id", "nonsense");
    dec.set_property("connection-id", "nonsense");
    enc.bind(Binding::new(Arc::new(TestGate::default()), ourselves(), |_| ()));
    pipeline.add(&enc).unwrap();
    pipeline.add(&dec).unwrap();
    let counts: Vec<_> = [enc.static_pad("src"), dec.static_pad("rtp_src"), dec.static_pad("rtcp_src")]
        .map(|pad| {
            let (sink, count) = counting_sink(&pipeline);
            pad.unwrap().link(&sink).unwrap();
            count
        })
        .into();
    let rtp_in = enc.request_pad_simple("rtp_sink_0").unwrap();
    pipeline.set_state(gst::State::Playing).unwrap();
    let sink = dec.static_pad("sink").unwrap();
    open(&sink, "application/x-rtp");

    let mut datagrams: Vec<Vec<u8>> = Vec::new();
    for bytes in [1_usize, 2, 11, 12, 13, 27, 28, 100, 1500, 17_000, 65_507, 1_000_000] {
        // One of each kind the demux tells apart, and of the ones it does not.
        for (first, second) in
            [(0, 0), (22, 254), (20, 0), (23, 254), (63, 255), (64, 0), (128, 96), (128, 200), (191, 223), (255, 255)]
        {
            let mut datagram = vec![0xA5_u8; bytes];
            datagram[0] = first;
            if let Some(byte) = datagram.get_mut(1) {
                *byte = second;
            }
            datagrams.push(datagram);
        }
    }
    for _ in 0..20 {
        for datagram in &datagrams {
            assert_eq!(sink.chain(gst::Buffer::from_slice(datagram.clone())), Ok(gst::FlowSuccess::Ok));
        }
    }
    // A stray alert record: fatal, handshake_failure, epoch 0. Nobody has been connected, nobody gets media.
    assert_eq!(
        sink.chain(gst::Buffer::from_slice([21, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 2, 40])),
        Ok(gst::FlowSuccess::Ok)
    );
    // And media of our own before there are keys.
    open(&rtp_in, "application/x-rtp");
    for _ in 0..100 {
        assert_eq!(rtp_in.chain(gst::Buffer::from_slice([0x80_u8; 200])), Ok(gst::FlowSuccess::Ok));
    }
    assert_eq!(counts.iter().map(|c| c.load(Ordering::SeqCst)).sum::<u64>(), 0, "something came out");
    let bus = pipeline.bus().unwrap();
    assert!(bus.pop_filtered(&[gst::MessageType::Error]).is_none());
    assert!(pipeline.set_state(gst::State::Null).is_ok());
    // Stopped and started again, it begins anew.
    assert_eq!(enc.property_value("connection-state").transform::<i32>().unwrap().get::<i32>().unwrap(), 0);
}
