//! Live messages: one Slack message per call that is edited as the call moves. The real daemon against a simulated Web API,
//! with kills between states, rate limits and workspace changes.

use crate::support::{Daemon, DaemonDir, TIMEOUT, TestConfig, eventually, run_to_end};
use poprelay::sim::{AppMessage, CallPlan, Extension, Party, ScenarioStep, Simulator, SimulatorSettings};
use std::{fmt::Display, time::Duration};

const CHANNEL: &str = "C0LIVING";
const SINK: &str = "sinks.living";

async fn start_simulator() -> Simulator {
    Simulator::start(SimulatorSettings::default()).await.unwrap()
}

fn config(sim: &Simulator) -> TestConfig {
    TestConfig::new(&sim.url())
        .text(SINK, "type", "slack-app")
        .text(SINK, "token", "xoxb-secret-of-the-bot")
        .text(SINK, "channel", CHANNEL)
        .text(SINK, "api_url", sim.slack_api_url())
}

pub fn alice() -> Party {
    Party::new("ALICE MARTIN", "+15145550199")
}

fn bob() -> Extension {
    Extension::new("1015", "Bob Roy")
}

/// Returns a call that rings, is answered and ends at these milliseconds.
pub fn call(caller: Party, [rings, answers, ends]: [u64; 3]) -> CallPlan {
    let steps = [
        (rings, ScenarioStep::Rings { lines: vec![bob()] }),
        (answers, ScenarioStep::Answers { extension: bob().extension }),
        (ends, ScenarioStep::HangsUp { extension: None }),
    ];
    CallPlan::new("answered", caller, steps)
}

/// Returns the messages of the channel, without replies.
pub fn messages(sim: &Simulator) -> Vec<AppMessage> {
    sim.messages().into_iter().filter(|message| message.thread.is_none()).collect()
}

/// Returns the fallback text of each version of a message; of Teams the summary.
fn titles(message: &AppMessage) -> Vec<String> {
    message
        .versions
        .iter()
        .map(|said| {
            let text = said.payload.get("text").or_else(|| said.payload.get("summary"));
            text.and_then(|text| text.as_str()).unwrap_or_default().to_owned()
        })
        .collect()
}

pub fn newest(message: &AppMessage) -> String {
    titles(message).pop().unwrap_or_default()
}

/// Returns the progress that a title shows: 0 ringing, 1 answered, 2 ended.
pub fn rank(title: &str) -> u8 {
    match title {
        over if ["Ended:", "Missed:", "Voicemail:"].iter().any(|word| over.contains(word)) => 2,
        answered if answered.contains("Answered:") => 1,
        _ => 0,
    }
}

/// Waits until the only message contains `word`.
pub async fn becomes(sim: &Simulator, word: &str) -> AppMessage {
    eventually(&format!("the message contains {word}"), TIMEOUT, async || {
        let all = messages(sim);
        assert!(all.len() <= 1, "{:?}", all.iter().map(newest).collect::<Vec<_>>());
        all.into_iter().find(|message| newest(message).contains(word))
    })
    .await
}

pub fn is_in_order(message: &AppMessage) {
    let ranks: Vec<u8> = titles(message).iter().map(|title| rank(title)).collect();
    assert!(ranks.is_sorted(), "an edit shows an earlier status: {:?}", titles(message));
}

#[tokio::test]
async fn voicemail_length_of_the_frames_is_in_the_first_text() {
    let sim = start_simulator().await;
    let mut dir = DaemonDir::new(config(&sim));
    let daemon = dir.start();
    daemon.wait_for_log("lane live").await;
    sim.place(CallPlan::voicemail(alice(), &bob()).at_speed(10.0));
    let message = becomes(&sim, "Left a message of").await;
    is_in_order(&message);
    assert!(newest(&message).contains("for Bob Roy (1015)"), "{:?}", titles(&message));
    drop(daemon.stop().await);
}

#[tokio::test]
async fn live_message_follows_call_from_ring_to_end() {
    let sim = start_simulator().await;
    let mut dir = DaemonDir::new(config(&sim));
    let daemon = dir.start();
    daemon.wait_for_log("lane live").await;
    sim.place(call(alice(), [50, 1500, 3000]));
    let ring = becomes(&sim, "ALICE MARTIN").await;
    assert_eq!(rank(&newest(&ring)), 0);
    assert!(becomes(&sim, "Answered:").await.versions.last().unwrap().payload.to_string().contains("Bob Roy"));
    let over = becomes(&sim, "Ended:").await;
    is_in_order(&over);
    let last = &over.versions.last().unwrap().payload;
    assert!(last.to_string().contains("Bob Roy (1015) · answered after"), "{last}");
    assert_eq!((over.ts, over.channel.as_str()), (ring.ts, CHANNEL));
    let journal = daemon.stop().await;
    assert!(!journal.contains("xoxb-secret"), "{journal}");
    assert_eq!(messages(&sim).len(), 1);
}

#[tokio::test]
async fn unanswered_call_is_also_posted_in_thread_if_enabled() {
    let sim = start_simulator().await;
    let mut dir = DaemonDir::new(config(&sim).set(SINK, "reply_in_thread", true));
    let daemon = dir.start();
    daemon.wait_for_log("lane live").await;
    let mailbox = [
        (50, ScenarioStep::Rings { lines: vec![bob()] }),
        (2500, ScenarioStep::Mailbox { message: true }),
        (4000, ScenarioStep::HangsUp { extension: None }),
    ];
    sim.place(CallPlan::new("voicemail", alice(), mailbox));
    becomes(&sim, "ALICE MARTIN").await;
    let card = eventually("the card shows the end", TIMEOUT, async || {
        messages(&sim).into_iter().find(|message| rank(&newest(message)) == 2)
    })
    .await;
    is_in_order(&card);
    let reply = eventually("a reply in its thread", TIMEOUT, async || {
        sim.messages().into_iter().find(|message| message.thread.as_ref() == Some(&card.ts))
    })
    .await;
    assert_eq!(rank(&newest(&reply)), 2);
    assert!(newest(&reply).contains("ALICE MARTIN") && reply.versions[0].payload.get("blocks").is_none());
    drop(daemon.stop().await);
}

#[tokio::test]
async fn kills_between_states_keep_the_same_live_message() {
    let sim = start_simulator().await;
    one_message_survives_kills(&sim, config(&sim)).await;
}

/// Kills the daemon of `config` in each state of a call.
pub async fn one_message_survives_kills(sim: &Simulator, config: TestConfig) {
    let mut dir = DaemonDir::new(config);
    let daemon = dir.start();
    daemon.wait_for_log("lane live").await;
    sim.place(call(alice(), [50, 20_000, 40_000]));
    becomes(sim, "ALICE MARTIN").await;
    settled(&dir).await;
    daemon.kill();
    let daemon = dir.start();
    becomes(sim, "Answered:").await;
    settled(&dir).await;
    daemon.kill();
    let daemon = dir.start();
    let over = becomes(sim, "Ended:").await;
    is_in_order(&over);
    drop(daemon.stop().await);
    assert_eq!(messages(sim).len(), 1, "more than one message for one call");
}

/// Waits until the store has settled the live message. A kill before that may post the message again.
async fn settled(dir: &DaemonDir) {
    eventually("the live message is settled", TIMEOUT, async || {
        let mut list = dir.command(&["outbox", "list", "--json"]);
        let text = String::from_utf8(list.output().unwrap().stdout).unwrap();
        let rows: serde_json::Value = serde_json::from_str(&text).ok()?;
        let is = |row: &serde_json::Value, key, word| row.get(key).is_some_and(|value| value == word);
        let living = rows.as_array()?.iter().find(|row| is(row, "form", "live"))?;
        is(living, "state", "delivered").then_some(())
    })
    .await;
}

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
async fn deleted_live_message_is_reposted_once() {
    let sim = start_simulator().await;
    deleted_message_is_posted_again(&sim, config(&sim)).await;
}

/// Deletes the message of a call twice.
pub async fn deleted_message_is_posted_again(sim: &Simulator, config: TestConfig) {
    let mut dir = DaemonDir::new(config);
    let daemon = dir.start();
    daemon.wait_for_log("lane live").await;
    sim.place(call(alice(), [50, 3000, 6000]));
    let ring = becomes(sim, "ALICE MARTIN").await;
    assert!(sim.delete_message(&ring.channel, &ring.ts));
    let left = || messages(sim).into_iter().filter(|message| !message.deleted).collect::<Vec<_>>();
    let reposted = eventually("a new message", TIMEOUT, async || left().pop()).await;
    assert!(sim.delete_message(&reposted.channel, &reposted.ts));
    daemon.wait_for_log("card undeliverable").await;
    let journal = daemon.stop().await;
    assert!(!journal.contains("sink disabled"), "{journal}");
    assert_eq!((messages(sim).len(), left().len()), (2, 0));
}

#[tokio::test]
async fn uninvited_bot_disables_its_sink_only() {
    let sim = start_simulator().await;
    sim.set_faults(|faults| {
        faults.app.uninvited.insert(CHANNEL.to_owned());
    });
    let mut dir = DaemonDir::new(config(&sim));
    let daemon = dir.start();
    daemon.wait_for_log("lane live").await;
    sim.place(call(alice(), [50, 1000, 2000]));
    daemon.wait_for_log("sink disabled").await;
    crate::support::wait_for_messages(&sim, "desk", 1).await;
    sim.set_faults(|faults| faults.app.uninvited.clear());
    let journal = daemon.stop().await;
    assert!(journal.contains("not_in_channel"), "{journal}");
    let daemon = dir.start();
    becomes(&sim, "Ended:").await;
    drop(daemon.stop().await);
}

#[tokio::test]
async fn ambiguous_answer_causes_at_most_two_repeats() {
    let sim = start_simulator().await;
    sim.set_faults(|faults| faults.app.fatal_after_accept = 1.0);
    let mut dir = DaemonDir::new(config(&sim));
    let daemon = dir.start();
    daemon.wait_for_log("lane live").await;
    sim.place(call(alice(), [50, 60_000, 65_000]));
    eventually("the post is repeated", TIMEOUT, async || (messages(&sim).len() == 2).then_some(())).await;
    sim.set_faults(|faults| faults.app.fatal_after_accept = 0.0);
    daemon.wait_for_log("card delivered").await;
    let copies = messages(&sim).len();
    assert!((2..=3).contains(&copies), "{copies} copies of a card without a clear answer");
    drop(daemon.stop().await);
}

/// Starts a CRM that answers after 1.8 s. Returns its URL.
async fn slow_crm() -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let answer = async || {
        tokio::time::sleep(Duration::from_millis(1800)).await;
        axum::Json(serde_json::json!({ "name": "Alice of the CRM" }))
    };
    let app = axum::Router::new().fallback(answer);
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    url
}

#[tokio::test]
async fn late_lookup_result_is_added_to_live_message() {
    let sim = start_simulator().await;
    let crm = slow_crm().await;
    let source = format!(
        "[[enrich]]\ntype = \"http\"\nname = \"crm\"\nurl = \"{crm}?phone={{{{ number }}}}\"\ntimeout = \"5s\"\nfields = {{ name = \"/name\" }}"
    );
    let mut dir = DaemonDir::new(format!("{}{source}", config(&sim)));
    let daemon = dir.start();
    daemon.wait_for_log("lane live").await;
    sim.place(call(alice(), [50, 8000, 10_000]));
    let late = becomes(&sim, "Alice of the CRM").await;
    assert!(titles(&late)[0].contains("ALICE MARTIN"), "the ring card waited for the CRM: {:?}", titles(&late));
    assert_eq!(rank(&newest(&late)), 0, "the call no longer rings");
    assert!(newest(&becomes(&sim, "Ended:").await).contains("Alice of the CRM"));
    drop(daemon.stop().await);
}

/// Reloads a running daemon with a new config.
async fn reload(daemon: &Daemon, dir: &DaemonDir, config: impl Display) {
    let done = || daemon.journal().matches("INFO config reloaded").count();
    let before = done();
    dir.write_config(config);
    daemon.signal("-HUP");
    eventually("the reload is done", TIMEOUT, async || (done() > before).then_some(())).await;
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
    let daemon = dir.start();
    daemon.wait_for_log("lane live").await;
    sim.place(call(alice(), [50, 6000, 8000]));
    let ring = becomes(&sim, "ALICE MARTIN").await;
    settled(&dir).await;
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
    let daemon = dir.start();
    daemon.wait_for_log("lane live").await;
    sim.place(call(alice(), [50, 6000, 8000]));
    becomes(&sim, "ALICE MARTIN").await;
    settled(&dir).await;
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

#[tokio::test]
async fn check_describes_live_message_sink_without_requests() {
    let sim = start_simulator().await;
    let dir = DaemonDir::new(config(&sim).set(SINK, "reply_in_thread", true).set(SINK, "outcomes", "[\"missed\"]"));
    let (status, out, error) = run_to_end(dir.command(&["check"])).await;
    assert!(status.success(), "{error}");
    assert!(out.contains("living: Slack app, one live message per call, in its thread missed"), "{out}");
    assert!(sim.request_counts().is_empty() && sim.messages().is_empty());
}
