//! How branches end that nobody cut: each with its own cause in the register, exactly once.

use crate::footage::Footage;
use crate::keeper::Viewer;
use crate::room::{Room, local_address};
use crate::str0m_receiver;
use ecluse::domain::EndCause;
use ecluse::media::viewer::{Offer, Phase, TrickleError, ViewerSettings};
use std::time::Duration;

/// With a limit of so many seconds to silence, and the usual time to connect: a busy machine takes long for a handshake.
fn silent_for(seconds: u64) -> ViewerSettings {
    ViewerSettings { silence_timeout: Duration::from_secs(seconds), ..ViewerSettings::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_who_never_connects_has_vanished() {
    let settings = ViewerSettings { connect_timeout: Duration::from_secs(2), ..ViewerSettings::default() };
    let room = Room::with(1, settings).await;
    let offered = str0m_receiver::offer(local_address(), 1);
    let offer = Offer::parse(&offered.offer_sdp).unwrap();
    let grant = room.keeper.grant(Viewer::Operator, 1).await;
    let session = grant.terms().session;
    room.viewers.attach(grant, offer).await.unwrap();
    assert_eq!(room.live(session).map(|l| l.phase), Some(Phase::Connecting));
    let (cause, traffic) = room.keeper.ended(session).await;
    assert_eq!((cause, traffic.packets), (EndCause::Vanished, 0));
    room.gone(session).await;
    room.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_whose_machine_is_switched_off_has_vanished() {
    let room = Room::with(1, silent_for(3)).await;
    let _cameras = room.play(&Footage::small()).await;
    let watching = room.watch(Viewer::Operator, 1).await;
    watching.receives(1, 50).await;
    // No goodbye: the socket is simply gone.
    drop(watching.receiver);
    let (cause, traffic) = room.keeper.ended(watching.session).await;
    assert_eq!(cause, EndCause::Vanished);
    assert!(traffic.packets > 0);
    room.gone(watching.session).await;
    room.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_who_listens_quietly_stays_and_leaves_once() {
    // With a silence limit of 6 s the receiver's reports, one every second or so, keep it.
    let room = Room::with(1, silent_for(6)).await;
    let _cameras = room.play(&Footage::small()).await;
    let watching = room.watch(Viewer::Operator, 1).await;
    watching.receives(1, 50).await;
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(room.live(watching.session).map(|l| l.phase), Some(Phase::Live));
    assert!(room.viewers.leave(&watching.session).await);
    assert!(!room.viewers.leave(&watching.session).await, "a second DELETE finds nothing");
    assert_eq!(room.keeper.ended(watching.session).await.0, EndCause::Left);
    room.gone(watching.session).await;
    let fragment = "a=end-of-candidates\r\n";
    assert_eq!(
        room.viewers.trickle(&watching.session, fragment).await,
        Err(TrickleError::UnknownSession { session: watching.session })
    );
    room.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_who_hangs_up_before_the_answer_leaves_nothing() {
    let room = Room::open(1).await;
    for _ in 0..10 {
        let offered = str0m_receiver::offer(local_address(), 1);
        let offer = Offer::parse(&offered.offer_sdp).unwrap();
        let grant = room.keeper.grant(Viewer::Operator, 1).await;
        let session = grant.terms().session;
        // The HTTP connection breaks while the answer is being made.
        let answered = tokio::time::timeout(Duration::from_micros(300), room.viewers.attach(grant, offer)).await;
        if answered.is_ok() {
            room.viewers.leave(&session).await;
        }
        assert_eq!(room.keeper.ended(session).await.0, EndCause::Left);
        room.gone(session).await;
    }
    room.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stops_ends_them_all() {
    let room = Room::open(1).await;
    let _cameras = room.play(&Footage::small()).await;
    let watching = room.watch(Viewer::Operator, 1).await;
    watching.receives(1, 10).await;
    room.viewers.shutdown().await;
    assert!(room.viewers.live().is_empty());
    assert_eq!(room.keeper.ended(watching.session).await.0, EndCause::ServerStopped);
    room.close().await;
}
