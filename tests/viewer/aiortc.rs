//! aiortc as the viewer: it decodes what it gets; and, limited to 128 bits, it gets nothing (A6-5).

use crate::aiortc_viewer::Aiortc;
use crate::footage::Footage;
use crate::keeper::Viewer;
use crate::room::{Room, local_address};
use ecluse::domain::EndCause;
use ecluse::media::viewer::Offer;

#[tokio::test(flavor = "multi_thread")]
async fn aiortc_decodes_two_cameras_of_one_bundle() {
    let room = Room::open(2).await;
    let _cameras = room.play(&Footage::small()).await;
    let mut aiortc = tokio::task::block_in_place(|| Aiortc::offer(local_address(), 2, "all"));
    let offer = Offer::parse(&aiortc.offer_sdp).unwrap();
    assert_eq!(offer.video_count(), 2);
    let grant = room.keeper.grant(Viewer::Operator, 2).await;
    let session = grant.terms().session;
    let attached = room.viewers.attach(grant, offer).await.unwrap();
    aiortc.answer(&attached.answer_sdp);
    tokio::task::block_in_place(|| aiortc.decodes(2, 25));
    assert_eq!(room.keeper.connected(session).await.0, "SRTP_AEAD_AES_256_GCM");
    room.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_with_128_bits_gets_no_packet_and_the_register_says_why() {
    let room = Room::open(1).await;
    let _cameras = room.play(&Footage::small()).await;
    let mut aiortc = tokio::task::block_in_place(|| Aiortc::offer(local_address(), 1, "aes128"));
    let grant = room.keeper.grant(Viewer::Operator, 1).await;
    let session = grant.terms().session;
    let attached = room.viewers.attach(grant, Offer::parse(&aiortc.offer_sdp).unwrap()).await.unwrap();
    aiortc.answer(&attached.answer_sdp);
    let (cause, traffic) = room.keeper.ended(session).await;
    assert!(matches!(cause, EndCause::WeakCipher { .. }), "{cause:?}");
    assert_eq!(traffic.packets, 0);
    room.gone(session).await;
    room.close().await;
}
