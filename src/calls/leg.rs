//! One conversation of a call: its received snapshots, and whether it is over. Reads no content.

pub(super) use super::sequence::Receipt;
use super::sequence::Sequence;
use crate::model::{
    call::{Phase, SnapshotState},
    ids::ConversationSpaceId,
};

/// One conversation of a call.
#[derive(Debug, Clone)]
pub(super) struct Leg {
    pub(super) id: ConversationSpaceId,
    sequence: Sequence,
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
            sequence: Sequence::default(),
            fetches: 0,
            opened: false,
            ended: false,
            reported: false,
            complete: false,
            announced: false,
        }
    }

    /// Records a snapshot. Only the newest decides whether the conversation is over.
    pub(super) fn record(&mut self, state: &SnapshotState) -> Receipt {
        let receipt = self.sequence.record(state.sequence);
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
        self.opened && self.ended && self.sequence.is_complete()
    }

    /// Whether the snapshot before `number` was received, so that `number` is the time of a change.
    pub(super) fn follows(&self, number: u64) -> bool {
        self.complete || self.sequence.follows(number)
    }
}
