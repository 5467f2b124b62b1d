//! The two times of the house. [`std::time::Instant`] measures inside the process; [`Timestamp`] is what is stored or
//! shown. They never mix: neither is ever computed from the other.

pub use jiff::Timestamp;
use std::time::{Duration, Instant};

/// What time it is, on both clocks: the argument of decisions that need the one to wait and the other to show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// For deadlines and durations.
    pub tick: Instant,
    /// For what is stored or shown.
    pub clock: Timestamp,
}

impl Now {
    /// The time at the call: for loops, never for decisions.
    #[must_use]
    pub fn read() -> Self {
        Self { tick: Instant::now(), clock: Timestamp::now() }
    }
}

/// How long after `from` the moment `to` lies, zero if it lies before (wall clocks jump; a negative wait never helps).
#[must_use]
pub fn elapsed(from: Timestamp, to: Timestamp) -> Duration {
    Duration::try_from(to.duration_since(from)).unwrap_or(Duration::ZERO)
}

/// `at` moved on by `wait`, held at the end of time instead of overflowing.
#[must_use]
pub fn after(at: Timestamp, wait: Duration) -> Timestamp {
    at.checked_add(wait).unwrap_or(Timestamp::MAX)
}
