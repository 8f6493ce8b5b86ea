//! Sessions that come about, under all circumstances, and leave nothing behind.

use crate::peer::{LOCAL, Options, PATIENCE, Peer, connect, init, init_alone, ourselves, vp8_payload_type, wait_until};
use crate::str0m_receiver;
use ecluse::media::dtls_srtp::{Negotiated, Outcome, PeerFingerprints};
use gstreamer::prelude::*;
use std::sync::atomic::Ordering;

fn sender() -> Options {
    Options { sends: true, expects: Some(ourselves()), ..Options::default() }
}

fn receiver() -> Options {
    Options { sends: false, ..sender() }
}

#[test]
fn two_of_ours() {
    let _ours = init();
    let (a, b) = (Peer::new(&sender()), Peer::new(&receiver()));
    connect(&a, &b);
    let negotiated = Negotiated {
        srtp: "SRTP_AEAD_AES_256_GCM".to_owned(),
        dtls: "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384".to_owned(),
    };
    for peer in [&a, &b] {
        assert_eq!(peer.outcome(), Outcome::Connected(negotiated.clone()));
        assert_eq!(peer.bound.as_ref().unwrap().negotiated(), Some(negotiated.clone()));
        assert_eq!(peer.connection_state(), 4);
    }
    wait_until("50 packets decrypted", || b.received.load(Ordering::SeqCst) >= 50);
    assert!(a.gate.packets.load(Ordering::SeqCst) >= 50);
    assert_eq!((a.errors.lock().unwrap().clone(), b.errors.lock().unwrap().clone()), (vec![], vec![]));

    // The goodbye reaches the other end.
    a.bound.as_ref().unwrap().close();
    assert_eq!(b.outcome(), Outcome::Closed);
    assert_eq!((a.connection_state(), b.connection_state()), (1, 1));
    assert_eq!(b.bound.as_ref().unwrap().negotiated(), None);
    assert!(a.no_outcome(), "the one who closes is not told");
}

#[test]
fn str0m_decrypts_what_we_send() {
    let _ours = init();
    let offered = str0m_receiver::offer(LOCAL, 1);
    let peer = Peer::new(&Options {
        sends: true,
        expects: Some(PeerFingerprints::from_sdp(&offered.offer_sdp).unwrap()),
        vp8_payload_type: Some(vp8_payload_type(&offered.offer_sdp)),
        ..Options::default()
    });
    let answer = peer.answer(&offered.offer_sdp);
    let receiver = offered.connect(&answer).unwrap();
    let Outcome::Connected(negotiated) = peer.outcome() else { panic!("not connected") };
    assert_eq!(negotiated.srtp, "SRTP_AEAD_AES_256_GCM");
    assert!(negotiated.dtls.contains("AES_256"), "{negotiated:?}");
    let stats = receiver.wait_for(PATIENCE, |stats| stats.packets() >= 50);
    assert!(stats.is_ok(), "{stats:?}");

    // A viewer that is killed says nothing; one that leaves does. Ours says goodbye to str0m, which then ends.
    peer.bound.as_ref().unwrap().close();
    let stats = receiver.wait_for(PATIENCE, |stats| stats.ended.is_some());
    assert!(stats.is_ok(), "{stats:?}");
}

#[test]
fn three_datagrams_in_ten_may_get_lost_both_ways() {
    let _ours = init();
    for seed in 0..4 {
        let loses = |seed| Some((30, seed));
        let a = Peer::new(&Options { loses: loses(2 * seed), ..sender() });
        let b = Peer::new(&Options { loses: loses(2 * seed + 1), ..receiver() });
        connect(&a, &b);
        for peer in [&a, &b] {
            let outcome = peer.outcome();
            assert!(matches!(outcome, Outcome::Connected(_)), "seed {seed}: {outcome:?}");
        }
        wait_until("media through the loss", || b.received.load(Ordering::SeqCst) >= 20);
    }
}

#[test]
fn after_the_gate_shuts_not_one_packet_leaves() {
    let _ours = init();
    let offered = str0m_receiver::offer(LOCAL, 1);
    let peer = Peer::new(&Options {
        sends: true,
        expects: Some(PeerFingerprints::from_sdp(&offered.offer_sdp).unwrap()),
        vp8_payload_type: Some(vp8_payload_type(&offered.offer_sdp)),
        ..Options::default()
    });
    let answer = peer.answer(&offered.offer_sdp);
    let receiver = offered.connect(&answer).unwrap();
    receiver.wait_for(PATIENCE, |stats| stats.packets() >= 30).expect("media before the cut");
    peer.gate.shut();
    let left = peer.left.load(Ordering::SeqCst);
    let refused = peer.gate.refused.load(Ordering::SeqCst);
    wait_until("50 more packets at the shut gate", || peer.gate.refused.load(Ordering::SeqCst) >= refused + 50);
    assert_eq!(peer.left.load(Ordering::SeqCst), left, "packets left after the gate was shut");
    let stats = receiver.stats();
    assert!(stats.srtp_datagrams <= left, "{} datagrams arrived of {left}", stats.srtp_datagrams);
    assert!(stats.packets() >= 30);
}

#[test]
fn sessions_leave_nothing_behind() {
    // Threads and descriptors are the process's: no other test may run meanwhile.
    let _alone = init_alone();
    let sessions = std::env::var("ECLUSE_CAMPAIGN").ok().map_or(50, |n| n.parse().expect("ECLUSE_CAMPAIGN: a number"));
    let me = procfs::process::Process::myself().unwrap();
    let in_use = || (me.tasks().unwrap().count(), me.fd_count().unwrap());
    let resident_kib = || {
        // What the allocator keeps for the next session is no leak: let it give back what is whole.
        // SAFETY: no argument can be wrong; the C library does its own locking.
        unsafe { libc::malloc_trim(0) };
        me.status().unwrap().vmrss.unwrap()
    };
    let session = || {
        let (a, b) = (Peer::new(&sender()), Peer::new(&receiver()));
        connect(&a, &b);
        assert!(matches!(a.outcome(), Outcome::Connected(_)));
        wait_until("media", || b.received.load(Ordering::SeqCst) >= 5);
        let pipelines = [a.pipeline.downgrade(), b.pipeline.downgrade()];
        let encoders = [&a, &b].map(|p| p.encoder.lock().unwrap().take().unwrap().downgrade());
        drop((a, b));
        wait_until("the pipelines are freed", || pipelines.iter().all(|p| p.upgrade().is_none()));
        wait_until("the encoders are freed", || encoders.iter().all(|e| e.upgrade().is_none()));
    };
    // What is made once per process is made here; the allocator's arenas fill up too.
    for _ in 0..sessions.min(50) / 5 {
        session();
    }
    let (before, resident_before_kib) = (in_use(), resident_kib());
    for _ in 0..sessions {
        session();
    }
    wait_until("threads and descriptors are back where they were", || {
        let now = in_use();
        now.0 <= before.0 && now.1 <= before.1
    });
    let resident_after_kib = resident_kib();
    println!(
        "{sessions} sessions: threads and descriptors {before:?} before, {:?} after; resident memory \
         {resident_before_kib} KiB before, {resident_after_kib} KiB after",
        in_use()
    );
    // 10 %, and 4 MiB for what so small a process cannot help.
    assert!(resident_after_kib <= resident_before_kib * 11 / 10 + 4096, "memory grows");
}
