//! The sync of the log beside the writer.

use super::{
    super::{
        DiskProblem,
        database::open_database,
        handle::{DatabaseOutbox, MAINTENANCE_INTERVAL},
        storage::Storage,
    },
    *,
};
use crate::model::{
    call::StatusKind::Ringing,
    delivery::EnqueueResult::{Inserted, Unchanged, Updated},
};
use futures_util::FutureExt as _;
use std::{fs::File, sync::Arc};

/// An outbox whose log cannot be synced, until it restores its file.
fn outbox_with_failing_sync(dir: &Path) -> DatabaseOutbox {
    let mut disk = open_database(&settings(dir), Timestamp::now()).unwrap();
    // A sync of the null device is an error.
    disk.wal.synced = Some(Arc::new(File::open("/dev/null").unwrap()));
    DatabaseOutbox::start(Storage::on_disk(settings(dir), disk), MAINTENANCE_INTERVAL).unwrap()
}

#[tokio::test]
async fn failed_sync_switches_to_memory_and_back_without_a_loss() {
    let dir = TempDir::new().unwrap();
    let queue = outbox_with_failing_sync(dir.path());
    let desk = sink("desk");
    let receiving = queue.receive(&desk);
    let cards = vec![insert("a", Ringing, "desk"), insert("b", Ringing, "desk")];
    assert_eq!(queue.enqueue(None, cards.clone()).await.unwrap(), [Inserted, Inserted]);
    assert!(matches!(*queue.health().borrow(), Health::InMemory { reason: DiskProblem::Failing, .. }));
    let received = tokio::time::timeout(Duration::from_secs(5), receiving).await.unwrap().unwrap();
    queue.settle(vec![settle(received.id, Settlement::Delivered)]).await.unwrap();
    let mut health = queue.health();
    tokio::time::timeout(Duration::from_secs(20), health.wait_for(|it| *it == Health::Durable)).await.unwrap().unwrap();
    queue.close().await;
    let (queue, found) = open_outbox(dir.path());
    assert_eq!(found.waiting, 1);
    assert_eq!(queue.enqueue(None, cards).await.unwrap(), [Unchanged, Updated]);
}

#[tokio::test]
async fn close_waits_for_the_replies_of_all_syncs() {
    let dir = TempDir::new().unwrap();
    let (queue, _) = open_outbox(dir.path());
    let enqueued: Vec<_> =
        (0..50).map(|n| queue.enqueue(None, vec![insert(&format!("call-{n}"), Ringing, "desk")])).collect();
    queue.close().await;
    for result in enqueued {
        assert_eq!(result.now_or_never().unwrap().unwrap(), [Inserted]);
    }
    assert_eq!(open_outbox(dir.path()).1.waiting, 50);
}
