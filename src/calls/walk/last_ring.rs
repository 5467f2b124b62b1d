//! Whom a call rang last: the owner of a mailbox that follows.

use super::Walk;
use crate::calls::{observation::Observation, parties::PartyId};

/// Whom a call rang last, without a pause.
#[derive(Debug, Clone, Default)]
pub(super) struct LastRing {
    pub(super) people: Vec<PartyId>,
    pub(super) in_queue: bool,
    /// No snapshot is missing since it began.
    pub(super) exact: bool,
}

impl Walk {
    /// `stopping`: who goes away and never talked, and so has rung, maybe in a snapshot that is missing.
    pub(super) fn ring(&mut self, seen: &Observation, ringing: &[PartyId], stopping: &[PartyId], follows: bool) {
        if !ringing.is_empty() && !self.was_ringing {
            self.last_ring = LastRing { exact: true, ..LastRing::default() };
        }
        self.was_ringing = !ringing.is_empty();
        self.last_ring.exact &= follows;
        for id in ringing {
            if !self.rang.contains(id) {
                self.rang.push(*id);
            }
            self.last_ring.in_queue |= seen.queue.is_some();
        }
        for id in ringing.iter().chain(stopping) {
            if !self.last_ring.people.contains(id) {
                self.last_ring.people.push(*id);
            }
        }
    }
}
