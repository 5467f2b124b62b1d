//! Live messages of a Teams app: the real daemon against a simulated login and Bot Connector. The faults are kills between
//! states, rejected tokens, limits and missing permissions.

use crate::{
    slack_app::{
        alice, becomes, call, deleted_message_is_posted_again, is_in_order, messages, newest,
        one_message_survives_kills, rank,
    },
    slack_app_limits::intermediate_edits_are_skipped,
    support::{DaemonDir, TIMEOUT, TestConfig, eventually, run_to_end, wait_for_messages},
};
use poprelay::sim::{Simulator, SimulatorSettings, TeamsAppFaults};

const CHANNEL: &str = "19:calls-1_a@thread.tacv2";
const SINK: &str = "sinks.calls";
const SECRET: &str = "s3cr3t~of-the-teams-app";

async fn start_simulator() -> Simulator {
    Simulator::start(SimulatorSettings::default()).await.unwrap()
}

fn config(sim: &Simulator) -> TestConfig {
    TestConfig::new(&sim.url())
        .text(SINK, "type", "teams-app")
        .text(SINK, "tenant", "example.onmicrosoft.com")
        .text(SINK, "app_id", "6f1c2c7e-8d34-4f57-9f9c-0a1b2c3d4e5f")
        .text(SINK, "secret", SECRET)
        .text(SINK, "channel", CHANNEL)
        .text(SINK, "login_url", sim.teams_login_url())
        .text(SINK, "api_url", sim.teams_api_url())
}

fn set_faults(sim: &Simulator, set: impl FnOnce(&mut TeamsAppFaults)) {
    sim.set_faults(|faults| set(&mut faults.teams_app));
}

/// Returns how often the bot service or the login answered with a status.
fn answers(sim: &Simulator, part: &str, status: u16) -> u64 {
    let counts = sim.request_counts();
    counts.iter().filter(|((_, route, got), _)| route.contains(part) && *got == status).map(|(_, count)| count).sum()
}

#[tokio::test]
async fn live_message_ends_in_its_last_state_with_a_renewed_token() {
    let sim = start_simulator().await;
    set_faults(&sim, |faults| faults.token_lifetime = 10);
    let mut dir = DaemonDir::new(config(&sim));
    let daemon = dir.start();
    daemon.wait_for_log("lane live").await;
    // On a busy machine the ring may be posted seconds late: the end comes long after nine tenths of the token's lifetime.
    sim.place(call(alice(), [50, 1500, 22_000]));
    let ring = becomes(&sim, "ALICE MARTIN").await;
    assert_eq!(rank(&newest(&ring)), 0);
    becomes(&sim, "Answered:").await;
    let over = becomes(&sim, "Ended:").await;
    is_in_order(&over);
    assert_eq!((&over.ts, over.channel.as_str()), (&ring.ts, CHANNEL));
    assert!(over.versions.last().unwrap().payload.to_string().contains("Bob Roy (1015) · answered after"));
    let journal = daemon.stop().await;
    assert!(!journal.contains(SECRET) && !journal.contains("teams-token-"), "{journal}");
    assert_eq!((messages(&sim).len(), answers(&sim, "/teams-api/", 401)), (1, 0));
    let tokens = answers(&sim, "/teams-login/", 200);
    assert!((2..=3).contains(&tokens), "{tokens} tokens for three requests in 22 s, each valid for 10 s");
}

#[tokio::test]
async fn kills_between_states_keep_the_same_teams_message() {
    let sim = start_simulator().await;
    one_message_survives_kills(&sim, config(&sim)).await;
}

#[tokio::test]
async fn rejected_token_is_replaced_once_without_a_failed_delivery() {
    let sim = start_simulator().await;
    let mut dir = DaemonDir::new(config(&sim));
    let daemon = dir.start();
    daemon.wait_for_log("lane live").await;
    sim.place(call(alice(), [50, 3000, 4500]));
    becomes(&sim, "ALICE MARTIN").await;
    sim.revoke_teams_tokens();
    becomes(&sim, "Ended:").await;
    let journal = daemon.stop().await;
    assert!(!journal.contains("sink disabled") && !journal.contains("card undeliverable"), "{journal}");
    assert_eq!((answers(&sim, "/teams-api/", 401), answers(&sim, "/teams-login/", 200)), (1, 2));
}

#[tokio::test]
async fn deleted_teams_message_is_reposted_once() {
    let sim = start_simulator().await;
    deleted_message_is_posted_again(&sim, config(&sim)).await;
}

#[tokio::test]
async fn app_that_is_not_installed_disables_its_sink_only() {
    let sim = start_simulator().await;
    set_faults(&sim, |faults| {
        faults.not_installed.insert(CHANNEL.to_owned());
    });
    let mut dir = DaemonDir::new(config(&sim));
    let daemon = dir.start();
    daemon.wait_for_log("lane live").await;
    sim.place(call(alice(), [50, 1000, 2000]));
    daemon.wait_for_log("sink disabled").await;
    wait_for_messages(&sim, "desk", 1).await;
    eventually("the call has ended", TIMEOUT, async || daemon.journal().contains(r#"status="ended""#).then_some(()))
        .await;
    set_faults(&sim, |faults| faults.not_installed.clear());
    let journal = daemon.stop().await;
    assert!(journal.contains("the app is not installed in the team, or not for the person"), "{journal}");
    let daemon = dir.start();
    becomes(&sim, "Ended:").await;
    drop(daemon.stop().await);
}

#[tokio::test]
async fn calls_beyond_the_limits_end_in_one_message_each_in_its_last_state() {
    let sim = start_simulator().await;
    set_faults(&sim, |faults| faults.unavailable = 0.1);
    intermediate_edits_are_skipped(&sim, config(&sim)).await;
    assert_eq!(answers(&sim, "/teams-api/", 429), 0);
}

#[tokio::test]
async fn outcome_is_replied_in_the_thread_if_enabled() {
    let sim = start_simulator().await;
    let config = config(&sim).set(SINK, "reply_in_thread", true).set(SINK, "outcomes", r#"["ended"]"#);
    let mut dir = DaemonDir::new(config);
    let daemon = dir.start();
    daemon.wait_for_log("lane live").await;
    sim.place(call(alice(), [50, 1500, 3000]));
    let card = becomes(&sim, "Ended:").await;
    let reply = eventually("a reply in its thread", TIMEOUT, async || {
        sim.messages().into_iter().find(|message| message.thread.as_ref() == Some(&card.ts))
    })
    .await;
    assert!(newest(&reply).contains("Ended:") && newest(&reply).contains("ALICE MARTIN"), "{reply:?}");
    drop(daemon.stop().await);
}

#[tokio::test]
async fn commands_name_the_problem_of_the_app() {
    let sim = start_simulator().await;
    let dir = DaemonDir::new(config(&sim));
    let run = async |args: &[&str]| run_to_end(dir.command(args)).await;
    let test_card = ["test-card", "--sink", "calls"];
    let (status, out, err) = run(&test_card).await;
    assert!(status.success() && out.contains("calls: edit delivered (HTTP 200)"), "{out}{err}");
    assert_eq!((messages(&sim).len(), messages(&sim)[0].versions.len()), (1, 2));
    let (status, out, _) = run(&["check"]).await;
    assert!(status.success() && out.contains("calls: Teams app, one live message per call; 1 per second"), "{out}");
    let (status, out, _) = run(&["check", "--online"]).await;
    assert!(status.success() && out.contains("reachable, accepts the app"), "{out}");

    set_faults(&sim, |faults| faults.secret_expired = true);
    let named = "the client secret has expired";
    let (status, out, _) = run(&["check", "--online"]).await;
    assert!(!status.success() && out.contains(named) && out.contains("Certificates & secrets"), "{out}");
    let (status, _, err) = run(&test_card).await;
    assert!(!status.success() && err.contains(named) && !err.contains(SECRET), "{err}");

    set_faults(&sim, |faults| *faults = TeamsAppFaults { blocked: [CHANNEL.to_owned()].into(), ..Default::default() });
    let (_, _, err) = run(&test_card).await;
    assert!(
        err.contains("rejected with HTTP 403: the channel accepts no messages of the app")
            && err.contains("moderation"),
        "{err}"
    );
    set_faults(&sim, |faults| *faults = TeamsAppFaults { unknown: [CHANNEL.to_owned()].into(), ..Default::default() });
    assert!(run(&test_card).await.2.contains("rejected with HTTP 404: the channel is gone"));
}

#[tokio::test]
async fn replay_renders_recorded_calls_for_teams_without_a_request() {
    let sim = start_simulator().await;
    let dir = DaemonDir::new(config(&sim));
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/calls/answered.jsonl");
    let (status, out, err) = run_to_end(dir.command(&["replay", file, "--json", "--sink", "calls"])).await;
    assert!(status.success(), "{out}{err}");
    let texts: Vec<String> = out
        .lines()
        .map(|line| {
            let payload: serde_json::Value = serde_json::from_str(line).unwrap();
            let kind = payload.pointer("/attachments/0/contentType").and_then(|kind| kind.as_str());
            assert_eq!(kind, Some("application/vnd.microsoft.card.adaptive"), "{line}");
            payload.pointer("/attachments/0/content/fallbackText").unwrap().to_string()
        })
        .collect();
    let titles = ["📞 ", "✅ Answered: ", "✅ Ended: "];
    assert_eq!(texts.len(), titles.len(), "{texts:?}");
    assert!(texts.iter().zip(titles).all(|(text, title)| text.contains(title)), "{texts:?}");
    assert!(sim.request_counts().is_empty(), "{:?}", sim.request_counts());
}

#[tokio::test]
async fn posts_and_edits_of_a_teams_app_are_counted() {
    let sim = start_simulator().await;
    let mut dir = DaemonDir::new("");
    let socket = dir.path().join("metrics.sock");
    dir.write_config(config(&sim).text("metrics", "listen", format!("unix:{}", socket.display())));
    let daemon = dir.start();
    daemon.wait_for_log("lane live").await;
    sim.place(call(alice(), [50, 1500, 3000]));
    becomes(&sim, "Ended:").await;
    let delivered = "poprelay_cards_delivered_total{sink=\"calls\",status=\"ended\"}";
    let text = eventually("the end is counted", TIMEOUT, async || {
        let stream = tokio::net::UnixStream::connect(&socket).await.ok()?;
        let (_, text) = crate::metrics::get(stream, "/metrics", "*/*").await?;
        (crate::metrics::value(&text, delivered) > 0.0).then_some(text)
    })
    .await;
    let value = |series: &str| crate::metrics::value(&text, series);
    assert_eq!(value("poprelay_call_to_card_seconds_count{sink=\"calls\",status=\"ringing\"}"), 1.0);
    assert_eq!(value("poprelay_call_to_card_seconds_count{sink=\"calls\",status=\"ended\"}"), 1.0, "an edit");
    assert!(value("poprelay_posts_total{sink=\"calls\",response=\"2xx\"}") >= 2.0, "{text}");
    assert_eq!(value("poprelay_sink_up{sink=\"calls\"}"), 1.0);
    assert!(!text.contains(SECRET) && !text.contains(CHANNEL), "{text}");
    daemon.stop().await;
}
