//! From RTP to the hub: the media of one publication inside gst-rtsp-server, and the sink its pictures end in.
//!
//! The description is `pipelines/ingest.launch`; `pipelines/README.md` draws the graph it becomes.

use super::nal;
use super::publishers::Activity;
use crate::media::hub::{Frame, Publication};
use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app::{AppSink, AppSinkCallbacks};
use gstreamer_rtsp::RTSPLowerTrans;
use gstreamer_rtsp_server::prelude::*;
use gstreamer_rtsp_server::{RTSPMedia, RTSPMediaFactory, RTSPSuspendMode, RTSPTransportMode};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

const LAUNCH: &str = include_str!("../../../pipelines/ingest.launch");

/// Elements the media is made of; missing ones are named at start instead of at the first camera.
pub(super) const ELEMENTS: [&str; 6] = ["rtpbin", "rtpjitterbuffer", "rtph264depay", "h264parse", "appsink", "appsrc"];

/// How often a publication that has ended looks whether its last pictures have arrived.
const SETTLE_STEP: Duration = Duration::from_millis(20);
/// Without a picture for so long, those that are missing do not come any more: a depayloader drops what is broken.
const SETTLE_QUIET: Duration = Duration::from_secs(1);
/// A camera that is gone is offline by then, whatever comes.
const SETTLE_MOST: Duration = Duration::from_secs(3);

/// Where the pictures of one publication arrive; they go on to the hub only while it is open.
pub(super) struct Sink {
    publication: Mutex<Option<Publication>>,
    pictures: AtomicU64,
    expected: AtomicU64,
    last_picture: Activity,
    ended: CancellationToken,
}

impl Sink {
    pub fn new() -> Arc<Self> {
        Arc::new(Self {
            publication: Mutex::new(None),
            pictures: AtomicU64::new(0),
            expected: AtomicU64::new(0),
            last_picture: Activity::starting(Instant::now()),
            ended: CancellationToken::new(),
        })
    }

    /// From now on pictures go to the hub (at RECORD).
    pub fn open(&self, publication: Publication) {
        self.last_picture.note(Instant::now());
        *self.lock() = Some(publication);
    }

    /// So many whole pictures have been sent into the backend.
    pub fn expect(&self, pictures: u64) {
        self.expected.store(pictures, Ordering::Relaxed);
    }

    /// Waits for the pictures that are still between the backend's socket and here: after a goodbye the last ones count
    /// too. Resolves when all that were sent have come, or none does any more.
    pub async fn settle(&self) {
        let begun = Instant::now();
        let mut quiet_since = begun;
        let mut known = self.pictures();
        while known < self.expected.load(Ordering::Relaxed)
            && quiet_since.elapsed() < SETTLE_QUIET
            && begun.elapsed() < SETTLE_MOST
        {
            tokio::time::sleep(SETTLE_STEP).await;
            let now = self.pictures();
            if now != known {
                (known, quiet_since) = (now, Instant::now());
            }
        }
    }

    /// From now on they do not; the camera is offline when this returns, whatever the pipeline still does.
    pub fn close(&self) {
        let publication = self.lock().take();
        drop(publication);
    }

    /// Pictures that arrived.
    pub fn pictures(&self) -> u64 {
        self.pictures.load(Ordering::Acquire)
    }

    /// When the last one arrived.
    pub fn last_picture(&self) -> &Activity {
        &self.last_picture
    }

    /// Resolves when the pipeline has ended by itself.
    pub async fn ended(&self) {
        self.ended.cancelled().await;
    }

    fn take(&self, sample: &gst::Sample) {
        // The pipeline's guarantee, not the peer's: a sample without buffer or caps is no picture.
        let (Some(buffer), Some(caps)) = (sample.buffer_owned(), sample.caps_owned()) else { return };
        let received = Instant::now();
        self.last_picture.note(received);
        let keyframe = nal::is_idr(&buffer, nal::length_bytes(&caps));
        let time = gst::SystemClock::obtain().time();
        if let Some(publication) = self.lock().as_mut() {
            publication.push(Frame { buffer, caps, keyframe, time, received });
        }
        // Last: whoever counts it may close the hub's door behind it.
        self.pictures.fetch_add(1, Ordering::Release);
    }

    fn lock(&self) -> MutexGuard<'_, Option<Publication>> {
        self.publication.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The factory of one publication: its media feeds `sink`, over TCP only, without added delay.
pub(super) fn factory(sink: &Arc<Sink>) -> RTSPMediaFactory {
    let factory = RTSPMediaFactory::new();
    factory.set_launch(LAUNCH);
    factory.set_transport_mode(RTSPTransportMode::RECORD);
    factory.set_protocols(RTSPLowerTrans::TCP);
    factory.set_suspend_mode(RTSPSuspendMode::None);
    factory.set_shared(false);
    factory.set_stop_on_disconnect(true);
    factory.set_do_retransmission(false);
    // TCP neither loses nor reorders: waiting for late packets would only add its own delay.
    factory.set_latency(0);
    let sink = Arc::downgrade(sink);
    factory.connect_media_configure(move |_, media| match sink.upgrade() {
        Some(sink) => configure(media, &sink),
        None => tracing::debug!("a publication ended before its media was made"),
    });
    factory
}

fn configure(media: &RTSPMedia, sink: &Arc<Sink>) {
    let element = media.element();
    let pipeline = element.parent().and_then(|parent| parent.downcast::<gst::Pipeline>().ok());
    let frames = element
        .downcast_ref::<gst::Bin>()
        .and_then(|bin| bin.by_name("frames"))
        .and_then(|element| element.downcast::<AppSink>().ok());
    let (Some(pipeline), Some(frames)) = (pipeline, frames) else {
        tracing::error!("pipelines/ingest.launch has no appsink named frames: no picture will arrive");
        return;
    };
    // Without this a skipped RTP sequence number over TCP aborts the whole process: the decoder for redundant packets,
    // which no camera sends here, asserts that it knows the stream's source.
    pipeline.connect_deep_element_added(|_, _, element| {
        match element.factory().as_ref().map(|factory| factory.name()).as_deref() {
            Some("rtpulpfecdec") => element.set_property("passthrough", true),
            // The camera's own time of each picture, once it has sent a report: for the recorder.
            Some("rtpbin" | "rtpjitterbuffer") => element.set_property("add-reference-timestamp-meta", true),
            _ => {}
        }
    });
    let weak = Arc::downgrade(sink);
    frames.set_callbacks(
        AppSinkCallbacks::builder()
            .new_sample(move |frames| {
                let sample = frames.pull_sample().map_err(|_| gst::FlowError::Eos)?;
                let Some(sink) = weak.upgrade() else { return Err(gst::FlowError::Eos) };
                sink.take(&sample);
                Ok(gst::FlowSuccess::Ok)
            })
            .build(),
    );
    // Only where $GST_DEBUG_DUMP_DOT_DIR is set: the graph as it runs, for developers.
    let weak = pipeline.downgrade();
    media.connect_prepared(move |_| {
        if let Some(pipeline) = weak.upgrade() {
            pipeline.debug_to_dot_file_with_ts(gst::DebugGraphDetails::all(), "ecluse-ingest");
        }
    });
    let ended = sink.ended.clone();
    media.connect_unprepared(move |_| ended.cancel());
}
