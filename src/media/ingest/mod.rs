//! Ingest: cameras and site encoders push RTSP over TLS, AES-256 alone, into the [`hub`](super::hub).
//!
//! The path of one frame: [`front`] (TCP, TLS, limits) → [`connection`] (RTSP with the camera: who, what, how fast) →
//! [`backend`] (gst-rtsp-server in RECORD mode, which never listens on the network) → [`media`] (depay, parse, appsink)
//! → hub.
//!
//! Guarantees:
//! - AES-256 on the hop from site to server, or no media: TLS 1.2/1.3 with three AES-256-GCM suites, RTP interleaved in
//!   that same connection, never over UDP. A client that has none of them is refused, and the refusal is logged with its
//!   address and what it offered (A6-5).
//! - A camera's path needs that camera's own password or client certificate (A6-4, fault 21). Before that proof nothing
//!   of what a peer sends reaches GStreamer.
//! - One publisher per camera. One that comes back takes its path over from a silent predecessor; one that stalls, sends
//!   no picture or changes its RTP source is dropped and named.
//! - No sound passes: audio is answered politely and thrown away here.
//! - Bounded: connections, header and body size, time until authenticated, size of a picture. One peer's faults end that
//!   peer's connection and nothing else.
//!
//! Not its job: playing media out (DESCRIBE and PLAY are refused), pulling from cameras, deciding who watches.
//!
//! Serves A6-4, A6-5, A6-7, faults 15, 16, 21, 25. The design note is `docs/design/ingest.md`.

mod access;
mod backend;
mod connection;
mod event;
mod front;
mod media;
mod message;
mod nal;
mod publishers;
mod relay;
mod rtp;
mod sdp;
mod tls;
mod wire;

pub use access::{CameraAccess, Credential, Secret};
pub use event::{DropReason, IngestEvent, RefuseReason, What};
pub use tls::TLS_SUITES;

use super::hub::Hub;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// What the ingest needs to know; the certificate and key are read once, at start.
#[derive(Debug, Clone)]
pub struct IngestSettings {
    /// Address and port for `rtsps://`; port 0 lets the system choose (see [`IngestServer::local_port`]).
    pub listen: SocketAddr,
    /// Server certificate and intermediates, PEM.
    pub certificate_pem: PathBuf,
    /// Its private key, PEM.
    pub key_pem: PathBuf,
    /// Authorities that sign client certificates, PEM; required when a camera uses one.
    pub client_ca_pem: Option<PathBuf>,
    /// A publisher from which no picture came for so long is dropped.
    pub stall_timeout: Duration,
    /// Lets `rtsp://` in on the same port. Images then cross the network in the clear, against A6-5: for benches alone.
    pub allow_plain_rtsp: bool,
    /// Bounds.
    pub limits: IngestLimits,
}

impl IngestSettings {
    /// Settings with the defaults: 10 s without a picture, TLS only, default limits.
    pub fn new(listen: SocketAddr, certificate_pem: PathBuf, key_pem: PathBuf) -> Self {
        Self {
            listen,
            certificate_pem,
            key_pem,
            client_ca_pem: None,
            stall_timeout: Duration::from_secs(10),
            allow_plain_rtsp: false,
            limits: IngestLimits::default(),
        }
    }
}

/// What one peer, or all together, may use (fault 25).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IngestLimits {
    /// Connections at a time, authenticated or not.
    pub connections: usize,
    /// Connections at a time from one IP address; a site's encoder pushes all its cameras from one.
    pub connections_per_ip: usize,
    /// Connections the system may queue before they are accepted.
    pub backlog: u32,
    /// Time from the TCP connection to an authenticated ANNOUNCE.
    pub authenticate_within: Duration,
    /// Time from ANNOUNCE to RECORD.
    pub record_within: Duration,
    /// Bytes of one request's line and headers.
    pub header_bytes: usize,
    /// Bytes of one request's body (an SDP).
    pub body_bytes: usize,
    /// Bytes of one coded picture.
    pub picture_bytes: usize,
    /// A publisher whose last packet is older than this gives way to a newcomer with the same right.
    pub takeover_silence: Duration,
    /// Wrong credentials on one connection before it is closed; each is answered after a pause of 1 s.
    pub wrong_credentials: u32,
}

impl Default for IngestLimits {
    /// 256 connections, 64 per address, backlog 128, 10 s to authenticate, 10 s to record, 16 KiB of headers, 64 KiB of
    /// body, 8 MiB per picture, takeover after 1 s of silence, 3 wrong credentials.
    fn default() -> Self {
        Self {
            connections: 256,
            connections_per_ip: 64,
            backlog: 128,
            authenticate_within: Duration::from_secs(10),
            record_within: Duration::from_secs(10),
            header_bytes: 16 << 10,
            body_bytes: 64 << 10,
            picture_bytes: 8 << 20,
            takeover_silence: Duration::from_secs(1),
            wrong_credentials: 3,
        }
    }
}

/// Why the ingest does not start.
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    /// The port cannot be had.
    #[error("cannot listen for cameras on {address}: {source}; choose another [rtsp] listen or stop who holds it")]
    Listen {
        /// The configured address.
        address: SocketAddr,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A PEM file is missing or does not fit.
    #[error("{what} {path}: {detail}")]
    Pem {
        /// What the file should be.
        what: &'static str,
        /// Where it was looked for.
        path: PathBuf,
        /// What is wrong with it and what was expected.
        detail: String,
    },
    /// OpenSSL does not take our settings: its AES-256 suites would not be in force.
    #[error("OpenSSL cannot restrict TLS to AES-256: {0}")]
    Tls(#[from] openssl::error::ErrorStack),
    /// Two cameras share a path, or a path is none.
    #[error("camera {camera}: path \"{path}\" {problem}")]
    Path {
        /// The camera.
        camera: crate::domain::CameraId,
        /// Its path.
        path: String,
        /// What is wrong and what was expected.
        problem: &'static str,
    },
    /// A camera is to show a certificate, but no authority is configured.
    #[error("camera {camera} uses a client certificate: set client_ca to the PEM of the authority that signs it")]
    NoClientCa {
        /// The camera.
        camera: crate::domain::CameraId,
    },
    /// GStreamer lacks something.
    #[error("GStreamer cannot take cameras: {0}")]
    Gstreamer(String),
    /// Called outside a tokio runtime.
    #[error("the ingest needs a tokio runtime: start it from async code")]
    NoRuntime,
}

/// The running ingest. Dropping it stops it without waiting; [`IngestServer::shutdown`] waits.
#[derive(Debug)]
pub struct IngestServer {
    local_port: u16,
    events: broadcast::Sender<IngestEvent>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl IngestServer {
    /// Listens, with exactly these cameras. Must be called inside a tokio runtime, after `gst::init()`.
    ///
    /// # Errors
    /// See [`IngestError`]; nothing listens then.
    pub fn start(
        settings: IngestSettings,
        cameras: Vec<CameraAccess>,
        hub: Arc<Hub>,
    ) -> Result<IngestServer, IngestError> {
        let runtime = tokio::runtime::Handle::try_current().map_err(|_| IngestError::NoRuntime)?;
        let cameras = check_cameras(&settings, cameras)?;
        let acceptor = tls::acceptor(&settings)?;
        let backend = backend::Backend::new()?;
        let listen_error = |source| IngestError::Listen { address: settings.listen, source };
        let listener = {
            let _inside = runtime.enter();
            front::bind(settings.listen, settings.limits.backlog).map_err(listen_error)?
        };
        let local_port = listener.local_addr().map_err(listen_error)?.port();
        let (events, _) = broadcast::channel(1_024);
        let stop = CancellationToken::new();
        let tasks = TaskTracker::new();
        let shared = Arc::new(connection::Shared {
            settings,
            cameras,
            hub,
            backend,
            publishers: Arc::default(),
            events: event::Log::new(events.clone()),
        });
        tasks.spawn_on(front::serve(listener, acceptor, shared, stop.clone(), tasks.clone()), &runtime);
        tracing::info!(port = local_port, suites = TLS_SUITES, "cameras may push to rtsps");
        Ok(Self { local_port, events, stop, tasks })
    }

    /// The port it listens on.
    pub fn local_port(&self) -> u16 {
        self.local_port
    }

    /// The connection log as it happens (A6-7): who published, was refused, was dropped, and why.
    pub fn events(&self) -> broadcast::Receiver<IngestEvent> {
        self.events.subscribe()
    }

    /// Drops all publishers, stops listening, and waits until every connection has ended.
    pub async fn shutdown(&self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

impl Drop for IngestServer {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Cameras by path, once their paths are known to be distinct and their proofs possible.
fn check_cameras(
    settings: &IngestSettings,
    cameras: Vec<CameraAccess>,
) -> Result<HashMap<String, CameraAccess>, IngestError> {
    let mut by_path = HashMap::with_capacity(cameras.len());
    for access in cameras {
        let problem = |problem| IngestError::Path { camera: access.camera.clone(), path: access.path.clone(), problem };
        if !access.path.starts_with('/') || access.path.len() < 2 || access.path.ends_with('/') {
            return Err(problem("is no path: expected /SITE/CAMERA"));
        }
        if matches!(access.credential, Credential::ClientCertificate { .. }) && settings.client_ca_pem.is_none() {
            return Err(IngestError::NoClientCa { camera: access.camera.clone() });
        }
        if by_path.contains_key(&access.path) {
            return Err(problem("is taken by another camera: give each its own"));
        }
        by_path.insert(access.path.clone(), access);
    }
    Ok(by_path)
}
