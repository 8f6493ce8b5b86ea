//! A room with its web server, and people who are logged in.

use crate::keeper::PASSWORD;
use crate::room::Room;
use crate::totp::{self, Applications};
use ecluse::clock::SystemClock;
use ecluse::pki::{Authority, Usage};
use ecluse::web::{Connections, Server, WebContext, WebSettings};
use reqwest::{Client, RequestBuilder, Response, StatusCode};
use serde_json::Value;
use std::sync::Arc;
use tempfile::TempDir;

/// The media type of offers.
pub const SDP: &str = "application/sdp";
/// The media type of fragments.
pub const FRAGMENT: &str = "application/trickle-ice-sdpfrag";

/// The server.
pub struct House {
    pub room: Room,
    server: Server,
    root: reqwest::Certificate,
    directory: TempDir,
    applications: Applications,
}

/// Somebody who is logged in.
pub struct Person {
    client: Client,
    base: String,
    csrf: String,
}

impl House {
    pub async fn open(cameras: usize) -> Self {
        let room = Room::open(cameras).await;
        let directory = tempfile::tempdir().expect("a directory");
        let authority = Authority::open_or_create(directory.path(), "test").expect("an authority");
        let issued = authority.issue("server", Usage::Server, &["localhost", "127.0.0.1"], 30).expect("a certificate");
        let root = std::fs::read(authority.certificate_path()).expect("the authority's file");
        let root = reqwest::Certificate::from_pem(&root).expect("a certificate");
        let listen = "127.0.0.1:0".parse().expect("an address");
        let settings = WebSettings::new(listen, issued.certificate, issued.key, "https://localhost");
        let clock = Arc::new(SystemClock);
        let context = WebContext {
            control: room.keeper.control.clone(),
            store: room.keeper.store.clone(),
            viewers: room.viewers.clone(),
            hub: room.hub.clone(),
            recorder: None,
            connections: Connections::in_memory(clock.clone()),
            clock,
            checkpointer: None,
            metrics: None,
            demo: None,
        };
        let server = Server::start(settings, context).await.expect("the server starts");
        let (store, now) = (room.keeper.store.clone(), chrono::Utc::now());
        let enrolled = tokio::task::spawn_blocking(move || {
            for person in ["operator", "chief", "decider"] {
                totp::enrol(&store, &person.parse().expect("an id"), now);
            }
        });
        enrolled.await.expect("everybody is enrolled");
        Self { room, server, root, directory, applications: Applications::default() }
    }

    /// Where offers under the open ticket go.
    pub fn endpoint(&self) -> String {
        format!("/whep/tickets/{}", self.room.keeper.ticket)
    }

    fn client(&self) -> Client {
        Client::builder().add_root_certificate(self.root.clone()).cookie_store(true).build().expect("a client")
    }

    fn base(&self) -> String {
        format!("https://localhost:{}", self.server.local_addr().port())
    }

    /// Somebody without a log-in.
    pub fn stranger(&self) -> Person {
        Person { client: self.client(), base: self.base(), csrf: String::new() }
    }

    /// `operator`, `chief` or `decider`, logged in.
    pub async fn log_in(&self, who: &str) -> Person {
        let mut person = self.stranger();
        let code = loop {
            match self.applications.code(who, chrono::Utc::now(), false) {
                Ok(code) => break code,
                // The next code comes with time alone.
                Err(wait_s) => tokio::time::sleep(std::time::Duration::from_secs(wait_s)).await,
            }
        };
        let email = format!("{who}@example.org");
        let credentials = serde_json::json!({ "email": email, "password": PASSWORD, "code": code });
        let answer = person
            .client
            .post(format!("{}/api/v1/login", person.base))
            .header("origin", &person.base)
            .json(&credentials)
            .send()
            .await
            .expect("an answer");
        assert_eq!(answer.status(), StatusCode::OK);
        let body: Value = answer.json().await.expect("JSON");
        person.csrf = body["csrf_token"].as_str().expect("a token").to_owned();
        person
    }

    pub async fn close(self) {
        self.server.shutdown().await;
        self.room.close().await;
        drop(self.directory);
    }
}

impl Person {
    /// A request of one's own pages: with cookie, origin and CSRF token.
    pub fn send(&self, method: &str, path: &str, media_type: &str, body: impl Into<reqwest::Body>) -> RequestBuilder {
        let method = reqwest::Method::from_bytes(method.as_bytes()).expect("a method");
        let request = self.client.request(method, format!("{}{path}", self.base)).header("origin", &self.base);
        let request = if self.csrf.is_empty() { request } else { request.header("x-csrf-token", &self.csrf) };
        if media_type.is_empty() { request } else { request.header("content-type", media_type).body(body) }
    }

    pub async fn offer(&self, endpoint: &str, sdp: &str) -> Response {
        self.send("POST", endpoint, SDP, sdp.to_owned()).send().await.expect("an answer")
    }

    pub async fn delete(&self, location: &str) -> Response {
        self.send("DELETE", location, "", "").send().await.expect("an answer")
    }
}

/// A header of an answer.
pub fn header(answer: &Response, name: &str) -> String {
    let value = answer.headers().get(name).unwrap_or_else(|| panic!("the answer has {name}: {answer:?}"));
    value.to_str().expect("text").to_owned()
}

/// Expects a problem document (RFC 9457) with this status, and returns its code.
pub async fn problem(answer: Response, status: u16) -> String {
    let given = answer.status().as_u16();
    let media_type = header(&answer, "content-type");
    let text = answer.text().await.expect("a body");
    assert_eq!(given, status, "{text}");
    assert_eq!(media_type, "application/problem+json", "{text}");
    let document: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(document["status"].as_u64(), Some(u64::from(status)), "{text}");
    assert!(document["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{text}");
    document["code"].as_str().or(document["type"].as_str()).expect("a code").to_owned()
}
