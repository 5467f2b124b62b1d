//! Live messages: one Slack message per call that is edited as the call moves. The real daemon against a simulated Web API,
//! with kills between states, deleted messages and ambiguous answers.

use crate::support::{DaemonDir, TIMEOUT, TestConfig, eventually, run_to_end};
use poprelay::sim::{AppMessage, CallPlan, Extension, Party, ScenarioStep, Simulator, SimulatorSettings};
use std::time::Duration;

pub const CHANNEL: &str = "C0LIVING";
pub const SINK: &str = "sinks.living";

pub async fn start_simulator() -> Simulator {
    Simulator::start(SimulatorSettings::default()).await.unwrap()
}

pub fn config(sim: &Simulator) -> TestConfig {
    TestConfig::new(&sim.url())
        .text(SINK, "type", "slack-app")
        .text(SINK, "token", "xoxb-secret-of-the-bot")
        .text(SINK, "channel", CHANNEL)
        .text(SINK, "api_url", sim.slack_api_url())
}

pub fn alice() -> Party {
    Party::new("ALICE MARTIN", "+15145550199")
}

pub fn bob() -> Extension {
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
pub async fn settled(dir: &DaemonDir) {
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

#[tokio::test]
async fn check_describes_live_message_sink_without_requests() {
    let sim = start_simulator().await;
    let dir = DaemonDir::new(config(&sim).set(SINK, "reply_in_thread", true).set(SINK, "outcomes", "[\"missed\"]"));
    let (status, out, error) = run_to_end(dir.command(&["check"])).await;
    assert!(status.success(), "{error}");
    assert!(out.contains("living: Slack app, one live message per call, in its thread missed"), "{out}");
    assert!(sim.request_counts().is_empty() && sim.messages().is_empty());
}
