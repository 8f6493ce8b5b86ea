//! One run of pictures without a break, from the hub's frames to CMAF fragments. The description is
//! `pipelines/recorder.launch`; a muxer survives neither a change of format nor a reconnect, so each run has its own.

use crate::archive::ArchiveError;
use crate::media::hub::Frame;
use gst::prelude::*;
use gstreamer as gst;
use gstreamer_app::{AppSink, AppSinkCallbacks, AppSrc};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

const LAUNCH: &str = include_str!("../../../pipelines/recorder.launch");
/// Pictures that wait for the disk, bytes; more stay in the hub, which may lose them to this reader and to no other.
const WAITING_BYTES: u64 = 8 << 20;
/// The last fragments must be through by then, or the disk hangs.
const DRAIN_WITHIN: Duration = Duration::from_secs(4);

/// One fragment as the muxer gives it.
pub(super) struct Chunk<'a> {
    /// The muxer's header (`ftyp`, `moov`), with the first one.
    pub header: Option<&'a gst::BufferRef>,
    /// `moof` and the pictures, in order.
    pub parts: Vec<&'a gst::BufferRef>,
    /// When its first picture is shown, on the hub's line.
    pub time: gst::ClockTime,
    /// How long it plays.
    pub duration: gst::ClockTime,
    /// Whether it begins with a keyframe.
    pub keyframe: bool,
}

impl Chunk<'_> {
    /// Pictures in it.
    pub fn frames(&self) -> usize {
        self.parts.len().saturating_sub(1)
    }
}

/// Takes fragments, on the muxer's own thread; an error ends the run.
pub(super) trait Taker: Send + 'static {
    /// Takes the next fragment.
    fn take(&mut self, chunk: &Chunk<'_>) -> Result<(), ()>;
}

#[derive(Default)]
struct Ending {
    over: Mutex<bool>,
    told: Condvar,
    failed: AtomicBool,
}

impl Ending {
    fn tell(&self, failed: bool) {
        self.failed.fetch_or(failed, Ordering::SeqCst);
        *self.over.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.told.notify_all();
    }
}

/// A muxer at work. Dropping it ends it without waiting for what is inside.
pub(super) struct Muxer {
    pipeline: gst::Pipeline,
    pictures: AppSrc,
    started: gst::ClockTime,
    ending: Arc<Ending>,
}

impl Muxer {
    /// Starts a run with its first frame, which is pushed by the caller like all others.
    pub fn start(first: &Frame, fragment: Duration, taker: impl Taker) -> Result<Self, ArchiveError> {
        let broken = |what: &str| ArchiveError::Gstreamer(what.to_owned());
        let made = gst::parse::launch(LAUNCH).map_err(|error| broken(&error.to_string()))?;
        let pipeline = made.downcast::<gst::Pipeline>().map_err(|_| broken("recorder.launch is no pipeline"))?;
        let pictures = pipeline.by_name("pictures").and_then(|element| element.downcast::<AppSrc>().ok());
        let fragments = pipeline.by_name("fragments").and_then(|element| element.downcast::<AppSink>().ok());
        let (Some(pictures), Some(fragments), Some(mux), Some(bus)) =
            (pictures, fragments, pipeline.by_name("mux"), pipeline.bus())
        else {
            return Err(broken("pipelines/recorder.launch lacks pictures, mux or fragments"));
        };
        let length = gst::ClockTime::try_from(fragment).map_err(|_| broken("a fragment that long"))?;
        mux.set_property("fragment-duration", length);
        mux.set_property("chunk-duration", length);
        pictures.set_caps(Some(&first.caps));
        let started = first.buffer.pts().unwrap_or(first.time);
        let ending = Arc::new(Ending::default());
        let (at_end, on_error) = (ending.clone(), ending.clone());
        // Messages hold references to their elements: none is kept.
        bus.set_sync_handler(move |_, message| {
            if let gst::MessageView::Error(error) = message.view() {
                tracing::warn!(error = %error.error(), debug = error.debug().as_deref(), "the recorder's muxer ended");
                on_error.tell(true);
            }
            gst::BusSyncReply::Drop
        });
        let inlet = mux.static_pad("sink").ok_or_else(|| broken("cmafmux has no sink"))?;
        inlet.add_probe(gst::PadProbeType::BUFFER, never_without_dts());
        let taker = Mutex::new(taker);
        let failed = ending.clone();
        fragments.set_callbacks(
            AppSinkCallbacks::builder()
                .eos(move |_| at_end.tell(false))
                .new_sample(move |fragments| {
                    let sample = fragments.pull_sample().map_err(|_| gst::FlowError::Eos)?;
                    let mut taker = taker.lock().unwrap_or_else(PoisonError::into_inner);
                    match chunk(&sample, started).map_or(Ok(()), |chunk| taker.take(&chunk)) {
                        Ok(()) => Ok(gst::FlowSuccess::Ok),
                        Err(()) => {
                            failed.tell(true);
                            Err(gst::FlowError::Error)
                        }
                    }
                })
                .build(),
        );
        pipeline.set_state(gst::State::Playing).map_err(|error| broken(&error.to_string()))?;
        pipeline.debug_to_dot_file_with_ts(gst::DebugGraphDetails::all(), "ecluse-recorder");
        Ok(Self { pipeline, pictures, started, ending })
    }

    /// Whether there is room for another picture.
    pub fn has_room(&self) -> bool {
        self.pictures.current_level_bytes() < WAITING_BYTES
    }

    /// Whether the run has ended by a fault of the disk or the muxer.
    pub fn has_failed(&self) -> bool {
        self.ending.failed.load(Ordering::SeqCst)
    }

    /// Gives it a picture; the payload is shared, not copied. Whether it took it.
    pub fn push(&self, frame: Frame) -> bool {
        let mut buffer = frame.buffer;
        // The hub's line begins at the machine's start; a run begins at zero.
        let pts = buffer.pts().unwrap_or(frame.time).saturating_sub(self.started);
        let own = buffer.make_mut();
        own.set_pts(pts);
        own.set_dts(gst::ClockTime::NONE);
        own.unset_flags(gst::BufferFlags::DISCONT);
        self.pictures.push_buffer(buffer).is_ok()
    }

    /// Ends the run: everything pushed is through when this returns. Blocks. Whether all went well.
    pub fn finish(self) -> bool {
        if self.has_failed() || self.pictures.end_of_stream().is_err() {
            return false;
        }
        let over = self.ending.over.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.ending.told.wait_timeout_while(over, DRAIN_WITHIN, |over| !*over);
        let (over, _) = waited.unwrap_or_else(PoisonError::into_inner);
        *over && !self.has_failed()
    }
}

impl Drop for Muxer {
    fn drop(&mut self) {
        // A pipeline that is thrown away: what fails now is of no consequence.
        let _ = self.pipeline.set_state(gst::State::Null);
    }
}

/// Now and then h264timestamper passes a picture of a stream with B-frames on without a decoding time, and the muxer ends
/// at once. Such a picture is decoded right after the one before it: its place in the stream says so.
fn never_without_dts() -> impl Fn(&gst::Pad, &mut gst::PadProbeInfo<'_>) -> gst::PadProbeReturn + Send + Sync + 'static
{
    let last = Mutex::new(None);
    move |_, info| {
        if let Some(buffer) = info.buffer_mut() {
            let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
            match buffer.dts() {
                None => {
                    let dts = last.or(buffer.pts());
                    buffer.make_mut().set_dts(dts);
                }
                dts => *last = dts,
            }
        }
        gst::PadProbeReturn::Ok
    }
}

fn chunk(sample: &gst::Sample, started: gst::ClockTime) -> Option<Chunk<'_>> {
    let list = sample.buffer_list()?;
    let segment = sample.segment()?.downcast_ref::<gst::ClockTime>()?;
    let mut buffers = list.iter().peekable();
    // The very first list begins with the muxer's header.
    let header =
        buffers.next_if(|buffer| buffer.flags().contains(gst::BufferFlags::DISCONT | gst::BufferFlags::HEADER));
    let parts: Vec<&gst::BufferRef> = buffers.collect();
    let head = parts.first()?;
    Some(Chunk {
        header,
        time: started + segment.to_running_time(head.pts()?)?,
        duration: head.duration().unwrap_or_default(),
        keyframe: !head.flags().contains(gst::BufferFlags::DELTA_UNIT),
        parts,
    })
}
