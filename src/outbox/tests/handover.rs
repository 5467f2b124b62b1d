//! Suite for the hand-over of a new delivery to the waiting worker of its sink, over every store. Leases are in `suite`.

use super::{suite::TestStore, *};
use crate::model::call::StatusKind::{Answered, Missed, Ringing};

over_each_database! {
    wakeup_reaches_only_the_sink_with_news,
    new_delivery_is_handed_to_a_waiting_worker_once,
    delivery_behind_a_lease_or_replaced_at_once_is_not_handed_over,
    delivery_of_a_dropped_wait_waits_again,
    handed_over_delivery_is_stored_before_enqueue_returns,
}

mod cases {
    use super::*;

    pub async fn wakeup_reaches_only_the_sink_with_news(outbox: impl TestStore) {
        let queue = outbox.queue();
        let other = tokio::spawn({
            let queue = queue.clone();
            async move { queue.wakeup(&sink("support")).await }
        });
        let to = sink("desk");
        let desk = queue.wakeup(&to);
        queue.enqueue(None, vec![insert("a", Ringing, "desk")]).await.unwrap();
        let bound = Duration::from_secs(5);
        tokio::time::timeout(bound, desk).await.unwrap();
        // A wakeup before the wait is kept.
        queue.enqueue(None, vec![insert("b", Ringing, "desk")]).await.unwrap();
        tokio::time::timeout(bound, queue.wakeup(&sink("desk"))).await.unwrap();
        assert!(!other.is_finished());
        queue.enqueue(None, vec![insert("b", Ringing, "support")]).await.unwrap();
        tokio::time::timeout(bound, other).await.unwrap().unwrap();
    }

    pub async fn new_delivery_is_handed_to_a_waiting_worker_once(mut outbox: impl TestStore) {
        let queue = outbox.queue();
        let desk = sink("desk");
        let receiving = queue.receive(&desk);
        queue.enqueue(None, vec![insert("a", Ringing, "desk"), insert("b", Ringing, "desk")]).await.unwrap();
        let received = within_bound(receiving).await.unwrap();
        assert_eq!(queue.lease(vec![received.id]).await.unwrap(), []);
        let [other] = &due_now(&queue, "desk").await[..] else { panic!() };
        assert_eq!((label(&received.card), label(&other.card)), ("a", "b"));
        queue.settle(vec![settle(received.id, Settlement::Released)]).await.unwrap();
        let stored = due_now(&queue, "desk").await.swap_remove(0);
        let at = |delivery: &Delivery| delivery.enqueued_at.as_microsecond();
        assert_eq!(at(&stored), at(&received));
        assert_eq!(Delivery { enqueued_at: stored.enqueued_at, ..received }, stored, "as its row is read");
        // The second delivery woke the worker, which is not waiting any more.
        assert_eq!(within_bound(queue.receive(&desk)).await, None);
        outbox.crash().await;
        assert_eq!(due_now(&outbox.queue(), "desk").await.len(), 2);
    }

    pub async fn delivery_behind_a_lease_or_replaced_at_once_is_not_handed_over(outbox: impl TestStore) {
        let queue = outbox.queue();
        let desk = sink("desk");
        queue.enqueue(None, vec![insert("a", Ringing, "desk")]).await.unwrap();
        lease_one(&queue, "desk").await;
        within_bound(queue.wakeup(&desk)).await;
        let receiving = queue.receive(&desk);
        queue.enqueue(None, vec![insert("a", Missed, "desk")]).await.unwrap();
        assert_eq!(within_bound(receiving).await, None);
        let receiving = queue.receive(&desk);
        queue.enqueue(None, vec![insert("b", Ringing, "desk"), insert("b", Missed, "desk")]).await.unwrap();
        assert_eq!(within_bound(receiving).await.unwrap().key.status, Missed);
        let receiving = queue.receive(&desk);
        let newer = new_delivery("c", Answered, "desk", EnqueueMode::UpdatePending, "newer");
        queue.enqueue(None, vec![insert("c", Ringing, "desk"), newer]).await.unwrap();
        assert_eq!(within_bound(receiving).await, None);
        assert_eq!(label(&lease_one(&queue, "desk").await.card), "newer");
    }

    pub async fn delivery_of_a_dropped_wait_waits_again(outbox: impl TestStore) {
        let queue = outbox.queue();
        let desk = sink("desk");
        let receiving = queue.receive(&desk);
        queue.enqueue(None, vec![insert("a", Ringing, "desk")]).await.unwrap();
        drop(receiving);
        within_bound(queue.wakeup(&desk)).await;
        assert_eq!(lease_one(&queue, "desk").await.attempts, 0);
    }

    pub async fn handed_over_delivery_is_stored_before_enqueue_returns(mut outbox: impl TestStore) {
        for call in 0..20 {
            let (queue, call) = (outbox.queue(), format!("call-{call}"));
            let desk = sink("desk");
            let receiving = queue.receive(&desk);
            let (writer, ring) = (queue.clone(), vec![insert(&call, Ringing, "desk")]);
            let enqueued = tokio::spawn(async move { writer.enqueue(None, ring).await });
            let received = within_bound(receiving).await.unwrap();
            // A crash between the hand-over and the reply.
            outbox.crash().await;
            let queue = outbox.queue();
            assert_eq!(lease_one(&queue, "desk").await.id, received.id);
            queue.settle(vec![settle(received.id, Settlement::Delivered)]).await.unwrap();
            outbox.crash().await;
            drop(enqueued);
        }
    }

    async fn within_bound<T>(future: impl Future<Output = T>) -> T {
        tokio::time::timeout(Duration::from_secs(5), future).await.unwrap()
    }
}
