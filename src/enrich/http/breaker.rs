//! A circuit breaker: a source that failed several times in a row is left alone for a while, then asked once. Pure.

use std::time::{Duration, Instant};

/// Failures in a row that open it.
const FAILURES: u32 = 5;
/// How long it stays open the first time; then twice as long each time, up to [`LONGEST`].
const SHORTEST: Duration = Duration::from_secs(15);
/// The longest it stays open without being told to: five minutes.
const LONGEST: Duration = Duration::from_secs(300);
/// The longest a server can ask for with `Retry-After`: an hour. More is a mistake of its own.
const ASKED: Duration = Duration::from_secs(3600);

/// What a source has done lately.
#[derive(Debug, Default)]
pub struct Breaker {
    failures: u32,
    /// Openings since the last success.
    openings: u32,
    until: Option<Instant>,
    /// Somebody was let through to try; when.
    trial: Option<Instant>,
}

impl Breaker {
    /// Whether the source may be asked now. While it is open one question goes through when its time is up, and the
    /// others wait for what becomes of that (but not forever: it may have been given up).
    pub fn admits(&mut self, now: Instant) -> bool {
        match self.until {
            None => true,
            Some(until) if now < until => false,
            Some(_) if self.trial.is_some_and(|at| now.saturating_duration_since(at) < SHORTEST) => false,
            Some(_) => {
                self.trial = Some(now);
                true
            }
        }
    }

    /// It answered.
    pub fn succeeded(&mut self) {
        *self = Self::default();
    }

    /// It failed, and perhaps said how long it wants to be left alone.
    pub fn failed(&mut self, now: Instant, retry_after: Option<Duration>) {
        self.failures = self.failures.saturating_add(1);
        let tried = self.trial.take().is_some();
        // Questions that were under way when it opened fail too: they say nothing new.
        let open = self.until.is_some_and(|until| now < until);
        if retry_after.is_none() && (open || self.failures < FAILURES && !tried) {
            return;
        }
        let own = SHORTEST.saturating_mul(1 << self.openings.min(8)).min(LONGEST);
        self.openings = self.openings.saturating_add(1);
        self.until = now.checked_add(retry_after.map_or(own, |asked| asked.min(ASKED)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    #[test]
    fn five_failures_in_a_row_close_the_way_and_one_trial_opens_it_again() {
        let start = Instant::now();
        let mut breaker = Breaker::default();
        for _ in 0..4 {
            breaker.failed(start, None);
            assert!(breaker.admits(start));
        }
        breaker.failed(start, None);
        assert!(!breaker.admits(start + seconds(14)));
        assert!(breaker.admits(start + seconds(15)));
        assert!(!breaker.admits(start + seconds(15)), "one trial at a time");
        assert!(breaker.admits(start + seconds(31)), "a trial that was given up does not close the way forever");
        breaker.succeeded();
        assert!(breaker.admits(start + seconds(32)) && breaker.admits(start + seconds(32)));
    }

    #[test]
    fn failed_trials_wait_longer_and_longer_up_to_five_minutes() {
        let mut now = Instant::now();
        let mut breaker = Breaker::default();
        (0..5).for_each(|_| breaker.failed(now, None));
        for wait in [15, 30, 60, 120, 240, 300, 300] {
            assert!(!breaker.admits(now + seconds(wait - 1)), "{wait}");
            now += seconds(wait);
            assert!(breaker.admits(now), "{wait}");
            breaker.failed(now, None);
        }
    }

    #[test]
    fn a_server_that_says_how_long_is_obeyed_up_to_an_hour() {
        let now = Instant::now();
        let mut breaker = Breaker::default();
        breaker.failed(now, Some(seconds(40)));
        assert!(!breaker.admits(now + seconds(39)) && breaker.admits(now + seconds(40)));
        breaker.failed(now, Some(seconds(1_000_000)));
        assert!(breaker.admits(now + seconds(3600)));
    }

    #[test]
    fn a_success_between_failures_counts_them_from_new() {
        let now = Instant::now();
        let mut breaker = Breaker::default();
        for turn in 0..50 {
            breaker.failed(now, None);
            if turn % 4 == 3 {
                breaker.succeeded();
            }
        }
        assert!(breaker.admits(now));
    }
}
