//! Waits of one sink between failed attempts, and between the probes of a disabled sink. Waits are short if nothing was
//! posted, and long if a message may have been posted. Pure.

use super::{response::PostResult, strikes::slow_wait};
use crate::{
    model::delivery::MAX_RETRY_AFTER,
    runtime::backoff::{Backoff, BackoffPolicy},
};
use std::time::Duration;

/// Probe interval of a disabled sink ("manual enable or every 1 h").
const PROBE_INTERVAL: Duration = Duration::from_secs(3600);
/// Probe interval after a probe without an HTTP response, equal to the maximum `Retry-After`: nothing was sent.
pub(super) const FAILED_PROBE_INTERVAL: Duration = MAX_RETRY_AFTER;
/// First probe interval of a sink whose URL redirects, doubled up to [`PROBE_INTERVAL`]: a network's login page redirects
/// as well, and disappears after the login.
const REDIRECT_PROBE_INTERVAL: Duration = Duration::from_secs(60);

/// Waits that grow until a success.
#[derive(Debug)]
pub(super) struct RetryWaits {
    backoff: Backoff,
    /// Attempts without an answer since the last success.
    unanswered: u32,
    /// Redirects since the last success.
    redirects: u32,
}

impl Default for RetryWaits {
    fn default() -> Self {
        Self { backoff: Backoff::new(BackoffPolicy::CHAT), unanswered: 0, redirects: 0 }
    }
}

impl RetryWaits {
    /// Returns the wait after a failure that posted nothing, at least half of its ceiling: several daemons return apart, and
    /// none immediately.
    pub(super) fn next(&mut self, chance: f64, at_least: Option<Duration>) -> Duration {
        self.backoff.next(chance.midpoint(1.0), at_least)
    }

    /// Returns the wait after an attempt that may have posted a message.
    pub(super) fn next_slow(&mut self, chance: f64, at_least: Option<Duration>) -> Duration {
        let wait = slow_wait(self.unanswered, chance);
        self.unanswered = self.unanswered.saturating_add(1);
        at_least.map_or(wait, |asked| asked.max(wait))
    }

    /// Returns the time until the next probe of a disabled sink.
    pub(super) fn next_probe(&mut self, answer: &PostResult) -> Duration {
        match answer.status() {
            None => FAILED_PROBE_INTERVAL,
            Some(300..=399) => {
                let interval = REDIRECT_PROBE_INTERVAL.saturating_mul(2_u32.saturating_pow(self.redirects));
                self.redirects = self.redirects.saturating_add(1);
                interval.min(PROBE_INTERVAL)
            }
            Some(_) => PROBE_INTERVAL,
        }
    }

    /// Starts again with the shortest waits, after a success.
    pub(super) fn reset(&mut self) {
        self.backoff.reset();
        (self.unanswered, self.redirects) = (0, 0);
    }
}
