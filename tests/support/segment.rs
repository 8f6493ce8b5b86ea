//! Footage that no camera has to play: segments written by the archive itself.

use chrono::{DateTime, TimeDelta, Utc};
use ecluse::archive::{Archive, Beginning, Boundary, ClockSource, SegmentRow, Shot};

/// A segment of the camera "hall" that began then: fragments of one second, all of them with this picture.
pub fn record(archive: &Archive, at: DateTime<Utc>, seconds: u32, picture: &[u8]) -> SegmentRow {
    let beginning = Beginning {
        camera: "hall".parse().unwrap(),
        started_at_utc: at,
        began: Boundary::Camera,
        missed_frames: 0,
        clock: ClockSource::Arrival,
        clock_offset_ms: None,
    };
    let mut segment = archive.begin(beginning).unwrap();
    segment.init(4, [&b"ftyp"[..]].into_iter()).unwrap();
    for second in 0..seconds {
        let start_us = (at + TimeDelta::seconds(second.into())).timestamp_micros();
        let shot = Shot { start_us, duration_us: 1_000_000, frames: 25, keyframe: true };
        segment.fragment(shot, picture.len(), [picture].into_iter()).unwrap();
    }
    segment.finish(Boundary::Camera).unwrap()
}
