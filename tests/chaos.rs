//! Chaos test: the real daemon with random, repeatable faults of GoTo and the chats that change every few seconds, hang-ups and
//! frozen sockets included. No call may be lost and no card may become a dead letter. Prints the delivery ledger at the end.
//!
//! Settings: `POPRELAY_CHAOS_CALLS`, `POPRELAY_CHAOS_RATE` (calls per second), `POPRELAY_CHAOS_SEED`; `tests/chaos` sets
//! them.

use crate::support::{
    DaemonDir, TestConfig, eventually,
    ledger::{DeliveryLedger, caller_number, format_as_shown, random_call},
};
use poprelay::sim::{
    AppMessage, ChannelFaults, ChatFaults, ChatKind, Faults, RestFaults, Simulator, SimulatorSettings, SocketFaults,
    TokenFaults,
};
use std::{
    collections::BTreeMap,
    env,
    str::FromStr,
    time::{Duration, Instant},
};

/// Time without a new message after which none follows: the longest wait after attempts without an answer is five minutes.
const QUIET_PERIOD: Duration = Duration::from_secs(320);

fn setting<T: FromStr>(name: &str, default: T) -> T {
    env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// Returns random faults: each switch is off, or has a random share.
fn random_faults(rng: &mut fastrand::Rng) -> Faults {
    let mut share = |most: f64| if rng.bool() { rng.f64() * most } else { 0.0 };
    let rest = RestFaults {
        unauthorized: share(0.1),
        conflict: share(0.3),
        too_many: share(0.15),
        server_error: share(0.15),
        hang: share(0.03),
        slow: share(0.5),
        slow_ms: 1500,
        retry_after: None,
        per_second: Some(10),
    };
    let chat = ChatFaults {
        per_second: None,
        too_many: share(0.1),
        server_error: share(0.1),
        hang: share(0.02),
        hang_after_accept: share(0.01),
        hang_up: share(0.1),
        hang_up_after_accept: share(0.03),
        web_page: share(0.05),
        bad_gateway: share(0.05),
        slow: share(0.5),
        slow_ms: 400,
        ..ChatFaults::default()
    };
    let sockets = SocketFaults {
        drop_every: if rng.bool() { rng.f64().mul_add(2.0, 0.7) } else { 0.0 },
        close_every: if rng.bool() { rng.f64().mul_add(4.0, 1.0) } else { 0.0 },
        silent: rng.u8(0..12) == 0,
        doubled: if rng.bool() { 0.2 } else { 0.0 },
        lost: if rng.bool() { 0.05 } else { 0.0 },
    };
    let channels = ChannelFaults {
        lifetime: rng.u64(12..60),
        stated_lifetime: rng.choice([None, None, None, Some(0), Some(10_800)]).flatten(),
        refresh_notice: rng.f64() / 2.0,
        close_notice: rng.f64() / 5.0,
        limit: rng.choice([50, 50, 4]).unwrap_or(50),
        newline_in_url: rng.bool(),
    };
    let down = rng.u8(0..15) == 0;
    let tokens = TokenFaults {
        expires_in: rng.choice([Some(20), Some(20), Some(40), None]).flatten(),
        rotate: rng.bool(),
        // No client survives a rotation whose answer is lost: `down` and strict rotation exclude each other.
        old_token_valid: down || rng.bool(),
        server_error: if rng.bool() { 0.3 } else { 0.0 },
        slow_ms: rng.u64(0..1500),
        ..TokenFaults::default()
    };
    let refused = rng.choice([None, None, None, None, Some(403), Some(429), Some(500)]).flatten();
    let accounts: BTreeMap<String, u16> =
        refused.map(|status| (crate::support::ACCOUNT.to_owned(), status)).into_iter().collect();
    Faults { down, tokens, channels, sockets, rest, accounts, chat, ..Faults::default() }
}

/// Removes all faults and the chats' rate limits.
fn clear_faults(faults: &mut Faults) {
    *faults = Faults::default();
    faults.chat.per_second = None;
    faults.tokens.rotate = true;
}

fn config(sim: &Simulator) -> TestConfig {
    let url = sim.url();
    let config = TestConfig::new(&url).all_outcomes();
    config.text("sinks.front", "type", "slack").text("sinks.front", "url", format!("{url}/slack/front"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn chaos_loses_no_call_and_repeats_no_card() {
    let seed = setting("POPRELAY_CHAOS_SEED", fastrand::u64(1..1_000_000));
    let calls = setting("POPRELAY_CHAOS_CALLS", 1_000_u32);
    let rate = setting("POPRELAY_CHAOS_RATE", 40.0_f64);
    eprintln!("chaos: {calls} calls, {rate} a second, POPRELAY_CHAOS_SEED={seed}");
    let mut rng = fastrand::Rng::with_seed(seed);
    let sim = Simulator::start(SimulatorSettings { seed, ..SimulatorSettings::default() }).await.unwrap();
    sim.set_faults(clear_faults);
    let mut dir = DaemonDir::new(config(&sim));
    let daemon = dir.start();
    daemon.wait_for_log("lane live").await;
    let start = Instant::now();
    let mut ledger = DeliveryLedger::default();
    let mut turn = start + Duration::from_secs(2);
    for number in 0..calls {
        let due = start + Duration::from_secs_f64(f64::from(number) / rate);
        tokio::time::sleep_until(due.into()).await;
        if Instant::now() >= turn {
            // A third of the time there are no faults, so that lanes come up and are dropped again.
            let fine = rng.u8(0..3) == 0;
            let mut faults = random_faults(&mut rng);
            if fine {
                clear_faults(&mut faults);
            }
            // A complete outage is short, so that other faults get time.
            turn = Instant::now() + Duration::from_millis(if faults.down { 1500 } else { rng.u64(2_000..6_000) });
            sim.set_faults(|switches| *switches = faults);
            ledger.read(&sim);
            if rng.u8(0..4) == 0 {
                sim.expire_tokens();
            }
        }
        sim.place(random_call(number, &mut rng));
    }
    sim.set_faults(clear_faults);
    let settling = Instant::now();
    ledger.settle(&sim, &["desk", "support"], QUIET_PERIOD).await;
    let took = settling.elapsed();
    // Stopping finishes the requests in flight, so that the ledger is complete.
    let journal = daemon.stop().await;
    ledger.read(&sim);
    let stored = dir.read_outbox();
    eprintln!("chaos, seed {seed}: {:.0?}, then settled in {took:.0?}\n{ledger}\n{stored}", settling - start);
    let words = ["lane lost", "event gap opened", "event gap closed", "login required", "panicked"];
    eprintln!("  journal: {:?}", words.map(|word| (word, journal.matches(word).count())));
    if env::var_os("POPRELAY_CHAOS_JOURNAL").is_some() || !ledger.lost_calls("desk").is_empty() {
        journal
            .lines()
            .filter(|line| !line.contains("DEBUG") && !line.contains("card delivered"))
            .for_each(|line| eprintln!("{line}"));
    }
    for sink in ["desk", "support"] {
        let lost = ledger.lost_calls(sink);
        let why: Vec<String> = lost.iter().map(|made| ledger.explain(sink, made, &stored)).collect();
        why.iter().for_each(|why| eprintln!("  {sink} lost: {why}"));
        assert!(lost.is_empty(), "{sink}: {} of {calls} calls are lost", lost.len());
    }
    assert_eq!(stored.dead(), 0, "dead letters: {stored}");
    for sink in ["desk", "support", "front"] {
        let twice = ledger.unexplained_repeats(sink, &stored);
        assert!(twice.is_empty(), "{sink} has repeated cards: {twice:#?}");
    }
}

/// Sinks of the other chats, each with the name of its kind. The last three have one live message per call.
const OTHER_SINKS: [&str; 6] = ["webhook", "mattermost", "google-chat", "discord", "ntfy", "teams-app"];
const LIVE_SINKS: [&str; 3] = ["discord", "ntfy", "teams-app"];
const TEAMS_CHANNEL: &str = "19:chaos@thread.tacv2";

fn config_of_other_chats(sim: &Simulator) -> TestConfig {
    let mut config = TestConfig::new(&sim.url()).without("sinks.desk").without("sinks.support");
    for kind in OTHER_SINKS {
        let sink = format!("sinks.{kind}");
        config = config.text(&sink, "type", kind).text(&sink, "pace", "off");
        let service = match kind {
            "webhook" => ChatKind::Webhook,
            "mattermost" => ChatKind::Mattermost,
            "google-chat" => ChatKind::GoogleChat,
            "discord" => ChatKind::Discord,
            "ntfy" => ChatKind::Ntfy,
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

/// Adds faults of the bot service that resemble those of the webhooks.
fn add_teams_faults(faults: &mut Faults) {
    let chat = &faults.chat;
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
async fn chaos_over_other_chats_gives_up_no_card_and_ends_live_messages() {
    let seed = setting("POPRELAY_CHAOS_SEED", fastrand::u64(1..1_000_000));
    let calls = setting("POPRELAY_CHAOS_CALLS", 300_u32);
    let rate = setting("POPRELAY_CHAOS_RATE", 10.0_f64);
    eprintln!("chaos over other chats: {calls} calls, {rate} a second, POPRELAY_CHAOS_SEED={seed}");
    let mut rng = fastrand::Rng::with_seed(seed);
    let sim = Simulator::start(SimulatorSettings { seed, ..SimulatorSettings::default() }).await.unwrap();
    sim.set_faults(|faults| {
        clear_faults(faults);
        faults.teams_app.limits = false;
    });
    let mut dir = DaemonDir::new(config_of_other_chats(&sim));
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
            add_teams_faults(&mut chats);
            sim.set_faults(|faults| *faults = chats);
        }
        sim.place(random_call(number, &mut rng));
    }
    sim.set_faults(|faults| {
        clear_faults(faults);
        faults.teams_app.limits = false;
    });
    // A call that has ended in the simulator is not yet a card: its last frame may be under way, or its report is still to be
    // read. What is not stored after a quiet period is lost.
    let (mut left, mut last_change) = (usize::MAX, Instant::now());
    eventually("every call is delivered, or no new one is", Duration::from_secs(1_800), async || {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let (stored, all_ended) = (dir.read_outbox(), sim.calls().iter().all(|call| call.ended));
        let is_open =
            |caller: &String| OTHER_SINKS.iter().any(|sink| !stored.describe(sink, caller).contains("delivered"));
        let now_left = stored.waiting() + (0..calls).map(caller_number).filter(is_open).count();
        if now_left < left || !all_ended {
            (left, last_change) = (now_left, Instant::now());
        }
        (all_ended && (left == 0 || last_change.elapsed() > QUIET_PERIOD)).then_some(())
    })
    .await;
    let journal = daemon.stop().await;
    let stored = dir.read_outbox();
    eprintln!("chaos over other chats, seed {seed}: {:.0?}\n{stored}", start.elapsed());
    assert_eq!((stored.dead(), stored.waiting()), (0, 0), "{stored}\n{journal}");
    let messages = sim.messages();
    let mut repeats = 0;
    for caller in (0..calls).map(caller_number) {
        for sink in OTHER_SINKS {
            assert!(stored.describe(sink, &caller).contains("delivered"), "{sink} {}", stored.describe(sink, &caller));
        }
        let shown = format_as_shown(&caller);
        for sink in LIVE_SINKS {
            let channel = if sink == "teams-app" { TEAMS_CHANNEL } else { sink };
            let (count, is_over) = live_messages_of(&messages, channel, &shown);
            let may_repeat = stored.has_unanswered_attempt(sink, &caller);
            repeats += count.saturating_sub(1);
            assert!(count == 1 || (count > 1 && may_repeat), "{sink}: {count} messages of {shown}");
            assert!(is_over || may_repeat, "{sink}: the message of {shown} shows no end");
        }
    }
    eprintln!("  live messages twice after a post without an answer: {repeats}");
}
