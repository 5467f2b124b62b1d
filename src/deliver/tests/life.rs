//! A worker's whole life: outbox, drawing, sockets and answers together.

use super::{
    chat::{Chat, Heard, Reply},
    queue::{Queue, State},
    sockets::client,
};
use crate::{
    deliver::{Pace, Sink, Told, run},
    model::{
        card::Card,
        delivery::{Drawn, QueueError, SinkKind},
        ids::SinkName,
        secret::Secret,
        time::Timestamp,
    },
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

/// A message of these tests holds this many cards.
const FITS: usize = 20;

fn draw(_: SinkKind, cards: &[&Card], _: Timestamp, plain: bool) -> Drawn {
    let title = |card: &&Card| match card {
        Card::Notice(notice) => notice.title.clone(),
        other => panic!("{other:?}"),
    };
    let used = cards.len().min(FITS);
    let titles: Vec<String> = cards.iter().take(used).map(title).collect();
    Drawn { body: serde_json::json!({ "plain": plain, "cards": titles }).to_string(), used }
}

pub struct Life {
    name: SinkName,
    queue: Queue,
    told: mpsc::Receiver<Told>,
    enable: Arc<Notify>,
    stop: watch::Sender<bool>,
    worker: JoinHandle<Result<(), QueueError>>,
}

impl Life {
    fn new(name: &str, chat: &Chat, pace: Option<Pace>, queue: &Queue) -> Self {
        Self::drawing(name, chat, pace, queue, draw)
    }

    fn drawing<D>(name: &str, chat: &Chat, pace: Option<Pace>, queue: &Queue, draw: D) -> Self
    where
        D: Fn(SinkKind, &[&Card], Timestamp, bool) -> Drawn + Send + Sync + 'static,
    {
        let name = SinkName::try_from(name).unwrap();
        let sink = Sink { pace, ..Sink::new(name, SinkKind::Slack, Secret::new(chat.url.as_str())) };
        Self::of(sink, queue, draw)
    }

    pub fn of<D>(sink: Sink, queue: &Queue, draw: D) -> Self
    where
        D: Fn(SinkKind, &[&Card], Timestamp, bool) -> Drawn + Send + Sync + 'static,
    {
        let name = sink.name.clone();
        let (tell, told) = mpsc::channel(1000);
        let (stop, stopped) = watch::channel(false);
        let enable = sink.enable.clone();
        let http = client();
        let worker = tokio::spawn(run(sink, queue.clone(), http, draw, tell, stopped));
        Self { name, queue: queue.clone(), told, enable, stop, worker }
    }

    fn add(&self, title: &str) {
        self.queue.add(&self.name, title);
    }

    pub async fn told(&mut self) -> Told {
        timeout(Duration::from_secs(30), self.told.recv()).await.unwrap().unwrap()
    }

    /// The titles of the next `count` delivered cards, whatever else is told between.
    async fn delivered(&mut self, count: usize) -> Vec<String> {
        let mut titles = Vec::new();
        while titles.len() < count {
            if let Told::Delivered { key, .. } = self.told().await {
                let crate::model::delivery::Subject::Other(title) = key.subject else { panic!() };
                titles.push(title);
            }
        }
        titles
    }

    pub async fn end(self) -> Result<(), QueueError> {
        self.stop.send_replace(true);
        timeout(Duration::from_secs(10), self.worker).await.unwrap().unwrap()
    }
}

/// Waits until it is so, with a bound.
pub async fn until(is_so: impl Fn() -> bool) {
    let turns = async {
        while !is_so() {
            tokio::task::yield_now().await;
        }
    };
    timeout(Duration::from_secs(30), turns).await.unwrap();
}

fn cards(heard: &[Heard]) -> Vec<&str> {
    heard.iter().flat_map(|one| &one.cards).map(String::as_str).collect()
}

#[tokio::test]
async fn a_quiet_channel_is_told_at_once_and_the_attempt_is_kept() {
    let chat = Chat::new(|_, _| Reply::ok()).await;
    let queue = Queue::default();
    let mut life = Life::new("desk", &chat, Some(Pace::default()), &queue);
    for title in ["a", "b", "c"] {
        let began = Instant::now();
        life.add(title);
        assert_eq!(life.delivered(1).await, [title]);
        assert!(began.elapsed() < Duration::from_millis(900), "a second's pace was waited for");
    }
    let row = queue.row("a");
    assert_eq!((row.state, row.tries.len()), (State::Delivered, 1));
    assert_eq!((row.tries[0].status, row.tries[0].answer.as_str()), (Some(200), "ok"));
    life.end().await.unwrap();
}

#[tokio::test]
async fn sixty_calls_in_a_second_are_all_seen_within_fifteen_and_no_429_is_earned() {
    // The chat's own bucket: 1 a second, a burst of 4, no mercy.
    let bucket = Mutex::new((4.0_f64, Instant::now()));
    let chat = Chat::new(move |_, heard| {
        let mut bucket = bucket.lock().unwrap();
        let level = (bucket.0 + heard.at.saturating_duration_since(bucket.1).as_secs_f64()).min(4.0);
        *bucket = (if level >= 1.0 { level - 1.0 } else { level }, heard.at);
        if level >= 1.0 { Reply::ok() } else { Reply::with(429, "rate_limited") }
    })
    .await;
    let queue = Queue::default();
    let mut life = Life::new("desk", &chat, Some(Pace::default()), &queue);
    let began = Instant::now();
    let mut beat = tokio::time::interval(Duration::from_millis(16));
    for n in 0..60 {
        beat.tick().await;
        life.add(&n.to_string());
    }
    life.delivered(60).await;
    let took = began.elapsed();
    let heard = chat.heard(1).await;
    println!("60 cards in {} messages, the last after {took:?}", heard.len());
    assert!(took < Duration::from_secs(15) && heard.len() < 12);
    assert!(heard.iter().all(|one| one.status == 200), "{heard:?}");
    let mut seen = cards(&heard);
    seen.sort_unstable();
    seen.dedup();
    assert_eq!((seen.len(), cards(&heard).len()), (60, 60));
    life.end().await.unwrap();
}

#[tokio::test]
async fn a_429_holds_the_whole_sink_as_long_as_it_asks_and_then_one_message_says_it_all() {
    let first = |n, _: &Heard| {
        if n == 0 { Reply { retry_after: Some("1"), ..Reply::with(429, "rate_limited") } } else { Reply::ok() }
    };
    let chat = Chat::new(first).await;
    let queue = Queue::default();
    let mut life = Life::new("desk", &chat, None, &queue);
    life.add("a");
    chat.heard(1).await;
    life.add("b");
    life.delivered(2).await;
    let heard = chat.heard(2).await;
    assert_eq!(heard[1].cards, ["b", "a"], "newest first, merged");
    assert!(heard[1].at - heard[0].at >= Duration::from_secs(1));
    assert_eq!(queue.row("a").tries.len(), 2);
    life.end().await.unwrap();
}

#[tokio::test]
async fn a_sink_that_is_gone_is_disabled_told_once_and_goes_on_when_enabled() {
    let mended = Arc::new(AtomicBool::new(false));
    let flag = mended.clone();
    let script = move |_, _: &Heard| {
        if flag.load(Ordering::SeqCst) { Reply::ok() } else { Reply::with(404, "no_service") }
    };
    let chat = Chat::new(script).await;
    let queue = Queue::default();
    let mut life = Life::new("desk", &chat, None, &queue);
    life.add("a");
    assert!(matches!(life.told().await, Told::Disabled { why: "the webhook or its channel is gone", .. }));
    life.add("b");
    life.enable.notify_one();
    // The probe is the oldest, alone; it fails and is not told again.
    assert_eq!(chat.heard(2).await[1].cards, ["a"]);
    mended.store(true, Ordering::SeqCst);
    life.enable.notify_one();
    let told = [life.told().await, life.told().await, life.told().await];
    assert!(matches!(&told[0], Told::Delivered { attempt: 3, .. }), "{told:?}");
    assert!(matches!(&told[1], Told::Back { .. }), "{told:?}");
    assert!(matches!(&told[2], Told::Delivered { attempt: 1, .. }), "{told:?}");
    life.end().await.unwrap();
}

#[tokio::test]
async fn a_card_that_the_chat_cannot_read_costs_no_other_card_and_goes_out_plain() {
    let script = |_, heard: &Heard| {
        let poison = heard.cards.contains(&"poison".to_owned());
        if poison && !heard.plain { Reply::with(400, "invalid_blocks") } else { Reply::ok() }
    };
    let chat = Chat::new(script).await;
    let queue = Queue::default();
    for title in ["a", "poison", "b"] {
        queue.add(&SinkName::try_from("desk").unwrap(), title);
    }
    let mut life = Life::new("desk", &chat, None, &queue);
    let mut titles = life.delivered(3).await;
    titles.sort_unstable();
    assert_eq!(titles, ["a", "b", "poison"]);
    let heard = chat.heard(5).await;
    assert_eq!(heard.len(), 5, "merged, three alone, one plain: {heard:?}");
    assert!(heard.iter().skip(1).all(|one| one.cards.len() == 1));
    assert!(queue.row("poison").delivery.plain && !queue.row("a").delivery.plain);
    life.end().await.unwrap();
}

#[tokio::test]
async fn a_card_that_is_refused_plain_too_is_a_dead_letter_with_its_answer() {
    let chat = Chat::new(|_, _| Reply::with(400, "no_text")).await;
    let queue = Queue::default();
    let mut life = Life::new("desk", &chat, None, &queue);
    life.add("a");
    let Told::Dead { why, alert, .. } = life.told().await else { panic!() };
    assert!(!alert && why.contains("400"), "no notice of a notice: {why}");
    let row = queue.row("a");
    assert_eq!((row.state, row.tries.len(), row.tries[1].answer.as_str()), (State::Dead(why), 2, "no_text"));
    life.end().await.unwrap();
}

#[tokio::test]
async fn a_card_at_which_the_chat_fails_does_not_hold_up_the_others() {
    let script = |_, heard: &Heard| {
        if heard.cards.contains(&"poison".to_owned()) { Reply::with(500, "rollup_error") } else { Reply::ok() }
    };
    let chat = Chat::new(script).await;
    let queue = Queue::default();
    for title in ["a", "poison", "b"] {
        queue.add(&SinkName::try_from("desk").unwrap(), title);
    }
    let mut life = Life::new("desk", &chat, None, &queue);
    let mut titles = life.delivered(2).await;
    titles.sort_unstable();
    assert_eq!(titles, ["a", "b"]);
    assert!(matches!(queue.row("poison").state, State::Waits(_) | State::Leased));
    life.end().await.unwrap();
}

#[tokio::test]
async fn a_sink_that_hangs_does_not_hold_up_another() {
    let (_held, hold) = watch::channel(false);
    let hangs = Chat::new(move |_, _| Reply { hold: Some(hold.clone()), ..Reply::ok() }).await;
    let well = Chat::new(|_, _| Reply::ok()).await;
    let queue = Queue::default();
    let hung = Life::new("hung", &hangs, None, &queue);
    let mut desk = Life::new("desk", &well, None, &queue);
    hung.add("never");
    hangs.heard(1).await;
    let began = Instant::now();
    desk.add("a");
    assert_eq!(desk.delivered(1).await, ["a"]);
    assert!(began.elapsed() < Duration::from_secs(5));
    desk.end().await.unwrap();
    hung.worker.abort();
}

#[tokio::test]
async fn a_stop_finishes_the_post_in_flight_and_leaves_the_rest() {
    let (answer, hold) = watch::channel(false);
    let chat = Chat::new(move |_, _| Reply { hold: Some(hold.clone()), ..Reply::ok() }).await;
    let queue = Queue::default();
    let life = Life::new("desk", &chat, None, &queue);
    life.add("in flight");
    chat.heard(1).await;
    life.add("left");
    life.stop.send_replace(true);
    answer.send_replace(true);
    life.end().await.unwrap();
    assert_eq!(queue.row("in flight").state, State::Delivered);
    assert_eq!(queue.row("left").state, State::Waits(Timestamp::UNIX_EPOCH));
    assert_eq!(chat.heard(1).await.len(), 1);
}

#[tokio::test]
async fn an_outbox_that_refuses_for_a_while_loses_and_doubles_nothing() {
    let queue = Queue::default();
    let full = queue.clone();
    let script = move |_, _: &Heard| {
        full.refuse(3);
        Reply::ok()
    };
    let chat = Chat::new(script).await;
    queue.refuse(2);
    let mut life = Life::new("desk", &chat, None, &queue);
    life.add("a");
    life.delivered(1).await;
    assert_eq!(queue.row("a").state, State::Delivered);
    life.add("b");
    life.delivered(1).await;
    assert_eq!(cards(&chat.heard(2).await), ["a", "b"]);
    queue.end();
    life.enable.notify_one();
    let ended = timeout(Duration::from_secs(10), life.worker).await.unwrap().unwrap();
    assert!(matches!(ended, Err(QueueError::Stopped)));
}

#[tokio::test]
async fn what_comes_between_looking_and_resting_is_not_overlooked() {
    let chat = Chat::new(|_, _| Reply::ok()).await;
    let queue = Queue::default();
    queue.add_late(&SinkName::try_from("desk").unwrap(), "late");
    let mut life = Life::new("desk", &chat, None, &queue);
    assert_eq!(life.delivered(1).await, ["late"]);
    life.end().await.unwrap();
}

#[tokio::test]
async fn a_drawing_that_claims_to_say_nothing_or_too_much_stops_nobody() {
    for claim in [0, 99] {
        let chat = Chat::new(|_, _| Reply::ok()).await;
        let queue = Queue::default();
        for title in ["a", "b", "c"] {
            queue.add(&SinkName::try_from("desk").unwrap(), title);
        }
        let claims =
            move |kind: SinkKind, cards: &[&Card], now, plain| Drawn { used: claim, ..draw(kind, cards, now, plain) };
        let mut life = Life::drawing("desk", &chat, None, &queue, claims);
        let mut titles = life.delivered(3).await;
        titles.sort_unstable();
        assert_eq!(titles, ["a", "b", "c"]);
        life.end().await.unwrap();
    }
}

#[tokio::test]
async fn no_journal_line_and_no_attempt_says_the_url() {
    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);
    impl std::io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::DEBUG)
        .with_writer(move || writer.clone())
        .with_ansi(false)
        .finish();
    // While a process has one subscriber only, a line first reached by a test that has none is switched off for all.
    let _second = tracing::Dispatch::new(tracing::subscriber::NoSubscriber::new());
    let _guard = tracing::subscriber::set_default(subscriber);
    let chat = Chat::new(|n, _| match n {
        0 => Reply::with(500, "Cannot POST /services/T0/B0/secretsecretsecret"),
        1 => Reply::with(400, "no_text at https://x/services/T0/B0/secretsecretsecret"),
        2 => Reply::ok(),
        _ => Reply::with(403, "secretsecretsecret"),
    })
    .await;
    let queue = Queue::default();
    let mut life = Life::new("desk", &chat, None, &queue);
    life.add("a");
    life.delivered(1).await;
    life.add("b");
    assert!(matches!(life.told().await, Told::Disabled { .. }));
    life.end().await.unwrap();
    let journal = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    for line in ["card delivered", "sink takes nothing for now", "sink takes cards again", "sink disabled", "took_ms="]
    {
        assert!(journal.contains(line), "{line}: {journal}");
    }
    assert!(!journal.contains("secretsecret"), "{journal}");
    let tries = [queue.row("a").tries, queue.row("b").tries].concat();
    assert!(tries.len() == 4 && !tries.iter().any(|one| one.answer.contains("secretsecret")), "{tries:?}");
}

#[test]
fn a_worker_can_be_spawned_with_any_drawing() {
    fn spawnable<T: Send + 'static>(_: impl FnOnce() -> T) {}
    spawnable(|| {
        let (told, _) = mpsc::channel(1);
        let (_, stop) = watch::channel(false);
        let sink = Sink::new(SinkName::try_from("desk").unwrap(), SinkKind::Teams, Secret::new(""));
        let mine = String::new();
        let draw = move |_, _: &[&Card], _, _| Drawn { body: mine.clone(), used: 1 };
        run(sink, Queue::default(), client(), draw, told, stop)
    });
}

#[tokio::test]
async fn a_worker_whose_daemon_is_gone_ends_as_one_that_is_told_to() {
    let chat = Chat::new(|_, _| Reply::ok()).await;
    let mut life = Life::new("desk", &chat, None, &Queue::default());
    life.add("a");
    assert_eq!(life.delivered(1).await, ["a"]);
    drop(life.stop);
    timeout(Duration::from_secs(10), life.worker).await.unwrap().unwrap().unwrap();
}
