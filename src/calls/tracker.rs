//! All calls: which snapshot belongs to which, when something is due, and how much is remembered. See the module's page.

use super::{Effect, Limits, bound::bound, progress::Progress};
use crate::model::{
    call::{CallDirection, CallSnapshot, Report},
    ids::ConversationSpaceId,
    time::Now,
};
use std::{
    collections::{BTreeSet, HashMap, HashSet, VecDeque},
    time::{Duration, Instant},
};

/// The calls that are under way, and the ids of those that ended a short while ago.
#[derive(Debug)]
pub struct Tracker {
    limits: Limits,
    /// By the id of the call's first conversation.
    open: HashMap<ConversationSpaceId, Progress>,
    /// Further conversations of an open call, heard or only announced, and the call they belong to.
    roots: HashMap<ConversationSpaceId, ConversationSpaceId>,
    /// One entry for each open call.
    due: BTreeSet<(Instant, ConversationSpaceId)>,
    /// Ended conversations, with the call they belonged to.
    ended: HashMap<ConversationSpaceId, Ended>,
    /// Ended calls, for as long as their first conversation is remembered: what comes late may make a better outcome.
    closed: HashMap<ConversationSpaceId, Progress>,
    /// The same in the order they ended.
    farewells: VecDeque<(Instant, ConversationSpaceId)>,
}

/// What is remembered of an ended conversation.
#[derive(Debug)]
struct Ended {
    call: ConversationSpaceId,
    /// A person had taken it.
    answered: bool,
}

impl Tracker {
    /// A tracker that knows of no call.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            open: HashMap::new(),
            roots: HashMap::new(),
            due: BTreeSet::new(),
            ended: HashMap::new(),
            closed: HashMap::new(),
            farewells: VecDeque::new(),
        }
    }

    /// Takes a snapshot, from whichever lane or answer, new or not.
    pub fn hear(&mut self, event: CallSnapshot, now: Now) -> Vec<Effect> {
        let mut out = Vec::new();
        let limits = self.limits;
        self.forget_ended(now.instant);
        if let Some(call) = self.closed(&event.call) {
            let was_heard = call.was_heard();
            let mut unasked = Vec::new();
            call.hear(&event, now, &limits, &mut unasked);
            call.revise(was_heard, now, &mut out);
            return out;
        }
        if self.ended.contains_key(&event.call) {
            return out;
        }
        let mut root = self.root(&event);
        if root.is_none()
            && bound(&event).is_none_or(|(_, bound)| bound != CallDirection::Inbound && self.is_consulted(&event))
        {
            return out;
        }
        let rest = event.linked.iter().find(|linked| self.ended.get(linked).is_some_and(|ended| ended.answered));
        if root.is_none()
            && let Some(rest) = rest
        {
            let Some(call) = self.reopen(rest, &event) else {
                // The rest of a call that somebody had taken, and that nothing more is known of: it is not told.
                self.bury(event.call.clone(), Ended { call: event.call, answered: true }, now.instant);
                return out;
            };
            root = Some(call);
        }
        let mut call = match root.and_then(|root| self.take(&root)) {
            Some(call) => call,
            None => Progress::new(&event, now, &self.limits),
        };
        let is_news = call.hear(&event, now, &self.limits, &mut out);
        call = self.join(call, &event);
        let over = is_news && call.speak(now, &self.limits, &mut out);
        self.put(call, over, now, &mut out);
        out
    }

    /// Takes a report, which closes a call whose end was never heard, or decides an outcome that is held back. The outcome of
    /// a call that is over is completed, or corrected if it was told while snapshots were missing. One that was never heard of is left to whoever reads the reports
    /// of a blind window: the answer is empty.
    pub fn report(&mut self, report: Report, now: Now) -> Vec<Effect> {
        let mut out = Vec::new();
        let id = self.root_of(&report.call).clone();
        if let Some(mut call) = self.take(&id) {
            call.report(&report, now);
            let over = call.speak(now, &self.limits, &mut out);
            self.put(call, over, now, &mut out);
        } else if let Some(call) = self.closed(&report.call) {
            let was_heard = call.was_heard();
            call.report(&report, now);
            call.revise(was_heard, now, &mut out);
        }
        out
    }

    /// The length of the message that a call left, which is over.
    pub fn voicemail(&mut self, call: &ConversationSpaceId, length: Duration) -> Vec<Effect> {
        let mut out = Vec::new();
        if let Some(call) = self.closed(call) {
            call.voicemail(length, &mut out);
        }
        out
    }

    /// The ended call of a conversation, while it is remembered.
    fn closed(&mut self, id: &ConversationSpaceId) -> Option<&mut Progress> {
        self.closed.get_mut(&self.ended.get(id)?.call)
    }

    /// A call that somebody had taken and that was told as over goes on in another conversation, which was linked to it too
    /// late: it is under way again. `None` if it is forgotten, or has as many conversations as a call may have.
    fn reopen(&mut self, ended: &ConversationSpaceId, event: &CallSnapshot) -> Option<ConversationSpaceId> {
        let id = self.ended.get(ended)?.call.clone();
        if !self.closed.get(&id)?.takes(event) {
            return None;
        }
        let call = self.closed.remove(&id)?;
        self.ended.retain(|_, ended| ended.call != id);
        self.farewells.retain(|(_, buried)| self.ended.contains_key(buried));
        // What is remembered goes with its farewell, or it would stay for ever.
        self.closed.retain(|closed, _| self.ended.contains_key(closed));
        self.due.insert((call.due(&self.limits), id.clone()));
        self.open.insert(id.clone(), call);
        Some(id)
    }

    /// Whether a conversation belongs to a call that is under way, or that ended a short while ago.
    #[must_use]
    pub fn knows(&self, id: &ConversationSpaceId) -> bool {
        self.open.contains_key(id) || self.roots.contains_key(id) || self.ended.contains_key(id)
    }

    /// Does what is due. To be called at [`Self::next_deadline`]; calling it early or late harms nothing.
    pub fn tick(&mut self, now: Now) -> Vec<Effect> {
        let mut out = Vec::new();
        self.forget_ended(now.instant);
        // Each once: what is due again at once waits for the next tick, so that no fault in here can hold up the loop.
        let due = self.due.iter().take_while(|(at, _)| *at <= now.instant);
        for id in due.map(|(_, id)| id.clone()).collect::<Vec<_>>() {
            let Some(mut call) = self.take(&id) else { continue };
            let over = call.speak(now, &self.limits, &mut out);
            if over || !call.is_stale(now, &self.limits, &mut out) {
                self.put(call, over, now, &mut out);
            } else {
                self.unlink(&call);
            }
        }
        out
    }

    /// Tells what is held back, now: for a clean stop.
    pub fn flush(&mut self, now: Now) -> Vec<Effect> {
        let longest = self.limits.ring_grace.max(self.limits.menu_grace).max(self.limits.outcome_grace);
        let mut out = self.tick(Now { instant: now.instant + longest, ..now });
        out.retain(|effect| matches!(effect, Effect::Tell(_)));
        out
    }

    /// When [`Self::tick`] has something to do, if nothing is heard before.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Instant> {
        self.due.first().map(|(at, _)| *at)
    }

    /// Questions for the open calls that GoTo does not list as active (any more): their end was not heard. For the time
    /// after a blind window.
    #[must_use]
    pub fn unlisted(&self, active: &HashSet<ConversationSpaceId>) -> Vec<Effect> {
        let mut out = Vec::new();
        for call in self.open.values().filter(|call| !call.legs().ids().any(|leg| active.contains(leg))) {
            call.ask_report(&mut out);
        }
        out
    }

    /// The call that `id` belongs to as far as is known. A call of its own is its own, whoever announces it.
    fn root_of<'a>(&'a self, id: &'a ConversationSpaceId) -> &'a ConversationSpaceId {
        if self.open.contains_key(id) { id } else { self.roots.get(id).unwrap_or(id) }
    }

    /// The call that the conversation of `event` belongs to, if it is known.
    fn root(&self, event: &CallSnapshot) -> Option<ConversationSpaceId> {
        if self.open.contains_key(&event.call) {
            return Some(event.call.clone());
        }
        let known = |id: &ConversationSpaceId| self.open.get(self.root_of(id));
        let announced = known(&event.call);
        if let Some(call) = announced
            && call.legs().ids().any(|leg| *leg == event.call)
        {
            return Some(call.id().clone());
        }
        let mut candidates = announced.into_iter().chain(event.linked.iter().filter_map(known));
        candidates.find(|call| call.takes(event)).map(|call| call.id().clone())
    }

    /// Whether `event` is of a conversation that a colleague holds for a call under way, or for one that somebody had
    /// taken: to ask another one before handing it on. It is no call of its own.
    fn is_consulted(&self, event: &CallSnapshot) -> bool {
        let is_taken = |id: &ConversationSpaceId| self.ended.get(id).is_some_and(|ended| ended.answered);
        let is_open = |id: &ConversationSpaceId| *id != event.call && self.open.contains_key(self.root_of(id));
        self.roots.contains_key(&event.call) || event.linked.iter().any(|id| is_taken(id) || is_open(id))
    }

    /// The call with all others that `event` says are the same: two conversations may both be known before a link is.
    fn join(&mut self, mut call: Progress, event: &CallSnapshot) -> Progress {
        for linked in &event.linked {
            let id = self.root_of(linked).clone();
            if id != *call.id()
                && self.open.get(&id).is_some_and(|other| call.is_same(other))
                && let Some(other) = self.take(&id)
            {
                self.unlink(&other);
                self.unlink(&call);
                call = call.join(other);
            }
        }
        call
    }

    fn take(&mut self, id: &ConversationSpaceId) -> Option<Progress> {
        let call = self.open.remove(id)?;
        self.due.remove(&(call.due(&self.limits), id.clone()));
        Some(call)
    }

    fn put(&mut self, call: Progress, over: bool, now: Now, out: &mut Vec<Effect>) {
        if over {
            self.unlink(&call);
            for leg in call.legs().ids() {
                let ended = Ended { call: call.id().clone(), answered: call.was_answered() };
                self.bury(leg.clone(), ended, now.instant);
            }
            self.closed.insert(call.id().clone(), call);
            return;
        }
        let others = |id: &&ConversationSpaceId| *id != call.id();
        for id in call.legs().ids().filter(others) {
            // Another call may have announced it: whoever heard it has it.
            self.roots.insert(id.clone(), call.id().clone());
        }
        for id in call.legs().announced().filter(others) {
            self.roots.entry(id.clone()).or_insert_with(|| call.id().clone());
        }
        self.due.insert((call.due(&self.limits), call.id().clone()));
        self.open.insert(call.id().clone(), call);
        if self.open.len() > self.limits.open {
            self.evict(now, out);
        }
    }

    /// Lets the call go that is due next, after it has said what it holds back.
    fn evict(&mut self, now: Now, out: &mut Vec<Effect>) {
        let Some((at, id)) = self.due.first().cloned() else { return };
        if let Some(mut call) = self.take(&id) {
            let over = call.speak(Now { instant: at.max(now.instant), ..now }, &self.limits, out);
            self.unlink(&call);
            if over {
                self.put(call, over, now, out);
            }
        }
    }

    fn unlink(&mut self, call: &Progress) {
        for id in call.legs().ids().chain(call.legs().announced()) {
            if self.roots.get(id) == Some(call.id()) {
                self.roots.remove(id);
            }
        }
    }

    fn bury(&mut self, id: ConversationSpaceId, ended: Ended, now: Instant) {
        if self.ended.insert(id.clone(), ended).is_none() {
            self.farewells.push_back((now, id));
        }
    }

    fn forget_ended(&mut self, now: Instant) {
        while let Some((at, _)) = self.farewells.front()
            && (self.farewells.len() > self.limits.ended || now.saturating_duration_since(*at) > self.limits.memory)
        {
            if let Some((_, id)) = self.farewells.pop_front() {
                self.ended.remove(&id);
                self.closed.remove(&id);
            }
        }
    }
}

#[cfg(test)]
#[derive(Debug)]
pub(super) struct Sizes {
    pub(super) open: usize,
    pub(super) roots: usize,
    pub(super) due: usize,
    pub(super) ended: usize,
    pub(super) closed: usize,
    pub(super) farewells: usize,
}

#[cfg(test)]
impl Tracker {
    pub(super) fn sizes(&self) -> Sizes {
        Sizes {
            open: self.open.len(),
            roots: self.roots.len(),
            due: self.due.len(),
            ended: self.ended.len(),
            closed: self.closed.len(),
            farewells: self.farewells.len(),
        }
    }
}
