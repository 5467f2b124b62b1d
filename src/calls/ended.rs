//! Calls that ended recently. Late snapshots and reports may complete their outcome, and duplicates start no new call.
//! Bounded by age and number.

use super::{Limits, identity::caller, tracked_call::TrackedCall};
use crate::model::{call::CallSnapshot, ids::ConversationSpaceId};
use std::{
    collections::{HashMap, HashSet, VecDeque},
    time::Instant,
};

/// Entry of an ended conversation.
#[derive(Debug)]
pub(super) struct EndedConversation {
    /// The call of the conversation.
    pub(super) call: ConversationSpaceId,
    /// Whether a person had answered that call.
    pub(super) answered: bool,
    /// The first snapshot of one that counts as a consultation only because of who began it.
    pub(super) guess: Option<Box<CallSnapshot>>,
}

/// The ended conversations and calls.
#[derive(Debug, Default)]
pub(super) struct EndedCalls {
    legs: HashMap<ConversationSpaceId, EndedConversation>,
    /// Ended calls with their facts, stored as long as their first conversation, and at most [`Limits::ended_facts`] and
    /// [`Limits::incomplete_facts`].
    calls: HashMap<ConversationSpaceId, Box<TrackedCall>>,
    /// The ids of `calls`, in the order of their end. Some may be of calls that were removed.
    facts_order: VecDeque<ConversationSpaceId>,
    /// The ids of older `calls` that lack snapshots, likewise.
    incomplete_order: VecDeque<ConversationSpaceId>,
    /// Unknown calls whose report was requested.
    requested: HashSet<ConversationSpaceId>,
    /// All entries in the order of their end.
    order: VecDeque<(Instant, ConversationSpaceId)>,
}

impl EndedCalls {
    /// Returns whether a conversation ended recently.
    pub(super) fn contains(&self, id: &ConversationSpaceId) -> bool {
        self.legs.contains_key(id)
    }

    /// Returns whether a person had answered the call of an ended conversation.
    pub(super) fn was_answered(&self, id: &ConversationSpaceId) -> bool {
        self.legs.get(id).is_some_and(|ended| ended.answered)
    }

    /// Returns whether the call of an ended conversation has another caller than `event`.
    pub(super) fn is_of_another_caller(&self, id: &ConversationSpaceId, event: &CallSnapshot) -> bool {
        let theirs = caller(&event.state.participants).map(|(_, caller)| caller);
        let call = self.legs.get(id).and_then(|ended| self.calls.get(&ended.call));
        call.is_some_and(|call| !call.facts.is_same_caller(theirs))
    }

    /// Returns whether a conversation counts as a consultation by a guess.
    pub(super) fn is_guess(&self, id: &ConversationSpaceId) -> bool {
        self.legs.get(id).is_some_and(|ended| ended.guess.is_some())
    }

    /// Takes back a conversation that was taken for a consultation by a guess. Returns its first snapshot.
    pub(super) fn take_guess(&mut self, id: &ConversationSpaceId) -> Option<CallSnapshot> {
        let first = self.legs.get_mut(id)?.guess.take()?;
        self.legs.remove(id);
        self.order.retain(|(_, leg)| leg != id || self.requested.contains(leg));
        Some(*first)
    }

    /// Returns the ended calls.
    pub(super) fn calls(&self) -> impl Iterator<Item = &TrackedCall> {
        self.calls.values().map(Box::as_ref)
    }

    /// Returns the ended call of a conversation.
    pub(super) fn call(&mut self, id: &ConversationSpaceId) -> Option<&mut TrackedCall> {
        self.calls.get_mut(&self.legs.get(id)?.call).map(Box::as_mut)
    }

    /// Adds a conversation.
    pub(super) fn add(&mut self, id: ConversationSpaceId, ended: EndedConversation, now: Instant) {
        if self.legs.insert(id.clone(), ended).is_none() {
            self.order.push_back((now, id));
        }
    }

    /// Adds a call with its conversations. Drops the facts of the oldest calls beyond the limits. Their conversations stay,
    /// so that a late snapshot or report of them starts no new call. Calls that lack snapshots stay longer, because their
    /// report can change the outcome.
    pub(super) fn close(&mut self, call: Box<TrackedCall>, now: Instant, limits: &Limits) {
        for leg in call.legs().ids() {
            let ended = EndedConversation { call: call.id().clone(), answered: call.was_answered(), guess: None };
            self.add(leg.clone(), ended, now);
        }
        self.facts_order.push_back(call.id().clone());
        self.calls.insert(call.id().clone(), call);
        while self.facts_order.len() > limits.ended_facts
            && let Some(oldest) = self.facts_order.pop_front()
        {
            if self.calls.get(&oldest).is_some_and(|call| !call.is_conclusive()) {
                self.incomplete_order.push_back(oldest);
            } else {
                self.calls.remove(&oldest);
            }
        }
        while self.incomplete_order.len() > limits.incomplete_facts
            && let Some(oldest) = self.incomplete_order.pop_front()
        {
            self.calls.remove(&oldest);
        }
    }

    /// Removes and returns the call of an ended conversation, if `wanted` accepts it.
    pub(super) fn take(
        &mut self,
        leg: &ConversationSpaceId,
        wanted: impl FnOnce(&TrackedCall) -> bool,
    ) -> Option<Box<TrackedCall>> {
        let id = self.legs.get(leg)?.call.clone();
        if !wanted(self.calls.get(&id)?) {
            return None;
        }
        let call = self.calls.remove(&id)?;
        self.legs.retain(|_, ended| ended.call != id);
        self.order.retain(|(_, leg)| self.legs.contains_key(leg) || self.requested.contains(leg));
        // A call without its entry in the order would stay forever.
        self.calls.retain(|call, _| self.legs.contains_key(call));
        for order in [&mut self.facts_order, &mut self.incomplete_order] {
            order.retain(|call| self.calls.contains_key(call));
        }
        Some(call)
    }

    /// Records the request for the report of an unknown call. Returns whether it is the first one.
    pub(super) fn request(&mut self, id: &ConversationSpaceId, now: Instant) -> bool {
        let new = self.requested.insert(id.clone());
        if new {
            self.order.push_back((now, id.clone()));
        }
        new
    }

    /// Drops the entries beyond the limits of age and number.
    pub(super) fn forget(&mut self, now: Instant, limits: &Limits) {
        while let Some((at, _)) = self.order.front()
            && (self.order.len() > limits.ended || now.saturating_duration_since(*at) > limits.memory)
        {
            if let Some((_, id)) = self.order.pop_front() {
                self.legs.remove(&id);
                self.calls.remove(&id);
                self.requested.remove(&id);
            }
        }
        for order in [&mut self.facts_order, &mut self.incomplete_order] {
            while order.front().is_some_and(|call| !self.calls.contains_key(call)) {
                order.pop_front();
            }
        }
    }
}

#[cfg(test)]
#[derive(Debug)]
pub(super) struct EndedSizes {
    pub(super) legs: usize,
    pub(super) calls: usize,
    pub(super) facts_order: usize,
    pub(super) incomplete_order: usize,
    pub(super) requested: usize,
    pub(super) order: usize,
}

#[cfg(test)]
impl EndedCalls {
    pub(super) fn sizes(&self) -> EndedSizes {
        EndedSizes {
            legs: self.legs.len(),
            calls: self.calls.len(),
            facts_order: self.facts_order.len(),
            incomplete_order: self.incomplete_order.len(),
            requested: self.requested.len(),
            order: self.order.len(),
        }
    }
}
