//! Property test: random steps of one call at a sink that supports edits. Webhooks are in `model`.

use super::*;
use proptest::prelude::*;

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
