//! Real H.264 for tests: Debian's surveillance footage (`opencv-doc`), encoded once, pushed into the hub at real speed.

#![allow(dead_code, reason = "each test binary that includes this file uses its own part of it")]

use ecluse::domain::CameraId;
use ecluse::media::hub::{Frame, Hub, PublisherInfo};
use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app as gst_app;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

const FOOTAGE: &str = "/usr/share/doc/opencv-doc/examples/data/vtest.avi";

/// A clip, parsed into frames once.
pub struct Footage {
    frames: Vec<(gst::Buffer, bool)>,
    caps: gst::Caps,
    frame_time: Duration,
}

impl Footage {
    /// Sixteen seconds of 1280x720 at 25/s and 4 Mbit/s in groups of 4 s, high profile.
    pub fn high() -> Arc<Self> {
        Self::encoded("high", "1280:720", &["-profile:v", "high", "-b:v", "4M", "-maxrate", "5M", "-bufsize", "4M"])
    }

    /// The same footage, smaller, constrained baseline: what a camera looks like after somebody changed its settings.
    pub fn small() -> Arc<Self> {
        Self::encoded("small", "640:480", &["-profile:v", "baseline", "-b:v", "1M"])
    }

    fn encoded(name: &str, size: &str, options: &[&str]) -> Arc<Self> {
        gst::init().expect("GStreamer");
        let path = clip(name, size, options);
        Arc::new(parse(&path))
    }

    /// Publishes the clip to a camera of the hub, over and over, until the handle is dropped.
    pub fn play(self: &Arc<Self>, hub: &Arc<Hub>, camera: &CameraId) -> Playing {
        let publisher = PublisherInfo {
            address: "127.0.0.1:9".parse().expect("an address"),
            since_utc: chrono::Utc::now(),
            agent: None,
            tls: None,
            audio_dropped: false,
        };
        let mut publication = hub.stream(camera).publish(publisher).expect("nobody else publishes");
        let stop = Arc::new(AtomicBool::new(false));
        let (footage, stopped) = (self.clone(), stop.clone());
        let thread = std::thread::spawn(move || {
            let clock = gst::SystemClock::obtain();
            let started = Instant::now();
            for n in 0_u32.. {
                let due = started + footage.frame_time * n;
                std::thread::sleep(due.saturating_duration_since(Instant::now()));
                if stopped.load(Ordering::SeqCst) {
                    return;
                }
                let (buffer, keyframe) = &footage.frames[n as usize % footage.frames.len()];
                let mut buffer = buffer.copy();
                let pts = gst::ClockTime::from_nseconds(footage.frame_time.as_nanos() as u64 * u64::from(n));
                buffer.make_mut().set_pts(pts);
                publication.push(Frame {
                    buffer,
                    caps: footage.caps.clone(),
                    keyframe: *keyframe,
                    time: clock.time(),
                    received: Instant::now(),
                });
            }
        });
        Playing { stop, thread: Some(thread) }
    }
}

/// A camera that is on. Dropping it takes it offline.
pub struct Playing {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Playing {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn clip(name: &str, size: &str, options: &[&str]) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("footage-{name}.mp4"));
    // The threads of one process take turns.
    static ENCODING: Mutex<()> = Mutex::new(());
    let _encoding = ENCODING.lock().unwrap_or_else(PoisonError::into_inner);
    if path.exists() {
        return path;
    }
    // Two test processes may encode at once: each its own file, then an atomic rename.
    let part = path.with_extension(format!("{}.mp4", std::process::id()));
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-hide_banner", "-loglevel", "error", "-nostdin", "-y"]);
    if Path::new(FOOTAGE).exists() {
        ffmpeg.args(["-i", FOOTAGE]);
    } else {
        ffmpeg.args(["-f", "lavfi", "-i", "testsrc2=size=768x576:rate=25"]);
    }
    let filter = format!("scale={size},fps=25,format=yuv420p");
    ffmpeg.args(["-an", "-vf", &filter, "-frames:v", "400", "-c:v", "libx264", "-preset", "superfast", "-bf", "0"]);
    ffmpeg.args(["-g", "100", "-keyint_min", "100", "-sc_threshold", "0"]).args(options).arg(&part);
    assert!(ffmpeg.status().expect("ffmpeg runs").success(), "ffmpeg encodes the footage");
    std::fs::rename(&part, &path).expect("the clip moves into place");
    path
}

fn parse(path: &Path) -> Footage {
    let description = format!(
        "filesrc location=\"{}\" ! qtdemux ! h264parse ! video/x-h264,stream-format=avc,alignment=au \
         ! appsink name=out sync=false",
        path.display()
    );
    let pipeline =
        gst::parse::launch(&description).expect("a pipeline").downcast::<gst::Pipeline>().expect("a pipeline");
    let sink = pipeline.by_name("out").and_downcast::<gst_app::AppSink>().expect("the sink");
    pipeline.set_state(gst::State::Playing).expect("the clip plays");
    let mut frames = Vec::new();
    let mut caps = None;
    while let Ok(sample) = sink.pull_sample() {
        let buffer = sample.buffer_owned().expect("a buffer");
        let keyframe = !buffer.flags().contains(gst::BufferFlags::DELTA_UNIT);
        caps = sample.caps_owned().or(caps);
        frames.push((buffer, keyframe));
    }
    pipeline.set_state(gst::State::Null).expect("it stops");
    assert!(frames.len() >= 400 && frames[0].1, "the clip has frames and begins with a keyframe");
    Footage { frames, caps: caps.expect("caps"), frame_time: Duration::from_millis(40) }
}
