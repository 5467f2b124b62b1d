//! Store of placed calls: how many states each has reached and which ones were sent to a socket. No HTTP, no clock.

use super::{
    scenario::CallPlan,
    scheduled_call::ScheduledCall,
    snapshot::{TimedState, states},
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
    /// Start of the call.
    pub started: Timestamp,
    /// States in the plan.
    pub states: usize,
    /// States reached so far.
    #[serde(rename = "said")]
    pub states_reached: usize,
    /// Sequence numbers of the states written to at least one open, subscribed socket.
    #[serde(rename = "heard")]
    pub delivered: BTreeSet<u64>,
    /// Time at which the first of them was written.
    #[serde(rename = "heard_at")]
    pub first_delivered_at: Option<Timestamp>,
    /// Whether the call has ended.
    #[serde(rename = "over")]
    pub ended: bool,
}

#[derive(Debug)]
struct Entry {
    call: ScheduledCall,
    reached: usize,
    delivered: BTreeSet<u64>,
    delivered_at: Option<Timestamp>,
    reported: bool,
}

impl Entry {
    fn is_ended(&self) -> bool {
        self.reached >= self.call.plan.steps.len()
    }

    fn summary(&self, number: u64) -> CallSummary {
        let plan = &self.call.plan;
        CallSummary {
            number,
            id: self.call.id.to_string(),
            account: plan.account.clone(),
            direction: plan.direction.clone(),
            shape: plan.shape.clone(),
            name: plan.caller.as_ref().and_then(|caller| caller.name.clone()),
            caller: plan.caller.as_ref().and_then(|caller| caller.number.clone()),
            started: self.call.started,
            states: plan.steps.len(),
            states_reached: self.reached,
            delivered: self.delivered.clone(),
            first_delivered_at: self.delivered_at,
            ended: self.is_ended(),
        }
    }
}

/// All calls in the order of placing.
#[derive(Debug)]
pub(super) struct CallStore {
    all: BTreeMap<u64, Entry>,
    numbers: HashMap<Arc<str>, u64>,
    next: u64,
    rng: fastrand::Rng,
}

impl CallStore {
    /// Creates an empty store.
    pub(super) fn new(seed: u64) -> Self {
        Self { all: BTreeMap::new(), numbers: HashMap::new(), next: 0, rng: fastrand::Rng::with_seed(seed) }
    }

    /// Adds a call that starts now.
    pub(super) fn place(&mut self, plan: CallPlan, now: Timestamp) -> ScheduledCall {
        let mut bytes = [0; 16];
        self.rng.fill(&mut bytes);
        let placed = ScheduledCall { id: uuid::Builder::from_random_bytes(bytes).into_uuid(), started: now, plan };
        let entry =
            Entry { call: placed.clone(), reached: 0, delivered: BTreeSet::new(), delivered_at: None, reported: false };
        self.numbers.insert(placed.id.to_string().into(), self.next);
        self.all.insert(self.next, entry);
        self.next += 1;
        if self.all.len() > MAX_CALLS {
            self.drop_oldest();
        }
        placed
    }

    /// Adds a call that has ended and has a report. Returns the call id.
    pub(super) fn place_ended(&mut self, plan: CallPlan, started: Timestamp) -> String {
        let states = plan.steps.len();
        let id = self.place(plan, started).id.to_string();
        if let Some(entry) = self.entry(&id) {
            (entry.reached, entry.reported) = (states, true);
        }
        id
    }

    fn drop_oldest(&mut self) {
        let oldest =
            self.all.iter().find(|(_, entry)| entry.is_ended()).map(|(number, entry)| (*number, entry.call.id));
        if let Some((number, id)) = oldest {
            self.all.remove(&number);
            self.numbers.remove(id.to_string().as_str());
        }
    }

    fn entry(&mut self, id: &str) -> Option<&mut Entry> {
        self.numbers.get(id).and_then(|number| self.all.get_mut(number))
    }

    /// Moves the call to the next state.
    pub(super) fn advance(&mut self, id: &str) {
        if let Some(entry) = self.entry(id) {
            entry.reached += 1;
        }
    }

    /// Marks the report of the call as available.
    pub(super) fn mark_reported(&mut self, id: &str) {
        if let Some(entry) = self.entry(id) {
            entry.reported = true;
        }
    }

    /// Records that a state was written to a socket. Returns true for the first state of the call.
    pub(super) fn mark_delivered(&mut self, id: &str, sequence: u64, now: Timestamp) -> bool {
        let Some(entry) = self.entry(id) else { return false };
        entry.delivered.insert(sequence);
        let first = entry.delivered_at.is_none();
        entry.delivered_at.get_or_insert(now);
        first
    }

    /// Returns the summary of one call.
    pub(super) fn summary(&mut self, id: &str) -> Option<CallSummary> {
        let number = self.numbers.get(id).copied()?;
        self.all.get(&number).map(|entry| entry.summary(number))
    }

    /// Returns the number of calls, and how many of them were sent to a socket.
    pub(super) fn totals(&self) -> (u64, usize) {
        (self.next, self.all.values().filter(|entry| entry.delivered_at.is_some()).count())
    }

    /// Returns up to `most` summaries from the given number on, oldest first.
    pub(super) fn summaries(&self, from: u64, most: usize) -> Vec<CallSummary> {
        self.all.range(from..).take(most).map(|(number, entry)| entry.summary(*number)).collect()
    }

    /// Returns active calls of the given accounts (all accounts if empty), newest first, each with the latest state.
    pub(super) fn active<'a>(&'a self, accounts: &'a [String]) -> impl Iterator<Item = (u64, TimedState)> + 'a {
        let matches = |entry: &Entry| accounts.is_empty() || accounts.contains(&entry.call.plan.account);
        self.all
            .iter()
            .rev()
            .filter(move |(_, entry)| entry.reached > 0 && !entry.is_ended() && matches(entry))
            .filter_map(|(number, entry)| Some((*number, states(&entry.call).into_iter().nth(entry.reached - 1)?)))
    }

    /// Returns the states that an active call has reached.
    pub(super) fn states(&self, id: &str) -> Option<Vec<TimedState>> {
        let entry = self.numbers.get(id).and_then(|number| self.all.get(number))?;
        (entry.reached > 0 && !entry.is_ended()).then(|| states(&entry.call).into_iter().take(entry.reached).collect())
    }

    /// Returns a call whose report is available.
    pub(super) fn reported_call(&self, id: &str) -> Option<&ScheduledCall> {
        let entry = self.numbers.get(id).and_then(|number| self.all.get(number))?;
        entry.reported.then_some(&entry.call)
    }

    /// Returns calls whose reports are available, newest first.
    pub(super) fn all_reported(&self) -> impl Iterator<Item = &ScheduledCall> {
        self.all.values().rev().filter(|entry| entry.reported).map(|entry| &entry.call)
    }

    /// Returns reported calls of the accounts that started in `from..to`, newest first.
    pub(super) fn reported_between<'a>(
        &'a self,
        accounts: &'a [String],
        from: Timestamp,
        to: Timestamp,
    ) -> impl Iterator<Item = (u64, &'a ScheduledCall)> + 'a {
        self.all
            .iter()
            .rev()
            .filter(move |(_, entry)| entry.reported && entry.call.started >= from && entry.call.started < to)
            .filter(|(_, entry)| accounts.contains(&entry.call.plan.account))
            .map(|(number, entry)| (*number, &entry.call))
    }
}
