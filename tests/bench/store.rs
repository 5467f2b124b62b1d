//! Outbox alone: the times of a card with both durabilities.

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
    outbox::{self, DatabaseOutbox, Durability, OutboxSettings, Retention},
};
use std::{
    path::Path,
    time::{Duration, Instant},
};

/// Concurrent cards, in the run that measures shared syncs.
const PARALLEL_CARDS: u32 = 64;
/// Cards per enqueue call when the store is filled.
const FILL_BATCH: u32 = 500;

fn open(dir: &Path, durability: Durability) -> DatabaseOutbox {
    std::fs::create_dir_all(dir).unwrap();
    let settings = OutboxSettings {
        dir: dir.to_owned(),
        durability,
        retention: Retention::default(),
        commit_duration: Default::default(),
    };
    outbox::open(settings, Timestamp::now()).unwrap().0
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
    let receive = async { (queue.receive(sink).await.expect("no other delivery waits"), start.elapsed()) };
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
    println!();
    println!(
        "{:<24}{:>14}{:>14}{:>14}{:>14}{:>18}",
        "outbox", "hand-over p50", "p99", "stored p50", "p99", "64 parallel"
    );
    for (name, durability) in [("power-loss", Durability::PowerLoss), ("crash", Durability::Crash)] {
        let dir = DaemonDir::new();
        let queue = open(&dir.state(), durability);
        let desk = SinkName::try_from("desk").unwrap();
        let (mut received, mut stored) = (Vec::new(), Vec::new());
        for nth in 0..cards {
            let (handed_over, enqueued) = one_card(&queue, &format!("one-{nth}"), &desk).await;
            received.push(handed_over);
            stored.push(enqueued);
        }
        received.sort_unstable();
        stored.sort_unstable();
        let at =
            |times: &[Duration], part: usize| format_duration(times[(times.len() * part / 100).min(times.len() - 1)]);
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
}

async fn parallel_rate(queue: &DatabaseOutbox, each: u32) -> f64 {
    let start = Instant::now();
    let lanes: Vec<_> = (0..PARALLEL_CARDS)
        .map(|lane| {
            let queue = queue.clone();
            tokio::spawn(async move {
                let sink = SinkName::try_from(format!("sink-{lane}").as_str()).unwrap();
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
    let desk = SinkName::try_from("desk").unwrap();
    for first in (0..count).step_by(usize::try_from(FILL_BATCH).unwrap()) {
        let cards = (first..first + FILL_BATCH).map(|nth| new_delivery(&format!("waiting-{nth}"), &desk)).collect();
        queue.enqueue(None, cards).await.unwrap();
    }
    queue.close().await;
}
