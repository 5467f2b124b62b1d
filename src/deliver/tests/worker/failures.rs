//! Worker tests with responses that fail, hang or arrive late.

use super::*;

#[tokio::test]
async fn worker_429_pauses_sink_then_merges_due_cards() {
    let first = |n, _: &RecordedRequest| {
        if n == 0 {
            ChatReply { retry_after: Some("1"), ..ChatReply::with(429, "rate_limited") }
        } else {
            ChatReply::ok()
        }
    };
    let chat = Chat::new(first).await;
    let queue = MemoryOutbox::default();
    let mut worker = WorkerHarness::new("desk", &chat, None, &queue);
    worker.add("a");
    chat.requests(1).await;
    worker.add("b");
    worker.delivered(2).await;
    let requests = chat.requests(2).await;
    assert_eq!(requests[1].cards, ["b", "a"], "newest first, merged");
    assert!(requests[1].at - requests[0].at >= Duration::from_secs(1));
    assert_eq!(queue.row("a").attempts.len(), 2);
    worker.end().await.unwrap();
}

#[tokio::test]
async fn worker_gone_sink_is_disabled_once_and_resumes_when_enabled() {
    let repaired = Arc::new(AtomicBool::new(false));
    let flag = repaired.clone();
    let script = move |_, _: &RecordedRequest| {
        if flag.load(Ordering::SeqCst) { ChatReply::ok() } else { ChatReply::with(404, "no_service") }
    };
    let chat = Chat::new(script).await;
    let queue = MemoryOutbox::default();
    let mut worker = WorkerHarness::new("desk", &chat, None, &queue);
    worker.add("a");
    assert!(matches!(worker.next_event().await, SinkEvent::Disabled { why: "the webhook is gone", .. }));
    worker.add("b");
    worker.enable.notify_one();
    // The probe is the oldest card alone; a failed probe is not reported again.
    assert_eq!(chat.requests(2).await[1].cards, ["a"]);
    repaired.store(true, Ordering::SeqCst);
    worker.enable.notify_one();
    let events = [worker.next_event().await, worker.next_event().await, worker.next_event().await];
    assert!(matches!(&events[0], SinkEvent::Delivered { attempt: 3, .. }), "{events:?}");
    assert!(matches!(&events[1], SinkEvent::Recovered { .. }), "{events:?}");
    assert!(matches!(&events[2], SinkEvent::Delivered { attempt: 1, .. }), "{events:?}");
    worker.end().await.unwrap();
}

#[tokio::test]
async fn worker_unreadable_card_goes_plain_others_unaffected() {
    let script = |_, request: &RecordedRequest| {
        let is_poison = request.cards.contains(&"poison".to_owned());
        if is_poison && !request.plain { ChatReply::with(400, "invalid_blocks") } else { ChatReply::ok() }
    };
    let chat = Chat::new(script).await;
    let queue = MemoryOutbox::default();
    for title in ["a", "poison", "b"] {
        queue.add(&SinkName::try_from("desk").unwrap(), title);
    }
    let mut worker = WorkerHarness::new("desk", &chat, None, &queue);
    let mut titles = worker.delivered(3).await;
    titles.sort_unstable();
    assert_eq!(titles, ["a", "b", "poison"]);
    let requests = chat.requests(5).await;
    assert_eq!(requests.len(), 5, "merged, three alone, one plain: {requests:?}");
    assert!(requests.iter().skip(1).all(|request| request.cards.len() == 1));
    assert!(queue.row("poison").delivery.plain && !queue.row("a").delivery.plain);
    worker.end().await.unwrap();
}

#[tokio::test]
async fn worker_card_rejected_plain_becomes_dead_letter() {
    let chat = Chat::new(|_, _| ChatReply::with(400, "no_text")).await;
    let queue = MemoryOutbox::default();
    let mut worker = WorkerHarness::new("desk", &chat, None, &queue);
    worker.add("a");
    let SinkEvent::DeadLetter { why, alert, .. } = worker.next_event().await else { panic!() };
    assert!(!alert && why.contains("400"), "no alert about an alert: {why}");
    let row = queue.row("a");
    assert_eq!(
        (row.state, row.attempts.len(), row.attempts[1].response.as_str()),
        (DeliveryState::Dead(why), 2, "no_text")
    );
    worker.end().await.unwrap();
}

#[tokio::test]
async fn worker_failing_card_does_not_delay_others() {
    let script = |_, request: &RecordedRequest| {
        if request.cards.contains(&"poison".to_owned()) {
            ChatReply::with(500, "rollup_error")
        } else {
            ChatReply::ok()
        }
    };
    let chat = Chat::new(script).await;
    let queue = MemoryOutbox::default();
    for title in ["a", "poison", "b"] {
        queue.add(&SinkName::try_from("desk").unwrap(), title);
    }
    let mut worker = WorkerHarness::new("desk", &chat, None, &queue);
    let mut titles = worker.delivered(2).await;
    titles.sort_unstable();
    assert_eq!(titles, ["a", "b"]);
    assert!(matches!(queue.row("poison").state, DeliveryState::Waiting(_) | DeliveryState::Leased));
    worker.end().await.unwrap();
}

#[tokio::test]
async fn worker_hanging_sink_does_not_delay_another_sink() {
    let (_held, hold) = watch::channel(false);
    let hanging_chat = Chat::new(move |_, _| ChatReply { hold: Some(hold.clone()), ..ChatReply::ok() }).await;
    let working_chat = Chat::new(|_, _| ChatReply::ok()).await;
    let queue = MemoryOutbox::default();
    let hanging = WorkerHarness::new("hung", &hanging_chat, None, &queue);
    let mut desk = WorkerHarness::new("desk", &working_chat, None, &queue);
    hanging.add("never");
    hanging_chat.requests(1).await;
    desk.add("a");
    assert_eq!(desk.delivered(1).await, ["a"]);
    assert_eq!(queue.row("never").state, DeliveryState::Leased, "the other sink still waits for its chat");
    desk.end().await.unwrap();
    hanging.task.abort();
}

#[tokio::test]
async fn worker_outbox_errors_lose_and_repeat_no_card() {
    let queue = MemoryOutbox::default();
    let full = queue.clone();
    let script = move |_, _: &RecordedRequest| {
        full.fail_next(3);
        ChatReply::ok()
    };
    let chat = Chat::new(script).await;
    queue.fail_next(2);
    let mut worker = WorkerHarness::new("desk", &chat, None, &queue);
    worker.add("a");
    worker.delivered(1).await;
    assert_eq!(queue.row("a").state, DeliveryState::Delivered);
    worker.add("b");
    worker.delivered(1).await;
    assert_eq!(cards(&chat.requests(2).await), ["a", "b"]);
    queue.end();
    worker.enable.notify_one();
    let ended = timeout(Duration::from_secs(10), worker.task).await.unwrap().unwrap();
    assert!(matches!(ended, Err(OutboxError::Stopped)));
}
