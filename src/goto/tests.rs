//! A whole connection against a stand-in for GoTo on loopback: real sockets, real time, waits only for things that happen.

mod blind;
mod login;
mod past;

use super::{
    lifecycle::Why,
    stand_in::{StandIn, Tell},
    token_file::Kept,
    *,
};
use crate::model::call::Phase;
use serde_json::{Value, json};
use std::{
    sync::{Arc, Once},
    time::Duration,
};
use tokio::sync::mpsc;

const WITHIN: Duration = Duration::from_secs(20);

struct Run {
    goto: StandIn,
    connection: Connection,
    heard: mpsc::Receiver<Heard>,
    dir: tempfile::TempDir,
}

fn tls() -> Arc<rustls::ClientConfig> {
    static PROVIDER: Once = Once::new();
    PROVIDER.call_once(|| drop(rustls::crypto::aws_lc_rs::default_provider().install_default()));
    let roots = rustls::RootCertStore::empty();
    Arc::new(rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth())
}

fn settings(goto: &StandIn, dir: &tempfile::TempDir) -> Settings {
    Settings {
        name: ConnectionName::try_from("main").unwrap(),
        client_id: "me".to_owned(),
        client_secret: Some(Secret::new("shh")),
        account_keys: vec![AccountKey::try_from("1").unwrap(), AccountKey::try_from("2").unwrap()],
        first_refresh_token: Some(Secret::new("first")),
        lanes: 1,
        region: Region::US,
        api_url: goto.url.clone(),
        auth_url: goto.url.clone(),
        token_file: dir.path().join("token.json"),
        nickname: "poprelay-main-x".to_owned(),
        deaf_since: None,
        look: LOOK,
        voicemail: false,
        pulses: crate::model::pulse::Pulses::default(),
    }
}

async fn run(goto: StandIn, change: impl FnOnce(&mut Settings)) -> Run {
    let dir = tempfile::tempdir().unwrap();
    let mut settings = settings(&goto, &dir);
    change(&mut settings);
    let (heard_in, heard) = mpsc::channel(1024);
    let tls = tls();
    let connection = open(settings, reqwest::Client::new(), tls, heard_in);
    Run { goto, connection, heard, dir }
}

impl Run {
    /// The next thing heard that `pick` knows; what it does not know is left.
    async fn until<T>(&mut self, pick: impl Fn(Heard) -> Option<T>) -> T {
        let wait = async {
            loop {
                let heard = self.heard.recv().await.unwrap();
                if let Some(found) = pick(heard) {
                    return found;
                }
            }
        };
        tokio::time::timeout(WITHIN, wait).await.expect("it was not heard in time")
    }

    async fn live(&mut self) {
        self.until(|heard| matches!(heard, Heard::Live { .. }).then_some(())).await;
    }
}

/// Waits until it is so, looking often; the bound is a failure.
async fn until(so: impl Fn() -> bool) {
    let wait = async {
        while !so() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(WITHIN, wait).await.expect("it did not happen in time");
}

fn state(call: &str, sequence: u64, kind: &str) -> Value {
    json!({"metadata": {"conversationSpaceId": call, "direction": "INBOUND", "accountKey": "1"},
           "state": {"type": kind, "sequenceNumber": sequence, "participants": []}})
}

fn frame(call: &str, sequence: u64) -> Tell {
    Tell::Text(
        json!({"data": {"source": "call-events", "type": "call-state", "content": state(call, sequence, "STARTING")}})
            .to_string(),
    )
}

fn call(heard: Heard) -> Option<String> {
    match heard {
        Heard::Call(call) => Some(call.call.as_str().to_owned()),
        _ => None,
    }
}

#[tokio::test]
async fn a_call_is_heard_over_a_channel_that_is_subscribed_before_it_is_opened_and_deleted_at_the_end() {
    let mut run = run(StandIn::start().await, |_| {}).await;
    run.live().await;
    run.goto.push(|| frame("c-1", 1));
    assert_eq!(run.until(call).await, "c-1");
    let asked = run.goto.with(|facts| facts.asked.clone());
    let place = |of: &str| asked.iter().position(|it| it.starts_with(of)).unwrap();
    assert!(place("GET /notification-channel") < place("POST /notification-channel"), "leftovers are looked for first");
    assert!(place("POST /call-events/v1/subscriptions") < place("GET /ws/"));
    run.connection.close().await;
    assert!(run.goto.with(|facts| facts.channels.is_empty() && facts.sockets.is_empty()), "nothing is left at GoTo");
}

#[tokio::test]
async fn errors_on_the_way_are_waited_out_and_retry_after_is_obeyed() {
    let goto = StandIn::start().await;
    let slow_down = json!({"errorCode": "TOO_MANY_REQUESTS", "retryAfter": 1});
    goto.instead("POST /notification-channel", &[(429, slow_down), (409, json!({}))]);
    let began = std::time::Instant::now();
    let mut run = run(goto, |_| {}).await;
    run.live().await;
    assert!(began.elapsed() >= Duration::from_secs(1), "the second that was asked for");
    assert_eq!(run.goto.count("GET /notification-channel"), 3, "looked for leftovers before every try");
    run.connection.close().await;
}

#[tokio::test]
async fn a_207_that_lies_and_a_socket_that_does_not_open_leave_nothing_behind() {
    let goto = StandIn::start().await;
    goto.instead("POST /call-events/v1", &[(207, json!({"accountKeys": "lies"}))]);
    goto.instead("GET /ws/", &[(502, json!({}))]);
    let mut run = run(goto, |_| {}).await;
    run.live().await;
    let goto = run.goto.clone();
    until(|| goto.with(|facts| facts.channels.len() == 1)).await;
    run.goto.push(|| Tell::Close);
    run.until(|heard| matches!(heard, Heard::Lost { why: Why::Closed, .. }).then_some(())).await;
    run.live().await;
    run.connection.close().await;
}

#[tokio::test]
async fn garbage_is_counted_and_the_next_call_is_heard() {
    let mut run = run(StandIn::start().await, |_| {}).await;
    run.live().await;
    run.goto.push(|| Tell::Text("{\"data\":".to_owned()));
    run.goto.push(|| Tell::Binary(3));
    run.goto.push(|| Tell::Text("{\"data\":{\"source\":\"voicemail\"}}".to_owned()));
    run.goto.push(|| frame("c-2", 1));
    let unreadable = |heard| if let Heard::Unreadable { bytes, .. } = heard { Some(bytes) } else { None };
    assert_eq!(run.until(unreadable).await, 8);
    assert_eq!(run.until(unreadable).await, 3);
    assert_eq!(run.until(call).await, "c-2");
    run.goto.push(|| Tell::Binary(2 * 1024 * 1024));
    run.until(|heard| matches!(heard, Heard::Lost { why: Why::Broken, .. }).then_some(())).await;
    run.live().await;
    run.connection.close().await;
}

#[tokio::test]
async fn two_lanes_hear_one_call_twice_and_either_is_enough() {
    let mut run = run(StandIn::start().await, |settings| settings.lanes = 2).await;
    run.live().await;
    run.live().await;
    run.goto.push(|| frame("c-3", 1));
    assert_eq!(run.until(call).await, "c-3");
    assert_eq!(run.until(call).await, "c-3");
    let first = run.goto.with(|facts| facts.sockets.values().next().unwrap().clone());
    first.send(Tell::Cut).unwrap();
    run.until(|heard| matches!(heard, Heard::Lost { .. }).then_some(())).await;
    run.goto.push(|| frame("c-4", 1));
    let blind = run.until(|heard| match heard {
        Heard::Call(call) if call.call.as_str() == "c-4" => Some(false),
        Heard::Blind { .. } => Some(true),
        _ => None,
    });
    assert!(!blind.await, "one lane is no blind window");
    run.connection.close().await;
}

#[tokio::test]
async fn a_channel_that_is_to_be_closed_is_replaced_before_it_is_deleted() {
    let mut run = run(StandIn::start().await, |_| {}).await;
    run.live().await;
    run.goto.push(|| Tell::Text(r#"{"data":{"type":"WEBSOCKET_TO_BE_CLOSED"}}"#.to_owned()));
    let goto = run.goto.clone();
    until(|| goto.count("GET /ws/") == 2 && goto.with(|facts| facts.channels.len() == 1)).await;
    let asked = goto.with(|facts| facts.asked.clone());
    let second = asked.iter().rposition(|it| it.starts_with("GET /ws/")).unwrap();
    let deleted = asked.iter().position(|it| it.starts_with("DELETE ")).unwrap();
    assert!(second < deleted, "live before the old one goes: {asked:?}");
    run.goto.push(|| frame("c-5", 1));
    let lost = run.until(|heard| match heard {
        Heard::Call(_) => Some(false),
        Heard::Lost { .. } => Some(true),
        _ => None,
    });
    assert!(!lost.await, "it never stopped hearing");
    run.connection.close().await;
}

#[tokio::test]
async fn a_refresh_that_is_required_is_a_put_of_the_channel_and_then_of_its_lifetime() {
    let goto = StandIn::start().await;
    goto.instead("PUT /notification-channel", &[(500, json!({}))]);
    let mut run = run(goto, |_| {}).await;
    run.live().await;
    run.goto.push(|| Tell::Text(r#"{"data":{"type":"WEBSOCKET_REFRESH_REQUIRED"}}"#.to_owned()));
    let goto = run.goto.clone();
    until(|| goto.count("PUT ") == 2).await;
    let puts: Vec<_> = goto.with(|facts| facts.asked.iter().filter(|it| it.starts_with("PUT ")).cloned().collect());
    assert!(puts[0].ends_with("/channel-1") && puts[1].ends_with("/channel-1/channel-lifetime"), "{puts:?}");
    run.connection.close().await;
}

#[tokio::test]
async fn a_short_lifetime_is_renewed_before_it_ends() {
    let goto = StandIn::start().await;
    goto.with(|facts| facts.lifetime = json!(10));
    let mut run = run(goto, |_| {}).await;
    run.live().await;
    let goto = run.goto.clone();
    until(|| goto.count("PUT ") >= 2).await;
    assert_eq!(goto.count("GET /ws/"), 1, "over one socket");
    run.connection.close().await;
}

#[tokio::test]
async fn missing_states_are_fetched_when_asked_for() {
    let goto = StandIn::start().await;
    let content = state("c-6", 2, "ACTIVE");
    goto.instead(
        "GET /call-events/v1/conversation-spaces/c-6/events",
        &[(200, json!({"metadata": content["metadata"], "states": [content["state"]]}))],
    );
    let mut run = run(goto, |_| {}).await;
    let (account, call_id) = (AccountKey::try_from("1").unwrap(), ConversationSpaceId::try_from("c-6").unwrap());
    run.connection.ask.send(Ask::States { account, call: call_id, from: 2, to: 2 }).await.unwrap();
    assert_eq!(run.until(call).await, "c-6");
    run.connection.close().await;
}

#[tokio::test]
async fn a_house_that_does_not_listen_stops_no_renewal_and_loses_nothing() {
    let goto = StandIn::start().await;
    goto.with(|facts| facts.lifetime = json!(10));
    let dir = tempfile::tempdir().unwrap();
    let (heard_in, mut heard) = mpsc::channel(1);
    let connection = open(settings(&goto, &dir), reqwest::Client::new(), tls(), heard_in);
    until(|| goto.with(|facts| facts.sockets.len() == 1)).await;
    for sequence in 0..600 {
        goto.push(|| frame(&format!("c-{sequence}"), 1));
    }
    until(|| goto.count("PUT ") >= 1).await;
    let mut calls = Vec::new();
    while calls.len() < 600 {
        let next = tokio::time::timeout(WITHIN, heard.recv()).await.expect("a call is missing").unwrap();
        calls.extend(call(next));
    }
    let wanted: Vec<_> = (0..600).map(|sequence| format!("c-{sequence}")).collect();
    assert_eq!(calls, wanted, "all, in order");
    connection.close().await;
}
