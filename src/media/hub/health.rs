//! What a stream is worth right now, for pages and metrics.

use super::PublisherInfo;
use std::time::{Duration, Instant};

/// Health of one camera's stream.
#[derive(Debug, Clone, PartialEq)]
pub struct StreamHealth {
    /// Whether a publisher holds the stream.
    pub online: bool,
    /// Who publishes; `None` when offline.
    pub publisher: Option<PublisherInfo>,
    /// Time since the last frame arrived; `None` before the first one (fault 16).
    pub last_frame_age: Option<Duration>,
    /// Picture width in pixels; 0 before the first frame.
    pub width: u32,
    /// Picture height in pixels; 0 before the first frame.
    pub height: u32,
    /// Frames per second over the last seconds; 0 when none came.
    pub fps: f64,
    /// Payload bits per second over the last seconds.
    pub bitrate_bps: u64,
    /// "H264"; empty before the first frame.
    pub codec: String,
    /// Frames taken since the process started.
    pub frames: u64,
    /// Payload bytes taken since the process started.
    pub bytes: u64,
    /// Frames thrown away because no keyframe had come yet (after a start or a change of format).
    pub discarded: u64,
    /// How often the camera's clock jumped and had to be anchored anew.
    pub clock_jumps: u64,
    /// Publications since the process started.
    pub publications: u64,
    /// Readers at this moment.
    pub readers: usize,
    /// Payload bytes kept for instant start and late readers.
    pub window_bytes: usize,
    /// The publisher offered sound, which was dropped at the gate: common-area video surveillance carries no audio.
    pub audio_dropped: bool,
}

const BUCKET: Duration = Duration::from_millis(500);
const BUCKETS: usize = 8;

/// Frames and bytes of the last four seconds, in fixed memory.
#[derive(Debug, Default)]
pub(super) struct Meter {
    origin: Option<Instant>,
    buckets: [Bucket; BUCKETS],
}

#[derive(Debug, Default, Clone, Copy)]
struct Bucket {
    number: u128,
    frames: u32,
    bytes: u64,
}

impl Meter {
    pub fn count(&mut self, bytes: usize, now: Instant) {
        let number = Self::number(*self.origin.get_or_insert(now), now);
        let bucket = &mut self.buckets[(number % BUCKETS as u128) as usize];
        if bucket.number != number {
            *bucket = Bucket { number, ..Bucket::default() };
        }
        bucket.frames += 1;
        bucket.bytes += bytes as u64;
    }

    /// Frames and bits per second over the complete buckets of the last four seconds.
    pub fn rates(&self, now: Instant) -> (f64, u64) {
        let Some(origin) = self.origin else { return (0.0, 0) };
        let current = Self::number(origin, now);
        let oldest = current.saturating_sub(BUCKETS as u128 - 1);
        let complete = (current - oldest) as f64 * BUCKET.as_secs_f64();
        if complete == 0.0 {
            return (0.0, 0);
        }
        let (frames, bytes) = self
            .buckets
            .iter()
            .filter(|b| b.number >= oldest && b.number < current)
            .fold((0_u64, 0_u64), |(frames, bytes), b| (frames + u64::from(b.frames), bytes + b.bytes));
        (frames as f64 / complete, (bytes as f64 * 8.0 / complete) as u64)
    }

    fn number(origin: Instant, now: Instant) -> u128 {
        now.saturating_duration_since(origin).as_millis() / BUCKET.as_millis()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_follow_the_stream_and_fall_to_zero_with_it() {
        let start = Instant::now();
        let mut meter = Meter::default();
        let mut now = start;
        for i in 0..250_u32 {
            now = start + Duration::from_millis(40) * i;
            meter.count(20_000, now);
        }
        let (fps, bps) = meter.rates(now);
        assert!((fps - 25.0).abs() < 1.0, "{fps}");
        assert!((bps as f64 - 4e6).abs() < 2e5, "{bps}");
        assert_eq!(meter.rates(now + Duration::from_secs(5)), (0.0, 0));
        assert_eq!(Meter::default().rates(now), (0.0, 0));
    }
}
