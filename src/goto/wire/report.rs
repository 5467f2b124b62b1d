//! Ended calls: `REPORT_SUMMARY` notifications, pages of `report-summaries`, and the full report of one call.

use super::{
    Reader, Unreadable,
    call::{caller, direction, is_person, person, state},
    json,
    pick::{id, list, object, text, time},
};
use crate::model::{
    call::{Caller, ParticipantKind, ParticipantStatus, Person, Report, WireDirection},
    time::Timestamp,
};
use serde_json::Value;

/// Items that are read of one page: GoTo's largest `pageSize` is 100, or 10,000 for the older reports.
const MOST: usize = 10_000;

/// Reads a page of `GET /report-summaries`: its reports, and the marker of the next page. Items that say nothing are left out.
///
/// # Errors
/// [`Unreadable`] when the page as a whole is none.
pub fn summaries(body: &[u8], reader: &Reader) -> Result<(Vec<Report>, Option<String>), Unreadable> {
    let page = json(body)?;
    let reports = list(&page, "items", MOST).filter_map(|item| summary(item, reader).ok()).collect();
    Ok((reports, text(&page, "nextPageMarker")))
}

/// Reads a summary.
pub(super) fn summary(value: &Value, reader: &Reader) -> Result<Report, Unreadable> {
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

/// Reads the full report of `GET /reports/{conversationSpaceId}`: when it was answered follows from its states.
///
/// # Errors
/// [`Unreadable`] when it is no report.
pub fn report(body: &[u8], reader: &Reader) -> Result<Report, Unreadable> {
    let value = json(body)?;
    let outside = list(&value, "participants", MOST)
        .find_map(|one| one.get("type").and_then(|of| object(of, "caller")))
        .or_else(|| object(&value, "caller"));
    Ok(Report {
        answered_at: time(&value, "callAnswered").or_else(|| first_taken(&value, reader)),
        caller: other_side(&value, &direction(&value), outside, reader),
        direction: direction(&value),
        outcome: text(&value, "callerOutcome"),
        people: people(&value),
        ..bare(&value, reader)?
    })
}

/// Who is on the other side. Of a call that went out that is not who called, a line of ours, but the outside participant,
/// if the report lists it: as a state does, or with its number beside its kind.
fn other_side(value: &Value, direction: &WireDirection, from: Option<&Value>, reader: &Reader) -> Option<Caller> {
    let read = |it: &Value| caller(it, reader.region);
    let callee = |one: &Value| {
        let kind = object(one, "type").filter(|kind| text(kind, "value").as_deref() == Some("PHONE_NUMBER"))?;
        let bare = || Some(one).filter(|one| text(one, "number").is_some());
        object(kind, "callee").or_else(bare).and_then(read)
    };
    let called = || list(value, "participants", MOST).find_map(callee);
    let out = (*direction == WireDirection::Outbound).then(called).flatten();
    out.or_else(|| from.and_then(read))
}

/// What all reports have.
fn bare(value: &Value, reader: &Reader) -> Result<Report, Unreadable> {
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
    })
}

/// `direction` is missing at times; then the caller's kind tells: a line called out, a number called in.
fn guessed(caller: Option<&Value>) -> WireDirection {
    match caller.and_then(|it| it.get("type")).and_then(|of| text(of, "value")).as_deref() {
        Some("PHONE_NUMBER") => WireDirection::Inbound,
        Some("LINE") => WireDirection::Outbound,
        _ => WireDirection::Other(String::new()),
    }
}

fn people(value: &Value) -> Vec<Person> {
    let lines = list(value, "participants", MOST).filter(|one| is_person(one));
    lines
        .map(|one| {
            let line = person(one);
            Person { extension: line.extension.or_else(|| text(one, "number")), ..line }
        })
        .collect()
}

fn first_taken(value: &Value, reader: &Reader) -> Option<Timestamp> {
    let states = list(value, "callStates", MOST).map(|one| state(one, reader.region));
    states
        .filter(|state| {
            state.participants.iter().any(|party| {
                matches!(party.kind, ParticipantKind::Line(_) | ParticipantKind::Agent(_))
                    && party.status == ParticipantStatus::Connected
            })
        })
        .filter_map(|state| state.at)
        .min()
}
