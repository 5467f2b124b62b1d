//! All calls: assigns each snapshot to its call, with deadlines and bounds. See the documentation of the parent module.

use super::{
    Effect, Limits,
    direction::direction_of,
    ended::{EndedCalls, EndedConversation},
    identity::goes_outside,
    tracked_call::TrackedCall,
};
use crate::model::{
    call::{CallDirection, CallSnapshot},
    ids::ConversationSpaceId,
    time::Now,
};
use std::{
    collections::{BTreeSet, HashMap, HashSet},
    time::Instant,
};

/// Tracker of the open calls, and of those that ended recently.
///
/// ```
/// use poprelay::calls::{Effect, Limits, Tracker};
/// use poprelay::goto::wire::{Frame, Reader, frame};
/// use poprelay::model::{call::CallStatus, phone::Region, time::Now};
///
/// let text = r#"{"data": {"source": "call-events", "type": "call-state", "timestamp": "2026-11-23T15:20:01Z", "content": {
///     "metadata": {"conversationSpaceId": "call-1", "direction": "INBOUND", "accountKey": "42",
///         "callCreated": "2026-11-23T15:20:00Z"},
///     "state": {"id": "s-1", "type": "STARTING", "sequenceNumber": 1, "timestamp": "2026-11-23T15:20:01Z", "participants": [
///         {"id": "p-1", "legId": "l-1", "originator": "p-1", "status": {"value": "RINGING"},
///             "type": {"value": "PHONE_NUMBER", "number": "+15145550100", "caller": {"number": "+15145550142"}}},
///         {"id": "p-2", "legId": "l-2", "originator": "p-1", "status": {"value": "RINGING"},
///             "type": {"value": "LINE", "lineId": "line-1015", "extensionNumber": "1015", "name": "Bob Roy"}}]}}}}"#;
/// let reader = Reader { connection: "main".try_into().unwrap(), region: Region::US };
/// let Ok(Frame::Call(snapshot)) = frame(text, &reader) else { panic!("a call snapshot") };
///
/// let mut tracker = Tracker::new(Limits::default());
/// let effects = tracker.handle_snapshot(snapshot.clone(), Now::current());
/// let [Effect::Emit(update)] = &effects[..] else { panic!("one update: {effects:?}") };
/// assert_eq!((&update.status, update.call.people[0].name.as_deref()), (&CallStatus::Ringing, Some("Bob Roy")));
/// // The copy of the second lane changes nothing.
/// assert_eq!(tracker.handle_snapshot(snapshot, Now::current()), []);
/// ```
#[derive(Debug)]
pub struct Tracker {
    pub(super) limits: Limits,
    /// Open calls, by the id of the first conversation.
    pub(super) open: HashMap<ConversationSpaceId, Box<TrackedCall>>,
    /// Further conversations of an open call, received or only linked, each with its call.
    pub(super) call_by_leg: HashMap<ConversationSpaceId, ConversationSpaceId>,
    /// Deadlines: one entry for each open call.
    pub(super) due: BTreeSet<(Instant, ConversationSpaceId)>,
    pub(super) ended: EndedCalls,
}

impl Tracker {
    /// Creates a tracker without calls.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            open: HashMap::new(),
            call_by_leg: HashMap::new(),
            due: BTreeSet::new(),
            ended: EndedCalls::default(),
        }
    }

    /// Handles a snapshot, from any lane or answer, new or not.
    pub fn handle_snapshot(&mut self, event: CallSnapshot, now: Now) -> Vec<Effect> {
        let mut out = Vec::new();
        let limits = self.limits;
        self.ended.forget(now.instant, &limits);
        if let Some(call) = self.ended.call(&event.call) {
            let certain = call.is_conclusive();
            let mut ignored = Vec::new();
            if call.apply(&event, now, &limits, &mut ignored) {
                call.revise(certain, &mut out);
            }
            return out;
        }
        // Taken for a consultation before its outside line was seen.
        let before = goes_outside(&event).then(|| self.ended.take_guess(&event.call)).flatten();
        if before.is_none() && self.ended.contains(&event.call) {
            return out;
        }
        let mut root = self.root(&event);
        if root.is_none() {
            let direction = direction_of(&event).map(|(_, direction)| direction);
            if direction.is_none() {
                return out;
            }
            let is_inbound = direction == Some(CallDirection::Inbound);
            if let Some(is_guess) = self.consultation(&event).filter(|_| !is_inbound) {
                let (id, guess) = (event.call.clone(), is_guess.then(|| Box::new(event)));
                self.ended.add(id.clone(), EndedConversation { call: id, answered: false, guess }, now.instant);
                return out;
            }
            // An end alone names no caller.
            let may_be_rest = is_inbound && !event.state.participants.is_empty();
            let is_rest = |linked: &&ConversationSpaceId| {
                may_be_rest && self.ended.was_answered(linked) && !self.ended.is_of_another_caller(linked, &event)
            };
            if let Some(rest) = event.linked.iter().find(is_rest) {
                let Some(call) = self.reopen(rest, &event) else {
                    // The rest of an answered call without further known facts.
                    let ended = EndedConversation { call: event.call.clone(), answered: true, guess: None };
                    self.ended.add(event.call, ended, now.instant);
                    return out;
                };
                root = Some(call);
            }
        }
        let mut call = match root.and_then(|root| self.remove(&root)) {
            Some(call) => call,
            None => Box::new(TrackedCall::new(before.as_ref().unwrap_or(&event), now, &self.limits)),
        };
        if let Some(first) = before {
            call.apply(&first, now, &limits, &mut out);
        }
        let is_new = call.apply(&event, now, &limits, &mut out);
        call = self.join(call, &event);
        self.absorb_consultations(&call, &event, now);
        let over = is_new && call.emit_due(now, &limits, &mut out);
        self.insert(call, over, now, &mut out);
        out
    }

    /// Returns whether a conversation belongs to a call that is open, or that ended recently.
    #[must_use]
    pub fn knows(&self, id: &ConversationSpaceId) -> bool {
        self.open.contains_key(id) || self.call_by_leg.contains_key(id) || self.ended.contains(id)
    }

    /// Emits the due updates and fetches. To be called at [`Self::next_deadline`]; an earlier or later call does no harm.
    pub fn tick(&mut self, now: Now) -> Vec<Effect> {
        let mut out = Vec::new();
        self.ended.forget(now.instant, &self.limits);
        // Each call once: a call that is due again immediately waits for the next tick, so that no fault here can block the
        // loop.
        let due = self.due.iter().take_while(|(at, _)| *at <= now.instant);
        for id in due.map(|(_, id)| id.clone()).collect::<Vec<_>>() {
            let Some(mut call) = self.remove(&id) else { continue };
            let over = call.emit_due(now, &self.limits, &mut out);
            if over || !call.give_up_if_silent(now, &self.limits, &mut out) {
                self.insert(call, over, now, &mut out);
            } else {
                self.unlink(&call);
            }
        }
        out
    }

    /// Emits the updates that are held back, for a clean stop. An outcome that waits for its report stays open, for the next
    /// run to query.
    pub fn flush(&mut self, now: Now) -> Vec<Effect> {
        let longest = self.limits.ring_grace.max(self.limits.group_grace).max(self.limits.end_grace);
        let mut out = self.tick(Now { instant: now.instant + longest, ..now });
        out.retain(|effect| matches!(effect, Effect::Emit(_)));
        out
    }

    /// Returns the time at which [`Self::tick`] has work, if nothing is received before.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Instant> {
        self.due.first().map(|(at, _)| *at)
    }

    /// Returns fetches for the open calls that GoTo does not list as active: their end was lost. For the time after an event
    /// gap.
    #[must_use]
    pub fn missing_from(&self, active: &HashSet<ConversationSpaceId>) -> Vec<Effect> {
        let mut out = Vec::new();
        for call in self.open.values().filter(|call| !call.legs().ids().any(|leg| active.contains(leg))) {
            call.fetch_reports(&mut out);
        }
        out
    }

    pub(super) fn remove(&mut self, id: &ConversationSpaceId) -> Option<Box<TrackedCall>> {
        let call = self.open.remove(id)?;
        self.due.remove(&(call.due(&self.limits), id.clone()));
        Some(call)
    }

    pub(super) fn insert(&mut self, call: Box<TrackedCall>, over: bool, now: Now, out: &mut Vec<Effect>) {
        if over {
            self.unlink(&call);
            self.ended.close(call, now.instant, &self.limits);
            return;
        }
        let others = |id: &&ConversationSpaceId| *id != call.id();
        for id in call.legs().ids().filter(others) {
            // Another call may have linked this conversation: the call that received it has precedence.
            self.call_by_leg.insert(id.clone(), call.id().clone());
        }
        for id in call.legs().linked_ids().filter(others) {
            self.call_by_leg.entry(id.clone()).or_insert_with(|| call.id().clone());
        }
        self.due.insert((call.due(&self.limits), call.id().clone()));
        self.open.insert(call.id().clone(), call);
        if self.open.len() > self.limits.open {
            self.evict(now, out);
        }
    }

    /// Drops the call that is due next, after the emission of its held updates.
    fn evict(&mut self, now: Now, out: &mut Vec<Effect>) {
        let Some((at, id)) = self.due.first().cloned() else { return };
        if let Some(mut call) = self.remove(&id) {
            let over = call.emit_due(Now { instant: at.max(now.instant), ..now }, &self.limits, out);
            self.unlink(&call);
            if over {
                self.insert(call, over, now, out);
            }
        }
    }

    pub(super) fn unlink(&mut self, call: &TrackedCall) {
        for id in call.legs().ids().chain(call.legs().linked_ids()) {
            if self.call_by_leg.get(id) == Some(call.id()) {
                self.call_by_leg.remove(id);
            }
        }
    }
}

#[cfg(test)]
#[derive(Debug)]
pub(super) struct TrackerSizes {
    pub(super) open: usize,
    pub(super) call_by_leg: usize,
    pub(super) due: usize,
    pub(super) ended: super::ended::EndedSizes,
}

#[cfg(test)]
impl Tracker {
    pub(super) fn sizes(&self) -> TrackerSizes {
        TrackerSizes {
            open: self.open.len(),
            call_by_leg: self.call_by_leg.len(),
            due: self.due.len(),
            ended: self.ended.sizes(),
        }
    }
}
