//! Webhook sinks cannot edit messages: which end of a call is posted, and which cards are dropped.

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
async fn waiting_ring_card_is_superseded_by_outcome() {
    let sim = World::start(Settings::default()).await.unwrap();
    let mut dir = Home::in_world(&sim);
    let daemon = dir.run();
    daemon.wait_for_log("lane live").await;
    sim.set_faults(|faults| faults.chat.server_error = 1.0);
    sim.place(missed("ALICE MARTIN", "+15145550199", 3000));
    eventually("the ring card was rejected", SOON, async || (sim.attempts().len() >= 2).then_some(())).await;
    let both_wait = async || {
        let list = dir.command(&["outbox", "list", "--json"]).output().unwrap();
        let text = String::from_utf8(list.stdout).unwrap();
        (text.matches("\"superseded\"").count() >= 2).then_some(())
    };
    eventually("the outcome superseded the ring card", SOON, both_wait).await;
    sim.set_faults(|faults| faults.chat.server_error = 0.0);
    for sink in ["desk", "support"] {
        assert!(shows(&sim, sink, 1).await[0].contains("Missed"), "{:?}", shown(&sim, sink));
    }
    drop(daemon.stop().await);
    assert_eq!((shown(&sim, "desk").len(), shown(&sim, "support").len()), (1, 1));
}

#[tokio::test]
async fn sink_gets_only_its_configured_outcomes() {
    let sim = World::start(Settings::default()).await.unwrap();
    let config =
        config_for(&sim.url()).replace("/slack/desk\"", "/slack/desk\"\noutcomes = [\"answered\", \"ended\"]");
    let mut dir = Home::new(&config);
    let daemon = dir.run();
    daemon.wait_for_log("lane live").await;
    let answered = [
        (0, Beat::Comes),
        (50, Beat::Rings { lines: vec![bob()] }),
        (2500, Beat::Answers { extension: bob().extension }),
        (5000, Beat::HangsUp { extension: None }),
    ];
    sim.place(CallPlan::of("answered", Party::of("ALICE MARTIN", "+15145550199"), answered));
    sim.place(missed("JONAS WEBER", "+15145550142", 2500));
    let contains_all = |sink, words: &[&str]| {
        let text = shown(&sim, sink).join("\n");
        words.iter().all(|word| text.contains(word))
    };
    let shown_in_both = async || {
        (contains_all("desk", &["Answered:", "Ended:"]) && contains_all("support", &["Missed:"])).then_some(())
    };
    eventually("both channels show the outcomes", SOON, shown_in_both).await;
    drop(daemon.stop().await);
    assert!(!contains_all("desk", &["Missed:"]), "{:?}", shown(&sim, "desk"));
    assert!(
        !contains_all("support", &["Answered:"]) && !contains_all("support", &["Ended:"]),
        "{:?}",
        shown(&sim, "support")
    );
}
