//! What the next run recovers from: heartbeats, open and ended calls, and ends that become known later.

use super::{super::Heartbeat, bookkeeping as cases, suite::TestStore, *};
use crate::model::{
    call::{
        Revision,
        StatusKind::{Ended, Missed, Ringing},
    },
    delivery::EnqueueResult,
    ids::ConnectionName,
    time::after,
};

over_each_database! {
    earlier_uncovered_call_is_stored_within_the_interval_of_a_heartbeat,
    heartbeats_and_open_calls_survive_a_restart,
    unknown_end_stays_open_and_known_or_silent_end_does_not,
    outcome_known_later_is_posted_once_after_the_unknown_end,
}

fn connection() -> ConnectionName {
    "main".try_into().unwrap()
}

fn live_at(live_at: Timestamp) -> Heartbeat {
    Heartbeat { live_at, uncovered_since: None }
}

/// An uncovered call that is lost with a kill must not wait for the next interval; a covered one may.
async fn earlier_uncovered_call_is_stored_within_the_interval_of_a_heartbeat(
    outbox: impl TestStore<Queue = DatabaseOutbox>,
) {
    let start = Timestamp::from_second(1_800_000_000).unwrap();
    let at = |seconds| after(start, Duration::from_secs(seconds));
    let (live, early, late) = (at(100), Some(at(50)), Some(at(60)));
    for (seconds, uncovered_since, stored) in
        [(0, None, None), (1, late, late), (2, early, early), (3, late, early), (4, None, early), (12, None, None)]
    {
        let live_at = after(live, Duration::from_secs(seconds));
        outbox.queue().heartbeat(connection(), Heartbeat { live_at, uncovered_since }).await.unwrap();
        let last = outbox.queue().last_heartbeat(connection()).await.unwrap().unwrap();
        assert_eq!(last.uncovered_since, stored, "after {seconds} s");
    }
}

async fn heartbeats_and_open_calls_survive_a_restart(mut outbox: impl TestStore<Queue = DatabaseOutbox>) {
    let start = Timestamp::now();
    assert_eq!(outbox.queue().last_heartbeat(connection()).await.unwrap(), None);
    outbox.queue().heartbeat(connection(), live_at(start)).await.unwrap();
    outbox.queue().heartbeat(connection(), live_at(after(start, Duration::from_secs(9)))).await.unwrap();
    outbox.queue().save_pending(call_update("pending", Ringing, "x")).await.unwrap();
    outbox
        .queue()
        .enqueue(None, vec![insert("rings", Ringing, "desk"), insert("ended", Ringing, "desk")])
        .await
        .unwrap();
    outbox.queue().save_pending(call_update("ended", Ended, "x")).await.unwrap();
    outbox.crash().await;
    let last = outbox.queue().last_heartbeat(connection()).await.unwrap().unwrap();
    assert_eq!(last.live_at.as_millisecond(), start.as_millisecond());
    let open = outbox.queue().open_calls(start).await.unwrap();
    assert_eq!(open.iter().map(|open| open.call.as_str()).collect::<Vec<_>>(), ["pending", "rings"]);
    let last: Vec<_> = open.iter().map(|open| open.last_update.as_ref().map(|last| last.status.kind())).collect();
    assert_eq!(last, [None, Some(StatusKind::Ringing)], "last enqueued update");
    let ended = outbox.queue().ended_calls(start).await.unwrap();
    assert_eq!(ended.iter().map(|call| call.as_str()).collect::<Vec<_>>(), ["ended"]);
    assert_eq!(outbox.queue().open_calls(after(Timestamp::now(), Duration::from_secs(1))).await.unwrap(), []);
    // A clock that jumped back also writes.
    for jump in [after(start, Duration::from_secs(10)), start.checked_sub(Duration::from_secs(3600)).unwrap()] {
        outbox.queue().heartbeat(connection(), live_at(jump)).await.unwrap();
        assert_eq!(
            outbox.queue().last_heartbeat(connection()).await.unwrap().unwrap().live_at.as_millisecond(),
            jump.as_millisecond()
        );
    }
}

/// An update with an unknown outcome.
fn unknown_end(call: &str) -> CallUpdate {
    let mut update = call_update(call, Ended, call);
    update.call.end_unknown = true;
    update
}

fn end_delivery(update: &CallUpdate) -> NewDelivery {
    let key = DeliveryKey { subject: Subject::Call(update.call.id.clone()), status: Ended, sink: sink("desk") };
    let card = Card::Call(Box::new(CallCard::new(update.clone(), CallerInfo::default())));
    NewDelivery { key, card, mode: EnqueueMode::Insert }
}

async fn unknown_end_stays_open_and_known_or_silent_end_does_not(outbox: impl TestStore<Queue = DatabaseOutbox>) {
    let queue = outbox.queue();
    queue.record_silent_call(unknown_end("unknown")).await.unwrap();
    queue.record_silent_call(call_update("silent", Missed, "x")).await.unwrap();
    let since = Timestamp::UNIX_EPOCH;
    let open: Vec<_> = queue.open_calls(since).await.unwrap().into_iter().map(|open| open.call).collect();
    assert_eq!((open, queue.ended_calls(since).await.unwrap()), (vec![call_id("unknown")], vec![call_id("silent")]));
    queue.record_silent_call(call_update("unknown", Missed, "x")).await.unwrap();
    assert_eq!(queue.open_calls(since).await.unwrap(), []);
}

async fn outcome_known_later_is_posted_once_after_the_unknown_end(outbox: impl TestStore<Queue = DatabaseOutbox>) {
    let queue = outbox.queue();
    let unknown = end_delivery(&unknown_end("a"));
    assert_eq!(queue.enqueue(None, vec![unknown.clone()]).await.unwrap(), [EnqueueResult::Inserted]);
    let leased = lease_one(&queue, "desk").await;
    queue.settle(vec![settle(leased.id, Settlement::Delivered)]).await.unwrap();
    assert_eq!(queue.enqueue(None, vec![unknown]).await.unwrap(), [EnqueueResult::Unchanged], "still unknown");
    let mut known = call_update("a", Ended, "a");
    known.call.revision = Some(Revision::Resolved);
    let resolved = || vec![end_delivery(&known)];
    assert_eq!(queue.enqueue(None, resolved()).await.unwrap(), [EnqueueResult::Inserted]);
    let leased = lease_one(&queue, "desk").await;
    queue.settle(vec![settle(leased.id, Settlement::Delivered)]).await.unwrap();
    assert_eq!(queue.enqueue(None, resolved()).await.unwrap(), [EnqueueResult::Unchanged]);
    assert_eq!(due_now(&queue, "desk").await, []);
}
