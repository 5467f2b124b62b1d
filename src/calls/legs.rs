//! The conversations of a call: the received ones, and those that are only linked by their ids.

use super::{
    leg::{Leg, Receipt},
    position::Position,
};
use crate::model::{call::CallSnapshot, ids::ConversationSpaceId};

/// Most conversations of one call, and most linked ids. A call that is handed on more often becomes two.
const MAX_LEGS: usize = 8;
const MAX_LINKED: usize = 16;

/// The conversations of a call, in the order in which they joined it.
#[derive(Debug, Clone, Default)]
pub(super) struct Legs {
    received: Vec<Leg>,
    linked: Vec<ConversationSpaceId>,
}

/// Result of recording a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RecordResult {
    pub(super) receipt: Receipt,
    /// The hole to be fetched.
    pub(super) hole: Option<(u64, u64)>,
}

impl Legs {
    /// Returns the index of the conversation `id`, which is added if it is new.
    pub(super) fn place(&mut self, id: &ConversationSpaceId) -> usize {
        self.received.iter().position(|leg| leg.id == *id).unwrap_or_else(|| {
            self.received.push(Leg::new(id.clone()));
            self.received.len().saturating_sub(1)
        })
    }

    /// Returns the position of a snapshot by its number and time.
    pub(super) fn position(&mut self, event: &CallSnapshot) -> Position {
        let leg = self.place(&event.call);
        let run = self.received.get(leg).map_or(0, |leg| leg.run(event.state.at));
        Position { leg, run, sequence: event.state.sequence, twin: 0 }
    }

    /// Records that the numbers of the conversation of `at` began again with `event`, or before. Returns the new position of
    /// `event`.
    pub(super) fn restart(&mut self, at: Position, event: &CallSnapshot) -> Position {
        let leg = self.received.get_mut(at.leg);
        let may = leg.zip(event.state.at).is_some_and(|(leg, time)| leg.restart(at.run, time));
        Position { run: at.run.saturating_add(usize::from(may)), ..at }
    }

    /// Records a snapshot. A hole is fetched if its conversation has fetched fewer than `fetches`.
    pub(super) fn record(&mut self, at: Position, event: &CallSnapshot, fetches: u8) -> RecordResult {
        let Some(leg) = self.received.get_mut(at.leg) else {
            return RecordResult { receipt: Receipt::Known, hole: None };
        };
        let receipt = leg.record(at.run, &event.state);
        let hole = match receipt {
            Receipt::Newest { hole } => hole.filter(|_| leg.may_fetch(fetches)),
            Receipt::Late | Receipt::Known => None,
        };
        for linked in &event.linked {
            if self.linked.len() < MAX_LINKED && *linked != event.call && !self.linked.contains(linked) {
                self.linked.push(linked.clone());
            }
        }
        RecordResult { receipt, hole }
    }

    /// Records the report of a conversation. `complete`: with every snapshot.
    pub(super) fn report(&mut self, id: &ConversationSpaceId, complete: bool) {
        let at = self.place(id);
        if let Some(leg) = self.received.get_mut(at) {
            leg.report(complete);
        }
    }

    /// Records that GoTo announced the report of a conversation. Returns whether the report is to be fetched.
    pub(super) fn announce(&mut self, id: &ConversationSpaceId) -> bool {
        self.received.iter_mut().find(|leg| leg.id == *id).is_some_and(Leg::announce)
    }

    /// Adds the conversations of another call. Returns the index of the first of them.
    pub(super) fn join(&mut self, other: Self) -> usize {
        let at = self.received.len();
        self.received.extend(other.received);
        self.linked.extend(other.linked);
        self.linked.truncate(MAX_LINKED);
        at
    }

    /// Treats all conversations as over.
    pub(super) fn close(&mut self) {
        self.received.iter_mut().for_each(Leg::close);
    }

    /// Returns whether there is room for `more` conversations of another call.
    pub(super) fn has_room(&self, more: usize) -> bool {
        self.received.len().saturating_add(more) <= MAX_LEGS
    }

    /// Returns whether the conversation was received.
    pub(super) fn has(&self, id: &ConversationSpaceId) -> bool {
        self.ids().any(|leg| leg == id)
    }

    /// Returns the number of received conversations.
    pub(super) fn len(&self) -> usize {
        self.received.len()
    }

    /// Returns the ids of the received conversations.
    pub(super) fn ids(&self) -> impl Iterator<Item = &ConversationSpaceId> {
        self.received.iter().map(|leg| &leg.id)
    }

    /// Returns the ids linked to the call, received or not.
    pub(super) fn linked_ids(&self) -> impl Iterator<Item = &ConversationSpaceId> {
        self.linked.iter()
    }

    /// Returns the ids of the conversations without a full report.
    pub(super) fn unreported(&self) -> impl Iterator<Item = &ConversationSpaceId> {
        self.received.iter().filter(|leg| !leg.has_full_report()).map(|leg| &leg.id)
    }

    /// Returns whether all conversations are over.
    pub(super) fn are_over(&self) -> bool {
        self.received.iter().all(Leg::is_over)
    }

    /// Returns whether no snapshot is missing that could show an answer: every snapshot or the full report of every
    /// conversation was received.
    pub(super) fn are_conclusive(&self) -> bool {
        !self.received.is_empty() && self.received.iter().all(Leg::is_conclusive)
    }

    /// Returns whether the snapshot before `at` was received.
    pub(super) fn follows(&self, at: Position) -> bool {
        self.received.get(at.leg).is_some_and(|leg| leg.follows(at))
    }
}
