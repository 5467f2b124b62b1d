//! Event gaps, and the spans of time to query for them. Pure.
#![cfg_attr(not(test), deny(clippy::disallowed_methods))]

use crate::model::{call::Report, time::Timestamp};
use std::time::Duration;

/// Reports of calls that ended this long before a gap are emitted too. The last frames before a gap may be lost, and GoTo
/// writes a report minutes after its call. 10 min. Known calls are dropped.
const END_MARGIN: Duration = Duration::from_secs(600);
/// 31 days: longest span of one query for reports.
const MAX_QUERY_SPAN: Duration = Duration::from_secs(31 * 86_400);

/// A request of the lane monitor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::goto) enum BackfillRequest {
    /// An event gap has closed.
    Gap(Gap),
    /// A lane was lost or paused while another one was live: the same queries, without an event gap.
    Check(Gap),
}

impl BackfillRequest {
    /// Returns the time span of the request.
    pub(in crate::goto) const fn span(self) -> Gap {
        match self {
            Self::Gap(span) | Self::Check(span) => span,
        }
    }
}

/// A closed event gap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::goto) struct Gap {
    pub(in crate::goto) from: Timestamp,
    pub(in crate::goto) to: Timestamp,
    /// Start of the reports to query: that of the gap, or earlier after a run that did not recover all.
    pub(in crate::goto) since: Timestamp,
}

impl Gap {
    /// Creates a gap without anything before it.
    pub(in crate::goto) const fn new(from: Timestamp, to: Timestamp) -> Self {
        Self { from, to, since: from }
    }

    pub(in crate::goto) fn merge(self, other: Self) -> Self {
        let (from, to) = (self.from.min(other.from), self.to.max(other.to));
        Self { from, to, since: self.since.min(other.since) }
    }

    /// Returns the span to query, which begins `margin` before the gap.
    pub(super) fn query_span(self, margin: Duration) -> (Timestamp, Timestamp) {
        let from = self.since.checked_sub(margin).unwrap_or(self.since);
        (from.max(self.to.checked_sub(MAX_QUERY_SPAN).unwrap_or(from)), self.to)
    }

    /// Returns whether the call of a report ended inside the gap, or has no stated end.
    pub(super) fn contains(self, report: &Report) -> bool {
        let from = self.since.checked_sub(END_MARGIN).unwrap_or(self.since);
        report.ended_at.is_none_or(|ended| ended >= from)
    }
}
