//! Token bucket for rate limits. Pure: `now` is an argument. Callers decide when a request counts and what follows a rejection.

use std::time::{Duration, Instant};

/// Longest wait that a bucket states: a rate near zero would overflow.
const MAX_WAIT: Duration = Duration::from_secs(3600);

/// Tokens that refill at a constant rate up to a burst. One token permits one request.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TokenBucket {
    per_second: f64,
    burst: f64,
    /// Negative after [`TokenBucket::reserve`]: requests wait for these tokens.
    tokens: f64,
    updated_at: Instant,
}

impl TokenBucket {
    /// Creates a full bucket.
    #[must_use]
    pub const fn full(per_second: f64, burst: f64, now: Instant) -> Self {
        Self { per_second, burst, tokens: burst, updated_at: now }
    }

    /// Changes rate and burst from now on.
    pub fn set_rate(&mut self, per_second: f64, burst: f64, now: Instant) {
        self.refill(now);
        (self.per_second, self.burst) = (per_second, burst);
        self.tokens = self.tokens.min(burst);
    }

    /// Returns the time until `count` tokens are there, zero if they are. No token is taken.
    #[must_use]
    pub fn wait_for(&self, count: f64, now: Instant) -> Duration {
        let missing = count - self.tokens_at(now);
        if missing <= 0.0 {
            return Duration::ZERO;
        }
        Duration::try_from_secs_f64(missing / self.per_second).unwrap_or(MAX_WAIT)
    }

    /// Takes a token. Returns false if there is none.
    pub fn try_take(&mut self, now: Instant) -> bool {
        self.refill(now);
        let is_there = self.tokens >= 1.0;
        if is_there {
            self.tokens -= 1.0;
        }
        is_there
    }

    /// Takes a token for a request that was already sent. An empty bucket stays empty.
    pub fn take_sent(&mut self, now: Instant) {
        self.refill(now);
        self.tokens = (self.tokens - 1.0).max(0.0);
    }

    /// Takes the next token and returns the wait until it is there.
    pub fn reserve(&mut self, now: Instant) -> Duration {
        let wait = self.wait_for(1.0, now);
        self.refill(now);
        self.tokens -= 1.0;
        wait
    }

    /// Removes all tokens.
    pub fn drain(&mut self, now: Instant) {
        self.refill(now);
        self.tokens = self.tokens.min(0.0);
    }

    fn refill(&mut self, now: Instant) {
        self.tokens = self.tokens_at(now);
        self.updated_at = now;
    }

    fn tokens_at(&self, now: Instant) -> f64 {
        let passed = now.saturating_duration_since(self.updated_at).as_secs_f64();
        passed.mul_add(self.per_second, self.tokens).min(self.burst)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bucket_allows_burst_then_refill_rate() {
        let start = Instant::now();
        let mut bucket = TokenBucket::full(1.0, 2.0, start);
        assert!(bucket.try_take(start) && bucket.try_take(start) && !bucket.try_take(start));
        assert_eq!(bucket.wait_for(1.0, start), Duration::from_secs(1));
        assert!(bucket.try_take(start + Duration::from_secs(1)));
        assert!(!bucket.try_take(start + Duration::from_millis(1500)));
        assert!(bucket.wait_for(2.0, start + Duration::from_secs(60)).is_zero(), "full after a pause");
    }

    #[test]
    fn bucket_reserves_tokens_that_are_not_there_yet() {
        let start = Instant::now();
        let mut bucket = TokenBucket::full(5.0, 1.0, start);
        assert_eq!([0, 200, 400], [0; 3].map(|_| bucket.reserve(start).as_millis()));
        assert_eq!(bucket.reserve(start + Duration::from_secs(9)), Duration::ZERO);
    }

    #[test]
    fn bucket_with_new_rate_keeps_no_more_than_its_burst() {
        let start = Instant::now();
        let mut bucket = TokenBucket::full(1.0, 8.0, start);
        bucket.set_rate(0.0, 1.0, start);
        assert!(bucket.try_take(start) && !bucket.try_take(start + Duration::from_secs(99)));
        assert_eq!(bucket.wait_for(1.0, start), MAX_WAIT);
    }
}
