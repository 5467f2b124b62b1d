//! Worker tests with a Slack app: live messages, replies, and messages that are gone.

use super::{
    chat::{Chat, ChatReply},
    queue::{DeliveryState, MemoryOutbox, delivery, ring},
    worker::{WorkerHarness, until},
};
use crate::{
    deliver::{Sink, SinkEvent, SlackApp},
    model::{
        card::Card,
        delivery::{Delivery, MessageRef, PostMode, RenderedMessage, SinkKind},
        ids::SinkName,
        secret::Secret,
        time::Timestamp,
    },
};
use std::sync::{Arc, Mutex};

const DONE: &str = r#"{"ok":true,"channel":"C1","ts":"1795456800.000042"}"#;
const GONE: &str = r#"{"ok":false,"error":"message_not_found"}"#;

/// Starts a worker for a sink of `kind`. Returns it with the render times.
fn start_worker(chat: &Chat, kind: SinkKind, queue: &MemoryOutbox) -> (WorkerHarness, Arc<Mutex<Vec<Timestamp>>>) {
    let app = (kind == SinkKind::SlackApp).then(|| SlackApp {
        token: Secret::new("xoxb-1"),
        channel: "C1".to_owned(),
        app_token: None,
    });
    let name = SinkName::try_from("desk").unwrap();
    let sink = Sink { app, ..Sink::new(name, kind, Secret::new(chat.url.as_str())) };
    let render_times = Arc::<Mutex<Vec<Timestamp>>>::default();
    let log = Arc::clone(&render_times);
    let draw = move |_: SinkKind, cards: &[&Card], now: Timestamp, plain: bool| {
        log.lock().unwrap().push(now);
        RenderedMessage {
            body: serde_json::json!({ "plain": plain, "cards": ["a"] }).to_string(),
            cards_included: cards.len(),
            ..RenderedMessage::default()
        }
    };
    (WorkerHarness::of(sink, queue, draw), render_times)
}

fn message_ref() -> MessageRef {
    MessageRef { channel: "C1".to_owned(), ts: "1795456800.000042".to_owned() }
}

/// Builds a delivery of a call ringing at 18:00.
fn of_call(id: i64, form: PostMode) -> Delivery {
    let at = "2026-11-23T18:00:00Z".parse().unwrap();
    Delivery { mode: form, card: Card::Call(Box::new(ring(at))), ..delivery(id, &id.to_string()) }
}

#[tokio::test]
async fn worker_first_post_renders_now_edit_renders_status_time() {
    let chat = Chat::new(|_, _| ChatReply::with(200, DONE)).await;
    let queue = MemoryOutbox::default();
    let (mut worker, render_times) = start_worker(&chat, SinkKind::SlackApp, &queue);
    let start = Timestamp::now();
    queue.put(of_call(1, PostMode::Live { message: None, reposted: false }));
    assert!(matches!(worker.next_event().await, SinkEvent::Delivered { .. }));
    assert_eq!(queue.row("1").delivery.mode, PostMode::Live { message: Some(message_ref()), reposted: false });
    assert!(render_times.lock().unwrap().iter().all(|at| *at >= start));
    render_times.lock().unwrap().clear();
    queue.put(of_call(1, PostMode::Live { message: Some(message_ref()), reposted: false }));
    assert!(matches!(worker.next_event().await, SinkEvent::Delivered { .. }));
    let then: Timestamp = "2026-11-23T18:00:00Z".parse().unwrap();
    assert!(render_times.lock().unwrap().iter().all(|at| *at == then));
    worker.end().await.unwrap();
}

/// Starts a worker whose messages name what they mention.
fn start_with_mentions(chat: &Chat, queue: &MemoryOutbox) -> WorkerHarness {
    let app = Some(SlackApp { token: Secret::new("xoxb-1"), channel: "C1".to_owned(), app_token: None });
    let sink = Sink {
        app,
        ..Sink::new(SinkName::try_from("desk").unwrap(), SinkKind::SlackApp, Secret::new(chat.url.as_str()))
    };
    let draw = |_: SinkKind, cards: &[&Card], _: Timestamp, plain: bool| {
        let body = if cards.iter().any(|card| card.has_mentions()) { "@here" } else { "none" };
        RenderedMessage {
            body: serde_json::json!({ "plain": plain, "cards": [body] }).to_string(),
            cards_included: cards.len(),
            ..RenderedMessage::default()
        }
    };
    WorkerHarness::of(sink, queue, draw)
}

#[tokio::test]
async fn worker_restricted_mention_is_removed_and_reported_once() {
    let chat = Chat::new(|_, request| {
        let is_restricted = request.cards == ["@here"];
        ChatReply::with(200, if is_restricted { r#"{"ok":false,"error":"restricted_action"}"# } else { DONE })
    })
    .await;
    let queue = MemoryOutbox::default();
    let mut worker = start_with_mentions(&chat, &queue);
    let mention = || {
        let mut card = ring("2026-11-23T18:00:00Z".parse().unwrap());
        card.options.slack_mentions.push("here".to_owned().try_into().unwrap());
        Card::Call(Box::new(card))
    };
    for id in 1..=2 {
        queue.put(Delivery { card: mention(), ..of_call(id, PostMode::Live { message: None, reposted: false }) });
        if id == 1 {
            assert!(matches!(worker.next_event().await, SinkEvent::MentionRejected { .. }));
        }
        let event = worker.next_event().await;
        assert!(matches!(event, SinkEvent::Delivered { .. }), "{event:?}");
    }
    let requests = chat.requests(4).await;
    let sent: Vec<&str> = requests.iter().flat_map(|request| &request.cards).map(String::as_str).collect();
    assert_eq!(sent, ["@here", "none", "@here", "none"]);
    worker.end().await.unwrap();
}

#[tokio::test]
async fn worker_restricted_action_without_mention_disables_sink() {
    let chat = Chat::new(|_, _| ChatReply::with(200, r#"{"ok":false,"error":"restricted_action"}"#)).await;
    let queue = MemoryOutbox::default();
    let mut worker = start_with_mentions(&chat, &queue);
    queue.put(of_call(1, PostMode::Live { message: None, reposted: false }));
    assert!(matches!(worker.next_event().await, SinkEvent::Disabled { .. }));
    assert_eq!(chat.requests(1).await.len(), 1);
    worker.end().await.unwrap();
}

#[tokio::test]
async fn worker_reply_to_gone_message_is_dropped_without_alert() {
    let chat = Chat::new(|_, _| ChatReply::with(200, GONE)).await;
    let queue = MemoryOutbox::default();
    let (mut worker, _) = start_worker(&chat, SinkKind::SlackApp, &queue);
    queue.put(of_call(1, PostMode::ThreadReply { message: Some(message_ref()) }));
    let event = worker.next_event().await;
    assert!(matches!(event, SinkEvent::DeadLetter { alert: false, .. }), "{event:?}");
    assert!(matches!(queue.row("1").state, DeliveryState::Dead(_)));
    assert_eq!(chat.requests(1).await.len(), 1);
    worker.end().await.unwrap();
}

#[tokio::test]
async fn worker_sink_without_threads_drops_replies_and_posts_edits() {
    let chat = Chat::new(|_, _| ChatReply::ok()).await;
    let queue = MemoryOutbox::default();
    let start = Timestamp::now();
    queue.put(of_call(1, PostMode::ThreadReply { message: Some(message_ref()) }));
    queue.put(of_call(2, PostMode::Live { message: Some(message_ref()), reposted: false }));
    let (mut worker, render_times) = start_worker(&chat, SinkKind::Slack, &queue);
    let event = worker.next_event().await;
    assert!(matches!(event, SinkEvent::Delivered { .. }), "{event:?}");
    until(|| matches!(queue.row("1").state, DeliveryState::Dead(_))).await;
    assert_eq!(chat.requests(1).await.len(), 1);
    assert!(
        render_times.lock().unwrap().iter().all(|at| *at >= start),
        "a new message is rendered for the current time"
    );
    worker.end().await.unwrap();
}
