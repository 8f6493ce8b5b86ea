//! `ecluse push`: plays a one-minute clip as a camera would, over RTSPS, in step with the wall clock.
//!
//! A prop of the demo and of tests. It runs as a child process of its own, exactly as far away from the server as a
//! real encoder: TLS, credentials, interleaved RTP.

use anyhow::{Context, bail};
use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app as gst_app;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Name of the environment variable that carries the password: arguments can be read by every user of a machine.
pub(super) const PASSWORD_VARIABLE: &str = "ECLUSE_PUSH_PASSWORD";

/// What `ecluse push` takes.
#[derive(clap::Args)]
pub(super) struct Arguments {
    /// MP4 with H.264, no B-frames, constant frame rate, first picture a keyframe
    #[arg(long)]
    file: PathBuf,
    /// rtsps://HOST:PORT/SITE/CAMERA
    #[arg(long)]
    url: String,
    /// User name; the password comes in the environment variable ECLUSE_PUSH_PASSWORD
    #[arg(long)]
    user: String,
    /// PEM of the authority to trust
    #[arg(long)]
    ca: PathBuf,
}

/// One picture of the clip.
struct Picture {
    buffer: gst::Buffer,
    keyframe: bool,
}

/// Pushes until the connection fails or the process is ended.
pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    gst::init().context("GStreamer does not start")?;
    let password = std::env::var(PASSWORD_VARIABLE).with_context(|| format!("{PASSWORD_VARIABLE} is not set"))?;
    let (caps, pictures) = read_clip(&arguments.file)?;
    let pipeline = gst::Pipeline::new();
    let source = gst_app::AppSrc::builder().caps(&caps).format(gst::Format::Time).is_live(true).build();
    let parse = gst::ElementFactory::make("h264parse").property("config-interval", -1_i32).build()?;
    let sink = gst::ElementFactory::make("rtspclientsink")
        .property("location", &arguments.url)
        .property("user-id", &arguments.user)
        .property("user-pw", &password)
        .property("tls-database", gio::TlsFileDatabase::new(&arguments.ca)?)
        .property_from_str("protocols", "tcp")
        .property("latency", 0_u32)
        .build()
        .context("rtspclientsink is missing: apt-get install gstreamer1.0-rtsp")?;
    pipeline.add_many([source.upcast_ref(), &parse, &sink])?;
    gst::Element::link_many([source.upcast_ref(), &parse, &sink])?;
    let bus = pipeline.bus().context("a pipeline has a bus")?;
    pipeline.set_state(gst::State::Playing).context("the pipeline does not start")?;
    let outcome = play(&source, &bus, &pictures);
    // Going away: whatever state change fails now, the process ends.
    let _ = pipeline.set_state(gst::State::Null);
    outcome
}

fn play(source: &gst_app::AppSrc, bus: &gst::Bus, pictures: &[Picture]) -> anyhow::Result<ExitCode> {
    let period = Duration::from_millis(40);
    let lap = period * pictures.len() as u32;
    // Wait for the next keyframe's turn, so that what is seen and the wall clock's seconds agree from the first picture.
    let within = Duration::from_nanos((wall()?.as_nanos() % lap.as_nanos()) as u64);
    let next = (within.as_nanos() / period.as_nanos()) as usize + 1;
    let first = (next..).find(|index| pictures[index % pictures.len()].keyframe).context("the clip has no keyframe")?;
    let started = wall()? - within + period * first as u32;
    for count in 0_u32.. {
        let due = started + period * count;
        let now = wall()?;
        if let Some(wait) = due.checked_sub(now) {
            if wait > Duration::from_secs(10) {
                bail!("the wall clock was set back; starting over keeps picture and clock in step");
            }
            std::thread::sleep(wait);
        } else if now - due > Duration::from_secs(2) {
            bail!("the wall clock was set forward, or this machine is overloaded; starting over");
        }
        while let Some(message) = bus.pop() {
            match message.view() {
                gst::MessageView::Error(error) => bail!("{}", error.error()),
                gst::MessageView::Eos(_) => bail!("the server ended the stream"),
                _ => {}
            }
        }
        let picture = &pictures[(first + count as usize) % pictures.len()];
        let mut buffer = picture.buffer.copy();
        {
            let buffer = buffer.make_mut();
            let pts = gst::ClockTime::from_nseconds(period.as_nanos() as u64 * u64::from(count));
            buffer.set_pts(pts);
            buffer.set_dts(pts);
            buffer.set_duration(gst::ClockTime::from_nseconds(period.as_nanos() as u64));
        }
        source.push_buffer(buffer).map_err(|error| anyhow::anyhow!("the pipeline stopped: {error}"))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn wall() -> anyhow::Result<Duration> {
    SystemTime::now().duration_since(UNIX_EPOCH).context("the wall clock is before 1970")
}

/// The clip's pictures, in memory (15 MB for a minute at 2 Mbit/s), with their caps.
fn read_clip(path: &std::path::Path) -> anyhow::Result<(gst::Caps, Vec<Picture>)> {
    let pipeline = gst::parse::launch(
        "filesrc name=file ! qtdemux ! h264parse ! video/x-h264,stream-format=avc,alignment=au ! appsink name=sink sync=false",
    )?
    .downcast::<gst::Pipeline>()
    .map_err(|_| anyhow::anyhow!("not a pipeline"))?;
    let file = pipeline.by_name("file").context("filesrc")?;
    file.set_property("location", path.to_str().context("the path is not UTF-8")?);
    let sink =
        pipeline.by_name("sink").and_then(|element| element.downcast::<gst_app::AppSink>().ok()).context("appsink")?;
    pipeline.set_state(gst::State::Playing)?;
    let (mut caps, mut pictures) = (None, Vec::new());
    while let Ok(sample) = sink.pull_sample() {
        caps = sample.caps_owned().or(caps);
        if let Some(buffer) = sample.buffer_owned() {
            let keyframe = !buffer.flags().contains(gst::BufferFlags::DELTA_UNIT);
            pictures.push(Picture { buffer, keyframe });
        }
    }
    pipeline.set_state(gst::State::Null)?;
    match caps {
        Some(caps) if !pictures.is_empty() => Ok((caps, pictures)),
        _ => bail!("{} has no H.264 pictures", path.display()),
    }
}
