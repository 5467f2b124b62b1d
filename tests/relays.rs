//! Calls become cards in both chats.

use crate::support::{Home, SOON, eventually, shown, shows};
use poprelay::sim::{CallPlan, Face, Line, Party, Settings, World};
use std::time::Duration;

fn alice() -> Party {
    Party::of("ALICE MARTIN", "+15145550199")
}

async fn start_simulator() -> World {
    World::start(Settings::default()).await.unwrap()
}

#[tokio::test]
async fn reference_calls_become_cards_in_both_chats() {
    let sim = start_simulator().await;
    let mut dir = Home::in_world(&sim);
    let daemon = dir.run();
    daemon.wait_for_log("lane live").await;
    let (bob, eve) = (Line::of("1015", "Bob Roy"), Line::of("1020", "Eve Kim"));
    sim.place(CallPlan::answered(alice(), &bob).at_speed(20.0));
    for sink in ["desk", "support"] {
        let cards = shows(&sim, sink, 1).await;
        for text in ["ALICE MARTIN", "(514) 555-0199", "Main line", "Bob Roy"] {
            assert!(cards[0].contains(text), "{sink} lacks {text}: {}", cards[0]);
        }
    }
    sim.place(CallPlan::voicemail(alice(), &bob, Face::System).at_speed(20.0));
    let cards = shows(&sim, "desk", 3).await;
    assert!(cards[2].contains("Voicemail") && !cards[2].contains("Missed"), "{}", cards[2]);
    sim.place(CallPlan::transferred(alice(), "Support", &bob, &eve).at_speed(20.0));
    let cards = shows(&sim, "desk", 4).await;
    assert!(cards[3].contains("ALICE MARTIN"), "{}", cards[3]);
    eventually("all calls are over", SOON, async || sim.calls().iter().all(|call| call.over).then_some(())).await;
    let journal = daemon.stop().await;
    assert_eq!(shown(&sim, "desk").len(), 4, "one card per call and one for the voicemail: {journal}");
    assert_eq!(shown(&sim, "support").len(), 4);
    eventually("the channels are deleted", Duration::from_secs(5), async || sim.channels().is_empty().then_some(()))
        .await;
}
