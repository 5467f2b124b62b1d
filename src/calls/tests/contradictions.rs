//! Reports and summaries that lack something, or contradict the snapshots: nothing is claimed that none of them proves.

use super::{
    compositions::{answered_by_nadia, outbound},
    harness::{Harness, Input},
    in_words::end,
    script::{Script, epoch, person},
};
use crate::{
    calls::update_from_report,
    model::{
        call::{
            CallSnapshot, CallStatus, ParticipantStatus, Phase, Queue, Report, ReportedQueue, RingStage, StatusKind,
        },
        time::after,
    },
};
use std::time::Duration;

/// Returns a call that waits in a queue, rings two people, and is abandoned or answered.
fn queued(answered: bool) -> Script {
    let mut call = Script::inbound();
    call.menu(4_000);
    call.enter_queue("Support");
    call.ring(&["Priya", "Jonas"]);
    if answered {
        call.answer(6_000);
        call.talk(40_000);
    } else {
        call.wait(30_000);
    }
    call.hang_up(true);
    call
}

/// Returns the report of `call` with the snapshots that `keep` selects by their number.
fn cut(call: &Script, keep: impl Fn(usize) -> bool) -> Report {
    let mut report = call.report();
    if let Some(full) = &mut report.full {
        full.snapshots =
            call.snapshots.iter().enumerate().filter(|(at, _)| keep(*at)).map(|(_, it)| it.clone()).collect();
    }
    report
}

fn end_by(report: &Report) -> String {
    update_from_report(report, epoch()).as_ref().map(end).unwrap_or_default()
}

/// Returns the end of `call` by the first `received` snapshots, and then `report`.
fn end_with(call: &Script, received: usize, report: &Report) -> String {
    let mut harness = Harness::new(epoch());
    call.snapshots.iter().take(received).for_each(|event| harness.push(event.clone()));
    harness.plan(Duration::from_secs(200), Input::Report(report.clone().into()));
    harness.run(Duration::from_secs(900));
    harness.end().unwrap_or_default()
}

#[test]
fn report_whose_list_names_an_agent_is_no_missed_call() {
    let call = queued(false);
    let mut by_agent = call.report();
    by_agent.full.as_mut().unwrap().agents = vec![person("Priya")];
    let mut by_queue = call.report();
    let queue = Queue { name: "Support".into(), extension: None };
    by_queue.full.as_mut().unwrap().queues = vec![ReportedQueue { queue, left: Some("ANSWERED".into()), waited: None }];
    for report in [by_agent, by_queue] {
        for ended in [end_by(&report), end_with(&call, 5, &report)] {
            assert!(!ended.contains("missed"), "{ended}");
        }
    }
    assert!(end_by(&call.report()).starts_with("missed"), "{}", end_by(&call.report()));
}

#[test]
fn report_that_lacks_states_proves_no_missed_call() {
    let call = queued(true);
    let count = call.snapshots.len();
    let is_talk = |at: usize| {
        let connected = |status: &ParticipantStatus| *status == ParticipantStatus::Connected;
        call.snapshots[at].state.participants.iter().filter(|one| connected(&one.status)).count() > 1
    };
    let without_talk = cut(&call, |at| !is_talk(at));
    let head = cut(&call, |at| at < 6);
    let tail = cut(&call, |at| at + 3 >= count);
    for report in [without_talk, head, tail] {
        for received in [0, 3, 6] {
            let ended = if received == 0 { end_by(&report) } else { end_with(&call, received, &report) };
            assert!(!ended.contains("missed") && !ended.contains("talked"), "{received}: {ended}");
        }
    }
    let whole = end_by(&call.report());
    assert!(whole.starts_with("ended · with Priya 40 s"), "{whole}");
}

#[test]
fn report_without_states_leaves_the_outcome_to_what_was_received() {
    let call = queued(true);
    let empty = cut(&call, |_| false);
    assert!(!end_by(&empty).contains("missed"), "{}", end_by(&empty));
    let whole = end_with(&call, call.snapshots.len(), &empty);
    assert!(whole.starts_with("ended · with Priya 40 s"), "{whole}");
}

#[test]
fn summary_of_a_talk_names_no_person_who_only_rang() {
    let call = queued(true);
    let summary = Report {
        outcome: Some("NORMAL".into()),
        people: vec![person("Priya"), person("Jonas"), person("Ewan")],
        full: None,
        ..call.report()
    };
    // The caller, the menu and one ringing phone were received.
    for received in 5..9 {
        let ended = end_with(&call, received, &summary);
        let mut harness = Harness::new(epoch());
        call.snapshots.iter().take(received).for_each(|event| harness.push(event.clone()));
        harness.plan(Duration::from_secs(200), Input::Report(summary.clone().into()));
        harness.run(Duration::from_secs(900));
        let last = harness.updates.last().map(|(_, update)| update).unwrap();
        assert_eq!(last.status.kind(), StatusKind::Ended, "{ended}");
        assert!(last.call.people.is_empty(), "{received}: {:?}", last.call.people);
    }
    let one = Report { people: vec![person("Ewan")], ..summary };
    let mut harness = Harness::new(epoch());
    call.snapshots.iter().take(6).for_each(|event| harness.push(event.clone()));
    harness.plan(Duration::from_secs(200), Input::Report(one.into()));
    harness.run(Duration::from_secs(900));
    let last = harness.updates.last().map(|(_, update)| update).unwrap();
    assert_eq!(last.call.people, [person("Ewan")]);
}

#[test]
fn abandoned_call_was_last_with_who_talked_not_with_who_rings() {
    let mut call = answered_by_nadia();
    call.transfer("2066");
    call.ring(&["Ewan"]);
    let mut harness = Harness::new(epoch());
    call.snapshots.iter().for_each(|event| harness.push(event.clone()));
    harness.run(Duration::from_secs(6 * 3600));
    let last = harness.updates.last().map(|(_, update)| update).unwrap();
    assert!(last.call.end_unknown);
    assert!(!last.call.people.contains(&person("Ewan")), "{:?}", last.call.people);
}

#[test]
fn reports_of_one_call_that_disagree_take_no_message_and_no_answer_away() {
    let mut call = answered_by_nadia();
    call.transfer("2066");
    call.ring(&["Ewan"]);
    call.ring_out(20_000);
    call.mailbox(true);
    call.hang_up(true);
    let mut other = answered_by_nadia();
    other.hang_up(true);
    let missed = Report { outcome: Some("MISSED".into()), full: None, ..call.report() };
    let mut harness = Harness::new(epoch());
    call.snapshots.iter().for_each(|event| harness.push(event.clone()));
    for (second, report) in [(100, missed), (110, cut(&call, |at| at < 4)), (120, other.report())] {
        harness.plan(Duration::from_secs(second), Input::Report(report.into()));
    }
    harness.run(Duration::from_secs(900));
    let ended = harness.end().unwrap();
    assert!(ended.contains("with Nadia 20 s") && ended.contains("message 7 s"), "{ended}");
}

#[test]
fn consultation_whose_frames_are_all_lost_is_no_call_by_its_report() {
    let mut call = answered_by_nadia();
    call.hold(8_000, true);
    call.talk(5_000);
    call.hang_up(true);
    let both = |sequence, ms: u64, mine, theirs| {
        outbound("ask", sequence, 27_000 + ms, Phase::Active, &[("Nadia", mine), ("Priya", theirs)])
    };
    let mut states: Vec<CallSnapshot> = vec![
        outbound("ask", 1, 27_000, Phase::Starting, &[("Nadia", ParticipantStatus::Ringing)]),
        both(2, 60, ParticipantStatus::Ringing, ParticipantStatus::Ringing),
        both(3, 2_000, ParticipantStatus::Connected, ParticipantStatus::Connected),
        both(4, 5_000, ParticipantStatus::Connected, ParticipantStatus::Disconnecting),
        outbound("ask", 5, 32_000, Phase::Active, &[("Nadia", ParticipantStatus::Disconnecting)]),
        outbound("ask", 6, 32_000, Phase::Ending, &[("Nadia", ParticipantStatus::Disconnecting)]),
    ];
    let created = Some(after(epoch(), Duration::from_millis(27_000)));
    states.iter_mut().for_each(|state| state.created_at = created);
    states[5].state.participants.clear();
    let mut report = call.report();
    (report.call, report.direction, report.created_at) = (states[0].call.clone(), states[0].direction.clone(), created);
    report.ended_at = states[5].state.at;
    report.full.as_mut().unwrap().snapshots = states;
    let mut harness = Harness::new(epoch());
    call.snapshots.iter().for_each(|event| harness.push(event.clone()));
    harness.plan(Duration::from_secs(30), Input::Report(report.clone().into()));
    harness.plan(Duration::from_secs(120), Input::Report(report.into()));
    harness.run(Duration::from_secs(900));
    assert_eq!(harness.from_reports.len(), 0, "{:?}", harness.from_reports.iter().map(end).collect::<Vec<_>>());
}

#[test]
fn report_that_comes_while_the_call_is_under_way_ends_it_once() {
    let call = queued(true);
    for received in 1..call.snapshots.len() {
        let mut harness = Harness::new(epoch());
        call.snapshots.iter().take(received).for_each(|event| harness.push(event.clone()));
        let last = call.snapshots[received - 1].state.at.unwrap();
        let at = crate::model::time::elapsed(epoch(), last) + Duration::from_millis(1);
        harness.plan(at, Input::Report(call.report().into()));
        call.snapshots.iter().skip(received).for_each(|event| harness.push(event.clone()));
        harness.run(Duration::from_secs(900));
        let ends: Vec<_> = harness.updates.iter().filter(|(_, it)| it.status.kind().is_final()).collect();
        assert_eq!(ends.len(), 1, "{received}");
        assert!(end(&ends[0].1).starts_with("ended · with Priya 40 s"), "{}", end(&ends[0].1));
        let phone = |update: &&(Duration, crate::model::call::CallUpdate)| {
            update.1.status == CallStatus::Ringing && update.1.call.course.stage == RingStage::Phone
        };
        assert!(harness.updates.iter().filter(phone).count() <= 2);
    }
}

#[test]
fn summary_explains_a_caller_who_was_connected_alone() {
    let mut call = Script::inbound();
    call.ring(&["Priya"]);
    call.ring_out(20_000);
    let mut alone = call.snapshots.last().unwrap().clone();
    alone.state.sequence += 1;
    alone.state.participants.truncate(1);
    alone.state.participants[0].status = ParticipantStatus::Connected;
    call.snapshots.push(alone);
    call.wait(30_000);
    call.hang_up(true);
    let count = call.snapshots.len();
    let mut summary = Report { full: None, ..call.report() };
    for (outcome, expected) in [(None, "unknown"), (Some("MISSED"), "unknown"), (Some("LEFT_VOICEMAIL"), "voicemail")] {
        summary.outcome = outcome.map(Into::into);
        let ended = end_with(&call, count, &summary);
        assert!(ended.starts_with(expected) && !ended.contains("missed"), "{outcome:?}: {ended}");
    }
}
