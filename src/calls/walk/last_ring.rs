//! The parties whose phones rang last: one of them owns a mailbox that follows.

use super::Walk;
use crate::calls::{observation::Observation, parties::PartyId};

/// The parties whose phones rang last, without a pause.
#[derive(Debug, Clone, Default)]
pub(super) struct LastRing {
    pub(super) people: Vec<PartyId>,
    pub(super) in_queue: bool,
    /// Whether no snapshot is missing since the first ring.
    pub(super) exact: bool,
}

impl Walk {
    /// Records the ringing parties of a snapshot. `stopping`: parties that leave without a talk, and so have rung, maybe in a
    /// missing snapshot.
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
