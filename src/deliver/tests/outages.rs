//! Random outages of a chat over real sockets: hang-ups, hangs, gateways and login pages of 0.2 to 60 s. The clock is virtual
//! and the sockets are real. A task that never sleeps advances the clock, so that tokio does not skip a wait for a socket.

use super::{
    queue::{DeliveryState, MemoryOutbox, delivery},
    sockets::client,
};
use crate::{
    deliver::{Sink, SinkEvent, SlackApp, run},
    model::{
        card::Card,
        delivery::{Delivery, PostMode, RenderedMessage, SinkKind},
        ids::SinkName,
        secret::Secret,
        time::Timestamp,
    },
};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::mpsc,
    time::{Instant, sleep, sleep_until},
};
use tokio_util::sync::CancellationToken;

/// Step of the virtual clock.
const STEP: Duration = Duration::from_millis(100);
/// Scheduler turns in one step: enough for a request and its response.
const TURNS_PER_STEP: usize = 30;

/// Behavior of the chat in one span of time.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Behavior {
    Works,
    /// Closes the connection without reading the request.
    Resets,
    /// Reads the request and closes the connection.
    Closes,
    /// Shows the message and closes the connection.
    ShowsAndCloses,
    /// Reads the request and keeps the connection open until the span is over.
    Hangs,
    /// Shows the message and keeps the connection open until the span is over.
    ShowsAndHangs,
    Gateway,
    LoginPage,
}

use Behavior::{Closes, Gateway, Hangs, LoginPage, Resets, ShowsAndCloses, ShowsAndHangs, Works};

/// Spans of behavior, each with its end.
type Schedule = Vec<(Instant, Behavior)>;

fn random_schedule(rng: &mut fastrand::Rng, start: Instant, lasts: Duration) -> Schedule {
    let mut at = start;
    let mut spans = Vec::new();
    while at < start + lasts {
        at += Duration::from_secs_f64(60.0 * rng.f64());
        spans.push((at, Works));
        // Short and long outages equally often: 0.2 to 60 s on a logarithmic scale.
        at += Duration::from_secs_f64(0.2 * 300_f64.powf(rng.f64()));
        let ways = [Resets, Closes, ShowsAndCloses, Hangs, ShowsAndHangs, Gateway, LoginPage];
        spans.push((at, ways[rng.usize(0..ways.len())]));
    }
    spans
}

/// Messages that the chat shows: the time of each copy, by card.
type Shown = Arc<Mutex<BTreeMap<String, Vec<Instant>>>>;

struct UnreliableChat {
    spans: Schedule,
    success: &'static str,
    shown: Shown,
}

impl UnreliableChat {
    /// Returns the behavior now, and the end of its span.
    fn behavior(&self) -> (Instant, Behavior) {
        let now = Instant::now();
        self.spans.iter().find(|(end, _)| *end > now).copied().unwrap_or((now, Works))
    }

    async fn serve(self: Arc<Self>, mut socket: TcpStream) {
        while self.behavior().1 != Resets {
            let Some(request) = read_request(&mut socket).await else { return };
            let (end, behavior) = self.behavior();
            if matches!(behavior, Works | ShowsAndCloses | ShowsAndHangs) {
                let body: serde_json::Value = serde_json::from_str(&request).unwrap();
                for card in body["cards"].as_array().unwrap() {
                    let title = card.as_str().unwrap().to_owned();
                    self.shown.lock().unwrap().entry(title).or_default().push(Instant::now());
                }
            }
            let (status, body) = match behavior {
                Works => (200, self.success),
                Gateway => (502, "<html>Bad Gateway</html>"),
                LoginPage => (200, "<html>Log in to the network</html>"),
                Hangs | ShowsAndHangs => return sleep_until(end).await,
                Resets | Closes | ShowsAndCloses => return,
            };
            let response = format!("HTTP/1.1 {status} x\r\nContent-Length: {}\r\n\r\n{body}", body.len());
            if socket.write_all(response.as_bytes()).await.is_err() {
                return;
            }
        }
    }
}

/// Reads one request and returns its body; `None` if the connection ends.
async fn read_request(socket: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    loop {
        let mut buffer = [0; 4096];
        let read = socket.read(&mut buffer).await.ok().filter(|read| *read > 0)?;
        bytes.extend_from_slice(&buffer[..read]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length =
            head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
        if body.len() >= length.unwrap_or(0) {
            return Some(body.to_owned());
        }
    }
}

fn draw(_: SinkKind, cards: &[&Card], _: Timestamp, _: bool) -> RenderedMessage {
    let title = |card: &&Card| match card {
        Card::Alert(alert) => alert.title.clone(),
        other => panic!("{other:?}"),
    };
    let titles: Vec<String> = cards.iter().take(20).map(title).collect();
    RenderedMessage {
        cards_included: titles.len(),
        body: serde_json::json!({ "cards": titles }).to_string(),
        ..RenderedMessage::default()
    }
}

/// Sends `count` cards through outages and checks that each is shown.
async fn send_through_outages(kind: SinkKind, seed: u64, count: u32) {
    fastrand::seed(seed);
    let mut rng = fastrand::Rng::with_seed(seed);
    tokio::time::pause();
    tokio::spawn(async {
        loop {
            for _ in 0..TURNS_PER_STEP {
                tokio::task::yield_now().await;
            }
            tokio::time::advance(STEP).await;
        }
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = Secret::new(format!("http://{}", listener.local_addr().unwrap()));
    let success = if kind == SinkKind::SlackApp { r#"{"ok":true,"channel":"C1","ts":"1.1"}"# } else { "ok" };
    let start = Instant::now();
    let spans = random_schedule(&mut rng, start, Duration::from_secs_f64(f64::from(count) * 2.0));
    let chat = Arc::new(UnreliableChat { spans, success, shown: Shown::default() });
    let server = Arc::clone(&chat);
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            tokio::spawn(Arc::clone(&server).serve(socket));
        }
    });
    let app = (kind == SinkKind::SlackApp).then(|| SlackApp {
        token: Secret::new("xoxb-1"),
        channel: "C1".to_owned(),
        app_token: None,
    });
    let sink = Sink { app, ..Sink::new(SinkName::try_from("desk").unwrap(), kind, url) };
    let (queue, (sender, mut events)) = (MemoryOutbox::default(), mpsc::channel(10));
    tokio::spawn(run(sink, queue.clone(), client(), draw, sender, CancellationToken::new()));
    let dead = Arc::new(Mutex::new(Vec::new()));
    let dead_letters = Arc::clone(&dead);
    tokio::spawn(async move {
        while let Some(event) = events.recv().await {
            if let SinkEvent::DeadLetter { .. } = event {
                dead_letters.lock().unwrap().push(event);
            }
        }
    });
    for number in 0..count {
        sleep(Duration::from_secs_f64(4.0 * rng.f64())).await;
        let mode =
            if kind == SinkKind::SlackApp { PostMode::Live { message: None, reposted: false } } else { PostMode::Post };
        queue.put(Delivery { mode, ..delivery(i64::from(number) + 1, &number.to_string()) });
    }
    let title = |number: u32| number.to_string();
    let is_delivered = |number: &u32| queue.row(&title(*number)).state == DeliveryState::Delivered;
    let deadline = Instant::now() + Duration::from_secs(3600);
    while !(0..count).all(|number| is_delivered(&number)) && Instant::now() < deadline {
        sleep(Duration::from_secs(5)).await;
    }
    let shown = chat.shown.lock().unwrap().clone();
    let lost: Vec<u32> = (0..count).filter(|number| !shown.contains_key(&title(*number))).collect();
    assert!(lost.is_empty(), "lost of {count}, seed {seed}: {lost:?}");
    assert!(dead.lock().unwrap().is_empty(), "seed {seed}: {:?}", dead.lock().unwrap());
    assert!((0..count).all(|number| is_delivered(&number)), "seed {seed}: cards still wait after an hour");
    let copies: usize = shown.values().map(|times| times.len() - 1).sum();
    for (card, times) in &shown {
        let in_first_minute = times.iter().filter(|at| **at < times[0] + Duration::from_secs(60)).count();
        assert!(in_first_minute <= 3, "card {card} has {in_first_minute} copies in a minute, seed {seed}");
    }
    println!("{count} cards over {:?}, seed {seed}: {copies} copies, none lost", start.elapsed());
}

#[tokio::test]
async fn worker_through_random_outages_loses_none_of_1000_cards() {
    send_through_outages(SinkKind::Slack, 11, 1000).await;
}

#[tokio::test]
async fn worker_with_slack_app_through_outages_loses_no_ring() {
    send_through_outages(SinkKind::SlackApp, 12, 200).await;
}
