//! When a picture was taken, on the calendar: from the camera's RTCP sender reports where it sends them and its clock is
//! believable, else from its arrival. Pure but for what the frame carries.
//!
//! The ingest has GStreamer attach the sender's NTP time to each picture once the camera has sent a report. The hub's
//! line tells the same picture's place on this machine's clock. The difference of the two is the camera's clock against
//! ours; its change over time is drift.

use crate::archive::ClockSource;
use crate::media::hub::Frame;
use chrono::{DateTime, Utc};
use gstreamer as gst;

/// From 1900, where NTP begins, to 1970.
const NTP_TO_UNIX_S: i64 = 2_208_988_800;
/// A camera whose clock is further off than this is not believed: its footage would be kept too long, or be found under
/// the wrong hour. The difference is shown all the same.
pub(super) const BELIEVED_NS: i64 = 2_000_000_000;
/// A difference that changes by more than this at once is a clock that was set, not one that drifts.
const STEP_NS: i64 = 500_000_000;
/// How much of a new difference is taken over: one keyframe's delay is noise.
const WEIGHT: i64 = 8;
/// Drift is told once there is so much to tell it from.
const DRIFT_AFTER_NS: i64 = 60_000_000_000;

/// The camera's clock against this machine's.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CameraClock {
    /// Whose clock times come from.
    pub source: ClockSource,
    /// The camera's minus ours, milliseconds; negative by the network's delay at least. `None`: it sends no reports.
    pub offset_ms: Option<i64>,
    /// How fast that changes, parts per million; `None` in the first minute.
    pub drift_ppm: Option<f64>,
}

/// How to get from the hub's line to the calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mapping {
    /// Nanoseconds since 1970 minus nanoseconds of the hub's line.
    pub offset_ns: i64,
    /// Whose clock says so.
    pub source: ClockSource,
    /// The camera's clock minus ours.
    pub camera_ns: Option<i64>,
}

impl Mapping {
    /// Microseconds since 1970 of a place on the hub's line.
    pub fn us(&self, time: gst::ClockTime) -> i64 {
        (time.nseconds() as i64).saturating_add(self.offset_ns) / 1_000
    }
}

/// One camera's clock, watched from keyframe to keyframe.
#[derive(Debug, Default)]
pub(super) struct Wall {
    camera_ns: Option<i64>,
    /// The first difference since it was last set, and where on the line.
    since: Option<(i64, i64)>,
    line_ns: i64,
}

impl Wall {
    /// Takes a keyframe's look at the clocks: `now_utc` and `now` are this machine's two clocks at the same moment.
    pub fn look(&mut self, frame: &Frame, now_utc: DateTime<Utc>, now: gst::ClockTime) -> Mapping {
        let time = frame.buffer.pts().unwrap_or(frame.time);
        self.update(ntp_ns(&frame.buffer), time, now_utc, now)
    }

    fn update(
        &mut self,
        camera_unix_ns: Option<i64>,
        time: gst::ClockTime,
        now_utc: DateTime<Utc>,
        now: gst::ClockTime,
    ) -> Mapping {
        // In this century: nanoseconds since 1970 fit until 2262.
        let ours_ns = now_utc.timestamp_nanos_opt().unwrap_or(i64::MAX).saturating_sub(now.nseconds() as i64);
        self.line_ns = time.nseconds() as i64;
        let seen = camera_unix_ns.map(|ns| ns.saturating_sub(self.line_ns.saturating_add(ours_ns)));
        self.camera_ns = match (self.camera_ns, seen) {
            (Some(known), Some(seen)) if (seen - known).abs() < STEP_NS => Some(known + (seen - known) / WEIGHT),
            (_, seen) => {
                self.since = seen.map(|seen| (seen, self.line_ns));
                seen
            }
        };
        match self.camera_ns.filter(|ns| ns.abs() <= BELIEVED_NS) {
            Some(camera_ns) => Mapping {
                offset_ns: ours_ns.saturating_add(camera_ns),
                source: ClockSource::Sender,
                camera_ns: self.camera_ns,
            },
            None => Mapping { offset_ns: ours_ns, source: ClockSource::Arrival, camera_ns: self.camera_ns },
        }
    }

    /// What is known of the camera's clock.
    pub fn camera_clock(&self) -> CameraClock {
        let believed = self.camera_ns.is_some_and(|ns| ns.abs() <= BELIEVED_NS);
        let drift_ppm = self.since.zip(self.camera_ns).and_then(|((first_ns, at_ns), now_ns)| {
            let elapsed_ns = self.line_ns - at_ns;
            (elapsed_ns >= DRIFT_AFTER_NS).then(|| (now_ns - first_ns) as f64 * 1e6 / elapsed_ns as f64)
        });
        CameraClock {
            source: if believed { ClockSource::Sender } else { ClockSource::Arrival },
            offset_ms: self.camera_ns.map(|ns| ns / 1_000_000),
            drift_ppm,
        }
    }

    /// A new publisher: its clock is another one until it says otherwise.
    pub fn forget(&mut self) {
        *self = Self::default();
    }
}

/// Whether two mappings differ so much that a clock was set in between.
pub(super) fn is_step(one: Mapping, other: Mapping) -> bool {
    (one.offset_ns - other.offset_ns).abs() >= STEP_NS
}

/// The sender's time that GStreamer attached, nanoseconds since 1970.
fn ntp_ns(buffer: &gst::BufferRef) -> Option<i64> {
    let meta = buffer.meta::<gst::ReferenceTimestampMeta>()?;
    if meta.reference().structure(0)?.name() != "timestamp/x-ntp" {
        return None;
    }
    i64::try_from(meta.timestamp().nseconds()).ok()?.checked_sub(NTP_TO_UNIX_S * 1_000_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_790_000_000_000_000_000;

    /// A machine up for an hour, at `at_ms` after the test's start; its wall clock is `wall_ms` off.
    fn look(wall: &mut Wall, at_ms: i64, wall_ms: i64, camera_off_us: Option<i64>) -> Mapping {
        let line = gst::ClockTime::from_mseconds(3_600_000 + at_ms as u64);
        let utc = DateTime::from_timestamp_nanos(NOW + (at_ms + wall_ms) * 1_000_000);
        let camera = camera_off_us.map(|off| NOW + at_ms * 1_000_000 + off * 1_000);
        wall.update(camera, line, utc, line)
    }

    #[test]
    fn without_reports_the_arrival_counts() {
        let mut wall = Wall::default();
        let mapping = look(&mut wall, 40, 0, None);
        assert_eq!((mapping.source, mapping.camera_ns), (ClockSource::Arrival, None));
        assert_eq!(mapping.us(gst::ClockTime::from_mseconds(3_600_040)), NOW / 1_000 + 40_000);
        assert_eq!(wall.camera_clock().offset_ms, None);
    }

    #[test]
    fn a_camera_that_tells_its_time_is_believed_within_two_seconds() {
        let mut wall = Wall::default();
        let mapping = look(&mut wall, 0, 0, Some(-1_500_000));
        assert_eq!(mapping.source, ClockSource::Sender);
        assert_eq!(mapping.us(gst::ClockTime::from_mseconds(3_600_000)), NOW / 1_000 - 1_500_000);
        wall.forget();
        let mapping = look(&mut wall, 0, 0, Some(3_600_000_000));
        assert_eq!(mapping.source, ClockSource::Arrival, "an hour off is shown, not believed");
        assert_eq!(wall.camera_clock().offset_ms, Some(3_600_000));
        assert_eq!(mapping.us(gst::ClockTime::from_mseconds(3_600_000)), NOW / 1_000);
    }

    #[test]
    fn drift_is_measured_and_jitter_is_not_drift() {
        let mut wall = Wall::default();
        for second in 0..600_i64 {
            // 100 ppm fast, and the network adds up to 6 ms.
            look(&mut wall, second * 1_000, 0, Some(second * 100 - (second % 7) * 1_000));
            assert_eq!(wall.camera_clock().drift_ppm.is_some(), second >= 60, "{second}");
        }
        let drift = wall.camera_clock().drift_ppm.unwrap();
        assert!((drift - 100.0).abs() < 15.0, "{drift}");
    }

    #[test]
    fn a_clock_that_is_set_is_a_step() {
        let mut wall = Wall::default();
        let before = look(&mut wall, 0, 0, Some(0));
        assert!(!is_step(before, look(&mut wall, 1_000, 0, Some(20_000))));
        assert!(is_step(before, look(&mut wall, 2_000, 0, Some(1_000_000))), "the camera's");
        assert_eq!(wall.camera_clock().offset_ms, Some(1_000));
        let mut wall = Wall::default();
        let before = look(&mut wall, 0, 0, None);
        assert!(is_step(before, look(&mut wall, 1_000, 3_600_000, None)), "ours");
    }
}
