//! Calls that the recordings do not have: in stages, parked, handed on, in unknown shapes.

use super::{
    harness::Harness,
    script::{Script, epoch, person},
};
use crate::model::{
    call::{
        AccountNumber, CallSnapshot, CallStatus, CallSystem, Caller, Participant, ParticipantKind, ParticipantStatus,
        Phase, StatusKind, SystemKind, WireDirection,
    },
    phone::{PhoneNumber, Region},
    time::after,
};
use std::time::Duration;

/// Returns a snapshot of an outbound conversation with its parties and their states. The first party began it; "outside" is
/// an outside line.
pub fn outbound(
    call: &str,
    sequence: u64,
    ms: u64,
    phase: Phase,
    parties: &[(&str, ParticipantStatus)],
) -> CallSnapshot {
    let mut script = Script::inbound();
    let mut event = script.snapshots.remove(0);
    event.call = call.try_into().unwrap();
    event.direction = WireDirection::Outbound;
    event.created_at = Some(epoch());
    (event.state.sequence, event.state.phase) = (sequence, phase);
    event.state.at = Some(after(epoch(), Duration::from_millis(ms)));
    let id = |name: &str| format!("{call}-{name}").as_str().try_into().ok();
    let party = |(name, status): &(&str, ParticipantStatus)| Participant {
        id: id(name),
        leg: None,
        originator: id(parties[0].0),
        kind: match *name {
            "outside" => ParticipantKind::PhoneNumber {
                account_number: AccountNumber {
                    number: PhoneNumber::parse(Some("+14165550110"), Region::US),
                    label: None,
                },
                caller: None,
                callee: Some(Caller { name: None, number: PhoneNumber::parse(Some("+19025550104"), Region::US) }),
            },
            name => ParticipantKind::Line(person(name)),
        },
        status: status.clone(),
    };
    event.state.participants = parties.iter().map(party).collect();
    event
}

/// Plays events at their own times.
pub fn played(events: impl IntoIterator<Item = CallSnapshot>) -> Harness {
    let mut harness = Harness::new(epoch());
    for event in events {
        harness.push(event);
    }
    harness.run(Duration::from_secs(600));
    harness
}

pub fn answered_by_nadia() -> Script {
    let mut call = Script::inbound();
    call.wait(90);
    call.ring(&["Nadia"]);
    call.answer(6_000);
    call.talk(20_000);
    call
}

pub fn last(call: &Script) -> CallSnapshot {
    call.snapshots.last().unwrap().clone()
}

#[test]
fn direct_ring_is_emitted_immediately() {
    let mut call = Script::inbound();
    call.wait(90);
    call.ring(&["Nadia"]);
    let harness = played(call.snapshots);
    assert_eq!(harness.rings()[0], "0.1 phone rings Nadia");
}

#[test]
fn ring_without_a_phone_is_emitted_after_three_seconds() {
    let harness = played(Script::inbound().snapshots);
    assert_eq!(harness.rings(), ["3.0 phone"]);
}

#[test]
fn menu_is_a_stage_of_its_own_and_never_times_out_into_a_ring() {
    let mut call = Script::inbound();
    call.menu(50_000);
    let harness = played(call.snapshots);
    assert_eq!(harness.rings(), ["0.1 start"]);
    assert_eq!(harness.phone_rings(), [""; 0]);
}

#[test]
fn unknown_system_alone_counts_as_ringing() {
    let mut call = Script::inbound();
    call.menu(1_000);
    for event in call.snapshots.iter_mut().skip(1) {
        event.state.systems =
            vec![CallSystem { kind: SystemKind::Other("RECEPTIONIST".into()), status: ParticipantStatus::Connected }];
    }
    call.wait(20_000);
    call.hang_up(true);
    let harness = played(call.snapshots);
    assert_eq!(harness.phone_rings(), ["3.0 phone"]);
    let end = harness.updates.last().map(|(_, update)| update).unwrap();
    assert!(matches!(end.status, CallStatus::Missed { .. }) && !end.call.course.menu_only);
}

#[test]
fn stages_come_in_order_once_each() {
    let mut call = Script::inbound();
    call.menu(5_000);
    call.enter_queue("Support");
    call.wait(30_000);
    call.ring(&["Nadia", "Priya"]);
    call.ring_out(15_000);
    call.ring(&["Priya"]);
    call.ring_out(15_000);
    call.ring(&["Jonas"]);
    let harness = played(call.snapshots);
    let expected = [
        "0.1 start",
        "5.2 queue in Support",
        "35.4 phone rings Nadia, Priya in Support",
        // Priya alone is no news, Jonas is.
        "65.4 phone rings Jonas in Support",
    ];
    assert_eq!(harness.rings(), expected);
}

#[test]
fn status_of_an_unknown_kind_is_walked_through() {
    let mut call = answered_by_nadia();
    call.talk(10_000);
    let mut odd = last(&call);
    odd.state.sequence += 1;
    odd.state.participants[0].status = ParticipantStatus::Other("IN_A_DREAM".into());
    odd.state.at = Some(after(epoch(), Duration::from_millis(call.now)));
    call.snapshots.push(odd);
    call.wait(5_000);
    call.hang_up(true);
    assert_eq!(played(call.snapshots).end().unwrap(), "ended · with Nadia 30 s after 6 s · caller hung up");
}

#[test]
fn talk_in_an_unknown_shape_is_never_missed() {
    let mut call = Script::inbound();
    call.wait(90);
    call.ring(&["Nadia"]);
    call.answer(6_000);
    call.hang_up(true);
    for event in &mut call.snapshots {
        for party in
            event.state.participants.iter_mut().take(1).filter(|party| party.status == ParticipantStatus::Connected)
        {
            party.status = ParticipantStatus::Other("IN_CONFERENCE".into());
        }
    }
    assert_eq!(played(call.snapshots).end().unwrap().split(" · ").next(), Some("unknown"));
}

#[test]
fn parked_caller_who_gives_up_waits_for_a_call_back() {
    let parked = |back: Option<&str>| {
        let mut call = answered_by_nadia();
        let mut event = last(&call);
        event.state.sequence += 1;
        event.state.participants.truncate(1);
        event.state.participants[0].status = ParticipantStatus::Other("PARKED".into());
        event.state.at = Some(after(epoch(), Duration::from_millis(call.now)));
        call.snapshots.push(event.clone());
        call.wait(40_000);
        event.state.sequence += 1;
        event.state.at = Some(after(epoch(), Duration::from_millis(call.now)));
        if let Some(name) = back {
            event.state.participants = last(&answered_by_nadia()).state.participants;
            event.state.participants[1].id = Some("picked-up".try_into().unwrap());
            event.state.participants[1].kind = ParticipantKind::Line(person(name));
            call.snapshots.push(event.clone());
            event.state.sequence += 1;
            event.state.at = Some(after(epoch(), Duration::from_millis(call.now + 9_000)));
        }
        event.state.participants.truncate(1);
        event.state.participants[0].status = ParticipantStatus::Disconnecting;
        call.snapshots.push(event.clone());
        event.state.sequence += 1;
        (event.state.participants, event.state.phase) = (Vec::new(), Phase::Ending);
        call.snapshots.push(event);
        played(call.snapshots).end().unwrap()
    };
    assert_eq!(parked(None), "ended · with Nadia 20 s after 6 s · gave up in Parked after 40 s · callback");
    assert_eq!(parked(Some("Priya")), "ended · with Nadia 20 s after 6 s · with Priya 9 s");
}

#[test]
fn lost_answer_after_a_transfer_is_no_caller_left_waiting() {
    let mut call = answered_by_nadia();
    call.transfer("2066");
    call.ring(&["Priya"]);
    call.answer(3_000);
    call.talk(9_000);
    call.hang_up(true);
    let connected = |one: &Participant| {
        matches!(&one.kind, ParticipantKind::Line(person) if person.name.as_deref() == Some("Priya"))
            && one.status == ParticipantStatus::Connected
    };
    let has_priya = |event: &CallSnapshot| event.state.participants.iter().any(connected);
    let received: Vec<_> = call.snapshots.iter().filter(|event| !has_priya(event)).cloned().collect();
    assert!(received.len() < call.snapshots.len());
    let harness = played(received.clone());
    assert_eq!(harness.end().unwrap(), "ended · with Nadia 20 s after 6 s");
    let mut harness = Harness::new(epoch());
    harness.reports.insert(call.report().call, (Duration::from_secs(50), call.report()));
    received.into_iter().for_each(|event| harness.push(event));
    harness.run(Duration::from_secs(600));
    assert_eq!(harness.end().unwrap(), "ended · with Nadia 20 s after 6 s · with Priya 9 s after 3 s · caller hung up");
    assert_eq!(harness.updates.iter().filter(|(_, update)| update.status.kind() == StatusKind::Ended).count(), 1);
}

#[test]
fn call_first_seen_ringing_is_late_and_one_first_seen_in_a_menu_is_not() {
    let mut call = Script::inbound();
    call.menu(1_000);
    call.ring(&["Nadia"]);
    let skipped = |count: usize| played(call.snapshots.clone().into_iter().skip(count)).phone_rings();
    assert_eq!(skipped(2), ["1.2 phone rings Nadia"]);
    assert_eq!(skipped(4), ["1.2 phone rings Nadia late"]);
}

#[test]
fn message_of_unknown_length_is_completed_once() {
    let mut call = Script::inbound();
    call.mailbox(true);
    call.hang_up(true);
    for event in &mut call.snapshots {
        for system in &mut event.state.systems {
            if let SystemKind::Voicemail { length, .. } = &mut system.kind {
                *length = None;
            }
        }
    }
    let mut harness = played(call.snapshots);
    assert_eq!(harness.end().unwrap(), "voicemail · message ? s · callback");
    for _ in 0..2 {
        let effects = harness.tracker.voicemail(&"call".try_into().unwrap(), Duration::from_secs(18));
        assert!(effects.len() <= 1);
    }
}

#[test]
fn mailbox_without_a_result_may_hold_a_message() {
    let mut call = Script::inbound();
    call.wait(90);
    call.ring(&["Nadia"]);
    call.ring_out(20_000);
    call.mailbox(true);
    call.hang_up(true);
    for event in &mut call.snapshots {
        for system in &mut event.state.systems {
            system.kind = SystemKind::Voicemail { result: None, length: None };
        }
    }
    assert_eq!(played(call.snapshots).end().unwrap(), "voicemail · message? for Nadia · rang Nadia · callback");
}
