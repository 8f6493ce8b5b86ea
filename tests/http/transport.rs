//! The TLS end, the headers on every answer, and the server's end.

use crate::rig::{PATIENCE, Rig, Wishes, until, workstation};
use ecluse::web::connections::Kind;
use openssl::ssl::{SslConnector, SslFiletype, SslMethod, SslVersion};
use reqwest::{Method, StatusCode};
use std::pin::Pin;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_openssl::SslStream;

fn connector(rig: &Rig) -> openssl::ssl::SslConnectorBuilder {
    let mut connector = SslConnector::builder(SslMethod::tls()).unwrap();
    connector.set_ca_file(rig.authority.certificate_path()).unwrap();
    connector
}

async fn connect(
    rig: &Rig,
    connector: openssl::ssl::SslConnectorBuilder,
) -> Result<SslStream<TcpStream>, openssl::ssl::Error> {
    let tcp = TcpStream::connect(rig.server.local_addr()).await.unwrap();
    let ssl = connector.build().configure().unwrap().into_ssl("localhost").unwrap();
    let mut stream = SslStream::new(ssl, tcp).unwrap();
    tokio::time::timeout(PATIENCE, Pin::new(&mut stream).connect()).await.unwrap()?;
    Ok(stream)
}

/// A TLS connection that speaks whatever the test writes.
pub async fn raw(rig: &Rig) -> SslStream<TcpStream> {
    connect(rig, connector(rig)).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a6_5_one_aes_256_suite_and_nothing_weaker() {
    let rig = Rig::start().await;
    let stream = raw(&rig).await;
    let cipher = stream.ssl().current_cipher().unwrap();
    assert_eq!((cipher.name(), stream.ssl().version_str()), ("TLS_AES_256_GCM_SHA384", "TLSv1.3"));
    for suite in ["TLS_AES_128_GCM_SHA256", "TLS_CHACHA20_POLY1305_SHA256"] {
        let mut weak = connector(&rig);
        weak.set_ciphersuites(suite).unwrap();
        assert!(connect(&rig, weak).await.is_err(), "{suite}");
    }
    let mut old = connector(&rig);
    old.set_max_proto_version(Some(SslVersion::TLS1_2)).unwrap();
    assert!(connect(&rig, old).await.is_err());
    until("the refused handshakes are logged", || {
        rig.connections.newest(100).iter().filter(|line| line.kind == Kind::TlsRefused).count() >= 3
    })
    .await;
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a6_1_a_workstations_certificate_names_it_and_a_foreign_one_is_refused() {
    let rig = Rig::start_with(Wishes { workstation_ca: true, ..Wishes::default() }).await;
    // Without one, people still get in: it becomes required with the workstations' own issue.
    assert_eq!(rig.anonymous().get("/healthz").await.status, StatusCode::OK);

    let elsewhere = tempfile::tempdir().unwrap();
    let foreign = ecluse::pki::Authority::open_or_create(elsewhere.path(), "foreign authority").unwrap();
    let ask = |authority: &ecluse::pki::Authority| {
        let (certificate, key) = workstation(authority, "poste-1");
        let mut connector = connector(&rig);
        connector.set_certificate_file(certificate, SslFiletype::PEM).unwrap();
        connector.set_private_key_file(key, SslFiletype::PEM).unwrap();
        connector
    };
    let get = async |connector| -> std::io::Result<String> {
        let mut stream = connect(&rig, connector).await.map_err(std::io::Error::other)?;
        stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        Ok(answer)
    };
    assert!(get(ask(&rig.authority)).await.unwrap().starts_with("HTTP/1.1 200"));
    let refused = get(ask(&foreign)).await;
    assert!(refused.as_ref().map_or(true, String::is_empty), "{refused:?}");
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_carries_the_protecting_headers() {
    let rig = Rig::start().await;
    let agent = rig.log_in("agent").await;
    for (method, path) in [
        (Method::GET, "/login"),
        (Method::GET, "/tickets"),
        (Method::GET, "/nowhere"),
        (Method::DELETE, "/tickets"),
        (Method::GET, "/healthz"),
        (Method::GET, "/api/v1/me"),
        (Method::GET, "/api/v1/sessions"),
        (Method::POST, "/api/v1/login"),
    ] {
        let answer = agent.send(agent.request(method.clone(), path)).await;
        let place = format!("{method} {path} {}", answer.status);
        assert!(answer.header("strict-transport-security").starts_with("max-age="), "{place}");
        let policy = answer.header("content-security-policy");
        for part in ["default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"] {
            assert!(policy.contains(part), "{place}: {policy}");
        }
        assert!(!policy.contains("unsafe"), "{place}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{place}");
        assert_eq!(answer.header("referrer-policy"), "same-origin", "{place}");
        assert_eq!(answer.header("cache-control"), "no-store", "{place}");
        assert!(answer.header("permissions-policy").contains("display-capture=()"), "{place}");
        assert!(answer.headers.get("access-control-allow-origin").is_none(), "{place}");
    }
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn http_1_and_2_are_both_spoken() {
    let rig = Rig::start().await;
    let url = format!("{}/healthz", rig.base());
    let one = rig.client().http1_only().build().unwrap().get(&url).send().await.unwrap();
    assert_eq!(one.version(), reqwest::Version::HTTP_11);
    let mut alpn = connector(&rig);
    alpn.set_alpn_protos(b"\x02h2\x08http/1.1").unwrap();
    let stream = connect(&rig, alpn).await.unwrap();
    assert_eq!(stream.ssl().selected_alpn_protocol(), Some(b"h2".as_slice()));
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_waits_for_the_body_and_keeps_the_connection() {
    let rig = Rig::start().await;
    let mut stream = raw(&rig).await;
    let head = "POST /api/v1/tickets HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.flush().await.unwrap();
    // An answer now would close the connection under the sender's hands, and the answer could be lost with it.
    let mut answer = vec![0; 4096];
    let early = tokio::time::timeout(Duration::from_millis(300), stream.read(&mut answer)).await;
    assert!(early.is_err(), "{early:?}");
    stream.write_all(b"{}GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut answers = String::new();
    tokio::time::timeout(PATIENCE, stream.read_to_string(&mut answers)).await.unwrap().unwrap();
    assert!(answers.starts_with("HTTP/1.1 401"), "{answers}");
    assert!(answers.contains("HTTP/1.1 200"), "{answers}");

    // Whoever asks first is refused at once.
    let mut stream = raw(&rig).await;
    stream.write_all(head.replace("\r\n\r\n", "\r\nExpect: 100-continue\r\n\r\n").as_bytes()).await.unwrap();
    let mut answer = String::new();
    tokio::time::timeout(PATIENCE, stream.read_to_string(&mut answer)).await.unwrap().unwrap();
    assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fault_25_one_address_cannot_take_every_connection() {
    // A quarter of 64: the seventeenth connection of one address is closed at once.
    let rig = Rig::start_with(Wishes { max_connections: 64, ..Wishes::default() }).await;
    let mut held = Vec::new();
    for _ in 0..16 {
        held.push(raw(&rig).await);
    }
    assert!(connect(&rig, connector(&rig)).await.is_err());
    held.clear();
    let deadline = Instant::now() + PATIENCE;
    while connect(&rig, connector(&rig)).await.is_err() {
        assert!(Instant::now() < deadline, "places are given back");
    }
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_says_nothing_loses_its_place_and_a_stream_of_events_does_not() {
    let silence = Duration::from_millis(500);
    let rig = Rig::start_with(Wishes { silence: Some(silence), ..Wishes::default() }).await;
    let agent = rig.log_in("agent").await;
    let mut events = agent.request(Method::GET, "/events").send().await.unwrap();
    assert_eq!((events.status(), events.version()), (StatusCode::OK, reqwest::Version::HTTP_2));

    let with_alpn = |protocols: &[u8]| {
        let mut connector = connector(&rig);
        connector.set_alpn_protos(protocols).unwrap();
        connector
    };
    let mut silent = vec![raw(&rig).await];
    for protocols in [b"\x08http/1.1".as_slice(), b"\x02h2"] {
        silent.push(connect(&rig, with_alpn(protocols)).await.unwrap());
    }
    // One that speaks HTTP/2 and then asks for nothing: the preface and empty settings.
    let mut greeted = connect(&rig, with_alpn(b"\x02h2")).await.unwrap();
    greeted.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
    silent.push(greeted);
    for (number, mut stream) in silent.into_iter().enumerate() {
        let mut rest = Vec::new();
        // How it ends does not matter: a connection that is dropped gives an error here.
        let closed = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut rest)).await;
        assert!(closed.is_ok(), "silent connection {number} stays");
    }

    // Those took their time in turn; the stream of events has been open longer than any of them.
    rig.opened().await;
    let mut told = String::new();
    while !told.contains("ticket-changed") {
        let chunk = tokio::time::timeout(PATIENCE, events.chunk()).await.expect("an event in time");
        told.push_str(&String::from_utf8_lossy(&chunk.unwrap().expect("the stream goes on")));
    }
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_stops_with_a_stream_of_events_open() {
    let rig = Rig::start().await;
    let agent = rig.log_in("agent").await;
    let mut stream = agent.request(Method::GET, "/events").send().await.unwrap();
    assert_eq!(stream.status(), StatusCode::OK);
    let started = Instant::now();
    let stop = tokio::spawn(rig.stop());
    let mut told = String::new();
    while let Ok(Some(chunk)) = stream.chunk().await {
        told.push_str(&String::from_utf8_lossy(&chunk));
    }
    assert!(told.contains("event:bye") && told.contains("stopping"), "{told}");
    drop(stream);
    drop(agent);
    stop.await.unwrap();
    assert!(started.elapsed() < Duration::from_secs(50));
}
