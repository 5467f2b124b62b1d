//! Opens and closes event gaps from the liveness of lanes. No clock, no I/O.
#![cfg_attr(not(test), deny(clippy::disallowed_methods))]

use crate::model::time::Timestamp;
use std::collections::BTreeSet;

/// Change of the connection's event gap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GapChange {
    /// The last live lane was lost.
    Opened {
        /// Last time at which a call would certainly have been received.
        since: Timestamp,
    },
    /// A lane is live again.
    Closed {
        /// Start of the gap.
        from: Timestamp,
        /// End of the gap.
        to: Timestamp,
    },
}

/// Tracks the live lanes of a connection and its event gap.
#[derive(Debug)]
pub struct GapTracker {
    live: BTreeSet<u8>,
    /// Latest time at which a lost lane was certainly live.
    last_live_at: Option<Timestamp>,
    gap_start: Option<Timestamp>,
}

impl GapTracker {
    /// Creates a tracker without live lanes. `last_live_at`: last live time of an earlier run; `None` (first start)
    /// means no gap.
    #[must_use]
    pub fn new(last_live_at: Option<Timestamp>) -> Self {
        Self { live: BTreeSet::new(), last_live_at, gap_start: last_live_at }
    }

    /// Returns the start of the open gap.
    #[must_use]
    pub const fn open_since(&self) -> Option<Timestamp> {
        self.gap_start
    }

    /// Records that a lane is live from `now` on.
    pub fn lane_up(&mut self, lane: u8, now: Timestamp) -> Option<GapChange> {
        self.live.insert(lane);
        // A clock that was set back leads to an empty gap, not to a negative one.
        self.gap_start.take().map(|from| GapChange::Closed { from: from.min(now), to: now })
    }

    /// Records the loss of a lane that was certainly live until `live_until`.
    pub fn lane_down(&mut self, lane: u8, live_until: Timestamp) -> Option<GapChange> {
        if !self.live.remove(&lane) {
            return None;
        }
        let latest = self.last_live_at.map_or(live_until, |before| before.max(live_until));
        self.last_live_at = Some(latest);
        if !self.live.is_empty() {
            return None;
        }
        self.last_live_at = None;
        self.gap_start = Some(latest);
        Some(GapChange::Opened { since: latest })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn gap_opens_with_last_lost_lane_and_closes_with_first_live() {
        let mut tracker = GapTracker::new(None);
        assert_eq!(tracker.lane_up(0, at(1)), None, "first start must have no gap");
        assert_eq!(tracker.lane_up(1, at(2)), None);
        assert_eq!(tracker.lane_down(1, at(10)), None);
        assert_eq!(tracker.lane_down(1, at(11)), None, "second loss must have no effect");
        assert_eq!(
            tracker.lane_down(0, at(8)),
            Some(GapChange::Opened { since: at(10) }),
            "gap must start at the later live time, of lane 1"
        );
        assert_eq!(tracker.open_since(), Some(at(10)));
        assert_eq!(tracker.lane_up(1, at(15)), Some(GapChange::Closed { from: at(10), to: at(15) }));
        assert_eq!(tracker.lane_up(0, at(16)), None);
    }

    #[test]
    fn gap_starts_at_last_live_time_of_earlier_run() {
        let mut tracker = GapTracker::new(Some(at(100)));
        assert_eq!(tracker.open_since(), Some(at(100)));
        assert_eq!(tracker.lane_up(0, at(160)), Some(GapChange::Closed { from: at(100), to: at(160) }));
    }

    #[test]
    fn gap_with_clock_set_back_is_empty() {
        let mut tracker = GapTracker::new(Some(at(100)));
        assert_eq!(tracker.lane_up(0, at(40)), Some(GapChange::Closed { from: at(40), to: at(40) }));
    }
}
