//! Publishers for the ingest's tests: real ones (ffmpeg, gst-launch) and one of our own that can misbehave.

pub mod client;
pub mod clips;
pub mod sink;
pub mod world;

use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A publisher in a process of its own; killed when dropped.
pub struct Publisher {
    child: Child,
    errors: tempfile::NamedTempFile,
}

impl Publisher {
    /// ffmpeg pushing `clip` for ever in real time, without re-encoding.
    pub fn ffmpeg(clip: &Path, url: &str, more: &[&str]) -> Self {
        let mut command = Command::new("ffmpeg");
        command.args(["-hide_banner", "-loglevel", "warning", "-nostdin", "-re", "-stream_loop", "-1", "-i"]);
        command.arg(clip).args(["-c", "copy"]).args(more);
        command.args(["-f", "rtsp", "-rtsp_transport", "tcp", url]);
        Self::spawn(command)
    }

    /// gst-launch with rtspclientsink. It cannot be told an authority on its command line: see `sink` for that.
    pub fn gstreamer(clip: &Path, url: &str, more: &[&str]) -> Self {
        let mut command = Command::new("gst-launch-1.0");
        command.args(["-q", "filesrc", &format!("location={}", clip.display()), "!", "qtdemux", "!", "h264parse"]);
        command.args(["!", "identity", "sync=true", "!", "rtspclientsink", &format!("location={url}")]);
        command.args(["protocols=tcp", "tls-validation-flags=0"]).args(more);
        Self::spawn(command)
    }

    fn spawn(mut command: Command) -> Self {
        let errors = tempfile::NamedTempFile::new().unwrap();
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(errors.reopen().unwrap())
            .spawn()
            .expect("ffmpeg and gstreamer1.0-tools are installed by scripts/install --test");
        Self { child, errors }
    }

    /// Sends a signal.
    pub fn signal(&self, signal: libc::c_int) {
        // SAFETY: kill(2) with the id of a child that has not been waited for.
        let done = unsafe { libc::kill(self.child.id() as libc::pid_t, signal) };
        assert_eq!(done, 0);
    }

    /// Whether it has ended by itself.
    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// What it said.
    pub fn errors(&self) -> String {
        std::fs::read_to_string(self.errors.path()).unwrap_or_default()
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
