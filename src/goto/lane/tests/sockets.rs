//! Lane tests of lost and failed sockets.

use super::*;
use crate::runtime::http::NetworkFault;

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

/// Fails every request of a lane that is down, and returns its longest wait and the failures that it emits.
fn fail_all(harness: &mut LaneHarness, class: FailureClass, attempts: usize) -> (Duration, Vec<String>) {
    let (mut longest, mut emitted) = (Duration::ZERO, Vec::new());
    for _ in 0..attempts {
        let ticket = harness.ticket();
        let is_open = harness.out.iter().any(|effect| matches!(effect, Effect::Open { .. }));
        let failed = failure(class);
        harness.send(if is_open { Input::Opened(ticket, Err(failed)) } else { Input::Created(ticket, Err(failed)) });
        emitted.extend(harness.out.iter().filter_map(|effect| match effect {
            Effect::Emit(LaneEvent::Failing(why)) => Some(why.to_string()),
            _ => None,
        }));
        longest = longest.max(harness.run_to_deadline());
    }
    (longest, emitted)
}

#[test]
fn failed_socket_names_its_network_fault() {
    for fault in [NetworkFault::Closed, NetworkFault::Refused, NetworkFault::CertificateIssuer] {
        let (mut harness, socket) = LaneHarness::live("c");
        harness.advance(60).send(Input::Ended(socket, DisconnectReason::Broken));
        let (_, emitted) = fail_all(&mut harness, FailureClass::Unreachable(fault), 2);
        assert_eq!(emitted, [fault.as_str()]);
    }
}

#[test]
fn lane_of_an_unreached_host_waits_five_seconds_at_most() {
    let unreached = FailureClass::Unreachable(NetworkFault::DnsSilent);
    let (longest, _) = fail_all(&mut LaneHarness::new(), unreached, 50);
    assert_eq!(longest, Duration::from_millis(2_500), "half of 5 s with random value 0.5");
    let answered = FailureClass::Unreachable(NetworkFault::Timeout);
    let (longest, _) = fail_all(&mut LaneHarness::new(), answered, 50);
    assert_eq!(longest, Duration::from_secs(30), "an attempt that reached the host counts in full");
}

#[test]
fn sockets_to_an_unreached_host_keep_their_channel_for_a_minute() {
    let (mut harness, socket) = LaneHarness::live("c");
    harness.advance(60).send(Input::Ended(socket, DisconnectReason::Broken));
    let lost = harness.now.instant;
    while harness.deletes().is_empty() {
        fail_all(&mut harness, FailureClass::Unreachable(NetworkFault::NoRoute), 1);
    }
    let kept = (harness.now.instant - lost).as_secs();
    assert!((60..90).contains(&kept), "{kept} s");
}
