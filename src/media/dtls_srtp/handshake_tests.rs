//! Two ends in one process, and the network between them played by the test: no socket, no sleep but OpenSSL's timers.

use super::super::identity::Identity;
use super::super::{DTLS_SUITES, SRTP_PROFILE};
use super::*;
use std::collections::VecDeque;

/// A congruential generator: the same losses in every run.
struct Dice(u64);

impl Dice {
    fn loses(&mut self, percent: u64) -> bool {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % 100 < percent
    }
}

fn us() -> PeerFingerprints {
    PeerFingerprints::only(Identity::process().unwrap().fingerprint_sha256().clone())
}

fn peer(role: Role, profile: &str, suites: &str) -> Handshake {
    let context = context::build(&Identity::process().unwrap(), profile, suites).unwrap();
    Handshake::within(&context, role, us()).unwrap()
}

/// Plays both ends until both are decided or the time is up.
fn play(ends: [&mut Handshake; 2], loss_percent: u64, seed: u64) -> [Option<Step>; 2] {
    let mut dice = Dice(seed);
    let mut results = [None, None];
    let mut wires: [VecDeque<Vec<u8>>; 2] = Default::default();
    let deadline = std::time::Instant::now() + Duration::from_secs(20);
    let [a, b] = ends;
    let mut ends = [a, b];
    let note = |results: &mut [Option<Step>; 2], side: usize, step: Step| {
        if !matches!(step, Step::Pending) && results[side].is_none() {
            results[side] = Some(step);
        }
    };
    for (side, end) in ends.iter_mut().enumerate() {
        let step = end.start();
        note(&mut results, side, step);
    }
    while results.iter().any(Option::is_none) && std::time::Instant::now() < deadline {
        for side in 0..2 {
            for datagram in ends[side].take_outgoing() {
                assert!(datagram.len() <= context::MTU_BYTES as usize, "{} bytes", datagram.len());
                if !dice.loses(loss_percent) {
                    wires[1 - side].push_back(datagram);
                }
            }
        }
        let mut quiet = true;
        for side in 0..2 {
            while let Some(datagram) = wires[side].pop_front() {
                quiet = false;
                let step = ends[side].input(&datagram);
                note(&mut results, side, step);
            }
        }
        if quiet {
            let waits = [0, 1].map(|side| if results[side].is_none() { ends[side].next_timeout() } else { None });
            let Some(wait) = waits.into_iter().flatten().min() else { break };
            std::thread::sleep(wait);
            for side in 0..2 {
                if results[side].is_none() {
                    let step = ends[side].timeout();
                    note(&mut results, side, step);
                }
            }
        }
    }
    results
}

fn secured(step: &Option<Step>) -> &Secured {
    match step {
        Some(Step::Secured(secured)) => secured,
        other => panic!("not secured: {other:?}"),
    }
}

#[test]
fn both_ends_get_the_same_keys() {
    let mut client = Handshake::new(Role::Client, us()).unwrap();
    let mut server = Handshake::new(Role::Server, us()).unwrap();
    let results = play([&mut client, &mut server], 0, 0);
    let [c, s] = [secured(&results[0]), secured(&results[1])];
    assert_eq!(c.send_key, s.receive_key);
    assert_eq!(c.receive_key, s.send_key);
    assert_ne!(c.send_key, c.receive_key);
    assert_eq!(c.negotiated.srtp, SRTP_PROFILE);
    assert_eq!(c.negotiated.dtls, "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384");
    assert_eq!(c.negotiated, s.negotiated);
    client.close();
    let goodbye = client.take_outgoing();
    assert!(goodbye.iter().any(|d| matches!(server.input(d), Step::Closed)));
}

#[test]
fn three_datagrams_in_ten_may_get_lost_both_ways() {
    for seed in 0..20 {
        let mut client = Handshake::new(Role::Client, us()).unwrap();
        let mut server = Handshake::new(Role::Server, us()).unwrap();
        let results = play([&mut client, &mut server], 30, seed);
        // The end that sends the last flight is done before the other; the other may still need it repeated, which
        // `play` does not carry on for longer than its own 20 s.
        assert_eq!(secured(&results[0]).send_key, secured(&results[1]).receive_key, "seed {seed}");
    }
}

#[test]
fn a_128_bit_client_is_refused_by_name() {
    let mut client = peer(Role::Client, "SRTP_AES128_CM_SHA1_80:SRTP_AEAD_AES_128_GCM", DTLS_SUITES);
    let mut server = Handshake::new(Role::Server, us()).unwrap();
    let [_, result] = play([&mut client, &mut server], 0, 0);
    let Some(Step::Failed(cause)) = result else { panic!("{result:?}") };
    let offered = vec!["SRTP_AES128_CM_HMAC_SHA1_80".to_owned(), "SRTP_AEAD_AES_128_GCM".to_owned()];
    assert_eq!(cause, Cause::NoSrtpProfile { offered: Some(offered) });
    assert_eq!(cause.weak_cipher().as_deref(), Some("SRTP: SRTP_AES128_CM_HMAC_SHA1_80, SRTP_AEAD_AES_128_GCM"));
}

#[test]
fn a_client_without_srtp_is_refused() {
    let identity = Identity::process().unwrap();
    let mut builder = openssl::ssl::SslContext::builder(openssl::ssl::SslMethod::dtls()).unwrap();
    builder.set_certificate(identity.certificate()).unwrap();
    builder.set_private_key(identity.key()).unwrap();
    let mut client = Handshake::within(&builder.build(), Role::Client, us()).unwrap();
    let mut server = Handshake::new(Role::Server, us()).unwrap();
    let [_, result] = play([&mut client, &mut server], 0, 0);
    assert!(matches!(result, Some(Step::Failed(Cause::NoSrtpProfile { offered: Some(o) })) if o.is_empty()));
}

#[test]
fn a_server_that_knows_no_256_bit_profile_is_refused() {
    // Without the ClientHello callback, as other stacks: the handshake succeeds there, with no profile.
    let identity = Identity::process().unwrap();
    let mut builder = openssl::ssl::SslContext::builder(openssl::ssl::SslMethod::dtls()).unwrap();
    builder.set_certificate(identity.certificate()).unwrap();
    builder.set_private_key(identity.key()).unwrap();
    builder.set_tlsext_use_srtp("SRTP_AES128_CM_SHA1_80").unwrap();
    let mut server = Handshake::within(&builder.build(), Role::Server, us()).unwrap();
    let mut client = Handshake::new(Role::Client, us()).unwrap();
    let [result, _] = play([&mut client, &mut server], 0, 0);
    assert!(matches!(result, Some(Step::Failed(Cause::NoSrtpProfile { offered: None }))), "{result:?}");
}

#[test]
fn a_peer_with_128_bit_suites_is_refused_in_both_roles() {
    let weak = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES128-SHA";
    let mut client = peer(Role::Client, SRTP_PROFILE, weak);
    let mut server = Handshake::new(Role::Server, us()).unwrap();
    let [_, result] = play([&mut client, &mut server], 0, 0);
    let Some(Step::Failed(Cause::NoCommonSuite { offered: Some(offered) })) = result else { panic!("{result:?}") };
    assert!(offered.contains(&"TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256".to_owned()), "{offered:?}");

    let mut server = peer(Role::Server, SRTP_PROFILE, weak);
    let mut client = Handshake::new(Role::Client, us()).unwrap();
    let [result, _] = play([&mut client, &mut server], 0, 0);
    assert!(matches!(result, Some(Step::Failed(Cause::NoCommonSuite { offered: None }))), "{result:?}");
}

#[test]
fn a_stranger_is_refused_in_both_roles_and_told_so() {
    let stranger =
        PeerFingerprints::from_sdp(&format!("a=fingerprint:sha-256 {}\n", vec!["AB"; 32].join(":"))).unwrap();
    for role in [Role::Client, Role::Server] {
        let mut wary = Handshake::new(role, stranger.clone()).unwrap();
        let mut other = Handshake::new(if role == Role::Client { Role::Server } else { Role::Client }, us()).unwrap();
        let [ours, theirs] = play([&mut wary, &mut other], 0, 0);
        let got = Identity::process().unwrap().fingerprint_sha256().clone();
        assert!(matches!(&ours, Some(Step::Failed(c)) if *c == Cause::WrongPeer { got }), "{role:?}: {ours:?}");
        assert!(!matches!(theirs, Some(Step::Pending) | None), "{role:?}: the peer was not told: {theirs:?}");
    }
}

#[test]
fn garbage_and_replays_change_nothing() {
    let mut dice = Dice(7);
    let mut client = Handshake::new(Role::Client, us()).unwrap();
    let mut server = Handshake::new(Role::Server, us()).unwrap();
    client.start();
    let mut seen: Vec<Vec<u8>> = Vec::new();
    let mut done = [false, false];
    for _ in 0..20 {
        for side in 0..2 {
            let outgoing = if side == 0 { client.take_outgoing() } else { server.take_outgoing() };
            let to = if side == 0 { &mut server } else { &mut client };
            for datagram in outgoing {
                for bytes in [0, 1, 12, 13, 14, 200, 1500, 16_000, 70_000] {
                    // Application data and handshake records of nonsense, and of no record at all.
                    for first in [23_u8, 22, 99] {
                        let mut garbage: Vec<u8> = (0..bytes).map(|_| u8::from(dice.loses(50)) * 0xA5).collect();
                        if let Some(byte) = garbage.first_mut() {
                            *byte = first;
                        }
                        let step = to.input(&garbage);
                        assert!(matches!(step, Step::Pending), "{first} {bytes}: {step:?}");
                    }
                }
                if matches!(to.input(&datagram), Step::Secured(_)) {
                    done[1 - side] = true;
                }
                seen.push(datagram);
                for old in &seen {
                    let step = to.input(old);
                    assert!(!matches!(step, Step::Failed(_) | Step::Closed), "{step:?}");
                    done[1 - side] |= matches!(step, Step::Secured(_));
                }
            }
        }
    }
    assert_eq!(done, [true, true]);
}
