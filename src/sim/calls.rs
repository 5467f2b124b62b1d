//! The calls that were placed and how far each has come, as GoTo's REST interface would know it, and who heard of it.
//! A book; no HTTP, no clock.

use super::{
    placed::Placed,
    scenario::CallPlan,
    snapshot::{State, states},
};
use jiff::Timestamp;
use serde::Serialize;
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

/// Calls kept; beyond it the oldest that are over are forgotten.
const KEPT: usize = 250_000;

/// One placed call, as `GET /sim/calls` tells it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Made {
    /// Its place in the order of placing, from 0.
    pub number: u64,
    /// The conversation space.
    pub id: String,
    /// The account that was called.
    pub account: String,
    /// `INBOUND` or `OUTBOUND`.
    pub direction: String,
    /// What kind of call it is.
    pub shape: String,
    /// The caller's name, if there is one.
    pub name: Option<String>,
    /// The caller's number, if there is one.
    pub caller: Option<String>,
    /// When it came into being.
    pub started: Timestamp,
    /// How many states it will have.
    pub states: usize,
    /// How many it has had so far.
    pub said: usize,
    /// Numbers of the states that were written to at least one open, subscribed socket.
    pub heard: BTreeSet<u64>,
    /// When the first of them was written.
    pub heard_at: Option<Timestamp>,
    /// Whether it is over.
    pub over: bool,
}

#[derive(Debug)]
struct Entry {
    placed: Placed,
    said: usize,
    heard: BTreeSet<u64>,
    heard_at: Option<Timestamp>,
    reported: bool,
}

impl Entry {
    fn over(&self) -> bool {
        self.said >= self.placed.plan.beats.len()
    }

    fn made(&self, number: u64) -> Made {
        let plan = &self.placed.plan;
        Made {
            number,
            id: self.placed.id.to_string(),
            account: plan.account.clone(),
            direction: plan.direction.clone(),
            shape: plan.shape.clone(),
            name: plan.caller.as_ref().and_then(|caller| caller.name.clone()),
            caller: plan.caller.as_ref().and_then(|caller| caller.number.clone()),
            started: self.placed.started,
            states: plan.beats.len(),
            said: self.said,
            heard: self.heard.clone(),
            heard_at: self.heard_at,
            over: self.over(),
        }
    }
}

/// All calls, by the order they were placed in.
#[derive(Debug)]
pub(super) struct Calls {
    all: BTreeMap<u64, Entry>,
    numbers: HashMap<Arc<str>, u64>,
    next: u64,
    dice: fastrand::Rng,
}

impl Calls {
    /// No calls yet.
    pub(super) fn new(seed: u64) -> Self {
        Self { all: BTreeMap::new(), numbers: HashMap::new(), next: 0, dice: fastrand::Rng::with_seed(seed) }
    }

    /// A call comes into being.
    pub(super) fn place(&mut self, plan: CallPlan, now: Timestamp) -> Placed {
        let mut bytes = [0; 16];
        self.dice.fill(&mut bytes);
        let placed = Placed { id: uuid::Builder::from_random_bytes(bytes).into_uuid(), started: now, plan };
        let entry = Entry { placed: placed.clone(), said: 0, heard: BTreeSet::new(), heard_at: None, reported: false };
        self.numbers.insert(placed.id.to_string().into(), self.next);
        self.all.insert(self.next, entry);
        self.next += 1;
        if self.all.len() > KEPT {
            self.forget_oldest();
        }
        placed
    }

    /// A call that is over and reported; its id.
    pub(super) fn place_over(&mut self, plan: CallPlan, started: Timestamp) -> String {
        let states = plan.beats.len();
        let id = self.place(plan, started).id.to_string();
        if let Some(entry) = self.entry(&id) {
            (entry.said, entry.reported) = (states, true);
        }
        id
    }

    fn forget_oldest(&mut self) {
        let oldest = self.all.iter().find(|(_, entry)| entry.over()).map(|(number, entry)| (*number, entry.placed.id));
        if let Some((number, id)) = oldest {
            self.all.remove(&number);
            self.numbers.remove(id.to_string().as_str());
        }
    }

    fn entry(&mut self, id: &str) -> Option<&mut Entry> {
        self.numbers.get(id).and_then(|number| self.all.get_mut(number))
    }

    /// The call has come to one more state.
    pub(super) fn said(&mut self, id: &str) {
        if let Some(entry) = self.entry(id) {
            entry.said += 1;
        }
    }

    /// Its report is there.
    pub(super) fn reported(&mut self, id: &str) {
        if let Some(entry) = self.entry(id) {
            entry.reported = true;
        }
    }

    /// A state was written to a socket. True for the first of the call.
    pub(super) fn heard(&mut self, id: &str, sequence: u64, now: Timestamp) -> bool {
        let Some(entry) = self.entry(id) else { return false };
        entry.heard.insert(sequence);
        let first = entry.heard_at.is_none();
        entry.heard_at.get_or_insert(now);
        first
    }

    /// One call as the ledger tells it.
    pub(super) fn one(&mut self, id: &str) -> Option<Made> {
        let number = self.numbers.get(id).copied()?;
        self.all.get(&number).map(|entry| entry.made(number))
    }

    /// How many calls there were, and how many of them were heard.
    pub(super) fn totals(&self) -> (u64, usize) {
        (self.next, self.all.values().filter(|entry| entry.heard_at.is_some()).count())
    }

    /// The ledger from the given number on, oldest first.
    pub(super) fn made(&self, from: u64, most: usize) -> Vec<Made> {
        self.all.range(from..).take(most).map(|(number, entry)| entry.made(*number)).collect()
    }

    /// Calls under way of the given accounts (any if none is given), newest first, each with its latest state.
    pub(super) fn active<'a>(&'a self, accounts: &'a [String]) -> impl Iterator<Item = (u64, State)> + 'a {
        let meant = |entry: &Entry| accounts.is_empty() || accounts.contains(&entry.placed.plan.account);
        self.all
            .iter()
            .rev()
            .filter(move |(_, entry)| entry.said > 0 && !entry.over() && meant(entry))
            .filter_map(|(number, entry)| Some((*number, states(&entry.placed).into_iter().nth(entry.said - 1)?)))
    }

    /// The states a call has had so far, if it is under way.
    pub(super) fn states(&self, id: &str) -> Option<Vec<State>> {
        let entry = self.numbers.get(id).and_then(|number| self.all.get(number))?;
        (entry.said > 0 && !entry.over()).then(|| states(&entry.placed).into_iter().take(entry.said).collect())
    }

    /// A call whose report is there.
    pub(super) fn report(&self, id: &str) -> Option<&Placed> {
        let entry = self.numbers.get(id).and_then(|number| self.all.get(number))?;
        entry.reported.then_some(&entry.placed)
    }

    /// Calls whose reports are there, newest first.
    pub(super) fn all_reported(&self) -> impl Iterator<Item = &Placed> {
        self.all.values().rev().filter(|entry| entry.reported).map(|entry| &entry.placed)
    }

    /// Calls of an account whose reports are there and which began in the given time, newest first.
    pub(super) fn reports<'a>(
        &'a self,
        accounts: &'a [String],
        from: Timestamp,
        to: Timestamp,
    ) -> impl Iterator<Item = (u64, &'a Placed)> + 'a {
        self.all
            .iter()
            .rev()
            .filter(move |(_, entry)| entry.reported && entry.placed.started >= from && entry.placed.started < to)
            .filter(|(_, entry)| accounts.contains(&entry.placed.plan.account))
            .map(|(number, entry)| (*number, &entry.placed))
    }
}
