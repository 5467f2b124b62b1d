//! Costs of hostile input and of time: floods of ids, endless lists, numbers at the edge, noise.

use super::{
    compositions::outbound,
    harness::{Harness, Input},
    script::{Script, epoch, person},
};
use crate::{
    calls::Limits,
    model::{
        call::{
            CallSnapshot, CallStatus, CallSystem, Participant, ParticipantKind, ParticipantStatus, Phase, Queue,
            SystemKind, WireDirection,
        },
        time::{after, elapsed},
    },
};
use proptest::prelude::*;
use std::{collections::BTreeMap, time::Duration};

fn of(id: u64, mut event: CallSnapshot) -> CallSnapshot {
    event.call = format!("call-{id}").as_str().try_into().unwrap();
    event
}

fn ring(id: u64) -> CallSnapshot {
    of(id, Script::inbound().snapshots.remove(0))
}

fn end(id: u64, sequence: u64) -> CallSnapshot {
    let mut event = ring(id);
    (event.state.sequence, event.state.phase) = (sequence, Phase::Ending);
    event.state.participants.clear();
    event
}

fn plan(harness: &mut Harness, ms: u64, event: CallSnapshot) {
    harness.plan(Duration::from_millis(ms), Input::Snapshot(event.into()));
}

#[test]
fn flood_of_calls_is_bounded_and_a_dropped_call_rings_first() {
    let limits = Limits { open: 100, ended: 50, ended_facts: 20, incomplete_facts: 10, ..Limits::default() };
    let mut harness = Harness::with(epoch(), limits);
    for id in 0..1_000 {
        let mut event = ring(id);
        event.linked = (0..50).map(|it| format!("linked-{id}-{it}").as_str().try_into().unwrap()).collect();
        plan(&mut harness, 10, event);
    }
    harness.run(Duration::ZERO);
    let sizes = harness.tracker.sizes();
    assert!(sizes.open <= 100 && sizes.due == sizes.open && sizes.call_by_leg <= 1_600, "{sizes:?}");
    assert_eq!(harness.rings().len(), 900);
    for id in 0..1_000 {
        plan(&mut harness, 20, end(id, 2));
    }
    harness.run(Duration::from_secs(200));
    let ended = harness.tracker.sizes().ended;
    assert_eq!((ended.calls, ended.facts_order, ended.incomplete_order), (30, 20, 10));
    assert!(ended.legs > 30, "{ended:?}");
    for id in 0..1_000 {
        plan(&mut harness, 300_000 + id, end(id, 2));
        harness.plan(Duration::from_secs(400), Input::ReportReady(format!("other-{id}").as_str().try_into().unwrap()));
    }
    harness.run(Duration::from_secs(600));
    plan(&mut harness, 1_300_000, ring(5_000));
    harness.run(Duration::ZERO);
    let sizes = harness.tracker.sizes();
    assert!(sizes.open <= 1 && sizes.call_by_leg == 0, "{sizes:?}");
    let ended = sizes.ended;
    assert!(ended.order <= 51 && ended.legs + ended.requested == ended.order && ended.calls <= ended.legs, "{ended:?}");
}

#[test]
fn ended_call_is_kept_for_twenty_minutes() {
    let mut harness = Harness::new(epoch());
    plan(&mut harness, 0, ring(1));
    plan(&mut harness, 5_000, end(1, 2));
    for ms in [6_000, 7_000, 1_200_000] {
        plan(&mut harness, ms, ring(1));
        plan(&mut harness, ms, end(1, 2));
    }
    harness.run(Duration::ZERO);
    assert_eq!(harness.updates.len(), 2);
    plan(&mut harness, 1_206_000, ring(2));
    harness.run(Duration::ZERO);
    assert_eq!(harness.tracker.sizes().ended.legs, 0);
}

#[test]
fn endless_lists_cost_a_call_of_normal_size() {
    let mut event = ring(1);
    event.state.sequence = u64::MAX;
    let line = |name: u64| Participant {
        id: format!("p-{name}").as_str().try_into().ok(),
        leg: None,
        originator: None,
        kind: ParticipantKind::Line(person(&name.to_string())),
        status: ParticipantStatus::Ringing,
    };
    event.state.participants.extend((0..5_000).map(line));
    let queue = |name: u64| CallSystem {
        kind: SystemKind::Queue(Queue { name: name.to_string(), extension: None }),
        status: ParticipantStatus::Connected,
    };
    event.state.systems = (0..5_000).map(queue).collect();
    let mut harness = Harness::new(epoch());
    plan(&mut harness, 0, event);
    harness.run(Duration::from_secs(1));
    let call = &harness.updates[0].1.call;
    assert!(call.people.len() <= 32 && call.queues.len() <= 16);
    assert_eq!(harness.fetched_states, [(u64::MAX - 100, u64::MAX - 1)]);
}

#[test]
fn endless_call_full_of_holes_is_fetched_four_times_and_stays_small() {
    let mut harness = Harness::new(epoch());
    for number in 1..2_000 {
        let mut event = ring(1);
        event.state.sequence = number * 3;
        event.state.at = Some(after(epoch(), Duration::from_millis(number)));
        plan(&mut harness, number, event);
    }
    plan(&mut harness, 3_000, end(1, 9_000));
    harness.run(Duration::from_secs(300));
    assert_eq!((harness.fetched_states.len(), harness.fetched_reports.len()), (4, 1));
    assert!(harness.updates.last().unwrap().1.call.end_unknown);
}

#[test]
fn call_is_made_of_eight_conversations_at_most() {
    let mut harness = Harness::new(epoch());
    for id in 0..20 {
        let mut event = ring(id);
        event.linked = vec![ring(0).call];
        plan(&mut harness, id, event);
    }
    harness.run(Duration::ZERO);
    assert_eq!(harness.tracker.sizes().open, 13);
}

#[test]
fn five_hundred_simultaneous_calls_give_as_many_rings_and_ends() {
    let mut harness = Harness::new(epoch());
    for id in 0..500 {
        for _ in 0..2 {
            plan(&mut harness, id / 100, ring(id));
            plan(&mut harness, 5_000, end(id, 2));
        }
    }
    harness.run(Duration::from_secs(60));
    assert_eq!(harness.updates.len(), 1_000);
}

/// Any input of a stranger about four conversations: any number, any phase, any links, reports at any time.
#[derive(Debug, Clone)]
enum Noise {
    Snapshot(Box<CallSnapshot>),
    Ready(u64),
    Report(u64, bool, &'static str),
    Wait(u64),
}

fn noise() -> impl Strategy<Value = Noise> {
    let status = prop_oneof![
        2 => Just(ParticipantStatus::Ringing),
        3 => Just(ParticipantStatus::Connected),
        2 => Just(ParticipantStatus::InSystem),
        1 => Just(ParticipantStatus::Disconnecting),
        1 => Just(ParticipantStatus::OnHold { by: Some("call-0-Nadia".try_into().unwrap()) }),
        1 => Just(ParticipantStatus::InTransfer(Box::default())),
        1 => Just(ParticipantStatus::Other("PARKED".into())),
        1 => Just(ParticipantStatus::Other(String::new())),
    ];
    let party = (status, 0_usize..4);
    let system = prop_oneof![
        Just(SystemKind::DialPlan),
        Just(SystemKind::Queue(Queue { name: "Support".into(), extension: None })),
        Just(SystemKind::Voicemail { result: None, length: None }),
        Just(SystemKind::Other("FUTURE".into())),
    ];
    let phase = prop_oneof![1 => Just(Phase::Starting), 3 => Just(Phase::Active), 1 => Just(Phase::Ending), 1 => Just(Phase::Other("".into()))];
    let direction = prop_oneof![4 => Just(WireDirection::Inbound), 2 => Just(WireDirection::Outbound), 1 => Just(WireDirection::Other("".into()))];
    let parties = prop::collection::vec(party, 0..4);
    let systems = prop::collection::vec(system, 0..3);
    let links = prop::collection::vec(0_u64..4, 0..2);
    let event = (0_u64..4, 0_u64..9, phase, direction, parties, systems, links).prop_map(
        |(id, number, phase, direction, parties, systems, links)| {
            let mut event = of(
                id,
                outbound(
                    &format!("call-{id}"),
                    number,
                    number * 1_000,
                    phase,
                    &[("Nadia", ParticipantStatus::Ringing)],
                ),
            );
            let caller = ring(id).state.participants.remove(0);
            let names = ["Nadia", "Priya", "outside"];
            event.state.participants = parties
                .into_iter()
                .map(|(status, which)| match names.get(which) {
                    Some(name) => {
                        let mut list = outbound(&format!("call-{id}"), 1, 0, Phase::Active, &[(name, status)]);
                        list.state.participants.remove(0)
                    }
                    None => Participant { status, ..caller.clone() },
                })
                .collect();
            event.state.systems =
                systems.into_iter().map(|kind| CallSystem { kind, status: ParticipantStatus::Connected }).collect();
            event.direction = direction;
            event.linked = links.into_iter().map(|id| ring(id).call).collect();
            Noise::Snapshot(Box::new(event))
        },
    );
    let outcome =
        prop_oneof![Just("NORMAL"), Just("MISSED"), Just("LEFT_DIAL_PLAN"), Just("VOICEMAIL"), Just("LEFT_ON_HOLD")];
    prop_oneof![
        10 => event,
        1 => (0_u64..4).prop_map(Noise::Ready),
        1 => (0_u64..4, any::<bool>(), outcome).prop_map(|(id, full, outcome)| Noise::Report(id, full, outcome)),
        2 => (0_u64..40_000).prop_map(Noise::Wait),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn noise_ends_no_call_twice_and_leaves_nothing_behind(noise in prop::collection::vec(noise(), 0..60)) {
        let mut harness = Harness::new(epoch());
        let mut now = 0;
        for noise in noise {
            match noise {
                Noise::Snapshot(event) => plan(&mut harness, now, *event),
                Noise::Ready(id) => harness.plan(Duration::from_millis(now), Input::ReportReady(ring(id).call)),
                Noise::Report(id, full, outcome) => {
                    let mut report = Script::inbound().report();
                    report.call = ring(id).call;
                    report.outcome = Some(outcome.to_owned());
                    report.full = report.full.filter(|_| full);
                    harness.plan(Duration::from_millis(now), Input::Report(report.into()));
                }
                Noise::Wait(wait) => now += wait,
            }
        }
        harness.run(Duration::ZERO);
        let sizes = harness.tracker.sizes();
        prop_assert!(sizes.due == sizes.open && sizes.open <= 4 && sizes.ended.calls <= sizes.ended.legs, "{sizes:?}");
        let mut emitted: BTreeMap<&str, Vec<(&CallStatus, bool)>> = BTreeMap::new();
        for (_, update) in &harness.updates {
            emitted.entry(update.call.id.as_str()).or_default().push((&update.status, update.call.revision.is_some()));
        }
        for (_, statuses) in emitted {
            // A call may be dropped after 20 min and begin again; these are shorter.
            if now < 1_000_000 {
                let ends = statuses.iter().filter(|(status, revised)| status.kind().is_final() && !revised).count();
                prop_assert!(ends <= 1, "{statuses:?}");
                let first_end = statuses.iter().position(|(status, _)| status.kind().is_final()).unwrap_or(statuses.len());
                prop_assert!(statuses.iter().skip(first_end + 1).all(|(_, revised)| *revised), "{statuses:?}");
            }
        }
        harness.run(Duration::from_secs(6 * 3600));
        prop_assert_eq!(harness.tracker.next_deadline(), None);
        plan(&mut harness, 100_000_000, ring(99));
        harness.run(Duration::from_secs(60));
        let sizes = harness.tracker.sizes();
        prop_assert!(sizes.open == 1 && sizes.call_by_leg == 0 && sizes.ended.order == 0 && sizes.ended.calls == 0, "{sizes:?}");
        prop_assert!(elapsed(epoch(), harness.updates.last().unwrap().1.at) > Duration::from_secs(90_000));
    }
}
