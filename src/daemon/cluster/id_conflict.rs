//! Decides when to report that another daemon has the id of this one. Reads no clock and no store.
#![cfg_attr(not(test), deny(clippy::disallowed_methods))]

use crate::outbox::RUN_TIMEOUT;
use std::time::Instant;

/// Another live run with the id of this daemon: an earlier run that was killed, or the daemon of a copied state directory.
#[derive(Debug, Default)]
pub struct IdConflict {
    since: Option<Instant>,
    is_reported: bool,
}

impl IdConflict {
    /// Records whether another run is live. Returns `true` once for each conflict, after the time in which an earlier run would
    /// count as ended.
    pub fn observe(&mut self, has_other_run: bool, now: Instant) -> bool {
        if !has_other_run {
            *self = Self::default();
            return false;
        }
        let since = *self.since.get_or_insert(now);
        let is_other_daemon = now.saturating_duration_since(since) > RUN_TIMEOUT;
        is_other_daemon && !std::mem::replace(&mut self.is_reported, true)
    }

    /// Returns whether the conflict was reported.
    #[must_use]
    pub const fn is_reported(&self) -> bool {
        self.is_reported
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn conflict_is_reported_once_and_a_killed_run_never() {
        let start = Instant::now();
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        let mut conflict = IdConflict::default();
        // A killed run counts as ended after 3 s.
        assert!([0, 1, 2, 3].iter().all(|second| !conflict.observe(true, at(*second))));
        assert!(!conflict.observe(false, at(4)) && !conflict.is_reported());
        assert!([5, 6, 7, 8].iter().all(|second| !conflict.observe(true, at(*second))));
        assert!(conflict.observe(true, at(9)) && conflict.is_reported());
        assert!(!conflict.observe(true, at(10)));
        assert!(!conflict.observe(false, at(11)) && !conflict.observe(true, at(12)));
        assert!(conflict.observe(true, at(16)));
    }
}
