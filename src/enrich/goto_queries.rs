//! Queries to GoTo for a caller's past calls: which numbers are queried, when again, and how an answer of call legs
//! becomes calls. Decides only; the daemon sends the queries.

use crate::model::{
    call_history::SAME_CALL_WINDOW,
    call_record::CallRecord,
    ids::ConnectionName,
    phone::E164,
    time::{self, Timestamp},
};
use std::{
    collections::{BTreeMap, HashMap},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use tokio::sync::watch;

/// Minimum time between two queries of a number. The daemon itself records what happens in between.
const QUERY_INTERVAL: Duration = Duration::from_secs(15 * 60);
/// Most numbers in memory. Beyond them expired numbers are dropped, else all: they may be queried again early.
const MAX_NUMBERS: usize = 10_000;

/// Running and answered queries.
#[derive(Debug, Default)]
pub(super) struct GotoQueries(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    numbers: HashMap<u64, (Instant, watch::Sender<bool>)>,
    paused_until: BTreeMap<ConnectionName, Instant>,
}

impl GotoQueries {
    /// Returns whether a query for the number is due. If so, the number counts as queried.
    pub(super) fn should_query(&self, connection: &ConnectionName, number: &E164, now: Instant) -> bool {
        let mut state = self.lock();
        if state.paused_until.get(connection).is_some_and(|until| now < *until) {
            return false;
        }
        if state.numbers.get(&number.as_u64()).is_some_and(|(until, _)| now < *until) {
            return false;
        }
        if state.numbers.len() >= MAX_NUMBERS {
            state.numbers.retain(|_, (until, _)| now < *until);
        }
        if state.numbers.len() >= MAX_NUMBERS {
            state.numbers.clear();
        }
        let until = now.checked_add(QUERY_INTERVAL).unwrap_or(now);
        state.numbers.insert(number.as_u64(), (until, watch::Sender::new(false)));
        true
    }

    /// Marks the query as answered. The answer must be stored before.
    pub(super) fn answered(&self, number: &E164) {
        if let Some((_, done)) = self.lock().numbers.get(&number.as_u64()) {
            done.send_replace(true);
        }
    }

    /// Marks the query as failed. The number may be queried again after `wait`, the pause of `connection`.
    pub(super) fn failed(&self, connection: &ConnectionName, number: &E164, wait: Duration, now: Instant) {
        let mut state = self.lock();
        state.numbers.remove(&number.as_u64());
        if let Some(until) = now.checked_add(wait) {
            state.paused_until.insert(connection.clone(), until);
        }
    }

    /// Returns a receiver of the running query, if any. The value turns true with the answer. The channel closes if
    /// the query fails.
    pub(super) fn pending(&self, number: &E164) -> Option<watch::Receiver<bool>> {
        let state = self.lock();
        let (_, done) = state.numbers.get(&number.as_u64())?;
        (!*done.borrow()).then(|| done.subscribe())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Merges call legs into calls. A leg that starts during a call, or within [`SAME_CALL_WINDOW`] of its start, belongs
/// to the call. A call is answered if one leg is.
pub(super) fn merge_legs(mut legs: Vec<CallRecord>) -> Vec<CallRecord> {
    legs.sort_by_key(|leg| leg.started_at);
    let mut calls: Vec<CallRecord> = Vec::new();
    for leg in legs {
        match calls.last_mut() {
            Some(call) if call.outbound == leg.outbound && leg.started_at <= end_of(call) => {
                if call.answered_at.is_none() && leg.answered_at.is_some() {
                    (call.answered_at, call.colleague) = (leg.answered_at, leg.colleague);
                }
                call.ended_at = call.ended_at.max(leg.ended_at);
            }
            Some(_) | None => calls.push(leg),
        }
    }
    calls
}

fn end_of(call: &CallRecord) -> Timestamp {
    time::after(call.started_at, SAME_CALL_WINDOW).max(call.ended_at.unwrap_or(call.started_at))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::phone::{PhoneNumber, Region};

    fn number(last: u32) -> E164 {
        PhoneNumber::parse(Some(&format!("+1514{}", 2_000_000 + last)), Region::US).as_e164().unwrap().clone()
    }

    fn main() -> ConnectionName {
        "main".try_into().unwrap()
    }

    fn leg(from: &str, to: Option<&str>, answer: Option<(&str, &str)>) -> CallRecord {
        let at = |time: &str| format!("2026-11-20T{time}Z").parse().unwrap();
        CallRecord {
            outbound: false,
            started_at: at(from),
            answered_at: answer.map(|(time, _)| at(time)),
            ended_at: to.map(at),
            colleague: answer.map(|(_, who)| who.to_owned()),
        }
    }

    #[test]
    fn goto_queries_same_number_is_due_again_after_interval() {
        let (queries, now) = (GotoQueries::default(), Instant::now());
        assert!(queries.pending(&number(1)).is_none());
        assert!(queries.should_query(&main(), &number(1), now));
        assert!(!queries.should_query(&main(), &number(1), now) && queries.should_query(&main(), &number(2), now));
        let pending = queries.pending(&number(1)).unwrap();
        queries.answered(&number(1));
        assert!(*pending.borrow() && queries.pending(&number(1)).is_none());
        let later = now + QUERY_INTERVAL - Duration::from_secs(1);
        assert!(!queries.should_query(&main(), &number(1), later));
        assert!(queries.should_query(&main(), &number(1), now + QUERY_INTERVAL));
    }

    #[test]
    fn goto_queries_failed_query_pauses_only_its_connection() {
        let (queries, now) = (GotoQueries::default(), Instant::now());
        assert!(queries.should_query(&main(), &number(1), now));
        let pending = queries.pending(&number(1)).unwrap();
        queries.failed(&main(), &number(1), Duration::from_secs(300), now);
        assert!(pending.has_changed().is_err(), "the receiver is closed without an answer");
        let later = now + Duration::from_secs(299);
        assert!(!queries.should_query(&main(), &number(1), later) && !queries.should_query(&main(), &number(2), later));
        assert!(queries.should_query(&"second".try_into().unwrap(), &number(2), later));
        assert!(queries.should_query(&main(), &number(1), now + Duration::from_secs(300)));
    }

    #[test]
    fn goto_queries_many_numbers_stay_within_bound() {
        let (queries, now) = (GotoQueries::default(), Instant::now());
        for last in 0..25_000 {
            queries.should_query(&main(), &number(last), now);
            assert!(queries.lock().numbers.len() <= MAX_NUMBERS);
        }
    }

    #[test]
    fn merge_legs_of_one_call_keeps_who_answered() {
        let merged = merge_legs(vec![
            leg("10:00:31", Some("10:04:00"), Some(("10:00:40", "Ben"))),
            leg("10:00:00", Some("10:00:30"), None),
            leg("10:00:02", Some("10:00:31"), None),
            leg("10:04:30", Some("10:04:50"), None),
        ]);
        let [answered, missed] = merged.as_slice() else { panic!("{merged:?}") };
        assert_eq!(
            (answered.started_at, answered.colleague.as_deref()),
            (leg("10:00:00", None, None).started_at, Some("Ben"))
        );
        assert_eq!(answered.ended_at, leg("10:00:00", Some("10:04:00"), None).ended_at);
        assert_eq!((missed.answered_at, missed.colleague.as_deref()), (None, None));
    }

    #[test]
    fn merge_legs_keeps_outbound_call_apart() {
        let out = CallRecord { outbound: true, ..leg("10:00:05", None, None) };
        assert_eq!(merge_legs(vec![leg("10:00:00", Some("10:01:00"), None), out]).len(), 2);
    }
}
