//! What a report says of a call's end, before it is weighed against what was heard.

use super::snapshot::Place;
use crate::model::{call::Report, time::elapsed};
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
    match report.answered_at {
        Some(answered) if !["MISSED", "NO_ANSWER", "ABANDONED"].contains(&outcome.as_str()) => {
            Verdict::Talked { lasted: report.ended_at.map(|ended| elapsed(answered, ended)) }
        }
        _ => Verdict::Left(None),
    }
}
