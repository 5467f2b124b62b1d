//! The two times of the house. [`std::time::Instant`] measures inside the process; [`Timestamp`] is what is stored or
//! shown. They never mix: neither is ever computed from the other.

pub use jiff::Timestamp;
use serde::{Deserialize, Deserializer, de};
use std::time::{Duration, Instant};

/// A duration as people write it in the config: `"800ms"`, `"5 min"`, `"30d"`. A day is 24 hours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span(pub Duration);

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let meant = || de::Error::custom("no duration: write \"800ms\", \"5m\" or \"30d\"");
        let span: jiff::Span = text.parse().map_err(|_| meant())?;
        let length = span.to_duration(jiff::SpanRelativeTo::days_are_24_hours()).map_err(|_| meant())?;
        Duration::try_from(length).map(Self).map_err(|_| meant())
    }
}

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

/// `at` moved back by `age`, held at the beginning of time.
#[must_use]
pub fn before(at: Timestamp, age: Duration) -> Timestamp {
    at.checked_sub(age).unwrap_or(Timestamp::MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_written_as_people_write_it() {
        let read = |text: &str| serde_json::from_str::<Span>(&format!("{text:?}")).ok().map(|span| span.0.as_millis());
        assert_eq!(read("800ms"), Some(800));
        assert_eq!(read("5 min"), Some(300_000));
        assert_eq!(read("5m"), Some(300_000));
        assert_eq!(read("90d"), Some(90 * 86_400_000));
        assert_eq!(read("-5s"), None);
        assert_eq!(read("soon"), None);
    }
}
