//! Order of one call's updates: one at a time is processed, later ones of the call wait. Other calls proceed. Pure.

use crate::model::{
    call::{MomentKind, Telling},
    ids::ConversationSpaceId,
};
use std::collections::{HashMap, VecDeque};

/// A queue for each call with an update in progress.
#[derive(Debug, Default)]
pub struct Lines(HashMap<ConversationSpaceId, VecDeque<Telling>>);

impl Lines {
    /// Adds an update. Returns the update to process now if none of its call is in progress. A newer ringing update
    /// replaces a waiting one.
    pub fn join(&mut self, update: Telling) -> Option<Telling> {
        let is_ringing = |update: &Telling| update.moment.kind() == MomentKind::Ringing;
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
    pub fn done(&mut self, call: &ConversationSpaceId) -> Option<Telling> {
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
        call::{Bound, Call, Caller, Moment},
        phone::{Number, Region},
        time::Timestamp,
    };

    fn update(call: &str, moment: Moment, name: &str) -> Telling {
        let call = Call {
            id: call.try_into().unwrap(),
            connection: "main".try_into().unwrap(),
            region: Region::US,
            account: "1".try_into().unwrap(),
            bound: Bound::Inbound,
            caller: Caller { name: Some(name.to_owned()), number: Number::Withheld },
            ours: None,
            queues: Vec::new(),
            people: Vec::new(),
            transfers: Vec::new(),
            answered: None,
            queued: None,
            started: Timestamp::UNIX_EPOCH,
            late: false,
            lost: false,
            revised: None,
        };
        Telling { call, moment, at: Timestamp::UNIX_EPOCH }
    }

    #[test]
    fn updates_of_one_call_are_serialized_and_other_calls_proceed() {
        let (mut order, id) = (Lines::default(), "a".try_into().unwrap());
        let first = update("a", Moment::Ringing, "first");
        let end = update("a", Moment::Ended { lasted: None }, "end");
        assert_eq!(order.join(first.clone()), Some(first));
        assert_eq!(order.join(end.clone()), None);
        assert!(order.join(update("b", Moment::Ringing, "")).is_some());
        assert_eq!(order.done(&id), Some(end));
        assert_eq!(order.done(&id), None);
        assert!(order.join(update("a", Moment::Ringing, "")).is_some(), "an empty queue is removed");
    }

    #[test]
    fn waiting_ring_is_replaced_by_a_newer_one() {
        let (mut order, id) = (Lines::default(), "a".try_into().unwrap());
        order.join(update("a", Moment::Ringing, "1"));
        order.join(update("a", Moment::Ringing, "2"));
        order.join(update("a", Moment::Ringing, "3"));
        assert_eq!(order.done(&id), Some(update("a", Moment::Ringing, "3")));
        assert_eq!(order.done(&id), None);
    }
}
