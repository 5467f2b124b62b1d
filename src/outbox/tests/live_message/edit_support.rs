//! Suite for live messages of a sink that lost or gained the support of edits. Sinks that keep it are in the parent.

use super::*;

over_each_database! {
    sink_that_lost_edit_support_gets_new_statuses_once,
    waiting_edit_is_updated_after_sink_lost_edit_support,
    sink_that_gained_edit_support_repeats_no_status,
}

mod cases {
    use super::*;

    pub async fn sink_that_lost_edit_support_gets_new_statuses_once(mut outbox: impl TestStore) {
        let queue = outbox.queue();
        let by = |rule, kind| NewDelivery { mode: rule, ..live("a", kind, "new") };
        assert_eq!(
            queue.enqueue(None, vec![by(EnqueueMode::UpdatePending, Ended)]).await.unwrap(),
            [EnqueueResult::Unchanged]
        );
        queue.enqueue(None, vec![live("a", Ringing, "rings")]).await.unwrap();
        post(&queue, "1.1").await;
        outbox.crash().await;
        let queue = outbox.queue();
        let updates = vec![by(EnqueueMode::Insert, Ringing), by(EnqueueMode::UpdatePending, Answered)];
        assert_eq!(queue.enqueue(None, updates).await.unwrap(), [EnqueueResult::Unchanged, EnqueueResult::Unchanged]);
        assert_eq!(due_now(&queue, "desk").await, [], "the edit would be a second message");
        assert_eq!(
            queue.enqueue(None, vec![by(EnqueueMode::Insert, Missed)]).await.unwrap(),
            [EnqueueResult::Inserted]
        );
        let missed = lease_one(&queue, "desk").await;
        assert_eq!((missed.key.status, missed.mode.clone()), (Missed, PostMode::Post));
        settle_as(&queue, &missed, Settlement::Delivered).await;
    }

    pub async fn waiting_edit_is_updated_after_sink_lost_edit_support(outbox: impl TestStore) {
        let queue = outbox.queue();
        queue.enqueue(None, vec![live("a", Ringing, "rings")]).await.unwrap();
        post(&queue, "1.1").await;
        queue.enqueue(None, vec![live("a", Answered, "talks")]).await.unwrap();
        let renew = NewDelivery { mode: EnqueueMode::UpdatePending, ..live("a", Ended, "over") };
        assert_eq!(queue.enqueue(None, vec![renew]).await.unwrap(), [EnqueueResult::Updated]);
        assert_eq!(label(&lease_one(&queue, "desk").await.card), "over");
    }

    pub async fn sink_that_gained_edit_support_repeats_no_status(mut outbox: impl TestStore) {
        let queue = outbox.queue();
        let insert = |kind| NewDelivery { mode: EnqueueMode::Insert, ..live("a", kind, "posted") };
        queue.enqueue(None, vec![insert(Ringing)]).await.unwrap();
        let ring = lease_one(&queue, "desk").await;
        assert_eq!(
            queue.enqueue(None, vec![live("a", Ringing, "x")]).await.unwrap(),
            [EnqueueResult::Unchanged],
            "leased"
        );
        settle_as(&queue, &ring, Settlement::Delivered).await;
        outbox.crash().await;
        let queue = outbox.queue();
        assert_eq!(queue.enqueue(None, vec![live("a", Ringing, "x")]).await.unwrap(), [EnqueueResult::Unchanged]);
        assert_eq!(queue.enqueue(None, vec![live("a", Answered, "talks")]).await.unwrap(), [EnqueueResult::Inserted]);
        post(&queue, "1.1").await;
        assert_eq!(queue.enqueue(None, vec![live("a", Missed, "gone")]).await.unwrap(), [EnqueueResult::Updated]);
        assert_eq!(edited_ts(&lease_one(&queue, "desk").await), Some("1.1"));
    }
}
