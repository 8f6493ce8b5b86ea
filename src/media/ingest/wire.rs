//! The RTSP conversation with one peer: whole requests in, answers out.

use super::IngestLimits;
use super::message::{Decoder, Incoming, Malformed, Message, phrase};
use bytes::BytesMut;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf};

/// A peer that does not read our answers is let go.
const WRITE_WITHIN: Duration = Duration::from_secs(5);
/// After a refusal, what the peer still sends is thrown away for so long, so that it can read why it was refused:
/// closing at once would reset the connection under our answer.
const LINGER: Duration = Duration::from_secs(2);

/// What an RTSP connection runs over.
pub(super) trait Io: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Io for T {}

/// Why there is no next request.
#[derive(Debug)]
pub(super) enum Hangup {
    Closed(String),
    Malformed(Malformed),
}

/// The reading side: bytes to messages.
pub(super) struct Input<S> {
    pub reader: ReadHalf<S>,
    pub bytes: BytesMut,
    pub decoder: Decoder,
}

/// The writing side.
pub(super) struct Output<S>(WriteHalf<S>);

/// Both sides, while the conversation is strictly question and answer.
pub(super) struct Wire<S> {
    pub input: Input<S>,
    pub output: Output<S>,
}

impl<S: Io> Wire<S> {
    pub fn new(io: S, limits: &IngestLimits) -> Self {
        let (reader, writer) = tokio::io::split(io);
        let decoder = Decoder::new(limits.header_bytes, limits.body_bytes);
        Self { input: Input { reader, bytes: BytesMut::new(), decoder }, output: Output(writer) }
    }

    /// The next message. Interleaved packets have no place before RECORD and are thrown away.
    pub async fn message(&mut self) -> Result<Message, Hangup> {
        loop {
            match self.input.decoder.next(&mut self.input.bytes).map_err(Hangup::Malformed)? {
                Some(Incoming::Message(message)) => return Ok(message),
                Some(Incoming::Data { .. }) => {}
                None => self.input.read().await.map_err(Hangup::Closed)?,
            }
        }
    }

    /// Ends the conversation so that the last answer arrives.
    pub async fn farewell(mut self) {
        let linger = async {
            if self.output.0.shutdown().await.is_err() {
                return;
            }
            let mut waste = [0_u8; 8 << 10];
            while matches!(self.input.reader.read(&mut waste).await, Ok(1..)) {}
        };
        let _ = tokio::time::timeout(LINGER, linger).await;
    }
}

impl<S: Io> Input<S> {
    /// Reads more bytes, at least one.
    pub async fn read(&mut self) -> Result<(), String> {
        self.bytes.reserve(16 << 10);
        match self.reader.read_buf(&mut self.bytes).await {
            Ok(0) => Err("end of stream".to_owned()),
            Ok(_) => Ok(()),
            Err(error) => Err(error.to_string()),
        }
    }
}

impl<S: Io> Output<S> {
    /// Answers the request with number `cseq`; each of `headers` is a whole line without its end.
    pub async fn answer(
        &mut self,
        cseq: Option<&str>,
        status: u16,
        headers: &[&str],
        text: &str,
    ) -> Result<(), String> {
        let mut answer = format!("RTSP/1.0 {status} {}\r\n", phrase(status));
        // Echoed, so bounded and of one line: the decoder has seen to that.
        if let Some(cseq) = cseq {
            answer.push_str(&format!("CSeq: {cseq}\r\n"));
        }
        answer.push_str("Server: ecluse\r\n");
        for header in headers {
            answer.push_str(header);
            answer.push_str("\r\n");
        }
        if !text.is_empty() {
            answer.push_str(&format!("Content-Type: text/plain; charset=utf-8\r\nContent-Length: {}\r\n", text.len()));
        }
        answer.push_str("\r\n");
        answer.push_str(text);
        self.write(answer.as_bytes()).await
    }

    pub async fn write(&mut self, bytes: &[u8]) -> Result<(), String> {
        let write = async {
            self.0.write_all(bytes).await?;
            self.0.flush().await
        };
        match tokio::time::timeout(WRITE_WITHIN, write).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err("the peer does not read our answers".to_owned()),
        }
    }
}
