//! Recording by the real program, fed by real publishers (ffmpeg, rtspclientsink): every picture pushed is recorded once,
//! whatever happens to camera, server, disk or key, and what was recorded is proven by two demultiplexers.
//!
//! `ECLUSE_RECORD=SECONDS` sets how long the cameras of the continuity test play (the campaign: 1,800, with four
//! cameras).

use crate::program::{PATIENCE, Program, ecluse, run};
use crate::world::{SOUND, World};
use chrono::{DateTime, Utc};
use ecluse::archive::{Archive, Boundary, ClockSource, MasterKeySource, Range, SegmentReader};
use ecluse::domain::CameraId;
use ecluse::store::Store;
use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app as gst_app;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const PASSWORD: &str = "korrekt-pferd-batterie";
const FRAMES_PER_SECOND: u32 = 25;

pub fn number(variable: &str, default: u32) -> u32 {
    std::env::var(variable).ok().map_or(default, |text| text.parse().expect(variable))
}

/// A site whose cameras are recorded in segments of five seconds.
pub struct Site {
    pub world: World,
    config: String,
}

impl Site {
    pub fn new(cameras: &[&str]) -> Self {
        Self::with(cameras, "keep_free_mib = 64")
    }

    /// With these lines in `[recorder]`.
    pub fn with(cameras: &[&str], recorder: &str) -> Self {
        let world = World::new();
        let key = world.path("recordings.key");
        assert_eq!(run(&mut ecluse(&["recordings", "new-key", key.to_str().unwrap()])).code, Some(0));
        let mut text = SOUND.split("[[site.camera]]").next().unwrap().to_owned();
        let recorder = format!("[recorder]\nmaster_key_file = \"recordings.key\"\nsegment_s = 5\n{recorder}\n\n[log]");
        text = text.replace("[log]", &recorder).replace("level = \"info\"", "level = \"info,ecluse::archive=debug\"");
        for camera in cameras {
            text.push_str(&format!(
                "[[site.camera]]\nid = \"{camera}\"\nname = \"{camera}\"\nuser = \"hall\"\npassword_file = \"hall.password\"\n\n"
            ));
        }
        let config = world.config(&text);
        Self { world, config }
    }

    /// Begins a start, whatever becomes of it.
    pub fn start_unwatched(&self) -> Program {
        Program::start(&mut ecluse(&["serve", "--config", &self.config]))
    }

    pub fn start(&self) -> (Program, u64) {
        let mut server = self.start_unwatched();
        let port = server.until("the log says that it is up", |server| {
            let up = said(server, "Ecluse is up").pop()?;
            up["fields"]["cameras_port"].as_u64()
        });
        (server, port)
    }

    pub fn store(&self) -> Store {
        Store::open(&self.world.path("data/store")).unwrap()
    }

    /// The archive, while no server runs.
    pub fn archive(&self, key: &str) -> Archive {
        let master = MasterKeySource::File(self.world.path(key)).load().unwrap();
        Archive::open(&self.world.path("data/recordings"), master, self.store().segments(), 0).unwrap()
    }

    pub fn config(&self) -> &str {
        &self.config
    }

    pub fn check(&self) -> (Option<i32>, Value) {
        let ended = run(&mut ecluse(&["recordings", "check", "--json", "--config", &self.config]));
        let report = serde_json::from_str(&ended.stdout).unwrap_or(Value::String(ended.stderr));
        (ended.code, report)
    }
}

/// Lines of the server's log with this message.
pub fn said(server: &Program, message: &str) -> Vec<Value> {
    let lines = server.stderr();
    let entries = lines.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    entries.filter(|entry| entry["fields"]["message"] == message).collect()
}

pub fn closed_segments(server: &Program, camera: &str) -> usize {
    let of_camera =
        |entry: &&Value| entry["fields"]["segment"].as_str().is_some_and(|id| id.starts_with(&format!("{camera} ")));
    said(server, "segment closed").iter().filter(of_camera).count()
}

/// A clip made by ffmpeg once per size, rate of keyframes and length.
pub fn clip(size: &str, gop: u32, seconds: u32, b_frames: u32) -> PathBuf {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/test-media");
    std::fs::create_dir_all(&directory).unwrap();
    let path = directory.join(format!("record-{size}-{gop}-{seconds}-{b_frames}.mp4"));
    if !path.exists() {
        let part = directory.join(format!("part-{}-{size}-{gop}-{seconds}-{b_frames}.mp4", std::process::id()));
        let mut ffmpeg = Command::new("ffmpeg");
        ffmpeg.args(["-hide_banner", "-loglevel", "error", "-y", "-nostdin", "-f", "lavfi", "-i"]);
        ffmpeg.arg(format!("testsrc2=size={size}:rate={FRAMES_PER_SECOND}"));
        ffmpeg.args(["-t", &seconds.to_string(), "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p"]);
        ffmpeg.args(["-g", &gop.to_string(), "-keyint_min", &gop.to_string(), "-sc_threshold", "0"]);
        ffmpeg.args(["-bf", &b_frames.to_string(), "-b:v", "400k"]).arg(&part);
        assert!(ffmpeg.status().expect("ffmpeg").success());
        std::fs::rename(&part, &path).unwrap();
    }
    path
}

/// A publisher of its own process; killed when dropped.
pub struct Publisher(Child);

impl Publisher {
    pub fn ffmpeg(clip: &Path, port: u64, camera: &str, loops: bool) -> Self {
        let mut command = Command::new("ffmpeg");
        command.args(["-hide_banner", "-loglevel", "error", "-nostdin", "-re"]);
        if loops {
            command.args(["-stream_loop", "-1"]);
        }
        command.arg("-i").arg(clip).args(["-c", "copy", "-f", "rtsp", "-rtsp_transport", "tcp"]);
        command.arg(format!("rtsps://hall:{PASSWORD}@127.0.0.1:{port}/arcade/{camera}"));
        Self::spawn(command)
    }

    fn gstreamer(clip: &Path, port: u64, camera: &str) -> Self {
        let mut command = Command::new("gst-launch-1.0");
        command.args(["-q", "filesrc", &format!("location={}", clip.display()), "!", "qtdemux", "!", "h264parse"]);
        command.args(["!", "identity", "sync=true", "!", "rtspclientsink", "protocols=tcp", "tls-validation-flags=0"]);
        command.args(["user-id=hall", &format!("user-pw={PASSWORD}")]);
        command.arg(format!("location=rtsps://127.0.0.1:{port}/arcade/{camera}"));
        Self::spawn(command)
    }

    fn spawn(mut command: Command) -> Self {
        Self(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("a publisher"))
    }

    fn until_it_ends(mut self, within: Duration) {
        let deadline = Instant::now() + within;
        while self.0.try_wait().unwrap().is_none() {
            assert!(Instant::now() < deadline, "the publisher does not end");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub fn ranges(archive: &Archive, camera: &str) -> Vec<Range> {
    let camera: CameraId = camera.parse().unwrap();
    archive.ranges(&camera, DateTime::<Utc>::UNIX_EPOCH, Utc::now() + chrono::TimeDelta::days(1)).unwrap()
}

/// The segments of a run, decrypted into one playable file.
fn decrypt(archive: &Archive, range: &Range, into: &Path) -> u64 {
    let (mut bytes, mut frames) = (Vec::new(), 0);
    for (number, row) in range.segments.iter().enumerate() {
        let mut segment: SegmentReader = archive.open_segment(&row.id()).unwrap();
        if number == 0 {
            bytes.extend(segment.init().unwrap());
        }
        assert!(segment.fragments()[0].keyframe, "a segment begins with a keyframe: {row:?}");
        for fragment in 0..segment.fragments().len() as u32 {
            bytes.extend(segment.fragment(fragment).unwrap());
        }
        frames += row.frames;
    }
    std::fs::write(into, bytes).unwrap();
    frames
}

/// The pictures' slices, one digest each, as ffmpeg's demultiplexer finds them.
fn slices(path: &Path) -> Vec<String> {
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-hide_banner", "-loglevel", "error", "-nostdin", "-i"]).arg(path);
    ffmpeg.args(["-c", "copy", "-bsf:v", "filter_units=pass_types=1-5", "-f", "framemd5", "-"]);
    let output = ffmpeg.output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().filter(|l| !l.starts_with('#')).map(|l| l.rsplit(',').next().unwrap().trim().to_owned()).collect()
}

/// Pictures and the longest step between two, as GStreamer's demultiplexer finds them.
fn demuxed(path: &Path) -> (u64, gst::ClockTime) {
    gst::init().unwrap();
    let description = format!("filesrc location={} ! qtdemux ! appsink name=out sync=false", path.display());
    let pipeline = gst::parse::launch(&description).unwrap().downcast::<gst::Pipeline>().unwrap();
    let out = pipeline.by_name("out").and_downcast::<gst_app::AppSink>().unwrap();
    pipeline.set_state(gst::State::Playing).unwrap();
    let mut times = Vec::new();
    while let Ok(sample) = out.pull_sample() {
        times.push(sample.buffer().unwrap().pts().unwrap());
    }
    pipeline.set_state(gst::State::Null).unwrap();
    times.sort();
    let step = times.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or_default();
    (times.len() as u64, step)
}

/// Proves that a camera's runs, put end to end, hold exactly the clip's pictures, bit for bit, in order.
fn proves(archive: &Archive, runs: &[Range], clip: &Path, scratch: &Path) {
    let (pushed, mut recorded) = (slices(clip), Vec::new());
    let (mut frames, mut demuxed_frames) = (0, 0);
    for run in runs {
        frames += decrypt(archive, run, scratch);
        recorded.extend(slices(scratch));
        let (pictures, step) = demuxed(scratch);
        demuxed_frames += pictures;
        assert!(step < gst::ClockTime::from_mseconds(400), "a hole of {step}");
    }
    let differs = recorded.iter().zip(&pushed).position(|(recorded, pushed)| recorded != pushed);
    assert_eq!(recorded.len(), pushed.len(), "pictures by ffmpeg, {}; first difference: {differs:?}", clip.display());
    assert_eq!(recorded, pushed, "every picture's slices, {}", clip.display());
    assert_eq!(frames, pushed.len() as u64, "pictures by the index");
    assert_eq!(demuxed_frames, frames, "pictures by qtdemux");
}

/// Continuity at three lengths of the group of pictures, one with B-frames, two kinds of publishers; then a reconnect
/// with another resolution, and a camera that changes it on the way. Then the key, and damage.
#[test]
fn every_picture_is_recorded_once_and_proven() {
    let seconds = number("ECLUSE_RECORD", 16);
    let site = Site::new(&["one", "two", "four", "three"]);
    let clips = [
        ("one", clip("320x240", 25, seconds, 0)),
        ("two", clip("320x240", 50, seconds, 2)),
        ("four", clip("320x240", 100, seconds, 0)),
        ("three", clip("320x240", 75, seconds, 0)),
    ];
    let small = clip("160x120", 25, 4, 0);
    let (mut server, port) = site.start();
    let begun = Utc::now();
    let publishers: Vec<Publisher> = clips
        .iter()
        .map(|(camera, clip)| match *camera {
            "three" => Publisher::gstreamer(clip, port, camera),
            _ => Publisher::ffmpeg(clip, port, camera, false),
        })
        .collect();
    // Beside the running server: reads alone, and finds nothing wrong.
    server.until("a segment is closed", |server| (closed_segments(server, "one") > 0).then_some(()));
    let (code, report) = site.check();
    assert_eq!((code, &report["index_compared"]), (Some(0), &false.into()), "{report}");
    for publisher in publishers {
        publisher.until_it_ends(Duration::from_secs(u64::from(seconds)) + PATIENCE);
    }
    Publisher::ffmpeg(&small, port, "one", false).until_it_ends(PATIENCE);
    server.ends_well(libc::SIGTERM, Duration::from_secs(10));
    let log = server.stderr();

    let archive = site.archive("recordings.key");
    let scratch = site.world.path("scratch.mp4");
    for (camera, clip) in &clips {
        let found = ranges(&archive, camera);
        let last = found.iter().position(|run| run.ended == Some(Boundary::Camera)).expect("the publisher went away");
        let (first, last, runs) = (&found[0], &found[last], &found[..=last]);
        assert_eq!(first.began, Boundary::Recorder, "{camera}: {log}");
        // Where the first pictures were late on a busy machine, the camera's first report dates those that follow anew.
        let cuts: Vec<_> = runs[1..].iter().map(|run| run.began).collect();
        assert!(cuts.len() <= 1 && cuts.iter().all(|cut| *cut == Boundary::WallClock), "{camera}: {cuts:?} {log}");
        assert!(runs.iter().all(|run| run.missed_frames == 0), "{camera}: {log}");
        let segments: usize = runs.iter().map(|run| run.segments.len()).sum();
        assert!(segments >= seconds as usize / 10, "{camera}: {segments}");
        proves(&archive, runs, clip, &scratch);
        let late = (first.from_utc - begun).num_seconds();
        assert!((-1..60).contains(&late), "{camera}: its first picture is dated {late} s after it was started");
        let lasted = (last.until_utc - last.from_utc).num_milliseconds() as f64 / 1_000.0;
        let before: f64 = runs[..runs.len() - 1]
            .iter()
            .map(|run| (run.until_utc - run.from_utc).num_milliseconds() as f64 / 1_000.0)
            .sum();
        assert!(
            (before + lasted - f64::from(seconds)).abs() < 1.5,
            "{camera}: {before} s and {lasted} s for {seconds} s"
        );
    }
    let found = ranges(&archive, "one");
    let left = found.iter().position(|run| run.ended == Some(Boundary::Camera)).unwrap();
    let again = &found[left + 1..];
    assert_eq!((again[0].began, again[0].missed_frames), (Boundary::Camera, 0), "it came back");
    proves(&archive, again, &small, &scratch);
    for (camera, _) in &clips {
        let found = ranges(&archive, camera);
        let run = found.iter().find(|run| run.ended == Some(Boundary::Camera)).unwrap();
        let last = run.segments.last().unwrap().id();
        let about = archive.open_segment(&last).unwrap().about().clone();
        // Both kinds of publishers have sent a report by then.
        assert_eq!(about.clock, ClockSource::Sender, "{camera}: {about:?}");
    }
    drop(archive);
    the_key_can_be_changed_and_damage_is_named(&site);
    the_wrong_key_records_nothing_and_the_rest_goes_on(&site);
}

fn the_key_can_be_changed_and_damage_is_named(site: &Site) {
    let new = site.world.path("new.key");
    let new = new.to_str().unwrap();
    assert_eq!(run(&mut ecluse(&["recordings", "new-key", new])).code, Some(0));
    assert_eq!(run(&mut ecluse(&["recordings", "new-key", new])).code, Some(1), "never over an existing one");
    let (code, before) = site.check();
    assert_eq!((code, &before["index_compared"]), (Some(0), &true.into()), "{before}");
    let rotated = run(&mut ecluse(&["recordings", "rotate-key", "--new-key", new, "--config", &site.config]));
    assert_eq!(rotated.code, Some(0), "{}", rotated.stderr);
    let (code, refused) = site.check();
    assert_eq!(code, Some(2), "{refused}");
    assert!(refused.to_string().contains("master key"), "{refused}");
    let text = std::fs::read_to_string(&site.config).unwrap();
    site.world.config(&text.replace("recordings.key", "new.key"));
    let (code, after) = site.check();
    assert_eq!((code, after), (Some(0), before), "the same footage under the new key");

    let archive = site.archive("new.key");
    let row = ranges(&archive, "four").into_iter().flat_map(|run| run.segments).nth(1).unwrap();
    let fragment = archive.open_segment(&row.id()).unwrap().fragments()[3];
    drop(archive);
    let path = site.world.path("data/recordings").join(&row.file);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[fragment.file_offset as usize + 60] ^= 4;
    std::fs::write(&path, &bytes).unwrap();
    let (code, report) = site.check();
    assert_eq!(code, Some(1), "{report}");
    let faults = report["faults"].as_array().unwrap();
    let fault = faults[0].as_str().unwrap();
    assert_eq!(faults.len(), 1, "{report}");
    assert!(fault.contains("camera four") && fault.contains(&row.file) && fault.contains("fragment 3"), "{fault}");
    bytes[fragment.file_offset as usize + 60] ^= 4;
    std::fs::write(&path, &bytes).unwrap();
    assert_eq!(site.check().0, Some(0));
}

fn the_wrong_key_records_nothing_and_the_rest_goes_on(site: &Site) {
    let files = |site: &Site| site.store().segments().all().count();
    let before = files(site);
    let text = std::fs::read_to_string(&site.config).unwrap();
    site.world.config(&text.replace("new.key", "recordings.key"));
    let (mut server, port) = site.start();
    let message = "nothing is recorded until this is put right and the server is started again";
    assert_eq!(said(&server, message).len(), 1, "{}", server.stderr());
    let _camera = Publisher::ffmpeg(&clip("160x120", 25, 4, 0), port, "one", true);
    server.until("the camera is live", |server| said(server, "publisher connected").pop());
    server.ends_well(libc::SIGTERM, Duration::from_secs(10));
    assert_eq!(files(site), before, "not a byte was recorded");
    let unsealed = walk(&site.world.path("data/recordings"));
    assert!(unsealed.iter().all(|name| !name.ends_with(".mp4") && !name.ends_with(".part")), "{unsealed:?}");
}

fn walk(dir: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(walk(&path)) } else { found.push(path.display().to_string()) }
    }
    found
}
