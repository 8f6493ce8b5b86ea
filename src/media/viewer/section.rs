//! One section of an offer, read attribute by attribute; and the session's part above the first, which is read the same
//! way. Pure.

use super::candidate::{self, Remote};
use super::h264::{self, Codec};
use super::offer::{MAX_CANDIDATES, Media, Setup};

/// What a media section, or the session above all of them, says.
#[derive(Debug, Default)]
pub(super) struct Section {
    pub line: usize,
    pub kind: String,
    pub port: u16,
    pub protocol: String,
    pub formats: String,
    pub mid: Option<String>,
    pub direction: Option<Direction>,
    pub ufrag: Option<String>,
    pub pwd: Option<String>,
    pub setup: Option<Setup>,
    pub fingerprint: Option<String>,
    pub rtcp_mux: bool,
    pub bundle_only: bool,
    pub codecs: Vec<Codec>,
    pub rtpmaps: Vec<(u8, String)>,
    pub retransmissions: Vec<(u8, u8)>,
    pub rtx_types: Vec<u8>,
    pub nack: Vec<Option<u8>>,
    pub candidates: Vec<Remote>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    SendRecv,
    RecvOnly,
    /// The viewer wants to send, or nothing at all.
    NotReceiving,
}

impl Section {
    pub fn open(line: usize, value: &str) -> Option<Section> {
        if !value.bytes().all(|b| b.is_ascii_graphic() || b == b' ') {
            return None;
        }
        let mut words = value.split_ascii_whitespace();
        let kind = words.next().filter(|w| w.len() <= 32)?.to_owned();
        // "port/count" is legal SDP, and useless with one transport.
        let port = words.next()?.split('/').next()?.parse().ok()?;
        let protocol = words.next()?.to_owned();
        let formats: Vec<&str> = words.collect();
        (!formats.is_empty()).then(|| Section {
            line,
            kind,
            port,
            protocol,
            formats: formats.join(" "),
            ..Section::default()
        })
    }

    pub fn is_one_of(&self, mids: &[String]) -> bool {
        self.mid.as_ref().is_some_and(|mid| mids.contains(mid))
    }

    pub fn attribute(&mut self, name: &str, value: &str) -> Result<(), &'static str> {
        match name {
            "mid" => self.mid = Some(token(value).ok_or("a=mid of 1 to 32 letters, digits and -_.+~!*")?),
            "recvonly" => self.direction = Some(Direction::RecvOnly),
            "sendrecv" => self.direction = Some(Direction::SendRecv),
            "sendonly" | "inactive" => self.direction = Some(Direction::NotReceiving),
            "rtcp-mux" => self.rtcp_mux = true,
            "bundle-only" => self.bundle_only = true,
            "ice-ufrag" => self.ufrag = Some(ice_text(value, 4).ok_or("a=ice-ufrag of 4 to 256 ICE characters")?),
            "ice-pwd" => self.pwd = Some(ice_text(value, 22).ok_or("a=ice-pwd of 22 to 256 ICE characters")?),
            "fingerprint" if self.fingerprint.is_none() && value.bytes().all(|b| b.is_ascii_graphic() || b == b' ') => {
                self.fingerprint = Some(value.trim().to_owned());
            }
            "setup" => {
                self.setup = Some(match value.trim() {
                    "actpass" => Setup::ActPass,
                    "active" => Setup::Active,
                    "passive" => Setup::Passive,
                    _ => return Err("a=setup:actpass, active or passive"),
                });
            }
            "rtpmap" => self.rtpmap(value)?,
            "fmtp" if self.kind == "video" => self.fmtp(value)?,
            "rtcp-fb" if self.kind == "video" => {
                if let Some((payload_type, "nack")) = value.trim().split_once(' ') {
                    // A star means every payload type.
                    self.nack.push(payload_type.parse().ok());
                }
            }
            "candidate" => {
                let read = candidate::parse(value).map_err(|_| candidate::EXPECTED)?;
                if let Some(candidate) = read.filter(|_| self.candidates.len() < MAX_CANDIDATES) {
                    self.candidates.push(candidate);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn rtpmap(&mut self, value: &str) -> Result<(), &'static str> {
        const EXPECTED: &str = "a=rtpmap:<0..127> <codec>/<clock rate>";
        let (payload_type, codec) = value.trim().split_once(' ').ok_or(EXPECTED)?;
        let payload_type: u8 = payload_type.parse().ok().filter(|pt| *pt < 128).ok_or(EXPECTED)?;
        let plain = codec.len() <= 64 && codec.bytes().all(|b| b.is_ascii_graphic());
        if plain && self.rtpmaps.len() < 128 {
            self.rtpmaps.push((payload_type, codec.to_owned()));
        }
        if self.kind != "video" {
            return Ok(());
        }
        if codec.trim().eq_ignore_ascii_case("H264/90000") {
            self.codec(payload_type);
        } else if codec.trim().eq_ignore_ascii_case("rtx/90000") {
            self.rtx_types.push(payload_type);
        }
        Ok(())
    }

    fn fmtp(&mut self, value: &str) -> Result<(), &'static str> {
        const EXPECTED: &str = "a=fmtp:<0..127> <parameters>";
        let (payload_type, parameters) = value.trim().split_once(' ').ok_or(EXPECTED)?;
        let payload_type: u8 = payload_type.parse().ok().filter(|pt| *pt < 128).ok_or(EXPECTED)?;
        let apt = parameters.split(';').find_map(|p| p.trim().strip_prefix("apt=")?.parse().ok());
        if let Some(apt) = apt {
            self.retransmissions.push((apt, payload_type));
        } else if let Some(codec) = self.codecs.iter_mut().find(|c| c.payload_type == payload_type) {
            h264::parse_parameters(codec, parameters);
        }
        Ok(())
    }

    fn codec(&mut self, payload_type: u8) {
        if !self.codecs.iter().any(|c| c.payload_type == payload_type) {
            self.codecs.push(Codec::new(payload_type));
        }
    }

    pub fn close(mut self, usable: bool, tag: bool) -> Media {
        let kept = (tag && !usable && self.rtcp_mux && matches!(self.kind.as_str(), "audio" | "video"))
            .then(|| self.formats.split(' ').next()?.parse().ok())
            .flatten()
            .map(|payload_type: u8| {
                let rtpmap = self.rtpmaps.iter().find(|(pt, _)| *pt == payload_type).map(|(_, codec)| codec.clone());
                (payload_type, rtpmap)
            });
        for codec in &mut self.codecs {
            codec.rtx = self
                .retransmissions
                .iter()
                .find(|(apt, rtx)| *apt == codec.payload_type && self.rtx_types.contains(rtx))
                .map(|(_, rtx)| *rtx);
            codec.nack = self.nack.iter().any(|pt| pt.is_none_or(|pt| pt == codec.payload_type));
        }
        Media {
            kind: self.kind,
            protocol: self.protocol,
            formats: self.formats,
            mid: self.mid,
            video: usable.then_some(self.codecs),
            kept,
        }
    }
}

/// An SDP token short enough to be copied into answers.
fn token(value: &str) -> Option<String> {
    let value = value.trim();
    let fits = (1..=32).contains(&value.len())
        && value.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.+~!*{}".contains(&b));
    fits.then(|| value.to_owned())
}

/// ICE's own alphabet (RFC 8839 section 5.4).
pub(super) fn ice_text(value: &str, at_least: usize) -> Option<String> {
    let value = value.trim();
    let fits = (at_least..=256).contains(&value.len())
        // "-", "_" and "=" are outside the RFC's alphabet; peers in the field use them all the same.
        && value.bytes().all(|b| b.is_ascii_alphanumeric() || b"+/-_=".contains(&b));
    fits.then(|| value.to_owned())
}
