//! Model test: random operations and crashes, compared with the model. Does not use live messages.

use super::{super::suite::TestStore, *};
use futures_util::FutureExt as _;
use proptest::{collection::vec, prelude::*, sample::Index};
use std::collections::BTreeSet;

const CALLS: [&str; 3] = ["a", "b", "c"];
const SINKS: [&str; 2] = ["desk", "support"];
const KINDS: [StatusKind; 5] =
    [StatusKind::Ringing, StatusKind::Answered, StatusKind::Missed, StatusKind::Voicemail, StatusKind::Ended];

#[derive(Debug, Clone)]
enum Op {
    SavePending(usize, usize),
    Enqueue {
        pending: bool,
        call: usize,
        kind: usize,
        sinks: Vec<(usize, bool)>,
    },
    /// Enqueues for a worker that waits at the sink. A crash may follow before the reply.
    HandOver {
        call: usize,
        kind: usize,
        to: usize,
        crash: bool,
    },
    Lease(Vec<Index>),
    Settle(Index, Outcome),
    /// Seconds.
    Wait(i64),
    Crash,
    FailDisk,
}

fn op() -> impl Strategy<Value = Op> {
    let outcome = prop_oneof![
        2 => Just(Outcome::Delivered), 1 => Just(Outcome::Dead), 1 => Just(Outcome::Released),
        3 => (-5..300_i64, any::<bool>()).prop_map(|(wait, plain)| Outcome::Retry(wait, plain)),
    ];
    prop_oneof![
        2 => (0..3_usize, 0..5_usize).prop_map(|(call, kind)| Op::SavePending(call, kind)),
        6 => (any::<bool>(), 0..3_usize, 0..5_usize, vec((0..2_usize, any::<bool>()), 0..3))
            .prop_map(|(pending, call, kind, sinks)| Op::Enqueue { pending, call, kind, sinks }),
        4 => vec(any::<Index>(), 1..4).prop_map(Op::Lease),
        3 => (0..3_usize, 0..5_usize, 0..2_usize, prop::bool::weighted(0.2))
            .prop_map(|(call, kind, to, crash)| Op::HandOver { call, kind, to, crash }),
        4 => (any::<Index>(), outcome).prop_map(|(which, outcome)| Op::Settle(which, outcome)),
        1 => (-4000..4000_i64).prop_map(Op::Wait),
        1 => Just(Op::Crash),
        1 => Just(Op::FailDisk),
    ]
}

fn name(delivery: &Delivery) -> Name {
    let Subject::Call(call) = &delivery.key.subject else { panic!("a call") };
    let index = |all: &[&str], one: &str| all.iter().position(|other| *other == one).unwrap();
    let kind = KINDS.iter().position(|kind| *kind == delivery.key.status).unwrap();
    (index(&CALLS, call.as_str()), kind, index(&SINKS, delivery.key.sink.as_str()))
}

/// Compared properties of a delivery.
fn actual(delivery: &Delivery) -> (Name, String, u32, bool) {
    (name(delivery), label(&delivery.card).to_owned(), delivery.attempts, delivery.plain)
}

fn expected(model: &Model, name: &Name) -> (Name, String, u32, bool) {
    let row = &model.rows[name];
    (*name, row.newer.as_ref().unwrap_or(&row.card).1.clone(), row.attempts, row.plain)
}

async fn compare(queue: &impl Outbox, model: &Model, now: Timestamp) -> BTreeMap<Name, DeliveryId> {
    let mut ids = BTreeMap::new();
    for (to, label) in SINKS.iter().enumerate() {
        let waiting = queue.due(&sink(label), now, 100).await.unwrap();
        let wanted: Vec<_> = model.offered(to, now, false).iter().map(|name| expected(model, name)).collect();
        assert_eq!(waiting.iter().map(actual).collect::<Vec<_>>(), wanted);
        ids.extend(waiting.iter().map(|delivery| (name(delivery), delivery.id)));
        // The outbox's own clock is close to the start time, and due times are at most 4300 s from the start.
        let due = queue.next_due(&sink(label)).await.unwrap();
        assert_eq!(due.is_some(), !model.offered(to, now, true).is_empty());
    }
    let pending: BTreeSet<_> =
        queue.pending().await.unwrap().into_iter().map(|update| update.call.caller.name.unwrap()).collect();
    assert_eq!(pending, model.pending.values().cloned().collect());
    ids
}

async fn play(mut store: impl TestStore, ops: Vec<Op>) {
    let (mut model, mut leased) = (Model::default(), BTreeMap::<Name, DeliveryId>::new());
    let (mut queue, mut now) = (store.queue(), Timestamp::now());
    for (serial, op) in ops.into_iter().enumerate() {
        let offered = compare(&queue, &model, now).await;
        let text = format!("label {serial}");
        match op {
            Op::SavePending(call, kind) => {
                queue.save_pending(call_update(CALLS[call], KINDS[kind], &text)).await.unwrap();
                model.pending.insert((call, kind), text);
            }
            Op::Enqueue { pending, call, kind, sinks } => {
                let key = pending.then(|| (call_id(CALLS[call]), KINDS[kind]));
                if pending {
                    model.pending.remove(&(call, kind));
                }
                let rule = |inserts: bool| if inserts { EnqueueMode::Insert } else { EnqueueMode::UpdatePending };
                let cards = sinks
                    .iter()
                    .map(|(to, inserts)| new_delivery(CALLS[call], KINDS[kind], SINKS[*to], rule(*inserts), &text))
                    .collect();
                let wanted: Vec<_> =
                    sinks.iter().map(|(to, inserts)| model.enqueue(call, kind, *to, *inserts, &text)).collect();
                assert_eq!(queue.enqueue(key, cards).await.unwrap(), wanted);
            }
            Op::Lease(which) if !offered.is_empty() => {
                let all: Vec<_> = offered.into_iter().collect();
                let names: BTreeMap<Name, DeliveryId> = which.iter().map(|index| *index.get(&all)).collect();
                let taken = queue.lease(names.values().copied().collect()).await.unwrap();
                let taken: BTreeSet<_> = taken.iter().map(actual).collect();
                assert_eq!(taken, names.keys().map(|name| expected(&model, name)).collect());
                names.keys().for_each(|name| model.rows.get_mut(name).unwrap().leased = true);
                leased.extend(names);
            }
            Op::Settle(which, outcome) if !leased.is_empty() => {
                let held: Vec<_> = leased.iter().map(|(name, id)| (*name, *id)).collect();
                let (name, id) = *which.get(&held);
                leased.remove(&name);
                let settlement = match &outcome {
                    Outcome::Delivered => Settlement::Delivered,
                    Outcome::Dead => Settlement::Dead("no".to_owned()),
                    Outcome::Released => Settlement::Released,
                    Outcome::Retry(wait, plain) => {
                        Settlement::Retry { not_before: now + jiff::SignedDuration::from_secs(*wait), plain: *plain }
                    }
                };
                queue.settle(vec![settle(id, settlement)]).await.unwrap();
                model.settle(name, &outcome, now);
            }
            Op::HandOver { call, kind, to, crash } => {
                let desk = sink(SINKS[to]);
                let cards = vec![new_delivery(CALLS[call], KINDS[kind], SINKS[to], EnqueueMode::Insert, &text)];
                let _ = queue.wakeup(&desk).now_or_never();
                let mut receiving = Box::pin(queue.receive(&desk));
                assert!(receiving.as_mut().now_or_never().flatten().is_none());
                let wanted = model.enqueue(call, kind, to, true, &text);
                let writer = queue.clone();
                let enqueued = tokio::spawn(async move { writer.enqueue(None, cards).await });
                let received = if wanted == EnqueueResult::Inserted { receiving.as_mut().await } else { None };
                drop(receiving);
                let crash = crash && received.is_some();
                if !crash {
                    assert_eq!(enqueued.await.unwrap().unwrap(), [wanted]);
                }
                if let Some(delivery) = received {
                    let name = (call, kind, to);
                    assert!(model.first(&name), "an earlier status of the call waits");
                    assert_eq!(actual(&delivery), expected(&model, &name));
                    model.rows.get_mut(&name).unwrap().leased = true;
                    leased.insert(name, delivery.id);
                }
                if crash {
                    store.crash().await;
                    queue = store.queue();
                    leased.clear();
                    model.free_leases();
                }
            }
            Op::Lease(_) | Op::Settle(..) => {}
            Op::FailDisk => store.fail_disk().await,
            Op::Wait(seconds) => now += jiff::SignedDuration::from_secs(seconds),
            Op::Crash => {
                store.crash().await;
                queue = store.queue();
                leased.clear();
                model.free_leases();
            }
        }
    }
    compare(&queue, &model, now).await;
}

fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

fn run(store: impl TestStore, ops: Vec<Op>) {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(play(store, ops));
}

proptest! {
    #![proptest_config(cases(96))]
    #[test]
    fn outbox_matches_the_model_after_random_operations(ops in vec(op(), 1..60)) {
        run(Sqlite::fresh(), ops);
    }
}

proptest! {
    #![proptest_config(cases(32))]
    #[test]
    fn outbox_matches_the_model_on_a_failing_disk(ops in vec(op(), 1..60)) {
        run(FlakyDisk::fresh(), ops);
    }
}

proptest! {
    #![proptest_config(cases(8))]
    #[test]
    fn outbox_matches_the_model_over_a_server(ops in vec(op(), 1..60)) {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
            if let Some(store) = Postgres::fresh().await {
                play(store, ops).await;
            }
        });
    }
}
