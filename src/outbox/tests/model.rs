//! Random operations and crashes against a plain map.

use super::{suite::Under, *};
use crate::model::delivery::Admitted;
use proptest::{collection::vec, prelude::*, sample::Index};
use std::collections::{BTreeMap, BTreeSet};

const CALLS: [&str; 3] = ["a", "b", "c"];
const SINKS: [&str; 2] = ["desk", "support"];
const KINDS: [MomentKind; 5] =
    [MomentKind::Ringing, MomentKind::Answered, MomentKind::Missed, MomentKind::Voicemail, MomentKind::Ended];

#[derive(Debug, Clone)]
enum Op {
    Note(usize, usize),
    Admit {
        noted: bool,
        call: usize,
        kind: usize,
        sinks: Vec<(usize, bool)>,
    },
    Lease(Vec<Index>),
    Settle(Index, How),
    /// Seconds.
    Wait(i64),
    Crash,
    Stumble,
}

#[derive(Debug, Clone)]
enum How {
    Delivered,
    Dead,
    Released,
    /// Seconds from the test's now, and plain.
    Retry(i64, bool),
}

fn op() -> impl Strategy<Value = Op> {
    let how = prop_oneof![
        2 => Just(How::Delivered), 1 => Just(How::Dead), 1 => Just(How::Released),
        3 => (-5..300_i64, any::<bool>()).prop_map(|(wait, plain)| How::Retry(wait, plain)),
    ];
    prop_oneof![
        2 => (0..3_usize, 0..5_usize).prop_map(|(call, kind)| Op::Note(call, kind)),
        6 => (any::<bool>(), 0..3_usize, 0..5_usize, vec((0..2_usize, any::<bool>()), 0..3))
            .prop_map(|(noted, call, kind, sinks)| Op::Admit { noted, call, kind, sinks }),
        4 => vec(any::<Index>(), 1..4).prop_map(Op::Lease),
        4 => (any::<Index>(), how).prop_map(|(which, how)| Op::Settle(which, how)),
        1 => (-4000..4000_i64).prop_map(Op::Wait),
        1 => Just(Op::Crash),
        1 => Just(Op::Stumble),
    ]
}

type Name = (usize, usize, usize);

/// What the map knows of a delivery.
#[derive(Debug, Clone)]
struct Row {
    order: usize,
    waits: bool,
    leased: bool,
    due: Option<Timestamp>,
    card: (usize, String),
    newer: Option<(usize, String)>,
    attempts: u32,
    plain: bool,
}

#[derive(Debug, Default)]
struct Map {
    rows: BTreeMap<Name, Row>,
    noted: BTreeMap<(usize, usize), String>,
    count: usize,
}

fn rank(kind: usize) -> usize {
    kind.min(2)
}

impl Map {
    fn admit(&mut self, call: usize, kind: usize, to: usize, tell: bool, words: &str) -> Admitted {
        let siblings: Vec<Name> = self.rows.keys().filter(|name| name.0 == call && name.2 == to).copied().collect();
        let target = if tell {
            let name = (call, kind, to);
            if !self.rows.contains_key(&name) {
                if siblings.iter().any(|sibling| rank(sibling.1) > rank(kind)) {
                    return Admitted::Known;
                }
                for sibling in siblings {
                    let row = self.rows.get_mut(&sibling).unwrap();
                    row.waits &= row.leased;
                }
                self.count += 1;
                let (order, card) = (self.count, (kind, words.to_owned()));
                let row =
                    Row { order, waits: true, leased: false, due: None, card, newer: None, attempts: 0, plain: false };
                self.rows.insert(name, row);
                return Admitted::New;
            }
            Some(name)
        } else {
            siblings.into_iter().filter(|name| self.rows[name].waits).max_by_key(|name| self.rows[name].order)
        };
        let Some(row) = target.and_then(|name| self.rows.get_mut(&name)).filter(|row| row.waits) else {
            return Admitted::Known;
        };
        let said = row.newer.as_ref().unwrap_or(&row.card).0;
        if rank(kind) < rank(said) {
            return Admitted::Known;
        }
        if row.leased {
            row.newer = Some((kind, words.to_owned()));
            return Admitted::Known;
        }
        (row.card, row.newer) = ((kind, words.to_owned()), None);
        Admitted::Renewed
    }

    fn first(&self, name: &Name) -> bool {
        let order = self.rows[name].order;
        !self.rows.iter().any(|(other, row)| row.waits && other.0 == name.0 && other.2 == name.2 && row.order < order)
    }

    /// What may be told to a sink now, in order; `all`: or later.
    fn offered(&self, to: usize, now: Timestamp, all: bool) -> Vec<Name> {
        let due = |row: &Row| row.due.is_none_or(|due| due <= now || due > now + jiff::SignedDuration::from_secs(360));
        let mut names: Vec<Name> = self
            .rows
            .iter()
            .filter(|(name, row)| name.2 == to && row.waits && !row.leased && (all || due(row)) && self.first(name))
            .map(|(name, _)| *name)
            .collect();
        names.sort_by_key(|name| self.rows[name].order);
        names
    }

    fn settle(&mut self, name: Name, how: &How, now: Timestamp) {
        let order = self.rows[&name].order;
        let behind = self
            .rows
            .iter()
            .any(|(other, row)| row.waits && other.0 == name.0 && other.2 == name.2 && row.order > order);
        let row = self.rows.get_mut(&name).unwrap();
        row.leased = false;
        row.attempts += u32::from(!matches!(how, How::Released));
        match how {
            How::Delivered | How::Dead => row.waits = false,
            How::Released | How::Retry(..) if behind => row.waits = false,
            How::Released => {}
            How::Retry(wait, plain) => {
                row.due = Some(now + jiff::SignedDuration::from_secs(*wait));
                row.plain |= plain;
            }
        }
        if row.waits
            && let Some(newer) = row.newer.take()
        {
            row.card = newer;
        }
    }
}

fn name(delivery: &Delivery) -> Name {
    let Subject::Call(call) = &delivery.key.subject else { panic!("a call") };
    let of = |all: &[&str], one: &str| all.iter().position(|other| *other == one).unwrap();
    let kind = KINDS.iter().position(|kind| *kind == delivery.key.moment).unwrap();
    (of(&CALLS, call.as_str()), kind, of(&SINKS, delivery.key.sink.as_str()))
}

/// What must be equal of a delivery.
fn seen(delivery: &Delivery) -> (Name, String, u32, bool) {
    (name(delivery), words(&delivery.card).to_owned(), delivery.attempts, delivery.plain)
}

fn expected(map: &Map, name: &Name) -> (Name, String, u32, bool) {
    let row = &map.rows[name];
    (*name, row.newer.as_ref().unwrap_or(&row.card).1.clone(), row.attempts, row.plain)
}

async fn compare(queue: &impl Outbox, map: &Map, now: Timestamp) -> BTreeMap<Name, DeliveryId> {
    let mut ids = BTreeMap::new();
    for (to, label) in SINKS.iter().enumerate() {
        let waiting = queue.waiting(&sink(label), now, 100).await.unwrap();
        let wanted: Vec<_> = map.offered(to, now, false).iter().map(|name| expected(map, name)).collect();
        assert_eq!(waiting.iter().map(seen).collect::<Vec<_>>(), wanted);
        ids.extend(waiting.iter().map(|delivery| (name(delivery), delivery.id)));
        // The queue's own clock stands close to the time of the start, from which dues are at most 4300 s away.
        let due = queue.next_due(&sink(label)).await.unwrap();
        assert_eq!(due.is_some(), !map.offered(to, now, true).is_empty());
    }
    let noted: BTreeSet<_> = queue.noted().await.unwrap().into_iter().map(|t| t.call.caller.name.unwrap()).collect();
    assert_eq!(noted, map.noted.values().cloned().collect());
    ids
}

async fn play(mut under: impl Under, ops: Vec<Op>) {
    let (mut map, mut leased) = (Map::default(), BTreeMap::<Name, DeliveryId>::new());
    let (mut queue, mut now) = (under.queue(), Timestamp::now());
    for (serial, op) in ops.into_iter().enumerate() {
        let offered = compare(&queue, &map, now).await;
        let text = format!("words {serial}");
        match op {
            Op::Note(call, kind) => {
                queue.note(telling(CALLS[call], KINDS[kind], &text)).await.unwrap();
                map.noted.insert((call, kind), text);
            }
            Op::Admit { noted, call, kind, sinks } => {
                let key = noted.then(|| (call_id(CALLS[call]), KINDS[kind]));
                if noted {
                    map.noted.remove(&(call, kind));
                }
                let rule = |tell: bool| if tell { Rule::Tell } else { Rule::Renew };
                let cards = sinks
                    .iter()
                    .map(|(to, tell)| admission(CALLS[call], KINDS[kind], SINKS[*to], rule(*tell), &text))
                    .collect();
                let wanted: Vec<_> = sinks.iter().map(|(to, tell)| map.admit(call, kind, *to, *tell, &text)).collect();
                assert_eq!(queue.admit(key, cards).await.unwrap(), wanted);
            }
            Op::Lease(which) if !offered.is_empty() => {
                let all: Vec<_> = offered.into_iter().collect();
                let names: BTreeMap<Name, DeliveryId> = which.iter().map(|index| *index.get(&all)).collect();
                let taken = queue.lease(names.values().copied().collect()).await.unwrap();
                let taken: BTreeSet<_> = taken.iter().map(seen).collect();
                assert_eq!(taken, names.keys().map(|name| expected(&map, name)).collect());
                names.keys().for_each(|name| map.rows.get_mut(name).unwrap().leased = true);
                leased.extend(names);
            }
            Op::Settle(which, how) if !leased.is_empty() => {
                let held: Vec<_> = leased.iter().map(|(name, id)| (*name, *id)).collect();
                let (name, id) = *which.get(&held);
                leased.remove(&name);
                let settlement = match &how {
                    How::Delivered => Settlement::Delivered,
                    How::Dead => Settlement::Dead("no".to_owned()),
                    How::Released => Settlement::Released,
                    How::Retry(wait, plain) => {
                        Settlement::Retry { not_before: now + jiff::SignedDuration::from_secs(*wait), plain: *plain }
                    }
                };
                queue.settle(vec![settle(id, settlement)]).await.unwrap();
                map.settle(name, &how, now);
            }
            Op::Lease(_) | Op::Settle(..) => {}
            Op::Stumble => under.stumble().await,
            Op::Wait(seconds) => now += jiff::SignedDuration::from_secs(seconds),
            Op::Crash => {
                under.crash().await;
                queue = under.queue();
                leased.clear();
                map.rows.values_mut().for_each(|row| row.leased = false);
            }
        }
    }
    compare(&queue, &map, now).await;
}

fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

fn run(under: impl Under, ops: Vec<Op>) {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(play(under, ops));
}

proptest! {
    #![proptest_config(cases(96))]
    #[test]
    fn whatever_happens_the_queue_does_as_a_plain_map(ops in vec(op(), 1..60)) {
        run(Sqlite::fresh(), ops);
    }
}

proptest! {
    #![proptest_config(cases(32))]
    #[test]
    fn it_does_so_on_a_disk_that_fails_now_and_then(ops in vec(op(), 1..60)) {
        run(Shaky::fresh(), ops);
    }
}
