//! Rate limit of one URL: a token bucket whose rate is halved when throttled and recovers slowly. Pure: time is an
//! argument. A full bucket never delays, which posts to a quiet channel immediately.
//!
//! A message is counted when its response arrives. The chat counted the message earlier, and its bucket is never emptier
//! than this one. Counting at the start fails: a fast request can arrive close behind a slow one and is throttled.

use crate::runtime::token_bucket::TokenBucket;
use serde::{Deserialize, Serialize};
use std::time::{Duration, Instant};

/// Rate and burst of posts to one URL.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RateLimit {
    /// Messages per second on average.
    pub per_second: f64,
    /// Messages without a wait after a quiet time.
    pub burst: u32,
}

impl Default for RateLimit {
    /// Returns 1/s and a burst of 4: Slack's incoming webhooks accept "1 per second, short bursts"; Teams allows 4 in a
    /// second.
    fn default() -> Self {
        Self { per_second: 1.0, burst: 4 }
    }
}

impl RateLimit {
    /// Slack workflow triggers: 10 per minute. A burst of 4 and 1 per 10 s make 10 in the first minute.
    pub const TRIGGER: Self = Self { per_second: 0.1, burst: 4 };
    /// Edits with a bot token: `chat.update` accepts 50 per minute (tier 3), here a burst of 10 and 2 per 3 s.
    pub const EDITS: Self = Self { per_second: 2.0 / 3.0, burst: 10 };
}

/// Minimum rate, adapted or configured: one message per 30 s. Merging keeps the channel readable at this rate.
const MIN_RATE: f64 = 1.0 / 30.0;
/// Time without throttling before the rate grows by half: one halving is undone in about 10 minutes.
const RECOVERY_INTERVAL: Duration = Duration::from_secs(300);

/// Rate limit of one URL with its current rate.
#[derive(Debug, Clone)]
pub struct AdaptiveLimit {
    limit: RateLimit,
    rate: f64,
    burst: f64,
    bucket: TokenBucket,
    rate_changed_at: Instant,
}

impl AdaptiveLimit {
    /// Creates a full bucket. An invalid rate becomes the minimum rate, a burst of zero becomes one.
    #[must_use]
    pub fn new(pace: RateLimit, now: Instant) -> Self {
        let per_second = if pace.per_second.is_finite() { pace.per_second.max(MIN_RATE) } else { MIN_RATE };
        let limit = RateLimit { per_second, burst: pace.burst.max(1) };
        let burst = f64::from(limit.burst);
        let bucket = TokenBucket::full(per_second, burst, now);
        Self { limit, rate: per_second, burst, bucket, rate_changed_at: now }
    }

    /// Returns the time until the next message may be sent; zero means now.
    #[must_use]
    pub fn wait(&self, now: Instant) -> Duration {
        self.wait_with_in_flight(0, now)
    }

    /// Returns [`AdaptiveLimit::wait`] with `in_flight` messages sent and not yet counted.
    #[must_use]
    pub fn wait_with_in_flight(&self, in_flight: u32, now: Instant) -> Duration {
        let wait = self.bucket.wait_for(1.0 + f64::from(in_flight), now);
        // Rounded up to the timer's millisecond: an early wake-up would wait again.
        if wait.is_zero() { wait } else { wait.saturating_add(Duration::from_millis(1)) }
    }

    /// Counts one sent message after its response.
    pub fn consume(&mut self, now: Instant) {
        self.bucket.take_sent(now);
    }

    /// Halves the rate and empties the bucket after a throttled message.
    pub fn on_throttled(&mut self, now: Instant) {
        self.rate = (self.rate / 2.0).max(MIN_RATE);
        self.burst = (self.burst / 2.0).max(1.0);
        self.bucket.set_rate(self.rate, self.burst, now);
        self.bucket.drain(now);
        self.rate_changed_at = now;
    }

    /// Raises the rate by half if nothing was throttled for a while, up to the configured rate.
    pub fn on_success(&mut self, now: Instant) {
        if now.saturating_duration_since(self.rate_changed_at) < RECOVERY_INTERVAL {
            return;
        }
        self.rate_changed_at = now;
        self.rate = (self.rate * 1.5).min(self.limit.per_second);
        self.burst = (self.burst * 1.5).min(f64::from(self.limit.burst));
        self.bucket.set_rate(self.rate, self.burst, now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn after(start: Instant, seconds: f64) -> Instant {
        start + Duration::from_secs_f64(seconds)
    }

    #[test]
    fn bucket_full_passes_burst_then_one_per_second() {
        let start = Instant::now();
        let mut bucket = AdaptiveLimit::new(RateLimit::default(), start);
        let mut at = start;
        let sent: Vec<f64> = (0..7)
            .map(|_| {
                at += bucket.wait(at);
                bucket.consume(at);
                at.duration_since(start).as_secs_f64()
            })
            .collect();
        assert_eq!(sent.get(..4), Some([0.0; 4].as_slice()));
        for (sent, due) in sent.iter().skip(4).zip([1.0, 2.0, 3.0]) {
            assert!((sent - due).abs() < 0.01, "{sent} for {due}");
        }
    }

    #[test]
    fn bucket_throttled_halves_rate_and_recovers_after_quiet_time() {
        let start = Instant::now();
        let mut bucket = AdaptiveLimit::new(RateLimit::default(), start);
        bucket.on_throttled(start);
        assert!((bucket.rate - 0.5).abs() < 1e-9);
        assert!(bucket.wait(start) >= Duration::from_secs(2));
        (0..20).for_each(|_| bucket.on_throttled(start));
        assert!((bucket.rate - MIN_RATE).abs() < 1e-9);
        bucket.on_success(after(start, 299.0));
        assert!((bucket.rate - MIN_RATE).abs() < 1e-9, "too early to recover");
        for step in 1..=12 {
            bucket.on_success(after(start, 300.0 * f64::from(step)));
        }
        assert!((bucket.rate - 1.0).abs() < 1e-9);
        assert_eq!(bucket.wait(after(start, 4000.0)), Duration::ZERO);
    }

    #[test]
    fn bucket_invalid_rate_becomes_minimum_rate() {
        let start = Instant::now();
        for per_second in [0.0, -3.0, f64::NAN, f64::INFINITY] {
            let mut bucket = AdaptiveLimit::new(RateLimit { per_second, burst: 0 }, start);
            assert_eq!(bucket.wait(start), Duration::ZERO);
            bucket.consume(start);
            assert!(bucket.wait(start) <= Duration::from_secs(31));
        }
    }

    /// The chat's strict bucket of the same size: counts at any time between request and response.
    struct Strict {
        tokens: f64,
        updated_at: f64,
    }

    impl Strict {
        fn accepts(&mut self, at: f64) -> bool {
            self.tokens = (self.tokens + at - self.updated_at).min(4.0);
            self.updated_at = at;
            self.tokens -= 1.0;
            self.tokens >= -1e-6
        }
    }

    proptest! {
        #[test]
        fn bucket_same_as_chat_is_never_throttled_at_any_latency(
            trips in prop::collection::vec((0.0..3.0_f64, 0.0..0.9_f64, 0.0..0.9_f64), 1..200),
        ) {
            let start = Instant::now();
            let mut bucket = AdaptiveLimit::new(RateLimit::default(), start);
            let mut chat = Strict { tokens: 4.0, updated_at: 0.0 };
            let mut at = 0.0;
            for (pause, there, back) in trips {
                at += pause;
                at += bucket.wait(after(start, at)).as_secs_f64();
                prop_assert!(chat.accepts(at + there));
                at += there + back;
                bucket.consume(after(start, at));
            }
        }
    }
}
