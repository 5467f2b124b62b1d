//! Queries to GoTo for a caller's past calls: which numbers are queried, when again, and how an answer of call legs
//! becomes calls. Decides only; the daemon sends the queries.

use crate::model::{
    ids::ConnectionName,
    past::Remembered,
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
/// Two records with starts this close are one call: a snapshot and its report differ by less, and no caller hangs up,
/// dials and rings again so fast.
pub const SAME: Duration = Duration::from_secs(10);

/// Running and answered queries.
#[derive(Debug, Default)]
pub struct Elsewhere(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    numbers: HashMap<u64, (Instant, watch::Sender<bool>)>,
    paused_until: BTreeMap<ConnectionName, Instant>,
}

impl Elsewhere {
    /// Returns whether a query for the number is due. If so, the number counts as queried.
    pub fn wonders(&self, connection: &ConnectionName, number: &E164, now: Instant) -> bool {
        let mut state = self.lock();
        if state.paused_until.get(connection).is_some_and(|until| now < *until) {
            return false;
        }
        if state.numbers.get(&number.digits()).is_some_and(|(until, _)| now < *until) {
            return false;
        }
        if state.numbers.len() >= MAX_NUMBERS {
            state.numbers.retain(|_, (until, _)| now < *until);
        }
        if state.numbers.len() >= MAX_NUMBERS {
            state.numbers.clear();
        }
        let until = now.checked_add(QUERY_INTERVAL).unwrap_or(now);
        state.numbers.insert(number.digits(), (until, watch::Sender::new(false)));
        true
    }

    /// Marks the query as answered. The answer must be stored before.
    pub fn answered(&self, number: &E164) {
        if let Some((_, done)) = self.lock().numbers.get(&number.digits()) {
            done.send_replace(true);
        }
    }

    /// Marks the query as failed. The number may be queried again after `wait`, the pause of `connection`.
    pub fn silent(&self, connection: &ConnectionName, number: &E164, wait: Duration, now: Instant) {
        let mut state = self.lock();
        state.numbers.remove(&number.digits());
        if let Some(until) = now.checked_add(wait) {
            state.paused_until.insert(connection.clone(), until);
        }
    }

    /// Returns a receiver of the running query, if any. The value turns true with the answer. The channel closes if
    /// the query fails.
    pub fn awaited(&self, number: &E164) -> Option<watch::Receiver<bool>> {
        let state = self.lock();
        let (_, done) = state.numbers.get(&number.digits())?;
        (!*done.borrow()).then(|| done.subscribe())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Merges call legs into calls. A leg that starts during a call, or within [`SAME_CALL_WINDOW`] of its start, belongs
/// to the call. A call is answered if one leg is.
pub fn calls(mut legs: Vec<Remembered>) -> Vec<Remembered> {
    legs.sort_by_key(|leg| leg.started);
    let mut calls: Vec<Remembered> = Vec::new();
    for leg in legs {
        match calls.last_mut() {
            Some(call) if call.outbound == leg.outbound && leg.started <= end_of(call) => {
                if call.answered.is_none() && leg.answered.is_some() {
                    (call.answered, call.with) = (leg.answered, leg.with);
                }
                call.ended = call.ended.max(leg.ended);
            }
            Some(_) | None => calls.push(leg),
        }
    }
    calls
}

fn end_of(call: &Remembered) -> Timestamp {
    time::after(call.started, SAME).max(call.ended.unwrap_or(call.started))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::phone::{Number, Region};

    fn number(last: u32) -> E164 {
        Number::read(Some(&format!("+1514{last:07}")), Region::US).known().unwrap().clone()
    }

    fn main() -> ConnectionName {
        "main".try_into().unwrap()
    }

    fn leg(from: &str, to: Option<&str>, answer: Option<(&str, &str)>) -> Remembered {
        let at = |time: &str| format!("2026-11-20T{time}Z").parse().unwrap();
        Remembered {
            outbound: false,
            started: at(from),
            answered: answer.map(|(time, _)| at(time)),
            ended: to.map(at),
            with: answer.map(|(_, who)| who.to_owned()),
        }
    }

    #[test]
    fn goto_queries_same_number_is_due_again_after_interval() {
        let (queries, now) = (Elsewhere::default(), Instant::now());
        assert!(queries.awaited(&number(1)).is_none());
        assert!(queries.wonders(&main(), &number(1), now));
        assert!(!queries.wonders(&main(), &number(1), now) && queries.wonders(&main(), &number(2), now));
        let pending = queries.awaited(&number(1)).unwrap();
        queries.answered(&number(1));
        assert!(*pending.borrow() && queries.awaited(&number(1)).is_none());
        let later = now + QUERY_INTERVAL - Duration::from_secs(1);
        assert!(!queries.wonders(&main(), &number(1), later));
        assert!(queries.wonders(&main(), &number(1), now + QUERY_INTERVAL));
    }

    #[test]
    fn goto_queries_failed_query_pauses_only_its_connection() {
        let (queries, now) = (Elsewhere::default(), Instant::now());
        assert!(queries.wonders(&main(), &number(1), now));
        let pending = queries.awaited(&number(1)).unwrap();
        queries.silent(&main(), &number(1), Duration::from_secs(300), now);
        assert!(pending.has_changed().is_err(), "the receiver is closed without an answer");
        let later = now + Duration::from_secs(299);
        assert!(!queries.wonders(&main(), &number(1), later) && !queries.wonders(&main(), &number(2), later));
        assert!(queries.wonders(&"second".try_into().unwrap(), &number(2), later));
        assert!(queries.wonders(&main(), &number(1), now + Duration::from_secs(300)));
    }

    #[test]
    fn goto_queries_many_numbers_stay_within_bound() {
        let (queries, now) = (Elsewhere::default(), Instant::now());
        for last in 0..25_000 {
            queries.wonders(&main(), &number(last), now);
            assert!(queries.lock().numbers.len() <= MAX_NUMBERS);
        }
    }

    #[test]
    fn merge_legs_of_one_call_keeps_who_answered() {
        let merged = calls(vec![
            leg("10:00:31", Some("10:04:00"), Some(("10:00:40", "Ben"))),
            leg("10:00:00", Some("10:00:30"), None),
            leg("10:00:02", Some("10:00:31"), None),
            leg("10:04:30", Some("10:04:50"), None),
        ]);
        let [answered, missed] = merged.as_slice() else { panic!("{merged:?}") };
        assert_eq!((answered.started, answered.with.as_deref()), (leg("10:00:00", None, None).started, Some("Ben")));
        assert_eq!(answered.ended, leg("10:00:00", Some("10:04:00"), None).ended);
        assert_eq!((missed.answered, missed.with.as_deref()), (None, None));
    }

    #[test]
    fn merge_legs_keeps_outbound_call_apart() {
        let out = Remembered { outbound: true, ..leg("10:00:05", None, None) };
        assert_eq!(calls(vec![leg("10:00:00", Some("10:01:00"), None), out]).len(), 2);
    }
}
