//! Disks that fail: the outbox continues in memory and returns to the file. Damaged files are tested in `faults`.

use super::{super::DiskProblem, *};
use crate::model::{call::StatusKind::Ringing, delivery::EnqueueResult};
use rusqlite::Connection;
use std::{fs, process::Command};

const IN_MEMORY: fn(Health) -> bool = |health| matches!(health, Health::InMemory { .. });

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
