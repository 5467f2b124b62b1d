//! A call becomes cards.

use crate::support::{Home, SOON, eventually, shown, shows};
use poprelay::sim::{CallPlan, Face, Line, Party, Settings, World};
use std::time::Duration;

fn alice() -> Party {
    Party::of("ALICE MARTIN", "+15145550199")
}

async fn world() -> World {
    World::start(Settings::default()).await.unwrap()
}

#[tokio::test]
async fn the_three_reference_calls_become_cards_in_both_chats() {
    let world = world().await;
    let mut home = Home::in_world(&world);
    let daemon = home.run();
    daemon.says("lane live").await;
    let (bob, eve) = (Line::of("1015", "Bob Roy"), Line::of("1020", "Eve Kim"));
    world.place(CallPlan::answered(alice(), &bob).at_speed(20.0));
    for sink in ["desk", "support"] {
        let cards = shows(&world, sink, 1).await;
        for said in ["ALICE MARTIN", "(514) 555-0199", "Main line", "Bob Roy"] {
            assert!(cards[0].contains(said), "{sink} says {said}: {}", cards[0]);
        }
    }
    world.place(CallPlan::voicemail(alice(), &bob, Face::Alone).at_speed(20.0));
    let cards = shows(&world, "desk", 3).await;
    assert!(cards[2].contains("Missed") || cards[2].contains("oicemail"), "{}", cards[2]);
    world.place(CallPlan::transferred(alice(), "Support", &bob, &eve).at_speed(20.0));
    let cards = shows(&world, "desk", 4).await;
    assert!(cards[3].contains("ALICE MARTIN"), "{}", cards[3]);
    eventually("all calls are over", SOON, async || world.calls().iter().all(|call| call.over).then_some(())).await;
    let journal = daemon.stop().await;
    assert_eq!(shown(&world, "desk").len(), 4, "one card a call, one follow-up for the missed one: {journal}");
    assert_eq!(shown(&world, "support").len(), 4);
    eventually("the channels are deleted", Duration::from_secs(5), async || world.channels().is_empty().then_some(()))
        .await;
}
