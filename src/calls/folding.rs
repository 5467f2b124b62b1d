//! Adds snapshots and reports to one call: finds the new ones and their positions. Does not decide the updates.

use super::{Effect, Limits, leg::Receipt, legs::RecordResult, position::Position, tracked_call::TrackedCall};
use crate::model::{
    call::{CallSnapshot, Phase, Report, StatesQuery},
    time::Now,
};
use std::collections::BTreeSet;

impl TrackedCall {
    pub(super) fn fold(&mut self, event: &CallSnapshot, now: Now, limits: &Limits, out: &mut Vec<Effect>) -> bool {
        let Some((at, hole)) = self.place(event, now, limits.fetches) else { return false };
        if let Some((from, to)) = hole {
            out.push(Effect::FetchStates(StatesQuery {
                call: event.call.clone(),
                from: from.max(to.saturating_sub(limits.fetch_states.saturating_sub(1))),
                to,
            }));
        }
        self.last_seen = now.instant;
        self.report_after = limits.silence;
        self.facts.fold(at, event, now.timestamp);
        true
    }

    /// Returns the position of a snapshot with the hole before it; `None` for a snapshot that was received before.
    fn place(&mut self, event: &CallSnapshot, now: Now, fetches: u8) -> Option<(Position, Option<(u64, u64)>)> {
        let mut at = self.legs.position(event);
        if self.facts.begins_again(at, event, now.timestamp) {
            at = self.legs.restart(at, event);
        }
        let RecordResult { receipt, hole } = self.legs.record(at, event, fetches);
        match receipt {
            Receipt::Known => self.facts.twin(at, event, now.timestamp).map(|at| (at, None)),
            Receipt::Newest { .. } | Receipt::Late => Some((at, hole)),
        }
    }

    /// Folds the report of one of the conversations, which is then over.
    pub(super) fn apply_report(&mut self, report: &Report, now: Now, limits: &Limits) {
        let snapshots = report.full.as_ref().map_or(&[][..], |full| &full.snapshots);
        let whole = is_whole(snapshots);
        for snapshot in snapshots.iter().filter(|snapshot| snapshot.call == report.call) {
            if let Some((at, _)) = self.place(snapshot, now, 0) {
                self.facts.fold(at, snapshot, now.timestamp);
            }
        }
        if whole {
            self.facts.reorder(self.legs.place(&report.call), snapshots, now.timestamp);
        }
        self.last_seen = now.instant;
        self.report_after = limits.silence;
        self.legs.report(&report.call, whole);
        self.facts.fold_report(report, now.timestamp);
        self.walk_again(now);
    }
}

/// Returns whether a report has every snapshot of its call: numbers without a hole up to its end.
fn is_whole(snapshots: &[CallSnapshot]) -> bool {
    let numbers: BTreeSet<u64> = snapshots.iter().map(|snapshot| snapshot.state.sequence).collect();
    let has_end = snapshots.iter().any(|snapshot| snapshot.state.phase == Phase::Ending);
    let count = u64::try_from(numbers.len()).unwrap_or(u64::MAX);
    has_end
        && numbers.first().is_some_and(|first| *first <= 1 && numbers.last().is_some_and(|last| last - first < count))
}
