//! The server of a shared database goes away and comes back: cards are stored in the file, posted by the owner, and merged.

use super::{
    postgres::{claim_all, database, open_connected, wait_until_connected},
    *,
};
use crate::{
    model::{
        call::StatusKind::{Answered, Missed, Ringing, Voicemail},
        call_history::{CallEntry, CallHistory as _, HistoryError},
        delivery::{EnqueueResult, MessageRef},
    },
    outbox::SharedDatabase,
    runtime::postgres::{PostgresFault, test_server::PostgresServer},
};

async fn wait_until_away(queue: &DatabaseOutbox) {
    let mut health = queue.health();
    let away = health.wait_for(|health| matches!(health, Health::Spooling { .. }));
    tokio::time::timeout(Duration::from_secs(30), away).await.unwrap().unwrap();
}

fn keys(waiting: &[Delivery]) -> Vec<&str> {
    waiting.iter().map(|delivery| label(&delivery.card)).collect()
}

#[tokio::test]
async fn cards_of_an_outage_are_posted_by_the_owner_and_merged_by_key() {
    let Some(server) = PostgresServer::start() else { return };
    let one = database(&server, "one");
    let two = SharedDatabase { daemon: "two".to_owned(), ..one.clone() };
    let dirs = [TempDir::new().unwrap(), TempDir::new().unwrap()];
    let owner = open_connected(dirs[0].path(), &one).await;
    let other = open_connected(dirs[1].path(), &two).await;
    claim_all(&owner).await;
    owner.enqueue(None, vec![insert("before", Ringing, "desk"), insert("on-the-wire", Ringing, "desk")]).await.unwrap();
    let waiting = due_now(&owner, "desk").await;
    let on_the_wire = owner.lease(vec![waiting[1].id]).await.unwrap().pop().unwrap();
    server.kill();
    // Both daemons receive the calls of the outage.
    for queue in [&owner, &other] {
        let calls = ["posted", "waits", "in-flight"].map(|call| insert(call, Ringing, "desk"));
        assert_eq!(queue.enqueue(None, calls.to_vec()).await.unwrap(), [EnqueueResult::Inserted; 3]);
    }
    wait_until_away(&owner).await;
    wait_until_away(&other).await;
    owner.settle(vec![settle(on_the_wire.id, Settlement::Delivered)]).await.unwrap();
    assert_eq!(due_now(&other, "desk").await, [], "only the last owner posts");
    let spooled = due_now(&owner, "desk").await;
    assert_eq!(keys(&spooled), ["posted", "waits", "in-flight"]);
    let leased = owner.lease(vec![spooled[0].id, spooled[2].id]).await.unwrap();
    owner.settle(vec![settle(leased[0].id, Settlement::Delivered)]).await.unwrap();
    server.restart();
    wait_until_connected(&owner).await;
    wait_until_connected(&other).await;
    owner.settle(vec![settle(leased[1].id, Settlement::Delivered)]).await.unwrap();
    let mut left = keys(&due_now(&owner, "desk").await).into_iter().map(str::to_owned).collect::<Vec<_>>();
    left.sort();
    assert_eq!(left, ["before", "waits"]);
    let again = ["before", "on-the-wire", "posted", "waits", "in-flight"].map(|call| insert(call, Ringing, "desk"));
    let results = other.enqueue(None, again.to_vec()).await.unwrap();
    assert!(!results.contains(&EnqueueResult::Inserted), "{results:?}");
}

#[tokio::test]
async fn live_message_of_an_outage_goes_on_in_the_shared_database() {
    let Some(server) = PostgresServer::start() else { return };
    let dir = TempDir::new().unwrap();
    let queue = open_connected(dir.path(), &database(&server, "one")).await;
    claim_all(&queue).await;
    let live = |kind, label: &str| vec![new_delivery("a", kind, "desk", EnqueueMode::UpsertLive, label)];
    let message = MessageRef { channel: "C1".to_owned(), ts: "1.0".to_owned() };
    server.kill();
    queue.enqueue(None, live(Ringing, "ring")).await.unwrap();
    let ring = lease_one(&queue, "desk").await;
    queue.settle(vec![settle(ring.id, Settlement::Posted(message.clone()))]).await.unwrap();
    server.restart();
    wait_until_connected(&queue).await;
    assert_eq!(due_now(&queue, "desk").await, []);
    assert_eq!(queue.enqueue(None, live(Answered, "answered")).await.unwrap(), [EnqueueResult::Updated]);
    let edit = lease_one(&queue, "desk").await;
    assert_eq!((edit.mode.edited_message(), edit.attempts), (Some(&message), 1));
    queue.settle(vec![settle(edit.id, Settlement::Posted(message.clone()))]).await.unwrap();
    // The message of the shared database is edited from the file.
    server.kill();
    queue.enqueue(None, live(Missed, "missed")).await.unwrap();
    let edit = lease_one(&queue, "desk").await;
    assert_eq!((label(&edit.card), edit.mode.edited_message()), ("missed", Some(&message)));
    queue.settle(vec![settle(edit.id, Settlement::Posted(message.clone()))]).await.unwrap();
    server.restart();
    wait_until_connected(&queue).await;
    assert_eq!(due_now(&queue, "desk").await, []);
    // A later status that only the file has.
    server.kill();
    queue.enqueue(None, live(Voicemail, "voicemail")).await.unwrap();
    server.restart();
    wait_until_connected(&queue).await;
    let edit = lease_one(&queue, "desk").await;
    assert_eq!((label(&edit.card), edit.mode.edited_message(), edit.attempts), ("voicemail", Some(&message), 3));
}

#[tokio::test]
async fn status_that_was_posted_before_an_outage_is_known_during_it() {
    let Some(server) = PostgresServer::start() else { return };
    let dir = TempDir::new().unwrap();
    let queue = open_connected(dir.path(), &database(&server, "one")).await;
    claim_all(&queue).await;
    queue.enqueue(None, vec![insert("a", Ringing, "desk")]).await.unwrap();
    let ring = lease_one(&queue, "desk").await;
    queue.settle(vec![settle(ring.id, Settlement::Delivered)]).await.unwrap();
    server.kill();
    let again = vec![insert("a", Ringing, "desk")];
    assert_eq!(queue.enqueue(None, again).await.unwrap(), [EnqueueResult::Unchanged]);
    wait_until_away(&queue).await;
}

#[tokio::test]
async fn history_of_an_outage_is_unused_during_it_and_merged_after_it() {
    let Some(server) = PostgresServer::start() else { return };
    let dir = TempDir::new().unwrap();
    let queue = open_connected(dir.path(), &database(&server, "one")).await;
    let record = async |call: &str, kind| {
        let update = call_update(call, kind, "Alice");
        let entry = CallEntry::of(&update, vec![sink("desk")]);
        queue.record_unposted(update, entry).await.unwrap();
    };
    record("before", Ringing).await;
    server.kill();
    record("before", Missed).await;
    record("during", Missed).await;
    assert!(matches!(queue.since(Timestamp::UNIX_EPOCH).await, Err(HistoryError::Incomplete)));
    server.restart();
    wait_until_connected(&queue).await;
    let calls = queue.since(Timestamp::UNIX_EPOCH).await.unwrap();
    assert_eq!(calls.iter().map(|call| call.outcome).collect::<Vec<_>>(), [Missed, Missed]);
    assert!(calls.iter().all(|call| call.sinks == [sink("desk")] && call.decided_at.is_some()), "{calls:?}");
}

#[tokio::test]
async fn merge_ends_while_calls_arrive() {
    let Some(server) = PostgresServer::start() else { return };
    let dir = TempDir::new().unwrap();
    let queue = open_connected(dir.path(), &database(&server, "one")).await;
    claim_all(&queue).await;
    server.kill();
    let ring = async |nth: usize| {
        let call = format!("call-{nth}");
        queue.enqueue(None, vec![insert(&call, Ringing, "desk")]).await.unwrap()
    };
    ring(0).await;
    wait_until_away(&queue).await;
    let mut placed = 1;
    // Each call fills the file again as soon as the one before is stored.
    let calls = async {
        loop {
            ring(placed).await;
            placed += 1;
        }
    };
    let returned = async {
        let server = tokio::task::spawn_blocking(move || {
            server.restart();
            server
        });
        let server = server.await.unwrap();
        wait_until_connected(&queue).await;
        server
    };
    let _server = tokio::select! {
        server = returned => server,
        never = calls => never,
    };
    assert!(placed > 1, "no call arrived meanwhile");
    for nth in 0..placed {
        assert_ne!(ring(nth).await, [EnqueueResult::Inserted], "call {nth} was lost");
    }
}

#[tokio::test]
async fn start_without_the_server_stores_in_the_file() {
    let Some(server) = PostgresServer::start() else { return };
    let database = database(&server, "one");
    server.kill();
    let dir = TempDir::new().unwrap();
    let (queue, report) = super::super::open_shared(settings(dir.path()), database, Timestamp::now()).unwrap();
    assert!(matches!(report.health, Health::Spooling { .. }), "{report:?}");
    queue.save_pending(call_update("b", Ringing, "b")).await.unwrap();
    queue.enqueue(None, vec![insert("a", Ringing, "desk")]).await.unwrap();
    server.restart();
    wait_until_connected(&queue).await;
    claim_all(&queue).await;
    assert_eq!(keys(&due_now(&queue, "desk").await), ["a"]);
    assert_eq!(queue.pending().await.unwrap().len(), 1);
}

#[tokio::test]
async fn database_that_comes_back_empty_is_recognized() {
    let Some(server) = PostgresServer::shared() else { return };
    let database = database(server, "one");
    let dir = TempDir::new().unwrap();
    let queue = open_connected(dir.path(), &database).await;
    assert!(!queue.take_replaced());
    queue.close().await;
    let queue = open_connected(dir.path(), &database).await;
    assert!(!queue.take_replaced(), "the same database");
    queue.close().await;
    server.sql("postgres", &format!("DROP SCHEMA {} CASCADE", database.schema));
    let queue = open_connected(dir.path(), &database).await;
    assert!(queue.take_replaced());
    assert!(!queue.take_replaced(), "reported once");
}

#[tokio::test]
async fn database_restored_from_a_backup_is_recognized_and_used() {
    let Some(server) = PostgresServer::shared() else { return };
    let database = database(server, "one");
    let dir = TempDir::new().unwrap();
    let queue = open_connected(dir.path(), &database).await;
    let calls = |from: usize, to: usize| (from..to).map(|n| insert(&format!("call-{n}"), Ringing, "desk")).collect();
    queue.enqueue(None, calls(0, 10)).await.unwrap();
    let schema = &database.schema;
    // The backup has ten deliveries. A server reserves ids in steps of 32.
    server.sql("postgres", &format!("CREATE TABLE {schema}.backup AS TABLE {schema}.deliveries"));
    queue.enqueue(None, calls(10, 100)).await.unwrap();
    queue.close().await;
    let queue = open_connected(dir.path(), &database).await;
    assert!(!queue.take_replaced(), "the same database");
    queue.close().await;
    let restore = format!(
        "TRUNCATE {schema}.deliveries; INSERT INTO {schema}.deliveries SELECT * FROM {schema}.backup;
         SELECT setval('{schema}.deliveries_id_seq', 10)"
    );
    server.sql("postgres", &restore);
    let queue = open_connected(dir.path(), &database).await;
    assert!(queue.take_replaced());
    claim_all(&queue).await;
    let results = queue.enqueue(None, calls(0, 12)).await.unwrap();
    let inserted = results.iter().filter(|result| **result == EnqueueResult::Inserted).count();
    assert_eq!((results.len(), inserted), (12, 2), "the calls that the backup lacks are stored again");
    queue.close().await;
    let queue = open_connected(dir.path(), &database).await;
    assert!(!queue.take_replaced(), "reported once");
}

#[tokio::test]
async fn newer_schema_stays_the_reason_while_its_server_is_away() {
    let Some(server) = PostgresServer::start() else { return };
    let database = database(&server, "one");
    let dir = TempDir::new().unwrap();
    let queue = open_connected(dir.path(), &database).await;
    server.sql("postgres", &format!("UPDATE {}.metadata SET value = 99 WHERE name = 'version'", database.schema));
    server.kill();
    server.restart();
    let mut health = queue.health();
    let newer = |health: &Health| health.server_fault() == Some(PostgresFault::NewerSchema);
    let found = tokio::time::timeout(Duration::from_secs(30), health.wait_for(newer)).await;
    drop(found.unwrap().unwrap());
    server.kill();
    // Each attempt to connect follows the one before by half a second.
    let other = health.wait_for(|health| !newer(health));
    assert!(tokio::time::timeout(Duration::from_secs(2), other).await.is_err());
    queue.enqueue(None, vec![insert("a", Ringing, "desk")]).await.unwrap();
    server.restart();
    server.sql("postgres", &format!("UPDATE {}.metadata SET value = 1 WHERE name = 'version'", database.schema));
    wait_until_connected(&queue).await;
    assert_eq!(queue.enqueue(None, vec![insert("a", Ringing, "desk")]).await.unwrap(), [EnqueueResult::Updated]);
}

#[tokio::test]
async fn file_of_a_single_daemon_is_taken_over() {
    let Some(server) = PostgresServer::shared() else { return };
    let dir = TempDir::new().unwrap();
    let (queue, _) = open_outbox(dir.path());
    let calls: Vec<_> = (0..250).map(|n| insert(&format!("call-{n}"), Ringing, "desk")).collect();
    queue.enqueue(None, calls.clone()).await.unwrap();
    let posted = due_now(&queue, "desk").await[0].id;
    queue.lease(vec![posted]).await.unwrap();
    queue.settle(vec![settle(posted, Settlement::Delivered)]).await.unwrap();
    queue.close().await;
    let queue = open_connected(dir.path(), &database(server, "one")).await;
    claim_all(&queue).await;
    assert_eq!(due_now(&queue, "desk").await.len(), 249);
    assert!(!queue.enqueue(None, calls).await.unwrap().contains(&EnqueueResult::Inserted));
}
