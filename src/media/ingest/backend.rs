//! gst-rtsp-server in RECORD mode, behind our front.
//!
//! It never listens: each authenticated publication gets its own mount point and its own connection, a loopback socket
//! pair handed over to the server. So its parser sees only requests that we wrote, two publishers can never meet on one
//! path, and closing the socket takes everything of that publication down.

use super::media::{self, Sink};
use super::message::{Decoder, Incoming, Malformed, Message, Start};
use super::{IngestError, sdp};
use bytes::BytesMut;
use gstreamer as gst;
use gstreamer_rtsp_server::prelude::*;
use gstreamer_rtsp_server::{RTSPMountPoints, RTSPServer, RTSPSessionPool, RTSPThreadPool};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Our own backend answers in milliseconds; longer means that it hangs.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// A thread for each publisher's socket (-1: no limit; there are no more publications than cameras): one that hangs in a
/// teardown holds up nobody else.
const CLIENT_THREADS: i32 = -1;

/// Why the backend did not take a publication.
#[derive(Debug, thiserror::Error)]
pub(super) enum BackendError {
    #[error("loopback connection: {0}")]
    Io(#[from] std::io::Error),
    #[error("gst-rtsp-server did not take the connection")]
    Handover,
    #[error("gst-rtsp-server answered {method} with {status}")]
    Status { method: &'static str, status: u16 },
    #[error("gst-rtsp-server did not answer {method} within {} ms", ANSWER_WITHIN.as_millis())]
    Silent { method: &'static str },
    #[error("gst-rtsp-server's answer: {0}")]
    Malformed(#[from] Malformed),
    #[error("gst-rtsp-server closed the connection")]
    Closed,
    #[error("gst-rtsp-server gave no session")]
    NoSession,
}

/// The process's RECORD server.
#[derive(Debug)]
pub(super) struct Backend {
    server: RTSPServer,
    mounts: RTSPMountPoints,
    sessions: RTSPSessionPool,
    numbers: AtomicU64,
}

impl Backend {
    pub fn new() -> Result<Self, IngestError> {
        gst::init().map_err(|error| IngestError::Gstreamer(error.to_string()))?;
        for name in media::ELEMENTS {
            if gst::ElementFactory::find(name).is_none() {
                return Err(IngestError::Gstreamer(format!(
                    "element {name} is missing: install GStreamer's base, good and bad plugins"
                )));
            }
        }
        let missing = |what: &str| IngestError::Gstreamer(format!("gst-rtsp-server has no {what}"));
        let server = RTSPServer::new();
        let threads = RTSPThreadPool::new();
        threads.set_max_threads(CLIENT_THREADS);
        server.set_thread_pool(Some(&threads));
        let mounts = server.mount_points().ok_or_else(|| missing("mount points"))?;
        let sessions = server.session_pool().ok_or_else(|| missing("session pool"))?;
        Ok(Self { server, mounts, sessions, numbers: AtomicU64::new(0) })
    }

    /// Frees sessions that have ended; to be called every second.
    pub fn clean_up(&self) {
        self.sessions.cleanup();
    }

    /// Announces and sets up one publication; its pictures will arrive in `sink`.
    pub async fn open(&self, peer: SocketAddr, sdp: &str, sink: &Arc<Sink>) -> Result<Session, BackendError> {
        let path = format!("/p{}", self.numbers.fetch_add(1, Ordering::Relaxed));
        self.mounts.add_factory(&path, media::factory(sink));
        let mount = Mount { mounts: self.mounts.clone(), path };
        let io = self.connect(peer).await?;
        let uri = format!("rtsp://127.0.0.1{}", mount.path);
        let mut session = Session {
            io,
            incoming: BytesMut::new(),
            // A response of our own backend: larger than anything it says.
            decoder: Decoder::new(64 << 10, 64 << 10),
            cseq: 0,
            id: String::new(),
            uri,
            _mount: mount,
        };
        session.ask("ANNOUNCE", "", "Content-Type: application/sdp\r\n", sdp).await?;
        let transport = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1;mode=record\r\n";
        let answer = session.ask("SETUP", &format!("/{}", sdp::VIDEO_CONTROL), transport, "").await?;
        let id = answer.header("session").and_then(|value| value.split(';').next()).unwrap_or("");
        if id.is_empty() {
            return Err(BackendError::NoSession);
        }
        session.id = id.to_owned();
        Ok(session)
    }

    /// A loopback connection of which the server has the other end.
    async fn connect(&self, peer: SocketAddr) -> Result<TcpStream, BackendError> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let ours = TcpStream::connect(listener.local_addr()?).await?;
        let ours_addr = ours.local_addr()?;
        let theirs = loop {
            // Another local process may knock in this instant: only our own end is let in.
            let (theirs, from) = listener.accept().await?;
            if from == ours_addr {
                break theirs;
            }
        };
        ours.set_nodelay(true)?;
        let fd = OwnedFd::from(theirs.into_std()?);
        let socket = gio::Socket::from_fd(fd).map_err(|_| BackendError::Handover)?;
        self.server
            .transfer_connection(socket, &peer.ip().to_string(), i32::from(peer.port()), None)
            .map_err(|_| BackendError::Handover)?;
        Ok(ours)
    }
}

/// A mount point that exists as long as its publication.
#[derive(Debug)]
struct Mount {
    mounts: RTSPMountPoints,
    path: String,
}

impl Drop for Mount {
    fn drop(&mut self) {
        self.mounts.remove_factory(&self.path);
    }
}

/// One publication inside the server. Dropping it closes its connection, which frees its media.
#[derive(Debug)]
pub(super) struct Session {
    io: TcpStream,
    incoming: BytesMut,
    decoder: Decoder,
    cseq: u32,
    id: String,
    uri: String,
    _mount: Mount,
}

impl Session {
    /// Starts the media: what is written from now on as interleaved packets on channel 0 is RTP, on channel 1 RTCP.
    pub async fn record(&mut self) -> Result<(), BackendError> {
        self.ask("RECORD", "", "", "").await.map(drop)
    }

    /// The reading end (with the decoder to use), and the writing end.
    pub fn split(&mut self) -> (BackendReader<'_>, tokio::net::tcp::WriteHalf<'_>) {
        let (reader, writer) = self.io.split();
        (BackendReader { reader, incoming: &mut self.incoming, decoder: &mut self.decoder }, writer)
    }

    async fn ask(
        &mut self,
        method: &'static str,
        under: &str,
        headers: &str,
        body: &str,
    ) -> Result<Message, BackendError> {
        self.cseq += 1;
        let mut request = format!("{method} {}{under} RTSP/1.0\r\nCSeq: {}\r\n{headers}", self.uri, self.cseq);
        if !self.id.is_empty() {
            request.push_str(&format!("Session: {}\r\n", self.id));
        }
        if !body.is_empty() {
            request.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        request.push_str("\r\n");
        request.push_str(body);
        let exchange = async {
            self.io.write_all(request.as_bytes()).await?;
            let (mut reader, _) = self.split();
            loop {
                if let Incoming::Message(message) = reader.next().await?
                    && let Start::Response { status } = message.start
                {
                    return if status == 200 { Ok(message) } else { Err(BackendError::Status { method, status }) };
                }
            }
        };
        tokio::time::timeout(ANSWER_WITHIN, exchange).await.unwrap_or(Err(BackendError::Silent { method }))
    }
}

/// Reads what the server sends: answers, and RTCP for the publisher.
#[derive(Debug)]
pub(super) struct BackendReader<'a> {
    reader: tokio::net::tcp::ReadHalf<'a>,
    incoming: &'a mut BytesMut,
    decoder: &'a mut Decoder,
}

impl BackendReader<'_> {
    pub async fn next(&mut self) -> Result<Incoming, BackendError> {
        loop {
            if let Some(incoming) = self.decoder.next(self.incoming)? {
                return Ok(incoming);
            }
            if self.reader.read_buf(self.incoming).await? == 0 {
                return Err(BackendError::Closed);
            }
        }
    }
}
