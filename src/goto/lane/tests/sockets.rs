//! Lane tests of lost and failed sockets.

use super::*;

#[test]
fn lost_socket_is_reopened_on_its_channel_immediately_only_if_stable() {
    let (mut harness, socket) = LaneHarness::live("c");
    harness.advance(60).send(Input::Ended(socket, DisconnectReason::Closed));
    assert!(matches!(&harness.out[..], [.., Effect::Open { url, .. }, Effect::Emit(_)] if url.expose() == "c"));
    assert!(harness.deletes().is_empty(), "{:?}", harness.out);
    let socket = harness.reopen();
    harness.advance(59).send(Input::Ended(socket, DisconnectReason::Closed));
    assert!(!harness.out.iter().any(|effect| matches!(effect, Effect::Open { .. })));
    assert_eq!(harness.run_to_deadline(), Duration::from_millis(500));
    let socket = harness.reopen();
    harness.send(Input::Ended(socket, DisconnectReason::Broken));
    assert_eq!(harness.run_to_deadline(), Duration::from_secs(1), "opening alone must not reset the backoff");
    assert!(matches!(&harness.out[..], [Effect::Open { url, .. }] if url.expose() == "c"), "{:?}", harness.out);
}

#[test]
fn reopened_socket_subscribes_every_account_again() {
    let (mut harness, socket) = LaneHarness::live("c");
    harness.advance(60).send(Input::Ended(socket, DisconnectReason::Broken));
    harness.reopen();
    assert_eq!(harness.run_to_deadline(), Duration::ZERO);
    assert!(matches!(&harness.out[..], [Effect::Subscribe { only: None, .. }]), "{:?}", harness.out);
    let ticket = harness.ticket();
    harness.send(Input::Subscribed(ticket, Err(failure(FailureClass::Gone))));
    harness.run_to_deadline();
    assert!(
        harness.out.iter().any(|effect| matches!(effect, Effect::Create { .. })
            || matches!(effect, Effect::Emit(LaneEvent::Down { why: DisconnectReason::Gone, .. }))),
        "{:?}",
        harness.out
    );
}

#[test]
fn failed_sockets_keep_their_channel_for_six_attempts() {
    let (mut harness, socket) = LaneHarness::live("c");
    harness.advance(60).send(Input::Ended(socket, DisconnectReason::Broken));
    let (mut opens, mut waited) = (0, Duration::ZERO);
    while harness.deletes().is_empty() {
        if harness.out.iter().any(|effect| matches!(effect, Effect::Open { .. })) {
            opens += 1;
            let ticket = harness.ticket();
            harness.send(Input::Opened(ticket, Err(failure(FailureClass::Rejected))));
        }
        waited += harness.run_to_deadline();
    }
    assert_eq!((opens, harness.deletes()), (6, vec!["c"]));
    assert!(waited >= Duration::from_secs(20), "channel replaced too early: {waited:?}");
    assert!(harness.out.iter().any(|effect| matches!(effect, Effect::Create { .. })));
}

#[test]
fn socket_of_unknown_channel_creates_another_one() {
    let (mut harness, socket) = LaneHarness::live("c");
    harness.advance(60).send(Input::Ended(socket, DisconnectReason::Closed));
    let ticket = harness.ticket();
    harness.send(Input::Opened(ticket, Err(failure(FailureClass::Gone))));
    harness.run_to_deadline();
    assert!(matches!(harness.out[..], [Effect::Create { .. }]), "{:?}", harness.out);
}
