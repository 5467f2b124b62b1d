//! Back-to-back calls of one number.

use super::{coalesce as cases, suite::TestStore, *};
use crate::model::card::{CallerHistory, RepeatCalls};

over_each_database! {
    waiting_ring_is_superseded_by_the_next_call_and_ends_are_posted,
    ring_stays_if_uncounted_leased_or_of_another_caller,
}

/// Returns the ring of the caller's `nth` call.
fn ring(call: &str, nth: u32) -> NewDelivery {
    let mut ring = insert(call, StatusKind::Ringing, "desk");
    if let Card::Call(card) = &mut ring.card {
        let again = (nth > 1).then_some(RepeatCalls { nth, within: Duration::from_secs(600) });
        card.caller_info.history = Some(CallerHistory { repeat_calls: again, ..CallerHistory::default() });
    }
    ring
}

async fn due_keys(queue: &DatabaseOutbox) -> Vec<(Subject, StatusKind)> {
    due_now(queue, "desk").await.into_iter().map(|one| (one.key.subject, one.key.status)).collect()
}

async fn waiting_ring_is_superseded_by_the_next_call_and_ends_are_posted(
    outbox: impl TestStore<Queue = DatabaseOutbox>,
) {
    let queue = &outbox.queue();
    queue.enqueue(None, vec![ring("a", 1)]).await.unwrap();
    queue.enqueue(None, vec![ring("b", 2)]).await.unwrap();
    let (a, b) = (Subject::Call(call_id("a")), Subject::Call(call_id("b")));
    assert_eq!(due_keys(queue).await, [(b.clone(), StatusKind::Ringing)]);
    queue.enqueue(None, vec![insert("a", StatusKind::Missed, "desk")]).await.unwrap();
    queue.enqueue(None, vec![insert("b", StatusKind::Missed, "desk")]).await.unwrap();
    assert_eq!(due_keys(queue).await, [(a, StatusKind::Missed), (b, StatusKind::Missed)]);
}

async fn ring_stays_if_uncounted_leased_or_of_another_caller(outbox: impl TestStore<Queue = DatabaseOutbox>) {
    let queue = &outbox.queue();
    queue.enqueue(None, vec![ring("a", 1)]).await.unwrap();
    queue.enqueue(None, vec![ring("b", 1)]).await.unwrap();
    assert_eq!(due_keys(queue).await.len(), 2, "without a counter, the card does not show the first call");
    let mut other = ring("c", 2);
    if let Card::Call(card) = &mut other.card {
        card.update.call.caller.number = PhoneNumber::parse(Some("+15145550188"), Region::US);
    }
    queue.enqueue(None, vec![other]).await.unwrap();
    assert_eq!(due_keys(queue).await.len(), 3);
    let first = due_now(queue, "desk").await[0].id;
    queue.lease(vec![first]).await.unwrap();
    queue.enqueue(None, vec![ring("d", 3)]).await.unwrap();
    queue.settle(vec![settle(first, Settlement::Released)]).await.unwrap();
    let due: Vec<Subject> = due_keys(queue).await.into_iter().map(|(subject, _)| subject).collect();
    let call = |name| Subject::Call(call_id(name));
    assert_eq!(due, [call("a"), call("c"), call("d")], "only b is superseded");
}
