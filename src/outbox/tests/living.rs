//! What every store under the trait must do with a card that lives: one row, the newest state, one message.

use super::{suite::Under, *};
use crate::model::{
    call::MomentKind::{Answered, Ended, Missed, Ringing, Voicemail},
    card::Match,
    delivery::{Admitted, Form, Place},
};
use proptest::prelude::*;
use rusqlite::Connection;

macro_rules! suite {
    ($fresh:expr; $($case:ident),* $(,)?) => { $(#[tokio::test] async fn $case() { cases::$case($fresh).await; })* };
}

suite! { Sqlite::fresh();
    a_call_is_one_message_that_becomes_what_the_call_becomes,
    states_between_are_not_queued_and_what_was_never_posted_goes_out_as_what_it_became,
    a_newer_state_on_the_heels_of_one_that_is_on_the_wire_goes_next,
    a_card_never_goes_back_nor_says_the_same_twice,
    a_message_that_is_lost_is_posted_anew_once_and_then_given_up,
    a_refused_state_does_not_keep_the_next_one_from_being_told,
    late_facts_land_on_whatever_state_the_card_has_reached,
    a_later_look_up_that_finds_less_takes_nothing_away,
    a_sink_that_cannot_edit_any_more_is_told_what_is_new_and_nothing_twice,
    an_edit_that_still_waits_is_brought_up_to_date_whatever_its_sink_became,
    a_sink_that_edits_from_now_on_says_nothing_that_its_messages_said,
    a_reply_goes_under_its_message_after_it_and_is_said_once,
}

fn place(ts: &str) -> Place {
    Place { channel: "C0123ABCD".to_owned(), message: ts.to_owned() }
}

fn live(call: &str, kind: MomentKind, words: &str) -> Admission {
    admission(call, kind, "desk", Rule::Live, words)
}

/// An answer by somebody, so many seconds after the call's first state.
fn taken(call: &str, by: &str, seconds: i64) -> Admission {
    let mut admission = live(call, Answered, by);
    let Card::Call(card) = &mut admission.card else { panic!() };
    let line = Some(by.to_owned());
    card.telling.moment = Moment::Answered {
        by: Person { name: Some(by.to_owned()), extension: None, line },
        after: Duration::from_secs(1),
    };
    card.telling.at += jiff::SignedDuration::from_secs(seconds);
    admission
}

fn found(mut admission: Admission, who: Match, silent: &[&str]) -> Admission {
    let Card::Call(card) = &mut admission.card else { panic!() };
    card.found = Findings { who, silent: silent.iter().map(|name| (*name).to_owned()).collect(), history: None };
    admission
}

fn call(card: &Card) -> &CallCard {
    let Card::Call(card) = card else { panic!("{card:?}") };
    card
}

fn edit_of(delivery: &Delivery) -> Option<&str> {
    delivery.form.edit_of().map(|place| place.message.as_str())
}

async fn end<O: Outbox>(queue: &O, delivery: &Delivery, settlement: Settlement) {
    queue.settle(vec![settle(delivery.id, settlement)]).await.unwrap();
}

/// Posts the one card that waits.
async fn post<O: Outbox>(queue: &O, ts: &str) -> Delivery {
    let one = lease_one(queue, "desk").await;
    assert_eq!(edit_of(&one), None);
    end(queue, &one, Settlement::Shown(place(ts))).await;
    one
}

mod cases {
    use super::*;

    pub async fn a_call_is_one_message_that_becomes_what_the_call_becomes(mut under: impl Under) {
        let queue = under.queue();
        assert_eq!(queue.admit(None, vec![live("a", Ringing, "rings")]).await.unwrap(), [Admitted::New]);
        let ring = post(&queue, "1.1").await;
        assert_eq!(now_waiting(&queue, "desk").await, []);
        under.crash().await;
        let queue = under.queue();
        let moves = [(Answered, "talks"), (Ended, "over"), (Voicemail, "corrected")];
        for (kind, words) in moves {
            let news = vec![live("a", kind, words)];
            assert_eq!(queue.admit(None, news).await.unwrap(), [Admitted::Renewed], "{words}");
            let one = lease_one(&queue, "desk").await;
            assert_eq!((one.id, edit_of(&one)), (ring.id, Some("1.1")));
            assert_eq!((one.key.moment, super::super::words(&one.card)), (kind, words));
            end(&queue, &one, Settlement::Delivered).await;
            under.crash().await;
        }
        assert_eq!(now_waiting(&under.queue(), "desk").await, []);
    }

    pub async fn states_between_are_not_queued_and_what_was_never_posted_goes_out_as_what_it_became(
        mut under: impl Under,
    ) {
        let queue = under.queue();
        for (kind, words) in [(Ringing, "rings"), (Ringing, "rings Eve"), (Answered, "talks"), (Ended, "over")] {
            queue.admit(None, vec![live("a", kind, words)]).await.unwrap();
        }
        under.crash().await;
        let queue = under.queue();
        let one = post(&queue, "1.1").await;
        assert_eq!((one.key.moment, words(&one.card)), (Ended, "over"));
        assert_eq!(now_waiting(&queue, "desk").await, []);
    }

    pub async fn a_newer_state_on_the_heels_of_one_that_is_on_the_wire_goes_next(mut under: impl Under) {
        let queue = under.queue();
        queue.admit(None, vec![live("a", Ringing, "rings")]).await.unwrap();
        let ring = lease_one(&queue, "desk").await;
        queue.admit(None, vec![live("a", Answered, "talks")]).await.unwrap();
        queue.admit(None, vec![live("a", Ended, "over")]).await.unwrap();
        assert_eq!(now_waiting(&queue, "desk").await, [], "one state is on the wire at a time");
        end(&queue, &ring, Settlement::Shown(place("1.1"))).await;
        under.crash().await;
        let queue = under.queue();
        let next = lease_one(&queue, "desk").await;
        assert_eq!((words(&next.card), edit_of(&next)), ("over", Some("1.1")));
        let again = Settlement::Retry { not_before: Timestamp::now(), plain: false };
        end(&queue, &next, again).await;
        let next = lease_one(&queue, "desk").await;
        assert_eq!((words(&next.card), edit_of(&next)), ("over", Some("1.1")));
    }

    pub async fn a_card_never_goes_back_nor_says_the_same_twice(under: impl Under) {
        let queue = under.queue();
        queue.admit(None, vec![live("a", Ended, "over")]).await.unwrap();
        let known = async |kind, words| {
            assert_eq!(queue.admit(None, vec![live("a", kind, words)]).await.unwrap(), [Admitted::Known]);
        };
        known(Ringing, "late").await;
        known(Ended, "over").await;
        let over = lease_one(&queue, "desk").await;
        known(Answered, "late").await;
        known(Ended, "over").await;
        end(&queue, &over, Settlement::Shown(place("1.1"))).await;
        known(Answered, "late").await;
        known(Ended, "over").await;
        assert_eq!(now_waiting(&queue, "desk").await, []);
        queue.admit(None, vec![taken("b", "Dana", 5), taken("b", "Bob", 3)]).await.unwrap();
        assert_eq!(words(&lease_one(&queue, "desk").await.card), "Dana", "an older answer is no transfer");
    }

    pub async fn a_message_that_is_lost_is_posted_anew_once_and_then_given_up(mut under: impl Under) {
        let queue = under.queue();
        queue.admit(None, vec![live("a", Ringing, "rings")]).await.unwrap();
        post(&queue, "1.1").await;
        queue.admit(None, vec![live("a", Answered, "talks")]).await.unwrap();
        let edit = lease_one(&queue, "desk").await;
        queue.admit(None, vec![live("a", Ended, "over")]).await.unwrap();
        end(&queue, &edit, Settlement::Lost).await;
        under.crash().await;
        let queue = under.queue();
        let anew = lease_one(&queue, "desk").await;
        assert_eq!((words(&anew.card), &anew.form), ("over", &Form::Living { at: None, lost: true }));
        end(&queue, &anew, Settlement::Shown(place("2.2"))).await;
        queue.admit(None, vec![live("a", Voicemail, "corrected")]).await.unwrap();
        let edit = lease_one(&queue, "desk").await;
        assert_eq!(edit.form, Form::Living { at: Some(place("2.2")), lost: true });
        end(&queue, &edit, Settlement::Dead("lost again".to_owned())).await;
        assert_eq!(queue.admit(None, vec![live("a", Missed, "more")]).await.unwrap(), [Admitted::Known]);
    }

    pub async fn a_refused_state_does_not_keep_the_next_one_from_being_told(under: impl Under) {
        let queue = under.queue();
        queue.admit(None, vec![live("a", Ringing, "rings"), live("b", Ringing, "rings too")]).await.unwrap();
        for one in now_waiting(&queue, "desk").await {
            queue.lease(vec![one.id]).await.unwrap();
            if words(&one.card) == "rings too" {
                queue.admit(None, vec![live("b", Missed, "gone")]).await.unwrap();
            }
            end(&queue, &one, Settlement::Dead("no".to_owned())).await;
        }
        assert_eq!(words(&lease_one(&queue, "desk").await.card), "gone", "it came while the other was on the wire");
        queue.admit(None, vec![live("a", Missed, "gone too")]).await.unwrap();
        assert_eq!(words(&lease_one(&queue, "desk").await.card), "gone too");
    }

    pub async fn late_facts_land_on_whatever_state_the_card_has_reached(under: impl Under) {
        let queue = under.queue();
        let learn = || Admission { rule: Rule::Learn, ..found(live("a", Ringing, "rings"), Match::Nobody, &[]) };
        assert_eq!(queue.admit(None, vec![learn()]).await.unwrap(), [Admitted::Known], "facts make no card");
        queue.admit(None, vec![found(live("a", Ringing, "rings"), Match::NotAsked, &["crm"])]).await.unwrap();
        post(&queue, "1.1").await;
        queue.admit(None, vec![found(live("a", Answered, "talks"), Match::NotAsked, &["crm"])]).await.unwrap();
        let talks = lease_one(&queue, "desk").await;
        queue.admit(None, vec![learn()]).await.unwrap();
        end(&queue, &talks, Settlement::Delivered).await;
        let edit = lease_one(&queue, "desk").await;
        assert_eq!((words(&edit.card), &call(&edit.card).found.who), ("talks", &Match::Nobody));
        end(&queue, &edit, Settlement::Delivered).await;
        assert_eq!(queue.admit(None, vec![learn()]).await.unwrap(), [Admitted::Known], "nothing new in it");
        // A webhook's card that still waits takes them too.
        let to = |rule, kind| Admission { rule, ..found(tell("w", kind, "hook"), Match::Nobody, &[]) };
        queue.admit(None, vec![tell("w", Missed, "hook")]).await.unwrap();
        assert_eq!(queue.admit(None, vec![to(Rule::Learn, Ringing)]).await.unwrap(), [Admitted::Renewed]);
        let told = lease_one(&queue, "hook").await;
        assert_eq!((told.key.moment, &call(&told.card).found.who), (Missed, &Match::Nobody));
    }

    pub async fn a_later_look_up_that_finds_less_takes_nothing_away(under: impl Under) {
        let queue = under.queue();
        queue.admit(None, vec![found(live("a", Ringing, "rings"), Match::Nobody, &[])]).await.unwrap();
        queue.admit(None, vec![found(live("a", Answered, "talks"), Match::NotAsked, &["crm"])]).await.unwrap();
        let one = lease_one(&queue, "desk").await;
        let card = call(&one.card);
        assert_eq!((words(&one.card), &card.found.who, card.found.silent.len()), ("talks", &Match::Nobody, 0));
    }

    pub async fn a_sink_that_cannot_edit_any_more_is_told_what_is_new_and_nothing_twice(mut under: impl Under) {
        let queue = under.queue();
        let by = |rule, kind| Admission { rule, ..live("a", kind, "new") };
        assert_eq!(queue.admit(None, vec![by(Rule::Renew, Ended)]).await.unwrap(), [Admitted::Known]);
        queue.admit(None, vec![live("a", Ringing, "rings")]).await.unwrap();
        post(&queue, "1.1").await;
        under.crash().await;
        let queue = under.queue();
        let news = vec![by(Rule::Tell, Ringing), by(Rule::Renew, Answered)];
        assert_eq!(queue.admit(None, news).await.unwrap(), [Admitted::Known, Admitted::Known]);
        assert_eq!(now_waiting(&queue, "desk").await, [], "the edit would be a second message");
        assert_eq!(queue.admit(None, vec![by(Rule::Tell, Missed)]).await.unwrap(), [Admitted::New]);
        let missed = lease_one(&queue, "desk").await;
        assert_eq!((missed.key.moment, missed.form.clone()), (Missed, Form::Message));
        end(&queue, &missed, Settlement::Delivered).await;
    }

    pub async fn an_edit_that_still_waits_is_brought_up_to_date_whatever_its_sink_became(under: impl Under) {
        let queue = under.queue();
        queue.admit(None, vec![live("a", Ringing, "rings")]).await.unwrap();
        post(&queue, "1.1").await;
        queue.admit(None, vec![live("a", Answered, "talks")]).await.unwrap();
        let renew = Admission { rule: Rule::Renew, ..live("a", Ended, "over") };
        assert_eq!(queue.admit(None, vec![renew]).await.unwrap(), [Admitted::Renewed]);
        assert_eq!(words(&lease_one(&queue, "desk").await.card), "over");
    }

    pub async fn a_sink_that_edits_from_now_on_says_nothing_that_its_messages_said(mut under: impl Under) {
        let queue = under.queue();
        let tell = |kind| Admission { rule: Rule::Tell, ..live("a", kind, "said") };
        queue.admit(None, vec![tell(Ringing)]).await.unwrap();
        let ring = lease_one(&queue, "desk").await;
        assert_eq!(queue.admit(None, vec![live("a", Ringing, "x")]).await.unwrap(), [Admitted::Known], "on the wire");
        end(&queue, &ring, Settlement::Delivered).await;
        under.crash().await;
        let queue = under.queue();
        assert_eq!(queue.admit(None, vec![live("a", Ringing, "x")]).await.unwrap(), [Admitted::Known]);
        assert_eq!(queue.admit(None, vec![live("a", Answered, "talks")]).await.unwrap(), [Admitted::New]);
        post(&queue, "1.1").await;
        assert_eq!(queue.admit(None, vec![live("a", Missed, "gone")]).await.unwrap(), [Admitted::Renewed]);
        assert_eq!(edit_of(&lease_one(&queue, "desk").await), Some("1.1"));
    }

    pub async fn a_reply_goes_under_its_message_after_it_and_is_said_once(mut under: impl Under) {
        let queue = under.queue();
        let reply = |admission| Admission { rule: Rule::Reply, ..admission };
        queue.admit(None, vec![live("a", Ringing, "rings"), reply(live("a", Missed, "gone"))]).await.unwrap();
        assert_eq!(now_waiting(&queue, "desk").await.len(), 1, "the post itself will say it");
        post(&queue, "1.1").await;
        let both = || vec![live("a", Missed, "gone"), reply(live("a", Missed, "gone"))];
        assert_eq!(queue.admit(None, both()).await.unwrap(), [Admitted::Renewed, Admitted::New]);
        assert_eq!(queue.admit(None, both()).await.unwrap(), [Admitted::Known, Admitted::Known]);
        under.crash().await;
        let queue = under.queue();
        let edit = lease_one(&queue, "desk").await;
        assert_eq!(edit_of(&edit), Some("1.1"));
        let again = Settlement::Retry { not_before: Timestamp::now(), plain: false };
        end(&queue, &edit, again).await;
        let edit = lease_one(&queue, "desk").await;
        assert_eq!(edit_of(&edit), Some("1.1"), "a reply that waits does not take the card's place");
        end(&queue, &edit, Settlement::Delivered).await;
        let said = lease_one(&queue, "desk").await;
        assert_eq!((said.key.moment, said.form), (Missed, Form::Reply { to: Some(place("1.1")) }));
        queue.settle(vec![settle(said.id, Settlement::Delivered)]).await.unwrap();
        let hand_over = || vec![reply(taken("a", "Dana", 1)), reply(taken("a", "Bob", 9))];
        assert_eq!(queue.admit(None, hand_over()).await.unwrap(), [Admitted::New, Admitted::New]);
        assert_eq!(queue.admit(None, hand_over()).await.unwrap(), [Admitted::Known, Admitted::Known]);
    }
}

#[tokio::test]
async fn a_card_that_was_dropped_stays_so() {
    use suite::Under as _;
    let under = Sqlite::fresh();
    let queue = under.queue();
    queue.admit(None, vec![live("a", Ringing, "rings")]).await.unwrap();
    let ring = lease_one(&queue, "desk").await;
    assert!(super::super::drop_one(under.dir.path(), ring.id, Timestamp::now()).unwrap());
    end(&queue, &ring, Settlement::Shown(place("1.1"))).await;
    assert_eq!(queue.admit(None, vec![live("a", Missed, "gone")]).await.unwrap(), [Admitted::Known]);
}

#[tokio::test]
async fn a_living_card_outlives_a_disk_that_fails_and_its_return() {
    use suite::Under as _;
    let mut under = Shaky::fresh();
    let queue = under.queue();
    queue.admit(None, vec![live("a", Ringing, "rings")]).await.unwrap();
    post(&queue, "1.1").await;
    for (kind, text) in [(Answered, "talks"), (Ended, "over"), (Voicemail, "corrected")] {
        under.stumble().await;
        queue.admit(None, vec![live("a", kind, text)]).await.unwrap();
        assert_eq!(queue.admit(None, vec![live("a", Ringing, "late")]).await.unwrap(), [Admitted::Known]);
        let edit = lease_one(&queue, "desk").await;
        assert_eq!((words(&edit.card), edit_of(&edit)), (text, Some("1.1")));
        end(&queue, &edit, Settlement::Delivered).await;
    }
}

#[tokio::test]
async fn a_file_of_the_first_version_opens_and_goes_on() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join(FILE);
    let db = Connection::open(&path).unwrap();
    super::super::schema::migrate(&db, 0, &super::super::schema::MIGRATIONS[..1]).unwrap();
    let text = serde_json::to_string(&card("a", Ringing, "rings")).unwrap();
    db.execute(
        "INSERT INTO deliveries (subject, sink, moment, admitted, card) VALUES ('call:a', 'desk', 'ringing', 1, ?)",
        [text],
    )
    .unwrap();
    drop(db);
    let (queue, opened) = opened(dir.path());
    assert_eq!((opened.waiting, opened.migrated), (1, Some(1)));
    let ring = lease_one(&queue, "desk").await;
    assert_eq!((words(&ring.card), &ring.form), ("rings", &Form::Message));
    end(&queue, &ring, Settlement::Delivered).await;
    queue.admit(None, vec![live("b", Ringing, "lives")]).await.unwrap();
    post(&queue, "1.1").await;
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

/// Plays a call at a chat that can edit. What the chat shows never goes back, there is one message unless the store lost
/// its settlement, and in the end it shows the furthest state.
async fn play(steps: Vec<Step>) {
    use suite::Under as _;
    const KINDS: [MomentKind; 5] = [Ringing, Answered, Missed, Voicemail, Ended];
    let rank = |kind: MomentKind| KINDS.iter().position(|one| *one == kind).unwrap().min(2);
    let mut under = Sqlite::fresh();
    let mut queue = under.queue();
    let (mut furthest, mut shown, mut messages, mut unsure) = (None, None, 0, false);
    let mut held: Option<Delivery> = None;
    for (serial, step) in steps.into_iter().chain([Step::Settle(0), Step::Lease, Step::Settle(0)]).enumerate() {
        match step {
            Step::Admit(kind) => {
                queue.admit(None, vec![live("a", KINDS[kind], &format!("words {serial}"))]).await.unwrap();
                furthest = furthest.max(Some(rank(KINDS[kind])));
            }
            Step::Lease if held.is_none() => {
                let waiting = now_waiting(&queue, "desk").await;
                assert!(waiting.len() <= 1);
                let ids = waiting.iter().map(|one| one.id).collect();
                held = queue.lease(ids).await.unwrap().pop();
            }
            Step::Settle(how) => {
                let Some(one) = held.take() else { continue };
                let told = how < 3;
                let settlement = match how {
                    0..3 if edit_of(&one).is_some() => Settlement::Delivered,
                    0..3 => Settlement::Shown(place(&format!("{serial}.1"))),
                    3 => Settlement::Released,
                    _ => Settlement::Retry { not_before: Timestamp::now(), plain: false },
                };
                if told {
                    assert!(Some(rank(one.key.moment)) >= shown, "it went back");
                    shown = Some(rank(one.key.moment));
                    messages += u32::from(edit_of(&one).is_none());
                }
                queue.settle(vec![settle(one.id, settlement)]).await.unwrap();
            }
            Step::Crash => {
                unsure |= held.take().is_some();
                under.crash().await;
                queue = under.queue();
            }
            Step::Lease => {}
        }
    }
    assert_eq!(shown, furthest);
    assert!(messages <= 1 || unsure, "{messages} messages");
    assert_eq!(now_waiting(&queue, "desk").await, []);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn whatever_happens_a_call_is_one_message_that_ends_as_the_call_did(steps in steps()) {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(play(steps));
    }
}
