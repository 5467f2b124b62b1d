//! What strangers and time may cost: floods of ids, endless lists, numbers at the edge.

use super::world::{World, at, caller_on, line, queue, snapshot};
use crate::{
    calls::{Effect, Limits},
    model::call::{CallEvent, Moment, Phase, Status},
};

fn of(id: u64, mut event: CallEvent) -> CallEvent {
    event.call = format!("call-{id}").as_str().try_into().unwrap();
    event
}

fn ring(id: u64, at: u64) -> CallEvent {
    of(id, snapshot(1, at, Phase::Starting, [caller_on(Status::Ringing)], []))
}

fn end(id: u64, at: u64) -> CallEvent {
    of(id, snapshot(2, at, Phase::Ending, [caller_on(Status::Disconnecting)], []))
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
    let crowd = (0..5_000).map(|name| line(&name.to_string(), Status::Ringing));
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
        world.hear_at(number, snapshot(number * 3, number, Phase::Active, [caller_on(Status::Connected)], []));
    }
    assert_eq!(world.asked.len(), 4);
    world.hear_at(600, snapshot(2_000, 600, Phase::Ending, [caller_on(Status::Disconnecting)], []));
    world.run_to(7_000);
    assert_eq!(world.asked.len(), 5, "and its report once");
    assert!(matches!(world.tellings.last().unwrap().moment, Moment::Missed { .. }));
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
