//! What recording costs on top of ingest, and how soon a month of footage shows a picture.
//!
//! ```text
//! cargo bench --bench recorder                                   both, at their full size
//! cargo bench --bench recorder -- --cameras 1,5 --rows 0         the cost alone, at two sizes
//! cargo bench --bench recorder -- --cameras '' --rows 100000     seeking alone
//! ```
//!
//! Cost: the same cameras push into a server that does not record and into one that does, one after the other; what is
//! printed is the ratio. Writes are what the kernel counts for the process, against the bytes of the pictures.
//!
//! Seeking: an index with as many rows, real segments behind some of them, at random instants: find the segment, open it,
//! decrypt its header and the fragments from the keyframe on, decode the first picture. The files' pages are dropped from the
//! cache before each seek. The same with a small index, for the ratio.

mod support;

use anyhow::{Context, Result, ensure};
use chrono::{DateTime, TimeDelta, Utc};
use clap::Parser;
use ecluse::archive::{Archive, Beginning, Boundary, ClockSource, MasterKey, MasterKeySource, Shot};
use ecluse::domain::CameraId;
use ecluse::store::{SegmentRow, SegmentState, Segments, Store};
use gstreamer as gst;
use gstreamer::prelude::*;
use std::os::fd::AsRawFd;
use std::path::Path;
use std::time::{Duration, Instant};
use support::process::{self, Reading, cpu_percent};
use support::pushers::{Clip, Pusher};
use support::report;
use support::server::Server;

/// Measures what recording costs, and how soon a recorded instant is on the screen.
#[derive(Parser)]
struct Arguments {
    /// Numbers of cameras, separated by commas; empty: leave the cost out
    #[arg(long, default_value = "1,5,10,20")]
    cameras: String,
    /// Seconds each reading lasts
    #[arg(long, default_value_t = 30)]
    seconds: u64,
    /// Rows of the index to seek in; 0: leave seeking out
    #[arg(long, default_value_t = 1_000_000)]
    rows: usize,
    /// How many instants are sought
    #[arg(long, default_value_t = 100)]
    seeks: usize,
    /// Given by cargo
    #[arg(long, hide = true)]
    bench: bool,
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    gst::init()?;
    report::machine("Recording: 1080p25 H.264 at 4 Mbit/s, GOP 4 s, fragments of 1 s, segments of 60 s");
    let clip = Clip::full_hd()?;
    let sizes = arguments.cameras.split(',').filter(|size| !size.trim().is_empty());
    let sizes = sizes.map(|size| size.trim().parse().with_context(|| format!("--cameras: {size}")));
    let sizes = sizes.collect::<Result<Vec<usize>>>()?;
    if !sizes.is_empty() {
        println!("cameras   ingest       ingest + recording   ratio   memory per camera      disk writes / pictures");
        println!("          % of core    % of core per camera           MiB, without / with");
        for cameras in sizes {
            cost(&clip, cameras, arguments.seconds).await?;
        }
        println!();
    }
    if arguments.rows > 0 {
        tokio::task::spawn_blocking(move || seek(&clip, arguments.rows, arguments.seeks)).await??;
    }
    Ok(())
}

/// One server with cameras that push, before and after they came.
struct Span {
    idle: (Reading, Reading),
    pushing: (Reading, Reading),
    written_bytes: u64,
    recorded_bytes: f64,
}

impl Span {
    async fn of(clip: &Clip, cameras: usize, seconds: u64, recording: bool) -> Result<Self> {
        let server =
            if recording { Server::start(cameras, 0).await? } else { Server::start_without_recording(cameras).await? };
        let administrator = server.log_in("administrator").await?;
        let idle = measure(server.pid(), seconds).await?;
        let pushes = server.cameras();
        let _pushers = pushes.iter().map(|camera| Pusher::start(clip, &camera.push_url)).collect::<Result<Vec<_>>>()?;
        server.wait_for_cameras(&administrator, cameras).await?;
        let (written, recorded) =
            (process::written_bytes(server.pid())?, administrator.metric("ecluse_recorder_bytes_total").await?);
        let pushing = measure(server.pid(), seconds).await?;
        let written_bytes = process::written_bytes(server.pid())? - written;
        let recorded_bytes = administrator.metric("ecluse_recorder_bytes_total").await? - recorded;
        ensure!(recording == (recorded_bytes > 0.0), "{recorded_bytes} bytes were recorded");
        Ok(Self { idle, pushing, written_bytes, recorded_bytes })
    }

    fn cpu(&self, cameras: usize) -> f64 {
        let (idle, pushing) = (cpu_percent(&self.idle.0, &self.idle.1), cpu_percent(&self.pushing.0, &self.pushing.1));
        (pushing - idle) / cameras as f64
    }

    fn mib(&self, cameras: usize) -> f64 {
        let more = self.pushing.1.resident_bytes as f64 - self.idle.1.resident_bytes as f64;
        more / 1_048_576.0 / cameras as f64
    }
}

async fn cost(clip: &Clip, cameras: usize, seconds: u64) -> Result<()> {
    let without = Span::of(clip, cameras, seconds, false).await?;
    let with = Span::of(clip, cameras, seconds, true).await?;
    println!(
        "{cameras:>7}   {:>9.2}    {:>9.2}            {:>5.2}   {:>6.1} / {:<6.1}        {:>5.2}",
        without.cpu(cameras),
        with.cpu(cameras),
        with.cpu(cameras) / without.cpu(cameras),
        without.mib(cameras),
        with.mib(cameras),
        with.written_bytes as f64 / with.recorded_bytes,
    );
    Ok(())
}

async fn measure(pid: u32, seconds: u64) -> Result<(Reading, Reading)> {
    // The first seconds after a change belong to the change.
    tokio::time::sleep(Duration::from_secs(3)).await;
    let from = process::read(pid)?;
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    Ok((from, process::read(pid)?))
}

/// Segments of real pictures among all those rows.
const REAL: usize = 20;
/// As many cameras as fill a month of minutes with a million rows.
const CAMERAS: usize = 23;

fn seek(clip: &Clip, rows: usize, seeks: usize) -> Result<()> {
    let footage = Footage::of(clip)?;
    let small = seek_in(&footage, rows / 1_000, seeks)?;
    let large = seek_in(&footage, rows, seeks)?;
    let p50 = |samples: &[Duration]| report::percentile(samples, 50.0).as_secs_f64();
    println!("ratio:    a thousand times as many rows: {:.2} times the time (p50)", p50(&large) / p50(&small));
    Ok(())
}

fn seek_in(footage: &Footage, rows: usize, seeks: usize) -> Result<Vec<Duration>> {
    let directory = tempfile::tempdir_in(Path::new(env!("CARGO_MANIFEST_DIR")).join("target"))?;
    let key = directory.path().join("master.key");
    MasterKey::generate()?.write_new(&key)?;
    let store = Store::open(&directory.path().join("store"))?;
    let master = MasterKeySource::File(key).load()?;
    let archive = Archive::open(&directory.path().join("recordings"), master, store.segments(), 0)?;
    let began = Instant::now();
    let targets = fill(&archive, &store.segments(), footage, rows)?;
    println!("index of {rows} rows: filled in {} s", began.elapsed().as_secs());
    let (mut found, mut shown) = (Vec::new(), Vec::new());
    for number in 0..seeks {
        // Here and there, and the same in every run: both steps are prime.
        let row = &targets[number * 7_919 % targets.len()];
        let at = row.started_at_utc + TimeDelta::milliseconds(number as i64 * 104_729 % footage.length_ms());
        drop_cache(&archive.dir().join(&row.file))?;
        let began = Instant::now();
        let pieces = pieces_at(&archive, &row.camera, at)?;
        found.push(began.elapsed());
        first_picture(&pieces)?;
        shown.push(began.elapsed());
    }
    report::latency("found, opened, decrypted", &found, "-");
    report::latency("and the first picture decoded", &shown, "-");
    Ok(shown)
}

/// Fills the index: minutes of a month for all cameras, real footage behind some of them. Those rows.
fn fill(archive: &Archive, index: &Segments, footage: &Footage, rows: usize) -> Result<Vec<SegmentRow>> {
    let start = DateTime::from_timestamp(1_790_000_000, 0).context("an instant")?;
    let per_camera = (rows / CAMERAS).max(REAL * 2);
    let mut real = Vec::new();
    for camera in 0..CAMERAS {
        let camera: CameraId = format!("camera-{camera:02}").parse()?;
        let mut batch = Vec::with_capacity(10_000);
        for minute in 0..per_camera {
            let at = start + TimeDelta::minutes(minute as i64);
            // The first camera has pictures, spread over the whole month.
            if camera.as_str() == "camera-00"
                && minute % (per_camera / REAL) == per_camera / REAL / 2
                && real.len() < REAL
            {
                real.push(footage.record(archive, &camera, at)?);
                continue;
            }
            batch.push(invented(&camera, at));
            if batch.len() == batch.capacity() {
                index.put_all(&batch)?;
                batch.clear();
            }
        }
        index.put_all(&batch)?;
    }
    Ok(real)
}

fn invented(camera: &CameraId, at: DateTime<Utc>) -> SegmentRow {
    SegmentRow {
        camera: camera.clone(),
        started_at_utc: at,
        ended_at_utc: at + TimeDelta::seconds(60),
        file: format!("{camera}/{}/{}.seg", at.date_naive(), at.format("%Y-%m-%dT%H-%M-%S%.3fZ")),
        state: SegmentState::Closed,
        began: Boundary::Length,
        ended: Some(Boundary::Length),
        missed_frames: 0,
        frames: 1_500,
        fragments: 60,
        bytes: 30_000_000,
        trusted_utc: None,
    }
}

/// The muxer's header and the fragments from the keyframe before an instant to the instant.
fn pieces_at(archive: &Archive, camera: &CameraId, at: DateTime<Utc>) -> Result<Vec<Vec<u8>>> {
    let ranges = archive.ranges(camera, at, at + TimeDelta::milliseconds(1))?;
    let row = ranges.iter().flat_map(|range| &range.segments).next().context("no segment was found")?;
    let mut segment = archive.open_segment(&row.id())?;
    let upto = segment.fragments().iter().take_while(|fragment| fragment.start_us <= at.timestamp_micros()).count();
    let from = segment.fragments()[..upto].iter().rposition(|fragment| fragment.keyframe).context("no keyframe")?;
    let mut pieces = vec![segment.init()?];
    for number in from..upto {
        pieces.push(segment.fragment(number as u32)?);
    }
    Ok(pieces)
}

/// Decodes until the first picture is there.
fn first_picture(pieces: &[Vec<u8>]) -> Result<()> {
    let pipeline = gst::parse::launch(
        "appsrc name=in is-live=false format=bytes ! qtdemux ! h264parse ! avdec_h264 ! appsink name=out sync=false",
    )?;
    let pipeline = pipeline.downcast::<gst::Pipeline>().map_err(|_| anyhow::anyhow!("not a pipeline"))?;
    let element = |name: &str| pipeline.by_name(name).context("an element");
    let source = element("in")?.downcast::<gstreamer_app::AppSrc>().map_err(|_| anyhow::anyhow!("not a source"))?;
    let sink = element("out")?.downcast::<gstreamer_app::AppSink>().map_err(|_| anyhow::anyhow!("not a sink"))?;
    pipeline.set_state(gst::State::Playing)?;
    for piece in pieces {
        source.push_buffer(gst::Buffer::from_slice(piece.clone()))?;
    }
    source.end_of_stream()?;
    let picture = sink.try_pull_sample(gst::ClockTime::from_seconds(10));
    pipeline.set_state(gst::State::Null)?;
    picture.map(drop).context("no picture came out")
}

fn drop_cache(path: &Path) -> Result<()> {
    let file = std::fs::File::open(path)?;
    // SAFETY: a call about a descriptor that lives until the end of this function; it only gives advice.
    let outcome = unsafe { libc::posix_fadvise(file.as_raw_fd(), 0, 0, libc::POSIX_FADV_DONTNEED) };
    ensure!(outcome == 0, "posix_fadvise: {outcome}");
    Ok(())
}

/// Real pictures, as the recorder would hand them to a segment.
struct Footage {
    init: Vec<u8>,
    fragments: Vec<Vec<u8>>,
}

impl Footage {
    /// Fragments of a second, made from the clip without decoding.
    fn of(clip: &Clip) -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let path = directory.path().join("fragmented.mp4");
        let status = std::process::Command::new("ffmpeg")
            .args(["-hide_banner", "-loglevel", "error", "-i"])
            .arg(&clip.path)
            .args(["-c", "copy", "-an", "-movflags", "empty_moov+default_base_moof"])
            .args(["-frag_duration", "1000000", "-f", "mp4"])
            .arg(&path)
            .status()
            .context("ffmpeg")?;
        ensure!(status.success(), "ffmpeg: {status}");
        let bytes = std::fs::read(&path)?;
        let (mut init, mut fragments, mut rest) = (Vec::new(), Vec::<Vec<u8>>::new(), &bytes[..]);
        while rest.len() >= 8 {
            let length = u32::from_be_bytes(rest[..4].try_into()?) as usize;
            ensure!((8..=rest.len()).contains(&length), "a box of {length} bytes");
            let (this, next) = rest.split_at(length);
            match &this[4..8] {
                b"ftyp" | b"moov" => init.extend_from_slice(this),
                b"moof" => fragments.push(this.to_vec()),
                b"mdat" => fragments.last_mut().context("pictures before their table")?.extend_from_slice(this),
                _ => {}
            }
            rest = next;
        }
        Ok(Self { init, fragments })
    }

    fn length_ms(&self) -> i64 {
        self.fragments.len() as i64 * 1_000
    }

    fn record(&self, archive: &Archive, camera: &CameraId, at: DateTime<Utc>) -> Result<SegmentRow> {
        let mut segment = archive.begin(Beginning {
            camera: camera.clone(),
            started_at_utc: at,
            began: Boundary::Length,
            missed_frames: 0,
            clock: ClockSource::Arrival,
            clock_offset_ms: None,
        })?;
        segment.init(self.init.len(), std::iter::once(&self.init[..]))?;
        for (number, fragment) in self.fragments.iter().enumerate() {
            let start_us = (at + TimeDelta::seconds(number as i64)).timestamp_micros();
            // The clip has a keyframe every four seconds.
            let shot = Shot { start_us, duration_us: 1_000_000, frames: 25, keyframe: number % 4 == 0 };
            segment.fragment(shot, fragment.len(), std::iter::once(&fragment[..]))?;
        }
        Ok(segment.finish(Boundary::Length)?)
    }
}
