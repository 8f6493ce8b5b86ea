//! Short clips for publishers, made once by ffmpeg and kept under `target/test-media`.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

const FOOTAGE: &str = "/usr/share/doc/opencv-doc/examples/data/vtest.avi";

/// Which clip.
#[derive(Debug, Clone, Copy)]
pub enum Clip {
    /// H.264 640x480, 25 images/s, a keyframe each second, 8 s, no B-frames.
    H264,
    /// The same with B-frames.
    BFrames,
    /// The same with a sound track.
    WithSound,
    /// H.265.
    H265,
    /// MPEG transport stream, parameter sets in the stream: two seconds of 640x480, then of 320x240, without a gap.
    TwoSizes,
    /// Annex B, two seconds of 640x480.
    Units,
}

impl Clip {
    /// The file; made on first use.
    pub fn path(self) -> PathBuf {
        static MAKING: Mutex<()> = Mutex::new(());
        let _one_at_a_time = MAKING.lock().unwrap_or_else(|e| e.into_inner());
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/test-media");
        std::fs::create_dir_all(&directory).unwrap();
        match self {
            Clip::H264 => make(&directory, "h264.mp4", "640:480", 8, &H264, &["-an"]),
            Clip::BFrames => make(
                &directory,
                "b-frames.mp4",
                "640:480",
                8,
                &["-c:v", "libx264", "-preset", "veryfast", "-bf", "2", "-g", "25", "-sc_threshold", "0"],
                &["-an"],
            ),
            Clip::WithSound => make(&directory, "sound.mp4", "640:480", 8, &H264, &["-c:a", "aac", "-shortest"]),
            Clip::H265 => {
                make(&directory, "h265.mp4", "320:240", 2, &["-c:v", "libx265", "-preset", "ultrafast"], &["-an"])
            }
            Clip::Units => make(&directory, "units.h264", "640:480", 2, &H264, &["-an"]),
            Clip::TwoSizes => {
                let path = directory.join("two-sizes.ts");
                if !path.exists() {
                    let large = make(&directory, "large.ts", "640:480", 2, &H264, &["-an"]);
                    let small = make(&directory, "small.ts", "320:240", 2, &H264, &["-an", "-output_ts_offset", "2"]);
                    let both = [std::fs::read(large).unwrap(), std::fs::read(small).unwrap()].concat();
                    std::fs::write(directory.join("part-two-sizes"), both).unwrap();
                    std::fs::rename(directory.join("part-two-sizes"), &path).unwrap();
                }
                path
            }
        }
    }

    /// NAL units of two seconds of 640x480, one slice per picture, for a publisher of our own.
    pub fn nal_units() -> Vec<Vec<u8>> {
        let bytes = std::fs::read(Clip::Units.path()).unwrap();
        let mut units = Vec::new();
        let mut start = None;
        let mut at = 0;
        while at + 3 <= bytes.len() {
            if bytes[at..at + 3] == [0, 0, 1] {
                if let Some(start) = start {
                    units.push(trimmed(&bytes[start..at]));
                }
                start = Some(at + 3);
                at += 3;
            } else {
                at += 1;
            }
        }
        units.push(bytes[start.unwrap()..].to_vec());
        units
    }
}

const H264: [&str; 12] = [
    "-c:v",
    "libx264",
    "-threads",
    "1",
    "-preset",
    "veryfast",
    "-tune",
    "zerolatency",
    "-g",
    "25",
    "-sc_threshold",
    "0",
];

fn trimmed(unit: &[u8]) -> Vec<u8> {
    let end = unit.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    unit[..end].to_vec()
}

fn make(directory: &Path, name: &str, size: &str, seconds: u32, video: &[&str], audio: &[&str]) -> PathBuf {
    let path = directory.join(name);
    if path.exists() {
        return path;
    }
    let part = directory.join(format!("part-{}-{name}", std::process::id()));
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-hide_banner", "-loglevel", "error", "-y", "-nostdin"]);
    if Path::new(FOOTAGE).exists() {
        ffmpeg.args(["-stream_loop", "-1", "-i", FOOTAGE]);
    } else {
        ffmpeg.args(["-f", "lavfi", "-i", "testsrc2=size=640x480:rate=25"]);
    }
    ffmpeg.args(["-f", "lavfi", "-i", "sine=frequency=440"]);
    ffmpeg.args(["-map", "0:v", "-map", "1:a", "-vf", &format!("scale={size},fps=25,format=yuv420p")]);
    ffmpeg.args(["-t", &seconds.to_string()]).args(video).args(audio).arg(&part);
    let status = ffmpeg.status().expect("ffmpeg is installed by scripts/install --test");
    assert!(status.success(), "ffmpeg could not make {name}");
    std::fs::rename(&part, &path).unwrap();
    path
}
