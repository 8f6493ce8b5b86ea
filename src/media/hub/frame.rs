//! One coded picture on its way from a camera to its readers.

use gstreamer as gst;
use std::time::Instant;

/// One access unit (a coded picture with its parameter sets). Cheap to clone: payload and caps are shared.
#[derive(Debug, Clone)]
pub struct Frame {
    /// The payload, untouched from the camera. Its PTS is the presentation time on the hub's line; with B-frames it
    /// goes back and forth within a group of pictures, which [`Frame::time`] does not. No DTS. The flag `RESYNC`: the
    /// camera's clock jumped just before it.
    pub buffer: gst::Buffer,
    /// `video/x-h264,stream-format=avc,alignment=au` with `codec_data`; the same object until something changes.
    pub caps: gst::Caps,
    /// Whether decoding can start here (IDR picture).
    pub keyframe: bool,
    /// When the picture was taken as far as known: on the line of the process's monotonic GStreamer system clock
    /// (absolute, comparable between cameras and with `gst::SystemClock::obtain().time()`), never backwards.
    pub time: gst::ClockTime,
    /// When the picture was complete in this process.
    pub received: Instant,
}
