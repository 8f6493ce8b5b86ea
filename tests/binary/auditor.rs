//! Somebody who reads the pages of a real server, and nothing more: an auditor, with a password alone.

use crate::person::client;
use crate::program::{Program, ecluse};
use crate::recording::{Site, said};
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use std::io::Write;
use std::process::Stdio;

/// For the configuration: a password is enough on this machine.
pub const PASSWORD_ALONE: &str = "[auth]\nsecond_factor = \"off\"";
const PASSWORD: &str = "une phrase assez longue";
const EMAIL: &str = "audit@example.org";

pub struct Auditor {
    client: Client,
    base: String,
}

impl Auditor {
    /// Gives the site its auditor, before its server runs.
    pub fn appoint(site: &Site) {
        let mut command = ecluse(&["people", "add", "--role", "auditor", "--name", "Lou Martin", "--email", EMAIL]);
        command.args(["--password-stdin", "--config", site.config()]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(format!("{PASSWORD}\n").as_bytes()).unwrap();
        let ended = child.wait_with_output().unwrap();
        assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    }

    pub async fn log_in(site: &Site, server: &Program) -> Self {
        let up = said(server, "Ecluse is up").pop().expect("it is up");
        let address: std::net::SocketAddr = up["fields"]["pages"].as_str().unwrap().parse().unwrap();
        let authority = std::fs::read(site.world.authority.certificate_path()).unwrap();
        let (client, base) = (client(&authority), format!("https://localhost:{}", address.port()));
        let credentials = json!({ "email": EMAIL, "password": PASSWORD });
        let answer = client.post(format!("{base}/api/v1/login")).json(&credentials).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        Self { client, base }
    }

    /// The storage as programs are told.
    pub async fn storage(&self) -> Value {
        let answer = self.client.get(format!("{}/api/v1/storage", self.base)).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        answer.json().await.unwrap()
    }

    /// The page about it.
    pub async fn storage_page(&self) -> String {
        let answer = self.client.get(format!("{}/storage", self.base)).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        answer.text().await.unwrap()
    }
}
