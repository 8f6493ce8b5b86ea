//! Nonsense on the UDP ports of the viewers: nobody else notices, and neither does the viewer it is meant for.

use crate::footage::Footage;
use crate::keeper::Viewer;
use crate::room::{Room, Watching, until};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use std::net::{SocketAddr, UdpSocket};

/// Where the server listens for this viewer: its own candidates.
fn ports(watching: &Watching) -> Vec<SocketAddr> {
    let candidates = watching.attached.answer_sdp.lines().filter_map(|line| line.strip_prefix("a=candidate:"));
    let addresses = candidates.filter_map(|line| {
        let words: Vec<&str> = line.split(' ').collect();
        Some(SocketAddr::new(words.get(4)?.parse().ok()?, words.get(5)?.parse().ok()?))
    });
    addresses.filter(SocketAddr::is_ipv4).collect()
}

/// Datagrams that look like STUN, DTLS, RTP, RTCP or nothing, of every length a datagram can have.
fn nonsense() -> impl Strategy<Value = Vec<u8>> {
    // RFC 7983: the first byte says who is to read it.
    let first = prop_oneof![0..=3_u8, 20..=25_u8, 128..=191_u8, any::<u8>()];
    let body = prop_oneof![
        4 => proptest::collection::vec(any::<u8>(), 0..64),
        2 => proptest::collection::vec(any::<u8>(), 64..1_500),
        1 => proptest::collection::vec(any::<u8>(), 1_500..9_000),
    ];
    let magic = any::<bool>();
    (first, body, magic).prop_map(|(first, mut body, magic)| {
        body.insert(0, first);
        // A STUN message with the right cookie and a length that may be anything.
        if magic && body.len() >= 8 {
            body[4..8].copy_from_slice(&[0x21, 0x12, 0xa4, 0x42]);
        }
        body
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn nonsense_on_the_udp_ports_disturbs_nobody() {
    let room = Room::open(1).await;
    let _cameras = room.play(&Footage::high()).await;
    let first = room.watch(Viewer::Operator, 1).await;
    let second = room.watch(Viewer::Chief, 1).await;
    first.receives(1, 100).await;
    second.receives(1, 100).await;

    let targets = ports(&first);
    assert!(!targets.is_empty(), "{}", first.attached.answer_sdp);
    let socket = UdpSocket::bind("0.0.0.0:0").expect("a socket");
    let mut runner = TestRunner::deterministic();
    for number in 0..2_000 {
        let datagram = nonsense().new_tree(&mut runner).expect("a datagram").current();
        // A full socket buffer drops some; enough arrive.
        let _ = socket.send_to(&datagram, targets[number % targets.len()]);
    }

    let (one, other) = (first.receiver.stats().packets(), second.receiver.stats().packets());
    until("both go on", || {
        first.receiver.stats().packets() > one + 100 && second.receiver.stats().packets() > other + 100
    })
    .await;
    for watching in [&first, &second] {
        assert_eq!(watching.receiver.stats().ended, None);
        assert!(room.live(watching.session).is_some_and(|live| live.srtp.is_some()));
    }
    // And it is still cut like any other.
    room.keeper.cut().await;
    room.gone(first.session).await;
    room.close().await;
}
