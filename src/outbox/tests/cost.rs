//! What it costs: commits with both durabilities, a start with very many rows. Prints; asserts only loose bounds, because
//! these are debug builds on anyone's machine.

use super::*;
use crate::model::call::MomentKind::Ringing;
use rusqlite::Connection;
use std::time::Instant;

/// Puts rows into a fresh outbox: `waiting` of them wait, as many again were delivered.
async fn crowd(dir: &Path, waiting: u32) {
    opened(dir).0.close().await;
    let db = Connection::open(dir.join(FILE)).unwrap();
    let text = serde_json::to_string(&card("x", Ringing, &"words ".repeat(100))).unwrap();
    db.execute_batch("PRAGMA synchronous = OFF; BEGIN").unwrap();
    for (state, settled) in [("delivered", Some(Timestamp::now().as_microsecond())), ("waiting", None)] {
        db.execute(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
             INSERT INTO deliveries (subject, sink, moment, state, admitted, settled, card)
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
    crowd(dir.path(), rows / 2).await;
    let (before, start) = (resident(), Instant::now());
    let (queue, found) = opened(dir.path());
    let started = start.elapsed();
    let timed = async |what: &str| {
        let start = Instant::now();
        let waiting = queue.waiting(&sink("desk"), Timestamp::now(), 60).await.unwrap();
        assert_eq!(waiting.len(), 60);
        queue.next_due(&sink("desk")).await.unwrap().unwrap();
        println!("  waiting + next_due, {what}: {:?}", start.elapsed());
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
async fn a_hundred_thousand_rows_do_not_slow_a_start() {
    start_with(100_000).await;
}

#[tokio::test]
#[ignore = "some 2 GB of disk: `cargo test --lib million_rows -- --ignored --nocapture`"]
async fn a_million_rows_do_not_slow_a_start() {
    start_with(1_000_000).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "prints the cost of commits: `cargo test --lib cost_of -- --ignored --nocapture`"]
async fn cost_of_admit_and_settle_with_both_durabilities() {
    for durability in [Durability::PowerLoss, Durability::Crash] {
        let dir = TempDir::new().unwrap();
        let (queue, _) = open(Settings { durability, ..settings(dir.path()) }, Timestamp::now()).unwrap();
        let mut each = Vec::new();
        for n in 0..1000 {
            let start = Instant::now();
            one_card(&queue, format!("s{n}"), "desk").await;
            each.push(start.elapsed());
        }
        each.sort();
        println!("{durability:?}: admit + lease + settle, one at a time: p50 {:?}, p99 {:?}", each[500], each[990]);
        let start = Instant::now();
        let many: Vec<_> = (0..64)
            .map(|lane| {
                let queue = queue.clone();
                tokio::spawn(async move {
                    let to = format!("sink-{lane}");
                    for n in 0..100 {
                        one_card(&queue, format!("m{lane}-{n}"), &to).await;
                    }
                })
            })
            .collect();
        for lane in many {
            lane.await.unwrap();
        }
        println!("{durability:?}: 64 at once: {:.0} cards/s", 6400.0 / start.elapsed().as_secs_f64());
    }
}

async fn one_card(queue: &Queue, call: String, to: &str) {
    queue.admit(None, vec![tell(&call, Ringing, to)]).await.unwrap();
    let held = lease_one(queue, to).await;
    queue.settle(vec![settle(held.id, Settlement::Delivered)]).await.unwrap();
}
