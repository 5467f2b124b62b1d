//! Outbox tests: a suite and a model test over the trait, and tests specific to SQLite.

mod admin;
mod cost;
mod faults;
mod fold;
mod forget;
mod kill;
mod living;
mod model;
mod suite;

use super::{Durability, FILE, Health, Opened, Queue, Retention, OutboxSettings, degrade::Ground, open, open::disk};
use crate::model::{
    call::{Bound, Call, Caller, MissedWhy, Moment, MomentKind, Person, Telling},
    card::{CallCard, Card, Findings},
    delivery::{Admission, Attempt, Delivery, DeliveryId, Key, Outbox, Rule, Settle, Settlement, Subject},
    ids::{AccountKey, ConnectionName, ConversationSpaceId, SinkName},
    phone::{Number, Region},
    time::Timestamp,
};
use std::{path::Path, time::Duration};
use tempfile::TempDir;

fn settings(dir: &Path) -> OutboxSettings {
    OutboxSettings { dir: dir.to_owned(), durability: Durability::PowerLoss, retention: Retention::default() }
}

fn open_outbox(dir: &Path) -> (Queue, Opened) {
    open(settings(dir), Timestamp::now()).unwrap()
}

/// An outbox in a temporary directory.
struct Sqlite {
    dir: TempDir,
    queue: Queue,
}

impl Sqlite {
    fn fresh() -> Self {
        let dir = TempDir::new().unwrap();
        let queue = open_outbox(dir.path()).0;
        Self { dir, queue }
    }
}

impl suite::TestStore for Sqlite {
    type Queue = Queue;

    fn queue(&self) -> Queue {
        self.queue.clone()
    }

    /// Simulates a crash: copies the file and its WAL without closing them, and opens the copies.
    async fn crash(&mut self) {
        let copy = TempDir::new().unwrap();
        for name in [FILE.to_owned(), format!("{FILE}-wal")] {
            std::fs::copy(self.dir.path().join(&name), copy.path().join(&name)).unwrap();
        }
        self.queue = open_outbox(copy.path()).0;
        self.dir = copy;
    }

    async fn fail_disk(&mut self) {}
}

/// The same on a disk that fails at times: the outbox switches to memory and back within milliseconds, between any two
/// operations.
struct FlakyDisk(Sqlite);

impl FlakyDisk {
    fn fresh() -> Self {
        let dir = TempDir::new().unwrap();
        let queue = Self::open_outbox(dir.path());
        Self(Sqlite { dir, queue })
    }

    /// Waits for durable storage: a crash in memory loses rows, and only a file can fail.
    async fn wait_until_durable(&self) {
        let mut health = self.0.queue.health();
        let durable = health.wait_for(|health| *health == Health::Durable);
        tokio::time::timeout(Duration::from_secs(10), durable).await.unwrap().unwrap();
    }

    fn open_outbox(dir: &Path) -> Queue {
        let disk = disk(&settings(dir), Timestamp::now()).unwrap();
        Queue::start(Ground::on_disk(settings(dir), disk), Duration::from_millis(2)).unwrap()
    }
}

impl suite::TestStore for FlakyDisk {
    type Queue = Queue;

    fn queue(&self) -> Queue {
        self.0.queue.clone()
    }

    async fn crash(&mut self) {
        self.wait_until_durable().await;
        self.0.crash().await;
        self.0.queue.close().await;
        self.0.queue = Self::open_outbox(self.0.dir.path());
    }

    async fn fail_disk(&mut self) {
        self.wait_until_durable().await;
        self.0.queue.ask(false, |store, _| Ok(store.db.pragma_update(None, "query_only", true)?)).await.unwrap();
    }
}

fn sink(name: &str) -> SinkName {
    SinkName::try_from(name).unwrap()
}

fn call_id(name: &str) -> ConversationSpaceId {
    ConversationSpaceId::try_from(name).unwrap()
}

fn status_of(kind: MomentKind) -> Moment {
    let second = Duration::from_secs(1);
    match kind {
        MomentKind::Ringing => Moment::Ringing,
        MomentKind::Answered => {
            Moment::Answered { by: Person { name: None, extension: None, line: None }, after: second }
        }
        MomentKind::Missed => Moment::Missed { after: second, why: MissedWhy::Unknown },
        MomentKind::Voicemail => Moment::Voicemail { length: None },
        MomentKind::Ended => Moment::Ended { lasted: None },
    }
}

/// An update of a call; `label` is the caller's name, which identifies the card in tests.
fn call_update(call: &str, kind: MomentKind, label: &str) -> Telling {
    Telling {
        call: Call {
            id: call_id(call),
            connection: ConnectionName::try_from("main").unwrap(),
            region: Region::US,
            account: AccountKey::try_from("2930718022414574861").unwrap(),
            bound: Bound::Inbound,
            caller: Caller { name: Some(label.to_owned()), number: Number::read(Some("+15145550199"), Region::US) },
            ours: None,
            queues: vec![],
            people: vec![],
            transfers: Vec::new(),
            answered: None,
            queued: None,
            started: Timestamp::UNIX_EPOCH,
            late: false,
            lost: false,
            revised: None,
        },
        moment: status_of(kind),
        at: Timestamp::UNIX_EPOCH,
    }
}

fn card(call: &str, kind: MomentKind, label: &str) -> Card {
    Card::Call(Box::new(CallCard::new(call_update(call, kind, label), Findings::default())))
}

fn label(card: &Card) -> &str {
    match card {
        Card::Call(card) => card.telling.call.caller.name.as_deref().unwrap(),
        Card::GapSummary(_) | Card::Shift(_) | Card::Notice(_) => panic!("not a call card"),
    }
}

fn new_delivery(call: &str, kind: MomentKind, to: &str, rule: Rule, label: &str) -> Admission {
    let key = Key { subject: Subject::Call(call_id(call)), moment: kind, sink: sink(to) };
    Admission { key, card: card(call, kind, label), rule }
}

fn insert(call: &str, kind: MomentKind, to: &str) -> Admission {
    new_delivery(call, kind, to, Rule::Tell, call)
}

fn attempt(status: u16) -> Option<Attempt> {
    let at = Timestamp::now();
    Some(Attempt { at, took: Duration::from_millis(7), status: Some(status), answer: "response text".to_owned() })
}

fn settle(id: DeliveryId, settlement: Settlement) -> Settle {
    let attempt = if settlement == Settlement::Released { None } else { attempt(200) };
    Settle { id, settlement, attempt }
}

async fn due_now<O: Outbox>(queue: &O, to: &str) -> Vec<Delivery> {
    queue.waiting(&sink(to), Timestamp::now(), 1000).await.unwrap()
}

/// Leases the one due delivery.
async fn lease_one<O: Outbox>(queue: &O, to: &str) -> Delivery {
    let due = due_now(queue, to).await;
    assert_eq!(due.len(), 1, "{due:?}");
    queue.lease(vec![due[0].id]).await.unwrap().pop().unwrap()
}
