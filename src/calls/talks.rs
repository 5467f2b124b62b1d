//! Who talked, one after the other: who took the call, and who handed it on to whom. Folded so that the order in which
//! snapshots arrive does not matter; says nothing of who calls, or how it ended.

use super::order::Order;
use crate::model::{
    call::{Call, CallDirection, Person, Transfer},
    time::Timestamp,
};

/// Snapshots kept: a call that changes hands more often tells its first ones.
const TALKS: usize = 24;
/// People kept of one: more are a conference, in which nobody hands anything on.
const PEOPLE: usize = 8;

/// Who talked in one snapshot.
#[derive(Debug, Clone)]
struct Talk {
    at: Timestamp,
    order: Order,
    people: Vec<Person>,
    /// The outside party was connected too.
    outside: bool,
}

/// Who talked, by the time of the snapshot.
#[derive(Debug, Clone, Default)]
pub(super) struct Talks(Vec<Talk>);

/// The first snapshot in which the call was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) order: Order,
    pub(super) by: Person,
    pub(super) at: Timestamp,
}

/// What makes a snapshot with people who talk a call that was taken.
#[derive(Debug, Clone, Copy)]
pub(super) struct Taking<'a> {
    pub(super) bound: CallDirection,
    /// Who began a call between lines.
    pub(super) initiator: Option<&'a Person>,
}

impl Taking<'_> {
    /// Who of `talk` took the call or has it now; empty if it is not taken there.
    fn takers(self, talk: &Talk) -> Vec<&Person> {
        match self.bound {
            CallDirection::Inbound => talk.people.iter().collect(),
            CallDirection::Outbound if talk.outside => talk.people.iter().collect(),
            CallDirection::Outbound => Vec::new(),
            CallDirection::Internal if talk.people.len() < 2 => Vec::new(),
            CallDirection::Internal => talk.people.iter().filter(|person| Some(*person) != self.initiator).collect(),
        }
    }
}

impl Talks {
    /// Adds who talks in a snapshot.
    pub(super) fn hear(&mut self, at: Timestamp, order: Order, mut people: Vec<Person>, outside: bool) {
        people.truncate(PEOPLE);
        if !people.is_empty() && self.0.len() < TALKS {
            self.put(Talk { at, order, people, outside });
        }
    }

    /// Keeps the first and the last of those that say the same.
    fn put(&mut self, talk: Talk) {
        let same = |one: Option<&Talk>, other: Option<&Talk>| match (one, other) {
            (Some(one), Some(other)) => {
                one.outside == other.outside
                    && one.people.len() == other.people.len()
                    && one.people.iter().all(|person| other.people.contains(person))
            }
            _ => false,
        };
        let place = self.0.partition_point(|known| (known.at, known.order) <= (talk.at, talk.order));
        self.0.insert(place, talk);
        for middle in [place.saturating_add(1), place, place.saturating_sub(1)] {
            let (before, after) = (middle.checked_sub(1).and_then(|at| self.0.get(at)), self.0.get(middle + 1));
            if same(before, self.0.get(middle)) && same(self.0.get(middle), after) {
                self.0.remove(middle);
            }
        }
    }

    /// Adds those of another call that turned out to be this one.
    pub(super) fn join(&mut self, other: Self, shift: impl Fn(Order) -> Order) {
        for talk in other.0 {
            if self.0.len() < TALKS {
                self.put(Talk { order: shift(talk.order), ..talk });
            }
        }
    }

    /// Who took the call.
    pub(super) fn answer(&self, taking: Taking<'_>) -> Option<Answer> {
        self.0.iter().find_map(|talk| {
            let by = (*taking.takers(talk).first()?).clone();
            Some(Answer { order: talk.order, by, at: talk.at })
        })
    }

    /// Who handed it on to whom: whoever has it is gone, and another one talks.
    pub(super) fn transfers(&self, taking: Taking<'_>) -> Vec<Transfer> {
        let mut holder: Option<&Person> = None;
        let mut transfers = Vec::new();
        for talk in &self.0 {
            let takers = taking.takers(talk);
            let Some(next) = takers.first().copied() else { continue };
            match holder {
                Some(from) if !takers.contains(&from) && talk.people.len() < PEOPLE => {
                    transfers.push(Transfer { from: from.clone(), to: next.clone(), at: talk.at });
                    holder = Some(next);
                }
                Some(_) => {}
                None => holder = Some(next),
            }
        }
        transfers.truncate(Call::MAX_TRANSFERS);
        transfers
    }
}
