//! Missed calls and return calls: what is stored with the deliveries of a call, for how long, and what a callback changes.

use super::{
    super::{CallerKey, disk_error::StoreError, forget, store::Store},
    missed_calls as cases,
    suite::TestStore,
    *,
};
use crate::model::{
    call::{
        CallDirection, Callback, ReturnCall, ReturnKind, Revision,
        StatusKind::{Answered, CalledBack, Ended, Missed, Voicemail},
    },
    delivery::{EnqueueResult, MessageRef},
    phone::E164,
    time::after,
};

over_each_database! {
    calls_are_stored_with_their_deliveries_and_survive_a_crash,
    callback_is_stored_and_kept_by_later_updates,
    call_that_proves_to_be_answered_or_left_waiting_changes_sides,
    merged_callback_edits_a_message_and_never_posts_one,
    short_message_follows_the_missed_card_once_and_again_after_a_try,
    late_missed_card_does_not_replace_a_waiting_short_message,
}

const ALICE: &str = "+15145550199";

fn alice() -> E164 {
    E164::try_from(ALICE.to_owned()).unwrap()
}

fn at(seconds: u64) -> Timestamp {
    after(Timestamp::UNIX_EPOCH, Duration::from_secs(seconds))
}

/// An inbound call of Alice that began at `started` and whose caller waits for a callback unless she was answered.
fn inbound(call: &str, started: u64, kind: StatusKind) -> CallUpdate {
    let mut update = call_update(call, kind, "Alice");
    (update.call.started_at, update.at) = (at(started), at(started + 20));
    update.call.course.needs_callback = matches!(kind, Missed | Voicemail);
    update
}

fn outbound(call: &str, started: u64, kind: StatusKind) -> CallUpdate {
    let update = inbound(call, started, kind);
    let call = Call { direction: CallDirection::Outbound, ..update.call };
    CallUpdate { call, ..update }
}

fn called_back(missed: &CallUpdate, kind: ReturnKind) -> CallUpdate {
    let call = ReturnCall { kind, colleague: None, started_at: at(700), at: at(900), is_over: true, talked: None };
    let mut update = missed.clone();
    update.call.revision = Some(Revision::CalledBack);
    update.call.course.callback = Some(Callback { call, after: Duration::from_secs(600) });
    update
}

fn delivery(update: &CallUpdate, mode: EnqueueMode) -> NewDelivery {
    let key = DeliveryKey { subject: Subject::Call(update.call.id.clone()), status: update.kind(), sink: sink("desk") };
    let card = Card::Call(Box::new(CallCard::new(update.clone(), CallerInfo::default())));
    NewDelivery { key, card, mode }
}

async fn enqueue(queue: &DatabaseOutbox, update: &CallUpdate, mode: EnqueueMode) -> EnqueueResult {
    queue.enqueue(None, vec![delivery(update, mode)]).await.unwrap()[0]
}

/// Returns the open missed calls, those with a callback, and the return calls of Alice.
async fn stored(queue: &DatabaseOutbox) -> (Vec<String>, Vec<String>, Vec<ReturnKind>) {
    let calls = queue.caller_calls(CallerKey::of(&alice())).await.unwrap();
    let (open, closed): (Vec<_>, Vec<_>) = calls.missed.into_iter().partition(|missed| missed.callback.is_none());
    let ids = |missed: Vec<crate::outbox::MissedCall>| {
        missed.iter().map(|missed| missed.card.update.call.id.to_string()).collect()
    };
    (ids(open), ids(closed), calls.returns.iter().map(|call| call.kind).collect())
}

async fn calls_are_stored_with_their_deliveries_and_survive_a_crash(
    mut outbox: impl TestStore<Queue = DatabaseOutbox>,
) {
    enqueue(&outbox.queue(), &inbound("a", 100, Missed), EnqueueMode::UpsertLive).await;
    outbox.queue().record_silent_call(inbound("b", 50, Voicemail)).await.unwrap();
    enqueue(&outbox.queue(), &inbound("answered", 10, Ended), EnqueueMode::UpsertLive).await;
    outbox.queue().record_unposted(outbound("c", 700, Missed), None).await.unwrap();
    outbox.crash().await;
    let (open, closed, returns) = stored(&outbox.queue()).await;
    assert_eq!((open, closed), (vec!["b".to_owned(), "a".to_owned()], vec![]));
    assert_eq!(returns, [ReturnKind::GotThrough, ReturnKind::Tried]);
    assert_eq!(outbox.queue().returned_callers(at(0)).await.unwrap(), [CallerKey::of(&alice())]);
    assert_eq!(outbox.queue().returned_callers(Timestamp::MAX).await.unwrap(), []);
}

async fn callback_is_stored_and_kept_by_later_updates(outbox: impl TestStore<Queue = DatabaseOutbox>) {
    let missed = inbound("a", 100, Voicemail);
    enqueue(&outbox.queue(), &missed, EnqueueMode::UpsertLive).await;
    enqueue(&outbox.queue(), &called_back(&missed, ReturnKind::CalledBack), EnqueueMode::MergeCallback).await;
    assert_eq!(stored(&outbox.queue()).await.1, ["a"]);
    let mut completed = missed.clone();
    completed.status = CallStatus::Voicemail { duration: Some(Duration::from_secs(9)) };
    completed.call.revision = Some(Revision::Completed);
    enqueue(&outbox.queue(), &completed, EnqueueMode::UpsertLive).await;
    assert_eq!(stored(&outbox.queue()).await.1, ["a"]);
    let Card::Call(live) = lease_one(&outbox.queue(), "desk").await.card else { panic!() };
    assert_eq!(live.update.status, completed.status);
    assert!(live.update.call.course.callback.is_some(), "the live message lost its callback");
}

async fn call_that_proves_to_be_answered_or_left_waiting_changes_sides(outbox: impl TestStore<Queue = DatabaseOutbox>) {
    let queue = &outbox.queue();
    enqueue(queue, &inbound("a", 100, Missed), EnqueueMode::UpsertLive).await;
    enqueue(queue, &inbound("b", 200, Answered), EnqueueMode::UpsertLive).await;
    assert_eq!(stored(queue).await, (vec!["a".to_owned()], vec![], vec![ReturnKind::GotThrough]));
    let mut left_waiting = inbound("b", 200, Ended);
    left_waiting.call.course.needs_callback = true;
    enqueue(queue, &left_waiting, EnqueueMode::UpsertLive).await;
    assert_eq!(stored(queue).await, (vec!["a".to_owned(), "b".to_owned()], vec![], vec![]));
    let mut corrected = inbound("a", 100, Ended);
    corrected.call.revision = Some(Revision::Corrected);
    enqueue(queue, &corrected, EnqueueMode::UpsertLive).await;
    assert_eq!(stored(queue).await.0, ["b"]);
}

async fn merged_callback_edits_a_message_and_never_posts_one(outbox: impl TestStore<Queue = DatabaseOutbox>) {
    let queue = &outbox.queue();
    let missed = inbound("a", 100, Missed);
    let back = called_back(&missed, ReturnKind::CalledBack);
    assert_eq!(enqueue(queue, &back, EnqueueMode::MergeCallback).await, EnqueueResult::Unchanged);
    enqueue(queue, &missed, EnqueueMode::UpsertLive).await;
    let held = lease_one(queue, "desk").await;
    let message = MessageRef { channel: "C1".to_owned(), ts: "1.2".to_owned() };
    queue.settle(vec![settle(held.id, Settlement::Posted(message.clone()))]).await.unwrap();
    assert_eq!(enqueue(queue, &back, EnqueueMode::MergeCallback).await, EnqueueResult::Updated);
    let edit = lease_one(queue, "desk").await;
    assert_eq!((edit.mode.edited_message(), edit.key.status), (Some(&message), Missed));
    assert_eq!(enqueue(queue, &back, EnqueueMode::MergeCallback).await, EnqueueResult::Unchanged);
}

async fn short_message_follows_the_missed_card_once_and_again_after_a_try(
    outbox: impl TestStore<Queue = DatabaseOutbox>,
) {
    let queue = &outbox.queue();
    let missed = inbound("a", 100, Missed);
    enqueue(queue, &missed, EnqueueMode::Insert).await;
    let tried = called_back(&missed, ReturnKind::Tried);
    assert_eq!(enqueue(queue, &tried, EnqueueMode::Insert).await, EnqueueResult::Inserted);
    let short = lease_one(queue, "desk").await;
    assert_eq!(short.key.status, CalledBack, "the waiting missed card was replaced");
    queue.settle(vec![settle(short.id, Settlement::Delivered)]).await.unwrap();
    assert_eq!(enqueue(queue, &tried, EnqueueMode::Insert).await, EnqueueResult::Unchanged);
    let back = called_back(&missed, ReturnKind::CalledBack);
    assert_eq!(enqueue(queue, &back, EnqueueMode::Insert).await, EnqueueResult::Inserted);
    let short = lease_one(queue, "desk").await;
    queue.settle(vec![settle(short.id, Settlement::Delivered)]).await.unwrap();
    assert_eq!(enqueue(queue, &back, EnqueueMode::Insert).await, EnqueueResult::Unchanged);
}

async fn late_missed_card_does_not_replace_a_waiting_short_message(outbox: impl TestStore<Queue = DatabaseOutbox>) {
    let missed = inbound("a", 100, Missed);
    enqueue(&outbox.queue(), &called_back(&missed, ReturnKind::CalledBack), EnqueueMode::Insert).await;
    assert_eq!(enqueue(&outbox.queue(), &missed, EnqueueMode::UpdatePending).await, EnqueueResult::Unchanged);
    assert_eq!(enqueue(&outbox.queue(), &missed, EnqueueMode::Insert).await, EnqueueResult::Unchanged);
}

#[test]
fn retention_deletes_old_missed_calls_and_return_calls_without_one() {
    let dir = TempDir::new().unwrap();
    let db = open_database(&settings(dir.path()), Timestamp::now()).unwrap().db;
    let mut store = Store::new(Session::Sqlite(db), Default::default());
    let day = 86_400;
    let record = |store: &Store, update: CallUpdate, now| {
        store.record_caller_call(&CallCard::new(update, CallerInfo::default()), now).unwrap();
    };
    record(&store, inbound("old", 0, Missed), at(20));
    record(&store, inbound("new", 20 * day, Missed), at(20 * day));
    record(&store, outbound("returns", 20 * day + 50, Missed), at(20 * day + 60));
    let mut other = outbound("unmatched", 20 * day + 50, Missed);
    other.call.caller.number = PhoneNumber::parse(Some("+15145550123"), Region::US);
    record(&store, other, at(20 * day + 60));
    let count = |store: &Store| -> Result<(i64, i64), StoreError> {
        let read = "SELECT (SELECT count(*) FROM missed_calls), (SELECT count(*) FROM return_calls)";
        Ok(store.db.query_row(read, &[], |row| Ok((row.get(0)?, row.get(1)?)))?)
    };
    store.retain(Retention::default(), at(20 * day + 100)).unwrap();
    assert_eq!(count(&store).unwrap(), (2, 2));
    store.retain(Retention::default(), at(31 * day)).unwrap();
    assert_eq!(count(&store).unwrap(), (1, 1));
    store.retain(Retention::default(), at(51 * day)).unwrap();
    assert_eq!(count(&store).unwrap(), (0, 0));
}

#[tokio::test]
async fn forget_deletes_the_calls_of_a_number_and_masks_it_in_others() {
    let outbox = Sqlite::fresh();
    let queue = &outbox.queue;
    enqueue(queue, &inbound("a", 100, Missed), EnqueueMode::Insert).await;
    queue.record_unposted(outbound("b", 200, Missed), None).await.unwrap();
    let mut other = inbound("c", 300, Missed);
    other.call.caller.number = PhoneNumber::parse(Some("+15145550123"), Region::US);
    other.call.course.forwarded_to = Some(PhoneNumber::Known(alice()));
    queue.record_silent_call(other.clone()).await.unwrap();
    let report = forget(outbox.dir.path(), &alice(), Timestamp::now()).unwrap();
    assert_eq!((report.erased, report.missed), (1, 1));
    assert_eq!(stored(queue).await, (vec![], vec![], vec![]));
    let left = queue.caller_calls(CallerKey::of(other.call.caller.number.as_e164().unwrap())).await.unwrap();
    assert!(!format!("{:?}", left.missed).contains("15145550199"));
    queue.close().await;
    let file = std::fs::read(outbox.dir.path().join(FILE_NAME)).unwrap();
    assert!(!String::from_utf8_lossy(&file).contains("15145550199"), "the number is in the file");
}
