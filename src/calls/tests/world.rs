//! A tracker with a clock that the test sets, and snapshots by short words. Times are milliseconds of the call.

use crate::{
    calls::{Effect, Limits, Tracker},
    model::{
        call::{
            AccountNumber, CallDirection, CallSnapshot, CallStatus, CallSystem, CallUpdate, Caller, Participant,
            ParticipantKind, ParticipantStatus, Person, Phase, Queue, Report, SnapshotState, Transfer, WireDirection,
        },
        ids::ConversationSpaceId,
        phone::{PhoneNumber, Region},
        time::{Now, Timestamp, after},
    },
};
use std::time::{Duration, Instant};

pub struct World {
    pub tracker: Tracker,
    start: Instant,
    now: u64,
    pub tellings: Vec<CallUpdate>,
    /// Each telling in words: when, what, whom it rings, queues, details.
    pub told: Vec<String>,
    pub asked: Vec<String>,
    pub effects: Vec<(u64, Effect)>,
}

/// `ms` on the wall clock.
pub fn at(ms: u64) -> Timestamp {
    after("2026-05-01T14:03:20.000Z".parse().unwrap(), Duration::from_millis(ms))
}

fn ms(at: Timestamp) -> i64 {
    at.as_millisecond() - self::at(0).as_millisecond()
}

impl World {
    pub fn new() -> Self {
        Self::with(Limits::default())
    }

    pub fn with(limits: Limits) -> Self {
        Self {
            tracker: Tracker::new(limits),
            start: Instant::now(),
            now: 0,
            tellings: Vec::new(),
            told: Vec::new(),
            asked: Vec::new(),
            effects: Vec::new(),
        }
    }

    fn now(&self) -> Now {
        Now { instant: self.start + Duration::from_millis(self.now), timestamp: at(self.now) }
    }

    /// Lets time pass, with a tick at every deadline on the way.
    pub fn run_to(&mut self, to: u64) {
        let end = self.start + Duration::from_millis(to);
        let mut ticks = 0;
        while let Some(due) = self.tracker.next_deadline().filter(|due| *due <= end) {
            let due = due.saturating_duration_since(self.start).as_millis() as u64;
            self.now = self.now.max(due);
            let effects = self.tracker.tick(self.now());
            self.take(effects);
            ticks += 1;
            assert!(ticks < 10_000, "a deadline that is never met");
        }
        self.now = self.now.max(to);
    }

    pub fn hear_at(&mut self, at: u64, event: CallSnapshot) {
        self.run_to(at);
        let effects = self.tracker.hear(event, self.now());
        self.take(effects);
    }

    /// Each snapshot at its own time.
    pub fn hear_all(&mut self, events: impl IntoIterator<Item = CallSnapshot>) {
        for event in events {
            self.hear_at(ms(event.state.at.unwrap()).unsigned_abs(), event);
        }
    }

    pub fn report_at(&mut self, at: u64, answered: Option<u64>, ended: Option<u64>, outcome: Option<&str>) {
        self.hear_report(at, report(answered, ended, outcome));
    }

    pub fn hear_report(&mut self, at: u64, report: Report) {
        self.run_to(at);
        let effects = self.tracker.report(report, self.now());
        self.take(effects);
    }

    pub fn flush_at(&mut self, at: u64) {
        self.run_to(at);
        let effects = self.tracker.flush(self.now());
        self.take(effects);
    }

    pub fn voicemail(&mut self, call: &str, seconds: u64) {
        let effects = self.tracker.voicemail(&call.try_into().unwrap(), Duration::from_secs(seconds));
        self.take(effects);
    }

    pub fn unlisted(&self, active: &[&str]) -> usize {
        let active = active.iter().map(|id| (*id).try_into().unwrap()).collect();
        self.tracker.unlisted(&active).len()
    }

    fn take(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            self.effects.push((self.now, effect.clone()));
            match effect {
                Effect::Tell(telling) => {
                    self.told.push(words(&telling));
                    self.tellings.push(telling);
                }
                Effect::AskStates { from, to, .. } => self.asked.push(format!("{} states {from}..{to}", self.now)),
                Effect::AskReport { .. } => self.asked.push(format!("{} report", self.now)),
            }
        }
    }

    pub fn callers(&self) -> Vec<Option<String>> {
        let shown =
            |telling: &CallUpdate| telling.call.caller.number.as_e164().map(|number| number.expose().to_owned());
        self.tellings.iter().map(shown).collect()
    }

    /// The calls told of, each once.
    pub fn ids(&self) -> Vec<&str> {
        let mut ids: Vec<&str> = self.tellings.iter().map(|telling| telling.call.id.as_str()).collect();
        ids.dedup();
        ids
    }
}

fn words(telling: &CallUpdate) -> String {
    let call = &telling.call;
    let mut words = vec![ms(telling.at).to_string(), telling.status.kind().as_str().to_owned()];
    if call.direction != CallDirection::Inbound {
        words.insert(1, call.direction.as_str().to_owned());
    }
    words.extend(call.people.iter().map(|person| person.name.clone().unwrap()));
    if !call.queues.is_empty() {
        let names: Vec<&str> = call.queues.iter().map(|queue| queue.name.as_str()).collect();
        words.push(format!("in {}", names.join(", ")));
    }
    words.extend(call.first_seen_late.then(|| "late".to_owned()));
    words.extend(call.end_unknown.then(|| "lost".to_owned()));
    words.extend(call.revision.map(|revised| format!("{revised:?}").to_lowercase()));
    let from = |transfer: &Transfer| format!("from {}", transfer.from.name.clone().unwrap());
    let handed: Vec<String> = call.transfers.last().map(from).into_iter().collect();
    match &telling.status {
        CallStatus::Ringing | CallStatus::Voicemail { .. } => {}
        CallStatus::Answered { answered_by: by, waited: after } => {
            words.push(format!("by {} after {}", by.name.clone().unwrap(), after.as_millis()));
            words.extend(handed);
        }
        CallStatus::Missed { waited: after, reason: why } => {
            let why = serde_json::to_value(why).unwrap();
            words.push(format!("{} after {}", why.as_str().unwrap(), after.as_millis()));
        }
        CallStatus::Ended { talk_time: lasted } => {
            words.extend(handed);
            words.push(lasted.map_or("?".to_owned(), |lasted| lasted.as_millis().to_string()));
        }
    }
    words.join(" ")
}

pub fn snapshot(
    sequence: u64,
    ms: u64,
    phase: Phase,
    participants: impl IntoIterator<Item = Participant>,
    systems: impl IntoIterator<Item = CallSystem>,
) -> CallSnapshot {
    CallSnapshot {
        connection: "main".try_into().unwrap(),
        region: Region::US,
        account: "42".try_into().unwrap(),
        call: "first".try_into().unwrap(),
        direction: WireDirection::Inbound,
        created_at: Some(at(0)),
        hung_up_by: None,
        dialed: None,
        linked: vec![],
        state: SnapshotState {
            sequence,
            phase,
            at: Some(at(ms)),
            participants: participants.into_iter().collect(),
            systems: systems.into_iter().collect(),
        },
    }
}

pub fn report(answered: Option<u64>, ended: Option<u64>, outcome: Option<&str>) -> Report {
    Report {
        connection: "main".try_into().unwrap(),
        region: Region::US,
        account: "42".try_into().unwrap(),
        call: ConversationSpaceId::try_from("first").unwrap(),
        direction: WireDirection::Inbound,
        created_at: Some(at(0)),
        answered_at: answered.map(at),
        ended_at: ended.map(at),
        caller: None,
        outcome: outcome.map(str::to_owned),
        people: vec![],
    }
}

fn party(kind: ParticipantKind, status: ParticipantStatus) -> Participant {
    Participant { id: None, originator: None, kind, status }
}

pub fn caller_of(name: Option<&str>, number: Option<&str>, status: ParticipantStatus) -> Participant {
    let caller = Caller { name: name.map(str::to_owned), number: PhoneNumber::parse(number, Region::US) };
    let ours =
        AccountNumber { number: PhoneNumber::parse(Some("+15145550100"), Region::US), label: Some("Main line".into()) };
    party(ParticipantKind::PhoneNumber { account_number: ours, caller: Some(caller), callee: None }, status)
}

/// The outside line of a call that a colleague makes.
pub fn callee(status: ParticipantStatus) -> Participant {
    let callee = Caller { name: None, number: PhoneNumber::parse(Some("+15145550188"), Region::US) };
    let ours =
        AccountNumber { number: PhoneNumber::parse(Some("+15145550100"), Region::US), label: Some("Main line".into()) };
    party(ParticipantKind::PhoneNumber { account_number: ours, caller: None, callee: Some(callee) }, status)
}

pub fn caller_on(status: ParticipantStatus) -> Participant {
    caller_of(Some("ALICE MARTIN"), Some("+15145550199"), status)
}

fn person(name: &str) -> Person {
    Person { name: Some(name.into()), extension: None, line: Some(format!("line of {name}")) }
}

pub fn line(name: &str, status: ParticipantStatus) -> Participant {
    party(ParticipantKind::Line(person(name)), status)
}

pub fn agent(name: &str, status: ParticipantStatus) -> Participant {
    party(ParticipantKind::Agent(person(name)), status)
}

pub fn machine(name: &str, status: ParticipantStatus) -> Participant {
    party(ParticipantKind::Virtual(Some(name.into())), status)
}

pub fn menu() -> CallSystem {
    CallSystem::DialPlan
}

pub fn queue(name: &str) -> CallSystem {
    CallSystem::Queue(Queue { name: name.into(), extension: None })
}
