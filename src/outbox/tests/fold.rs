//! Back-to-back calls of one number.

use super::*;
use crate::model::card::{Again, History};

/// The ring of the caller's `nth` call.
fn ring(call: &str, nth: u32) -> Admission {
    let mut ring = tell(call, MomentKind::Ringing, "desk");
    if let Card::Call(card) = &mut ring.card {
        let again = (nth > 1).then_some(Again { nth, within: Duration::from_secs(600) });
        card.found.history = Some(History { again, ..History::default() });
    }
    ring
}

async fn told(queue: &Queue) -> Vec<(Subject, MomentKind)> {
    now_waiting(queue, "desk").await.into_iter().map(|one| (one.key.subject, one.key.moment)).collect()
}

#[tokio::test]
async fn a_ring_that_waits_goes_along_with_the_callers_next_and_both_outcomes_are_told() {
    let outbox = Sqlite::fresh();
    let queue = &outbox.queue;
    queue.admit(None, vec![ring("a", 1)]).await.unwrap();
    queue.admit(None, vec![ring("b", 2)]).await.unwrap();
    let (a, b) = (Subject::Call(call_id("a")), Subject::Call(call_id("b")));
    assert_eq!(told(queue).await, [(b.clone(), MomentKind::Ringing)]);
    queue.admit(None, vec![tell("a", MomentKind::Missed, "desk")]).await.unwrap();
    queue.admit(None, vec![tell("b", MomentKind::Missed, "desk")]).await.unwrap();
    assert_eq!(told(queue).await, [(a, MomentKind::Missed), (b, MomentKind::Missed)]);
}

#[tokio::test]
async fn a_ring_stays_if_its_caller_is_not_counted_is_another_or_is_on_its_way() {
    let outbox = Sqlite::fresh();
    let queue = &outbox.queue;
    queue.admit(None, vec![ring("a", 1)]).await.unwrap();
    queue.admit(None, vec![ring("b", 1)]).await.unwrap();
    assert_eq!(told(queue).await.len(), 2, "without a counter nothing would say that there were two");
    let mut other = ring("c", 2);
    if let Card::Call(card) = &mut other.card {
        card.telling.call.caller.number = Number::read(Some("+15145550188"), Region::US);
    }
    queue.admit(None, vec![other]).await.unwrap();
    assert_eq!(told(queue).await.len(), 3);
    let first = now_waiting(queue, "desk").await[0].id;
    queue.lease(vec![first]).await.unwrap();
    queue.admit(None, vec![ring("d", 3)]).await.unwrap();
    queue.settle(vec![settle(first, Settlement::Released)]).await.unwrap();
    let left: Vec<Subject> = told(queue).await.into_iter().map(|(subject, _)| subject).collect();
    let call = |name| Subject::Call(call_id(name));
    assert_eq!(left, [call("a"), call("c"), call("d")], "only b went along");
}
