//! The queue's tests: a suite and a model test over the trait, and what is SQLite's alone.

mod admin;
mod cost;
mod faults;
mod fold;
mod forget;
mod kill;
mod living;
mod model;
mod suite;

use super::{Durability, FILE, Health, Opened, Queue, Retention, Settings, degrade::Ground, open, open::disk};
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

fn settings(dir: &Path) -> Settings {
    Settings { dir: dir.to_owned(), durability: Durability::PowerLoss, retention: Retention::default() }
}

fn opened(dir: &Path) -> (Queue, Opened) {
    open(settings(dir), Timestamp::now()).unwrap()
}

/// An outbox in a directory of its own, and a crash of it.
struct Sqlite {
    dir: TempDir,
    queue: Queue,
}

impl Sqlite {
    fn fresh() -> Self {
        let dir = TempDir::new().unwrap();
        let queue = opened(dir.path()).0;
        Self { dir, queue }
    }
}

impl suite::Under for Sqlite {
    type Queue = Queue;

    fn queue(&self) -> Queue {
        self.queue.clone()
    }

    /// What a crash leaves: the file and its log as they are at this moment, never closed, opened again elsewhere.
    async fn crash(&mut self) {
        let left = TempDir::new().unwrap();
        for name in [FILE.to_owned(), format!("{FILE}-wal")] {
            std::fs::copy(self.dir.path().join(&name), left.path().join(&name)).unwrap();
        }
        self.queue = opened(left.path()).0;
        self.dir = left;
    }

    async fn stumble(&mut self) {}
}

/// The same on a disk that fails now and then: the queue falls to memory and comes back within milliseconds, in the
/// midst of whatever is done to it.
struct Shaky(Sqlite);

impl Shaky {
    fn fresh() -> Self {
        let dir = TempDir::new().unwrap();
        let queue = Self::opened(dir.path());
        Self(Sqlite { dir, queue })
    }

    /// Only what stands can crash without a loss, or stumble.
    async fn stands(&self) {
        let mut health = self.0.queue.health();
        let durable = health.wait_for(|health| *health == Health::Durable);
        tokio::time::timeout(Duration::from_secs(10), durable).await.unwrap().unwrap();
    }

    fn opened(dir: &Path) -> Queue {
        let disk = disk(&settings(dir), Timestamp::now()).unwrap();
        Queue::start(Ground::on_disk(settings(dir), disk), Duration::from_millis(2)).unwrap()
    }
}

impl suite::Under for Shaky {
    type Queue = Queue;

    fn queue(&self) -> Queue {
        self.0.queue.clone()
    }

    async fn crash(&mut self) {
        self.stands().await;
        self.0.crash().await;
        self.0.queue.close().await;
        self.0.queue = Self::opened(self.0.dir.path());
    }

    async fn stumble(&mut self) {
        self.stands().await;
        self.0.queue.ask(false, |store, _| Ok(store.db.pragma_update(None, "query_only", true)?)).await.unwrap();
    }
}

fn sink(name: &str) -> SinkName {
    SinkName::try_from(name).unwrap()
}

fn call_id(name: &str) -> ConversationSpaceId {
    ConversationSpaceId::try_from(name).unwrap()
}

fn moment(kind: MomentKind) -> Moment {
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

/// A moment of a call; `words` is the caller's name, by which tests know one card from another.
fn telling(call: &str, kind: MomentKind, words: &str) -> Telling {
    Telling {
        call: Call {
            id: call_id(call),
            connection: ConnectionName::try_from("main").unwrap(),
            region: Region::US,
            account: AccountKey::try_from("2930718022414574861").unwrap(),
            bound: Bound::Inbound,
            caller: Caller { name: Some(words.to_owned()), number: Number::read(Some("+15145550199"), Region::US) },
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
            course: crate::model::call::Course::default(),
        },
        moment: moment(kind),
        at: Timestamp::UNIX_EPOCH,
    }
}

fn card(call: &str, kind: MomentKind, words: &str) -> Card {
    Card::Call(Box::new(CallCard::new(telling(call, kind, words), Findings::default())))
}

fn words(card: &Card) -> &str {
    match card {
        Card::Call(card) => card.telling.call.caller.name.as_deref().unwrap(),
        Card::Recap(_) | Card::Shift(_) | Card::Notice(_) => panic!("a call's card"),
    }
}

fn admission(call: &str, kind: MomentKind, to: &str, rule: Rule, words: &str) -> Admission {
    let key = Key { subject: Subject::Call(call_id(call)), moment: kind, sink: sink(to) };
    Admission { key, card: card(call, kind, words), rule }
}

fn tell(call: &str, kind: MomentKind, to: &str) -> Admission {
    admission(call, kind, to, Rule::Tell, call)
}

fn attempt(status: u16) -> Option<Attempt> {
    let at = Timestamp::now();
    Some(Attempt { at, took: Duration::from_millis(7), status: Some(status), answer: "as it was".to_owned() })
}

fn settle(id: DeliveryId, settlement: Settlement) -> Settle {
    let attempt = if settlement == Settlement::Released { None } else { attempt(200) };
    Settle { id, settlement, attempt }
}

async fn now_waiting<O: Outbox>(queue: &O, to: &str) -> Vec<Delivery> {
    queue.waiting(&sink(to), Timestamp::now(), 1000).await.unwrap()
}

/// Takes the one delivery that waits.
async fn lease_one<O: Outbox>(queue: &O, to: &str) -> Delivery {
    let waiting = now_waiting(queue, to).await;
    assert_eq!(waiting.len(), 1, "{waiting:?}");
    queue.lease(vec![waiting[0].id]).await.unwrap().pop().unwrap()
}
