//! What operators do, beside a running queue.

use super::{
    super::{AdminError, Filter, State, Which, drop_one, list, retry, show},
    *,
};
use crate::model::call::MomentKind::Ringing;

fn all() -> Filter {
    Filter { state: None, sink: None, most: 100 }
}

async fn dead(queue: &Queue, call: &str) -> DeliveryId {
    queue.admit(None, vec![tell(call, Ringing, "desk")]).await.unwrap();
    let held = lease_one(queue, "desk").await;
    let settlement = Settlement::Dead("the chat said no".to_owned());
    queue.settle(vec![Settle { id: held.id, settlement, attempt: attempt(400) }]).await.unwrap();
    held.id
}

#[tokio::test]
async fn a_dead_letter_keeps_card_attempts_and_answer_and_can_be_tried_again_while_the_daemon_runs() {
    let under = Sqlite::fresh();
    let (queue, dir) = (&under.queue, under.dir.path());
    let id = dead(queue, "a").await;
    let (letter, attempts) = show(dir, id).unwrap().unwrap();
    assert_eq!((letter.state, letter.why.as_deref()), (Some(State::Dead), Some("the chat said no")));
    assert_eq!(words(&letter.card.unwrap()), "a");
    assert_eq!((attempts.len(), attempts[0].status, attempts[0].answer.as_str()), (1, Some(400), "as it was"));
    // The news of the admission, so that what follows is that of the operator.
    queue.news(&sink("desk")).await;
    assert_eq!(retry(dir, &Which::One(id)).unwrap(), 1);
    tokio::time::timeout(Duration::from_secs(5), queue.news(&sink("desk"))).await.unwrap();
    let again = lease_one(queue, "desk").await;
    assert_eq!((again.id, again.attempts), (id, 1));
    queue.settle(vec![settle(id, Settlement::Delivered)]).await.unwrap();
    assert_eq!(show(dir, id).unwrap().unwrap().1.len(), 2);
    assert_eq!(retry(dir, &Which::One(id)).unwrap(), 0);
    assert!(!drop_one(dir, id, Timestamp::now()).unwrap());
}

#[tokio::test]
async fn what_was_dropped_is_not_told_and_not_admitted_again() {
    let under = Sqlite::fresh();
    let (queue, dir) = (&under.queue, under.dir.path());
    queue.admit(None, vec![tell("a", Ringing, "desk")]).await.unwrap();
    let held = lease_one(queue, "desk").await;
    assert!(drop_one(dir, held.id, Timestamp::now()).unwrap());
    let again = Settlement::Retry { not_before: Timestamp::UNIX_EPOCH, plain: false };
    queue.settle(vec![settle(held.id, again)]).await.unwrap();
    assert_eq!(now_waiting(queue, "desk").await, []);
    assert_eq!(
        queue.admit(None, vec![tell("a", Ringing, "desk")]).await.unwrap(),
        [crate::model::delivery::Admitted::Known]
    );
    assert_eq!(show(dir, held.id).unwrap().unwrap().0.state, Some(State::Dropped));
}

#[tokio::test]
async fn a_list_shows_what_was_asked_for_also_when_nothing_runs() {
    let under = Sqlite::fresh();
    let (queue, dir) = (&under.queue, under.dir.path());
    let (first, second) = (dead(queue, "a").await, dead(queue, "b").await);
    queue.admit(None, vec![tell("c", Ringing, "support")]).await.unwrap();
    queue.close().await;
    let ids = |filter: &Filter| list(dir, filter).unwrap().iter().map(|letter| letter.id).collect::<Vec<_>>();
    assert_eq!(ids(&all()).len(), 3);
    assert_eq!(ids(&Filter { most: 1, ..all() }), [DeliveryId(3)]);
    assert_eq!(ids(&Filter { state: Some(State::Dead), ..all() }), [first, second]);
    assert_eq!(ids(&Filter { sink: Some(sink("support")), ..all() }), [DeliveryId(3)]);
    assert_eq!(retry(dir, &Which::Dead(Some(sink("support")))).unwrap(), 0);
    assert_eq!(retry(dir, &Which::Dead(None)).unwrap(), 2);
    assert_eq!(ids(&Filter { state: Some(State::Waiting), ..all() }).len(), 3);
}

#[test]
fn where_no_outbox_is_none_is_made() {
    let dir = TempDir::new().unwrap();
    assert!(matches!(list(dir.path(), &all()), Err(AdminError::Missing(_))));
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    std::fs::write(dir.path().join(FILE), "").unwrap();
    assert!(matches!(list(dir.path(), &all()), Err(AdminError::Foreign(_))));
}
