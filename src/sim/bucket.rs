//! A token bucket: how often something may happen. Pure; `now` is an argument.

use std::time::Instant;

/// Permits that refill with time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bucket {
    permits: f64,
    seen: Instant,
}

impl Bucket {
    /// A full bucket.
    pub(super) fn full(burst: u32, now: Instant) -> Self {
        Self { permits: f64::from(burst), seen: now }
    }

    /// Takes a permit if there is one.
    pub(super) fn take(&mut self, per_second: f64, burst: u32, now: Instant) -> bool {
        let passed = now.saturating_duration_since(self.seen).as_secs_f64();
        self.seen = now;
        self.permits = passed.mul_add(per_second, self.permits).min(f64::from(burst));
        if self.permits < 1.0 {
            return false;
        }
        self.permits -= 1.0;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_bucket_lets_the_burst_through_and_then_one_a_second() {
        let start = Instant::now();
        let mut bucket = Bucket::full(2, start);
        assert!(bucket.take(1.0, 2, start) && bucket.take(1.0, 2, start) && !bucket.take(1.0, 2, start));
        assert!(bucket.take(1.0, 2, start + Duration::from_secs(1)));
        assert!(!bucket.take(1.0, 2, start + Duration::from_millis(1500)));
    }
}
