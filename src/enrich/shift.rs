//! What came in during a shift, and who of the missed ones still waits to be called back. Decides what counts; when a shift
//! ends and how its recap looks is decided elsewhere.

use super::{Enricher, HistoryError, history::Past};
use crate::model::{
    call::MomentKind,
    card::{Match, Shift, Waiting},
    ids::SinkName,
    phone::{E164, Number},
    time::{Now, Timestamp},
};
use futures_util::future::join_all;
use std::collections::HashMap;

impl Enricher {
    /// What `sink` heard of from `from` to `to`, with who waits to be called back as of now: the last `most` of them, by
    /// name where the sources know one. Whether it is late is left open.
    ///
    /// # Errors
    /// If the history cannot say, or there is none.
    pub async fn shift(
        &self,
        sink: &SinkName,
        from: Timestamp,
        to: Timestamp,
        most: usize,
    ) -> Result<Shift, HistoryError> {
        let shelf = self.history.as_ref().ok_or(HistoryError::Closed)?;
        let calls = shelf.since(from).await?;
        let mut shift = Shift { region: self.region, ..sum(&calls, sink, from, to) };
        shift.more = u32::try_from(shift.waiting.len().saturating_sub(most)).unwrap_or(u32::MAX);
        shift.waiting.truncate(most);
        // All at once: each look-up may take the whole deadline.
        let names = join_all(shift.waiting.iter().map(|waiting| self.name(&waiting.number))).await;
        shift.waiting.iter_mut().zip(names).for_each(|(waiting, name)| waiting.name = name);
        Ok(shift)
    }

    /// Who it is, if exactly one contact has the number.
    async fn name(&self, number: &Number) -> Option<String> {
        let found = self.look_up(number.known()?, None, Now::read()).await.found;
        match found.who {
            Match::One { contact } => contact.name.or(contact.company),
            Match::NotAsked | Match::Nobody | Match::Several { .. } => None,
        }
    }
}

/// The sums of a shift. A call belongs to the shift in which it was known what became of it. Calls of our own are not
/// counted, but one to a missed caller takes it off the list, as does a later call of theirs that somebody took, whoever
/// heard of it.
fn sum(calls: &[Past], sink: &SinkName, from: Timestamp, to: Timestamp) -> Shift {
    let mut shift = Shift { from, to, ..Shift::default() };
    let mut waiting: HashMap<u64, Waiting> = HashMap::new();
    let settled = settled(calls);
    let decided = |call: &&Past| call.decided.is_some_and(|at| from <= at && at < to);
    let heard = calls.iter().filter(|call| !call.outbound && call.sinks.contains(sink)).filter(decided);
    for call in heard {
        add(&mut shift.calls, true);
        shift.longest_wait = shift.longest_wait.max(call.waited);
        let is_missed = matches!(call.outcome, MomentKind::Missed | MomentKind::Voicemail);
        let voicemail = call.outcome == MomentKind::Voicemail;
        add(&mut shift.answered, is_talk(call));
        add(&mut shift.missed, is_missed);
        add(&mut shift.voicemails, voicemail);
        add(&mut shift.withheld, is_missed && call.number.is_none());
        let Some(number) = call.number.as_ref().filter(|_| is_missed) else { continue };
        if settled.get(&number.digits()).is_some_and(|talk| *talk > call.started) {
            continue;
        }
        let new =
            || Waiting { number: Number::Known(number.clone()), name: None, times: 0, last: call.started, voicemail };
        let waiting = waiting.entry(number.digits()).or_insert_with(new);
        add(&mut waiting.times, true);
        waiting.last = waiting.last.max(call.started);
        waiting.voicemail |= voicemail;
    }
    shift.waiting = waiting.into_values().collect();
    shift.waiting.sort_by_key(|waiting| std::cmp::Reverse((waiting.last, waiting.number.known().map(E164::digits))));
    shift
}

/// When each number was last talked to, or called.
fn settled(calls: &[Past]) -> HashMap<u64, Timestamp> {
    let mut settled = HashMap::new();
    for call in calls.iter().filter(|call| call.outbound || is_talk(call)) {
        let Some(number) = &call.number else { continue };
        let last = settled.entry(number.digits()).or_insert(call.started);
        *last = call.started.max(*last);
    }
    settled
}

fn is_talk(call: &Past) -> bool {
    matches!(call.outcome, MomentKind::Answered | MomentKind::Ended)
}

fn add(count: &mut u32, one: bool) {
    *count = count.saturating_add(u32::from(one));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{phone::Region, time::after};
    use std::time::Duration;

    const DESK: &str = "desk";

    fn at(time: &str) -> Timestamp {
        format!("2026-11-23T{time}:00Z").parse().unwrap()
    }

    /// A call that was decided half a minute after it began.
    fn past(last: u32, started: &str, outcome: MomentKind) -> Past {
        let number = Number::read(Some(&format!("+1514555{last:04}")), Region::US).known().cloned();
        let started = at(started);
        Past {
            number,
            started,
            outcome,
            outbound: false,
            waited: Some(Duration::from_secs(30)),
            decided: Some(after(started, Duration::from_secs(30))),
            sinks: vec![DESK.try_into().unwrap()],
        }
    }

    fn summed(calls: &[Past]) -> Shift {
        sum(calls, &DESK.try_into().unwrap(), at("08:00"), at("17:00"))
    }

    fn listed(calls: &[Past]) -> Vec<(String, u32)> {
        let entry = |it: &Waiting| (it.number.known().unwrap().expose().to_owned(), it.times);
        summed(calls).waiting.iter().map(entry).collect()
    }

    #[test]
    fn every_call_of_the_shift_is_counted_once_and_only_where_it_was_heard() {
        use MomentKind::{Answered, Ended, Missed, Ringing, Voicemail};
        let elsewhere = Past { sinks: vec!["sales".try_into().unwrap()], ..past(9, "12:00", Missed) };
        let out = Past { outbound: true, ..past(8, "12:00", Ended) };
        let under_way = Past { decided: None, ..past(7, "16:59", Ringing) };
        let long = Past { waited: Some(Duration::from_secs(200)), ..past(6, "09:00", Answered) };
        let calls = [
            elsewhere,
            out,
            under_way,
            long,
            past(1, "09:00", Ended),
            past(2, "09:00", Missed),
            past(3, "09:00", Voicemail),
            past(4, "09:00", Ringing),
            Past { number: None, ..past(0, "10:00", Missed) },
        ];
        let shift = summed(&calls);
        assert_eq!((shift.calls, shift.answered, shift.missed, shift.voicemails, shift.withheld), (6, 2, 3, 1, 1));
        assert_eq!(shift.longest_wait, Some(Duration::from_secs(200)));
        assert_eq!(shift.waiting.len(), 2, "whoever shows no number is counted, not listed");
    }

    #[test]
    fn a_call_belongs_to_the_shift_in_which_it_was_known_what_became_of_it() {
        let before_it = Past { decided: Some(at("08:00")), ..past(1, "07:59", MomentKind::Missed) };
        assert_eq!(summed(&[before_it]).missed, 1);
        let long_before = past(1, "07:58", MomentKind::Missed);
        assert_eq!(summed(&[long_before]).calls, 0);
        let after_it = Past { decided: Some(at("17:00")), ..past(1, "16:58", MomentKind::Missed) };
        assert_eq!(summed(std::slice::from_ref(&after_it)).calls, 0);
        let next = sum(&[after_it], &DESK.try_into().unwrap(), at("17:00"), at("23:00"));
        assert_eq!(next.missed, 1, "the end of one shift is the beginning of the next");
    }

    #[test]
    fn whoever_was_called_back_or_got_through_leaves_the_list() {
        use MomentKind::{Answered, Ended, Missed, Ringing, Voicemail};
        let missed = || past(1, "10:00", Missed);
        let out = |time: &str, outcome| Past { outbound: true, sinks: vec![], ..past(1, time, outcome) };
        let through = |time: &str, outcome| Past { sinks: vec![], ..past(1, time, outcome) };
        let left: Vec<(String, u32)> = vec![];
        let once = |times| vec![("+15145550001".to_owned(), times)];
        for (later, expected) in [
            (vec![], once(1)),
            (vec![past(1, "11:00", Missed)], once(2)),
            (vec![past(1, "11:00", Voicemail)], once(2)),
            (vec![past(1, "11:00", Ringing)], once(1)),
            (vec![out("11:00", Ended)], left.clone()),
            (vec![out("11:00", Ringing)], left.clone()),
            (vec![through("11:00", Answered)], left.clone()),
            (vec![out("18:00", Ended)], left.clone()),
            (vec![out("09:00", Ended), through("09:30", Ended)], once(1)),
            (vec![out("11:00", Ended), past(1, "12:00", Missed)], once(1)),
            (vec![past(2, "11:00", Ended)], once(1)),
        ] {
            let calls: Vec<Past> = [missed()].into_iter().chain(later.clone()).collect();
            assert_eq!(listed(&calls), expected, "{later:?}");
        }
    }

    #[test]
    fn the_last_one_missed_is_listed_first_with_the_time_of_its_last_call() {
        use MomentKind::{Missed, Voicemail};
        let calls = [past(1, "09:00", Voicemail), past(2, "10:00", Missed), past(1, "11:00", Missed)];
        let shift = summed(&calls);
        let told: Vec<(u32, Timestamp, bool)> =
            shift.waiting.iter().map(|it| (it.times, it.last, it.voicemail)).collect();
        assert_eq!(told, [(2, at("11:00"), true), (1, at("10:00"), false)]);
    }
}
