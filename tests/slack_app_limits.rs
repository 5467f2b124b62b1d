//! Live messages at the rate limits of the chat: intermediate edits are skipped, final ones are not. Other faults are in
//! `slack_app`.

use crate::{
    slack_app::{SINK, call, config, is_in_order, messages, newest, rank, start_simulator},
    support::{DaemonDir, TestConfig, eventually},
};
use poprelay::sim::{Party, Simulator};
use std::time::Duration;

#[tokio::test]
async fn rate_limits_skip_intermediate_edits_of_live_messages() {
    let sim = start_simulator().await;
    sim.set_faults(|faults| {
        faults.app.edits_per_minute = Some(12);
        faults.app.burst = 3;
        faults.app.retry_after = 2;
    });
    intermediate_edits_are_skipped(&sim, config(&sim)).await;
}

/// Relays more calls at the same time than the chat's limits allow.
pub async fn intermediate_edits_are_skipped(sim: &Simulator, config: TestConfig) {
    let mut dir = DaemonDir::new(config);
    let daemon = dir.start();
    daemon.wait_for_log("lane live").await;
    for n in 0..12_u64 {
        let caller = Party::new(&format!("CALLER {n}"), &format!("+151455501{n:02}"));
        sim.place(call(caller, [20, 2000 + 300 * n, 4000 + 300 * n]));
    }
    let over = eventually("every message shows the end of its call", Duration::from_secs(180), async || {
        let all = messages(sim);
        (all.len() == 12 && all.iter().all(|message| rank(&newest(message)) == 2)).then_some(all)
    })
    .await;
    over.iter().for_each(is_in_order);
    let edits: usize = over.iter().map(|message| message.versions.len() - 1).sum();
    assert!(edits < 24, "{edits} edits: intermediate states were queued");
    drop(daemon.stop().await);
    assert_eq!(messages(sim).len(), 12);
}

#[tokio::test]
async fn sinks_with_one_token_share_its_rate_limit() {
    let sim = start_simulator().await;
    // Little more than the rate of one sink.
    sim.set_faults(|faults| faults.app.edits_per_minute = Some(41));
    let second = config(&sim).copy(SINK, "sinks.second").text("sinks.second", "channel", "C0SECOND");
    let mut dir = DaemonDir::new(second.copy(SINK, "sinks.third").text("sinks.third", "channel", "C0THIRD"));
    let daemon = dir.start();
    daemon.wait_for_log("lane live").await;
    for n in 0..12_u64 {
        let caller = Party::new(&format!("CALLER {n}"), &format!("+151455501{n:02}"));
        sim.place(call(caller, [20, 12_000, 24_000]));
    }
    eventually("every message shows the end of its call", Duration::from_secs(240), async || {
        let all = messages(&sim);
        (all.len() == 36 && all.iter().all(|message| rank(&newest(message)) == 2)).then_some(())
    })
    .await;
    let journal = daemon.stop().await;
    let edits: usize = messages(&sim).iter().map(|message| message.versions.len() - 1).sum();
    let refused = journal.matches("too many messages").count();
    eprintln!("three sinks with one token: 36 messages, {edits} edits, {refused} rejected with 429");
    assert_eq!(refused, 0, "{journal}");
}
