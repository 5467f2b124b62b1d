//! Whole calls of `composed.txt` and `unusual.txt`: live, by their report alone, and with every loss.

mod summaries;

use super::{
    harness::{Harness, Input},
    in_words::{end, ring},
    notation::{Written, calls},
    script::epoch,
};
use crate::model::{
    call::{CallDirection, CallSnapshot, CallStatus, CallUpdate, ParticipantStatus, Person, RingStage, TalkParty},
    time::{after, elapsed},
};
use std::{collections::BTreeSet, ops::Range, time::Duration};

/// Returns whether an update is of the call itself. The call has the id of its consultation if that was received first.
fn is_of_call(update: &CallUpdate) -> bool {
    update.call.id.as_str() == "a" || update.call.direction == CallDirection::Inbound
}

fn name(person: &Person) -> String {
    person.name.clone().or_else(|| person.extension.clone()).unwrap_or_default()
}

impl Written {
    fn harness(&self, has_reports: bool) -> Harness {
        let mut harness = Harness::new(epoch());
        for report in self.reports.iter().filter(|_| has_reports) {
            let ready = elapsed(epoch(), report.ended_at.unwrap()) + Duration::from_secs(90);
            harness.reports.insert(report.call.clone(), (ready, report.clone()));
            harness.plan(ready, Input::ReportReady(report.call.clone()));
        }
        harness
    }

    fn of(&self, events: impl IntoIterator<Item = CallSnapshot>, has_reports: bool) -> Harness {
        let mut harness = self.harness(has_reports);
        events.into_iter().for_each(|event| harness.push(event));
        harness.run(Duration::from_secs(900));
        harness
    }

    /// Returns the conversations that are separate calls, with their ends.
    fn ends(&self) -> impl Iterator<Item = (&str, &str)> {
        let first = (!self.end.is_empty()).then_some(("a", self.end));
        first.into_iter().chain(self.ends.iter().map(|(id, end)| (*id, *end)))
    }

    /// Returns the true end for an update; `None` for a conversation of colleagues that is not a separate call.
    fn truth(&self, update: &CallUpdate) -> Option<&str> {
        let own = self.ends.get(update.call.id.as_str()).copied();
        own.or_else(|| is_of_call(update).then_some(self.end))
    }

    /// Returns the false claim of an update.
    fn false_claim(&self, update: &CallUpdate) -> Option<String> {
        let truth = self.truth(update)?;
        let (call, course) = (&update.call, &update.call.course);
        let talked = |name: &str| truth.contains(&format!("with {name} "));
        let mut wrong: Vec<String> = Vec::new();
        for talk in &course.talks {
            let name = match &talk.with {
                TalkParty::Person(person) => name(person),
                TalkParty::Outside(_) => "outside".to_owned(),
            };
            wrong.extend((!talked(&name)).then(|| format!("talked with {name}")));
        }
        let is_left = truth.contains("message ") && !truth.contains("no message");
        let owner = course.mailbox.as_ref().and_then(|it| it.owner.as_ref()).map(name);
        wrong.extend(
            owner.filter(|owner| !truth.contains(&format!("for {owner}"))).map(|it| format!("mailbox of {it}")),
        );
        if course.mailbox.as_ref().is_some_and(|it| it.message == Some(true)) && !is_left {
            wrong.push("message".to_owned());
        }
        match &update.status {
            CallStatus::Missed { .. } if talked("") || truth.contains("with ") || is_left => {
                wrong.push("missed".to_owned())
            }
            CallStatus::Voicemail { .. } if !truth.contains("message") => wrong.push("voicemail".to_owned()),
            CallStatus::Answered { answered_by, .. } => {
                let name = answered_by.name.clone().unwrap_or_else(|| "outside".to_owned());
                wrong.extend((!talked(&name)).then(|| format!("answered by {name}")));
            }
            CallStatus::Ended { .. } if !call.end_unknown => {
                wrong.extend((!truth.contains("with ")).then(|| "answered".to_owned()));
                let people = call.people.iter().map(name).filter(|name| !talked(name));
                wrong.extend(people.map(|name| format!("ended with {name}")));
                wrong.extend((course.needs_callback && !truth.contains("callback")).then(|| "callback".to_owned()));
                wrong.extend(
                    (course.handed_on.is_some() && !truth.contains("handed on")).then(|| "handed on".to_owned()),
                );
                // Without the transfer, those who rang are named as such.
                if let Some(it) = course.handed_on.as_ref().filter(|it| it.destination.is_some()) {
                    let to = truth.split("handed on to ").nth(1).and_then(|rest| rest.split([',', ' ']).next());
                    let meant = it.receivers().0;
                    let strangers = meant.iter().map(name).filter(|name| to != Some(name.as_str()));
                    wrong.extend(strangers.map(|name| format!("handed on to {name}")));
                }
                let said = end(update);
                let who = said.split(" · ").find(|part| part.ends_with("hung up")).unwrap_or_default();
                wrong.extend((truth.contains("hung up") && !truth.contains(who)).then(|| who.to_owned()));
            }
            CallStatus::Ringing if course.stage == RingStage::Phone => {
                let rings = |name: &String| self.rings.iter().any(|ring| ring.contains(name.as_str()));
                let is_own = call.id.as_str() == "a";
                let known = |name: &String| rings(name) || talked(name) || self.rejects(name);
                let people = call.people.iter().map(name).filter(|name| is_own && !known(name));
                wrong.extend(people.map(|name| format!("rings {name}")));
            }
            _ => {}
        }
        (!wrong.is_empty()).then(|| format!("{} in {} {}", wrong.join(", "), call.id, end(update)))
    }

    /// Returns whether a phone rang too shortly for a separate ring.
    fn rejects(&self, name: &str) -> bool {
        let of_call = self.snapshots.iter().filter(|event| event.call.as_str() == "a");
        let parties = of_call.flat_map(|event| &event.state.participants);
        let mut rings = parties.filter(|party| party.status == ParticipantStatus::Ringing);
        rings.any(|party| party.id.as_ref().is_some_and(|id| id.as_str() == name))
    }

    /// Returns the last end of a conversation that is a separate call.
    fn end_of(&self, harness: &Harness, id: &str) -> String {
        let is_it = |it: &&CallUpdate| match self.ends.get(it.call.id.as_str()) {
            Some(_) => it.call.id.as_str() == id,
            None => id == "a" && is_of_call(it),
        };
        let updates = harness.updates.iter().map(|(_, update)| update).rev().chain(&harness.from_reports);
        let mut ends = updates.filter(is_it).filter(|it| it.status.kind().is_final());
        ends.next().map(end).unwrap_or_default()
    }

    /// Returns the ends that are not as written.
    fn wrong_ends(&self, harness: &Harness) -> Vec<String> {
        let ends = self.ends().map(|(id, truth)| (self.end_of(harness, id), truth));
        ends.filter(|(end, truth)| end != truth).map(|(end, truth)| format!("\n  {end}\n  {truth}")).collect()
    }

    /// Returns the false claims of all updates. A consultation whose call is lost counts as a separate call.
    fn false_claims(&self, harness: &Harness) -> Vec<String> {
        let updates = harness.updates.iter().map(|(_, update)| update).chain(&harness.from_reports);
        updates.filter_map(|update| self.false_claim(update)).collect()
    }

    /// Returns the updates of conversations that are not separate calls.
    fn strangers(&self, harness: &Harness) -> Vec<String> {
        let updates = harness.updates.iter().map(|(_, update)| update).chain(&harness.from_reports);
        let others = updates.filter(|it| !self.ends().any(|(id, _)| id == it.call.id.as_str()));
        others.map(|it| format!("{} {}", it.call.id, end(it))).collect()
    }

    /// Returns the phones that ring, of the call itself.
    fn rings_of(&self, harness: &Harness) -> Vec<String> {
        let is_ring =
            |update: &CallUpdate| update.status == CallStatus::Ringing && update.call.course.stage == RingStage::Phone;
        let rings = harness
            .updates
            .iter()
            .filter(|(_, update)| is_ring(update) && !self.ends.contains_key(update.call.id.as_str()));
        rings.map(|(at, update)| format!("{:.1} {}", at.as_secs_f64(), ring(&update.call))).collect()
    }

    fn without(&self, lost: &Range<usize>) -> impl Iterator<Item = CallSnapshot> {
        self.snapshots.iter().enumerate().filter(|(at, _)| !lost.contains(at)).map(|(_, event)| event.clone())
    }
}

fn assert_none(odd: Vec<String>) {
    assert!(odd.is_empty(), "{} cases:\n{}", odd.len(), odd.join("\n"));
}

#[test]
fn composed_calls_are_emitted_as_a_person_reads_them() {
    let mut odd = Vec::new();
    for call in calls() {
        for has_reports in [false, true] {
            let harness = call.of(call.snapshots.clone(), has_reports);
            let (rings, ends) = (call.rings_of(&harness), call.wrong_ends(&harness));
            let mut others = call.false_claims(&harness);
            others.extend(call.strangers(&harness));
            if rings != call.rings || !ends.is_empty() || !others.is_empty() {
                odd.push(format!("{} ({has_reports}): {rings:#?} {} {others:?}", call.name, ends.concat()));
            }
        }
    }
    assert_none(odd);
    assert!(calls().len() >= 110);
}

#[test]
fn reports_of_composed_calls_give_the_same_ends() {
    let odd = calls().into_iter().filter_map(|call| {
        let wrong = call.wrong_ends(&call.of([], true));
        (!wrong.is_empty()).then(|| format!("{}: {}", call.name, wrong.concat()))
    });
    assert_none(odd.collect());
}

#[test]
fn doubled_and_shuffled_snapshots_of_composed_calls_give_the_same_ends() {
    let mut odd = Vec::new();
    for call in calls() {
        let mut harness = call.harness(true);
        for (at, event) in (0_u64..).zip(&call.snapshots) {
            for spread in [7_919, 209_458] {
                let late = Duration::from_millis(at * spread % 2_500);
                harness.plan(elapsed(epoch(), event.state.at.unwrap()) + late, Input::Snapshot(event.clone().into()));
            }
        }
        harness.run(Duration::from_secs(900));
        let (ends, claims) = (call.wrong_ends(&harness), call.false_claims(&harness));
        if !ends.is_empty() || !claims.is_empty() {
            odd.push(format!("{}: {claims:?} {}", call.name, ends.concat()));
        }
    }
    assert_none(odd);
}

#[test]
fn second_call_of_the_same_caller_is_a_call_of_its_own() {
    let find = |name: &str| calls().into_iter().find(|call| call.name == name).unwrap();
    let first = find("caller who hangs up on hold");
    let second = find("two devices of one person, the second answers");
    let mut harness = Harness::new(epoch());
    for event in first.snapshots {
        harness.push(event);
    }
    for mut event in second.snapshots {
        event.call = "second".try_into().unwrap();
        event.state.at = event.state.at.map(|at| after(at, Duration::from_secs(7)));
        harness.push(event);
    }
    harness.run(Duration::from_secs(900));
    let ends = |id: &str| -> Vec<String> {
        let of_call = harness.updates.iter().filter(|(_, it)| it.call.id.as_str() == id && it.status.kind().is_final());
        of_call.map(|(_, it)| end(it)).collect()
    };
    assert_eq!(ends("a"), [first.end]);
    assert_eq!(ends("second"), [second.end]);
}

#[test]
fn composed_calls_with_losses_claim_nothing_false() {
    let mut odd = Vec::new();
    for call in calls() {
        let count = call.snapshots.len();
        let losses = (0..count).map(|lost| lost..lost + 1).chain((1..count).map(|from| 0..from));
        for lost in losses.chain((1..count).map(|from| from..count)) {
            let (without, with) = (call.of(call.without(&lost), false), call.of(call.without(&lost), true));
            let mut claims = call.false_claims(&without);
            claims.extend(call.false_claims(&with));
            if lost.len() == 1 {
                claims.extend(call.strangers(&without).into_iter().chain(call.strangers(&with)));
            }
            let ends = call.wrong_ends(&with);
            if !claims.is_empty() || !ends.is_empty() {
                odd.push(format!("{} without {lost:?} of {count}: {claims:?} {}", call.name, ends.concat()));
            }
        }
    }
    assert_none(odd);
}

#[test]
fn lost_heads_of_other_conversations_make_no_call_and_lose_none() {
    let mut odd = Vec::new();
    for call in calls() {
        let others: BTreeSet<&str> = call.snapshots.iter().map(|it| it.call.as_str()).filter(|id| *id != "a").collect();
        for id in others {
            let count = call.snapshots.iter().filter(|it| it.call.as_str() == id).count();
            for lost in 1..=count {
                let mut left = lost;
                let mut is_lost = |event: &CallSnapshot| {
                    event.call.as_str() == id && left > 0 && {
                        left -= 1;
                        true
                    }
                };
                let rest: Vec<_> = call.snapshots.iter().filter(|it| !is_lost(it)).cloned().collect();
                let (without, with) = (call.of(rest.clone(), false), call.of(rest, true));
                let mut wrong = call.wrong_ends(&with);
                wrong.extend(call.strangers(&without).into_iter().chain(call.strangers(&with)));
                if !wrong.is_empty() {
                    odd.push(format!("{} without {lost} of {id}: {wrong:?}", call.name));
                }
            }
        }
    }
    assert_none(odd);
}
