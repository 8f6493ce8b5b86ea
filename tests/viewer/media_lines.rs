//! Offers of every shape: which camera lands on which m-line, and what is answered to lines that take none.

use crate::footage::Footage;
use crate::keeper::Viewer;
use crate::room::{Room, local_address};
use crate::str0m_receiver;
use ecluse::domain::EndCause;
use ecluse::media::viewer::{AttachError, Offer, ViewerSettings};

/// Shaped like Chromium's: audio, three videos, a data channel.
const CHROMIUM: &str = include_str!("../../src/media/viewer/testdata/chromium.sdp");

#[tokio::test(flavor = "multi_thread")]
async fn audio_data_and_surplus_lines_are_switched_off_in_the_answer() {
    let room = Room::open(2).await;
    let _cameras = room.play(&Footage::high()).await;
    let offer = Offer::parse(CHROMIUM).unwrap();
    assert_eq!(offer.video_count(), 3);
    let grant = room.keeper.grant(Viewer::Operator, offer.video_count()).await;
    let session = grant.terms().session;
    let attached = room.viewers.attach(grant, offer).await.unwrap();
    let answer = attached.answer_sdp.as_str();
    let ports: Vec<&str> =
        answer.lines().filter(|line| line.starts_with("m=")).filter_map(|line| line.split(' ').nth(1)).collect();
    // The audio section describes the bundle's transport: it stays, inactive.
    assert_eq!(ports, ["9", "9", "9", "0", "0"], "{answer}");
    assert!(answer.contains("a=inactive\r\na=rtcp-mux\r\na=rtpmap:111 opus/48000/2\r\na=mid:0"), "{answer}");
    let tracks: Vec<_> = attached.tracks.iter().map(|t| (t.mid.as_str(), t.camera.as_str())).collect();
    assert_eq!(tracks, [("1", "camera-1"), ("2", "camera-2")]);
    for wanted in ["a=group:BUNDLE 0 1 2", "a=msid:camera-1 camera-1-video", "a=setup:active", "a=end-of-candidates"] {
        assert!(answer.lines().any(|line| line == wanted), "{wanted} in {answer}");
    }
    // A high-profile stream goes under Chromium's main profile.
    let parameters = "a=fmtp:117 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=4d00";
    assert!(answer.contains(parameters), "{answer}");
    assert_eq!(answer.matches("a=ssrc-group:FID ").count(), 2);
    assert!(answer.lines().filter(|line| line.starts_with("a=candidate:")).all(|line| line.contains(" UDP ")));
    room.viewers.leave(&session).await;
    room.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fewer_lines_than_cameras_get_the_first_cameras() {
    let room = Room::open(4).await;
    let _cameras = room.play(&Footage::small()).await;
    let watching = room.watch(Viewer::Operator, 2).await;
    watching.receives(2, 20).await;
    let cameras: Vec<_> = watching.attached.tracks.iter().map(|t| t.camera.as_str()).collect();
    assert_eq!(cameras, ["camera-1", "camera-2"]);
    room.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ports_come_from_the_range_and_an_exhausted_one_is_a_named_fault() {
    // A port that is taken on all addresses leaves a range of one port empty.
    let taken = std::net::UdpSocket::bind("[::]:0").expect("a port");
    let port = taken.local_addr().expect("an address").port();
    let room = Room::with(1, ViewerSettings { udp_ports: port..=port, ..ViewerSettings::default() }).await;
    let offered = str0m_receiver::offer(local_address(), 1);
    let offer = || Offer::parse(&offered.offer_sdp).unwrap();
    let grant = room.keeper.grant(Viewer::Operator, 1).await;
    let session = grant.terms().session;
    let refused = room.viewers.attach(grant, offer()).await.unwrap_err();
    let named = matches!(&refused, AttachError::Media { detail } if detail.contains(&port.to_string()));
    assert!(named, "{refused}: the fault names the range");
    assert!(matches!(room.keeper.ended(session).await.0, EndCause::Failed { .. }));
    room.gone(session).await;
    room.close().await;

    let external = Some("203.0.113.5".parse().unwrap());
    let room = Room::with(1, ViewerSettings { external_address: external, ..ViewerSettings::default() }).await;
    let grant = room.keeper.grant(Viewer::Operator, 1).await;
    let attached = room.viewers.attach(grant, offer()).await.unwrap();
    let candidates: Vec<&str> = attached.answer_sdp.lines().filter(|line| line.starts_with("a=candidate:")).collect();
    for candidate in &candidates {
        let port: u16 = candidate.split(' ').nth(5).unwrap().parse().unwrap();
        assert!((50_000..=50_999).contains(&port), "{candidate}");
    }
    assert!(candidates.iter().any(|line| line.contains(" 203.0.113.5 ")), "{candidates:?}");
    room.close().await;
}
