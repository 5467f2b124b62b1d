//! Worker tests from the outbox to the socket.

mod failures;

use super::{
    chat::{Chat, ChatReply, RecordedRequest},
    queue::{DeliveryState, MemoryOutbox},
    sockets::client,
};
use crate::{
    deliver::{RateLimit, Sink, SinkEvent, run},
    model::{
        card::Card,
        delivery::{OutboxError, RenderedMessage, SinkKind},
        ids::SinkName,
        secret::Secret,
        time::Timestamp,
    },
    runtime::captured_journal::CapturedJournal,
};
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::{
    sync::{Notify, mpsc, watch},
    task::JoinHandle,
    time::timeout,
};
use tokio_util::sync::CancellationToken;

/// Cards per message in these tests.
const CARDS_PER_MESSAGE: usize = 20;

fn draw(_: SinkKind, cards: &[&Card], _: Timestamp, plain: bool) -> RenderedMessage {
    let title = |card: &&Card| match card {
        Card::Alert(notice) => notice.title.clone(),
        other => panic!("{other:?}"),
    };
    let used = cards.len().min(CARDS_PER_MESSAGE);
    let titles: Vec<String> = cards.iter().take(used).map(title).collect();
    RenderedMessage {
        body: serde_json::json!({ "plain": plain, "cards": titles }).to_string(),
        cards_included: used,
        ..RenderedMessage::default()
    }
}

pub struct WorkerHarness {
    name: SinkName,
    queue: MemoryOutbox,
    events: mpsc::Receiver<SinkEvent>,
    enable: Arc<Notify>,
    stop: CancellationToken,
    task: JoinHandle<Result<(), OutboxError>>,
}

impl WorkerHarness {
    fn new(name: &str, chat: &Chat, pace: Option<RateLimit>, queue: &MemoryOutbox) -> Self {
        Self::with_render(name, chat, pace, queue, draw)
    }

    fn with_render<D>(name: &str, chat: &Chat, pace: Option<RateLimit>, queue: &MemoryOutbox, draw: D) -> Self
    where
        D: Fn(SinkKind, &[&Card], Timestamp, bool) -> RenderedMessage + Send + Sync + 'static,
    {
        let name = SinkName::try_from(name).unwrap();
        let sink = Sink { rate_limit: pace, ..Sink::new(name, SinkKind::Slack, Secret::new(chat.url.as_str())) };
        Self::of(sink, queue, draw)
    }

    pub fn of<D>(sink: Sink, queue: &MemoryOutbox, draw: D) -> Self
    where
        D: Fn(SinkKind, &[&Card], Timestamp, bool) -> RenderedMessage + Send + Sync + 'static,
    {
        let name = sink.name.clone();
        let (sender, events) = mpsc::channel(1000);
        let stop = CancellationToken::new();
        let enable = sink.enable.clone();
        let http = client();
        let task = tokio::spawn(run(sink, queue.clone(), http, draw, sender, stop.clone()));
        Self { name, queue: queue.clone(), events, enable, stop, task }
    }

    fn add(&self, title: &str) {
        self.queue.add(&self.name, title);
    }

    pub async fn next_event(&mut self) -> SinkEvent {
        timeout(Duration::from_secs(30), self.events.recv()).await.unwrap().unwrap()
    }

    /// Returns the titles of the next `count` delivered cards; skips other events.
    async fn delivered(&mut self, count: usize) -> Vec<String> {
        let mut titles = Vec::new();
        while titles.len() < count {
            if let SinkEvent::Delivered { key, .. } = self.next_event().await {
                let crate::model::delivery::Subject::Named(title) = key.subject else { panic!() };
                titles.push(title);
            }
        }
        titles
    }

    pub async fn end(self) -> Result<(), OutboxError> {
        self.stop.cancel();
        timeout(Duration::from_secs(10), self.task).await.unwrap().unwrap()
    }
}

/// Waits until a condition holds, for at most 30 s.
pub async fn until(condition: impl Fn() -> bool) {
    let poll = async {
        while !condition() {
            tokio::task::yield_now().await;
        }
    };
    timeout(Duration::from_secs(30), poll).await.unwrap();
}

fn cards(requests: &[RecordedRequest]) -> Vec<&str> {
    requests.iter().flat_map(|request| &request.cards).map(String::as_str).collect()
}

#[tokio::test]
async fn worker_quiet_channel_posts_immediately_and_stores_attempt() {
    let chat = Chat::new(|_, _| ChatReply::ok()).await;
    let queue = MemoryOutbox::default();
    // A refill takes longer than the test: a full bucket must not delay.
    let pace = RateLimit { per_second: 0.001, burst: 4 };
    let mut worker = WorkerHarness::new("desk", &chat, Some(pace), &queue);
    for title in ["a", "b", "c"] {
        worker.add(title);
        assert_eq!(worker.delivered(1).await, [title]);
    }
    let row = queue.row("a");
    assert_eq!((row.state, row.attempts.len()), (DeliveryState::Delivered, 1));
    assert_eq!((row.attempts[0].status, row.attempts[0].response.as_str()), (Some(200), "ok"));
    worker.end().await.unwrap();
}

#[tokio::test]
async fn worker_posts_a_delivery_that_is_handed_over_without_a_query() {
    let chat = Chat::new(|_, _| ChatReply::ok()).await;
    let queue = MemoryOutbox::default();
    let mut worker = WorkerHarness::new("desk", &chat, None, &queue);
    let name = worker.name.clone();
    until(|| queue.is_received_by(&name)).await;
    let queries = queue.queries();
    for title in ["a", "b", "c"] {
        worker.add(title);
        assert_eq!(worker.delivered(1).await, [title]);
        until(|| queue.is_received_by(&name)).await;
    }
    assert_eq!((queue.queries(), queue.row("c").state), (queries, DeliveryState::Delivered));
    worker.end().await.unwrap();
}

#[tokio::test]
async fn worker_queries_after_a_handed_over_delivery_failed() {
    let chat = Chat::new(|n, _| if n == 0 { ChatReply::with(503, "") } else { ChatReply::ok() }).await;
    let queue = MemoryOutbox::default();
    let mut worker = WorkerHarness::new("desk", &chat, None, &queue);
    let name = worker.name.clone();
    until(|| queue.is_received_by(&name)).await;
    worker.add("a");
    assert_eq!(worker.delivered(1).await, ["a"]);
    assert_eq!(queue.row("a").attempts.len(), 2);
    worker.end().await.unwrap();
}

#[tokio::test]
async fn worker_burst_of_sixty_is_posted_within_15_s_without_429() {
    // The chat's strict bucket: 1 per second, a burst of 4.
    let bucket = Mutex::new((4.0_f64, Instant::now()));
    let chat = Chat::new(move |_, request| {
        let mut bucket = bucket.lock().unwrap();
        let level = (bucket.0 + request.at.saturating_duration_since(bucket.1).as_secs_f64()).min(4.0);
        *bucket = (if level >= 1.0 { level - 1.0 } else { level }, request.at);
        if level >= 1.0 { ChatReply::ok() } else { ChatReply::with(429, "rate_limited") }
    })
    .await;
    let queue = MemoryOutbox::default();
    let mut worker = WorkerHarness::new("desk", &chat, Some(RateLimit::default()), &queue);
    let mut interval = tokio::time::interval(Duration::from_millis(16));
    for n in 0..60 {
        interval.tick().await;
        worker.add(&n.to_string());
    }
    worker.delivered(60).await;
    let requests = chat.requests(1).await;
    // Four messages of the burst and one a second: fewer than 12 take less than 15 s.
    assert!(requests.len() < 12, "{requests:?}");
    assert!(requests.iter().all(|request| request.status == 200), "{requests:?}");
    let mut seen = cards(&requests);
    seen.sort_unstable();
    seen.dedup();
    assert_eq!((seen.len(), cards(&requests).len()), (60, 60));
    worker.end().await.unwrap();
}

#[tokio::test]
async fn worker_stop_finishes_post_in_flight_and_leaves_rest() {
    let (answer, hold) = watch::channel(false);
    let chat = Chat::new(move |_, _| ChatReply { hold: Some(hold.clone()), ..ChatReply::ok() }).await;
    let queue = MemoryOutbox::default();
    let worker = WorkerHarness::new("desk", &chat, None, &queue);
    worker.add("in flight");
    chat.requests(1).await;
    worker.add("left");
    worker.stop.cancel();
    answer.send_replace(true);
    worker.end().await.unwrap();
    assert_eq!(queue.row("in flight").state, DeliveryState::Delivered);
    assert_eq!(queue.row("left").state, DeliveryState::Waiting(Timestamp::UNIX_EPOCH));
    assert_eq!(chat.requests(1).await.len(), 1);
}

#[tokio::test]
async fn worker_delivery_enqueued_between_query_and_wait_is_posted() {
    let chat = Chat::new(|_, _| ChatReply::ok()).await;
    let queue = MemoryOutbox::default();
    queue.add_late(&SinkName::try_from("desk").unwrap(), "late");
    let mut worker = WorkerHarness::new("desk", &chat, None, &queue);
    assert_eq!(worker.delivered(1).await, ["late"]);
    worker.end().await.unwrap();
}

#[tokio::test]
async fn worker_wrong_card_count_of_render_does_not_stop_it() {
    for claim in [0, 99] {
        let chat = Chat::new(|_, _| ChatReply::ok()).await;
        let queue = MemoryOutbox::default();
        for title in ["a", "b", "c"] {
            queue.add(&SinkName::try_from("desk").unwrap(), title);
        }
        let claims = move |kind: SinkKind, cards: &[&Card], now, plain| RenderedMessage {
            cards_included: claim,
            ..draw(kind, cards, now, plain)
        };
        let mut worker = WorkerHarness::with_render("desk", &chat, None, &queue, claims);
        let mut titles = worker.delivered(3).await;
        titles.sort_unstable();
        assert_eq!(titles, ["a", "b", "c"]);
        worker.end().await.unwrap();
    }
}

#[tokio::test]
async fn worker_journal_and_attempts_contain_no_url() {
    let journal = CapturedJournal::start();
    let chat = Chat::new(|n, _| match n {
        0 => ChatReply::with(500, "Cannot POST /services/T0/B0/secretsecretsecret"),
        1 => ChatReply::with(400, "no_text at https://x/services/T0/B0/secretsecretsecret"),
        2 => ChatReply::ok(),
        _ => ChatReply::with(403, "secretsecretsecret"),
    })
    .await;
    let queue = MemoryOutbox::default();
    let mut worker = WorkerHarness::new("desk", &chat, None, &queue);
    worker.add("a");
    worker.delivered(1).await;
    worker.add("b");
    assert!(matches!(worker.next_event().await, SinkEvent::Disabled { .. }));
    worker.end().await.unwrap();
    let journal = journal.text();
    for line in ["card delivered", "sink failing, deliveries paused", "sink recovered", "sink disabled", "took_ms="] {
        assert!(journal.contains(line), "{line}: {journal}");
    }
    assert!(!journal.contains("secretsecret"), "{journal}");
    let attempts = [queue.row("a").attempts, queue.row("b").attempts].concat();
    assert!(
        attempts.len() == 4 && !attempts.iter().any(|request| request.response.contains("secretsecret")),
        "{attempts:?}"
    );
}

#[test]
fn worker_future_is_spawnable_with_any_render_function() {
    fn spawnable<T: Send + 'static>(_: impl FnOnce() -> T) {}
    spawnable(|| {
        let (events, _) = mpsc::channel(1);
        let stop = CancellationToken::new();
        let sink = Sink::new(SinkName::try_from("desk").unwrap(), SinkKind::Teams, Secret::new(""));
        let mine = String::new();
        let draw = move |_, _: &[&Card], _, _| RenderedMessage {
            body: mine.clone(),
            cards_included: 1,
            ..RenderedMessage::default()
        };
        run(sink, MemoryOutbox::default(), client(), draw, events, stop)
    });
}
