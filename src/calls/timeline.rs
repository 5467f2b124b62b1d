//! The snapshots of a call in the order of their positions, whatever order they arrived in. Bounded.

use super::{
    observation::{Observation, QueueId},
    parties::PartyId,
    position::Position,
};

/// Snapshots kept for one call. The longest recorded call has 39; a call put on hold every minute reaches this after hours.
const MAX_OBSERVATIONS: usize = 256;

/// The snapshots of a call.
#[derive(Debug, Clone, Default)]
pub(super) struct Timeline {
    /// By position. A call is kept for minutes after its end, and a list has no unused places.
    seen: Vec<(Position, Observation)>,
    /// Whether snapshots were dropped: durations are then unknown.
    pub(super) overflowed: bool,
}

impl Timeline {
    /// Adds a snapshot. The first one of a position counts.
    pub(super) fn insert(&mut self, at: Position, observation: Observation) {
        let Err(place) = self.seen.binary_search_by_key(&at, |(position, _)| *position) else { return };
        self.seen.reserve_exact(1);
        self.seen.insert(place, (at, observation));
        if self.seen.len() > MAX_OBSERVATIONS {
            self.overflowed = true;
            // The middle is dropped: the beginning of a call and its present state matter most.
            self.seen.remove(MAX_OBSERVATIONS / 2);
        }
    }

    /// Adds the snapshots of another call, whose conversations come after `legs` others.
    pub(super) fn join(&mut self, other: Self, legs: usize, parties: &[Option<PartyId>], queues: &[Option<QueueId>]) {
        self.overflowed |= other.overflowed;
        for (at, observation) in other.seen {
            self.insert(at.behind(legs), observation.renumbered(parties, queues));
        }
    }

    /// Returns each snapshot with its position, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Position, &Observation)> {
        self.seen.iter().map(|(at, observation)| (*at, observation))
    }
}
