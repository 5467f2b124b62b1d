//! Outbox alone: the cost of a card with both durabilities, and of a start with very many waiting cards.

use super::{
    parties::{Home, World},
    process::Memory,
    table::{mib, written},
};
use poprelay::{
    model::{
        call::{Bound, Call, Caller, Moment, MomentKind, Telling},
        card::{CallCard, Card, Findings},
        delivery::{Admission, Attempt, Key, Outbox as _, Rule, Settle, Settlement, Subject},
        ids::{AccountKey, ConnectionName, ConversationSpaceId, SinkName},
        phone::{Number, Region},
        time::Timestamp,
    },
    outbox::{self, Durability, Queue, Retention, OutboxSettings},
};
use std::{
    path::Path,
    time::{Duration, Instant},
};

/// Concurrent cards, in the run that measures shared syncs.
const PARALLEL_CARDS: u32 = 64;
/// Cards per enqueue call when the store is filled.
const FILL_BATCH: u32 = 500;

fn open(dir: &Path, durability: Durability) -> Queue {
    std::fs::create_dir_all(dir).unwrap();
    let settings = OutboxSettings { dir: dir.to_owned(), durability, retention: Retention::default() };
    outbox::open(settings, Timestamp::now()).unwrap().0
}

fn new_delivery(call: &str, sink: &SinkName) -> Admission {
    let id = ConversationSpaceId::try_from(call).unwrap();
    let number = Number::read(Some("+15145550199"), Region::US);
    let call = Call {
        id: id.clone(),
        connection: ConnectionName::try_from("main").unwrap(),
        region: Region::US,
        account: AccountKey::try_from("2930718022414574861").unwrap(),
        bound: Bound::Inbound,
        caller: Caller { name: Some("ALICE MARTIN".to_owned()), number },
        ours: None,
        queues: vec![],
        people: vec![],
        transfers: Vec::new(),
        answered: None,
        queued: None,
        started: Timestamp::now(),
        late: false,
        lost: false,
        revised: None,
    };
    let telling = Telling { call, moment: Moment::Ringing, at: Timestamp::now() };
    let card = Card::Call(Box::new(CallCard::new(telling, Findings::default())));
    Admission {
        key: Key { subject: Subject::Call(id), moment: MomentKind::Ringing, sink: sink.clone() },
        card,
        rule: Rule::Tell,
    }
}

/// Passes a card through the outbox. Returns the times of enqueue and settle.
async fn one_card(queue: &Queue, call: &str, sink: &SinkName) -> (Duration, Duration) {
    let start = Instant::now();
    queue.admit(None, vec![new_delivery(call, sink)]).await.unwrap();
    let enqueued = start.elapsed();
    let waiting = queue.waiting(sink, Timestamp::now(), 1).await.unwrap();
    let held = queue.lease(vec![waiting[0].id]).await.unwrap();
    let start = Instant::now();
    let (at, took) = (Timestamp::now(), Duration::from_millis(90));
    let attempt = Attempt { at, took, status: Some(200), answer: "ok".to_owned() };
    let settle = Settle { id: held[0].id, settlement: Settlement::Delivered, attempt: Some(attempt) };
    queue.settle(vec![settle]).await.unwrap();
    (enqueued, start.elapsed())
}

/// Prints the cost of enqueue and settle with both durabilities, one by one and concurrent.
pub async fn costs(cards: u32) {
    println!();
    println!("{:<24}{:>14}{:>14}{:>14}{:>14}{:>18}", "outbox", "enqueue p50", "p99", "settle p50", "p99", "64 parallel");
    for (name, durability) in [("power-loss", Durability::PowerLoss), ("crash", Durability::Crash)] {
        let dir = Home::new();
        let queue = open(&dir.state(), durability);
        let desk = SinkName::try_from("desk").unwrap();
        let (mut enqueues, mut settles) = (Vec::new(), Vec::new());
        for nth in 0..cards {
            let (enqueued, settle) = one_card(&queue, &format!("one-{nth}"), &desk).await;
            enqueues.push(enqueued);
            settles.push(settle);
        }
        enqueues.sort_unstable();
        settles.sort_unstable();
        let at = |times: &[Duration], part: usize| written(times[(times.len() * part / 100).min(times.len() - 1)]);
        let rate = parallel_rate(&queue, cards * 4 / PARALLEL_CARDS).await;
        println!(
            "{name:<24}{:>14}{:>14}{:>14}{:>14}{:>10.0} cards/s",
            at(&enqueues, 50),
            at(&enqueues, 99),
            at(&settles, 50),
            at(&settles, 99),
            rate
        );
        queue.close().await;
    }
}

async fn parallel_rate(queue: &Queue, each: u32) -> f64 {
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

/// Prints the memory of a daemon and its time to subscribe when `count` cards wait for an unreachable chat.
pub async fn many_waiting(count: u32) {
    let dir = Home::new();
    let queue = open(&dir.state(), Durability::Crash);
    let desk = SinkName::try_from("desk").unwrap();
    for first in (0..count).step_by(usize::try_from(FILL_BATCH).unwrap()) {
        let cards = (first..first + FILL_BATCH).map(|nth| new_delivery(&format!("waiting-{nth}"), &desk)).collect();
        queue.admit(None, cards).await.unwrap();
    }
    queue.close().await;
    let sim = World::start().await;
    // The discard port has no listener.
    dir.configure(&sim.config(2, "power-loss", true, "http://127.0.0.1:9/slack/desk"));
    let relay = dir.run();
    let subscribed = sim.subscribed(1, &relay).await;
    sim.subscribed(2, &relay).await;
    tokio::time::sleep(Duration::from_secs(4)).await;
    let memory = Memory::of(relay.pid());
    println!();
    println!(
        "start with {count} cards waiting for an unreachable chat: subscribed in {}, resident {} ({} anonymous)",
        written(subscribed),
        mib(memory.resident),
        mib(memory.anonymous)
    );
}
