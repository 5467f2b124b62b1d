//! Opens and closes event gaps from the liveness of lanes. No clock, no I/O.
#![cfg_attr(not(test), deny(clippy::disallowed_methods))]

use crate::model::time::Timestamp;
use std::collections::BTreeMap;

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

/// Tracks the live lanes of a connection and its event gap. A gap is the time from the last frame of any lane until the first
/// frame of any. A lane covers the time from its opening to its last frame, not to the time at which it is declared dead.
#[derive(Debug)]
pub struct GapTracker {
    /// Live lanes with the time of their opening.
    live: BTreeMap<u8, Timestamp>,
    /// Latest time at which a lost lane certainly received.
    last_live_at: Option<Timestamp>,
    gap_start: Option<Timestamp>,
}

impl GapTracker {
    /// Creates a tracker without live lanes. `last_live_at`: last live time of an earlier run; `None` (first start)
    /// means no gap.
    #[must_use]
    pub fn new(last_live_at: Option<Timestamp>) -> Self {
        Self { live: BTreeMap::new(), last_live_at, gap_start: last_live_at }
    }

    /// Returns the start of the open gap.
    #[must_use]
    pub const fn open_since(&self) -> Option<Timestamp> {
        self.gap_start
    }

    /// Records that a lane is live from `now` on.
    pub fn lane_up(&mut self, lane: u8, now: Timestamp) -> Option<GapChange> {
        self.live.insert(lane, now);
        // A clock that was set back leads to an empty gap, not to a negative one.
        self.gap_start.take().map(|from| GapChange::Closed { from: from.min(now), to: now })
    }

    /// Records the loss of a lane that certainly received until `live_until`. Beside other live lanes the gap is closed
    /// already: those opened after the lost lane's last frame, so nothing was received in between.
    pub fn lane_down(&mut self, lane: u8, live_until: Timestamp) -> Option<GapChange> {
        self.live.remove(&lane)?;
        let latest = self.last_live_at.map_or(live_until, |before| before.max(live_until));
        self.last_live_at = Some(latest);
        match self.live.values().min() {
            Some(opened) if *opened <= latest => None,
            Some(opened) => Some(GapChange::Closed { from: latest, to: *opened }),
            None => {
                self.gap_start = Some(latest);
                Some(GapChange::Opened { since: latest })
            }
        }
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
    fn silent_lanes_leave_a_gap_although_one_was_reopened_in_between() {
        let mut tracker = GapTracker::new(None);
        tracker.lane_up(0, at(1));
        tracker.lane_up(1, at(2));
        // A NAT drops both sockets: the last frames are of 80 and 95, lane 0 is reopened at 101.
        assert_eq!(tracker.lane_down(0, at(80)), None, "lane 1 may have received");
        assert_eq!(tracker.lane_up(0, at(101)), None);
        assert_eq!(tracker.lane_down(1, at(95)), Some(GapChange::Closed { from: at(95), to: at(101) }));
        assert_eq!(tracker.lane_up(1, at(106)), None);
        assert_eq!(tracker.lane_down(0, at(110)), None, "lane 1 covers the time from 106 on");
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
