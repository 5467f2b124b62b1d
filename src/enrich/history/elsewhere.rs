//! What somebody else remembers of callers: which numbers are asked about, when again, and how an answer of many legs
//! becomes calls. Decides; the asking is done by whoever hears GoTo.

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

/// A number is asked about once in this time: what happens meanwhile is seen by the daemon itself.
const AGAIN: Duration = Duration::from_secs(15 * 60);
/// Numbers that are kept in mind; beyond them the oldest questions may be asked again early.
const MOST: usize = 10_000;
/// Two sightings that begin so close to each other are one call: a switch and its report differ by less, and nobody hangs
/// up, dials and rings again so fast.
pub const SAME: Duration = Duration::from_secs(10);

/// The questions under way and those already answered.
#[derive(Debug, Default)]
pub struct Elsewhere(Mutex<Asked>);

#[derive(Debug, Default)]
struct Asked {
    numbers: HashMap<u64, (Instant, watch::Sender<bool>)>,
    quiet: BTreeMap<ConnectionName, Instant>,
}

impl Elsewhere {
    /// Whether the number should be asked about now. If so it counts as asked.
    pub fn wonders(&self, connection: &ConnectionName, number: &E164, now: Instant) -> bool {
        let mut asked = self.open();
        if asked.quiet.get(connection).is_some_and(|until| now < *until) {
            return false;
        }
        if asked.numbers.get(&number.digits()).is_some_and(|(until, _)| now < *until) {
            return false;
        }
        if asked.numbers.len() >= MOST {
            asked.numbers.retain(|_, (until, _)| now < *until);
        }
        if asked.numbers.len() >= MOST {
            asked.numbers.clear();
        }
        let until = now.checked_add(AGAIN).unwrap_or(now);
        asked.numbers.insert(number.digits(), (until, watch::Sender::new(false)));
        true
    }

    /// The answer came and is kept.
    pub fn answered(&self, number: &E164) {
        if let Some((_, done)) = self.open().numbers.get(&number.digits()) {
            done.send_replace(true);
        }
    }

    /// There was no answer: the number may be asked about again, once `connection` may be asked at all.
    pub fn silent(&self, connection: &ConnectionName, number: &E164, wait: Duration, now: Instant) {
        let mut asked = self.open();
        asked.numbers.remove(&number.digits());
        if let Some(until) = now.checked_add(wait) {
            asked.quiet.insert(connection.clone(), until);
        }
    }

    /// The answer that is awaited for the number, if one is. It turns true, or closes without one.
    pub fn awaited(&self, number: &E164) -> Option<watch::Receiver<bool>> {
        let asked = self.open();
        let (_, done) = asked.numbers.get(&number.digits())?;
        (!*done.borrow()).then(|| done.subscribe())
    }

    fn open(&self) -> MutexGuard<'_, Asked> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The calls in an answer that may name each leg of a call on its own: what begins while another goes on, or within
/// [`SAME`] of its beginning, is the same call. Whoever took a leg took the call.
pub fn calls(mut legs: Vec<Remembered>) -> Vec<Remembered> {
    legs.sort_by_key(|leg| leg.started);
    let mut calls: Vec<Remembered> = Vec::new();
    for leg in legs {
        match calls.last_mut() {
            Some(call) if call.outbound == leg.outbound && leg.started <= reach(call) => {
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

fn reach(call: &Remembered) -> Timestamp {
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

    fn leg(from: &str, to: Option<&str>, taken: Option<(&str, &str)>) -> Remembered {
        let at = |time: &str| format!("2026-11-20T{time}Z").parse().unwrap();
        Remembered {
            outbound: false,
            started: at(from),
            answered: taken.map(|(time, _)| at(time)),
            ended: to.map(at),
            with: taken.map(|(_, who)| who.to_owned()),
        }
    }

    #[test]
    fn a_number_is_asked_about_once_until_its_time_is_up() {
        let (elsewhere, now) = (Elsewhere::default(), Instant::now());
        assert!(elsewhere.awaited(&number(1)).is_none());
        assert!(elsewhere.wonders(&main(), &number(1), now));
        assert!(!elsewhere.wonders(&main(), &number(1), now) && elsewhere.wonders(&main(), &number(2), now));
        let awaited = elsewhere.awaited(&number(1)).unwrap();
        elsewhere.answered(&number(1));
        assert!(*awaited.borrow() && elsewhere.awaited(&number(1)).is_none());
        let later = now + AGAIN - Duration::from_secs(1);
        assert!(!elsewhere.wonders(&main(), &number(1), later));
        assert!(elsewhere.wonders(&main(), &number(1), now + AGAIN));
    }

    #[test]
    fn a_login_that_wants_to_be_left_alone_is_left_alone_for_every_number_and_others_are_not() {
        let (elsewhere, now) = (Elsewhere::default(), Instant::now());
        assert!(elsewhere.wonders(&main(), &number(1), now));
        let awaited = elsewhere.awaited(&number(1)).unwrap();
        elsewhere.silent(&main(), &number(1), Duration::from_secs(300), now);
        assert!(awaited.has_changed().is_err(), "whoever waits learns that nothing comes");
        let later = now + Duration::from_secs(299);
        assert!(!elsewhere.wonders(&main(), &number(1), later) && !elsewhere.wonders(&main(), &number(2), later));
        assert!(elsewhere.wonders(&"second".try_into().unwrap(), &number(2), later));
        assert!(elsewhere.wonders(&main(), &number(1), now + Duration::from_secs(300)));
    }

    #[test]
    fn a_flood_of_numbers_stays_within_its_bound() {
        let (elsewhere, now) = (Elsewhere::default(), Instant::now());
        for last in 0..25_000 {
            elsewhere.wonders(&main(), &number(last), now);
            assert!(elsewhere.open().numbers.len() <= MOST);
        }
    }

    #[test]
    fn the_legs_of_a_call_are_one_call_and_who_took_one_took_it() {
        let told = calls(vec![
            leg("10:00:31", Some("10:04:00"), Some(("10:00:40", "Ben"))),
            leg("10:00:00", Some("10:00:30"), None),
            leg("10:00:02", Some("10:00:31"), None),
            leg("10:04:30", Some("10:04:50"), None),
        ]);
        let [taken, missed] = told.as_slice() else { panic!("{told:?}") };
        assert_eq!((taken.started, taken.with.as_deref()), (leg("10:00:00", None, None).started, Some("Ben")));
        assert_eq!(taken.ended, leg("10:00:00", Some("10:04:00"), None).ended);
        assert_eq!((missed.answered, missed.with.as_deref()), (None, None));
    }

    #[test]
    fn a_call_back_during_a_call_is_another_call() {
        let out = Remembered { outbound: true, ..leg("10:00:05", None, None) };
        assert_eq!(calls(vec![leg("10:00:00", Some("10:01:00"), None), out]).len(), 2);
    }
}
