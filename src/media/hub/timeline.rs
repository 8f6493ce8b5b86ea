//! Puts a camera's time stamps on the process's one time line and keeps them there.
//!
//! A camera's clock drifts, jumps and restarts; muxers and players die of a time stamp that goes backwards. So the hub
//! places each frame: the camera's own spacing, anchored to the arrival time of its least delayed frames, slewed slowly
//! enough not to be seen, and never backwards. Pure: the clock is an argument.

use gstreamer::ClockTime;
use std::time::Duration;

/// A stamp this far ahead of arrival, or [`LATE`] behind it, is a fault of the camera's clock, not a burst.
const AHEAD: Duration = Duration::from_secs(1);
/// Network bursts and reconnects may delay frames by up to this much without a new anchor.
const LATE: Duration = Duration::from_secs(10);
/// Observation window for the smallest delay.
const SLEW_EVERY: Duration = Duration::from_secs(2);
/// Largest correction per observation window: 1,000 parts per million, ten times the drift of a bad quartz.
const SLEW_STEP_NS: i64 = 2_000_000;
/// Spacing given to a frame that must be put after its predecessor by force.
const NUDGE_NS: i64 = 1_000_000;

/// Where a frame was put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Placed {
    /// Decoding order: never before the previous frame's.
    pub time: ClockTime,
    /// Presentation: may step back within a group of pictures when there are B-frames.
    pub pts: ClockTime,
    /// The camera's clock jumped and was anchored anew.
    pub jumped: bool,
}

/// One camera's time line; survives reconnects, so that a new publisher continues after the old one.
#[derive(Debug, Default)]
pub(super) struct Timeline {
    anchor: Option<Anchor>,
    last_time_ns: i64,
}

#[derive(Debug, Clone, Copy)]
struct Anchor {
    /// Added to the camera's stamp.
    offset_ns: i64,
    window_started_ns: i64,
    smallest_delay_ns: i64,
}

impl Timeline {
    /// Forgets the camera's clock, not the line: the next frame is anchored to its arrival.
    pub fn new_publisher(&mut self) {
        self.anchor = None;
    }

    /// Places a frame stamped `stamp` (camera's line; `None`: unknown) that arrived at `arrived`.
    pub fn place(&mut self, stamp: Option<ClockTime>, arrived: ClockTime) -> Placed {
        let arrived_ns = arrived.nseconds() as i64;
        // Without a stamp the arrival is the best guess, and says nothing about the camera's clock.
        let Some(stamp) = stamp else { return self.settle(arrived_ns, false) };
        let stamp_ns = stamp.nseconds() as i64;
        let fresh =
            Anchor { offset_ns: arrived_ns - stamp_ns, window_started_ns: arrived_ns, smallest_delay_ns: i64::MAX };
        let (mut anchor, mut jumped) = (self.anchor.unwrap_or(fresh), false);
        let delay_ns = arrived_ns - (stamp_ns + anchor.offset_ns);
        if delay_ns < -(AHEAD.as_nanos() as i64) || delay_ns > LATE.as_nanos() as i64 {
            (anchor, jumped) = (fresh, true);
        } else {
            anchor.smallest_delay_ns = anchor.smallest_delay_ns.min(delay_ns);
            if arrived_ns - anchor.window_started_ns >= SLEW_EVERY.as_nanos() as i64 {
                anchor.offset_ns += anchor.smallest_delay_ns.clamp(-SLEW_STEP_NS, SLEW_STEP_NS);
                anchor.window_started_ns = arrived_ns;
                anchor.smallest_delay_ns = i64::MAX;
            }
        }
        self.anchor = Some(anchor);
        self.settle(stamp_ns + anchor.offset_ns, jumped)
    }

    /// Puts a frame at `pts_ns`, or as near to it as the line's promise allows.
    fn settle(&mut self, pts_ns: i64, jumped: bool) -> Placed {
        // A group of pictures reorders within a second at most; further back is the past and would end a muxer.
        let pts_ns = pts_ns.max(0).max(self.last_time_ns - AHEAD.as_nanos() as i64);
        let reordered = !jumped && pts_ns <= self.last_time_ns;
        let time_ns = if pts_ns > self.last_time_ns { pts_ns } else { self.last_time_ns + NUDGE_NS };
        self.last_time_ns = time_ns;
        let pts_ns = if reordered { pts_ns } else { time_ns };
        let stamp = |ns: i64| ClockTime::from_nseconds(u64::try_from(ns).unwrap_or(0));
        Placed { time: stamp(time_ns), pts: stamp(pts_ns), jumped }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> ClockTime {
        ClockTime::from_mseconds(ms)
    }

    #[test]
    fn a_steady_camera_keeps_its_spacing_whatever_the_network_does() {
        let mut line = Timeline::default();
        let mut last = line.place(Some(ms(0)), ms(5_000));
        assert_eq!(last.time, ms(5_000));
        for i in 1..50_u64 {
            let jitter = (i % 7) * 9;
            let placed = line.place(Some(ms(i * 40)), ms(5_000 + i * 40 + jitter));
            assert_eq!(placed.time - last.time, ms(40));
            assert_eq!(placed.time, placed.pts);
            assert!(!placed.jumped);
            last = placed;
        }
    }

    #[test]
    fn drift_of_a_bad_quartz_is_followed_for_a_day() {
        let mut line = Timeline::default();
        let mut last = ClockTime::ZERO;
        // 200 ppm slow: 17 s a day if nothing followed.
        for i in 0..86_400_u64 {
            let arrived = ms(1_000 + i * 1_000);
            let stamp = ClockTime::from_nseconds(i * 1_000_000_000 - i * 200_000);
            let placed = line.place(Some(stamp), arrived);
            assert!(!placed.jumped);
            assert!(placed.time > last);
            let error_ns = arrived.nseconds().abs_diff(placed.time.nseconds());
            assert!(error_ns < 3_000_000, "second {i}: {error_ns} ns");
            last = placed.time;
        }
    }

    #[test]
    fn a_restarted_or_jumping_clock_never_goes_back() {
        let mut line = Timeline::default();
        let mut last = ClockTime::ZERO;
        for (stamp, arrived) in [
            (100_000, 1_000),
            (100_040, 1_040),
            (0, 1_080), // restarted
            (40, 1_120),
            (99_000_000, 1_160), // a day ahead
            (99_000_040, 1_200),
            (98_999_000, 1_240), // back by 1.04 s
            (98_999_040, 1_280),
        ] {
            let placed = line.place(Some(ms(stamp)), ms(arrived));
            assert!(placed.time > last, "{stamp}: {} after {last}", placed.time);
            assert!(placed.time <= ms(arrived + 1_000), "{stamp}: {}", placed.time);
            last = placed.time;
        }
    }

    #[test]
    fn a_new_publisher_continues_after_the_old() {
        let mut line = Timeline::default();
        // It was 500 ms ahead of arrival when it died.
        line.place(Some(ms(0)), ms(1_000));
        let before = line.place(Some(ms(900)), ms(1_400));
        line.new_publisher();
        let after = line.place(Some(ms(7)), ms(1_500));
        assert!(after.time > before.time);
    }

    #[test]
    fn b_frames_are_presented_in_their_order_and_decoded_in_theirs() {
        let mut line = Timeline::default();
        // Decoding order I P B B, 40 ms apart.
        let stamps = [0, 120, 40, 80, 240, 160, 200];
        let placed: Vec<_> =
            stamps.iter().enumerate().map(|(i, s)| line.place(Some(ms(*s)), ms(1_000 + i as u64 * 40))).collect();
        for (stamp, p) in stamps.iter().zip(&placed) {
            assert_eq!(p.pts, ms(1_000 + stamp));
        }
        for pair in placed.windows(2) {
            assert!(pair[1].time > pair[0].time);
        }
    }

    #[test]
    fn frames_without_a_stamp_are_placed_by_arrival() {
        let mut line = Timeline::default();
        assert_eq!(line.place(None, ms(1_000)).time, ms(1_000));
        assert_eq!(line.place(None, ms(1_040)).time, ms(1_040));
        assert_eq!(line.place(Some(ms(0)), ms(1_080)).time.mseconds(), 1_080);
    }
}
