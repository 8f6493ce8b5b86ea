//! What a publisher announces: which of it we take, what we drop, what we refuse and how we say so.

/// The announcement of one H.264 stream; everything else in it was sound or data and will be thrown away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Announced {
    /// The SDP for our backend: the video alone, under the control name [`VIDEO_CONTROL`].
    pub video_sdp: String,
    /// RTP payload type of the video.
    pub payload_type: u8,
    /// Control of each media section as the publisher will name it in SETUP; `true` for the video.
    pub controls: Vec<(String, bool)>,
    /// Sound was offered.
    pub audio: bool,
}

/// The video's control name towards our backend.
pub(super) const VIDEO_CONTROL: &str = "stream=0";

/// Why an announcement is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum SdpError {
    #[error("the SDP is truncated or malformed: {0}")]
    Malformed(String),
    #[error("{codec} is not taken yet: set the camera or encoder to H.264")]
    Codec { codec: String },
    #[error("no video is announced: one H.264 stream is expected")]
    NoVideo,
    #[error("{0} video streams are announced: push each camera to its own path")]
    ManyVideos(usize),
    #[error("the profile {0} is not taken: use RTP/AVP, the RTSPS connection itself encrypts")]
    Profile(String),
}

impl SdpError {
    /// The RTSP status that says so.
    pub fn status(&self) -> u16 {
        match self {
            SdpError::Malformed(_) => 400,
            _ => 415,
        }
    }
}

struct Section<'a> {
    kind: &'a str,
    profile: &'a str,
    format: &'a str,
    lines: Vec<&'a str>,
}

impl<'a> Section<'a> {
    fn attribute(&self, name: &str) -> Option<&'a str> {
        self.lines.iter().find_map(|line| line.strip_prefix("a=")?.strip_prefix(name)?.strip_prefix(':'))
    }

    /// Codec and clock rate as `a=rtpmap` says, or as the payload type implies (RFC 3551).
    fn codec(&self) -> String {
        let mapped = self.lines.iter().find_map(|line| {
            let (format, encoding) = line.strip_prefix("a=rtpmap:")?.split_once(' ')?;
            (format == self.format).then_some(encoding.trim())
        });
        let implied = match self.format {
            "26" => "JPEG/90000",
            "31" => "H261/90000",
            "32" => "MPV/90000",
            "33" => "MP2T/90000",
            "34" => "H263/90000",
            _ => "unknown",
        };
        mapped.unwrap_or(implied).chars().take(60).collect()
    }
}

/// Reads an announcement.
pub(super) fn read(body: &[u8]) -> Result<Announced, SdpError> {
    let malformed = |what: &str| SdpError::Malformed(what.to_owned());
    let text = std::str::from_utf8(body).map_err(|_| malformed("it is no UTF-8 text"))?;
    if !text.starts_with("v=0") {
        return Err(malformed("it does not start with v=0"));
    }
    let (session, sections) = split(text)?;
    let videos: Vec<_> = sections.iter().filter(|section| section.kind == "video").collect();
    let video = match videos[..] {
        [video] => video,
        [] => return Err(SdpError::NoVideo),
        _ => return Err(SdpError::ManyVideos(videos.len())),
    };
    if !matches!(video.profile, "RTP/AVP" | "RTP/AVP/TCP" | "RTP/AVPF") {
        return Err(SdpError::Profile(video.profile.chars().take(40).collect()));
    }
    let codec = video.codec();
    if !codec.eq_ignore_ascii_case("H264/90000") {
        return Err(SdpError::Codec { codec: readable(&codec) });
    }
    let payload_type = video.format.parse().ok().filter(|number| *number < 128);
    let payload_type = payload_type.ok_or_else(|| malformed("the payload type is no number below 128"))?;
    let controls = sections
        .iter()
        .map(|section| (section.attribute("control").unwrap_or("").to_owned(), section.kind == "video"))
        .collect();
    Ok(Announced {
        video_sdp: rewrite(&session, video),
        payload_type,
        controls,
        audio: sections.iter().any(|section| section.kind == "audio"),
    })
}

fn split(text: &str) -> Result<(Vec<&str>, Vec<Section<'_>>), SdpError> {
    let (mut session, mut sections) = (Vec::new(), Vec::<Section<'_>>::new());
    for line in text.lines().map(str::trim_end).filter(|line| !line.is_empty()) {
        let shown = || SdpError::Malformed(format!("line {:?}", line.chars().take(60).collect::<String>()));
        if line.as_bytes().get(1) != Some(&b'=') {
            return Err(shown());
        }
        if let Some(media) = line.strip_prefix("m=") {
            let words: Vec<_> = media.split_ascii_whitespace().collect();
            let [kind, _port, profile, format, ..] = words[..] else { return Err(shown()) };
            sections.push(Section { kind, profile, format, lines: Vec::new() });
        } else {
            match sections.last_mut() {
                Some(section) => section.lines.push(line),
                None => session.push(line),
            }
        }
    }
    Ok((session, sections))
}

/// The video alone: parameters of its codec, nothing that steers transport, clocks or keys.
fn rewrite(session: &[&str], video: &Section<'_>) -> String {
    let mut sdp = String::from("v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=camera\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n");
    sdp.push_str(&format!("m=video 0 RTP/AVP {}\r\n", video.format));
    let kept = |line: &&&str| {
        line.strip_prefix("a=rtpmap:")
            .or_else(|| line.strip_prefix("a=fmtp:"))
            .is_some_and(|rest| rest.split_once(' ').is_some_and(|(format, _)| format == video.format))
    };
    for line in session.iter().chain(&video.lines).filter(kept) {
        sdp.push_str(line);
        sdp.push_str("\r\n");
    }
    sdp.push_str(&format!("a=control:{VIDEO_CONTROL}\r\n"));
    sdp
}

/// The codec's name as people know it.
fn readable(encoding: &str) -> String {
    let name = encoding.split('/').next().unwrap_or(encoding);
    match name.to_ascii_uppercase().as_str() {
        "H265" | "HEVC" => "H.265 (HEVC)".to_owned(),
        "JPEG" => "MJPEG".to_owned(),
        "MP4V-ES" => "MPEG-4 Visual".to_owned(),
        "MPV" => "MPEG-2 video".to_owned(),
        "MP2T" => "an MPEG transport stream".to_owned(),
        "H264" => format!("H.264 as {encoding}"),
        other => other.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FFMPEG: &str = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=No Name\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
        a=tool:libavformat 59.27.100\r\nm=video 0 RTP/AVP 96\r\nb=AS:4000\r\na=rtpmap:96 H264/90000\r\n\
        a=fmtp:96 packetization-mode=1; sprop-parameter-sets=Z01AKJZUA8ARPyo=,aO48gA==; profile-level-id=4D4028\r\n\
        a=control:streamid=0\r\nm=audio 0 RTP/AVP 97\r\nb=AS:128\r\na=rtpmap:97 MPEG4-GENERIC/44100/2\r\n\
        a=control:streamid=1\r\n";

    #[test]
    fn video_passes_and_sound_does_not() {
        let announced = read(FFMPEG.as_bytes()).unwrap();
        assert!(announced.audio);
        assert_eq!(announced.payload_type, 96);
        assert_eq!(announced.controls, [("streamid=0".to_owned(), true), ("streamid=1".to_owned(), false)]);
        assert!(announced.video_sdp.contains("sprop-parameter-sets=Z01AKJZUA8ARPyo=,aO48gA=="));
        assert!(announced.video_sdp.contains("a=control:stream=0\r\n"));
        assert!(!announced.video_sdp.contains("audio") && !announced.video_sdp.contains("97"));
    }

    #[test]
    fn other_codecs_are_named() {
        for (from, to, name) in [
            ("96 H264/90000", "96 H265/90000", "H.265 (HEVC)"),
            ("96 H264/90000", "96 VP8/90000", "VP8"),
            ("96 H264/90000", "96 H264/1000", "H.264 as H264/1000"),
            ("RTP/AVP 96", "RTP/AVP 26", "MJPEG"),
            ("RTP/AVP 96", "RTP/AVP 99", "UNKNOWN"),
        ] {
            let error = read(FFMPEG.replacen(from, to, 1).as_bytes()).unwrap_err();
            assert_eq!((error.status(), error.to_string().contains(name)), (415, true), "{error}");
        }
        assert_eq!(read(FFMPEG.replace("m=video", "m=audio").as_bytes()), Err(SdpError::NoVideo));
        assert_eq!(read(FFMPEG.replace("m=audio", "m=video").as_bytes()), Err(SdpError::ManyVideos(2)));
        assert!(matches!(read(FFMPEG.replace("RTP/AVP 96", "RTP/SAVP 96").as_bytes()), Err(SdpError::Profile(_))));
    }

    #[test]
    fn any_truncation_gives_an_answer() {
        for end in 0..FFMPEG.len() {
            let _ = read(&FFMPEG.as_bytes()[..end]);
        }
        for bad in ["", "x", "v=0\r\nm=video", "v=0\r\nm=\r\n", "v=0\r\n=\r\nm=video 0 RTP/AVP 96", "v=0\r\nmm"] {
            assert!(read(bad.as_bytes()).is_err(), "{bad:?}");
        }
        assert!(matches!(read(b"v=0\r\ns=\xff"), Err(SdpError::Malformed(_))));
    }
}
