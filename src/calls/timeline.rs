//! The snapshots of a call in the order of their positions, whatever order they arrived in. Bounded.

use super::{
    observation::{Observation, QueueId},
    parties::PartyId,
    position::Position,
};
use crate::model::time::Timestamp;

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

    /// Returns the snapshots with the number of a position.
    pub(super) fn twins(&self, at: Position) -> impl Iterator<Item = &Observation> {
        let is_twin = move |known: &Position| Position { twin: 0, ..*known } == Position { twin: 0, ..at };
        self.seen.iter().filter(move |(known, _)| is_twin(known)).map(|(_, seen)| seen)
    }

    /// Returns the highest number of a position's run, and the time of the newest snapshot of the run.
    pub(super) fn newest(&self, at: Position) -> Option<(u64, Timestamp)> {
        let run = || self.seen.iter().filter(|(known, _)| (known.leg, known.run) == (at.leg, at.run));
        Some((run().next_back()?.0.sequence, run().map(|(_, seen)| seen.at).max()?))
    }

    /// Replaces the snapshots of a conversation by those of its report. What the report lacks is kept.
    pub(super) fn replace(&mut self, leg: usize, ordered: Vec<(Position, Observation)>) {
        let is_reported =
            |seen: &Observation| ordered.iter().any(|(_, known)| known.at == seen.at && known.is_like(seen));
        let old: Vec<_> = self.seen.extract_if(.., |(at, _)| at.leg == leg).collect();
        let lacking: Vec<_> = old.into_iter().filter(|(_, seen)| !is_reported(seen)).collect();
        for (at, seen) in ordered {
            self.insert(at, seen);
        }
        for (at, seen) in lacking {
            let twin = self.twins(at).count();
            self.insert(Position { twin, ..at }, seen);
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
