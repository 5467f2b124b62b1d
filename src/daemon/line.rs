//! The order of one call's tellings: one is looked up and admitted at a time, the rest of the call waits behind it.
//! Pure; other calls are not held up.

use crate::model::{
    call::{MomentKind, Telling},
    ids::ConversationSpaceId,
};
use std::collections::{HashMap, VecDeque};

/// A line for each call that has a telling under way.
#[derive(Debug, Default)]
pub struct Lines(HashMap<ConversationSpaceId, VecDeque<Telling>>);

impl Lines {
    /// Takes a telling; gives it back if nothing of its call is under way, so that it is its turn now. A ring with newer
    /// facts takes the place of a ring that still waits.
    pub fn join(&mut self, telling: Telling) -> Option<Telling> {
        let ringing = |telling: &Telling| telling.moment.kind() == MomentKind::Ringing;
        let Some(line) = self.0.get_mut(&telling.call.id) else {
            self.0.insert(telling.call.id.clone(), VecDeque::new());
            return Some(telling);
        };
        match line.back_mut() {
            Some(last) if ringing(last) && ringing(&telling) => *last = telling,
            _ => line.push_back(telling),
        }
        None
    }

    /// The call's telling is admitted: the next one, if any waits.
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

    fn telling(call: &str, moment: Moment, name: &str) -> Telling {
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
            course: crate::model::call::Course::default(),
        };
        Telling { call, moment, at: Timestamp::UNIX_EPOCH }
    }

    #[test]
    fn tellings_of_one_call_go_one_after_the_other_and_other_calls_do_not_wait() {
        let (mut lines, id) = (Lines::default(), "a".try_into().unwrap());
        let first = telling("a", Moment::Ringing, "first");
        let end = telling("a", Moment::Ended { lasted: None }, "end");
        assert_eq!(lines.join(first.clone()), Some(first));
        assert_eq!(lines.join(end.clone()), None);
        assert!(lines.join(telling("b", Moment::Ringing, "")).is_some());
        assert_eq!(lines.done(&id), Some(end));
        assert_eq!(lines.done(&id), None);
        assert!(lines.join(telling("a", Moment::Ringing, "")).is_some(), "the line is gone when nobody stands in it");
    }

    #[test]
    fn a_ring_that_waits_is_replaced_by_one_with_newer_facts() {
        let (mut lines, id) = (Lines::default(), "a".try_into().unwrap());
        lines.join(telling("a", Moment::Ringing, "1"));
        lines.join(telling("a", Moment::Ringing, "2"));
        lines.join(telling("a", Moment::Ringing, "3"));
        assert_eq!(lines.done(&id), Some(telling("a", Moment::Ringing, "3")));
        assert_eq!(lines.done(&id), None);
    }
}
