//! What every store under the trait must do. Another store is tested by another [`Under`].

use super::*;
use crate::model::{
    call::MomentKind::{Answered, Missed, Ringing, Voicemail},
    delivery::{Admitted, LONGEST_WAIT, Outbox},
    time::after,
};

/// A store under test.
pub(super) trait Under {
    type Queue: Outbox;
    fn queue(&self) -> Self::Queue;
    /// Everything in memory is lost; [`Under::queue`] is then what a new start finds.
    async fn crash(&mut self);
    /// What it stands on fails at the next write, if the store has a way to go on without it.
    async fn stumble(&mut self);
}

/// One test for each case of the suite, over one store.
macro_rules! suite {
    ($fresh:expr; $($case:ident),* $(,)?) => { $(#[tokio::test] async fn $case() { cases::$case($fresh).await; })* };
}

suite! { Sqlite::fresh();
    a_key_is_admitted_once_even_after_it_was_told_and_after_a_crash,
    a_later_moment_supersedes_a_waiting_one,
    a_leased_card_is_not_touched_and_what_it_became_is_said_if_it_comes_back,
    a_moment_waits_for_the_earlier_one_on_the_wire_and_replaces_it_if_that_comes_back,
    a_moment_that_was_overtaken_changes_nothing,
    a_renewal_needs_something_that_waits,
    a_retry_waits_for_its_time_and_a_clock_that_jumped_back_does_not_strand_it,
    what_was_leased_at_a_crash_waits_again_and_what_was_settled_does_not,
    a_release_counts_no_attempt,
    noted_moments_are_found_until_they_are_admitted,
    sinks_and_calls_do_not_wait_for_each_other,
    news_come_to_the_sink_they_are_for,
    a_lease_takes_only_what_may_go_now,
    waiting_gives_the_oldest_and_not_more_than_asked_for,
}

mod cases {
    use super::*;

    pub async fn a_key_is_admitted_once_even_after_it_was_told_and_after_a_crash(mut under: impl Under) {
        let queue = under.queue();
        let ring = || vec![tell("a", Ringing, "desk"), tell("a", Ringing, "support")];
        assert_eq!(queue.admit(None, ring()).await.unwrap(), [Admitted::New, Admitted::New]);
        assert_eq!(queue.admit(None, ring()).await.unwrap(), [Admitted::Renewed, Admitted::Renewed]);
        let told = lease_one(&queue, "desk").await;
        queue.settle(vec![settle(told.id, Settlement::Delivered)]).await.unwrap();
        assert_eq!(queue.admit(None, ring()).await.unwrap(), [Admitted::Known, Admitted::Renewed]);
        under.crash().await;
        let queue = under.queue();
        assert_eq!(queue.admit(None, ring()).await.unwrap(), [Admitted::Known, Admitted::Renewed]);
        assert_eq!(now_waiting(&queue, "desk").await, []);
        assert_eq!(now_waiting(&queue, "support").await.len(), 1);
    }

    pub async fn a_later_moment_supersedes_a_waiting_one(under: impl Under) {
        let queue = under.queue();
        queue.admit(None, vec![tell("a", Ringing, "desk")]).await.unwrap();
        queue.admit(None, vec![tell("a", Missed, "desk")]).await.unwrap();
        let told = lease_one(&queue, "desk").await;
        assert_eq!(told.key.moment, Missed);
        queue.settle(vec![settle(told.id, Settlement::Delivered)]).await.unwrap();
        assert_eq!(now_waiting(&queue, "desk").await, []);
        assert_eq!(queue.admit(None, vec![tell("a", Ringing, "desk")]).await.unwrap(), [Admitted::Known]);
    }

    pub async fn a_leased_card_is_not_touched_and_what_it_became_is_said_if_it_comes_back(mut under: impl Under) {
        let queue = under.queue();
        queue.admit(None, vec![tell("a", Ringing, "desk")]).await.unwrap();
        let ring = lease_one(&queue, "desk").await;
        let renewal = admission("a", Answered, "desk", Rule::Renew, "answered");
        assert_eq!(queue.admit(None, vec![renewal]).await.unwrap(), [Admitted::Known]);
        let again = Settlement::Retry { not_before: Timestamp::now(), plain: true };
        queue.settle(vec![settle(ring.id, again)]).await.unwrap();
        let back = lease_one(&queue, "desk").await;
        assert_eq!((words(&back.card), back.attempts, back.plain), ("answered", 1, true));
        assert_eq!(back.key.moment, Ringing);
        let renewal = admission("a", Missed, "desk", Rule::Renew, "missed");
        queue.admit(None, vec![renewal]).await.unwrap();
        under.crash().await;
        assert_eq!(words(&lease_one(&under.queue(), "desk").await.card), "missed");
    }

    pub async fn a_moment_waits_for_the_earlier_one_on_the_wire_and_replaces_it_if_that_comes_back(under: impl Under) {
        let queue = under.queue();
        for settlement in [Settlement::Released, Settlement::Retry { not_before: Timestamp::MAX, plain: false }] {
            let call = format!("call-{}", settlement == Settlement::Released);
            queue.admit(None, vec![tell(&call, Ringing, "desk")]).await.unwrap();
            let ring = lease_one(&queue, "desk").await;
            assert_eq!(queue.admit(None, vec![tell(&call, Missed, "desk")]).await.unwrap(), [Admitted::New]);
            assert_eq!(now_waiting(&queue, "desk").await, []);
            assert_eq!(queue.next_due(&sink("desk")).await.unwrap(), None);
            queue.settle(vec![settle(ring.id, settlement)]).await.unwrap();
            let missed = lease_one(&queue, "desk").await;
            assert_eq!(missed.key.moment, Missed);
            queue.settle(vec![settle(missed.id, Settlement::Delivered)]).await.unwrap();
            assert_eq!(now_waiting(&queue, "desk").await, []);
        }
    }

    pub async fn a_moment_that_was_overtaken_changes_nothing(under: impl Under) {
        let queue = under.queue();
        queue.admit(None, vec![admission("a", Missed, "desk", Rule::Tell, "missed")]).await.unwrap();
        let late = vec![tell("a", Ringing, "desk"), admission("a", Answered, "desk", Rule::Renew, "late")];
        assert_eq!(queue.admit(None, late).await.unwrap(), [Admitted::Known, Admitted::Known]);
        let told = lease_one(&queue, "desk").await;
        assert_eq!((told.key.moment, words(&told.card)), (Missed, "missed"));
        assert_eq!(queue.admit(None, vec![tell("a", Voicemail, "desk")]).await.unwrap(), [Admitted::New]);
    }

    pub async fn a_renewal_needs_something_that_waits(under: impl Under) {
        let queue = under.queue();
        let renewal = |words| admission("a", Answered, "desk", Rule::Renew, words);
        assert_eq!(queue.admit(None, vec![renewal("too soon")]).await.unwrap(), [Admitted::Known]);
        queue.admit(None, vec![tell("a", Ringing, "desk")]).await.unwrap();
        assert_eq!(queue.admit(None, vec![renewal("in time")]).await.unwrap(), [Admitted::Renewed]);
        let stale = admission("a", Ringing, "desk", Rule::Tell, "stale");
        assert_eq!(queue.admit(None, vec![stale]).await.unwrap(), [Admitted::Known]);
        let told = lease_one(&queue, "desk").await;
        assert_eq!((told.key.moment, words(&told.card)), (Ringing, "in time"));
        queue.settle(vec![settle(told.id, Settlement::Delivered)]).await.unwrap();
        assert_eq!(queue.admit(None, vec![renewal("too late")]).await.unwrap(), [Admitted::Known]);
    }

    pub async fn a_retry_waits_for_its_time_and_a_clock_that_jumped_back_does_not_strand_it(under: impl Under) {
        let queue = under.queue();
        queue.admit(None, vec![tell("a", Ringing, "desk")]).await.unwrap();
        let ring = lease_one(&queue, "desk").await;
        let due = after(Timestamp::now(), LONGEST_WAIT);
        queue.settle(vec![settle(ring.id, Settlement::Retry { not_before: due, plain: false })]).await.unwrap();
        assert_eq!(now_waiting(&queue, "desk").await, []);
        let next = queue.next_due(&sink("desk")).await.unwrap().unwrap();
        assert_eq!(next.as_millisecond(), due.as_millisecond());
        assert_eq!(queue.waiting(&sink("desk"), due, 9).await.unwrap().len(), 1);
        let hour_ago = due.checked_sub(Duration::from_secs(3600)).unwrap();
        assert_eq!(queue.waiting(&sink("desk"), hour_ago, 9).await.unwrap().len(), 1);
        // Something new is due in a clock of any time.
        queue.admit(None, vec![tell("b", Ringing, "desk")]).await.unwrap();
        assert_eq!(queue.waiting(&sink("desk"), Timestamp::UNIX_EPOCH, 9).await.unwrap().len(), 2);
    }

    pub async fn what_was_leased_at_a_crash_waits_again_and_what_was_settled_does_not(mut under: impl Under) {
        let queue = under.queue();
        let all = ["a", "b", "c"].map(|call| tell(call, Ringing, "desk"));
        queue.admit(None, all.to_vec()).await.unwrap();
        let ids: Vec<_> = now_waiting(&queue, "desk").await.iter().map(|delivery| delivery.id).collect();
        assert_eq!(queue.lease(ids.clone()).await.unwrap().len(), 3);
        assert_eq!(queue.lease(ids.clone()).await.unwrap(), []);
        let dead = Settlement::Dead("no".to_owned());
        queue.settle(vec![settle(ids[0], Settlement::Delivered), settle(ids[1], dead)]).await.unwrap();
        under.crash().await;
        assert_eq!(lease_one(&under.queue(), "desk").await.id, ids[2]);
    }

    pub async fn a_release_counts_no_attempt(under: impl Under) {
        let queue = under.queue();
        queue.admit(None, vec![tell("a", Ringing, "desk")]).await.unwrap();
        let ring = lease_one(&queue, "desk").await;
        queue.settle(vec![settle(ring.id, Settlement::Released)]).await.unwrap();
        assert_eq!(lease_one(&queue, "desk").await.attempts, 0);
    }

    pub async fn noted_moments_are_found_until_they_are_admitted(mut under: impl Under) {
        let queue = under.queue();
        queue.note(telling("a", Ringing, "first")).await.unwrap();
        queue.note(telling("b", Ringing, "other")).await.unwrap();
        queue.note(telling("a", Ringing, "renewed")).await.unwrap();
        under.crash().await;
        let queue = under.queue();
        let mut names: Vec<_> = queue.noted().await.unwrap().into_iter().map(|t| t.call.caller.name.unwrap()).collect();
        names.sort();
        assert_eq!(names, ["other", "renewed"]);
        queue.admit(Some((call_id("a"), Ringing)), vec![tell("a", Ringing, "desk")]).await.unwrap();
        queue.admit(Some((call_id("b"), Ringing)), vec![]).await.unwrap();
        assert_eq!(queue.noted().await.unwrap(), []);
        under.crash().await;
        assert_eq!(under.queue().noted().await.unwrap(), []);
    }

    pub async fn sinks_and_calls_do_not_wait_for_each_other(under: impl Under) {
        let queue = under.queue();
        let all = [tell("a", Ringing, "desk"), tell("b", Ringing, "desk"), tell("a", Ringing, "support")];
        queue.admit(None, all.to_vec()).await.unwrap();
        let first = now_waiting(&queue, "desk").await[0].id;
        queue.lease(vec![first]).await.unwrap();
        queue.admit(None, vec![tell("a", Missed, "desk")]).await.unwrap();
        assert_eq!(lease_one(&queue, "desk").await.key.subject, Subject::Call(call_id("b")));
        assert_eq!(lease_one(&queue, "support").await.key.moment, Ringing);
    }

    pub async fn news_come_to_the_sink_they_are_for(under: impl Under) {
        let queue = under.queue();
        let quiet = tokio::spawn({
            let queue = queue.clone();
            async move { queue.news(&sink("support")).await }
        });
        let to = sink("desk");
        let desk = queue.news(&to);
        queue.admit(None, vec![tell("a", Ringing, "desk")]).await.unwrap();
        let bound = Duration::from_secs(5);
        tokio::time::timeout(bound, desk).await.unwrap();
        // News of the time before anyone listened are kept.
        queue.admit(None, vec![tell("b", Ringing, "desk")]).await.unwrap();
        tokio::time::timeout(bound, queue.news(&sink("desk"))).await.unwrap();
        assert!(!quiet.is_finished());
        queue.admit(None, vec![tell("b", Ringing, "support")]).await.unwrap();
        tokio::time::timeout(bound, quiet).await.unwrap().unwrap();
    }

    pub async fn a_lease_takes_only_what_may_go_now(under: impl Under) {
        let queue = under.queue();
        queue.admit(None, vec![tell("a", Ringing, "desk")]).await.unwrap();
        let ring = now_waiting(&queue, "desk").await[0].id;
        queue.admit(None, vec![tell("a", Missed, "desk")]).await.unwrap();
        assert_eq!(queue.lease(vec![ring, DeliveryId(4711)]).await.unwrap(), []);
        let missed = lease_one(&queue, "desk").await;
        queue.admit(None, vec![tell("a", Voicemail, "desk")]).await.unwrap();
        let behind: Vec<_> = (0..20).map(DeliveryId).collect();
        assert_eq!(queue.lease(behind).await.unwrap(), []);
        queue.settle(vec![settle(missed.id, Settlement::Delivered)]).await.unwrap();
        assert_eq!(lease_one(&queue, "desk").await.key.moment, Voicemail);
    }

    pub async fn waiting_gives_the_oldest_and_not_more_than_asked_for(under: impl Under) {
        let queue = under.queue();
        let calls = ["a", "b", "c", "d"];
        queue.admit(None, calls.map(|call| tell(call, Ringing, "desk")).to_vec()).await.unwrap();
        let some = queue.waiting(&sink("desk"), Timestamp::now(), 3).await.unwrap();
        assert_eq!(some.iter().map(|delivery| words(&delivery.card)).collect::<Vec<_>>(), ["a", "b", "c"]);
        assert_eq!(queue.waiting(&sink("none"), Timestamp::now(), 3).await.unwrap(), []);
        assert_eq!(queue.waiting(&sink("desk"), Timestamp::now(), 0).await.unwrap(), []);
    }
}
