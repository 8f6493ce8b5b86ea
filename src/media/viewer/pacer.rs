//! When a frame goes out, and under which time stamp. Pure: time is an argument.
//!
//! A viewer that joins gets the current group of pictures first, stamped with the time at which its frames are sent: the
//! picture is there at once and runs up to live at several times real speed. Then frames keep their distance to each
//! other, as the camera stamped them.
//!
//! All times are nanoseconds of one clock, the branch's running time; frames from before the branch are negative.

use std::time::Duration;

/// A frame that has waited longer than this is not live: the viewer runs behind and catches up.
const LIVE_NS: i64 = 120_000_000;
/// One that catches up has arrived when frames wait no longer than this: half the distance of two frames.
const ARRIVED_NS: i64 = 20_000_000;
/// Live time stamps that fall this far behind the clock are anchored anew.
const DRIFT_NS: i64 = 500_000_000;
/// Time stamps grow by at least one tick of the 90 kHz RTP clock, rounded up.
const TICK_NS: i64 = 11_112;
/// However tight the bitrate, catching up stays this much faster than real time, or it would never end.
const SLOWEST: f64 = 1.5;

/// How fast a viewer may catch up.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Pace {
    /// Times real speed. Between 5 and 20, browsers drop no frame; at 200 they do.
    pub speed: f64,
    /// Bits per second of this camera while it catches up, so that a group of pictures is no burst on a thin line.
    pub bits_per_s: f64,
}

/// One frame as the pacer sees it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Picture {
    /// When it was taken.
    pub time_ns: i64,
    /// When it was received.
    pub received_ns: i64,
    /// Its size.
    pub bytes: usize,
}

/// What to do with a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Step {
    /// Send it at this time; not in the future when the picture is live.
    pub at_ns: i64,
    /// Its time stamp; never after `at_ns` when live, never before an earlier frame's.
    pub pts_ns: i64,
    /// Whether it is live, or part of catching up.
    pub live: bool,
}

#[derive(Debug, Clone, Copy)]
enum Mode {
    Start,
    CatchUp { previous_time_ns: i64, previous_at_ns: i64, previous_bytes: usize },
    Live { offset_ns: i64 },
}

/// Paces one camera of one viewer.
#[derive(Debug)]
pub(super) struct Pacer {
    pace: Pace,
    mode: Mode,
    last_pts_ns: Option<i64>,
}

impl Pacer {
    /// A pacer before its first frame.
    pub fn new(pace: Pace) -> Self {
        Self { pace, mode: Mode::Start, last_pts_ns: None }
    }

    /// The stream begins again (camera back, replay): no relation to the frames before, save that time stamps grow.
    pub fn restart(&mut self) {
        self.mode = Mode::Start;
    }

    /// Plans the next frame.
    pub fn plan(&mut self, picture: Picture, now_ns: i64) -> Step {
        let limit_ns = if matches!(self.mode, Mode::CatchUp { .. }) { ARRIVED_NS } else { LIVE_NS };
        let live = now_ns - picture.received_ns < limit_ns;
        let (at_ns, stamp_ns) = if live { self.live(picture, now_ns) } else { self.catch_up(picture, now_ns) };
        let pts_ns = match self.last_pts_ns {
            Some(last) => stamp_ns.max(last + TICK_NS),
            None => stamp_ns.max(0),
        };
        self.last_pts_ns = Some(pts_ns);
        Step { at_ns: at_ns.max(pts_ns), pts_ns, live }
    }

    fn live(&mut self, picture: Picture, now_ns: i64) -> (i64, i64) {
        let newest = now_ns - picture.time_ns;
        let offset_ns = match self.mode {
            // A frame is never stamped ahead of the clock, so the offset settles on the fastest frame seen.
            Mode::Live { offset_ns } if newest - offset_ns < DRIFT_NS => offset_ns.min(newest),
            _ => newest,
        };
        self.mode = Mode::Live { offset_ns };
        (now_ns, picture.time_ns + offset_ns)
    }

    fn catch_up(&mut self, picture: Picture, now_ns: i64) -> (i64, i64) {
        let at_ns = match self.mode {
            Mode::CatchUp { previous_time_ns, previous_at_ns, previous_bytes } => {
                let gap_ns = (picture.time_ns - previous_time_ns).max(0) as f64;
                let line_ns = previous_bytes as f64 * 8.0 / self.pace.bits_per_s * 1e9;
                let wait_ns = (gap_ns / self.pace.speed).max(line_ns).min(gap_ns / SLOWEST);
                now_ns.max(previous_at_ns + wait_ns as i64)
            }
            Mode::Start | Mode::Live { .. } => now_ns,
        };
        self.mode =
            Mode::CatchUp { previous_time_ns: picture.time_ns, previous_at_ns: at_ns, previous_bytes: picture.bytes };
        (at_ns, at_ns)
    }
}

/// A duration as nanoseconds; saturates after 292 years.
pub(super) fn ns(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FRAME: i64 = 40_000_000;
    const PACE: Pace = Pace { speed: 10.0, bits_per_s: 1e9 };

    fn picture(time_ns: i64) -> Picture {
        Picture { time_ns, received_ns: time_ns + 5_000_000, bytes: 20_000 }
    }

    /// Plays a stream that started `age` frames ago and goes on live; returns the steps.
    fn join(pace: Pace, age: i64, frames: i64) -> Vec<Step> {
        let mut pacer = Pacer::new(pace);
        let mut now = 0;
        (-age..frames)
            .map(|n| {
                let picture = picture(n * FRAME);
                now = now.max(picture.received_ns);
                let step = pacer.plan(picture, now);
                now = now.max(step.at_ns);
                step
            })
            .collect()
    }

    #[test]
    fn a_group_of_pictures_of_four_seconds_catches_up_in_under_half_a_second() {
        let steps = join(PACE, 100, 50);
        assert_eq!(steps[0], Step { at_ns: 0, pts_ns: 0, live: false }, "the keyframe goes out at once");
        let live = steps.iter().position(|s| s.live).unwrap();
        assert!((400_000_000..500_000_000).contains(&steps[live].at_ns), "{:?}", steps[live]);
        assert!(steps[live..].iter().all(|s| s.live));
        for pair in steps[..live].windows(2) {
            assert_eq!(pair[1].pts_ns - pair[0].pts_ns, FRAME / 10);
        }
        for pair in steps[live + 1..].windows(2) {
            assert_eq!(pair[1].pts_ns - pair[0].pts_ns, FRAME, "live frames keep the camera's distance");
        }
    }

    #[test]
    fn a_thin_line_slows_the_catching_up_but_never_stops_it() {
        let fast = join(Pace { speed: 10.0, bits_per_s: 8e6 }, 100, 1000);
        // 20,000 bytes at 8 Mbit/s take 20 ms: twice real speed.
        let live = fast.iter().position(|s| s.live).unwrap();
        assert!((3_800_000_000..4_200_000_000).contains(&fast[live].at_ns), "{:?}", fast[live]);
        let starved = join(Pace { speed: 10.0, bits_per_s: 1.0 }, 100, 1000);
        assert!(starved.iter().any(|s| s.live));
    }

    #[test]
    fn jitter_never_stamps_ahead_of_the_clock_and_a_pause_is_not_kept() {
        let mut pacer = Pacer::new(PACE);
        let frame = |n: i64, late: i64| Picture { time_ns: n * FRAME, received_ns: n * FRAME + late, bytes: 1000 };
        for (n, late) in [(1, 30_000_000), (2, 5_000_000), (3, 35_000_000), (4, 0)] {
            let picture = frame(n, late);
            let step = pacer.plan(picture, picture.received_ns);
            assert!(step.live && step.pts_ns <= picture.received_ns && step.at_ns == picture.received_ns);
        }
        let late = frame(5, 900_000_000);
        let step = pacer.plan(late, late.received_ns);
        assert_eq!(step.pts_ns, late.received_ns, "anchored anew");
    }

    proptest! {
        #[test]
        fn time_stamps_always_grow_and_are_never_ahead_of_their_sending(
            frames in prop::collection::vec((0..5_000_000_000_i64, 0..2_000_000_000_i64, 0..500_000_usize, any::<bool>()), 1..200)
        ) {
            let mut pacer = Pacer::new(PACE);
            let (mut now, mut last) = (0_i64, None);
            for (time_ns, waited_ns, bytes, restart) in frames {
                if restart {
                    pacer.restart();
                }
                let step = pacer.plan(Picture { time_ns, received_ns: now - waited_ns, bytes }, now);
                prop_assert!(last.is_none_or(|last| step.pts_ns > last));
                prop_assert!(step.pts_ns <= step.at_ns);
                prop_assert!(step.at_ns >= now);
                last = Some(step.pts_ns);
                now = step.at_ns;
            }
        }
    }
}
