//! Writes the two descriptions of a branch, both anew: the plain offer that webrtcbin sees in place of the viewer's, and
//! the answer the viewer gets, one m-line for each of its own. Pure.

use super::Track;
use super::h264::{Codec, ProfileLevel};
use super::offer::{IceCredentials, Offer};
use crate::domain::CameraId;
use std::fmt::Write;
use std::net::IpAddr;

/// One camera on one m-line of the offer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Leg {
    pub camera: CameraId,
    /// Which of the offer's m-lines, counted from 0.
    pub media: usize,
    pub codec: Codec,
    /// The stream's profile and level, when the camera is known already.
    pub stream: Option<ProfileLevel>,
    pub ssrc: u32,
}

impl Leg {
    /// Payload type of retransmissions, when they are in use.
    pub fn rtx(&self) -> Option<u8> {
        self.codec.rtx.filter(|_| self.codec.nack)
    }
}

/// What webrtcbin says about our end of the transport.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct OwnTransport {
    pub ice: IceCredentials,
    /// `active` or `passive`.
    pub setup: String,
    /// `sha-256 AB:CD:...`.
    pub fingerprint: String,
    /// Values of `a=` lines, `candidate:...`.
    pub candidates: Vec<String>,
    /// SSRCs and those of their retransmissions, as webrtcbin has drawn them.
    pub retransmissions: Vec<(u32, u32)>,
}

impl OwnTransport {
    /// SSRC of the retransmissions of `leg`, when they are in use.
    fn rtx_ssrc(&self, leg: &Leg) -> Option<u32> {
        leg.rtx()?;
        self.retransmissions.iter().find(|(ssrc, _)| *ssrc == leg.ssrc).map(|(_, rtx)| *rtx)
    }

    /// Reads it from webrtcbin's local description; the candidates are gathered apart.
    pub fn read(
        sdp: &str,
        fingerprint: String,
        candidates: Vec<String>,
        retransmissions: Vec<(u32, u32)>,
    ) -> Option<Self> {
        let attribute = |name: &str| {
            sdp.lines().find_map(|line| line.trim_end().strip_prefix("a=")?.strip_prefix(name)?.strip_prefix(':'))
        };
        Some(Self {
            retransmissions,
            ice: IceCredentials { ufrag: attribute("ice-ufrag")?.to_owned(), pwd: attribute("ice-pwd")?.to_owned() },
            setup: attribute("setup")?.to_owned(),
            fingerprint,
            candidates,
        })
    }
}

/// The offer webrtcbin sees: only the m-lines that carry a camera, one payload type each, everything else as plain as
/// SDP gets. m-lines are named by their position.
pub(super) fn plain_offer(offer: &Offer, legs: &[Leg]) -> String {
    let mut sdp = String::from("v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE");
    for at in 0..legs.len() {
        put(&mut sdp, format_args!(" {at}"));
    }
    sdp.push_str("\r\n");
    if offer.ice_lite {
        line(&mut sdp, format_args!("a=ice-lite"));
    }
    for (at, leg) in legs.iter().enumerate() {
        let pt = leg.codec.payload_type;
        section(&mut sdp, leg);
        line(&mut sdp, format_args!("a=ice-ufrag:{}", offer.ice.ufrag));
        line(&mut sdp, format_args!("a=ice-pwd:{}", offer.ice.pwd));
        line(&mut sdp, format_args!("a=ice-options:trickle"));
        line(&mut sdp, format_args!("a=fingerprint:{}", offer.fingerprint_line));
        line(&mut sdp, format_args!("a=setup:{}", offer.setup.as_str()));
        line(&mut sdp, format_args!("a=mid:{at}"));
        line(&mut sdp, format_args!("a=recvonly"));
        line(&mut sdp, format_args!("a=rtcp-mux"));
        codec(&mut sdp, leg, "packetization-mode=1");
        line(&mut sdp, format_args!("a=rtcp-fb:{pt} nack pli"));
    }
    sdp
}

/// The answer for the viewer.
pub(super) fn answer(offer: &Offer, legs: &[Leg], own: &OwnTransport, session_number: u64) -> String {
    let mut sdp = String::with_capacity(4096);
    line(&mut sdp, format_args!("v=0"));
    line(&mut sdp, format_args!("o=- {session_number} 1 IN IP4 0.0.0.0"));
    line(&mut sdp, format_args!("s=-"));
    line(&mut sdp, format_args!("t=0 0"));
    let on_transport = |at: usize| offer.media[at].kept.is_some() || legs.iter().any(|leg| leg.media == at);
    let tag = (0..offer.media.len()).find(|at| on_transport(*at));
    let bundled: Vec<&str> = offer
        .media
        .iter()
        .enumerate()
        .filter(|(at, _)| on_transport(*at))
        .filter_map(|(_, m)| m.mid.as_deref())
        .collect();
    if !bundled.is_empty() {
        line(&mut sdp, format_args!("a=group:BUNDLE {}", bundled.join(" ")));
    }
    line(&mut sdp, format_args!("a=ice-options:trickle"));
    line(&mut sdp, format_args!("a=msid-semantic:WMS *"));
    for (at, media) in offer.media.iter().enumerate() {
        let leg = legs.iter().find(|leg| leg.media == at);
        match (leg, &media.kept) {
            (Some(leg), _) => {
                section(&mut sdp, leg);
                transport(&mut sdp, own, tag == Some(at));
                camera(&mut sdp, leg, own.rtx_ssrc(leg));
            }
            (None, Some((payload_type, rtpmap))) => {
                line(&mut sdp, format_args!("m={} 9 {} {payload_type}", media.kind, media.protocol));
                line(&mut sdp, format_args!("c=IN IP4 0.0.0.0"));
                transport(&mut sdp, own, tag == Some(at));
                line(&mut sdp, format_args!("a=inactive"));
                line(&mut sdp, format_args!("a=rtcp-mux"));
                if let Some(codec) = rtpmap {
                    line(&mut sdp, format_args!("a=rtpmap:{payload_type} {codec}"));
                }
            }
            (None, None) => {
                line(&mut sdp, format_args!("m={} 0 {} {}", media.kind, media.protocol, media.formats));
                line(&mut sdp, format_args!("c=IN IP4 0.0.0.0"));
                line(&mut sdp, format_args!("a=inactive"));
            }
        }
        if let Some(mid) = &media.mid {
            line(&mut sdp, format_args!("a=mid:{mid}"));
        }
    }
    sdp
}

/// Which camera is on which m-line.
pub(super) fn tracks(offer: &Offer, legs: &[Leg]) -> Vec<Track> {
    legs.iter()
        .map(|leg| Track {
            mid: offer.media[leg.media].mid.clone().unwrap_or_else(|| leg.media.to_string()),
            camera: leg.camera.clone(),
        })
        .collect()
}

fn section(sdp: &mut String, leg: &Leg) {
    put(sdp, format_args!("m=video 9 UDP/TLS/RTP/SAVPF {}", leg.codec.payload_type));
    if let Some(rtx) = leg.rtx() {
        put(sdp, format_args!(" {rtx}"));
    }
    sdp.push_str("\r\nc=IN IP4 0.0.0.0\r\n");
}

fn codec(sdp: &mut String, leg: &Leg, parameters: &str) {
    let pt = leg.codec.payload_type;
    line(sdp, format_args!("a=rtpmap:{pt} H264/90000"));
    line(sdp, format_args!("a=fmtp:{pt} {parameters}"));
    if let Some(rtx) = leg.rtx() {
        line(sdp, format_args!("a=rtpmap:{rtx} rtx/90000"));
        line(sdp, format_args!("a=fmtp:{rtx} apt={pt}"));
    }
    if leg.codec.nack {
        line(sdp, format_args!("a=rtcp-fb:{pt} nack"));
    }
}

fn transport(sdp: &mut String, own: &OwnTransport, first: bool) {
    line(sdp, format_args!("a=ice-ufrag:{}", own.ice.ufrag));
    line(sdp, format_args!("a=ice-pwd:{}", own.ice.pwd));
    line(sdp, format_args!("a=fingerprint:{}", own.fingerprint));
    line(sdp, format_args!("a=setup:{}", own.setup));
    // The bundle has one transport, described with its first section.
    if first {
        for candidate in &own.candidates {
            line(sdp, format_args!("a={candidate}"));
        }
        line(sdp, format_args!("a=end-of-candidates"));
    }
}

fn camera(sdp: &mut String, leg: &Leg, rtx_ssrc: Option<u32>) {
    let Leg { camera, ssrc, .. } = leg;
    line(sdp, format_args!("a=sendonly"));
    line(sdp, format_args!("a=rtcp-mux"));
    line(sdp, format_args!("a=rtcp-rsize"));
    codec(sdp, leg, &leg.codec.answer_parameters(leg.stream));
    line(sdp, format_args!("a=rtcp-fb:{} nack pli", leg.codec.payload_type));
    // One stream per camera: nothing to synchronise, and a page maps track to camera by the stream's id.
    line(sdp, format_args!("a=msid:{camera} {camera}-video"));
    if let Some(rtx) = rtx_ssrc {
        line(sdp, format_args!("a=ssrc-group:FID {ssrc} {rtx}"));
    }
    // Without these lines Chromium drops packets of a bundle whose sections share a payload type.
    for ssrc in [Some(*ssrc), rtx_ssrc].into_iter().flatten() {
        line(sdp, format_args!("a=ssrc:{ssrc} cname:ecluse"));
        line(sdp, format_args!("a=ssrc:{ssrc} msid:{camera} {camera}-video"));
    }
}

/// Our candidates as the viewer should see them: UDP alone, no link-local addresses; and for each host candidate of its
/// family the external address with the same port, when a router maps it one to one (A7-1).
pub(super) fn announced(gathered: &[String], external: Option<IpAddr>) -> Vec<String> {
    let mut announced: Vec<String> = Vec::new();
    let mut mapped: Vec<u16> = Vec::new();
    for candidate in gathered {
        let words: Vec<&str> = candidate.split_ascii_whitespace().collect();
        let [foundation, "1", transport, _, address, port, "typ", kind, ..] = words.as_slice() else { continue };
        let (Ok(address), Ok(port)) = (address.parse::<IpAddr>(), port.parse::<u16>()) else { continue };
        if !transport.eq_ignore_ascii_case("udp") || is_link_local(address) || announced.contains(candidate) {
            continue;
        }
        announced.push(candidate.clone());
        if let Some(external) = external
            && *kind == "host"
            && external != address
            && external.is_ipv4() == address.is_ipv4()
            && !mapped.contains(&port)
        {
            // RFC 8445 section 5.1.2.1: type preference 100 (server reflexive), one component.
            let priority = (100_u32 << 24) | ((65_535 - mapped.len() as u32) << 8) | 255;
            mapped.push(port);
            announced.push(format!(
                "{foundation}x 1 UDP {priority} {external} {port} typ srflx raddr {address} rport {port}"
            ));
        }
    }
    announced
}

fn is_link_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_unicast_link_local(),
    }
}

fn put(sdp: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a String does not fail.
    let _ = sdp.write_fmt(text);
}

fn line(sdp: &mut String, text: std::fmt::Arguments<'_>) {
    put(sdp, text);
    sdp.push_str("\r\n");
}

/// SSRCs and those of their retransmissions in an SDP text (`a=ssrc-group:FID`, RFC 5576).
pub(super) fn retransmissions(sdp: &str) -> Vec<(u32, u32)> {
    let pair = |line: &str| {
        let (ssrc, rtx) = line.trim_end().strip_prefix("a=ssrc-group:FID ")?.split_once(' ')?;
        Some((ssrc.parse().ok()?, rtx.parse().ok()?))
    };
    sdp.lines().filter_map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::super::h264;
    use super::super::offer::tests::CHROMIUM;
    use super::*;

    fn legs(offer: &Offer) -> Vec<Leg> {
        let cameras = ["hall", "cour"];
        offer
            .media
            .iter()
            .enumerate()
            .filter_map(|(media, m)| Some((media, h264::choose(m.video.as_ref()?, None)?.clone())))
            .zip(cameras)
            .enumerate()
            .map(|(n, ((media, codec), camera))| Leg {
                camera: camera.parse().unwrap(),
                media,
                codec,
                stream: None,
                ssrc: 1000 + n as u32,
            })
            .collect()
    }

    fn own() -> OwnTransport {
        OwnTransport {
            ice: IceCredentials { ufrag: "ours".to_owned(), pwd: "p".repeat(24) },
            setup: "active".to_owned(),
            fingerprint: "sha-256 AA".to_owned(),
            candidates: vec!["candidate:1 1 UDP 2015363327 192.0.2.7 50000 typ host".to_owned()],
            retransmissions: vec![(1000, 2000), (1001, 2001)],
        }
    }

    #[test]
    fn the_answer_mirrors_the_offer_line_by_line() {
        let offer = Offer::parse(CHROMIUM).unwrap();
        let legs = legs(&offer);
        let answer = answer(&offer, &legs, &own(), 7);
        let lines: Vec<&str> = answer.split("\r\n").filter(|l| l.starts_with("m=")).collect();
        assert_eq!(lines.len(), offer.media.len());
        assert_eq!(lines[0], "m=audio 9 UDP/TLS/RTP/SAVPF 111", "it describes the transport and stays, inactive");
        assert_eq!(lines[1], "m=video 9 UDP/TLS/RTP/SAVPF 117 118");
        assert_eq!(lines[2], "m=video 9 UDP/TLS/RTP/SAVPF 117 118");
        assert!(lines[3].starts_with("m=video 0 "), "a surplus m-line is switched off: {}", lines[3]);
        assert_eq!(lines[4], "m=application 0 UDP/DTLS/SCTP webrtc-datachannel");
        assert!(answer.contains("a=group:BUNDLE 0 1 2\r\n"));
        for wanted in [
            "a=msid:hall hall-video",
            "a=ssrc-group:FID 1001 2001",
            "a=ssrc:1000 cname:ecluse",
            "a=fmtp:117 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=4d001f",
            "a=sendonly",
            "a=inactive\r\na=rtcp-mux\r\na=rtpmap:111 opus/48000/2\r\na=mid:0",
        ] {
            assert!(answer.contains(&format!("{wanted}\r\n")), "{wanted} in\n{answer}");
        }
        assert_eq!(answer.matches("a=candidate:1 1 UDP").count(), 1, "one transport, described once");
        let rejected_first = Offer::parse(&CHROMIUM.replace("m=audio 9", "m=application 9")).unwrap();
        assert!(rejected_first.media[0].kept.is_none(), "what is no RTP cannot be kept");
        let tracks = tracks(&offer, &legs);
        assert_eq!(tracks.iter().map(|t| t.mid.as_str()).collect::<Vec<_>>(), ["1", "2"]);
    }

    #[test]
    fn webrtcbin_sees_a_plain_offer_that_parses_like_any_other() {
        let offer = Offer::parse(CHROMIUM).unwrap();
        let plain = plain_offer(&offer, &legs(&offer));
        assert_eq!(Offer::parse(&plain).unwrap().video_count(), 2);
        assert!(!plain.contains("audio") && plain.contains("a=group:BUNDLE 0 1\r\n"));
    }

    #[test]
    fn an_external_address_stands_beside_our_own() {
        let gathered = [
            "candidate:1 1 UDP 2015363327 10.0.0.7 50001 typ host",
            "candidate:2 1 TCP 1015021823 10.0.0.7 9 typ host tcptype active",
            "candidate:3 1 UDP 2015363583 fe80::1 50001 typ host",
            "candidate:4 1 UDP 2015363583 2001:db8::7 50001 typ host",
            "candidate:5 1 UDP 5 198.51.100.1 40000 typ relay raddr 10.0.0.7 rport 50001",
        ]
        .map(str::to_owned);
        let announced = announced(&gathered, Some("203.0.113.5".parse().unwrap()));
        assert_eq!(announced.len(), 4);
        assert_eq!(
            announced[1],
            "candidate:1x 1 UDP 1694498815 203.0.113.5 50001 typ srflx raddr 10.0.0.7 rport 50001"
        );
        assert_eq!(super::announced(&gathered, None).len(), 3);
        assert_eq!(super::announced(&gathered, Some("10.0.0.7".parse().unwrap())).len(), 3);
    }

    #[test]
    fn the_transport_is_read_from_webrtcbins_answer() {
        let sdp = "v=0\r\nm=video 9 X 96\r\na=ice-ufrag:abcd\r\na=ice-pwd:efgh\r\na=setup:active\r\n\
            a=ssrc-group:FID 7 8\r\na=ssrc-group:FID x\r\n";
        let own = OwnTransport::read(sdp, "sha-256 AA".to_owned(), vec![], retransmissions(sdp)).unwrap();
        assert_eq!((own.ice.ufrag.as_str(), own.setup.as_str()), ("abcd", "active"));
        assert_eq!(own.retransmissions, [(7, 8)]);
        assert_eq!(OwnTransport::read("v=0\r\n", String::new(), vec![], vec![]), None);
    }
}
