//! The chats beside Slack and Teams: the real daemon relays a call to each, and the simulator checks what arrives.

use crate::support::{DaemonDir, TIMEOUT, TestConfig, eventually, message_text, run_to_end};
use poprelay::sim::{
    AppMessage, CallPlan, ChatKind, Extension, Party, ScenarioStep, Simulator, SimulatorSettings, WebhookRequest,
};
use serde_json::Value;
use std::collections::BTreeSet;

const SECRET: &str = "whsec_KioqKioqKioqKioqKioqKioqKioqKioqKioqKioqKio=";
const SINK: &str = "sinks.other";
/// Name of the webhook in the simulator.
const NAME: &str = "other";

async fn start_simulator() -> Simulator {
    Simulator::start(SimulatorSettings::default()).await.unwrap()
}

/// Builds a config with one sink of a chat.
fn config(sim: &Simulator, kind: &str, service: ChatKind) -> TestConfig {
    TestConfig::new(&sim.url())
        .without("sinks.desk")
        .without("sinks.support")
        .text(SINK, "type", kind)
        .text(SINK, "url", sim.webhook_url(service, NAME))
        .set(SINK, "outcomes", r#"["answered", "missed", "ended"]"#)
}

fn bob() -> Extension {
    Extension::new("1015", "Bob Roy")
}

/// Returns a call that rings, is answered and ends.
fn answered() -> CallPlan {
    let steps = [
        (50, ScenarioStep::Rings { lines: vec![bob()] }),
        (1500, ScenarioStep::Answers { extension: bob().extension }),
        (3000, ScenarioStep::HangsUp { extension: None }),
    ];
    CallPlan::new("answered", Party::new("ALICE MARTIN", "+15145550199"), steps)
}

/// Waits until the channel shows this many messages.
async fn posts(sim: &Simulator, count: usize) -> Vec<WebhookRequest> {
    eventually(&format!("{count} messages"), TIMEOUT, async || {
        let posts: Vec<WebhookRequest> = sim.posts().into_iter().filter(|post| post.name == NAME).collect();
        (posts.len() >= count).then_some(posts)
    })
    .await
}

/// Waits until the last version of the only message contains `word`.
async fn becomes(sim: &Simulator, word: &str) -> AppMessage {
    eventually(&format!("the message contains {word}"), TIMEOUT, async || {
        let mut messages = sim.messages();
        assert!(messages.len() <= 1, "{} messages", messages.len());
        let message = messages.pop()?;
        message.versions.last()?.payload.to_string().contains(word).then_some(message)
    })
    .await
}

/// Asserts that no delivery was given up or waits.
async fn assert_all_delivered(daemon: crate::support::Daemon, dir: &DaemonDir) {
    let journal = daemon.stop().await;
    assert!(!journal.contains("card undeliverable") && !journal.contains("sink disabled"), "{journal}");
    let stored = dir.read_outbox();
    assert_eq!(stored.dead(), 0, "{stored}");
}

#[tokio::test]
async fn webhook_gets_signed_events_with_one_id_per_delivery() {
    let sim = start_simulator().await;
    let config = config(&sim, "webhook", ChatKind::Webhook)
        .text(SINK, "secret", SECRET)
        .set(SINK, "cloud_events", true)
        .set(SINK, "headers", r#"{ X-Line = "{{ call.dialed.label }}" }"#);
    let mut dir = DaemonDir::new(config);
    let daemon = dir.start();
    daemon.wait_for_log("lane live").await;
    // The first attempts fail: their repetitions have the same id.
    sim.set_faults(|faults| faults.chat.server_error = 1.0);
    sim.place(answered());
    let failed = async || (sim.webhook_requests().len() >= 2).then_some(());
    eventually("two attempts failed", TIMEOUT, failed).await;
    sim.set_faults(|faults| faults.chat.server_error = 0.0);
    let ended = async || {
        let posts = posts(&sim, 1).await;
        posts.iter().any(|post| post.payload["type"] == "call.ended").then_some(posts)
    };
    let posts = eventually("the end arrives", TIMEOUT, ended).await;
    let reference = standardwebhooks::Webhook::new(SECRET).unwrap();
    let mut ids = BTreeSet::new();
    for post in &posts {
        let signed = post.signed.as_ref().unwrap();
        let header = |name: &str| signed.headers.get(name).map(String::as_str).unwrap_or_default();
        let at: i64 = header("webhook-timestamp").parse().unwrap();
        let expected = reference.sign(header("webhook-id"), at, signed.body.as_bytes()).unwrap();
        assert_eq!(header("webhook-signature"), expected);
        assert!(ids.insert(header("webhook-id").to_owned()), "one id per delivery");
        assert_eq!((header("x-line"), header("ce-type")), ("Main line", post.payload["type"].as_str().unwrap()));
        assert_eq!((header("ce-id"), header("ce-source")), (header("webhook-id"), "/poprelay/main"));
        assert_eq!(post.payload["data"]["caller"]["e164"], "+15145550199");
    }
    let calls: BTreeSet<String> = posts.iter().map(|post| post.payload["data"]["call"]["id"].to_string()).collect();
    assert_eq!(calls.len(), 1, "all events of a call have its id");
    assert_all_delivered(daemon, &dir).await;
}

#[tokio::test]
async fn webhook_own_body_is_sent() {
    let sim = start_simulator().await;
    let config = config(&sim, "webhook", ChatKind::Webhook)
        .set(SINK, "body", r#"'{"text": {{ title }}, "from": {{ caller.number }}}'"#)
        .text(SINK, "mask", "last4");
    let mut dir = DaemonDir::new(config);
    let daemon = dir.start();
    daemon.wait_for_log("lane live").await;
    sim.place(answered());
    let first = posts(&sim, 1).await.remove(0).payload;
    assert!(first["text"].as_str().unwrap().contains("ALICE MARTIN"), "{first}");
    assert_eq!(first["from"], "(•••) •••-0199");
    assert_all_delivered(daemon, &dir).await;
}

#[tokio::test]
async fn ntfy_notification_follows_the_call() {
    let sim = start_simulator().await;
    let mut dir = DaemonDir::new(config(&sim, "ntfy", ChatKind::Ntfy).text(SINK, "token", "tk_secret"));
    let daemon = dir.start();
    daemon.wait_for_log("lane live").await;
    sim.place(answered());
    let ring = becomes(&sim, "ALICE MARTIN").await;
    assert_eq!((ring.channel.as_str(), &ring.versions[0].payload["priority"]), (NAME, &Value::from(4)));
    let over = becomes(&sim, "Ended:").await;
    assert_eq!((over.ts, &over.versions.last().unwrap().payload["priority"]), (ring.ts, &Value::from(2)));
    assert_all_delivered(daemon, &dir).await;
}

#[tokio::test]
async fn discord_message_is_edited_and_mentions_no_one() {
    let sim = start_simulator().await;
    let mut dir = DaemonDir::new(config(&sim, "discord", ChatKind::Discord));
    let daemon = dir.start();
    daemon.wait_for_log("lane live").await;
    sim.place(CallPlan { caller: Some(Party::new("ALICE @everyone", "+15145550199")), ..answered() });
    let ring = becomes(&sim, "ALICE").await;
    let over = becomes(&sim, "Ended:").await;
    assert_eq!(over.ts, ring.ts);
    for version in &over.versions {
        assert_eq!(version.payload["allowed_mentions"], serde_json::json!({ "parse": [] }));
        let text = version.payload.to_string();
        assert!(text.contains("everyone") && !text.contains("@everyone"), "{text}");
    }
    assert_all_delivered(daemon, &dir).await;
}

#[tokio::test]
async fn discord_deleted_message_is_posted_again_once() {
    let sim = start_simulator().await;
    let mut dir = DaemonDir::new(config(&sim, "discord", ChatKind::Discord));
    let daemon = dir.start();
    daemon.wait_for_log("lane live").await;
    sim.place(answered());
    let ring = becomes(&sim, "ALICE MARTIN").await;
    assert!(sim.delete_message(NAME, &ring.ts));
    let again = eventually("a new message shows the end", TIMEOUT, async || {
        let shown = sim.messages().into_iter().find(|message| !message.deleted)?;
        shown.versions.last()?.payload.to_string().contains("Ended:").then_some(shown)
    })
    .await;
    assert_ne!(again.ts, ring.ts);
    assert_eq!(sim.messages().len(), 2);
    assert_all_delivered(daemon, &dir).await;
}

#[tokio::test]
async fn mattermost_gets_a_message_per_status() {
    let sim = start_simulator().await;
    let mut dir = DaemonDir::new(config(&sim, "mattermost", ChatKind::Mattermost));
    let daemon = dir.start();
    daemon.wait_for_log("lane live").await;
    sim.place(answered());
    let texts: Vec<String> = posts(&sim, 3).await.iter().map(message_text).collect();
    for (text, word) in texts.iter().zip(["ALICE MARTIN", "Answered:", "Ended:"]) {
        assert!(text.contains(word), "{text}");
    }
    assert_all_delivered(daemon, &dir).await;
}

#[tokio::test]
async fn google_chat_has_one_thread_per_call() {
    let sim = start_simulator().await;
    let mut dir = DaemonDir::new(config(&sim, "google-chat", ChatKind::GoogleChat));
    let daemon = dir.start();
    daemon.wait_for_log("lane live").await;
    sim.place(answered());
    let posts = posts(&sim, 3).await;
    let threads: BTreeSet<String> = posts.iter().map(|post| post.payload["thread"]["threadKey"].to_string()).collect();
    assert_eq!(threads.len(), 1, "{threads:?}");
    assert!(message_text(&posts[2]).contains("Ended:"), "{}", posts[2].payload);
    assert_all_delivered(daemon, &dir).await;
}

#[tokio::test]
async fn commands_know_every_chat() {
    let sim = start_simulator().await;
    let kinds = [
        ("webhook", ChatKind::Webhook),
        ("ntfy", ChatKind::Ntfy),
        ("discord", ChatKind::Discord),
        ("mattermost", ChatKind::Mattermost),
        ("google-chat", ChatKind::GoogleChat),
    ];
    for (kind, service) in kinds {
        let dir = DaemonDir::new(config(&sim, kind, service));
        let (status, out, err) = run_to_end(dir.command(&["test-card", "--sink", "other"])).await;
        assert!(status.success() && out.contains("card delivered"), "{kind}: {out}{err}");
        let is_live = ["ntfy", "discord"].contains(&kind);
        assert_eq!(out.contains("edit delivered"), is_live, "{kind}: {out}");
        let (status, out, err) = run_to_end(dir.command(&["check"])).await;
        assert!(status.success() && out.contains("sink       other: "), "{kind}: {out}{err}");
        assert_eq!(out.contains("one live message per call"), is_live, "{kind}: {out}");
        let (status, out, err) = run_to_end(dir.command(&["check", "--online"])).await;
        assert!(out.contains("sink other 127.0.0.1"), "{kind}: {status} {out}{err}");
        let (_, out, _) = run_to_end(dir.command(&["responses"])).await;
        assert!(out.lines().any(|line| line.starts_with(&format!("{kind} "))), "{kind} has response rules");
    }
}
