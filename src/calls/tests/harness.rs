//! A tracker with a clock that the test sets, and a GoTo that answers its fetches.

use crate::{
    calls::{Effect, Limits, Tracker},
    model::{
        call::{
            Call, CallDirection, CallSnapshot, CallStatus, CallUpdate, HungUp, Person, Report, RingStage, StatesQuery,
            TalkParty,
        },
        ids::ConversationSpaceId,
        phone::PhoneNumber,
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

fn name(person: &Person) -> String {
    person.name.clone().or_else(|| person.extension.clone()).unwrap_or_else(|| "?".to_owned())
}

fn names(people: &[Person]) -> String {
    people.iter().map(name).collect::<Vec<_>>().join(", ")
}

fn number(number: &PhoneNumber) -> String {
    number.as_e164().map_or_else(|| "withheld".to_owned(), |number| number.expose().to_owned())
}

/// Returns a ring in words.
pub fn ring(call: &Call) -> String {
    let mut words = vec![format!("{:?}", call.course.stage).to_lowercase()];
    if !call.people.is_empty() {
        words.push(format!("rings {}", names(&call.people)));
    }
    words.extend(call.course.forwarded_to.as_ref().map(|it| format!("forwarded to {}", number(it))));
    words.extend(call.queues.last().map(|queue| format!("in {}", queue.name)));
    words.extend(
        call.course.handed_on.as_ref().map(|it| format!("from {}", it.by.as_ref().map_or("?".to_owned(), name))),
    );
    words.extend(call.first_seen_late.then(|| "late".to_owned()));
    words.join(" ")
}

/// Returns whole seconds, as a card shows them.
pub fn seconds(duration: Duration) -> u64 {
    (duration + Duration::from_millis(500)).as_secs()
}

/// Returns a final status in words.
pub fn end(update: &CallUpdate) -> String {
    let CallUpdate { call, status, .. } = update;
    let course = &call.course;
    let mut words = vec![if call.end_unknown { "unknown".to_owned() } else { status.kind().as_str().to_owned() }];
    if call.direction != CallDirection::Inbound {
        words.insert(0, call.direction.as_str().to_owned());
    }
    for talk in &course.talks {
        let who = match &talk.with {
            TalkParty::Person(person) => name(person),
            TalkParty::Outside(outside) => format!("outside {}", number(outside)),
        };
        let talked = talk.talked.map_or("?".to_owned(), |talked| seconds(talked).to_string());
        let mut part = format!("with {who} {talked} s");
        if !talk.held.is_zero() {
            part += &format!(" held {} s", seconds(talk.held));
        }
        if let Some(waited) = talk.waited {
            part += &format!(" after {} s", seconds(waited));
        }
        if let Some(queue) = &talk.queue {
            part += &format!(" in {}", queue.name);
        }
        words.push(part);
    }
    if let Some(it) = &course.handed_on {
        let (receivers, others) = it.receivers();
        let to = match &it.queue {
            _ if !receivers.is_empty() => names(&receivers),
            Some(queue) => format!("queue {}", queue.name),
            None => it.destination.clone().unwrap_or_default(),
        };
        let rang = if others.is_empty() { String::new() } else { format!(" rang {}", names(&others)) };
        words.push(format!("handed on to {to}{rang}, no answer in {} s", seconds(it.rang)));
    }
    if let Some(mailbox) = &course.mailbox {
        let left = match mailbox.message {
            Some(true) => format!("message {} s", mailbox.length.map_or("?".to_owned(), |it| seconds(it).to_string())),
            Some(false) => "no message".to_owned(),
            None => "message?".to_owned(),
        };
        let owner = mailbox.owner.as_ref().map_or(String::new(), |owner| format!(" for {}", name(owner)));
        words.push(left + &owner);
    }
    if let CallStatus::Missed { waited: after, reason: why } = status {
        words.push(format!("{why:?} after {} s", seconds(*after)));
    }
    if course.talks.is_empty() && call.direction == CallDirection::Inbound && !call.people.is_empty() {
        words.push(format!("rang {}", names(&call.people)));
    }
    if let Some(gave_up) = &course.gave_up {
        let queue = gave_up.queue.as_ref().map_or(String::new(), |queue| format!(" {}", queue.name));
        words.push(format!("gave up in {:?}{queue} after {} s", gave_up.position, seconds(gave_up.after)));
    }
    words.extend(course.hung_up.as_ref().map(|who| match who {
        HungUp::Caller => "caller hung up".to_owned(),
        HungUp::Person(person) => format!("{} hung up", name(person)),
        HungUp::Outside => "outside hung up".to_owned(),
    }));
    words.extend(course.recorded.then(|| "recorded".to_owned()));
    words.extend(course.needs_callback.then(|| "callback".to_owned()));
    words.extend(course.menu_only.then(|| "menu only".to_owned()));
    words.join(" · ")
}
