//! Decides when a connection without a live lane raises an alert. Pure: `now` is an argument.

use std::time::{Duration, Instant};

/// Outage duration before an alert: 2 min. Retries are 1 min apart at most, so a longer outage needs attention.
const ALERT_AFTER: Duration = Duration::from_secs(120);

/// The outage of a connection, and whether its alert was raised.
#[derive(Debug)]
pub struct Deaf {
    since: Option<Instant>,
    alerted: bool,
}

impl Deaf {
    /// Creates the timer of a connection without a live lane.
    #[must_use]
    pub const fn new(now: Instant) -> Self {
        Self { since: Some(now), alerted: false }
    }

    /// Starts an outage; a running one continues.
    pub fn begin(&mut self, now: Instant) {
        self.since = self.since.or(Some(now));
    }

    /// Ends the outage. Returns whether its alert was raised, so that the end is worth an alert.
    pub fn end(&mut self) -> bool {
        self.since = None;
        std::mem::take(&mut self.alerted)
    }

    /// Cancels the timer: another alert covers this outage and its end.
    pub fn explained(&mut self) {
        self.since = None;
    }

    /// Returns when [`OutageTimer::fire`] is due; `None` without a pending alert.
    #[must_use]
    pub fn due(&self) -> Option<Instant> {
        self.since.filter(|_| !self.alerted).map(|since| since + ALERT_AFTER)
    }

    /// Returns true once, when the alert is due.
    pub fn tell(&mut self, now: Instant) -> bool {
        let is_due = self.due().is_some_and(|due| now >= due);
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
        let mut outage = Deaf::new(start);
        assert!(!outage.tell(at(119)));
        assert!(outage.tell(at(120)));
        assert!(!outage.tell(at(500)) && outage.due().is_none(), "once");
        outage.begin(at(600));
        assert!(!outage.tell(at(900)), "the outage continues");
        assert!(outage.end());
        assert!(!outage.end() && outage.due().is_none());
    }

    #[test]
    fn outage_short_or_suppressed_does_not_fire() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut outage = Deaf::new(start);
        assert!(!outage.end(), "the start of a daemon is no alert");
        outage.begin(at(10));
        assert!(!outage.end() && !outage.tell(at(500)));
        outage.begin(at(600));
        outage.explained();
        assert!(!outage.tell(at(900)) && !outage.end());
    }
}
