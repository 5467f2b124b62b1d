//! Ended calls: `REPORT_SUMMARY` notifications, pages of `report-summaries`, and the full report of one call.

use super::{
    Page, Reader, Unreadable,
    call::{
        caller, direction, is_person, is_recorded, kind, person, queue, voicemail_length, voicemail_result, with_state,
    },
    json,
    pick::{field, id, list, object, text, time, whole},
};
use crate::{
    model::{
        call::{Caller, FullReport, Person, Report, ReportedMailbox, ReportedMessage, ReportedQueue, WireDirection},
        ids::ConversationSpaceId,
    },
    runtime::json::Value,
};
use std::time::Duration;

/// States that are read from one report. The largest seen has 39; a body of a megabyte has about 400.
const MAX_STATES: usize = 5_000;

/// Items that are read from one page: GoTo's largest `pageSize` is 100, or 10,000 for the older reports.
const MOST: usize = 10_000;

/// Reads a page of `GET /report-summaries`: its reports, and the marker of the next page. Items that cannot be decoded are
/// left out.
///
/// # Errors
/// [`Unreadable`] if the body is not a page.
pub fn summaries(body: &[u8], reader: &Reader) -> Result<Page<Report>, Unreadable> {
    json(body, |page| {
        let reports = list(page, "items", MOST).filter_map(|item| summary(item, reader).ok()).collect();
        Ok((reports, text(page, "nextPageMarker")))
    })
}

/// Reads a summary.
pub(super) fn summary(value: &Value<'_>, reader: &Reader) -> Result<Report, Unreadable> {
    let from = object(value, "caller");
    let direction = match direction(value) {
        WireDirection::Other(word) if word.is_empty() => guessed(from),
        said => said,
    };
    Ok(Report {
        answered_at: time(value, "callAnswered"),
        caller: other_side(value, &direction, from, reader),
        direction,
        outcome: text(value, "callerOutcome"),
        people: people(value),
        ..bare(value, reader)?
    })
}

/// Returns the id of a `REPORT_SUMMARY` that contains nothing else.
pub(super) fn pushed_id(value: &Value<'_>) -> Option<ConversationSpaceId> {
    id_of(value).filter(|_| field(value, "accountKey").is_none())
}

/// Returns the call of a report.
pub(super) fn id_of(value: &Value<'_>) -> Option<ConversationSpaceId> {
    id(value, "conversationSpaceId")
}

/// Reads the full report of `GET /reports/{conversationSpaceId}`.
///
/// # Errors
/// [`Unreadable`] if the body is not a report.
pub fn report(body: &[u8], reader: &Reader) -> Result<Report, Unreadable> {
    json(body, |value| full_report(value, reader))
}

fn full_report(value: &Value<'_>, reader: &Reader) -> Result<Report, Unreadable> {
    let outside = list(value, "participants", MOST)
        .find_map(|one| field(one, "type").and_then(|of| object(of, "caller")))
        .or_else(|| object(value, "caller"));
    Ok(Report {
        answered_at: time(value, "callAnswered"),
        caller: other_side(value, &direction(value), outside, reader),
        direction: direction(value),
        outcome: text(value, "callerOutcome"),
        people: people(value),
        full: Some(Box::new(full(value, reader))),
        ..bare(value, reader)?
    })
}

fn full(value: &Value<'_>, reader: &Reader) -> FullReport {
    let systems =
        |word: &'static str| list(value, "interactiveVoiceResponseSystems", MOST).filter(move |one| kind(one) == word);
    let of = |one: &Value<'_>, name: &str| field(one, "type").and_then(|of| whole(of, name)).map(Duration::from_millis);
    let left = |one: &Value<'_>| field(one, "type").and_then(|of| text(of, "leftQueueReason"));
    let agents = list(value, "participants", MOST).filter(|one| kind(one) == "AGENT");
    let messages = list(value, "actions", MOST).filter(|one| kind(one) == "VOICEMAIL_NEW");
    FullReport {
        snapshots: list(value, "callStates", MAX_STATES)
            .filter_map(|one| with_state(value, one, reader).ok())
            .collect(),
        queues: systems("CALL_QUEUE")
            .map(|one| ReportedQueue { queue: queue(one), left: left(one), waited: of(one, "callerWaitDuration") })
            .collect(),
        mailboxes: systems("VOICEMAIL")
            .map(|one| ReportedMailbox { result: voicemail_result(one), length: voicemail_length(one) })
            .collect(),
        agents: agents.map(person).collect(),
        messages: messages
            .map(|one| ReportedMessage {
                extension: field(one, "type").and_then(|of| text(of, "extensionNumber")),
                length: of(one, "durationMs"),
            })
            .collect(),
        recorded: list(value, "participants", MOST).any(is_recorded) || is_recorded(value),
    }
}

/// Reads the other side of a call. On an outbound call `caller` is an own line, so the other side is the outside participant,
/// if the report lists it. The participant has the form of a state, or its number beside its kind.
fn other_side(
    value: &Value<'_>,
    direction: &WireDirection,
    from: Option<&Value<'_>>,
    reader: &Reader,
) -> Option<Caller> {
    let read = |it: &Value<'_>| caller(it, reader.region);
    let callee = |one: &Value<'_>| {
        let kind = object(one, "type").filter(|kind| text(kind, "value").as_deref() == Some("PHONE_NUMBER"))?;
        let bare = || Some(one).filter(|one| text(one, "number").is_some());
        object(kind, "callee").or_else(bare).and_then(read)
    };
    let called = || list(value, "participants", MOST).find_map(callee);
    let out = (*direction == WireDirection::Outbound).then(called).flatten();
    out.or_else(|| from.and_then(read))
}

/// Reads the fields that all reports have.
fn bare(value: &Value<'_>, reader: &Reader) -> Result<Report, Unreadable> {
    Ok(Report {
        connection: reader.connection.clone(),
        region: reader.region,
        account: id(value, "accountKey").ok_or(Unreadable::Lacks("accountKey"))?,
        call: id(value, "conversationSpaceId").ok_or(Unreadable::Lacks("conversationSpaceId"))?,
        direction: WireDirection::Other(String::new()),
        created_at: time(value, "callCreated"),
        answered_at: None,
        ended_at: time(value, "callEnded"),
        caller: None,
        outcome: None,
        people: Vec::new(),
        full: None,
    })
}

/// Derives a missing `direction` from the caller's kind: a line called out, a number called in.
fn guessed(caller: Option<&Value<'_>>) -> WireDirection {
    match caller.and_then(|it| field(it, "type")).and_then(|of| text(of, "value")).as_deref() {
        Some("PHONE_NUMBER") => WireDirection::Inbound,
        Some("LINE") => WireDirection::Outbound,
        _ => WireDirection::Other(String::new()),
    }
}

fn people(value: &Value<'_>) -> Vec<Person> {
    let lines = list(value, "participants", MOST).filter(|one| is_person(one));
    lines
        .map(|one| {
            let line = person(one);
            Person { extension: line.extension.or_else(|| text(one, "number")), ..line }
        })
        .collect()
}
