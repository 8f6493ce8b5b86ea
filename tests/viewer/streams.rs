//! Cameras that come, go and change under a viewer (faults 15 and 16), trickle, and the instant start.

use crate::footage::Footage;
use crate::keeper::Viewer;
use crate::room::{PATIENCE, Room, local_address, until};
use crate::str0m_receiver;
use ecluse::media::viewer::{Offer, TrickleError};
use std::time::Instant;

#[tokio::test(flavor = "multi_thread")]
async fn an_absent_camera_appears_when_it_comes_and_may_change_its_format() {
    let room = Room::open(2).await;
    let always = Footage::high().play(&room.hub, &room.cameras[0]);
    let watching = room.watch(Viewer::Operator, 2).await;
    let packets_of = |camera: usize| {
        let mid = &watching.attached.tracks[camera].mid;
        watching.receiver.stats().per_mid.get(mid).map_or(0, |mid| mid.packets)
    };
    until("the camera that is on flows", || packets_of(0) > 100).await;
    assert_eq!(packets_of(1), 0);
    assert_eq!(room.live(watching.session).unwrap().cameras[1].frame_age_ms, None);

    let late = Footage::high().play(&room.hub, &room.cameras[1]);
    until("the absent camera appears", || packets_of(1) > 100).await;
    drop(late);
    let then = packets_of(1);
    let age = || room.live(watching.session).unwrap().cameras[1].frame_age_ms.unwrap();
    until("the picture is known to be old", || age() > 500).await;
    let back = Footage::small().play(&room.hub, &room.cameras[1]);
    until("it comes back with another format", || packets_of(1) > then + 100).await;
    until("its picture is fresh again", || age() < 500).await;
    drop((back, always));
    room.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_viewer_who_trickles_gets_pictures_and_no_restart() {
    let room = Room::open(1).await;
    let _cameras = room.play(&Footage::small()).await;
    let offered = str0m_receiver::offer(local_address(), 1);
    let (candidates, bare): (Vec<&str>, Vec<&str>) =
        offered.offer_sdp.lines().partition(|line| line.starts_with("a=candidate:"));
    assert!(!candidates.is_empty());
    let attribute = |name: &str| bare.iter().find(|line| line.starts_with(name)).unwrap().to_string();
    let (ufrag, pwd) = (attribute("a=ice-ufrag:"), attribute("a=ice-pwd:"));
    let offer = Offer::parse(&bare.join("\r\n")).unwrap();
    let grant = room.keeper.grant(Viewer::Operator, 1).await;
    let session = grant.terms().session;
    let attached = room.viewers.attach(grant, offer).await.unwrap();
    assert!(attached.etag.starts_with('"') && attached.etag.ends_with('"') && attached.etag.len() > 4);

    let fragment = format!("{ufrag}\r\n{pwd}\r\na=mid:0\r\n{}\r\na=end-of-candidates\r\n", candidates.join("\r\n"));
    room.viewers.trickle(&session, &fragment).await.unwrap();
    let restart = fragment.replace("a=ice-ufrag:", "a=ice-ufrag:new").replace("a=ice-pwd:", "a=ice-pwd:new");
    assert_eq!(room.viewers.trickle(&session, &restart).await, Err(TrickleError::IceRestart));
    let stray = "a=ice-ufrag:someone\r\na=end-of-candidates\r\n";
    assert_eq!(room.viewers.trickle(&session, stray).await, Err(TrickleError::OtherIceSession));
    let mdns = "a=candidate:1 1 udp 1 6b0d4b7a-6ff8-4a3f-9e0a-0d8f43f1f8a7.local 9 typ host\r\n";
    assert_eq!(room.viewers.trickle(&session, mdns).await, Ok(()));
    let flood: String =
        (0..100).map(|n| format!("a=candidate:{n} 1 udp 1 192.0.2.99 {} typ host\r\n", 1000 + n)).collect();
    assert!(matches!(room.viewers.trickle(&session, &flood).await, Err(TrickleError::TooManyCandidates { .. })));

    let receiver = offered.connect(&attached.answer_sdp).unwrap();
    receiver.wait_for(PATIENCE, |stats| stats.packets() > 50).expect("pictures come");
    room.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_viewer_gets_the_current_group_of_pictures_at_once() {
    let room = Room::open(1).await;
    let footage = Footage::high();
    let _cameras = room.play(&footage).await;
    let health = || room.hub.stream(&room.cameras[0]).health();
    // Three seconds into a group of four: without replay the first decodable picture would be a second away.
    until("the group of pictures is old", || health().frames % 100 == 75).await;
    let sent_before = health().bytes;
    let started = Instant::now();
    let watching = room.watch(Viewer::Operator, 1).await;
    watching.receives(1, 1).await;
    let first_after = started.elapsed();
    let stats = watching.receiver.wait_for(PATIENCE, |stats| stats.bytes() > 1_000_000).expect("pictures come");
    let sent_meanwhile = health().bytes - sent_before;
    println!(
        "first packet {first_after:?} after the offer; {} bytes came while the camera sent {sent_meanwhile}",
        stats.bytes()
    );
    assert!(stats.bytes() > sent_meanwhile, "the past is sent faster than the present comes");
    room.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lost_packets_come_again_and_a_lost_picture_is_replayed() {
    let room = Room::open(1).await;
    let _cameras = room.play(&Footage::high()).await;
    let watching = room.watch(Viewer::Operator, 1).await;
    watching.receives(1, 300).await;

    watching.receiver.lose_one_in(50);
    let stats = watching.receiver.wait_for(PATIENCE, |stats| stats.recovered > 20).expect("NACK is answered");
    watching.receiver.lose_one_in(0);
    println!("{} of {} lost packets came again", stats.recovered, stats.lost);

    // Asked for late in a group of pictures, when the next one of the camera is far: all of it comes once more.
    let health = || room.hub.stream(&room.cameras[0]).health();
    let published = health().publications;
    until("the group of pictures is old", || health().frames % 100 == 60).await;
    let (sent_before, received_before) = (health().bytes, watching.receiver.stats().bytes());
    watching.receiver.ask_for_keyframes();
    // Sixty frames are about a megabyte; live alone would bring half of that in a second.
    let caught_up = |stats: &str0m_receiver::Stats| {
        let received = stats.bytes() - received_before;
        received > (health().bytes - sent_before) + 600_000
    };
    watching.receiver.wait_for(PATIENCE, caught_up).expect("the group of pictures is replayed");
    assert_eq!(health().publications, published, "the camera was left alone");
    room.close().await;
}
