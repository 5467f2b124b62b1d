//! Waits of a caller after a talk, or after a mailbox: other mailboxes, parking spots, unknown shapes.

use super::{
    compositions::{answered_by_nadia, last, played},
    script::{Script, epoch},
};
use crate::model::{
    call::{CallSystem, ParticipantStatus, Phase, SystemKind},
    time::after,
};
use std::time::Duration;

/// Adds a copy of the newest snapshot, changed, as of now.
fn changed(call: &mut Script, change: impl FnOnce(&mut crate::model::call::SnapshotState)) {
    let mut event = last(call);
    event.state.sequence += 1;
    event.state.at = Some(after(epoch(), Duration::from_millis(call.now)));
    change(&mut event.state);
    call.snapshots.push(event);
}

fn ended(call: &mut Script) -> String {
    changed(call, |state| {
        state.participants.truncate(1);
        state.participants.iter_mut().for_each(|party| party.status = ParticipantStatus::Disconnecting);
        state.systems.clear();
    });
    changed(call, |state| (state.participants, state.phase) = (Vec::new(), Phase::Ending));
    played(call.snapshots.clone()).end().unwrap()
}

#[test]
fn message_after_a_transfer_to_a_mailbox_is_for_its_owner() {
    let mut call = answered_by_nadia();
    call.transfer("2066");
    call.mailbox(true);
    call.hang_up(true);
    let end = played(call.snapshots).end().unwrap();
    assert!(end.contains("message 7 s for 2066"), "{end}");
}

#[test]
fn message_after_hold_is_not_for_whom_the_call_rang_before_the_talk() {
    let mut call = answered_by_nadia();
    call.hold(60_000, false);
    call.mailbox(true);
    call.hang_up(true);
    let end = played(call.snapshots).end().unwrap();
    assert!(end.contains("message 7 s ·"), "{end}");
}

#[test]
fn message_in_the_second_mailbox_is_for_its_owner() {
    let mut call = Script::inbound();
    call.menu(2_000);
    for (name, success) in [("Nadia", false), ("Ewan", true)] {
        call.ring(&[name]);
        call.ring_out(20_000);
        call.mailbox(success);
        call.snap();
        call.wait(2_000);
    }
    call.hang_up(true);
    let end = played(call.snapshots).end().unwrap();
    assert!(end.contains("message 7 s for Ewan"), "{end}");
}

#[test]
fn caller_in_a_parking_spot_that_is_a_system_gives_up_parked() {
    let mut call = answered_by_nadia();
    changed(&mut call, |state| {
        state.participants.truncate(1);
        state.participants[0].status = ParticipantStatus::InSystem;
        let kind = SystemKind::Other("PARKING_SPOT".into());
        state.systems = vec![CallSystem { kind, status: ParticipantStatus::Connected }];
    });
    call.wait(40_000);
    assert_eq!(ended(&mut call), "ended · with Nadia 20 s after 6 s · gave up in Parked after 40 s · callback");
}

#[test]
fn shape_that_may_be_a_talk_leaves_no_caller_waiting() {
    for hold in [true, false] {
        let mut call = answered_by_nadia();
        if hold {
            call.hold(8_000, false);
        } else {
            call.transfer("2033");
            call.ring(&["Priya"]);
            call.wait(4_000);
        }
        changed(&mut call, |state| {
            for party in &mut state.participants {
                party.status = ParticipantStatus::Other("IN_CONFERENCE".into());
            }
        });
        call.wait(50_000);
        let end = ended(&mut call);
        assert!(!end.contains("gave up") && !end.contains("callback"), "{end}");
    }
}
