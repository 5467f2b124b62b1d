//! What strangers and time may cost: floods of ids, endless lists, numbers at the edge.

use super::world::{World, at, caller_of, caller_on, line, machine, menu, queue, report, snapshot};
use crate::{
    calls::{Effect, Limits},
    model::call::{CallSnapshot, CallStatus, ParticipantStatus, Phase, Revision, StatusKind, WireDirection},
};
use proptest::prelude::*;
use std::collections::BTreeMap;

fn of(id: u64, mut event: CallSnapshot) -> CallSnapshot {
    event.call = format!("call-{id}").as_str().try_into().unwrap();
    event
}

fn ring(id: u64, at: u64) -> CallSnapshot {
    of(id, snapshot(1, at, Phase::Starting, [caller_on(ParticipantStatus::Ringing)], []))
}

fn end(id: u64, at: u64) -> CallSnapshot {
    of(id, snapshot(2, at, Phase::Ending, [caller_on(ParticipantStatus::Disconnecting)], []))
}

#[test]
fn a_flood_of_calls_is_bounded_and_the_one_that_goes_says_what_it_held() {
    let mut world = World::with(Limits { open: 100, ended: 50, ..Limits::default() });
    for id in 0..1_000 {
        let mut event = ring(id, 10);
        event.linked = (0..50).map(|it| format!("linked-{id}-{it}").as_str().try_into().unwrap()).collect();
        world.hear_at(10, event);
        let sizes = world.tracker.sizes();
        assert!(sizes.open <= 100 && sizes.due == sizes.open && sizes.roots <= 1_600, "{sizes:?}");
    }
    assert_eq!(world.told.len(), 900, "each of the 900 that had to go rang first");
    for id in 0..1_000 {
        let mut event = ring(id, 20);
        event.state.phase = Phase::Ending;
        event.state.sequence = 2;
        world.hear_at(20, event);
    }
    world.run_to(10_000);
    let sizes = world.tracker.sizes();
    assert!(sizes.open == 0 && sizes.due == 0 && sizes.roots == 0, "{sizes:?}");
    world.hear_at(10_001, end(5_000, 10_001));
    let sizes = world.tracker.sizes();
    assert!(sizes.ended <= 51 && sizes.farewells == sizes.ended, "{sizes:?}");
}

#[test]
fn a_call_that_ended_is_remembered_ten_minutes() {
    let mut world = World::new();
    world.hear_at(0, ring(1, 0));
    world.hear_at(5_000, end(1, 5_000));
    assert_eq!(world.told.len(), 2);
    world.hear_at(6_000, ring(1, 0));
    world.hear_at(7_000, end(1, 5_000));
    let mut third = end(1, 8_000);
    third.state.sequence = 3;
    third.state.phase = Phase::Active;
    world.hear_at(600_000, third);
    assert_eq!(world.told.len(), 2);
    world.hear_at(605_001, ring(2, 605_001));
    assert_eq!(world.tracker.sizes().ended, 0);
}

#[test]
fn endless_lists_and_numbers_at_the_edge_cost_a_card_of_normal_size() {
    let mut world = World::new();
    let crowd = (0..5_000).map(|name| line(&name.to_string(), ParticipantStatus::Ringing));
    let queues = (0..5_000).map(|name| queue(&name.to_string()));
    world.hear_at(0, snapshot(u64::MAX, 0, Phase::Active, crowd, queues));
    let call = &world.tellings[0].call;
    assert!(call.people.len() == 32 && call.queues.len() == 16);
    assert_eq!(world.asked, [format!("0 states {}..{}", u64::MAX - 100, u64::MAX - 1)]);
}

#[test]
fn a_sequence_full_of_holes_is_asked_for_four_times() {
    let mut world = World::new();
    for number in 1..500 {
        world.hear_at(
            number,
            snapshot(number * 3, number, Phase::Active, [caller_on(ParticipantStatus::Connected)], []),
        );
    }
    assert_eq!(world.asked.len(), 4);
    world.hear_at(600, snapshot(2_000, 600, Phase::Ending, [caller_on(ParticipantStatus::Disconnecting)], []));
    world.run_to(7_000);
    assert_eq!(world.asked.len(), 5, "and its report once");
    assert!(matches!(world.tellings.last().unwrap().status, CallStatus::Missed { .. }));
}

#[test]
fn a_call_takes_in_eight_conversations_and_no_more() {
    let mut world = World::new();
    for id in 0..20 {
        let mut event = ring(id, id);
        event.linked = vec![ring(0, 0).call];
        world.hear_at(id, event);
    }
    assert_eq!(world.tracker.sizes().open, 13);
}

#[test]
fn five_hundred_calls_at_once_cost_five_hundred_rings_and_outcomes() {
    let mut world = World::new();
    for id in 0..500 {
        world.hear_at(id / 100, ring(id, id / 100));
        world.hear_at(id / 100, ring(id, id / 100));
    }
    for id in 0..500 {
        world.hear_at(5_000, end(id, 5_000));
        world.hear_at(5_000, end(id, 5_000));
    }
    assert_eq!(world.told.len(), 1_000);
    assert!(world.effects.iter().all(|(_, effect)| matches!(effect, Effect::Tell(telling) if telling.at <= at(5_000))));
}

/// Anything a stranger could send of four conversations: any number, any phase, any links, reports at any time.
#[derive(Debug, Clone)]
enum Noise {
    Snapshot(Box<CallSnapshot>),
    Report(u64, Option<u64>, bool),
    Wait(u64),
}

fn noise() -> impl Strategy<Value = Noise> {
    let status = || {
        prop_oneof![
            Just(ParticipantStatus::Ringing),
            Just(ParticipantStatus::Connected),
            Just(ParticipantStatus::Disconnecting),
            Just(ParticipantStatus::Other("".into()))
        ]
    };
    let party = (status(), 0..6).prop_map(|(status, which)| match which {
        0 => line("Bob", status),
        1 => line("Eve", status),
        2 => caller_of(None, None, status),
        3 => caller_of(None, Some("+15145550777"), status),
        4 => machine("Voicemail", status),
        _ => caller_on(status),
    });
    let system = prop_oneof![Just(menu()), Just(queue("Support")), Just(queue("Sales"))];
    let phase =
        prop_oneof![Just(Phase::Starting), Just(Phase::Active), Just(Phase::Ending), Just(Phase::Other("".into()))];
    let direction = prop_oneof![4 => Just(WireDirection::Inbound), 1 => Just(WireDirection::Outbound), 1 => Just(WireDirection::Other("".into()))];
    let parties = prop::collection::vec(party, 0..4);
    let systems = prop::collection::vec(system, 0..3);
    let links = prop::collection::vec(0_u64..4, 0..2);
    let event = (0_u64..4, 0_u64..7, phase, direction, parties, systems, links).prop_map(
        |(id, number, phase, direction, parties, systems, links)| {
            let mut event = of(id, snapshot(number, number * 1_000, phase, parties, systems));
            event.direction = direction;
            event.linked = links.into_iter().map(|id| of(id, event.clone()).call).collect();
            Noise::Snapshot(Box::new(event))
        },
    );
    prop_oneof![
        8 => event,
        1 => (0_u64..4, prop::option::of(0_u64..9_000), any::<bool>()).prop_map(|(id, at, mail)| Noise::Report(id, at, mail)),
        2 => (0_u64..4_000).prop_map(Noise::Wait),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn noise_tells_no_call_twice_and_leaves_nothing_behind(noise in prop::collection::vec(noise(), 0..60)) {
        let mut world = World::new();
        let mut now = 0;
        for noise in noise {
            match noise {
                Noise::Snapshot(event) => world.hear_at(now, *event),
                Noise::Report(id, answered, mail) => {
                    let mut report = report(answered, Some(9_000), mail.then_some("LEFT_VOICEMAIL"));
                    report.call = of(id, snapshot(1, 0, Phase::Ending, [], [])).call;
                    world.hear_report(now, report);
                }
                Noise::Wait(wait) => now += wait,
            }
            let sizes = world.tracker.sizes();
            prop_assert!(sizes.due == sizes.open && sizes.farewells == sizes.ended && sizes.closed <= sizes.ended && sizes.open <= 4, "{sizes:?}");
        }
        let mut told: BTreeMap<&str, Vec<&CallStatus>> = BTreeMap::new();
        for telling in &world.tellings {
            told.entry(telling.call.id.as_str()).or_default().push(&telling.status);
        }
        for (_, moments) in told {
            let by = moments.iter().filter_map(|moment| match moment {
                CallStatus::Answered { answered_by: by, .. } => Some(by),
                _ => None,
            });
            let by: Vec<_> = by.collect();
            prop_assert!(by.windows(2).all(|pair| pair[0] != pair[1]), "{:?}", world.told);
        }
        let mut last: BTreeMap<&str, StatusKind> = BTreeMap::new();
        for telling in &world.tellings {
            let kind = telling.status.kind();
            let before = last.insert(telling.call.id.as_str(), kind).filter(|kind| kind.is_final());
            let better = before.is_none_or(|before| match telling.call.revision {
                None => false,
                Some(Revision::Corrected) => before != StatusKind::Ended && kind == StatusKind::Ended,
                Some(Revision::Completed) => kind == before || (before, kind) == (StatusKind::Missed, StatusKind::Voicemail),
            });
            prop_assert!(better, "after the last only a better one: {:?}", world.told);
        }
        world.run_to(6 * 60 * 60 * 1_000);
        let sizes = world.tracker.sizes();
        prop_assert!(sizes.open == 0 && sizes.due == 0 && sizes.roots == 0, "{sizes:?}");
    }
}
