//! Lane tests of pings, probes and jumps of the clock.

use super::*;

#[test]
fn probe_ends_a_dead_connection_within_five_seconds() {
    let (mut harness, socket) = LaneHarness::live("c");
    let last = harness.now;
    harness.advance(2);
    assert!(matches!(harness.send(Input::Probe), [Effect::Ping(pinged)] if *pinged == socket));
    assert!(harness.send(Input::Probe).is_empty(), "one test at a time");
    assert_eq!(harness.run_to_deadline(), Duration::from_secs(5));
    let down = LaneEvent::Down { why: DisconnectReason::Silent, live_until: last };
    assert!(harness.out.iter().any(|effect| matches!(effect, Effect::Emit(event) if *event == down)));
    let (mut harness, socket) = LaneHarness::live("c");
    harness.send(Input::Probe);
    harness.send(Input::Frame(socket));
    harness.advance(6).send(Input::Tick);
    assert!(harness.lane.is_live(), "an answer ends the test");
}

#[test]
fn unanswered_ping_makes_the_lane_suspect_once() {
    let (mut harness, _) = LaneHarness::live("c");
    let mut suspicions = 0;
    while harness.lane.is_live() {
        harness.run_to_deadline();
        suspicions += harness.out.iter().filter(|effect| matches!(effect, Effect::Emit(LaneEvent::Suspect))).count();
    }
    assert_eq!(suspicions, 1);
}

#[test]
fn clock_jump_tests_the_connection_and_renews_its_channel() {
    let (mut harness, socket) = LaneHarness::live("c");
    let last = harness.now;
    harness.advance(6);
    harness.now.timestamp += Duration::from_secs(1800);
    harness.send(Input::Tick);
    let jump = LaneEvent::ClockJump { live_until: last };
    assert!(harness.out.iter().any(|effect| matches!(effect, Effect::Emit(event) if *event == jump)));
    assert!(harness.out.iter().any(|effect| matches!(effect, Effect::Ping(pinged) if *pinged == socket)));
    assert!(harness.out.iter().any(|effect| matches!(effect, Effect::Renew { .. })), "{:?}", harness.out);
}

#[test]
fn two_unanswered_pings_end_connection_dated_by_last_frame() {
    let (mut harness, socket) = LaneHarness::live("c");
    let last = harness.advance(3).now;
    harness.send(Input::Frame(socket));
    let mut pings = 0;
    let lost = loop {
        harness.run_to_deadline();
        pings += harness.out.iter().filter(|effect| matches!(effect, Effect::Ping(_))).count();
        let lost = harness.out.iter().find_map(|effect| match effect {
            Effect::Emit(LaneEvent::Down { why, live_until }) => Some((*why, *live_until)),
            _ => None,
        });
        if let Some(lost) = lost {
            break lost;
        }
    };
    assert_eq!((pings, lost), (2, (DisconnectReason::Silent, last)));
    assert!(harness.now.instant - last.instant <= Duration::from_secs(22));
}

#[test]
fn close_found_after_a_pause_is_dated_by_the_last_frame_before_it() {
    for waiting_frames in [0, 3] {
        let (mut harness, socket) = LaneHarness::live("c");
        let last = harness.advance(8).now;
        harness.send(Input::Frame(socket));
        // Stopped by a signal: both clocks go on, and what waits is read before the tick.
        harness.advance(40);
        let mut jumps = 0;
        for _ in 0..waiting_frames {
            let out = harness.send(Input::Frame(socket));
            jumps += out.iter().filter(|effect| matches!(effect, Effect::Emit(LaneEvent::ClockJump { .. }))).count();
        }
        harness.send(Input::Ended(socket, DisconnectReason::Closed));
        let down = LaneEvent::Down { why: DisconnectReason::Closed, live_until: last };
        assert!(
            harness.out.iter().any(|effect| matches!(effect, Effect::Emit(event) if *event == down)),
            "{waiting_frames}: {:?}",
            harness.out
        );
        assert!(jumps <= 1, "{jumps}");
    }
    let (mut harness, socket) = LaneHarness::live("c");
    let now = harness.advance(7).now;
    harness.send(Input::Ended(socket, DisconnectReason::Closed));
    let down = LaneEvent::Down { why: DisconnectReason::Closed, live_until: now };
    assert!(
        harness.out.iter().any(|effect| matches!(effect, Effect::Emit(event) if *event == down)),
        "{:?}",
        harness.out
    );
}
