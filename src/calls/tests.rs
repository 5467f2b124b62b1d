//! Calls as GoTo would tell them, by hand: what the team hears of each, and when.

mod arrivals;
mod bounds;
mod world;

use super::Limits;
use crate::model::call::{Direction, Moment, Phase, Revised, Status, System};
use std::time::Duration;
use world::{World, agent, callee, caller_of, caller_on, line, menu, queue, snapshot};

/// A direct call to Bob, who takes it.
fn answered() -> Vec<crate::model::call::CallEvent> {
    vec![
        snapshot(1, 50, Phase::Starting, [caller_on(Status::Ringing)], []),
        snapshot(2, 730, Phase::Starting, [caller_on(Status::Ringing), line("Bob", Status::Ringing)], []),
        snapshot(3, 9_000, Phase::Active, [caller_on(Status::Connected), line("Bob", Status::Connected)], []),
        snapshot(4, 162_000, Phase::Ending, [caller_on(Status::Disconnecting), line("Bob", Status::Disconnecting)], []),
    ]
}

/// A call through a menu and a queue to Bob, who hands it to Eve.
fn transferred() -> Vec<crate::model::call::CallEvent> {
    let caller = || caller_on(Status::Connected);
    let (bob, eve) = (|status| agent("Bob", status), |status| line("Eve", status));
    vec![
        snapshot(1, 50, Phase::Starting, [caller_on(Status::Ringing)], []),
        snapshot(2, 850, Phase::Active, [caller()], [menu()]),
        snapshot(3, 12_000, Phase::Active, [caller()], [menu(), queue("Support")]),
        snapshot(4, 30_000, Phase::Active, [caller(), bob(Status::Ringing)], [queue("Support")]),
        snapshot(5, 35_000, Phase::Active, [caller(), bob(Status::Connected)], [queue("Support")]),
        snapshot(6, 130_000, Phase::Active, [caller(), bob(Status::Connected), eve(Status::Ringing)], []),
        snapshot(7, 138_000, Phase::Active, [caller(), eve(Status::Connected)], []),
        snapshot(8, 300_000, Phase::Ending, [caller_on(Status::Disconnecting), eve(Status::Disconnecting)], []),
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
    world.hear_at(1_400, snapshot(2, 1_400, Phase::Starting, [line("Bob", Status::Ringing)], []));
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
    story.push(snapshot(3, 15_000, Phase::Ending, [line("Bob", Status::Disconnecting)], []));
    world.hear_all(story);
    assert_eq!(world.told, ["730 ringing Bob", "15000 missed Bob nobody_answered after 15000"]);
}

#[test]
fn a_caller_who_leaves_within_the_grace_is_only_missed() {
    let mut world = World::new();
    world.hear_at(50, answered().remove(0));
    world.hear_at(600, snapshot(2, 600, Phase::Ending, [caller_on(Status::Disconnecting)], []));
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
        let end = snapshot(heard as u64 + 1, 40_000, Phase::Ending, [caller_on(Status::Disconnecting)], []);
        world.hear_at(40_000, end);
        assert_eq!(world.told.last().unwrap(), why);
    }
}

#[test]
fn an_answer_within_the_grace_still_rings_first() {
    let mut world = World::new();
    world.hear_at(50, answered().remove(0));
    world.hear_at(700, snapshot(2, 700, Phase::Active, [line("Bob", Status::Connected)], []));
    assert_eq!(world.told, ["700 ringing Bob", "700 answered Bob by Bob after 700"]);
}

#[test]
fn the_length_of_a_message_completes_the_end_once_and_no_other_end() {
    let mut world = World::new();
    let mailbox = System::Other("VOICEMAIL".into());
    world.hear_all(answered().into_iter().take(2));
    world.hear_at(21_000, snapshot(3, 21_000, Phase::Active, [caller_on(Status::Connected)], [mailbox]));
    world.hear_at(48_000, snapshot(4, 48_000, Phase::Ending, [caller_on(Status::Disconnecting)], []));
    let before = world.told.len();
    for _ in 0..2 {
        world.voicemail("first", 18);
    }
    assert_eq!(world.told.len(), before + 1, "{:?}", world.told);
    let last = world.tellings.last().unwrap();
    assert_eq!(
        (&last.moment, last.call.revised),
        (&Moment::Voicemail { length: Some(Duration::from_secs(18)) }, Some(Revised::Completed))
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
    let mailbox = world::machine("Voicemail", Status::Connected);
    let faces = [
        (vec![caller_on(Status::Connected)], vec![], "48000 missed Bob nobody_answered after 48000"),
        (vec![caller_on(Status::Connected), mailbox], vec![], "48000 voicemail Bob"),
        (vec![caller_on(Status::Connected)], vec![System::Other("VOICEMAIL".into())], "48000 voicemail Bob"),
    ];
    for (participants, systems, last) in faces {
        let mut world = World::new();
        world.hear_all(answered().into_iter().take(2));
        world.hear_at(21_000, snapshot(3, 21_000, Phase::Active, participants, systems));
        world.hear_at(48_000, snapshot(4, 48_000, Phase::Ending, [caller_on(Status::Disconnecting)], []));
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
    let attendant = world::machine("Welcome", Status::Connected);
    world.hear_at(0, snapshot(1, 0, Phase::Active, [caller_on(Status::Connected), attendant], []));
    world.hear_at(9_000, snapshot(2, 9_000, Phase::Ending, [caller_on(Status::Disconnecting)], []));
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
fn an_end_alone_never_rings_and_waits_for_its_report_before_it_is_told() {
    let end = || answered().remove(3);
    let mut silent = World::new();
    silent.hear_at(162_000, end());
    assert_eq!(silent.told, [""; 0]);
    assert_eq!(silent.asked, ["162000 report"]);
    silent.run_to(168_000);
    assert_eq!(silent.told, ["162000 ended Bob late ?"], "a person who was leaving had probably talked");

    let mut bare = World::new();
    bare.hear_at(162_000, snapshot(4, 162_000, Phase::Ending, [caller_on(Status::Disconnecting)], []));
    bare.run_to(168_000);
    assert_eq!(bare.told, ["162000 missed late unknown after 162000"]);

    for (answered, outcome, told) in [
        (Some(9_000), Some("NORMAL"), "162000 ended Bob late 153000"),
        (None, Some("LEFT_VOICEMAIL"), "162000 voicemail Bob late"),
        (Some(1_000), Some("LEFT_DIAL_PLAN"), "162000 missed Bob late left_menu after 162000"),
        (None, Some("SOMETHING_NEW"), "162000 missed Bob late unknown after 162000"),
        (Some(9_000), None, "162000 ended Bob late 153000"),
    ] {
        let mut world = World::new();
        world.hear_at(162_000, end());
        world.report_at(164_000, answered, Some(162_000), outcome);
        world.run_to(400_000);
        assert_eq!(world.told, [told]);
    }
}

#[test]
fn a_hole_is_asked_for_once_and_never_waited_for() {
    let story = answered();
    let mut world = World::new();
    world.hear_at(50, story[0].clone());
    world.hear_at(9_000, story[2].clone());
    world.hear_at(9_000, story[2].clone());
    assert_eq!(world.asked, ["9000 states 2..2"]);
    assert_eq!(world.told, ["50 ringing", "9000 answered Bob by Bob after 9000"]);
    world.hear_at(9_500, story[1].clone());
    assert_eq!(world.told.len(), 2, "the late snapshot knows nothing newer");
    world.hear_at(162_000, story[3].clone());
    assert_eq!(world.told[2], "162000 ended Bob 153000");
}

#[test]
fn an_answer_that_was_overtaken_by_the_end_makes_it_no_missed_call() {
    let story = answered();
    let mut world = World::new();
    world.hear_all(story[..2].to_vec());
    let end = snapshot(4, 20_000, Phase::Ending, [caller_on(Status::Disconnecting)], []);
    world.hear_at(20_000, end);
    assert_eq!(world.told, ["730 ringing Bob"]);
    assert_eq!(world.asked, ["20000 report"]);
    world.hear_at(21_000, story[2].clone());
    assert_eq!(world.told[1..], ["20000 ended Bob 11000"]);
    world.run_to(60_000);
    assert_eq!(world.told.len(), 2);
}

#[test]
fn a_late_snapshot_adds_a_queue_in_its_place_and_does_not_take_back_whom_it_rings() {
    let caller = || caller_on(Status::Connected);
    let mut world = World::new();
    world.hear_at(0, snapshot(1, 0, Phase::Starting, [caller()], []));
    world.hear_at(500, snapshot(3, 500, Phase::Active, [caller(), line("Eve", Status::Ringing)], [queue("Second")]));
    world.hear_at(900, snapshot(2, 400, Phase::Active, [caller(), line("Bob", Status::Ringing)], [queue("First")]));
    assert_eq!(world.told, ["500 ringing Eve in Second", "500 ringing Eve in First, Second"]);
}

#[test]
fn a_report_closes_a_call_whose_end_was_lost() {
    let mut world = World::new();
    world.hear_all(answered().into_iter().take(2));
    world.report_at(60_000, None, Some(31_000), Some("NORMAL"));
    assert_eq!(world.told[1..], ["31000 missed Bob nobody_answered after 31000"]);
    world.hear_at(61_000, answered().remove(3));
    assert_eq!(world.told.len(), 2);
}

#[test]
fn a_missed_that_was_told_while_a_snapshot_was_missing_is_corrected_by_report_or_snapshot() {
    let told_missed = || {
        let mut world = World::new();
        let story = answered();
        world.hear_all(story[..2].to_vec());
        world.hear_at(20_000, snapshot(4, 20_000, Phase::Ending, [caller_on(Status::Disconnecting)], []));
        world.run_to(60_000);
        assert_eq!(world.told[1..], ["20000 missed Bob nobody_answered after 20000"]);
        (world, story)
    };
    let (mut world, _) = told_missed();
    world.report_at(61_000, Some(9_000), Some(20_000), Some("NORMAL"));
    world.report_at(62_000, Some(9_000), Some(20_000), Some("NORMAL"));
    assert_eq!(world.told[2..], ["20000 ended Bob corrected 11000"]);
    let (mut world, story) = told_missed();
    world.hear_at(61_000, story[2].clone());
    assert_eq!(world.told[2..], ["20000 ended Bob corrected 11000"]);
}

#[test]
fn a_report_that_knows_an_answer_nobody_gave_corrects_nothing_that_was_heard_whole() {
    let mut world = World::new();
    world.hear_all(answered().into_iter().take(2));
    world.hear_at(20_000, snapshot(3, 20_000, Phase::Ending, [caller_on(Status::Disconnecting)], []));
    world.report_at(25_000, Some(9_000), Some(20_000), Some("NORMAL"));
    assert_eq!(world.told[1..], ["20000 missed Bob nobody_answered after 20000"]);
}

#[test]
fn a_length_that_was_unknown_is_completed_by_the_report() {
    let mut world = World::new();
    world.hear_at(162_000, answered().remove(3));
    world.run_to(168_000);
    world.report_at(170_000, Some(9_000), Some(162_000), Some("NORMAL"));
    assert_eq!(world.told, ["162000 ended Bob late ?", "162000 ended Bob late completed 153000"]);
}

#[test]
fn a_person_who_was_heard_talking_outweighs_a_report_that_knows_none() {
    let mut world = World::new();
    world.hear_all(answered().into_iter().take(3));
    world.report_at(60_000, None, Some(31_000), Some("MISSED"));
    assert_eq!(world.told[2..], ["31000 ended Bob 22000"]);
}

#[test]
fn a_silent_call_is_asked_for_less_and_less_often_and_then_told_as_lost() {
    let mut world = World::new();
    world.hear_all(answered().into_iter().take(3));
    let minutes = |count: u64| count * 60_000;
    world.run_to(minutes(300));
    let asked = [10, 20, 40, 80, 160].map(|after| format!("{} report", 9_000 + minutes(after)));
    assert_eq!(world.asked, asked);
    assert_eq!(world.told[2..], ["9000 ended Bob lost ?"], "nothing is guessed");
    assert_eq!(world.tracker.next_deadline(), None);

    let mut world = World::new();
    world.hear_all(answered().into_iter().take(2));
    world.run_to(minutes(59));
    assert_eq!(world.told.len(), 1);
    world.run_to(minutes(61));
    assert_eq!(world.told[1..], ["730 ended Bob lost ?"], "no phone rings for an hour");
}

#[test]
fn a_call_says_which_way_it_goes() {
    let with = |direction: Direction, participants: Vec<_>| {
        let mut world = World::new();
        let mut event = snapshot(1, 0, Phase::Starting, participants, []);
        event.direction = direction;
        world.hear_at(0, event);
        world.run_to(5_000);
        world.told
    };
    let bob = || line("Bob", Status::Ringing);
    let eve = || line("Eve", Status::Connected);
    let other = |word: &str| Direction::Other(word.into());
    assert_eq!(with(Direction::Inbound, vec![bob()]), ["0 ringing Bob"]);
    assert_eq!(with(other("SIDEWAYS"), vec![bob(), caller_on(Status::Ringing)]), ["0 ringing Bob"]);
    assert_eq!(with(Direction::Outbound, vec![eve(), callee(Status::Ringing)]), ["0 outbound ringing Eve"]);
    assert_eq!(with(Direction::Outbound, vec![eve()]), ["0 outbound ringing Eve"], "whom is not known yet");
    assert_eq!(with(Direction::Outbound, vec![eve(), bob()]), ["0 internal ringing Bob"]);
    assert_eq!(with(other("INTERNAL"), vec![eve(), bob()]), ["0 internal ringing Bob"]);
    assert_eq!(with(other("SIDEWAYS"), vec![callee(Status::Ringing)]), ["0 outbound ringing"]);
    assert_eq!(with(other(""), vec![world::machine("Welcome", Status::Connected)]), [""; 0], "nobody can tell");
}

#[test]
fn an_outbound_call_is_answered_by_the_one_outside() {
    let mut world = World::new();
    let out = |number, at, phase, mine, theirs| {
        let mut event = snapshot(number, at, phase, [line("Eve", mine), callee(theirs)], []);
        event.direction = Direction::Outbound;
        event
    };
    world.hear_at(0, out(1, 0, Phase::Starting, Status::Connected, Status::Ringing));
    world.hear_at(7_000, out(2, 7_000, Phase::Active, Status::Connected, Status::Connected));
    world.hear_at(90_000, out(3, 90_000, Phase::Ending, Status::Disconnecting, Status::Disconnecting));
    let told =
        ["0 outbound ringing Eve", "7000 outbound answered Eve by Eve after 7000", "90000 outbound ended Eve 83000"];
    assert_eq!(world.told, told);
    assert_eq!(world.callers()[0].as_deref(), Some("+15145550188"), "the other side is who was called");

    let mut world = World::new();
    world.hear_at(0, out(1, 0, Phase::Starting, Status::Connected, Status::Ringing));
    world.hear_at(30_000, out(2, 30_000, Phase::Ending, Status::Disconnecting, Status::Disconnecting));
    assert_eq!(world.told[1], "30000 outbound missed Eve nobody_answered after 30000");
}

#[test]
fn an_internal_call_is_answered_by_the_one_who_did_not_call() {
    let mut world = World::new();
    let between = |number, at, phase, bob, eve| {
        let mut event = snapshot(number, at, phase, [line("Bob", bob), line("Eve", eve)], []);
        event.direction = Direction::Other("INTERNAL".into());
        event.state.participants[1].id = Some("p-eve".try_into().unwrap());
        event.state.participants[1].originator = Some("p-eve".try_into().unwrap());
        event
    };
    world.hear_at(0, between(1, 0, Phase::Starting, Status::Ringing, Status::Connected));
    world.hear_at(4_000, between(2, 4_000, Phase::Active, Status::Connected, Status::Connected));
    world.hear_at(60_000, between(3, 60_000, Phase::Ending, Status::Disconnecting, Status::Disconnecting));
    let told =
        ["0 internal ringing Bob", "4000 internal answered Bob by Bob after 4000", "60000 internal ended Bob 56000"];
    assert_eq!(world.told, told);
    assert_eq!(world.tellings[0].call.caller.name.as_deref(), Some("Eve"));
}

#[test]
fn a_colleague_who_calls_out_for_a_call_has_not_answered_it() {
    let mut world = World::new();
    world.hear_all(answered().into_iter().take(2));
    let mut out = snapshot(1, 5_000, Phase::Active, [line("Eve", Status::Connected)], []);
    out.direction = Direction::Outbound;
    out.linked = vec![out.call.clone()];
    out.call = "second".try_into().unwrap();
    world.hear_at(5_000, out);
    assert_eq!(world.told, ["730 ringing Bob"]);
}

#[test]
fn the_caller_is_found_wherever_it_stands_and_a_shown_number_replaces_a_hidden_one() {
    let mut world = World::new();
    let hidden = caller_of(None, None, Status::Ringing);
    world.hear_at(0, snapshot(1, 0, Phase::Starting, [line("Bob", Status::Ringing), hidden], []));
    world.hear_at(10, snapshot(2, 10, Phase::Starting, [line("Bob", Status::Ringing), caller_on(Status::Ringing)], []));
    assert_eq!(world.callers(), [None, Some("+15145550199".to_owned())]);
    let other = caller_of(Some("Cid"), Some("+15145550777"), Status::Connected);
    let eve = line("Eve", Status::Ringing);
    world.hear_at(20, snapshot(3, 20, Phase::Starting, [other, caller_on(Status::Ringing), eve], []));
    assert_eq!(world.callers().last().unwrap().as_deref(), Some("+15145550199"), "the first caller stays the caller");
}

#[test]
fn a_linked_conversation_of_the_same_caller_is_the_same_call() {
    let mut world = World::new();
    world.hear_all(answered().into_iter().take(2));
    let second = |number, at, phase, status| {
        let mut event = snapshot(number, at, phase, [caller_on(Status::Connected), line("Eve", status)], []);
        event.linked = vec![event.call.clone()];
        event.call = "second".try_into().unwrap();
        event
    };
    world.hear_at(5_000, second(1, 5_000, Phase::Starting, Status::Ringing));
    assert_eq!(world.told[1..], ["5000 ringing Eve"], "the same call with newer facts");
    world.hear_at(6_000, snapshot(3, 6_000, Phase::Ending, [caller_on(Status::Disconnecting)], []));
    assert_eq!(world.told.len(), 2, "it is not over while its other conversation lives");
    world.hear_at(7_000, second(2, 7_000, Phase::Active, Status::Connected));
    world.hear_at(9_000, second(3, 9_000, Phase::Ending, Status::Disconnecting));
    assert_eq!(world.told[2..], ["7000 answered Eve by Eve after 7000", "9000 ended Eve 2000"]);
    assert_eq!(world.ids(), ["first"]);

    let mut third = second(1, 20_000, Phase::Starting, Status::Ringing);
    third.call = "third".try_into().unwrap();
    world.hear_at(20_000, third);
    assert_eq!(world.ids(), ["first"], "what is linked to a call that was answered is its transfer");
}

#[test]
fn a_call_that_goes_on_in_another_conversation_after_its_end_was_told_gets_a_better_end_however_late() {
    let mut world = World::new();
    world.hear_all(answered());
    let ended = world.told.len();
    let rest = |number, at, phase, status| {
        let mut event = snapshot(number, at, phase, [caller_on(Status::Connected), line("Eve", status)], []);
        event.linked = vec![event.call.clone()];
        event.call = "second".try_into().unwrap();
        event
    };
    world.hear_at(200_000, rest(1, 200_000, Phase::Starting, Status::Ringing));
    world.hear_at(205_000, rest(2, 205_000, Phase::Active, Status::Connected));
    world.run_to(2_000_000);
    assert_eq!(world.told.len(), ended, "no card goes back from an end: {:?}", world.told);
    world.hear_at(2_000_000, rest(3, 2_000_000, Phase::Ending, Status::Disconnecting));
    assert_eq!(world.told.len(), ended + 1, "{:?}", world.told);
    let last = world.tellings.last().unwrap();
    assert_eq!((last.call.id.as_str(), last.call.revised), ("first", Some(Revised::Completed)));
    assert_eq!(last.call.transfers.len(), 1);
    world.hear_at(2_000_050, rest(3, 2_000_000, Phase::Ending, Status::Disconnecting));
    world.run_to(9_000_000);
    assert_eq!(world.told.len(), ended + 1);
    let sizes = world.tracker.sizes();
    assert_eq!((sizes.open, sizes.roots, sizes.due), (0, 0, 0));
}

#[test]
fn two_conversations_that_turn_out_to_be_one_call_have_one_outcome() {
    let mut world = World::new();
    let of_second = |mut event: crate::model::call::CallEvent| {
        event.call = "second".try_into().unwrap();
        event
    };
    let eve = |status| [caller_on(Status::Connected), line("Eve", status)];
    world.hear_all(answered().into_iter().take(2));
    world.hear_at(5_000, of_second(snapshot(1, 5_000, Phase::Starting, eve(Status::Ringing), [])));
    assert_eq!(world.told, ["730 ringing Bob", "5000 ringing Eve"], "nobody has said yet that they are one");
    world.hear_at(7_000, of_second(snapshot(2, 7_000, Phase::Active, eve(Status::Connected), [])));
    assert_eq!(world.told[2..], ["7000 answered Eve by Eve after 7000"]);
    let mut end = snapshot(3, 8_000, Phase::Ending, [caller_on(Status::Disconnecting)], []);
    end.linked = vec!["second".try_into().unwrap()];
    world.hear_at(8_000, end);
    assert_eq!(world.told.len(), 3, "what was answered there was not missed here");
    world.hear_at(9_000, of_second(snapshot(3, 9_000, Phase::Ending, [caller_on(Status::Disconnecting)], [])));
    assert_eq!(world.told[3..], ["9000 ended Eve 2000"]);
    let sizes = world.tracker.sizes();
    assert!(sizes.open == 0 && sizes.due == 0 && sizes.roots == 0 && sizes.ended == 2, "{sizes:?}");
}

#[test]
fn of_two_conversations_that_are_one_call_the_one_that_rang_names_it() {
    let mut world = World::new();
    world.hear_at(50, answered().remove(0));
    let mut second = snapshot(1, 300, Phase::Starting, [caller_on(Status::Ringing), line("Eve", Status::Ringing)], []);
    second.call = "second".try_into().unwrap();
    world.hear_at(300, second.clone());
    let mut linking = answered().remove(1);
    linking.linked = vec![second.call.clone()];
    world.hear_at(730, linking);
    world.hear_at(9_000, answered().remove(2));
    assert_eq!(world.ids(), ["second"]);
}

#[test]
fn what_is_linked_to_a_call_that_was_missed_rings_on_its_own() {
    let mut world = World::new();
    world.hear_all(answered().into_iter().take(2));
    world.hear_at(5_000, snapshot(3, 5_000, Phase::Ending, [caller_on(Status::Disconnecting)], []));
    let mut second =
        snapshot(1, 6_000, Phase::Starting, [caller_on(Status::Ringing), line("Eve", Status::Ringing)], []);
    second.linked = vec![second.call.clone()];
    second.call = "second".try_into().unwrap();
    world.hear_at(6_000, second);
    assert_eq!(world.told[2..], ["6000 ringing Eve"]);
}

#[test]
fn a_conversation_that_was_announced_need_not_say_to_whom_it_belongs() {
    let mut world = World::new();
    let mut first = answered().remove(1);
    first.state.sequence = 1;
    first.linked = vec!["second".try_into().unwrap()];
    world.hear_at(730, first);
    let mut second =
        snapshot(1, 5_000, Phase::Active, [caller_on(Status::Connected), line("Eve", Status::Connected)], []);
    second.call = "second".try_into().unwrap();
    world.hear_at(5_000, second);
    assert_eq!(world.told[1..], ["5000 answered Eve by Eve after 5000"]);
    assert_eq!(world.ids(), ["first"]);
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
    world.hear_at(20_000, snapshot(4, 20_000, Phase::Ending, [caller_on(Status::Disconnecting)], []));
    world.hear_at(22_000, snapshot(5, 22_000, Phase::Active, [caller_on(Status::Connected)], [queue("Support")]));
    world.run_to(60_000);
    assert_eq!(world.told, ["22000 ringing in Support late"]);
}

#[test]
fn an_end_that_is_numbered_first_is_not_taken_for_the_whole_call() {
    let mut world = World::new();
    world.hear_at(5_000, snapshot(1, 5_000, Phase::Ending, [line("Bob", Status::Disconnecting)], []));
    assert_eq!(world.asked, ["5000 report"]);
    world.run_to(11_000);
    assert_eq!(world.told, ["5000 ended Bob ?"]);
}

#[test]
fn of_two_outside_callers_in_one_snapshot_the_first_calls() {
    let mut world = World::new();
    let other = caller_of(Some("Cid"), Some("+15145550777"), Status::Ringing);
    let bob = line("Bob", Status::Ringing);
    world.hear_at(0, snapshot(1, 0, Phase::Starting, [bob, caller_on(Status::Ringing), other], []));
    assert_eq!(world.callers(), [Some("+15145550199".to_owned())]);
}

#[test]
fn a_linked_conversation_of_another_caller_is_another_call() {
    let mut world = World::new();
    world.hear_all(answered().into_iter().take(2));
    let other = caller_of(None, Some("+15145550777"), Status::Ringing);
    let mut event = snapshot(1, 5_000, Phase::Starting, [other, line("Eve", Status::Ringing)], []);
    event.linked = vec![event.call.clone()];
    event.call = "second".try_into().unwrap();
    world.hear_at(5_000, event);
    assert_eq!(world.ids(), ["first", "second"]);
}

#[test]
fn times_that_nobody_can_mean_are_replaced_by_the_clock() {
    let mut world = World::new();
    let mut event = snapshot(1, 0, Phase::Starting, [line("Bob", Status::Ringing)], []);
    event.created = Some("1970-01-01T00:00:00Z".parse().unwrap());
    event.state.at = Some("9999-12-30T22:00:00Z".parse().unwrap());
    world.hear_at(700, event);
    assert_eq!(world.told, ["700 ringing Bob"]);
    world.hear_at(1_700, snapshot(2, 1_700, Phase::Ending, [caller_on(Status::Disconnecting)], []));
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
