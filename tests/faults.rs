//! Faults around the daemon: store, state directory, config, GoTo's frames and answers, the chats' answers. The daemon
//! reports each one, continues where possible and loses no call.

use crate::support::{
    DaemonDir, TIMEOUT, TestConfig, eventually,
    ledger::{DeliveryLedger, random_call},
    message_texts, wait_for_messages,
};
use axum::{Router, http::header, response::IntoResponse as _, routing::post};
use poprelay::sim::{CallPlan, Extension, FIRST_REFRESH_TOKEN, Party, Simulator, SimulatorSettings};
use rusqlite::Connection;
use serde_json::json;
use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

async fn start_simulator() -> Simulator {
    let sim = Simulator::start(SimulatorSettings::default()).await.unwrap();
    sim.set_faults(|faults| faults.chat.per_second = None);
    sim
}

fn call(name: &str) -> CallPlan {
    CallPlan::answered(Party::new(name, "+15145550199"), &Extension::new("1015", "Bob Roy")).at_speed(20.0)
}

/// Places a call by `name` and waits until `desk` shows it.
async fn relay_call(sim: &Simulator, name: &str) {
    sim.place(call(name));
    eventually("the call is shown", TIMEOUT, async || {
        message_texts(sim, "desk").iter().any(|text| text.contains(name)).then_some(())
    })
    .await;
}

#[tokio::test]
async fn damaged_store_is_quarantined_and_replaced() {
    let sim = start_simulator().await;
    let mut dir = DaemonDir::for_simulator(&sim);
    let daemon = dir.start();
    daemon.wait_for_log("lane live").await;
    drop(daemon.stop().await);
    let file = dir.state_dir().join("outbox.sqlite");
    let mut bytes = fs::read(&file).unwrap();
    bytes.iter_mut().skip(4096).for_each(|byte| *byte = 0x5a);
    fs::write(&file, bytes).unwrap();
    let daemon = dir.start();
    daemon.wait_for_log("damaged").await;
    daemon.wait_for_log("lane live").await;
    relay_call(&sim, "AFTER DAMAGE").await;
    drop(daemon.stop().await);
    let names = fs::read_dir(dir.state_dir()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert!(names.into_iter().any(|name| name.contains(".damaged-")), "the damaged file is gone");
}

#[tokio::test]
async fn foreign_database_exits_77_and_is_not_changed() {
    let sim = start_simulator().await;
    let mut dir = DaemonDir::for_simulator(&sim);
    fs::create_dir_all(dir.state_dir()).unwrap();
    let file = dir.state_dir().join("outbox.sqlite");
    Connection::open(&file).unwrap().execute_batch("CREATE TABLE theirs (x); INSERT INTO theirs VALUES (1);").unwrap();
    let before = fs::read(&file).unwrap();
    let mut daemon = dir.start();
    assert_eq!(daemon.wait_for_exit(TIMEOUT).await.code(), Some(77), "{}", daemon.journal());
    assert!(daemon.journal().contains("another program"), "{}", daemon.journal());
    assert_eq!(fs::read(&file).unwrap(), before);
}

#[tokio::test]
async fn second_daemon_on_state_directory_exits_77_and_first_continues() {
    let sim = start_simulator().await;
    let mut dir = DaemonDir::for_simulator(&sim);
    let first = dir.start();
    first.wait_for_log("lane live").await;
    let mut second = dir.start();
    assert_eq!(second.wait_for_exit(TIMEOUT).await.code(), Some(77), "{}", second.journal());
    assert!(second.journal().contains("another poprelay uses"), "{}", second.journal());
    relay_call(&sim, "STILL THERE").await;
    drop(first.stop().await);
}

#[tokio::test]
async fn removed_state_directory_loses_no_card_and_raises_alert() {
    let sim = start_simulator().await;
    let mut dir = DaemonDir::new(TestConfig::new(&sim.url()).text("operator", "sink", "support"));
    let daemon = dir.start();
    daemon.wait_for_log("lane live").await;
    fs::remove_dir_all(dir.state_dir()).unwrap();
    daemon.wait_for_log("store in memory only").await;
    relay_call(&sim, "WITHOUT A DISK").await;
    daemon.wait_for_log("store recovered").await;
    relay_call(&sim, "WITH A DISK").await;
    eventually("the operator gets an alert", TIMEOUT, async || {
        message_texts(&sim, "support").iter().any(|text| text.contains("store cannot write")).then_some(())
    })
    .await;
    drop(daemon.stop().await);
    assert!(dir.state_dir().join("outbox.sqlite").exists());
}

#[tokio::test]
async fn unwritable_store_does_not_stop_cards() {
    // A directory in place of the store: no user, not even root, can write it as a file.
    let sim = start_simulator().await;
    let mut dir = DaemonDir::for_simulator(&sim);
    fs::create_dir_all(dir.state_dir().join("outbox.sqlite")).unwrap();
    let daemon = dir.start();
    daemon.wait_for_log("lane live").await;
    relay_call(&sim, "NO STORE").await;
    assert!(daemon.journal().contains("in memory"), "{}", daemon.journal());
    drop(daemon.stop().await);
}

#[tokio::test]
async fn cards_of_removed_sink_wait_until_it_returns() {
    let sim = start_simulator().await;
    let mut dir = DaemonDir::for_simulator(&sim);
    sim.set_faults(|faults| {
        faults.chat.fixed_status.insert("/teams/support".to_owned(), 503);
    });
    let daemon = dir.start();
    daemon.wait_for_log("lane live").await;
    relay_call(&sim, "KEPT FOR LATER").await;
    drop(daemon.stop().await);
    let whole = TestConfig::new(&sim.url());
    dir.write_config(whole.clone().without("sinks.support"));
    let daemon = dir.start();
    // Logged before the lanes start.
    daemon.wait_for_log("waiting cards for a sink missing in the config sink=support").await;
    daemon.wait_for_log("lane live").await;
    drop(daemon.stop().await);
    assert!(dir.read_outbox().waiting() > 0, "{}", dir.read_outbox());
    sim.set_faults(|faults| faults.chat.fixed_status.clear());
    dir.write_config(whole);
    let daemon = dir.start();
    let cards = wait_for_messages(&sim, "support", 1).await;
    assert!(cards.iter().any(|text| text.contains("KEPT FOR LATER")), "{cards:?}");
    drop(daemon.stop().await);
}

#[tokio::test]
async fn redirecting_webhook_is_disabled_and_not_followed() {
    let sim = start_simulator().await;
    let visits = Arc::new(AtomicUsize::new(0));
    let elsewhere = Arc::clone(&visits);
    let app = Router::new()
        .route(
            "/hook",
            post(|| async { (axum::http::StatusCode::FOUND, [(header::LOCATION, "/elsewhere")]).into_response() }),
        )
        .route(
            "/elsewhere",
            axum::routing::any(move || async move { elsewhere.fetch_add(1, Ordering::Relaxed).to_string() }),
        );
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let moved = format!("http://{}/hook", listener.local_addr().unwrap());
    let server = tokio::spawn(async move { axum::serve(listener, app).await });
    let mut dir = DaemonDir::new(TestConfig::new(&sim.url()).text("sinks.support", "url", moved));
    let daemon = dir.start();
    daemon.wait_for_log("lane live").await;
    relay_call(&sim, "BESIDE A REDIRECT").await;
    daemon.wait_for_log("sink disabled").await;
    drop(daemon.stop().await);
    assert_eq!(visits.load(Ordering::Relaxed), 0);
    assert!(dir.read_outbox().waiting() > 0, "no card waits");
    server.abort();
}

#[tokio::test]
async fn malformed_frames_are_logged_once_and_ignored() {
    let sim = start_simulator().await;
    let mut dir = DaemonDir::for_simulator(&sim);
    let daemon = dir.start();
    daemon.wait_for_log("lane live").await;
    let deep = "[".repeat(100_000);
    let strange = json!({ "data": { "source": "call-events", "type": "call-state", "content": { "state": 7 } } });
    let unknown = json!({ "data": { "source": "weather", "type": "RAIN", "content": {} } });
    let control = json!({ "data": { "type": "WEBSOCKET_SOMETHING_NEW" } });
    let frames = ["", "\0", "{", "null", "[]", "{\"data\":null}", &deep];
    for frame in frames.into_iter().map(str::to_owned).chain([strange, unknown, control].map(|frame| frame.to_string()))
    {
        sim.send_frame(&frame);
    }
    daemon.wait_for_log("malformed frame").await;
    relay_call(&sim, "AFTER GARBAGE").await;
    // Malformed frames may come in masses: the journal has the first and counts the others.
    assert_eq!(daemon.journal().matches("malformed frame").count(), 1);
    // Larger than any notification: the socket ends and the lanes reconnect.
    sim.send_frame(&format!("\"{}\"", "x".repeat(3 << 20)));
    daemon.wait_for_log("lane lost").await;
    relay_call(&sim, "AFTER A FLOOD").await;
    drop(daemon.stop().await);
}

#[tokio::test]
async fn rejected_account_is_logged_and_other_account_works() {
    let sim = start_simulator().await;
    sim.set_faults(|faults| {
        faults.accounts.insert("42".to_owned(), 403);
    });
    let both = format!("[\"42\", \"{}\"]", crate::support::ACCOUNT);
    let config = TestConfig::new(&sim.url()).set("connections.main", "account_keys", both);
    let mut dir = DaemonDir::new(&config);
    let daemon = dir.start();
    daemon.wait_for_log("account rejected").await;
    daemon.wait_for_log("lane live").await;
    relay_call(&sim, "THE OTHER ACCOUNT").await;
    drop(daemon.stop().await);
}

#[tokio::test]
async fn missing_lifetimes_cause_no_hot_loop() {
    let sim = start_simulator().await;
    sim.set_faults(|faults| {
        faults.tokens.expires_in = None;
        faults.channels.stated_lifetime = Some(0);
        faults.channels.newline_in_url = true;
    });
    let mut dir = DaemonDir::for_simulator(&sim);
    let daemon = dir.start();
    daemon.wait_for_log("lane live").await;
    relay_call(&sim, "NO LIFETIMES").await;
    let requests: u64 = sim.request_counts().values().sum();
    assert!(requests < 60, "too many requests: {:?}", sim.request_counts());
    drop(daemon.stop().await);
}

#[tokio::test]
async fn revoked_login_is_logged_and_recovers_after_new_login() {
    let sim = start_simulator().await;
    sim.set_faults(|faults| faults.tokens.revoked = true);
    let mut dir = DaemonDir::for_simulator(&sim);
    let daemon = dir.start();
    daemon.wait_for_log("login required").await;
    let token_requests = || {
        sim.request_counts()
            .iter()
            .filter(|((_, route, _), _)| route == "/oauth/token")
            .map(|(_, times)| times)
            .sum::<u64>()
    };
    let before = token_requests();
    sim.set_faults(|faults| faults.tokens.revoked = false);
    // The result of `poprelay login`: a new token in a new file of the same name.
    sim.set_faults(|faults| faults.tokens.rotate = true);
    let form = [("grant_type", "refresh_token"), ("refresh_token", FIRST_REFRESH_TOKEN), ("client_id", "test-client")];
    let answer = reqwest::Client::new().post(format!("{}/oauth/token", sim.url())).form(&form).send().await.unwrap();
    let answer: serde_json::Value = answer.json().await.unwrap();
    let token = dir.state_dir().join("token-main.json");
    let kept = json!({ "refresh_token": answer["refresh_token"], "issued": jiff::Timestamp::now() });
    let new = token.with_extension("new");
    fs::write(&new, kept.to_string()).unwrap();
    fs::set_permissions(&new, fs::Permissions::from_mode(0o600)).unwrap();
    fs::rename(&new, &token).unwrap();
    daemon.wait_for_log("login restored").await;
    daemon.wait_for_log("lane live").await;
    relay_call(&sim, "LOGGED IN AGAIN").await;
    assert!(token_requests() - before <= 4, "too many token requests");
    drop(daemon.stop().await);
}

#[tokio::test]
async fn event_gap_with_100_calls_is_backfilled_completely() {
    let sim = start_simulator().await;
    let outcomes = "[\"ended\", \"missed\", \"voicemail\"]";
    let config = TestConfig::new(&sim.url()).set("sinks.desk", "outcomes", outcomes);
    let mut dir = DaemonDir::new(&config);
    let daemon = dir.start();
    daemon.wait_for_log("lane live").await;
    drop(daemon.stop().await);
    let mut rng = fastrand::Rng::with_seed(5);
    for index in 0..100 {
        sim.place(random_call(index, &mut rng).at_speed(500.0));
    }
    eventually("all calls have ended", TIMEOUT, async || sim.calls().iter().all(|made| made.ended).then_some(())).await;
    let daemon = dir.start();
    let mut ledger = DeliveryLedger::default();
    ledger.settle(&sim, &["desk"], Duration::from_secs(90)).await;
    drop(daemon.stop().await);
    ledger.read(&sim);
    let lost: Vec<String> = ledger.lost_calls("desk").iter().map(|made| format!("{made:?}")).collect();
    assert!(lost.is_empty(), "lost {}: {:#?}", lost.len(), lost.iter().take(5).collect::<Vec<_>>());
    assert!(ledger.repeated_cards("desk").is_empty());
}
