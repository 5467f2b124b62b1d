//! The outbox alone: what a card costs with both durabilities, and what a start with very many waiting cards costs.

use super::{
    parties::{Home, World},
    process::Memory,
    table::{mib, written},
};
use poprelay::{
    model::{
        call::{Bound, Call, Caller, Moment, MomentKind, Telling},
        card::{CallCard, Card, Findings},
        delivery::{Admission, Attempt, Key, Outbox as _, Rule, Settle, Settlement, Subject},
        ids::{AccountKey, ConnectionName, ConversationSpaceId, SinkName},
        phone::{Number, Region},
        time::Timestamp,
    },
    outbox::{self, Durability, Queue, Retention, Settings},
};
use std::{
    path::Path,
    time::{Duration, Instant},
};

/// Cards on their way at once, in the run that shows what sharing a sync brings.
const ABREAST: u32 = 64;
/// Cards of one admission when the store is filled.
const FILL: u32 = 500;

fn open(dir: &Path, durability: Durability) -> Queue {
    std::fs::create_dir_all(dir).unwrap();
    let settings = Settings { dir: dir.to_owned(), durability, retention: Retention::default() };
    outbox::open(settings, Timestamp::now()).unwrap().0
}

fn admission(call: &str, sink: &SinkName) -> Admission {
    let id = ConversationSpaceId::try_from(call).unwrap();
    let number = Number::read(Some("+15145550199"), Region::US);
    let call = Call {
        id: id.clone(),
        connection: ConnectionName::try_from("main").unwrap(),
        region: Region::US,
        account: AccountKey::try_from("2930718022414574861").unwrap(),
        bound: Bound::Inbound,
        caller: Caller { name: Some("ALICE MARTIN".to_owned()), number },
        ours: None,
        queues: vec![],
        people: vec![],
        transfers: Vec::new(),
        answered: None,
        queued: None,
        started: Timestamp::now(),
        late: false,
        lost: false,
        revised: None,
    };
    let telling = Telling { call, moment: Moment::Ringing, at: Timestamp::now() };
    let card = Card::Call(Box::new(CallCard::new(telling, Findings::default())));
    Admission {
        key: Key { subject: Subject::Call(id), moment: MomentKind::Ringing, sink: sink.clone() },
        card,
        rule: Rule::Tell,
    }
}

/// A card's way through the outbox; how long its admission and its settlement took.
async fn one_card(queue: &Queue, call: &str, sink: &SinkName) -> (Duration, Duration) {
    let start = Instant::now();
    queue.admit(None, vec![admission(call, sink)]).await.unwrap();
    let admitted = start.elapsed();
    let waiting = queue.waiting(sink, Timestamp::now(), 1).await.unwrap();
    let held = queue.lease(vec![waiting[0].id]).await.unwrap();
    let start = Instant::now();
    let (at, took) = (Timestamp::now(), Duration::from_millis(90));
    let attempt = Attempt { at, took, status: Some(200), answer: "ok".to_owned() };
    let settle = Settle { id: held[0].id, settlement: Settlement::Delivered, attempt: Some(attempt) };
    queue.settle(vec![settle]).await.unwrap();
    (admitted, start.elapsed())
}

/// Prints what admission and settlement cost with both durabilities, alone and many at once.
pub async fn costs(cards: u32) {
    println!();
    println!("{:<24}{:>14}{:>14}{:>14}{:>14}{:>18}", "outbox", "admit p50", "p99", "settle p50", "p99", "64 at once");
    for (name, durability) in [("power-loss", Durability::PowerLoss), ("crash", Durability::Crash)] {
        let home = Home::new();
        let queue = open(&home.state(), durability);
        let desk = SinkName::try_from("desk").unwrap();
        let (mut admits, mut settles) = (Vec::new(), Vec::new());
        for nth in 0..cards {
            let (admit, settle) = one_card(&queue, &format!("one-{nth}"), &desk).await;
            admits.push(admit);
            settles.push(settle);
        }
        admits.sort_unstable();
        settles.sort_unstable();
        let at = |times: &[Duration], part: usize| written(times[(times.len() * part / 100).min(times.len() - 1)]);
        let rate = abreast(&queue, cards * 4 / ABREAST).await;
        println!(
            "{name:<24}{:>14}{:>14}{:>14}{:>14}{:>10.0} cards/s",
            at(&admits, 50),
            at(&admits, 99),
            at(&settles, 50),
            at(&settles, 99),
            rate
        );
        queue.close().await;
    }
}

async fn abreast(queue: &Queue, each: u32) -> f64 {
    let start = Instant::now();
    let lanes: Vec<_> = (0..ABREAST)
        .map(|lane| {
            let queue = queue.clone();
            tokio::spawn(async move {
                let sink = SinkName::try_from(format!("sink-{lane}").as_str()).unwrap();
                for nth in 0..each {
                    one_card(&queue, &format!("many-{lane}-{nth}"), &sink).await;
                }
            })
        })
        .collect();
    for lane in lanes {
        lane.await.unwrap();
    }
    f64::from(ABREAST * each) / start.elapsed().as_secs_f64()
}

/// Prints what a daemon holds in memory, and how soon it hears calls, when `count` cards wait for a chat that is away.
pub async fn many_waiting(count: u32) {
    let home = Home::new();
    let queue = open(&home.state(), Durability::Crash);
    let desk = SinkName::try_from("desk").unwrap();
    for first in (0..count).step_by(usize::try_from(FILL).unwrap()) {
        let cards = (first..first + FILL).map(|nth| admission(&format!("waiting-{nth}"), &desk)).collect();
        queue.admit(None, cards).await.unwrap();
    }
    queue.close().await;
    let world = World::start().await;
    // Nobody listens on the discard port.
    home.configure(&world.config(2, "power-loss", true, "http://127.0.0.1:9/slack/desk"));
    let relay = home.run();
    let subscribed = world.subscribed(1, &relay).await;
    world.subscribed(2, &relay).await;
    tokio::time::sleep(Duration::from_secs(4)).await;
    let memory = Memory::of(relay.pid());
    println!();
    println!(
        "a start with {count} cards waiting for a chat that is away: subscribed in {}, resident {} ({} anonymous)",
        written(subscribed),
        mib(memory.resident),
        mib(memory.anonymous)
    );
}
