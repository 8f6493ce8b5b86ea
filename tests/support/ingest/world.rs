//! A running ingest with its cameras, certificates, hub and connection log.

use ecluse::domain::CameraId;
use ecluse::media::hub::{Hub, HubLimits, Stream};
use ecluse::media::ingest::{CameraAccess, Credential, IngestEvent, IngestServer, IngestSettings, Secret, What};
use ecluse::pki::{Authority, Issued, Usage};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;
use tokio::sync::broadcast;

/// Patience for conditions: far beyond what a loaded machine needs.
pub const PATIENCE: Duration = Duration::from_secs(40);

/// The server under test.
pub struct World {
    pub server: IngestServer,
    pub hub: Arc<Hub>,
    pub ca: PathBuf,
    pub encoder: Issued,
    pub stranger: Issued,
    events: broadcast::Receiver<IngestEvent>,
    _directory: tempfile::TempDir,
}

impl World {
    pub fn new() -> Self {
        Self::with(|_| {})
    }

    /// Cameras `hall-a`, `hall-b` (user `hall`, password `s3cret`) and `gate` (client certificate), under `/site/`.
    pub fn with(change: impl FnOnce(&mut IngestSettings)) -> Self {
        log();
        gstreamer::init().unwrap();
        let directory = tempfile::tempdir().unwrap();
        let authority = Authority::open_or_create(directory.path(), "test authority").unwrap();
        let server = authority.issue("server", Usage::Server, &["127.0.0.1", "localhost"], 30).unwrap();
        let encoder = authority.issue("encoder", Usage::Client, &["encoder"], 30).unwrap();
        let stranger = authority.issue("stranger", Usage::Client, &["stranger"], 30).unwrap();
        let mut settings =
            IngestSettings::new(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), server.certificate, server.key);
        settings.client_ca_pem = Some(authority.certificate_path());
        change(&mut settings);
        let password = |camera: &str| CameraAccess {
            camera: id(camera),
            path: format!("/site/{camera}"),
            credential: Credential::Password { user: "hall".to_owned(), password: Secret::new("s3cret") },
        };
        let mut pin = [0_u8; 32];
        for (byte, hex) in pin.iter_mut().zip(encoder.sha256.as_bytes().chunks(2)) {
            *byte = u8::from_str_radix(std::str::from_utf8(hex).unwrap(), 16).unwrap();
        }
        let gate = CameraAccess {
            camera: id("gate"),
            path: "/site/gate".to_owned(),
            credential: Credential::ClientCertificate { sha256: pin },
        };
        let hub = Hub::new(HubLimits::default());
        let server =
            IngestServer::start(settings, vec![password("hall-a"), password("hall-b"), gate], hub.clone()).unwrap();
        let events = server.events();
        Self { server, hub, ca: authority.certificate_path(), encoder, stranger, events, _directory: directory }
    }

    /// URL with the right password.
    pub fn url(&self, camera: &str) -> String {
        self.url_as("hall:s3cret@", camera)
    }

    pub fn url_as(&self, who: &str, camera: &str) -> String {
        format!("rtsps://{who}127.0.0.1:{}/site/{camera}", self.server.local_port())
    }

    pub fn stream(&self, camera: &str) -> Arc<Stream> {
        self.hub.stream(&id(camera))
    }

    /// The next line of the connection log that `wanted` recognises.
    pub async fn event<T>(&mut self, mut wanted: impl FnMut(&IngestEvent) -> Option<T>) -> T {
        let mut seen = Vec::new();
        let search = async {
            loop {
                let event = self.events.recv().await.expect("the server runs");
                if let Some(found) = wanted(&event) {
                    return found;
                }
                seen.push(event);
            }
        };
        match tokio::time::timeout(PATIENCE, search).await {
            Ok(found) => found,
            Err(_) => panic!("not in the connection log: {seen:#?}"),
        }
    }

    /// Waits for a camera's pictures to be on; gives the line.
    pub async fn publishing(&mut self, camera: &str) -> IngestEvent {
        self.event(|event| {
            (event.camera == Some(id(camera)) && matches!(event.what, What::Publishing { .. })).then(|| event.clone())
        })
        .await
    }

    /// Waits until the camera has delivered `more` frames from now on.
    pub async fn frames(&self, camera: &str, more: u64) {
        let stream = self.stream(camera);
        let from = stream.health().frames;
        until("frames arrive", || stream.health().frames >= from + more).await;
    }
}

/// Polls until true.
pub async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while !condition() {
        assert!(tokio::time::Instant::now() < deadline, "waited in vain until {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

pub fn id(camera: &str) -> CameraId {
    camera.parse().unwrap()
}

/// Everything this process has logged, as an operator would see it.
pub fn logged() -> String {
    String::from_utf8_lossy(&log().0.lock().unwrap()).into_owned()
}

#[derive(Clone, Default)]
struct Captured(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn log() -> &'static Captured {
    static LOG: OnceLock<Captured> = OnceLock::new();
    LOG.get_or_init(|| {
        let captured = Captured::default();
        let writer = captured.clone();
        tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).init();
        captured
    })
}
