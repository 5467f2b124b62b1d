//! Calls that ended recently. Late snapshots and reports may complete their outcome, and duplicates start no new call.
//! Bounded by age and number.

use super::{Limits, tracked_call::TrackedCall};
use crate::model::ids::ConversationSpaceId;
use std::{
    collections::{HashMap, HashSet, VecDeque},
    time::Instant,
};

/// Entry of an ended conversation.
#[derive(Debug)]
pub(super) struct Ended {
    /// The call of the conversation.
    pub(super) call: ConversationSpaceId,
    /// A person had answered that call.
    pub(super) answered: bool,
}

/// The ended conversations and calls.
#[derive(Debug, Default)]
pub(super) struct EndedCalls {
    legs: HashMap<ConversationSpaceId, Ended>,
    /// Ended calls, stored as long as their first conversation.
    calls: HashMap<ConversationSpaceId, Box<TrackedCall>>,
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

    /// The ended call of a conversation.
    pub(super) fn call(&mut self, id: &ConversationSpaceId) -> Option<&mut TrackedCall> {
        self.calls.get_mut(&self.legs.get(id)?.call).map(Box::as_mut)
    }

    /// Adds a conversation.
    pub(super) fn add(&mut self, id: ConversationSpaceId, ended: Ended, now: Instant) {
        if self.legs.insert(id.clone(), ended).is_none() {
            self.order.push_back((now, id));
        }
    }

    /// Adds a call with its conversations.
    pub(super) fn close(&mut self, call: Box<TrackedCall>, now: Instant) {
        for leg in call.legs().ids() {
            self.add(leg.clone(), Ended { call: call.id().clone(), answered: call.was_answered() }, now);
        }
        self.calls.insert(call.id().clone(), call);
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
    }
}

#[cfg(test)]
#[derive(Debug)]
pub(super) struct Sizes {
    pub(super) legs: usize,
    pub(super) calls: usize,
    pub(super) requested: usize,
    pub(super) order: usize,
}

#[cfg(test)]
impl EndedCalls {
    pub(super) fn sizes(&self) -> Sizes {
        Sizes {
            legs: self.legs.len(),
            calls: self.calls.len(),
            requested: self.requested.len(),
            order: self.order.len(),
        }
    }
}
