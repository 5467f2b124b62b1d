//! What is told of the calls that came and went while no lane was live. Pure: windows and reports in, tellings out.
//! A call whose ring the team saw gets its own last card; the ones that nobody heard of go into one recap card a sink.
//! A call that an earlier run left open, that is not under way any more and has no report, is closed as lost.

use crate::{
    calls::{Effect, Limits, update_from_report},
    model::{
        call::{Call, Moment, MomentKind, Report, Telling},
        ids::ConversationSpaceId,
        time::{Timestamp, after, elapsed},
    },
};
use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

/// Reports come some time after their call's end; this much later they still belong to the window. 10 min.
const LATE: Duration = Duration::from_secs(600);

/// A window is taken to begin so much earlier: what was heard last may have been lost on the way to the store, with the
/// socket or with an earlier run. 60 s. A call that was told all the same is known, and is not told again.
const EARLIER: Duration = Duration::from_secs(60);

/// How long the report of a call that has ended is waited for before the call is closed as lost. 2 min: the last question
/// for it is made 107 s after the first.
const REPORT: Duration = Duration::from_secs(120);

/// A call of an earlier run whose end was not told.
#[derive(Debug, Clone)]
pub struct Unended {
    /// What was told of it last; `None` if it led to no sink.
    pub last: Option<Telling>,
    /// When it was heard of last.
    pub heard: Timestamp,
    /// When its report was asked for because it must have ended.
    pub asked: Option<Timestamp>,
}

impl Unended {
    /// After the silence that closes a call of this run too, it has ended even if GoTo does not say so.
    fn most(&self) -> Duration {
        let limits = Limits::default();
        let taken = self.last.as_ref().is_some_and(|last| last.moment.kind() == MomentKind::Answered);
        if taken { limits.stale } else { limits.given_up }
    }

    fn due(&self) -> Timestamp {
        self.asked.map_or_else(|| after(self.heard, self.most()), |asked| after(asked, REPORT))
    }
}

/// The blind windows that reports may still come in for, and the calls that an earlier run left open.
#[derive(Debug, Default)]
pub struct Away {
    windows: Vec<(Timestamp, Timestamp)>,
    /// Calls of an earlier run whose ring was told and whose end was not.
    unended: HashMap<ConversationSpaceId, Unended>,
    /// Calls whose end was told, here or in an earlier run, and since when that is known.
    told: HashMap<ConversationSpaceId, Timestamp>,
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
    pub fn after(
        unended: HashMap<ConversationSpaceId, Unended>,
        told: Vec<ConversationSpaceId>,
        clock: Timestamp,
    ) -> Self {
        Self { windows: Vec::new(), unended, told: told.into_iter().map(|call| (call, clock)).collect() }
    }

    /// A window is closed.
    pub fn back(&mut self, from: Timestamp, to: Timestamp) {
        let before = self.windows.len();
        self.windows.retain(|(_, end)| elapsed(*end, to) < LATE);
        if self.windows.len() < before && self.windows.is_empty() {
            self.told.retain(|_, since| elapsed(*since, to) < LATE * 2);
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
            let rang = self.unended.remove(&report.call).is_some();
            let hidden = self.covers(&report);
            // Its frames were lost although a lane was live: GoTo's report is then the first that is heard of it.
            let unsaid = report.ended.is_some_and(|ended| elapsed(ended, clock) < LATE);
            let Some(telling) = update_from_report(&report, clock).filter(|_| rang || hidden || unsaid) else {
                continue;
            };
            if self.told.insert(report.call, clock).is_none() {
                if rang || !hidden { out.single.push(telling) } else { out.recap.push(telling) }
            }
        }
        out.recap.sort_by_key(|telling| telling.call.started);
        out
    }

    /// Something was heard of a call: it goes on in this run.
    pub fn heard(&mut self, call: &ConversationSpaceId) {
        self.unended.remove(call);
    }

    /// GoTo has said which calls are under way. The others have ended, and their reports are asked for.
    pub fn listed(&mut self, active: &HashSet<ConversationSpaceId>, clock: Timestamp) -> Vec<Effect> {
        let mut out = Vec::new();
        for (call, left) in &mut self.unended {
            if left.asked.is_none() && !active.contains(call) {
                left.asked = Some(clock);
                out.extend(left.last.as_ref().map(|last| ask(&last.call)));
            }
        }
        out
    }

    /// When [`Self::tick`] has something to do. Never before GoTo was heard and could be asked what became of the calls.
    #[must_use]
    pub fn due(&self) -> Option<Timestamp> {
        self.window()?;
        self.unended.values().map(Unended::due).min()
    }

    /// Asks for the reports of calls that must have ended long ago, and closes as lost those that have none.
    pub fn tick(&mut self, clock: Timestamp) -> Vec<Effect> {
        let mut out = Vec::new();
        if self.window().is_none() {
            return out;
        }
        let due = |left: &Unended| left.due() <= clock;
        for (call, left) in self.unended.extract_if(|_, left| due(left) && left.asked.is_some()).collect::<Vec<_>>() {
            self.told.insert(call, clock);
            out.extend(left.last.map(|last| {
                let (moment, at) = (Moment::Ended { lasted: None }, left.heard);
                Effect::Emit(Telling { call: Call { lost: true, ..last.call }, moment, at })
            }));
        }
        for left in self.unended.values_mut().filter(|left| due(left)) {
            left.asked = Some(clock);
            out.extend(left.last.as_ref().map(|last| ask(&last.call)));
        }
        out
    }

    /// The window that a recap made now speaks of: the last one, `None` before the first.
    #[must_use]
    pub fn window(&self) -> Option<(Timestamp, Timestamp)> {
        self.windows.last().copied()
    }
}

fn ask(call: &Call) -> Effect {
    Effect::FetchReport { call: call.id.clone() }
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
            full: None,
        }
    }

    fn left(call: &str, moment: Moment, heard: i64) -> (ConversationSpaceId, Unended) {
        let mut last = update_from_report(&report(call, heard), at(heard)).unwrap();
        (last.call.late, last.moment) = (false, moment);
        (call.try_into().unwrap(), Unended { last: Some(last), heard: at(heard), asked: None })
    }

    fn words(effects: Vec<Effect>) -> Vec<String> {
        let words = |effect| match effect {
            Effect::Emit(it) => format!("{} {} lost {}", it.call.id, it.moment.kind().as_str(), it.call.lost),
            Effect::FetchReport { call, .. } => format!("{call}?"),
            Effect::FetchStates { .. } => unreachable!("nobody asks for states here"),
        };
        let mut words: Vec<String> = effects.into_iter().map(words).collect();
        words.sort();
        words
    }

    #[test]
    fn a_call_that_an_earlier_run_left_open_and_that_goto_does_not_list_is_closed_as_lost_without_a_report() {
        let unended = ["gone", "reported", "still"].map(|call| left(call, Moment::Ringing, 0));
        let mut away = Away::after(HashMap::from(unended), Vec::new(), at(10));
        assert_eq!((away.due(), away.tick(at(99_999))), (None, Vec::new()), "nothing before GoTo could be asked");
        away.back(at(0), at(20));
        let active = HashSet::from(["still".try_into().unwrap()]);
        assert_eq!(words(away.listed(&active, at(20))), ["gone?", "reported?"]);
        away.heard(&"still".try_into().unwrap());
        assert_eq!(ids(&away.catch_up(vec![report("reported", 15)], at(30)).single), ["reported"]);
        assert_eq!((away.due(), away.tick(at(139))), (Some(at(140)), Vec::new()));
        assert_eq!(words(away.tick(at(140))), ["gone ended lost true"]);
        assert_eq!((away.due(), away.tick(at(99_999))), (None, Vec::new()));
        assert_eq!(away.catch_up(vec![report("gone", 15)], at(141)), CaughtUp::default(), "a last word is the last");
    }

    #[test]
    fn where_goto_lists_no_calls_one_that_was_left_open_is_closed_after_the_silence_that_closes_any() {
        let by = crate::model::call::Person { name: Some("Bob".into()), extension: None, line: None };
        let answered = Moment::Answered { by, after: Duration::from_secs(8) };
        let unended = [left("rings", Moment::Ringing, 0), left("talks", answered, 0)];
        let mut away = Away::after(HashMap::from(unended), Vec::new(), at(10));
        away.back(at(0), at(20));
        assert_eq!((away.due(), words(away.tick(at(3600)))), (Some(at(3600)), vec!["rings?".to_owned()]));
        assert_eq!(words(away.tick(at(3720))), ["rings ended lost true"]);
        assert_eq!((away.due(), words(away.tick(at(14_400)))), (Some(at(14_400)), vec!["talks?".to_owned()]));
        assert_eq!(words(away.tick(at(14_520))), ["talks ended lost true"]);
    }

    fn ids(tellings: &[Telling]) -> Vec<&str> {
        tellings.iter().map(|t| t.call.id.as_str()).collect()
    }

    #[test]
    fn a_call_whose_ring_was_told_gets_its_own_card_and_the_rest_is_a_recap_in_order() {
        let mut away =
            Away::after(HashMap::from([left("rang", Moment::Ringing, 0)]), vec!["told".try_into().unwrap()], at(0));
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
