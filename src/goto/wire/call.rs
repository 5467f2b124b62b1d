//! Snapshots of a call: `{metadata, state}` of pushes and of `conversation-spaces`, `{metadata, states}` of the events of a
//! call, and `callStates` of a report. A field in an unexpected form is kept or left out; the snapshot is decoded
//! nevertheless.

use super::{
    Page, Reader, Unreadable, json,
    pick::{as_id, field, id, list, object, text, time, whole},
};
use crate::{
    model::{
        call::{
            AccountNumber, CallSnapshot, CallSystem, Caller, Participant, ParticipantKind, ParticipantStatus, Person,
            Phase, Queue, SnapshotState, SystemKind, TransferParty, Transferring, VoicemailResult, WireDirection,
        },
        ids::ConversationSpaceId,
        phone::{PhoneNumber, Region, line_of_parameters, name_with_verdict, verification},
    },
    runtime::json::Value,
};
use std::time::Duration;

/// Parties, systems and linked calls that are read from one snapshot. GoTo states no limit; the largest ring groups and
/// conference calls are far below.
const MOST: usize = 500;

/// Reads a page of `GET /conversation-spaces`: its calls, and the marker of the next page. Items that cannot be decoded are
/// left out.
///
/// # Errors
/// [`Unreadable`] if the body is not a page.
pub fn active(body: &[u8], reader: &Reader) -> Result<Page<CallSnapshot>, Unreadable> {
    json(body, |page| {
        let calls = list(page, "items", MOST).filter_map(|item| event(item, reader).ok()).collect();
        Ok((calls, text(page, "nextPageMarker")))
    })
}

/// Reads a page of `GET /conversation-spaces/{id}/events`: one event for each state, oldest first as answered.
///
/// # Errors
/// [`Unreadable`] if the body is not a page.
pub fn states(body: &[u8], reader: &Reader) -> Result<Page<CallSnapshot>, Unreadable> {
    json(body, |page| {
        let metadata = object(page, "metadata").ok_or(Unreadable::Lacks("metadata"))?;
        let states = list(page, "states", MOST).map(|one| with_state(metadata, one, reader));
        Ok((states.collect::<Result<_, _>>()?, text(page, "nextPageMarker")))
    })
}

/// Reads `{metadata, state}`.
pub(super) fn event(content: &Value<'_>, reader: &Reader) -> Result<CallSnapshot, Unreadable> {
    let metadata = object(content, "metadata").ok_or(Unreadable::Lacks("metadata"))?;
    let state = object(content, "state").ok_or(Unreadable::Lacks("state"))?;
    with_state(metadata, state, reader)
}

/// Reads a state beside its `metadata`, or beside the report that contains it: both have the same keys.
pub(super) fn with_state(metadata: &Value<'_>, one: &Value<'_>, reader: &Reader) -> Result<CallSnapshot, Unreadable> {
    let state = state(one, reader.region);
    let mut linked: Vec<_> = list(metadata, "associatedConversations", MOST)
        .filter_map(|one| as_id(one).or_else(|| id(one, "conversationSpaceId")).or_else(|| id(one, "id")))
        .collect();
    let call = id(metadata, "conversationSpaceId").ok_or(Unreadable::Lacks("conversationSpaceId"))?;
    // A transfer names the conversations of its sides earlier than the list of associated conversations.
    for named in state.participants.iter().flat_map(transfer_conversations) {
        if *named != call && !linked.contains(named) {
            linked.push(named.clone());
        }
    }
    Ok(CallSnapshot {
        connection: reader.connection.clone(),
        region: reader.region,
        account: id(metadata, "accountKey").ok_or(Unreadable::Lacks("accountKey"))?,
        call,
        direction: direction(metadata),
        created_at: time(metadata, "callCreated"),
        hung_up_by: id(metadata, "hangupOriginatorId"),
        dialed: text(metadata, "dialString").map(|dialed| PhoneNumber::parse(Some(&dialed), reader.region)),
        linked,
        state,
    })
}

fn transfer_conversations(party: &Participant) -> impl Iterator<Item = &ConversationSpaceId> {
    let transfer = match &party.status {
        ParticipantStatus::InTransfer(transfer) => Some(transfer),
        _ => None,
    };
    let sides = transfer.into_iter().flat_map(|it| [&it.initiator, &it.transferrer, &it.destination]);
    sides.filter_map(|side| side.as_ref()?.conversation.as_ref())
}

/// Reads `direction` of a snapshot or report.
pub(super) fn direction(holder: &Value<'_>) -> WireDirection {
    match text(holder, "direction") {
        Some(word) if word.eq_ignore_ascii_case("INBOUND") => WireDirection::Inbound,
        Some(word) if word.eq_ignore_ascii_case("OUTBOUND") => WireDirection::Outbound,
        other => WireDirection::Other(other.unwrap_or_default()),
    }
}

/// Reads one snapshot. A state without a number counts as 0, before every numbered one.
fn state(value: &Value<'_>, region: Region) -> SnapshotState {
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
        recorded: is_recorded(value),
    }
}

/// Returns whether `recordings` names a recording.
pub(super) fn is_recorded(value: &Value<'_>) -> bool {
    list(value, "recordings", 1).next().is_some()
}

/// Reads `type.value`, or `type` itself where it is a text.
pub(super) fn kind(holder: &Value<'_>) -> String {
    field(holder, "type").and_then(|of| text(of, "value")).or_else(|| text(holder, "type")).unwrap_or_default()
}

fn participant(value: &Value<'_>, region: Region) -> Participant {
    let of = field(value, "type").unwrap_or(&Value::Null);
    let side = |name| field(of, name).or_else(|| field(value, name)).and_then(|it| caller(it, region));
    let kind = match kind(value).as_str() {
        "PHONE_NUMBER" => ParticipantKind::PhoneNumber {
            account_number: account_number(of, region),
            caller: side("caller"),
            callee: side("callee"),
        },
        "LINE" => ParticipantKind::Line(person(value)),
        "AGENT" => ParticipantKind::Agent(person(value)),
        "VIRTUAL_PARTICIPANT" => ParticipantKind::Virtual(either(value, "name")),
        other => ParticipantKind::Other { value: other.to_owned(), caller: side("caller") },
    };
    Participant {
        id: id(value, "id"),
        leg: id(value, "legId"),
        originator: id(value, "originator"),
        kind,
        status: status(value),
    }
}

/// Reads `status`, or `status.value`, with the keys beside it.
fn status(holder: &Value<'_>) -> ParticipantStatus {
    let of = field(holder, "status").unwrap_or(&Value::Null);
    let word = text(of, "value").or_else(|| text(holder, "status")).unwrap_or_default();
    match word.as_str() {
        "RINGING" => ParticipantStatus::Ringing,
        "CONNECTED" => ParticipantStatus::Connected,
        "IN_INTERACTIVE_VOICE_RESPONSE" => ParticipantStatus::InSystem,
        "ON_HOLD" => {
            ParticipantStatus::OnHold { by: transfer_party(of, "initiator").and_then(|party| party.participant) }
        }
        "IN_DIRECT_TRANSFER" | "IN_WARM_TRANSFER" => ParticipantStatus::InTransfer(Box::new(Transferring {
            warm: word == "IN_WARM_TRANSFER",
            initiator: transfer_party(of, "initiator"),
            transferrer: transfer_party(of, "transferrer"),
            destination: transfer_party(of, "destination"),
        })),
        "DISCONNECTING" => ParticipantStatus::Disconnecting,
        "DISCONNECTED" => ParticipantStatus::Disconnected,
        _ => ParticipantStatus::Other(word),
    }
}

fn transfer_party(status: &Value<'_>, name: &str) -> Option<TransferParty> {
    let party = object(status, name)?;
    Some(TransferParty {
        participant: id(party, "participantId"),
        conversation: id(party, "conversationSpaceId"),
        extension: text(party, "extensionNumber").or_else(|| text(party, "number")),
        name: text(party, "name"),
    })
}

/// Reads an account number and its name. GoTo repeats the number, in any notation, if there is no name.
fn account_number(kind: &Value<'_>, region: Region) -> AccountNumber {
    let written = text(kind, "number");
    let number = PhoneNumber::parse(written.as_deref(), region);
    let is_number = |name: &String| {
        let has_words = name.contains(char::is_alphabetic);
        Some(name) == written.as_ref() || !has_words && PhoneNumber::parse(Some(name), region) == number
    };
    let label = text(kind, "name").filter(|name| !is_number(name));
    AccountNumber { number, label }
}

/// Reads a fact under `type` or, in flattened answers, beside it.
fn either(value: &Value<'_>, name: &str) -> Option<String> {
    field(value, "type").and_then(|of| text(of, name)).or_else(|| text(value, name))
}

/// Reads a line or agent, live or in a report.
pub(super) fn person(value: &Value<'_>) -> Person {
    Person { name: either(value, "name"), extension: either(value, "extensionNumber"), line: either(value, "lineId") }
}

/// Returns whether `value` is a colleague's line.
pub(super) fn is_person(value: &Value<'_>) -> bool {
    matches!(kind(value).as_str(), "LINE" | "AGENT")
}

/// Reads `caller`: an object of name and number, or a bare number. An object without a number is a caller who withholds it.
pub(super) fn caller(value: &Value<'_>, region: Region) -> Option<Caller> {
    match value {
        Value::Object(_) => {
            let number = text(value, "number");
            let name = text(value, "name").or_else(|| Some(line_of_parameters(number.as_deref()?)?.to_owned()));
            Some(Caller {
                name: name_with_verdict(name, number.as_deref().and_then(verification)),
                number: PhoneNumber::parse(number.as_deref(), region),
            })
        }
        Value::Str(number) => Some(Caller { name: None, number: PhoneNumber::parse(Some(number), region) }),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => None,
    }
}

fn system(value: &Value<'_>) -> CallSystem {
    let kind = match kind(value).as_str() {
        "CALL_QUEUE" => SystemKind::Queue(queue(value)),
        "DIAL_PLAN" => SystemKind::DialPlan,
        "VOICEMAIL" => SystemKind::Voicemail { result: voicemail_result(value), length: voicemail_length(value) },
        other => SystemKind::Other(other.to_owned()),
    };
    CallSystem { kind, status: status(value) }
}

/// Reads a queue, live or in a report.
pub(super) fn queue(value: &Value<'_>) -> Queue {
    let extension = either(value, "extensionNumber");
    let name = either(value, "queueName").or_else(|| extension.clone()).or_else(|| either(value, "queueId"));
    Queue { name: name.unwrap_or_default(), extension }
}

/// Reads `voicemailStatus`, live or in a report.
pub(super) fn voicemail_result(value: &Value<'_>) -> Option<VoicemailResult> {
    either(value, "voicemailStatus").map(|word| match word.as_str() {
        "SUCCESS" => VoicemailResult::Success,
        "FAILED" => VoicemailResult::Failed,
        _ => VoicemailResult::Other(word),
    })
}

/// Reads `duration` of a mailbox, live or in a report: milliseconds.
pub(super) fn voicemail_length(value: &Value<'_>) -> Option<Duration> {
    field(value, "type")
        .and_then(|of| whole(of, "duration"))
        .or_else(|| whole(value, "duration"))
        .map(Duration::from_millis)
}
