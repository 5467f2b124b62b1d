//! Which way a call goes, and who is the one outside.

use super::*;

#[test]
fn a_call_says_which_way_it_goes() {
    let with = |direction: WireDirection, participants: Vec<_>| {
        let mut world = World::new();
        let mut event = snapshot(1, 0, Phase::Starting, participants, []);
        event.direction = direction;
        world.hear_at(0, event);
        world.run_to(5_000);
        world.told
    };
    let bob = || line("Bob", ParticipantStatus::Ringing);
    let eve = || line("Eve", ParticipantStatus::Connected);
    let other = |word: &str| WireDirection::Other(word.into());
    assert_eq!(with(WireDirection::Inbound, vec![bob()]), ["0 ringing Bob"]);
    assert_eq!(with(other("SIDEWAYS"), vec![bob(), caller_on(ParticipantStatus::Ringing)]), ["0 ringing Bob"]);
    assert_eq!(
        with(WireDirection::Outbound, vec![eve(), callee(ParticipantStatus::Ringing)]),
        ["0 outbound ringing Eve"]
    );
    assert_eq!(with(WireDirection::Outbound, vec![eve()]), ["0 outbound ringing Eve"], "whom is not known yet");
    assert_eq!(with(WireDirection::Outbound, vec![eve(), bob()]), ["0 internal ringing Bob"]);
    assert_eq!(with(other("INTERNAL"), vec![eve(), bob()]), ["0 internal ringing Bob"]);
    assert_eq!(with(other("SIDEWAYS"), vec![callee(ParticipantStatus::Ringing)]), ["0 outbound ringing"]);
    assert_eq!(
        with(other(""), vec![world::machine("Welcome", ParticipantStatus::Connected)]),
        [""; 0],
        "nobody can tell"
    );
}

#[test]
fn an_outbound_call_is_answered_by_the_one_outside() {
    let mut world = World::new();
    let out = |number, at, phase, mine, theirs| {
        let mut event = snapshot(number, at, phase, [line("Eve", mine), callee(theirs)], []);
        event.direction = WireDirection::Outbound;
        event
    };
    world.hear_at(0, out(1, 0, Phase::Starting, ParticipantStatus::Connected, ParticipantStatus::Ringing));
    world.hear_at(7_000, out(2, 7_000, Phase::Active, ParticipantStatus::Connected, ParticipantStatus::Connected));
    world.hear_at(
        90_000,
        out(3, 90_000, Phase::Ending, ParticipantStatus::Disconnecting, ParticipantStatus::Disconnecting),
    );
    let told =
        ["0 outbound ringing Eve", "7000 outbound answered Eve by Eve after 7000", "90000 outbound ended Eve 83000"];
    assert_eq!(world.told, told);
    assert_eq!(world.callers()[0].as_deref(), Some("+15145550188"), "the other side is who was called");

    let mut world = World::new();
    world.hear_at(0, out(1, 0, Phase::Starting, ParticipantStatus::Connected, ParticipantStatus::Ringing));
    world.hear_at(
        30_000,
        out(2, 30_000, Phase::Ending, ParticipantStatus::Disconnecting, ParticipantStatus::Disconnecting),
    );
    assert_eq!(world.told[1], "30000 outbound missed Eve nobody_answered after 30000");
}

#[test]
fn an_internal_call_is_answered_by_the_one_who_did_not_call() {
    let mut world = World::new();
    let between = |number, at, phase, bob, eve| {
        let mut event = snapshot(number, at, phase, [line("Bob", bob), line("Eve", eve)], []);
        event.direction = WireDirection::Other("INTERNAL".into());
        event.state.participants[1].id = Some("p-eve".try_into().unwrap());
        event.state.participants[1].originator = Some("p-eve".try_into().unwrap());
        event
    };
    world.hear_at(0, between(1, 0, Phase::Starting, ParticipantStatus::Ringing, ParticipantStatus::Connected));
    world.hear_at(4_000, between(2, 4_000, Phase::Active, ParticipantStatus::Connected, ParticipantStatus::Connected));
    world.hear_at(
        60_000,
        between(3, 60_000, Phase::Ending, ParticipantStatus::Disconnecting, ParticipantStatus::Disconnecting),
    );
    let told =
        ["0 internal ringing Bob", "4000 internal answered Bob by Bob after 4000", "60000 internal ended Bob 56000"];
    assert_eq!(world.told, told);
    assert_eq!(world.tellings[0].call.caller.name.as_deref(), Some("Eve"));
}

#[test]
fn a_colleague_who_calls_out_for_a_call_has_not_answered_it() {
    let mut world = World::new();
    world.hear_all(answered().into_iter().take(2));
    let mut out = snapshot(1, 5_000, Phase::Active, [line("Eve", ParticipantStatus::Connected)], []);
    out.direction = WireDirection::Outbound;
    out.linked = vec![out.call.clone()];
    out.call = "second".try_into().unwrap();
    world.hear_at(5_000, out);
    assert_eq!(world.told, ["730 ringing Bob"]);
}

#[test]
fn the_caller_is_found_wherever_it_stands_and_a_shown_number_replaces_a_hidden_one() {
    let mut world = World::new();
    let hidden = caller_of(None, None, ParticipantStatus::Ringing);
    world.hear_at(0, snapshot(1, 0, Phase::Starting, [line("Bob", ParticipantStatus::Ringing), hidden], []));
    world.hear_at(
        10,
        snapshot(
            2,
            10,
            Phase::Starting,
            [line("Bob", ParticipantStatus::Ringing), caller_on(ParticipantStatus::Ringing)],
            [],
        ),
    );
    assert_eq!(world.callers(), [None, Some("+15145550199".to_owned())]);
    let other = caller_of(Some("Cid"), Some("+15145550777"), ParticipantStatus::Connected);
    let eve = line("Eve", ParticipantStatus::Ringing);
    world.hear_at(20, snapshot(3, 20, Phase::Starting, [other, caller_on(ParticipantStatus::Ringing), eve], []));
    assert_eq!(world.callers().last().unwrap().as_deref(), Some("+15145550199"), "the first caller stays the caller");
}

#[test]
fn of_two_outside_callers_in_one_snapshot_the_first_calls() {
    let mut world = World::new();
    let other = caller_of(Some("Cid"), Some("+15145550777"), ParticipantStatus::Ringing);
    let bob = line("Bob", ParticipantStatus::Ringing);
    world.hear_at(0, snapshot(1, 0, Phase::Starting, [bob, caller_on(ParticipantStatus::Ringing), other], []));
    assert_eq!(world.callers(), [Some("+15145550199".to_owned())]);
}
