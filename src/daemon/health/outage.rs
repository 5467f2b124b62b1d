//! Decides when a connection without a live lane raises an alert. Pure: `now` is an argument.
#![cfg_attr(not(test), deny(clippy::disallowed_methods))]

use std::time::{Duration, Instant};

/// Outage duration before an alert: 2 min. Retries are 1 min apart at most, so a longer outage needs attention.
const ALERT_AFTER: Duration = Duration::from_secs(120);

/// The outage of a connection, and whether its alert was raised.
#[derive(Debug)]
pub struct OutageTimer {
    since: Option<Instant>,
    alerted: bool,
}

impl OutageTimer {
    /// Creates the timer of a connection without a live lane.
    #[must_use]
    pub const fn new(now: Instant) -> Self {
        Self { since: Some(now), alerted: false }
    }

    /// Starts an outage; a running one continues.
    pub fn start(&mut self, now: Instant) {
        self.since = self.since.or(Some(now));
    }

    /// Ends the outage. Returns whether its alert was raised, so that the end is worth an alert.
    pub fn end(&mut self) -> bool {
        self.since = None;
        std::mem::take(&mut self.alerted)
    }

    /// Cancels the timer: another alert covers this outage and its end.
    pub fn suppress(&mut self) {
        self.since = None;
    }

    /// Returns when [`OutageTimer::fire`] is due; `None` without a pending alert.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Instant> {
        self.since.filter(|_| !self.alerted).map(|since| since + ALERT_AFTER)
    }

    /// Returns true once, when the alert is due.
    pub fn fire(&mut self, now: Instant) -> bool {
        let is_due = self.next_deadline().is_some_and(|due| now >= due);
        self.alerted |= is_due;
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outage_fires_once_and_its_end_is_reported_once() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut outage = OutageTimer::new(start);
        assert!(!outage.fire(at(119)));
        assert!(outage.fire(at(120)));
        assert!(!outage.fire(at(500)) && outage.next_deadline().is_none(), "once");
        outage.start(at(600));
        assert!(!outage.fire(at(900)), "the outage continues");
        assert!(outage.end());
        assert!(!outage.end() && outage.next_deadline().is_none());
    }

    #[test]
    fn outage_short_or_suppressed_does_not_fire() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut outage = OutageTimer::new(start);
        assert!(!outage.end(), "the start of a daemon is no alert");
        outage.start(at(10));
        assert!(!outage.end() && !outage.fire(at(500)));
        outage.start(at(600));
        outage.suppress();
        assert!(!outage.fire(at(900)) && !outage.end());
    }
}
