//! Rate limit of one connection's requests. Its lanes share one [`RateLimiter`]: GoTo counts them together. Pure.

use crate::runtime::token_bucket::TokenBucket;
use std::time::{Duration, Instant};

/// Requests per second of the lanes: GoTo allows 10 per API, half of it leaves room for another daemon of the same login.
pub(in crate::goto) const REQUESTS_PER_SECOND: f64 = 5.0;
/// Requests per second for full reports. After an outage hundreds of calls need a report. A 429 of GoTo slows the requests
/// down.
pub(in crate::goto) const REPORTS_PER_SECOND: f64 = 8.0;
/// Requests that may be sent together after a pause. With [`REPORTS_PER_SECOND`] the rate stays within 10 in any second after
/// the first.
const MAX_BURST: f64 = 4.0;

/// Rate limiter: requests evenly spaced after a burst of 4, none during a pause demanded by GoTo.
#[derive(Debug)]
pub(super) struct RateLimiter {
    bucket: TokenBucket,
    paused_until: Option<Instant>,
}

impl RateLimiter {
    /// Creates a limiter with a full burst, so that the first lane does not wait at start.
    pub(super) const fn new(per_second: f64, now: Instant) -> Self {
        Self { bucket: TokenBucket::full(per_second, MAX_BURST, now), paused_until: None }
    }

    /// Reserves the next request and returns the wait before it.
    ///
    /// # Errors
    /// The remaining pause, if GoTo demanded one.
    pub(super) fn acquire(&mut self, now: Instant) -> Result<Duration, Duration> {
        if let Some(pause) =
            self.paused_until.map(|until| until.saturating_duration_since(now)).filter(|pause| !pause.is_zero())
        {
            return Err(pause);
        }
        self.paused_until = None;
        Ok(self.bucket.reserve(now))
    }

    /// Pauses every request for `pause`, after a 429 with `Retry-After`.
    pub(super) fn pause_for(&mut self, now: Instant, pause: Duration) {
        self.paused_until = self.paused_until.max(now.checked_add(pause));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limiter_allows_burst_of_four_then_one_per_200_ms() {
        let now = Instant::now();
        let mut limiter = RateLimiter::new(REQUESTS_PER_SECOND, now);
        let waits: Vec<u128> = (0..7).map(|_| limiter.acquire(now).unwrap().as_millis()).collect();
        assert_eq!(waits, [0, 0, 0, 0, 200, 400, 600]);
        assert_eq!(limiter.acquire(now + Duration::from_secs(60)), Ok(Duration::ZERO));
    }

    #[test]
    fn limiter_after_429_rejects_until_longest_pause_is_over() {
        let now = Instant::now();
        let mut limiter = RateLimiter::new(REQUESTS_PER_SECOND, now);
        limiter.pause_for(now, Duration::from_secs(7));
        limiter.pause_for(now, Duration::from_secs(3));
        assert_eq!(limiter.acquire(now + Duration::from_secs(4)), Err(Duration::from_secs(3)));
        assert_eq!(limiter.acquire(now + Duration::from_secs(7)), Ok(Duration::ZERO));
    }
}
