//! Damaged, foreign and old files, rows that cannot be read, and a closed outbox.

use super::{
    super::{
        DiskProblem, OpenError, row,
        schema::{self, MIGRATIONS},
    },
    *,
};
use crate::model::{call::StatusKind::Ringing, delivery::EnqueueResult};
use rusqlite::Connection;
use std::{
    fs,
    os::unix::fs::{FileExt as _, PermissionsExt as _},
};

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
