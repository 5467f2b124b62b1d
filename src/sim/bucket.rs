//! A token bucket for rate limits. Pure: `now` is an argument.

use std::time::Instant;

/// Permits that refill with time.
#[derive(Debug, Clone, Copy)]
pub(super) struct RequestBucket {
    permits: f64,
    last_refill: Instant,
}

impl RequestBucket {
    /// Creates a full bucket.
    pub(super) fn full(burst: u32, now: Instant) -> Self {
        Self { permits: f64::from(burst), last_refill: now }
    }

    /// Takes one permit. Returns false if the bucket is empty.
    pub(super) fn try_take(&mut self, per_second: f64, burst: u32, now: Instant) -> bool {
        let passed = now.saturating_duration_since(self.last_refill).as_secs_f64();
        self.last_refill = now;
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
    fn bucket_allows_burst_then_refill_rate() {
        let start = Instant::now();
        let mut bucket = RequestBucket::full(2, start);
        assert!(bucket.try_take(1.0, 2, start) && bucket.try_take(1.0, 2, start) && !bucket.try_take(1.0, 2, start));
        assert!(bucket.try_take(1.0, 2, start + Duration::from_secs(1)));
        assert!(!bucket.try_take(1.0, 2, start + Duration::from_millis(1500)));
    }
}
