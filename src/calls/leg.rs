//! One conversation of a call: its received snapshots, and whether it is over. Reads no content.

pub(super) use super::sequence::Receipt;
use super::{position::Position, sequence::Sequence};
use crate::model::{
    call::{Phase, SnapshotState},
    ids::ConversationSpaceId,
    time::Timestamp,
};

/// Times that the numbers of one conversation may begin again. No recorded call does so.
const MAX_RUNS: usize = 4;

/// One conversation of a call.
#[derive(Debug, Clone)]
pub(super) struct Leg {
    pub(super) id: ConversationSpaceId,
    /// The received numbers, one set for each time at which they began again.
    runs: Vec<(Timestamp, Sequence)>,
    fetches: u8,
    /// Whether a snapshot before the end was received.
    opened: bool,
    /// Whether the newest snapshot is an end.
    ended: bool,
    /// Whether the report was received, full or not.
    reported: bool,
    /// Whether the full report was received, with every snapshot.
    complete: bool,
    /// Whether the report was requested because GoTo announced it.
    announced: bool,
}

impl Leg {
    /// Creates a conversation without a received snapshot.
    pub(super) fn new(id: ConversationSpaceId) -> Self {
        Self {
            id,
            runs: vec![(Timestamp::MIN, Sequence::default())],
            fetches: 0,
            opened: false,
            ended: false,
            reported: false,
            complete: false,
            announced: false,
        }
    }

    /// Returns the run of a snapshot that was taken at `at`.
    pub(super) fn run(&self, at: Option<Timestamp>) -> usize {
        let begun = |at: Timestamp| self.runs.iter().rposition(|(since, _)| *since <= at);
        at.and_then(begun).unwrap_or(self.runs.len().saturating_sub(1))
    }

    /// Records that the numbers began again at `at`. Returns whether there is a run after `run` from then on.
    pub(super) fn restart(&mut self, run: usize, at: Timestamp) -> bool {
        if let Some((since, _)) = self.runs.get_mut(run.saturating_add(1)) {
            *since = at.min(*since);
            return true;
        }
        let may = self.runs.len() < MAX_RUNS;
        if may {
            self.runs.push((at, Sequence::default()));
        }
        may
    }

    /// Records a snapshot of a run. Only the newest decides whether the conversation is over.
    pub(super) fn record(&mut self, run: usize, state: &SnapshotState) -> Receipt {
        let is_last = run.saturating_add(1) == self.runs.len();
        let Some((_, sequence)) = self.runs.get_mut(run) else { return Receipt::Known };
        let receipt = match sequence.record(state.sequence) {
            Receipt::Newest { .. } if !is_last => Receipt::Late,
            receipt => receipt,
        };
        if receipt != Receipt::Known {
            self.opened |= state.phase != Phase::Ending;
        }
        if matches!(receipt, Receipt::Newest { .. }) {
            self.ended = state.phase == Phase::Ending;
        }
        receipt
    }

    /// Records the report: GoTo reports ended conversations only. `complete`: with every snapshot.
    pub(super) fn report(&mut self, complete: bool) {
        self.reported = true;
        self.complete |= complete;
    }

    /// Records that GoTo announced the report. Returns whether the report is to be fetched.
    pub(super) fn announce(&mut self) -> bool {
        !self.complete && !std::mem::replace(&mut self.announced, true)
    }

    /// Returns whether a hole may be fetched, and counts the fetch. GoTo answers 404 for a conversation that is over.
    pub(super) fn may_fetch(&mut self, most: u8) -> bool {
        let may = !self.is_over() && self.fetches < most;
        self.fetches = self.fetches.saturating_add(u8::from(may));
        may
    }

    /// Returns whether the conversation is over.
    pub(super) fn is_over(&self) -> bool {
        self.ended || self.reported
    }

    /// Treats the conversation as over: its end was lost.
    pub(super) fn close(&mut self) {
        self.ended = true;
    }

    /// Returns whether no snapshot is missing that could show an answer.
    pub(super) fn is_conclusive(&self) -> bool {
        self.complete || self.is_complete()
    }

    /// Returns whether the full report was received.
    pub(super) fn has_full_report(&self) -> bool {
        self.complete
    }

    /// Returns whether every snapshot was received.
    pub(super) fn is_complete(&self) -> bool {
        self.opened && self.ended && self.runs.iter().all(|(_, sequence)| sequence.is_complete())
    }

    /// Returns whether the snapshot before `at` was received, so that `at` is the time of a change.
    pub(super) fn follows(&self, at: Position) -> bool {
        self.complete || self.runs.get(at.run).is_some_and(|(_, sequence)| sequence.follows(at.sequence))
    }
}
