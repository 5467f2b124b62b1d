//! Log throttle for repeated problems: the first one is logged, later ones are counted. Pure: time is an argument.

use std::{
    mem,
    time::{Duration, Instant},
};

/// Shortest time between two log lines. 10 min: a stream of malformed frames causes six lines an hour.
const LOG_INTERVAL: Duration = Duration::from_secs(600);

/// Throttle of one kind of problem.
#[derive(Debug, Clone, Copy, Default)]
pub struct LogThrottle {
    logged: Option<Instant>,
    suppressed: u64,
}

impl LogThrottle {
    /// Records an occurrence. Returns the number suppressed since the last log line if the caller should log now.
    pub fn record(&mut self, now: Instant) -> Option<u64> {
        if self.logged.is_some_and(|logged| now.saturating_duration_since(logged) < LOG_INTERVAL) {
            self.suppressed = self.suppressed.saturating_add(1);
            return None;
        }
        self.logged = Some(now);
        Some(mem::take(&mut self.suppressed))
    }

    /// Returns the time at which [`Self::take_suppressed`] has a count to log; `None` if nothing was suppressed.
    #[must_use]
    pub fn due(&self) -> Option<Instant> {
        self.logged.filter(|_| self.suppressed > 0).map(|logged| logged + LOG_INTERVAL)
    }

    /// Returns and resets the number of suppressed occurrences, once it is due.
    pub fn take_suppressed(&mut self, now: Instant) -> Option<u64> {
        self.due().filter(|due| *due <= now)?;
        self.logged = Some(now);
        Some(mem::take(&mut self.suppressed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_problem_is_logged_once_then_counted() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut throttle = LogThrottle::default();
        assert_eq!((throttle.record(at(0)), throttle.due()), (Some(0), None));
        assert_eq!((throttle.record(at(1)), throttle.record(at(599))), (None, None));
        assert_eq!((throttle.take_suppressed(at(599)), throttle.due()), (None, Some(at(600))));
        assert_eq!((throttle.take_suppressed(at(600)), throttle.due()), (Some(2), None));
        assert_eq!((throttle.record(at(601)), throttle.record(at(1300))), (None, Some(1)), "logged with the count");
    }
}
