//! Reads a viewer's SDP offer (WHEP `POST`), before any grant is asked for. Pure: text in, [`Offer`] or a named fault out.
//!
//! Nothing of the viewer's text reaches GStreamer: what is understood here is written anew ([`super::answer`]), so that
//! webrtcbin's parser, which asserts on some odd input, sees only what we wrote ourselves.

use super::candidate::Remote;
use super::h264::Codec;
use super::section::{Direction, Section};
use crate::media::dtls_srtp::{FingerprintError, PeerFingerprints};

/// The longest offer that is read, bytes. Chromium's for sixteen video m-lines has about 50,000.
pub const MAX_OFFER_BYTES: usize = 64 * 1024;
/// The most m-lines an offer may have.
pub const MAX_MEDIA: usize = 64;
/// The most remote candidates a session keeps, offer and fragments together.
pub(super) const MAX_CANDIDATES: usize = 64;

/// Why an offer cannot be answered. Lines count from 1.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OfferError {
    /// Too long to be honest.
    #[error("the offer has {bytes} bytes; at most {limit} are read")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// More m-lines than any site has cameras.
    #[error("line {line}: more than {limit} media sections")]
    TooManyMedia {
        /// Where the first one too many stands.
        line: usize,
        /// The limit.
        limit: usize,
    },
    /// A line that is no SDP.
    #[error("line {line}: \"{found}\": expected {expected}")]
    Line {
        /// Where.
        line: usize,
        /// The line, cut to 80 characters.
        found: String,
        /// What would have been accepted.
        expected: &'static str,
    },
    /// The text ends before the offer does.
    #[error("the offer ends at line {line} before {missing}")]
    Truncated {
        /// The last line.
        line: usize,
        /// What should have come.
        missing: &'static str,
    },
    /// No `m=video` at all.
    #[error("the offer has no m=video section: add one per camera, a=recvonly")]
    NoVideo,
    /// None of its `m=video` can take a camera.
    #[error("line {line}: this video section cannot be answered: {why}")]
    UnusableVideo {
        /// Where the first of them stands.
        line: usize,
        /// What is missing.
        why: &'static str,
    },
    /// No credentials for ICE.
    #[error("line {line}: the media section has no valid {missing} (RFC 8839), nor has the session")]
    NoIce {
        /// The m-line.
        line: usize,
        /// Which attribute.
        missing: &'static str,
    },
    /// No fingerprint that can be relied on (A6-5).
    #[error("{}{error}", line.map(|l| format!("line {l}: ")).unwrap_or_default())]
    Fingerprint {
        /// Where, when there is a line to name.
        line: Option<usize>,
        /// What is wrong with it.
        error: FingerprintError,
    },
}

/// Who opens the DTLS handshake, as the offer says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Setup {
    ActPass,
    Active,
    Passive,
}

impl Setup {
    pub fn as_str(self) -> &'static str {
        match self {
            Setup::ActPass => "actpass",
            Setup::Active => "active",
            Setup::Passive => "passive",
        }
    }
}

/// The credentials of one ICE session. The password authenticates packets only, but stays out of logs all the same.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct IceCredentials {
    pub ufrag: String,
    pub pwd: String,
}

impl std::fmt::Debug for IceCredentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "IceCredentials({})", self.ufrag)
    }
}

/// One m-line, in the offer's order: the answer has one for each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Media {
    /// What follows `m=`, in parts: `video`, `UDP/TLS/RTP/SAVPF`, `96 97`.
    pub kind: String,
    pub protocol: String,
    pub formats: String,
    /// Its `a=mid`.
    pub mid: Option<String>,
    /// The H.264 payload types, when a camera can be put on it; `None`: it is answered with port 0, or [`Media::kept`].
    pub video: Option<Vec<Codec>>,
    /// It takes no camera, but the bundle's transport is described with it (RFC 8843: the offerer's tagged section).
    /// Chromium with `max-bundle` cannot move the transport to another section when this one is rejected, so it is
    /// answered inactive, with this payload type and `a=rtpmap`.
    pub kept: Option<(u8, Option<String>)>,
}

/// An offer that can be answered: at least one of its video m-lines can take a camera.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    pub(super) media: Vec<Media>,
    pub(super) ice: IceCredentials,
    pub(super) ice_lite: bool,
    pub(super) setup: Setup,
    pub(super) fingerprint_line: String,
    pub(super) peer: PeerFingerprints,
    pub(super) candidates: Vec<Remote>,
    pub(super) end_of_candidates: bool,
}

impl Offer {
    /// Reads an offer.
    ///
    /// # Errors
    /// What cannot be read or answered, with its line: see [`OfferError`].
    pub fn parse(sdp: &str) -> Result<Offer, OfferError> {
        if sdp.len() > MAX_OFFER_BYTES {
            return Err(OfferError::TooLarge { bytes: sdp.len(), limit: MAX_OFFER_BYTES });
        }
        Draft::read(sdp)?.finish(sdp)
    }

    /// How many of its video m-lines can take a camera; the grant's cameras go on them in order.
    pub fn video_count(&self) -> usize {
        self.media.iter().filter(|media| media.video.is_some()).count()
    }
}

fn fingerprint_line(sdp: &str, error: &FingerprintError) -> Option<usize> {
    match error {
        FingerprintError::Malformed { line } => {
            sdp.lines().position(|l| l.starts_with("a=fingerprint:") && l.contains(line.as_str())).map(|at| at + 1)
        }
        FingerprintError::Missing => sdp.lines().position(|l| l.starts_with("a=fingerprint:")).map(|at| at + 1),
        FingerprintError::Diverging { section } => sdp
            .lines()
            .enumerate()
            .filter(|(_, l)| l.starts_with("m="))
            .nth(section.saturating_sub(1))
            .map(|(at, _)| at + 1),
    }
}

#[derive(Debug, Default)]
struct Draft {
    session: Section,
    media: Vec<Section>,
    bundles: Vec<Vec<String>>,
    ice_lite: bool,
    end_of_candidates: bool,
    last_line: usize,
}

impl Draft {
    fn read(sdp: &str) -> Result<Draft, OfferError> {
        let mut draft = Draft::default();
        let mut seen = [false; 3];
        for (index, text) in sdp.lines().enumerate() {
            let (line, text) = (index + 1, text.trim_end());
            if text.is_empty() {
                continue;
            }
            draft.last_line = line;
            let fault = |expected| OfferError::Line { line, found: text.chars().take(80).collect(), expected };
            let (kind, value) = match text.split_once('=') {
                Some((kind, value)) if kind.len() == 1 && kind.bytes().all(|b| b.is_ascii_lowercase()) => (kind, value),
                _ => return Err(fault("an SDP line: one small letter, \"=\", a value")),
            };
            if !seen[0] && (kind, value) != ("v", "0") {
                return Err(fault("\"v=0\" as the first line"));
            }
            match kind {
                "v" => seen[0] = true,
                "o" => seen[1] = true,
                "s" => seen[2] = true,
                "m" => {
                    if draft.media.len() == MAX_MEDIA {
                        return Err(OfferError::TooManyMedia { line, limit: MAX_MEDIA });
                    }
                    let section = Section::open(line, value)
                        .ok_or_else(|| fault("m=<kind> <port> <protocol> <format> ..., all printable ASCII"))?;
                    draft.media.push(section);
                }
                "a" => draft.attribute(value).map_err(fault)?,
                _ => {}
            }
        }
        for (seen, missing) in seen.into_iter().zip(["its \"v=0\"", "its \"o=\" line", "its \"s=\" line"]) {
            if !seen {
                return Err(OfferError::Truncated { line: draft.last_line, missing });
            }
        }
        Ok(draft)
    }

    /// One `a=` line; the error is what was expected.
    fn attribute(&mut self, text: &str) -> Result<(), &'static str> {
        let (name, value) = text.split_once(':').unwrap_or((text, ""));
        match name {
            "group" => {
                let mut words = value.split_ascii_whitespace();
                if words.next() == Some("BUNDLE") {
                    self.bundles.push(words.map(str::to_owned).collect());
                }
                return Ok(());
            }
            "ice-lite" => self.ice_lite = true,
            "end-of-candidates" => self.end_of_candidates = true,
            _ => {}
        }
        self.media.last_mut().unwrap_or(&mut self.session).attribute(name, value)
    }

    fn finish(mut self, sdp: &str) -> Result<Offer, OfferError> {
        self.unique_mids()?;
        if self.media.is_empty() {
            return Err(OfferError::Truncated { line: self.last_line, missing: "its first media section (m=)" });
        }
        // Our one transport carries what is bundled with the first usable video section; the rest is answered port 0.
        let faults: Vec<Option<&'static str>> = self.media.iter().map(|m| self.fault_of(m)).collect();
        let Some(first) = faults.iter().position(Option::is_none) else {
            let refused = self.media.iter().zip(&faults).find(|(m, _)| m.kind == "video");
            return Err(match refused {
                Some((media, why)) => {
                    OfferError::UnusableVideo { line: media.line, why: why.unwrap_or("it is not answerable") }
                }
                None => OfferError::NoVideo,
            });
        };
        let bundle = self.bundle_of(&self.media[first]).cloned();
        let usable: Vec<bool> = (0..self.media.len())
            .map(|at| faults[at].is_none() && (at == first || self.bundled_with(&self.media[at], bundle.as_deref())))
            .collect();
        // A bundle's transport is the one of its first section, whatever that carries (RFC 8843).
        let tag = bundle
            .as_ref()
            .and_then(|mids| self.media.iter().position(|m| m.mid.as_ref() == mids.first()))
            .unwrap_or(first);
        let ice = self.ice_of(&self.media[tag], &self.media[first])?;
        let peer = PeerFingerprints::from_sdp(sdp)
            .map_err(|error| OfferError::Fingerprint { line: fingerprint_line(sdp, &error), error })?;
        let setup = [&self.media[tag], &self.media[first], &self.session]
            .into_iter()
            .find_map(|section| section.setup)
            .unwrap_or(Setup::ActPass);
        // `PeerFingerprints` took at least one, so some section has a line; it serves webrtcbin alone.
        let fingerprint_line =
            [&self.media[tag].fingerprint, &self.media[first].fingerprint, &self.session.fingerprint]
                .into_iter()
                .chain(self.media.iter().map(|m| &m.fingerprint))
                .find_map(Clone::clone)
                .ok_or(OfferError::Fingerprint { line: None, error: FingerprintError::Missing })?;
        let mut candidates: Vec<Remote> = Vec::new();
        for (at, media) in self.media.iter_mut().enumerate() {
            let same_transport = at == first || bundle.as_deref().is_some_and(|b| media.is_one_of(b));
            for candidate in media.candidates.drain(..).filter(|_| same_transport) {
                if candidates.len() < MAX_CANDIDATES && !candidates.contains(&candidate) {
                    candidates.push(candidate);
                }
            }
        }
        let media = self.media.into_iter().zip(usable).enumerate();
        let media = media.map(|(at, (section, usable))| section.close(usable, at == tag)).collect();
        Ok(Offer {
            media,
            ice,
            ice_lite: self.ice_lite,
            setup,
            fingerprint_line,
            peer,
            candidates,
            end_of_candidates: self.end_of_candidates,
        })
    }

    fn unique_mids(&self) -> Result<(), OfferError> {
        for (at, media) in self.media.iter().enumerate() {
            if media.mid.is_some() && self.media[..at].iter().any(|other| other.mid == media.mid) {
                return Err(OfferError::Line {
                    line: media.line,
                    found: format!("a=mid:{}", media.mid.as_deref().unwrap_or_default()),
                    expected: "an a=mid that no other media section has",
                });
            }
        }
        Ok(())
    }

    /// Why no camera can be put on a section; `None` when one can.
    fn fault_of(&self, media: &Section) -> Option<&'static str> {
        if media.kind != "video" {
            return Some("it is not video");
        }
        if media.port == 0 && !media.bundle_only {
            return Some("it is switched off (port 0)");
        }
        if !matches!(media.protocol.as_str(), "UDP/TLS/RTP/SAVPF" | "UDP/TLS/RTP/SAVP") {
            return Some("it is not UDP/TLS/RTP/SAVPF: unencrypted media is not served (A6-5)");
        }
        let direction = media.direction.or(self.session.direction).unwrap_or(Direction::SendRecv);
        if direction == Direction::NotReceiving {
            return Some("it does not receive: expected a=recvonly or a=sendrecv");
        }
        if !media.codecs.iter().any(Codec::usable) {
            return Some("it has no H.264 with packetization-mode=1");
        }
        if !media.rtcp_mux {
            return Some("it has no a=rtcp-mux");
        }
        None
    }

    fn bundle_of(&self, media: &Section) -> Option<&Vec<String>> {
        self.bundles.iter().find(|bundle| media.is_one_of(bundle))
    }

    fn bundled_with(&self, media: &Section, bundle: Option<&[String]>) -> bool {
        bundle.is_some_and(|bundle| media.is_one_of(bundle))
    }

    fn ice_of(&self, tag: &Section, first: &Section) -> Result<IceCredentials, OfferError> {
        let line = tag.line;
        let sections = [tag, first, &self.session];
        let ufrag = sections.iter().find_map(|section| section.ufrag.clone());
        let pwd = sections.iter().find_map(|section| section.pwd.clone());
        match (ufrag, pwd) {
            (Some(ufrag), Some(pwd)) => Ok(IceCredentials { ufrag, pwd }),
            (None, _) => Err(OfferError::NoIce { line, missing: "a=ice-ufrag" }),
            (_, None) => Err(OfferError::NoIce { line, missing: "a=ice-pwd" }),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::h264;
    use super::*;
    use proptest::prelude::*;

    /// Shaped like Chromium's offer for one audio, three video sections and a data channel.
    pub const CHROMIUM: &str = include_str!("testdata/chromium.sdp");

    #[test]
    fn chromiums_offer_is_read() {
        let offer = Offer::parse(CHROMIUM).unwrap();
        assert_eq!(offer.video_count(), 3);
        assert_eq!(offer.media.len(), 5);
        assert_eq!(offer.ice.ufrag, "Yq6c");
        assert_eq!(offer.setup, Setup::ActPass);
        assert_eq!(offer.media[0].kept, Some((111, Some("opus/48000/2".to_owned()))), "it describes the transport");
        assert!(offer.media[1..].iter().all(|media| media.kept.is_none()));
        assert_eq!(offer.candidates.len(), 1, "of the candidates, the mDNS name and TCP are passed over");
        let codec = h264::choose(offer.media[1].video.as_ref().unwrap(), None).unwrap();
        assert_eq!((codec.payload_type, codec.rtx, codec.nack), (117, Some(118), true));
    }

    #[test]
    fn every_fault_is_named_with_its_line() {
        let cases: &[(&str, &str, &str)] = &[
            ("a=ice-ufrag:Yq6c", "a=ice-ufrag:Y", "expected a=ice-ufrag of 4"),
            ("a=setup:actpass", "a=setup:holdconn", "expected a=setup"),
            ("v=0", "v=1", "line 1: "),
            ("m=video 9", "m=video 99999", "expected m=<kind>"),
            ("a=recvonly", "a=sendonly", "does not receive"),
            ("UDP/TLS/RTP/SAVPF", "RTP/AVP", "unencrypted media is not served"),
            ("a=rtcp-mux", "a=x", "no a=rtcp-mux"),
            ("H264/90000", "VP8/90000", "no H.264"),
            ("packetization-mode=1", "packetization-mode=0", "no H.264 with packetization-mode=1"),
            ("a=fingerprint:sha-256", "a=fingerprint:sha-1", "line 1"),
            ("a=fingerprint:sha-256", "a=nofingerprint:sha-256", "no a=fingerprint"),
            ("a=fingerprint:sha-256 4A", "a=fingerprint:sha-256 XX", "line 1"),
            ("m=video", "m=audio", "no m=video"),
            ("a=mid:2", "a=mid:1", "no other media section has"),
        ];
        for (from, to, said) in cases {
            let error = Offer::parse(&CHROMIUM.replace(from, to)).unwrap_err().to_string();
            assert!(error.contains(said), "{from} -> {to}: {error}");
        }
        assert_eq!(
            Offer::parse(&CHROMIUM.replace("a=ice-pwd:", "a=no-pwd:")).unwrap_err().to_string().split(':').next(),
            Some("line 8")
        );
        assert!(matches!(Offer::parse(&"a".repeat(MAX_OFFER_BYTES + 1)), Err(OfferError::TooLarge { .. })));
        assert!(matches!(Offer::parse(""), Err(OfferError::Truncated { line: 0, .. })));
        let many = format!("v=0\no=-\ns=-\n{}", "m=video 9 UDP/TLS/RTP/SAVPF 96\n".repeat(MAX_MEDIA + 1));
        assert!(matches!(Offer::parse(&many), Err(OfferError::TooManyMedia { line: 68, .. })));
    }

    #[test]
    fn a_truncated_offer_is_an_error_or_a_smaller_offer_but_never_a_panic() {
        let first_video = CHROMIUM.find("m=video").unwrap();
        for cut in 0..CHROMIUM.len() {
            let read = Offer::parse(&CHROMIUM[..cut]);
            assert!(cut > first_video || read.is_err(), "cut at {cut}");
        }
    }

    #[test]
    fn without_a_bundle_only_the_first_video_is_served() {
        let offer = Offer::parse(&CHROMIUM.replace("a=group:BUNDLE", "a=group:LS")).unwrap();
        assert_eq!(offer.video_count(), 1);
        let offer = Offer::parse(&CHROMIUM.replace("a=group:BUNDLE 0 1 2 3 4", "a=group:BUNDLE 1 3")).unwrap();
        assert_eq!(offer.video_count(), 2);
    }

    #[test]
    fn session_level_attributes_count_for_sections_without_their_own() {
        let sdp = format!(
            "v=0\no=- 1 1 IN IP4 0.0.0.0\ns=-\na=ice-ufrag:abcd\na=ice-pwd:{}\na=fingerprint:sha-256 {}\na=setup:active\n\
             a=recvonly\nm=video 9 UDP/TLS/RTP/SAVPF 96\na=rtcp-mux\na=rtpmap:96 h264/90000\n\
             a=fmtp:96 packetization-mode=1\na=rtcp-fb:* nack\n",
            "p".repeat(22),
            ["AB"; 32].join(":")
        );
        let offer = Offer::parse(&sdp).unwrap();
        assert_eq!((offer.video_count(), offer.setup), (1, Setup::Active));
        assert!(offer.media[0].mid.is_none() && offer.media[0].video.as_ref().unwrap()[0].nack);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]
        #[test]
        fn no_edit_panics(at in 0..CHROMIUM.len(), length in 0..60_usize, with in "[ -~\\r\\né]{0,40}") {
            let mut text = CHROMIUM.to_owned();
            text.replace_range(at..(at + length).min(text.len()), &with);
            let _ = Offer::parse(&text);
        }

        #[test]
        fn no_shuffle_of_lines_panics(order in prop::collection::vec(0..CHROMIUM.lines().count(), 0..150)) {
            let lines: Vec<&str> = CHROMIUM.lines().collect();
            let text: Vec<&str> = std::iter::once("v=0").chain(order.iter().map(|at| lines[*at])).collect();
            if let Ok(offer) = Offer::parse(&text.join("\n")) {
                prop_assert!(offer.video_count() > 0);
            }
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,400}") {
            let _ = Offer::parse(&text);
        }
    }
}
