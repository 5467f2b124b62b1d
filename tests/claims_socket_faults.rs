//! Faults of Slack's Socket Mode: announced ends, ghosts, repeated envelopes, half-open sockets. The real daemon must serve each
//! press once, and must not open sockets without need.

use crate::{
    claims::{CALL_BACK, Claims, DONE, UNDO},
    support::{Daemon, DaemonDir, TIMEOUT, eventually, message_texts, run_to_end},
};
use poprelay::sim::{Simulator, SocketModeFaults};
use std::{
    future::pending,
    time::{Duration, Instant},
};
use tokio::time::timeout;

/// Sets the switches; a missing one is off.
fn set(sim: &Simulator, switches: SocketModeFaults) {
    sim.set_faults(|faults| faults.app.socket_mode = switches);
}

/// Returns how often a URL of a socket was requested.
fn opened(sim: &Simulator) -> u64 {
    let counts = sim.request_counts();
    let opens = counts.iter().filter(|((_, route, _), _)| route.contains("apps.connections.open"));
    opens.map(|(_, count)| count).sum()
}

async fn wait_until_opened(sim: &Simulator, times: u64) {
    eventually(&format!("{times} requests"), TIMEOUT, async || (opened(sim) >= times).then_some(())).await;
}

/// Returns the number of journal lines that contain all `words`.
fn logged(journal: &str, words: &[&str]) -> usize {
    journal.lines().filter(|line| words.iter().all(|word| line.contains(word))).count()
}

async fn wait_for_status(daemon: &DaemonDir, text: &str) {
    eventually(&format!("the status contains {text}"), TIMEOUT, async || {
        let (_, out, _) = run_to_end(daemon.command(&["status"])).await;
        out.contains(text).then_some(())
    })
    .await;
}

/// Starts a daemon without a socket: Socket Mode may be switched off.
async fn start_without_socket(claims: &mut Claims) -> Daemon {
    let daemon = claims.dir.start();
    daemon.wait_for_log("lane live").await;
    daemon
}

#[tokio::test]
async fn presses_during_an_announced_change_are_applied_once() {
    let mut claims = Claims::new().await;
    let daemon = claims.start().await;
    let message = claims.missed_call().await;
    let change = SocketModeFaults { hello_delay: 3.0, to_oldest: true, ..SocketModeFaults::default() };
    let warning = SocketModeFaults { warning_after: Some(0.0), ..change.clone() };
    let refresh = SocketModeFaults { refresh_after: Some(0.0), ..change.clone() };
    for announced in [warning, refresh] {
        let before = opened(&claims.sim);
        set(&claims.sim, announced);
        wait_until_opened(&claims.sim, before + 1).await;
        set(&claims.sim, change.clone());
        // The new socket has no `hello` yet, then both are open, then the new one only.
        assert_eq!(claims.sim.app_sockets(), 1);
        let mut presses = vec![claims.press(&message, CALL_BACK, "U0DANA")];
        claims.becomes("🙋 <@U0DANA> calls back").await;
        claims.wait_for_sockets(2).await;
        presses.push(claims.press(&message, DONE, "U0DANA"));
        claims.becomes("✅ Done: <@U0DANA>").await;
        claims.wait_for_sockets(1).await;
        for becomes in ["🙋 <@U0DANA> calls back", "\"poprelay_call_back\""] {
            presses.push(claims.press(&message, UNDO, "U0DANA"));
            claims.becomes(becomes).await;
        }
        for envelope in presses {
            claims.acknowledged(&envelope).await;
        }
    }
    let journal = daemon.stop().await;
    assert_eq!(logged(&journal, &["press stored", "applied"]), 8, "{journal}");
    for text in ["repeated", "slack socket lost", "sockets of another program"] {
        assert!(!journal.contains(text), "{text}: {journal}");
    }
}

#[tokio::test]
async fn socket_that_ends_often_is_not_opened_in_a_storm() {
    let mut claims = Claims::new().await;
    set(&claims.sim, SocketModeFaults { refresh_after: Some(0.0), ..SocketModeFaults::default() });
    let daemon = start_without_socket(&mut claims).await;
    wait_until_opened(&claims.sim, 2).await;
    let before = opened(&claims.sim);
    let never = timeout(Duration::from_secs(4), pending::<()>()).await;
    assert!(never.is_err() && opened(&claims.sim) <= before + 1, "{} in 4 s", opened(&claims.sim) - before);
    assert!((1..=2).contains(&claims.sim.app_sockets()));
    daemon.stop().await;
}

#[tokio::test]
async fn switched_off_socket_mode_is_named_and_cards_are_posted_and_edited() {
    let mut claims = Claims::new().await;
    claims.dir = DaemonDir::new(Claims::config(&claims.sim).text("operator", "sink", "desk"));
    let daemon = claims.start().await;
    let cause = "Socket Mode is switched off (link_disabled)";
    set(&claims.sim, SocketModeFaults { link_disabled: true, ..SocketModeFaults::default() });
    let is_alerted = || message_texts(&claims.sim, "desk").iter().any(|text| text.contains(cause));
    eventually("the operator is alerted", TIMEOUT, async || is_alerted().then_some(())).await;
    wait_for_status(&claims.dir, cause).await;
    let before = opened(&claims.sim);
    claims.missed_call().await;
    assert_eq!((claims.sim.app_sockets(), opened(&claims.sim)), (0, before), "tried again after ten minutes");
    daemon.stop().await;
    // A daemon that starts now is closed in place of its `hello`.
    let daemon = start_without_socket(&mut claims).await;
    wait_for_status(&claims.dir, cause).await;
    assert_eq!(opened(&claims.sim), before + 1);
    daemon.stop().await;
}

#[tokio::test]
async fn ghost_is_reported_once_and_costs_a_press_not_a_card() {
    let mut claims = Claims::new().await;
    let ghosts = SocketModeFaults { ghosts: 1, to_ghosts: 1.0, ..SocketModeFaults::default() };
    set(&claims.sim, ghosts.clone());
    let daemon = claims.start().await;
    wait_for_status(&claims.dir, "another program has sockets of the app").await;
    let message = claims.missed_call().await;
    let lost = claims.press(&message, CALL_BACK, "U0DANA");
    set(&claims.sim, SocketModeFaults { to_ghosts: 0.0, refresh_after: Some(2.0), ..ghosts.clone() });
    wait_until_opened(&claims.sim, 2).await;
    set(&claims.sim, SocketModeFaults { to_ghosts: 0.0, ..ghosts });
    claims.wait_for_sockets(2).await;
    claims.wait_for_sockets(1).await;
    claims.sim.drop_app_sockets();
    daemon.wait_for_log("slack socket lost").await;
    claims.wait_for_sockets(1).await;
    let served = claims.press(&message, CALL_BACK, "U0EVE");
    claims.acknowledged(&served).await;
    claims.becomes("🙋 <@U0EVE> calls back").await;
    assert_eq!(claims.sim.unacknowledged(), [lost], "a ghost received it");
    set(&claims.sim, SocketModeFaults::default());
    claims.sim.drop_app_sockets();
    wait_for_status(&claims.dir, "presses of buttons received\n").await;
    let journal = daemon.stop().await;
    assert_eq!(logged(&journal, &["sockets of another program"]), 1, "{journal}");
}

#[tokio::test]
async fn repeated_envelopes_change_the_claim_once() {
    let mut claims = Claims::new().await;
    let daemon = claims.start().await;
    let message = claims.missed_call().await;
    set(&claims.sim, SocketModeFaults { doubled: 1.0, redelivered: 1.0, ..SocketModeFaults::default() });
    let before = message.versions.len();
    for (button, becomes) in [
        (CALL_BACK, "🙋 <@U0DANA> calls back"),
        (DONE, "✅ Done: <@U0DANA>"),
        (UNDO, "🙋 <@U0DANA> calls back"),
        (UNDO, "\"poprelay_call_back\""),
    ] {
        claims.press(&message, button, "U0DANA");
        claims.becomes(becomes).await;
        eventually("all envelopes are acknowledged", TIMEOUT, async || {
            claims.sim.unacknowledged().is_empty().then_some(())
        })
        .await;
    }
    let journal = daemon.stop().await;
    let after = claims.sim.messages().pop().unwrap().versions.len();
    assert_eq!((after - before, claims.sim.private_answers().len()), (4, 0), "{journal}");
    assert_eq!(logged(&journal, &["press stored", "applied"]), 4, "{journal}");
    assert_eq!(logged(&journal, &["press stored", "repeated"]), 8, "{journal}");
}

#[tokio::test]
async fn envelopes_of_unknown_type_are_acknowledged_and_logged_once() {
    let mut claims = Claims::new().await;
    let daemon = claims.start().await;
    let message = claims.missed_call().await;
    set(&claims.sim, SocketModeFaults { unknown_every: Some(0.1), ..SocketModeFaults::default() });
    claims.press(&message, CALL_BACK, "U0DANA");
    claims.becomes("🙋 <@U0DANA> calls back").await;
    drop(timeout(Duration::from_secs(1), pending::<()>()).await);
    set(&claims.sim, SocketModeFaults::default());
    eventually("all are acknowledged", TIMEOUT, async || claims.sim.unacknowledged().is_empty().then_some(())).await;
    assert_eq!(opened(&claims.sim), 1);
    let journal = daemon.stop().await;
    assert_eq!(logged(&journal, &["slack sends a payload that is not used", "of_a_later_year"]), 1, "{journal}");
}

#[tokio::test]
#[ignore = "takes 80 s; the tests of the machine cover the time with their own clock"]
async fn half_open_socket_is_replaced_within_75_seconds() {
    let mut claims = Claims::new().await;
    let daemon = claims.start().await;
    let message = claims.missed_call().await;
    let silent_after = 20.0;
    set(&claims.sim, SocketModeFaults { silent_after: Some(silent_after), ..SocketModeFaults::default() });
    let start = Instant::now();
    eventually("the replacement", Duration::from_secs(110), async || (opened(&claims.sim) == 2).then_some(())).await;
    assert!(start.elapsed() < Duration::from_secs_f64(silent_after + 75.0 + 2.0), "{:?}", start.elapsed());
    claims.wait_for_sockets(2).await;
    claims.press(&message, CALL_BACK, "U0DANA");
    claims.becomes("🙋 <@U0DANA> calls back").await;
    // Slack still counts the dead socket.
    let journal = daemon.stop().await;
    assert_eq!(logged(&journal, &["slack socket lost"]), 1, "{journal}");
    assert_eq!(logged(&journal, &["sockets of another program"]), 1, "{journal}");
}
