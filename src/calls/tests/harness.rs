//! A tracker with a clock that the test sets, and a GoTo that answers its fetches.

use super::in_words::{end, ring};
use crate::{
    calls::{Effect, Limits, Tracker},
    model::{
        call::{CallSnapshot, CallStatus, CallUpdate, Report, RingStage, StatesQuery},
        ids::ConversationSpaceId,
        time::{Now, Timestamp, after, elapsed},
    },
};
use std::{
    collections::{BTreeMap, HashMap},
    time::{Duration, Instant},
};

/// Waits of the driver before it retries a report that does not exist yet.
const RETRIES: [u64; 4] = [30, 60, 60, 60];

/// Input of the tracker.
#[derive(Debug, Clone)]
pub enum Input {
    Snapshot(Box<CallSnapshot>),
    ReportReady(ConversationSpaceId),
    Report(Box<Report>),
    /// The n-th query of a report.
    Try(ConversationSpaceId, usize),
}

/// A tracker with its clock.
pub struct Harness {
    pub tracker: Tracker,
    origin: Instant,
    epoch: Timestamp,
    now: Duration,
    planned: BTreeMap<(Duration, u64), Input>,
    count: u64,
    /// The full reports that GoTo has, each with the time of its creation.
    pub reports: HashMap<ConversationSpaceId, (Duration, Report)>,
    /// The snapshots that GoTo answers for holes while the call lives.
    pub states: Vec<CallSnapshot>,
    pub updates: Vec<(Duration, CallUpdate)>,
    pub fetched_reports: Vec<ConversationSpaceId>,
    pub fetched_states: Vec<(u64, u64)>,
    /// Updates for calls that the tracker does not know, as the daemon makes them from reports.
    pub from_reports: Vec<CallUpdate>,
}

impl Harness {
    /// Creates a harness. `epoch` is the time at 0.
    pub fn new(epoch: Timestamp) -> Self {
        Self::with(epoch, Limits::default())
    }

    pub fn with(epoch: Timestamp, limits: Limits) -> Self {
        Self {
            tracker: Tracker::new(limits),
            origin: Instant::now(),
            epoch,
            now: Duration::ZERO,
            planned: BTreeMap::new(),
            count: 0,
            reports: HashMap::new(),
            states: Vec::new(),
            updates: Vec::new(),
            fetched_reports: Vec::new(),
            fetched_states: Vec::new(),
            from_reports: Vec::new(),
        }
    }

    fn now(&self) -> Now {
        Now { instant: self.origin + self.now, timestamp: after(self.epoch, self.now) }
    }

    /// Plans the arrival of `input` at `at`.
    pub fn plan(&mut self, at: Duration, input: Input) {
        self.count += 1;
        self.planned.insert((at, self.count), input);
    }

    /// Plans the arrival of a snapshot at its own time.
    pub fn push(&mut self, event: CallSnapshot) {
        let at = elapsed(self.epoch, event.state.at.unwrap());
        self.plan(at, Input::Snapshot(event.into()));
    }

    /// Delivers all planned input, with a tick at every deadline on the way, and then lets `rest` pass.
    pub fn run(&mut self, rest: Duration) {
        let arrives = |input: &Input| !matches!(input, Input::Try(..));
        let last = self.planned.iter().filter(|(_, input)| arrives(input)).map(|((at, _), _)| *at).max();
        self.run_to(last.unwrap_or_default().max(self.now) + rest);
    }

    fn input(&mut self, input: Input) {
        let now = self.now();
        let effects = match input {
            Input::Snapshot(event) => self.tracker.handle_snapshot(*event, now),
            Input::ReportReady(id) => self.tracker.report_ready(&id, now),
            Input::Report(report) => self.report(&report, now),
            Input::Try(id, tries) => match self.reports.get(&id).filter(|(since, _)| *since <= self.now) {
                Some((_, report)) => {
                    let report = report.clone();
                    self.report(&report, now)
                }
                None => {
                    if let Some(wait) = RETRIES.get(tries) {
                        self.plan(self.now + Duration::from_secs(*wait), Input::Try(id, tries + 1));
                    }
                    Vec::new()
                }
            },
        };
        self.take(effects);
    }

    fn report(&mut self, report: &Report, now: Now) -> Vec<Effect> {
        if !self.tracker.covers(report) {
            self.from_reports.extend(crate::calls::update_from_report(report, now.timestamp));
        }
        self.tracker.handle_report(report, now)
    }

    fn run_to(&mut self, to: Duration) {
        let mut ticks = 0;
        loop {
            let due = self.tracker.next_deadline().map(|due| due.saturating_duration_since(self.origin));
            let due = due.filter(|due| *due <= to);
            let arrival = self.planned.first_key_value().map(|((at, _), _)| *at).filter(|at| *at <= to);
            // Input that arrives at a deadline is handled before it, as in the daemon.
            if let Some(at) = arrival.filter(|at| due.is_none_or(|due| *at <= due)) {
                self.now = self.now.max(at);
                if let Some((_, input)) = self.planned.pop_first() {
                    self.input(input);
                }
                continue;
            }
            let Some(due) = due else { break };
            self.now = self.now.max(due);
            let effects = self.tracker.tick(self.now());
            self.take(effects);
            ticks += 1;
            assert!(ticks < 10_000, "a deadline that is never met");
        }
        self.now = self.now.max(to);
    }

    pub fn flush(&mut self) {
        let effects = self.tracker.flush(self.now());
        self.take(effects);
    }

    fn take(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Emit(update) => self.updates.push((self.now, update)),
                Effect::FetchStates(StatesQuery { call, from, to }) => {
                    self.fetched_states.push((from, to));
                    let wanted =
                        |event: &&CallSnapshot| event.call == call && (from..=to).contains(&event.state.sequence);
                    for event in self.states.iter().filter(wanted).cloned().collect::<Vec<_>>() {
                        self.plan(self.now + Duration::from_millis(200), Input::Snapshot(event.into()));
                    }
                }
                Effect::FetchReport { call } => {
                    self.fetched_reports.push(call.clone());
                    self.plan(self.now + Duration::from_millis(200), Input::Try(call, 0));
                }
            }
        }
    }

    /// Returns the last final status, of the only call.
    pub fn end(&self) -> Option<String> {
        let last = self.updates.iter().rev().map(|(_, update)| update).find(|update| update.status.kind().is_final());
        last.or(self.from_reports.last()).map(end)
    }

    /// Returns each ring: its time, its stage, the people.
    pub fn rings(&self) -> Vec<String> {
        let rings = self.updates.iter().filter(|(_, update)| update.status == CallStatus::Ringing);
        rings.map(|(at, update)| format!("{:.1} {}", at.as_secs_f64(), ring(&update.call))).collect()
    }

    /// Returns the rings of the last stage.
    pub fn phone_rings(&self) -> Vec<String> {
        let is_phone =
            |update: &CallUpdate| update.status == CallStatus::Ringing && update.call.course.stage == RingStage::Phone;
        let rings = self.updates.iter().filter(|(_, update)| is_phone(update));
        rings.map(|(at, update)| format!("{:.1} {}", at.as_secs_f64(), ring(&update.call))).collect()
    }

    /// Returns the person of each answer.
    pub fn answers(&self) -> Vec<String> {
        let by = |update: &CallUpdate| match &update.status {
            CallStatus::Answered { answered_by: by, .. } => {
                Some(by.name.clone().unwrap_or_else(|| "outside".to_owned()))
            }
            _ => None,
        };
        self.updates.iter().filter_map(|(_, update)| by(update)).collect()
    }
}
