//! How a call ended: what the facts and a report together make of it.

use super::{
    facts::{Facts, sane},
    snapshot::Place,
    verdict::Verdict,
};
use crate::model::{
    call::{CallDirection, CallStatus, MissedReason, Report, Revision},
    time::{Timestamp, elapsed},
};

/// When a reported call ended, at the daemon's `clock` if the report does not say it believably.
pub(super) fn ended(report: &Report, clock: Timestamp) -> Timestamp {
    sane(report.ended_at, clock).unwrap_or(clock)
}

/// What makes `better` worth telling after `told`. `was_heard`: every snapshot was heard when the first was told, so that a
/// report that knows an answer knows a machine's.
pub(super) fn revised(told: &CallStatus, better: &CallStatus, was_heard: bool) -> Option<Revision> {
    match (told, better) {
        (CallStatus::Missed { .. } | CallStatus::Voicemail { .. }, CallStatus::Ended { .. }) if !was_heard => {
            Some(Revision::Corrected)
        }
        (CallStatus::Missed { .. }, CallStatus::Voicemail { .. })
        | (CallStatus::Voicemail { duration: None }, CallStatus::Voicemail { duration: Some(_) })
        | (CallStatus::Ended { talk_time: None }, CallStatus::Ended { talk_time: Some(_) }) => {
            Some(Revision::Completed)
        }
        _ => None,
    }
}

/// The last moment of a call that ended at `at`. A person who was heard talking outweighs any report; a report outweighs
/// what the snapshots leave open. `complete`: every snapshot was heard. `exact`: the answer's snapshot shows when it was.
pub(super) fn last_moment(facts: &Facts, at: Timestamp, complete: bool, exact: bool) -> CallStatus {
    let reported = match facts.report {
        Some(Verdict::Talked { lasted }) => lasted,
        _ => None,
    };
    if let Some(answer) = facts.answer() {
        return CallStatus::Ended { talk_time: reported.or_else(|| exact.then(|| elapsed(answer.at, at))) };
    }
    let missed = |why| CallStatus::Missed { waited: elapsed(facts.started(), at), reason: why };
    match facts.report {
        Some(Verdict::Talked { lasted }) => CallStatus::Ended { talk_time: lasted },
        Some(Verdict::Voicemail) => CallStatus::Voicemail { duration: None },
        Some(Verdict::Left(place)) => missed(match (facts.missed_why(), place) {
            (MissedReason::Unknown, Some(Place::Queue)) => MissedReason::LeftQueue,
            (MissedReason::Unknown, Some(Place::Menu)) => MissedReason::LeftMenu,
            (why, _) => why,
        }),
        // Rather no card than a false "missed": a person who leaves a call that was half heard had probably talked.
        None if facts.leaving && !complete => CallStatus::Ended { talk_time: None },
        None if facts.bound() != CallDirection::Outbound
            && facts.place.is_some_and(|(_, place)| place == Place::Voicemail) =>
        {
            CallStatus::Voicemail { duration: None }
        }
        None => missed(facts.missed_why()),
    }
}
