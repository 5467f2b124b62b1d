//! Time types. [`std::time::Instant`] measures inside the process; [`Timestamp`] is stored or displayed. Neither is ever
//! computed from the other.

use jiff::SignedDuration;
pub use jiff::Timestamp;
use serde::{Deserialize, Deserializer, de};
use std::time::{Duration, Instant};

/// A duration as written in the config: `"800ms"`, `"5 min"`, `"30d"`. A day is 24 hours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HumanDuration(pub Duration);

impl<'de> Deserialize<'de> for HumanDuration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let invalid = || de::Error::custom("expected a duration such as \"800ms\", \"5m\" or \"30d\"");
        let span: jiff::Span = text.parse().map_err(|_| invalid())?;
        let length = span.to_duration(jiff::SpanRelativeTo::days_are_24_hours()).map_err(|_| invalid())?;
        Duration::try_from(length).map(Self).map_err(|_| invalid())
    }
}

/// Current time on both clocks, for decisions that compute waits and also store or display a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// Monotonic time, for deadlines and durations.
    pub instant: Instant,
    /// Wall-clock time, for storage and display.
    pub timestamp: Timestamp,
}

impl Now {
    /// Reads both clocks. For I/O loops only; decisions take a `Now` as an argument.
    #[must_use]
    pub fn current() -> Self {
        #[cfg(test)]
        if let Some(virtual_now) = Self::virtual_now() {
            return virtual_now;
        }
        Self { instant: Instant::now(), timestamp: Timestamp::now() }
    }

    /// Returns the time of a test whose tokio clock is ahead of the real one (`tokio::time::advance`).
    #[cfg(test)]
    fn virtual_now() -> Option<Self> {
        let (virtual_instant, real) = (tokio::time::Instant::now().into_std(), Instant::now());
        let ahead = virtual_instant.checked_duration_since(real)?;
        (ahead > Duration::from_millis(1))
            .then(|| Self { instant: virtual_instant, timestamp: after(Timestamp::now(), ahead) })
    }
}

/// The clock of a server, derived from one of its answers. The clock continues by monotonic time: a step of the local clock
/// does not move it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServerClock {
    /// The server's time minus the local time of the answer.
    pub offset: SignedDuration,
    /// Local time of the answer.
    pub learned: Now,
}

impl ServerClock {
    /// Returns the server's time.
    #[must_use]
    pub fn time(&self, now: Instant) -> Timestamp {
        let learned = self.learned.timestamp;
        let then = learned.checked_add(self.offset).unwrap_or(learned);
        after(then, now.saturating_duration_since(self.learned.instant))
    }

    /// Returns the earliest and the latest time of the server at a local time: by the wall clock and by monotonic time. The
    /// two differ if the wall clock was set, or the machine slept, between that time and the measurement.
    #[must_use]
    pub fn bounds(&self, at: Now) -> (Timestamp, Timestamp) {
        let server_time = |local: Timestamp| local.checked_add(self.offset).unwrap_or(local);
        let (learned, by_wall) = (server_time(self.learned.timestamp), server_time(at.timestamp));
        let by_instant = match at.instant.checked_duration_since(self.learned.instant) {
            Some(later) => after(learned, later),
            None => before(learned, self.learned.instant.saturating_duration_since(at.instant)),
        };
        (by_wall.min(by_instant), by_wall.max(by_instant))
    }
}

/// Returns the time from `from` to `to`, zero if `to` is earlier (wall clocks jump, and a wait cannot be negative).
#[must_use]
pub fn elapsed(from: Timestamp, to: Timestamp) -> Duration {
    Duration::try_from(to.duration_since(from)).unwrap_or(Duration::ZERO)
}

/// Returns `at` plus `wait`, saturating at [`Timestamp::MAX`].
#[must_use]
pub fn after(at: Timestamp, wait: Duration) -> Timestamp {
    at.checked_add(wait).unwrap_or(Timestamp::MAX)
}

/// Returns `at` minus `age`, saturating at [`Timestamp::MIN`].
#[must_use]
pub fn before(at: Timestamp, age: Duration) -> Timestamp {
    at.checked_sub(age).unwrap_or(Timestamp::MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn server_time_has_bounds_after_a_step_or_a_sleep_only() {
        let start = Instant::now();
        let at = |monotonic: u64, wall: i64| Now {
            instant: start + Duration::from_secs(monotonic),
            timestamp: Timestamp::from_second(1_800_000_000 + wall).unwrap(),
        };
        let clock = ServerClock { offset: SignedDuration::from_hours(-2), learned: at(100, 7_300) };
        let bounds = |now| {
            let (earliest, latest) = clock.bounds(now);
            (earliest.as_second() - 1_800_000_000, latest.as_second() - 1_800_000_000)
        };
        assert_eq!(bounds(at(160, 7_360)), (160, 160));
        assert_eq!(bounds(at(40, 7_240)), (40, 40), "a time before the measurement");
        assert_eq!(bounds(at(40, 3_640)), (-3_560, 40), "the machine slept for an hour before the measurement");
        assert_eq!(bounds(at(160, 160)), (-7_040, 160), "the wall clock was set back");
        assert_eq!(bounds(at(160, 10_960)), (160, 3_760), "the machine slept after the measurement");
    }

    #[test]
    fn human_duration_parses_common_spellings() {
        let millis = |text: &str| {
            serde_json::from_str::<HumanDuration>(&format!("{text:?}")).ok().map(|span| span.0.as_millis())
        };
        assert_eq!(millis("800ms"), Some(800));
        assert_eq!(millis("5 min"), Some(300_000));
        assert_eq!(millis("5m"), Some(300_000));
        assert_eq!(millis("90d"), Some(90 * 86_400_000));
        assert_eq!(millis("-5s"), None);
        assert_eq!(millis("soon"), None);
    }
}
