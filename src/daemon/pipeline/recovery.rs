//! Recovers calls hidden by an event gap or left open by an earlier run. Pure: gaps and reports in, updates out.
//!
//! A call with a posted ring gets its own final card; unseen calls share one gap summary per sink. An open call of an
//! earlier run that is not active and has no report ends as unknown.
#![cfg_attr(not(test), deny(clippy::disallowed_methods))]

use crate::{
    calls::{Effect, Limits, update_from_report},
    model::{
        call::{Call, CallStatus, CallUpdate, Report, StatusKind},
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

/// Margin before a gap: the last frames may be lost with the socket or with an earlier run. 60 s. Calls already
/// posted are known and not repeated.
const GAP_MARGIN: Duration = Duration::from_secs(60);

/// Time to wait for the report of an ended call before its end counts as unknown. 4 min: the last query is sent 210 s
/// after the first.
const REPORT_TIMEOUT: Duration = Duration::from_secs(240);

/// A call of an earlier run without a posted end.
#[derive(Debug, Clone)]
pub struct UnfinishedCall {
    /// The last update; `None` if no sink got it.
    pub last_update: Option<CallUpdate>,
    /// Time of the last snapshot.
    pub last_seen: Timestamp,
    /// When its report was requested, because the call must have ended.
    pub report_requested: Option<Timestamp>,
}

impl UnfinishedCall {
    /// Returns the silence after which the call has ended, as for a call of this run.
    fn max_silence(&self) -> Duration {
        let limits = Limits::default();
        let is_answered = self.last_update.as_ref().is_some_and(|last| last.status.kind() == StatusKind::Answered);
        if is_answered { limits.stale } else { limits.given_up }
    }

    fn due(&self) -> Timestamp {
        self.report_requested
            .map_or_else(|| after(self.last_seen, self.max_silence()), |asked| after(asked, REPORT_TIMEOUT))
    }
}

/// Event gaps still open for reports, and open calls of an earlier run.
#[derive(Debug, Default)]
pub struct Recovery {
    gaps: Vec<(Timestamp, Timestamp)>,
    /// Calls of an earlier run with a posted ring and no posted end.
    open_calls: HashMap<ConversationSpaceId, UnfinishedCall>,
    /// Calls with a posted end, of this or an earlier run, and since when that is known.
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
    /// Creates it from the open and ended calls of an earlier run.
    #[must_use]
    pub fn new(
        open_calls: HashMap<ConversationSpaceId, UnfinishedCall>,
        ended: Vec<ConversationSpaceId>,
        clock: Timestamp,
    ) -> Self {
        Self { gaps: Vec::new(), open_calls, ended: ended.into_iter().map(|call| (call, clock)).collect() }
    }

    /// Records a closed gap.
    pub fn gap_closed(&mut self, from: Timestamp, to: Timestamp) {
        let before = self.gaps.len();
        self.gaps.retain(|(_, end)| elapsed(*end, to) < LATE_REPORT_WINDOW);
        if self.gaps.len() < before && self.gaps.is_empty() {
            self.ended.retain(|_, since| elapsed(*since, to) < LATE_REPORT_WINDOW * 2);
        }
        self.gaps.push((from, to));
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
            let is_open = self.open_calls.remove(&report.call).is_some();
            let is_hidden = self.covers(&report);
            // Frames were lost although a lane was live: the report is the first sign of the call.
            let is_recent = report.ended_at.is_some_and(|ended| elapsed(ended, clock) < LATE_REPORT_WINDOW);
            let Some(update) = update_from_report(&report, clock).filter(|_| is_open || is_hidden || is_recent) else {
                continue;
            };
            if self.ended.insert(report.call, clock).is_none() {
                if is_open || !is_hidden { result.updates.push(update) } else { result.summary.push(update) }
            }
        }
        result.summary.sort_by_key(|update| update.call.started_at);
        result
    }

    /// Records a snapshot: the call continues in this run.
    pub fn on_snapshot(&mut self, call: &ConversationSpaceId) {
        self.open_calls.remove(call);
    }

    /// Records GoTo's list of active calls. Open calls not listed have ended; their reports are requested.
    pub fn on_active_calls(&mut self, active: &HashSet<ConversationSpaceId>, clock: Timestamp) -> Vec<Effect> {
        let mut result = Vec::new();
        for (call, open) in &mut self.open_calls {
            if open.report_requested.is_none() && !active.contains(call) {
                open.report_requested = Some(clock);
                result.extend(open.last_update.as_ref().map(|last| request_report(&last.call)));
            }
        }
        result
    }

    /// Returns when [`Self::tick`] is due. `None` before the first gap closes, since GoTo cannot be queried earlier.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Timestamp> {
        self.last_gap()?;
        self.open_calls.values().map(UnfinishedCall::due).min()
    }

    /// Requests reports of calls that must have ended, and ends those without one as unknown.
    pub fn tick(&mut self, clock: Timestamp) -> Vec<Effect> {
        let mut result = Vec::new();
        if self.last_gap().is_none() {
            return result;
        }
        let is_due = |call: &UnfinishedCall| call.due() <= clock;
        for (call, open) in
            self.open_calls.extract_if(|_, open| is_due(open) && open.report_requested.is_some()).collect::<Vec<_>>()
        {
            self.ended.insert(call, clock);
            result.extend(open.last_update.map(|last| {
                let (status, at) = (CallStatus::Ended { talk_time: None }, open.last_seen);
                Effect::Emit(CallUpdate { call: Call { end_unknown: true, ..last.call }, status, at })
            }));
        }
        for open in self.open_calls.values_mut().filter(|open| is_due(open)) {
            open.report_requested = Some(clock);
            result.extend(open.last_update.as_ref().map(|last| request_report(&last.call)));
        }
        result
    }

    /// Returns the last gap, which a summary made now covers; `None` before the first.
    #[must_use]
    pub fn last_gap(&self) -> Option<(Timestamp, Timestamp)> {
        self.gaps.last().copied()
    }
}

fn request_report(call: &Call) -> Effect {
    Effect::FetchReport { call: call.id.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{
        call::{CallDirection, WireDirection},
        phone::Region,
    };

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn report(call: &str, ended: i64) -> Report {
        Report {
            connection: "main".try_into().unwrap(),
            region: Region::US,
            account: "1".try_into().unwrap(),
            call: call.try_into().unwrap(),
            direction: WireDirection::Inbound,
            created_at: Some(at(ended - 20)),
            answered_at: None,
            ended_at: Some(at(ended)),
            caller: None,
            outcome: None,
            people: Vec::new(),
            full: None,
        }
    }

    fn open_call(call: &str, status: CallStatus, heard: i64) -> (ConversationSpaceId, UnfinishedCall) {
        let mut last = update_from_report(&report(call, heard), at(heard)).unwrap();
        (last.call.first_seen_late, last.status) = (false, status);
        (
            call.try_into().unwrap(),
            UnfinishedCall { last_update: Some(last), last_seen: at(heard), report_requested: None },
        )
    }

    fn describe(effects: Vec<Effect>) -> Vec<String> {
        let text = |effect| match effect {
            Effect::Emit(it) => format!("{} {} lost {}", it.call.id, it.status.kind().as_str(), it.call.end_unknown),
            Effect::FetchReport { call, .. } => format!("{call}?"),
            Effect::FetchStates { .. } => unreachable!("states are not requested here"),
        };
        let mut texts: Vec<String> = effects.into_iter().map(text).collect();
        texts.sort();
        texts
    }

    #[test]
    fn open_call_not_listed_ends_unknown_without_report() {
        let open_calls = ["gone", "reported", "still"].map(|call| open_call(call, CallStatus::Ringing, 0));
        let mut recovery = Recovery::new(HashMap::from(open_calls), Vec::new(), at(10));
        assert_eq!(
            (recovery.next_deadline(), recovery.tick(at(99_999))),
            (None, Vec::new()),
            "nothing before GoTo can be queried"
        );
        recovery.gap_closed(at(0), at(20));
        let active = HashSet::from(["still".try_into().unwrap()]);
        assert_eq!(describe(recovery.on_active_calls(&active, at(20))), ["gone?", "reported?"]);
        recovery.on_snapshot(&"still".try_into().unwrap());
        assert_eq!(ids(&recovery.recover(vec![report("reported", 15)], at(30)).updates), ["reported"]);
        assert_eq!((recovery.next_deadline(), recovery.tick(at(259))), (Some(at(260)), Vec::new()));
        assert_eq!(describe(recovery.tick(at(260))), ["gone ended lost true"]);
        assert_eq!((recovery.next_deadline(), recovery.tick(at(99_999))), (None, Vec::new()));
        assert_eq!(
            recovery.recover(vec![report("gone", 15)], at(261)),
            Recovered::default(),
            "an ended call stays ended"
        );
    }

    #[test]
    fn open_call_ends_unknown_after_silence_without_listing() {
        let by = crate::model::call::Person { name: Some("Bob".into()), extension: None, line: None };
        let answered = CallStatus::Answered { answered_by: by, waited: Duration::from_secs(8) };
        let open_calls = [open_call("rings", CallStatus::Ringing, 0), open_call("talks", answered, 0)];
        let mut recovery = Recovery::new(HashMap::from(open_calls), Vec::new(), at(10));
        recovery.gap_closed(at(0), at(20));
        assert_eq!(
            (recovery.next_deadline(), describe(recovery.tick(at(3600)))),
            (Some(at(3600)), vec!["rings?".to_owned()])
        );
        assert_eq!(describe(recovery.tick(at(3840))), ["rings ended lost true"]);
        assert_eq!(
            (recovery.next_deadline(), describe(recovery.tick(at(14_400)))),
            (Some(at(14_400)), vec!["talks?".to_owned()])
        );
        assert_eq!(describe(recovery.tick(at(14_640))), ["talks ended lost true"]);
    }

    fn ids(updates: &[CallUpdate]) -> Vec<&str> {
        updates.iter().map(|update| update.call.id.as_str()).collect()
    }

    #[test]
    fn recover_separates_posted_calls_from_the_gap_summary() {
        let mut recovery = Recovery::new(
            HashMap::from([open_call("rang", CallStatus::Ringing, 0)]),
            vec!["ended".try_into().unwrap()],
            at(0),
        );
        recovery.gap_closed(at(0), at(100));
        let reports = vec![
            report("second", 90),
            report("rang", 50),
            report("first", 30),
            report("before", -700),
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
            recovery.covers(&report("a", -60)) && !recovery.covers(&report("a", -61)),
            "and a minute before the gap"
        );
        recovery.gap_closed(at(2000), at(2001));
        assert!(!recovery.covers(&report("a", 50)), "the first gap is dropped after 10 min");
    }
}
