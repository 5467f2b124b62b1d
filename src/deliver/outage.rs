//! State transitions of one sink, and its time span without a successful post. Pure.

use std::time::{Duration, Instant};

/// Outage duration after which the operator gets an alert (15 min of 429 in a row, or of failures).
const ALERT_AFTER: Duration = Duration::from_secs(15 * 60);

/// A state transition, reported once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SinkTransition {
    /// First failure of a working sink.
    Failing,
    /// An outage ended before its alert.
    RecoveredEarly,
    /// Failing for longer than the alert delay.
    Unreachable,
    /// Throttled for longer than the alert delay.
    Throttled,
    /// The sink was disabled.
    Disabled,
    /// A reported outage ended.
    Recovered,
}

/// Time span without a successful post.
#[derive(Debug, Clone, Copy)]
pub struct Outage {
    since: Instant,
    /// Whether the sink fails; `false` means that it throttles.
    pub failing: bool,
    /// Requested waits in a row.
    pub waits: u32,
    /// Whether the operator got an alert.
    pub alerted: bool,
    is_new: bool,
}

impl Outage {
    /// Creates an outage with its first failure at `now`.
    #[must_use]
    pub const fn new(now: Instant) -> Self {
        Self { since: now, failing: false, waits: 0, alerted: false, is_new: true }
    }

    /// Counts a failure, or a throttled message. Returns the transition to report: the first failure, then the alert.
    pub fn on_failure(&mut self, failing: bool, now: Instant) -> Option<SinkTransition> {
        self.failing = failing;
        self.waits = if failing { 0 } else { self.waits.saturating_add(1) };
        let is_first = std::mem::take(&mut self.is_new);
        if !self.alerted && now.saturating_duration_since(self.since) >= ALERT_AFTER {
            self.alerted = true;
            return Some(if failing { SinkTransition::Unreachable } else { SinkTransition::Throttled });
        }
        is_first.then_some(SinkTransition::Failing)
    }
}
