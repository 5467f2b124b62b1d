//! The conversations a call is made of: those that were heard, and those that are only said to belong to it.

use super::leg::{Heard, Leg};
use crate::model::{call::CallSnapshot, ids::ConversationSpaceId};

/// Conversations that one call may be made of, and announced ones it remembers. A call that is handed on more often than
/// this becomes two calls.
const LEGS: usize = 8;
const LINKED: usize = 16;

/// The conversations of a call, in the order they joined it.
#[derive(Debug, Clone, Default)]
pub(super) struct Legs {
    heard: Vec<Leg>,
    announced: Vec<ConversationSpaceId>,
}

impl Legs {
    /// The place of the conversation `id`, made if it is new.
    fn place(&mut self, id: &ConversationSpaceId) -> usize {
        self.heard.iter().position(|leg| leg.id == *id).unwrap_or_else(|| {
            self.heard.push(Leg::new(id.clone()));
            self.heard.len().saturating_sub(1)
        })
    }

    /// Takes note of a snapshot: its conversation's place, what the snapshot is to it, and the hole that is to be asked
    /// for, if the conversation has asked for less than `asks` before.
    pub(super) fn hear(&mut self, event: &CallSnapshot, asks: u8) -> (usize, Heard, Option<(u64, u64)>) {
        let at = self.place(&event.call);
        let Some(leg) = self.heard.get_mut(at) else { return (at, Heard::Known, None) };
        let heard = leg.hear(&event.state);
        let hole = match heard {
            Heard::Newest { hole } => hole.filter(|_| leg.may_ask(asks)),
            Heard::Late | Heard::Known => None,
        };
        for linked in &event.linked {
            if self.announced.len() < LINKED && *linked != event.call && !self.announced.contains(linked) {
                self.announced.push(linked.clone());
            }
        }
        (at, heard, hole)
    }

    /// Takes note of the report of a conversation.
    pub(super) fn report(&mut self, id: &ConversationSpaceId) {
        let at = self.place(id);
        if let Some(leg) = self.heard.get_mut(at) {
            leg.report();
        }
    }

    /// The conversations of another call join; answers the place its first one has now.
    pub(super) fn join(&mut self, other: Self) -> usize {
        let at = self.heard.len();
        self.heard.extend(other.heard);
        self.announced.extend(other.announced);
        self.announced.truncate(LINKED);
        at
    }

    /// Whether there is room for those of another call.
    pub(super) fn has_room(&self, more: usize) -> bool {
        self.heard.len().saturating_add(more) <= LEGS
    }

    /// How many were heard.
    pub(super) fn len(&self) -> usize {
        self.heard.len()
    }

    /// Those that were heard.
    pub(super) fn ids(&self) -> impl Iterator<Item = &ConversationSpaceId> {
        self.heard.iter().map(|leg| &leg.id)
    }

    /// Those that are said to belong to the call, heard or not.
    pub(super) fn announced(&self) -> impl Iterator<Item = &ConversationSpaceId> {
        self.announced.iter()
    }

    /// Those without a report.
    pub(super) fn unreported(&self) -> impl Iterator<Item = &ConversationSpaceId> {
        self.heard.iter().filter(|leg| !leg.is_reported()).map(|leg| &leg.id)
    }

    /// Whether all are over.
    pub(super) fn are_over(&self) -> bool {
        self.heard.iter().all(Leg::is_over)
    }

    /// Whether nothing that could show an answer is missing: every snapshot of every conversation was heard, or its
    /// report.
    pub(super) fn are_sure(&self) -> bool {
        self.unreported().next().is_none() || self.heard.iter().all(Leg::is_sure) && self.are_all_known()
    }

    /// Whether every snapshot of every conversation was heard.
    pub(super) fn were_heard(&self) -> bool {
        self.heard.iter().all(Leg::was_heard) && self.are_all_known()
    }

    fn are_all_known(&self) -> bool {
        self.announced().all(|id| self.ids().any(|heard| heard == id))
    }

    /// Whether the snapshot before `sequence` of the conversation at `place` was heard.
    pub(super) fn follows(&self, place: usize, sequence: u64) -> bool {
        self.heard.get(place).is_some_and(|leg| leg.follows(sequence))
    }
}
