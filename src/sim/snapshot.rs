//! Call snapshots for each step of a call, as in live events and REST answers. Pure: a scheduled call always gives the
//! same states, so that none are stored.

use super::{
    scenario::{Extension, ScenarioStep, VoicemailShape},
    scheduled_call::{ScheduledCall, format_timestamp, stable_id, user_key},
};
use serde_json::{Value, json};
use std::time::Duration;

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

impl TimedState {
    /// Returns the frame of this state.
    pub(super) fn frame(&self) -> Value {
        json!({ "data": {
            "source": "call-events", "type": "call-state", "timestamp": self.body.get("timestamp"),
            "content": { "metadata": self.metadata, "state": self.body },
        } })
    }
}

/// Returns all states of a call.
pub(super) fn states(call: &ScheduledCall) -> Vec<TimedState> {
    let mut scene = CallScene::new(call);
    call.plan.steps.iter().zip(1..).map(|(timed, sequence)| scene.step(timed.at_ms, &timed.step, sequence)).collect()
}

#[derive(Clone)]
struct Leg {
    id: String,
    originator: String,
    kind: Value,
    extension: Option<String>,
    status: &'static str,
    /// Start of the recording.
    recorded: Option<Duration>,
}

/// The call after the steps played so far.
struct CallScene<'a> {
    call: &'a ScheduledCall,
    caller: String,
    legs: Vec<Leg>,
    menu: bool,
    queue: Option<QueueState>,
    mailbox: bool,
    active: bool,
    hung_up_by: Option<String>,
}

struct QueueState {
    name: String,
    since: Duration,
    answered: Option<Duration>,
}

impl<'a> CallScene<'a> {
    fn new(call: &'a ScheduledCall) -> Self {
        let caller = call.part_id("caller");
        Self {
            call,
            caller,
            legs: Vec::new(),
            menu: false,
            queue: None,
            mailbox: false,
            active: false,
            hung_up_by: None,
        }
    }

    fn step(&mut self, at_ms: u64, beat: &ScenarioStep, sequence: u64) -> TimedState {
        let after = self.call.scaled(at_ms);
        let kind = self.apply(beat, after);
        let mut body = json!({
            "id": self.call.part_id(&format!("state-{sequence}")), "type": kind, "sequenceNumber": sequence,
            "timestamp": format_timestamp(self.call.time_at(after)),
            "participants": self.legs.iter().map(|leg| self.participant(leg)).collect::<Vec<_>>(),
        });
        let systems = self.systems();
        if let (Value::Object(map), true) = (&mut body, !systems.is_empty() || self.queue.is_some()) {
            map.insert("interactiveVoiceResponseSystems".to_owned(), systems.into());
        }
        let metadata = self.call.metadata(self.hung_up_by.as_deref());
        TimedState { after, sequence, kind, body, metadata }
    }

    /// Applies a step. Returns the type of the resulting state.
    fn apply(&mut self, beat: &ScenarioStep, after: Duration) -> &'static str {
        // A plan may start with a ringing state, which contains the caller too.
        if self.legs.iter().all(|leg| leg.id != self.caller) {
            let (id, kind) = (self.caller.clone(), self.call.phone_party());
            self.legs.push(Leg {
                originator: id.clone(),
                id,
                kind,
                extension: None,
                status: "RINGING",
                recorded: None,
            });
        }
        match beat {
            ScenarioStep::Created => {}
            ScenarioStep::Rings { lines } => lines.iter().for_each(|line| self.ring(line, "LINE", self.caller.clone())),
            ScenarioStep::Menu => {
                self.menu = true;
                self.connect_caller();
            }
            ScenarioStep::Queue { name } => {
                self.queue = Some(QueueState { name: name.clone(), since: after, answered: None });
                self.connect_caller();
            }
            ScenarioStep::Offers { line } => {
                self.menu = false;
                self.ring(line, "AGENT", self.call.part_id("queue"));
            }
            ScenarioStep::Answers { extension } => self.answer(extension, after),
            ScenarioStep::Transfers { line } => {
                self.queue = None;
                let from = self.legs.iter().rfind(|leg| leg.extension.is_some()).map(|leg| leg.id.clone());
                self.ring(line, "LINE", from.unwrap_or_else(|| self.caller.clone()));
            }
            ScenarioStep::Mailbox { face } => self.mailbox(*face),
            ScenarioStep::HangsUp { extension } => {
                let by = self.legs.iter().find(|leg| extension.is_some() && leg.extension == *extension);
                self.hung_up_by = Some(by.map_or_else(|| self.caller.clone(), |leg| leg.id.clone()));
                self.legs.iter_mut().for_each(|leg| leg.status = "DISCONNECTING");
                (self.menu, self.queue, self.mailbox) = (false, None, false);
                return "ENDING";
            }
        }
        if self.active { "ACTIVE" } else { "STARTING" }
    }

    fn connect_caller(&mut self) {
        self.active = true;
        self.legs.iter_mut().filter(|leg| leg.id == self.caller).for_each(|leg| leg.status = "CONNECTED");
    }

    fn ring(&mut self, line: &Extension, value: &str, originator: String) {
        let mut kind = json!({
            "value": value, "lineId": stable_id(&line.extension), "extensionNumber": line.extension,
            "name": line.name, "userKey": user_key(line),
        });
        if let Value::Object(map) = &mut kind {
            if value == "AGENT" {
                map.insert("interactiveVoiceResponseSystemId".to_owned(), originator.clone().into());
                map.insert("skills".to_owned(), json!([]));
                map.insert("matchedSkills".to_owned(), json!([]));
            } else {
                let user = json!({ "id": stable_id(&user_key(line)) });
                let device = json!({ "id": stable_id(&line.name), "model": "goto.clients", "user": user });
                map.insert("device".to_owned(), device);
            }
        }
        let id = self.call.part_id(&format!("line-{}", line.extension));
        self.legs.push(Leg {
            id,
            originator,
            kind,
            extension: Some(line.extension.clone()),
            status: "RINGING",
            recorded: None,
        });
    }

    /// Connects the extension that answers. Every other line that rang or talked leaves the call.
    fn answer(&mut self, extension: &str, after: Duration) {
        self.legs.retain(|leg| leg.extension.as_deref().is_none_or(|one| one == extension));
        for leg in &mut self.legs {
            leg.status = "CONNECTED";
            leg.recorded = leg.extension.is_some().then(|| leg.recorded.unwrap_or(after));
        }
        self.active = true;
        if let Some(queue) = &mut self.queue {
            queue.answered = Some(after);
        }
    }

    fn mailbox(&mut self, face: VoicemailShape) {
        self.legs.retain(|leg| leg.extension.is_none());
        self.connect_caller();
        self.mailbox = face == VoicemailShape::System;
        if face == VoicemailShape::Party {
            let kind = json!({ "value": "VIRTUAL_PARTICIPANT", "name": "Voicemail", "extensionNumber": "1015" });
            let (id, originator) = (self.call.part_id("mailbox"), self.caller.clone());
            self.legs.push(Leg { id, originator, kind, extension: None, status: "CONNECTED", recorded: None });
        }
    }

    fn participant(&self, leg: &Leg) -> Value {
        let recordings = leg.recorded.map(|since| {
            let start = format_timestamp(self.call.time_at(since));
            json!([{ "id": "40001", "startTimestamp": start, "transcriptEnabled": true, "pauses": [] }])
        });
        let mut participant = json!({
            "id": leg.id, "legId": self.call.part_id(&format!("leg-{}", leg.id)), "originator": leg.originator,
            "type": leg.kind, "status": { "value": leg.status },
        });
        if let (Value::Object(map), Some(recordings)) = (&mut participant, recordings) {
            map.insert("recordings".to_owned(), recordings);
        }
        participant
    }

    fn systems(&self) -> Vec<Value> {
        let system = |name: &str, originator: String, kind: Value| {
            json!({
                "id": self.call.part_id(name), "originator": originator,
                "status": { "value": "CONNECTED" }, "type": kind,
            })
        };
        let mut systems = Vec::new();
        if self.menu {
            let kind = json!({
                "value": "DIAL_PLAN", "dialPlanId": stable_id("dial-plan"), "executionId": self.call.part_id("execution"),
                "currentNode": { "id": "n3", "type": "MENU" }, "previousNode": { "id": "n1", "connector": "default" },
            });
            systems.push(system("menu", self.caller.clone(), kind));
        }
        if let Some(queue) = &self.queue {
            let mut kind = json!({
                "value": "CALL_QUEUE", "queueId": stable_id(&queue.name), "queueName": queue.name,
                "extensionNumber": "8001", "callerLegId": self.call.part_id(&format!("leg-{}", self.caller)),
                "timestamp": format_timestamp(self.call.time_at(queue.since)), "callbackOffered": false,
            });
            if let (Value::Object(map), Some(answered)) = (&mut kind, queue.answered) {
                let waited = answered.saturating_sub(queue.since).as_millis();
                map.insert("leftQueueReason".to_owned(), "ANSWERED".into());
                map.insert("callerWaitDuration".to_owned(), u64::try_from(waited).unwrap_or(u64::MAX).into());
            }
            systems.push(system("queue", self.call.part_id("menu"), kind));
        }
        if self.mailbox {
            systems.push(system("voicemail", self.caller.clone(), json!({ "value": "VOICEMAIL" })));
        }
        systems
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::scenario::CallPlan;

    /// Returns one line for each state: number, type, participants with status, systems.
    fn outline(shape: &str) -> Vec<String> {
        let plan = CallPlan::preset(shape).unwrap();
        let call = ScheduledCall { id: uuid::Uuid::nil(), started: jiff::Timestamp::UNIX_EPOCH, plan };
        let text = |value: &Value, pointer: &str| value.pointer(pointer).unwrap().as_str().unwrap().to_owned();
        let of = |state: &TimedState, key: &str, status: bool| {
            let all = state.body.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
            let one = |one: &Value| {
                text(one, "/type/value")
                    + &if status { ":".to_owned() + &text(one, "/status/value") } else { String::new() }
            };
            all.iter().map(one).collect::<Vec<_>>().join(" ")
        };
        let line = |state: &TimedState| {
            let (who, what) = (of(state, "participants", true), of(state, "interactiveVoiceResponseSystems", false));
            format!("{} {} | {who} | {what}", state.sequence, state.kind)
        };
        states(&call).iter().map(line).collect()
    }

    #[test]
    fn transferred_call_has_reference_states() {
        assert_eq!(
            outline("transfer"),
            [
                "1 STARTING | PHONE_NUMBER:RINGING | ",
                "2 ACTIVE | PHONE_NUMBER:CONNECTED | DIAL_PLAN",
                "3 ACTIVE | PHONE_NUMBER:CONNECTED | DIAL_PLAN CALL_QUEUE",
                "4 ACTIVE | PHONE_NUMBER:CONNECTED AGENT:RINGING | CALL_QUEUE",
                "5 ACTIVE | PHONE_NUMBER:CONNECTED AGENT:CONNECTED | CALL_QUEUE",
                "6 ACTIVE | PHONE_NUMBER:CONNECTED AGENT:CONNECTED LINE:RINGING | ",
                "7 ACTIVE | PHONE_NUMBER:CONNECTED LINE:CONNECTED | ",
                "8 ENDING | PHONE_NUMBER:DISCONNECTING LINE:DISCONNECTING | ",
            ]
        );
    }

    #[test]
    fn unanswered_call_ends_with_and_without_mailbox() {
        assert_eq!(
            outline("voicemail"),
            [
                "1 STARTING | PHONE_NUMBER:RINGING | ",
                "2 STARTING | PHONE_NUMBER:RINGING LINE:RINGING | ",
                "3 ACTIVE | PHONE_NUMBER:CONNECTED | ",
                "4 ENDING | PHONE_NUMBER:DISCONNECTING | ",
            ]
        );
        assert_eq!(outline("missed").last().unwrap(), "3 ENDING | PHONE_NUMBER:DISCONNECTING LINE:DISCONNECTING | ");
    }

    #[test]
    fn hangup_originator_is_only_in_last_state() {
        let plan = CallPlan::preset("transfer").unwrap();
        let call = ScheduledCall { id: uuid::Uuid::nil(), started: jiff::Timestamp::UNIX_EPOCH, plan };
        let states = states(&call);
        assert!(states[6].metadata.get("hangupOriginatorId").is_none());
        assert_eq!(states[7].metadata["hangupOriginatorId"], states[7].body["participants"][1]["id"]);
        assert_eq!(states[4].body["interactiveVoiceResponseSystems"][0]["type"]["callerWaitDuration"], 22_900);
        assert_eq!(states[0].body["timestamp"], "1970-01-01T00:00:00.053Z");
    }
}
