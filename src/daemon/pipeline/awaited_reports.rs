//! Queue of full reports to fetch, and the summaries that wait for them. A summary that does not prove an outcome waits until
//! the full report of its call is fetched. Pure: reports in, conclusive reports and fetches out.
//!
//! The queue is kept in memory only. The heartbeat stores [`AwaitedReports::unposted_since`], so that the next run finds
//! those calls again.
#![cfg_attr(not(test), deny(clippy::disallowed_methods))]

use crate::{
    calls::{is_conclusive, proves_outcome},
    model::{call::Report, ids::ConversationSpaceId, time::Timestamp},
};
use std::{
    collections::{BTreeMap, VecDeque},
    time::{Duration, Instant},
};

/// Fetches in progress at the same time: the number that the rate limit passes in two seconds.
const MAX_FETCHES: usize = 16;

/// Time after which a fetch counts as waiting for its next attempt. GoTo answers in about a second, and the first retry
/// follows after 30 s.
const FETCH_SPAN: Duration = Duration::from_secs(5);

/// Summaries that wait for a full report: the number that is fetched in 20 min. Beyond that a call is posted as its summary
/// allows.
const MAX_WAITING: usize = 10_000;

/// Waiting summaries from which on one that proves its outcome is posted without the details of its full report.
const MAX_WAITING_FOR_DETAILS: usize = 100;

/// Reports of a gap that are passed on before the gap is complete: one full gap summary.
const MAX_HELD: usize = 30;

/// Time to wait for a full report before the summary counts. 4 min: the last query is sent 210 s after the first.
const FETCH_TIMEOUT: Duration = Duration::from_secs(240);

/// The reports to fetch, and the reports that wait.
#[derive(Debug, Default)]
pub struct AwaitedReports {
    /// Reports that the call tracker needs: details of calls with a posted card.
    requested: VecDeque<ConversationSpaceId>,
    /// Whether the last fetch was a requested one. While both kinds wait they alternate.
    fetched_requested: bool,
    waiting: BTreeMap<ConversationSpaceId, Awaited>,
    /// Reports of a gap, which are passed on together with the others of the gap.
    held: Vec<Report>,
    /// Calls of reports that are not posted yet, each with its end.
    unposted: BTreeMap<ConversationSpaceId, Timestamp>,
}

#[derive(Debug)]
struct Awaited {
    /// `None`: an open call of an earlier run without a known report.
    summary: Option<Report>,
    in_gap: bool,
    /// Start of the fetch.
    fetched: Option<Instant>,
}

/// Reports and calls that can be passed on now.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct ReadyReports {
    /// Reports to recover calls from.
    pub reports: Vec<Report>,
    /// Open calls of an earlier run for which GoTo has no report.
    pub unreported: Vec<ConversationSpaceId>,
}

impl AwaitedReports {
    /// Adds a report. `in_gap`: its call ended in an event gap.
    pub fn add(&mut self, report: Report, in_gap: bool, now: Timestamp) {
        self.unposted.entry(report.call.clone()).or_insert_with(|| report.ended_at.unwrap_or(now));
        let known = self.waiting.get(&report.call);
        let in_gap = in_gap || known.is_some_and(|awaited| awaited.in_gap);
        let is_enough = is_conclusive(&report)
            || known.is_none() && self.waiting.len() >= MAX_WAITING
            || self.waiting.len() >= MAX_WAITING_FOR_DETAILS && proves_outcome(&report);
        if is_enough {
            self.waiting.remove(&report.call);
            self.hold(report, in_gap);
            return;
        }
        let fetched = known.and_then(|awaited| awaited.fetched);
        self.waiting.insert(report.call.clone(), Awaited { summary: Some(report), in_gap, fetched });
    }

    /// Adds an open call of an earlier run that has ended.
    pub fn add_open_call(&mut self, call: ConversationSpaceId) {
        self.waiting.entry(call).or_insert(Awaited { summary: None, in_gap: false, fetched: None });
    }

    /// Adds a call whose report the tracker needs.
    pub fn request(&mut self, call: ConversationSpaceId) {
        if !self.requested.contains(&call) {
            self.requested.push_back(call);
        }
    }

    /// Removes a call whose frames are received after all, and returns its report. The call tracker continues with it.
    pub fn take(&mut self, call: &ConversationSpaceId) -> Option<Report> {
        self.unposted.remove(call);
        let waiting = self.waiting.remove(call).and_then(|awaited| awaited.summary);
        waiting.or_else(|| self.held.extract_if(.., |report| report.call == *call).next())
    }

    fn hold(&mut self, report: Report, in_gap: bool) {
        // A call outside a gap is not kept waiting for others: its order among them does not matter.
        if in_gap { self.held.push(report) } else { self.held.insert(0, report) }
    }

    /// Returns the reports that can be recovered now. Reports of a gap are returned together, or as soon as they fill a gap
    /// summary.
    pub fn ready(&mut self, in_gap: impl Fn(&Report) -> bool, now: Instant) -> ReadyReports {
        let is_expired = |awaited: &Awaited| awaited.fetched.is_some_and(|since| since + FETCH_TIMEOUT <= now);
        let mut unreported = Vec::new();
        let expired: Vec<_> =
            self.waiting.iter().filter(|(_, awaited)| is_expired(awaited)).map(|(call, _)| call.clone()).collect();
        for call in expired {
            match self.waiting.remove(&call) {
                Some(Awaited { summary: Some(summary), in_gap, .. }) => self.hold(summary, in_gap),
                Some(Awaited { summary: None, .. }) | None => unreported.push(call),
            }
        }
        let gap_is_complete = self.held.len() >= MAX_HELD || !self.waiting.values().any(|awaited| awaited.in_gap);
        let reports = self.held.extract_if(.., |report| gap_is_complete || !in_gap(report)).collect();
        ReadyReports { reports, unreported }
    }

    /// Returns the fetches to begin, at most `room`. Fetches of the tracker alternate with fetches of calls that wait, latest
    /// end first. Thus neither kind waits for the other: details of posted cards, and calls without a card.
    pub fn begin_fetches(&mut self, room: usize, now: Instant) -> Vec<ConversationSpaceId> {
        if room == 0 {
            return Vec::new();
        }
        let is_running = |awaited: &&Awaited| awaited.fetched.is_some_and(|since| now < since + FETCH_SPAN);
        let running = self.waiting.values().filter(is_running).count();
        let mut idle: Vec<_> = self.waiting.iter_mut().filter(|(_, awaited)| awaited.fetched.is_none()).collect();
        idle.sort_by_key(|(_, awaited)| std::cmp::Reverse(awaited.summary.as_ref().map(|summary| summary.ended_at)));
        let mut idle = idle.into_iter().take(MAX_FETCHES.saturating_sub(running)).peekable();
        let mut fetches = Vec::new();
        while fetches.len() < room {
            let is_waiting_call = idle.peek().is_some() && (self.fetched_requested || self.requested.is_empty());
            let call = if is_waiting_call {
                idle.next().map(|(call, awaited)| {
                    awaited.fetched = Some(now);
                    call.clone()
                })
            } else {
                self.requested.pop_front()
            };
            let Some(call) = call else { break };
            self.fetched_requested = !is_waiting_call;
            fetches.push(call);
        }
        fetches
    }

    /// Returns all reports that need no further fetch, at a stop. The next run recovers the waiting ones.
    pub fn drain(&mut self) -> Vec<Report> {
        std::mem::take(&mut self.held)
    }

    /// Records that a call is posted, or is not to be posted. Returns whether it was a recovered one.
    pub fn posted(&mut self, call: &ConversationSpaceId) -> bool {
        self.unposted.remove(call).is_some()
    }

    /// Returns the end of the earliest call that is not posted yet.
    #[must_use]
    pub fn unposted_since(&self) -> Option<Timestamp> {
        self.unposted.values().min().copied()
    }

    /// Returns the time at which [`Self::ready`] or [`Self::begin_fetches`] has work, if no report is received before.
    #[must_use]
    pub fn next_deadline(&self, now: Instant) -> Option<Instant> {
        if !self.requested.is_empty() {
            return Some(now + Duration::from_millis(100));
        }
        let has_idle = self.waiting.values().any(|awaited| awaited.fetched.is_none());
        let next = |since: Instant| {
            let may_fetch = since + FETCH_SPAN;
            if has_idle && may_fetch > now { may_fetch } else { since + FETCH_TIMEOUT }
        };
        let fetched = self.waiting.values().filter_map(|awaited| awaited.fetched).map(next).min();
        fetched.or_else(|| has_idle.then(|| now + FETCH_SPAN))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{call::FullReport, time::Now};
    use std::sync::LazyLock;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    /// Returns a monotonic time, in seconds after the first.
    fn instant(second: u64) -> Instant {
        static FIRST: LazyLock<Instant> = LazyLock::new(|| Now::current().instant);
        *FIRST + Duration::from_secs(second)
    }

    fn summary(call: &str, outcome: &str) -> Report {
        Report::summary(call, outcome, at(20))
    }

    fn full(call: &str) -> Report {
        Report { full: Some(Box::new(FullReport::default())), ..summary(call, "") }
    }

    fn names(reports: &[Report]) -> Vec<&str> {
        reports.iter().map(|report| report.call.as_str()).collect()
    }

    #[test]
    fn inconclusive_summary_is_fetched_once_and_replaced_by_its_full_report() {
        let mut awaited = AwaitedReports::default();
        awaited.add(summary("a", "LEFT_DIAL_PLAN"), false, at(30));
        awaited.add(summary("b", "MISSED"), false, at(30));
        assert_eq!(names(&awaited.ready(|_| false, instant(30)).reports), ["b"]);
        assert_eq!(awaited.begin_fetches(9, instant(30)).len(), 1);
        awaited.add(summary("a", "LEFT_DIAL_PLAN"), false, at(31));
        assert_eq!(
            (awaited.ready(|_| false, instant(31)), awaited.begin_fetches(9, instant(31)).len()),
            Default::default()
        );
        awaited.add(full("a"), false, at(32));
        assert_eq!(names(&awaited.ready(|_| false, instant(32)).reports), ["a"]);
        assert_eq!(awaited.next_deadline(instant(32)), None);
    }

    #[test]
    fn reports_of_a_gap_are_returned_together() {
        let mut awaited = AwaitedReports::default();
        for (call, outcome) in [("a", "LEFT_DIAL_PLAN"), ("b", "MISSED"), ("c", "MISSED")] {
            awaited.add(summary(call, outcome), true, at(30));
        }
        assert_eq!(awaited.ready(|_| true, instant(30)), ReadyReports::default());
        assert_eq!(awaited.begin_fetches(9, instant(30)).len(), 1);
        assert_eq!(awaited.next_deadline(instant(31)), Some(instant(270)));
        assert_eq!(awaited.ready(|_| true, instant(270)).reports.len(), 3, "without its report the summary counts");
    }

    #[test]
    fn taken_call_is_returned_no_more() {
        let mut awaited = AwaitedReports::default();
        awaited.add(summary("waits", "LEFT_DIAL_PLAN"), true, at(30));
        awaited.add(summary("held", "MISSED"), true, at(30));
        awaited.add_open_call("open".try_into().unwrap());
        let mut take = |call: &str| awaited.take(&call.try_into().unwrap()).map(|report| report.call.to_string());
        assert_eq!((take("waits"), take("waits")), (Some("waits".to_owned()), None));
        assert_eq!((take("held"), take("open")), (Some("held".to_owned()), None));
        assert_eq!((awaited.begin_fetches(9, instant(30)).len(), awaited.unposted_since()), (0, None));
        assert_eq!(awaited.ready(|_| true, instant(999)), ReadyReports::default());
    }

    #[test]
    fn fetches_are_limited_and_a_missing_report_holds_up_no_other() {
        let mut awaited = AwaitedReports::default();
        (0..100).for_each(|id| awaited.add(summary(&format!("call-{id}"), "LEFT_DIAL_PLAN"), true, at(0)));
        assert_eq!(awaited.begin_fetches(3, instant(0)).len(), 3, "no more than the queue has room for");
        assert_eq!(awaited.begin_fetches(99, instant(0)).len(), MAX_FETCHES - 3);
        assert_eq!(
            (awaited.begin_fetches(99, instant(4)).len(), awaited.next_deadline(instant(4))),
            (0, Some(instant(5)))
        );
        assert_eq!(awaited.begin_fetches(99, instant(5)).len(), MAX_FETCHES);
    }

    #[test]
    fn reports_for_the_tracker_alternate_with_those_without_a_card() {
        let mut awaited = AwaitedReports::default();
        (0..30).for_each(|id| awaited.add(summary(&format!("hidden-{id}"), "LEFT_DIAL_PLAN"), true, at(0)));
        (0..99).for_each(|id| awaited.request(format!("posted-{id}").as_str().try_into().unwrap()));
        awaited.request("posted-0".try_into().unwrap());
        let mut fetched = Vec::new();
        for (room, second) in [(1, 0), (2, 0), (1, 0), (200, 0), (200, 5)] {
            fetched.extend(awaited.begin_fetches(room, instant(second)));
        }
        let is_hidden = |call: &ConversationSpaceId| call.as_str().starts_with("hidden");
        let kinds: Vec<bool> = fetched.iter().map(is_hidden).collect();
        assert!(kinds[..2 * MAX_FETCHES].chunks(2).all(|pair| pair == [false, true]), "{kinds:?}");
        assert_eq!((kinds.len(), kinds.iter().filter(|hidden| **hidden).count()), (99 + 30, 30));
    }

    #[test]
    fn open_call_without_a_report_is_returned_after_the_last_attempt() {
        let mut awaited = AwaitedReports::default();
        awaited.add_open_call("open".try_into().unwrap());
        assert_eq!(awaited.ready(|_| false, instant(9999)), ReadyReports::default(), "not before it was fetched");
        assert_eq!(awaited.begin_fetches(9, instant(0)).len(), 1);
        assert_eq!(awaited.ready(|_| false, instant(239)), ReadyReports::default());
        assert_eq!(awaited.ready(|_| false, instant(240)).unreported.len(), 1);
    }

    #[test]
    fn summary_that_proves_its_outcome_waits_for_details_only_behind_few() {
        let talked = |call| Report { answered_at: Some(at(1)), ..summary(call, "NORMAL") };
        let mut awaited = AwaitedReports::default();
        awaited.add(talked("early"), true, at(30));
        let waiting = MAX_WAITING_FOR_DETAILS;
        (0..waiting).for_each(|id| awaited.add(summary(&format!("call-{id}"), "LEFT_DIAL_PLAN"), false, at(30)));
        awaited.add(talked("late"), false, at(30));
        assert_eq!(names(&awaited.ready(|_| false, instant(31)).reports), ["late"]);
    }

    #[test]
    fn summaries_beyond_the_limit_are_passed_on_without_their_reports() {
        let mut awaited = AwaitedReports::default();
        for number in 0..MAX_WAITING + MAX_HELD {
            awaited.add(summary(&format!("call-{number}"), "LEFT_DIAL_PLAN"), true, at(30));
        }
        assert_eq!(awaited.ready(|_| true, instant(30)).reports.len(), MAX_HELD);
        assert_eq!(awaited.ready(|_| true, instant(31)), ReadyReports::default());
    }

    #[test]
    fn unposted_since_is_the_earliest_end_of_a_call_that_is_not_posted() {
        let mut awaited = AwaitedReports::default();
        awaited.add(summary("a", "LEFT_DIAL_PLAN"), false, at(30));
        awaited.add(Report { ended_at: None, ..full("b") }, false, at(30));
        assert_eq!(awaited.unposted_since(), Some(at(20)));
        assert!(awaited.posted(&"a".try_into().unwrap()) && !awaited.posted(&"a".try_into().unwrap()));
        assert_eq!(awaited.unposted_since(), Some(at(30)), "returned, and not posted yet");
    }
}
