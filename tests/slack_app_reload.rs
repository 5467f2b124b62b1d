//! Live messages whose sink is changed during the call: another type, another channel. Unchanged sinks are in `slack_app`.

use crate::{
    slack_app::{
        CHANNEL, SINK, alice, becomes, bob, call, config, is_in_order, messages, newest, settled, start_simulator,
    },
    support::{Daemon, DaemonDir, TIMEOUT, TestConfig, eventually},
};
use poprelay::sim::{AppMessage, CallPlan, Party, ScenarioStep, Simulator};
use std::fmt::Display;

/// Reloads a running daemon with a new config.
async fn reload(daemon: &Daemon, dir: &DaemonDir, config: impl Display) {
    let done = || daemon.journal().matches("INFO config reloaded").count();
    let before = done();
    dir.write_config(config);
    daemon.signal("-HUP");
    eventually("the reload is done", TIMEOUT, async || (done() > before).then_some(())).await;
}

/// Starts a daemon, and waits until the live message of a call rings.
async fn start_with_ring(sim: &Simulator, dir: &mut DaemonDir) -> (Daemon, AppMessage) {
    let daemon = dir.start();
    daemon.wait_for_log("lane live").await;
    sim.place(call(alice(), [50, 6000, 8000]));
    let ring = becomes(sim, "ALICE MARTIN").await;
    settled(dir).await;
    (daemon, ring)
}

#[tokio::test]
async fn sink_changed_to_webhook_during_call_posts_outcome_once() {
    let sim = start_simulator().await;
    let app = config(&sim);
    let hook = TestConfig::new(&sim.url()).text(SINK, "type", "slack");
    let hook = hook.text(SINK, "url", format!("{}/slack/living", sim.url()));
    let mut dir = DaemonDir::new(&app);
    let daemon = dir.start();
    daemon.wait_for_log("lane live").await;
    let missed = [
        (50, ScenarioStep::Rings { lines: vec![bob()] }),
        (6000, ScenarioStep::Mailbox { message: true }),
        (8000, ScenarioStep::HangsUp { extension: None }),
    ];
    sim.place(CallPlan::new("voicemail", alice(), missed));
    let ring = becomes(&sim, "ALICE MARTIN").await;
    settled(&dir).await;
    reload(&daemon, &dir, &hook).await;
    crate::support::wait_for_messages(&sim, "living", 1).await;
    crate::support::wait_for_messages(&sim, "desk", 2).await;
    drop(daemon.stop().await);
    let left = messages(&sim);
    assert_eq!((left.len(), left[0].versions.len()), (1, ring.versions.len()), "the live message was changed");
    let texts = crate::support::message_texts(&sim, "living");
    assert_eq!(texts.len(), 1, "{texts:?}");
    assert!(texts[0].to_string().contains("ALICE MARTIN"), "{texts:?}");
}

#[tokio::test]
async fn sink_moved_during_call_keeps_live_message_in_old_channel() {
    let sim = start_simulator().await;
    let here = config(&sim);
    let mut dir = DaemonDir::new(&here);
    let (daemon, ring) = start_with_ring(&sim, &mut dir).await;
    reload(&daemon, &dir, here.text(SINK, "channel", "C0MOVED")).await;
    let over = becomes(&sim, "Ended:").await;
    assert_eq!((over.ts, over.channel.as_str()), (ring.ts, CHANNEL));
    sim.place(call(Party::new("BEA", "+15145550142"), [50, 1000, 2000]));
    eventually("the next call is posted in the new channel", TIMEOUT, async || {
        messages(&sim).into_iter().find(|message| message.channel == "C0MOVED" && newest(message).contains("BEA"))
    })
    .await;
    drop(daemon.stop().await);
}

#[tokio::test]
async fn live_message_in_lost_channel_is_reposted_in_new_channel() {
    let sim = start_simulator().await;
    let here = config(&sim);
    let mut dir = DaemonDir::new(&here);
    let (daemon, _) = start_with_ring(&sim, &mut dir).await;
    sim.set_faults(|faults| {
        faults.app.uninvited.insert(CHANNEL.to_owned());
    });
    reload(&daemon, &dir, here.text(SINK, "channel", "C0MOVED")).await;
    let over = eventually("the live message continues in the new channel", TIMEOUT, async || {
        messages(&sim).into_iter().find(|message| message.channel == "C0MOVED" && newest(message).contains("Ended:"))
    })
    .await;
    is_in_order(&over);
    let journal = daemon.stop().await;
    assert!(!journal.contains("sink disabled"), "{journal}");
    assert_eq!(messages(&sim).len(), 2);
}
