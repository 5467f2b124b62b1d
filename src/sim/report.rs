//! Reports of ended calls: summary, full report, caller activity and voicemail item. Pure, from the states of the call.

use super::{
    scenario::ScenarioStep,
    scheduled_call::{ScheduledCall, format_timestamp, stable_id},
    snapshot::{TimedState, states},
};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

/// Returns an item of `report-summaries`, also the content of `REPORT_SUMMARY`.
pub(super) fn summary(call: &ScheduledCall) -> Value {
    let states = states(call);
    let mut map = common_fields(call, &states);
    if let Some(answered) = states.iter().find(|state| staff(state).any(|leg| status(leg) == Some("CONNECTED"))) {
        map.insert("callAnswered".to_owned(), answered.body.get("timestamp").cloned().unwrap_or_default());
    }
    map.insert("callerOutcome".to_owned(), caller_outcome(call).into());
    let mut caller = Map::from_iter([(
        "type".to_owned(),
        json!({
            "value": "PHONE_NUMBER", "phoneNumberId": stable_id(&call.plan.called_number.number),
        }),
    )]);
    if let Some(party) = &call.plan.caller {
        party.name.as_ref().map(|name| caller.insert("name".to_owned(), name.clone().into()));
        party.number.as_ref().map(|number| caller.insert("number".to_owned(), number.clone().into()));
    }
    map.insert("caller".to_owned(), Value::Object(caller));
    map.insert("participants".to_owned(), summary_participants(&states).into());
    Value::Object(map)
}

/// Returns the `REPORT_SUMMARY` frame.
pub(super) fn frame(call: &ScheduledCall) -> Value {
    let at = call.started.checked_add(call.report_delay()).map(format_timestamp).unwrap_or_default();
    json!({ "data": {
        "source": "call-events-report", "type": "REPORT_SUMMARY", "timestamp": at, "content": summary(call),
    } })
}

/// Returns the body of `reports/{id}`.
pub(super) fn full_report(call: &ScheduledCall) -> Value {
    let states = states(call);
    let mut map = common_fields(call, &states);
    if let Some(by) = states.last().and_then(|state| state.metadata.get("hangupOriginatorId")) {
        map.insert("hangupOriginatorId".to_owned(), by.clone());
    }
    map.insert("associatedConversations".to_owned(), json!([]));
    map.insert("participants".to_owned(), last_seen(&states, "participants").into());
    let systems = last_seen(&states, "interactiveVoiceResponseSystems");
    map.insert("interactiveVoiceResponseSystems".to_owned(), systems.into());
    map.insert("callStates".to_owned(), states.into_iter().map(|state| state.body).collect());
    Value::Object(map)
}

/// Returns the outside number as `caller-activity` writes it: ten digits in North America, all digits elsewhere.
pub(super) fn national_number(call: &ScheduledCall) -> Option<String> {
    let digits: String = call.plan.caller.as_ref()?.number.as_ref()?.chars().filter(char::is_ascii_digit).collect();
    Some(digits.strip_prefix('1').filter(|rest| rest.len() == 10).unwrap_or(&digits).to_owned())
}

/// Returns an item of `caller-activity`. The unit of `duration` is undocumented.
pub(super) fn activity_item(call: &ScheduledCall) -> Value {
    let report = summary(call);
    let name = report.pointer("/participants/0/name").cloned().unwrap_or_default();
    let outside = json!({ "name": report.pointer("/caller/name"), "number": national_number(call) });
    let colleague = json!({ "name": name, "number": call.plan.called_number.number.trim_start_matches("+1") });
    let outbound = call.plan.direction == "OUTBOUND";
    let (caller, callee) = if outbound { (colleague, outside) } else { (outside, colleague) };
    let mut item = json!({
        "direction": call.plan.direction, "startTime": report.get("callCreated"), "endTime": report.get("callEnded"),
        "duration": 900, "disposition": 16, "caller": caller, "callee": callee,
    });
    if let (Value::Object(item), Some(answered)) = (&mut item, report.get("callAnswered")) {
        item.insert("answerTime".to_owned(), answered.clone());
    }
    item
}

/// Returns the voicemail item of a call that left a message. The message lasts from the mailbox's answer to the end.
pub(super) fn voicemail_item(call: &ScheduledCall) -> Option<Value> {
    (caller_outcome(call) == "LEFT_VOICEMAIL").then_some(())?;
    let states = states(call);
    let at = |back: usize| -> Option<Timestamp> {
        let state = states.len().checked_sub(back).and_then(|place| states.get(place))?;
        text(&state.body, "/timestamp")?.parse().ok()
    };
    let (from, to) = (at(2)?, at(1)?);
    let summary_participants = summary_participants(&states);
    let extension = summary_participants.iter().find_map(|one| text(one, "/number"))?;
    Some(json!({
        "voicemailId": call.id, "accountKey": call.plan.account, "extensionNumber": extension,
        "callerNumber": national_number(call), "timestamp": format_timestamp(to), "status": "NEW",
        "durationMs": to.duration_since(from).as_millis() as i64, "transcriptionStatus": "IN_PROGRESS",
    }))
}

fn common_fields(call: &ScheduledCall, states: &[TimedState]) -> Map<String, Value> {
    let ended = states.last().and_then(|state| state.body.get("timestamp")).cloned();
    let mut map = Map::new();
    map.insert("conversationSpaceId".to_owned(), call.id.to_string().into());
    map.insert("accountKey".to_owned(), call.plan.account.clone().into());
    map.insert("direction".to_owned(), call.plan.direction.clone().into());
    map.insert("callCreated".to_owned(), format_timestamp(call.started).into());
    map.insert("callEnded".to_owned(), ended.unwrap_or_default());
    map.insert("callInitiator".to_owned(), "DIRECT".into());
    map
}

/// Returns `callerOutcome`. `NORMAL` and `LEFT_DIAL_PLAN` were observed; the other values are guesses.
fn caller_outcome(call: &ScheduledCall) -> &'static str {
    let beats = || call.plan.steps.iter().map(|timed| &timed.step);
    if beats().any(|beat| matches!(beat, ScenarioStep::Answers { .. })) {
        "NORMAL"
    } else if beats().any(|beat| matches!(beat, ScenarioStep::Mailbox { .. })) {
        "LEFT_VOICEMAIL"
    } else if beats().any(|beat| matches!(beat, ScenarioStep::Queue { .. })) {
        "LEFT_QUEUE"
    } else if beats().any(|beat| matches!(beat, ScenarioStep::Menu)) {
        "LEFT_DIAL_PLAN"
    } else {
        "NO_ANSWER"
    }
}

fn array_items<'a>(state: &'a TimedState, key: &str) -> impl Iterator<Item = &'a Value> {
    state.body.get(key).and_then(Value::as_array).into_iter().flatten()
}

fn text<'a>(value: &'a Value, pointer: &str) -> Option<&'a str> {
    value.pointer(pointer).and_then(Value::as_str)
}

fn status(leg: &Value) -> Option<&str> {
    text(leg, "/status/value")
}

fn staff(state: &TimedState) -> impl Iterator<Item = &Value> {
    array_items(state, "participants").filter(|leg| matches!(text(leg, "/type/value"), Some("LINE" | "AGENT")))
}

/// Returns each participant or system once, as in its last state, without its status.
fn last_seen(states: &[TimedState], key: &str) -> Vec<Value> {
    let mut all: Vec<Value> = Vec::new();
    for one in states.iter().flat_map(|state| array_items(state, key)) {
        let mut one = one.clone();
        if let Value::Object(map) = &mut one {
            map.remove("status");
        }
        match all.iter_mut().find(|seen| seen.get("id") == one.get("id")) {
            Some(seen) => *seen = one,
            None => all.push(one),
        }
    }
    all
}

/// Returns lines and agents in the form of the summary: those that were connected, otherwise those that rang.
fn summary_participants(states: &[TimedState]) -> Vec<Value> {
    let was_connected = |id: Option<&Value>| {
        states.iter().flat_map(staff).any(|leg| leg.get("id") == id && status(leg) == Some("CONNECTED"))
    };
    let all: Vec<Value> = last_seen(states, "participants")
        .into_iter()
        .filter(|leg| matches!(text(leg, "/type/value"), Some("LINE" | "AGENT")))
        .collect();
    let any_connected = all.iter().any(|leg| was_connected(leg.get("id")));
    all.iter()
        .filter(|leg| !any_connected || was_connected(leg.get("id")))
        .map(|leg| {
            json!({
                "id": leg.get("id"), "legId": leg.get("legId"), "name": text(leg, "/type/name"),
                "number": text(leg, "/type/extensionNumber"),
                "type": {
                    "value": text(leg, "/type/value"), "lineId": text(leg, "/type/lineId"),
                    "extensionNumber": text(leg, "/type/extensionNumber"), "userKey": text(leg, "/type/userKey"),
                },
            })
        })
        .collect()
}
