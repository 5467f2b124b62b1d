//! What GoTo would say of a call at each of its beats: full snapshots, as live events and REST answers have them. Pure:
//! a plan, the call's id and its start give the same states every time, so that nothing but these need be kept.

use super::scenario::{Beat, CallPlan, Face, Line};
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use std::time::Duration;
use uuid::Uuid;

/// How long after its end a call's report is there, at speed 1. "As soon as the call completes", says the guide.
const REPORT_AFTER: Duration = Duration::from_secs(6);

/// A call that was placed: all that its states follow from.
#[derive(Debug, Clone)]
pub(super) struct Placed {
    /// The conversation space.
    pub(super) id: Uuid,
    /// When it came into being.
    pub(super) started: Timestamp,
    /// What it does.
    pub(super) plan: CallPlan,
}

/// One state and when it is said.
#[derive(Debug, Clone)]
pub(super) struct State {
    /// Since the start, at the plan's speed.
    pub(super) after: Duration,
    /// `sequenceNumber`.
    pub(super) sequence: u64,
    /// `type`.
    pub(super) kind: &'static str,
    /// `state`.
    pub(super) body: Value,
    /// `metadata` as it is at this state.
    pub(super) metadata: Value,
}

impl State {
    /// The frame that carries it.
    pub(super) fn frame(&self) -> Value {
        json!({ "data": {
            "source": "call-events", "type": "call-state", "timestamp": self.body.get("timestamp"),
            "content": { "metadata": self.metadata, "state": self.body },
        } })
    }
}

/// ISO 8601 in UTC with milliseconds, as all of GoTo's times.
pub(super) fn written(at: Timestamp) -> String {
    format!("{at:.3}")
}

impl Placed {
    /// A part's own id, the same every time it is asked for.
    fn part(&self, name: &str) -> String {
        Uuid::new_v5(&self.id, name.as_bytes()).to_string()
    }

    /// A moment of the plan in real time since the start.
    fn real(&self, at_ms: u64) -> Duration {
        let speed = if self.plan.speed.is_finite() { self.plan.speed.max(0.001) } else { 1.0 };
        Duration::from_millis(at_ms).div_f64(speed)
    }

    fn at(&self, after: Duration) -> Timestamp {
        self.started.checked_add(after).unwrap_or(Timestamp::MAX)
    }

    /// When the report is there, since the start.
    pub(super) fn reported(&self) -> Duration {
        let end = self.plan.beats.last().map_or(0, |timed| timed.at_ms);
        self.real(end + u64::try_from(REPORT_AFTER.as_millis()).unwrap_or(u64::MAX))
    }

    /// Every state of the call.
    pub(super) fn states(&self) -> Vec<State> {
        let mut scene = Scene::new(self);
        self.plan
            .beats
            .iter()
            .zip(1..)
            .map(|(timed, sequence)| scene.step(timed.at_ms, &timed.beat, sequence))
            .collect()
    }

    /// `metadata`, with who hung up once somebody has.
    fn metadata(&self, hung_up_by: Option<&str>) -> Value {
        let mut map = Map::new();
        map.insert("conversationSpaceId".to_owned(), self.id.to_string().into());
        map.insert("direction".to_owned(), self.plan.direction.clone().into());
        map.insert("accountKey".to_owned(), self.plan.account.clone().into());
        map.insert("callCreated".to_owned(), written(self.started).into());
        map.insert("callInitiator".to_owned(), "DIRECT".into());
        hung_up_by.map(|who| map.insert("hangupOriginatorId".to_owned(), who.into()));
        Value::Object(map)
    }

    fn phone(&self) -> Value {
        let mut kind = json!({
            "value": "PHONE_NUMBER", "phoneNumberId": id_of(&self.plan.ours.number),
            "number": self.plan.ours.number, "name": self.plan.ours.name,
        });
        if let (Value::Object(map), Some(caller)) = (&mut kind, &self.plan.caller) {
            let mut party = Map::new();
            caller.name.as_ref().map(|name| party.insert("name".to_owned(), name.clone().into()));
            caller.number.as_ref().map(|number| party.insert("number".to_owned(), number.clone().into()));
            let side = if self.plan.direction == "OUTBOUND" { "callee" } else { "caller" };
            map.insert(side.to_owned(), Value::Object(party));
        }
        kind
    }
}

/// An id of something that outlives calls: a line, a number, a queue.
pub(super) fn id_of(name: &str) -> String {
    Uuid::new_v5(&Uuid::NAMESPACE_OID, name.as_bytes()).to_string()
}

/// `userKey` of a line: digits, more than fit a 64-bit float.
pub(super) fn user_key(line: &Line) -> String {
    let digits: String = line.extension.chars().filter(char::is_ascii_digit).collect();
    format!("98765432109876{digits:0>5}")
}

#[derive(Clone)]
struct Leg {
    id: String,
    originator: String,
    kind: Value,
    extension: Option<String>,
    status: &'static str,
}

/// The call as the beats have left it.
struct Scene<'a> {
    call: &'a Placed,
    caller: String,
    legs: Vec<Leg>,
    menu: bool,
    queue: Option<Queue>,
    mailbox: bool,
    talks: bool,
    hung_up_by: Option<String>,
}

struct Queue {
    name: String,
    since: Duration,
    answered: Option<Duration>,
}

impl<'a> Scene<'a> {
    fn new(call: &'a Placed) -> Self {
        let caller = call.part("caller");
        Self {
            call,
            caller,
            legs: Vec::new(),
            menu: false,
            queue: None,
            mailbox: false,
            talks: false,
            hung_up_by: None,
        }
    }

    fn step(&mut self, at_ms: u64, beat: &Beat, sequence: u64) -> State {
        let after = self.call.real(at_ms);
        let kind = self.play(beat, after);
        let mut body = json!({
            "id": self.call.part(&format!("state-{sequence}")), "type": kind, "sequenceNumber": sequence,
            "timestamp": written(self.call.at(after)),
            "participants": self.legs.iter().map(|leg| self.participant(leg)).collect::<Vec<_>>(),
        });
        let systems = self.systems();
        if let (Value::Object(map), true) = (&mut body, !systems.is_empty() || self.queue.is_some()) {
            map.insert("interactiveVoiceResponseSystems".to_owned(), systems.into());
        }
        let metadata = self.call.metadata(self.hung_up_by.as_deref());
        State { after, sequence, kind, body, metadata }
    }

    /// Plays a beat and says which type of state it makes.
    fn play(&mut self, beat: &Beat, after: Duration) -> &'static str {
        // A call whose first state rings already has its caller in it.
        if self.legs.iter().all(|leg| leg.id != self.caller) {
            let (id, kind) = (self.caller.clone(), self.call.phone());
            self.legs.push(Leg { originator: id.clone(), id, kind, extension: None, status: "RINGING" });
        }
        match beat {
            Beat::Comes => {}
            Beat::Rings { lines } => lines.iter().for_each(|line| self.ring(line, "LINE", self.caller.clone())),
            Beat::Menu => {
                self.menu = true;
                self.connect_caller();
            }
            Beat::Queue { name } => {
                self.queue = Some(Queue { name: name.clone(), since: after, answered: None });
                self.connect_caller();
            }
            Beat::Offers { line } => {
                self.menu = false;
                self.ring(line, "AGENT", self.call.part("queue"));
            }
            Beat::Answers { extension } => self.answer(extension, after),
            Beat::Transfers { line } => {
                self.queue = None;
                let from = self.legs.iter().rfind(|leg| leg.extension.is_some()).map(|leg| leg.id.clone());
                self.ring(line, "LINE", from.unwrap_or_else(|| self.caller.clone()));
            }
            Beat::Mailbox { face } => self.mailbox(*face),
            Beat::HangsUp { extension } => {
                let by = self.legs.iter().find(|leg| extension.is_some() && leg.extension == *extension);
                self.hung_up_by = Some(by.map_or_else(|| self.caller.clone(), |leg| leg.id.clone()));
                self.legs.iter_mut().for_each(|leg| leg.status = "DISCONNECTING");
                (self.menu, self.queue, self.mailbox) = (false, None, false);
                return "ENDING";
            }
        }
        if self.talks { "ACTIVE" } else { "STARTING" }
    }

    fn connect_caller(&mut self) {
        self.talks = true;
        self.legs.iter_mut().filter(|leg| leg.id == self.caller).for_each(|leg| leg.status = "CONNECTED");
    }

    fn ring(&mut self, line: &Line, value: &str, originator: String) {
        let mut kind = json!({
            "value": value, "lineId": id_of(&line.extension), "extensionNumber": line.extension,
            "name": line.name, "userKey": user_key(line),
        });
        if let Value::Object(map) = &mut kind {
            if value == "AGENT" {
                map.insert("interactiveVoiceResponseSystemId".to_owned(), originator.clone().into());
                map.insert("skills".to_owned(), json!([]));
                map.insert("matchedSkills".to_owned(), json!([]));
            } else {
                let user = json!({ "id": id_of(&user_key(line)) });
                let device = json!({ "id": id_of(&line.name), "model": "goto.clients", "user": user });
                map.insert("device".to_owned(), device);
            }
        }
        let id = self.call.part(&format!("line-{}", line.extension));
        self.legs.push(Leg { id, originator, kind, extension: Some(line.extension.clone()), status: "RINGING" });
    }

    /// Somebody takes it: whoever else rang or talked is off the call.
    fn answer(&mut self, extension: &str, after: Duration) {
        self.legs.retain(|leg| leg.extension.as_deref().is_none_or(|one| one == extension));
        self.legs.iter_mut().for_each(|leg| leg.status = "CONNECTED");
        self.talks = true;
        if let Some(queue) = &mut self.queue {
            queue.answered = Some(after);
        }
    }

    fn mailbox(&mut self, face: Face) {
        self.legs.retain(|leg| leg.extension.is_none());
        self.connect_caller();
        self.mailbox = face == Face::System;
        if face == Face::Party {
            let kind = json!({ "value": "VIRTUAL_PARTICIPANT", "name": "Voicemail", "extensionNumber": "1015" });
            let (id, originator) = (self.call.part("mailbox"), self.caller.clone());
            self.legs.push(Leg { id, originator, kind, extension: None, status: "CONNECTED" });
        }
    }

    fn participant(&self, leg: &Leg) -> Value {
        json!({
            "id": leg.id, "legId": self.call.part(&format!("leg-{}", leg.id)), "originator": leg.originator,
            "type": leg.kind, "status": { "value": leg.status },
        })
    }

    fn systems(&self) -> Vec<Value> {
        let system = |name: &str, originator: String, kind: Value| {
            json!({
                "id": self.call.part(name), "originator": originator,
                "status": { "value": "CONNECTED" }, "type": kind,
            })
        };
        let mut systems = Vec::new();
        if self.menu {
            let kind = json!({
                "value": "DIAL_PLAN", "dialPlanId": id_of("dial-plan"), "executionId": self.call.part("execution"),
                "currentNode": { "id": "n3", "type": "MENU" }, "previousNode": { "id": "n1", "connector": "default" },
            });
            systems.push(system("menu", self.caller.clone(), kind));
        }
        if let Some(queue) = &self.queue {
            let mut kind = json!({
                "value": "CALL_QUEUE", "queueId": id_of(&queue.name), "queueName": queue.name,
                "extensionNumber": "8001", "callerLegId": self.call.part(&format!("leg-{}", self.caller)),
                "timestamp": written(self.call.at(queue.since)), "callbackOffered": false,
            });
            if let (Value::Object(map), Some(answered)) = (&mut kind, queue.answered) {
                let waited = answered.saturating_sub(queue.since).as_millis();
                map.insert("leftQueueReason".to_owned(), "ANSWERED".into());
                map.insert("callerWaitDuration".to_owned(), u64::try_from(waited).unwrap_or(u64::MAX).into());
            }
            systems.push(system("queue", self.call.part("menu"), kind));
        }
        if self.mailbox {
            systems.push(system("voicemail", self.caller.clone(), json!({ "value": "VOICEMAIL" })));
        }
        systems
    }
}
