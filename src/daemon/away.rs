//! What is told of the calls that came and went while no lane was live. Pure: windows and reports in, tellings out.
//! A call whose ring the team saw gets its own last card; the ones that nobody heard of go into one recap card a sink.

use crate::{
    calls::reported,
    model::{
        call::{Report, Telling},
        ids::ConversationSpaceId,
        time::{Timestamp, elapsed},
    },
};
use std::{collections::HashSet, time::Duration};

/// Reports come some time after their call's end; this much later they still belong to the window. 10 min.
const LATE: Duration = Duration::from_secs(600);

/// A window is taken to begin so much earlier: what was heard last may have been lost on the way to the store, with the
/// socket or with an earlier run. 60 s. A call that was told all the same is known, and is not told again.
const EARLIER: Duration = Duration::from_secs(60);

/// The blind windows that reports may still come in for.
#[derive(Debug, Default)]
pub struct Away {
    windows: Vec<(Timestamp, Timestamp)>,
    /// Calls of an earlier run whose ring was told and whose end was not.
    unended: HashSet<ConversationSpaceId>,
    /// Calls whose end was told, here or in an earlier run.
    told: HashSet<ConversationSpaceId>,
}

/// What reports make.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct CaughtUp {
    /// Last moments of calls whose ring was told, or that should have been heard.
    pub single: Vec<Telling>,
    /// Calls that nobody heard of, oldest first.
    pub recap: Vec<Telling>,
}

impl Away {
    /// What an earlier run left.
    #[must_use]
    pub fn after(unended: HashSet<ConversationSpaceId>, told: HashSet<ConversationSpaceId>) -> Self {
        Self { windows: Vec::new(), unended, told }
    }

    /// A window is closed.
    pub fn back(&mut self, from: Timestamp, to: Timestamp) {
        let before = self.windows.len();
        self.windows.retain(|(_, end)| elapsed(*end, to) < LATE);
        if self.windows.len() < before && self.windows.is_empty() {
            self.told.clear();
        }
        self.windows.push((from, to));
    }

    /// Whether a call that is reported now ended while nobody listened.
    #[must_use]
    pub fn covers(&self, report: &Report) -> bool {
        let Some(ended) = report.ended else { return false };
        let from = |from: &Timestamp| from.checked_sub(EARLIER).unwrap_or(*from);
        self.windows.iter().any(|(start, to)| (from(start)..=*to).contains(&ended))
    }

    /// Sorts reports of calls that the tracker does not know. A call is told once, however often it is reported.
    pub fn catch_up(&mut self, reports: Vec<Report>, clock: Timestamp) -> CaughtUp {
        let mut out = CaughtUp::default();
        for report in reports {
            let rang = self.unended.remove(&report.call);
            let hidden = self.covers(&report);
            // Its frames were lost although a lane was live: GoTo's report is then the first that is heard of it.
            let unsaid = report.ended.is_some_and(|ended| elapsed(ended, clock) < LATE);
            let Some(telling) = reported(&report, clock).filter(|_| rang || hidden || unsaid) else { continue };
            if self.told.insert(report.call) {
                if rang || !hidden { out.single.push(telling) } else { out.recap.push(telling) }
            }
        }
        out.recap.sort_by_key(|telling| telling.call.started);
        out
    }

    /// The window that a recap made now speaks of: the last one, `None` before the first.
    #[must_use]
    pub fn window(&self) -> Option<(Timestamp, Timestamp)> {
        self.windows.last().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{
        call::{Bound, Direction},
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
            direction: Direction::Inbound,
            created: Some(at(ended - 20)),
            answered: None,
            ended: Some(at(ended)),
            caller: None,
            outcome: None,
            people: Vec::new(),
        }
    }

    fn ids(tellings: &[Telling]) -> Vec<&str> {
        tellings.iter().map(|t| t.call.id.as_str()).collect()
    }

    #[test]
    fn a_call_whose_ring_was_told_gets_its_own_card_and_the_rest_is_a_recap_in_order() {
        let mut away =
            Away::after(HashSet::from(["rang".try_into().unwrap()]), HashSet::from(["told".try_into().unwrap()]));
        away.back(at(0), at(100));
        let reports = vec![
            report("second", 90),
            report("rang", 50),
            report("first", 30),
            report("before", -700),
            report("told", 5),
        ];
        let out = away.catch_up(reports, at(101));
        assert_eq!((ids(&out.single), ids(&out.recap)), (vec!["rang"], vec!["first", "second"]));
    }

    #[test]
    fn a_call_that_should_have_been_heard_is_told_by_itself_and_once() {
        let mut away = Away::default();
        let out = away.catch_up(vec![report("unsaid", 50)], at(60));
        assert_eq!((ids(&out.single), ids(&out.recap)), (vec!["unsaid"], vec![]));
        assert_eq!(away.catch_up(vec![report("unsaid", 50)], at(61)), CaughtUp::default());
        assert_eq!(away.catch_up(vec![report("old", 50)], at(700)), CaughtUp::default());
    }

    #[test]
    fn an_outbound_call_is_caught_up_too_because_it_may_have_been_the_call_back() {
        let mut away = Away::default();
        let outbound = Report { direction: Direction::Outbound, ..report("out", 50) };
        let out = away.catch_up(vec![outbound], at(60));
        assert_eq!(out.single.iter().map(|telling| telling.call.bound).collect::<Vec<_>>(), [Bound::Outbound]);
    }

    #[test]
    fn a_call_is_told_once_however_often_it_is_reported() {
        let mut away = Away::default();
        away.back(at(0), at(100));
        assert_eq!(away.catch_up(vec![report("a", 50)], at(101)).recap.len(), 1);
        assert_eq!(away.catch_up(vec![report("a", 50), report("a", 50)], at(105)), CaughtUp::default());
    }

    #[test]
    fn a_late_report_belongs_to_its_window_only() {
        let mut away = Away::default();
        away.back(at(0), at(100));
        assert!(away.covers(&report("a", 100)) && !away.covers(&report("a", 101)));
        assert!(away.covers(&report("a", -60)) && !away.covers(&report("a", -61)), "and a minute before it");
        away.back(at(2000), at(2001));
        assert!(!away.covers(&report("a", 50)), "ten minutes later the first window is forgotten");
    }
}
