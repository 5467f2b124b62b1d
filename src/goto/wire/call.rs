//! A call's snapshots: `{metadata, state}` as pushed and as `conversation-spaces` lists them, and `{metadata, states}`
//! as a call's events are answered. A party that is odd is kept as what it is; it never costs the snapshot.

use super::{
    Reader, Unreadable, json,
    pick::{as_id, id, list, object, text, time, whole},
};
use crate::model::{
    call::{
        AccountNumber, CallSnapshot, CallSystem, Caller, Participant, ParticipantKind, ParticipantStatus, Person,
        Phase, Queue, SnapshotState, WireDirection,
    },
    phone::{PhoneNumber, Region, name_with_verdict, verification},
};
use serde_json::Value;

/// Parties, systems and linked calls that are read of one snapshot. GoTo states no limit; the largest ring groups and
/// conference calls are far below.
const MOST: usize = 500;

/// Reads a page of `GET /conversation-spaces`: its calls, and the marker of the next page. Items that say nothing are left out.
///
/// # Errors
/// [`Unreadable`] when the page as a whole is none.
pub fn active(body: &[u8], reader: &Reader) -> Result<(Vec<CallSnapshot>, Option<String>), Unreadable> {
    let page = json(body)?;
    let calls = list(&page, "items", MOST).filter_map(|item| event(item, reader).ok()).collect();
    Ok((calls, text(&page, "nextPageMarker")))
}

/// Reads a page of `GET /conversation-spaces/{id}/events`: one event a state, oldest first as answered.
///
/// # Errors
/// [`Unreadable`] when the page as a whole is none.
pub fn states(body: &[u8], reader: &Reader) -> Result<(Vec<CallSnapshot>, Option<String>), Unreadable> {
    let page = json(body)?;
    let metadata = object(&page, "metadata").ok_or(Unreadable::Lacks("metadata"))?;
    let states = list(&page, "states", MOST).map(|one| with_state(metadata, one, reader));
    Ok((states.collect::<Result<_, _>>()?, text(&page, "nextPageMarker")))
}

/// Reads `{metadata, state}`.
pub(super) fn event(content: &Value, reader: &Reader) -> Result<CallSnapshot, Unreadable> {
    let metadata = object(content, "metadata").ok_or(Unreadable::Lacks("metadata"))?;
    let state = object(content, "state").ok_or(Unreadable::Lacks("state"))?;
    with_state(metadata, state, reader)
}

fn with_state(metadata: &Value, one: &Value, reader: &Reader) -> Result<CallSnapshot, Unreadable> {
    Ok(CallSnapshot {
        connection: reader.connection.clone(),
        region: reader.region,
        account: id(metadata, "accountKey").ok_or(Unreadable::Lacks("accountKey"))?,
        call: id(metadata, "conversationSpaceId").ok_or(Unreadable::Lacks("conversationSpaceId"))?,
        direction: direction(metadata),
        created_at: time(metadata, "callCreated"),
        hung_up_by: id(metadata, "hangupOriginatorId"),
        dialed: text(metadata, "dialString").map(|dialed| PhoneNumber::parse(Some(&dialed), reader.region)),
        linked: list(metadata, "associatedConversations", MOST)
            .filter_map(|one| as_id(one).or_else(|| id(one, "conversationSpaceId")).or_else(|| id(one, "id")))
            .collect(),
        state: state(one, reader.region),
    })
}

/// `direction`, wherever it stands.
pub(super) fn direction(holder: &Value) -> WireDirection {
    match text(holder, "direction") {
        Some(word) if word.eq_ignore_ascii_case("INBOUND") => WireDirection::Inbound,
        Some(word) if word.eq_ignore_ascii_case("OUTBOUND") => WireDirection::Outbound,
        other => WireDirection::Other(other.unwrap_or_default()),
    }
}

/// One snapshot. A state without a number counts as 0, before every numbered one.
pub(super) fn state(value: &Value, region: Region) -> SnapshotState {
    SnapshotState {
        sequence: whole(value, "sequenceNumber").unwrap_or(0),
        phase: match text(value, "type").unwrap_or_default() {
            word if word.eq_ignore_ascii_case("STARTING") => Phase::Starting,
            word if word.eq_ignore_ascii_case("ACTIVE") => Phase::Active,
            word if word.eq_ignore_ascii_case("ENDING") => Phase::Ending,
            other => Phase::Other(other),
        },
        at: time(value, "timestamp"),
        participants: list(value, "participants", MOST).map(|one| participant(one, region)).collect(),
        systems: list(value, "interactiveVoiceResponseSystems", MOST).map(system).collect(),
    }
}

/// `type.value`, or `type` itself where it is a word.
fn kind(holder: &Value) -> String {
    holder.get("type").and_then(|of| text(of, "value")).or_else(|| text(holder, "type")).unwrap_or_default()
}

fn participant(value: &Value, region: Region) -> Participant {
    let of = value.get("type").unwrap_or(&Value::Null);
    let side = |name| of.get(name).or_else(|| value.get(name)).and_then(|it| caller(it, region));
    let kind = match kind(value).as_str() {
        "PHONE_NUMBER" => ParticipantKind::PhoneNumber {
            account_number: AccountNumber {
                number: PhoneNumber::parse(text(of, "number").as_deref(), region),
                label: text(of, "name"),
            },
            caller: side("caller"),
            callee: side("callee"),
        },
        "LINE" => ParticipantKind::Line(person(value)),
        "AGENT" => ParticipantKind::Agent(person(value)),
        "VIRTUAL_PARTICIPANT" => ParticipantKind::Virtual(either(value, "name")),
        other => ParticipantKind::Other { value: other.to_owned(), caller: side("caller") },
    };
    let status = match value.get("status").and_then(|it| text(it, "value")).or_else(|| text(value, "status")) {
        None => ParticipantStatus::Other(String::new()),
        Some(word) => match word.as_str() {
            "RINGING" => ParticipantStatus::Ringing,
            "CONNECTED" => ParticipantStatus::Connected,
            "DISCONNECTING" => ParticipantStatus::Disconnecting,
            "DISCONNECTED" => ParticipantStatus::Disconnected,
            _ => ParticipantStatus::Other(word),
        },
    };
    Participant { id: id(value, "id"), originator: id(value, "originator"), kind, status }
}

/// A fact that stands under `type` or, in flattened answers, beside it.
fn either(value: &Value, name: &str) -> Option<String> {
    value.get("type").and_then(|of| text(of, name)).or_else(|| text(value, name))
}

/// A line or agent, live or in a report.
pub(super) fn person(value: &Value) -> Person {
    Person { name: either(value, "name"), extension: either(value, "extensionNumber"), line: either(value, "lineId") }
}

/// Whether `value` is a colleague's line.
pub(super) fn is_person(value: &Value) -> bool {
    matches!(kind(value).as_str(), "LINE" | "AGENT")
}

/// `caller`: an object of name and number, or a bare number. An object without a number is a caller who hides it.
pub(super) fn caller(value: &Value, region: Region) -> Option<Caller> {
    match value {
        Value::Object(_) => Some(Caller {
            name: name_with_verdict(text(value, "name"), text(value, "number").as_deref().and_then(verification)),
            number: PhoneNumber::parse(text(value, "number").as_deref(), region),
        }),
        Value::String(number) => Some(Caller { name: None, number: PhoneNumber::parse(Some(number), region) }),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => None,
    }
}

fn system(value: &Value) -> CallSystem {
    match kind(value).as_str() {
        "CALL_QUEUE" => {
            let extension = either(value, "extensionNumber");
            let name = either(value, "queueName").or_else(|| extension.clone()).or_else(|| either(value, "queueId"));
            CallSystem::Queue(Queue { name: name.unwrap_or_default(), extension })
        }
        "DIAL_PLAN" => CallSystem::DialPlan,
        other => CallSystem::Other(other.to_owned()),
    }
}
