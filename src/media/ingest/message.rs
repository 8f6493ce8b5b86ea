//! RTSP 1.0 on the wire (RFC 2326): requests, responses and interleaved binary data, within bounds.
//!
//! Used towards the camera (untrusted, strict bounds) and towards our own backend. Cost is linear in the bytes received:
//! what was scanned once is not scanned again.

use bytes::{Buf, Bytes, BytesMut};

/// Most header lines of one message.
const HEADERS: usize = 64;

/// What stands on the first line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Start {
    Request { method: String, uri: String },
    Response { status: u16 },
}

/// One request or response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Message {
    pub start: Start,
    headers: Vec<(String, String)>,
    pub body: Bytes,
}

impl Message {
    /// The first header of that name, in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

/// What arrives on an RTSP connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Incoming {
    Message(Message),
    /// An interleaved packet (RFC 2326, 10.12).
    Data {
        channel: u8,
        payload: Bytes,
    },
}

/// Why the bytes are no RTSP, or too much of it. After this the connection is beyond repair.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Malformed {
    #[error("no RTSP: expected \"METHOD URL RTSP/1.0\", got {0:?}")]
    NotRtsp(String),
    #[error("a header line without a colon: {0:?}")]
    Header(String),
    #[error("headers are no UTF-8 text")]
    NotText,
    #[error("line and headers longer than {0} bytes")]
    HeadersTooLong(usize),
    #[error("more than {HEADERS} header lines")]
    TooManyHeaders,
    #[error("Content-Length {0:?} is no number")]
    Length(String),
    #[error("a body of {got} bytes; at most {limit} are taken")]
    BodyTooLong { got: usize, limit: usize },
}

impl Malformed {
    /// The RTSP status that says so.
    pub fn status(&self) -> u16 {
        match self {
            Malformed::BodyTooLong { .. } => 413,
            _ => 400,
        }
    }
}

/// Cuts a byte stream into messages and packets.
#[derive(Debug)]
pub(super) struct Decoder {
    header_bytes: usize,
    body_bytes: usize,
    /// Bytes of the current header already searched for its end.
    scanned: usize,
    /// Start of the line that is being searched.
    line: usize,
    /// A message whose body is still to come.
    pending: Option<(Message, usize)>,
}

impl Decoder {
    pub fn new(header_bytes: usize, body_bytes: usize) -> Self {
        Self { header_bytes, body_bytes, scanned: 0, line: 0, pending: None }
    }

    /// Takes the next message or packet out of `bytes`; `None`: more bytes are needed.
    pub fn next(&mut self, bytes: &mut BytesMut) -> Result<Option<Incoming>, Malformed> {
        if self.pending.is_none() && self.scanned == 0 {
            while bytes.first().is_some_and(|b| matches!(b, b'\r' | b'\n')) {
                bytes.advance(1);
            }
            if bytes.first() == Some(&b'$') {
                return Ok(data(bytes));
            }
        }
        if self.pending.is_none() {
            let Some(end) = self.header_end(bytes)? else { return Ok(None) };
            let head = bytes.split_to(end);
            let text = std::str::from_utf8(&head).map_err(|_| Malformed::NotText)?;
            let message = parse_head(text)?;
            let length = self.body_length(&message)?;
            self.pending = Some((message, length));
        }
        match self.pending.take() {
            Some((mut message, length)) if bytes.len() >= length => {
                message.body = bytes.split_to(length).freeze();
                Ok(Some(Incoming::Message(message)))
            }
            pending => {
                self.pending = pending;
                Ok(None)
            }
        }
    }

    /// Finds the empty line; remembers how far it has looked.
    fn header_end(&mut self, bytes: &[u8]) -> Result<Option<usize>, Malformed> {
        // Something that is no RTSP is answered on its first line, not when the peer has sent a header's worth.
        for index in self.scanned..bytes.len().min(self.header_bytes) {
            if bytes[index] != b'\n' {
                continue;
            }
            let line = &bytes[self.line..index];
            let first = self.line == 0;
            self.line = index + 1;
            if first {
                let text = std::str::from_utf8(line).map_err(|_| Malformed::NotText)?;
                parse_start(text.trim_end())?;
            } else if line.is_empty() || line == b"\r" {
                (self.scanned, self.line) = (0, 0);
                return Ok(Some(index + 1));
            }
        }
        self.scanned = bytes.len().min(self.header_bytes);
        if bytes.len() >= self.header_bytes { Err(Malformed::HeadersTooLong(self.header_bytes)) } else { Ok(None) }
    }

    fn body_length(&self, message: &Message) -> Result<usize, Malformed> {
        let Some(text) = message.header("content-length") else { return Ok(0) };
        let shown = || text.chars().take(40).collect();
        let length = text.trim().parse::<u64>().map_err(|_| Malformed::Length(shown()))?;
        match usize::try_from(length) {
            Ok(length) if length <= self.body_bytes => Ok(length),
            got => Err(Malformed::BodyTooLong { got: got.unwrap_or(usize::MAX), limit: self.body_bytes }),
        }
    }
}

fn data(bytes: &mut BytesMut) -> Option<Incoming> {
    let [_, channel, high, low, ..] = bytes[..] else { return None };
    let length = usize::from(u16::from_be_bytes([high, low]));
    if bytes.len() < 4 + length {
        return None;
    }
    bytes.advance(4);
    Some(Incoming::Data { channel, payload: bytes.split_to(length).freeze() })
}

fn parse_start(line: &str) -> Result<Start, Malformed> {
    let not_rtsp = || Malformed::NotRtsp(line.chars().take(60).collect());
    let mut words = line.split(' ');
    let (first, second, third) = (words.next().unwrap_or(""), words.next(), words.next());
    if first == "RTSP/1.0" {
        let status = second.and_then(|code| code.parse().ok()).ok_or_else(not_rtsp)?;
        return Ok(Start::Response { status });
    }
    let method_like = !first.is_empty() && first.bytes().all(|b| b.is_ascii_uppercase() || b == b'_');
    match (method_like, second, third, words.next()) {
        (true, Some(uri), Some("RTSP/1.0"), None) => {
            Ok(Start::Request { method: first.to_owned(), uri: uri.to_owned() })
        }
        _ => Err(not_rtsp()),
    }
}

fn parse_head(text: &str) -> Result<Message, Malformed> {
    let mut lines = text.lines().map(str::trim_end);
    let start = parse_start(lines.next().unwrap_or(""))?;
    let mut headers = Vec::new();
    for line in lines.take_while(|line| !line.is_empty()) {
        if headers.len() == HEADERS {
            return Err(Malformed::TooManyHeaders);
        }
        let (name, value) = line.split_once(':').ok_or_else(|| Malformed::Header(line.chars().take(60).collect()))?;
        headers.push((name.trim().to_owned(), value.trim().to_owned()));
    }
    Ok(Message { start, headers, body: Bytes::new() })
}

/// The words of a status.
pub(super) fn phrase(status: u16) -> &'static str {
    match status {
        200 => "OK",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        413 => "Request Entity Too Large",
        415 => "Unsupported Media Type",
        453 => "Not Enough Bandwidth",
        454 => "Session Not Found",
        455 => "Method Not Valid In This State",
        461 => "Unsupported Transport",
        503 => "Service Unavailable",
        _ => "Internal Server Error",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(input: &[u8], chunk: usize) -> Result<Vec<Incoming>, Malformed> {
        let mut decoder = Decoder::new(1_000, 100);
        let (mut bytes, mut out) = (BytesMut::new(), Vec::new());
        for part in input.chunks(chunk) {
            bytes.extend_from_slice(part);
            while let Some(incoming) = decoder.next(&mut bytes)? {
                out.push(incoming);
            }
        }
        Ok(out)
    }

    #[test]
    fn any_cut_of_the_stream_gives_the_same() {
        let input = b"\r\nANNOUNCE rtsp://h/a RTSP/1.0\r\nCSeq: 2\r\nContent-length: 4\r\n\r\nv=0\n$\x02\x00\x03abc\
            $\x00\x00\x00OPTIONS * RTSP/1.0\nCSeq:3\n\nRTSP/1.0 200 OK\r\nCSeq: 1\r\n\r\n";
        let whole = all(input, input.len()).unwrap();
        assert_eq!(whole.len(), 5);
        let Incoming::Message(announce) = &whole[0] else { panic!("{:?}", whole[0]) };
        assert_eq!(announce.start, Start::Request { method: "ANNOUNCE".into(), uri: "rtsp://h/a".into() });
        assert_eq!((announce.header("cseq"), &announce.body[..]), (Some("2"), &b"v=0\n"[..]));
        assert_eq!(whole[1], Incoming::Data { channel: 2, payload: Bytes::from_static(b"abc") });
        for chunk in 1..input.len() {
            assert_eq!(all(input, chunk).unwrap(), whole, "chunks of {chunk}");
        }
    }

    #[test]
    fn garbage_is_named_at_its_first_line_and_bounds_hold() {
        for (input, expected) in [
            (b"GET / HTTP/1.1\r\n".to_vec(), 400),
            (b"\x16\x03\x01\x00\xff\xff\n".to_vec(), 400),
            (b"ANNOUNCE x RTSP/1.0 y\r\n".to_vec(), 400),
            (b"OPTIONS * RTSP/1.0\r\nno colon\r\n\r\n".to_vec(), 400),
            (b"OPTIONS * RTSP/1.0\r\nContent-Length: -1\r\n\r\n".to_vec(), 400),
            (b"OPTIONS * RTSP/1.0\r\nContent-Length: 10485760\r\n\r\n".to_vec(), 413),
            (b"OPTIONS * RTSP/1.0\r\nContent-Length: 99999999999999999999999\r\n\r\n".to_vec(), 400),
            (vec![b'A'; 2_000], 400),
            ([&b"OPTIONS * RTSP/1.0\r\n"[..], &b"a:b\r\n".repeat(80), b"\r\n"].concat(), 400),
        ] {
            for chunk in [1, 7, input.len()] {
                assert_eq!(all(&input, chunk).unwrap_err().status(), expected, "{:?}", String::from_utf8_lossy(&input));
            }
        }
    }
}
