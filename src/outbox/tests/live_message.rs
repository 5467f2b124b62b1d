//! Suite for live messages of every store: one row, the newest status, one message.

mod edit_support;
mod random_steps;

use super::{suite::TestStore, *};
use crate::model::{
    call::StatusKind::{Answered, Ended, Missed, Ringing, Voicemail},
    card::Match,
    delivery::{EnqueueResult, MessageRef, PostMode},
};

over_each_database! {
    call_is_one_live_message_edited_with_each_update,
    unposted_live_message_is_posted_with_newest_status_only,
    newer_status_during_a_lease_is_posted_next,
    live_message_ignores_older_and_equal_updates,
    uneditable_message_is_reposted_once_only,
    dead_live_message_is_retried_with_the_next_status,
    late_info_is_merged_into_the_current_card,
    later_look_up_with_less_info_keeps_the_old_info,
    reply_follows_its_live_message_and_is_posted_once,
}

fn message_ref(ts: &str) -> MessageRef {
    MessageRef { channel: "C0123ABCD".to_owned(), ts: ts.to_owned() }
}

fn live(call: &str, kind: StatusKind, label: &str) -> NewDelivery {
    new_delivery(call, kind, "desk", EnqueueMode::UpsertLive, label)
}

/// Returns an answer by `by`, `seconds` after the first update of the call.
fn answered_by(call: &str, by: &str, seconds: i64) -> NewDelivery {
    let mut delivery = live(call, Answered, by);
    let Card::Call(card) = &mut delivery.card else { panic!() };
    let line = Some(by.to_owned());
    card.update.status = CallStatus::Answered {
        answered_by: Person { name: Some(by.to_owned()), extension: None, line },
        waited: Duration::from_secs(1),
    };
    card.update.at += jiff::SignedDuration::from_secs(seconds);
    delivery
}

fn with_info(mut delivery: NewDelivery, who: Match, silent: &[&str]) -> NewDelivery {
    let Card::Call(card) = &mut delivery.card else { panic!() };
    card.caller_info = CallerInfo {
        matched: who,
        failed_sources: silent.iter().map(|name| (*name).to_owned()).collect(),
        history: None,
    };
    delivery
}

fn call(card: &Card) -> &CallCard {
    let Card::Call(card) = card else { panic!("{card:?}") };
    card
}

fn edited_ts(delivery: &Delivery) -> Option<&str> {
    delivery.mode.edited_message().map(|message| message.ts.as_str())
}

async fn settle_as<O: Outbox>(queue: &O, delivery: &Delivery, settlement: Settlement) {
    queue.settle(vec![settle(delivery.id, settlement)]).await.unwrap();
}

/// Posts the one due delivery.
async fn post<O: Outbox>(queue: &O, ts: &str) -> Delivery {
    let one = lease_one(queue, "desk").await;
    assert_eq!(edited_ts(&one), None);
    settle_as(queue, &one, Settlement::Posted(message_ref(ts))).await;
    one
}

mod cases {
    use super::*;

    pub async fn call_is_one_live_message_edited_with_each_update(mut outbox: impl TestStore) {
        let queue = outbox.queue();
        assert_eq!(queue.enqueue(None, vec![live("a", Ringing, "rings")]).await.unwrap(), [EnqueueResult::Inserted]);
        let ring = post(&queue, "1.1").await;
        assert_eq!(due_now(&queue, "desk").await, []);
        outbox.crash().await;
        let moves = [(Answered, "talks"), (Ended, "over"), (Voicemail, "corrected")];
        for (kind, label) in moves {
            let (queue, update) = (outbox.queue(), vec![live("a", kind, label)]);
            assert_eq!(queue.enqueue(None, update).await.unwrap(), [EnqueueResult::Updated], "{label}");
            let one = lease_one(&queue, "desk").await;
            assert_eq!((one.id, edited_ts(&one)), (ring.id, Some("1.1")));
            assert_eq!((one.key.status, super::super::label(&one.card)), (kind, label));
            settle_as(&queue, &one, Settlement::Delivered).await;
            outbox.crash().await;
        }
        assert_eq!(due_now(&outbox.queue(), "desk").await, []);
    }

    pub async fn unposted_live_message_is_posted_with_newest_status_only(mut outbox: impl TestStore) {
        let queue = outbox.queue();
        for (kind, label) in [(Ringing, "rings"), (Ringing, "rings Eve"), (Answered, "talks"), (Ended, "over")] {
            queue.enqueue(None, vec![live("a", kind, label)]).await.unwrap();
        }
        outbox.crash().await;
        let queue = outbox.queue();
        let one = post(&queue, "1.1").await;
        assert_eq!((one.key.status, label(&one.card)), (Ended, "over"));
        assert_eq!(due_now(&queue, "desk").await, []);
    }

    pub async fn newer_status_during_a_lease_is_posted_next(mut outbox: impl TestStore) {
        let queue = outbox.queue();
        queue.enqueue(None, vec![live("a", Ringing, "rings")]).await.unwrap();
        let ring = lease_one(&queue, "desk").await;
        queue.enqueue(None, vec![live("a", Answered, "talks")]).await.unwrap();
        queue.enqueue(None, vec![live("a", Ended, "over")]).await.unwrap();
        assert_eq!(due_now(&queue, "desk").await, [], "one update is leased at a time");
        settle_as(&queue, &ring, Settlement::Posted(message_ref("1.1"))).await;
        outbox.crash().await;
        let queue = outbox.queue();
        let next = lease_one(&queue, "desk").await;
        assert_eq!((label(&next.card), edited_ts(&next)), ("over", Some("1.1")));
        let retry = Settlement::Retry { not_before: Timestamp::now(), plain: false };
        settle_as(&queue, &next, retry).await;
        let next = lease_one(&queue, "desk").await;
        assert_eq!((label(&next.card), edited_ts(&next)), ("over", Some("1.1")));
    }

    pub async fn live_message_ignores_older_and_equal_updates(outbox: impl TestStore) {
        let queue = outbox.queue();
        queue.enqueue(None, vec![live("a", Ended, "over")]).await.unwrap();
        let known = async |kind, label| {
            assert_eq!(queue.enqueue(None, vec![live("a", kind, label)]).await.unwrap(), [EnqueueResult::Unchanged]);
        };
        known(Ringing, "late").await;
        known(Ended, "over").await;
        let over = lease_one(&queue, "desk").await;
        known(Answered, "late").await;
        known(Ended, "over").await;
        settle_as(&queue, &over, Settlement::Posted(message_ref("1.1"))).await;
        known(Answered, "late").await;
        known(Ended, "over").await;
        assert_eq!(due_now(&queue, "desk").await, []);
        queue.enqueue(None, vec![answered_by("b", "Dana", 5), answered_by("b", "Bob", 3)]).await.unwrap();
        assert_eq!(label(&lease_one(&queue, "desk").await.card), "Dana", "an older answer is not a transfer");
    }

    pub async fn uneditable_message_is_reposted_once_only(mut outbox: impl TestStore) {
        let queue = outbox.queue();
        queue.enqueue(None, vec![live("a", Ringing, "rings")]).await.unwrap();
        post(&queue, "1.1").await;
        queue.enqueue(None, vec![live("a", Answered, "talks")]).await.unwrap();
        let edit = lease_one(&queue, "desk").await;
        queue.enqueue(None, vec![live("a", Ended, "over")]).await.unwrap();
        settle_as(&queue, &edit, Settlement::Repost).await;
        outbox.crash().await;
        let queue = outbox.queue();
        let repost = lease_one(&queue, "desk").await;
        assert_eq!((label(&repost.card), &repost.mode), ("over", &PostMode::Live { message: None, reposted: true }));
        settle_as(&queue, &repost, Settlement::Posted(message_ref("2.2"))).await;
        queue.enqueue(None, vec![live("a", Voicemail, "corrected")]).await.unwrap();
        let edit = lease_one(&queue, "desk").await;
        assert_eq!(edit.mode, PostMode::Live { message: Some(message_ref("2.2")), reposted: true });
        settle_as(&queue, &edit, Settlement::Dead("lost again".to_owned())).await;
        assert_eq!(queue.enqueue(None, vec![live("a", Missed, "more")]).await.unwrap(), [EnqueueResult::Unchanged]);
    }

    pub async fn dead_live_message_is_retried_with_the_next_status(outbox: impl TestStore) {
        let queue = outbox.queue();
        queue.enqueue(None, vec![live("a", Ringing, "rings"), live("b", Ringing, "rings too")]).await.unwrap();
        for one in due_now(&queue, "desk").await {
            queue.lease(vec![one.id]).await.unwrap();
            if label(&one.card) == "rings too" {
                queue.enqueue(None, vec![live("b", Missed, "gone")]).await.unwrap();
            }
            settle_as(&queue, &one, Settlement::Dead("no".to_owned())).await;
        }
        assert_eq!(label(&lease_one(&queue, "desk").await.card), "gone", "the update arrived during the lease");
        let newer_facts = queue.enqueue(None, vec![live("a", Ringing, "rings elsewhere")]).await.unwrap();
        assert_eq!(newer_facts, [EnqueueResult::Unchanged], "the same status would fail again");
        queue.enqueue(None, vec![live("a", Missed, "gone too")]).await.unwrap();
        assert_eq!(label(&lease_one(&queue, "desk").await.card), "gone too");
    }

    pub async fn late_info_is_merged_into_the_current_card(outbox: impl TestStore) {
        let queue = outbox.queue();
        let merge_info = || NewDelivery {
            mode: EnqueueMode::MergeInfo,
            ..with_info(live("a", Ringing, "rings"), Match::NoMatch, &[])
        };
        assert_eq!(
            queue.enqueue(None, vec![merge_info()]).await.unwrap(),
            [EnqueueResult::Unchanged],
            "late info inserts no delivery"
        );
        queue.enqueue(None, vec![with_info(live("a", Ringing, "rings"), Match::NotLookedUp, &["crm"])]).await.unwrap();
        post(&queue, "1.1").await;
        queue.enqueue(None, vec![with_info(live("a", Answered, "talks"), Match::NotLookedUp, &["crm"])]).await.unwrap();
        let talks = lease_one(&queue, "desk").await;
        queue.enqueue(None, vec![merge_info()]).await.unwrap();
        settle_as(&queue, &talks, Settlement::Delivered).await;
        let edit = lease_one(&queue, "desk").await;
        assert_eq!((label(&edit.card), &call(&edit.card).caller_info.matched), ("talks", &Match::NoMatch));
        settle_as(&queue, &edit, Settlement::Delivered).await;
        assert_eq!(
            queue.enqueue(None, vec![merge_info()]).await.unwrap(),
            [EnqueueResult::Unchanged],
            "the info is unchanged"
        );
        // A waiting card of a webhook also gets the info.
        let to = |rule, kind| NewDelivery { mode: rule, ..with_info(insert("w", kind, "hook"), Match::NoMatch, &[]) };
        queue.enqueue(None, vec![insert("w", Missed, "hook")]).await.unwrap();
        assert_eq!(
            queue.enqueue(None, vec![to(EnqueueMode::MergeInfo, Ringing)]).await.unwrap(),
            [EnqueueResult::Updated]
        );
        let posted = lease_one(&queue, "hook").await;
        assert_eq!((posted.key.status, &call(&posted.card).caller_info.matched), (Missed, &Match::NoMatch));
    }

    pub async fn later_look_up_with_less_info_keeps_the_old_info(outbox: impl TestStore) {
        let queue = outbox.queue();
        queue.enqueue(None, vec![with_info(live("a", Ringing, "rings"), Match::NoMatch, &[])]).await.unwrap();
        queue.enqueue(None, vec![with_info(live("a", Answered, "talks"), Match::NotLookedUp, &["crm"])]).await.unwrap();
        let one = lease_one(&queue, "desk").await;
        let card = call(&one.card);
        assert_eq!(
            (label(&one.card), &card.caller_info.matched, card.caller_info.failed_sources.len()),
            ("talks", &Match::NoMatch, 0)
        );
    }

    pub async fn reply_follows_its_live_message_and_is_posted_once(mut outbox: impl TestStore) {
        let queue = outbox.queue();
        let reply = |delivery| NewDelivery { mode: EnqueueMode::Reply, ..delivery };
        queue.enqueue(None, vec![live("a", Ringing, "rings"), reply(live("a", Missed, "gone"))]).await.unwrap();
        assert_eq!(due_now(&queue, "desk").await.len(), 1, "the post includes the update");
        post(&queue, "1.1").await;
        let both = || vec![live("a", Missed, "gone"), reply(live("a", Missed, "gone"))];
        assert_eq!(queue.enqueue(None, both()).await.unwrap(), [EnqueueResult::Updated, EnqueueResult::Inserted]);
        assert_eq!(queue.enqueue(None, both()).await.unwrap(), [EnqueueResult::Unchanged, EnqueueResult::Unchanged]);
        outbox.crash().await;
        let queue = outbox.queue();
        let edit = lease_one(&queue, "desk").await;
        assert_eq!(edited_ts(&edit), Some("1.1"));
        let retry = Settlement::Retry { not_before: Timestamp::now(), plain: false };
        settle_as(&queue, &edit, retry).await;
        let edit = lease_one(&queue, "desk").await;
        assert_eq!(edited_ts(&edit), Some("1.1"), "a waiting reply does not replace the live message");
        settle_as(&queue, &edit, Settlement::Delivered).await;
        let reply_delivery = lease_one(&queue, "desk").await;
        let expected = PostMode::ThreadReply { message: Some(message_ref("1.1")) };
        assert_eq!((reply_delivery.key.status, reply_delivery.mode), (Missed, expected));
        queue.settle(vec![settle(reply_delivery.id, Settlement::Delivered)]).await.unwrap();
        let hand_over = || vec![reply(answered_by("a", "Dana", 1)), reply(answered_by("a", "Bob", 9))];
        assert_eq!(queue.enqueue(None, hand_over()).await.unwrap(), [EnqueueResult::Inserted, EnqueueResult::Inserted]);
        assert_eq!(
            queue.enqueue(None, hand_over()).await.unwrap(),
            [EnqueueResult::Unchanged, EnqueueResult::Unchanged]
        );
    }
}

#[tokio::test]
async fn dropped_live_message_stays_dropped() {
    use suite::TestStore as _;
    let outbox = Sqlite::fresh();
    let queue = outbox.queue();
    queue.enqueue(None, vec![live("a", Ringing, "rings")]).await.unwrap();
    let ring = lease_one(&queue, "desk").await;
    assert!(super::super::drop_one(outbox.dir.path(), ring.id, Timestamp::now()).unwrap());
    settle_as(&queue, &ring, Settlement::Posted(message_ref("1.1"))).await;
    assert_eq!(queue.enqueue(None, vec![live("a", Missed, "gone")]).await.unwrap(), [EnqueueResult::Unchanged]);
}

#[tokio::test]
async fn live_message_survives_disk_failure_and_restore() {
    use suite::TestStore as _;
    let mut outbox = FlakyDisk::fresh();
    let queue = outbox.queue();
    queue.enqueue(None, vec![live("a", Ringing, "rings")]).await.unwrap();
    post(&queue, "1.1").await;
    for (kind, text) in [(Answered, "talks"), (Ended, "over"), (Voicemail, "corrected")] {
        outbox.fail_disk().await;
        queue.enqueue(None, vec![live("a", kind, text)]).await.unwrap();
        assert_eq!(queue.enqueue(None, vec![live("a", Ringing, "late")]).await.unwrap(), [EnqueueResult::Unchanged]);
        let edit = lease_one(&queue, "desk").await;
        assert_eq!((label(&edit.card), edited_ts(&edit)), (text, Some("1.1")));
        settle_as(&queue, &edit, Settlement::Delivered).await;
    }
}
