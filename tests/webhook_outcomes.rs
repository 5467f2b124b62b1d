//! Webhook sinks cannot edit messages: which end of a call is posted, and which cards are dropped.

use crate::support::{DaemonDir, TIMEOUT, TestConfig, eventually, message_texts, wait_for_messages};
use poprelay::sim::{CallPlan, Extension, Party, ScenarioStep, Simulator, SimulatorSettings};

fn bob() -> Extension {
    Extension::new("1015", "Bob Roy")
}

fn missed(caller: &str, number: &str, ends: u64) -> CallPlan {
    let beats = [
        (0, ScenarioStep::Created),
        (50, ScenarioStep::Rings { lines: vec![bob()] }),
        (ends, ScenarioStep::HangsUp { extension: None }),
    ];
    CallPlan::new("missed", Party::new(caller, number), beats)
}

#[tokio::test]
async fn waiting_ring_card_is_superseded_by_outcome() {
    let sim = Simulator::start(SimulatorSettings::default()).await.unwrap();
    let mut dir = DaemonDir::for_simulator(&sim);
    let daemon = dir.start();
    daemon.wait_for_log("lane live").await;
    sim.set_faults(|faults| faults.chat.server_error = 1.0);
    sim.place(missed("ALICE MARTIN", "+15145550199", 3000));
    eventually("the ring card was rejected", TIMEOUT, async || (sim.webhook_requests().len() >= 2).then_some(())).await;
    let both_wait = async || {
        let list = dir.command(&["outbox", "list", "--json"]).output().unwrap();
        let text = String::from_utf8(list.stdout).unwrap();
        (text.matches("\"superseded\"").count() >= 2).then_some(())
    };
    eventually("the outcome superseded the ring card", TIMEOUT, both_wait).await;
    sim.set_faults(|faults| faults.chat.server_error = 0.0);
    for sink in ["desk", "support"] {
        assert!(wait_for_messages(&sim, sink, 1).await[0].contains("Missed"), "{:?}", message_texts(&sim, sink));
    }
    drop(daemon.stop().await);
    assert_eq!((message_texts(&sim, "desk").len(), message_texts(&sim, "support").len()), (1, 1));
}

#[tokio::test]
async fn sink_gets_only_its_configured_outcomes() {
    let sim = Simulator::start(SimulatorSettings::default()).await.unwrap();
    let config = TestConfig::new(&sim.url()).set("sinks.desk", "outcomes", "[\"answered\", \"ended\"]");
    let mut dir = DaemonDir::new(&config);
    let daemon = dir.start();
    daemon.wait_for_log("lane live").await;
    let answered = [
        (0, ScenarioStep::Created),
        (50, ScenarioStep::Rings { lines: vec![bob()] }),
        (2500, ScenarioStep::Answers { extension: bob().extension }),
        (5000, ScenarioStep::HangsUp { extension: None }),
    ];
    sim.place(CallPlan::new("answered", Party::new("ALICE MARTIN", "+15145550199"), answered));
    sim.place(missed("JONAS WEBER", "+15145550142", 2500));
    let contains_all = |sink, words: &[&str]| {
        let text = message_texts(&sim, sink).join("\n");
        words.iter().all(|word| text.contains(word))
    };
    let shown_in_both = async || {
        (contains_all("desk", &["Answered:", "Ended:"]) && contains_all("support", &["Missed:"])).then_some(())
    };
    eventually("both channels show the outcomes", TIMEOUT, shown_in_both).await;
    drop(daemon.stop().await);
    assert!(!contains_all("desk", &["Missed:"]), "{:?}", message_texts(&sim, "desk"));
    assert!(
        !contains_all("support", &["Answered:"]) && !contains_all("support", &["Ended:"]),
        "{:?}",
        message_texts(&sim, "support")
    );
}
