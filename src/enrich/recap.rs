//! Counts the calls of a recap period and lists missed callers who wait for a call back. Schedule and layout of the
//! recap are decided elsewhere.

use super::{Enricher, HistoryError, history::RecordedCall};
use crate::model::{
    call::{Callback, ReturnKind, StatusKind},
    card::{Match, PendingCallback, Recap},
    ids::SinkName,
    phone::{E164, PhoneNumber},
    time::{Now, Timestamp},
};
use futures_util::future::join_all;
use std::collections::HashMap;

impl Enricher {
    /// Returns the recap of `sink` for `from..to`, with all callers of the period who were not reached until now, by the
    /// history. Callers have no names; `late` is not set.
    ///
    /// # Errors
    /// If the history query fails, or history is disabled.
    pub async fn recap(&self, sink: &SinkName, from: Timestamp, to: Timestamp) -> Result<Recap, HistoryError> {
        let history = self.history.as_ref().ok_or(HistoryError::Closed)?;
        let calls = history.since(from).await?;
        Ok(Recap { region: self.region, ..count(&calls, sink, from, to) })
    }

    /// Adds the names of callers that exactly one contact matches.
    pub async fn name_callers(&self, callers: &mut [PendingCallback]) {
        // In parallel: each look-up may take the whole deadline.
        let names = join_all(callers.iter().map(|waiting| self.contact_name(&waiting.number))).await;
        callers.iter_mut().zip(names).for_each(|(waiting, name)| waiting.name = name);
    }

    /// Returns the name, if exactly one contact has the number.
    async fn contact_name(&self, number: &PhoneNumber) -> Option<String> {
        let info = self.lookup_number(number.as_e164()?, None, Now::current()).await.info;
        match info.matched {
            Match::One { contact } => contact.name.or(contact.company),
            Match::NotLookedUp | Match::NoMatch | Match::Several { .. } => None,
        }
    }
}

/// Counts a recap. A call belongs to the period in which its outcome was decided. Outbound calls are not counted, but
/// an answered call to a missed caller takes the caller off the list. A later answered call of the caller does the same, in any
/// sink. After a try without an answer the caller still waits.
fn count(calls: &[RecordedCall], sink: &SinkName, from: Timestamp, to: Timestamp) -> Recap {
    let mut recap = Recap { from, to, ..Recap::default() };
    let mut waiting: HashMap<u64, PendingCallback> = HashMap::new();
    let last_returns = last_returns(calls);
    let decided = |call: &&RecordedCall| call.decided_at.is_some_and(|at| from <= at && at < to);
    let received = calls.iter().filter(|call| !call.outbound && call.sinks.contains(sink)).filter(decided);
    for call in received {
        count_if(&mut recap.calls, true);
        recap.longest_wait = recap.longest_wait.max(call.waited);
        let is_missed = matches!(call.outcome, StatusKind::Missed | StatusKind::Voicemail);
        let voicemail = call.outcome == StatusKind::Voicemail;
        count_if(&mut recap.answered, matches!(call.outcome, StatusKind::Answered | StatusKind::Ended));
        count_if(&mut recap.missed, is_missed);
        count_if(&mut recap.voicemails, voicemail);
        count_if(&mut recap.withheld, call.needs_callback && call.number.is_none());
        let Some(number) = call.number.as_ref().filter(|_| call.needs_callback) else { continue };
        if last_returns.get(&number.as_u64()).is_some_and(|last| Callback::counts(call.started, *last)) {
            continue;
        }
        let new = || PendingCallback::new(PhoneNumber::Known(number.clone()), call.started);
        let waiting = waiting.entry(number.as_u64()).or_insert_with(new);
        count_if(&mut waiting.missed_calls, true);
        waiting.last_missed = waiting.last_missed.max(call.started);
        waiting.voicemail |= voicemail;
    }
    recap.pending = waiting.into_values().collect();
    recap
        .pending
        .sort_by_key(|waiting| std::cmp::Reverse((waiting.last_missed, waiting.number.as_e164().map(E164::as_u64))));
    recap
}

/// Returns the start of the last return call of each number that reached the caller.
fn last_returns(calls: &[RecordedCall]) -> HashMap<u64, Timestamp> {
    let mut last_returns = HashMap::new();
    let returns = |call: &&RecordedCall| {
        ReturnKind::of(call.outbound, call.outcome, call.needs_callback).is_some_and(ReturnKind::is_reached)
    };
    for call in calls.iter().filter(returns) {
        let Some(number) = &call.number else { continue };
        let last = last_returns.entry(number.as_u64()).or_insert(call.started);
        *last = call.started.max(*last);
    }
    last_returns
}

fn count_if(count: &mut u32, condition: bool) {
    *count = count.saturating_add(u32::from(condition));
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

    /// Builds a call whose outcome was decided half a minute after its start.
    fn call(last: u32, started: &str, outcome: StatusKind) -> RecordedCall {
        let number = PhoneNumber::parse(Some(&format!("+1514555{last:04}")), Region::US).as_e164().cloned();
        let started = at(started);
        RecordedCall {
            number,
            started,
            outcome,
            outbound: false,
            waited: Some(Duration::from_secs(30)),
            decided_at: Some(after(started, Duration::from_secs(30))),
            sinks: vec![DESK.try_into().unwrap()],
            needs_callback: matches!(outcome, StatusKind::Missed | StatusKind::Voicemail),
        }
    }

    fn recap(calls: &[RecordedCall]) -> Recap {
        count(calls, &DESK.try_into().unwrap(), at("08:00"), at("17:00"))
    }

    fn listed(calls: &[RecordedCall]) -> Vec<(String, u32)> {
        let entry = |it: &PendingCallback| (it.number.as_e164().unwrap().expose().to_owned(), it.missed_calls);
        recap(calls).pending.iter().map(entry).collect()
    }

    #[test]
    fn recap_counts_each_call_once_in_its_own_sink() {
        use StatusKind::{Answered, Ended, Missed, Ringing, Voicemail};
        let other_sink = RecordedCall { sinks: vec!["sales".try_into().unwrap()], ..call(9, "12:00", Missed) };
        let outbound = RecordedCall { outbound: true, ..call(8, "12:00", Ended) };
        let ringing = RecordedCall { decided_at: None, ..call(7, "16:59", Ringing) };
        let long = RecordedCall { waited: Some(Duration::from_secs(200)), ..call(6, "09:00", Answered) };
        let calls = [
            other_sink,
            outbound,
            ringing,
            long,
            call(1, "09:00", Ended),
            call(2, "09:00", Missed),
            call(3, "09:00", Voicemail),
            call(4, "09:00", Ringing),
            RecordedCall { number: None, ..call(0, "10:00", Missed) },
        ];
        let recap = recap(&calls);
        assert_eq!((recap.calls, recap.answered, recap.missed, recap.voicemails, recap.withheld), (6, 2, 3, 1, 1));
        assert_eq!(recap.longest_wait, Some(Duration::from_secs(200)));
        assert_eq!(recap.pending.len(), 2, "a withheld number is counted, not listed");
    }

    #[test]
    fn recap_lists_an_answered_caller_who_gave_up_on_hold() {
        let gave_up = RecordedCall { needs_callback: true, ..call(1, "10:00", StatusKind::Ended) };
        let menu_only = RecordedCall { needs_callback: false, ..call(2, "10:00", StatusKind::Missed) };
        let recap = recap(&[gave_up, menu_only]);
        assert_eq!((recap.answered, recap.missed, recap.pending.len()), (1, 1, 1));
    }

    #[test]
    fn recap_counts_a_call_in_the_period_of_its_outcome() {
        let before_it = RecordedCall { decided_at: Some(at("08:00")), ..call(1, "07:59", StatusKind::Missed) };
        assert_eq!(recap(&[before_it]).missed, 1);
        let long_before = call(1, "07:58", StatusKind::Missed);
        assert_eq!(recap(&[long_before]).calls, 0);
        let after_it = RecordedCall { decided_at: Some(at("17:00")), ..call(1, "16:58", StatusKind::Missed) };
        assert_eq!(recap(std::slice::from_ref(&after_it)).calls, 0);
        let next = count(&[after_it], &DESK.try_into().unwrap(), at("17:00"), at("23:00"));
        assert_eq!(next.missed, 1, "the end of one period is the start of the next");
    }

    #[test]
    fn recap_omits_callers_who_were_called_back_or_answered() {
        use StatusKind::{Answered, Ended, Missed, Ringing, Voicemail};
        let missed = || call(1, "10:00", Missed);
        let out = |time: &str, outcome| RecordedCall { outbound: true, sinks: vec![], ..call(1, time, outcome) };
        let inbound = |time: &str, outcome| RecordedCall { sinks: vec![], ..call(1, time, outcome) };
        let none: Vec<(String, u32)> = vec![];
        let once = |times| vec![("+15145550001".to_owned(), times)];
        for (later, expected) in [
            (vec![], once(1)),
            (vec![call(1, "11:00", Missed)], once(2)),
            (vec![call(1, "11:00", Voicemail)], once(2)),
            (vec![call(1, "11:00", Ringing)], once(1)),
            (vec![out("11:00", Ended)], none.clone()),
            (vec![out("11:00", Ringing)], once(1)),
            (vec![out("11:00", Missed)], once(1)),
            (vec![out("11:00", Ended), out("12:00", Missed)], none.clone()),
            (vec![inbound("11:00", Answered)], none.clone()),
            (vec![out("18:00", Ended)], none.clone()),
            (vec![out("09:00", Ended), inbound("09:30", Ended)], once(1)),
            (vec![out("11:00", Ended), call(1, "12:00", Missed)], once(1)),
            (vec![call(2, "11:00", Ended)], once(1)),
        ] {
            let calls: Vec<RecordedCall> = [missed()].into_iter().chain(later.clone()).collect();
            assert_eq!(listed(&calls), expected, "{later:?}");
        }
    }

    #[test]
    fn recap_lists_last_missed_caller_first_with_last_call_time() {
        use StatusKind::{Missed, Voicemail};
        let calls = [call(1, "09:00", Voicemail), call(2, "10:00", Missed), call(1, "11:00", Missed)];
        let recap = recap(&calls);
        let listed: Vec<(u32, Timestamp, bool)> =
            recap.pending.iter().map(|it| (it.missed_calls, it.last_missed, it.voicemail)).collect();
        assert_eq!(listed, [(2, at("11:00"), true), (1, at("10:00"), false)]);
    }
}
