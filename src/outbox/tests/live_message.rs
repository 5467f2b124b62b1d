//! Suite for live messages of every store: one row, the newest status, one message.

use super::{suite::TestStore, *};
use crate::model::{
    call::StatusKind::{Answered, Ended, Missed, Ringing, Voicemail},
    card::Match,
    delivery::{EnqueueResult, MessageRef, PostMode},
};
use proptest::prelude::*;

over_each_database! {
    call_is_one_live_message_edited_with_each_update,
    unposted_live_message_is_posted_with_newest_status_only,
    newer_status_during_a_lease_is_posted_next,
    live_message_ignores_older_and_equal_updates,
    uneditable_message_is_reposted_once_only,
    dead_live_message_is_retried_with_the_next_status,
    late_info_is_merged_into_the_current_card,
    later_look_up_with_less_info_keeps_the_old_info,
    sink_that_lost_edit_support_gets_new_statuses_once,
    waiting_edit_is_updated_after_sink_lost_edit_support,
    sink_that_gained_edit_support_repeats_no_status,
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

#[derive(Debug, Clone, Copy)]
enum Step {
    Admit(usize),
    Lease,
    Settle(u8),
    Crash,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0..5_usize).prop_map(Step::Admit),
        4 => Just(Step::Lease),
        4 => (0..5_u8).prop_map(Step::Settle),
        1 => Just(Step::Crash),
    ];
    proptest::collection::vec(step, 1..60)
}

/// Runs steps of a call at a sink that supports edits. The posted status never goes back, there is one message unless a
/// crash lost its settlement, and the final message shows the furthest status.
async fn play(mut outbox: impl TestStore, steps: Vec<Step>) {
    const KINDS: [StatusKind; 5] = [Ringing, Answered, Missed, Voicemail, Ended];
    let rank = |kind: StatusKind| KINDS.iter().position(|one| *one == kind).unwrap().min(2);
    let mut queue = outbox.queue();
    let (mut furthest, mut shown, mut messages, mut unsure) = (None, None, 0, false);
    let mut held: Option<Delivery> = None;
    for (serial, step) in steps.into_iter().chain([Step::Settle(0), Step::Lease, Step::Settle(0)]).enumerate() {
        match step {
            Step::Admit(kind) => {
                queue.enqueue(None, vec![live("a", KINDS[kind], &format!("label {serial}"))]).await.unwrap();
                furthest = furthest.max(Some(rank(KINDS[kind])));
            }
            Step::Lease if held.is_none() => {
                let waiting = due_now(&queue, "desk").await;
                assert!(waiting.len() <= 1);
                let ids = waiting.iter().map(|one| one.id).collect();
                held = queue.lease(ids).await.unwrap().pop();
            }
            Step::Settle(how) => {
                let Some(one) = held.take() else { continue };
                let posted = how < 3;
                let settlement = match how {
                    0..3 if edited_ts(&one).is_some() => Settlement::Delivered,
                    0..3 => Settlement::Posted(message_ref(&format!("{serial}.1"))),
                    3 => Settlement::Released,
                    _ => Settlement::Retry { not_before: Timestamp::now(), plain: false },
                };
                if posted {
                    assert!(Some(rank(one.key.status)) >= shown, "the status went back");
                    shown = Some(rank(one.key.status));
                    messages += u32::from(edited_ts(&one).is_none());
                }
                queue.settle(vec![settle(one.id, settlement)]).await.unwrap();
            }
            Step::Crash => {
                unsure |= held.take().is_some();
                outbox.crash().await;
                queue = outbox.queue();
            }
            Step::Lease => {}
        }
    }
    assert_eq!(shown, furthest);
    assert!(messages <= 1 || unsure, "{messages} messages");
    assert_eq!(due_now(&queue, "desk").await, []);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn random_steps_give_one_message_with_the_final_status(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(play(Sqlite::fresh(), steps));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn random_steps_over_a_server_give_one_message_with_the_final_status(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            if let Some(store) = Postgres::fresh().await {
                play(store, steps).await;
            }
        });
    }
}
