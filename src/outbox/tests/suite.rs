//! Suite for every store behind the trait. Another store is another [`TestStore`].

use super::*;
use crate::model::{
    call::StatusKind::{Answered, Missed, Ringing, Voicemail},
    delivery::{EnqueueResult, MAX_RETRY_AFTER, Outbox},
    time::after,
};

/// A store under test.
pub(super) trait TestStore {
    type Queue: Outbox;
    fn queue(&self) -> Self::Queue;
    /// Simulates a crash: memory is lost, and [`TestStore::queue`] is the outbox after a restart.
    async fn crash(&mut self);
    /// Makes the next write fail, if the store can continue without its disk.
    async fn fail_disk(&mut self);
}

over_each_database! {
    key_is_enqueued_once_after_delivery_and_crash,
    later_status_supersedes_a_waiting_one,
    leased_card_is_unchanged_and_requeued_with_the_newer_card,
    later_status_waits_for_a_lease_and_replaces_a_requeued_one,
    status_out_of_order_changes_nothing,
    update_pending_without_waiting_row_does_nothing,
    retry_is_due_on_time_and_after_a_clock_jump_back,
    crash_frees_leases_and_keeps_settlements,
    release_counts_no_attempt,
    pending_update_is_listed_until_enqueued,
    sinks_and_calls_are_independent,
    lease_takes_only_the_first_delivery_of_a_call,
    due_returns_the_oldest_up_to_the_limit,
    settlement_is_stored_before_settle_returns,
}

mod cases {
    use super::*;

    pub async fn key_is_enqueued_once_after_delivery_and_crash(mut outbox: impl TestStore) {
        let queue = outbox.queue();
        let ring = || vec![insert("a", Ringing, "desk"), insert("a", Ringing, "support")];
        assert_eq!(queue.enqueue(None, ring()).await.unwrap(), [EnqueueResult::Inserted, EnqueueResult::Inserted]);
        assert_eq!(queue.enqueue(None, ring()).await.unwrap(), [EnqueueResult::Updated, EnqueueResult::Updated]);
        let leased = lease_one(&queue, "desk").await;
        queue.settle(vec![settle(leased.id, Settlement::Delivered)]).await.unwrap();
        assert_eq!(queue.enqueue(None, ring()).await.unwrap(), [EnqueueResult::Unchanged, EnqueueResult::Updated]);
        outbox.crash().await;
        let queue = outbox.queue();
        assert_eq!(queue.enqueue(None, ring()).await.unwrap(), [EnqueueResult::Unchanged, EnqueueResult::Updated]);
        assert_eq!(due_now(&queue, "desk").await, []);
        assert_eq!(due_now(&queue, "support").await.len(), 1);
    }

    pub async fn later_status_supersedes_a_waiting_one(outbox: impl TestStore) {
        let queue = outbox.queue();
        queue.enqueue(None, vec![insert("a", Ringing, "desk")]).await.unwrap();
        queue.enqueue(None, vec![insert("a", Missed, "desk")]).await.unwrap();
        let leased = lease_one(&queue, "desk").await;
        assert_eq!(leased.key.status, Missed);
        queue.settle(vec![settle(leased.id, Settlement::Delivered)]).await.unwrap();
        assert_eq!(due_now(&queue, "desk").await, []);
        assert_eq!(queue.enqueue(None, vec![insert("a", Ringing, "desk")]).await.unwrap(), [EnqueueResult::Unchanged]);
    }

    pub async fn leased_card_is_unchanged_and_requeued_with_the_newer_card(mut outbox: impl TestStore) {
        let queue = outbox.queue();
        queue.enqueue(None, vec![insert("a", Ringing, "desk")]).await.unwrap();
        let ring = lease_one(&queue, "desk").await;
        let update = new_delivery("a", Answered, "desk", EnqueueMode::UpdatePending, "answered");
        assert_eq!(queue.enqueue(None, vec![update]).await.unwrap(), [EnqueueResult::Unchanged]);
        let retry = Settlement::Retry { not_before: Timestamp::now(), plain: true };
        queue.settle(vec![settle(ring.id, retry)]).await.unwrap();
        let requeued = lease_one(&queue, "desk").await;
        assert_eq!((label(&requeued.card), requeued.attempts, requeued.plain), ("answered", 1, true));
        assert_eq!(requeued.key.status, Ringing);
        let update = new_delivery("a", Missed, "desk", EnqueueMode::UpdatePending, "missed");
        queue.enqueue(None, vec![update]).await.unwrap();
        outbox.crash().await;
        assert_eq!(label(&lease_one(&outbox.queue(), "desk").await.card), "missed");
    }

    pub async fn later_status_waits_for_a_lease_and_replaces_a_requeued_one(outbox: impl TestStore) {
        let queue = outbox.queue();
        for settlement in [Settlement::Released, Settlement::Retry { not_before: Timestamp::MAX, plain: false }] {
            let call = format!("call-{}", settlement == Settlement::Released);
            queue.enqueue(None, vec![insert(&call, Ringing, "desk")]).await.unwrap();
            let ring = lease_one(&queue, "desk").await;
            assert_eq!(
                queue.enqueue(None, vec![insert(&call, Missed, "desk")]).await.unwrap(),
                [EnqueueResult::Inserted]
            );
            assert_eq!(due_now(&queue, "desk").await, []);
            assert_eq!(queue.next_due(&sink("desk")).await.unwrap(), None);
            queue.settle(vec![settle(ring.id, settlement)]).await.unwrap();
            let missed = lease_one(&queue, "desk").await;
            assert_eq!(missed.key.status, Missed);
            queue.settle(vec![settle(missed.id, Settlement::Delivered)]).await.unwrap();
            assert_eq!(due_now(&queue, "desk").await, []);
        }
    }

    pub async fn status_out_of_order_changes_nothing(outbox: impl TestStore) {
        let queue = outbox.queue();
        queue.enqueue(None, vec![new_delivery("a", Missed, "desk", EnqueueMode::Insert, "missed")]).await.unwrap();
        let late =
            vec![insert("a", Ringing, "desk"), new_delivery("a", Answered, "desk", EnqueueMode::UpdatePending, "late")];
        assert_eq!(queue.enqueue(None, late).await.unwrap(), [EnqueueResult::Unchanged, EnqueueResult::Unchanged]);
        let leased = lease_one(&queue, "desk").await;
        assert_eq!((leased.key.status, label(&leased.card)), (Missed, "missed"));
        assert_eq!(queue.enqueue(None, vec![insert("a", Voicemail, "desk")]).await.unwrap(), [EnqueueResult::Inserted]);
    }

    pub async fn update_pending_without_waiting_row_does_nothing(outbox: impl TestStore) {
        let queue = outbox.queue();
        let update = |label| new_delivery("a", Answered, "desk", EnqueueMode::UpdatePending, label);
        assert_eq!(queue.enqueue(None, vec![update("too soon")]).await.unwrap(), [EnqueueResult::Unchanged]);
        queue.enqueue(None, vec![insert("a", Ringing, "desk")]).await.unwrap();
        assert_eq!(queue.enqueue(None, vec![update("in time")]).await.unwrap(), [EnqueueResult::Updated]);
        let stale = new_delivery("a", Ringing, "desk", EnqueueMode::Insert, "stale");
        assert_eq!(queue.enqueue(None, vec![stale]).await.unwrap(), [EnqueueResult::Unchanged]);
        let leased = lease_one(&queue, "desk").await;
        assert_eq!((leased.key.status, label(&leased.card)), (Ringing, "in time"));
        queue.settle(vec![settle(leased.id, Settlement::Delivered)]).await.unwrap();
        assert_eq!(queue.enqueue(None, vec![update("too late")]).await.unwrap(), [EnqueueResult::Unchanged]);
    }

    pub async fn retry_is_due_on_time_and_after_a_clock_jump_back(outbox: impl TestStore) {
        let queue = outbox.queue();
        queue.enqueue(None, vec![insert("a", Ringing, "desk")]).await.unwrap();
        let ring = lease_one(&queue, "desk").await;
        let due = after(Timestamp::now(), MAX_RETRY_AFTER);
        queue.settle(vec![settle(ring.id, Settlement::Retry { not_before: due, plain: false })]).await.unwrap();
        assert_eq!(due_now(&queue, "desk").await, []);
        let next = queue.next_due(&sink("desk")).await.unwrap().unwrap();
        assert_eq!(next.as_millisecond(), due.as_millisecond());
        assert_eq!(queue.due(&sink("desk"), due, 9).await.unwrap().len(), 1);
        let hour_ago = due.checked_sub(Duration::from_secs(3600)).unwrap();
        assert_eq!(queue.due(&sink("desk"), hour_ago, 9).await.unwrap().len(), 1);
        // A new delivery is due at any clock time.
        queue.enqueue(None, vec![insert("b", Ringing, "desk")]).await.unwrap();
        assert_eq!(queue.due(&sink("desk"), Timestamp::UNIX_EPOCH, 9).await.unwrap().len(), 2);
    }

    pub async fn crash_frees_leases_and_keeps_settlements(mut outbox: impl TestStore) {
        let queue = outbox.queue();
        let rings = ["a", "b", "c"].map(|call| insert(call, Ringing, "desk"));
        queue.enqueue(None, rings.to_vec()).await.unwrap();
        let ids: Vec<_> = due_now(&queue, "desk").await.iter().map(|delivery| delivery.id).collect();
        assert_eq!(queue.lease(ids.clone()).await.unwrap().len(), 3);
        assert_eq!(queue.lease(ids.clone()).await.unwrap(), []);
        let dead = Settlement::Dead("no".to_owned());
        queue.settle(vec![settle(ids[0], Settlement::Delivered), settle(ids[1], dead)]).await.unwrap();
        outbox.crash().await;
        assert_eq!(lease_one(&outbox.queue(), "desk").await.id, ids[2]);
    }

    pub async fn release_counts_no_attempt(outbox: impl TestStore) {
        let queue = outbox.queue();
        queue.enqueue(None, vec![insert("a", Ringing, "desk")]).await.unwrap();
        let ring = lease_one(&queue, "desk").await;
        queue.settle(vec![settle(ring.id, Settlement::Released)]).await.unwrap();
        assert_eq!(lease_one(&queue, "desk").await.attempts, 0);
    }

    pub async fn pending_update_is_listed_until_enqueued(mut outbox: impl TestStore) {
        let queue = outbox.queue();
        queue.save_pending(call_update("a", Ringing, "first")).await.unwrap();
        queue.save_pending(call_update("b", Ringing, "other")).await.unwrap();
        queue.save_pending(call_update("a", Ringing, "renewed")).await.unwrap();
        outbox.crash().await;
        let queue = outbox.queue();
        let mut names: Vec<_> =
            queue.pending().await.unwrap().into_iter().map(|t| t.call.caller.name.unwrap()).collect();
        names.sort();
        assert_eq!(names, ["other", "renewed"]);
        queue.enqueue(Some((call_id("a"), Ringing)), vec![insert("a", Ringing, "desk")]).await.unwrap();
        queue.enqueue(Some((call_id("b"), Ringing)), vec![]).await.unwrap();
        assert_eq!(queue.pending().await.unwrap(), []);
        outbox.crash().await;
        assert_eq!(outbox.queue().pending().await.unwrap(), []);
    }

    pub async fn sinks_and_calls_are_independent(outbox: impl TestStore) {
        let queue = outbox.queue();
        let all = [insert("a", Ringing, "desk"), insert("b", Ringing, "desk"), insert("a", Ringing, "support")];
        queue.enqueue(None, all.to_vec()).await.unwrap();
        let first = due_now(&queue, "desk").await[0].id;
        queue.lease(vec![first]).await.unwrap();
        queue.enqueue(None, vec![insert("a", Missed, "desk")]).await.unwrap();
        assert_eq!(lease_one(&queue, "desk").await.key.subject, Subject::Call(call_id("b")));
        assert_eq!(lease_one(&queue, "support").await.key.status, Ringing);
    }

    pub async fn lease_takes_only_the_first_delivery_of_a_call(outbox: impl TestStore) {
        let queue = outbox.queue();
        queue.enqueue(None, vec![insert("a", Ringing, "desk")]).await.unwrap();
        let ring = due_now(&queue, "desk").await[0].id;
        queue.enqueue(None, vec![insert("a", Missed, "desk")]).await.unwrap();
        assert_eq!(queue.lease(vec![ring, DeliveryId(4711)]).await.unwrap(), []);
        let missed = lease_one(&queue, "desk").await;
        queue.enqueue(None, vec![insert("a", Voicemail, "desk")]).await.unwrap();
        let all_ids: Vec<_> = (0..20).map(DeliveryId).collect();
        assert_eq!(queue.lease(all_ids).await.unwrap(), []);
        queue.settle(vec![settle(missed.id, Settlement::Delivered)]).await.unwrap();
        assert_eq!(lease_one(&queue, "desk").await.key.status, Voicemail);
    }

    pub async fn settlement_is_stored_before_settle_returns(mut outbox: impl TestStore) {
        let queue = outbox.queue();
        queue.enqueue(None, vec![insert("a", Ringing, "desk")]).await.unwrap();
        let ring = lease_one(&queue, "desk").await;
        queue.settle(vec![settle(ring.id, Settlement::Delivered)]).await.unwrap();
        outbox.crash().await;
        assert_eq!(due_now(&outbox.queue(), "desk").await, []);
    }

    pub async fn due_returns_the_oldest_up_to_the_limit(outbox: impl TestStore) {
        let queue = outbox.queue();
        let calls = ["a", "b", "c", "d"];
        queue.enqueue(None, calls.map(|call| insert(call, Ringing, "desk")).to_vec()).await.unwrap();
        let some = queue.due(&sink("desk"), Timestamp::now(), 3).await.unwrap();
        assert_eq!(some.iter().map(|delivery| label(&delivery.card)).collect::<Vec<_>>(), ["a", "b", "c"]);
        assert_eq!(queue.due(&sink("none"), Timestamp::now(), 3).await.unwrap(), []);
        assert_eq!(queue.due(&sink("desk"), Timestamp::now(), 0).await.unwrap(), []);
    }
}
