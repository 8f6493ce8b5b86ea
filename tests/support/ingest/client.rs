//! A publisher of our own over TLS, which can do what no decent publisher does.

use super::clips::Clip;
use openssl::ssl::{Ssl, SslContextBuilder, SslFiletype, SslMethod};
use std::path::Path;
use std::pin::Pin;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_openssl::SslStream;

/// SDP of one H.264 stream without parameter sets.
pub const SDP: &str = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\nm=video 0 RTP/AVP 96\r\n\
    a=rtpmap:96 H264/90000\r\na=fmtp:96 packetization-mode=1\r\na=control:streamid=0\r\n";

/// An RTSP connection.
pub struct Client {
    pub io: SslStream<TcpStream>,
    url: String,
    cseq: u32,
    session: Option<String>,
    pub sequence: u16,
    pub timestamp: u32,
    pub source: u32,
}

/// An answer: status, and everything that came.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub text: String,
}

impl Client {
    /// Connects, with a client certificate when `identity` (certificate, key) is given.
    pub async fn connect(port: u16, path: &str, ca: &Path, identity: Option<(&Path, &Path)>) -> Self {
        let mut tls = SslContextBuilder::new(SslMethod::tls_client()).unwrap();
        tls.set_ca_file(ca).unwrap();
        tls.set_verify(openssl::ssl::SslVerifyMode::PEER);
        if let Some((certificate, key)) = identity {
            tls.set_certificate_file(certificate, SslFiletype::PEM).unwrap();
            tls.set_private_key_file(key, SslFiletype::PEM).unwrap();
        }
        let tcp = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        let mut io = SslStream::new(Ssl::new(&tls.build()).unwrap(), tcp).unwrap();
        Pin::new(&mut io).connect().await.unwrap();
        let url = format!("rtsps://127.0.0.1:{port}{path}");
        Self { io, url, cseq: 0, session: None, sequence: 100, timestamp: 1_000, source: 0x1234_5678 }
    }

    /// One request and its answer; interleaved packets in between are skipped.
    pub async fn ask(&mut self, method: &str, under: &str, headers: &str, body: &str) -> Answer {
        self.cseq += 1;
        let mut request = format!("{method} {}{under} RTSP/1.0\r\nCSeq: {}\r\n{headers}", self.url, self.cseq);
        if let Some(session) = &self.session {
            request.push_str(&format!("Session: {session}\r\n"));
        }
        if !body.is_empty() {
            request.push_str(&format!("Content-Type: application/sdp\r\nContent-Length: {}\r\n", body.len()));
        }
        self.io.write_all(format!("{request}\r\n{body}").as_bytes()).await.unwrap();
        let answer = self.answer().await;
        if let Some(session) = answer.text.lines().find_map(|line| line.strip_prefix("Session: ")) {
            self.session = session.split(';').next().map(str::to_owned);
        }
        answer
    }

    /// The next answer.
    pub async fn answer(&mut self) -> Answer {
        loop {
            let mut first = [0; 1];
            self.io.read_exact(&mut first).await.unwrap();
            if first == *b"$" {
                let mut head = [0; 3];
                self.io.read_exact(&mut head).await.unwrap();
                let mut packet = vec![0; usize::from(u16::from_be_bytes([head[1], head[2]]))];
                self.io.read_exact(&mut packet).await.unwrap();
                continue;
            }
            let mut text = first.to_vec();
            while !text.ends_with(b"\r\n\r\n") {
                text.push(self.io.read_u8().await.unwrap());
            }
            let mut text = String::from_utf8(text).unwrap();
            let length = text.lines().find_map(|line| line.strip_prefix("Content-Length: ")?.parse().ok()).unwrap_or(0);
            let mut body = vec![0; length];
            self.io.read_exact(&mut body).await.unwrap();
            text.push_str(&String::from_utf8(body).unwrap());
            let status = text.split(' ').nth(1).unwrap().parse().unwrap();
            return Answer { status, text };
        }
    }

    /// ANNOUNCE with the right password.
    pub async fn announce(&mut self, sdp: &str) -> Answer {
        let basic = openssl::base64::encode_block(b"hall:s3cret");
        self.ask("ANNOUNCE", "", &format!("Authorization: Basic {basic}\r\n"), sdp).await
    }

    /// ANNOUNCE, SETUP, RECORD; the status of the first that fails, else 200.
    pub async fn record(&mut self) -> u16 {
        let announced = self.announce(SDP).await;
        if announced.status != 200 {
            return announced.status;
        }
        let setup = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1;mode=record\r\n";
        let setup = self.ask("SETUP", "/streamid=0", setup, "").await;
        if setup.status != 200 {
            return setup.status;
        }
        self.ask("RECORD", "", "Range: npt=0.000-\r\n", "").await.status
    }

    /// Sends one NAL unit as RTP; `last`: it ends the picture. An error means that the server has closed.
    pub async fn send(&mut self, unit: &[u8], last: bool) -> std::io::Result<()> {
        const PART: usize = 1_200;
        if unit.len() <= PART {
            return self.packet(unit, last).await;
        }
        let (head, body) = (unit[0], &unit[1..]);
        let parts = body.chunks(PART).count();
        for (index, part) in body.chunks(PART).enumerate() {
            let (start, end) = (index == 0, index + 1 == parts);
            let fu = u8::from(start) << 7 | u8::from(end) << 6 | head & 0x1f;
            let payload = [&[head & 0xe0 | 28, fu], part].concat();
            self.packet(&payload, last && end).await?;
        }
        Ok(())
    }

    async fn packet(&mut self, payload: &[u8], marker: bool) -> std::io::Result<()> {
        let mut packet = vec![b'$', 0];
        packet.extend(((payload.len() + 12) as u16).to_be_bytes());
        packet.extend([0x80, u8::from(marker) << 7 | 96]);
        packet.extend(self.sequence.to_be_bytes());
        packet.extend(self.timestamp.to_be_bytes());
        packet.extend(self.source.to_be_bytes());
        packet.extend(payload);
        self.sequence = self.sequence.wrapping_add(1);
        self.io.write_all(&packet).await
    }

    /// Sends the clip's pictures in real time until `go_on` says no or the server closes; the parameter sets only when
    /// `with_parameters`. `before` may tamper with the client before each picture.
    pub async fn play(
        &mut self,
        with_parameters: bool,
        mut before: impl FnMut(&mut Self, usize),
        mut go_on: impl FnMut(usize) -> bool,
    ) -> std::io::Result<()> {
        let units = Clip::nal_units();
        let mut picture = 0;
        loop {
            for unit in &units {
                let kind = unit[0] & 0x1f;
                if matches!(kind, 7 | 8) && !with_parameters {
                    continue;
                }
                let slice = matches!(kind, 1 | 5);
                self.send(unit, slice).await?;
                if slice {
                    picture += 1;
                    if !go_on(picture) {
                        return Ok(());
                    }
                    self.timestamp = self.timestamp.wrapping_add(3_600);
                    before(self, picture);
                    tokio::time::sleep(std::time::Duration::from_millis(40)).await;
                }
            }
        }
    }
}
