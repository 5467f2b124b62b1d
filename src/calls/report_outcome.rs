//! The end of a call in a report summary, before it is weighed against the snapshots. Knows nothing of full reports.

use crate::model::{
    call::{CallerPosition, Report, WireDirection},
    time::elapsed,
};
use std::time::Duration;

/// The outcome in a summary. Ordered: of several conversations of one call the greatest counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum ReportOutcome {
    /// Nothing: `LEFT_DIAL_PLAN`, which most inbound calls carry whatever became of them, and every unknown word.
    Unknown,
    /// No person answered.
    Missed,
    /// It reached a mailbox. Whether a message was left is not said.
    Mailbox,
    /// A person had answered, and the caller gave up on hold or parked.
    LeftWaiting { parked: bool },
    /// A person answered.
    Talked { lasted: Option<Duration> },
}

impl ReportOutcome {
    /// Reads a summary's `callerOutcome`. Only `NORMAL`, `LEFT_DIAL_PLAN` and `MISSED` were seen; the other words are those
    /// of public clients. `callAnswered` is when anything answered, on inbound calls the menu: alone it proves nothing.
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

    /// Where the caller gave up.
    pub(super) const fn position(self) -> Option<CallerPosition> {
        match self {
            Self::LeftWaiting { parked: true } => Some(CallerPosition::Parked),
            Self::LeftWaiting { parked: false } => Some(CallerPosition::Hold),
            _ => None,
        }
    }
}
