//! Retry waits: exponential, with full jitter. Only this module uses the `backoff` crate, which grows the ceiling.
//! Jitter, cap and reset are implemented here: the crate generates its own random numbers and applies jitter after the cap.
//! The crate is unmaintained (RUSTSEC-2025-0012); a replacement changes this file only.

use backoff::{Clock, backoff::Backoff as _, exponential::ExponentialBackoff};
use std::time::{Duration, Instant};

/// Growth of the waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BackoffPolicy {
    /// Ceiling of the first wait.
    pub initial: Duration,
    /// Ceiling of every wait.
    pub max: Duration,
}

impl BackoffPolicy {
    /// For GoTo: 1 s doubling to 60 s (GoTo's demo waits a fixed 10 s; the reference has "backoff 1…60 s").
    pub const UPSTREAM: Self = Self { initial: Duration::from_secs(1), max: Duration::from_secs(60) };
    /// Ceiling while the peer cannot be reached: attempts cost it nothing, and the network may be back at any time.
    pub const UNREACHED_MAX: Duration = Duration::from_secs(5);
    /// For a chat: 2 s·2ⁿ, at most 60 s.
    pub const CHAT: Self = Self { initial: Duration::from_secs(2), max: Duration::from_secs(60) };
}

/// Waits of one operation that fails, growing until [`Backoff::reset`].
///
/// ```
/// use poprelay::runtime::backoff::{Backoff, BackoffPolicy};
/// use std::time::Duration;
///
/// let mut backoff = Backoff::new(BackoffPolicy { initial: Duration::from_secs(1), max: Duration::from_secs(5) });
/// // The caller owns the randomness: 1.0 returns the ceilings, 0.0 the shortest waits.
/// let ceilings: Vec<u64> = (0..4).map(|_| backoff.next(1.0, None).as_secs()).collect();
/// assert_eq!(ceilings, [1, 2, 4, 5]);
/// // A Retry-After of the peer is a lower bound.
/// assert_eq!(backoff.next(0.0, Some(Duration::from_secs(30))), Duration::from_secs(30));
/// backoff.reset();
/// assert_eq!(backoff.next(1.0, None), Duration::from_secs(1));
/// ```
#[derive(Debug)]
pub struct Backoff {
    policy: BackoffPolicy,
    ceiling: ExponentialBackoff<FrozenClock>,
    failures: u32,
}

/// Clock that never advances: the crate reads it for a give-up limit, which a daemon does not have.
#[derive(Debug, Clone, Copy)]
struct FrozenClock(Instant);

impl Clock for FrozenClock {
    fn now(&self) -> Instant {
        self.0
    }
}

impl Backoff {
    /// Creates a backoff without failures.
    #[must_use]
    pub fn new(policy: BackoffPolicy) -> Self {
        let start = Instant::now();
        let ceiling = ExponentialBackoff {
            current_interval: policy.initial,
            initial_interval: policy.initial,
            randomization_factor: 0.0,
            multiplier: 2.0,
            max_interval: policy.max,
            start_time: start,
            max_elapsed_time: None,
            clock: FrozenClock(start),
        };
        Self { policy, ceiling, failures: 0 }
    }

    /// Records a failure and returns the wait before the next attempt: `chance` (0..1, full jitter) times the ceiling. The
    /// wait is never less than `at_least`, the peer's Retry-After.
    pub fn next(&mut self, chance: f64, at_least: Option<Duration>) -> Duration {
        self.failures = self.failures.saturating_add(1);
        let ceiling = self.ceiling.next_backoff().unwrap_or(self.policy.max).min(self.policy.max);
        let wait = ceiling.mul_f64(chance.clamp(0.0, 1.0));
        at_least.map_or(wait, |minimum| minimum.max(wait))
    }

    /// Same as [`Backoff::next`], with a ceiling of at most `max`. The ceiling does not grow beyond it: a failure of another
    /// kind then continues from there.
    pub fn next_within(&mut self, chance: f64, max: Duration) -> Duration {
        if self.ceiling.current_interval < max {
            let wait = self.next(chance, None);
            self.ceiling.current_interval = self.ceiling.current_interval.min(max);
            return wait;
        }
        self.failures = self.failures.saturating_add(1);
        max.mul_f64(chance.clamp(0.0, 1.0))
    }

    /// Returns the number of failures since the last [`Backoff::reset`].
    #[must_use]
    pub const fn failures(&self) -> u32 {
        self.failures
    }

    /// Restarts at the initial ceiling, after a success.
    pub fn reset(&mut self) {
        self.failures = 0;
        self.ceiling.reset();
    }
}

impl Clone for Backoff {
    fn clone(&self) -> Self {
        let ceiling = ExponentialBackoff {
            current_interval: self.ceiling.current_interval,
            initial_interval: self.ceiling.initial_interval,
            randomization_factor: self.ceiling.randomization_factor,
            multiplier: self.ceiling.multiplier,
            max_interval: self.ceiling.max_interval,
            start_time: self.ceiling.start_time,
            max_elapsed_time: self.ceiling.max_elapsed_time,
            clock: self.ceiling.clock,
        };
        Self { policy: self.policy, ceiling, failures: self.failures }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: BackoffPolicy = BackoffPolicy { initial: Duration::from_secs(1), max: Duration::from_secs(60) };

    #[test]
    fn backoff_ceiling_doubles_up_to_max() {
        let mut backoff = Backoff::new(POLICY);
        let secs: Vec<u64> = (0..9).map(|_| backoff.next(1.0, None).as_secs()).collect();
        assert_eq!(secs, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
        assert_eq!(backoff.failures(), 9);
    }

    #[test]
    fn next_with_any_chance_stays_within_ceiling() {
        let mut backoff = Backoff::new(POLICY);
        assert_eq!(backoff.next(0.25, None), Duration::from_millis(250));
        assert_eq!(backoff.next(7.0, None), Duration::from_secs(2));
        assert_eq!(backoff.next(-1.0, None), Duration::ZERO);
    }

    #[test]
    fn next_within_max_neither_exceeds_it_nor_grows_beyond_it() {
        let mut backoff = Backoff::new(POLICY);
        let max = Duration::from_secs(5);
        let secs: Vec<u64> = (0..6).map(|_| backoff.next_within(1.0, max).as_secs()).collect();
        assert_eq!((secs, backoff.failures()), (vec![1, 2, 4, 5, 5, 5], 6));
        let other: Vec<u64> = (0..4).map(|_| backoff.next(1.0, None).as_secs()).collect();
        assert_eq!(other, [5, 10, 20, 40]);
        assert_eq!(backoff.next_within(0.5, max), Duration::from_millis(2500));
        assert_eq!(backoff.next(1.0, None), Duration::from_secs(60), "an earlier growth is kept");
    }

    #[test]
    fn next_with_retry_after_is_never_shorter() {
        let mut backoff = Backoff::new(POLICY);
        assert_eq!(backoff.next(0.5, Some(Duration::from_secs(90))), Duration::from_secs(90));
        assert_eq!(backoff.next(1.0, Some(Duration::from_millis(1))), Duration::from_secs(2));
    }

    #[test]
    fn reset_restarts_growth_and_leaves_clones_unchanged() {
        let mut backoff = Backoff::new(POLICY);
        backoff.next(1.0, None);
        backoff.next(1.0, None);
        let mut clone = backoff.clone();
        backoff.reset();
        assert_eq!(backoff.next(1.0, None), Duration::from_secs(1));
        assert_eq!(clone.next(1.0, None), Duration::from_secs(4));
    }
}
