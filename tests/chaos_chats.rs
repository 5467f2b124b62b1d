//! Chaos over the chats: random, repeatable faults of all chats but the plain webhooks of Slack and Teams. No card may be given
//! up, and a live message must end in the last state of its call. Takes the settings of [`crate::chaos`].

use crate::{
    chaos::{ChaosRun, QUIET_PERIOD, clear_faults, random_faults},
    support::{
        DaemonDir, TestConfig, eventually,
        ledger::{caller_number, format_as_shown, random_call},
    },
};
use poprelay::sim::{AppFaults, AppMessage, ChatKind, Faults, Simulator};
use std::time::{Duration, Instant};

/// Sinks, each with the name of its kind. The last four have one live message per call.
const SINKS: [&str; 7] = ["webhook", "mattermost", "google-chat", "discord", "ntfy", "teams-app", "slack-app"];
const LIVE_SINKS: [&str; 4] = ["discord", "ntfy", "teams-app", "slack-app"];
const TEAMS_CHANNEL: &str = "19:chaos@thread.tacv2";
const SLACK_CHANNEL: &str = "C0CHAOS";

fn config(sim: &Simulator) -> TestConfig {
    let mut config = TestConfig::new(&sim.url()).without("sinks.desk").without("sinks.support");
    for kind in SINKS {
        let sink = format!("sinks.{kind}");
        config = config.text(&sink, "type", kind).text(&sink, "pace", "off");
        let service = match kind {
            "webhook" => ChatKind::Webhook,
            "mattermost" => ChatKind::Mattermost,
            "google-chat" => ChatKind::GoogleChat,
            "discord" => ChatKind::Discord,
            "ntfy" => ChatKind::Ntfy,
            "slack-app" => {
                config = config
                    .text(&sink, "token", "xoxb-secret-of-the-bot")
                    .text(&sink, "channel", SLACK_CHANNEL)
                    .text(&sink, "api_url", sim.slack_api_url());
                continue;
            }
            _ => {
                config = config
                    .text(&sink, "tenant", "example.onmicrosoft.com")
                    .text(&sink, "app_id", "6f1c2c7e-8d34-4f57-9f9c-0a1b2c3d4e5f")
                    .text(&sink, "secret", "s3cr3t~of-the-teams-app")
                    .text(&sink, "channel", TEAMS_CHANNEL)
                    .text(&sink, "login_url", sim.teams_login_url())
                    .text(&sink, "api_url", sim.teams_api_url());
                continue;
            }
        };
        config = config.text(&sink, "url", sim.webhook_url(service, kind));
    }
    config
}

/// Removes all faults and the rate limits of the apps.
fn clear_app_faults(faults: &mut Faults) {
    clear_faults(faults);
    faults.teams_app.limits = false;
    (faults.app.posts_per_second, faults.app.edits_per_minute) = (None, None);
}

/// Adds faults of Slack's API and of the bot service that resemble those of the webhooks.
fn add_app_faults(faults: &mut Faults) {
    let chat = &faults.chat;
    faults.app = AppFaults {
        posts_per_second: None,
        edits_per_minute: None,
        too_many: chat.too_many,
        server_error: chat.server_error + chat.bad_gateway,
        hang: chat.hang,
        hang_after_accept: chat.hang_after_accept,
        hang_up: chat.hang_up,
        hang_up_after_accept: chat.hang_up_after_accept,
        slow: chat.slow,
        slow_ms: chat.slow_ms,
        ..AppFaults::default()
    };
    let teams = &mut faults.teams_app;
    (teams.too_many, teams.unavailable) = (chat.too_many, chat.server_error + chat.bad_gateway);
    (teams.hang_up, teams.hang_up_after_accept) = (chat.hang_up, chat.hang_up_after_accept);
    (teams.slow, teams.slow_ms, teams.limits) = (chat.slow, chat.slow_ms, false);
}

/// Returns the number of messages of a live sink that show a caller, and whether the last version of each shows the end.
fn live_messages_of(messages: &[AppMessage], channel: &str, caller: &str) -> (usize, bool) {
    let shown = messages.iter().filter(|message| message.channel == channel && message.thread.is_none());
    let texts = shown.filter_map(|message| Some(message.versions.last()?.payload.to_string()));
    let texts: Vec<String> = texts.filter(|text| text.contains(caller)).collect();
    (texts.len(), texts.iter().all(|text| !text.contains("📞")))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes; tests/chaos --chats runs it"]
async fn chaos_over_all_chats_gives_up_no_card_and_ends_live_messages() {
    let ChaosRun { seed, calls, rate, mut rng, sim } = ChaosRun::start("chaos over all chats", 300, 10.0).await;
    sim.set_faults(clear_app_faults);
    let mut dir = DaemonDir::new(config(&sim));
    let daemon = dir.start();
    daemon.wait_for_log("lane live").await;
    let start = Instant::now();
    let mut turn = start + Duration::from_secs(2);
    for number in 0..calls {
        let due = start + Duration::from_secs_f64(f64::from(number) / rate);
        tokio::time::sleep_until(due.into()).await;
        if Instant::now() >= turn {
            turn = Instant::now() + Duration::from_millis(rng.u64(2_000..6_000));
            let mut chats = Faults { chat: random_faults(&mut rng).chat, ..Faults::default() };
            chats.tokens.rotate = true;
            add_app_faults(&mut chats);
            sim.set_faults(|faults| *faults = chats);
        }
        sim.place(random_call(number, &mut rng));
    }
    sim.set_faults(clear_app_faults);
    // A call that has ended in the simulator may have no card yet. Its last frame may be under way, or its report is still
    // to be read. What is not stored after a quiet period is lost.
    let (mut left, mut last_change) = (usize::MAX, Instant::now());
    eventually("every call is delivered, or no new one is", Duration::from_secs(1_800), async || {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let (stored, all_ended) = (dir.read_outbox(), sim.calls().iter().all(|call| call.ended));
        let is_open = |caller: &String| SINKS.iter().any(|sink| !stored.describe(sink, caller).contains("delivered"));
        let now_left = stored.waiting() + (0..calls).map(caller_number).filter(is_open).count();
        if now_left < left || !all_ended {
            (left, last_change) = (now_left, Instant::now());
        }
        (all_ended && (left == 0 || last_change.elapsed() > QUIET_PERIOD)).then_some(())
    })
    .await;
    let journal = daemon.stop().await;
    let stored = dir.read_outbox();
    eprintln!("chaos over all chats, seed {seed}: {:.0?}\n{stored}", start.elapsed());
    assert_eq!((stored.dead(), stored.waiting()), (0, 0), "{stored}\n{journal}");
    let messages = sim.messages();
    let mut repeats = 0;
    for caller in (0..calls).map(caller_number) {
        for sink in SINKS {
            assert!(stored.describe(sink, &caller).contains("delivered"), "{sink} {}", stored.describe(sink, &caller));
        }
        let shown = format_as_shown(&caller);
        for sink in LIVE_SINKS {
            let channel = match sink {
                "teams-app" => TEAMS_CHANNEL,
                "slack-app" => SLACK_CHANNEL,
                other => other,
            };
            let (count, is_over) = live_messages_of(&messages, channel, &shown);
            let may_repeat = stored.has_unanswered_attempt(sink, &caller);
            repeats += count.saturating_sub(1);
            assert!(count == 1 || (count > 1 && may_repeat), "{sink}: {count} messages of {shown}");
            assert!(is_over || may_repeat, "{sink}: the message of {shown} shows no end");
        }
    }
    eprintln!("  live messages twice after a post without an answer: {repeats}");
}
