//! Bits per second of a branch, from the counter of its grant.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// The span over which the rate is taken.
const SPAN: Duration = Duration::from_secs(3);

/// Keeps a few seconds of readings.
#[derive(Debug, Default)]
pub(super) struct Meter(VecDeque<(Instant, u64)>);

impl Meter {
    /// Takes a reading of the byte counter.
    pub fn read(&mut self, bytes: u64, now: Instant) {
        self.0.push_back((now, bytes));
        while self.0.get(1).is_some_and(|(at, _)| now.duration_since(*at) >= SPAN) {
            self.0.pop_front();
        }
    }

    /// Bits per second over the span, up to the newest reading.
    pub fn bits_per_s(&self) -> u64 {
        let (Some((from, before)), Some((to, after))) = (self.0.front(), self.0.back()) else { return 0 };
        let seconds = to.duration_since(*from).as_secs_f64();
        if seconds > 0.0 { (after.saturating_sub(*before) as f64 * 8.0 / seconds) as u64 } else { 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_follows_the_counter_in_bounded_memory() {
        let start = Instant::now();
        let mut meter = Meter::default();
        assert_eq!(meter.bits_per_s(), 0);
        for n in 0..1000_u64 {
            meter.read(n * 125_000, start + Duration::from_millis(250) * n as u32);
        }
        assert_eq!(meter.bits_per_s(), 4_000_000);
        assert!(meter.0.len() < 20);
        meter.read(999 * 125_000, start + Duration::from_secs(300));
        meter.read(999 * 125_000, start + Duration::from_secs(304));
        assert_eq!(meter.bits_per_s(), 0);
    }
}
