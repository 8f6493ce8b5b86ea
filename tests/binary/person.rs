//! Somebody with a browser: one log-in, kept across restarts of the server as a browser keeps its cookie.

use crate::program::{Demo, PATIENCE};
use crate::totp::Applications;
use ecluse::store::totp::TotpSecret;
use reqwest::{Certificate, Client, Method, StatusCode};
use serde_json::{Value, json};
use std::sync::LazyLock;
use std::time::Duration;

/// Everybody's authenticator application, whichever test they are in.
static APPLICATIONS: LazyLock<Applications> = LazyLock::new(Applications::default);

/// A code of this secret that has not been used; the next one comes with time alone.
async fn code(secret: &str) -> String {
    loop {
        match APPLICATIONS.step(secret, chrono::Utc::now(), false) {
            Ok(step) => return TotpSecret::from_base32(secret).unwrap().code(step),
            Err(wait_s) => tokio::time::sleep(Duration::from_secs(wait_s)).await,
        }
    }
}

/// A client that trusts this authority alone.
pub fn client(authority_pem: &[u8]) -> Client {
    Client::builder()
        .tls_certs_only([Certificate::from_pem(authority_pem).unwrap()])
        .cookie_store(true)
        .timeout(PATIENCE)
        .build()
        .unwrap()
}

#[derive(Clone)]
pub struct Person {
    client: Client,
    base: String,
    csrf: String,
    pub email: String,
    /// The value of the session's cookie.
    pub session: String,
}

/// An answer, whole.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub media_type: String,
    pub body: Value,
}

impl Answer {
    pub fn is(&self, status: StatusCode) {
        assert_eq!(self.status, status, "{}", self.body);
    }

    /// A problem document with this code.
    pub fn is_problem(&self, status: StatusCode, code: &str) {
        let found = (self.status, self.media_type.as_str(), self.body["code"].as_str());
        assert_eq!(found, (status, "application/problem+json", Some(code)), "{}", self.body);
        assert!(self.body["detail"].as_str().is_some_and(|detail| detail.len() > 20), "{}", self.body);
    }

    /// Positions in the register.
    pub fn entries(&self) -> Vec<u64> {
        self.is(StatusCode::OK);
        self.body["entries"].as_array().unwrap().iter().map(|seq| seq.as_u64().unwrap()).collect()
    }

    pub fn id(&self) -> String {
        self.is(StatusCode::CREATED);
        self.body["id"].as_str().unwrap().to_owned()
    }
}

impl Person {
    /// Logs the demo's person with this pseudonym in.
    pub async fn log_in(demo: &Demo, id: &str) -> Person {
        let (person, answer) = Self::try_log_in(demo, id).await;
        answer.is(StatusCode::OK);
        person
    }

    pub async fn try_log_in(demo: &Demo, id: &str) -> (Person, Answer) {
        let people = demo.file["people"].as_array().unwrap();
        let known = people.iter().find(|person| person["id"] == id).unwrap();
        let ca = std::fs::read(demo.file["ca"].as_str().unwrap()).unwrap();
        let email = known["email"].as_str().unwrap().to_owned();
        let code = code(known["totp_secret"].as_str().unwrap()).await;
        let credentials = json!({ "email": email, "password": known["password"], "code": code });
        let (client, base) = (client(&ca), demo.url().to_owned());
        let request = client.post(format!("{base}/api/v1/login")).json(&credentials);
        let response = request.send().await.unwrap();
        let cookie = response.cookies().find(|cookie| cookie.name() == "__Host-session");
        let session = cookie.map(|cookie| cookie.value().to_owned()).unwrap_or_default();
        let answer = read(response).await.unwrap();
        let csrf = answer.body["csrf_token"].as_str().unwrap_or_default().to_owned();
        (Person { client, base, csrf, email, session }, answer)
    }

    /// The server came back, elsewhere.
    pub fn moves_to(&mut self, demo: &Demo) {
        self.base = demo.url().to_owned();
    }

    pub fn csrf(&self) -> &str {
        &self.csrf
    }

    pub async fn get(&self, path: &str) -> Answer {
        let request = self.client.request(Method::GET, format!("{}{path}", self.base));
        read(request.send().await.unwrap()).await.unwrap()
    }

    /// `Err`: the server is gone, and what became of the request is not known.
    pub async fn try_post(&self, path: &str, body: Value) -> reqwest::Result<Answer> {
        let request = self.client.post(format!("{}{path}", self.base)).header("x-csrf-token", &self.csrf).json(&body);
        read(request.send().await?).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.try_post(path, body).await.unwrap()
    }

    /// Opens a viewing; the answer's SDP.
    pub async fn offer(&self, path: &str, sdp: &str) -> String {
        let request = self.client.post(format!("{}{path}", self.base)).header("x-csrf-token", &self.csrf);
        let response = request.header("content-type", "application/sdp").body(sdp.to_owned()).send().await.unwrap();
        let status = response.status();
        let text = response.text().await.unwrap();
        assert_eq!(status, StatusCode::CREATED, "{text}");
        text
    }

    /// Asks for the site's images.
    pub async fn try_file(&self) -> reqwest::Result<Answer> {
        let request = json!({ "site": "arcade", "reasons": ["vols"], "duration_minutes": 120, "email": self.email });
        self.try_post("/api/v1/tickets", request).await
    }

    pub async fn try_act(&self, ticket: &str, deed: &str, why: Option<&str>) -> reqwest::Result<Answer> {
        let body = why.map_or_else(|| json!({}), |why| json!({ "why": why }));
        self.try_post(&format!("/api/v1/tickets/{ticket}/{deed}"), body).await
    }

    pub async fn act(&self, ticket: &str, deed: &str, why: Option<&str>) -> Answer {
        self.try_act(ticket, deed, why).await.unwrap()
    }

    /// The register from its newest entry down to `from`, as `(seq, line)`.
    pub async fn register_since(&self, from: u64) -> Vec<Value> {
        let mut lines: Vec<Value> = Vec::new();
        let mut path = "/api/v1/register?limit=500".to_owned();
        loop {
            let page = self.get(&path).await;
            page.is(StatusCode::OK);
            lines.extend(page.body["lines"].as_array().unwrap().iter().cloned());
            let is_enough = lines.last().is_none_or(|line| line["seq"].as_u64().unwrap() <= from);
            match page.body["older_before"].as_u64() {
                Some(before) if !is_enough => path = format!("/api/v1/register?limit=500&before={before}"),
                _ => return lines,
            }
        }
    }
}

async fn read(response: reqwest::Response) -> reqwest::Result<Answer> {
    let status = response.status();
    let media_type = response.headers().get("content-type").map_or("", |value| value.to_str().unwrap()).to_owned();
    let bytes = response.bytes().await?;
    let text = || Value::String(String::from_utf8_lossy(&bytes).into_owned());
    let body = serde_json::from_slice(&bytes).unwrap_or_else(|_| text());
    Ok(Answer { status, media_type, body })
}
