//! Outcome in a report summary, before it is compared with the snapshots. Full reports are not read here.

use crate::model::{
    call::{CallerPosition, Report, WireDirection},
    time::elapsed,
};
use std::time::Duration;

/// The outcome in a summary. Ordered: of several conversations of one call the greatest counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum ReportOutcome {
    /// Nothing: `LEFT_DIAL_PLAN`, which most inbound calls have with any outcome, and every unknown word.
    Unknown,
    /// No person answered.
    Missed,
    /// The call reached a mailbox. The summary does not state whether a message was left.
    Mailbox,
    /// A person had answered, and the caller hung up on hold or parked.
    LeftWaiting { parked: bool },
    /// A person answered.
    Talked { lasted: Option<Duration> },
}

impl ReportOutcome {
    /// Reads a summary's `callerOutcome`. Only `NORMAL`, `LEFT_DIAL_PLAN` and `MISSED` are recorded; the other words are
    /// those of public clients. `callAnswered` is the time of any answer, on inbound calls the menu's: alone it proves
    /// nothing.
    pub(super) fn read(report: &Report) -> Self {
        let lasted = || match (&report.direction, report.answered_at, report.ended_at) {
            (WireDirection::Outbound, Some(answered), Some(ended)) => Some(elapsed(answered, ended)),
            _ => None,
        };
        match report.outcome.as_deref().unwrap_or_default() {
            "NORMAL" if report.answered_at.is_some() => Self::Talked { lasted: lasted() },
            "MISSED" => Self::Missed,
            "VOICEMAIL" | "LEFT_VOICEMAIL" => Self::Mailbox,
            "LEFT_ON_HOLD" => Self::LeftWaiting { parked: false },
            "LEFT_PARKING_SPOT" => Self::LeftWaiting { parked: true },
            _ => Self::Unknown,
        }
    }

    /// Returns the position in which the caller hung up.
    pub(super) const fn position(self) -> Option<CallerPosition> {
        match self {
            Self::LeftWaiting { parked: true } => Some(CallerPosition::Parked),
            Self::LeftWaiting { parked: false } => Some(CallerPosition::Hold),
            _ => None,
        }
    }
}
