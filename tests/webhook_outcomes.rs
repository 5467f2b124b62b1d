//! Webhook sinks cannot edit messages: which end of a call is posted, and which cards are dropped.

use crate::support::{DaemonDir, TIMEOUT, TestConfig, config_for, eventually, message_texts, wait_for_messages};
use poprelay::sim::{CallPlan, ChatFaults, Extension, Party, ScenarioStep, Simulator, SimulatorSettings};

fn bob() -> Extension {
    Extension::new("1015", "Bob Roy")
}

fn missed(caller: &str, number: &str, ends: u64) -> CallPlan {
    let steps = [(50, ScenarioStep::Rings { lines: vec![bob()] }), (ends, ScenarioStep::HangsUp { extension: None })];
    CallPlan::new("missed", Party::new(caller, number), steps)
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

#[tokio::test]
async fn outage_without_answer_delays_cards_and_loses_none() {
    let sim = Simulator::start(SimulatorSettings::default()).await.unwrap();
    sim.set_faults(|faults| faults.chat.per_second = None);
    let mut dir = DaemonDir::for_simulator(&sim);
    let daemon = dir.start();
    daemon.wait_for_log("lane live").await;
    let outages: [(&str, fn(&mut ChatFaults)); 4] = [
        ("HANGS UP", |chat| chat.hang_up = 1.0),
        ("TAKES AND HANGS UP", |chat| chat.hang_up_after_accept = 1.0),
        ("LOGIN PAGE", |chat| chat.web_page = 1.0),
        ("GATEWAY", |chat| chat.bad_gateway = 1.0),
    ];
    let failures = || daemon.journal().matches("sink failing").count();
    for (number, (name, fault)) in outages.into_iter().enumerate() {
        sim.set_faults(|faults| fault(&mut faults.chat));
        sim.place(missed(name, &format!("+1514555019{number}"), 60_000));
        let both_fail = async || (failures() >= 2 * (number + 1)).then_some(());
        eventually("both sinks fail", TIMEOUT, both_fail).await;
        sim.set_faults(|faults| {
            faults.chat = ChatFaults { per_second: None, ..ChatFaults::default() };
        });
        for sink in ["desk", "support"] {
            let shown = async || message_texts(&sim, sink).iter().any(|text| text.contains(name)).then_some(());
            eventually("the ring is shown", TIMEOUT, shown).await;
        }
        let recovered = async || (daemon.journal().matches("sink recovered").count() >= 2 * (number + 1)).then_some(());
        eventually("both sinks recovered", TIMEOUT, recovered).await;
    }
    drop(daemon.stop().await);
    let stored = dir.read_outbox();
    assert_eq!(stored.dead(), 0, "{stored}");
}

#[tokio::test]
async fn recovered_sink_lists_cards_that_were_not_posted() {
    let sim = Simulator::start(SimulatorSettings::default()).await.unwrap();
    sim.set_faults(|faults| {
        faults.chat.per_second = None;
        faults.chat.fixed_status.insert("/slack/desk".to_owned(), 405);
    });
    // The operator's sink is the sink in trouble: alerts about it wait for it.
    let mut dir = DaemonDir::new(&(config_for(&sim.url()) + "[operator]\nsink = \"desk\"\n"));
    let daemon = dir.start();
    daemon.wait_for_log("lane live").await;
    for number in 0..5 {
        sim.place(missed("ALICE MARTIN", &format!("+1514555019{number}"), 60_000));
    }
    daemon.wait_for_log("sink disabled").await;
    assert!(message_texts(&sim, "desk").is_empty());
    sim.set_faults(|faults| faults.chat.fixed_status.clear());
    // A reload lets the worker probe the sink.
    daemon.signal("-HUP");
    let listed = async || {
        let text = message_texts(&sim, "desk").join("\n");
        (text.contains("desk is disabled") && text.contains("accepts cards again") && text.contains("Not posted: "))
            .then_some(text)
    };
    let text = eventually("the alerts are posted", TIMEOUT, listed).await;
    assert!(text.contains("ringing, ") && text.contains("outbox list --state dead"), "{text}");
    drop(daemon.stop().await);
}
