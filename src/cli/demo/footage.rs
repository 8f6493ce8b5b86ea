//! The demo's pictures: real CCTV footage from Debian's `opencv-doc`, encoded once, sixty seconds per camera.
//!
//! The clip lasts exactly one minute and shows the second and its hundredths within the minute. The pusher plays it in step
//! with the wall clock, so the clock in the picture *is* the wall clock's seconds: latency can be read off by eye.

use anyhow::{Context, bail};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Where Debian's `opencv-doc` has the footage.
const FOOTAGE: &str = "/usr/share/doc/opencv-doc/examples/data/vtest.avi";
/// A font every Debian with `fonts-dejavu-core` has; without it the clip has no clock.
const FONT: &str = "/usr/share/fonts/truetype/dejavu/DejaVuSansMono-Bold.ttf";
/// Length of each clip; divides the minute, so that looping stays in step with the wall clock.
pub(super) const CLIP_SECONDS: u32 = 60;

/// Counts the changes of what follows: a clip made by an older recipe is not used again.
const RECIPE: u32 = 2;

/// Four ways to look at the same footage, so that four cameras show four pictures (16:9 crops of 768x576).
const VIEWS: [&str; 4] = [
    "crop=768:432:0:72",
    "crop=480:270:96:72,hflip,eq=contrast=1.1",
    "crop=512:288:256:120",
    "crop=640:360:128:0,hflip,eq=gamma=0.8:saturation=0.5",
];

/// Makes the clip of camera number `index` (from 0) in `directory` unless it is there; tells `progress` the percentage.
///
/// # Errors
/// When ffmpeg is missing or fails; its own words are in the error.
pub(super) fn clip(
    directory: &Path,
    index: usize,
    camera_name: &str,
    mut progress: impl FnMut(u32),
) -> anyhow::Result<PathBuf> {
    let path = directory.join(format!("camera-{}-v{RECIPE}.mp4", index + 1));
    if path.exists() {
        return Ok(path);
    }
    std::fs::create_dir_all(directory).with_context(|| format!("{} cannot be made", directory.display()))?;
    let part = directory.join(format!("camera-{}.part.mp4", index + 1));
    let mut ffmpeg = Command::new("nice");
    ffmpeg.args(["-n", "10", "ffmpeg", "-hide_banner", "-loglevel", "error", "-nostdin", "-y"]);
    if real_footage() {
        // Each camera begins elsewhere in the footage.
        ffmpeg.args(["-stream_loop", "-1", "-ss", &(index * 17 % 60).to_string(), "-i", FOOTAGE]);
    } else {
        ffmpeg.args(["-f", "lavfi", "-i", "testsrc2=size=768x576:rate=25"]);
    }
    let view = VIEWS[index % VIEWS.len()];
    let mut filter = format!("{view},scale=1280:720:flags=bicubic,fps=25,setpts=N/25/TB,fps=25");
    if Path::new(FONT).exists() {
        let name = camera_name.replace('\'', "’").replace([':', '\\', '%', ','], " ");
        filter.push_str(&format!(
            ",drawtext=fontfile={FONT}:text='{name}':x=24:y=24:fontsize=30:fontcolor=white:box=1:boxcolor=black@0.55:boxborderw=8\
             ,drawtext=fontfile={FONT}:text='%{{eif\\:floor(n/25)\\:d\\:2}}.%{{eif\\:mod(n\\,25)*4\\:d\\:2}} s':x=w-tw-24:y=24:fontsize=44:fontcolor=white:box=1:boxcolor=black@0.55:boxborderw=8"
        ));
    }
    filter.push_str(",format=yuv420p");
    let frames = (CLIP_SECONDS * 25).to_string();
    ffmpeg.args(["-an", "-vf", &filter, "-frames:v", &frames, "-c:v", "libx264", "-preset", "superfast"]);
    // No B-frames: WebRTC has no place for reordered pictures.
    ffmpeg.args(["-profile:v", "main", "-bf", "0", "-g", "100", "-keyint_min", "100", "-sc_threshold", "0"]);
    ffmpeg.args(["-b:v", "2M", "-maxrate", "2500k", "-bufsize", "2M", "-progress", "pipe:1"]).arg(&part);
    super::pushers::die_with_parent(&mut ffmpeg);
    let mut child = ffmpeg
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("ffmpeg (and nice) could not be started; apt-get install ffmpeg, or run scripts/demo")?;
    if let Some(stdout) = child.stdout.take() {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            if let Some(frame) = line.strip_prefix("frame=").and_then(|text| text.trim().parse::<u32>().ok()) {
                progress((frame * 100 / (CLIP_SECONDS * 25)).min(100));
            }
        }
    }
    let output = child.wait_with_output().context("ffmpeg")?;
    if !output.status.success() {
        bail!("ffmpeg could not encode the demo's footage: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    std::fs::rename(&part, &path).with_context(|| format!("{} cannot be kept", path.display()))?;
    Ok(path)
}

/// Whether the real footage is installed; otherwise a generated scene stands in.
pub(super) fn real_footage() -> bool {
    Path::new(FOOTAGE).exists()
}
