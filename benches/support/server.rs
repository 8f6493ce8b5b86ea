//! A real Écluse to measure: the release binary's own demo, in a directory of its own, with people who log in.

use anyhow::{Context, Result, bail};
use ecluse::store::totp::{TotpSecret, step_at};
use reqwest::{Certificate, Client, Method, Response, StatusCode};
use serde_json::{Value, json};
use std::io::Write;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long a server may take to come up on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(180);

/// A running server; stopped when dropped.
pub struct Server {
    child: Child,
    directory: tempfile::TempDir,
    /// `demo.json`.
    pub demo: Value,
}

/// One camera of the server.
#[derive(Debug, Clone)]
pub struct Camera {
    /// Identifier.
    pub id: String,
    /// `rtsps://` URL with the credentials in it, for ffmpeg.
    pub push_url: String,
}

impl Server {
    /// Starts `ecluse demo` with `cameras` dark cameras and `viewers` chiefs who may watch, and waits until it is up.
    ///
    /// # Errors
    /// When it does not come up.
    pub async fn start(cameras: usize, viewers: usize) -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let mut server = Self::launch(directory, cameras, &[])?;
        server.wait_until_up().await?;
        for number in 0..viewers {
            server.add_chief(number)?;
        }
        Ok(server)
    }

    /// The same without viewers, and nothing is recorded.
    ///
    /// # Errors
    /// When it does not come up.
    pub async fn start_without_recording(cameras: usize) -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let mut server = Self::launch(directory, cameras, &["--no-recording"])?;
        server.wait_until_up().await?;
        Ok(server)
    }

    fn launch(directory: tempfile::TempDir, cameras: usize, more: &[&str]) -> Result<Self> {
        let _ = std::fs::remove_file(directory.path().join("demo.json"));
        let child = Command::new(env!("CARGO_BIN_EXE_ecluse"))
            .args(["demo", "--no-pusher", "--https", "127.0.0.1:0", "--rtsp", "127.0.0.1:0", "--data-dir"])
            .arg(directory.path())
            .args(["--cameras", &cameras.to_string()])
            .args(more)
            .env("RUST_LOG", "error")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .context("ecluse could not be started")?;
        Ok(Self { child, directory, demo: Value::Null })
    }

    async fn wait_until_up(&mut self) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        let path = self.directory.path().join("demo.json");
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait()? {
                bail!("ecluse demo ended with {status}");
            }
            if let Ok(text) = std::fs::read_to_string(&path)
                && let Ok(demo) = serde_json::from_str::<Value>(&text)
                && demo["pid"].as_u64() == Some(u64::from(self.child.id()))
            {
                self.demo = demo;
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        bail!("ecluse demo was not up within {PATIENCE:?}")
    }

    fn add_chief(&self, number: usize) -> Result<()> {
        let mut child = Command::new(env!("CARGO_BIN_EXE_ecluse"))
            .args(["people", "add", "--config"])
            .arg(self.directory.path().join("ecluse.toml"))
            .args(["--role", "chief", "--email", &viewer_email(number), "--name", &format!("Viewer {number}")])
            .args(["--site", self.demo["site"].as_str().unwrap_or("arcade"), "--service", "csu-charenton"])
            .arg("--password-stdin")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        child.stdin.take().context("its standard input")?.write_all(VIEWER_PASSWORD.as_bytes())?;
        let output = child.wait_with_output()?;
        if !output.status.success() {
            bail!("ecluse people add: {}", String::from_utf8_lossy(&output.stderr));
        }
        Ok(())
    }

    /// The process to measure.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Its `demo.json`.
    pub fn demo_path(&self) -> PathBuf {
        self.directory.path().join("demo.json")
    }

    /// Base of every URL.
    pub fn url(&self) -> &str {
        self.demo["https_url"].as_str().unwrap_or_default()
    }

    /// Its cameras.
    pub fn cameras(&self) -> Vec<Camera> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        self.demo["cameras"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|camera| {
                let (user, password) = (text(&camera["user"]), text(&camera["password"]));
                let push_url = text(&camera["url"]).replace("rtsps://", &format!("rtsps://{user}:{password}@"));
                Camera { id: text(&camera["id"]), push_url }
            })
            .collect()
    }

    /// Logs one of the demo's people in, by role.
    ///
    /// # Errors
    /// When the log-in is refused.
    pub async fn log_in(&self, role: &str) -> Result<Person> {
        let person = self.demo["people"]
            .as_array()
            .and_then(|people| people.iter().find(|person| person["role"] == role))
            .with_context(|| format!("the demo has no {role}"))?;
        let text = |key: &str| person[key].as_str().unwrap_or_default().to_owned();
        let secret = TotpSecret::from_base32(&text("totp_secret"))?;
        let code = secret.code(step_at(chrono::Utc::now()));
        let credentials = json!({ "email": text("email"), "password": text("password"), "code": code });
        Person::log_in(self, &text("email"), &credentials).await
    }

    /// Logs one of the added viewers in, for the first time: they enrol their second factor.
    ///
    /// # Errors
    /// When the log-in is refused.
    pub async fn log_in_viewer(&self, number: usize) -> Result<Person> {
        Person::enrol(self, &viewer_email(number), VIEWER_PASSWORD).await
    }

    /// Waits until the first `count` cameras are online.
    ///
    /// # Errors
    /// When they do not come.
    pub async fn wait_for_cameras(&self, administrator: &Person, count: usize) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            let cameras = administrator.get("/api/v1/cameras").await?;
            let sites = cameras["sites"].as_array().into_iter().flatten();
            let all = sites.flat_map(|site| site["cameras"].as_array().into_iter().flatten());
            if all.filter(|camera| camera["online"] == true).count() >= count {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        bail!("{count} cameras were not online within {PATIENCE:?}")
    }

    /// Files a ticket for two hours and has it approved; its id.
    ///
    /// # Errors
    /// When either is refused.
    pub async fn open_ticket(&self, operator: &Person, decider: &Person) -> Result<String> {
        let filed = operator
            .post(
                "/api/v1/tickets",
                &json!({
                    "email": operator.email,
                    "site": self.demo["site"],
                    "reasons": ["vols"],
                    "duration_minutes": 120,
                }),
            )
            .await?;
        let ticket = filed["id"].as_str().context("a ticket has an id")?.to_owned();
        decider.post(&format!("/api/v1/tickets/{ticket}/approve"), &json!({})).await?;
        Ok(ticket)
    }

    /// Stops it and waits.
    pub fn stop(&mut self) {
        // SAFETY: kill takes any pid and signal; this child is ours and not yet waited for.
        unsafe { libc::kill(self.child.id() as libc::pid_t, libc::SIGTERM) };
        let _ = self.child.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

const VIEWER_PASSWORD: &str = "a-password-for-measuring-only";

fn viewer_email(number: usize) -> String {
    format!("viewer-{number}@bench.ecluse.test")
}

/// A logged-in person.
#[derive(Clone)]
pub struct Person {
    client: Client,
    base: String,
    csrf: String,
    /// Their address.
    pub email: String,
}

impl Person {
    fn nobody(server: &Server, email: &str) -> Result<Self> {
        let authority = PathBuf::from(server.demo["ca"].as_str().context("demo.json names its ca")?);
        let client = Client::builder()
            .tls_certs_only([Certificate::from_pem(&std::fs::read(authority)?)?])
            .cookie_store(true)
            .build()?;
        Ok(Self { client, base: server.url().to_owned(), csrf: String::new(), email: email.to_owned() })
    }

    async fn log_in(server: &Server, email: &str, credentials: &Value) -> Result<Self> {
        let mut person = Self::nobody(server, email)?;
        let body = person.post("/api/v1/login", credentials).await?;
        person.csrf = body["csrf_token"].as_str().context("log-in gives a csrf token")?.to_owned();
        Ok(person)
    }

    /// Through the pages, as a person does at their first log-in.
    async fn enrol(server: &Server, email: &str, password: &str) -> Result<Self> {
        let mut person = Self::nobody(server, email)?;
        let page = person.page(person.client.get(format!("{}/login", person.base))).await?;
        person.csrf = between(&page, "name=\"csrf\" value=\"", "\"")?.to_owned();
        let fields = [("csrf", person.csrf.as_str()), ("email", email), ("password", password)];
        let page = person.page(person.request(Method::POST, "/login").form(&fields)).await?;
        let secret = TotpSecret::from_base32(between(&page, "data-secret=\"", "\"")?)?;
        let code = secret.code(step_at(chrono::Utc::now()));
        let fields = [("csrf", person.csrf.as_str()), ("code", code.as_str())];
        person.page(person.request(Method::POST, "/login/second-factor").form(&fields)).await?;
        person.csrf = person.get("/api/v1/me").await?["csrf_token"].as_str().context("a csrf token")?.to_owned();
        Ok(person)
    }

    async fn page(&self, request: reqwest::RequestBuilder) -> Result<String> {
        let response = request.send().await?;
        let (status, path) = (response.status(), response.url().path().to_owned());
        let text = response.text().await?;
        if !status.is_success() {
            bail!("{path}: {status}");
        }
        Ok(text)
    }

    /// GETs JSON.
    ///
    /// # Errors
    /// On anything but success.
    pub async fn get(&self, path: &str) -> Result<Value> {
        expect_success(self.client.get(format!("{}{path}", self.base)).send().await?).await
    }

    /// The sum of a metric over all its labels, by `/metrics`; 0 when nothing of it was counted yet.
    ///
    /// # Errors
    /// On anything but success.
    pub async fn metric(&self, name: &str) -> Result<f64> {
        let response = self.client.get(format!("{}/metrics", self.base)).send().await?.error_for_status()?;
        let text = response.text().await?;
        let of_name =
            text.lines().filter(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with([' ', '{'])));
        let values = of_name.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok());
        Ok(values.sum())
    }

    /// POSTs JSON.
    ///
    /// # Errors
    /// On anything but success.
    pub async fn post(&self, path: &str, body: &Value) -> Result<Value> {
        expect_success(self.request(Method::POST, path).json(body).send().await?).await
    }

    /// POSTs a WHEP offer: status, `Location`, answer.
    ///
    /// # Errors
    /// When the request cannot be made.
    pub async fn whep(&self, path: &str, offer_sdp: String) -> Result<(StatusCode, String, String)> {
        let response =
            self.request(Method::POST, path).header("Content-Type", "application/sdp").body(offer_sdp).send().await?;
        let location =
            response.headers().get("Location").and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
        Ok((response.status(), location, response.text().await?))
    }

    /// DELETEs a WHEP resource.
    ///
    /// # Errors
    /// When the request cannot be made.
    pub async fn leave(&self, location: &str) -> Result<StatusCode> {
        Ok(self.request(Method::DELETE, location).send().await?.status())
    }

    fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.client
            .request(method, format!("{}{path}", self.base))
            .header("Origin", &self.base)
            .header("X-CSRF-Token", &self.csrf)
    }
}

/// The text between two marks of a page.
fn between<'a>(page: &'a str, before: &str, after: &str) -> Result<&'a str> {
    let (_, rest) = page.split_once(before).with_context(|| format!("no {before} on the page"))?;
    Ok(rest.split_once(after).map_or(rest, |(text, _)| text))
}

async fn expect_success(response: Response) -> Result<Value> {
    let (status, path) = (response.status(), response.url().path().to_owned());
    let text = response.text().await?;
    if !status.is_success() {
        bail!("{path}: {status}: {text}");
    }
    Ok(if text.is_empty() { Value::Null } else { serde_json::from_str(&text)? })
}
