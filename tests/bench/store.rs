//! Outbox alone: the times of a card with both durabilities, and in a shared database.

use super::{processes::DaemonDir, table::format_duration};
use poprelay::{
    model::{
        call::{Call, CallStatus, CallUpdate, Caller, StatusKind},
        card::{CallCard, CallerInfo, Card},
        delivery::{Attempt, DeliveryKey, EnqueueMode, NewDelivery, Outbox as _, SettleRequest, Settlement, Subject},
        ids::{AccountKey, ConnectionName, ConversationSpaceId, SinkName},
        phone::{PhoneNumber, Region},
        time::Timestamp,
    },
    outbox::{self, DatabaseOutbox, Durability, OutboxSettings, Retention, SharedDatabase},
};
use std::{
    path::Path,
    time::{Duration, Instant},
};

/// Concurrent cards, in the run that measures shared syncs.
const PARALLEL_CARDS: u32 = 64;
/// Cards per enqueue call when the store is filled.
const FILL_BATCH: u32 = 500;

pub fn open(dir: &Path, durability: Durability) -> DatabaseOutbox {
    std::fs::create_dir_all(dir).unwrap();
    outbox::open(settings(dir, durability), Timestamp::now()).unwrap().0
}

fn settings(dir: &Path, durability: Durability) -> OutboxSettings {
    let (retention, commit_duration) = (Retention::default(), Default::default());
    OutboxSettings { dir: dir.to_owned(), durability, retention, commit_duration }
}

fn new_delivery(call: &str, sink: &SinkName) -> NewDelivery {
    let id = ConversationSpaceId::try_from(call).unwrap();
    let number = PhoneNumber::parse(Some("+15145550199"), Region::US);
    let call = Call::new(
        id.clone(),
        ConnectionName::try_from("main").unwrap(),
        AccountKey::try_from("2930718022414574861").unwrap(),
        Region::US,
        Caller { name: Some("ALICE MARTIN".to_owned()), number },
        Timestamp::now(),
    );
    let update = CallUpdate { call, status: CallStatus::Ringing, at: Timestamp::now() };
    let card = Card::Call(Box::new(CallCard::new(update, CallerInfo::default())));
    NewDelivery {
        key: DeliveryKey { subject: Subject::Call(id), status: StatusKind::Ringing, sink: sink.clone() },
        card,
        mode: EnqueueMode::Insert,
    }
}

/// Passes a card through the outbox, to a worker that waits for it. Returns the times to the hand-over and to the reply.
async fn one_card(queue: &DatabaseOutbox, call: &str, sink: &SinkName) -> (Duration, Duration) {
    let start = Instant::now();
    let receive = async {
        loop {
            // A wake-up of a claim or of the server is no delivery.
            if let Some(held) = queue.receive(sink).await {
                return (held, start.elapsed());
            }
            let due: Vec<_> = queue.due(sink, Timestamp::now(), 1).await.unwrap().iter().map(|held| held.id).collect();
            if let Some(held) = queue.lease(due).await.unwrap().pop() {
                return (held, start.elapsed());
            }
        }
    };
    let enqueue = async {
        queue.enqueue(None, vec![new_delivery(call, sink)]).await.unwrap();
        start.elapsed()
    };
    let ((held, received), enqueued) = tokio::join!(receive, enqueue);
    let (at, took) = (Timestamp::now(), Duration::from_millis(90));
    let attempt = Attempt { at, took, status: Some(200), response: "ok".to_owned() };
    queue
        .settle(vec![SettleRequest { id: held.id, settlement: Settlement::Delivered, attempt: Some(attempt) }])
        .await
        .unwrap();
    (received, enqueued)
}

/// Prints the times of a card with both durabilities, one by one and concurrent.
pub async fn costs(cards: u32) {
    print_heading();
    for (name, durability) in [("power-loss", Durability::PowerLoss), ("crash", Durability::Crash)] {
        let dir = DaemonDir::new();
        print_costs(name, open(&dir.state(), durability), cards).await;
    }
}

/// Prints the times of a card in the file and in a shared database, whose server runs on this machine.
pub async fn compare(cards: u32, database: SharedDatabase) {
    print_heading();
    let (file, spool) = (DaemonDir::new(), DaemonDir::new());
    print_costs("file, power-loss", open(&file.state(), Durability::PowerLoss), cards).await;
    std::fs::create_dir_all(spool.state()).unwrap();
    let settings = settings(&spool.state(), Durability::PowerLoss);
    let queue = outbox::open_shared(settings, database, Timestamp::now()).unwrap().0;
    let mut health = queue.health();
    health.wait_for(|health| *health == outbox::Health::Durable).await.unwrap();
    let sinks = (0..PARALLEL_CARDS).map(parallel_sink).chain([desk()]).collect();
    queue.claim(sinks, Duration::from_secs(3600)).await.unwrap();
    print_costs("PostgreSQL", queue, cards).await;
}

fn print_heading() {
    println!();
    println!(
        "{:<24}{:>14}{:>14}{:>14}{:>14}{:>18}",
        "outbox", "hand-over p50", "p99", "stored p50", "p99", "64 parallel"
    );
}

async fn print_costs(name: &str, queue: DatabaseOutbox, cards: u32) {
    let (mut received, mut stored) = (Vec::new(), Vec::new());
    for nth in 0..cards {
        let (handed_over, enqueued) = one_card(&queue, &format!("one-{nth}"), &desk()).await;
        received.push(handed_over);
        stored.push(enqueued);
    }
    received.sort_unstable();
    stored.sort_unstable();
    let at = |times: &[Duration], part: usize| format_duration(times[(times.len() * part / 100).min(times.len() - 1)]);
    let rate = parallel_rate(&queue, cards * 4 / PARALLEL_CARDS).await;
    println!(
        "{name:<24}{:>14}{:>14}{:>14}{:>14}{:>10.0} cards/s",
        at(&received, 50),
        at(&received, 99),
        at(&stored, 50),
        at(&stored, 99),
        rate
    );
    queue.close().await;
}

fn desk() -> SinkName {
    SinkName::try_from("desk").unwrap()
}

fn parallel_sink(lane: u32) -> SinkName {
    SinkName::try_from(format!("sink-{lane}").as_str()).unwrap()
}

async fn parallel_rate(queue: &DatabaseOutbox, each: u32) -> f64 {
    let start = Instant::now();
    let lanes: Vec<_> = (0..PARALLEL_CARDS)
        .map(|lane| {
            let queue = queue.clone();
            tokio::spawn(async move {
                let sink = parallel_sink(lane);
                for nth in 0..each {
                    one_card(&queue, &format!("many-{lane}-{nth}"), &sink).await;
                }
            })
        })
        .collect();
    for lane in lanes {
        lane.await.unwrap();
    }
    f64::from(PARALLEL_CARDS * each) / start.elapsed().as_secs_f64()
}

/// Fills the outbox of a directory with waiting cards for the sink `desk`.
pub async fn fill(dir: &DaemonDir, count: u32) {
    let queue = open(&dir.state(), Durability::Crash);
    let desk = desk();
    for first in (0..count).step_by(usize::try_from(FILL_BATCH).unwrap()) {
        let cards = (first..first + FILL_BATCH).map(|nth| new_delivery(&format!("waiting-{nth}"), &desk)).collect();
        queue.enqueue(None, cards).await.unwrap();
    }
    queue.close().await;
}
