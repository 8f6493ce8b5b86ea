//! The recorder on a hub of its own: everything that can happen to a stream, at eight times a camera's speed. The real
//! program with real publishers is in `tests/binary/recording.rs`.

use super::*;
use crate::archive::{Boundary, MasterKey, Range};
use crate::media::hub::{Frame, HubLimits, Publication, PublisherInfo};
use crate::store::Store;
use chrono::{DateTime, TimeDelta, Utc};
use gst::prelude::*;
use gstreamer_app as gst_app;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Instant;

const STEP: Duration = Duration::from_millis(5);
const GROUP: usize = 25;
/// Far beyond what anything takes on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// The machine's clock, off by as much as a test likes.
#[derive(Default)]
struct OffClock(AtomicI64);

impl Clock for OffClock {
    fn utc(&self) -> DateTime<Utc> {
        Utc::now() + TimeDelta::seconds(self.0.load(Ordering::SeqCst))
    }
    fn monotonic(&self) -> Instant {
        Instant::now()
    }
}

/// Some pictures with a keyframe every [`GROUP`].
struct Pictures {
    caps: gst::Caps,
    buffers: Vec<gst::Buffer>,
}

impl Pictures {
    fn of(size: &str, dir: &Path) -> Self {
        gst::init().unwrap();
        let path = dir.join(format!("{size}.mp4"));
        let mut ffmpeg = Command::new("ffmpeg");
        ffmpeg.args(["-hide_banner", "-loglevel", "error", "-y", "-nostdin", "-f", "lavfi", "-i"]);
        ffmpeg.args([&format!("testsrc2=size={size}:rate=25"), "-frames:v", "100", "-c:v", "libx264"]);
        ffmpeg.args(["-preset", "ultrafast", "-pix_fmt", "yuv420p", "-bf", "0", "-g", "25", "-keyint_min", "25"]);
        assert!(ffmpeg.args(["-sc_threshold", "0"]).arg(&path).status().unwrap().success());
        let description = format!(
            "filesrc location={} ! qtdemux ! h264parse ! video/x-h264,stream-format=avc,alignment=au ! appsink name=out sync=false",
            path.display()
        );
        let pipeline = gst::parse::launch(&description).unwrap().downcast::<gst::Pipeline>().unwrap();
        let out = pipeline.by_name("out").unwrap().downcast::<gst_app::AppSink>().unwrap();
        pipeline.set_state(gst::State::Playing).unwrap();
        let (mut caps, mut buffers) = (None, Vec::new());
        while let Ok(sample) = out.pull_sample() {
            caps = sample.caps_owned();
            buffers.push(sample.buffer_owned().unwrap());
        }
        pipeline.set_state(gst::State::Null).unwrap();
        assert_eq!(buffers.len(), 100);
        Self { caps: caps.unwrap(), buffers }
    }
}

/// A camera that does as it is told.
struct Camera {
    publication: Publication,
    stamp: gst::ClockTime,
    next: Instant,
}

impl Camera {
    fn on(hub: &Arc<Hub>, camera: &CameraId) -> Self {
        let publisher = PublisherInfo {
            address: "127.0.0.1:9".parse().unwrap(),
            since_utc: Utc::now(),
            agent: None,
            tls: None,
            audio_dropped: false,
        };
        let publication = hub.stream(camera).publish(publisher).unwrap();
        Self { publication, stamp: gst::ClockTime::from_seconds(5), next: Instant::now() }
    }

    /// Plays so many groups of pictures.
    async fn plays(&mut self, pictures: &Pictures, frames: std::ops::Range<usize>) -> u64 {
        for number in frames.clone() {
            tokio::time::sleep_until(self.next.into()).await;
            self.next += STEP;
            let mut buffer = pictures.buffers[number % pictures.buffers.len()].copy();
            buffer.make_mut().set_pts(self.stamp);
            self.stamp += gst::ClockTime::try_from(STEP).unwrap();
            self.publication.push(Frame {
                buffer,
                caps: pictures.caps.clone(),
                keyframe: number % GROUP == 0,
                time: gst::SystemClock::obtain().time(),
                received: Instant::now(),
            });
        }
        frames.len() as u64
    }
}

struct House {
    dir: tempfile::TempDir,
    store: Store,
    hub: Arc<Hub>,
    clock: Arc<OffClock>,
    camera: CameraId,
}

impl House {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("store")).unwrap();
        let (hub, camera) = (Hub::new(HubLimits::default()), "hall".parse().unwrap());
        Self { dir, store, hub, clock: Arc::default(), camera }
    }

    fn records(&self, keep_free_mib: u64) -> Recorder {
        let key = MasterKey::generate().unwrap();
        let archive =
            Archive::open(&self.dir.path().join("recordings"), key, self.store.segments(), keep_free_mib).unwrap();
        let settings = RecorderSettings { segment: Duration::from_millis(500), fragment: Duration::from_millis(100) };
        let clock: Arc<dyn Clock> = self.clock.clone();
        Recorder::start(archive, &self.hub, &clock, vec![self.camera.clone()], settings).unwrap()
    }

    fn ranges(&self, recorder: &Recorder) -> Vec<Range> {
        let (from, until) = (Utc::now() - TimeDelta::days(1), Utc::now() + TimeDelta::days(1));
        recorder.archive().unwrap().ranges(&self.camera, from, until).unwrap()
    }

    async fn until(&self, recorder: &Recorder, what: &str, found: impl Fn(&CameraRecording) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !found(&recorder.camera(&self.camera).unwrap()) {
            assert!(Instant::now() < deadline, "{what}: {:?}", recorder.camera(&self.camera));
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_happens_to_a_camera_every_picture_is_recorded_and_every_gap_has_its_reason() {
    let house = House::new();
    let (large, small) = (Pictures::of("320x240", house.dir.path()), Pictures::of("160x120", house.dir.path()));
    let recorder = house.records(0);
    house.until(&recorder, "it waits", |camera| camera.state == RecordingState::Waiting).await;
    let mut camera = Camera::on(&house.hub, &house.camera);
    let mut pushed = camera.plays(&large, 0..60).await;
    // In the middle of a group: nothing is lost, the next keyframe begins a segment.
    camera.stamp += gst::ClockTime::from_seconds(86_400);
    pushed += camera.plays(&large, 60..150).await;
    // Clocks are looked at from keyframe to keyframe: once the group before it is durable, the last one before the step
    // has been.
    house.until(&recorder, "the keyframe is through", |camera| camera.frames >= 125).await;
    house.clock.0.store(3_600, Ordering::SeqCst);
    pushed += camera.plays(&large, 150..250).await;
    pushed += camera.plays(&small, 0..75).await;
    drop(camera);
    let mut camera = Camera::on(&house.hub, &house.camera);
    pushed += camera.plays(&small, 0..50).await;
    drop(camera);
    house.until(&recorder, "all is durable", |camera| camera.frames == pushed).await;
    recorder.shutdown().await;

    let ranges = house.ranges(&recorder);
    let told: Vec<_> = ranges.iter().map(|range| (range.began, range.ended.unwrap(), range.missed_frames)).collect();
    use Boundary::{Camera as Away, CameraClock, Format, Recorder as Start, WallClock};
    let expected = [(Start, CameraClock), (CameraClock, WallClock), (WallClock, Format), (Format, Away), (Away, Away)];
    assert_eq!(told, expected.map(|(began, ended)| (began, ended, 0)), "{ranges:#?}");
    let frames: Vec<u64> = ranges.iter().map(|r| r.segments.iter().map(|row| row.frames).sum()).collect();
    assert_eq!(frames, [75, 75, 100, 75, 50]);
    assert_eq!(frames.iter().sum::<u64>(), pushed);
    let step = ranges[2].from_utc - ranges[1].until_utc;
    assert!((step - TimeDelta::hours(1)).abs() < TimeDelta::seconds(30), "{step}");
    let archive = recorder.archive().unwrap();
    for row in ranges.iter().flat_map(|range| &range.segments) {
        let mut segment = archive.open_segment(&row.id()).unwrap();
        segment.verify().unwrap();
        assert!(segment.fragments()[0].keyframe && segment.init().unwrap().windows(4).any(|four| four == b"moov"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fault_13_a_full_disk_stops_recording_alone_and_it_resumes_by_itself() {
    let house = House::new();
    let pictures = Pictures::of("160x120", house.dir.path());
    // More than any disk has: full from the start, and said so; a reader beside it gets everything.
    let recorder = house.records(u64::MAX / (1 << 20));
    let mut viewer = house.hub.stream(&house.camera).subscribe();
    let mut camera = Camera::on(&house.hub, &house.camera);
    let pushed = camera.plays(&pictures, 0..100).await;
    house.until(&recorder, "it says so", |camera| camera.state.as_str() == "disk-full").await;
    assert!(!recorder.is_well());
    let mut seen = 0;
    while let Some(item) = viewer.try_next() {
        assert!(!matches!(item, crate::media::hub::Item::Skipped { .. }), "the viewer is disturbed");
        seen += u64::from(matches!(item, crate::media::hub::Item::Frame(_)));
    }
    assert_eq!(seen, pushed);
    recorder.shutdown().await;
    assert_eq!(house.ranges(&recorder), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_that_goes_away_is_a_gap_and_recording_resumes_when_it_is_back() {
    let house = House::new();
    let pictures = Pictures::of("160x120", house.dir.path());
    let recorder = house.records(0);
    let mut camera = Camera::on(&house.hub, &house.camera);
    camera.plays(&pictures, 0..50).await;
    house.until(&recorder, "it records", |camera| camera.state == RecordingState::Recording).await;
    let (here, aside) = (house.dir.path().join("recordings/hall"), house.dir.path().join("aside"));
    std::fs::rename(&here, &aside).unwrap();
    std::fs::write(&here, "in the way").unwrap();
    let mut number = 50;
    let deadline = Instant::now() + PATIENCE;
    while recorder.is_well() {
        number += camera.plays(&pictures, number..number + GROUP).await as usize;
        assert!(Instant::now() < deadline, "{:?}", recorder.camera(&house.camera));
    }
    std::fs::remove_file(&here).unwrap();
    std::fs::rename(&aside, &here).unwrap();
    while recorder.camera(&house.camera).unwrap().state != RecordingState::Recording {
        number += camera.plays(&pictures, number..number + GROUP).await as usize;
        assert!(Instant::now() < deadline, "{:?}", recorder.camera(&house.camera));
    }
    drop(camera);
    recorder.shutdown().await;
    let ranges = house.ranges(&recorder);
    let last = ranges.last().unwrap();
    assert_eq!(last.began, Boundary::Storage, "{ranges:#?}");
    assert!(last.missed_frames > 0, "{last:?}");
    let recorded: u64 = ranges.iter().flat_map(|range| &range.segments).map(|row| row.frames).sum();
    let missed: u64 = ranges.iter().map(|range| range.missed_frames).sum();
    assert_eq!(recorded + missed, number as u64, "every picture is recorded or known to be missing");
}
