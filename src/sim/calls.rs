//! Store of placed calls: how many states each has reached and which ones were sent to a socket. No HTTP, no clock.

use super::{
    scenario::CallPlan,
    scene::{self, Conversation, TimedState},
    scheduled_call::{ScheduledCall, conversation_id},
};
use jiff::Timestamp;
use serde::Serialize;
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

/// Calls in the store. Beyond this limit the oldest ended call is removed.
const MAX_CALLS: usize = 250_000;

/// One placed call, as `GET /sim/calls` returns it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CallSummary {
    /// Position in the order of placing, from 0.
    pub number: u64,
    /// Conversation space id.
    pub id: String,
    /// Account key.
    pub account: String,
    /// `INBOUND` or `OUTBOUND`.
    pub direction: String,
    /// Preset of the call plan.
    pub shape: String,
    /// Caller name; `None` if the plan has none.
    pub name: Option<String>,
    /// Caller number; `None` if the plan has none.
    pub caller: Option<String>,
    /// Whether the caller reaches nothing but a menu.
    pub menu_only: bool,
    /// Start of the call.
    pub started: Timestamp,
    /// States of the call, without those of a consultation.
    pub states: usize,
    /// States reached so far.
    pub states_reached: usize,
    /// Sequence numbers of the states written to at least one open, subscribed socket.
    pub delivered: BTreeSet<u64>,
    /// Time at which the first ring was written to a socket. Without a ring before it: the first state after it.
    pub ring_delivered_at: Option<Timestamp>,
    /// Whether the call has ended.
    pub ended: bool,
}

/// Progress of one conversation of a call.
#[derive(Debug)]
struct Progress {
    states: usize,
    reached: usize,
    reported: bool,
}

impl Progress {
    fn is_ended(&self) -> bool {
        self.reached >= self.states
    }
}

#[derive(Debug)]
struct SimulatedCall {
    call: ScheduledCall,
    conversations: Vec<(Arc<str>, Progress)>,
    /// Sequence number of the first state with a ringing phone; without one, of the first state.
    ring: u64,
    delivered: BTreeSet<u64>,
    ring_delivered_at: Option<Timestamp>,
}

impl SimulatedCall {
    fn new(call: ScheduledCall) -> Self {
        let all = scene::conversations(&call);
        let ring = all.first().and_then(|main| scene::first_ring(&main.states)).unwrap_or(1);
        let progress =
            |one: Conversation| (one.id.into(), Progress { states: one.states.len(), reached: 0, reported: false });
        let conversations = all.into_iter().map(progress).collect();
        Self { call, conversations, ring, delivered: BTreeSet::new(), ring_delivered_at: None }
    }

    fn is_ended(&self) -> bool {
        self.conversations.iter().all(|(_, progress)| progress.is_ended())
    }

    fn summary(&self, number: u64) -> CallSummary {
        let plan = &self.call.plan;
        let main = self.conversations.first().map(|(_, progress)| progress);
        CallSummary {
            number,
            id: self.call.id.to_string(),
            account: plan.account.clone(),
            direction: plan.direction().to_owned(),
            shape: plan.shape.clone(),
            name: plan.caller.as_ref().and_then(|caller| caller.name.clone()),
            caller: plan.caller.as_ref().and_then(|caller| caller.number.clone()),
            menu_only: plan.is_menu_only(),
            started: self.call.started,
            states: main.map_or(0, |progress| progress.states),
            states_reached: main.map_or(0, |progress| progress.reached),
            delivered: self.delivered.clone(),
            ring_delivered_at: self.ring_delivered_at,
            ended: self.is_ended(),
        }
    }

    /// Returns the matching conversations, each with a number that is unique in lists.
    fn matching(
        &self,
        number: u64,
        matches: impl Fn(&Progress) -> bool,
    ) -> impl Iterator<Item = (u64, &Progress, Conversation)> {
        let any = self.conversations.iter().any(|(_, progress)| matches(progress));
        let states = if any { scene::conversations(&self.call) } else { Vec::new() };
        let all = (number * 2..).zip(self.conversations.iter().zip(states));
        let all: Vec<_> = all
            .filter(|(_, ((_, progress), _))| matches(progress))
            .map(|(number, ((_, progress), states))| (number, progress, states))
            .collect();
        all.into_iter().rev()
    }
}

/// All calls in the order of placing.
#[derive(Debug)]
pub(super) struct CallStore {
    all: BTreeMap<u64, SimulatedCall>,
    /// Number of the call and place of the conversation in it, by conversation space id.
    places: HashMap<Arc<str>, (u64, usize)>,
    next: u64,
    rng: fastrand::Rng,
}

impl CallStore {
    /// Creates an empty store.
    pub(super) fn new(seed: u64) -> Self {
        Self { all: BTreeMap::new(), places: HashMap::new(), next: 0, rng: fastrand::Rng::with_seed(seed) }
    }

    /// Adds a call that starts now.
    pub(super) fn place(&mut self, plan: CallPlan, now: Timestamp) -> ScheduledCall {
        let mut bytes = [0; 16];
        self.rng.fill(&mut bytes);
        let placed = ScheduledCall { id: conversation_id(bytes), started: now, plan };
        let entry = SimulatedCall::new(placed.clone());
        for (place, (id, _)) in entry.conversations.iter().enumerate() {
            self.places.insert(Arc::clone(id), (self.next, place));
        }
        self.all.insert(self.next, entry);
        self.next += 1;
        if self.all.len() > MAX_CALLS {
            self.drop_oldest();
        }
        placed
    }

    /// Adds a call that has ended and has a report. Returns the call id.
    pub(super) fn place_ended(&mut self, plan: CallPlan, started: Timestamp) -> String {
        let id = self.place(plan, started).id.to_string();
        let number = self.next - 1;
        for (_, progress) in self.all.get_mut(&number).into_iter().flat_map(|entry| &mut entry.conversations) {
            (progress.reached, progress.reported) = (progress.states, true);
        }
        id
    }

    fn drop_oldest(&mut self) {
        let oldest = self.all.iter().find(|(_, entry)| entry.is_ended()).map(|(number, _)| *number);
        if let Some(entry) = oldest.and_then(|number| self.all.remove(&number)) {
            for (id, _) in &entry.conversations {
                self.places.remove(id);
            }
        }
    }

    fn progress(&mut self, id: &str) -> Option<&mut Progress> {
        let (number, place) = *self.places.get(id)?;
        let (_, progress) = self.all.get_mut(&number)?.conversations.get_mut(place)?;
        Some(progress)
    }

    /// Moves the conversation to the next state.
    pub(super) fn advance(&mut self, id: &str) {
        if let Some(progress) = self.progress(id) {
            progress.reached += 1;
        }
    }

    /// Marks the report of the conversation as available.
    pub(super) fn mark_reported(&mut self, id: &str) {
        if let Some(progress) = self.progress(id) {
            progress.reported = true;
        }
    }

    /// Records that a state of a call was written to a socket. Returns true for the first ring of the call.
    pub(super) fn mark_delivered(&mut self, id: &str, sequence: u64, now: Timestamp) -> bool {
        let Some((number, 0)) = self.places.get(id).copied() else { return false };
        let Some(entry) = self.all.get_mut(&number) else { return false };
        entry.delivered.insert(sequence);
        let first = entry.ring_delivered_at.is_none() && sequence >= entry.ring;
        if first {
            entry.ring_delivered_at = Some(now);
        }
        first
    }

    /// Returns the summary of one call.
    pub(super) fn summary(&self, id: &str) -> Option<CallSummary> {
        let (number, _) = *self.places.get(id)?;
        self.all.get(&number).map(|entry| entry.summary(number))
    }

    /// Returns the number of calls, and how many of them were sent to a socket.
    pub(super) fn totals(&self) -> (u64, usize) {
        (self.next, self.all.values().filter(|entry| entry.ring_delivered_at.is_some()).count())
    }

    /// Returns up to `most` summaries from the given number on, oldest first.
    pub(super) fn summaries(&self, from: u64, most: usize) -> Vec<CallSummary> {
        self.all.range(from..).take(most).map(|(number, entry)| entry.summary(*number)).collect()
    }

    /// Returns active conversations of the given accounts (all accounts if empty), newest first, each with the latest
    /// state.
    pub(super) fn active<'a>(&'a self, accounts: &'a [String]) -> impl Iterator<Item = (u64, TimedState)> + 'a {
        let in_accounts = |entry: &SimulatedCall| accounts.is_empty() || accounts.contains(&entry.call.plan.account);
        let is_active = |progress: &Progress| progress.reached > 0 && !progress.is_ended();
        self.all
            .iter()
            .rev()
            .filter(move |(_, entry)| in_accounts(entry))
            .flat_map(move |(number, entry)| entry.matching(*number, is_active))
            .filter_map(|(number, progress, one)| Some((number, one.states.into_iter().nth(progress.reached - 1)?)))
    }

    fn conversation(&self, id: &str) -> Option<(&ScheduledCall, &Progress, Conversation)> {
        let (number, place) = *self.places.get(id)?;
        let entry = self.all.get(&number)?;
        let (_, progress) = entry.conversations.get(place)?;
        Some((&entry.call, progress, scene::conversations(&entry.call).into_iter().nth(place)?))
    }

    /// Returns the states that an active conversation has reached.
    pub(super) fn states(&self, id: &str) -> Option<Vec<TimedState>> {
        let (_, progress, one) = self.conversation(id)?;
        let active = progress.reached > 0 && !progress.is_ended();
        active.then(|| one.states.into_iter().take(progress.reached).collect())
    }

    /// Returns a conversation whose report is available, with its call.
    pub(super) fn reported(&self, id: &str) -> Option<(&ScheduledCall, Conversation)> {
        let (call, progress, one) = self.conversation(id)?;
        progress.reported.then_some((call, one))
    }

    /// Returns calls whose reports are available, newest first.
    pub(super) fn all_reported(&self) -> impl Iterator<Item = &ScheduledCall> {
        let is_reported = |entry: &&SimulatedCall| entry.conversations.iter().any(|(_, progress)| progress.reported);
        self.all.values().rev().filter(is_reported).map(|entry| &entry.call)
    }

    /// Returns reported conversations of the accounts whose call started in `from..to`, newest first. Calls with a number
    /// from `below` on are left out before their states are made: otherwise a paged list costs the square of its length.
    pub(super) fn reported_between<'a>(
        &'a self,
        accounts: &'a [String],
        from: Timestamp,
        to: Timestamp,
        below: Option<u64>,
    ) -> impl Iterator<Item = (u64, Conversation)> + 'a {
        let last = below.map_or(self.next, |below| below / 2 + 1);
        self.all
            .range(..last)
            .rev()
            .filter(move |(_, entry)| entry.call.started >= from && entry.call.started < to)
            .filter(|(_, entry)| accounts.contains(&entry.call.plan.account))
            .flat_map(|(number, entry)| entry.matching(*number, |progress| progress.reported))
            .map(|(number, _, one)| (number, one))
    }
}
