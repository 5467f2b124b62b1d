//! The parties whose phones rang last: one of them owns a mailbox that follows.

use super::{Walk, party_states::PartyStates};
use crate::calls::{
    observation::{Observation, PartyState},
    parties::PartyId,
};

/// The parties whose phones rang last, without a pause.
#[derive(Debug, Clone, Default)]
pub(super) struct LastRing {
    pub(super) people: Vec<PartyId>,
    pub(super) in_queue: bool,
    /// Whether no snapshot is missing since the first ring.
    pub(super) exact: bool,
}

impl Walk {
    /// Records the ringing parties of a snapshot. Parties that leave without a talk have rung, maybe in a missing snapshot.
    pub(super) fn ring(&mut self, seen: &Observation, states: &PartyStates<'_>, follows: bool) {
        let hands_on = matches!(states.served, Some(PartyState::Transfer(_))) && !self.talks.is_transferring();
        if hands_on || matches!(states.served, Some(PartyState::OnHold { .. })) {
            // A talk was before this, in a snapshot that may be missing.
            (self.last_ring, self.was_ringing) = (LastRing::default(), false);
        }
        let stopping = states.leaving.iter().filter(|id| !self.talks.has(**id));
        let ringing = &states.ringing;
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
