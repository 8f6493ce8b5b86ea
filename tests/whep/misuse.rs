//! Bad input: each gets its clear error, nothing else notices.

use crate::footage::Footage;
use crate::house::{FRAGMENT, House, Person, SDP, header, problem};
use crate::room::{PATIENCE, local_address};
use crate::str0m_receiver;
use reqwest::StatusCode;

async fn post(person: &Person, path: &str, media_type: &str, body: Vec<u8>, status: u16) -> String {
    problem(person.send("POST", path, media_type, body).send().await.expect("an answer"), status).await
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_offers_are_named_and_a_live_viewer_does_not_notice() {
    let house = House::open(1).await;
    let _cameras = house.room.play(&Footage::small()).await;
    let chief = house.log_in("chief").await;
    let watching = str0m_receiver::offer(local_address(), 1);
    let created = chief.offer(&house.endpoint(), &watching.offer_sdp).await;
    assert_eq!(created.status(), StatusCode::CREATED);
    let receiver = watching.connect(&created.text().await.unwrap()).unwrap();
    tokio::task::block_in_place(|| receiver.wait_for(PATIENCE, |stats| stats.packets() > 20)).expect("pictures");

    let operator = house.log_in("operator").await;
    let endpoint = house.endpoint();
    let good = str0m_receiver::offer(local_address(), 1).offer_sdp;
    let sessions = || house.room.keeper.control.read(|state| state.sessions.len());
    let before = sessions();

    // Twice what is read at all: the server answers before it has everything, or closes; never 2xx, never memory.
    let ten_mib = vec![b'a'; 10 << 20];
    match operator.send("POST", &endpoint, SDP, ten_mib).send().await {
        Ok(answer) => assert_eq!(problem(answer, 413).await, "body-too-large"),
        Err(error) => assert!(error.is_request() || error.is_body(), "{error}"),
    }
    assert_eq!(post(&operator, &endpoint, "text/plain", good.clone().into(), 415).await, "wrong-content-type");
    assert!(!post(&operator, &endpoint, SDP, vec![0xff; 100], 400).await.is_empty());
    assert_eq!(post(&operator, &endpoint, SDP, b"v=0\r\n".to_vec(), 400).await, "offer-truncated");
    let cut = good.find("m=video").unwrap();
    assert_eq!(post(&operator, &endpoint, SDP, good[..cut].into(), 400).await, "offer-truncated");
    assert_eq!(post(&operator, &endpoint, SDP, good[..cut + 30].into(), 406).await, "no-common-codec");
    for (from, to, status, code) in [
        ("m=video", "m=audio", 406, "offer-without-video"),
        ("H264/90000", "VP9/90000", 406, "no-common-codec"),
        ("a=fingerprint:sha-256", "a=fingerprint:sha-1", 400, "offer-invalid"),
        ("a=ice-pwd:", "a=ice-was:", 400, "offer-invalid"),
        ("a=setup:actpass", "a=setup:never", 400, "offer-invalid"),
    ] {
        assert_eq!(post(&operator, &endpoint, SDP, good.replace(from, to).into(), status).await, code, "{from}");
    }
    let elsewhere = format!("/whep/tickets/{}", ecluse::domain::TicketId::generate());
    assert_eq!(post(&operator, &elsewhere, SDP, good.clone().into(), 404).await, "not-found");
    assert_eq!(post(&operator, "/whep/tickets/nonsense", SDP, good.clone().into(), 404).await, "not-found");
    for camera in ["camera-9", "%2e%2e", "No Such"] {
        let path = format!("{endpoint}?camera={camera}");
        assert_eq!(post(&operator, &path, SDP, good.clone().into(), 422).await, "unknown-camera", "{camera}");
    }
    let stranger = house.stranger();
    assert!(!post(&stranger, &endpoint, SDP, good.clone().into(), 401).await.is_empty());
    assert_eq!(sessions(), before, "not one of these made a grant");

    let then = receiver.stats().packets();
    tokio::task::block_in_place(|| receiver.wait_for(PATIENCE, |stats| stats.packets() > then + 20))
        .expect("it goes on");
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_offers_at_once_make_one_session() {
    let house = House::open(1).await;
    let _cameras = house.room.play(&Footage::small()).await;
    let operator = house.log_in("operator").await;
    let (one, two) = (str0m_receiver::offer(local_address(), 1), str0m_receiver::offer(local_address(), 1));
    let endpoint = house.endpoint();
    let (first, second) =
        tokio::join!(operator.offer(&endpoint, &one.offer_sdp), operator.offer(&endpoint, &two.offer_sdp));
    let (created, refused) = if first.status() == StatusCode::CREATED { (first, second) } else { (second, first) };
    assert_eq!(created.status(), StatusCode::CREATED);
    assert_eq!(problem(refused, 409).await, "already-watching");
    assert_eq!(house.room.viewers.live().len(), 1);
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_fragments_are_named_and_other_peoples_sessions_do_not_exist() {
    let house = House::open(1).await;
    let operator = house.log_in("operator").await;
    let chief = house.log_in("chief").await;
    let offered = str0m_receiver::offer(local_address(), 1);
    let created = operator.offer(&house.endpoint(), &offered.offer_sdp).await;
    assert_eq!(created.status(), StatusCode::CREATED);
    let (location, etag) = (header(&created, "location"), header(&created, "etag"));
    let patch = async |person: &Person, media_type: &str, if_match: Option<&str>, body: &str, status: u16| {
        let request = person.send("PATCH", &location, media_type, body.to_owned());
        let request = if let Some(tag) = if_match { request.header("if-match", tag) } else { request };
        problem(request.send().await.expect("an answer"), status).await
    };
    let fragment = "a=end-of-candidates\r\n";
    let restart = "a=ice-ufrag:another\r\na=ice-pwd:anotherpasswordthatislong\r\n";
    assert_eq!(patch(&operator, FRAGMENT, None, fragment, 428).await, "if-match-missing");
    assert_eq!(patch(&operator, FRAGMENT, Some("\"other\""), fragment, 412).await, "other-ice-session");
    assert_eq!(patch(&operator, FRAGMENT, Some("*"), restart, 422).await, "ice-restart-unsupported");
    assert_eq!(patch(&operator, FRAGMENT, Some(&etag), restart, 422).await, "ice-restart-unsupported");
    assert_eq!(patch(&operator, FRAGMENT, Some(&etag), "nonsense", 400).await, "fragment-invalid");
    assert_eq!(patch(&operator, SDP, Some(&etag), fragment, 415).await, "wrong-content-type");
    assert_eq!(patch(&operator, FRAGMENT, Some(&etag), &"a=x\r\n".repeat(20_000), 413).await, "body-too-large");
    assert_eq!(patch(&chief, FRAGMENT, Some(&etag), fragment, 404).await, "not-found");
    assert_eq!(chief.delete(&location).await.status(), StatusCode::NOT_FOUND);
    assert!(operator.delete(&location).await.status().is_success());
    assert_eq!(patch(&operator, FRAGMENT, Some(&etag), fragment, 404).await, "not-found");
    house.close().await;
}
