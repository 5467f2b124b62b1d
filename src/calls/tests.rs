//! Calls as GoTo would tell them, by hand: what the team hears of each, and when.

mod arrivals;
mod bounds;
mod linked;
mod reports;
mod ways;
mod world;

use super::Limits;
use crate::model::call::{CallStatus, CallSystem, ParticipantStatus, Phase, Revision, WireDirection};
use std::time::Duration;
use world::{World, agent, callee, caller_of, caller_on, line, menu, queue, snapshot};

/// A direct call to Bob, who takes it.
fn answered() -> Vec<crate::model::call::CallSnapshot> {
    vec![
        snapshot(1, 50, Phase::Starting, [caller_on(ParticipantStatus::Ringing)], []),
        snapshot(
            2,
            730,
            Phase::Starting,
            [caller_on(ParticipantStatus::Ringing), line("Bob", ParticipantStatus::Ringing)],
            [],
        ),
        snapshot(
            3,
            9_000,
            Phase::Active,
            [caller_on(ParticipantStatus::Connected), line("Bob", ParticipantStatus::Connected)],
            [],
        ),
        snapshot(
            4,
            162_000,
            Phase::Ending,
            [caller_on(ParticipantStatus::Disconnecting), line("Bob", ParticipantStatus::Disconnecting)],
            [],
        ),
    ]
}

/// A call through a menu and a queue to Bob, who hands it to Eve.
fn transferred() -> Vec<crate::model::call::CallSnapshot> {
    let caller = || caller_on(ParticipantStatus::Connected);
    let (bob, eve) = (|status| agent("Bob", status), |status| line("Eve", status));
    vec![
        snapshot(1, 50, Phase::Starting, [caller_on(ParticipantStatus::Ringing)], []),
        snapshot(2, 850, Phase::Active, [caller()], [menu()]),
        snapshot(3, 12_000, Phase::Active, [caller()], [menu(), queue("Support")]),
        snapshot(4, 30_000, Phase::Active, [caller(), bob(ParticipantStatus::Ringing)], [queue("Support")]),
        snapshot(5, 35_000, Phase::Active, [caller(), bob(ParticipantStatus::Connected)], [queue("Support")]),
        snapshot(
            6,
            130_000,
            Phase::Active,
            [caller(), bob(ParticipantStatus::Connected), eve(ParticipantStatus::Ringing)],
            [],
        ),
        snapshot(7, 138_000, Phase::Active, [caller(), eve(ParticipantStatus::Connected)], []),
        snapshot(
            8,
            300_000,
            Phase::Ending,
            [caller_on(ParticipantStatus::Disconnecting), eve(ParticipantStatus::Disconnecting)],
            [],
        ),
    ]
}

#[test]
fn a_call_rings_once_with_the_name_it_rings_and_then_tells_who_took_it() {
    let mut world = World::new();
    world.hear_all(answered());
    assert_eq!(world.told, ["730 ringing Bob", "9000 answered Bob by Bob after 9000", "162000 ended Bob 153000"]);
    assert_eq!(world.asked, [""; 0]);
}

#[test]
fn a_ring_that_names_nobody_waits_a_second_and_no_longer() {
    let mut world = World::new();
    world.hear_at(50, answered().remove(0));
    assert_eq!(world.told, [""; 0]);
    world.run_to(1_049);
    assert_eq!(world.told, [""; 0]);
    world.run_to(1_050);
    assert_eq!(world.told, ["50 ringing"], "told by its deadline, as of the moment it rang");
    world.hear_at(1_400, snapshot(2, 1_400, Phase::Starting, [line("Bob", ParticipantStatus::Ringing)], []));
    assert_eq!(world.told[1..], ["1400 ringing Bob"], "whom it rings is news");
}

#[test]
fn a_caller_in_a_menu_is_held_three_seconds() {
    let mut world = World::new();
    world.hear_all(transferred().into_iter().take(2));
    world.run_to(3_049);
    assert_eq!(world.told, [""; 0]);
    world.run_to(3_050);
    assert_eq!(world.told, ["850 ringing"]);
}

#[test]
fn a_transfer_through_menu_and_queue_is_one_call() {
    let mut world = World::new();
    world.hear_all(transferred());
    let expected = [
        "850 ringing",
        "12000 ringing in Support",
        "30000 ringing Bob in Support",
        "35000 answered Bob in Support by Bob after 35000",
        "138000 answered Eve in Support by Eve after 35000 from Bob",
        "300000 ended Eve in Support from Bob 265000",
    ];
    assert_eq!(world.told, expected);
}

#[test]
fn the_same_snapshot_on_the_other_lane_says_nothing() {
    for story in [answered(), transferred()] {
        let mut once = World::new();
        once.hear_all(story.clone());
        let mut twice = World::new();
        twice.hear_all(story.into_iter().flat_map(|event| [event.clone(), event]));
        assert_eq!(once.told, twice.told);
    }
}

#[test]
fn an_abandoned_ring_is_missed_because_nobody_answered_although_its_line_is_seen_leaving() {
    let mut world = World::new();
    let mut story = answered();
    story.truncate(2);
    story.push(snapshot(3, 15_000, Phase::Ending, [line("Bob", ParticipantStatus::Disconnecting)], []));
    world.hear_all(story);
    assert_eq!(world.told, ["730 ringing Bob", "15000 missed Bob nobody_answered after 15000"]);
}

#[test]
fn a_caller_who_leaves_within_the_grace_is_only_missed() {
    let mut world = World::new();
    world.hear_at(50, answered().remove(0));
    world.hear_at(600, snapshot(2, 600, Phase::Ending, [caller_on(ParticipantStatus::Disconnecting)], []));
    world.run_to(60_000);
    assert_eq!(world.told, ["600 missed unknown after 600"]);
}

#[test]
fn a_caller_who_leaves_a_menu_or_a_queue_is_missed_there() {
    for (heard, why) in
        [(2, "40000 missed left_menu after 40000"), (3, "40000 missed in Support left_queue after 40000")]
    {
        let mut world = World::new();
        world.hear_all(transferred().into_iter().take(heard));
        let end = snapshot(heard as u64 + 1, 40_000, Phase::Ending, [caller_on(ParticipantStatus::Disconnecting)], []);
        world.hear_at(40_000, end);
        assert_eq!(world.told.last().unwrap(), why);
    }
}

#[test]
fn an_answer_within_the_grace_still_rings_first() {
    let mut world = World::new();
    world.hear_at(50, answered().remove(0));
    world.hear_at(700, snapshot(2, 700, Phase::Active, [line("Bob", ParticipantStatus::Connected)], []));
    assert_eq!(world.told, ["700 ringing Bob", "700 answered Bob by Bob after 700"]);
}

#[test]
fn the_length_of_a_message_completes_the_end_once_and_no_other_end() {
    let mut world = World::new();
    let mailbox = CallSystem::Other("VOICEMAIL".into());
    world.hear_all(answered().into_iter().take(2));
    world.hear_at(21_000, snapshot(3, 21_000, Phase::Active, [caller_on(ParticipantStatus::Connected)], [mailbox]));
    world.hear_at(48_000, snapshot(4, 48_000, Phase::Ending, [caller_on(ParticipantStatus::Disconnecting)], []));
    let before = world.told.len();
    for _ in 0..2 {
        world.voicemail("first", 18);
    }
    assert_eq!(world.told.len(), before + 1, "{:?}", world.told);
    let last = world.tellings.last().unwrap();
    assert_eq!(
        (&last.status, last.call.revision),
        (&CallStatus::Voicemail { duration: Some(Duration::from_secs(18)) }, Some(Revision::Completed))
    );

    let mut world = World::new();
    world.hear_all(answered());
    let before = world.told.len();
    world.voicemail("first", 18);
    world.voicemail("unknown", 18);
    assert_eq!(world.told.len(), before);
}

#[test]
fn a_mailbox_that_says_so_is_voicemail_and_one_that_does_not_is_missed() {
    let mailbox = world::machine("Voicemail", ParticipantStatus::Connected);
    let faces = [
        (vec![caller_on(ParticipantStatus::Connected)], vec![], "48000 missed Bob nobody_answered after 48000"),
        (vec![caller_on(ParticipantStatus::Connected), mailbox], vec![], "48000 voicemail Bob"),
        (
            vec![caller_on(ParticipantStatus::Connected)],
            vec![CallSystem::Other("VOICEMAIL".into())],
            "48000 voicemail Bob",
        ),
    ];
    for (participants, systems, last) in faces {
        let mut world = World::new();
        world.hear_all(answered().into_iter().take(2));
        world.hear_at(21_000, snapshot(3, 21_000, Phase::Active, participants, systems));
        world.hear_at(48_000, snapshot(4, 48_000, Phase::Ending, [caller_on(ParticipantStatus::Disconnecting)], []));
        assert_eq!(world.told, ["730 ringing Bob", last]);
        world.report_at(55_000, None, Some(48_000), Some("LEFT_VOICEMAIL"));
        match last.contains("voicemail") {
            true => assert_eq!(world.told.len(), 2, "a told outcome is not told again"),
            false => assert_eq!(world.told[2..], ["48000 voicemail Bob completed"], "the report knows better"),
        }
    }
}

#[test]
fn an_auto_attendant_is_no_person_and_no_mailbox() {
    let mut world = World::new();
    let attendant = world::machine("Welcome", ParticipantStatus::Connected);
    world.hear_at(0, snapshot(1, 0, Phase::Active, [caller_on(ParticipantStatus::Connected), attendant], []));
    world.hear_at(9_000, snapshot(2, 9_000, Phase::Ending, [caller_on(ParticipantStatus::Disconnecting)], []));
    assert_eq!(world.told, ["0 ringing", "9000 missed unknown after 9000"]);
}

#[test]
fn a_call_first_seen_under_way_rings_late_and_asks_for_what_it_missed() {
    let mut world = World::new();
    world.hear_all(transferred().into_iter().skip(3));
    assert_eq!(world.told[0], "30000 ringing Bob in Support late");
    assert_eq!(world.asked, ["30000 states 1..3"]);

    let mut world = World::new();
    world.hear_at(9_500, answered().remove(2));
    assert_eq!(world.told, ["9000 ringing Bob late", "9000 answered Bob late by Bob after 9000"]);
}

#[test]
fn how_long_people_talked_is_not_said_if_nobody_heard_when_they_began() {
    let mut world = World::new();
    world.hear_all(answered().into_iter().skip(2));
    assert_eq!(world.told[2], "162000 ended Bob late ?");
}

#[test]
fn an_end_that_was_not_the_end_is_taken_back_while_it_is_not_told() {
    let mut world = World::new();
    world.hear_at(20_000, snapshot(4, 20_000, Phase::Ending, [caller_on(ParticipantStatus::Disconnecting)], []));
    world.hear_at(
        22_000,
        snapshot(5, 22_000, Phase::Active, [caller_on(ParticipantStatus::Connected)], [queue("Support")]),
    );
    world.run_to(60_000);
    assert_eq!(world.told, ["22000 ringing in Support late"]);
}

#[test]
fn an_end_that_is_numbered_first_is_not_taken_for_the_whole_call() {
    let mut world = World::new();
    world.hear_at(5_000, snapshot(1, 5_000, Phase::Ending, [line("Bob", ParticipantStatus::Disconnecting)], []));
    assert_eq!(world.asked, ["5000 report"]);
    world.run_to(11_000);
    assert_eq!(world.told, ["5000 ended Bob ?"]);
}

#[test]
fn times_that_nobody_can_mean_are_replaced_by_the_clock() {
    let mut world = World::new();
    let mut event = snapshot(1, 0, Phase::Starting, [line("Bob", ParticipantStatus::Ringing)], []);
    event.created_at = Some("1970-01-01T00:00:00Z".parse().unwrap());
    event.state.at = Some("9999-12-30T22:00:00Z".parse().unwrap());
    world.hear_at(700, event);
    assert_eq!(world.told, ["700 ringing Bob"]);
    world.hear_at(1_700, snapshot(2, 1_700, Phase::Ending, [caller_on(ParticipantStatus::Disconnecting)], []));
    assert_eq!(world.told[1], "1700 missed Bob nobody_answered after 1700", "the second snapshot knew when it began");
}

#[test]
fn a_clean_stop_tells_what_is_held_back() {
    let mut world = World::new();
    world.hear_at(50, answered().remove(0));
    world.flush_at(100);
    assert_eq!(world.told, ["50 ringing"]);

    let mut world = World::new();
    world.hear_at(162_000, answered().remove(3));
    world.flush_at(162_100);
    assert_eq!(world.told, ["162000 ended Bob late ?"]);
}

#[test]
fn after_a_blind_window_open_calls_that_are_not_listed_are_asked_for() {
    let mut world = World::new();
    world.hear_at(50, answered().remove(0));
    assert_eq!(world.unlisted(&["first"]), 0);
    assert_eq!(world.unlisted(&["other"]), 1);
}

#[test]
fn the_default_limits_leave_the_ring_its_worth() {
    let limits = Limits::default();
    assert!(limits.ring_grace < limits.menu_grace && limits.menu_grace < limits.outcome_grace);
    assert!(limits.silence < limits.stale && limits.outcome_grace < limits.memory);
}
