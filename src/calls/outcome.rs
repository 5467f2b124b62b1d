//! How a call ended: what the facts and a report together make of it.

use super::{
    facts::{Facts, sane},
    snapshot::Place,
    verdict::Verdict,
};
use crate::model::{
    call::{Bound, MissedWhy, Moment, Report, Revised},
    time::{Timestamp, elapsed},
};

/// When a reported call ended, at the daemon's `clock` if the report does not say it believably.
pub(super) fn ended(report: &Report, clock: Timestamp) -> Timestamp {
    sane(report.ended, clock).unwrap_or(clock)
}

/// What makes `better` worth telling after `told`. `was_heard`: every snapshot was heard when the first was told, so that a
/// report that knows an answer knows a machine's.
pub(super) fn revised(told: &Moment, better: &Moment, was_heard: bool) -> Option<Revised> {
    match (told, better) {
        (Moment::Missed { .. } | Moment::Voicemail { .. }, Moment::Ended { .. }) if !was_heard => {
            Some(Revised::Corrected)
        }
        (Moment::Missed { .. }, Moment::Voicemail { .. })
        | (Moment::Voicemail { length: None }, Moment::Voicemail { length: Some(_) })
        | (Moment::Ended { lasted: None }, Moment::Ended { lasted: Some(_) }) => Some(Revised::Completed),
        _ => None,
    }
}

/// The last moment of a call that ended at `at`. A person who was heard talking outweighs any report; a report outweighs
/// what the snapshots leave open. `complete`: every snapshot was heard. `exact`: the answer's snapshot shows when it was.
pub(super) fn last_moment(facts: &Facts, at: Timestamp, complete: bool, exact: bool) -> Moment {
    let reported = match facts.report {
        Some(Verdict::Talked { lasted }) => lasted,
        _ => None,
    };
    if let Some(answer) = facts.answer() {
        return Moment::Ended { lasted: reported.or_else(|| exact.then(|| elapsed(answer.at, at))) };
    }
    let missed = |why| Moment::Missed { after: elapsed(facts.started(), at), why };
    match facts.report {
        Some(Verdict::Talked { lasted }) => Moment::Ended { lasted },
        Some(Verdict::Voicemail) => Moment::Voicemail { length: None },
        Some(Verdict::Left(place)) => missed(match (facts.missed_why(), place) {
            (MissedWhy::Unknown, Some(Place::Queue)) => MissedWhy::LeftQueue,
            (MissedWhy::Unknown, Some(Place::Menu)) => MissedWhy::LeftMenu,
            (why, _) => why,
        }),
        // Rather no card than a false "missed": a person who leaves a call that was half heard had probably talked.
        None if facts.leaving && !complete => Moment::Ended { lasted: None },
        None if facts.bound() != Bound::Outbound && facts.place.is_some_and(|(_, place)| place == Place::Voicemail) => {
            Moment::Voicemail { length: None }
        }
        None => missed(facts.missed_why()),
    }
}
