//! The socket that receives the presses of claims: replaced, rejected, and at another daemon than the owner of the sink. The
//! effects of presses are in `claims`.

use crate::{
    claims::{CALL_BACK, CHANNEL, Claims, DONE, SINK, UNDO},
    support::{Daemon, DaemonDir, TIMEOUT, eventually, message_texts, postgres::PostgresServer, run_to_end},
};
use poprelay::sim::{Simulator, SimulatorSettings};
use serde_json::json;

/// Waits until the journal contains `text`, wherever it stands.
async fn has_logged(daemon: &Daemon, text: &str) {
    eventually(text, TIMEOUT, async || daemon.journal().contains(text).then_some(())).await;
}

#[tokio::test]
async fn announced_and_lost_sockets_are_replaced() {
    let mut claims = Claims::new().await;
    let daemon = claims.start().await;
    let message = claims.missed_call().await;
    for reason in ["warning", "refresh_requested"] {
        claims.sim.send_to_app(&json!({ "type": "disconnect", "reason": reason, "debug_info": { "host": "sim" } }));
        claims.wait_for_sockets(2).await;
        claims.wait_for_sockets(1).await;
    }
    claims.press(&message, CALL_BACK, "U0DANA");
    let claimed = claims.becomes("🙋 <@U0DANA> calls back").await;
    claims.sim.drop_app_sockets();
    daemon.wait_for_log("slack socket lost").await;
    claims.wait_for_sockets(1).await;
    claims.press(&claimed, DONE, "U0DANA");
    claims.becomes("✅ Done: <@U0DANA>").await;
    daemon.stop().await;
    claims.wait_for_sockets(0).await;
}

#[tokio::test]
async fn rejected_app_token_and_ghost_sockets_are_named_and_cards_are_posted() {
    let mut claims = Claims::new().await;
    claims.sim.set_faults(|faults| {
        faults.app.errors.insert("apps.connections.open".to_owned(), "token_revoked".to_owned());
    });
    let config =
        |token: &str| Claims::config(&claims.sim).text("operator", "sink", "desk").text(SINK, "app_token", token);
    claims.dir = DaemonDir::new(config("xapp-secret-of-the-app"));
    let daemon = claims.dir.start();
    has_logged(&daemon, "slack refuses the socket").await;
    has_logged(&daemon, "lane live").await;
    let alerts = |text: &str| message_texts(&claims.sim, "desk").iter().filter(|one| one.contains(text)).count();
    let rejected = "buttons of claims are not received: Slack rejects the app token (token_revoked)";
    eventually("the operator is alerted", TIMEOUT, async || (alerts(rejected) > 0).then_some(())).await;
    claims.missed_call().await;
    let (_, out, _) = run_to_end(claims.dir.command(&["check", "--online"])).await;
    assert!(out.contains("failed     sink claims") && out.contains("token_revoked"), "{out}");
    eventually("the status names the rejection", TIMEOUT, async || {
        let (_, out, _) = run_to_end(claims.dir.command(&["status"])).await;
        out.contains("Slack rejects the app token (token_revoked)").then_some(())
    })
    .await;
    let opened = claims.sim.request_counts();
    let requests: u64 = opened
        .iter()
        .filter(|((_, route, _), _)| route.contains("apps.connections.open"))
        .map(|(_, count)| count)
        .sum();
    assert!(requests <= 2, "one by the daemon, one by the check: {opened:?}");
    claims.sim.set_faults(|faults| {
        faults.app.errors.clear();
        faults.app.socket_mode.ghosts = 3;
    });
    claims.dir.write_config(config("xapp-secret-of-another-one"));
    daemon.signal("-HUP");
    has_logged(&daemon, "slack counts sockets of another program").await;
    let restored = "buttons of claims are received again";
    eventually("the alert is resolved", TIMEOUT, async || (alerts(restored) > 0).then_some(())).await;
    assert_eq!((alerts(rejected), alerts(restored)), (1, 1));
    daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn press_received_by_another_daemon_than_the_owner_is_applied() {
    let Some(server) = PostgresServer::shared() else { return };
    server.sql("postgres", "CREATE DATABASE claims");
    let sim = Simulator::start(SimulatorSettings::default()).await.unwrap();
    let database = format!("{{ url = \"{}\" }}", server.url("claims"));
    let config = Claims::config(&sim).set("state", "database", database);
    let mut second = DaemonDir::new(config.clone());
    let mut claims = Claims { dir: DaemonDir::new(config), sim };
    let first = claims.start().await;
    let other = second.start();
    claims.wait_for_sockets(2).await;
    let message = claims.missed_call().await;
    // The simulator sends each envelope to the newest socket, which is not the owner's.
    for (button, shows) in [(CALL_BACK, UNDO), (UNDO, CALL_BACK)] {
        let message = claims.becomes(&format!("\"{button}\"")).await;
        let envelope = claims.press(&message, button, "U1");
        claims.acknowledged(&envelope).await;
        claims.becomes(&format!("\"{shows}\"")).await;
    }
    // The first daemon owned the sink; the other one goes on with the same message.
    let (_, status, _) = run_to_end(second.command(&["status"])).await;
    assert!(status.contains("received") && !status.contains("another program"), "{status}");
    first.stop().await;
    claims.wait_for_sockets(1).await;
    claims.press(&message, CALL_BACK, "U2");
    claims.becomes(&format!("\"{UNDO}\"")).await;
    assert_eq!(claims.sim.messages().iter().filter(|message| message.channel == CHANNEL).count(), 1);
    let journal = other.stop().await;
    assert!(!journal.contains("sockets of another program"), "{journal}");
}
