//! Erasure of a number: from the rows, and from the bytes of the file.

use super::{
    super::{DeliveryState, RetryTarget, forget, retry, rewrite, show},
    *,
};
use crate::model::{
    call::StatusKind::{Ended, Missed, Ringing},
    card::{Contact, GapSummary, Match, PendingCallback, Recap},
    delivery::EnqueueResult,
    phone::E164,
};

const PERSON: &str = "+15145550199";
const OTHER: &str = "+15145550123";

fn person() -> E164 {
    E164::try_from(PERSON.to_owned()).unwrap()
}

fn update_of(number: &str, call: &str, kind: StatusKind) -> CallUpdate {
    let mut update = call_update(call, kind, "Alice Martin");
    update.call.caller.number = PhoneNumber::parse(Some(number), Region::US);
    update
}

fn delivery_of(update: CallUpdate, to: &str, found: CallerInfo) -> NewDelivery {
    let key =
        DeliveryKey { subject: Subject::Call(update.call.id.clone()), status: update.status.kind(), sink: sink(to) };
    NewDelivery { key, card: Card::Call(Box::new(CallCard::new(update, found))), mode: EnqueueMode::Insert }
}

/// Reads the files of the state directory, with or without a running daemon.
fn bytes(dir: &Path) -> String {
    let files = std::fs::read_dir(dir).unwrap();
    let bytes = files.flat_map(|file| std::fs::read(file.unwrap().path()).unwrap()).collect::<Vec<u8>>();
    String::from_utf8_lossy(&bytes).into_owned()
}

fn digits() -> &'static str {
    PERSON.trim_start_matches('+')
}

#[tokio::test]
async fn forget_leaves_no_byte_and_no_repost() {
    let outbox = Sqlite::fresh();
    let (queue, dir) = (&outbox.queue, outbox.dir.path());
    // One delivered, with a response that contains the number; one dead; one waiting; one pending.
    queue
        .enqueue(None, vec![delivery_of(update_of(PERSON, "posted", Ringing), "desk", CallerInfo::default())])
        .await
        .unwrap();
    let held = lease_one(queue, "desk").await;
    let echo = Some(Attempt { response: format!("posted: {PERSON}"), ..attempt(200).unwrap() });
    queue.settle(vec![SettleRequest { id: held.id, settlement: Settlement::Delivered, attempt: echo }]).await.unwrap();
    queue
        .enqueue(None, vec![delivery_of(update_of(PERSON, "dead", Missed), "desk", CallerInfo::default())])
        .await
        .unwrap();
    let dead = lease_one(queue, "desk").await;
    queue.settle(vec![settle(dead.id, Settlement::Dead("no".to_owned()))]).await.unwrap();
    queue
        .enqueue(None, vec![delivery_of(update_of(PERSON, "waits", Ringing), "desk", CallerInfo::default())])
        .await
        .unwrap();
    queue.save_pending(update_of(PERSON, "noted", Ringing)).await.unwrap();
    assert!(bytes(dir).contains(digits()), "the number is not in the file");

    let report = forget(dir, &person(), Timestamp::now()).unwrap();
    assert_eq!((report.erased, report.dropped, report.masked, report.pending), (3, 2, 0, 1));
    assert!(!bytes(dir).contains(digits()), "the number is in the file of the running daemon");
    assert!(!bytes(dir).contains("Alice Martin"));
    assert_eq!(due_now(queue, "desk").await, []);
    assert_eq!(queue.pending().await.unwrap(), []);
    let same_keys = vec![
        delivery_of(update_of(PERSON, "posted", Ringing), "desk", CallerInfo::default()),
        delivery_of(update_of(PERSON, "dead", Missed), "desk", CallerInfo::default()),
        delivery_of(update_of(PERSON, "waits", Ringing), "desk", CallerInfo::default()),
    ];
    assert_eq!(queue.enqueue(None, same_keys).await.unwrap(), [EnqueueResult::Unchanged; 3]);
    assert_eq!(retry(dir, &RetryTarget::One(dead.id)).unwrap(), 0, "an erased card cannot be retried");
    let stored = show(dir, dead.id).unwrap().unwrap().0;
    assert_eq!(
        (stored.state, stored.reason.as_deref(), stored.card),
        (Some(DeliveryState::Dropped), Some("forgotten"), None)
    );
    queue.close().await;
    assert!(!bytes(dir).contains(digits()), "the number is in the file after close");
}

#[tokio::test]
async fn forget_masks_the_number_in_other_callers_cards() {
    let outbox = Sqlite::fresh();
    let (queue, dir) = (&outbox.queue, outbox.dir.path());
    let notes = Some(format!("shares {PERSON} with her sister, not {PERSON}7"));
    let who = Match::One { contact: Box::new(Contact { notes, ..Contact::default() }) };
    let mut to_account_number = update_of(OTHER, "account", Ringing);
    to_account_number.call.account_number =
        Some(crate::model::call::AccountNumber { number: PhoneNumber::Known(person()), label: None });
    let gap_summary = Card::GapSummary(GapSummary {
        connection: ConnectionName::try_from("main").unwrap(),
        from: Timestamp::UNIX_EPOCH,
        to: Timestamp::UNIX_EPOCH,
        calls: vec![update_of(PERSON, "x", Missed), update_of(OTHER, "y", Missed)],
        mask: None,
    });
    let key = DeliveryKey { subject: Subject::Named("gap".to_owned()), status: Ended, sink: sink("desk") };
    let pending = |number: &str| {
        let number = PhoneNumber::parse(Some(number), Region::US);
        PendingCallback { missed_calls: 1, ..PendingCallback::new(number, Timestamp::UNIX_EPOCH) }
    };
    let recap = Card::Recap(Recap { missed: 2, pending: vec![pending(PERSON), pending(OTHER)], ..Recap::default() });
    let recap_key = DeliveryKey { subject: Subject::Named("recap".to_owned()), status: Ended, sink: sink("desk") };
    let deliveries = vec![
        delivery_of(update_of(OTHER, "a", Ringing), "desk", CallerInfo { matched: who, ..CallerInfo::default() }),
        delivery_of(to_account_number.clone(), "desk", CallerInfo::default()),
        NewDelivery { key, card: gap_summary, mode: EnqueueMode::Insert },
        NewDelivery { key: recap_key, card: recap, mode: EnqueueMode::Insert },
    ];
    queue.enqueue(None, deliveries).await.unwrap();
    let report = forget(dir, &person(), Timestamp::now()).unwrap();
    assert_eq!((report.erased, report.masked), (0, 3));
    let due = due_now(queue, "desk").await;
    let [Card::Call(first), Card::Call(second), Card::GapSummary(third), Card::Recap(fourth)] =
        due.iter().map(|it| &it.card).collect::<Vec<_>>()[..]
    else {
        panic!("four cards")
    };
    let Match::One { contact } = &first.caller_info.matched else { panic!("one contact") };
    assert_eq!(contact.notes.as_deref(), Some("shares ••• with her sister, not +151455501997"));
    assert_eq!(second.update, to_account_number);
    assert_eq!(third.calls, [update_of(OTHER, "y", Missed)]);
    assert_eq!((fourth.missed, &fourth.pending[..]), (2, &[pending(OTHER)][..]));
}

#[tokio::test]
async fn rewrite_removes_copies_in_free_space() {
    let outbox = Sqlite::fresh();
    let (queue, dir) = (&outbox.queue, outbox.dir.path());
    // Cards that grow, shrink and are deleted move others between pages.
    for nth in 0..400_usize {
        let number = if nth % 3 == 0 { PERSON } else { OTHER };
        let mut update = update_of(number, &format!("call-{nth}"), Ringing);
        queue.enqueue(None, vec![delivery_of(update.clone(), "desk", CallerInfo::default())]).await.unwrap();
        update.call.caller.name = Some("long ".repeat(nth * 37 % 700));
        let grown =
            NewDelivery { mode: EnqueueMode::UpdatePending, ..delivery_of(update, "desk", CallerInfo::default()) };
        queue.enqueue(None, vec![grown]).await.unwrap();
    }
    assert_eq!(forget(dir, &person(), Timestamp::now()).unwrap().dropped, 134);
    rewrite(dir).unwrap();
    assert!(!bytes(dir).contains(digits()));
    assert_eq!(due_now(queue, "desk").await.len(), 266);
}
