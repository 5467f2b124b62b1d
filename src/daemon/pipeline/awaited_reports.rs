//! Holds reports that do not prove an outcome until the full report of their call is fetched. Pure: reports in, conclusive
//! reports and fetches out.

use crate::{
    calls::{Effect, is_conclusive},
    model::{
        call::Report,
        ids::ConversationSpaceId,
        time::{Timestamp, after},
    },
};
use std::collections::BTreeMap;
use std::time::Duration;

/// Fetches under way at the same time: GoTo takes 10 requests a second, and answers each in about one.
const MAX_FETCHES: usize = 16;

/// Summaries that wait for a full report: what GoTo's 10 requests a second fetch in a minute. Beyond that a call is posted
/// with an unknown outcome, because a late card is worse.
const MAX_WAITING: usize = 600;

/// Reports of a gap that are passed on before the gap is complete: one full gap summary.
const MAX_HELD: usize = 30;

/// Time to wait for a full report before the summary counts. 4 min: the last query is sent 210 s after the first.
const FETCH_TIMEOUT: Duration = Duration::from_secs(240);

/// Summaries whose full report is awaited.
#[derive(Debug, Default)]
pub struct AwaitedReports {
    waiting: BTreeMap<ConversationSpaceId, Awaited>,
    /// Reports of a gap, which are passed on together with the others of the gap.
    held: Vec<Report>,
}

#[derive(Debug)]
struct Awaited {
    summary: Report,
    in_gap: bool,
    /// When the fetch is given up; `None` before it began.
    until: Option<Timestamp>,
}

impl AwaitedReports {
    /// Adds a report. `in_gap`: its call ended in an event gap.
    pub fn add(&mut self, report: Report, in_gap: bool) {
        if is_conclusive(&report) {
            let in_gap = in_gap || self.waiting.get(&report.call).is_some_and(|awaited| awaited.in_gap);
            self.waiting.remove(&report.call);
            self.pass(report, in_gap);
        } else if self.waiting.len() >= MAX_WAITING && !self.waiting.contains_key(&report.call) {
            self.pass(report, in_gap);
        } else {
            let call = report.call.clone();
            self.waiting.entry(call).or_insert(Awaited { summary: report, in_gap, until: None });
        }
    }

    fn pass(&mut self, report: Report, in_gap: bool) {
        // A call outside a gap is not kept waiting for others: its order among them does not matter.
        if in_gap { self.held.push(report) } else { self.held.insert(0, report) }
    }

    /// Returns the reports that can be recovered now, and the fetches to begin. Reports of a gap are returned together, or
    /// as soon as they fill a gap summary.
    pub fn ready(&mut self, in_gap: impl Fn(&Report) -> bool, now: Timestamp) -> (Vec<Report>, Vec<Effect>) {
        let expired: Vec<ConversationSpaceId> = self
            .waiting
            .iter()
            .filter(|(_, awaited)| awaited.until.is_some_and(|until| until <= now))
            .map(|(call, _)| call.clone())
            .collect();
        for call in expired {
            if let Some(awaited) = self.waiting.remove(&call) {
                self.pass(awaited.summary, awaited.in_gap);
            }
        }
        let running = self.waiting.values().filter(|awaited| awaited.until.is_some()).count();
        let mut fetches = Vec::new();
        for (call, awaited) in self.waiting.iter_mut().filter(|(_, awaited)| awaited.until.is_none()) {
            if running.saturating_add(fetches.len()) >= MAX_FETCHES {
                break;
            }
            awaited.until = Some(after(now, FETCH_TIMEOUT));
            fetches.push(Effect::FetchReport { call: call.clone() });
        }
        let gap_is_complete = self.held.len() >= MAX_HELD || !self.waiting.values().any(|awaited| awaited.in_gap);
        let ready = self.held.extract_if(.., |report| gap_is_complete || !in_gap(report)).collect();
        (ready, fetches)
    }

    /// Returns all reports, at a stop: without their full reports the summaries count.
    pub fn drain(&mut self) -> Vec<Report> {
        let waiting = std::mem::take(&mut self.waiting).into_values().map(|awaited| awaited.summary);
        self.held.drain(..).chain(waiting).collect()
    }

    /// Returns when [`Self::ready`] has something to do, if no report is received before.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Timestamp> {
        self.waiting.values().filter_map(|awaited| awaited.until).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{
        call::{FullReport, WireDirection},
        phone::Region,
    };

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn summary(call: &str, outcome: &str) -> Report {
        Report {
            connection: "main".try_into().unwrap(),
            region: Region::US,
            account: "1".try_into().unwrap(),
            call: call.try_into().unwrap(),
            direction: WireDirection::Inbound,
            created_at: Some(at(0)),
            answered_at: None,
            ended_at: Some(at(20)),
            caller: None,
            outcome: Some(outcome.to_owned()),
            people: Vec::new(),
            full: None,
        }
    }

    fn ids((reports, fetches): (Vec<Report>, Vec<Effect>)) -> (Vec<String>, usize) {
        (reports.iter().map(|report| report.call.to_string()).collect(), fetches.len())
    }

    #[test]
    fn ready_fetches_an_inconclusive_summary_once_and_returns_its_full_report() {
        let mut awaited = AwaitedReports::default();
        awaited.add(summary("a", "LEFT_DIAL_PLAN"), false);
        awaited.add(summary("b", "MISSED"), false);
        assert_eq!(ids(awaited.ready(|_| false, at(30))), (vec!["b".to_owned()], 1));
        awaited.add(summary("a", "LEFT_DIAL_PLAN"), false);
        assert_eq!(ids(awaited.ready(|_| false, at(31))), (vec![], 0));
        awaited.add(Report { full: Some(Box::new(FullReport::default())), ..summary("a", "") }, false);
        assert_eq!(ids(awaited.ready(|_| false, at(32))), (vec!["a".to_owned()], 0));
        assert_eq!(awaited.next_deadline(), None);
    }

    #[test]
    fn ready_returns_the_reports_of_a_gap_together() {
        let mut awaited = AwaitedReports::default();
        for (call, outcome) in [("a", "LEFT_DIAL_PLAN"), ("b", "MISSED"), ("c", "MISSED")] {
            awaited.add(summary(call, outcome), true);
        }
        assert_eq!(ids(awaited.ready(|_| true, at(30))), (vec![], 1));
        assert_eq!(awaited.next_deadline(), Some(at(270)));
        assert_eq!(ids(awaited.ready(|_| true, at(270))).0.len(), 3, "without its report the summary counts");
    }

    #[test]
    fn ready_limits_fetches_under_way() {
        let mut awaited = AwaitedReports::default();
        (0..100).for_each(|id| awaited.add(summary(&format!("call-{id}"), "LEFT_DIAL_PLAN"), true));
        assert_eq!(ids(awaited.ready(|_| true, at(0))).1, 16);
        assert_eq!(ids(awaited.ready(|_| true, at(1))).1, 0);
        assert_eq!(ids(awaited.ready(|_| true, at(240))).1, 16);
    }

    #[test]
    fn summaries_beyond_the_limit_are_passed_on_without_their_reports() {
        let mut awaited = AwaitedReports::default();
        for number in 0..MAX_WAITING + MAX_HELD {
            awaited.add(summary(&format!("call-{number}"), "LEFT_DIAL_PLAN"), true);
        }
        let (ready, fetches) = awaited.ready(|_| true, at(30));
        assert_eq!((ready.len(), fetches.len()), (MAX_HELD, MAX_FETCHES));
        assert_eq!(awaited.ready(|_| true, at(31)), (Vec::new(), Vec::new()));
    }
}
