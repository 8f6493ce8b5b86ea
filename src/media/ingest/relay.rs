//! Pictures: from a publisher that records, packet by packet, into the backend, under watch.

use super::backend::{BackendReader, Session};
use super::connection::{Channels, cseq};
use super::event::DropReason;
use super::media::Sink;
use super::message::{Incoming, Message, Start};
use super::publishers::Claim;
use super::rtp::RtpGate;
use super::wire::{Input, Io, Output, Wire};
use futures_util::FutureExt;
use std::convert::Infallible;
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

/// Channels of the backend's session.
const BACKEND_RTP: u8 = 0;
const BACKEND_RTCP: u8 = 1;
/// Packets are gathered into one write up to this size.
const GATHERED: usize = 64 << 10;

/// One publication under way.
pub(super) struct Publication<'a> {
    pub session: &'a mut Session,
    pub sink: &'a Sink,
    pub claim: &'a Claim,
    pub channels: Channels,
    pub payload_type: u8,
    pub session_line: &'a str,
    pub picture_limit: usize,
    pub stall_timeout: Duration,
}

/// Carries packets until something ends it, and says what.
pub(super) async fn run<S: Io>(
    wire: &mut Wire<S>,
    publication: Publication<'_>,
    stop: &CancellationToken,
) -> DropReason {
    let Publication { session, sink, claim, channels, session_line, .. } = publication;
    claim.activity.note(Instant::now());
    let (backend_reader, backend_writer) = session.split();
    let output = Mutex::new(&mut wire.output);
    let up = Up {
        input: &mut wire.input,
        output: &output,
        backend: backend_writer,
        gate: RtpGate::new(publication.payload_type, publication.picture_limit),
        sink,
        claim,
        channels,
        session_line,
        gathered: Vec::new(),
    };
    tokio::select! {
        Err(reason) = up.run() => reason,
        Err(reason) = down(backend_reader, &output, channels) => reason,
        reason = watch(sink, claim, publication.stall_timeout) => reason,
        by = claim.taken_over() => match by {
            Some(by) => DropReason::TakenOver { by },
            None => DropReason::Closed("taken over".to_owned()),
        },
        () = sink.ended() => DropReason::Pipeline("it stopped by itself; GST_DEBUG=rtsp*:4 says why".to_owned()),
        () = stop.cancelled() => DropReason::Stopping,
    }
}

/// Publisher to backend.
struct Up<'a, S> {
    input: &'a mut Input<S>,
    output: &'a Mutex<&'a mut Output<S>>,
    backend: tokio::net::tcp::WriteHalf<'a>,
    gate: RtpGate,
    sink: &'a Sink,
    claim: &'a Claim,
    channels: Channels,
    session_line: &'a str,
    gathered: Vec<u8>,
}

impl<S: Io> Up<'_, S> {
    async fn run(mut self) -> Result<Infallible, DropReason> {
        loop {
            let next = self.input.decoder.next(&mut self.input.bytes);
            match next {
                Ok(Some(Incoming::Data { channel, payload })) => self.gather(channel, &payload)?,
                Ok(Some(Incoming::Message(message))) => {
                    // A goodbye may come in the same read as the last picture.
                    self.forward().await?;
                    self.answer(&message).await?;
                }
                // What has arrived already joins the same write; only then is it worth waiting.
                Ok(None) => match self.input.read().now_or_never() {
                    Some(Ok(())) => {}
                    Some(Err(closed)) => {
                        self.forward().await?;
                        return Err(DropReason::Closed(closed));
                    }
                    None => {
                        self.forward().await?;
                        self.input.read().await.map_err(DropReason::Closed)?;
                    }
                },
                Err(malformed) => {
                    // Best effort: it is going anyway.
                    let text = malformed.to_string();
                    let _ = self.output.lock().await.answer(None, malformed.status(), &[], &text).await;
                    return Err(DropReason::Malformed(text));
                }
            }
            if self.gathered.len() >= GATHERED {
                self.forward().await?;
            }
        }
    }

    /// Video goes on; sound and whatever else was set up ends here.
    fn gather(&mut self, channel: u8, payload: &[u8]) -> Result<(), DropReason> {
        let backend_channel = if channel == self.channels.rtp {
            if !self.gate.pass(payload)? {
                return Ok(());
            }
            self.claim.activity.note(Instant::now());
            BACKEND_RTP
        } else if channel == self.channels.rtcp {
            BACKEND_RTCP
        } else {
            return Ok(());
        };
        // The length came from a 16-bit field.
        let [high, low] = (payload.len() as u16).to_be_bytes();
        self.gathered.extend_from_slice(&[b'$', backend_channel, high, low]);
        self.gathered.extend_from_slice(payload);
        Ok(())
    }

    async fn forward(&mut self) -> Result<(), DropReason> {
        if !self.gathered.is_empty() {
            self.sink.expect(self.gate.pictures());
            let written = self.backend.write_all(&self.gathered).await;
            written.map_err(|error| DropReason::Pipeline(error.to_string()))?;
            self.gathered.clear();
        }
        Ok(())
    }

    async fn answer(&mut self, message: &Message) -> Result<(), DropReason> {
        let Start::Request { method, .. } = &message.start else { return Ok(()) };
        let (status, text) = match method.as_str() {
            "TEARDOWN" | "OPTIONS" | "GET_PARAMETER" | "SET_PARAMETER" => (200, ""),
            _ => (455, "this connection is recording"),
        };
        let mut output = self.output.lock().await;
        let answered = output.answer(cseq(message).as_deref(), status, &[self.session_line], text).await;
        if method == "TEARDOWN" {
            return Err(DropReason::Teardown);
        }
        answered.map_err(DropReason::Closed)
    }
}

/// Backend to publisher: RTCP receiver reports.
async fn down<S: Io>(
    mut backend: BackendReader<'_>,
    output: &Mutex<&mut Output<S>>,
    channels: Channels,
) -> Result<Infallible, DropReason> {
    loop {
        match backend.next().await.map_err(|error| DropReason::Pipeline(error.to_string()))? {
            Incoming::Data { channel: BACKEND_RTCP, payload } => {
                let [high, low] = (payload.len() as u16).to_be_bytes();
                let mut packet = vec![b'$', channels.rtcp, high, low];
                packet.extend_from_slice(&payload);
                output.lock().await.write(&packet).await.map_err(DropReason::Closed)?;
            }
            Incoming::Data { .. } | Incoming::Message(_) => {}
        }
    }
}

/// Ends when no picture has come for `patience`, and tells silence from packets that make no picture.
async fn watch(sink: &Sink, claim: &Claim, patience: Duration) -> DropReason {
    let mut look = tokio::time::interval((patience / 8).clamp(Duration::from_millis(20), Duration::from_millis(500)));
    loop {
        look.tick().await;
        let now = Instant::now();
        let without_picture = sink.last_picture().silence(now);
        if without_picture >= patience {
            return if claim.activity.silence(now) >= patience / 2 {
                DropReason::Stalled(without_picture)
            } else {
                DropReason::NoPicture(without_picture)
            };
        }
    }
}
