//! Assigns a conversation to a call: to its own, to a linked one, or to none, as a consultation of colleagues about a call.

use super::{
    ended::EndedConversation,
    identity::{beginner, goes_outside},
    tracked_call::TrackedCall,
    tracker::Tracker,
};
use crate::model::{
    call::{CallSnapshot, Person},
    ids::{ConversationSpaceId, ParticipantId},
    time::{Now, Timestamp},
};

impl Tracker {
    /// Opens an ended, answered call again: it continues in another conversation, whose link came too late. Returns the id of
    /// the call. `None` if the call is dropped already, or has the maximum of conversations.
    pub(super) fn reopen(&mut self, ended: &ConversationSpaceId, event: &CallSnapshot) -> Option<ConversationSpaceId> {
        let call = self.ended.take(ended, |call| call.accepts(event))?;
        let id = call.id().clone();
        self.due.insert((call.due(&self.limits), id.clone()));
        self.open.insert(id.clone(), call);
        Some(id)
    }

    /// Returns the known call of the conversation `id`. A separate call is its own root, whatever links to it.
    pub(super) fn root_of<'a>(&'a self, id: &'a ConversationSpaceId) -> &'a ConversationSpaceId {
        if self.open.contains_key(id) { id } else { self.call_by_leg.get(id).unwrap_or(id) }
    }

    /// Returns the call of the conversation of `event`, if it is known.
    pub(super) fn root(&self, event: &CallSnapshot) -> Option<ConversationSpaceId> {
        if self.open.contains_key(&event.call) {
            return Some(event.call.clone());
        }
        let known = |id: &ConversationSpaceId| self.open.get(self.root_of(id));
        let linked = known(&event.call);
        if let Some(call) = linked
            && call.legs().ids().any(|leg| *leg == event.call)
        {
            return Some(call.id().clone());
        }
        let mut candidates = linked.into_iter().chain(event.linked.iter().filter_map(known));
        candidates.find(|call| call.accepts(event)).map(|call| call.id().clone())
    }

    /// Returns whether `event` belongs to a consultation before a hand-over. Such a conversation is linked to a call, or
    /// begun by a colleague with a caller on the line. A consultation is not a separate call. `None`: no consultation;
    /// otherwise whether only the beginner shows it.
    pub(super) fn consultation(&self, event: &CallSnapshot) -> Option<bool> {
        if goes_outside(event) {
            return None;
        }
        let is_open = |id: &ConversationSpaceId| *id != event.call && self.open.contains_key(self.root_of(id));
        if self.call_by_leg.contains_key(&event.call)
            || event.linked.iter().any(|id| self.ended.was_answered(id) || is_open(id))
        {
            return Some(false);
        }
        let ids: Vec<&ParticipantId> = event.state.participants.iter().filter_map(|party| party.id.as_ref()).collect();
        let began = beginner(&event.state.participants);
        let is_about =
            |call: &TrackedCall| began.is_some_and(|person| call.is_held_by(person)) || call.has_participant(&ids);
        let at = event.created_at.or(event.state.at);
        let is_guess = self.open.values().map(Box::as_ref).any(is_about)
            || began.zip(at).is_some_and(|(it, at)| self.had_caller(it, at));
        is_guess.then_some(true)
    }

    /// Returns whether a colleague had a caller on the line at a time.
    pub(super) fn had_caller(&self, person: &Person, at: Timestamp) -> bool {
        let open = self.open.values().map(Box::as_ref);
        open.chain(self.ended.calls()).any(|call| call.facts.had_caller(person, at))
    }

    /// Ends conversations that counted as calls between colleagues and turn out to be about `call`.
    pub(super) fn absorb_consultations(&mut self, call: &TrackedCall, event: &CallSnapshot, now: Now) {
        if call.is_staff_only() {
            return;
        }
        for linked in &event.linked {
            if self.open.get(linked).is_some_and(|open| open.is_staff_only()) {
                self.drop_consultation(linked, now);
            }
        }
    }

    /// Ends a conversation without an update.
    pub(super) fn drop_consultation(&mut self, id: &ConversationSpaceId, now: Now) {
        let Some(consultation) = self.remove(id) else { return };
        self.unlink(&consultation);
        for leg in consultation.legs().ids() {
            let ended = EndedConversation { call: leg.clone(), answered: false, guess: None };
            self.ended.add(leg.clone(), ended, now.instant);
        }
    }

    /// Joins `call` with all others that `event` links to it: two conversations may both be known before their link.
    pub(super) fn join(&mut self, mut call: Box<TrackedCall>, event: &CallSnapshot) -> Box<TrackedCall> {
        for linked in &event.linked {
            let id = self.root_of(linked).clone();
            if id != *call.id()
                && self.open.get(&id).is_some_and(|other| call.is_same(other))
                && let Some(other) = self.remove(&id)
            {
                self.unlink(&other);
                self.unlink(&call);
                *call = call.merge(*other);
            }
        }
        call
    }
}
