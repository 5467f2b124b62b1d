//! Scopes: a login without one of them works as far as it can, and the journal names the scope, the loss and the remedy.

use crate::support::{DaemonDir, TIMEOUT, TestConfig, eventually, message_texts};
use poprelay::{
    goto::scopes::{self, NOTIFICATIONS, Scope},
    sim::{CallPlan, Extension, Party, Simulator, SimulatorSettings},
};

/// Starts a daemon whose login lacks `scope`. Returns its journal, and whether a call is posted.
async fn run_without(scope: Scope) -> (String, bool) {
    let sim = Simulator::start(SimulatorSettings::default()).await.unwrap();
    sim.set_faults(|faults| faults.tokens.withheld_scopes = vec![scope.name.to_owned()]);
    let config = TestConfig::new(&sim.url()).set("connections.main", "voicemail", true).set(
        "connections.main",
        "number_names",
        true,
    );
    let mut dir = DaemonDir::new(config);
    let daemon = dir.start();
    daemon.wait_for_log(scope.name).await;
    let is_live = scope != NOTIFICATIONS;
    if is_live {
        daemon.wait_for_log("lane live").await;
        sim.place(CallPlan::answered(Party::new("ALICE MARTIN", "+15145550199"), &Extension::new("1015", "Bob Roy")));
        eventually("the call is shown", TIMEOUT, async || {
            message_texts(&sim, "desk").iter().any(|text| text.contains("ALICE MARTIN")).then_some(())
        })
        .await;
    } else {
        daemon.wait_for_log("connection rejected by goto").await;
    }
    (daemon.stop().await, is_live)
}

#[tokio::test]
async fn each_missing_scope_is_named_with_its_loss_and_the_remedy() {
    for scope in scopes::needed(true, true) {
        let (journal, is_live) = run_without(scope).await;
        assert!(journal.contains(scope.loss), "{}: {journal}", scope.name);
        assert!(journal.contains("poprelay login --connection main"), "{}: {journal}", scope.name);
        assert_eq!(is_live, journal.contains("lane live"), "{}: {journal}", scope.name);
    }
}
