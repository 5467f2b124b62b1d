//! Suite for presses of every store: a press changes the claim of one live message, which waits for its edit.

use super::{suite::TestStore, *};
use crate::model::{
    call::{
        Callback, ReturnCall, ReturnKind, Revision,
        StatusKind::{Answered, Missed, Ringing, Voicemail},
    },
    claim::{Button, ChatUser, Claim, ClaimKind, Press, PressResult},
    delivery::MessageRef,
};

over_each_database! {
    press_waits_for_its_edit_across_a_crash,
    press_changes_every_live_message_of_its_call,
    press_during_a_lease_follows_the_leased_card,
    press_survives_later_updates_and_late_info,
    press_of_another_person_or_a_repetition_changes_nothing,
    press_without_its_message_is_unknown,
    press_of_a_call_that_was_not_missed_is_not_open,
}

fn posted() -> MessageRef {
    MessageRef { channel: "C0123ABCD".to_owned(), ts: "1.1".to_owned() }
}

fn press(button: Button, by: &str, seconds: i64) -> Press {
    let pressed_at = Timestamp::from_second(1_795_456_800 + seconds).unwrap();
    Press { button, by: ChatUser::try_from(by.to_owned()).unwrap(), pressed_at }
}

fn live(kind: StatusKind, label: &str) -> NewDelivery {
    new_delivery("a", kind, "desk", EnqueueMode::UpsertLive, label)
}

fn claim(delivery: &Delivery) -> Option<&Claim> {
    let Card::Call(card) = &delivery.card else { panic!() };
    card.claims.as_ref()?.current.as_ref()
}

fn claimant(delivery: &Delivery) -> Option<(ClaimKind, &str)> {
    claim(delivery).map(|claim| (claim.kind, claim.by.as_str()))
}

async fn press_on<O: Outbox>(queue: &O, button: Button, by: &str, seconds: i64) -> PressResult {
    queue.press(call_id("a"), posted(), press(button, by, seconds)).await.unwrap()
}

/// Posts the live message of a missed call.
async fn post<O: Outbox>(queue: &O, kind: StatusKind) {
    queue.enqueue(None, vec![live(kind, "missed")]).await.unwrap();
    let one = lease_one(queue, "desk").await;
    queue.settle(vec![settle(one.id, Settlement::Posted(posted()))]).await.unwrap();
}

mod cases {
    use super::*;

    pub async fn press_waits_for_its_edit_across_a_crash(mut outbox: impl TestStore) {
        post(&outbox.queue(), Missed).await;
        assert_eq!(press_on(&outbox.queue(), Button::CallBack, "U1", 0).await, PressResult::Applied);
        outbox.crash().await;
        let queue = outbox.queue();
        let edit = lease_one(&queue, "desk").await;
        assert_eq!(
            (claimant(&edit), edit.mode.edited_message()),
            (Some((ClaimKind::CallsBack, "U1")), Some(&posted()))
        );
        queue.settle(vec![settle(edit.id, Settlement::Delivered)]).await.unwrap();
        assert_eq!(press_on(&queue, Button::Undo, "U1", 1).await, PressResult::Applied);
        assert_eq!(claimant(&lease_one(&queue, "desk").await), None);
    }

    pub async fn press_changes_every_live_message_of_its_call(outbox: impl TestStore) {
        let queue = outbox.queue();
        post(&queue, Missed).await;
        let other = new_delivery("a", Missed, "dana", EnqueueMode::UpsertLive, "missed");
        queue.enqueue(None, vec![other]).await.unwrap();
        assert_eq!(press_on(&queue, Button::CallBack, "U1", 0).await, PressResult::Applied);
        for sink in ["desk", "dana"] {
            assert_eq!(claimant(&lease_one(&queue, sink).await), Some((ClaimKind::CallsBack, "U1")), "{sink}");
        }
    }

    pub async fn press_during_a_lease_follows_the_leased_card(outbox: impl TestStore) {
        let queue = outbox.queue();
        post(&queue, Missed).await;
        press_on(&queue, Button::CallBack, "U1", 0).await;
        let edit = lease_one(&queue, "desk").await;
        assert_eq!(press_on(&queue, Button::Done, "U2", 1).await, PressResult::Applied);
        assert_eq!(due_now(&queue, "desk").await, []);
        queue.settle(vec![settle(edit.id, Settlement::Delivered)]).await.unwrap();
        assert_eq!(claimant(&lease_one(&queue, "desk").await), Some((ClaimKind::Done, "U2")));
    }

    pub async fn press_survives_later_updates_and_late_info(outbox: impl TestStore) {
        let queue = outbox.queue();
        post(&queue, Missed).await;
        press_on(&queue, Button::CallBack, "U1", 0).await;
        queue.enqueue(None, vec![live(Voicemail, "a message")]).await.unwrap();
        let late = new_delivery("a", Ringing, "desk", EnqueueMode::MergeInfo, "late");
        queue.enqueue(None, vec![late]).await.unwrap();
        let edit = lease_one(&queue, "desk").await;
        assert_eq!((label(&edit.card), claimant(&edit)), ("a message", Some((ClaimKind::CallsBack, "U1"))));
    }

    pub async fn press_of_another_person_or_a_repetition_changes_nothing(outbox: impl TestStore) {
        let queue = outbox.queue();
        post(&queue, Voicemail).await;
        press_on(&queue, Button::CallBack, "U1", 0).await;
        let edit = lease_one(&queue, "desk").await;
        queue.settle(vec![settle(edit.id, Settlement::Delivered)]).await.unwrap();
        let taken = claim(&edit).cloned().unwrap();
        assert_eq!(press_on(&queue, Button::CallBack, "U2", 1).await, PressResult::Taken(taken.clone()));
        assert_eq!(press_on(&queue, Button::Undo, "U2", 2).await, PressResult::NotOwn(taken));
        assert_eq!(press_on(&queue, Button::CallBack, "U1", 0).await, PressResult::Repeated, "redelivered");
        assert_eq!(press_on(&queue, Button::CallBack, "U1", 3).await, PressResult::Repeated, "doubled");
        assert_eq!(due_now(&queue, "desk").await, []);
    }

    pub async fn press_without_its_message_is_unknown(outbox: impl TestStore) {
        let queue = outbox.queue();
        assert_eq!(press_on(&queue, Button::CallBack, "U1", 0).await, PressResult::UnknownCard);
        post(&queue, Missed).await;
        let other = MessageRef { ts: "2.2".to_owned(), ..posted() };
        let result = queue.press(call_id("a"), other, press(Button::CallBack, "U1", 0)).await.unwrap();
        assert_eq!(result, PressResult::UnknownCard);
        assert_eq!(due_now(&queue, "desk").await, []);
    }

    pub async fn press_of_a_call_that_was_not_missed_is_not_open(outbox: impl TestStore) {
        let queue = outbox.queue();
        post(&queue, Answered).await;
        assert_eq!(press_on(&queue, Button::CallBack, "U1", 0).await, PressResult::NotOpen);
        assert_eq!(due_now(&queue, "desk").await, []);
    }
}

/// Enqueues the due reminders of claims as old as `wait`. Returns their number.
async fn remind(queue: &DatabaseOutbox, wait: u64) -> usize {
    queue.remind(vec![("desk".try_into().unwrap(), Duration::from_secs(wait))]).await.unwrap().len()
}

/// Settles the edit that waits, so that a reply is next.
async fn post_edit(queue: &DatabaseOutbox) {
    let edit = lease_one(queue, "desk").await;
    assert_eq!(edit.mode.edited_message(), Some(&posted()));
    queue.settle(vec![settle(edit.id, Settlement::Delivered)]).await.unwrap();
}

#[tokio::test]
async fn reminder_is_a_reply_once_for_each_claim_across_restarts() {
    let mut sqlite = Sqlite::fresh();
    post(&sqlite.queue, Missed).await;
    press_on(&sqlite.queue, Button::CallBack, "U1", 0).await;
    post_edit(&sqlite.queue).await;
    assert_eq!(remind(&sqlite.queue, 60).await, 0, "not old enough");
    assert_eq!((remind(&sqlite.queue, 0).await, remind(&sqlite.queue, 0).await), (1, 0));
    suite::TestStore::crash(&mut sqlite).await;
    let queue = &sqlite.queue;
    assert_eq!(remind(queue, 0).await, 0);
    let reply = lease_one(queue, "desk").await;
    let Card::Call(card) = &reply.card else { panic!() };
    assert_eq!(card.reminder.as_ref().map(|reminder| reminder.claim.by.as_str()), Some("U1"));
    assert_eq!((card.claim(), reply.mode.message_ref()), (None, Some(&posted())));
    queue.settle(vec![settle(reply.id, Settlement::Delivered)]).await.unwrap();
    press_on(queue, Button::Done, "U1", 1).await;
    press_on(queue, Button::Undo, "U1", 2).await;
    assert_eq!(remind(queue, 0).await, 0, "the claim is the same as before");
    press_on(queue, Button::Undo, "U1", 3).await;
    press_on(queue, Button::CallBack, "U2", 4).await;
    assert_eq!(remind(queue, 0).await, 1, "another claim");
}

#[tokio::test]
async fn reminder_is_withdrawn_by_done_undo_and_a_call_back() {
    let sqlite = Sqlite::fresh();
    let queue = &sqlite.queue;
    post(queue, Missed).await;
    for (seconds, end) in [(0, Button::Done), (10, Button::Undo)] {
        press_on(queue, Button::CallBack, "U1", seconds).await;
        assert_eq!(remind(queue, 0).await, 1);
        press_on(queue, end, "U1", seconds + 1).await;
        post_edit(queue).await;
        assert_eq!((due_now(queue, "desk").await, remind(queue, 0).await), (vec![], 0), "{end:?}");
        press_on(queue, Button::Undo, "U1", seconds + 2).await;
        press_on(queue, Button::Undo, "U1", seconds + 3).await;
    }
    press_on(queue, Button::CallBack, "U1", 20).await;
    assert_eq!(remind(queue, 0).await, 1);
    let mut returned = live(Missed, "missed");
    let Card::Call(card) = &mut returned.card else { panic!() };
    card.update.call.revision = Some(Revision::CalledBack);
    let started_at = card.update.at;
    let (kind, colleague) = (ReturnKind::CalledBack, None);
    let call = ReturnCall { kind, colleague, started_at, at: started_at, is_over: false, talked: None };
    card.update.call.course.callback = Some(Callback { call, after: Duration::ZERO });
    queue.enqueue(None, vec![NewDelivery { mode: EnqueueMode::MergeCallback, ..returned }]).await.unwrap();
    post_edit(queue).await;
    assert_eq!((due_now(queue, "desk").await, remind(queue, 0).await), (vec![], 0));
}

#[tokio::test]
async fn press_on_an_erased_card_is_unknown() {
    let sqlite = Sqlite::fresh();
    post(&sqlite.queue, Missed).await;
    let number = PhoneNumber::parse(Some("+15145550199"), Region::US);
    super::super::forget(sqlite.dir.path(), number.as_e164().unwrap(), Timestamp::now()).unwrap();
    assert_eq!(press_on(&sqlite.queue, Button::CallBack, "U1", 0).await, PressResult::UnknownCard);
    assert_eq!(due_now(&sqlite.queue, "desk").await, []);
}
