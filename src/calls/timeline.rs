//! The snapshots of a call in the order of their positions, whatever order they arrived in. Bounded.

use super::{
    observation::{Observation, QueueId},
    parties::PartyId,
    position::Position,
};
use std::collections::BTreeMap;

/// Snapshots kept of one call. The longest call seen has 39; a call put on hold every minute reaches this after hours.
const MAX_OBSERVATIONS: usize = 256;

/// The snapshots of a call.
#[derive(Debug, Clone, Default)]
pub(super) struct Timeline {
    seen: BTreeMap<Position, Observation>,
    /// Snapshots were dropped: durations are not known any more.
    pub(super) overflowed: bool,
}

impl Timeline {
    /// Adds a snapshot. The first one of a position counts.
    pub(super) fn insert(&mut self, at: Position, observation: Observation) {
        self.seen.entry(at).or_insert(observation);
        while self.seen.len() > MAX_OBSERVATIONS {
            self.overflowed = true;
            // The middle goes: how a call began and what it is now matter most.
            let middle = self.seen.keys().nth(MAX_OBSERVATIONS / 2).copied();
            if middle.and_then(|middle| self.seen.remove(&middle)).is_none() {
                return;
            }
        }
    }

    /// Adds the snapshots of another call, whose conversations come after `legs` others.
    pub(super) fn join(&mut self, other: Self, legs: usize, parties: &[Option<PartyId>], queues: &[Option<QueueId>]) {
        self.overflowed |= other.overflowed;
        for (at, observation) in other.seen {
            self.insert(at.behind(legs), observation.renumbered(parties, queues));
        }
    }

    /// Each snapshot with its position, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Position, &Observation)> {
        self.seen.iter().map(|(at, observation)| (*at, observation))
    }
}
