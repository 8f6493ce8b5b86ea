//! Which of an offer's H.264 payload types carries a camera's stream (RFC 6184): the bitstream is passed on untouched,
//! so the choice is ours to fit to the stream, by parsing `a=fmtp`.

use std::fmt::Write;

/// One H.264 payload type of an offer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Codec {
    /// RTP payload type.
    pub payload_type: u8,
    /// Payload type of its retransmissions (RFC 4588), when offered.
    pub rtx: Option<u8>,
    /// Whether lost packets may be asked for again (`a=rtcp-fb ... nack`).
    pub nack: bool,
    /// `profile-level-id`.
    pub profile: ProfileLevel,
    /// `packetization-mode`.
    pub packetization_mode: u8,
    /// `level-asymmetry-allowed`.
    pub level_asymmetry: bool,
}

/// The three bytes that name profile, constraints and level; the same in `profile-level-id` and in a stream's
/// `codec_data`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ProfileLevel {
    pub profile_idc: u8,
    pub constraints: u8,
    pub level_idc: u8,
}

const BASELINE: u8 = 66;
const MAIN: u8 = 77;
const HIGH: u8 = 100;

impl ProfileLevel {
    /// What a payload type without `profile-level-id` means (RFC 6184 section 8.1): baseline, level 1.
    const UNSTATED: ProfileLevel = ProfileLevel { profile_idc: BASELINE, constraints: 0, level_idc: 10 };

    /// Reads the six hexadecimal digits of `profile-level-id`.
    fn parse(hex: &str) -> Option<Self> {
        let digits = hex.len() == 6 && hex.bytes().all(|b| b.is_ascii_hexdigit());
        let value = digits.then(|| u32::from_str_radix(hex, 16).ok()).flatten()?;
        let [_, profile_idc, constraints, level_idc] = value.to_be_bytes();
        Some(Self { profile_idc, constraints, level_idc })
    }

    /// Reads a stream's `codec_data` (ISO/IEC 14496-15 AVCDecoderConfigurationRecord), whose bytes 1 to 3 are the SPS's.
    pub fn of_codec_data(codec_data: &[u8]) -> Option<Self> {
        match codec_data {
            [1, profile_idc, constraints, level_idc, ..] => {
                Some(Self { profile_idc: *profile_idc, constraints: *constraints, level_idc: *level_idc })
            }
            _ => None,
        }
    }

    /// Whether a decoder for `self` is one for `stream`: same profile, or one that contains it. The rank orders the
    /// choices, 0 best. Everything ranks, because in practice decoders read the SPS and not the SDP: browsers that offer
    /// nothing above baseline or main still play high-profile streams.
    fn rank_for(self, stream: ProfileLevel) -> u8 {
        let constrained = self.constraints & 0x40 != 0;
        let order: &[(u8, Option<bool>)] = match stream.profile_idc {
            BASELINE if stream.constraints & 0x40 != 0 => {
                &[(BASELINE, Some(true)), (BASELINE, Some(false)), (MAIN, None), (HIGH, None)]
            }
            BASELINE => &[(BASELINE, Some(false)), (BASELINE, Some(true)), (MAIN, None), (HIGH, None)],
            MAIN => &[(MAIN, None), (HIGH, None), (BASELINE, Some(true)), (BASELINE, Some(false))],
            // High and everything above or unknown.
            _ => &[(HIGH, None), (MAIN, None), (BASELINE, Some(true)), (BASELINE, Some(false))],
        };
        order
            .iter()
            .position(|(profile_idc, wanted)| {
                self.profile_idc == *profile_idc && wanted.is_none_or(|w| w == constrained)
            })
            .and_then(|rank| u8::try_from(rank).ok())
            .unwrap_or(u8::MAX)
    }
}

/// Reads the value of `a=fmtp:<pt> <parameters>` into the parts that matter here.
pub(super) fn parse_parameters(codec: &mut Codec, parameters: &str) {
    for parameter in parameters.split(';') {
        let Some((name, value)) = parameter.split_once('=') else { continue };
        let value = value.trim();
        match name.trim().to_ascii_lowercase().as_str() {
            "packetization-mode" => codec.packetization_mode = value.parse().unwrap_or(u8::MAX),
            "level-asymmetry-allowed" => codec.level_asymmetry = value == "1",
            "profile-level-id" => codec.profile = ProfileLevel::parse(value).unwrap_or(ProfileLevel::UNSTATED),
            _ => {}
        }
    }
}

impl Codec {
    /// A payload type of which only the number is known yet.
    pub fn new(payload_type: u8) -> Self {
        Self {
            payload_type,
            rtx: None,
            nack: false,
            profile: ProfileLevel::UNSTATED,
            packetization_mode: 0,
            level_asymmetry: false,
        }
    }

    /// Whether it can carry a camera: pictures larger than a packet need fragmentation units, which need packetization
    /// mode 1; and GStreamer's payloader has the dynamic payload types alone.
    pub fn usable(&self) -> bool {
        self.packetization_mode == 1 && self.payload_type >= 96
    }

    /// The parameters for the answer. The profile is the offer's own (both sides must name the same); the level is the
    /// stream's when it is higher and the offer lets levels differ.
    pub fn answer_parameters(&self, stream: Option<ProfileLevel>) -> String {
        let mut level_idc = self.profile.level_idc;
        if let Some(stream) = stream.filter(|_| self.level_asymmetry) {
            level_idc = level_idc.max(stream.level_idc);
        }
        let mut text = String::new();
        if self.level_asymmetry {
            text.push_str("level-asymmetry-allowed=1;");
        }
        // Writing to a String does not fail.
        let _ = write!(
            text,
            "packetization-mode=1;profile-level-id={:02x}{:02x}{:02x}",
            self.profile.profile_idc, self.profile.constraints, level_idc
        );
        text
    }
}

/// The payload type for a stream; for one that is not known yet (camera offline), the one that fits most cameras. Of
/// equals, the offer's order decides.
pub(super) fn choose(codecs: &[Codec], stream: Option<ProfileLevel>) -> Option<&Codec> {
    // Cameras send main or high profile almost without exception.
    let stream = stream.unwrap_or(ProfileLevel { profile_idc: HIGH, constraints: 0, level_idc: 31 });
    codecs.iter().filter(|codec| codec.usable()).min_by_key(|codec| codec.profile.rank_for(stream))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chromium() -> Vec<Codec> {
        [(103, 1, "42001f"), (107, 0, "42001f"), (109, 1, "42e01f"), (117, 1, "4d001f"), (39, 1, "f4001f")]
            .into_iter()
            .map(|(pt, mode, profile)| {
                let mut codec = Codec::new(pt);
                parse_parameters(
                    &mut codec,
                    &format!("level-asymmetry-allowed=1;packetization-mode={mode};profile-level-id={profile}"),
                );
                codec
            })
            .collect()
    }

    fn stream(text: &str) -> Option<ProfileLevel> {
        ProfileLevel::parse(text)
    }

    #[test]
    fn the_stream_decides_the_payload_type() {
        let offer = chromium();
        for (sps, payload_type) in
            [("640028", 117), ("4d0028", 117), ("42c01f", 109), ("42001f", 103), ("6e0028", 117), ("f4001f", 117)]
        {
            assert_eq!(choose(&offer, stream(sps)).unwrap().payload_type, payload_type, "{sps}");
        }
        assert_eq!(choose(&offer, None).unwrap().payload_type, 117);
        assert_eq!(choose(&offer[1..2], None), None, "mode 0 cannot carry pictures larger than a packet");
    }

    #[test]
    fn levels_differ_only_where_the_offer_allows_it() {
        let mut codec = chromium().remove(3);
        assert_eq!(
            codec.answer_parameters(stream("640028")),
            "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=4d0028"
        );
        codec.level_asymmetry = false;
        assert_eq!(codec.answer_parameters(stream("640028")), "packetization-mode=1;profile-level-id=4d001f");
    }

    #[test]
    fn odd_parameters_fall_back_to_the_defaults_of_rfc_6184() {
        let mut codec = Codec::new(96);
        parse_parameters(&mut codec, "profile-level-id=xyz;;packetization-mode = 1; foo; =; a=b=c");
        assert_eq!(codec.profile, ProfileLevel::UNSTATED);
        assert_eq!(codec.packetization_mode, 1);
        parse_parameters(&mut codec, "packetization-mode=999");
        assert!(!codec.usable());
        assert_eq!(ProfileLevel::of_codec_data(&[]), None);
        assert_eq!(ProfileLevel::of_codec_data(&[1, 0x64, 0, 0x28, 0xff]), stream("640028"));
    }
}
