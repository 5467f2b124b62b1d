//! Decides whether the last owner of sinks posts to them while the shared database is away. Reads no clock and no store.
//!
//! # Problem
//! Without the store no daemon learns of a new owner. The daemon cannot distinguish a server that is away for all from a network
//! cut of its own host. In the first case no other daemon can claim its sinks; in the second case one does.
//!
//! # Decision
//! The owner goes on: a ring is of use for some seconds only, and a server that is away for all is the usual case. In a cut
//! cards are repeated, and none is lost or late. Two cases differ: after an interruption of the process, and with a store of a newer
//! version, another daemon probably owns the sinks.
//!
//! # Rejected
//! - The owner stops when its claim has expired, if others were live. In an outage for all, every owner stops, and every
//!   ring waits until the server is back. That is worse than a repetition.
//! - The reason decides (no route: a cut; refused: an outage). A server without power has no route for all, and a firewall
//!   refuses one host.
//! - The daemons exchange messages beside the database: a second network to configure, which is cut too.
#![cfg_attr(not(test), deny(clippy::disallowed_methods))]

use crate::runtime::postgres::PostgresFault;
use std::time::{Duration, Instant};

/// Time after an interruption of this process in which the last owned sinks get no posts without the shared database. Another
/// daemon may own them. The store is reached again in this time unless it is away.
const RETURN_TIME: Duration = Duration::from_secs(10);

/// The time without the shared database.
#[derive(Debug, Default)]
pub struct StoreOutage {
    /// Time until which the store must confirm the last owned sinks.
    unconfirmed_until: Option<Instant>,
    /// The store is of a newer version. Other reasons may follow, when its server goes away.
    is_newer: bool,
}

impl StoreOutage {
    /// Records an interruption of this process.
    pub fn interrupted(&mut self, now: Instant) {
        self.unconfirmed_until = Some(now + RETURN_TIME);
    }

    /// Records that the store answered.
    pub fn ended(&mut self) {
        *self = Self::default();
    }

    /// Returns whether this daemon posts to the sinks that it owned last. `fault`: why the store is away, if that is known.
    pub fn posts(&mut self, fault: Option<PostgresFault>, now: Instant) -> bool {
        self.is_newer |= fault == Some(PostgresFault::NewerSchema);
        !self.is_newer && self.unconfirmed_until.is_none_or(|until| until <= now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owner_posts_during_an_outage_but_not_beside_a_newer_version() {
        let now = Instant::now();
        let mut outage = StoreOutage::default();
        for fault in [None, Some(PostgresFault::Closed), Some(PostgresFault::NoRoute), Some(PostgresFault::Password)] {
            assert!(outage.posts(fault, now), "{fault:?}");
        }
        assert!(!outage.posts(Some(PostgresFault::NewerSchema), now));
        assert!(!outage.posts(Some(PostgresFault::Refused), now), "the server goes away");
        assert!(!outage.posts(None, now), "the disk fails");
        outage.ended();
        assert!(outage.posts(Some(PostgresFault::Refused), now));
    }

    #[test]
    fn interrupted_owner_waits_for_the_store_for_some_seconds() {
        let now = Instant::now();
        let mut outage = StoreOutage::default();
        outage.interrupted(now);
        let after = |seconds| now + Duration::from_secs(seconds);
        assert!(!outage.posts(Some(PostgresFault::Closed), after(9)));
        assert!(outage.posts(Some(PostgresFault::Closed), after(10)));
    }
}
