//! Operator commands beside a running outbox.

use super::{
    super::{AdminError, DeliveryState, Filter, RetryTarget, drop_one, list, retry, show},
    *,
};
use crate::model::call::StatusKind::Ringing;

fn no_filter() -> Filter {
    Filter { state: None, sink: None, limit: 100 }
}

async fn dead_letter(queue: &DatabaseOutbox, call: &str) -> DeliveryId {
    queue.enqueue(None, vec![insert(call, Ringing, "desk")]).await.unwrap();
    let held = lease_one(queue, "desk").await;
    let settlement = Settlement::Dead("the chat said no".to_owned());
    queue.settle(vec![SettleRequest { id: held.id, settlement, attempt: attempt(400) }]).await.unwrap();
    held.id
}

#[tokio::test]
async fn dead_letter_keeps_card_and_attempts_and_can_be_retried() {
    let outbox = Sqlite::fresh();
    let (queue, dir) = (&outbox.queue, outbox.dir.path());
    let id = dead_letter(queue, "a").await;
    let (delivery, attempts) = show(dir, id).unwrap().unwrap();
    assert_eq!((delivery.state, delivery.reason.as_deref()), (Some(DeliveryState::Dead), Some("the chat said no")));
    assert_eq!(label(&delivery.card.unwrap()), "a");
    assert_eq!((attempts.len(), attempts[0].status, attempts[0].response.as_str()), (1, Some(400), "response text"));
    // Consumes the wakeup of the insert, so that the next one is that of the retry.
    queue.wakeup(&sink("desk")).await;
    assert_eq!(retry(dir, &RetryTarget::One(id)).unwrap(), 1);
    tokio::time::timeout(Duration::from_secs(5), queue.wakeup(&sink("desk"))).await.unwrap();
    let retried = lease_one(queue, "desk").await;
    assert_eq!((retried.id, retried.attempts), (id, 1));
    queue.settle(vec![settle(id, Settlement::Delivered)]).await.unwrap();
    assert_eq!(show(dir, id).unwrap().unwrap().1.len(), 2);
    assert_eq!(retry(dir, &RetryTarget::One(id)).unwrap(), 0);
    assert!(!drop_one(dir, id, Timestamp::now()).unwrap());
}

#[tokio::test]
async fn dropped_delivery_is_never_posted_nor_enqueued_again() {
    let outbox = Sqlite::fresh();
    let (queue, dir) = (&outbox.queue, outbox.dir.path());
    queue.enqueue(None, vec![insert("a", Ringing, "desk")]).await.unwrap();
    let held = lease_one(queue, "desk").await;
    assert!(drop_one(dir, held.id, Timestamp::now()).unwrap());
    let retry = Settlement::Retry { not_before: Timestamp::UNIX_EPOCH, plain: false };
    queue.settle(vec![settle(held.id, retry)]).await.unwrap();
    assert_eq!(due_now(queue, "desk").await, []);
    assert_eq!(
        queue.enqueue(None, vec![insert("a", Ringing, "desk")]).await.unwrap(),
        [crate::model::delivery::EnqueueResult::Unchanged]
    );
    assert_eq!(show(dir, held.id).unwrap().unwrap().0.state, Some(DeliveryState::Dropped));
}

#[tokio::test]
async fn list_applies_filter_without_a_running_daemon() {
    let outbox = Sqlite::fresh();
    let (queue, dir) = (&outbox.queue, outbox.dir.path());
    let (first, second) = (dead_letter(queue, "a").await, dead_letter(queue, "b").await);
    queue.enqueue(None, vec![insert("c", Ringing, "support")]).await.unwrap();
    queue.close().await;
    let ids = |filter: &Filter| list(dir, filter).unwrap().iter().map(|delivery| delivery.id).collect::<Vec<_>>();
    assert_eq!(ids(&no_filter()).len(), 3);
    assert_eq!(ids(&Filter { limit: 1, ..no_filter() }), [DeliveryId(3)]);
    assert_eq!(ids(&Filter { state: Some(DeliveryState::Dead), ..no_filter() }), [first, second]);
    assert_eq!(ids(&Filter { sink: Some(sink("support")), ..no_filter() }), [DeliveryId(3)]);
    assert_eq!(retry(dir, &RetryTarget::DeadLetters(Some(sink("support")))).unwrap(), 0);
    assert_eq!(retry(dir, &RetryTarget::DeadLetters(None)).unwrap(), 2);
    assert_eq!(ids(&Filter { state: Some(DeliveryState::Waiting), ..no_filter() }).len(), 3);
}

#[test]
fn list_of_missing_or_empty_file_creates_nothing() {
    let dir = TempDir::new().unwrap();
    assert!(matches!(list(dir.path(), &no_filter()), Err(AdminError::Missing(_))));
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    std::fs::write(dir.path().join(FILE_NAME), "").unwrap();
    assert!(matches!(list(dir.path(), &no_filter()), Err(AdminError::Foreign(_))));
}
