//! One conversation of a call: how much of it was heard, and whether it is over. Says nothing of what happened in it.

pub(super) use super::sequence::Heard;
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
    asked: u8,
    /// A snapshot before its end was heard.
    opened: bool,
    /// Its newest snapshot says that it is over.
    ended: bool,
    reported: bool,
}

impl Leg {
    /// A conversation of which nothing was heard.
    pub(super) fn new(id: ConversationSpaceId) -> Self {
        Self { id, sequence: Sequence::default(), asked: 0, opened: false, ended: false, reported: false }
    }

    /// Takes note of a snapshot. Only the newest decides whether the conversation is over.
    pub(super) fn hear(&mut self, state: &SnapshotState) -> Heard {
        let heard = self.sequence.hear(state.sequence);
        if heard != Heard::Known {
            self.opened |= state.phase != Phase::Ending;
        }
        if matches!(heard, Heard::Newest { .. }) {
            self.ended = state.phase == Phase::Ending;
        }
        heard
    }

    /// Takes note of its report: there is one of ended conversations only.
    pub(super) fn report(&mut self) {
        self.reported = true;
    }

    /// Whether a hole may be asked for, counted as if it were. Of a conversation that is over the API tells nothing.
    pub(super) fn may_ask(&mut self, most: u8) -> bool {
        let may = !self.is_over() && self.asked < most;
        self.asked = self.asked.saturating_add(u8::from(may));
        may
    }

    /// Whether it is over.
    pub(super) fn is_over(&self) -> bool {
        self.ended || self.reported
    }

    /// Whether its report came.
    pub(super) fn is_reported(&self) -> bool {
        self.reported
    }

    /// Whether nothing of it is missing that could show an answer.
    pub(super) fn is_sure(&self) -> bool {
        self.reported || self.was_heard()
    }

    /// Whether every snapshot of it was heard.
    pub(super) fn was_heard(&self) -> bool {
        self.opened && self.sequence.is_complete()
    }

    /// Whether the snapshot before `number` was heard, so that `number` shows when something happened.
    pub(super) fn follows(&self, number: u64) -> bool {
        self.sequence.follows(number)
    }
}
