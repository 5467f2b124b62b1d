//! Order of one call's updates: one at a time is processed, later ones of the call wait. Other calls proceed. Pure.
#![cfg_attr(not(test), deny(clippy::disallowed_methods))]

use crate::model::{
    call::{CallUpdate, StatusKind},
    ids::ConversationSpaceId,
};
use std::collections::{HashMap, VecDeque};

/// A queue for each call with an update in progress.
#[derive(Debug, Default)]
pub struct CallOrder(HashMap<ConversationSpaceId, VecDeque<CallUpdate>>);

impl CallOrder {
    /// Adds an update. Returns the update to process now if none of its call is in progress. A newer ringing update
    /// replaces a waiting one.
    pub fn push(&mut self, update: CallUpdate) -> Option<CallUpdate> {
        let is_ringing = |update: &CallUpdate| update.status.kind() == StatusKind::Ringing;
        let Some(queue) = self.0.get_mut(&update.call.id) else {
            self.0.insert(update.call.id.clone(), VecDeque::new());
            return Some(update);
        };
        match queue.back_mut() {
            Some(last) if is_ringing(last) && is_ringing(&update) => *last = update,
            _ => queue.push_back(update),
        }
        None
    }

    /// Completes the call's update in progress. Returns the next one, if any.
    pub fn complete(&mut self, call: &ConversationSpaceId) -> Option<CallUpdate> {
        let next = self.0.get_mut(call)?.pop_front();
        if next.is_none() {
            self.0.remove(call);
        }
        next
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{
        call::{Call, CallStatus, Caller},
        phone::{PhoneNumber, Region},
        time::Timestamp,
    };

    fn update(call: &str, status: CallStatus, name: &str) -> CallUpdate {
        let call = Call::new(
            call.try_into().unwrap(),
            "main".try_into().unwrap(),
            "1".try_into().unwrap(),
            Region::US,
            Caller { name: Some(name.to_owned()), number: PhoneNumber::Withheld },
            Timestamp::UNIX_EPOCH,
        );
        CallUpdate { call, status, at: Timestamp::UNIX_EPOCH }
    }

    #[test]
    fn updates_of_one_call_are_serialized_and_other_calls_proceed() {
        let (mut order, id) = (CallOrder::default(), "a".try_into().unwrap());
        let first = update("a", CallStatus::Ringing, "first");
        let end = update("a", CallStatus::Ended { talk_time: None }, "end");
        assert_eq!(order.push(first.clone()), Some(first));
        assert_eq!(order.push(end.clone()), None);
        assert!(order.push(update("b", CallStatus::Ringing, "")).is_some());
        assert_eq!(order.complete(&id), Some(end));
        assert_eq!(order.complete(&id), None);
        assert!(order.push(update("a", CallStatus::Ringing, "")).is_some(), "an empty queue is removed");
    }

    #[test]
    fn waiting_ring_is_replaced_by_a_newer_one() {
        let (mut order, id) = (CallOrder::default(), "a".try_into().unwrap());
        order.push(update("a", CallStatus::Ringing, "1"));
        order.push(update("a", CallStatus::Ringing, "2"));
        order.push(update("a", CallStatus::Ringing, "3"));
        assert_eq!(order.complete(&id), Some(update("a", CallStatus::Ringing, "3")));
        assert_eq!(order.complete(&id), None);
    }
}
