//! Outbox tests: a suite and a model test over the trait, and tests specific to SQLite.

/// Declares one test for each of the cases in `cases`, over each database.
macro_rules! over_each_database {
    ($($case:ident),* $(,)?) => {
        mod over_sqlite {
            use super::*;
            $(#[tokio::test] async fn $case() { cases::$case(Sqlite::fresh()).await; })*
        }
        mod over_postgres {
            use super::*;
            $(#[tokio::test] async fn $case() {
                if let Some(store) = Postgres::fresh().await {
                    cases::$case(store).await;
                }
            })*
        }
    };
}

mod admin;
mod bookkeeping;
mod call_history;
mod claims;
mod coalesce;
mod disk_failures;
mod faults;
mod forget;
mod handover;
mod kill;
mod live_message;
mod members;
mod missed_calls;
mod model;
mod outage;
mod ownership;
mod postgres;
mod shared_tokens;
mod store;
mod suite;
mod syncs;

use super::{
    DatabaseOutbox, Durability, FILE_NAME, Health, OpenReport, OutboxSettings, Retention, database::open_database,
    open, storage::Storage,
};
use crate::{
    model::{
        call::{Call, CallStatus, CallUpdate, Caller, MissedReason, Person, StatusKind},
        card::{CallCard, CallerInfo, Card},
        delivery::{
            Attempt, Delivery, DeliveryId, DeliveryKey, EnqueueMode, NewDelivery, Outbox, SettleRequest, Settlement,
            Subject,
        },
        ids::{AccountKey, ConnectionName, ConversationSpaceId, SinkName},
        phone::{PhoneNumber, Region},
        time::Timestamp,
    },
    runtime::sql::{self, Session},
};
use postgres::Postgres;
use std::{path::Path, time::Duration};
use tempfile::TempDir;

fn settings(dir: &Path) -> OutboxSettings {
    OutboxSettings {
        dir: dir.to_owned(),
        durability: Durability::PowerLoss,
        retention: Retention::default(),
        commit_duration: Default::default(),
    }
}

fn open_outbox(dir: &Path) -> (DatabaseOutbox, OpenReport) {
    open(settings(dir), Timestamp::now()).unwrap()
}

/// An outbox in a temporary directory.
struct Sqlite {
    dir: TempDir,
    queue: DatabaseOutbox,
}

impl Sqlite {
    fn fresh() -> Self {
        let dir = TempDir::new().unwrap();
        let queue = open_outbox(dir.path()).0;
        Self { dir, queue }
    }
}

impl suite::TestStore for Sqlite {
    type Queue = DatabaseOutbox;

    fn queue(&self) -> DatabaseOutbox {
        self.queue.clone()
    }

    /// Simulates a crash: copies the file and its WAL without closing them, and opens the copies.
    async fn crash(&mut self) {
        let copy = TempDir::new().unwrap();
        for name in [FILE_NAME.to_owned(), format!("{FILE_NAME}-wal")] {
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

    fn open_outbox(dir: &Path) -> DatabaseOutbox {
        let disk = open_database(&settings(dir), Timestamp::now()).unwrap();
        DatabaseOutbox::start(Storage::on_disk(settings(dir), disk), Duration::from_millis(2)).unwrap()
    }
}

impl suite::TestStore for FlakyDisk {
    type Queue = DatabaseOutbox;

    fn queue(&self) -> DatabaseOutbox {
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
        self.0
            .queue
            .run(false, |store, _| {
                Ok(store.db.sqlite().unwrap().pragma_update(None, "query_only", true).map_err(sql::Error::from)?)
            })
            .await
            .unwrap();
    }
}

fn sink(name: &str) -> SinkName {
    SinkName::try_from(name).unwrap()
}

fn call_id(name: &str) -> ConversationSpaceId {
    ConversationSpaceId::try_from(name).unwrap()
}

fn status_of(kind: StatusKind) -> CallStatus {
    let second = Duration::from_secs(1);
    match kind {
        StatusKind::Ringing => CallStatus::Ringing,
        StatusKind::Answered => {
            CallStatus::Answered { answered_by: Person { name: None, extension: None, line: None }, waited: second }
        }
        StatusKind::Missed | StatusKind::CalledBack => {
            CallStatus::Missed { waited: second, reason: MissedReason::Unknown }
        }
        StatusKind::Voicemail => CallStatus::Voicemail { duration: None },
        StatusKind::Ended => CallStatus::Ended { talk_time: None },
    }
}

/// An update of a call; `label` is the caller's name, which identifies the card in tests.
fn call_update(call: &str, kind: StatusKind, label: &str) -> CallUpdate {
    CallUpdate {
        call: Call::new(
            call_id(call),
            ConnectionName::try_from("main").unwrap(),
            AccountKey::try_from("2930718022414574861").unwrap(),
            Region::US,
            Caller { name: Some(label.to_owned()), number: PhoneNumber::parse(Some("+15145550199"), Region::US) },
            Timestamp::UNIX_EPOCH,
        ),
        status: status_of(kind),
        at: Timestamp::UNIX_EPOCH,
    }
}

fn card(call: &str, kind: StatusKind, label: &str) -> Card {
    Card::Call(Box::new(CallCard::new(call_update(call, kind, label), CallerInfo::default())))
}

fn label(card: &Card) -> &str {
    match card {
        Card::Call(card) => card.update.call.caller.name.as_deref().unwrap(),
        Card::GapSummary(_) | Card::Recap(_) | Card::Alert(_) => panic!("not a call card"),
    }
}

fn new_delivery(call: &str, kind: StatusKind, to: &str, rule: EnqueueMode, label: &str) -> NewDelivery {
    let key = DeliveryKey { subject: Subject::Call(call_id(call)), status: kind, sink: sink(to) };
    NewDelivery { key, card: card(call, kind, label), mode: rule }
}

fn insert(call: &str, kind: StatusKind, to: &str) -> NewDelivery {
    new_delivery(call, kind, to, EnqueueMode::Insert, call)
}

fn attempt(status: u16) -> Option<Attempt> {
    let at = Timestamp::now();
    Some(Attempt { at, took: Duration::from_millis(7), status: Some(status), response: "response text".to_owned() })
}

fn settle(id: DeliveryId, settlement: Settlement) -> SettleRequest {
    let attempt = if settlement == Settlement::Released { None } else { attempt(200) };
    SettleRequest { id, settlement, attempt }
}

async fn due_now<O: Outbox>(queue: &O, to: &str) -> Vec<Delivery> {
    queue.due(&sink(to), Timestamp::now(), 1000).await.unwrap()
}

/// Leases the one due delivery.
async fn lease_one<O: Outbox>(queue: &O, to: &str) -> Delivery {
    let due = due_now(queue, to).await;
    assert_eq!(due.len(), 1, "{due:?}");
    queue.lease(vec![due[0].id]).await.unwrap().pop().unwrap()
}

/// Enqueues `count` rings whose cards fill pages.
async fn fill(queue: &DatabaseOutbox, from: usize, count: usize) {
    let label = "a long name that fills pages; ".repeat(40);
    let cards = (from..from + count)
        .map(|n| new_delivery(&format!("call-{n}"), StatusKind::Ringing, "desk", EnqueueMode::Insert, &label))
        .collect();
    queue.enqueue(None, cards).await.unwrap();
}

const DURABLE: fn(Health) -> bool = |health| health == Health::Durable;

async fn wait_for_health(queue: &DatabaseOutbox, wanted: fn(Health) -> bool) {
    let mut health = queue.health();
    tokio::time::timeout(Duration::from_secs(20), health.wait_for(|health| wanted(*health))).await.unwrap().unwrap();
}
