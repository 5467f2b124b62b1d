//! Circuit breaker: after several failures in a row, a source gets no requests for a while, then one trial request.
//! Pure.

use std::time::{Duration, Instant};

/// Failures in a row that open the circuit.
const FAILURE_THRESHOLD: u32 = 5;
/// First open time. Each further opening doubles the time, up to [`MAX_OPEN_TIME`].
const MIN_OPEN_TIME: Duration = Duration::from_secs(15);
/// Longest open time without a server's request: five minutes.
const MAX_OPEN_TIME: Duration = Duration::from_secs(300);
/// Longest `Retry-After` that is followed: an hour. A longer one is a server error.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(3600);

/// Recent failures of a source.
#[derive(Debug, Default)]
pub(super) struct CircuitBreaker {
    failures: u32,
    /// Openings since the last success.
    openings: u32,
    open_until: Option<Instant>,
    /// Start of the trial request.
    half_open_since: Option<Instant>,
}

impl CircuitBreaker {
    /// Returns whether a request may be sent. After the open time one trial request is allowed and the others wait for
    /// its result. A trial without a result expires, because the caller may have dropped the request.
    pub(super) fn allows(&mut self, now: Instant) -> bool {
        match self.open_until {
            None => true,
            Some(until) if now < until => false,
            Some(_) if self.half_open_since.is_some_and(|at| now.saturating_duration_since(at) < MIN_OPEN_TIME) => {
                false
            }
            Some(_) => {
                self.half_open_since = Some(now);
                true
            }
        }
    }

    /// Closes the circuit after an answer.
    pub(super) fn on_success(&mut self) {
        *self = Self::default();
    }

    /// Opens the circuit: the server's limit of requests is reached. Each further request would only extend that.
    pub(super) fn on_throttled(&mut self, now: Instant, retry_after: Option<Duration>) {
        self.failures = self.failures.max(FAILURE_THRESHOLD);
        self.on_failure(now, retry_after);
    }

    /// Counts a failure. `retry_after` is the wait that the server requested.
    pub(super) fn on_failure(&mut self, now: Instant, retry_after: Option<Duration>) {
        self.failures = self.failures.saturating_add(1);
        let was_trial = self.half_open_since.take().is_some();
        // Requests that were running at the opening fail too: their failures add nothing.
        let is_open = self.open_until.is_some_and(|until| now < until);
        if retry_after.is_none() && (is_open || self.failures < FAILURE_THRESHOLD && !was_trial) {
            return;
        }
        let default_wait = MIN_OPEN_TIME.saturating_mul(1 << self.openings.min(8)).min(MAX_OPEN_TIME);
        self.openings = self.openings.saturating_add(1);
        self.open_until = now.checked_add(retry_after.map_or(default_wait, |wait| wait.min(MAX_RETRY_AFTER)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    #[test]
    fn breaker_five_failures_open_and_one_trial_closes() {
        let start = Instant::now();
        let mut breaker = CircuitBreaker::default();
        for _ in 0..4 {
            breaker.on_failure(start, None);
            assert!(breaker.allows(start));
        }
        breaker.on_failure(start, None);
        assert!(!breaker.allows(start + seconds(14)));
        assert!(breaker.allows(start + seconds(15)));
        assert!(!breaker.allows(start + seconds(15)), "one trial at a time");
        assert!(breaker.allows(start + seconds(31)), "a trial without a result expires");
        breaker.on_success();
        assert!(breaker.allows(start + seconds(32)) && breaker.allows(start + seconds(32)));
    }

    #[test]
    fn breaker_failed_trials_double_wait_up_to_five_minutes() {
        let mut now = Instant::now();
        let mut breaker = CircuitBreaker::default();
        (0..5).for_each(|_| breaker.on_failure(now, None));
        for wait in [15, 30, 60, 120, 240, 300, 300] {
            assert!(!breaker.allows(now + seconds(wait - 1)), "{wait}");
            now += seconds(wait);
            assert!(breaker.allows(now), "{wait}");
            breaker.on_failure(now, None);
        }
    }

    #[test]
    fn breaker_retry_after_is_followed_up_to_an_hour() {
        let now = Instant::now();
        let mut breaker = CircuitBreaker::default();
        breaker.on_failure(now, Some(seconds(40)));
        assert!(!breaker.allows(now + seconds(39)) && breaker.allows(now + seconds(40)));
        breaker.on_failure(now, Some(seconds(1_000_000)));
        assert!(breaker.allows(now + seconds(3600)));
    }

    #[test]
    fn breaker_throttled_opens_without_retry_after() {
        let now = Instant::now();
        let mut breaker = CircuitBreaker::default();
        breaker.on_throttled(now, None);
        assert!(!breaker.allows(now + seconds(14)) && breaker.allows(now + seconds(15)));
        breaker.on_success();
        breaker.on_throttled(now, Some(seconds(40)));
        assert!(!breaker.allows(now + seconds(39)) && breaker.allows(now + seconds(40)));
    }

    #[test]
    fn breaker_success_resets_failure_count() {
        let now = Instant::now();
        let mut breaker = CircuitBreaker::default();
        for index in 0..50 {
            breaker.on_failure(now, None);
            if index % 4 == 3 {
                breaker.on_success();
            }
        }
        assert!(breaker.allows(now));
    }
}
