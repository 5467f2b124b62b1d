//! Caller history from GoTo for callers that this daemon has not recorded.

use crate::support::{DaemonDir, TIMEOUT, TestConfig, config_for, eventually, wait_for_messages};
use poprelay::sim::{CallPlan, Extension, Party, Simulator, SimulatorSettings};
use std::time::Duration;

const DAY: Duration = Duration::from_secs(86_400);

fn alice() -> Party {
    Party::new("ALICE MARTIN", "+15145550199")
}

async fn start_simulator() -> Simulator {
    let sim = Simulator::start(SimulatorSettings::default()).await.unwrap();
    sim.seed_past_call(CallPlan::answered(alice(), &Extension::new("1015", "Bob Roy")), 2 * DAY);
    sim.seed_past_call(
        CallPlan::answered(Party::new("ANOTHER CALLER", "+15145550111"), &Extension::new("1020", "Eve Kim")),
        DAY,
    );
    sim
}

fn activity_requests(sim: &Simulator) -> u64 {
    let requests = sim.request_counts();
    requests.iter().filter(|((_, path, _), _)| path.contains("caller-activity")).map(|(_, count)| count).sum()
}

#[tokio::test]
async fn earlier_call_is_fetched_from_goto_once() {
    let sim = start_simulator().await;
    // A card waits for GoTo until the look-up deadline: here long enough for a busy machine.
    let patient = TestConfig::new(&sim.url()).text("cards", "deadline", "20s");
    let mut dir = DaemonDir::new(&patient);
    let daemon = dir.start();
    daemon.wait_for_log("lane live").await;
    for cards in [1, 2] {
        sim.place(CallPlan::answered(alice(), &Extension::new("1020", "Eve Kim")).at_speed(50.0));
        let shown = wait_for_messages(&sim, "desk", cards).await;
        assert!(shown[0].contains("2 days ago, talked to Bob Roy"), "{}", shown[0]);
        eventually("the call has ended", TIMEOUT, async || sim.calls().iter().all(|call| call.ended).then_some(()))
            .await;
    }
    assert_eq!(activity_requests(&sim), 3, "three number forms for the first call, none for the second");
    daemon.stop().await;
}

#[tokio::test]
async fn cards_are_posted_without_activity_scope_or_with_goto_off() {
    for (withheld, table, expected) in
        [(vec!["cr.v1.read".to_owned()], "", 1), (vec![], "\n[[enrich]]\ntype = \"history\"\ngoto = false\n", 0)]
    {
        let sim = start_simulator().await;
        sim.set_faults(|faults| faults.tokens.withheld_scopes = withheld);
        let mut dir = DaemonDir::new(&(config_for(&sim.url()) + table));
        let daemon = dir.start();
        daemon.wait_for_log("lane live").await;
        for cards in [1, 2] {
            let caller = Party::new("ALICE MARTIN", &format!("+1514555019{cards}"));
            sim.place(CallPlan::answered(caller, &Extension::new("1020", "Eve Kim")).at_speed(20.0));
            let shown = wait_for_messages(&sim, "desk", cards).await;
            assert!(!shown[0].contains("Bob Roy"), "{}", shown[0]);
        }
        assert_eq!(activity_requests(&sim), expected, "a rejected request is not repeated");
        daemon.stop().await;
    }
}
