//! Calls that the recordings do not have: outbound, picked up, consulted, over several conversations. Inbound calls in one
//! conversation are in `compositions`.

use super::{
    compositions::{answered_by_nadia, last, outbound, played},
    harness::Input,
    script::Script,
};
use crate::model::{
    call::{CallSnapshot, CallStatus, ParticipantStatus, Phase, RingStage},
    time::after,
};
use std::time::Duration;

#[test]
fn pick_up_stub_emits_nothing() {
    let ringing = || outbound("stub", 1, 0, Phase::Starting, &[("Nadia", ParticipantStatus::Ringing)]);
    let leaving = outbound("stub", 2, 380, Phase::Starting, &[("Nadia", ParticipantStatus::Disconnecting)]);
    let mut harness =
        played([ringing(), leaving, outbound("stub", 3, 380, Phase::Ending, &[("Nadia", ParticipantStatus::Ringing)])]);
    assert!(harness.updates.is_empty() && harness.fetched_reports.is_empty());
    harness.plan(Duration::from_secs(700), Input::ReportReady("stub".try_into().unwrap()));
    harness.run(Duration::from_secs(600));
    assert!(harness.updates.is_empty());
    assert!(played([ringing()]).updates.is_empty(), "nor while the called party is not known");
}

#[test]
fn outbound_call_is_reached_when_the_far_side_answers() {
    let both = |sequence, ms, phase, mine, theirs| {
        outbound("out", sequence, ms, phase, &[("Nadia", mine), ("outside", theirs)])
    };
    let harness = played([
        outbound("out", 1, 0, Phase::Starting, &[("Nadia", ParticipantStatus::Ringing)]),
        both(2, 400, Phase::Starting, ParticipantStatus::Ringing, ParticipantStatus::Ringing),
        both(3, 9_400, Phase::Active, ParticipantStatus::Connected, ParticipantStatus::Ringing),
        both(4, 9_400, Phase::Active, ParticipantStatus::Connected, ParticipantStatus::Connected),
        both(5, 69_400, Phase::Active, ParticipantStatus::Connected, ParticipantStatus::Disconnecting),
        outbound("out", 6, 69_400, Phase::Active, &[("Nadia", ParticipantStatus::Disconnecting)]),
        outbound("out", 7, 69_400, Phase::Ending, &[]).clone(),
    ]);
    assert_eq!(harness.end().unwrap(), "outbound · ended · with Nadia 60 s after 9 s");
    assert_eq!(harness.answers(), ["Nadia"]);
}

/// Returns a call in which Nadia has a caller and consults Priya, before she hands the caller on or resumes the talk.
fn consulted(answered: bool) -> (Script, Vec<CallSnapshot>) {
    let mut call = answered_by_nadia();
    call.hold(8_000, true);
    let start = 26_100;
    let both =
        |sequence, ms, phase, mine, theirs| outbound("ask", sequence, ms, phase, &[("Nadia", mine), ("Priya", theirs)]);
    let mut ask = vec![
        outbound("ask", 1, start, Phase::Starting, &[("Nadia", ParticipantStatus::Ringing)]),
        both(2, start + 60, Phase::Starting, ParticipantStatus::Ringing, ParticipantStatus::Ringing),
    ];
    if answered {
        ask.push(both(3, start + 3_000, Phase::Active, ParticipantStatus::Connected, ParticipantStatus::Connected));
    }
    let next = ask.len() as u64 + 1;
    ask.push(outbound("ask", next, start + 7_000, Phase::Active, &[("Nadia", ParticipantStatus::Disconnecting)]));
    let mut end = outbound("ask", next + 1, start + 7_000, Phase::Ending, &[("Nadia", ParticipantStatus::Ringing)]);
    end.state.participants.clear();
    ask.push(end);
    (call, ask)
}

#[test]
fn consultation_without_a_transfer_is_no_call_of_its_own() {
    for answered in [false, true] {
        let (mut call, ask) = consulted(answered);
        call.talk(5_000);
        call.hang_up(false);
        let harness = played(call.snapshots.into_iter().chain(ask));
        assert!(harness.updates.iter().all(|(_, update)| update.call.id.as_str() == "call"));
        assert_eq!(harness.end().unwrap(), "ended · with Nadia 25 s held 8 s after 6 s · Nadia hung up");
    }
}

#[test]
fn consultation_known_before_its_link_is_ended_silently() {
    let mut call = Script::inbound();
    call.wait(90);
    let (_, mut ask) = consulted(false);
    let events = [outbound("ask", 1, 10, Phase::Starting, &[("Priya", ParticipantStatus::Ringing)])];
    let mut event = last(&call);
    event.state.sequence = 2;
    event.linked = vec!["ask".try_into().unwrap()];
    let harness = played(call.snapshots.into_iter().chain(events).chain([event]).chain(ask.drain(1..)));
    assert!(harness.updates.iter().all(|(_, update)| update.call.id.as_str() == "call"), "{:?}", harness.rings());
}

#[test]
fn internal_call_without_a_caller_is_a_call() {
    let (_, ask) = consulted(true);
    let harness = played(ask);
    assert_eq!(harness.end().unwrap(), "internal · ended · with Priya 4 s after 3 s");
}

#[test]
fn same_caller_in_a_linked_conversation_is_one_call() {
    let mut first = answered_by_nadia();
    let mut second = Script::inbound();
    second.wait(40_000);
    second.ring(&["Priya"]);
    second.answer(3_000);
    second.talk(10_000);
    second.hang_up(true);
    let mut events = second.snapshots;
    events.iter_mut().for_each(|event| {
        event.call = "second".try_into().unwrap();
        event.linked = vec!["call".try_into().unwrap()];
        event.state.at = event.state.at.map(|at| after(at, Duration::from_secs(1)));
    });
    first.hang_up(false);
    let harness = played(first.snapshots.into_iter().chain(events.into_iter().skip(1)));
    assert!(harness.updates.iter().all(|(_, update)| update.call.id.as_str() == "call"));
    let stages =
        harness.updates.iter().filter(|(_, it)| it.status == CallStatus::Ringing).map(|(_, it)| it.call.course.stage);
    assert!(stages.clone().all(|stage| stage == RingStage::Phone) && stages.count() <= 2);
    assert!(harness.end().unwrap().contains("with Nadia 20 s") && harness.end().unwrap().contains("with Priya 10 s"));
}
