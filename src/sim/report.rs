//! Reports of an ended conversation: summary and full report. Pure, from the states of the conversation.

use super::{
    people,
    scenario::Extension,
    scene::{Conversation, TimedState, text},
    scheduled_call::{ScheduledCall, report_time, user_id, user_key},
    voicemail,
};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

/// Wrap-up time of an agent in milliseconds.
const WRAP_UP: u64 = 30_250;

/// Returns an item of `report-summaries`.
pub(super) fn summary(conversation: &Conversation) -> Value {
    let states = &conversation.states;
    let mut map = common_fields(states);
    if let Some(picked_up) = states.iter().find(|state| state.kind == "ACTIVE") {
        map.insert("callAnswered".to_owned(), time(&picked_up.body, "/timestamp").into());
    }
    let legs = last_seen(states, "participants");
    map.insert("caller".to_owned(), legs.first().map(summary_party).unwrap_or_default());
    map.insert("callerOutcome".to_owned(), caller_outcome(states).into());
    map.insert("participants".to_owned(), summary_participants(&legs).into());
    Value::Object(map)
}

/// Returns the body of `reports/{id}`.
pub(super) fn full_report(call: &ScheduledCall, conversation: &Conversation) -> Value {
    let states = &conversation.states;
    let mut map = common_fields(states);
    let metadata = states.last().map(|state| state.metadata.clone()).unwrap_or_default();
    if let Some(by) = metadata.get("hangupOriginatorId") {
        map.insert("hangupOriginatorId".to_owned(), by.clone());
    }
    let associated = metadata.get("associatedConversations").cloned().unwrap_or_else(|| json!([]));
    map.insert("associatedConversations".to_owned(), associated);
    let participants: Vec<Value> =
        last_seen(states, "participants").into_iter().map(|leg| report_participant(leg, states)).collect();
    map.insert("participants".to_owned(), participants.into());
    let systems: Vec<Value> = last_seen(states, "interactiveVoiceResponseSystems")
        .into_iter()
        .filter(|system| kind_of(system) != Some("DIAL_PLAN"))
        .map(|system| report_system(system, states))
        .collect();
    let messages = actions(call, states);
    map.insert("interactiveVoiceResponseSystems".to_owned(), systems.into());
    map.insert("callStates".to_owned(), states.iter().map(report_state).collect());
    if !messages.is_empty() {
        map.insert("actions".to_owned(), messages.into());
    }
    Value::Object(map)
}

fn common_fields(states: &[TimedState]) -> Map<String, Value> {
    let metadata = states.last().map(|state| &state.metadata);
    let copied = |key: &str| metadata.and_then(|all| all.get(key)).cloned().unwrap_or_default();
    let mut map = Map::new();
    for key in ["conversationSpaceId", "accountKey", "direction", "callInitiator"] {
        map.insert(key.to_owned(), copied(key));
    }
    map.insert("callCreated".to_owned(), metadata.map(|all| time(all, "/callCreated")).unwrap_or_default().into());
    let ended = states.last().map(|state| time(&state.body, "/timestamp"));
    map.insert("callEnded".to_owned(), ended.unwrap_or_default().into());
    map
}

/// Returns how the caller left the conversation. GoTo's words for mailbox, queue and hold are not recorded.
fn caller_outcome(states: &[TimedState]) -> &'static str {
    let with_systems = states.iter().rev().find(|state| state.body.get("interactiveVoiceResponseSystems").is_some());
    let at_end = |state: &&TimedState| states.last().is_some_and(|end| end.sequence <= state.sequence + 2);
    match with_systems.filter(at_end).and_then(innermost_system) {
        Some("DIAL_PLAN") => return "LEFT_DIAL_PLAN",
        Some("VOICEMAIL") => return "VOICEMAIL",
        Some("CALL_QUEUE") => return "LEFT_QUEUE",
        _ => {}
    }
    let before = states.iter().rev().nth(2).and_then(|state| array(state, "participants").next());
    match before.and_then(status) {
        Some("ON_HOLD") => "LEFT_ON_HOLD",
        _ if states.iter().all(|state| state.kind != "ACTIVE") => "MISSED",
        _ => "NORMAL",
    }
}

fn innermost_system(state: &TimedState) -> Option<&str> {
    array(state, "interactiveVoiceResponseSystems").last().and_then(kind_of)
}

fn array<'a>(state: &'a TimedState, key: &str) -> impl Iterator<Item = &'a Value> {
    state.body.get(key).and_then(Value::as_array).into_iter().flatten()
}

fn kind_of(part: &Value) -> Option<&str> {
    text(part, "/type/value")
}

fn status(part: &Value) -> Option<&str> {
    text(part, "/status/value")
}

/// Returns a time of a state in the format of reports.
fn time(value: &Value, pointer: &str) -> String {
    text(value, pointer).and_then(|text| text.parse().ok()).map(report_time).unwrap_or_default()
}

fn instant(state: &TimedState) -> Timestamp {
    text(&state.body, "/timestamp").and_then(|text| text.parse().ok()).unwrap_or_default()
}

/// Returns each participant or system once, as in its last state.
fn last_seen(states: &[TimedState], key: &str) -> Vec<Value> {
    let mut all: Vec<Value> = Vec::new();
    for one in states.iter().flat_map(|state| array(state, key)) {
        match all.iter_mut().find(|seen| seen.get("id") == one.get("id")) {
            Some(seen) => *seen = one.clone(),
            None => all.push(one.clone()),
        }
    }
    all
}

fn line_of(leg: &Value) -> Extension {
    let field = |pointer| text(leg, pointer).unwrap_or_default();
    Extension::new(field("/type/extensionNumber"), field("/type/name"))
}

/// Returns a participant in the form of a summary: its own side of the call, without a status.
fn summary_party(leg: &Value) -> Value {
    let side = ["/type/caller", "/type/callee"].into_iter().find_map(|pointer| leg.pointer(pointer));
    match side {
        Some(outside) => json!({
            "name": outside.get("name"), "number": outside.get("number"), "legId": leg.get("legId"),
            "type": {
                "value": "PHONE_NUMBER", "phoneNumberId": text(leg, "/type/phoneNumberId"),
                "number": text(leg, "/type/number"), "name": text(leg, "/type/name"), "callProvider": "PSTN",
            },
        }),
        None => {
            let line = line_of(leg);
            let kind = json!({
                "value": "LINE", "lineId": text(leg, "/type/lineId"), "userId": user_id(&line), "userKey": user_key(&line),
            });
            json!({ "name": line.name, "number": line.extension, "legId": leg.get("legId"), "type": kind })
        }
    }
}

/// Returns every participant that the call reached, once: phones that answered and phones that only rang.
fn summary_participants(legs: &[Value]) -> Vec<Value> {
    let mut all: Vec<Value> = Vec::new();
    for leg in legs.iter().skip(1).map(summary_party) {
        if !all.iter().any(|one| one.get("number") == leg.get("number")) {
            all.push(leg);
        }
    }
    all
}

/// Returns a participant in the form of a report. A line that answered through a queue is an `AGENT` here, and only here.
fn report_participant(mut leg: Value, states: &[TimedState]) -> Value {
    let queue = answered_through(&leg, states);
    let line = line_of(&leg);
    let Value::Object(map) = &mut leg else { return leg };
    map.remove("status");
    for key in ["recordings", "liveTranscripts", "transcripts"] {
        map.insert(key.to_owned(), json!([]));
    }
    if let Some(Value::Object(kind)) = map.get_mut("type") {
        kind.remove("contact");
        if kind.remove("device").is_some() {
            kind.insert("userId".to_owned(), user_id(&line).into());
            kind.insert("userKey".to_owned(), user_key(&line).into());
        }
        if let Some(queue) = queue {
            kind.insert("value".to_owned(), "AGENT".into());
            kind.insert("wrapUpDuration".to_owned(), WRAP_UP.into());
            kind.insert("interactiveVoiceResponseSystemId".to_owned(), queue);
            kind.insert("skills".to_owned(), json!([]));
            kind.insert("matchedSkills".to_owned(), json!([]));
        }
    }
    leg
}

fn connected_queue(state: &TimedState) -> Option<&Value> {
    let is_queue = |system: &&Value| kind_of(system) == Some("CALL_QUEUE") && status(system) == Some("CONNECTED");
    array(state, "interactiveVoiceResponseSystems").find(is_queue)
}

/// Returns the id of the queue in which a line answered.
fn answered_through(leg: &Value, states: &[TimedState]) -> Option<Value> {
    let answers = |state: &&TimedState| {
        let is_leg = |one: &Value| one.get("id") == leg.get("id") && status(one) == Some("CONNECTED");
        array(state, "participants").skip(1).any(is_leg)
    };
    connected_queue(states.iter().find(answers)?)?.get("id").cloned()
}

/// Returns a queue or mailbox in the form of a report.
fn report_system(mut system: Value, states: &[TimedState]) -> Value {
    let waited = queue_wait(&system, states);
    let Value::Object(map) = &mut system else { return system };
    map.remove("status");
    if let (Some(Value::Object(kind)), Some((reason, milliseconds))) = (map.get_mut("type"), waited) {
        let extension = kind.get("queueName").and_then(Value::as_str).map(people::queue_extension);
        kind.insert("extensionNumber".to_owned(), extension.into());
        kind.insert("leftQueueReason".to_owned(), reason.into());
        kind.insert("callerWaitDuration".to_owned(), milliseconds.into());
        kind.insert("callbackOffered".to_owned(), false.into());
        kind.insert("intents".to_owned(), json!([]));
    }
    system
}

/// Returns the reason why the caller left a queue, and the wait in milliseconds.
fn queue_wait(system: &Value, states: &[TimedState]) -> Option<(&'static str, i64)> {
    if kind_of(system) != Some("CALL_QUEUE") {
        return None;
    }
    let within: Vec<&TimedState> = states
        .iter()
        .filter(|state| connected_queue(state).is_some_and(|queue| queue.get("id") == system.get("id")))
        .collect();
    let (first, last) = (within.first()?, within.last()?);
    let talks = |state: &&&TimedState| array(state, "participants").skip(1).any(|leg| status(leg) == Some("CONNECTED"));
    let answered = within.iter().find(talks);
    let gone = states.iter().find(|state| state.sequence > last.sequence).unwrap_or(last);
    let until = answered.map_or(gone, |state| state);
    let waited = instant(until).duration_since(instant(first)).as_millis();
    Some((if answered.is_some() { "ANSWERED" } else { "ABANDON" }, i64::try_from(waited).unwrap_or(i64::MAX)))
}

/// Returns a state in the form of a report: without recordings, and without whether the caller is a contact.
fn report_state(state: &TimedState) -> Value {
    let mut body = state.body.clone();
    for leg in body.get_mut("participants").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(Value::Object(kind)) = leg.get_mut("type") {
            kind.remove("contact");
        }
    }
    if let Value::Object(map) = &mut body {
        map.remove("recordings");
        map.remove("transcripts");
        map.insert("timestamp".to_owned(), time(&state.body, "/timestamp").into());
    }
    body
}

/// Returns the actions on messages: GoTo states a new message twice.
fn actions(call: &ScheduledCall, states: &[TimedState]) -> Vec<Value> {
    let Some(ended) = states.last().map(instant) else { return Vec::new() };
    let Some(message) = voicemail::message(call, states) else { return Vec::new() };
    [1_060, 1_075]
        .into_iter()
        .filter_map(|after| ended.checked_add(jiff::SignedDuration::from_millis(after)).ok())
        .map(|at| json!({ "timestamp": report_time(at), "type": message.action(ended) }))
        .collect()
}
