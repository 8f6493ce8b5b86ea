//! N cameras, played by ffmpeg without re-encoding, so that what is measured is the server and not the cameras.

use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// The stream the bars are written for: 1080p, 25 images/s, H.264 at 4 Mbit/s, one keyframe every 4 s.
pub struct Clip {
    /// File to push.
    pub path: PathBuf,
}

impl Clip {
    /// Makes the clip once under `target/bench-media`, from Debian's CCTV footage where it is installed.
    ///
    /// # Errors
    /// When ffmpeg is missing or fails.
    pub fn full_hd() -> Result<Self> {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/bench-media");
        std::fs::create_dir_all(&directory)?;
        let path = directory.join("1080p25-4M-gop4s.mp4");
        if path.exists() {
            return Ok(Self { path });
        }
        let footage = "/usr/share/doc/opencv-doc/examples/data/vtest.avi";
        let part = directory.join("part.mp4");
        let mut ffmpeg = Command::new("ffmpeg");
        ffmpeg.args(["-hide_banner", "-loglevel", "error", "-y"]);
        if Path::new(footage).exists() {
            ffmpeg.args(["-stream_loop", "-1", "-i", footage]);
        } else {
            ffmpeg.args(["-f", "lavfi", "-i", "testsrc2=size=1920x1080:rate=25"]);
        }
        // Noise keeps the encoder at its 4 Mbit/s: still footage would let it idle and flatter every figure.
        ffmpeg.args(["-t", "24", "-vf", "scale=1920:1080,fps=25,noise=alls=12:allf=t,format=yuv420p"]);
        ffmpeg.args(["-c:v", "libx264", "-preset", "veryfast", "-tune", "zerolatency", "-profile:v", "main"]);
        ffmpeg.args(["-b:v", "4M", "-minrate", "4M", "-maxrate", "4M", "-bufsize", "2M"]);
        ffmpeg.args(["-x264-params", "nal-hrd=cbr:keyint=100:min-keyint=100:scenecut=0"]);
        ffmpeg.args(["-movflags", "+faststart"]).arg(&part);
        let status = ffmpeg.status().context("ffmpeg could not be started; scripts/install --test installs it")?;
        if !status.success() {
            bail!("ffmpeg could not make the test clip ({status})");
        }
        std::fs::rename(&part, &path)?;
        Ok(Self { path })
    }
}

/// One running camera; stopped when dropped.
pub struct Pusher(Child);

impl Pusher {
    /// Pushes `clip` in real time, for ever, to `url` (rtsp or rtsps; credentials inside the URL).
    ///
    /// # Errors
    /// When ffmpeg cannot be started.
    pub fn start(clip: &Clip, url: &str) -> Result<Self> {
        let child = Command::new("ffmpeg")
            .args(["-hide_banner", "-loglevel", "error", "-re", "-stream_loop", "-1", "-i"])
            .arg(&clip.path)
            .args(["-an", "-c", "copy", "-f", "rtsp", "-rtsp_transport", "tcp", url])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .context("ffmpeg could not be started; scripts/install --test installs it")?;
        Ok(Self(child))
    }

    /// The process, for measuring the cameras' own share.
    pub fn pid(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Pusher {
    fn drop(&mut self) {
        // Already gone is as good as stopped.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
