//! A whole connection against a fake GoTo on loopback: real sockets, real time, every wait ends on an event.

mod caller_activity;
mod channels;
mod fake_goto;
mod gap;
mod login;

use super::{
    lane::{DisconnectReason, FailureClass},
    token_file::StoredToken,
    *,
};
use crate::{
    model::call::{Phase, StatesQuery},
    runtime::{captured_journal::CapturedJournal, http::NetworkFault},
};
use fake_goto::{FakeGoto, PeerAction};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::sync::mpsc;

const TIMEOUT: Duration = Duration::from_secs(20);

struct Run {
    goto: FakeGoto,
    connection: Connection,
    events: mpsc::Receiver<ConnectionEvent>,
    dir: tempfile::TempDir,
}

fn settings(goto: &FakeGoto, dir: &tempfile::TempDir) -> Settings {
    Settings {
        name: ConnectionName::try_from("main").unwrap(),
        client_id: "me".to_owned(),
        client_secret: Some(Secret::new("shh")),
        account_keys: vec![AccountKey::try_from("1").unwrap(), AccountKey::try_from("2").unwrap()],
        first_refresh_token: Some(Secret::new("first")),
        pat: None,
        shared_tokens: None,
        lanes: 1,
        region: Region::US,
        api_url: goto.url.clone(),
        auth_url: goto.url.clone(),
        token_file: dir.path().join("token.json"),
        nickname: "poprelay-main-x".to_owned(),
        last_live_at: None,
        uncovered_since: None,
        backfill_interval: BACKFILL_INTERVAL,
        voicemail: false,
        number_names: false,
        task_monitor: crate::runtime::watchdog::TaskMonitor::default(),
        metrics: crate::runtime::metrics::ConnectionMetrics::default(),
    }
}

async fn run(goto: FakeGoto, change: impl FnOnce(&mut Settings)) -> Run {
    let dir = tempfile::tempdir().unwrap();
    let mut settings = settings(&goto, &dir);
    change(&mut settings);
    let (events_in, events) = mpsc::channel(1024);
    let connection = open(settings, reqwest::Client::new(), events_in);
    Run { goto, connection, events, dir }
}

impl Run {
    /// Returns the next event that `pick` selects; drops the others.
    async fn until<T>(&mut self, pick: impl Fn(ConnectionEvent) -> Option<T>) -> T {
        let wait = async {
            loop {
                let event = self.events.recv().await.unwrap();
                if let Some(found) = pick(event) {
                    return found;
                }
            }
        };
        tokio::time::timeout(TIMEOUT, wait).await.expect("event not received in time")
    }

    async fn live(&mut self) {
        self.until(|event| matches!(event, ConnectionEvent::LaneUp { .. }).then_some(())).await;
    }
}

/// Polls until the condition holds; fails after the timeout.
async fn until(condition: impl Fn() -> bool) {
    let wait = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(TIMEOUT, wait).await.expect("condition not reached in time");
}

fn state(call: &str, sequence: u64, kind: &str) -> Value {
    json!({"metadata": {"conversationSpaceId": call, "direction": "INBOUND", "accountKey": "1"},
           "state": {"type": kind, "sequenceNumber": sequence, "participants": []}})
}

fn frame(call: &str, sequence: u64) -> PeerAction {
    PeerAction::Text(
        json!({"data": {"source": "call-events", "type": "call-state", "content": state(call, sequence, "STARTING")}})
            .to_string(),
    )
}

fn call(event: ConnectionEvent) -> Option<String> {
    match event {
        ConnectionEvent::Snapshot(call) => Some(call.call.as_str().to_owned()),
        _ => None,
    }
}

#[tokio::test]
async fn connection_subscribes_before_opening_and_deletes_channel_at_end() {
    let mut run = run(FakeGoto::start().await, |_| {}).await;
    run.live().await;
    run.goto.push(|| frame("c-1", 1));
    assert_eq!(run.until(call).await, "c-1");
    let requests = run.goto.with(|fake| fake.requests.clone());
    let position_of = |prefix: &str| requests.iter().position(|request| request.starts_with(prefix)).unwrap();
    assert!(
        position_of("GET /notification-channel") < position_of("POST /notification-channel"),
        "sweep must precede the create"
    );
    assert!(position_of("POST /call-events/v1/subscriptions") < position_of("GET /ws/"));
    run.connection.close().await;
    assert!(
        run.goto.with(|fake| fake.channels.is_empty() && fake.sockets.is_empty()),
        "channels or sockets left at GoTo"
    );
}

#[tokio::test]
async fn socket_that_the_peer_closes_names_this_fault() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move { while listener.accept().await.is_ok() {} });
    let goto = FakeGoto::start().await;
    goto.with(|fake| fake.socket_address = Some(address));
    let mut run = run(goto, |_| {}).await;
    let why =
        run.until(|event| if let ConnectionEvent::LaneFailing { why, .. } = event { Some(why) } else { None }).await;
    assert_eq!(why.class, FailureClass::Unreachable(NetworkFault::Closed));
    assert_eq!(why.to_string(), "the connection ended before an answer");
    run.connection.close().await;
}

#[tokio::test]
async fn malformed_frames_are_reported_and_next_call_is_received() {
    let mut run = run(FakeGoto::start().await, |_| {}).await;
    run.live().await;
    run.goto.push(|| PeerAction::Text("{\"data\":".to_owned()));
    run.goto.push(|| PeerAction::Binary(vec![7; 3]));
    run.goto.push(|| PeerAction::Text("{\"data\":{\"source\":\"voicemail\"}}".to_owned()));
    run.goto.push(|| frame("c-2", 1));
    run.goto.push(|| match frame("c-3", 1) {
        PeerAction::Text(text) => PeerAction::Binary(text.into_bytes()),
        other => other,
    });
    let malformed = |event| if let ConnectionEvent::MalformedFrame { bytes, .. } = event { Some(bytes) } else { None };
    assert_eq!(run.until(malformed).await, 8);
    assert_eq!(run.until(malformed).await, 3);
    assert_eq!(run.until(call).await, "c-2");
    assert_eq!(run.until(call).await, "c-3", "a binary frame with the same content");
    run.goto.push(|| PeerAction::Binary(vec![7; 2 * 1024 * 1024]));
    run.until(|event| matches!(event, ConnectionEvent::LaneDown { why: DisconnectReason::Broken, .. }).then_some(()))
        .await;
    run.live().await;
    run.connection.close().await;
}

#[tokio::test]
async fn two_lanes_emit_each_call_twice_and_one_is_enough() {
    let mut run = run(FakeGoto::start().await, |settings| settings.lanes = 2).await;
    run.live().await;
    run.live().await;
    run.goto.push(|| frame("c-3", 1));
    assert_eq!(run.until(call).await, "c-3");
    assert_eq!(run.until(call).await, "c-3");
    let first = run.goto.with(|fake| fake.sockets.values().next().unwrap().clone());
    first.send(PeerAction::Cut).unwrap();
    run.until(|event| matches!(event, ConnectionEvent::LaneDown { .. }).then_some(())).await;
    run.goto.push(|| frame("c-4", 1));
    let gap_opened = run.until(|event| match event {
        ConnectionEvent::Snapshot(call) if call.call.as_str() == "c-4" => Some(false),
        ConnectionEvent::GapOpened { .. } => Some(true),
        _ => None,
    });
    assert!(!gap_opened.await, "one live lane must prevent an event gap");
    run.connection.close().await;
}

#[tokio::test]
async fn states_query_fetches_missing_states() {
    let goto = FakeGoto::start().await;
    let content = state("c-6", 2, "ACTIVE");
    goto.answer_next(
        "GET /call-events/v1/conversation-spaces/c-6/events",
        &[(200, json!({"metadata": content["metadata"], "states": [content["state"]]}))],
    );
    let mut run = run(goto, |_| {}).await;
    let missing = StatesQuery { call: ConversationSpaceId::try_from("c-6").unwrap(), from: 2, to: 2 };
    assert!(run.connection.queries.call(CallQuery::States(missing)));
    assert_eq!(run.until(call).await, "c-6");
    run.connection.close().await;
}

#[tokio::test]
async fn stalled_consumer_stops_no_renewal_and_loses_no_call() {
    let goto = FakeGoto::start().await;
    goto.with(|fake| fake.lifetime = json!(10));
    let dir = tempfile::tempdir().unwrap();
    let (events_in, mut events) = mpsc::channel(1);
    let connection = open(settings(&goto, &dir), reqwest::Client::new(), events_in);
    until(|| goto.with(|fake| fake.sockets.len() == 1)).await;
    for sequence in 0..600 {
        goto.push(|| frame(&format!("c-{sequence}"), 1));
    }
    until(|| goto.count("PUT ") >= 1).await;
    let mut calls = Vec::new();
    while calls.len() < 600 {
        let next = tokio::time::timeout(TIMEOUT, events.recv()).await.expect("call missing").unwrap();
        calls.extend(call(next));
    }
    let wanted: Vec<_> = (0..600).map(|sequence| format!("c-{sequence}")).collect();
    assert_eq!(calls, wanted, "calls missing or out of order");
    connection.close().await;
}
