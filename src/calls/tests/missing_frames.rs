//! Calls with frames that were lost: what their reports and states restore, and what stays unknown.

use super::{
    compositions::{answered_by_nadia, last, played},
    harness::{Harness, Input},
    in_words::end,
    script::{Script, epoch},
};
use crate::{
    calls::Limits,
    model::{
        call::{CallSnapshot, CallStatus, ParticipantStatus, Revision, StatusKind},
        time::elapsed,
    },
};
use std::time::Duration;

#[test]
fn report_push_is_fetched_once_for_known_and_unknown_calls() {
    let mut call = answered_by_nadia();
    call.hang_up(true);
    for known in [true, false] {
        let mut harness = Harness::new(epoch());
        harness.reports.insert("call".try_into().unwrap(), (Duration::from_secs(150), call.report()));
        if known {
            call.snapshots.iter().for_each(|event| harness.push(event.clone()));
        }
        for second in [60, 61, 150, 155, 200] {
            harness.plan(Duration::from_secs(second), Input::ReportReady("call".try_into().unwrap()));
        }
        harness.run(Duration::from_secs(400));
        assert_eq!(harness.fetched_reports.len(), 1);
        assert_eq!(harness.end().unwrap(), "ended · with Nadia 20 s after 6 s · caller hung up");
        let ends =
            harness.updates.iter().filter(|(_, it)| it.status.kind().is_final()).count() + harness.from_reports.len();
        assert_eq!(ends, 1);
    }
}

#[test]
fn lone_end_emits_nothing_until_its_report() {
    let mut call = answered_by_nadia();
    call.hang_up(true);
    let harness = played([last(&call)]);
    assert!(harness.updates.is_empty());
    assert_eq!(harness.fetched_reports.len(), 1);
    let mut harness = Harness::new(epoch());
    harness.reports.insert("call".try_into().unwrap(), (Duration::from_secs(80), call.report()));
    harness.push(last(&call));
    harness.run(Duration::from_secs(400));
    assert_eq!(harness.end().unwrap(), "ended · with Nadia 20 s after 6 s · caller hung up");
}

#[test]
fn late_report_ends_an_incomplete_call_after_many_complete_ones() {
    let mut call = answered_by_nadia();
    call.hang_up(true);
    for (incomplete_facts, expected) in [
        (1, "ended · with Nadia 20 s after 6 s · caller hung up"),
        (0, "unknown · rang Nadia · gave up in Phone after 26 s"),
    ] {
        let mut harness = Harness::with(epoch(), Limits { ended_facts: 2, incomplete_facts, ..Limits::default() });
        harness.push(call.snapshots[1].clone());
        harness.push(last(&call));
        for second in 200..210 {
            for mut event in call.snapshots.clone() {
                event.call = format!("other-{second}").as_str().try_into().unwrap();
                harness.plan(Duration::from_secs(second), Input::Snapshot(event.into()));
            }
        }
        harness.plan(Duration::from_secs(300), Input::Report(call.report().into()));
        harness.run(Duration::from_secs(600));
        let last = harness.updates.iter().rev().find(|(_, update)| update.call.id.as_str() == "call").unwrap();
        assert_eq!(end(&last.1), expected, "{incomplete_facts}");
    }
}

#[test]
fn report_fills_more_holes_than_a_sequence_keeps() {
    let mut call = Script::inbound();
    call.menu(2_000);
    call.ring(&["Nadia"]);
    call.ring_out(1_000);
    for _ in 0..8 {
        call.menu(2_000);
    }
    call.ring(&["Priya"]);
    call.wait(3_000);
    call.hang_up(true);
    let whole = played(call.snapshots.clone()).end();
    let mut harness = Harness::new(epoch());
    harness.reports.insert("call".try_into().unwrap(), (Duration::ZERO, call.report()));
    let kept = |(at, _): &(usize, &CallSnapshot)| *at > 5 && at % 2 == 0 || *at + 1 == call.snapshots.len();
    call.snapshots.iter().enumerate().filter(kept).for_each(|(_, event)| harness.push(event.clone()));
    harness.run(Duration::from_secs(300));
    assert_eq!(harness.end(), whole);
}

#[test]
fn unknown_outcome_is_resolved_by_a_late_report() {
    let mut call = Script::inbound();
    call.menu(4_000);
    call.enter_queue("Support");
    call.ring(&["Nadia"]);
    call.ring_out(15_000);
    call.hang_up(true);
    let mut harness = Harness::new(epoch());
    call.snapshots.iter().enumerate().filter(|(at, _)| *at != 5).for_each(|(_, event)| harness.push(event.clone()));
    harness.run(Duration::from_secs(300));
    assert_eq!(harness.end().unwrap().split(" · ").next(), Some("unknown"));
    harness.plan(Duration::from_secs(310), Input::Report(call.report().into()));
    harness.run(Duration::from_secs(300));
    let last = &harness.updates.last().unwrap().1;
    assert_eq!((last.status.kind(), last.call.revision), (StatusKind::Missed, Some(Revision::Resolved)));
    assert_eq!(
        end(last),
        "missed · LeftQueue after 19 s · rang Nadia · gave up in Queue Support after 15 s · callback"
    );
}

#[test]
fn answer_survives_a_report_without_an_answer() {
    let mut call = answered_by_nadia();
    call.hang_up(true);
    let mut liar = Script::inbound();
    liar.hang_up(true);
    for received in [call.snapshots.len(), 4] {
        let mut harness = Harness::new(epoch());
        call.snapshots.iter().take(received).for_each(|event| harness.push(event.clone()));
        harness.plan(Duration::from_secs(60), Input::Report(liar.report().into()));
        harness.run(Duration::from_secs(600));
        let emitted: Vec<String> = harness.updates.iter().map(|(_, update)| end(update)).collect();
        assert!(emitted.last().unwrap().starts_with("ended · with Nadia"), "{emitted:#?}");
    }
}

#[test]
fn lost_end_is_closed_when_the_caller_was_seen_leaving() {
    let mut call = answered_by_nadia();
    call.hang_up(true);
    call.snapshots.pop();
    let harness = played(call.snapshots);
    let (at, update) = harness.updates.last().unwrap();
    assert_eq!((at.as_secs(), end(update).as_str()), (31, "ended · with Nadia 20 s after 6 s"));
}

#[test]
fn silent_call_is_fetched_less_and_less_often_and_then_has_an_unknown_end() {
    let mut harness = Harness::new(epoch());
    answered_by_nadia().snapshots.iter().for_each(|event| harness.push(event.clone()));
    harness.run(Duration::from_secs(5 * 3600));
    assert_eq!(harness.fetched_reports.len(), 5);
    let (_, update) = harness.updates.last().unwrap();
    assert!(update.call.end_unknown && update.status == CallStatus::Ended { talk_time: None });
    assert_eq!(harness.tracker.next_deadline(), None);
}

#[test]
fn holes_are_fetched_and_heal_the_call_before_its_end() {
    let mut call = answered_by_nadia();
    call.talk(30_000);
    call.hold(3_000, true);
    call.hang_up(true);
    let mut harness = Harness::new(epoch());
    harness.states.clone_from(&call.snapshots);
    call.snapshots
        .iter()
        .enumerate()
        .filter(|(at, _)| ![2, 3].contains(at))
        .for_each(|(_, event)| harness.push(event.clone()));
    harness.run(Duration::from_secs(60));
    assert_eq!(harness.fetched_states, [(3, 4)]);
    assert_eq!(harness.end().unwrap(), "ended · with Nadia 50 s held 3 s after 6 s · caller hung up");
    assert!(harness.fetched_reports.is_empty());
}

#[test]
fn clean_stop_emits_rings_and_leaves_doubtful_ends_open() {
    let mut call = Script::inbound();
    call.menu(1_000);
    call.ring(&["Nadia"]);
    let mut harness = Harness::new(epoch());
    call.snapshots.iter().for_each(|event| harness.push(event.clone()));
    harness.run(Duration::from_millis(10));
    assert_eq!(harness.phone_rings(), [""; 0]);
    harness.flush();
    assert_eq!(harness.phone_rings().len(), 1);

    call.hang_up(true);
    let mut harness = Harness::new(epoch());
    call.snapshots.iter().skip(2).for_each(|event| harness.push(event.clone()));
    harness.run(Duration::from_millis(10));
    harness.flush();
    assert!(harness.updates.iter().all(|(_, update)| !update.status.kind().is_final()));
}

/// Returns a call that Nadia answers after 6 s, with 24 s on hold in its talk.
fn held_by_nadia() -> Script {
    let mut call = answered_by_nadia();
    call.talk(30_000);
    call.hold(24_000, true);
    call.talk(9_000);
    call.hang_up(true);
    call
}

#[test]
fn answer_in_a_lost_snapshot_has_no_time_and_the_ring_is_late() {
    let call = held_by_nadia();
    let held = call.snapshots.iter().position(|event| {
        event.state.participants.iter().any(|one| matches!(one.status, ParticipantStatus::OnHold { .. }))
    });
    for lost in [held.unwrap(), held.unwrap() + 1, held.unwrap() - 1] {
        let harness = played(call.snapshots.iter().skip(lost).cloned());
        let times: Vec<_> = harness.updates.iter().map(|(_, update)| update.call.answered_at).collect();
        assert!(!times.is_empty() && times.iter().all(Option::is_none), "{lost}: {times:?}");
        assert_eq!(harness.phone_rings().len(), 1, "{lost}");
        assert!(harness.phone_rings()[0].ends_with(" rings Nadia late"), "{lost}: {:?}", harness.phone_rings());
    }
    let harness = played(call.snapshots.iter().enumerate().filter(|(at, _)| *at != 3).map(|(_, it)| it.clone()));
    assert_eq!(harness.updates.last().unwrap().1.call.answered_at, None);
}

#[test]
fn answer_right_after_a_received_snapshot_keeps_its_time() {
    let mut call = Script::inbound();
    call.wait(90);
    call.ring(&["Nadia", "Priya"]);
    call.answer(6_000);
    call.talk(20_000);
    call.hang_up(true);
    let answered = |events: Vec<CallSnapshot>| played(events).updates.last().unwrap().1.call.answered_at;
    let without = |lost: usize| {
        call.snapshots.iter().enumerate().filter(|(at, _)| *at != lost).map(|(_, it)| it.clone()).collect()
    };
    let whole = answered(call.snapshots.clone());
    assert_eq!(elapsed(epoch(), whole.unwrap()).as_secs(), 6);
    // The other phone stops right before the answer.
    assert_eq!(answered(without(4)), whole);
}

#[test]
fn answer_in_a_lost_snapshot_has_the_time_of_the_report() {
    let call = held_by_nadia();
    let mut harness = Harness::new(epoch());
    harness.reports.insert("call".try_into().unwrap(), (Duration::from_secs(150), call.report()));
    call.snapshots.iter().skip(5).for_each(|event| harness.push(event.clone()));
    harness.plan(Duration::from_secs(160), Input::ReportReady("call".try_into().unwrap()));
    harness.run(Duration::from_secs(400));
    let answered = harness.updates.last().unwrap().1.call.answered_at.unwrap();
    assert_eq!(elapsed(epoch(), answered).as_secs(), 6);
}
