//! How a call ended: what a report says of it, and what the facts and a report together make of it.

use super::{
    facts::{Facts, sane},
    snapshot::Place,
};
use crate::model::{
    call::{MissedWhy, Moment, Report},
    time::{Timestamp, elapsed},
};
use std::time::Duration;

/// What a report says of a call. Ordered: of several conversations of one call the greatest holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Verdict {
    /// Nobody took it; where the caller left, if the report says so.
    Left(Option<Place>),
    /// It ended with the mailbox.
    Voicemail,
    /// A person took it.
    Talked { lasted: Option<Duration> },
}

/// Reads a report. A machine that picks up is an answer too to GoTo, so the time of an answer counts only when the
/// outcome does not say that the caller left. Of the outcomes only `NORMAL` and `LEFT_DIAL_PLAN` were ever seen; the other
/// words are guesses of public clients, and what is unknown leaves it to the time of the answer.
pub(super) fn read(report: &Report) -> Verdict {
    let outcome = report.outcome.as_deref().unwrap_or_default().to_ascii_uppercase();
    if outcome.contains("VOICEMAIL") {
        return Verdict::Voicemail;
    }
    if outcome.contains("QUEUE") {
        return Verdict::Left(Some(Place::Queue));
    }
    if outcome == "LEFT_DIAL_PLAN" {
        return Verdict::Left(Some(Place::Menu));
    }
    match report.answered {
        Some(answered) if !["MISSED", "NO_ANSWER", "ABANDONED"].contains(&outcome.as_str()) => {
            Verdict::Talked { lasted: report.ended.map(|ended| elapsed(answered, ended)) }
        }
        _ => Verdict::Left(None),
    }
}

/// When a reported call ended, at the daemon's `clock` if the report does not say it believably.
pub(super) fn ended(report: &Report, clock: Timestamp) -> Timestamp {
    sane(report.ended, clock).unwrap_or(clock)
}

/// The last moment of a call that ended at `at`. A person who was heard talking outweighs any report; a report outweighs
/// what the snapshots leave open. `complete`: every snapshot was heard. `exact`: the answer's snapshot shows when it was.
pub(super) fn last_moment(facts: &Facts, at: Timestamp, complete: bool, exact: bool) -> Moment {
    let reported = match facts.report {
        Some(Verdict::Talked { lasted }) => lasted,
        _ => None,
    };
    if let Some(answer) = &facts.answer {
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
        None if facts.place.is_some_and(|(_, place)| place == Place::Voicemail) => Moment::Voicemail { length: None },
        None => missed(facts.missed_why()),
    }
}
