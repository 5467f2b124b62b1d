//! Two daemons that share a store: what one stores the other finds, and only the owner of a sink posts.

use super::{
    super::store::Store,
    postgres::{LASTS, SINKS, claim_all, database, open_connected, open_without_maintenance, wait_until_connected},
    suite::TestStore as _,
    *,
};
use crate::{
    model::{
        call::StatusKind::{Answered, Missed, Ringing},
        card::Alert,
        delivery::{EnqueueResult, OutboxError},
    },
    outbox::{SharedDatabase, shared_schema},
    runtime::postgres::test_server::PostgresServer,
};
use std::time::Instant;

/// Two daemons of one store; the first owns all sinks.
struct Pair {
    first: DatabaseOutbox,
    second: DatabaseOutbox,
    database: SharedDatabase,
    dirs: [TempDir; 2],
}

async fn pair() -> Option<Pair> {
    let one = database(PostgresServer::shared()?, "one");
    let two = SharedDatabase { daemon: "two".to_owned(), ..one.clone() };
    let dirs = [TempDir::new().unwrap(), TempDir::new().unwrap()];
    let first = open_connected(dirs[0].path(), &one).await;
    let second = open_connected(dirs[1].path(), &two).await;
    claim_all(&first).await;
    Some(Pair { first, second, database: one, dirs })
}

/// Sets the time of the connection: now, or longer ago than any grace.
async fn set_connected(queue: &DatabaseOutbox, is_new: bool) {
    let set = move |store: &mut Store, _| {
        let now = Instant::now();
        store.connected = if is_new { Some(now + LASTS) } else { now.checked_sub(LASTS) };
        Ok(())
    };
    queue.run(true, set).await.unwrap();
}

#[tokio::test]
async fn call_is_enqueued_once_by_the_first_daemon_and_posted_by_the_owner() {
    let Some(Pair { first, second, .. }) = pair().await else { return };
    let ring = || vec![insert("a", Ringing, "desk")];
    let desk = sink("desk");
    let woken = first.wakeup(&desk);
    assert_eq!(second.enqueue(None, ring()).await.unwrap(), [EnqueueResult::Inserted]);
    assert_eq!(first.enqueue(None, ring()).await.unwrap(), [EnqueueResult::Updated]);
    tokio::time::timeout(Duration::from_secs(30), woken).await.unwrap();
    assert_eq!(due_now(&second, "desk").await, []);
    assert_eq!(second.next_due(&desk).await.unwrap(), None);
    let leased = lease_one(&first, "desk").await;
    assert_eq!(second.lease(vec![leased.id]).await.unwrap(), []);
    first.settle(vec![settle(leased.id, Settlement::Delivered)]).await.unwrap();
    assert_eq!(second.enqueue(None, ring()).await.unwrap(), [EnqueueResult::Unchanged]);
}

#[tokio::test]
async fn notification_wakes_the_owner_and_nothing_is_handed_to_others() {
    let Some(Pair { first: owner, second, database, dirs }) = pair().await else { return };
    let desk = sink("desk");
    let other = second.receive(&desk);
    // Without maintenance only a notification wakes the worker. The first ones may come before the subscription.
    owner.close().await;
    let first = open_without_maintenance(dirs[0].path(), &database);
    wait_until_connected(&first).await;
    claim_all(&first).await;
    drop(tokio::time::timeout(Duration::from_millis(1), first.wakeup(&desk)).await);
    let woken = first.wakeup(&desk);
    let enqueue = async {
        for n in 0.. {
            second.enqueue(None, vec![insert(&format!("call-{n}"), Ringing, "desk")]).await.unwrap();
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::select! {
        () = woken => {}
        () = enqueue => {}
        () = tokio::time::sleep(Duration::from_secs(60)) => panic!("no notification"),
    }
    assert_eq!(tokio::time::timeout(Duration::from_secs(60), other).await.unwrap(), None);
}

#[tokio::test]
async fn update_of_another_daemon_follows_the_card_on_the_wire() {
    let Some(Pair { first, second, .. }) = pair().await else { return };
    first.enqueue(None, vec![insert("a", Ringing, "desk")]).await.unwrap();
    let ring = lease_one(&first, "desk").await;
    let newer = new_delivery("a", Answered, "desk", EnqueueMode::UpdatePending, "newer");
    assert_eq!(second.enqueue(None, vec![newer]).await.unwrap(), [EnqueueResult::Unchanged]);
    assert_eq!(second.enqueue(None, vec![insert("a", Missed, "desk")]).await.unwrap(), [EnqueueResult::Inserted]);
    first.settle(vec![settle(ring.id, Settlement::Delivered)]).await.unwrap();
    assert_eq!(lease_one(&first, "desk").await.key.status, Missed);
}

#[tokio::test]
async fn settlement_of_an_earlier_owner_is_refused() {
    let Some(Pair { first, second, .. }) = pair().await else { return };
    let desk = sink("desk");
    first.enqueue(None, vec![insert("a", Ringing, "desk"), insert("b", Ringing, "desk")]).await.unwrap();
    let waiting = due_now(&first, "desk").await;
    let ring = first.lease(vec![waiting[0].id]).await.unwrap().pop().unwrap();
    // A claim in force is another's.
    assert_eq!(second.claim(vec![desk.clone()], LASTS).await.unwrap(), []);
    assert_eq!(first.renew(Duration::ZERO).await.unwrap(), SINKS.map(sink));
    // An expired one too, until the grace after the connection has passed.
    set_connected(&second, true).await;
    assert_eq!(second.claim(vec![desk.clone()], LASTS).await.unwrap(), []);
    set_connected(&second, false).await;
    assert_eq!(second.claim(vec![desk.clone()], LASTS).await.unwrap(), std::slice::from_ref(&desk));
    let refused = first.settle(vec![settle(ring.id, Settlement::Delivered)]).await;
    assert!(matches!(refused, Err(OutboxError::Fenced)), "{refused:?}");
    assert_eq!(first.lease(vec![waiting[1].id]).await.unwrap(), []);
    assert_eq!(first.renew(LASTS).await.unwrap(), ["dana", "hook", "support"].map(sink));
    assert_eq!(due_now(&first, "desk").await, []);
    let taken_over = due_now(&second, "desk").await;
    assert_eq!(taken_over.len(), 2, "what was on the wire is posted again");
    let owners = second.sink_owners().await.unwrap();
    let desk = owners.iter().find(|it| it.sink == desk).map(|it| (it.owner.as_str(), it.fence));
    assert_eq!(desk, Some(("two", 2)));
    assert_eq!(owners.iter().filter(|it| it.owner == "one" && it.fence == 1).count(), SINKS.len() - 1);
}

#[tokio::test]
async fn sink_that_was_handed_back_is_claimed_immediately() {
    let Some(Pair { first, second, .. }) = pair().await else { return };
    let desk = sink("desk");
    first.release(vec![desk.clone()]).await.unwrap();
    assert_eq!(second.claim(vec![desk.clone()], LASTS).await.unwrap(), std::slice::from_ref(&desk));
    assert_eq!(first.claim(vec![desk], LASTS).await.unwrap(), []);
}

#[tokio::test]
async fn pending_updates_are_replayed_by_the_daemon_that_saved_them() {
    let Some(Pair { first, second, .. }) = pair().await else { return };
    first.save_pending(call_update("a", Ringing, "a")).await.unwrap();
    assert_eq!(second.pending().await.unwrap(), []);
    assert_eq!(first.pending().await.unwrap().len(), 1);
}

#[tokio::test]
async fn printed_schema_is_the_created_one() {
    let Some(server) = PostgresServer::shared() else { return };
    let database = database(server, "one");
    server.sql("postgres", &shared_schema(&database.schema));
    let dir = TempDir::new().unwrap();
    let queue = open_connected(dir.path(), &database).await;
    claim_all(&queue).await;
    queue.enqueue(None, vec![insert("a", Ringing, "desk")]).await.unwrap();
    assert_eq!(due_now(&queue, "desk").await.len(), 1);
    server.sql("postgres", &format!("UPDATE {}.metadata SET value = 99 WHERE name = 'version'", database.schema));
    let refused = super::super::open_shared(settings(dir.path()), database, Timestamp::now()).unwrap_err();
    assert!(refused.to_string().contains("newer version"), "{refused}");
}

#[tokio::test]
async fn earlier_run_of_a_daemon_is_fenced_out() {
    let Some(mut store) = Postgres::fresh().await else { return };
    let queue = store.queue();
    queue.enqueue(None, vec![insert("a", Ringing, "desk")]).await.unwrap();
    lease_one(&queue, "desk").await;
    store.crash().await;
    assert_eq!(store.queue().sink_owners().await.unwrap()[0].fence, 2);
    assert_eq!(due_now(&store.queue(), "desk").await.len(), 1);
}

#[tokio::test]
async fn alert_that_another_daemon_reported_is_enqueued_once() {
    let Some(Pair { first, second, .. }) = pair().await else { return };
    let report = async |queue: &DatabaseOutbox, state: &str| {
        let key = DeliveryKey {
            subject: Subject::Named(format!("notice {}", uuid::Uuid::now_v7())),
            status: StatusKind::Ended,
            sink: sink("desk"),
        };
        let alert = Alert { title: state.to_owned(), advice: String::new(), resolved: false };
        let delivery = NewDelivery { key, card: Card::Alert(alert), mode: EnqueueMode::Insert };
        queue.enqueue_shared_alert("login of main".to_owned(), state.to_owned(), delivery).await.unwrap();
        due_now(&first, "desk").await.len()
    };
    assert_eq!(report(&first, "required").await, 1);
    assert_eq!(report(&second, "required").await, 1, "known");
    assert_eq!(report(&second, "restored").await, 2);
    assert_eq!(report(&first, "restored").await, 2, "known");
    assert_eq!(report(&first, "required").await, 3);
    assert_eq!(report(&first, "required").await, 4, "the same daemon decides itself what it repeats");
}
