//! Cost of commits with both durabilities, and of a start with many rows. Prints the times and asserts loose bounds only:
//! these are debug builds on any machine.

use super::*;
use crate::model::call::StatusKind::Ringing;
use rusqlite::Connection;
use std::time::Instant;

/// Fills a new outbox with `waiting` waiting and as many delivered rows.
async fn insert_rows(dir: &Path, waiting: u32) {
    open_outbox(dir).0.close().await;
    let db = Connection::open(dir.join(FILE_NAME)).unwrap();
    let text = serde_json::to_string(&card("x", Ringing, &"label ".repeat(100))).unwrap();
    db.execute_batch("PRAGMA synchronous = OFF; BEGIN").unwrap();
    for (state, settled) in [("delivered", Some(Timestamp::now().as_microsecond())), ("waiting", None)] {
        db.execute(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
             INSERT INTO deliveries (subject, sink, status, state, enqueued_at, settled, card)
             SELECT 'call:' || ?2 || i, 'desk', 'ringing', ?2, 1, ?3, ?4 FROM n",
            rusqlite::params![waiting, state, settled, text],
        )
        .unwrap();
    }
    db.execute_batch("COMMIT").unwrap();
}

fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or("0 kB");
    line.trim().trim_end_matches(" kB").parse().unwrap_or(0)
}

async fn start_with(rows: u32) {
    let dir = TempDir::new().unwrap();
    insert_rows(dir.path(), rows / 2).await;
    let (before, start) = (resident(), Instant::now());
    let (queue, found) = open_outbox(dir.path());
    let started = start.elapsed();
    let timed = async |what: &str| {
        let start = Instant::now();
        let waiting = queue.due(&sink("desk"), Timestamp::now(), 60).await.unwrap();
        assert_eq!(waiting.len(), 60);
        queue.next_due(&sink("desk")).await.unwrap().unwrap();
        println!("  due + next_due, {what}: {:?}", start.elapsed());
        start.elapsed()
    };
    println!("{rows} rows, {} of them waiting: open {started:?}", found.waiting);
    timed("first").await;
    let again = timed("again").await;
    println!("  resident {} kB more than before", resident().saturating_sub(before));
    assert!(started < Duration::from_secs(3) && again < Duration::from_millis(200), "{started:?} {again:?}");
    assert_eq!(found.waiting, u64::from(rows / 2));
}

#[tokio::test]
async fn open_with_100_000_rows_stays_fast() {
    start_with(100_000).await;
}

#[tokio::test]
#[ignore = "some 2 GB of disk: `cargo test --lib million_rows -- --ignored --nocapture`"]
async fn open_with_million_rows_stays_fast() {
    start_with(1_000_000).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "prints the cost of commits: `cargo test --lib cost_of -- --ignored --nocapture`"]
async fn cost_of_enqueue_and_settle_by_durability() {
    for durability in [Durability::PowerLoss, Durability::Crash] {
        let dir = TempDir::new().unwrap();
        let (queue, _) = open(OutboxSettings { durability, ..settings(dir.path()) }, Timestamp::now()).unwrap();
        let mut each = Vec::new();
        for n in 0..1000 {
            let start = Instant::now();
            one_card(&queue, format!("s{n}"), "desk").await;
            each.push(start.elapsed());
        }
        each.sort();
        println!("{durability:?}: enqueue + lease + settle, one at a time: p50 {:?}, p99 {:?}", each[500], each[990]);
        let start = Instant::now();
        let many: Vec<_> = (0..64)
            .map(|task| {
                let queue = queue.clone();
                tokio::spawn(async move {
                    let to = format!("sink-{task}");
                    for n in 0..100 {
                        one_card(&queue, format!("m{task}-{n}"), &to).await;
                    }
                })
            })
            .collect();
        for task in many {
            task.await.unwrap();
        }
        println!("{durability:?}: 64 concurrent: {:.0} cards/s", 6400.0 / start.elapsed().as_secs_f64());
    }
}

async fn one_card(queue: &SqliteOutbox, call: String, to: &str) {
    queue.enqueue(None, vec![insert(&call, Ringing, to)]).await.unwrap();
    let held = lease_one(queue, to).await;
    queue.settle(vec![settle(held.id, Settlement::Delivered)]).await.unwrap();
}
