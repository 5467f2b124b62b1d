//! Tests with a real state directory and the command line of an operator.

mod connections;

use super::*;
use crate::{
    config,
    daemon::{
        health::{
            alert::LoginAdvice,
            status::{ConnectionStatus, Status},
            stored::StatusFile,
        },
        system::state_dir,
    },
    goto::{
        lane::{FailureClass, RequestFailure},
        token_file::{self, StoredToken},
    },
    model::{
        call::StatusKind,
        card::{Alert, Card},
        delivery::{Attempt, DeliveryKey, EnqueueMode, NewDelivery, Outbox as _, SettleRequest, Settlement, Subject},
        ids::SinkName,
        secret::Secret,
        time::{Now, ServerClock},
    },
    outbox::{DatabaseOutbox, Heartbeat, OutboxSettings, open},
    runtime::{http::NetworkFault, metrics::Metrics},
};
use jiff::SignedDuration;
use serde_json::Value;
use std::{fs, path::Path, time::Instant};

fn live_at(live_at: Timestamp) -> Heartbeat {
    Heartbeat { live_at, uncovered_since: None }
}

fn config(dir: &Path) -> Config {
    let path = dir.join("config.toml");
    let state = dir.join("state");
    let text = format!(
        "[connections.main]\nclient_id = \"c\"\n[state]\ndir = {state:?}\n\
         [sinks.desk]\ntype = \"slack\"\nurl = \"http://127.0.0.1:9/services/T/B/x\"\n"
    );
    fs::write(&path, text).unwrap();
    fs::create_dir_all(&state).unwrap();
    config::load(&path).unwrap()
}

fn outbox(config: &Config) -> DatabaseOutbox {
    open(OutboxSettings::for_test(&config.state_dir), Timestamp::now()).unwrap().0
}

fn new_delivery(subject: &str) -> NewDelivery {
    let sink = SinkName::try_from("desk").unwrap();
    let card = Card::Alert(Alert { title: "t".to_owned(), advice: String::new(), resolved: false });
    let key = DeliveryKey { subject: Subject::Named(subject.to_owned()), status: StatusKind::Ended, sink };
    NewDelivery { key, card, mode: EnqueueMode::Insert }
}

fn run_status(config: &Config, json: bool) -> (String, Option<CliError>) {
    let mut out = Vec::new();
    let end = run(&StatusArgs { json, ..StatusArgs::default() }, config, &mut out);
    (String::from_utf8(out).unwrap(), end.err())
}

#[test]
fn status_before_first_start_exits_with_69_and_advice() {
    let dir = tempfile::tempdir().unwrap();
    let (text, failure) = run_status(&config(dir.path()), false);
    assert_eq!(
        text,
        "daemon  not running\n\
         login   main: no events received; token file is missing (poprelay login --connection main)\n\
         sink    desk: no card waiting; no card delivered\n"
    );
    let failure = failure.unwrap();
    assert_eq!(failure.code, 69);
    assert!(failure.to_string().contains("systemctl start poprelay"), "{failure}");
}

#[test]
fn status_with_a_token_of_the_config_asks_for_no_login() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = config(dir.path());
    config.connections[0].refresh_token = Some(Secret::new("r"));
    let (text, _) = run_status(&config, false);
    assert!(text.contains("login   main: no events received; refresh token of the config\n"), "{text}");
}

#[tokio::test]
async fn status_live_daemon_counts_deliveries_and_shows_last_response() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(dir.path());
    let queue = outbox(&config);
    let _daemon = state_dir::lock(&config.state_dir).unwrap();
    let now = Timestamp::now();
    let issued = now.checked_sub(Duration::from_secs(3 * 86_400)).unwrap();
    let token = config::token_file(&config.state_dir, &config.connections[0].name);
    token_file::write(&token, &StoredToken { refresh_token: Secret::new("r"), issued, scope: None }).unwrap();
    queue.heartbeat(config.connections[0].name.clone(), live_at(now)).await.unwrap();
    queue.enqueue(None, vec![new_delivery("delivered"), new_delivery("tried"), new_delivery("dead")]).await.unwrap();
    let ids: Vec<_> =
        queue.due(&"desk".try_into().unwrap(), now, 9).await.unwrap().into_iter().map(|one| one.id).collect();
    queue.lease(ids.clone()).await.unwrap();
    let attempt = Attempt { at: now, took: Duration::ZERO, status: Some(503), response: "busy\u{1b}[31m".to_owned() };
    let ends =
        [Settlement::Delivered, Settlement::Retry { not_before: now, plain: false }, Settlement::Dead("no".into())];
    let settle = |(id, settlement)| SettleRequest { id, settlement, attempt: Some(attempt.clone()) };
    queue.settle(ids.into_iter().zip(ends).map(settle).collect()).await.unwrap();

    let (text, failure) = run_status(&config, false);
    assert!(failure.is_none(), "{failure:?}");
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "daemon  running");
    assert!(lines[1].starts_with("login   main: live, ") && lines[1].contains("27 days"), "{}", lines[1]);
    let sink = lines[2];
    for part in ["1 card waiting", "last response: busy [31m", "1 dead letter (", "last card "] {
        assert!(sink.contains(part), "{part} is not in {sink}");
    }
    let (json, _) = run_status(&config, true);
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(
        (&json["running"], &json["sinks"][0]["waiting"], &json["sinks"][0]["dead"]),
        (&true.into(), &1.into(), &1.into())
    );
    assert!(!json.to_string().contains("\"r\""), "the output contains the token");
}

/// Writes the status file of a running daemon, with one connection and times of two cards.
fn write_status(config: &Config, change: impl FnOnce(&mut Status)) {
    let (now, tick) = (Timestamp::now(), Instant::now());
    let metrics = Metrics::new(now);
    let sink = metrics.sink("desk");
    for millis in [300, 1200] {
        sink.card_times("ringing", None, now.checked_sub(Duration::from_millis(millis)).unwrap(), now);
    }
    let connection = ConnectionStatus { lanes: 2, live: [0].into(), ..ConnectionStatus::default() };
    let connections = [(config.connections[0].name.clone(), connection)].into();
    let mut status = Status { connections, checked: Some((tick, true)), ..Status::default() };
    change(&mut status);
    StatusFile::open(config.state_dir.clone(), &metrics, now).update(&status, &metrics, now, tick);
}

fn ready(config: &Config) -> Result<(), String> {
    let mut out = Vec::new();
    let result = run(&StatusArgs { ready: true, ..StatusArgs::default() }, config, &mut out);
    assert_eq!(String::from_utf8(out).unwrap(), if result.is_ok() { "ready\n" } else { "" });
    result.map_err(|error| format!("{} {error}", error.code))
}

#[tokio::test]
async fn status_file_adds_lanes_latency_and_troubles() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(dir.path());
    let queue = outbox(&config);
    let _daemon = state_dir::lock(&config.state_dir).unwrap();
    queue.heartbeat(config.connections[0].name.clone(), live_at(Timestamp::now())).await.unwrap();
    assert_eq!(ready(&config).unwrap_err(), "69 the daemon is starting, or makes no progress");
    write_status(&config, |_| {});
    let (text, failure) = run_status(&config, false);
    assert!(failure.is_none(), "{failure:?}");
    for part in [
        "daemon  running, version 0.1.0, started ",
        "s ago, 1 of 2 lanes",
        "; call to card p50 ",
        "p99 1.2 s (2 in 24 h)",
    ] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
    assert_eq!(ready(&config), Ok(()));
    write_status(&config, |status| {
        status.disabled = ["desk".try_into().unwrap()].into();
        status.config_error = Some("config.toml:3: sinks: wrong\nmore".to_owned());
        status.store_in_memory = true;
    });
    let (text, _) = run_status(&config, false);
    for part in
        ["disabled, the chat rejects every card", "store   cannot write", "in use: config.toml:3: sinks: wrong\n"]
    {
        assert!(text.contains(part), "{part} is not in {text}");
    }
    assert_eq!(ready(&config).unwrap_err(), "69 the store cannot write");
    let (json, _) = run_status(&config, true);
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&json["ready"], &json["logins"][0]["live"]), (&false.into(), &1.into()));
    // Each write stands for a run with two cards: the second run continues the day of the first.
    assert_eq!(
        (&json["sinks"][0]["disabled"], &json["sinks"][0]["call_to_card_seconds"]["cards"]),
        (&true.into(), &4.into())
    );
}

#[tokio::test]
async fn status_beside_an_invalid_config_shows_the_running_daemon() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(dir.path());
    let path = dir.path().join("config.toml");
    let good = fs::read_to_string(&path).unwrap();
    let broken = |args: &StatusArgs| {
        let mut out = Vec::new();
        let (error, state) = (config::load(&path).unwrap_err(), config::state_dir_of_any_config(&path));
        let end = run_without_config(args, error, state.as_deref(), &mut out);
        (String::from_utf8(out).unwrap(), end.map_err(|error| error.code))
    };
    let ready = StatusArgs { ready: true, ..StatusArgs::default() };
    fs::write(&path, good.replace("\"slack\"", "\"slak\"")).unwrap();
    assert_eq!(broken(&StatusArgs::default()), (String::new(), Err(78)), "no daemon runs");

    let _daemon = state_dir::lock(&config.state_dir).unwrap();
    outbox(&config).heartbeat(config.connections[0].name.clone(), live_at(Timestamp::now())).await.unwrap();
    write_status(&config, |_| {});
    let (text, end) = broken(&StatusArgs::default());
    assert!(text.contains("login   main: live, last heartbeat ") && !text.contains("poprelay login"), "{text}");
    let unread =
        format!("config  invalid on disk and not reloaded, the previous one is in use: {}:6: sinks", path.display());
    assert!(text.contains(&unread) && end == Err(78), "{text}");
    assert_eq!(broken(&ready), ("ready\n".to_owned(), Ok(())), "the daemon receives calls");
    // A reload was tried.
    write_status(&config, |status| status.config_error = Some("config.toml:6: sinks: wrong".to_owned()));
    fs::write(&path, format!("{good}[operator\n")).unwrap();
    let (text, end) = broken(&StatusArgs::default());
    assert!(text.contains("config  rejected, the previous one is in use: config.toml:6") && end == Err(78), "{text}");
    assert!(!text.contains("not reloaded"), "{text}");
    let json: Value = serde_json::from_str(&broken(&StatusArgs { json: true, ..StatusArgs::default() }).0).unwrap();
    assert_eq!(json["config_error"], "config.toml:6: sinks: wrong");
}

#[test]
fn status_of_a_file_as_state_directory_names_the_key() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = config(dir.path());
    config.state_dir = dir.path().join("config.toml");
    let failure = run_status(&config, false).1.unwrap();
    assert_eq!(failure.code, 78);
    assert!(failure.to_string().ends_with("config.toml is not a directory"), "{failure}");
}
