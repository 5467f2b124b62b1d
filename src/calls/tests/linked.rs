//! Conversations that are linked: one call, or another.

use super::*;

#[test]
fn a_linked_conversation_of_the_same_caller_is_the_same_call() {
    let mut world = World::new();
    world.hear_all(answered().into_iter().take(2));
    let second = |number, at, phase, status| {
        let mut event = snapshot(number, at, phase, [caller_on(ParticipantStatus::Connected), line("Eve", status)], []);
        event.linked = vec![event.call.clone()];
        event.call = "second".try_into().unwrap();
        event
    };
    world.hear_at(5_000, second(1, 5_000, Phase::Starting, ParticipantStatus::Ringing));
    assert_eq!(world.told[1..], ["5000 ringing Eve"], "the same call with newer facts");
    world.hear_at(6_000, snapshot(3, 6_000, Phase::Ending, [caller_on(ParticipantStatus::Disconnecting)], []));
    assert_eq!(world.told.len(), 2, "it is not over while its other conversation lives");
    world.hear_at(7_000, second(2, 7_000, Phase::Active, ParticipantStatus::Connected));
    world.hear_at(9_000, second(3, 9_000, Phase::Ending, ParticipantStatus::Disconnecting));
    assert_eq!(world.told[2..], ["7000 answered Eve by Eve after 7000", "9000 ended Eve 2000"]);
    assert_eq!(world.ids(), ["first"]);

    let mut third = second(1, 20_000, Phase::Starting, ParticipantStatus::Ringing);
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
        let mut event = snapshot(number, at, phase, [caller_on(ParticipantStatus::Connected), line("Eve", status)], []);
        event.linked = vec![event.call.clone()];
        event.call = "second".try_into().unwrap();
        event
    };
    world.hear_at(200_000, rest(1, 200_000, Phase::Starting, ParticipantStatus::Ringing));
    world.hear_at(205_000, rest(2, 205_000, Phase::Active, ParticipantStatus::Connected));
    world.run_to(2_000_000);
    assert_eq!(world.told.len(), ended, "no card goes back from an end: {:?}", world.told);
    world.hear_at(2_000_000, rest(3, 2_000_000, Phase::Ending, ParticipantStatus::Disconnecting));
    assert_eq!(world.told.len(), ended + 1, "{:?}", world.told);
    let last = world.tellings.last().unwrap();
    assert_eq!((last.call.id.as_str(), last.call.revision), ("first", Some(Revision::Completed)));
    assert_eq!(last.call.transfers.len(), 1);
    world.hear_at(2_000_050, rest(3, 2_000_000, Phase::Ending, ParticipantStatus::Disconnecting));
    world.run_to(9_000_000);
    assert_eq!(world.told.len(), ended + 1);
    let sizes = world.tracker.sizes();
    assert_eq!((sizes.open, sizes.roots, sizes.due), (0, 0, 0));
}

#[test]
fn two_conversations_that_turn_out_to_be_one_call_have_one_outcome() {
    let mut world = World::new();
    let of_second = |mut event: crate::model::call::CallSnapshot| {
        event.call = "second".try_into().unwrap();
        event
    };
    let eve = |status| [caller_on(ParticipantStatus::Connected), line("Eve", status)];
    world.hear_all(answered().into_iter().take(2));
    world.hear_at(5_000, of_second(snapshot(1, 5_000, Phase::Starting, eve(ParticipantStatus::Ringing), [])));
    assert_eq!(world.told, ["730 ringing Bob", "5000 ringing Eve"], "nobody has said yet that they are one");
    world.hear_at(7_000, of_second(snapshot(2, 7_000, Phase::Active, eve(ParticipantStatus::Connected), [])));
    assert_eq!(world.told[2..], ["7000 answered Eve by Eve after 7000"]);
    let mut end = snapshot(3, 8_000, Phase::Ending, [caller_on(ParticipantStatus::Disconnecting)], []);
    end.linked = vec!["second".try_into().unwrap()];
    world.hear_at(8_000, end);
    assert_eq!(world.told.len(), 3, "what was answered there was not missed here");
    world.hear_at(
        9_000,
        of_second(snapshot(3, 9_000, Phase::Ending, [caller_on(ParticipantStatus::Disconnecting)], [])),
    );
    assert_eq!(world.told[3..], ["9000 ended Eve 2000"]);
    let sizes = world.tracker.sizes();
    assert!(sizes.open == 0 && sizes.due == 0 && sizes.roots == 0 && sizes.ended == 2, "{sizes:?}");
}

#[test]
fn of_two_conversations_that_are_one_call_the_one_that_rang_names_it() {
    let mut world = World::new();
    world.hear_at(50, answered().remove(0));
    let mut second = snapshot(
        1,
        300,
        Phase::Starting,
        [caller_on(ParticipantStatus::Ringing), line("Eve", ParticipantStatus::Ringing)],
        [],
    );
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
    world.hear_at(5_000, snapshot(3, 5_000, Phase::Ending, [caller_on(ParticipantStatus::Disconnecting)], []));
    let mut second = snapshot(
        1,
        6_000,
        Phase::Starting,
        [caller_on(ParticipantStatus::Ringing), line("Eve", ParticipantStatus::Ringing)],
        [],
    );
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
    let mut second = snapshot(
        1,
        5_000,
        Phase::Active,
        [caller_on(ParticipantStatus::Connected), line("Eve", ParticipantStatus::Connected)],
        [],
    );
    second.call = "second".try_into().unwrap();
    world.hear_at(5_000, second);
    assert_eq!(world.told[1..], ["5000 answered Eve by Eve after 5000"]);
    assert_eq!(world.ids(), ["first"]);
}

#[test]
fn a_linked_conversation_of_another_caller_is_another_call() {
    let mut world = World::new();
    world.hear_all(answered().into_iter().take(2));
    let other = caller_of(None, Some("+15145550777"), ParticipantStatus::Ringing);
    let mut event = snapshot(1, 5_000, Phase::Starting, [other, line("Eve", ParticipantStatus::Ringing)], []);
    event.linked = vec![event.call.clone()];
    event.call = "second".try_into().unwrap();
    world.hear_at(5_000, event);
    assert_eq!(world.ids(), ["first", "second"]);
}

#[test]
fn a_conversation_announced_by_one_call_and_heard_as_part_of_another_is_the_others() {
    let mut world = World::new();
    let of = |id: &str, linked: Option<&str>, mut event: crate::model::call::CallSnapshot| {
        event.call = id.try_into().unwrap();
        event.linked = linked.into_iter().map(|id| id.try_into().unwrap()).collect();
        event
    };
    let hidden = [caller_of(None, None, ParticipantStatus::Ringing)];
    world.hear_at(0, of("hidden", Some("third"), snapshot(1, 0, Phase::Starting, hidden, [])));
    world.hear_at(0, of("second", None, snapshot(1, 0, Phase::Active, [], [queue("Support")])));
    let talk = || [caller_on(ParticipantStatus::Connected), line("Eve", ParticipantStatus::Connected)];
    world.hear_at(100, of("third", None, snapshot(1, 100, Phase::Active, talk(), [])));
    world.hear_at(200, of("second", Some("third"), snapshot(2, 200, Phase::Active, [], [queue("Support")])));
    let told = world.told.clone();
    assert!(told.iter().any(|one| one.contains("answered Eve")), "{told:?}");
    world.hear_at(300, of("third", None, snapshot(2, 300, Phase::Active, talk(), [])));
    assert_eq!(world.told, told, "it is not a call of its own again");
}

#[test]
fn an_end_with_somebody_is_not_taken_back_when_the_call_that_went_on_turns_out_otherwise() {
    let mut world = World::new();
    let parties = [line("Bob", ParticipantStatus::Connected), caller_of(None, None, ParticipantStatus::Disconnecting)];
    world.hear_at(0, snapshot(4, 0, Phase::Active, parties, []));
    world.report_at(100, None, Some(9_000), None);
    assert!(matches!(world.tellings.last().unwrap().status, CallStatus::Ended { .. }), "{:?}", world.told);
    let told = world.told.clone();
    let mut outbound = snapshot(1, 200, Phase::Starting, [caller_on(ParticipantStatus::Ringing)], []);
    outbound.direction = WireDirection::Outbound;
    world.hear_at(200, outbound);
    let rest = |number, at, phase| {
        let mut event = snapshot(number, at, phase, [caller_on(ParticipantStatus::Ringing)], []);
        event.linked = vec![event.call.clone()];
        event.call = "second".try_into().unwrap();
        event
    };
    world.hear_at(300, rest(1, 300, Phase::Starting));
    assert_eq!(world.tracker.sizes().open, 1);
    world.hear_at(400, rest(2, 400, Phase::Ending));
    world.run_to(600_000);
    assert_eq!(world.told, told, "no missed call after an end");
    assert_eq!(world.tracker.sizes().open, 0);
}
