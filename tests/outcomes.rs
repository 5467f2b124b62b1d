//! Webhooks cannot edit: what they are told of a call's end, and what they are spared.

use crate::support::{Home, SOON, config_for, eventually, shown, shows};
use poprelay::sim::{Beat, CallPlan, Line, Party, Settings, World};

fn bob() -> Line {
    Line::of("1015", "Bob Roy")
}

fn missed(caller: &str, number: &str, ends: u64) -> CallPlan {
    let beats = [(0, Beat::Comes), (50, Beat::Rings { lines: vec![bob()] }), (ends, Beat::HangsUp { extension: None })];
    CallPlan::of("missed", Party::of(caller, number), beats)
}

#[tokio::test]
async fn a_ring_that_still_waits_when_its_outcome_is_known_is_never_posted() {
    let world = World::start(Settings::default()).await.unwrap();
    let mut home = Home::in_world(&world);
    let daemon = home.run();
    daemon.says("lane live").await;
    world.set_faults(|faults| faults.chat.server_error = 1.0);
    world.place(missed("ALICE MARTIN", "+15145550199", 3000));
    eventually("the ring was refused", SOON, async || (world.attempts().len() >= 2).then_some(())).await;
    let both_wait = async || {
        let list = home.command(&["outbox", "list", "--json"]).output().unwrap();
        let text = String::from_utf8(list.stdout).unwrap();
        (text.matches("\"superseded\"").count() >= 2).then_some(())
    };
    eventually("the outcome took the ring's place", SOON, both_wait).await;
    world.set_faults(|faults| faults.chat.server_error = 0.0);
    for sink in ["desk", "support"] {
        assert!(shows(&world, sink, 1).await[0].contains("Missed"), "{:?}", shown(&world, sink));
    }
    drop(daemon.stop().await);
    assert_eq!((shown(&world, "desk").len(), shown(&world, "support").len()), (1, 1));
}

#[tokio::test]
async fn each_channel_hears_the_outcomes_it_asked_for_and_no_others() {
    let world = World::start(Settings::default()).await.unwrap();
    let config =
        config_for(&world.url()).replace("/slack/desk\"", "/slack/desk\"\noutcomes = [\"answered\", \"ended\"]");
    let mut home = Home::new(&config);
    let daemon = home.run();
    daemon.says("lane live").await;
    let answered = [
        (0, Beat::Comes),
        (50, Beat::Rings { lines: vec![bob()] }),
        (2500, Beat::Answers { extension: bob().extension }),
        (5000, Beat::HangsUp { extension: None }),
    ];
    world.place(CallPlan::of("answered", Party::of("ALICE MARTIN", "+15145550199"), answered));
    world.place(missed("JONAS WEBER", "+15145550142", 2500));
    let says = |sink, words: &[&str]| {
        let text = shown(&world, sink).join("\n");
        words.iter().all(|word| text.contains(word))
    };
    let told = async || (says("desk", &["Answered:", "Ended:"]) && says("support", &["Missed:"])).then_some(());
    eventually("both channels heard of it", SOON, told).await;
    drop(daemon.stop().await);
    assert!(!says("desk", &["Missed:"]), "{:?}", shown(&world, "desk"));
    assert!(!says("support", &["Answered:"]) && !says("support", &["Ended:"]), "{:?}", shown(&world, "support"));
}
