//! Calls become cards in both chats.

use crate::support::{DaemonDir, TIMEOUT, TestConfig, eventually, message_texts, wait_for_messages};
use poprelay::sim::{CallPlan, CalledNumber, Extension, Party, Simulator, SimulatorSettings};
use std::time::Duration;

fn alice() -> Party {
    Party::new("ALICE MARTIN", "+15145550199")
}

async fn start_simulator() -> Simulator {
    Simulator::start(SimulatorSettings::default()).await.unwrap()
}

#[tokio::test]
async fn reference_calls_become_cards_in_both_chats() {
    let sim = start_simulator().await;
    let mut dir = DaemonDir::for_simulator(&sim);
    let daemon = dir.start();
    daemon.wait_for_log("lane live").await;
    let (bob, eve) = (Extension::new("1015", "Bob Roy"), Extension::new("1020", "Eve Kim"));
    sim.place(CallPlan::answered(alice(), &bob).at_speed(20.0));
    for sink in ["desk", "support"] {
        let cards = wait_for_messages(&sim, sink, 1).await;
        for text in ["ALICE MARTIN", "(514) 555-0199", "Main line", "Bob Roy"] {
            assert!(cards[0].contains(text), "{sink} lacks {text}: {}", cards[0]);
        }
    }
    sim.place(CallPlan::voicemail(alice(), &bob).at_speed(20.0));
    let cards = wait_for_messages(&sim, "desk", 3).await;
    assert!(cards[2].contains("Voicemail") && !cards[2].contains("Missed"), "{}", cards[2]);
    sim.place(CallPlan::transferred(alice(), "Support", &bob, &eve).at_speed(20.0));
    let cards = wait_for_messages(&sim, "desk", 4).await;
    assert!(cards[3].contains("ALICE MARTIN"), "{}", cards[3]);
    eventually("all calls are over", TIMEOUT, async || sim.calls().iter().all(|call| call.ended).then_some(())).await;
    let journal = daemon.stop().await;
    assert_eq!(message_texts(&sim, "desk").len(), 4, "one card per call and one for the voicemail: {journal}");
    assert_eq!(message_texts(&sim, "support").len(), 4);
    eventually("the channels are deleted", Duration::from_secs(5), async || sim.channels().is_empty().then_some(()))
        .await;
}

/// A number without a name of its own is named by the config, else by the dial plan that it rings.
#[tokio::test]
async fn called_number_is_named_by_config_or_by_goto() {
    let sim = Simulator::start(SimulatorSettings::default()).await.unwrap();
    let config = TestConfig::new(&sim.url())
        .text("journal", "level", "info,poprelay::goto=debug")
        .set("connections.main", "number_names", true)
        .text("numbers", "\"+15145550101\"", "Wholesale");
    let mut dir = DaemonDir::new(config);
    let daemon = dir.start();
    // The lane and the names are fetched side by side, in no order.
    eventually("the lane is live and the names are there", TIMEOUT, async || {
        let journal = daemon.journal();
        (journal.contains("lane live") && journal.contains("names of numbers fetched")).then_some(())
    })
    .await;
    for (messages, number, name) in [(1, "+15145550100", "Main line"), (2, "+15145550101", "Wholesale")] {
        let mut plan =
            CallPlan::missed(Party::new("ALICE MARTIN", "+15145550199"), &[Extension::new("1015", "Bob Roy")]);
        plan.called_number = CalledNumber { number: number.to_owned(), name: number.to_owned() };
        sim.place(plan);
        let shown = wait_for_messages(&sim, "desk", messages).await;
        assert!(shown[messages - 1].contains(name), "{}", shown[messages - 1]);
    }
    daemon.stop().await;
}
