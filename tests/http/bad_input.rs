//! What nobody should send: each gets its clear error, and nothing else notices.

use crate::rig::{OFFER, PATIENCE, Rig, Wishes, filing};
use reqwest::header::CONTENT_TYPE;
use reqwest::{Method, StatusCode};
use serde_json::json;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

#[tokio::test(flavor = "multi_thread")]
async fn bodies_of_ten_megabytes_are_refused_and_read_to_their_end() {
    let rig = Rig::start().await;
    let (ticket, agent) = (rig.opened().await, rig.log_in("agent").await);
    let huge = vec![b'x'; 10 << 20];
    for (path, media_type) in [
        ("/api/v1/tickets".to_owned(), "application/json"),
        (format!("/whep/tickets/{ticket}"), "application/sdp"),
        ("/login".to_owned(), "application/x-www-form-urlencoded"),
    ] {
        let request = agent.request(Method::POST, &path).header(CONTENT_TYPE, media_type).body(huge.clone());
        let answer = agent.send(request).await;
        assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE, "{path}");
    }
    // A GET with a body, too.
    let answer = agent.send(agent.request(Method::GET, "/api/v1/me").body(huge)).await;
    answer.is(StatusCode::PAYLOAD_TOO_LARGE, "body-too-large");
    assert_eq!(agent.get("/api/v1/me").await.status, StatusCode::OK);
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_content_types_are_named() {
    let rig = Rig::start().await;
    let (ticket, agent) = (rig.opened().await, rig.log_in("agent").await);
    let whep = format!("/whep/tickets/{ticket}");
    for (path, media_type, body) in [
        ("/api/v1/tickets", "text/plain", "{}"),
        ("/api/v1/tickets", "application/x-www-form-urlencoded", "a=b"),
        ("/api/v1/tickets", "", "{}"),
        (whep.as_str(), "application/json", "{}"),
        (whep.as_str(), "", OFFER),
    ] {
        let mut request = agent.request(Method::POST, path).body(body.to_owned());
        if !media_type.is_empty() {
            request = request.header(CONTENT_TYPE, media_type);
        }
        let answer = agent.send(request).await;
        answer.is(StatusCode::UNSUPPORTED_MEDIA_TYPE, "wrong-content-type");
        assert_eq!(answer.header("accept-post"), if path == whep { "application/sdp" } else { "" });
    }
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn broken_offers_are_named_and_leave_no_trace() {
    let rig = Rig::start().await;
    let (ticket, agent) = (rig.opened().await, rig.log_in("agent").await);
    let whep = format!("/whep/tickets/{ticket}");
    let entries = rig.control.health().entries;
    agent.offer(&whep, "").await.is(StatusCode::BAD_REQUEST, "offer-truncated");
    agent.offer(&whep, "v=0\r\n").await.is(StatusCode::BAD_REQUEST, "offer-truncated");
    agent.offer(&whep, "hello").await.is(StatusCode::BAD_REQUEST, "offer-invalid");
    agent.offer(&whep, &"v=0\r\n".repeat(20_000)).await.is(StatusCode::PAYLOAD_TOO_LARGE, "body-too-large");
    let without_h264 = OFFER.replace("H264/90000", "VP8/90000");
    agent.offer(&whep, &without_h264).await.is(StatusCode::NOT_ACCEPTABLE, "no-common-codec");
    let binary = agent.request(Method::POST, &whep).header(CONTENT_TYPE, "application/sdp").body(vec![0xff_u8, 0xfe]);
    agent.send(binary).await.is(StatusCode::BAD_REQUEST, "body-invalid");
    // Cut anywhere, an offer is refused or, where only trailing attributes are missing, answered: never a failure.
    let lines: Vec<&str> = OFFER.lines().collect();
    for keep in (0..lines.len()).step_by(9) {
        let cut = lines[..keep].join("\r\n");
        let answer = agent.offer(&whep, &cut).await;
        assert!(!answer.status.is_server_error(), "{keep} lines: {} {}", answer.status, answer.text());
        if answer.status == StatusCode::CREATED {
            assert_eq!(agent.delete(answer.header("location")).await.status, StatusCode::OK);
        }
    }
    assert!(rig.control.health().entries >= entries);
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn broken_json_and_unknown_things_are_named() {
    let rig = Rig::start().await;
    let agent = rig.log_in("agent").await;
    for body in ["{", "[]", "{\"site\":1}", "{\"site\":\"arcade\",\"extra\":1}", "\u{0}"] {
        let request = agent.request(Method::POST, "/api/v1/tickets").header(CONTENT_TYPE, "application/json");
        agent.send(request.body(body)).await.is(StatusCode::BAD_REQUEST, "body-invalid");
    }
    let mut unknown = filing("agent");
    unknown["site"] = "atlantis".into();
    let answer = agent.post("/api/v1/tickets", unknown).await;
    assert_eq!(answer.json()["faults"][0]["code"], "unknown-site");
    for path in ["/api/v1/tickets/nonsense", "/api/v1/tickets/%00", "/api/v1/tickets/..%2f..", "/api/v1/nothing"] {
        agent.get(path).await.is(StatusCode::NOT_FOUND, "not-found");
    }
    agent.get("/api/v1/tickets?limit=0").await.is(StatusCode::BAD_REQUEST, "query-invalid");
    agent.get("/api/v1/tickets?limit=many").await.is(StatusCode::BAD_REQUEST, "query-invalid");
    rig.stop().await;
}

/// What the server says to these bytes in the clear, until it hangs up.
async fn answer_to(address: std::net::SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let mut answer = Vec::new();
    let conversation = async {
        // Being cut off while still writing is an answer as well.
        if stream.write_all(bytes).await.is_ok() {
            let _ = stream.read_to_end(&mut answer).await;
        }
    };
    tokio::time::timeout(PATIENCE, conversation).await.expect("the server hung up in time");
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_on_the_port_disturbs_nobody() {
    let rig = Rig::start().await;
    let agent = rig.log_in("agent").await;
    let address = rig.server.local_addr();
    let mut noise = vec![0_u8; 100_000];
    openssl::rand::rand_bytes(&mut noise).unwrap();
    for bytes in [b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".as_slice(), b"\x16\x03\x01\xff\xff", &noise, b"SSH-2.0-x\r\n"] {
        let answer = answer_to(address, bytes).await;
        assert!(!answer.starts_with(b"HTTP/1.1 2"), "plain HTTP is never served");
        assert_eq!(agent.get("/api/v1/me").await.status, StatusCode::OK);
    }
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_cut_off_in_its_body_hurts_only_itself() {
    let rig = Rig::start().await;
    let agent = rig.log_in("agent").await;
    let mut stream = crate::transport::raw(&rig).await;
    let head = "POST /api/v1/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{";
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.flush().await.unwrap();
    drop(stream);
    assert_eq!(agent.get("/api/v1/me").await.status, StatusCode::OK);
    for head in ["GET / HTTP/9.9\r\n\r\n", "\r\n\r\n\r\nnonsense\r\n\r\n", "GET  /x y z HTTP/1.1\r\n\r\n"] {
        let mut stream = crate::transport::raw(&rig).await;
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        let _ = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await.expect("an answer or an end");
        assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 4"), "{}", String::from_utf8_lossy(&answer));
    }
    // Headers without end.
    let mut stream = crate::transport::raw(&rig).await;
    let flood = async {
        stream.write_all(b"GET / HTTP/1.1\r\n").await?;
        for number in 0..100_000 {
            stream.write_all(format!("x-{number}: {}\r\n", "y".repeat(100)).as_bytes()).await?;
        }
        Ok::<_, std::io::Error>(())
    };
    let flooded = tokio::time::timeout(PATIENCE, flood).await.expect("the flood is stopped in time");
    assert!(flooded.is_err(), "ten megabytes of headers are never read");
    assert_eq!(agent.get("/api/v1/me").await.status, StatusCode::OK);
    tokio::time::timeout(Duration::from_secs(60), rig.stop()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn fault_12_years_that_the_register_has_no_form_for_never_reach_it() {
    let rig = Rig::start_with(Wishes { recorder: true, ..Wishes::default() }).await;
    let decider = rig.log_in("decider").await;
    let before = rig.control.entries(None, usize::MAX).unwrap().len();
    for when in ["since=-0001-01-01", "since=0000-01-01", "until=%2B12000-01-01", "since=0000-01-01T00:00:00%2B01:00"] {
        let answer = decider.get(&format!("/register/export.csv?{when}")).await;
        assert!(answer.status.is_client_error(), "{when}: {}", answer.status);
    }
    for year in ["-0001", "+12000"] {
        let (from, until) = (format!("{year}-01-01T00:00:00Z"), format!("{year}-01-01T00:05:00Z"));
        let wish = json!({ "cameras": ["hall"], "from_utc": from, "until_utc": until });
        let answer = decider.post("/api/v1/recordings/arcade/viewings", wish).await;
        assert!(answer.status.is_client_error(), "{year}: {}", answer.status);
        let scope = json!({ "site": "arcade", "cameras": ["hall"], "from_utc": from, "until_utc": until,
            "person": "M. X", "received_on": "2026-01-05", "authority": "TJ", "reference": "PV", "date": "2026-01-05",
            "document_sha256": "0".repeat(64) });
        for path in ["/api/v1/holds", "/api/v1/access-requests"] {
            let answer = decider.post(path, scope.clone()).await;
            assert!(answer.status.is_client_error(), "{path} {year}: {}", answer.status);
        }
    }
    let left = rig.control.entries(None, usize::MAX).unwrap();
    assert_eq!(left.len(), before, "{:?}", left.last());
    assert_eq!(decider.get("/register").await.status, StatusCode::OK);
    rig.recorder.as_ref().unwrap().shutdown().await;
    rig.stop().await;
}
