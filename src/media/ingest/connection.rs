//! One peer's connection, from its first request to its last picture.
//!
//! The states are the functions, in order: [`prove`] (who is it, for which camera, with what media) → [`set_up`] (over
//! which channels) → [`relay`](super::relay::run) (pictures). Each has its time limit; whatever goes wrong ends in an
//! answer that says so, a line in the connection log, and the end of this connection alone.

use super::access::{self, CameraAccess, REALM, Shown, Verdict};
use super::backend::{Backend, Session};
use super::event::{DropReason, Log, RefuseReason, What};
use super::media::Sink;
use super::message::{Message, Start};
use super::publishers::{Claim, Publishers};
use super::sdp::{self, Announced};
use super::wire::{Hangup, Io, Wire};
use super::{IngestSettings, relay};
use crate::domain::CameraId;
use crate::media::hub::{Hub, PublisherInfo};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::time::timeout_at;
use tokio_util::sync::CancellationToken;

/// What all connections share.
pub(super) struct Shared {
    pub settings: IngestSettings,
    /// By path.
    pub cameras: HashMap<String, CameraAccess>,
    pub hub: Arc<Hub>,
    pub backend: Backend,
    pub publishers: Arc<Publishers>,
    pub events: Log,
}

/// Who is at the other end.
#[derive(Debug, Clone)]
pub(super) struct Peer {
    pub address: SocketAddr,
    /// When it must have said who it is.
    pub deadline: tokio::time::Instant,
    /// TLS suite.
    pub tls: Option<String>,
    /// SHA-256 of its verified client certificate.
    pub certificate: Option<[u8; 32]>,
}

/// Why a connection ended before a picture.
struct Refusal {
    camera: Option<CameraId>,
    /// `None`: the peer left by itself and did nothing worth a line.
    reason: Option<RefuseReason>,
    /// Status and the request it answers.
    answer: Option<(u16, Option<String>)>,
}

impl Refusal {
    fn new(status: u16, request: &Message, camera: Option<&CameraId>, reason: RefuseReason) -> Self {
        Self { camera: camera.cloned(), reason: Some(reason), answer: Some((status, cseq(request))) }
    }
}

impl From<Hangup> for Refusal {
    fn from(hangup: Hangup) -> Self {
        match hangup {
            Hangup::Closed(why) => {
                tracing::debug!(%why, "a peer left before it published");
                Self { camera: None, reason: None, answer: None }
            }
            Hangup::Malformed(malformed) => Self {
                camera: None,
                reason: Some(RefuseReason::Malformed(malformed.to_string())),
                answer: Some((malformed.status(), None)),
            },
        }
    }
}

impl From<String> for Refusal {
    fn from(closed: String) -> Self {
        Hangup::Closed(closed).into()
    }
}

/// A peer that has proven which camera it is.
struct Proven {
    access: CameraAccess,
    announced: Announced,
    request: Message,
    agent: Option<String>,
}

/// Which interleaved channels carry what, as the peer sees them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Channels {
    pub rtp: u8,
    pub rtcp: u8,
}

const METHODS: &str = "Public: OPTIONS, ANNOUNCE, SETUP, RECORD, TEARDOWN, GET_PARAMETER, SET_PARAMETER";

/// Serves one connection to its end.
pub(super) async fn run<S: Io>(io: S, peer: Peer, shared: Arc<Shared>, stop: CancellationToken) {
    let mut wire = Wire::new(io, &shared.settings.limits);
    let prepared = tokio::select! {
        () = stop.cancelled() => return,
        prepared = prepare(&mut wire, &peer, &shared) => prepared,
    };
    // From here on the connection's end has a line in the log: stopping is one of the reasons in it.
    let end = match prepared {
        Ok(Some(prepared)) => publish(&mut wire, prepared, &peer, &shared, &stop).await,
        Ok(None) => return,
        Err(refusal) => Err(refusal),
    };
    if let Err(refusal) = end {
        refuse(wire, &peer, &shared, refusal, &stop).await;
    }
}

/// Answers a peer that does not speak TLS, and shows it the door.
pub(super) async fn refuse_plain<S: Io>(io: S, peer: Peer, shared: Arc<Shared>, stop: CancellationToken) {
    let mut wire = Wire::new(io, &shared.settings.limits);
    let request = tokio::select! {
        () = stop.cancelled() => return,
        request = timeout_at(peer.deadline, wire.message()) => request,
    };
    let refusal = match request {
        Ok(Ok(request)) => Refusal::new(403, &request, None, RefuseReason::Plain),
        Ok(Err(hangup)) => hangup.into(),
        Err(_) => too_slow(shared.settings.limits.authenticate_within),
    };
    refuse(wire, &peer, &shared, refusal, &stop).await;
}

async fn refuse<S: Io>(mut wire: Wire<S>, peer: &Peer, shared: &Shared, refusal: Refusal, stop: &CancellationToken) {
    let Some(reason) = refusal.reason else { return };
    shared.events.write(peer.address, refusal.camera.as_ref(), What::Refused(reason.clone()));
    let Some((status, cseq)) = refusal.answer else { return };
    // Who has not proven anything learns nothing about who else is here.
    let text = match &reason {
        RefuseReason::Busy { .. } => "this camera is already being published".to_owned(),
        RefuseReason::WrongCredential { .. } => "wrong credential or unknown path".to_owned(),
        RefuseReason::Internal(_) => "see the server's log".to_owned(),
        other => other.to_string(),
    };
    let answered = async {
        if wire.output.answer(cseq.as_deref(), status, &["Connection: close"], &text).await.is_ok() {
            wire.farewell().await;
        }
    };
    tokio::select! {
        () = stop.cancelled() => {}
        () = answered => {}
    }
}

fn too_slow(within: Duration) -> Refusal {
    Refusal { camera: None, reason: Some(RefuseReason::TooSlow(within)), answer: Some((408, None)) }
}

/// A peer that has proven itself, is set up, and asks to record; nothing of it is in the hub yet.
struct Prepared {
    proven: Proven,
    claim: Claim,
    sink: Arc<Sink>,
    session: Session,
    session_line: String,
    record: Message,
    channels: Channels,
}

/// Everything up to RECORD; `None`: the peer took leave before.
async fn prepare<S: Io>(wire: &mut Wire<S>, peer: &Peer, shared: &Shared) -> Result<Option<Prepared>, Refusal> {
    let limits = &shared.settings.limits;
    let proven = timeout_at(peer.deadline, prove(wire, peer, shared))
        .await
        .unwrap_or_else(|_| Err(too_slow(limits.authenticate_within)))?;
    let camera = &proven.access.camera;
    let busy = |holder| Refusal::new(453, &proven.request, Some(camera), RefuseReason::Busy { holder });
    let claim = shared.publishers.claim(camera, peer.address, limits.takeover_silence).await.map_err(busy)?;
    let sink = Sink::new();
    let session = shared
        .backend
        .open(peer.address, &proven.announced.video_sdp, &sink)
        .await
        .map_err(|error| Refusal::new(503, &proven.request, Some(camera), internal(&error)))?;
    let session_line = format!("Session: {};timeout=60", random_hex(8)?);
    wire.output.answer(cseq(&proven.request).as_deref(), 200, &[&session_line], "").await?;

    let deadline = tokio::time::Instant::now() + limits.record_within;
    let ready = tokio::select! {
        ready = timeout_at(deadline, set_up(wire, peer, shared, &proven, &session_line)) => {
            ready.unwrap_or_else(|_| Err(too_slow(limits.record_within)))?
        }
        by = claim.taken_over() => return Err(busy(by.unwrap_or(peer.address))),
    };
    Ok(ready.map(|(record, channels)| Prepared { proven, claim, sink, session, session_line, record, channels }))
}

/// From RECORD to the last picture. `Err`: it never began.
async fn publish<S: Io>(
    wire: &mut Wire<S>,
    prepared: Prepared,
    peer: &Peer,
    shared: &Shared,
    stop: &CancellationToken,
) -> Result<(), Refusal> {
    let Prepared { proven, claim, sink, mut session, session_line, record, channels } = prepared;
    let camera = &proven.access.camera;
    session.record().await.map_err(|error| Refusal::new(503, &record, Some(camera), internal(&error)))?;
    let info = PublisherInfo {
        address: peer.address,
        since_utc: chrono::Utc::now(),
        agent: proven.agent.clone(),
        tls: peer.tls.clone(),
        audio_dropped: proven.announced.audio,
    };
    let publication = shared
        .hub
        .stream(camera)
        .publish(info)
        .map_err(|busy| Refusal::new(453, &record, Some(camera), RefuseReason::Busy { holder: busy.holder }))?;
    sink.open(publication);
    let _offline = CloseOnDrop(&sink);
    shared.events.write(
        peer.address,
        Some(camera),
        What::Publishing { tls: peer.tls.clone(), agent: proven.agent.clone(), audio_dropped: proven.announced.audio },
    );
    let began = Instant::now();
    let reason = match wire.output.answer(cseq(&record).as_deref(), 200, &[&session_line], "").await {
        Ok(()) => {
            let publication = relay::Publication {
                session: &mut session,
                sink: &sink,
                claim: &claim,
                channels,
                payload_type: proven.announced.payload_type,
                session_line: &session_line,
                picture_limit: shared.settings.limits.picture_bytes,
                stall_timeout: shared.settings.stall_timeout,
            };
            relay::run(wire, publication, stop).await
        }
        Err(closed) => DropReason::Closed(closed),
    };
    if matches!(reason, DropReason::Teardown | DropReason::Closed(_)) {
        sink.settle().await;
    }
    sink.close();
    let dropped = What::Dropped { reason, frames: sink.pictures(), lasted: began.elapsed() };
    shared.events.write(peer.address, Some(camera), dropped);
    Ok(())
}

fn internal(error: &dyn std::fmt::Display) -> RefuseReason {
    RefuseReason::Internal(error.to_string())
}

/// Takes the camera offline also when the connection's task panics or is cancelled.
struct CloseOnDrop<'a>(&'a Sink);

impl Drop for CloseOnDrop<'_> {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// Talks until the peer has announced media we take, for a camera it has proven to be.
async fn prove<S: Io>(wire: &mut Wire<S>, peer: &Peer, shared: &Shared) -> Result<Proven, Refusal> {
    let nonce = random_hex(16)?;
    let digest = format!("WWW-Authenticate: Digest realm=\"{REALM}\", nonce=\"{nonce}\", algorithm=MD5");
    let basic = format!("WWW-Authenticate: Basic realm=\"{REALM}\"");
    let mut wrong = 0;
    let mut asked = None;
    loop {
        let request = match (wire.message().await, asked.take()) {
            (Err(Hangup::Closed(_)), Some((path, camera))) => {
                return Err(Refusal { camera, reason: Some(RefuseReason::NoCredential { path }), answer: None });
            }
            (request, _) => request?,
        };
        let Start::Request { method, uri } = &request.start else { continue };
        let cseq = cseq(&request);
        match method.as_str() {
            "OPTIONS" => wire.output.answer(cseq.as_deref(), 200, &[METHODS], "").await?,
            "ANNOUNCE" => {
                let path = path_of(uri);
                let found = shared.cameras.get(path);
                let shown = Shown {
                    method,
                    authorization: request.header("authorization"),
                    certificate: peer.certificate,
                    nonce: &nonce,
                };
                match (access::judge(found, &shown), found) {
                    (Verdict::Granted, Some(access)) => {
                        let announced = sdp::read(&request.body).map_err(|error| {
                            let reason = RefuseReason::Media(error.to_string());
                            Refusal::new(error.status(), &request, Some(&access.camera), reason)
                        })?;
                        let agent = request.header("user-agent").map(|agent| agent.chars().take(100).collect());
                        return Ok(Proven { access: access.clone(), announced, request, agent });
                    }
                    (Verdict::Nothing, found) => {
                        asked = Some((path.chars().take(100).collect(), found.map(|access| access.camera.clone())));
                        wire.output.answer(cseq.as_deref(), 401, &[&digest, &basic], "").await?;
                    }
                    _ => {
                        let camera = found.map(|access| &access.camera);
                        let reason = RefuseReason::WrongCredential { path: path.chars().take(100).collect() };
                        wrong += 1;
                        // Guessing is slow.
                        tokio::time::sleep(Duration::from_secs(1)).await;
                        if wrong >= shared.settings.limits.wrong_credentials {
                            return Err(Refusal::new(401, &request, camera, reason));
                        }
                        shared.events.write(peer.address, camera, What::Refused(reason));
                        wire.output.answer(cseq.as_deref(), 401, &[&digest, &basic], "").await?;
                    }
                }
            }
            "SETUP" | "RECORD" | "TEARDOWN" | "GET_PARAMETER" | "SET_PARAMETER" => {
                wire.output.answer(cseq.as_deref(), 455, &[METHODS], "ANNOUNCE comes first").await?;
            }
            other => {
                let reason = RefuseReason::Method(other.chars().take(40).collect());
                return Err(Refusal::new(405, &request, None, reason));
            }
        }
    }
}

/// Talks until RECORD; `None`: the peer took leave.
async fn set_up<S: Io>(
    wire: &mut Wire<S>,
    peer: &Peer,
    shared: &Shared,
    proven: &Proven,
    session_line: &str,
) -> Result<Option<(Message, Channels)>, Refusal> {
    let camera = Some(&proven.access.camera);
    let mut channels = None;
    let mut next_channel = 0;
    loop {
        let request = wire.message().await?;
        let Start::Request { method, uri } = &request.start else { continue };
        let cseq = cseq(&request);
        let (status, headers, text) = match method.as_str() {
            "OPTIONS" | "GET_PARAMETER" | "SET_PARAMETER" => (200, vec![METHODS.to_owned()], ""),
            "SETUP" => match (track(uri, &proven.announced), interleaved(&request, next_channel)) {
                (None, _) => (404, vec![], "no such media section in the announced SDP"),
                (_, None) => {
                    let reason = RefuseReason::Media(
                        "RTP outside the RTSPS connection is refused: use interleaved TCP (ffmpeg: -rtsp_transport tcp)"
                            .to_owned(),
                    );
                    shared.events.write(peer.address, camera, What::Refused(reason));
                    (461, vec![], "RTP/AVP/TCP;unicast;interleaved=0-1 is expected")
                }
                (Some(video), Some(chosen)) => {
                    if video {
                        channels = Some(chosen);
                    }
                    next_channel = chosen.rtcp.saturating_add(1);
                    let transport = format!(
                        "Transport: RTP/AVP/TCP;unicast;interleaved={}-{};mode=record",
                        chosen.rtp, chosen.rtcp
                    );
                    (200, vec![transport, session_line.to_owned()], "")
                }
            },
            "RECORD" => match channels {
                Some(channels) => return Ok(Some((request, channels))),
                None => (455, vec![], "SETUP of the video comes first"),
            },
            "TEARDOWN" => {
                wire.output.answer(cseq.as_deref(), 200, &[session_line], "").await?;
                return Ok(None);
            }
            "ANNOUNCE" => (455, vec![], "one publication per connection"),
            other => {
                let reason = RefuseReason::Method(other.chars().take(40).collect());
                return Err(Refusal::new(405, &request, camera, reason));
            }
        };
        let headers: Vec<_> = headers.iter().map(String::as_str).collect();
        wire.output.answer(cseq.as_deref(), status, &headers, text).await?;
    }
}

/// Which announced section a SETUP means; `true`: the video.
fn track(uri: &str, announced: &Announced) -> Option<bool> {
    if let [(_, video)] = announced.controls[..] {
        return Some(video);
    }
    let named = |control: &str| uri == control || uri.strip_suffix(control).is_some_and(|base| base.ends_with('/'));
    announced.controls.iter().find(|(control, _)| !control.is_empty() && named(control)).map(|(_, video)| *video)
}

/// The channels a SETUP asks for, `next` on where it leaves the choice; `None`: it does not ask for interleaved TCP.
fn interleaved(request: &Message, next: u8) -> Option<Channels> {
    let transport = request.header("transport")?;
    let spec = transport.split(',').find(|spec| spec.trim().to_ascii_uppercase().starts_with("RTP/AVP/TCP"))?;
    let asked = spec.split(';').find_map(|part| part.trim().strip_prefix("interleaved="));
    let Some(asked) = asked else { return Some(Channels { rtp: next, rtcp: next.checked_add(1)? }) };
    let (rtp, rtcp) = asked.split_once('-').unwrap_or((asked, ""));
    let rtp = rtp.trim().parse().ok()?;
    let rtcp = if rtcp.is_empty() { u8::checked_add(rtp, 1)? } else { rtcp.trim().parse().ok()? };
    (rtp != rtcp).then_some(Channels { rtp, rtcp })
}

/// The path of a request's URL, without query and final slash.
fn path_of(uri: &str) -> &str {
    let after = uri.split_once("://").map_or(uri, |(_, rest)| rest.find('/').map_or("", |at| &rest[at..]));
    after.split(['?', '#']).next().unwrap_or("").trim_end_matches('/')
}

/// The number an answer must repeat; only what looks like one.
pub(super) fn cseq(request: &Message) -> Option<String> {
    request.header("cseq").filter(|c| c.len() <= 20 && c.bytes().all(|b| b.is_ascii_digit())).map(str::to_owned)
}

fn random_hex(bytes: usize) -> Result<String, Refusal> {
    let mut random = vec![0_u8; bytes];
    openssl::rand::rand_bytes(&mut random).map_err(|error| Refusal {
        camera: None,
        reason: Some(RefuseReason::Internal(error.to_string())),
        answer: Some((503, None)),
    })?;
    Ok(access::hex(&random))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths() {
        for (uri, path) in [
            ("rtsps://h:322/arcade/hall-a", "/arcade/hall-a"),
            ("rtsps://user:pw@h/arcade/hall-a/", "/arcade/hall-a"),
            ("rtsps://h/arcade/hall-a?x=/y", "/arcade/hall-a"),
            ("/arcade/hall-a", "/arcade/hall-a"),
            ("rtsps://h", ""),
            ("*", "*"),
            ("", ""),
        ] {
            assert_eq!(path_of(uri), path, "{uri}");
        }
    }
}
