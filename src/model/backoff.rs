//! How long to wait before trying again. The one place that knows the `backoff` crate: it grows the ceiling; the chance
//! (full jitter), the cap and the forgetting are ours, because the crate draws its own random numbers and applies its
//! jitter after the cap. The crate is unmaintained (RUSTSEC-2025-0012); replacing it is a change of this file.

use backoff::{Clock, backoff::Backoff as _, exponential::ExponentialBackoff};
use std::time::{Duration, Instant};

/// How waits grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// Ceiling of the first wait.
    pub first: Duration,
    /// Ceiling of every wait.
    pub longest: Duration,
}

impl Policy {
    /// Towards GoTo: 1 s doubling to 60 s (its demo waits a fixed 10 s; "backoff 1…60 s" of the reference).
    pub const UPSTREAM: Self = Self { first: Duration::from_secs(1), longest: Duration::from_secs(60) };
    /// Towards a chat: 1 s·2ⁿ, at most 60 s.
    pub const CHAT: Self = Self { first: Duration::from_secs(1), longest: Duration::from_secs(60) };
}

/// The waits of one thing that fails, growing until [`Waits::forget`].
#[derive(Debug)]
pub struct Waits {
    policy: Policy,
    ceiling: ExponentialBackoff<Still>,
    failures: u32,
}

/// The crate asks the time for its give-up limit, which a daemon does not have: a clock that stands still.
#[derive(Debug, Clone, Copy)]
struct Still(Instant);

impl Clock for Still {
    fn now(&self) -> Instant {
        self.0
    }
}

impl Waits {
    /// Nothing has failed yet.
    #[must_use]
    pub fn new(policy: Policy) -> Self {
        let start = Instant::now();
        let ceiling = ExponentialBackoff {
            current_interval: policy.first,
            initial_interval: policy.first,
            randomization_factor: 0.0,
            multiplier: 2.0,
            max_interval: policy.longest,
            start_time: start,
            max_elapsed_time: None,
            clock: Still(start),
        };
        Self { policy, ceiling, failures: 0 }
    }

    /// The wait after one more failure: full jitter, `chance` in 0..1 times the ceiling, but never less than what the
    /// other side asked for (`at_least`, its Retry-After).
    pub fn next(&mut self, chance: f64, at_least: Option<Duration>) -> Duration {
        self.failures = self.failures.saturating_add(1);
        let ceiling = self.ceiling.next_backoff().unwrap_or(self.policy.longest).min(self.policy.longest);
        let wait = ceiling.mul_f64(chance.clamp(0.0, 1.0));
        at_least.map_or(wait, |asked| asked.max(wait))
    }

    /// Failures since the last [`Waits::forget`].
    #[must_use]
    pub const fn failures(&self) -> u32 {
        self.failures
    }

    /// The link has held: start small again.
    pub fn forget(&mut self) {
        self.failures = 0;
        self.ceiling.reset();
    }
}

impl Clone for Waits {
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

    const P: Policy = Policy { first: Duration::from_secs(1), longest: Duration::from_secs(60) };

    #[test]
    fn ceilings_double_up_to_the_longest() {
        let mut waits = Waits::new(P);
        let seen: Vec<u64> = (0..9).map(|_| waits.next(1.0, None).as_secs()).collect();
        assert_eq!(seen, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
        assert_eq!(waits.failures(), 9);
    }

    #[test]
    fn chance_shrinks_a_wait_and_never_lifts_it_over_the_ceiling() {
        let mut waits = Waits::new(P);
        assert_eq!(waits.next(0.25, None), Duration::from_millis(250));
        assert_eq!(waits.next(7.0, None), Duration::from_secs(2));
        assert_eq!(waits.next(-1.0, None), Duration::ZERO);
    }

    #[test]
    fn what_the_other_side_asks_for_is_a_lower_bound() {
        let mut waits = Waits::new(P);
        assert_eq!(waits.next(0.5, Some(Duration::from_secs(90))), Duration::from_secs(90));
        assert_eq!(waits.next(1.0, Some(Duration::from_millis(1))), Duration::from_secs(2));
    }

    #[test]
    fn a_link_that_held_is_forgiven_and_a_clone_goes_its_own_way() {
        let mut waits = Waits::new(P);
        waits.next(1.0, None);
        waits.next(1.0, None);
        let mut twin = waits.clone();
        waits.forget();
        assert_eq!(waits.next(1.0, None), Duration::from_secs(1));
        assert_eq!(twin.next(1.0, None), Duration::from_secs(4));
    }
}
