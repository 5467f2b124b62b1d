//! What GoTo remembers of a caller whom this daemon never heard.

use crate::support::{Home, SOON, config_for, eventually, shows};
use poprelay::sim::{CallPlan, Line, Party, Settings, World};
use std::time::Duration;

const DAY: Duration = Duration::from_secs(86_400);

fn alice() -> Party {
    Party::of("ALICE MARTIN", "+15145550199")
}

async fn world() -> World {
    let world = World::start(Settings::default()).await.unwrap();
    world.remember(CallPlan::answered(alice(), &Line::of("1015", "Bob Roy")), 2 * DAY);
    world.remember(CallPlan::answered(Party::of("SOMEBODY", "+15145550111"), &Line::of("1020", "Eve Kim")), DAY);
    world
}

fn questions(world: &World) -> u64 {
    let requests = world.requests();
    requests.iter().filter(|((_, path, _), _)| path.contains("caller-activity")).map(|(_, count)| count).sum()
}

#[tokio::test]
async fn a_caller_of_former_days_is_known_from_goto_and_asked_for_once() {
    let world = world().await;
    // A card waits for GoTo as long as for anybody: long enough here for a machine that is busy.
    let patient = config_for(&world.url()).replace("[cards]", "[cards]\ndeadline = \"20s\"");
    let mut home = Home::new(&patient);
    let daemon = home.run();
    daemon.says("lane live").await;
    for cards in [1, 2] {
        world.place(CallPlan::answered(alice(), &Line::of("1020", "Eve Kim")).at_speed(50.0));
        let shown = shows(&world, "desk", cards).await;
        assert!(shown[0].contains("2 days ago, talked to Bob Roy"), "{}", shown[0]);
        eventually("the call is over", SOON, async || world.calls().iter().all(|call| call.over).then_some(())).await;
    }
    assert_eq!(questions(&world), 3, "in three forms for the first call, and not again for the second");
    daemon.stop().await;
}

#[tokio::test]
async fn a_login_without_the_scope_or_a_house_that_says_no_has_its_cards_all_the_same() {
    for (withheld, table, asked) in
        [(vec!["cr.v1.read".to_owned()], "", 1), (vec![], "\n[[enrich]]\ntype = \"history\"\ngoto = false\n", 0)]
    {
        let world = world().await;
        world.set_faults(|faults| faults.tokens.withheld_scopes = withheld);
        let mut home = Home::new(&(config_for(&world.url()) + table));
        let daemon = home.run();
        daemon.says("lane live").await;
        for cards in [1, 2] {
            let caller = Party::of("ALICE MARTIN", &format!("+1514555019{cards}"));
            world.place(CallPlan::answered(caller, &Line::of("1020", "Eve Kim")).at_speed(20.0));
            let shown = shows(&world, "desk", cards).await;
            assert!(!shown[0].contains("Bob Roy"), "{}", shown[0]);
        }
        assert_eq!(questions(&world), asked, "refused once, it is left alone");
        daemon.stop().await;
    }
}
