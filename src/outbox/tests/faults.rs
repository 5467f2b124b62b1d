//! Damaged, foreign and old files, disk failures, and retention.

use super::{
    super::{
        DiskProblem, OpenError,
        copy::{CopyScope, copy_all},
        row,
        schema::{self, MIGRATIONS},
        store::{IS_HEAD, NEXT_IN_CALL, Store},
    },
    *,
};
use crate::model::{
    call::StatusKind::{Missed, Ringing},
    delivery::EnqueueResult,
    time::after,
};
use rusqlite::Connection;
use std::{
    fs,
    os::unix::fs::{FileExt as _, PermissionsExt as _},
    process::Command,
    sync::Arc,
    time::Instant,
};

const LONG: &str = "a long name that fills pages; ";

async fn fill(queue: &DatabaseOutbox, from: usize, count: usize) {
    let label = LONG.repeat(40);
    let cards = (from..from + count)
        .map(|n| new_delivery(&format!("call-{n}"), Ringing, "desk", EnqueueMode::Insert, &label))
        .collect();
    queue.enqueue(None, cards).await.unwrap();
}

async fn wait_for_health(queue: &DatabaseOutbox, wanted: fn(Health) -> bool) {
    let mut health = queue.health();
    tokio::time::timeout(Duration::from_secs(20), health.wait_for(|health| wanted(*health))).await.unwrap().unwrap();
}

const IN_MEMORY: fn(Health) -> bool = |health| matches!(health, Health::InMemory { .. });
const DURABLE: fn(Health) -> bool = |health| health == Health::Durable;

/// Overwrites the file from `start` (a fraction of its length) with invalid page content.
fn corrupt(dir: &Path, start: f64, bytes: usize) {
    let file = fs::OpenOptions::new().write(true).open(dir.join(FILE_NAME)).unwrap();
    let at = (file.metadata().unwrap().len() as f64 * start) as u64;
    file.write_all_at(&vec![0xA5; bytes], at).unwrap();
}

fn quarantined_files(dir: &Path) -> usize {
    let names = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.contains(".damaged-") && !name.ends_with("-wal") && !name.ends_with("-shm")).count()
}

#[tokio::test]
async fn file_with_broken_header_is_quarantined_and_outbox_works() {
    let dir = TempDir::new().unwrap();
    fs::write(dir.path().join(FILE_NAME), "this is no database, ".repeat(200)).unwrap();
    let (queue, found) = open_outbox(dir.path());
    let quarantined = found.quarantined.unwrap();
    assert!(fs::read_to_string(&quarantined.path).unwrap().starts_with("this is no database"));
    assert_eq!((quarantined.rescued, found.health), (0, Health::Durable));
    assert_eq!(queue.enqueue(None, vec![insert("a", Ringing, "desk")]).await.unwrap(), [EnqueueResult::Inserted]);
    assert_eq!(fs::metadata(dir.path().join(FILE_NAME)).unwrap().permissions().mode() & 0o777, 0o600);
}

#[tokio::test]
async fn readable_rows_of_a_damaged_file_are_rescued() {
    let dir = TempDir::new().unwrap();
    let (queue, _) = open_outbox(dir.path());
    queue.save_pending(call_update("early", Ringing, "early")).await.unwrap();
    fill(&queue, 0, 500).await;
    queue.close().await;
    corrupt(dir.path(), 0.5, 8192);
    let (queue, found) = open_outbox(dir.path());
    let quarantined = found.quarantined.clone().unwrap();
    assert!(quarantined.rescued > 100 && found.waiting + 1 == quarantined.rescued, "{found:?}");
    assert_eq!(due_now(&queue, "desk").await.len() as u64, found.waiting);
    assert_eq!(queue.pending().await.unwrap().len(), 1);
}

#[tokio::test]
async fn file_damaged_while_open_is_quarantined_and_rows_are_kept() {
    let dir = TempDir::new().unwrap();
    let (queue, _) = open_outbox(dir.path());
    fill(&queue, 0, 3000).await;
    queue.close().await;
    drop(queue);
    // Settled rows make the file too large for the page cache and for the check at start.
    grow(dir.path(), 20 << 20);
    let (queue, found) = open_outbox(dir.path());
    assert_eq!(found.quarantined, None);
    corrupt(dir.path(), 0.1, 1 << 20);
    // A query of all waiting rows reaches a broken page at the latest.
    assert!(!queue.due(&sink("desk"), Timestamp::now(), 10_000).await.unwrap().is_empty());
    fill(&queue, 10_000, 200).await;
    assert!(matches!(*queue.health().borrow(), Health::InMemory { reason: DiskProblem::Damaged, .. }));
    wait_for_health(&queue, DURABLE).await;
    assert_eq!(quarantined_files(dir.path()), 1);
    let waiting = queue.due(&sink("desk"), Timestamp::now(), 10_000).await.unwrap();
    assert!(waiting.len() > 200, "{}", waiting.len());
    let late = |delivery: &&Delivery| {
        row::subject_key(&delivery.key.subject).starts_with("call:call-10") && delivery.id.0 > 10_000
    };
    assert_eq!(waiting.iter().filter(late).count(), 200);
}

fn grow(dir: &Path, bytes: u64) {
    let db = Connection::open(dir.join(FILE_NAME)).unwrap();
    let rows = bytes / 2000;
    db.execute(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
         INSERT INTO deliveries (subject, sink, status, state, enqueued_at, settled, card)
         SELECT 'call:old-' || i, 'desk', 'ringing', 'delivered', 1, ?2, printf('%.2000c', 'x') FROM n",
        [i64::try_from(rows).unwrap(), Timestamp::now().as_microsecond()],
    )
    .unwrap();
}

#[test]
fn foreign_database_is_refused_and_unchanged() {
    let dir = TempDir::new().unwrap();
    let db = Connection::open(dir.path().join(FILE_NAME)).unwrap();
    db.execute_batch("CREATE TABLE theirs (x); INSERT INTO theirs VALUES (1)").unwrap();
    drop(db);
    let before = fs::read(dir.path().join(FILE_NAME)).unwrap();
    let refused = open(settings(dir.path()), Timestamp::now()).unwrap_err();
    assert!(matches!(refused, OpenError::Foreign { .. }), "{refused}");
    assert_eq!(fs::read(dir.path().join(FILE_NAME)).unwrap(), before);
}

#[tokio::test]
async fn newer_file_is_refused_with_a_hint() {
    let dir = TempDir::new().unwrap();
    open_outbox(dir.path()).0.close().await;
    Connection::open(dir.path().join(FILE_NAME)).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let refused = open(settings(dir.path()), Timestamp::now()).unwrap_err().to_string();
    assert!(refused.contains("version 99") && refused.contains("Run the newer poprelay again"), "{refused}");
}

#[test]
fn failed_migration_step_keeps_the_previous_version() {
    let db = Connection::open_in_memory().unwrap();
    let steps = ["CREATE TABLE a (x);", "ALTER TABLE a ADD COLUMN y;", "ALTER TABLE missing ADD COLUMN z;"];
    let version = || db.pragma_query_value::<i64, _>(None, "user_version", |row| row.get(0)).unwrap();
    schema::migrate(&db, 0, &steps[..1]).unwrap();
    db.execute("INSERT INTO a VALUES (1)", []).unwrap();
    assert!(schema::migrate(&db, 1, &steps).is_err());
    assert_eq!(version(), 2);
    assert_eq!(db.query_row("SELECT x FROM a WHERE y IS NULL", [], |row| row.get::<_, i64>(0)).unwrap(), 1);
    assert!(db.is_autocommit());
}

#[tokio::test]
async fn full_disk_switches_to_memory_and_back() {
    let dir = TempDir::new().unwrap();
    let (queue, _) = open_outbox(dir.path());
    queue.enqueue(None, vec![insert("delivered", Ringing, "desk"), insert("held", Ringing, "support")]).await.unwrap();
    let delivered = lease_one(&queue, "desk").await;
    queue.settle(vec![settle(delivered.id, Settlement::Delivered)]).await.unwrap();
    let held = lease_one(&queue, "support").await;
    queue
        .run(false, |store, _| {
            Ok(store.db.sqlite().unwrap().pragma_update(None, "max_page_count", 30).map_err(sql::Error::from)?)
        })
        .await
        .unwrap();
    fill(&queue, 0, 200).await;
    assert!(matches!(*queue.health().borrow(), Health::InMemory { reason: DiskProblem::Full, .. }));
    // The outbox in memory has the same keys, rows and leases.
    assert_eq!(
        queue.enqueue(None, vec![insert("delivered", Ringing, "desk")]).await.unwrap(),
        [EnqueueResult::Unchanged]
    );
    assert_eq!(due_now(&queue, "support").await, []);
    queue.settle(vec![settle(held.id, Settlement::Delivered)]).await.unwrap();
    assert_eq!(due_now(&queue, "desk").await.len(), 200);
    wait_for_health(&queue, DURABLE).await;
    queue.close().await;
    let (queue, found) = open_outbox(dir.path());
    assert_eq!((found.waiting, found.quarantined), (200, None));
    let again = vec![insert("delivered", Ringing, "desk"), insert("held", Ringing, "support")];
    assert_eq!(queue.enqueue(None, again).await.unwrap(), [EnqueueResult::Unchanged, EnqueueResult::Unchanged]);
    let (stored, attempts) = super::super::show(dir.path(), delivered.id).unwrap().unwrap();
    assert_eq!((label(&stored.card.unwrap()), attempts.len()), ("delivered", 1));
}

#[tokio::test]
#[ignore = "needs root: mounts a small tmpfs; run it with `cargo test --lib really_full -- --ignored`"]
async fn really_full_disk_switches_to_memory_and_back() {
    let dir = TempDir::new().unwrap();
    let run = |line: &str| assert!(Command::new("sh").args(["-c", line]).status().unwrap().success(), "{line}");
    let at = dir.path().display();
    run(&format!("mount -t tmpfs -o size=2m none {at}"));
    let (queue, _) = open_outbox(dir.path());
    fill(&queue, 0, 100).await;
    run(&format!("dd if=/dev/zero of={at}/fat bs=1k count=4096 2>/dev/null; true"));
    for n in 0..20 {
        fill(&queue, 1000 + 100 * n, 10).await;
    }
    wait_for_health(&queue, |health| matches!(health, Health::InMemory { reason: DiskProblem::Full, .. })).await;
    // The file cannot be restored on a full disk.
    let mut health = queue.health();
    assert!(tokio::time::timeout(Duration::from_secs(6), health.wait_for(|health| DURABLE(*health))).await.is_err());
    fill(&queue, 5000, 10).await;
    run(&format!("mount -o remount,size=16m {at}"));
    wait_for_health(&queue, DURABLE).await;
    // A restart on a full disk continues with the rows in the file.
    run(&format!("dd if=/dev/zero of={at}/fat2 bs=1k count=20000 2>/dev/null; true"));
    queue.close().await;
    let (queue, found) = open_outbox(dir.path());
    assert_eq!(found.waiting, 310);
    eprintln!("restart on a full disk: {:?}", found.health);
    fill(&queue, 9000, 100).await;
    assert!(IN_MEMORY(*queue.health().borrow()));
    assert_eq!(due_now(&queue, "desk").await.len(), 410);
    queue.close().await;
    run(&format!("umount {at}"));
}

#[tokio::test]
async fn read_only_file_switches_to_memory_and_back() {
    let dir = TempDir::new().unwrap();
    let (queue, _) = open_outbox(dir.path());
    queue
        .run(false, |store, _| {
            Ok(store.db.sqlite().unwrap().pragma_update(None, "query_only", true).map_err(sql::Error::from)?)
        })
        .await
        .unwrap();
    assert_eq!(queue.enqueue(None, vec![insert("a", Ringing, "desk")]).await.unwrap(), [EnqueueResult::Inserted]);
    assert!(matches!(*queue.health().borrow(), Health::InMemory { reason: DiskProblem::ReadOnly, .. }));
    wait_for_health(&queue, DURABLE).await;
    assert_eq!(open_outbox(dir.path()).1.waiting, 1);
}

#[tokio::test]
async fn deleted_state_directory_is_recreated_with_all_keys() {
    let dir = TempDir::new().unwrap();
    let state = dir.path().join("state");
    let (queue, _) = open_outbox(&state);
    queue.enqueue(None, vec![insert("delivered", Ringing, "desk"), insert("waits", Ringing, "support")]).await.unwrap();
    let delivered = lease_one(&queue, "desk").await;
    queue.settle(vec![settle(delivered.id, Settlement::Delivered)]).await.unwrap();
    fs::remove_dir_all(&state).unwrap();
    wait_for_health(&queue, IN_MEMORY).await;
    wait_for_health(&queue, DURABLE).await;
    queue.close().await;
    let (queue, found) = open_outbox(&state);
    assert_eq!(found.waiting, 1);
    assert_eq!(
        queue.enqueue(None, vec![insert("delivered", Ringing, "desk")]).await.unwrap(),
        [EnqueueResult::Unchanged]
    );
}

#[tokio::test]
async fn open_without_disk_starts_in_memory_and_restores() {
    let dir = TempDir::new().unwrap();
    let state = dir.path().join("state");
    fs::write(&state, "a file where a directory should be").unwrap();
    let (queue, found) = open_outbox(&state);
    assert!(IN_MEMORY(found.health), "{found:?}");
    queue.enqueue(None, vec![insert("a", Ringing, "desk")]).await.unwrap();
    assert_eq!(due_now(&queue, "desk").await.len(), 1);
    fs::remove_file(&state).unwrap();
    wait_for_health(&queue, DURABLE).await;
    queue.close().await;
    assert_eq!(open_outbox(&state).1.waiting, 1);
}

#[tokio::test]
async fn enqueue_during_foreign_lock_returns_and_is_stored_later() {
    let dir = TempDir::new().unwrap();
    let (queue, _) = open_outbox(dir.path());
    let other = Connection::open(dir.path().join(FILE_NAME)).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    // The lock is held until the enqueue has returned.
    queue.enqueue(None, vec![insert("a", Ringing, "desk")]).await.unwrap();
    assert!(matches!(*queue.health().borrow(), Health::InMemory { reason: DiskProblem::Locked, .. }));
    other.execute_batch("COMMIT").unwrap();
    wait_for_health(&queue, DURABLE).await;
    assert_eq!(due_now(&queue, "desk").await.len(), 1);
}

#[tokio::test]
async fn unreadable_card_becomes_a_dead_letter() {
    let dir = TempDir::new().unwrap();
    let (queue, _) = open_outbox(dir.path());
    queue.enqueue(None, vec![insert("a", Ringing, "desk"), insert("b", Ringing, "desk")]).await.unwrap();
    let broken = due_now(&queue, "desk").await[0].id;
    let other = Connection::open(dir.path().join(FILE_NAME)).unwrap();
    other.execute("UPDATE deliveries SET card = '{\"card\":\"future\"}' WHERE id = ?", [broken.0]).unwrap();
    assert_eq!(label(&lease_one(&queue, "desk").await.card), "b");
    let (stored, _) = super::super::show(dir.path(), broken).unwrap().unwrap();
    assert_eq!((stored.card, stored.reason.as_deref()), (None, Some("stored card is unreadable")));
    assert_eq!(stored.state, Some(super::super::DeliveryState::Dead));
}

#[tokio::test]
async fn closed_outbox_returns_stopped_and_leaves_one_file() {
    let dir = TempDir::new().unwrap();
    let (queue, _) = open_outbox(dir.path());
    let twin = queue.clone();
    queue.enqueue(None, vec![insert("a", Ringing, "desk")]).await.unwrap();
    queue.close().await;
    queue.close().await;
    let refused = twin.enqueue(None, vec![]).await.unwrap_err();
    assert_eq!(refused.to_string(), "the outbox has stopped");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[tokio::test]
async fn backlog_counts_sinks_outside_the_config() {
    let dir = TempDir::new().unwrap();
    let (queue, _) = open_outbox(dir.path());
    let all = [insert("a", Ringing, "desk"), insert("b", Ringing, "desk"), insert("a", Ringing, "gone")];
    queue.enqueue(None, all.to_vec()).await.unwrap();
    lease_one(&queue, "gone").await;
    let found = queue.backlog().await.unwrap().into_iter().map(|one| (one.sink, one.cards, one.oldest.is_some()));
    assert_eq!(found.collect::<Vec<_>>(), [(sink("desk"), 2, true), (sink("gone"), 1, true)]);
    queue.close().await;
    assert_eq!(open_outbox(dir.path()).1.waiting, 3);
}

#[test]
fn outbox_file_without_tables_is_quarantined() {
    let dir = TempDir::new().unwrap();
    let db = Connection::open(dir.path().join(FILE_NAME)).unwrap();
    schema::migrate(&db, 0, MIGRATIONS).unwrap();
    db.execute_batch("DROP TABLE pending_updates").unwrap();
    drop(db);
    assert!(open_outbox(dir.path()).1.quarantined.is_some());
}

fn in_memory() -> Store {
    let db = Connection::open_in_memory().unwrap();
    schema::migrate(&db, 0, MIGRATIONS).unwrap();
    Store::new(Session::Sqlite(db), Arc::default())
}

#[test]
fn retention_deletes_oldest_settled_and_no_waiting_rows() {
    let mut store = in_memory();
    let start = Timestamp::now();
    let at = |days: u64| after(start, Duration::from_secs(days * 24 * 3600));
    for n in 0..1200 {
        let call = format!("call-{n}");
        let ids = [insert(&call, Ringing, "desk")];
        store.enqueue(None, &ids, at(0)).unwrap();
    }
    let all = store.due(&sink("desk"), at(0), 9999).unwrap();
    for (n, delivery) in all.iter().enumerate().take(1100) {
        store.settle(&settle(delivery.id, Settlement::Delivered), at(if n < 600 { 1 } else { 20 })).unwrap();
    }
    let rows = |store: &Store| {
        store.db.sqlite().unwrap().query_row("SELECT count(*) FROM deliveries", [], |r| r.get::<_, i64>(0)).unwrap()
    };
    let keep = |bytes| Retention { bytes, ..Retention::default() };
    assert!(!store.retain(keep(u64::MAX), at(30)).unwrap());
    assert_eq!(rows(&store), 1200);
    assert!(store.retain(keep(u64::MAX), at(32)).unwrap());
    assert!(!store.retain(keep(u64::MAX), at(32)).unwrap());
    assert_eq!(rows(&store), 600);
    let attempts = |store: &Store| {
        store.db.sqlite().unwrap().query_row("SELECT count(*) FROM attempts", [], |r| r.get::<_, i64>(0)).unwrap()
    };
    assert_eq!(attempts(&store), 500);
    while store.retain(keep(0), at(21)).unwrap() {}
    assert_eq!((rows(&store), attempts(&store)), (100, 0));
    assert_eq!(store.due(&sink("desk"), at(99), 9999).unwrap().len(), 100);
}

#[test]
fn lease_expires_after_timeout() {
    let mut store = in_memory();
    let (now, tick) = (Timestamp::now(), Instant::now());
    store.enqueue(None, &[insert("a", Ringing, "desk")], now).unwrap();
    let id = store.due(&sink("desk"), now, 9).unwrap()[0].id;
    store.lease(&[id], tick).unwrap();
    assert!(!store.expire_leases(tick + Duration::from_secs(119)));
    assert_eq!(store.due(&sink("desk"), now, 9).unwrap(), []);
    assert!(store.expire_leases(tick + Duration::from_secs(120)));
    assert_eq!(store.due(&sink("desk"), now, 9).unwrap().len(), 1);
}

#[test]
fn failed_transaction_changes_neither_database_nor_memory() {
    let mut store = in_memory();
    let now = Timestamp::now();
    store.enqueue(None, &[insert("a", Ringing, "desk")], now).unwrap();
    store.tx_state.wakeups.clear();
    let id = store.due(&sink("desk"), now, 9).unwrap()[0].id;
    let failed = store.transact(true, |store| {
        store.lease(&[id], Instant::now())?;
        store.enqueue(None, &[insert("b", Ringing, "support")], now)?;
        store
            .db
            .sqlite()
            .unwrap()
            .execute("INSERT INTO nowhere VALUES (1)", [])
            .map_err(sql::Error::from)
            .map_err(Into::into)
    });
    assert!(failed.is_err() && store.tx_state.leased.is_empty() && store.tx_state.wakeups.is_empty());
    assert_eq!(store.due(&sink("support"), now, 9).unwrap(), []);
    assert!(store.db.sqlite().unwrap().is_autocommit());
}

#[test]
fn frequent_queries_use_their_indexes() {
    let store = in_memory();
    let plan = |sql: &str| {
        let mut read = store.db.sqlite().unwrap().prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let lines = read.query_map([], |row| row.get::<_, String>(3)).unwrap();
        lines.map(Result::unwrap).collect::<Vec<_>>().join("; ")
    };
    let waiting =
        format!("SELECT * FROM deliveries d INDEXED BY waiting WHERE state = 'waiting' AND sink = 'x' AND {IS_HEAD}");
    for (sql, indexes) in [
        (waiting.as_str(), ["d USING INDEX waiting", "e USING INDEX once (subject=? AND sink=?)"]),
        (&NEXT_IN_CALL.replace('?', "1"), ["d USING INTEGER PRIMARY KEY", "e USING INDEX once (subject=? AND sink=?)"]),
        (
            "SELECT id FROM deliveries INDEXED BY settled WHERE state <> 'waiting' AND settled < 5 ORDER BY settled",
            ["INDEX settled (settled<?)", ""],
        ),
        (
            "SELECT call FROM calls WHERE last_seen >= 5 AND ended = 0 ORDER BY last_seen, call",
            ["INDEX last_seen (last_seen>?)", ""],
        ),
    ] {
        let plan = plan(sql);
        assert!(indexes.iter().all(|index| plan.contains(index)), "{sql}: {plan}");
    }
}

#[test]
fn memory_copy_has_settled_keys_and_continues_ids() {
    let (mut file, memory) = (in_memory(), in_memory());
    let now = Timestamp::now();
    file.enqueue(None, &["a", "b", "forgotten"].map(|call| insert(call, Ringing, "desk")), now).unwrap();
    file.db.sqlite().unwrap().execute("DELETE FROM deliveries WHERE id = 3", []).unwrap();
    let delivered = file.due(&sink("desk"), now, 1).unwrap()[0].id;
    file.settle(&settle(delivered, Settlement::Delivered), now).unwrap();
    assert!(
        copy_all(file.db.sqlite().unwrap(), memory.db.sqlite().unwrap(), CopyScope::Keys).unwrap().pending_complete
    );
    let mut memory = memory;
    assert_eq!(memory.enqueue(None, &[insert("a", Ringing, "desk")], now).unwrap(), [EnqueueResult::Unchanged]);
    memory.enqueue(None, &[insert("c", Missed, "desk")], now).unwrap();
    let ids: Vec<_> = memory.due(&sink("desk"), now, 9).unwrap().iter().map(|delivery| delivery.id.0).collect();
    assert_eq!(ids, [2, 4]);
}
