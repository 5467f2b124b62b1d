//! Whole calls by their summary, with few snapshots or none. Full reports are in the parent.

use super::*;
use crate::model::call::{ParticipantKind, Report};

/// The summaries that GoTo may give of a call: one for each word that is true of it.
fn summaries(call: &Written) -> Vec<Report> {
    let Some(full) = call.reports.iter().find(|report| report.call.as_str() == "a") else { return Vec::new() };
    let mut people: Vec<Person> = Vec::new();
    for party in call.snapshots.iter().filter(|it| it.call.as_str() == "a").flat_map(|it| &it.state.participants) {
        if let ParticipantKind::Line(person) | ParticipantKind::Agent(person) = &party.kind
            && !people.contains(person)
        {
            people.push(person.clone());
        }
    }
    let talks = call.end.contains("with ") && !call.end.contains("gave up") && !call.end.contains("message");
    let words = [
        (true, "LEFT_DIAL_PLAN"),
        (true, "SOMETHING_NEW"),
        (true, "TRUNCATED"),
        // Of a call that an outside number answered, a summary lists whom it rang before.
        (talks && !call.end.contains("handed on") && !call.end.contains("with outside"), "NORMAL"),
        (call.end.starts_with("missed"), "MISSED"),
        (call.end.contains("message "), "VOICEMAIL"),
        (call.end.contains("gave up in Hold"), "LEFT_ON_HOLD"),
        (call.end.contains("gave up in Parked"), "LEFT_PARKING_SPOT"),
        (call.end.contains("gave up in Queue"), "LEFT_QUEUE"),
    ];
    let caller = call.snapshots.iter().flat_map(|it| &it.state.participants).find_map(|party| match &party.kind {
        ParticipantKind::PhoneNumber { caller, .. } => caller.clone(),
        _ => None,
    });
    let summary = |word: &str| Report {
        caller: caller.clone(),
        answered_at: full.created_at,
        outcome: Some(word.to_owned()),
        people: people.clone(),
        full: None,
        ..full.clone()
    };
    words.into_iter().filter(|(fits, _)| *fits).map(|(_, word)| summary(word)).collect()
}

#[test]
fn summaries_of_composed_calls_with_few_snapshots_claim_nothing_false() {
    let mut odd = Vec::new();
    for call in calls().into_iter().filter(|call| call.end.starts_with(['e', 'm', 'v'])) {
        for summary in summaries(&call) {
            let count = call.snapshots.len();
            let losses = std::iter::once(0..count)
                .chain((1..count).map(|from| 0..from))
                .chain((1..count).map(|from| from..count));
            for lost in losses.chain((0..count).map(|at| at..at + 1)) {
                let mut harness = call.harness(false);
                call.without(&lost).for_each(|event| harness.push(event));
                let ready = elapsed(epoch(), summary.ended_at.unwrap()) + Duration::from_secs(60);
                harness.plan(ready, Input::Report(summary.clone().into()));
                harness.run(Duration::from_secs(900));
                let claims = call.false_claims(&harness);
                let word = summary.outcome.as_deref().unwrap();
                if !claims.is_empty() {
                    odd.push(format!("{} {word} without {lost:?} of {count}: {claims:?}", call.name));
                }
                if call.end_of(&harness, "a").is_empty() {
                    odd.push(format!("{} {word} without {lost:?} of {count}: no end", call.name));
                }
            }
        }
    }
    assert_none(odd);
}
