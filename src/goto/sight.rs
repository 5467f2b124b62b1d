//! Whether anybody hears: from lanes that are live or not, when a blind window opens and closes. No clock, no I/O.

use crate::model::time::Timestamp;
use std::collections::BTreeSet;

/// What a lane's coming or going means for the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// The last lane went.
    Blind {
        /// The last moment at which a call would surely have been heard.
        since: Timestamp,
    },
    /// The first lane is back.
    Sighted {
        /// When the window began.
        from: Timestamp,
        /// When it ended.
        to: Timestamp,
    },
}

/// Which lanes hear, and since when none does.
#[derive(Debug)]
pub struct Sight {
    live: BTreeSet<u8>,
    /// The latest moment up to which a lane that is lost surely heard.
    heard: Option<Timestamp>,
    blind: Option<Timestamp>,
}

impl Sight {
    /// At start no lane hears. `deaf_since`: the last time an earlier run heard; without it there was none, and nothing
    /// is missed.
    #[must_use]
    pub fn new(deaf_since: Option<Timestamp>) -> Self {
        Self { live: BTreeSet::new(), heard: deaf_since, blind: deaf_since }
    }

    /// Since when nobody hears, if a window is open.
    #[must_use]
    pub const fn blind_since(&self) -> Option<Timestamp> {
        self.blind
    }

    /// A lane hears from `now` on.
    pub fn live(&mut self, lane: u8, now: Timestamp) -> Option<Change> {
        self.live.insert(lane);
        // A clock that was set back makes the window empty, not negative.
        self.blind.take().map(|from| Change::Sighted { from: from.min(now), to: now })
    }

    /// A lane that surely heard up to `heard` does not any more.
    pub fn lost(&mut self, lane: u8, heard: Timestamp) -> Option<Change> {
        if !self.live.remove(&lane) {
            return None;
        }
        let latest = self.heard.map_or(heard, |before| before.max(heard));
        self.heard = Some(latest);
        if !self.live.is_empty() {
            return None;
        }
        self.heard = None;
        self.blind = Some(latest);
        Some(Change::Blind { since: latest })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn one_live_lane_is_enough_and_the_last_to_hear_opens_the_window() {
        let mut sight = Sight::new(None);
        assert_eq!(sight.live(0, at(1)), None, "a first start has missed nothing");
        assert_eq!(sight.live(1, at(2)), None);
        assert_eq!(sight.lost(1, at(10)), None);
        assert_eq!(sight.lost(1, at(11)), None, "lost twice is lost once");
        assert_eq!(sight.lost(0, at(8)), Some(Change::Blind { since: at(10) }), "lane 1 heard longer");
        assert_eq!(sight.blind_since(), Some(at(10)));
        assert_eq!(sight.live(1, at(15)), Some(Change::Sighted { from: at(10), to: at(15) }));
        assert_eq!(sight.live(0, at(16)), None);
    }

    #[test]
    fn a_window_reaches_back_to_an_earlier_run() {
        let mut sight = Sight::new(Some(at(100)));
        assert_eq!(sight.blind_since(), Some(at(100)));
        assert_eq!(sight.live(0, at(160)), Some(Change::Sighted { from: at(100), to: at(160) }));
    }

    #[test]
    fn a_clock_set_back_makes_an_empty_window() {
        let mut sight = Sight::new(Some(at(100)));
        assert_eq!(sight.live(0, at(40)), Some(Change::Sighted { from: at(40), to: at(40) }));
    }
}
