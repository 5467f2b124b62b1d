//! Recovers calls hidden by an event gap or left open by an earlier run. Pure: gaps and reports in, updates out.
//!
//! A call with a posted ring gets its own final card; unseen calls share one gap summary per sink. An open call of an
//! earlier run that is not active and has no report ends as unknown; a later report completes it.
#![cfg_attr(not(test), deny(clippy::disallowed_methods))]

use crate::{
    calls::{Limits, update_from_report},
    model::{
        call::{CallStatus, CallUpdate, Report, Revision, StatusKind},
        ids::ConversationSpaceId,
        time::{Timestamp, after, elapsed},
    },
};
use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

/// Time after a gap in which reports still belong to it: reports follow a call's end with delay. 10 min.
const LATE_REPORT_WINDOW: Duration = Duration::from_secs(600);

/// Margin before a gap. The last frames may be lost with the socket or with an earlier run, and GoTo writes a report
/// minutes after its call. 10 min. Calls already posted are known and not repeated.
const GAP_MARGIN: Duration = LATE_REPORT_WINDOW;

/// A call of an earlier run without a posted end.
#[derive(Debug, Clone)]
pub struct UnfinishedCall {
    /// The last update; `None` if no sink got it.
    pub last_update: Option<CallUpdate>,
    /// Time of the last snapshot.
    pub last_seen: Timestamp,
    /// Whether the report of the call is required, because the call must have ended.
    pub is_awaited: bool,
}

impl UnfinishedCall {
    /// Returns the silence after which the call has ended, as for a call of this run.
    fn max_silence(&self) -> Duration {
        let limits = Limits::default();
        let is_answered = self.last_update.as_ref().is_some_and(|last| last.status.kind() == StatusKind::Answered);
        if is_answered { limits.stale } else { limits.given_up }
    }

    fn due(&self) -> Timestamp {
        after(self.last_seen, self.max_silence())
    }

    const fn with_unknown_end(update: CallUpdate) -> Self {
        Self { last_seen: update.at, last_update: Some(update), is_awaited: true }
    }
}

/// Event gaps still open for reports, and open calls of an earlier run.
#[derive(Debug, Default)]
pub struct Recovery {
    gaps: Vec<(Timestamp, Timestamp)>,
    /// Start of the calls that an earlier run did not recover, until the first gap closes.
    uncovered_since: Option<Timestamp>,
    /// Calls of an earlier run with a posted ring and no posted end.
    open_calls: HashMap<ConversationSpaceId, UnfinishedCall>,
    /// Calls with a posted end, of this or an earlier run, each with the time at which that became known.
    ended: HashMap<ConversationSpaceId, Timestamp>,
}

/// Updates recovered from reports.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Final updates of calls with a posted ring, or of calls missed while a lane was live.
    pub updates: Vec<CallUpdate>,
    /// Calls hidden by a gap, oldest first, for the gap summary.
    pub summary: Vec<CallUpdate>,
}

impl Recovery {
    /// Creates the state from the open and ended calls of an earlier run, and the start of those that it did not recover.
    #[must_use]
    pub fn new(
        open_calls: HashMap<ConversationSpaceId, UnfinishedCall>,
        ended: Vec<ConversationSpaceId>,
        uncovered_since: Option<Timestamp>,
        clock: Timestamp,
    ) -> Self {
        let ended = ended.into_iter().map(|call| (call, clock)).collect();
        Self { gaps: Vec::new(), uncovered_since, open_calls, ended }
    }

    /// Records a closed gap. Returns the start of the calls that are recovered with it.
    pub fn gap_closed(&mut self, from: Timestamp, to: Timestamp) -> Timestamp {
        let before = self.gaps.len();
        self.gaps.retain(|(_, end)| elapsed(*end, to) < LATE_REPORT_WINDOW);
        if self.gaps.len() < before && self.gaps.is_empty() {
            self.ended.retain(|_, since| elapsed(*since, to) < LATE_REPORT_WINDOW * 2);
        }
        // The calls that an earlier run left are recovered with the first gap, which is the time without a run.
        let earlier = self.uncovered_since.take().filter(|since| *since < from);
        self.gaps.extend(earlier.map(|since| (since, from)));
        self.gaps.push((from, to));
        earlier.unwrap_or(from)
    }

    /// Records calls whose end another daemon posted: they were hidden from this one only.
    pub fn ended_elsewhere(&mut self, calls: Vec<ConversationSpaceId>, clock: Timestamp) {
        for call in calls {
            self.open_calls.remove(&call);
            self.ended.entry(call).or_insert(clock);
        }
    }

    /// Returns the start of the earliest gap that is open for reports.
    #[must_use]
    pub fn earliest_gap(&self) -> Option<Timestamp> {
        self.gaps.iter().map(|(from, _)| *from).min()
    }

    /// Returns whether the reported call ended within a gap.
    #[must_use]
    pub fn covers(&self, report: &Report) -> bool {
        let Some(ended) = report.ended_at else { return false };
        let with_margin = |from: &Timestamp| from.checked_sub(GAP_MARGIN).unwrap_or(*from);
        self.gaps.iter().any(|(start, to)| (with_margin(start)..=*to).contains(&ended))
    }

    /// Returns whether a report of a call unknown to the tracker is worth its full report.
    #[must_use]
    pub fn wants(&self, report: &Report, clock: Timestamp) -> bool {
        let is_recent = report.ended_at.is_some_and(|ended| elapsed(ended, clock) < LATE_REPORT_WINDOW);
        !self.ended.contains_key(&report.call)
            && (self.open_calls.contains_key(&report.call) || self.covers(report) || is_recent)
    }

    /// Sorts reports of calls unknown to the tracker. Each call is recovered once, however often it is reported.
    pub fn recover(&mut self, reports: Vec<Report>, clock: Timestamp) -> Recovered {
        let mut result = Recovered::default();
        for report in reports {
            let (is_open, is_unknown) = self.open_calls.get(&report.call).map_or((false, false), |open| {
                (true, open.last_update.as_ref().is_some_and(|last| last.call.end_unknown))
            });
            let is_hidden = self.covers(&report);
            // Frames were lost although a lane was live: the report is the first sign of the call.
            let is_recent = report.ended_at.is_some_and(|ended| elapsed(ended, clock) < LATE_REPORT_WINDOW);
            let Some(mut update) = update_from_report(&report, clock).filter(|_| is_open || is_hidden || is_recent)
            else {
                self.open_calls.remove(&report.call);
                continue;
            };
            // Without anything new the posted card stays.
            if self.ended.contains_key(&report.call) || is_unknown && update.call.end_unknown {
                continue;
            }
            update.call.revision = is_unknown.then_some(Revision::Resolved);
            if update.call.end_unknown {
                // A later report resolves it.
                self.open_calls.insert(report.call, UnfinishedCall::with_unknown_end(update.clone()));
            } else {
                self.open_calls.remove(&report.call);
                self.ended.insert(report.call, clock);
            }
            if is_open || !is_hidden { result.updates.push(update) } else { result.summary.push(update) }
        }
        result.summary.sort_by_key(|update| update.call.started_at);
        result
    }

    /// Returns whether the call's end is posted: its report was read before its frames arrived, if they ever do.
    #[must_use]
    pub fn has_ended(&self, call: &ConversationSpaceId) -> bool {
        self.ended.contains_key(call)
    }

    /// Records a snapshot: the call continues in this run.
    pub fn on_snapshot(&mut self, call: &ConversationSpaceId) {
        self.open_calls.remove(call);
    }

    /// Records GoTo's list of active calls. Returns the open calls not listed: they have ended, and their reports are
    /// needed.
    pub fn on_active_calls(&mut self, active: &HashSet<ConversationSpaceId>) -> Vec<ConversationSpaceId> {
        self.await_reports(|call, _| !active.contains(call))
    }

    /// Returns the time at which [`Self::tick`] is due. `None` before the first gap closes, since GoTo cannot be queried
    /// earlier.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Timestamp> {
        self.last_gap()?;
        self.open_calls.values().filter(|open| !open.is_awaited).map(UnfinishedCall::due).min()
    }

    /// Returns the calls that must have ended by now: their reports are needed.
    pub fn tick(&mut self, clock: Timestamp) -> Vec<ConversationSpaceId> {
        if self.last_gap().is_none() {
            return Vec::new();
        }
        self.await_reports(|_, open| open.due() <= clock)
    }

    fn await_reports(
        &mut self,
        has_ended: impl Fn(&ConversationSpaceId, &UnfinishedCall) -> bool,
    ) -> Vec<ConversationSpaceId> {
        let due =
            |(call, open): &(&ConversationSpaceId, &mut UnfinishedCall)| !open.is_awaited && has_ended(call, open);
        let newly_awaited = self.open_calls.iter_mut().filter(due).map(|(call, open)| {
            open.is_awaited = true;
            call.clone()
        });
        newly_awaited.collect()
    }

    /// Ends open calls for which GoTo has no report. Returns their updates; none if the end is posted as unknown already.
    /// The calls stay open for a later report.
    pub fn end_unreported(&mut self, calls: &[ConversationSpaceId]) -> Vec<CallUpdate> {
        let mut updates = Vec::new();
        for call in calls {
            let Some(open) = self.open_calls.get_mut(call) else { continue };
            let Some(last) = open.last_update.as_mut().filter(|last| !last.call.end_unknown) else { continue };
            (last.call.end_unknown, last.status, last.at) =
                (true, CallStatus::Ended { talk_time: None }, open.last_seen);
            updates.push(last.clone());
        }
        updates
    }

    /// Returns the last gap, which a summary made now covers; `None` before the first.
    #[must_use]
    pub fn last_gap(&self) -> Option<(Timestamp, Timestamp)> {
        self.gaps.last().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::call::{CallDirection, WireDirection};

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn report(call: &str, ended: i64) -> Report {
        Report::summary(call, "", at(ended))
    }

    fn open_call(call: &str, status: CallStatus, seen: i64) -> (ConversationSpaceId, UnfinishedCall) {
        let mut last = update_from_report(&report(call, seen), at(seen)).unwrap();
        (last.call.first_seen_late, last.call.end_unknown, last.status) = (false, false, status);
        (call.try_into().unwrap(), UnfinishedCall { last_update: Some(last), last_seen: at(seen), is_awaited: false })
    }

    fn names(mut calls: Vec<ConversationSpaceId>) -> Vec<String> {
        calls.sort();
        calls.into_iter().map(|call| call.to_string()).collect()
    }

    fn call(name: &str) -> ConversationSpaceId {
        name.try_into().unwrap()
    }

    #[test]
    fn open_call_not_listed_ends_unknown_without_report() {
        let open_calls = ["gone", "reported", "still"].map(|call| open_call(call, CallStatus::Ringing, 0));
        let mut recovery = Recovery::new(HashMap::from(open_calls), Vec::new(), None, at(10));
        let too_early = (recovery.next_deadline(), recovery.tick(at(99_999)));
        assert_eq!(too_early, (None, Vec::new()), "nothing before GoTo can be queried");
        recovery.gap_closed(at(0), at(20));
        let active = HashSet::from([call("still")]);
        assert_eq!(names(recovery.on_active_calls(&active)), ["gone", "reported"]);
        assert_eq!(names(recovery.on_active_calls(&active)), [""; 0], "each is awaited once");
        recovery.on_snapshot(&call("still"));
        assert_eq!(ids(&recovery.recover(vec![report("reported", 15)], at(30)).updates), ["reported"]);
        assert_eq!((recovery.next_deadline(), recovery.tick(at(99_999))), (None, Vec::new()));
        let ended = recovery.end_unreported(&[call("gone"), call("reported")]);
        assert_eq!(ids(&ended), ["gone"]);
        assert!(ended[0].call.end_unknown && ended[0].status == CallStatus::Ended { talk_time: None });
        assert_eq!(recovery.end_unreported(&[call("gone")]), [], "an unknown end is posted once");
    }

    #[test]
    fn report_after_an_unknown_end_resolves_it_once() {
        let mut recovery =
            Recovery::new(HashMap::from([open_call("late", CallStatus::Ringing, 0)]), Vec::new(), None, at(10));
        assert_eq!(recovery.end_unreported(&[call("late")]).len(), 1);
        let unknown = recovery.recover(vec![report("late", 15)], at(300));
        assert_eq!(unknown, Recovered::default(), "a summary without an outcome changes nothing");
        let mut recovery =
            Recovery::new(HashMap::from([open_call("late", CallStatus::Ringing, 0)]), Vec::new(), None, at(10));
        recovery.end_unreported(&[call("late")]);
        let missed = || Report { outcome: Some("MISSED".to_owned()), ..report("late", 15) };
        let resolved = recovery.recover(vec![missed()], at(300)).updates;
        assert_eq!(resolved.iter().map(|update| update.call.revision).collect::<Vec<_>>(), [Some(Revision::Resolved)]);
        assert_eq!(recovery.recover(vec![missed()], at(301)), Recovered::default());
    }

    #[test]
    fn open_call_is_awaited_after_silence_without_listing() {
        let by = crate::model::call::Person { name: Some("Bob".into()), extension: None, line: None };
        let answered = CallStatus::Answered { answered_by: by, waited: Duration::from_secs(8) };
        let open_calls = [open_call("rings", CallStatus::Ringing, 0), open_call("talks", answered, 0)];
        let mut recovery = Recovery::new(HashMap::from(open_calls), Vec::new(), None, at(10));
        recovery.gap_closed(at(0), at(20));
        assert_eq!(
            (recovery.next_deadline(), names(recovery.tick(at(3600)))),
            (Some(at(3600)), vec!["rings".to_owned()])
        );
        let answered = (recovery.next_deadline(), names(recovery.tick(at(14_400))));
        assert_eq!(answered, (Some(at(14_400)), vec!["talks".to_owned()]));
    }

    fn ids(updates: &[CallUpdate]) -> Vec<&str> {
        updates.iter().map(|update| update.call.id.as_str()).collect()
    }

    #[test]
    fn recover_separates_posted_calls_from_the_gap_summary() {
        let mut recovery = Recovery::new(
            HashMap::from([open_call("rang", CallStatus::Ringing, 0)]),
            vec!["ended".try_into().unwrap()],
            None,
            at(0),
        );
        recovery.gap_closed(at(0), at(100));
        let reports = vec![
            report("second", 90),
            report("rang", 50),
            report("first", 30),
            report("before", -701),
            report("ended", 5),
        ];
        let result = recovery.recover(reports, at(101));
        assert_eq!((ids(&result.updates), ids(&result.summary)), (vec!["rang"], vec!["first", "second"]));
    }

    #[test]
    fn recent_unseen_call_is_recovered_once_by_itself() {
        let mut recovery = Recovery::default();
        let result = recovery.recover(vec![report("unsaid", 50)], at(60));
        assert_eq!((ids(&result.updates), ids(&result.summary)), (vec!["unsaid"], vec![]));
        assert_eq!(recovery.recover(vec![report("unsaid", 50)], at(61)), Recovered::default());
        assert_eq!(recovery.recover(vec![report("old", 50)], at(700)), Recovered::default());
    }

    #[test]
    fn outbound_call_is_recovered() {
        let mut recovery = Recovery::default();
        let outbound = Report { direction: WireDirection::Outbound, ..report("out", 50) };
        let result = recovery.recover(vec![outbound], at(60));
        assert_eq!(
            result.updates.iter().map(|update| update.call.direction).collect::<Vec<_>>(),
            [CallDirection::Outbound]
        );
    }

    #[test]
    fn call_that_another_daemon_posted_is_not_recovered() {
        let mut recovery = Recovery::default();
        recovery.gap_closed(at(0), at(100));
        assert_eq!(recovery.earliest_gap(), Some(at(0)));
        recovery.ended_elsewhere(vec![call("a")], at(101));
        let recovered = recovery.recover(vec![report("a", 50), report("b", 50)], at(101));
        assert_eq!(ids(&recovered.summary), ["b"]);
    }

    #[test]
    fn repeated_report_is_recovered_once() {
        let mut recovery = Recovery::default();
        recovery.gap_closed(at(0), at(100));
        assert_eq!(recovery.recover(vec![report("a", 50)], at(101)).summary.len(), 1);
        assert_eq!(recovery.recover(vec![report("a", 50), report("a", 50)], at(105)), Recovered::default());
    }

    #[test]
    fn gap_covers_reports_with_margin_only() {
        let mut recovery = Recovery::default();
        recovery.gap_closed(at(0), at(100));
        assert!(recovery.covers(&report("a", 100)) && !recovery.covers(&report("a", 101)));
        assert!(
            recovery.covers(&report("a", -600)) && !recovery.covers(&report("a", -601)),
            "and 10 min before the gap"
        );
        let mut after_crash = Recovery::new(HashMap::new(), Vec::new(), Some(at(-5000)), at(0));
        after_crash.gap_closed(at(0), at(100));
        assert!(after_crash.covers(&report("a", -4000)) && !after_crash.covers(&report("a", -5601)));
        assert_eq!(after_crash.last_gap(), Some((at(0), at(100))), "the gap itself is no longer than it was");
        recovery.gap_closed(at(2000), at(2001));
        assert!(!recovery.covers(&report("a", 50)), "the first gap is dropped after 10 min");
    }
}
