//! What reports, late snapshots and silence do to a call.

use super::*;

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
    bare.hear_at(162_000, snapshot(4, 162_000, Phase::Ending, [caller_on(ParticipantStatus::Disconnecting)], []));
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
    let end = snapshot(4, 20_000, Phase::Ending, [caller_on(ParticipantStatus::Disconnecting)], []);
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
    let caller = || caller_on(ParticipantStatus::Connected);
    let mut world = World::new();
    world.hear_at(0, snapshot(1, 0, Phase::Starting, [caller()], []));
    world.hear_at(
        500,
        snapshot(3, 500, Phase::Active, [caller(), line("Eve", ParticipantStatus::Ringing)], [queue("Second")]),
    );
    world.hear_at(
        900,
        snapshot(2, 400, Phase::Active, [caller(), line("Bob", ParticipantStatus::Ringing)], [queue("First")]),
    );
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
        world.hear_at(20_000, snapshot(4, 20_000, Phase::Ending, [caller_on(ParticipantStatus::Disconnecting)], []));
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
    world.hear_at(20_000, snapshot(3, 20_000, Phase::Ending, [caller_on(ParticipantStatus::Disconnecting)], []));
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
