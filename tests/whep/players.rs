//! Players that work, from the first POST to the last DELETE.

use crate::aiortc_viewer::Aiortc;
use crate::footage::Footage;
use crate::house::{FRAGMENT, House, header};
use crate::room::{PATIENCE, local_address, until};
use crate::str0m_receiver;
use ecluse::domain::{EndCause, SessionId};
use reqwest::StatusCode;

fn session_of(location: &str) -> SessionId {
    location.rsplit('/').next().expect("a last part").parse().expect("a session")
}

#[tokio::test(flavor = "multi_thread")]
async fn str0m_trickles_watches_two_cameras_and_leaves() {
    let house = House::open(2).await;
    let _cameras = house.room.play(&Footage::small()).await;
    let operator = house.log_in("operator").await;

    let offered = str0m_receiver::offer(local_address(), 2);
    let (candidates, bare): (Vec<&str>, Vec<&str>) =
        offered.offer_sdp.lines().partition(|line| line.starts_with("a=candidate:"));
    let credentials: Vec<&str> = bare.iter().copied().filter(|line| line.starts_with("a=ice-")).take(2).collect();
    let created = operator.offer(&house.endpoint(), &format!("{}\r\n", bare.join("\r\n"))).await;
    assert_eq!(created.status(), StatusCode::CREATED);
    assert_eq!(header(&created, "content-type"), "application/sdp");
    assert_eq!(header(&created, "accept-patch"), FRAGMENT);
    let (location, etag) = (header(&created, "location"), header(&created, "etag"));
    let answer = created.text().await.unwrap();

    let fragment = format!("{}\r\n{}\r\na=end-of-candidates\r\n", credentials.join("\r\n"), candidates.join("\r\n"));
    let patched = operator.send("PATCH", &location, FRAGMENT, fragment).header("if-match", &etag).send().await.unwrap();
    assert_eq!(patched.status(), StatusCode::NO_CONTENT, "{:?}", patched.text().await);

    let receiver = offered.connect(&answer).unwrap();
    let both =
        |stats: &str0m_receiver::Stats| stats.per_mid.len() == 2 && stats.per_mid.values().all(|mid| mid.packets > 20);
    tokio::task::block_in_place(|| receiver.wait_for(PATIENCE, both)).expect("both cameras flow");

    assert!(operator.delete(&location).await.status().is_success());
    let (cause, traffic) = house.room.keeper.ended(session_of(&location)).await;
    assert!(cause == EndCause::Left && traffic.packets > 40, "{cause:?} {traffic:?}");
    assert_eq!(operator.delete(&location).await.status(), StatusCode::NOT_FOUND, "DELETE twice");
    house.room.gone(session_of(&location)).await;
    // What was in the receiver's socket when it left may still be read; nothing else ever comes.
    let mut quiet = receiver.stats().packets();
    let left_at = std::time::Instant::now();
    loop {
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        let now = receiver.stats().packets();
        if now == quiet {
            break;
        }
        quiet = now;
        assert!(left_at.elapsed() < PATIENCE, "packets go on coming");
    }
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    assert_eq!(receiver.stats().packets(), quiet);
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn aiortc_decodes_the_camera_it_asks_for() {
    let house = House::open(2).await;
    let _cameras = house.room.play(&Footage::small()).await;
    let chief = house.log_in("chief").await;
    let mut aiortc = tokio::task::block_in_place(|| Aiortc::offer(local_address(), 1, "all"));
    let endpoint = format!("{}?camera=camera-2", house.endpoint());
    let created = chief.offer(&endpoint, &aiortc.offer_sdp).await;
    assert_eq!(created.status(), StatusCode::CREATED);
    let location = header(&created, "location");
    let answer = created.text().await.unwrap();
    assert!(answer.contains("a=msid:camera-2 "), "{answer}");
    assert!(!answer.contains("camera-1"), "{answer}");
    aiortc.answer(&answer);
    tokio::task::block_in_place(|| aiortc.decodes(1, 25));
    assert!(chief.delete(&location).await.status().is_success());
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_the_cut_the_ticket_is_dead() {
    let house = House::open(1).await;
    let _cameras = house.room.play(&Footage::small()).await;
    let operator = house.log_in("operator").await;
    let offered = str0m_receiver::offer(local_address(), 1);
    let offer = offered.offer_sdp.clone();
    let created = operator.offer(&house.endpoint(), &offer).await;
    let location = header(&created, "location");
    let receiver = offered.connect(&created.text().await.unwrap()).unwrap();
    tokio::task::block_in_place(|| receiver.wait_for(PATIENCE, |stats| stats.packets() > 20)).expect("pictures");
    house.room.keeper.cut().await;
    let session = session_of(&location);
    until("the branch is gone", || house.room.live(session).is_none()).await;
    let refused = operator.offer(&house.endpoint(), &offer).await;
    let status = refused.status().as_u16();
    assert!((400..500).contains(&status), "{status}");
    crate::house::problem(refused, status).await;
    assert_eq!(operator.delete(&location).await.status(), StatusCode::NOT_FOUND);
    house.close().await;
}
