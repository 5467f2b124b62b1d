//! A worker whose sink is a Slack app: where its messages stand, and what became of those.

use super::{
    chat::{Chat, Reply},
    life::{Life, until},
    queue::{Queue, State, delivery, ring},
};
use crate::{
    deliver::{App, Sink, Told},
    model::{
        card::Card,
        delivery::{Delivery, Drawn, Form, Place, SinkKind},
        ids::SinkName,
        secret::Secret,
        time::Timestamp,
    },
};
use std::sync::{Arc, Mutex};

const DONE: &str = r#"{"ok":true,"channel":"C1","ts":"1795456800.000042"}"#;
const GONE: &str = r#"{"ok":false,"error":"message_not_found"}"#;

/// A worker for a sink of `kind`, and the times as of which it drew.
fn life(chat: &Chat, kind: SinkKind, queue: &Queue) -> (Life, Arc<Mutex<Vec<Timestamp>>>) {
    let app = (kind == SinkKind::SlackApp).then(|| App { token: Secret::new("xoxb-1"), channel: "C1".to_owned() });
    let name = SinkName::try_from("desk").unwrap();
    let sink = Sink { app, ..Sink::new(name, kind, Secret::new(chat.url.as_str())) };
    let drawn = Arc::<Mutex<Vec<Timestamp>>>::default();
    let log = Arc::clone(&drawn);
    let draw = move |_: SinkKind, cards: &[&Card], now: Timestamp, plain: bool| {
        log.lock().unwrap().push(now);
        Drawn { body: serde_json::json!({ "plain": plain, "cards": ["a"] }).to_string(), used: cards.len() }
    };
    (Life::of(sink, queue, draw), drawn)
}

fn place() -> Place {
    Place { channel: "C1".to_owned(), message: "1795456800.000042".to_owned() }
}

/// A delivery of a call that rang at six.
fn of_call(id: i64, form: Form) -> Delivery {
    let at = "2026-11-23T18:00:00Z".parse().unwrap();
    Delivery { form, card: Card::Call(Box::new(ring(at))), ..delivery(id, &id.to_string()) }
}

#[tokio::test]
async fn a_first_post_is_drawn_as_of_now_and_keeps_its_place_and_an_edit_is_drawn_as_of_then() {
    let chat = Chat::new(|_, _| Reply::with(200, DONE)).await;
    let queue = Queue::default();
    let (mut life, drawn) = life(&chat, SinkKind::SlackApp, &queue);
    let began = Timestamp::now();
    queue.put(of_call(1, Form::Living { at: None, lost: false }));
    assert!(matches!(life.told().await, Told::Delivered { .. }));
    assert_eq!(queue.row("1").delivery.form, Form::Living { at: Some(place()), lost: false });
    assert!(drawn.lock().unwrap().iter().all(|at| *at >= began));
    drawn.lock().unwrap().clear();
    queue.put(of_call(1, Form::Living { at: Some(place()), lost: false }));
    assert!(matches!(life.told().await, Told::Delivered { .. }));
    let then: Timestamp = "2026-11-23T18:00:00Z".parse().unwrap();
    assert!(drawn.lock().unwrap().iter().all(|at| *at == then));
    life.end().await.unwrap();
}

#[tokio::test]
async fn a_reply_whose_message_is_gone_is_left_out_and_alarms_nobody() {
    let chat = Chat::new(|_, _| Reply::with(200, GONE)).await;
    let queue = Queue::default();
    let (mut life, _) = life(&chat, SinkKind::SlackApp, &queue);
    queue.put(of_call(1, Form::Reply { to: Some(place()) }));
    let told = life.told().await;
    assert!(matches!(told, Told::Dead { alert: false, .. }), "{told:?}");
    assert!(matches!(queue.row("1").state, State::Dead(_)));
    assert_eq!(chat.heard(1).await.len(), 1);
    life.end().await.unwrap();
}

#[tokio::test]
async fn a_sink_that_has_no_threads_any_more_leaves_replies_out_and_says_an_edit_as_a_message() {
    let chat = Chat::new(|_, _| Reply::ok()).await;
    let queue = Queue::default();
    let began = Timestamp::now();
    queue.put(of_call(1, Form::Reply { to: Some(place()) }));
    queue.put(of_call(2, Form::Living { at: Some(place()), lost: false }));
    let (mut life, drawn) = life(&chat, SinkKind::Slack, &queue);
    let told = life.told().await;
    assert!(matches!(told, Told::Delivered { .. }), "{told:?}");
    until(|| matches!(queue.row("1").state, State::Dead(_))).await;
    assert_eq!(chat.heard(1).await.len(), 1);
    assert!(drawn.lock().unwrap().iter().all(|at| *at >= began), "a new message is as late as it is");
    life.end().await.unwrap();
}
