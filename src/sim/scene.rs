//! A call after the steps so far, and the states that GoTo makes of them. Pure: a scheduled call always gives the same states,
//! so no state is stored.
//!
//! `steps` applies the steps, `ending` the end. `legs` and `systems` have the JSON of participants and systems.

mod consultation;
mod ending;
mod legs;
mod steps;
mod systems;
#[cfg(test)]
mod tests;

use super::scheduled_call::{ScheduledCall, live_time};
use consultation::Consultation;
use legs::SimulatedLeg;
use serde_json::{Map, Value, json};
use std::time::Duration;
use systems::{DialPlan, SimulatedMailbox, SimulatedQueue};

/// One state and its time.
#[derive(Debug, Clone)]
pub(super) struct TimedState {
    /// Time since the start, at the speed of the plan.
    pub(super) after: Duration,
    /// `sequenceNumber`.
    pub(super) sequence: u64,
    /// `type`.
    pub(super) kind: &'static str,
    /// `state`.
    pub(super) body: Value,
    /// `metadata` at this state.
    pub(super) metadata: Value,
}

/// One conversation of a call with all its states.
#[derive(Debug, Clone)]
pub(super) struct Conversation {
    /// Conversation space id.
    pub(super) id: String,
    /// States in order of their sequence numbers.
    pub(super) states: Vec<TimedState>,
}

/// Returns the conversations of a call: its own, and the consultation if there is one.
pub(super) fn conversations(call: &ScheduledCall) -> Vec<Conversation> {
    let mut scene = Scene::new(call);
    call.plan.steps.iter().for_each(|timed| scene.step(timed.at_ms, &timed.step));
    let mut all = vec![Conversation { id: call.id.to_string(), states: scene.recorder.states }];
    all.extend(scene.consultation.map(Consultation::into_conversation));
    all
}

/// Returns a text of a JSON value.
pub(super) fn text<'a>(value: &'a Value, pointer: &str) -> Option<&'a str> {
    value.pointer(pointer).and_then(Value::as_str)
}

/// Returns the sequence number of the first state of the call in which a phone rings.
pub(super) fn first_ring(states: &[TimedState]) -> Option<u64> {
    let rings = |state: &&TimedState| {
        let parties = state.body.get("participants").and_then(Value::as_array);
        parties.is_some_and(|all| all.iter().skip(1).any(|one| one.pointer("/status/value") == Some(&"RINGING".into())))
    };
    states.iter().find(rings).map(|state| state.sequence)
}

/// Keys of `metadata` that change during a call.
#[derive(Debug, Clone, Default)]
struct ChangingFacts {
    associated: Option<String>,
    hung_up_by: Option<String>,
}

/// Recorder of the states of one conversation.
#[derive(Debug)]
struct StateRecorder<'a> {
    call: &'a ScheduledCall,
    conversation: String,
    direction: &'static str,
    dial_string: Option<String>,
    /// Start of the conversation in milliseconds of the plan.
    start: u64,
    facts: ChangingFacts,
    states: Vec<TimedState>,
}

impl<'a> StateRecorder<'a> {
    fn new(call: &'a ScheduledCall) -> Self {
        Self {
            call,
            conversation: call.id.to_string(),
            direction: call.plan.direction(),
            dial_string: call.dial_string(),
            start: 0,
            facts: ChangingFacts::default(),
            states: Vec::new(),
        }
    }

    fn time(&self, at: u64) -> String {
        live_time(self.call.time_at(self.call.scaled(at)))
    }

    fn metadata(&self) -> Value {
        let mut map = Map::new();
        map.insert("conversationSpaceId".to_owned(), self.conversation.clone().into());
        if let Some(other) = &self.facts.associated {
            map.insert("associatedConversations".to_owned(), json!([other]));
        }
        map.insert("direction".to_owned(), self.direction.into());
        map.insert("accountKey".to_owned(), self.call.plan.account.clone().into());
        map.insert("callCreated".to_owned(), self.time(self.start).into());
        if !self.states.is_empty() {
            map.insert("callInitiator".to_owned(), "DIRECT".into());
        }
        self.dial_string.as_ref().map(|dialed| map.insert("dialString".to_owned(), dialed.clone().into()));
        self.facts.hung_up_by.as_ref().map(|who| map.insert("hangupOriginatorId".to_owned(), who.clone().into()));
        Value::Object(map)
    }

    /// Appends a state. Recordings stay in every later state, systems only while one is connected.
    fn push(&mut self, at: u64, kind: &'static str, legs: Vec<Value>, systems: Vec<Value>, recorded: Option<u64>) {
        let sequence = self.states.len() as u64 + 1;
        let id = self.call.part_id(&format!("state {} {sequence}", self.conversation));
        let mut body = json!({
            "id": id, "sequenceNumber": sequence, "type": kind, "timestamp": self.time(at), "participants": legs,
        });
        if let Value::Object(map) = &mut body {
            if !systems.is_empty() {
                map.insert("interactiveVoiceResponseSystems".to_owned(), systems.into());
            }
            if let Some(since) = recorded {
                let (id, start) = (self.call.leg_id("recording"), self.time(since));
                let recording = json!([{ "id": id, "startTimestamp": start, "transcriptEnabled": true }]);
                map.insert("recordings".to_owned(), recording);
                map.insert("transcripts".to_owned(), json!([{ "id": id, "startTimestamp": start }]));
            }
        }
        let (after, metadata) = (self.call.scaled(at), self.metadata());
        self.states.push(TimedState { after, sequence, kind, body, metadata });
    }
}

/// The call after the steps so far.
struct Scene<'a> {
    recorder: StateRecorder<'a>,
    /// Present time in milliseconds of the plan.
    at: u64,
    /// Participants; the first one began the call.
    legs: Vec<SimulatedLeg>,
    plans: Vec<DialPlan>,
    queue: Option<SimulatedQueue>,
    mailbox: Option<SimulatedMailbox>,
    /// Whether a phone, a dial plan, a queue or a mailbox picked up.
    active: bool,
    recorded_since: Option<u64>,
    /// Participants and systems so far: the source of their ids.
    parts: u32,
    /// Participant id and extension of the line that rang last.
    last_rung: Option<(String, String)>,
    transferred: bool,
    consultation: Option<Consultation<'a>>,
}

impl<'a> Scene<'a> {
    /// Starts a call with its first state: only the participant who began it, ringing.
    fn new(call: &'a ScheduledCall) -> Self {
        let mut scene = Self {
            recorder: StateRecorder::new(call),
            at: 0,
            legs: vec![SimulatedLeg::first(call)],
            plans: Vec::new(),
            queue: None,
            mailbox: None,
            active: false,
            recorded_since: None,
            parts: 0,
            last_rung: None,
            transferred: false,
            consultation: None,
        };
        scene.snap();
        scene
    }

    /// Moves the clock on and appends a state.
    fn snap_after(&mut self, milliseconds: u64) {
        self.at += milliseconds;
        self.snap();
    }

    /// Appends a state. A participant or system that disconnects is in exactly one state.
    fn snap(&mut self) {
        let kind = if self.active { "ACTIVE" } else { "STARTING" };
        let first = self.recorder.states.is_empty();
        let legs = self.legs.iter().map(|leg| leg.json(!first)).collect();
        let caller = self.caller_id();
        let mut systems: Vec<Value> = self.plans.iter().map(|plan| plan.json(&caller)).collect();
        systems.extend(self.queue.iter().map(|queue| queue.json(&caller)));
        systems.extend(self.mailbox.iter().map(|mailbox| mailbox.json(&caller)));
        self.recorder.push(self.at, kind, legs, systems, self.recorded_since);
        self.legs.retain(|leg| !leg.is("DISCONNECTING"));
        self.plans.retain(|plan| plan.connected);
        self.queue.take_if(|queue| !queue.connected);
        self.mailbox.take_if(|mailbox| !mailbox.connected);
    }

    fn new_part(&mut self) -> String {
        self.parts += 1;
        self.recorder.call.part_id(&format!("part {}", self.parts))
    }

    fn caller_id(&self) -> String {
        self.recorder.call.part_id("caller")
    }

    fn set_caller(&mut self, status: &'static str) {
        self.set_caller_with(status, Map::new());
    }

    fn set_caller_with(&mut self, status: &'static str, details: Map<String, Value>) {
        if let Some(caller) = self.legs.first_mut() {
            caller.set(status, details);
        }
    }

    /// Returns the staff or outside participant who is connected.
    fn connected(&self) -> Option<&SimulatedLeg> {
        self.legs.iter().skip(1).find(|leg| leg.is("CONNECTED"))
    }
}
